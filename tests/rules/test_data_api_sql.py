"""What React calls, on fifty thousand messages: plans, answers and counters."""

# ruff: noqa: S608 - every value in these statements is a constant of this repository

from __future__ import annotations

import asyncio
import json
import re
import statistics
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from gateway.local.stack import Stack
from tests.bench import data
from tests.sql import Db, Session, new_contact, scratch_database

NEWEST = "(select id from public.sms_inbox order by last_message_at desc limit 1)"
MIDDLE = "(select max(id) / 2 from public.sms_messages)"

QUERIES = {
    "statistics": "select * from public.get_sms_stats()",
    "a user's statistics": "select * from public.get_user_sms_stats()",
    "metrics": "select * from public.get_sms_engagement_metrics(30)",
    "days": "select * from public.sms_daily_stats where day > now() - interval '30 days'",
    "days, not yet folded": "select * from public.get_sms_daily()",
    "inbox": "select * from public.sms_inbox order by last_message_at desc limit 50",
    "inbox, later": "select * from public.sms_inbox where last_message_at"
    " < now() - interval '60 days' order by last_message_at desc limit 50",
    "inbox, active": "select * from public.sms_inbox where status = 'active'"
    " order by last_message_at desc limit 50",
    "one conversation": f"select * from public.sms_inbox where id = {NEWEST}",
    "history": f"select * from public.get_sms_conversation_history({NEWEST})",
    "history, later": f"select * from public.get_sms_conversation_history({NEWEST}, 50, {MIDDLE})",
    "catching up": f"select * from public.sms_messages where id > {MIDDLE} order by id limit 100",
    "search, often": f"select * from public.search_sms('{data.OFTEN}')",
    "search, sometimes": f"select * from public.search_sms('{data.SOMETIMES}')",
    "search, seldom": f"select * from public.search_sms('{data.SELDOM}')",
    "search, long ago": f"select * from public.search_sms('{data.LONG_AGO}')",
    "search, never": "select * from public.search_sms('zanahoria')",
    "search, two words": f"select * from public.search_sms('{data.OFTEN} {data.SELDOM}')",
    "search, later": f"select * from public.search_sms('{data.OFTEN}', 20, {MIDDLE})",
    "search, a contact": "select * from public.search_sms('7770001')",
    "search, many contacts": "select * from public.search_sms('+12')",
    "reading": f"select public.mark_sms_read({NEWEST})",
    "sending": f"select public.send_sms({NEWEST}, 'Voy', gen_random_uuid())",
    "closing": f"select public.close_sms_conversation({NEWEST})",
}


@pytest.fixture(scope="module")
async def filled(stack: Stack) -> AsyncIterator[str]:
    """A database with data.OWNER, who has a fifth of 50,000 messages."""
    async with scratch_database(stack.postgres_url) as url:
        with psycopg.connect(url) as connection:
            await asyncio.to_thread(data.fill, connection, 50_000)
        yield url


@pytest.fixture
async def db(filled: str) -> AsyncIterator[Db]:
    async with Db.connect(filled) as db:
        yield db


async def become_owner(session: Session) -> None:
    claims = json.dumps({"sub": data.OWNER, "role": "authenticated"})
    await session.rows("select set_config('request.jwt.claims', %s, false)", claims)
    await session.rows("set role authenticated")


READ_WHOLE = re.compile(r"Seq Scan on (sms_messages|sms_conversations|sms_daily_stats)")


async def plans_of(db: Db, query: str, times: int = 1) -> list[str]:
    """The plans of a query and of all that its functions ask, by auto_explain; nothing stays."""
    plans: list[str] = []
    await db.admin.rows("load 'auto_explain'")
    await db.admin.rows("set auto_explain.log_min_duration = 0")
    await db.admin.rows("set auto_explain.log_nested_statements = on")
    await db.admin.rows("set auto_explain.log_level = notice")
    await become_owner(db.admin)
    db.admin.connection.add_notice_handler(lambda notice: plans.append(str(notice.message_primary)))
    for _ in range(times):
        async with db.admin.transaction() as undone:
            await db.admin.rows(query)
            raise psycopg.Rollback(undone)
    assert any("Scan" in plan for plan in plans), "auto_explain said nothing"
    return plans


