"""Chapters 40 to 42: every query of a client finds an index, however much is stored."""

# ruff: noqa: S608 - every value in these statements is a constant of this repository

from __future__ import annotations

import asyncio
import re
import statistics
import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest

from gateway.local.stack import Stack
from tests.bench import data
from tests.sql import Db, scratch_database

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


READ_WHOLE = re.compile(r"Seq Scan on (sms_messages|sms_conversations|sms_daily_stats)")


async def plans_of(db: Db, query: str, times: int = 1) -> list[str]:
    """The plans of a query and of all that its functions ask, by auto_explain; nothing stays."""
    plans: list[str] = []
    await db.admin.rows("load 'auto_explain'")
    await db.admin.rows("set auto_explain.log_min_duration = 0")
    await db.admin.rows("set auto_explain.log_nested_statements = on")
    await db.admin.rows("set auto_explain.log_level = notice")
    await db.admin.sign_in(data.OWNER)
    db.admin.connection.add_notice_handler(lambda notice: plans.append(str(notice.message_primary)))
    for _ in range(times):
        async with db.admin.transaction() as undone:
            await db.admin.rows(query)
            raise psycopg.Rollback(undone)
    assert any("Scan" in plan for plan in plans), "auto_explain said nothing"
    return plans


@pytest.mark.parametrize("name", QUERIES)
async def test_every_query_finds_an_index(filled: Db, name: str) -> None:
    """So few rows are sometimes read whole because that is cheaper: then only without need."""
    await filled.admin.rows("set enable_seqscan = off")
    plans = await plans_of(filled, QUERIES[name], times=7)  # the sixth may be for any parameter
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
async def member(filled: Db) -> AsyncIterator[str]:
    """Works in 20 accounts: OWNER's, all others of the data, and some without any."""
    member, others = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(20)]
    await filled.admin.rows(
        "insert into auth.users (id, email) select id, id || '@example.com'"
        " from unnest(%s::uuid[]) as id",
        [member, *others],
    )
    await filled.admin.rows(
        "insert into public.sms_members (user_id, member_id, email)"
        " select a.id, %s, 'member@example.com' from (select u.id from auth.users as u"
        " where u.id <> %s order by u.email like 'bench%%' desc, u.id limit 20) as a",
        member,
        member,
    )
    yield member
    await filled.admin.rows("reset role")
    await filled.admin.rows("delete from auth.users where id = any(%s)", [member, *others])


async def pages_of(db: Db, who: str, query: str) -> int:
    """The pages that Postgres looks at, in memory or not, once the session knows its catalogs."""
    await db.admin.sign_in(who)
    for _ in range(3):
        told = await db.admin.value(f"explain (analyze, buffers, format json) {query}")
    await db.admin.rows("reset role")
    plan = told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("name", OF_ONE_ACCOUNT)
async def test_a_member_of_20_accounts_reads_no_more_pages_than_the_owner(
    filled: Db, member: str, name: str
) -> None:
    owners = await pages_of(filled, data.OWNER, OF_ONE_ACCOUNT[name])
    members = await pages_of(filled, member, OF_ONE_ACCOUNT[name])
    print(f"{name}: the owner {owners} pages, a member of 20 accounts {members}")
    assert members <= 1.3 * owners


@pytest.mark.long
async def test_five_million_messages_are_as_quick_as_fifty_thousand(
    stack: Stack, filled: Db, capsys: pytest.CaptureFixture[str]
) -> None:
    """For an owner of 1,000,000: milliseconds in Postgres, the median of 21, without a client."""
    few = await times_of(filled)
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
    await db.admin.sign_in(data.OWNER)
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
