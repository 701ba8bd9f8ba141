"""What somebody might write instead of the product's SQL. Each breaks what the rule is there for.

A form is a script, or (function, words of its body, other words).
"""

from __future__ import annotations

from typing import TypeAlias

from tests.sql import Db

Naive: TypeAlias = str | tuple[str, str, str]


async def make_naive(db: Db, naive: Naive) -> None:
    """Replace what the form replaces, in this database."""
    if isinstance(naive, str):
        await db.admin.rows(naive)
    else:
        await db.patch(*naive)


QUEUE_REPLY_AS_ONE_STATEMENT = """
create or replace function public.queue_sms_reply(
  p_lease_id uuid, p_message_id bigint, p_content text, p_encoding text, p_segments integer,
  p_model text default null, p_prompt_tokens integer default null,
  p_completion_tokens integer default null, p_generation_ms integer default null,
  p_shown_first_id bigint default null, p_shown_last_id bigint default null,
  p_prompt_hash text default null
)
returns jsonb language sql volatile set search_path = '' as $$
  with held as materialized (
    select c.* from public.sms_conversations as c
    where c.lease_id = p_lease_id
    for no key update
  ), written as (
    insert into public.sms_messages
      (conversation_id, direction, author, status, message_content, in_reply_to, send_at)
    select h.id, 'outgoing', 'ai', 'sending', p_content, p_message_id, h.leased_until
    from held as h
    where not exists (
      select from public.sms_messages as m
      where m.conversation_id = h.id and m.direction = 'incoming' and m.id > p_message_id
    )
    returning id
  )
  select jsonb_build_object(
    'outcome', case when exists (select from written) then 'send' else 'superseded' end
  );
$$
"""

A_LEASE_ON_MESSAGES = """
alter table public.sms_messages add lease_id uuid, add leased_until timestamptz;
create or replace function public.claim_sms_work(
  p_worker text, p_lease_id uuid, p_lease interval default null
)
returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m
  where m.status = 'queued' and (m.leased_until is null or m.leased_until < now())
  order by m.id
  limit 1
  for no key update skip locked;
  if not found then
    return jsonb_build_object('kind', 'wait');
  end if;
  update public.sms_messages as m
  set lease_id = p_lease_id, leased_until = now() + p_lease, status = 'sending', sending_at = now()
  where m.id = v_message.id;
  return jsonb_build_object('kind', 'send', 'message_id', v_message.id);
end;
$$
"""

TWILIOS_QUEUED_AS_OURS = """
alter table public.sms_messages
  drop constraint sms_messages_sid_check, drop constraint sms_messages_send_at_check;
create or replace function sms.attach_sid(
  p_message public.sms_messages, p_message_sid text, p_status text
)
returns text language plpgsql volatile set search_path = '' as $$
begin
  update public.sms_messages as m set message_sid = p_message_sid, status = p_status
  where m.id = p_message.id;
  return 'recorded';
end;
$$;
create or replace function sms.status_of(p_twilio_status text)
returns text language sql immutable set search_path = '' as 'select p_twilio_status'
"""

A_SID_LOOKED_UP_BEFORE_THE_INSERT = """
alter table public.sms_messages drop constraint sms_messages_message_sid_key;
create or replace function sms.store_incoming(
  p_conversation_id uuid, p_payload jsonb, p_intent text, p_occurred_at timestamptz
)
returns bigint language sql volatile set search_path = '' as $$
  insert into public.sms_messages
    (conversation_id, direction, author, status, message_content, message_sid, occurred_at)
  values (p_conversation_id, 'incoming', 'contact', 'received', p_payload ->> 'body',
    p_payload ->> 'sid', p_occurred_at)
  returning id;
$$
"""

AN_ID_FROM_THE_DEFAULT = (
    "sms.before_message",
    "new.id := nextval('public.sms_messages_id_seq');",
    "",
)
NO_LOOK_AFTER_THE_CONTACTS_LOCK = (
    "sms.has_contact_alone",
    ")) and not exists (",
    ")) or not exists (",
)
NO_CLAIM_ASKED_AGAIN = (
    "sms.claim",
    "if v_conversation.leased_until > v_now then",
    "if false then",
)
NO_LEASE_CHECK = (
    "queue_sms_reply",
    "where c.lease_id = p_lease_id",
    "where c.last_pending_id = p_message_id",
)
NO_NEWER_TEXT_CHECK = (
    "sms.is_superseded",
    "p_conversation.last_pending_id <> p_message_id",
    "false",
)
FINISHING_CLEARS_WHAT_IS_OWED = (
    "sms.record_sent_at",
    "reply_due_at = case when c.reply_due_at = p_message.send_at then clock_timestamp()\n"
    "      else c.reply_due_at end,",
    "reply_due_at = null, waiting_since = null,",
)
NO_GATE = ("sms.send_verdict", "return case", "return null; return case")
A_BLIND_RESEND = ("sms.mark_unknown", "set status = 'unknown'", "set status = 'queued'")
NO_WAIT_FOR_AN_UNKNOWN_ANSWER = (
    "sms.must_wait_for",
    "p_message.status = 'unknown' and",
    "false and",
)
ONE_LISTING_DECIDES = (
    "sms.reconcile_missing",
    "elsif coalesce(p_message.listed_empty_at, p_now) > p_now - v_timing.reconcile_after then",
    "elsif false then",
)
A_LEASE_FENCES_FACTS = (
    "sms.record_sent",
    "if v_message.id is null then",
    "if not sms.end_lease(v_message.conversation_id, p_lease_id) then",
)
