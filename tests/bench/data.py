"""Fill a database with a year of texts, and recount its counters.

    python tests/bench/data.py postgresql://supabase_admin:…@127.0.0.1:54322/postgres 5000000

5,000,000 messages are 200,000 conversations of 1,000 users; a fifth of all belongs to OWNER.
Smaller amounts keep the proportions. Needs a superuser and empty tables: the rows are written as a
restored dump would be, past the triggers, so ids, states and counters are made here.
"""

# ruff: noqa: S608 - every value in these statements is a constant of this repository

from __future__ import annotations

import sys
import time

import psycopg
from psycopg import sql

OWNER = "aaaaaaaa-0000-4000-8000-000000000001"
SOMEBODY = "aaaaaaaa-0000-4000-8000-000000000002"
DAYS = 365

# Words of the texts, with their share. The rest are made up: "word 17" is said 17 times as rarely
# as "word 1".
OFTEN = "hola"  # in a third of all texts
SOMETIMES = "pedido"  # 1 in 100
SELDOM = "factura"  # 1 in 1,000
HARDLY_EVER = "girasol"  # 1 in 50,000
LONG_AGO = "navidad"  # 1 in 5, for a month, ten months ago

# A user's n-th id is OWNER's with another end.
USER_ID = "('aaaaaaaa-0000-4000-8000-' || lpad({n}::text, 12, '0'))::uuid"
CONFIG_ID = "('cccccccc-0000-4000-8000-' || lpad({n}::text, 12, '0'))::uuid"

USERS = f"""
insert into auth.users (id, email)
select {USER_ID.format(n="n")}, 'bench' || n || '@example.com'
from generate_series(1, %(users)s) as n;

insert into public.sms_configs (id, user_id, phone_number, created_at)
select {CONFIG_ID.format(n="n")}, {USER_ID.format(n="n")}, '+1555' || lpad(n::text, 7, '0'),
  now() - interval '{DAYS} days'
from generate_series(1, %(users)s) as n;
"""

# Every fifth conversation is OWNER's. Some of OWNER's contacts come back after months: their first
# conversation is closed then. Half of the others of OWNER are active, and everybody's newest.
CONVERSATIONS = f"""
create temporary table plan as
select n,
  case when n % 5 = 0 then 1 else 2 + (n / 5 * 4 + n % 5) % (%(users)s - 1) end as who,
  case when n > %(conversations)s * 4 / 5 and n % 25 < 5 then n - %(conversations)s / 25 * 10
    else n end as contact,
  gen_random_uuid() as id
from generate_series(1, %(conversations)s) as n;

insert into public.sms_conversations
  (id, user_id, config_id, contact_number, status, created_at, closed_at, closed_by, outcome,
  last_message_at)
select p.id, {USER_ID.format(n="p.who")}, {CONFIG_ID.format(n="p.who")},
  '+1' || (2000000000 + p.contact * 7919::bigint % 7999999999), 'closed',
  now() - interval '{DAYS} days' + interval '{DAYS} days' * n / %(conversations)s,
  now() + interval '1 second' * n, 'human', 'answered_by_ai', now()
from plan as p;
"""

# Between two texts of a conversation 100 others start, fewer in the newest ones: conversations run
# side by side until now. Ids are in the order of time.
MESSAGES = """
insert into public.sms_messages (
  id, conversation_id, user_id, direction, author, message_content, message_sid, status, encoding,
  segments, model, prompt_tokens, completion_tokens, response_seconds, price, price_unit,
  occurred_at, created_at
)
overriding system value
select t.id, t.conversation_id, t.user_id,
  case when t.author = 'contact' then 'incoming' else 'outgoing' end,
  t.author,
  concat_ws(' ',
    case when random() < 0.33 then 'Hola,' end,
    case when t.age between 0.12 and 0.2 and random() < 0.2 then 'Navidad' end,
    case when random() < 0.01 then 'pedido' end,
    case when random() < 0.001 then 'Factura' end,
    case when random() < 0.00002 then 'girasol' end,
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm'),
    translate(floor(power(3000, random()))::text, '0123456789', 'aeiorstlnm')
  ),
  'SM' || md5(t.id::text),
  case when t.author = 'contact' then 'received' when t.id % 101 = 0 then 'failed'
    else 'delivered' end,
  'GSM-7',
  case when t.author <> 'contact' then 1 + t.id % 2 end,
  case when t.author = 'ai' then 'gpt-4o-mini' end,
  case when t.author = 'ai' then 200 + t.id % 50 end,
  case when t.author = 'ai' then 20 + t.id % 30 end,
  case when t.author <> 'contact' then 2 + t.id % 60 end,
  case when t.author <> 'contact' then -0.0079 end,
  case when t.author <> 'contact' then 'USD' end,
  t.at, t.at
from (
  select row_number() over (order by s.place, s.n) as id, s.*,
    s.place / %(conversations)s as age,
    now() - %(span)s::interval + %(span)s::interval * (s.place / %(conversations)s) as at
  from (
    select p.n, p.id as conversation_id, c.user_id,
      case when k % 2 = 0 then 'contact' when p.n % 6 = 0 and k % 4 = 3 then 'human'
        else 'ai' end as author,
      p.n + k * least(%(conversations)s / 2000.0, (%(conversations)s - p.n) / 25.0) as place
    from plan as p
    join public.sms_conversations as c on c.id = p.id
    cross join generate_series(0, %(each)s - 1) as k
  ) as s
) as t
order by t.id;

select setval('public.sms_messages_id_seq', (select max(id) from public.sms_messages));
"""

