-- Every message, in and out. A row inserted by its owner is sent; everything but its conversation,
-- content and client_ref is set by the triggers below.

-- The words of a message. In functions, because Postgres reads the text of every check anew for
-- each statement that writes a row: as lists in the table these cost a tenth of a message's life.

create function sms.is_author(p_author text, p_direction text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_author in ('contact', 'ai', 'human', 'system')
    and p_direction = case p_author when 'contact' then 'incoming' else 'outgoing' end;
end;
$$;

create function sms.is_message_status(p_direction text, p_status text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return (p_direction = 'incoming') = (p_status = 'received') and p_status in (
    'received',            -- incoming
    'queued',              -- to be sent; not yet at Twilio
    'sending',             -- handed to Twilio by the holder of the conversation's lease
    'unknown',             -- Twilio may or may not have it; it is being reconciled
    'accepted',            -- Twilio has it (its accepted, scheduled, queued and sending)
    'sent',                -- at the carrier
    'canceled',            -- withdrawn before it was sent
    'failed',              -- refused for good, by Twilio or by reconciling
    'undelivered',         -- refused by the carrier or the handset
    'partially_delivered',
    'delivered',
    'read',
    'blocked'              -- a rule forbade it; error_message names the rule
  );
end;
$$;

create function sms.is_canned_reply(p_name text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_name in (
    'stop',       -- confirms an opt-out; the one message that goes to who opted out
    'start',      -- confirms an opt-in
    'help',       -- what to do, where Twilio does not say it
    'human',      -- a human will get back
    'bot',        -- says that an automated assistant answers
    'rate_limit', -- no more automatic answers for now
    'keyword'     -- the owner's answer to a keyword
  );
end;
$$;

create function sms.is_intent(p_intent text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_intent in (
    'stop', 'start', 'help', -- opt words: never shown to the model
    'human',                 -- wants a human
    'bot',                   -- asks who is answering
    'maybe_stop'             -- smells of an opt-out: the reply says how to stop
  );
end;
$$;

create function sms.is_no_reply_reason(p_reason text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_reason in (
    'opt_word',    -- STOP, START, HELP and their like
    'sender',      -- short codes, names, hidden numbers, other channels: nobody reads a reply
    'old',         -- older than answer_within, or than the number here
    'closed',      -- arrived for a conversation that a human had closed, or closed meanwhile
    'human_wrote', -- a human answered
    'reaction',    -- a phone's reaction to a message
    'auto_reply',  -- another machine
    'goodbye',     -- the model found nothing left to say, and the number allows that
    'group',       -- a group message, unless the number has answer_groups
    'blocked',     -- the contact is blocked
    'opted_out',   -- the contact may not be written to
    'paused',      -- the AI is silent in this conversation or for this number
    'rate_limit',  -- the replies of the hour or day are used up
    'loop',        -- the same message again and again, each answered
    'failed'       -- no usable reply; sms_conversations.reply_error says more
  );
end;
$$;

create table public.sms_messages (
  id bigint generated always as identity,
  conversation_id uuid not null,
  user_id uuid not null default auth.uid(),
  direction text not null default 'outgoing',
  author text not null default 'human',
  sent_by uuid,
  message_content text not null,
  message_sid text,
  status text not null default 'queued',
  in_reply_to bigint,
  client_ref uuid,
  canned_reply text,
  intent text,
  media jsonb not null default '[]',
  encoding text,
  segments smallint,
  model text,
  config_version integer,
  used bigint[],
  shown_first_id bigint,
  shown_last_id bigint,
  prompt_hash text,
  prompt_tokens integer,
  completion_tokens integer,
  generation_ms integer,
  response_seconds numeric(12, 3),
  attempts smallint not null default 0,
  send_at timestamptz,
  sending_at timestamptz,
  listed_empty_at timestamptz,
  resent_at timestamptz,
  error_code integer,
  error_message text,
  delivered_at timestamptz,
  price numeric(12, 5),
  price_unit text,
  channel text not null default 'sms',
  recipients text[],
  no_reply_reason text,
  emits_events boolean,
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  is_open boolean not null generated always as (status in ('queued', 'sending', 'unknown')) stored,
  constraint sms_messages_pkey primary key (id),
  constraint sms_messages_message_sid_key unique (message_sid),
  constraint sms_messages_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade,
  constraint sms_messages_author_check check (sms.is_author(author, direction)),
  constraint sms_messages_status_check check (sms.is_message_status(direction, status)),
  -- A row that Twilio may not have carries no SID; Twilio's own "queued" is our 'accepted'.
  constraint sms_messages_sid_check check (
    message_sid is null or not is_open and status <> 'blocked'
  ),
  constraint sms_messages_send_at_check check ((send_at is not null) = is_open),
  constraint sms_messages_canned_reply_check
    check (canned_reply is null or author = 'system' and sms.is_canned_reply(canned_reply)),
  constraint sms_messages_intent_check
    check (intent is null or direction = 'incoming' and sms.is_intent(intent)),
  constraint sms_messages_message_content_check check (length(message_content) <= 65536),
  constraint sms_messages_encoding_check check (encoding in ('GSM-7', 'UCS-2')),
  constraint sms_messages_channel_check check (channel in ('sms', 'mms', 'rcs', 'whatsapp')),
  constraint sms_messages_recipients_check check (cardinality(recipients) <= 50),
  constraint sms_messages_no_reply_reason_check
    check (no_reply_reason is null or sms.is_no_reply_reason(no_reply_reason))
) with (fillfactor = 85);
create unique index sms_messages_in_reply_to_idx on public.sms_messages (in_reply_to)
  where in_reply_to is not null;
create unique index sms_messages_client_ref_idx on public.sms_messages (user_id, client_ref)
  where client_ref is not null;
create index sms_messages_conversation_id_idx
  on public.sms_messages (conversation_id, id desc);
create index sms_messages_user_id_idx on public.sms_messages (user_id, id desc);
-- A conversation is one user's: not knowing that, Postgres looks for a conversation's messages
-- among all of a busy owner's, for the policy's sake.
create statistics public.sms_messages_owner (dependencies) on conversation_id, user_id
  from public.sms_messages;

-- What we wrote in a conversation, by time: the newest reply, or those of a day, are found also in
-- a conversation of years, or behind a flood of a contact's messages.
create index sms_messages_outgoing_idx on public.sms_messages (conversation_id, created_at)
  where direction = 'outgoing';
create index sms_messages_guarded_idx on public.sms_messages (created_at)
  where no_reply_reason in ('loop', 'rate_limit');
-- is_open is the only state an index may name: with status in a predicate no change of it is HOT.
create index sms_messages_open_idx on public.sms_messages (conversation_id, id) where is_open;

comment on table public.sms_messages is
  'Every message. Insert (conversation_id, message_content, client_ref) to send one: it becomes a '
  'text message. Ids are in commit order within a conversation: ask for id > last seen to catch '
  'up.';
comment on column public.sms_messages.author is
  'contact, ai, human (a row of its owner) or system (fallback and notices).';
comment on column public.sms_messages.sent_by is
  'Human rows: the owner or member who wrote it; null: a program with the secret key.';
comment on column public.sms_messages.message_sid is
  'Twilio''s MessageSid; null until Twilio has the message.';
comment on column public.sms_messages.in_reply_to is 'The newest incoming message this answer covers.';
comment on column public.sms_messages.client_ref is
  'Made up by the client, unique per user: a double click is one message.';
comment on column public.sms_messages.canned_reply is
  'System rows: which canned reply; null: the fallback.';
comment on column public.sms_messages.intent is
  'Incoming rows: what the message asks for, if no model is needed to know (sms_phrases).';
comment on column public.sms_messages.media is
  '[{"url", "content_type"}] of an MMS, kept at Twilio.';
comment on column public.sms_messages.response_seconds is
  'For an answer: seconds since the oldest message it answers.';
comment on column public.sms_messages.send_at is
  'Open rows: when it is next to be sent or looked up.';
comment on column public.sms_messages.sending_at is 'When it was last handed to Twilio.';
comment on column public.sms_messages.listed_empty_at is
  'Unknown rows: when a complete listing at Twilio first lacked it.';
comment on column public.sms_messages.resent_at is
  'When it was last sent again because two listings lacked it.';
comment on column public.sms_messages.config_version is
  'AI rows: the version of the settings it was made with (sms_config_versions).';
comment on column public.sms_messages.used is
  'AI rows: the passages that the model was shown (sms_passages.id).';
comment on column public.sms_messages.shown_first_id is
  'AI rows: the oldest message that the model was shown, and shown_last_id the newest: a replay cuts '
  'the same history again.';
comment on column public.sms_messages.prompt_hash is
  'AI rows: SHA-256 of the messages of its prompt, which says whether they could be cut again.';
comment on column public.sms_messages.channel is
  'How it came: sms, mms, rcs or whatsapp. contact_number is the bare number on each of them.';
comment on column public.sms_messages.recipients is
  'The other recipients of a group message; null: there are none.';
comment on column public.sms_messages.no_reply_reason is
  'Incoming: why no reply was given, when none is due or the one that was due was withheld.';
comment on column public.sms_messages.emits_events is
  'Outgoing, since it was handed to Twilio: some target of the account wants events; null: none.';
comment on column public.sms_messages.price is 'As Twilio reports it, negative, in price_unit.';
comment on column public.sms_messages.occurred_at is
  'When it happened at Twilio; for posted messages the time of arrival.';
comment on column public.sms_messages.is_open is 'Not yet known to be at Twilio.';

-- Locks the conversation, gives the id, completes the row. What cannot be sent to an opted-out
-- contact is said at once; the gate says it again. Not for who names the account as well: ingest_sms
-- and queue_sms_reply hold the lock, and write complete rows.
create function sms.before_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = new.conversation_id
  for no key update;
  if not found or auth.uid() is not null
    and v_conversation.user_id not in (select sms.account_ids('agent')) then
    raise exception using errcode = 'PT404', message = 'There is no such conversation';
  end if;

  new.id := nextval('public.sms_messages_id_seq'); -- after the lock: ids are in commit order
  new.user_id := v_conversation.user_id;
  new.created_at := clock_timestamp();
  new.send_at := case when new.status = 'queued' then coalesce(new.send_at, new.created_at) else new.send_at end;
  if new.author in ('ai', 'human') then
    new.response_seconds := sms.response_seconds(new.conversation_id, new.created_at);
  end if;
  if new.author = 'human' then
    new.sent_by := auth.uid();
    new.occurred_at := new.created_at;
    perform sms.admit_human_message(new, v_conversation);
    if sms.is_opted_out(v_conversation.user_id, v_conversation.contact_number, (
      select f.phone_number from public.sms_configs as f where f.id = v_conversation.config_id
    )) then
      new.status := 'blocked';
      new.send_at := null;
      new.error_message := 'opted_out';
    end if;
  end if;
  return new;
end;
$$;

create trigger sms_messages_before_insert
  before insert on public.sms_messages
  for each row when (new.author = 'human' or new.user_id is null)
  execute function sms.before_message();

-- How long the oldest message that no answer followed has waited, of the newest 100; null: none.
create function sms.response_seconds(
  p_conversation_id uuid, p_now timestamptz default clock_timestamp()
)
returns numeric language plpgsql stable as $$
begin
  return (
    select extract(epoch from p_now - min(t.created_at))
    from (
      select m.created_at from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.direction = 'incoming'
        and m.id > coalesce((
          select o.id from public.sms_messages as o
          where o.conversation_id = p_conversation_id and o.direction = 'outgoing'
            and (o.author in ('ai', 'human') or o.canned_reply is not null)
          order by o.created_at desc
          limit 1
        ), 0)
      order by m.id desc
      limit 100
    ) as t
  );
end;
$$;

-- States only move up: Twilio's callbacks come in any order.
create function sms.status_rank(p_status text)
returns integer language plpgsql immutable as $$
begin
  return array_position(array[
    'queued', 'sending', 'unknown', 'accepted', 'sent', 'canceled', 'failed', 'undelivered',
    'partially_delivered', 'delivered', 'read'
  ], p_status);
end;
$$;

-- Our word for one of Twilio's; null for one we do not know. Its "queued" and "sending" mean that
-- Twilio has the message; ours mean that it has not.
create function sms.status_of(p_twilio_status text)
returns text language sql immutable as $$
  select case
    when p_twilio_status in ('accepted', 'scheduled', 'queued', 'sending') then 'accepted'
    when p_twilio_status in (
      'sent', 'canceled', 'failed', 'undelivered', 'partially_delivered', 'delivered', 'read'
    ) then p_twilio_status
  end;
$$;

-- send_due_at from the open rows: the first queued one, because they leave in order, or the next
-- look at an unknown one.
create function sms.send_due(p_conversation_id uuid)
returns timestamptz language plpgsql stable as $$
begin
  return least(
    (
      select m.send_at from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.is_open and m.status = 'queued'
      order by m.id
      limit 1
    ),
    (
      select min(m.send_at) from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.is_open and m.status <> 'queued'
    )
  );
end;
$$;

-- Is there nothing to see in this text? Spaces of all kinds and characters without width count as
-- nothing.
create function sms.is_blank(p_text text)
returns boolean language plpgsql immutable as $$
begin
  return p_text is null or p_text !~ '[^[:space:]\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';
end;
$$;

-- Stores with the messages that wait for a reply why they get none, before the conversation forgets
-- that they wait.
create function sms.record_no_reply(p_conversation_id uuid, p_reason text)
returns void language plpgsql as $$
declare
  v_since timestamptz := (
    select c.waiting_since from public.sms_conversations as c where c.id = p_conversation_id
  );
begin
  if v_since is null then
    return;
  end if;
  update public.sms_messages as m
  set no_reply_reason = case
    when p_reason in (
      'human_wrote', 'closed', 'opted_out', 'blocked', 'paused', 'rate_limit', 'loop', 'auto_reply',
      'reaction', 'goodbye'
    ) then p_reason
    else 'failed' end
  where m.conversation_id = p_conversation_id and m.direction = 'incoming'
    and m.created_at >= v_since
    and m.no_reply_reason is null
    and m.id > coalesce((
      select o.in_reply_to from public.sms_messages as o
      where o.conversation_id = p_conversation_id and o.in_reply_to is not null
      order by o.id desc
      limit 1
    ), 0);
end;
$$;
