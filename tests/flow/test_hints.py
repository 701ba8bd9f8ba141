"""Realtime wakes the worker; without it the worker looks by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.local.processes import Child
from gateway.local.stack import Stack
from gateway.settings import Settings
from gateway.subscriber import serve
from tests.flow.world import World, eventually

NEVER = 3600.0


@asynccontextmanager
async def working(stack: Stack, poll_seconds: float) -> AsyncIterator[None]:
    """A worker in this process, which looks by itself only every `poll_seconds`."""
    stop = asyncio.Event()
    settings = Settings.from_environ({**stack.environ, "SMS_WORKER_CONCURRENCY": "4"})
    running = asyncio.create_task(serve(settings, stop, poll_seconds))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_a_hint_alone_wakes_the_worker(world: World, web: Child, stack: Stack) -> None:
    joined = stack.realtime.joins
    async with working(stack, NEVER):
        await eventually(lambda: _joined_since(stack, joined))
        for _ in range(3):
            contact = world.contact()
            await world.texts_from(contact, "Hola")
            await world.answered(contact)


@pytest.mark.parametrize("while_", ["generating", "sending"])
async def test_a_message_that_comes_during_a_lease_is_answered_when_that_ends(
    world: World, web: Child, stack: Stack, while_: str
) -> None:
    """Leased work announces nothing; what ends the lease does. Only Realtime can wake here."""
    assert stack.openai
    openai, joined = stack.openai, stack.realtime.joins
    contact = world.contact()
    async with working(stack, NEVER):
        await eventually(lambda: _joined_since(stack, joined))
        if while_ == "generating":
            openai.faults.add("slow", match="uno", seconds=1.5)
        else:
            stack.twilio.latency = 1.5
        asked = len(openai.requests)
        await world.texts_from(contact, "uno")
        await openai.events.until(lambda: len(openai.requests) > asked, 10)
        if while_ == "sending":
            await eventually(lambda: _is_sending(world, contact))
        await world.texts_from(contact, "dos")
        stack.twilio.latency = 0.0
        await eventually(lambda: _first_job_is_over(world, contact))
        ended_at = time.monotonic()
        await eventually(lambda: _was_told_of(world, contact, "dos"))
        assert time.monotonic() - ended_at < 2


async def test_without_realtime_the_worker_looks_by_itself(
    world: World, web: Child, stack: Stack
) -> None:
    stack.proxy.close("/realtime/v1")
    try:
        async with working(stack, poll_seconds=0.5):
            contact = world.contact()
            await world.texts_from(contact, "Hola")
            await world.answered(contact)
    finally:
        stack.proxy.open("/realtime/v1")


async def test_a_lock_on_the_announcements_stops_no_text(
    world: World, web: Child, stack: Stack
) -> None:
    contact = world.contact()
    # The local Data API reads the whole schema at its first request, this table too.
    await world.texts_from(world.contact(), "Hola")
    async with stack.postgres.connect() as holder, holder.transaction():
        await holder.execute("lock table realtime.messages in access exclusive mode")
        receipt = await world.texts_from(contact, "Hola")
    assert (receipt.status, receipt.attempts) == (200, 1)
    assert len(await world.messages(contact)) == 1


async def _joined_since(stack: Stack, joined: int) -> bool:
    return stack.realtime.joins > joined


async def _is_sending(world: World, contact: str) -> bool:
    return any(row["status"] == "sending" for row in await world.outgoing(contact))


async def _first_job_is_over(world: World, contact: str) -> bool:
    """Its reply was superseded, or has left."""
    rows = await world.rows(
        "select c.superseded, m.status from sms_conversations c"
        " left join sms_messages m on m.conversation_id = c.id and m.direction = 'outgoing'"
        " where c.contact_number = %s",
        contact,
    )
    return any(row["superseded"] or row["status"] not in (None, "sending") for row in rows)


async def _was_told_of(world: World, contact: str, body: str) -> bool:
    return any(body in sent for sent in world.sent_to(contact))
