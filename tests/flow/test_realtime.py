"""The supervisor of realtime-py hears again after whatever the server does.

Most tests shorten the constants of listen(); those marked long run with the ones of production.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from gateway.local.realtime.server import RealtimeServer
from gateway.local.stack import Stack
from gateway.realtime import Joined, join, listen
from gateway.settings import Settings
from tests.fakes import settings

SECRET = "sb_secret_that_no_log_may_show"
PUBLISHABLE = "sb_publishable_for_tests"
QUICK: dict[str, float] = {"ready_within": 5, "longest_pause": 0.1}
IMPATIENT: dict[str, float] = {"ready_within": 0.3, "longest_pause": 0.1}


class Listener:
    """Runs listen() and notes what it said; `breaks` makes its callbacks raise."""

    def __init__(self) -> None:
        self.wakes = 0
        self.events = 0
        self.seconds = -1.0
        self.hears = False
        self.ready: list[datetime] = []
        self.breaks = False
        self.task: asyncio.Task[None]
        self._changed = asyncio.Event()

    def wake(self, seconds: float) -> None:
        self.wakes += 1
        self.seconds = seconds
        self._changed.set()
        if self.breaks:
            raise RuntimeError("a callback that raises")

    def on_event(self) -> None:
        self.events += 1
        self._changed.set()

    def on_ready(self, at: datetime) -> None:
        self.ready.append(at)
        self.hears = True
        self._changed.set()
        if self.breaks:
            raise RuntimeError("a callback that raises")

    def on_lost(self) -> None:
        self.hears = False
        self._changed.set()

    async def until(self, reached: Callable[[], bool], within: float = 10) -> None:
        async with asyncio.timeout(within):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    async def is_ready_again(self, within: float = 10) -> None:
        """Ready once more than now."""
        before = len(self.ready)
        await self.until(lambda: len(self.ready) > before, within)


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[RealtimeServer]:
    async with serving(stack) as server:
        yield server


@asynccontextmanager
async def serving(stack: Stack, **options: Any) -> AsyncIterator[RealtimeServer]:
    async with RealtimeServer(
        stack.postgres_url,
        jwt_secret="a-secret-of-the-local-stack-with-32-bytes-or-more",
        publishable_key=PUBLISHABLE,
        secret_key=SECRET,
        **options,
    ) as server:
        yield server


def settings_for(server: RealtimeServer, key: str = SECRET) -> Settings:
    return settings(supabase_url=f"http://127.0.0.1:{server.port}", supabase_secret_key=key)


@asynccontextmanager
async def listening(
    server: RealtimeServer,
    times: dict[str, float] | None = None,
    *,
    key: str = SECRET,
    is_ready: bool = True,
) -> AsyncIterator[Listener]:
    listener = Listener()
    listener.task = asyncio.create_task(
        listen(
            settings_for(server, key),
            listener.wake,
            listener.on_ready,
            listener.on_lost,
            listener.on_event,
            **times or {},
        )
    )
    try:
        if is_ready:
            await listener.until(lambda: len(listener.ready) > 0)
        yield listener
    finally:
        listener.task.cancel()
        with suppress(asyncio.CancelledError):
            await listener.task


async def announce(stack: Stack) -> None:
    async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
        await connection.execute(
            """select realtime.send('{"seconds": 1.5}', 'work', 'sms:worker')"""
        )


async def assert_it_hears(stack: Stack, listener: Listener) -> None:
    """One hint, which wakes: it may follow the wakes of a join still on their way."""
    await announce(stack)
    before = listener.wakes
    await announce(stack)
    await listener.until(lambda: listener.wakes > before)


async def test_a_hint_and_a_join_wake(stack: Stack, server: RealtimeServer) -> None:
    began = datetime.now(UTC)
    async with listening(server, QUICK) as listener:
        await listener.until(lambda: listener.wakes == 2)  # joined; broadcasts flow
        assert began < listener.ready[0] < datetime.now(UTC)
        assert listener.seconds == 0
        await announce(stack)
        await listener.until(lambda: listener.wakes == 3)
        assert listener.seconds == 1.5
    assert server.joins == len(server.accepted) == 1


async def test_a_hint_of_an_event_wakes_its_delivery_and_no_claim(
    stack: Stack, server: RealtimeServer
) -> None:
    async with listening(server, QUICK) as listener:
        await listener.until(lambda: listener.wakes == 2)
        before = listener.events
        async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
            await connection.execute("select realtime.send('{}', 'event', 'sms:worker')")
        await listener.until(lambda: listener.events > before)
        assert listener.wakes == 2


# Joined is not heard: broadcasts may flow at once, later, or never.

SECRETIVE = {"ready_within": 5, "flows_within": 0.6}


async def test_a_channel_is_ready_when_broadcasts_flow_and_not_when_it_is_joined(
    stack: Stack, server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.realtime")
    server.faults.flow_after = 0.5
    async with listening(server, QUICK, is_ready=False) as listener:
        await listener.until(lambda: listener.wakes == 1)  # joined: work is looked for
        await asyncio.sleep(0.2)
        assert (listener.hears, "realtime ready" in caplog.text) == (False, False)
        await listener.until(lambda: listener.hears)
        await assert_it_hears(stack, listener)
    assert server.joins == 1
    assert "note=" not in caplog.text
    assert await join(settings_for(server)) == Joined(None, is_confirmed=True)


async def test_a_channel_that_is_closed_without_a_flow_was_never_ready_nor_healthy(
    server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """As the hosted server does after 60 s when its replication cannot start."""
    caplog.set_level(logging.INFO, "gateway.realtime")
    server.faults.flow_after, server.faults.no_flow_timeout = None, 0.3
    times = {"longest_pause": 2.0, "healthy_after": 0.1}
    async with listening(server, times, is_ready=False) as listener:
        await server.until_accepted(4)
        assert not listener.ready
    assert "realtime ready" not in caplog.text
    [lost] = [line for line in caplog.messages if line.startswith("realtime lost")]
    assert "broadcasts cannot flow" in lost
    gaps = [later - earlier - 0.3 for earlier, later in pairwise(server.accepted)]
    assert gaps[1] >= 0.5, "the pause grows: nothing of it was health"
    joined = await join(settings_for(server))
    assert "broadcasts cannot flow" in str(joined.failure)
    assert not joined.is_confirmed


async def test_a_server_that_never_says_that_broadcasts_flow_is_heard_with_a_note(
    stack: Stack, server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.realtime")
    server.faults.says_flowing = False
    async with listening(server, SECRETIVE, is_ready=False) as listener:
        await listener.until(lambda: listener.wakes == 1)
        assert not listener.hears
        await listener.until(lambda: listener.hears)
        await assert_it_hears(stack, listener)
    assert server.joins == 1
    [ready] = [line for line in caplog.messages if line.startswith("realtime ready")]
    assert "does not say" in ready
    assert await join(settings_for(server), **SECRETIVE) == Joined(None, is_confirmed=False)


async def test_why_a_handshake_was_refused_is_said(
    server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.realtime")
    server.faults.refusal = '{"error":"Realtime was disabled for this tenant"}'
    server.faults.refused_handshakes = 2
    async with listening(server, QUICK):
        pass
    [lost] = [line for line in caplog.messages if line.startswith("realtime lost")]
    assert "Realtime was disabled for this tenant" in lost
    server.faults.refused_handshakes = 1
    assert "Realtime was disabled for this tenant" in str(
        (await join(settings_for(server))).failure
    )


def drop(server: RealtimeServer) -> None:
    server.drop()


def expire(server: RealtimeServer) -> None:
    server.send_system_error("Token has expired 0 seconds ago", closes=True)


def disagree(server: RealtimeServer) -> None:
    server.send_system_error("Too many database timeouts", closes=False)


def crash_the_channel(server: RealtimeServer) -> None:
    server.send_raw(
        '{"event":"phx_error","payload":{"reason":"channel_crash"},"ref":"1","topic":"realtime:sms:worker"}'
    )


def send_too_much(server: RealtimeServer) -> None:
    server.send_raw("x" * 2**20 + "x")


def break_the_reader(server: RealtimeServer) -> None:
    """A frame on which realtime-py's own reading task raises."""
    server.send_raw(
        '{"event":"presence_state","payload":{"k":{"metas":[{"phx_ref":"1"},{}]}},"ref":null,"topic":"realtime:sms:worker"}'
    )


