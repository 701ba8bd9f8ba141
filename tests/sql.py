"""Scratch databases with the product's schema, and its SQL functions as Python calls.

A test of the rules needs a database of its own: whoever claims work takes whatever is due.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

REPOSITORY = Path(__file__).parents[1]
Job: TypeAlias = dict[str, Any]

# What the migrations build on, in a server whose roles are there already.
GROUND = """
create schema extensions;
create schema auth;
grant usage on schema extensions, auth, public to postgres, anon, authenticated, service_role;
create table auth.users (
  id uuid primary key default gen_random_uuid(), email text unique, email_confirmed_at timestamptz
);
grant all on auth.users to postgres;
create function auth.uid() returns uuid language sql stable as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
alter default privileges for role postgres in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to anon, authenticated, service_role;
"""

# Every change of a text's state that Twilio's word forbids, written down as it happens.
WATCH = """
create table realtime.messages_all partition of realtime.messages default;
create table sms.steps_back (message_id bigint, was text, became text);
create function sms.watch_steps() returns trigger language plpgsql security definer as $$
begin
  insert into sms.steps_back values (new.id, old.status, new.status);
  return null;
end;
$$;
create trigger watch_steps after update on public.sms_messages
  for each row when (
    old.message_sid is not null and (
      new.message_sid is distinct from old.message_sid
      or sms.status_rank(new.status) < sms.status_rank(old.status)
    )
  ) execute function sms.watch_steps();
