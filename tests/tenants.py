"""A database of many accounts: one member of twenty that have most of it, among a thousand others.

Written as a restored dump would be, past the triggers; every table that clients read has rows of
every account.
"""

# ruff: noqa: S608  # SQL of constants
from __future__ import annotations

import uuid

import psycopg

from tests.bench import data

OURS = 20
OTHERS = 1000
MEMBER = uuid.UUID("aaaaaaaa-0000-4000-8000-000000009999")


def account(number: int) -> uuid.UUID:
    """The owner's id, which is also the id of the account's number; the first OURS are ours."""
    return uuid.UUID(f"aaaaaaaa-0000-4000-8000-{number:012}")


# A contact's message, the AI's reply and in a third of the conversations a human's message, which
# failed in one of fifty.
FILL = f"""
set session_replication_role = replica;
set search_path = public, pg_temp;
insert into auth.users (id, email, email_confirmed_at)
select {data.USER_ID.format(n="n")}, n || '@example.com', now()
from generate_series(1, {OURS + OTHERS}) as n
union all select '{MEMBER}', 'member@example.com', now();
insert into sms_configs (id, user_id, phone_number, created_at)
select id, id, '+1555' || right(id::text, 7), now() - interval '400 days'
from auth.users where id <> '{MEMBER}';
insert into sms_members (user_id, member_id, role, email)
select id, '{MEMBER}', 'admin', 'member@example.com' from sms_configs order by id limit {OURS};
insert into sms_members (user_id, member_id, role, email)
select {data.USER_ID.format(n=f"({OURS} + n)")},
  {data.USER_ID.format(n=f"({OURS} + 1 + (n + 6) % {OTHERS})")}, 'agent', 'other@example.com'
from generate_series(1, {OTHERS}) as n;
insert into sms_invitations (user_id, email, invited_by)
select id, n || '@example.com', id from sms_configs cross join generate_series(1, 3) as n;
insert into sms_config_versions (config_id, user_id, version, settings)
select id, id, n, '{{}}' from sms_configs cross join generate_series(1, 5) as n;
insert into sms_keyword_replies (config_id, user_id, keyword, answer)
select id, id, 'horario ' || n, 'De 9 a 5' from sms_configs cross join generate_series(1, 3) as n;
create temporary table plan as
select n, n / 20 as m, gen_random_uuid() as id, {data.USER_ID.format(n="a")} as user_id,
  '+1' || 2000000000 + n as contact, now() - interval '365 days' * (1 - n::float / total) as at
from (
  select n, case when n % 3 < 2 then 1 + n % {OURS} else {OURS} + 1 + n % {OTHERS} end as a,
    :ours * 3 / 2 as total
  from generate_series(1, :ours * 3 / 2) as n
) as p;
insert into sms_conversations (id, user_id, config_id, contact_number, status, closed_at, closed_by,
  outcome, created_at, last_message_at, last_incoming_id, last_pending_id, wants_human, assigned_to,
  read_up_to_id)
select id, user_id, user_id, contact, case when m % 5 = 0 then 'active' else 'closed' end,
  case when m % 5 > 0 then at + interval '3 days' end, case when m % 5 > 0 then 'idle' end,
  case when m % 5 > 0 then 'answered_by_ai' end, at, at + interval '60 seconds', 3 * n, 3 * n,
  m % 10 = 0, case when m % 7 = 0 then '{MEMBER}'::uuid end, 3 * n * (m % 4 > 0)::integer
from plan;
insert into sms_contacts (user_id, contact_number, name, tags, words)
select user_id, contact, 'Ana ' || n, '{{vip}}', sms.search_words(user_id, 0, 'Ana ' || n || ' vip')
from plan;
insert into sms.contact_digits select id, user_id, sms.endings(user_id, contact) from plan;
insert into sms_messages (id, conversation_id, user_id, direction, author, message_content,
  message_sid, status, segments, model, response_seconds, occurred_at, created_at, sent_by)
overriding system value
select 3 * n + k, id, user_id, case k when 0 then 'incoming' else 'outgoing' end,
  (array['contact', 'ai', 'human'])[k + 1], 'Hola, pedido ' || n, 'SM' || md5(n || '/' || k),
  case when k = 0 then 'received' when k = 2 and m % 9 = 0 then 'failed' else 'delivered' end,
  case when k > 0 then 1 end, case when k = 1 then 'gpt-6-luna' end, case when k = 1 then 9 end,
  at + interval '30 seconds' * k, at + interval '30 seconds' * k,
  case when k = 2 then user_id end
from plan cross join generate_series(0, 2) as k
where k < 2 or m % 3 = 0;
insert into sms_opt_outs (user_id, contact_number, source, changed_at)
select user_id, contact, 'text', at from plan where m % 10 = 0;
insert into sms_tool_calls (user_id, conversation_id, waiting_since, message_id, reply_id, name,
  arguments, acts)
select user_id, id, at, 3 * n, 3 * n + 1, 'book_table', '{{}}', true from plan where m % 5 = 0;
insert into sms_event_targets (id, user_id, kind, address, event_types)
select id, id, 'webhook', 'https://example.com/', '{{message.received}}' from sms_configs;
insert into sms_events (id, user_id, config_id, type, conversation_id, message_id, contact_number,
  occurred_at)
select id, user_id, user_id, 'message.received', id, 3 * n, contact, at from plan where m % 4 = 0;
insert into sms_event_deliveries (user_id, event_id, target_id, conversation_id, status, due_at,
  retry_until, ended_at)
select user_id, id, user_id, id, 'delivered', null, at, at from plan where m % 4 = 0;
insert into sms_questions (user_id, config_id, question, plain)
select id, id, 'Hay wifi ' || n, 'hay wifi ' || n
from sms_configs cross join generate_series(1, 5) as n;
insert into sms_replays (id, user_id, config_id, config_version, changes, status, finished_at)
select id, id, id, 1, '{{}}', 'done', now() from sms_configs;
insert into sms_replay_answers (replay_id, place, user_id, message_id, state, content)
select p.user_id, row_number() over (partition by p.user_id order by n), p.user_id, 3 * n + 1,
  'answered', 'Claro' from plan as p where m % 4 = 0;
drop table plan;
set session_replication_role = origin;
insert into sms_documents (id, user_id, config_id, title, content)
select id, id, null, 'Horario', 'Abrimos a las nueve.' from sms_configs;
select setval('sms_messages_id_seq', (select max(id) from sms_messages))
"""


def fill(url: str, ours: int) -> None:
    """So many conversations in our accounts, and half as many in the others'."""
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("set maintenance_work_mem = '512MB'; set work_mem = '128MB'")
        for statement in (FILL.replace(":ours", str(ours)) + ";" + data.COUNT).split(";"):
            opened.execute(statement.encode())
        opened.execute("vacuum analyze")