# What the product's functions would have left in the conversations.
STATES = """
update public.sms_conversations as c
set last_message_at = m.newest_at, created_at = m.oldest_at, last_incoming_id = m.incoming,
  last_pending_id = m.incoming,
  read_up_to_id = case when p.n % 3 = 0 then m.newest else 0 end,
  status = case when p.closes then 'closed' else 'active' end,
  closed_at = case when p.closes then m.newest_at end,
  closed_by = case when p.closes then c.closed_by end,
  outcome = case when p.closes then c.outcome end
from (
  select conversation_id, min(created_at) as oldest_at, max(created_at) as newest_at,
    max(id) as newest, max(id) filter (where direction = 'incoming') as incoming
  from public.sms_messages group by conversation_id
) as m
join (
  select l.*, (l.n < %(conversations)s * 149 / 150 and l.n % 10 <> 5) or l.n < l.latest as closes
  from (select plan.*, max(n) over (partition by who, contact) as latest from plan) as l
) as p on p.id = m.conversation_id
where c.id = m.conversation_id;

insert into public.sms_opt_outs (user_id, contact_number, source, changed_at)
select distinct user_id, contact_number, 'text', now() from public.sms_conversations
where hashtext(contact_number) % 50 = 0;

insert into public.sms_contacts (user_id, contact_number)
select distinct user_id, contact_number from public.sms_conversations
on conflict do nothing;

insert into sms.contact_digits
select id, user_id, sms.endings(user_id, contact_number) from public.sms_conversations;

drop table plan;
"""

# The counters as one count over all rows, to fill them and to compare them with. Columns that are
# not named are 0.
_DAYS = {
    "conversations": "integer",
    "reopened": "integer",
    "ended": "integer",
    "answered_by_ai": "integer",
    "answered_by_human": "integer",
    "unanswered": "integer",
    "erased": "integer",
    "new_contacts": "integer",
    "messages_in": "integer",
    "messages_out": "integer",
    "ai_replies": "integer",
    "human_replies": "integer",
    "failed": "integer",
    "segments": "integer",
    "prompt_tokens": "bigint",
    "completion_tokens": "bigint",
    "responses": "integer",
    "response_seconds": "numeric",
    "cost": "numeric",
}
DAILY_RECOUNT = f"""
select user_id, day, config_id,
  {", ".join(f"coalesce(sum({name}), 0)::{kind} as {name}" for name, kind in _DAYS.items())},
  max(currency) as currency
from (
  select m.user_id, (m.created_at at time zone 'UTC')::date as day, c.config_id,
    null::int as conversations, null::int as reopened, null::int as ended,
    null::int as answered_by_ai, null::int as answered_by_human, null::int as unanswered,
    null::int as erased, null::int as new_contacts,
    (m.direction = 'incoming')::int as messages_in, (m.direction = 'outgoing')::int as messages_out,
    (m.author = 'ai')::int as ai_replies, (m.author = 'human')::int as human_replies,
    (m.status in ('failed', 'undelivered'))::int as failed,
    case when m.direction = 'outgoing' and m.status not in ('failed', 'canceled', 'blocked')
      then m.segments end as segments,
    m.prompt_tokens, m.completion_tokens,
    (m.response_seconds is not null and a.arrives)::int as responses,
    case when a.arrives then m.response_seconds end as response_seconds,
    -m.price as cost, m.price_unit as currency
  from public.sms_messages as m
  join public.sms_conversations as c on c.id = m.conversation_id
  cross join lateral (
    select m.status not in ('failed', 'undelivered', 'canceled', 'blocked') as arrives
  ) as a
  union all
  select user_id, (created_at at time zone 'UTC')::date, config_id,
    1, is_reopened::int, 0, 0, 0, 0, 0,
    (row_number() over (partition by user_id, contact_number order by created_at, id) = 1)::int,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null
  from public.sms_conversations
  union all
  select user_id, (closed_at at time zone 'UTC')::date, config_id,
    0, 0, 1, (outcome = 'answered_by_ai')::int, (outcome = 'answered_by_human')::int,
    (outcome = 'unanswered')::int, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null
  from public.sms_conversations where status = 'closed'
) as rows
group by user_id, day, config_id
"""

