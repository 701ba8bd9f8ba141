"""What a chapter of the SQL costs a message that does not use it.

One database has the SQL as it is; in each of the others the places where the message's own path
asks a chapter are patched to say that there is nothing. The same lives are led on all of them, in
turns on one connection each: a known contact's message comes, is claimed, answered and sent. No
number has a target, tools, documents or a replay. Calls of the Data API are equal by construction:
what is patched stands inside of the four.
"""

from __future__ import annotations

import re
import statistics
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.errors import Diagnostic
from psycopg.types.json import Jsonb

from tests.bench.report import Figure, Report
from tests.bench.world import UNLIMITED, Bench
from tests.sql import Db, Number, Session, new_contact, new_sid, scratch_database

SECTION = "12 chapters"
AS_IT_IS = "as it is"
CALLS = ("ingest_sms", "claim_sms_work", "queue_sms_reply", "finish_sms_send", "an empty claim")
COUNTS = ("statements", "functions", "pages", "WAL records")


@dataclass(frozen=True)
class Chapter:
    """What its hooks look like in the functions of others, and what stands there instead."""

    hooks: dict[str, str]
    triggers: str = ""  # the functions of those that are dropped, as a regular expression
    at_most: float | None = None  # of the CPU of a life without it


CHAPTERS = {
    "contacts": Chapter(
        {
            r"sms\.known_of\([^;]*?context_attributes\s*\)": "null::jsonb",
            r"\b\w+\.is_blocked\b": "false",
            r"sms\.meet_contact\([^()]*\)": "false",
        }
    ),
    "events": Chapter(
        {
            r"\b\w+\.event_types <> '\{\}'": "false",
            r"'[a-z._]+' = any ?\(\w+\.event_types\)": "false",
            r"p_payload ->> 'from' = any ?\(\w+\.staff_numbers\)": "false",
        },
        triggers="^sms.emit_",
        at_most=1.1,
    ),
    "tools": Chapter(
        {
            r"case when \w+\.tools is not null\s+then sms\.offered_tools\([^()]*\) end": "null",
            r"\b\w+\.tool_calls_since is not null": "false",
            r"\b\w+\.tool_calls_since = \w+\.waiting_since": "false",
        },
        at_most=1.1,
    ),
    "knowledge": Chapter(
        {
            r"sms\.passages_of\([^()]*\)": "null::jsonb",
            r"\b\w+\.knowledge_size > 0": "false",
        },
        at_most=1.1,
    ),
    "replay": Chapter({r"sms\.claim_replay\([^()]*\)": "null::jsonb"}, at_most=1.1),
}

FUNCTIONS = """
select pg_get_functiondef(p.oid) as source from pg_proc as p
where p.pronamespace in ('sms'::regnamespace, 'public'::regnamespace) and p.prokind = 'f'
  and p.prolang <> (select oid from pg_language where lanname = 'c')
"""
TRIGGERS = """
select format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass) as statement
from pg_trigger as t where t.tgfoid::regproc::text ~ %s
"""
CALLED = "select coalesce(sum(calls), 0)::integer from pg_stat_xact_user_functions"


async def leave_out(db: Db, chapter: Chapter) -> None:
    """Raises LookupError when a hook is not to be found any more: it looks otherwise now."""
    found = dict.fromkeys(chapter.hooks, 0)
    for function in await db.admin.rows(FUNCTIONS):
        head, _, body = function["source"].partition("AS $")
        changed = body
        for hook, instead in chapter.hooks.items():
            changed, count = re.subn(hook, instead, changed)
            found[hook] += count
        if changed != body:
            await db.admin.rows(f"{head}AS ${changed}")
    for row in await db.admin.rows(TRIGGERS, chapter.triggers or "^$"):
        await db.admin.rows(row["statement"])
    missing = [hook for hook, count in found.items() if not count]
    if missing:
        raise LookupError(f"no function asks {missing} any more: correct tests/bench/chapters.py")


