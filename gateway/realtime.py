"""The only module that talks to Realtime: wakes the worker, for ever.

A hint is delivered at most once and says no more than in how many seconds there is work, so the
worker also looks for work on every (re)join and by itself every few seconds; nothing here may stop
it.

realtime-py (2.34) left to itself gives up after 15 s without a server, reconnects without a pause
when the server accepts and then closes, and stays connected but deaf after an error in a callback,
an expired token or a late answer to a join. So one client lives as long as one connection, and
whatever happens to it ends both.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from gateway.settings import Settings
from gateway.telemetry import log_event

TOPIC = "sms:worker"
# A hosted project that was asleep answers a join after up to 15 s, and a refusal 5 s later.
JOIN_SECONDS = 25
CLOSE_SECONDS = 2.0
ITS_AGE = "its age"  # the one expected end
MAX_AGE = 8 * 3600.0  # a secret key's connection is valid for 24 h

StatusCallback = Callable[[RealtimeSubscribeStates, Exception | None], None]

log = logging.getLogger("gateway.realtime")


async def listen(
    settings: Settings,
    wake: Callable[[float], object],
    on_ready: Callable[[datetime], object],
    on_lost: Callable[[], object],
    *,
    ready_within: float = 30.0,
    max_age: float = MAX_AGE,
    longest_pause: float = 30.0,
    healthy_after: float = 60.0,
) -> NoReturn:
    """Call `wake` with the seconds until there is work, on each hint and each (re)join; `on_ready`
    with the time of each (re)join, `on_lost` when nothing is heard until the next one.

    All are called in the event loop and must not block. Ends only by being cancelled. Seconds:
    a connection that is not `ready_within` is replaced, as is one of `max_age`; pauses grow up to
    `longest_pause` and are short again after a connection was ready for `healthy_after`.
    """
    _quieten_libraries()
    failures, is_lost = 0, False
    while True:
        connection = _Connection(settings, wake, on_ready)
        reason = await connection.hold(ready_within, max_age)
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


async def join(settings: Settings, within: float) -> str | None:
    """Join once and leave; None when that went well within so many seconds, else why not."""
    _quieten_libraries()
    connection = _Connection(settings, lambda seconds: None, lambda ready_at: None)
    reason = await connection.hold(within, max_age=0)
    return None if connection.was_ready else reason


def _pause(failures: int, longest: float) -> float:
    """Exponential with jitter. A quarter is fixed: that alone keeps a server that accepts and
    closes below 15 connections in 60 s; endless fast loops get a project suspended."""
    return min(longest, 2.0 ** min(failures, 16)) * random.uniform(0.25, 1)  # noqa: S311


class _Connection:
    """One client, one channel, from the handshake to the first thing that goes wrong."""

    def __init__(
        self,
        settings: Settings,
        wake: Callable[[float], object],
        on_ready: Callable[[datetime], object],
    ) -> None:
        self._wake = wake
        self._on_ready = on_ready
        self._key = settings.supabase_secret_key
        self._ready_at: float | None = None
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
                    # Asks for a system message when the database's broadcasts flow, which may
                    # be later than the answer to the join.
                    "broadcast": {"ack": False, "self": False, "replication_ready": True},
                    "presence": None,
                }
            },
        )
        self._channel.on_broadcast("*", lambda hint: self._tell(lambda: self._wake(_seconds(hint))))
        self._channel.on_system(lambda _: self._tell(self._wake_now))

    @property
    def was_ready(self) -> bool:
        return self._ready_at is not None

    @property
    def ready_for(self) -> float:
        """Seconds since the join."""
        return 0.0 if self._ready_at is None else time.monotonic() - self._ready_at

    async def hold(self, ready_within: float, max_age: float) -> str:
        """Listen until something ends it; the reason. Raises nothing but CancelledError."""
        try:
            async with asyncio.timeout(ready_within) as deadline:
                await self._client.connect()
                # Private, but an error in this task goes unseen otherwise, and the client would
                # stay connected without reading.
                self._watch(self._client._listen_task, "the connection ended")
                joined = self._on_status(deadline, max_age)
                self._watch(asyncio.create_task(self._channel.subscribe(joined)))
                return await self._end
        except TimeoutError:
            return ITS_AGE if self.was_ready else "not ready in time"
        except Exception as error:  # listen() must outlive whatever a library raises
            return self._describe(error)
        finally:
            await self._close()

    def _on_status(self, deadline: asyncio.Timeout, max_age: float) -> StatusCallback:
        """Anything but SUBSCRIBED is the end: after it client and server may disagree."""

        def on_status(status: RealtimeSubscribeStates, error: Exception | None) -> None:
            if status is not RealtimeSubscribeStates.SUBSCRIBED:
                self._finish(f"{status.value} {self._describe(error)}" if error else status.value)
                return
            deadline.reschedule(asyncio.get_running_loop().time() + max_age)
            self._ready_at = time.monotonic()
            log_event(log, "realtime ready")
            self._tell(lambda: self._on_ready(datetime.now(UTC)))
            self._tell(self._wake_now)

        return on_status

    def _wake_now(self) -> None:
        self._wake(0.0)

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
        return f"{type(error).__name__}: {error}".replace(self._key, "***")

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
