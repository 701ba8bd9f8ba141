"""What the webhook missed is fetched from Twilio, once, in order, and from nobody else's number."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.backfill import BackfillReport, backfill_number
from gateway.local.processes import Child
from gateway.local.proxy import Head, Proxy
from gateway.local.stack import Stack
from gateway.local.standins.openai import quote, serials
from gateway.settings import Settings
from gateway.supabase import BackfillJob, Database
from gateway.twilio import TwilioFailed, TwilioSms
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually


class CountingDoor(Proxy):
    """Remembers what it was asked for."""

    def __init__(self, routes: Mapping[str, int]) -> None:
        super().__init__(routes)
        self.asked_for: list[str] = []

    async def asked(self, request: Head) -> None:
        self.asked_for.append(request.path)


@asynccontextmanager
async def counting(stack: Stack) -> AsyncIterator[CountingDoor]:
    """A way to Supabase and Twilio."""
    twilio_port = int(stack.twilio_url.rpartition(":")[2])
    door = CountingDoor(
        {**stack.proxy.routes, "/2010-04-01": twilio_port, "/v1/Services": twilio_port}
    )
    await door.start(0)
    try:
        yield door
    finally:
        await door.stop()


@pytest.fixture
async def world(world: World) -> World:
    """Its number is older than its texts, whose times at Twilio are whole seconds."""
    await world.rows(
        "update sms_configs set created_at = now() - interval '1 minute' where id = %s",
        world.config_id,
    )
    return world


@pytest.fixture
async def says_serials(stack: Stack) -> AsyncIterator[None]:
    assert stack.openai
    stack.openai.answer = serials
    yield
    stack.openai.answer = quote


@asynccontextmanager
async def backfill(
    stack: Stack, **environ: str
) -> AsyncIterator[tuple[Database, TwilioSms, Settings]]:
    settings = Settings.from_environ({**stack.environ, **environ})
    async with Database.connect(settings) as database, TwilioSms.connect(settings) as twilio:
        yield database, twilio, settings


async def backfilled(world: World, **environ: str) -> BackfillReport:
    """One backfill of this world's number, as a worker makes it."""
    await world.rows("update sms_configs set backfill_due_at = now() + interval '1 hour'")
    await world.rows(
        "update sms_configs set backfill_due_at = now() where id = %s", world.config_id
    )
    async with backfill(world.stack, **environ) as (database, twilio, _):
        job = await database.claim_sms_backfill()
        assert isinstance(job, BackfillJob)
        assert job.phone_number == world.number
        return await backfill_number(database, twilio, job)


async def missed(world: World, contact: str, body: str, at: datetime | None = None) -> str:
    """A text that arrives at Twilio while nobody here listens; its SID."""
    return (await world.stack.twilio.receive(contact, world.number, body, post=False, at=at)).sid


async def stored(world: World) -> list[dict[str, object]]:
    return await world.rows(
        "select m.* from sms_messages m join sms_conversations c on c.id = m.conversation_id"
        " where c.config_id = %s and m.direction = 'incoming' order by m.id",
        world.config_id,
    )


def told_to(world: World, contact: str) -> list[int]:
    """The serials in the answers to a contact, in Twilio's order."""
    return [int(found) for found in re.findall(r"#(\d+)", " ".join(world.sent_to(contact)))]


async def test_fifty_texts_that_came_while_all_was_down_are_answered_once_in_order(
    world: World, web: Child, says_serials: None, stack: Stack
) -> None:
    """Ten contacts, and one of them wrote 32 of the texts: more than the history's usual length."""
    contacts = [world.contact() for _ in range(10)]
    wrote: dict[str, list[int]] = {contact: [] for contact in contacts}
    for serial in range(50):
        contact = contacts[serial % 10 if serial < 20 else 0]
        wrote[contact].append(serial)
        await missed(world, contact, f"texto #{serial}")

    worker = await start_worker(stack)

    async def all_told() -> bool:
        return all(told_to(world, contact) == wrote[contact] for contact in contacts)

    await eventually(all_told, 60)
    await worker.stop()
    assert [row["message_content"] for row in await stored(world)] == [
        f"texto #{serial}" for serial in range(50)
    ]
    assert all(told_to(world, contact) == wrote[contact] for contact in contacts)
    assert (await backfilled(world)).stored == 0


async def test_a_second_look_with_nothing_missing_costs_few_calls(
    world: World, web: Child, stack: Stack
) -> None:
    contacts = [world.contact() for _ in range(50)]
    for contact in contacts:
        await missed(world, contact, "Hola")
    first = await backfilled(world)
    assert (first.listed, first.stored) == (50, 50)
    worker = await start_worker(stack)  # answered and delivered: there are states to sync
    for contact in contacts:
        await world.answered(contact, seconds=60)
    await worker.stop()
    await world.rows(
        "update sms_messages set created_at = created_at - interval '2 minutes'"
        " where direction = 'outgoing'"
    )

    async with counting(stack) as door:
        second = await backfilled(world, SUPABASE_URL=door.url, TWILIO_BASE_URL=door.url)
    assert (second.listed, second.stored) == (50, 0)
    assert 0 < len([path for path in door.asked_for if path.startswith("/2010")]) <= 6
    assert 0 < len([path for path in door.asked_for if path.startswith("/rest")]) <= 6
    [priced] = await world.rows(
        "select count(*) from sms_messages m join sms_conversations c on c.id = m.conversation_id"
        " where c.config_id = %s and m.price < 0",
        world.config_id,
    )
    assert priced["count"] == 50