@dataclass
class Side:
    """A database with known contacts, and a session of the gateway's that leads lives on it."""

    db: Db
    session: Session
    number: Number
    contacts: list[str] = field(default_factory=list)
    turn: int = 0
    statements: int = 0
    counts: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)

    @classmethod
    async def open(
        cls, url: str, chapter: Chapter | None, contacts: int, opened: AsyncExitStack
    ) -> Side:
        db = await opened.enter_async_context(Db.connect(url))
        await db.admin.rows("drop trigger watch_steps on public.sms_messages")  # of the tests
        if chapter:
            await leave_out(db, chapter)
        await db.admin.rows("grant set on parameter track_functions to service_role")
        # Plans as of large tables, and the same on all sides whenever they are made: these grow.
        name = await db.admin.value("select current_database()")
        await db.admin.rows(f"alter database {name} set enable_seqscan = off")
        for table in ("sms_messages", "sms_conversations", "sms_webhook_logs"):
            await db.admin.rows(f"alter table public.{table} set (autovacuum_enabled = off)")
        session = await db.session()
        return cls(
            db,
            session,
            await db.number(None, **UNLIMITED),
            [new_contact() for _ in range(contacts)],
        )

    def payload(self) -> dict[str, Any]:
        self.turn += 1
        contact = self.contacts[self.turn % len(self.contacts)]
        body = {"body": f"Hola, quiero una mesa para {self.turn}", "media": [], "form": {}}
        return {"sid": new_sid(), "from": contact, "to": self.number.phone, **body}

    async def live(self, call: Callable[..., Awaitable[Any]]) -> None:
        """One message until its reply is at Twilio, and a claim with nothing due."""
        await call(self, "ingest_sms", p_payload=self.payload())
        lease = str(uuid.uuid4())
        job = await call(self, "claim_sms_work", p_worker="bench", p_lease_id=lease)
        reply = {"p_content": "Claro.", "p_encoding": "GSM-7", "p_segments": 1}
        sent = await call(
            *(self, "queue_sms_reply"), p_lease_id=lease, p_message_id=job["message_id"], **reply
        )
        done = {"p_message_sid": new_sid(), "p_status": "queued"}
        await call(
            *(self, "finish_sms_send"), p_lease_id=lease, p_message_id=sent["message_id"], **done
        )
        empty = {"p_worker": "bench", "p_lease_id": str(uuid.uuid4())}
        await call(self, "claim_sms_work", **empty, kind="an empty claim")

    async def count(self, lives: int) -> None:
        """What so many lives read and write, after one of each contact."""
        for _ in self.contacts:
            await self.live(plainly)
        await self.db.admin.rows("vacuum analyze")
        cheap, self.session = self.session, await self.db.session()
        await explaining(self)
        for _ in range(lives):
            await self.live(counted)
        self.session = cheap

    async def spend(self, lives: int) -> float:
        """Milliseconds of CPU of the session's backend for each of so many lives."""
        before = self.cpu_seconds()
        for _ in range(lives):
            await self.live(plainly)
        return (self.cpu_seconds() - before) / lives * 1000

    def cpu_seconds(self) -> float:
        told = Path(f"/proc/{self.session.pid}/schedstat").read_text()
        return int(told.split()[0]) / 1e9


async def plainly(side: Side, name: str, kind: str = "", **params: Any) -> Any:
    named, given = _named(params)
    return await side.session.value(f"select public.{name}({named})", *given)


async def counted(side: Side, name: str, kind: str = "", **params: Any) -> Any:
    """The call; what it read and wrote is noted. Explained, the answer comes by asking again."""
    named, given = _named(params)
    counts = side.counts.setdefault(kind or name, {count: [] for count in COUNTS})
    async with side.session.transaction():
        await side.session.rows("set local track_functions = 'all'")
        before = await side.session.value(CALLED)
        side.statements = 0
        [told] = await side.session.value(
            f"explain (analyze, buffers, wal, format json) select public.{name}({named})", *given
        )
        counts["statements"].append(side.statements)
        counts["functions"].append(await side.session.value(CALLED) - before)
    plan = told["Plan"]
    counts["pages"].append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
    counts["WAL records"].append(plan["WAL Records"])
    if name in ("claim_sms_work", "queue_sms_reply"):  # asked again they say the same
        return await plainly(side, name, **params)


def _named(params: dict[str, Any]) -> tuple[str, list[Any]]:
    given = [Jsonb(value) if isinstance(value, dict) else value for value in params.values()]
    return ", ".join(f"{name} => %s" for name in params), given


async def explaining(side: Side) -> None:
    """From now on each statement inside of functions is told of, and counted."""

    def note(told: Diagnostic) -> None:
        side.statements += (told.message_primary or "").startswith("duration:")

    side.session.connection.add_notice_handler(note)
    await side.session.rows("reset role")
    await side.session.rows("load 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_level = notice"):
        await side.session.rows(f"set auto_explain.{setting}")
    await side.session.rows("set role service_role")


async def measure(bench: Bench, report: Report) -> None:
    server = (await bench.stack()).postgres_url
    turns, lives = bench.size.of(9, 2), bench.size.of(100, 5)
    chapters: dict[str, Chapter | None] = {AS_IT_IS: None, **CHAPTERS}
    async with AsyncExitStack() as opened:
        sides = {}
        for name, chapter in chapters.items():
            url = await opened.enter_async_context(scratch_database(server))
            sides[name] = await Side.open(url, chapter, bench.size.of(50, 5), opened)
        for side in sides.values():  # first, while all of them lie alike on their pages
            await side.count(bench.size.of(40, 10))
        for turn in range(turns + 1):
            for side in sides.values():
                spent = await side.spend(lives)
                if turn:  # the first plans and fills the caches
                    side.cpu.append(spent)
    for name in CHAPTERS:
        report_chapter(report, name, sides[AS_IT_IS], sides[name])
    spent_of = tuple(sides[AS_IT_IS].cpu)
    report.add(Figure(SECTION, "CPU of Postgres a life, as it is", spent_of, "ms"))


def report_chapter(report: Report, name: str, whole: Side, without: Side) -> None:
    """How much more there is with the chapter; of CPU, how many times as much."""
    for count in COUNTS:
        more = {call: typical(whole, call, count) - typical(without, call, count) for call in CALLS}
        life = sum(more.values())
        note = ", ".join(f"{call} {value:+g}" for call, value in more.items() if value)
        total = sum(typical(whole, call, count) for call in CALLS)
        what = f"{name}: {count} more a life (of {total:g})"
        report.add(Figure(SECTION, what, (life,), note=note))
    pairs = zip(whole.cpu, without.cpu, strict=True)
    ratios = tuple(with_it / without_it for with_it, without_it in pairs)
    most = CHAPTERS[name].at_most
    report.add(Figure(SECTION, f"{name}: CPU of a life, with / without", ratios, at_most=most))


def typical(side: Side, call: str, count: str) -> float:
    return statistics.median(side.counts[call][count])
