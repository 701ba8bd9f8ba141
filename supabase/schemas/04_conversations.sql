-- A contact's conversation with one number, and the work that is due in it.
--
-- Work is claimed by leasing the conversation, whatever its kind: messages carry no lease.
-- A second lease, on messages, would put two jobs of one conversation in flight at once.

-- All of a lease or nothing of it, and what it is for. In a function, as sms.is_ending: Postgres
-- reads the text of every check anew for each statement that writes a row.
create function sms.is_lease(p_id uuid, p_until timestamptz, p_for text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return num_nulls(p_id, p_until, p_for) = 3
    or num_nulls(p_id, p_until, p_for) = 0 and p_for in (
      'reply',     -- an answer is being generated
      'fallback',  -- the attempts are used up: the fallback reply is being sent
      'send',      -- a row is in 'sending'
      'reconcile'  -- what became of an unknown row is being looked up at Twilio
    );
end;
$$;

-- By whom a conversation was closed, and what it came to.
create function sms.is_ending(p_closed_by text, p_outcome text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_closed_by in (
    'human', -- a later message is of a new conversation; an earlier one joins it, unanswered
    'idle'   -- nobody wrote for close_after: takes no message, a new conversation opens
  ) and p_outcome in (
    'answered_by_ai', 'answered_by_human', 'unanswered', 'opted_out', 'blocked'
  );
end;
$$;

create table public.sms_conversations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  contact_number text not null,
  status text not null default 'active',
  auto_reply boolean not null default true,
  paused_until timestamptz,
  wants_human boolean not null default false,
  wants_human_since timestamptz,
  assigned_to uuid,
  is_blocked boolean not null default false,
  last_incoming_id bigint,
  last_pending_id bigint,
  last_message_at timestamptz not null default now(),
  read_up_to_id bigint not null default 0,
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  closed_by text,
  outcome text,
  is_reopened boolean not null default false,
  reply_due_at timestamptz,
  waiting_since timestamptz,
  tool_calls_since timestamptz,
  reply_attempts smallint not null default 0,
  superseded smallint not null default 0,
  reply_error text,
  send_due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  leased_for text,
  leased_context jsonb,
  leased_by text,
  constraint sms_conversations_pkey primary key (id, user_id),
  constraint sms_conversations_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  -- One active conversation per number and contact: closed_at is null in that one alone.
  constraint sms_conversations_contact_key
    unique nulls not distinct (config_id, contact_number, closed_at),
  constraint sms_conversations_status_check check (
    status = case when closed_at is null
      then 'active'   -- messages are answered in it
      else 'closed'   -- ended by its owner; the contact's next message opens a new one
    end
  ),
  constraint sms_conversations_pending_reply_check check ((waiting_since is null) = (reply_due_at is null)),
  constraint sms_conversations_lease_check
    check (sms.is_lease(lease_id, leased_until, leased_for)),
  constraint sms_conversations_ending_check check (
    num_nulls(closed_at, closed_by, outcome) = 3
    or num_nulls(closed_at, closed_by, outcome) = 0 and sms.is_ending(closed_by, outcome)
  )
) with (fillfactor = 70);
-- Six indexes, no more: each one costs every message. The key carries the owner so that a message
-- cannot name another one; id alone finds its row through it as well.
create index sms_conversations_due_idx on public.sms_conversations (least(reply_due_at, send_due_at))
  where least(reply_due_at, send_due_at) is not null;
-- Of the numbers with due work one after the other: a backlog of one hides no other's.
create index sms_conversations_config_due_idx
  on public.sms_conversations (config_id, least(reply_due_at, send_due_at))
  where least(reply_due_at, send_due_at) is not null;
create unique index sms_conversations_lease_id_idx on public.sms_conversations (lease_id)
  where lease_id is not null;
-- The inbox, also of one status: as the last column it is compared without visiting the row.
create index sms_conversations_user_id_idx
  on public.sms_conversations (user_id, last_message_at desc, id, status);

-- A number is one account's. Without knowing so, the planner takes what is asked of one number to be
-- next to nothing, and sorts all of it instead of walking the index above.
create statistics public.sms_conversations_number_stats (dependencies)
  on user_id, config_id from public.sms_conversations;

comment on table public.sms_conversations is
  'One contact''s conversation with one number. The owner reads it, closes it (status), pauses the '
  'AI (auto_reply, paused_until) and marks it as read (read_up_to_id); messages open it, nobody else.';
comment on column public.sms_conversations.leased_by is
  'The worker that holds the lease (its name in sms_workers), or held the last one.';
comment on column public.sms_conversations.auto_reply is
  'Off: the AI is silent in this conversation until it is turned on again.';
comment on column public.sms_conversations.paused_until is
  'The AI is silent until then; set when a human writes.';
comment on column public.sms_conversations.wants_human is
  'The contact asked for a human; taken back when one writes.';
comment on column public.sms_conversations.wants_human_since is
  'Since when the contact waits for a human; later messages of the contact do not change it.';
comment on column public.sms_conversations.assigned_to is
  'The owner or member who has it; null: nobody.';
comment on column public.sms_conversations.is_blocked is
  'The contact is blocked (sms_contacts.blocked_at): nothing is answered.';
comment on column public.sms_conversations.closed_by is
  'human, or idle: nobody wrote for the number''s close_after.';
comment on column public.sms_conversations.outcome is
  'What it came to, when it was closed: by whom the contact was answered, or why not.';
comment on column public.sms_conversations.is_reopened is
  'The contact wrote again within seven days of the end of the conversation before.';
comment on column public.sms_conversations.last_incoming_id is 'The contact''s newest message.';
comment on column public.sms_conversations.last_pending_id is
  'The newest message a reply was ever due for; a reaction or an opt word is none.';
comment on column public.sms_conversations.read_up_to_id is
  'The newest message its owner has seen.';
comment on column public.sms_conversations.reply_due_at is
  'When the pending reply is due; null: no reply is pending.';
comment on column public.sms_conversations.waiting_since is
  'Arrival of the oldest message that no answer covers.';
comment on column public.sms_conversations.tool_calls_since is
  'The waiting_since for which tools were called last; null: none ever was. sms_tool_calls has calls '
  'of the pending reply when they are equal.';
comment on column public.sms_conversations.reply_attempts is 'Attempts at the pending reply so far.';
comment on column public.sms_conversations.superseded is
  'Answers in a row that were dropped because a newer message came.';
comment on column public.sms_conversations.reply_error is
  'Why the last pending reply was not given, or its last attempt failed.';
comment on column public.sms_conversations.send_due_at is
  'When an open message is next to be sent or looked up; null: none is open.';
comment on column public.sms_conversations.leased_context is
  'What the reply being generated is made with: {version of the settings, used: the '
  'passages that the model is shown}.';
comment on column public.sms_conversations.lease_id is 'The worker''s id for the job it holds.';