@pytest.mark.parametrize(
    "harm", [drop, expire, disagree, crash_the_channel, send_too_much, break_the_reader]
)
async def test_it_hears_again_after(
    stack: Stack, server: RealtimeServer, harm: Callable[[RealtimeServer], None]
) -> None:
    async with listening(server, QUICK) as listener:
        harm(server)
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012])
async def test_it_hears_again_after_a_close(
    stack: Stack, server: RealtimeServer, code: int
) -> None:
    async with listening(server, QUICK) as listener:
        await server.close(code)
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


async def test_it_hears_again_after_an_outage(stack: Stack, server: RealtimeServer) -> None:
    async with listening(server, QUICK) as listener:
        await server.stop()
        await asyncio.sleep(1)  # the outage itself; about ten attempts fail
        assert not listener.hears
        await server.start()
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


async def test_it_hears_again_after_refused_handshakes(
    stack: Stack, server: RealtimeServer
) -> None:
    server.faults.refused_handshakes = 5
    async with listening(server, QUICK) as listener:
        await assert_it_hears(stack, listener)


async def test_it_hears_again_after_a_stall(stack: Stack, server: RealtimeServer) -> None:
    server.stall()
    async with listening(server, IMPATIENT, is_ready=False) as listener:
        await server.until_accepted(3)
        server.resume()
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


