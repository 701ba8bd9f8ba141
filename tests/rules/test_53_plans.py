"""What clients ask reads rows of their own accounts alone, among a thousand others.

Each query is one that the inbox, a page of a customer's or an export sends; plans are those that
ran, also inside of functions. `pytest -m long tests/rules/test_53_plans.py -s` does it with 100,000
conversations in our accounts, prints each plan's scans and compares a member with an owner.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import Diagnostic

from gateway.local.stack import Stack
from tests import tenants
from tests.sql import Db, Number, Session, scratch_database

# Of every account: to read such a row of somebody else's would be a leak, were it not filtered.
ACCOUNT_TABLES = {
    *("sms_configs", "sms_conversations", "sms_messages", "sms_contacts", "sms_opt_outs"),
    *("sms_members", "sms_invitations", "sms_config_versions", "sms_keyword_replies"),
    *("sms_daily_stats", "sms_documents", "sms_passages", "sms_questions", "sms_tool_calls"),
    *("sms_events", "sms_event_targets", "sms_event_deliveries", "sms_replays"),
    *("sms_replay_answers", "contact_digits", "known_words"),
    *("hourly_counts", "hourly_contacts", "first_replies", "active_contacts"),
}
# Their entries begin with the account.
ACCOUNT_INDEXES = {
    "sms_messages_search_idx",
    "sms_contacts_words_idx",
    "sms_contact_digits_endings_idx",
    "sms_passages_words_idx",
    "known_words_pkey",
}
# What one account's row is found by: the account, or an id that the query names.
KEYS = re.compile(
    r"\b(user_id|member_id|config_id|conversation_id|target_id|replay_id|reply_id|document_id"
    r"|event_id|message_id|id) = "
)

PAGE = " order by last_message_at desc, id limit 50"
INBOX = "select * from sms_inbox where user_id = %(account)s"

# As PostgREST makes them of the inbox's calls (gateway/inbox/src/data) and of a page's own.
QUERIES = {
    "list, all": INBOX + PAGE,
    "list, of a number": INBOX + " and config_id = %(number)s" + PAGE,
    "list, mine": INBOX + " and assigned_to = %(me)s" + PAGE,
    "list, unassigned": INBOX + " and assigned_to is null and status = 'active'" + PAGE,
    "list, wants a human": INBOX + " and wants_human" + PAGE,
    "list, unread": INBOX + " and unread_count > 0" + PAGE,
    "list, failed": INBOX + " and message_status in ('failed', 'undelivered', 'blocked')" + PAGE,
    "list, closed": INBOX + " and status = 'closed'" + PAGE,
    "list, next page": INBOX
    + " and last_message_at <= %(at)s and (last_message_at < %(at)s or id > %(conversation)s)"
    + PAGE,
    "list, changed ones": INBOX + " and id = any (array[%(conversation)s::uuid])",
    "conversation": "select * from sms_inbox where id = %(conversation)s",
    "pending reply": "select reply_due_at, leased_for, reply_error, last_incoming_id"
    " from sms_conversations where id = %(conversation)s",
    "conversations of a contact": INBOX
    + " and contact_number = %(contact)s order by last_message_at desc limit 20",
    "thread": "select * from sms_messages where conversation_id = %(conversation)s"
    " order by id desc limit 50",
    "thread, older": "select * from sms_messages where conversation_id = %(conversation)s"
    " and id < %(message)s order by id desc limit 50",
    "thread, newer": "select * from sms_messages where conversation_id = %(conversation)s"
    " and id >= %(message)s order by id limit 50",
    "history": "select * from get_sms_conversation_history(%(conversation)s)",
    "search for a word": "select * from search_sms('pedido', 50, null, %(account)s)",
    "search for a rare word": "select * from search_sms('pedido ' || %(contact)s::bigint"
    " - 12000000000, 50, null, %(account)s)",
    "search for digits": "select * from search_sms('2000', 50, null, %(account)s)",
    "search for a name": "select * from search_sms('ana', 50, null, %(account)s)",
    "export": "select * from sms_export where created_at >= now() - interval '7 days'",
    "contact": "select * from sms_contacts where user_id = %(account)s"
    " and contact_number = %(contact)s",
    "names": "select contact_number, name from sms_contacts where user_id = %(account)s"
    " and contact_number = any (array[%(contact)s, '+1'])",
    "opt-outs": "select * from sms_opt_outs where user_id = %(account)s"
    " and contact_number = %(contact)s order by changed_at desc",
    "totals": "select * from get_user_sms_stats(%(account)s)",
    "engagement": "select * from get_sms_engagement_metrics(30, %(account)s)",
    "engagement of a number": "select * from"
    " get_sms_engagement_metrics(30, %(account)s, %(number)s)",
    "daily": "select * from get_sms_daily(%(account)s, null, 30)",
    "failures": "select error_code, error_message, status from sms_messages"
    " where user_id = %(account)s and status in ('failed', 'undelivered', 'blocked')"
    " and created_at >= now() - interval '30 days' order by id desc limit 1000",
    "counters": "select * from sms_daily_stats where user_id = %(account)s"
    " and day > now() - interval '30 days'",
    "numbers": "select * from sms_configs where user_id = %(account)s order by created_at",
    "versions": "select * from sms_config_versions where user_id = %(account)s"
    " and config_id = %(number)s order by version desc limit 20",
    "keywords": "select * from sms_keyword_replies where config_id = %(number)s order by keyword",
    "documents": "select id, title, config_id, language, enabled, updated_at from sms_documents"
    " where user_id = %(account)s order by title",
    "document": "select content from sms_documents where id = %(account)s",
    "questions": "select * from sms_questions where user_id = %(account)s and status = 'open'"
    " order by asked desc, last_asked_at desc limit 100",
    "knowledge": "select * from ask_sms_knowledge(%(number)s, 'A que hora abren?')",
    "passages": "select id, title, content from sms_passages"
    " where id = any (array(select id from sms_passages where user_id = %(account)s limit 3))",
    "tool calls": "select * from sms_tool_calls where reply_id = %(message)s order by id",
    "targets": "select * from sms_event_targets where user_id = %(account)s order by created_at",
    "deliveries": "select d.id, d.status, e.type, e.conversation_id from sms_event_deliveries as d"
    " left join sms_events as e on e.id = d.event_id where d.target_id = %(account)s"
    " order by d.id desc limit 20",
    "events": "select * from sms_events where user_id = %(account)s"
    " order by occurred_at desc limit 50",
    "replays": "select * from sms_replays where user_id = %(account)s order by created_at desc",
    "replay": "select get_sms_replay(%(account)s)",
    "replay's answers": "select * from sms_replay_answers"
    " where user_id = %(account)s and replay_id = %(account)s order by place",
    "accounts": "select * from get_sms_accounts()",
    "team": "select * from get_sms_team(%(account)s)",
    "members": "select * from sms_members where user_id = %(account)s",
    "invitations": "select * from sms_invitations where user_id = %(account)s"
    " and accepted_at is null order by created_at",
}


# Fifty rows stand together in what these read.
FULL_PAGES = {"list, all", "list, of a number", "list, closed", "list, next page"}


@dataclass
class Plans:
    """What auto_explain tells of the statements of a session, one plan each."""

    seen: list[dict[str, Any]] = field(default_factory=list)

    def note(self, told: Diagnostic) -> None:
        _, _, plan = (told.message_primary or "").partition("plan:\n")
        if plan:
            self.seen.append(json.loads(plan))

    @classmethod
    async def of(cls, session: Session) -> Plans:
        """Of what this session runs from now on; it belongs to a superuser still."""
        plans = cls()
        session.connection.add_notice_handler(plans.note)
        await session.rows("load 'auto_explain'")
        for setting in (
            *("log_min_duration = 0", "log_nested_statements = on", "log_analyze = on"),
            *("log_buffers = on", "log_format = json", "log_timing = off", "log_level = notice"),
        ):
            await session.rows(f"set auto_explain.{setting}")
        return plans

    def scans(self) -> Iterator[dict[str, Any]]:
        """Each node that reads a table of accounts."""
        for plan in self.seen:
            for node in nodes(plan["Plan"]):
                if node.get("Relation Name") in ACCOUNT_TABLES:
                    yield node

    def has_init_plan(self) -> bool:
        return any(
            node.get("Parent Relationship") == "InitPlan"
            for plan in self.seen
            for node in nodes(plan["Plan"])
        )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        if plan["Node Type"] == "Bitmap Heap Scan" and "Plans" not in below:
            below = {**below, "Relation Name": plan["Relation Name"]}
        yield from nodes(below)


def is_of_one_account(scan: dict[str, Any]) -> bool:
    """Is what it reads found by an account or by an id? What a bitmap found was found below it."""
    if scan["Node Type"] == "Bitmap Heap Scan":
        return True
    condition = scan.get("Index Cond", "")
    return scan.get("Index Name") in ACCOUNT_INDEXES or bool(KEYS.search(condition))


def shown(scan: dict[str, Any]) -> str:
    return "{} {} {} ({})".format(
        scan["Node Type"],
        scan.get("Index Name") or scan["Relation Name"],
        scan.get("Index Cond", ""),
        " ".join(
            f"{name}: {scan[name]}"
            for name in ("Actual Rows", "Rows Removed by Filter")
            if name in scan
        ),
    )


SIZES = [3_000, pytest.param(100_000, marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=SIZES)
async def filled(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        await asyncio.to_thread(tenants.fill, url, request.param)
        yield url


@pytest.fixture
async def tenancy(filled: str) -> AsyncIterator[Db]:
    async with Db.connect(filled) as db:
        yield db


async def values(db: Db, account: int) -> dict[str, Any]:
    """One of the account's conversations, with what belongs to it, for QUERIES."""
    [row] = await db.admin.rows(
        "select id as conversation, contact_number as contact, last_message_at as at,"
        " last_incoming_id + 1 as message from sms_conversations where user_id = %s"
        " and contact_number in (select contact_number from sms_opt_outs)"
        " order by last_message_at desc offset 2 limit 1",
        tenants.account(account),
    )
    key = tenants.account(account)
    return {**row, "account": key, "number": key, "me": tenants.MEMBER}