async def test_a_text_that_the_database_refuses_holds_up_nothing(world: World) -> None:
    contact = world.contact()
    await missed(world, contact, "antes")
    refused = await missed(world, contact, "x" * 70_000)
    await missed(world, contact, "después\x00")
    found = await backfilled(world)
    assert (found.stored, found.refused) == (2, 1)
    assert [row["message_content"] for row in await stored(world)] == [
        "antes",
        "después\ufffd",
    ]
    health = (await world.rows("select public.get_sms_health() as health"))[0]["health"]
    assert health["refused_24h"] >= 1
    [logged] = await world.rows(
        "select outcome from sms_webhook_logs where message_sid = %s", refused
    )
    assert logged["outcome"] == "refused"
    again = await backfilled(world)
    assert (again.listed, again.stored, again.refused) == (3, 0, 0)
    [config] = await world.rows(
        "select backfilled_until > now() - interval '1 minute' as is_complete"
        " from sms_configs where id = %s",
        world.config_id,
    )
    assert config["is_complete"]


async def test_a_copy_that_is_not_the_numbers_webhook_fetches_nothing(world: World) -> None:
    await missed(world, world.contact(), "Hola")
    found = await backfilled(world, PUBLIC_URL="https://copy.example.com")
    assert found.skipped
    assert await stored(world) == []
    assert (await backfilled(world)).stored == 1


async def test_what_could_not_be_backfilled_is_the_next_time(world: World) -> None:
    """The listing's start moves on only when every text was stored or refused."""
    await missed(world, world.contact(), "Hola")
    before = await _backfilled_until(world)
    world.stack.twilio.faults.add("error", on="list")
    with pytest.raises(TwilioFailed):
        await backfilled(world)
    assert await _backfilled_until(world) == before
    assert (await backfilled(world)).stored == 1
    assert await _backfilled_until(world) > before


async def test_a_text_older_than_six_hours_is_stored_and_not_answered(world: World) -> None:
    await world.rows(
        "update sms_configs set created_at = now() - interval '1 day',"
        " backfilled_until = now() - interval '1 day' where id = %s",
        world.config_id,
    )
    contact = world.contact()
    await missed(world, contact, "¿Hola?", at=datetime.now(UTC) - timedelta(hours=7))
    assert (await backfilled(world)).stored == 1
    owed = await world.rows(
        "select reply_due_at from sms_conversations where contact_number = %s", contact
    )
    assert owed == [{"reply_due_at": None}]


async def _backfilled_until(world: World) -> datetime:
    [config] = await world.rows(
        "select backfilled_until from sms_configs where id = %s", world.config_id
    )
    found: datetime = config["backfilled_until"]
    return found


@pytest.mark.long
async def test_ten_times_the_texts_take_no_more_memory(
    world: World, stack: Stack, tmp_path: Path
) -> None:
    """A backfill with nothing missing, in a process of its own."""
    peaks = []
    for texts in (5_000, 50_000):
        now = datetime.now(UTC)
        while len(stack.twilio.messages) < texts:
            await missed(world, world.contact(), "Hola", at=now)
        await world.rows(
            "insert into sms_webhook_logs (message_sid, payload, outcome)"
            " select sid, '{}', 'refused' from unnest(%s::text[]) as sid",
            list(stack.twilio.messages),
        )
        peaks.append(await _peak(world, tmp_path))
    print(f"peak memory: {peaks} KiB")
    assert peaks[1] < 1.5 * peaks[0]


SCRIPT = """
import asyncio, os, pathlib, re
from gateway.backfill import BackfillReport, backfill_number
from gateway.supabase import Database
from gateway.settings import Settings
from gateway.twilio import TwilioSms

async def main():
    settings = Settings.from_environ(os.environ)
    async with Database.connect(settings) as database, TwilioSms.connect(settings) as twilio:
        job = await database.claim_sms_backfill()
        found = await backfill_number(database, twilio, job)
    assert found.stored == 0, found
    # Not ru_maxrss: exec hands on the parent's, which holds all of Twilio's texts.
    status = pathlib.Path("/proc/self/status").read_text()
    print(found.listed, re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])

asyncio.run(main())
"""


async def _peak(world: World, folder: Path) -> int:
    """KiB, as the kernel counted them."""
    await world.rows("update sms_configs set backfill_due_at = now() + interval '1 hour'")
    await world.rows(
        "update sms_configs set backfill_due_at = now() where id = %s", world.config_id
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SCRIPT,
        env={**os.environ, **world.stack.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    listed, peak = output.decode().split()
    assert int(listed) == len(world.stack.twilio.messages)
    return int(peak)
