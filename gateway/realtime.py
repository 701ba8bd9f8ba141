"""The only module that talks to Realtime: wakes the worker, for ever.

A hint is delivered at most once and says no more than in how many seconds there is work, so the
worker also looks for work on every (re)join and by itself every few seconds; nothing here may stop
it.

realtime-py (2.34) left to itself gives up after 15 s without a server, reconnects without a pause
when the server accepts and then closes, and stays connected but deaf after an error in a callback,
an expired token or a late answer to a join. So one client lives as long as one connection, and
whatever happens to it ends both.

A join is answered "ok" whether or not broadcasts can flow. That they do is said by a system message
of its own, at once or later; when they cannot the server closes the channel after 60 s. A channel
is ready with that message. Older servers send none and close nothing: theirs counts as ready then,
with a note.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates
from realtime.message import SuccessSystemPayload
from websockets.exceptions import InvalidStatus

from gateway.settings import Settings
from gateway.telemetry import log_event

TOPIC = "sms:worker"
# A hosted project that was asleep answers a join after up to 15 s, and a refusal 5 s later.
JOIN_SECONDS = 25
READY_WITHIN = 30.0
FLOWS_WITHIN = 65.0  # after a join
CLOSE_SECONDS = 2.0
ITS_AGE = "its age"  # the one expected end
MAX_AGE = 8 * 3600.0  # a secret key's connection is valid for 24 h

NO_FLOW = "joined, but the database's broadcasts cannot flow: see the project's Realtime log"
CLOSED = RealtimeSubscribeStates.CLOSED.value
LONGEST_REASON = 200  # bytes

log = logging.getLogger("gateway.realtime")


async def listen(
    settings: Settings,
    wake: Callable[[float], object],
    on_ready: Callable[[datetime], object],
    on_lost: Callable[[], object],
    on_event: Callable[[], object],
    *,
    ready_within: float = READY_WITHIN,
    flows_within: float = FLOWS_WITHIN,
    max_age: float = MAX_AGE,
    longest_pause: float = 30.0,
    healthy_after: float = 60.0,
) -> NoReturn:
    """Call `wake` with the seconds until there is work, on each hint and each (re)join; `on_ready`
    with the time from when on broadcasts flow, `on_lost` when nothing is heard until the next one.
    `on_event`: there may be an event to deliver.

    All are called in the event loop and must not block. Ends only by being cancelled. Seconds:
    a connection that has not joined `ready_within` is replaced, as is one of `max_age`; one of
    which the server does not say `flows_within` that broadcasts flow is taken for an older
    server's. Pauses grow up to `longest_pause` and are short again after a connection was ready
    for `healthy_after`.
    """
    _quieten_libraries()
    failures, is_lost = 0, False
    while True:
        connection = _Connection(settings, wake, on_ready, on_event)
        reason = await connection.hold(ready_within, flows_within, max_age)
        on_lost()
        if connection.ready_for >= healthy_after:
            failures = 0
        pause = _pause(failures, longest_pause)
        failures += 1
        if connection.was_ready or not is_lost:
            level = logging.INFO if reason == ITS_AGE else logging.WARNING
            log_event(log, "realtime lost", level=level, reason=reason, retry_in=round(pause, 1))
        is_lost = True
        await asyncio.sleep(pause)


@dataclass(frozen=True, slots=True)
class Joined:
    """`failure`: why nothing would be heard; `is_confirmed`: the server says that all flows."""

    failure: str | None
    is_confirmed: bool


async def join(
    settings: Settings, ready_within: float = READY_WITHIN, flows_within: float = FLOWS_WITHIN
) -> Joined:
    """Join once and leave, with the worker's patience: its 30 s for a join, 65 s until it flows."""
    _quieten_libraries()
    connection = _Connection(settings, lambda seconds: None, lambda ready_at: None)
    reason = await connection.hold(ready_within, flows_within, max_age=0)
    return Joined(None if connection.was_ready else reason, connection.is_confirmed)


def _pause(failures: int, longest: float) -> float:
    """Exponential with jitter. A quarter is fixed: that alone keeps a server that accepts and
    closes below 15 connections in 60 s; endless fast loops get a project suspended."""
    return min(longest, 2.0 ** min(failures, 16)) * random.uniform(0.25, 1)  # noqa: S311


class _Ended(Exception):
    """The connection; the message says why."""


