"""Bounds on what a text costs, in numbers that no machine changes: calls, pages, modules.

A bound is what was measured and about half of it more.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from gateway.local.stack import Stack
from gateway.settings import Settings
from gateway.supabase import Database, Unavailable
from tests.bench import data, stub, webhook
from tests.flow.world import World
from tests.sql import Db, Number, Session, new_contact, new_sid, scratch_database

# Pages of 8 kB that one call reads, hits of the cache included, with all it triggers.
PAGES = {
    "ingest_sms, known contact": 150,
    "ingest_sms, new contact": 290,  # with the row of sms_contacts; 259 measured
    "claim_sms_work, an answer": 140,
    "claim_sms_work, nothing due": 50,  # with the look for a replay; 34 measured
    "queue_sms_reply": 190,
    "finish_sms_send": 90,
    "record_sms_delivery": 50,
}
OLD_TEXTS = 100_000

# What everybody's texts are in, or all that was ever posted.
LARGE = {
    "sms_messages",
    "sms_conversations",
    "sms_webhook_logs",
    "sms_delivery_events",
    "sms_contact_digits",
}
MODULES = 800  # loaded with gateway.web, of all packages


# Calls of the Data API


async def test_a_text_costs_four_working_calls_and_few_empty_claims(stack: Stack) -> None:
    calls = await calls_of_texts(stack, 10)
    assert {name: calls[name] for name in ("ingest_sms", "queue_sms_reply", "finish_sms_send")} == {
        "ingest_sms": 10,
        "queue_sms_reply": 10,
        "finish_sms_send": 10,
    }
    # One that gets the job, when it is due, and the timer's.
    assert 10 <= calls["claim_sms_work"] <= 15
    # For Twilio's "sent" and "delivered".
    assert calls["record_sms_delivery"] <= 20


async def calls_of_texts(stack: Stack, texts: int) -> Counter[str]:
    """Of one text after the other, each answered before the next."""
    assert stack.openai
    stack.openai.latency, stack.twilio.latency, stack.twilio.delivery_delay = 0.02, 0.0, 0.02
    world = World(stack)
    # A look at Twilio's list between a message and its row would post it a second time.
    await world.settle_in(backfill_due_at=datetime.now(UTC) + timedelta(hours=1))
    port = world.own_port()
    environ = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    web = await stack.start_process("web", environ, log="web.guards")
    await stack.wait_for_web(web)
    worker = await stack.start_process("worker", environ, log="worker.guards")
    try:
        await _one_text(world)  # connects everything
        stack.proxy.calls.clear()
        for _ in range(texts):
            await _one_text(world)
        return stack.proxy.calls.copy()
    finally:
        await asyncio.gather(web.stop(), worker.stop())
        await world.rows("delete from sms_configs where id = %s", world.config_id)


async def _one_text(world: World) -> None:
    contact = world.contact()
    assert (await world.texts_from(contact, "Hola")).status == 200
    await world.answered(contact, seconds=60)


# Connections


async def test_calls_that_were_given_up_use_up_no_connections() -> None:
    """The Data API does not answer for a while, and every caller loses patience in the middle."""
    healthy = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await healthy.wait()
        await stub.answer(reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = Settings.from_environ({**webhook.environ(0), "SUPABASE_URL": url})
    async with server, Database.connect(settings, read_seconds=0.4) as database:
        for patience in (0.1, 0.2, 0.3, 0.35):
            lost = (impatient(database, patience + n / 1000) for n in range(60))
            assert set(await asyncio.gather(*lost)) == {False}
        healthy.set()
        assert await asyncio.gather(*(impatient(database, 10) for _ in range(20))) == [True] * 20


async def impatient(database: Database, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await database.get_sms_health()
    except (Unavailable, TimeoutError):
        return False
    return True


# Pages and plans


@pytest.fixture(scope="module")
async def filled(stack: Stack) -> AsyncIterator[str]:
    """100,000 texts of 20 owners; a fifth of them OWNER's."""
    async with scratch_database(stack.postgres_url) as url:
        await asyncio.to_thread(_fill, url)
        yield url


def _fill(url: str) -> None:
    with psycopg.connect(url) as opened:
        data.fill(opened, OLD_TEXTS)


@pytest.fixture
async def db(filled: str) -> AsyncIterator[Db]:
    async with Db.connect(filled) as db:
        yield db