async def test_a_join_that_is_too_slow_is_tried_anew(stack: Stack, server: RealtimeServer) -> None:
    server.faults.join_delay = 1
    async with listening(server, IMPATIENT, is_ready=False) as listener:
        await server.until_accepted(2)
        server.faults.join_delay = 0
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


async def test_a_key_that_expires_is_only_a_new_connection(stack: Stack) -> None:
    async with serving(stack, key_lifetime=1) as server, listening(server, QUICK) as listener:
        await listener.is_ready_again()
        await assert_it_hears(stack, listener)


async def test_a_refused_join_is_asked_again_for_ever(stack: Stack, server: RealtimeServer) -> None:
    async with listening(server, QUICK, key=PUBLISHABLE, is_ready=False) as listener:
        await server.until_accepted(5)
        assert not listener.ready
        assert not listener.task.done()


async def test_frames_it_cannot_read_change_nothing(stack: Stack, server: RealtimeServer) -> None:
    topic = '"topic":"realtime:sms:worker"'
    async with listening(server, QUICK) as listener:
        for raw in (
            "{",
            "[]",
            '{"event":"broadcast"}',
            f'{{"event":"broadcast","payload":7,"ref":null,{topic}}}',
            f'{{"event":"new","payload":{{}},"ref":null,{topic}}}',
            f'{{"event":"system","payload":{{"status":"ok"}},"ref":null,{topic}}}',
        ):
            server.send_raw(raw)
        await assert_it_hears(stack, listener)
    assert len(server.accepted) == 1


async def test_swallowed_hints_are_followed_by_others(stack: Stack, server: RealtimeServer) -> None:
    server.faults.swallow_every = 2
    async with listening(server, QUICK) as listener:
        await listener.until(lambda: listener.wakes == 2)
        for _ in range(4):
            await announce(stack)
        await listener.until(lambda: listener.wakes == 4)