@pytest.mark.parametrize("name", QUERIES)
async def test_every_query_finds_an_index(db: Db, name: str) -> None:
    """So few rows are sometimes read whole because that is cheaper: then only without need."""
    await db.admin.rows("set enable_seqscan = off")
    plans = await plans_of(db, QUERIES[name], times=7)  # the sixth may be for any parameter
    assert [plan for plan in plans if READ_WHOLE.search(plan)] == []


OF_ONE_ACCOUNT = {
    "inbox": f"select * from public.sms_inbox where user_id = '{data.OWNER}'"
    " order by last_message_at desc limit 50",
    "inbox, active": f"select * from public.sms_inbox where user_id = '{data.OWNER}'"
    " and status = 'active' order by last_message_at desc limit 50",
    "statistics": f"select * from public.get_user_sms_stats('{data.OWNER}')",
    "days": f"select * from public.sms_daily_stats where user_id = '{data.OWNER}'"
    " and day > now() - interval '30 days'",
    "days, not yet folded": f"select * from public.get_sms_daily('{data.OWNER}')",
    "search": f"select * from public.search_sms('{data.SOMETIMES}', p_user_id => '{data.OWNER}')",
}


@pytest.fixture
async def member(db: Db) -> AsyncIterator[str]:
    """Works in 20 accounts: OWNER's, all others of the data, and some without any."""
    member, others = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(20)]
    await db.admin.rows(
        "insert into auth.users (id, email) select id, id || '@example.com'"
        " from unnest(%s::uuid[]) as id",
        [member, *others],
    )
    await db.admin.rows(
        "insert into public.sms_members (user_id, member_id, email)"
        " select a.id, %s, 'member@example.com' from (select u.id from auth.users as u"
        " where u.id <> %s order by u.email like 'bench%%' desc, u.id limit 20) as a",
        member,
        member,
    )
    yield member
    await db.admin.rows("reset role")
    await db.admin.rows("delete from auth.users where id = any(%s)", [member, *others])


async def pages_of(db: Db, who: str, query: str) -> int:
    """The pages that Postgres looks at, in memory or not, once the session knows its catalogs."""
    claims = json.dumps({"sub": who, "role": "authenticated"})
    await db.admin.rows("select set_config('request.jwt.claims', %s, false)", claims)
    await db.admin.rows("set role authenticated")
    for _ in range(3):
        told = await db.admin.value(f"explain (analyze, buffers, format json) {query}")
    await db.admin.rows("reset role")
    plan = told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("name", OF_ONE_ACCOUNT)
async def test_a_member_of_20_accounts_reads_no_more_pages_than_the_owner(
    db: Db, member: str, name: str
) -> None:
    owners = await pages_of(db, data.OWNER, OF_ONE_ACCOUNT[name])
    members = await pages_of(db, member, OF_ONE_ACCOUNT[name])
    print(f"{name}: the owner {owners} pages, a member of 20 accounts {members}")
    assert members <= 1.3 * owners


@pytest.mark.long
async def test_five_million_messages_are_as_quick_as_fifty_thousand(
    stack: Stack, db: Db, capsys: pytest.CaptureFixture[str]
) -> None:
    """For an owner of 1,000,000: milliseconds in Postgres, the median of 21, without a client."""
    few = await times_of(db)
    async with scratch_database(stack.postgres_url) as url:
        with psycopg.connect(url) as connection:
            await asyncio.to_thread(data.fill, connection, 5_000_000)
        async with Db.connect(url) as large:
            many = await times_of(large)
        for name, query in QUERIES.items():
            async with Db.connect(url) as large:
                plans = await plans_of(large, query)
            assert [plan for plan in plans if READ_WHOLE.search(plan)] == [], name
    with capsys.disabled():
        for name in QUERIES:
            print(f"{name:24} {few[name]:8.2f} ms {many[name]:8.2f} ms")
    for name in QUERIES:
        assert many[name] < (10 if name in SLOWER else 5), name
        assert many[name] < max(3 * few[name], 0.5), name