HOURLY_RECOUNT = """
select user_id, hour, config_id, sum(conversations)::int as conversations,
  sum(messages)::int as messages
from (
  select m.user_id, date_trunc('hour', m.created_at, 'UTC') as hour, c.config_id,
    0 as conversations, 1 as messages
  from public.sms_messages as m
  join public.sms_conversations as c on c.id = m.conversation_id
  union all
  select user_id, date_trunc('hour', created_at, 'UTC'), config_id, 1, 0
  from public.sms_conversations
) as rows
where hour >= now() - interval '2 days'
group by user_id, hour, config_id
"""

FIRST_REPLIES_RECOUNT = """
select user_id, day, config_id, bucket, count(*)::int as replies
from (
  select distinct on (m.conversation_id) m.user_id, (m.created_at at time zone 'UTC')::date as day,
    c.config_id, ceil(log(1.25, greatest(m.response_seconds, 1)))::smallint as bucket, m.status
  from public.sms_messages as m
  join public.sms_conversations as c on c.id = m.conversation_id
  where m.response_seconds is not null
  order by m.conversation_id, m.id
) as f
where status not in ('failed', 'undelivered', 'canceled', 'blocked')
group by user_id, day, config_id, bucket
"""

CONTACTS_RECOUNT = """
select c.user_id, c.contact_number, date_trunc('hour', max(m.created_at), 'UTC') as wrote_at
from public.sms_conversations as c
join public.sms_messages as m on m.id = c.last_incoming_id
group by c.user_id, c.contact_number
"""

HOURLY_CONTACTS_RECOUNT = f"""
select user_id, wrote_at as hour, count(*)::int as contacts
from ({CONTACTS_RECOUNT}) as k group by user_id, wrote_at
"""

# What is folded, and its recount.
COUNTERS = {
    "public.sms_daily_stats": DAILY_RECOUNT,
    "sms.hourly_counts": HOURLY_RECOUNT,
    "sms.first_replies": FIRST_REPLIES_RECOUNT,
    "sms.active_contacts": CONTACTS_RECOUNT,
    "sms.hourly_contacts": HOURLY_CONTACTS_RECOUNT,
}
COUNT = "analyze; " + "; ".join(
    f"insert into {table} {recount}" for table, recount in COUNTERS.items()
)

# Every index that is no constraint's: rows are written faster without, and an index is smaller
# when it is made at once.
INDEXES = """
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
from pg_index as i
where i.indrelid::regclass::text in ('sms_messages', 'sms_conversations')
  and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
"""


def fill(connection: psycopg.Connection, messages: int) -> None:
    """Write `messages` messages and all that belongs to them."""
    connection.execute("set search_path = public, pg_temp")
    connection.execute("set session_replication_role = replica")
    connection.execute("set maintenance_work_mem = '1GB'; set work_mem = '256MB'")
    connection.execute("select setseed(0.42)")
    for script in (USERS, CONVERSATIONS):
        _run(connection, script, messages)
    indexes = connection.execute(INDEXES).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
    for script in (MESSAGES, STATES):
        _run(connection, script, messages)
    for _, definition in indexes:
        connection.execute(definition)
    connection.execute("set session_replication_role = origin")
    _run(connection, COUNT, messages)
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")


def _run(connection: psycopg.Connection, script: str, messages: int) -> None:
    conversations = max(messages // 25, 25)
    values = {
        "users": max(conversations // 200, 10),
        "conversations": conversations,
        "each": messages // conversations,
        "span": f"{DAYS} days",
    }
    began = time.monotonic()
    with psycopg.ClientCursor(connection) as cursor:
        for statement in script.split(";"):
            if statement.strip():
                cursor.execute(statement.replace(" % ", " %% "), values)
    print(f"{script.split(maxsplit=3)[:3]} {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1]) as opened:
        fill(opened, int(sys.argv[2]))