async def test_no_function_reads_more_pages_than_it_did(db: Db) -> None:
    number = await db.number(replies_per_hour=10**6, replies_per_day=10**6)
    session = await db.session()
    rounds = [await pages_of_one_text(session, number) for _ in range(12)]
    least = {name: min(pages[name] for pages in rounds) for name in rounds[0]}
    assert {
        name: (pages, PAGES[name]) for name, pages in least.items() if pages > PAGES[name]
    } == {}


async def pages_of_one_text(session: Session, number: Number) -> dict[str, int]:
    """A text is answered; a second one comes; by call. `explained` calls do happen."""
    pages, contact, lease = {}, new_contact(), str(uuid.uuid4())
    await session.ingest(number, contact)
    pages["claim_sms_work, an answer"] = await explained(
        session, "claim_sms_work", p_worker="guards", p_lease_id=lease
    )
    job = await session.claim(lease)
    answer = {"p_content": "Claro.", "p_encoding": "GSM-7", "p_segments": 1}
    pages["queue_sms_reply"] = await explained(
        session, "queue_sms_reply", p_lease_id=lease, p_message_id=job["message_id"], **answer
    )
    sent = {"p_message_id": (await session.answer(job))["message_id"], "p_message_sid": new_sid()}
    pages["finish_sms_send"] = await explained(
        session, "finish_sms_send", p_lease_id=lease, p_status="queued", **sent
    )
    while (await session.claim())["kind"] != "wait":
        pass  # the texts of the last round
    pages["claim_sms_work, nothing due"] = await explained(
        session, "claim_sms_work", p_worker="guards", p_lease_id=str(uuid.uuid4())
    )
    status = {"sid": sent["p_message_sid"], "status": "delivered", "to": contact, "form": {}}
    pages["record_sms_delivery"] = await explained(session, "record_sms_delivery", p_payload=status)
    for what, sender in (("known", contact), ("new", new_contact())):
        text = {"sid": new_sid(), "from": sender, "to": number.phone, "body": "Hola", "form": {}}
        pages[f"ingest_sms, {what} contact"] = await explained(
            session, "ingest_sms", p_payload=text
        )
    return pages


async def explained(session: Session, function: str, **params: Any) -> int:
    """Call it; the pages it touched, its triggers' included."""
    given = {name: Jsonb(it) if isinstance(it, dict) else it for name, it in params.items()}
    named = ", ".join(f"{name} => %s" for name in given)
    async with session.transaction():
        told = await session.value(
            f"explain (analyze, buffers, format json) select public.{function}({named})",
            *given.values(),
        )
    plan = told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_no_call_scans_a_large_table(db: Db) -> None:
    number = await db.number()
    async with (session := await db.session()).transaction():
        for _ in range(8):  # Postgres settles for a plan after the fifth
            await pages_of_one_text(session, number)
        assert await scanned(session) == set()


CLIENT_CALLS = [
    "select * from get_sms_stats()",
    "select * from get_user_sms_stats()",
    "select * from get_sms_engagement_metrics(30)",
    "select * from get_sms_daily()",
    # A page names its account: only then is it read in the order of the index.
    f"select * from sms_conversations where user_id = '{data.OWNER}'"  # noqa: S608
    " order by last_message_at desc, id desc limit 50",
    "select * from search_sms('girasol')",
    "select * from search_sms('555')",
    f"select get_sms_conversation_history(id) from sms_conversations where user_id = '{data.OWNER}'"  # noqa: S608
    " order by last_message_at desc limit 1",
]


async def test_no_call_of_a_client_scans_a_large_table(db: Db) -> None:
    owner = await db.person(Number(uuid.UUID(data.OWNER), uuid.UUID(data.OWNER), ""))
    async with owner.transaction():
        for call in CLIENT_CALLS * 8:
            await owner.rows(call)
        assert await scanned(owner) == set()


async def scanned(session: Session) -> set[str]:
    """Large tables read from end to end in this transaction."""
    rows = await session.rows("select relname from pg_stat_xact_user_tables where seq_scan > 0")
    return LARGE & {row["relname"] for row in rows}


# Modules


def test_the_web_process_loads_no_more_than_it_uses() -> None:
    code = "import sys, gateway.web; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert loaded & {"twilio.rest", "openai", "requests", "psycopg"} == set()
    assert len(loaded) < MODULES