"""

# Each lists what breaks it.
INVARIANTS = {
    "one lease per contact": """
        select config_id, contact_number from public.sms_conversations
        where leased_until > clock_timestamp()
        group by config_id, contact_number having count(*) > 1""",
    "one message of a conversation is being sent": """
        select conversation_id from public.sms_messages where status = 'sending'
        group by conversation_id having count(*) > 1""",
    "every open row has a due time": """
        select c.id, c.send_due_at, sms.send_due(c.id) from public.sms_conversations as c
        where c.send_due_at is distinct from sms.send_due(c.id)""",
    "every pending reply has a due time": """
        select id from public.sms_conversations
        where (waiting_since is null) <> (reply_due_at is null)""",
    "a message is answered by one row": """
        select in_reply_to from public.sms_messages where in_reply_to is not null
        group by in_reply_to having count(*) > 1""",
    "no SID before accepted": """
        select id, status from public.sms_messages
        where message_sid is not null and is_open""",
    "states only move forward": "select * from sms.steps_back",
    "last_incoming_id is the newest message": """
        select c.id, c.last_incoming_id from public.sms_conversations as c
        where c.last_incoming_id is distinct from (
          select max(m.id) from public.sms_messages as m
          where m.conversation_id = c.id and m.direction = 'incoming'
        )""",
    "last_pending_id is a message of the contact, not newer than its newest": """
        select c.id, c.last_pending_id, c.last_incoming_id from public.sms_conversations as c
        where c.last_pending_id > c.last_incoming_id
          or c.last_pending_id is null and c.reply_due_at is not null""",
    # By number and not by day: time that passes here moves messages and not what was counted.
    "counters are what a recount finds": """
        with seen as (
          select user_id, config_id, sum(messages_in), sum(messages_out), sum(ai_replies),
            sum(human_replies), sum(failed), sum(segments), sum(responses), sum(response_seconds)
          from sms.counts(null, null, '-infinity')
          group by user_id, config_id having sum(messages_in + messages_out) <> 0
        ), recounted as (
          select m.user_id, c.config_id,
            count(*) filter (where direction = 'incoming'),
            count(*) filter (where direction = 'outgoing'),
            count(*) filter (where author = 'ai'), count(*) filter (where author = 'human'),
            count(*) filter (where m.status in ('failed', 'undelivered')),
            coalesce(sum(segments) filter (
              where direction = 'outgoing' and m.status not in ('failed', 'canceled', 'blocked')
            ), 0),
            count(response_seconds) filter (where arrives),
            coalesce(sum(response_seconds) filter (where arrives), 0)
          from public.sms_messages as m
          join public.sms_conversations as c on c.id = m.conversation_id,
            lateral (
              select m.status not in ('failed', 'undelivered', 'canceled', 'blocked') as arrives
            ) as a
          group by 1, 2
        )
        (table seen except table recounted) union all (table recounted except table seen)""",
    "conversations are counted as they are": """
        select user_id, config_id, sum(conversations), sum(ended + erased), sum(reopened),
          sum(answered_by_ai), sum(answered_by_human), sum(unanswered)
        from sms.counts(null, null, '-infinity') group by user_id, config_id
        having sum(conversations) > 0
        except
        select user_id, config_id, count(*), count(*) filter (where status = 'closed'),
          count(*) filter (where is_reopened), count(*) filter (where outcome = 'answered_by_ai'),
          count(*) filter (where outcome = 'answered_by_human'),
          count(*) filter (where outcome = 'unanswered')
        from public.sms_conversations group by user_id, config_id""",
    "who wrote counts once": """
        with seen as (
          select user_id, contact_number from sms.active_contacts
          union
          select user_id, contact_number collate "C" from unnest(sms.unfolded(null, null))
          where contact_number is not null
        ), recounted as (
          select distinct c.user_id, c.contact_number collate "C"
          from public.sms_conversations as c
          where c.last_incoming_id is not null and c.contact_number not like 'forgotten:%'
        )
        (table seen except table recounted) union all (table recounted except table seen)""",
    "a first reply is counted where it is": """
        with seen as (
          select config_id, bucket, sum(replies) as replies from (
            select config_id, bucket, replies from sms.first_replies
            union all
            select config_id, first_reply_bucket, first_replies
            from unnest(sms.unfolded(null, null)) where first_replies is not null
          ) as r group by config_id, bucket having sum(replies) <> 0
        ), recounted as (
          select config_id, ceil(log(1.25, greatest(response_seconds, 1)))::smallint, count(*)
          from (
            select distinct on (m.conversation_id) c.config_id, m.response_seconds, m.status
            from public.sms_messages as m
            join public.sms_conversations as c on c.id = m.conversation_id
            where m.response_seconds is not null
            order by m.conversation_id, m.id
          ) as f
          where status not in ('failed', 'undelivered', 'canceled', 'blocked')
          group by 1, 2
        )
        (table seen except table recounted) union all (table recounted except table seen)""",
    "nothing is sent to who opted out": """
        select m.id from public.sms_messages as m
        join public.sms_conversations as c on c.id = m.conversation_id
        join public.sms_configs as f on f.id = c.config_id
        where m.status = 'sending'
          and m.canned_reply is distinct from 'stop' -- the confirmation of the opt-out itself
          and sms.is_opted_out(c.user_id, c.contact_number, f.phone_number)
          and m.sending_at > (
            select max(o.changed_at) from public.sms_opt_outs as o
            where o.user_id = c.user_id and o.contact_number = c.contact_number and o.opted_out
          )""",
    "one active conversation per contact": """
        select config_id, contact_number from public.sms_conversations where status = 'active'
        group by config_id, contact_number having count(*) > 1""",
}

# Moves everything into the past, which is what waiting does.
TIMES = {
    "sms_conversations": "paused_until last_message_at created_at closed_at reply_due_at"
    " waiting_since wants_human_since tool_calls_since send_due_at leased_until",
    "sms_messages": "send_at sending_at listed_empty_at resent_at occurred_at created_at",
    "sms_opt_outs": "changed_at",
    "sms_tool_calls": "waiting_since created_at",
    "sms_configs": "suspended_until created_at",
}


def new_sid() -> str:
    return "SM" + uuid.uuid4().hex


def new_contact() -> str:
    return f"+1555{random.randrange(10**7):07}"


@dataclass(frozen=True)
class Number:
    """One row of sms_configs."""

    id: uuid.UUID
    user_id: uuid.UUID
    phone: str


class Session:
    """One connection. Statements commit by themselves; `transaction()` holds their locks."""

    def __init__(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self.connection = connection
        self.transaction = connection.transaction
        self.pid = connection.info.backend_pid

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        cursor = await self.connection.execute(query.encode(), values or None)
        return await cursor.fetchall() if cursor.description else []

    async def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        return next(iter((await self.rows(query, *values))[0].values()))

    async def call(self, name: str, /, **params: Any) -> Any:
        given = {k: Jsonb(v) if isinstance(v, (dict, list)) else v for k, v in params.items()}
        named = ", ".join(f"p_{name} => %s" for name in given)
        return await self.value(f"select public.{name}({named})", *given.values())

    async def sign_in(self, user_id: object) -> None:
        """From here on this is a client's session."""
        claims = json.dumps({"sub": str(user_id), "role": "authenticated"})
        await self.rows("select set_config('request.jwt.claims', %s, false)", claims)
        await self.rows("set role authenticated")

    async def ingest(
        self,
        number: Number,
        contact: str,
        body: str = "Hola",
        sid: str | None = None,
        at: datetime | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        payload: dict[str, Any] = {"sid": sid or new_sid(), "from": contact, "to": number.phone}
        payload |= {"body": body, "media": [], "form": None, **more}
        result: dict[str, Any] = await self.call("ingest_sms", payload=payload, occurred_at=at)
        return result

    async def claim(self, lease: str | None = None, seconds: float | None = None) -> Job:
        job: Job = await self.call(
            "claim_sms_work",
            worker="test",
            lease_id=lease or str(uuid.uuid4()),
            lease=seconds and timedelta(seconds=seconds),
        )
        return job

    async def answer(self, job: Job, content: str = "Claro.") -> Job:
        """queue_sms_reply; its answer serves as the job for `finish` and `fail`."""
        answer: Job = await self.call(
            "queue_sms_reply",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            content=content,
            encoding="GSM-7",
            segments=1,
        )
        return answer

    async def finish(self, job: Job, sid: str | None = None, status: str = "queued") -> str:
        return await self._outcome(
            "finish_sms_send",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            message_sid=sid or new_sid(),
            status=status,
            segments=1,
        )

    async def finish_and_claim(
        self, job: Job, lease: str | None = None, sid: str | None = None
    ) -> Job | None:
        """finish_sms_send as a worker behind a backlog calls it; the job that it brings."""
        finished = await self.call(
            "finish_sms_send",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            message_sid=sid or new_sid(),
            status="queued",
            next_lease_id=lease or str(uuid.uuid4()),
        )
        assert finished["outcome"] == "recorded"
        brought: Job | None = finished["next"]
        return brought

    async def fail(
        self, job: Job, outcome: str, code: int | None = None, retry_after: str | None = None
    ) -> str:
        return await self._outcome(
            "fail_sms_send",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            outcome=outcome,
            error_message=f"Twilio says {outcome}",
            error_code=code,
            retry_after=retry_after,
        )

    async def fail_sms_reply(
        self, job: Job, *, suspends: bool = False, retry_after: str | None = None
    ) -> str:
        return await self._outcome(
            "fail_sms_reply",
            lease_id=job["lease_id"],
            error="no usable text",
            suspends=suspends,
            retry_after=retry_after,
        )

    async def settle(self, job: Job, found: list[Job] | None) -> str:
        return await self._outcome(
            "reconcile_sms", message_id=job["message_id"], found=found, lease_id=job.get("lease_id")
        )

    async def callback(self, job: Job, sid: str, status: str, **more: Any) -> str:
        payload = {"sid": sid, "status": status, "to": job["to"], "message_id": job["message_id"]}
        return await self._outcome("record_sms_delivery", payload=payload | {"form": None, **more})

    async def write(self, conversation_id: str, content: str = "Le atiendo yo.") -> int:
        """A person's text: the row its owner inserts. Returns its id."""
        row = await self.value(
            "insert into public.sms_messages (conversation_id, message_content)"
            " values (%s, %s) returning id",
            conversation_id,
            content,
        )
        return int(row)

    async def close(self, conversation_id: str) -> None:
        await self.rows(
            "update public.sms_conversations set status = 'closed' where id = %s", conversation_id
        )

    async def _outcome(self, name: str, **params: Any) -> str:
        return str((await self.call(name, **params))["outcome"])


class Db:
    """One database of a test: sessions, numbers, time."""

    def __init__(self, url: str, admin: Session, opened: AsyncExitStack) -> None:
        self.url = url
        self.admin = admin
        self._opened = opened

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator[Db]:
        async with AsyncExitStack() as opened:
            yield cls(url, await _open(url, opened), opened)

    async def session(self) -> Session:
        """The product's: as the service role."""
        session = await _open(self.url, self._opened)
        await session.rows("set role service_role")
        return session

    async def person(self, number: Number) -> Session:
        """A client's: as the owner of that number."""
        session = await _open(self.url, self._opened)
        await session.sign_in(number.user_id)
        return session

    async def number(self, owner: Number | None = None, **columns: Any) -> Number:
        """A new number, by default of a new user; answers are due at once."""
        user_id = owner.user_id if owner else uuid.uuid4()
        if not owner:
            await self.admin.rows("insert into auth.users (id) values (%s)", user_id)
        phone = f"+1777{random.randrange(10**7):07}"
        # A text may be of the same moment as the number.
        values = {"user_id": user_id, "phone_number": phone, "reply_delay": timedelta()}
        values |= {"created_at": datetime.now().astimezone() - timedelta(days=7)} | columns
        names, places = ", ".join(values), ", ".join("%s" for _ in values)
        row = await self.admin.value(
            f"insert into public.sms_configs ({names}) values ({places}) returning id",  # noqa: S608
            *values.values(),
        )
        return Number(row, user_id, phone)

    async def timing(self, **columns: Any) -> None:
        changes = ", ".join(f"{name} = %s" for name in columns)
        await self.admin.rows(f"update sms.policy set {changes}", *columns.values())  # noqa: S608

    async def later(self, **delta: float) -> None:
        """Let time pass, for everything that is stored."""
        async with self.admin.transaction():
            await self.admin.rows("set local session_replication_role = replica")
            for table, columns in TIMES.items():
                changes = ", ".join(f"{name} = {name} - %s" for name in columns.split())
                passed = [timedelta(**delta)] * len(columns.split())
                await self.admin.rows(f"update public.{table} set {changes}", *passed)  # noqa: S608

    async def message(self, message_id: int) -> dict[str, Any]:
        rows = await self.admin.rows("select * from public.sms_messages where id = %s", message_id)
        return rows[0]

    async def conversation(self, conversation_id: str) -> dict[str, Any]:
        rows = await self.admin.rows(
            "select * from public.sms_conversations where id = %s", conversation_id
        )
        return rows[0]

    async def waits_for_lock(self, session: Session) -> None:
        """Return when that session's statement waits for a lock of another one."""
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            if await self.admin.value("select cardinality(pg_blocking_pids(%s))", session.pid):
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never waited for a lock")

    async def patch(self, function: str, old: str, new: str) -> None:
        """Replace words in the body of a function of this database."""
        source = await self.admin.value(
            "select pg_get_functiondef(p.oid) from pg_proc as p where p.oid::regproc::text = %s",
            function,
        )
        assert source.count(old) == 1, f"{function} has {source.count(old)} times {old!r}"
        await self.admin.rows(source.replace(old, new))

    async def broken_invariants(self) -> dict[str, Any]:
        """What breaks which invariant; all are looked at in one statement."""
        names = await self.admin.rows(
            " union all ".join(
                f"select '{name}' as name where exists ({query})"
                for name, query in INVARIANTS.items()
            )
        )
        return {row["name"]: await self.admin.rows(INVARIANTS[row["name"]]) for row in names}

    async def empty(self) -> None:
        """Forget users and all that is theirs, changes of a rule, and what maintenance did."""
        await self.admin.rows("delete from auth.users")
        await self.admin.rows("truncate sms.steps_back")
        await self.admin.rows("delete from sms.policy")
        await self.admin.rows("insert into sms.policy default values")
        await self.admin.rows("truncate sms.maintenance")
        await self.admin.rows("insert into sms.maintenance default values")


@asynccontextmanager
async def scratch_database(server: str, folder: str = "migrations") -> AsyncIterator[str]:
    """A database of one's own with the SQL of supabase/`folder`; `server` is a superuser's URL.

    Yields its URL. Without any SQL in that folder it is a new project's.
    """
    template, name = await _template(server, folder), f"scratch_{uuid.uuid4().hex[:8]}"
    async with AsyncExitStack() as opened:
        admin = await _open(server, opened)
        await _create(admin, name, template)
        await admin.rows(f"alter database {name} set synchronous_commit = off")
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        # Anew: another test may have restarted the server meanwhile.
        async with AsyncExitStack() as opened:
            await _drop(await _open(server, opened), name)


async def _template(server: str, folder: str) -> str:
    """Made once per server and state of the SQL."""
    scripts = [REPOSITORY / "gateway/local/realtime/realtime.sql"]
    migrations = sorted((REPOSITORY / "supabase" / folder).glob("*.sql"))
    told = "".join([folder, GROUND, WATCH, *(path.read_text() for path in scripts + migrations)])
    name = "migrated_" + hashlib.sha256(told.encode()).hexdigest()[:12]
    async with AsyncExitStack() as opened:
        admin = await _open(server, opened)
        if await admin.rows("select 1 from pg_database where datname = %s", name):
            return name
        unfinished = f"{name}_{uuid.uuid4().hex[:8]}"
        await _create(admin, unfinished, "template1")
        async with Db.connect(make_conninfo(server, dbname=unfinished)) as db:
            await db.admin.rows(GROUND)
            await db.admin.rows(scripts[0].read_text())
            await db.admin.rows("grant create on schema public to postgres")
            await db.admin.rows(f"grant create on database {unfinished} to postgres")
            await db.admin.rows("set role postgres")
            for path in migrations:
                await db.admin.rows(path.read_text())
            await db.admin.rows("reset role")
            if migrations:
                await db.admin.rows(WATCH)
        await admin.rows(f"alter database {unfinished} rename to {name}")
    return name


async def _create(admin: Session, name: str, template: str) -> None:
    await admin.rows(f"create database {name} template {template}")


async def _drop(admin: Session, name: str) -> None:
    await admin.rows(f"drop database {name} with (force)")


async def _open(url: str, opened: AsyncExitStack) -> Session:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)
    await opened.enter_async_context(connection)
    return Session(connection)
