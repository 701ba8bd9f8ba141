"""Events from a contact's message to the receiver: at once, and at least once whatever dies."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.local.processes import Child, free_port
from gateway.local.stack import EMAIL, Stack
from gateway.local.testserver import serve
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually

EVERY = "{message.received,human.requested,reply.sent}"


class Receiver:
    """Verifies, counts by id and notes the order; `dies` answers nothing after it has read."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.seen: Counter[str] = Counter()
        self.order: dict[str, list[tuple[str, int]]] = {}
        self.arrived: dict[str, float] = {}
        self.dies = 0

    async def take(self, request: Request) -> Response:
        body = await request.body()
        Webhook(self.secret).verify(body, dict(request.headers))
        event, event_id = json.loads(body), request.headers["webhook-id"]
        if event_id not in self.seen:
            key = event["data"].get("conversation_id", "")
            self.order.setdefault(key, []).append((event["timestamp"], len(self.seen)))
            self.arrived[event["type"]] = time.monotonic()
        self.seen[event_id] += 1
        if self.dies:
            self.dies -= 1
            raise ConnectionResetError("read, and then no answer")
        return Response(status_code=204)

    @asynccontextmanager
    async def at(self, port: int) -> AsyncIterator[None]:
        async with serve(Starlette(routes=[Route("/", self.take, methods=["POST"])]), port=port):
            yield


@pytest.fixture
async def receiver(world: World) -> AsyncIterator[tuple[Receiver, int]]:
    """A target of the world's account, and the port it is at; nobody listens there yet."""
    port = free_port()
    rows = await world.rows(
        "select create_sms_event_target('webhook', %s, %s::text[], p_user_id => u.id) as made"
        " from auth.users as u where u.email = %s",
        *(f"http://127.0.0.1:{port}/", EVERY, EMAIL),
    )
    yield Receiver(rows[0]["made"]["secret"]), port
    await world.rows("delete from sms_event_targets where id = %s", rows[0]["made"]["id"])


async def event_ids(world: World) -> set[str]:
    rows = await world.rows("select id from sms_events where config_id = %s", world.config_id)
    return {str(row["id"]) for row in rows}


async def test_who_asks_for_a_human_is_told_of_at_once(
    world: World, receiver: tuple[Receiver, int], web: Child, worker: Child
) -> None:
    here, port = receiver
    staff = world.contact()
    await world.rows(
        "select create_sms_event_target('sms', %s, '{human.requested}', %s, p_user_id => u.id)"
        " from auth.users as u where u.email = %s",
        *(staff, world.config_id, EMAIL),
    )

    async def texted() -> str | None:
        return next(iter(world.sent_to(staff)[-1:]), None)

    async with here.at(port):
        code = (await eventually(texted)).split()[1]
        assert (await world.texts_from(staff, code)).status == 200
        contact = world.contact()
        began = time.monotonic()
        await world.texts_from(contact, "quiero hablar con una persona")

        async def told() -> bool:
            return "human.requested" in here.arrived and contact in world.sent_to(staff)[-1]

        await eventually(told)
        assert here.arrived["human.requested"] - began < 5
    assert "quiero hablar con una persona" in world.sent_to(staff)[-1]
    assert (await world.answered(contact))["message_content"].startswith("Una persona")
    rows = await world.rows(
        "select 1 from sms_conversations where config_id = %s and contact_number = %s",
        *(world.config_id, staff),
    )
    assert rows == [], "the staff is no contact"


async def test_nothing_is_lost_whoever_dies_and_what_comes_twice_has_one_id(
    stack: Stack, world: World, receiver: tuple[Receiver, int], web: Child
) -> None:
    """Workers are killed while they deliver; the receiver is away, and later dies after reading."""
    here, port = receiver
    await world.shorten_waits(event_lease="1 second", event_retry_after="100 milliseconds")
    await world.rows("update sms.policy set event_rest_max = '200 milliseconds'")
    contacts = [world.contact() for _ in range(6)]
    worker = await start_worker(stack)
    try:
        for round_ in range(3):
            await asyncio.gather(*(world.texts_from(who, f"m{round_}") for who in contacts))
        here.dies = 4
        async with here.at(port):
            for arrived in (3, 9, 15):

                async def is_in_the_middle(arrived: int = arrived) -> bool:
                    return len(here.seen) >= arrived

                await eventually(is_in_the_middle)
                worker.process.send_signal(signal.SIGKILL)
                await worker.process.wait()
                worker = await start_worker(stack)
            for who in contacts:
                await world.answered(who, seconds=60)

            async def all_arrived() -> bool:
                return await event_ids(world) <= set(here.seen)

            await eventually(all_arrived, 60)

            async def none_waits() -> bool:
                query = "select 1 from sms_event_deliveries where due_at is not null"
                return not await world.rows(query)

            await eventually(none_waits, 60)
    finally:
        await worker.stop()
    assert set(here.seen) == await event_ids(world), "and nothing that never happened"
    for told in here.order.values():
        assert told == sorted(told), "in order within a conversation"
    dead = await world.rows("select 1 from sms_event_deliveries where status = 'dead'")
    assert dead == []