async def client(db: Db, user: Any) -> Session:
    return await db.person(Number(user, user, ""))


async def is_small(db: Db) -> bool:
    small: bool = await db.admin.value("select count(*) < 100000 from sms_conversations")
    return small


async def ask(session: Session, query: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = await session.connection.execute(query.encode(), given)
    return await cursor.fetchall()


async def test_no_query_of_a_client_reads_a_row_of_another_account(tenancy: Db) -> None:
    member = await client(tenancy, tenants.MEMBER)
    await member.rows("reset role")
    plans = await Plans.of(member)
    if await is_small(tenancy):
        await member.rows("set enable_seqscan = off")  # some tables are of one page here
    await member.rows("set role authenticated")
    given, strange, bare = await values(tenancy, 7), {}, []
    for name, query in QUERIES.items():
        plans.seen.clear()
        assert await ask(member, query, given), name
        scans = list(plans.scans())
        wrong = [shown(scan) for scan in scans if not is_of_one_account(scan)]
        print(f"{name}:", *(shown(scan) for scan in scans), sep="\n  ")
        if wrong:
            strange[name] = wrong
        if not plans.has_init_plan():
            bare.append(name)
    assert strange == {}
    print("without an InitPlan:", bare)


async def test_a_member_of_twenty_accounts_waits_no_longer_than_the_owner(tenancy: Db) -> None:
    """Pages; milliseconds of CPU are printed, medians of turns."""
    given = await values(tenancy, 7)
    who = {
        "member": await client(tenancy, tenants.MEMBER),
        "owner": await client(tenancy, tenants.account(7)),
    }
    ratios, small = {}, await is_small(tenancy)
    for name, query in QUERIES.items():
        if name in ("accounts", "export"):  # of all accounts that one has
            continue
        pages = {role: await pages_of(session, query, given) for role, session in who.items()}
        times = await in_turns(who, query, given, 3 if small else 31)
        print(
            f"{name:28}",
            *(f"{role} {pages[role]:6} pages {times[role]:7.2f} ms" for role in who),
            f"{times['member'] / times['owner']:.2f}",
        )
        ratios[name] = pages["member"] / pages["owner"]
        if name in FULL_PAGES:
            assert max(pages.values()) < 1000, "fifty rows, whatever the account has beside them"
    assert {name: ratio for name, ratio in ratios.items() if ratio > 1.3} == {}


async def pages_of(session: Session, query: str, given: dict[str, Any]) -> int:
    """Of 8 kB, hits of the cache included; the third time, when all is planned."""
    for _ in range(3):
        told = await ask(session, f"explain (analyze, buffers, format json) {query}", given)
    plan = told[0]["QUERY PLAN"][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def in_turns(
    who: dict[str, Session], query: str, given: dict[str, Any], turns: int
) -> dict[str, float]:
    """Median milliseconds of CPU of the session's backend: what else runs here does not count."""
    times: dict[str, list[float]] = {role: [] for role in who}
    for _ in range(turns):
        for role, session in who.items():
            before = cpu_ms(session)
            await ask(session, query, given)
            times[role].append(cpu_ms(session) - before)
    return {role: statistics.median(found) for role, found in times.items()}


def cpu_ms(session: Session) -> float:
    told = Path(f"/proc/{session.pid}/schedstat").read_text()
    return int(told.split()[0]) / 10**6