SLOWER = (
    "statistics",
    "a user's statistics",
    "metrics",
    "days, not yet folded",
    "sending",
    "closing",
)


async def times_of(db: Db) -> dict[str, float]:
    """Milliseconds each query takes, the median of 21."""
    await become_owner(db.admin)
    times: dict[str, float] = {}
    for name, query in QUERIES.items():
        taken: list[float] = []
        for _ in range(21):
            async with db.admin.transaction() as undone:
                lines = await db.admin.rows(f"explain (analyze, timing off) {query}")
                raise psycopg.Rollback(undone)
            taken.append(float(lines[-1]["QUERY PLAN"].split()[2]))
        times[name] = statistics.median(taken)
    return times


async def found(db: Db, query: str, before: int | None = None) -> list[int]:
    rows = await db.admin.rows("select id from public.search_sms(%s, 20, %s)", query, before)
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    "word", [data.OFTEN, data.SOMETIMES, data.SELDOM, data.HARDLY_EVER, data.LONG_AGO, "e rs"]
)
async def test_paging_through_a_search_finds_every_text_once(db: Db, word: str) -> None:
    conditions = " and ".join(rf"message_content ~* '\m{part}'" for part in word.split())
    rows = await db.admin.rows(
        f"select id from public.sms_messages where user_id = '{data.OWNER}' and {conditions}"
        " order by id desc limit 300"
    )
    await become_owner(db.admin)
    pages: list[int] = []
    while len(pages) < 300 and (page := await found(db, word, pages[-1] if pages else None)):
        pages += page
    assert pages[:300] == [row["id"] for row in rows]


async def test_searching_a_number_finds_its_conversations_newest_text(db: Db) -> None:
    row = (
        await db.admin.rows(
            "select id, contact_number from public.sms_conversations"
            f" where user_id = '{data.OWNER}' order by created_at limit 1"
        )
    )[0]
    newest = await db.admin.value(
        "select max(id) from public.sms_messages where conversation_id = %s", row["id"]
    )
    await become_owner(db.admin)
    digits = row["contact_number"]
    assert newest in await found(db, digits)
    assert newest in await found(db, f"{digits[:5]} {digits[5:8]}-{digits[8:]}")
    assert newest in await found(db, digits[-7:])


async def test_nobody_finds_the_texts_of_others(db: Db) -> None:
    await db.admin.rows(
        f"select set_config('request.jwt.claims', '{{\"sub\": \"{data.SOMEBODY}\"}}', false)"
    )
    await db.admin.rows("set role authenticated")
    rows = await db.admin.rows(f"select user_id from public.search_sms('{data.OFTEN}', 100)")
    assert {str(row["user_id"]) for row in rows} == {data.SOMEBODY}


async def counted(db: Db) -> dict[str, list[str]]:
    """What is folded, as text, by table."""
    return {table: await _lines(db, f"table {table}") for table in data.COUNTERS}


async def recounted(db: Db) -> dict[str, list[str]]:
    return {table: await _lines(db, recount) for table, recount in data.COUNTERS.items()}


async def _lines(db: Db, query: str) -> list[str]:
    """Sorted, without rows of nothing."""
    rows = await db.admin.rows(f"select to_jsonb(s) as row from ({query}) as s")
    plain = [{name: it for name, it in row["row"].items() if it not in (0, None)} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in plain)


