"""Databases of a given size on the stack's server, made once and copied for each use."""

# ruff: noqa: S608  # SQL of constants
from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tests.bench import data
from tests.sql import REPOSITORY, scratch_database

DATA = Path(data.__file__)

# A thousand owners, each with one number. Contacts with ten texts of history: POOL of the first
# owner ("one") and as many spread over all ("all"). No limit stops a text.
POOL = 5000
OWNERS = 1000

PEOPLE = f"""
set session_replication_role = replica;
set search_path = public;
create table bench_contacts (
  load text, number integer, contact text, phone text, primary key (load, number)
);
insert into auth.users (id, email)
select ('bbbbbbbb-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'load' || n || '@example.com'
from generate_series(1, {OWNERS}) as n;
insert into sms_configs (id, user_id, phone_number, reply_delay, replies_per_hour,
  replies_per_day, number_replies_per_day, created_at)
select id, id, '+1666' || lpad(substr(split_part(email, '@', 1), 5), 7, '0'), '0', 1000000, 1000000,
  100000000, now() - interval '1 day'
from auth.users where email like 'load%';
insert into bench_contacts
select 'one', n, '+1701' || lpad(n::text, 7, '0'), '+16660000001' from generate_series(1, {POOL}) n
union all
select 'all', n, '+1702' || lpad(n::text, 7, '0'), '+1666' || lpad((1 + n % {OWNERS})::text, 7, '0')
from generate_series(1, {POOL}) as n;
insert into sms_conversations (user_id, config_id, contact_number)
select f.user_id, f.id, b.contact from bench_contacts as b
join sms_configs as f on f.phone_number = b.phone;
insert into sms_messages (conversation_id, user_id, direction, author, status, message_content,
  message_sid, created_at, occurred_at)
select c.id, c.user_id, case k % 2 when 0 then 'incoming' else 'outgoing' end,
  case k % 2 when 0 then 'contact' else 'ai' end,
  case k % 2 when 0 then 'received' else 'delivered' end,
  'Texto ' || k || ' de ' || c.contact_number, 'SM' || md5(c.id::text || k),
  now() - interval '2 hours', now() - interval '2 hours'
from sms_conversations as c cross join generate_series(1, 10) as k
where c.contact_number ~ '^.170[12]';
update sms_conversations as c
set last_incoming_id = (
  select max(id) from sms_messages as m where m.conversation_id = c.id and direction = 'incoming'
)
where c.contact_number ~ '^.170[12]';
create table bench_plain (
  id bigint generated always as identity primary key, conversation_id uuid not null,
  content text not null, created_at timestamptz not null default clock_timestamp()
);
create index on bench_plain (conversation_id);
create index on bench_plain (created_at);
create table bench_jobs (
  id bigint generated always as identity primary key, state integer default 0
);
create index on bench_jobs (id) where state = 0;
insert into bench_jobs (state) select 0 from generate_series(1, 400000);
grant all on all tables in schema public to service_role;
set session_replication_role = origin;
"""

# Conversations that wait for an answer, spread over all owners.
WAITING = """
set session_replication_role = replica;
with fresh as (
  insert into public.sms_conversations
    (user_id, config_id, contact_number, waiting_since, reply_due_at, last_incoming_id,
      last_pending_id)
  select f.user_id, f.id, '+1703' || lpad(n::text, 7, '0'), now(),
    now() + {due} - interval '1 second' * random(), i.id, i.id
  from generate_series(1, {count}) as n
  join public.sms_configs as f on f.phone_number = '+1666' || lpad((1 + n % 1000)::text, 7, '0')
  cross join lateral (select nextval('public.sms_messages_id_seq') + 0 * n as id) as i
  returning *
)
insert into public.sms_messages
  (id, conversation_id, user_id, direction, author, status, message_content, message_sid)
overriding system value
select last_incoming_id, id, user_id, 'incoming', 'contact', 'received', 'Hola',
  'SM' || md5(id::text)
from fresh;
set session_replication_role = origin;
vacuum analyze public.sms_conversations;
analyze public.sms_messages;
"""


@asynccontextmanager
async def database(
    server: str, messages: int, waiting: int = 0, due: str = ""
) -> AsyncIterator[str]:
    """The URL of a database with so many old messages, and `waiting` conversations due in `due`."""
    template = await _template(server, messages)
    name = f"bench_{hashlib.sha256(f'{messages} {waiting} {due}'.encode()).hexdigest()[:8]}"
    await _run(server, f"drop database if exists {name} with (force)")
    await _run(server, f"create database {name} template {template} strategy file_copy")
    url = make_conninfo(server, dbname=name)
    try:
        if waiting:
            await _run(url, *WAITING.format(count=waiting, due=f"interval '{due}'").split(";"))
        yield url
    finally:
        await _run(server, f"drop database if exists {name} with (force)")


async def _template(server: str, messages: int) -> str:
    told = [DATA.read_text(), PEOPLE]  # noqa: ASYNC240  # once, before anything is measured
    told += [
        path.read_text() for path in sorted((REPOSITORY / "supabase/migrations").glob("*.sql"))
    ]
    name = f"filled_{messages}_{hashlib.sha256(''.join(told).encode()).hexdigest()[:8]}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as admin:
        found = await admin.execute("select from pg_database where datname = %s", (name,))
        if await found.fetchone() is not None:
            return name
    async with scratch_database(server) as url:
        await asyncio.to_thread(_fill, url, messages)
        base = make_conninfo(url).split("dbname=")[1].split()[0]
        await _run(server, f"create database {name} template {base} strategy file_copy")
    return name


def _fill(url: str, messages: int) -> None:
    with psycopg.connect(url) as opened:
        opened.execute("drop trigger watch_steps on public.sms_messages")  # of the tests
        # A hosted project has no such trigger, and commits with a NOTIFY go one after the other.
        opened.execute("drop trigger notify_local_server on realtime.messages")
        opened.commit()
        if messages:
            data.fill(opened, messages)
    with psycopg.connect(url, autocommit=True) as opened:
        for statement in PEOPLE.split(";"):
            opened.execute(statement)
        opened.execute("vacuum analyze")


async def _run(url: str, *statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as opened:
        for statement in statements:
            if statement.strip():
                await opened.execute(statement.encode())
