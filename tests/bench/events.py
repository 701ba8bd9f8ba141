"""Somebody is told: how soon, and what a target that is dead costs everybody else.

A contact asks for a human: seconds from the message's row until the receiver of a webhook has read
its post, and until Twilio has the message to the staff. Then replies beside 10,000 events behind a
target that takes connections and never answers, in turns with no target at all.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.local.stack import EMAIL
from gateway.local.testserver import serve
from tests.bench.load import percentile, send, signed_post
from tests.bench.report import Figure, Report
from tests.bench.system import TWILIO_SECONDS, all_answered, forget, set_speeds
from tests.bench.world import Bench, processes
from tests.flow.world import World, eventually

SECTION = "13 events"
MODEL_SECONDS = 0.6
TARGET = (
    "select create_sms_event_target(%s, %s, %s::text[], %s, p_user_id => u.id) as made"
    " from auth.users as u where u.email = %s"
)
WAITING = """
insert into sms_event_deliveries (user_id, event_id, target_id, conversation_id, retry_until)
select e.user_id, e.id, %s::uuid, case when n %% 2 = 0 then e.conversation_id end,
  now() + interval '1 day'
from (select * from sms_events where type <> 'target.test' order by occurred_at desc limit 1) as e,
  generate_series(1, 10000) as n
"""
EVENTS = ("message.received", "reply.sent", "human.requested")
# Seconds since 1970 at which the row of each contact's message was stored.
STORED = """
select c.contact_number, extract(epoch from min(m.created_at))::float as at
from sms_messages as m join sms_conversations as c on c.id = m.conversation_id
where c.config_id = %s and m.direction = 'incoming' group by c.contact_number
"""


async def measure(bench: Bench, report: Report) -> None:
    set_speeds(await bench.stack(), MODEL_SECONDS)
    await measure_telling(bench, report)
    await measure_dead_target(bench, report)


async def create_target(world: World, kind: str, address: str, *types: str) -> str:
    config_id = world.config_id if kind == "sms" else None
    wanted = "{" + ",".join(types) + "}"
    rows = await world.rows(TARGET, kind, address, wanted, config_id, EMAIL)
    return str(rows[0]["made"]["id"])


# How soon


async def measure_telling(bench: Bench, report: Report) -> None:
    told: dict[str, float] = {}

    async def take(request: Request) -> Response:
        event = json.loads(await request.body())
        told.setdefault(event["data"].get("contact_number", ""), time.time())
        return Response(status_code=204)

    world = await bench.number()
    await world.rows("update sms.policy set staff_messages_per_day = 100000")
    receiver = Starlette(routes=[Route("/", take, methods=["POST"])])
    async with serve(receiver) as url, processes(world.stack):
        await create_target(world, "webhook", f"{url}/", "human.requested")
        staff = world.contact()
        await create_target(world, "sms", staff, "human.requested")
        await confirm(world, staff)
        contacts = await ask_for_humans(bench, world, bench.size.of(200, 6))

        async def all_told() -> bool:
            return contacts <= set(told) and len(world.sent_to(staff)) > len(contacts)

        await eventually(all_told, 120)
    stored = {row["contact_number"]: row["at"] for row in await world.rows(STORED, world.config_id)}
    texted = staff_told(world, staff)
    for what, found in (("webhook", told), ("message to the staff", texted)):
        seconds = [found[contact] - stored[contact] for contact in contacts]
        for percent in (50, 95, 99):
            name = f"a human is asked for: {what}, p{percent}"
            report.add(Figure(SECTION, name, (percentile(seconds, percent),), "s"))
    await world.rows("delete from sms_event_targets")
    await forget(world)


async def confirm(world: World, staff: str) -> None:
    async def code() -> str | None:
        return next(iter(world.sent_to(staff)), None)

    word = (await eventually(code)).split()[1]
    assert (await world.texts_from(staff, word)).status == 200


async def ask_for_humans(bench: Bench, world: World, count: int) -> set[str]:
    """Two a second, each of somebody new."""
    port, contacts, words = int(world.stack.environ["PORT"]), set(), "quiero hablar con una persona"
    began = time.monotonic()
    for number, contact in zip(range(count), bench.contacts(), strict=False):
        await asyncio.sleep(began + number / 2 - time.monotonic())
        post = signed_post(world.stack.twilio, world.number, contact, words)
        assert await send(port, post.raw) == 200
        contacts.add(contact)
    return contacts


def staff_told(world: World, staff: str) -> dict[str, float]:
    """Seconds since 1970 at which Twilio took the message about each contact."""
    since = time.time() - time.monotonic()
    return {
        message.body.split()[0]: message.logged_at + since
        for message in world.stack.twilio.sent
        if message.to == staff
    }


# A dead target


@asynccontextmanager
async def never_answering() -> AsyncIterator[str]:
    """The URL of a server that takes connections and says nothing."""
    held = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1")
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        held.set()
        server.close()


async def measure_dead_target(bench: Bench, report: Report) -> None:
    async def take(request: Request) -> Response:
        return Response(status_code=204)

    receiver = Starlette(routes=[Route("/", take, methods=["POST"])])
    world = await bench.number()
    added: dict[str, list[float]] = {"no target": [], "a target": [], "a dead target": []}
    async with serve(receiver) as url, never_answering() as dead, processes(world.stack):
        await added_latency(bench, world)  # everything connects
        for _ in range(bench.size.of(5, 1)):
            for name, address in zip(added, (None, f"{url}/", dead), strict=True):
                if address:
                    target = await create_target(world, "webhook", address, *EVENTS)
                if address == dead:
                    await pile_up(bench, world, target)
                added[name].append(await added_latency(bench, world))
                await world.rows("delete from sms_event_targets")
    for name, turns in added.items():
        what = f"added latency at 5 messages/s, {name}, p50"
        report.add(Figure(SECTION, what, tuple(seconds * 1000 for seconds in turns), "ms"))
    for other in ("no target", "a target"):
        pairs = zip(added["a dead target"], added[other], strict=True)
        ratios = tuple(behind / without for behind, without in pairs)
        what = f"added latency, 10,000 events behind a dead target / {other}"
        report.add(Figure(SECTION, what, ratios, at_most=1.1))
    await forget(world)


async def pile_up(bench: Bench, world: World, target: str) -> None:
    """10,000 events wait for the target, in one conversation and in none."""
    contact = next(bench.contacts())
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await world.rows(WAITING, target)
    await world.rows("analyze sms_event_deliveries")


async def added_latency(bench: Bench, world: World) -> float:
    """Median seconds from a post until Twilio took the reply, without the model's and Twilio's."""
    posted: dict[str, float] = {}
    port, began = int(world.stack.environ["PORT"]), time.monotonic()
    posts = bench.posts(world)
    async with asyncio.TaskGroup() as group:
        for number in range(5 * bench.size.of(15, 2)):
            await asyncio.sleep(began + number / 5 - time.monotonic())
            post = next(posts)
            posted[post.contact] = time.monotonic()
            group.create_task(send(port, post.raw))
    answered = await all_answered(world.stack, posted)
    times = [at - posted[contact] for contact, at in answered.items()]
    return percentile(times, 50) - MODEL_SECONDS - TWILIO_SECONDS