class _Connection:
    """One client, one channel, from the handshake to the first thing that goes wrong."""

    def __init__(
        self,
        settings: Settings,
        wake: Callable[[float], object],
        on_ready: Callable[[datetime], object],
        on_event: Callable[[], object] = lambda: None,
    ) -> None:
        self._wake = wake
        self._on_ready = on_ready
        self._on_event = on_event
        self._key = settings.supabase_secret_key
        self._ready_at: float | None = None
        self._joined = asyncio.Event()
        self._flows = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client = AsyncRealtimeClient(
            f"{settings.supabase_url}/realtime/v1",
            self._key,
            auto_reconnect=False,
            max_retries=1,
            timeout=JOIN_SECONDS,
        )
        self._channel = self._client.channel(
            TOPIC,
            {
                "config": {
                    "private": True,
                    # Asks for the system message that says that the database's broadcasts flow.
                    "broadcast": {"ack": False, "self": False, "replication_ready": True},
                    "presence": None,
                }
            },
        )
        self._channel.on_broadcast("*", lambda hint: self._tell(lambda: self._hear(hint)))
        self._channel.on_system(self._on_system)

    @property
    def was_ready(self) -> bool:
        return self._ready_at is not None

    @property
    def is_confirmed(self) -> bool:
        return self._flows.is_set()

    @property
    def ready_for(self) -> float:
        """Seconds since broadcasts flow."""
        return 0.0 if self._ready_at is None else time.monotonic() - self._ready_at

    async def hold(self, ready_within: float, flows_within: float, max_age: float) -> str:
        """Listen until something ends it; the reason. Raises nothing but CancelledError."""
        try:
            async with asyncio.timeout(ready_within):
                await self._connect()
                await self._reached(self._joined)
            self._tell(self._wake_now)
            await self._reached(self._flows, flows_within)
            self._become_ready()
            async with asyncio.timeout(max_age):
                return await self._end
        except TimeoutError:
            return ITS_AGE if self.was_ready else "not joined in time"
        except _Ended as ended:
            closed_idle = self._joined.is_set() and str(ended) == CLOSED
            return f"{NO_FLOW} ({ended})" if closed_idle else str(ended)
        except Exception as error:  # listen() must outlive whatever a library raises
            return self._describe(error)
        finally:
            await self._close()

    async def _connect(self) -> None:
        await self._client.connect()
        # Private, but an error in this task goes unseen otherwise, and the client would stay
        # connected without reading.
        self._watch(self._client._listen_task, "the connection ended")
        self._watch(asyncio.create_task(self._channel.subscribe(self._on_status)))

    async def _reached(self, state: asyncio.Event, within: float | None = None) -> None:
        """Returns when it is, or after so many seconds; raises _Ended when that comes first."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(state.wait())
        either: set[asyncio.Future[Any]] = {waiting, self._end}
        await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._end.done():
            raise _Ended(self._end.result())

    def _become_ready(self) -> None:
        self._ready_at = time.monotonic()
        unsaid = None if self.is_confirmed else "the server does not say that broadcasts flow"
        log_event(log, "realtime ready", note=unsaid)
        self._tell(lambda: self._on_ready(datetime.now(UTC)))
        self._tell(self._wake_now)

    def _on_status(self, status: RealtimeSubscribeStates, error: Exception | None) -> None:
        """Anything but SUBSCRIBED is the end: after it client and server may disagree."""
        if status is RealtimeSubscribeStates.SUBSCRIBED:
            self._joined.set()
        else:
            self._finish(f"{status.value} {self._describe(error)}" if error else status.value)

    def _on_system(self, payload: SuccessSystemPayload) -> None:
        """An object, not a mapping, although realtime-py's broadcasts are mappings."""
        if self.was_ready:
            self._tell(self._wake_now)
        elif payload.extension == "system":
            self._flows.set()

    def _hear(self, hint: Mapping[str, Any]) -> None:
        if hint.get("event") == "event":
            self._on_event()
        else:
            self._wake(_seconds(hint))

    def _wake_now(self) -> None:
        self._wake(0.0)
        self._on_event()

    def _tell(self, callback: Callable[[], object]) -> None:
        """An error that reached realtime-py would end its reading."""
        try:
            callback()
        except Exception as error:
            log_event(log, "realtime callback failed", level=logging.ERROR, error=error)

    def _watch(self, task: asyncio.Task[Any] | None, reason: str | None = None) -> None:
        """End with the task's error; when it just ends, only if there is a reason."""

        def on_done(done: asyncio.Task[Any]) -> None:
            self._tasks.discard(done)
            error = None if done.cancelled() else done.exception()
            if text := self._describe(error) if error else reason:
                self._finish(text)

        if task:
            self._tasks.add(task)
            task.add_done_callback(on_done)

    def _finish(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(reason)

    def _describe(self, error: BaseException) -> str:
        """A refused handshake says why in its body: {"error": …}."""
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, InvalidStatus) and error.response.body:
            text += f", {error.response.body[:LONGEST_REASON].decode(errors='replace')}"
        return text.replace(self._key, "***")

    async def _close(self) -> None:
        """Leave no timer, task or socket behind, within CLOSE_SECONDS whatever the server does."""
        self._channel.rejoin_timer.reset()
        self._channel.join_push.destroy()
        socket = self._client._ws_connection
        closing = asyncio.create_task(self._client.close())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if not closing.done() and socket:
            socket.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(closing, *self._tasks, return_exceptions=True)


def _seconds(hint: Mapping[str, Any]) -> float:
    """Of a hint without a time: now."""
    return float(hint.get("payload", {}).get("seconds", 0))


def _quieten_libraries() -> None:
    """websockets prints the URL with the key at DEBUG; realtime-py prints whole frames, and errors
    that are a line of ours already."""
    logging.getLogger("websockets.client").setLevel(logging.WARNING)
    logging.getLogger("realtime").setLevel(logging.CRITICAL)