async def test_callbacks_that_raise_are_logged_and_called_again(
    stack: Stack, server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(server, QUICK) as listener:
        listener.breaks = True
        await assert_it_hears(stack, listener)
        await assert_it_hears(stack, listener)
        server.drop()
        await listener.is_ready_again()
    assert "realtime callback failed" in caplog.messages


async def test_a_connection_is_replaced_at_its_maximum_age(
    stack: Stack, server: RealtimeServer
) -> None:
    async with listening(server, {**QUICK, "max_age": 0.3}) as listener:
        for _ in range(3):
            await listener.is_ready_again()
    assert len(listener.ready) >= 4


async def test_pauses_grow_and_are_short_again_after_health(
    server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.closes_after_accept = True
    caplog.set_level(logging.INFO, "gateway.realtime")
    async with listening(server, {"healthy_after": 0.2}, is_ready=False) as listener:
        await server.until_accepted(3)
        server.faults.closes_after_accept = False
        await listener.is_ready_again()
        await asyncio.sleep(0.3)  # healthy for that long
        server.drop()
        await listener.is_ready_again(within=3)
    gaps = [later - earlier for earlier, later in pairwise(server.accepted)]
    assert gaps[0] >= 0.25
    assert gaps[1] >= 0.5
    assert gaps[2] >= 1
    assert pauses(caplog)[-1] <= 1


def pauses(caplog: pytest.LogCaptureFixture) -> list[float]:
    return [float(found) for found in re.findall(r"retry_in=([\d.]+)", caplog.text)]


async def test_each_change_of_state_is_one_line(
    server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listening(server, QUICK) as listener:
        server.faults.refused_handshakes = 5
        server.drop()
        await listener.is_ready_again()
    said = [record.message for record in caplog.records if record.name == "gateway.realtime"]
    assert [line.partition(" reason")[0] for line in said] == [
        "realtime ready",
        "realtime lost",
        "realtime ready",
    ]
    assert re.fullmatch(r'realtime lost reason=".+" retry_in=0\.\d', said[1])
    assert "realtime._async" not in {record.name for record in caplog.records}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    names = ("websockets", "websockets.client", "realtime", "asyncio")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


async def test_the_key_is_never_logged(
    server: RealtimeServer, everything_logged: pytest.LogCaptureFixture
) -> None:
    server.faults.refused_handshakes = 1
    async with listening(server, QUICK) as listener:
        server.drop()
        await listener.is_ready_again()
        await server.stop()
        server.faults.refused_handshakes = 2
        await server.start()
        await listener.is_ready_again()
    assert "realtime ready" in everything_logged.messages
    assert SECRET not in everything_logged.text


async def test_cancelling_ends_it_at_once_and_leaves_nothing(server: RealtimeServer) -> None:
    others = asyncio.all_tasks()
    async with listening(server, QUICK):
        pass
    async with listening(server, QUICK):
        server.half_open()
        began = time.monotonic()
    assert time.monotonic() - began < 4
    server.stall()
    async with listening(server, QUICK, is_ready=False):
        await server.until_accepted(3)
    await server.stop()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= others


# With the constants of production


@pytest.mark.long
async def test_after_a_long_outage_it_hears_within_35_seconds(
    stack: Stack, server: RealtimeServer
) -> None:
    async with listening(server) as listener:
        await server.stop()
        await asyncio.sleep(60)
        await server.start()
        await listener.is_ready_again(within=35)
        await assert_it_hears(stack, listener)


@pytest.mark.long
async def test_accept_and_close_makes_at_most_15_connections_a_minute(
    server: RealtimeServer,
) -> None:
    server.faults.closes_after_accept = True
    async with listening(server, is_ready=False):
        await asyncio.sleep(60)
    assert 4 <= len(server.accepted) <= 15


@pytest.mark.long
async def test_a_join_that_takes_12_seconds_is_waited_for(
    stack: Stack, server: RealtimeServer
) -> None:
    server.faults.join_delay = 12
    async with listening(server, is_ready=False) as listener:
        await listener.is_ready_again(within=20)
        await assert_it_hears(stack, listener)
        await asyncio.sleep(12)  # a late answer to a join of the past would come now
        await assert_it_hears(stack, listener)
    assert len(server.accepted) == server.joins == 1


@pytest.mark.long
async def test_a_half_open_socket_is_noticed_within_a_minute(
    stack: Stack, server: RealtimeServer
) -> None:
    async with listening(server) as listener:
        server.half_open()
        await listener.is_ready_again(within=60)
        await assert_it_hears(stack, listener)