async def numbers_of(session: Session) -> list[dict[str, Any]]:
    """All that the statistics say to whoever asks."""
    return [
        *await session.rows("select * from public.get_sms_stats()"),
        *await session.rows("select * from public.get_sms_engagement_metrics(30)"),
        *await session.rows("select * from public.get_sms_daily()"),
    ]


async def test_counters_are_what_a_recount_finds(stack: Stack) -> None:
    async with (
        scratch_database(stack.postgres_url) as url,
        Db.connect(url) as db,
    ):
        number = await db.number()
        gateway, owner = await db.session(), await db.person(number)
        contacts = [new_contact() for _ in range(5)]
        for contact in [*contacts, *contacts[:2]]:
            stored = await gateway.ingest(number, contact)
            sent = await gateway.answer(await gateway.claim())
            sid = "SM" + uuid.uuid4().hex
            await gateway.finish(sent, sid)
            await gateway.callback(sent, sid, "failed" if contact == contacts[0] else "delivered")
        await owner.write(stored["conversation_id"])
        await owner.write(stored["conversation_id"])
        await owner.close(stored["conversation_id"])
        await gateway.ingest(number, contacts[1], "¿Sigue ahí?")
        before = await numbers_of(owner)
        assert (before[0]["total_contacts"], before[0]["active_users_24h"]) == (5, 5)
        assert (before[1]["conversations_ended"], before[1]["conversations_reopened"]) == (1, 1)
        # Nothing is late, and folding changes no number.
        await gateway.rows("select sms.fold_counters(7)")
        assert await numbers_of(owner) == before
        await gateway.rows("select sms.fold_counters()")
        assert await numbers_of(owner) == before
        seen = await counted(db)
        assert seen == await recounted(db)
        # What happened stays counted when its conversation is erased.
        await db.admin.rows(
            "update public.sms_conversations"
            " set last_message_at = last_message_at - interval '2 days'"
        )
        assert await gateway.call("cleanup_old_sms_conversations", days=1) == 1
        await gateway.rows("select sms.fold_counters()")
        assert await counted(db) == seen != await recounted(db)


async def test_twenty_thousand_contacts_of_a_week_are_counted_at_once(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wrote in the last seven days, half of them to two numbers, a hundred a moment ago."""
    async with (
        scratch_database(stack.postgres_url) as url,
        Db.connect(url) as db,
    ):
        one = await db.number()
        other = await db.number(one)
        await db.admin.rows(
            "insert into public.sms_contacts (user_id, contact_number)"
            " select %s, '+1555' || lpad(n::text, 7, '0') from generate_series(1, 20000) as n",
            one.user_id,
        )
        await db.admin.rows(
            "insert into sms.counted (at, user_id, config_id, contact_number, messages_in)"
            " select now() - n %% 160 * interval '1 hour', f.user_id, f.id,"
            " '+1555' || lpad(n::text, 7, '0'), 1"
            " from generate_series(1, 20000) as n, public.sms_configs as f"
            " where f.id = %s or n %% 2 = 0",
            one.id,
        )
        await db.admin.rows("select sms.fold_counters(100000)")
        await db.admin.rows(
            "insert into sms.counted (at, user_id, config_id, contact_number, messages_in)"
            " select now(), user_id, id, '+1555' || lpad(n::text, 7, '0'), 1"
            " from public.sms_configs, generate_series(1, 100) as n where id = %s",
            other.id,
        )
        await db.admin.rows("analyze")
        owner = await db.person(one)
        row = (await owner.rows("select * from public.get_sms_stats()"))[0]
        assert row["active_users_7d"] == 20000
        taken = []
        for _ in range(9):
            plan = await owner.value("explain (analyze, format json) select * from get_sms_stats()")
            taken.append(plan[0]["Execution Time"])
        with capsys.disabled():
            print(f"\nget_sms_stats, 20,000 contacts in seven days: {min(taken):.1f} ms")
        assert min(taken) < 20
