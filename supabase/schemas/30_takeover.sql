-- What a human does: writes a message, closes a conversation. Both silence the AI at once: the
-- worker that is generating a reply learns it when its lease is gone. A message that cannot reach
-- the contact silences nobody.
--
-- Lock order everywhere: conversation, messages, opt-outs, counters last.

-- How many messages the humans of an account wrote on the day they last wrote one.
create table sms.human_messages (
  user_id uuid not null,
  day date not null,
  messages integer not null,
  constraint human_messages_pkey primary key (user_id)
) with (fillfactor = 50);

-- Refuses a human's message that can never be sent.
create function sms.admit_human_message(
  p_message public.sms_messages, p_conversation public.sms_conversations
)
returns void language plpgsql security definer set search_path = '' as $$
begin
  if p_conversation.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'The conversation is closed',
      hint = 'The contact''s next message opens a new one.';
  elsif sms.is_blank(p_message.message_content) or length(p_message.message_content) > 1600 then
    raise exception using errcode = 'PT422', message = 'The message is empty or too long',
      hint = 'A message has 1 to 1,600 characters, one of them visible.';
  end if;
  perform sms.count_human_message(p_message.user_id, p_message.created_at);
end;
$$;

-- Counts a human's message in the account's own row, which stays locked until the commit: so the
-- bound holds for one statement of many rows and for many sessions at once.
create function sms.count_human_message(p_user_id uuid, p_now timestamptz)
returns void language plpgsql as $$
declare
  v_limit integer := (sms.policy()).human_messages_per_day;
  v_count integer;
begin
  insert into sms.human_messages as h (user_id, day, messages)
  values (p_user_id, (p_now at time zone 'UTC')::date, 1)
  on conflict (user_id) do update set day = excluded.day,
    messages = case when h.day = excluded.day then h.messages else 0 end + 1
  returning h.messages into v_count;
  if v_count > v_limit then
    raise exception using errcode = 'PT429', message = 'Too many messages today',
      hint = format('At most %s messages written by humans per account and UTC day.', v_limit);
  end if;
end;
$$;

-- May a human's message in this state have reached the contact, now or later? One that may not
-- takes nothing over.
create function sms.begins_takeover(p_status text)
returns boolean language sql immutable as $$
  select coalesce(p_status, '') not in ('blocked', 'canceled', 'failed', 'undelivered');
$$;

-- A human wrote: the AI is silent, also with the answer it is generating. A blocked message is
-- shown and changes nothing else.
create function sms.after_human_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_keeps_lease boolean := sms.has_sending(new.conversation_id);
begin
  if not sms.begins_takeover(new.status) then
    update public.sms_conversations as c
    set last_message_at = greatest(c.last_message_at, new.created_at)
    where c.id = new.conversation_id;
    return null;
  end if;
  perform sms.record_no_reply(new.conversation_id, 'human_wrote');
  -- What waits for the end of quiet hours, or for another try, has nothing to add any more, and
  -- must not hold up the human's message.
  update public.sms_messages as m
  set status = 'canceled', send_at = null, in_reply_to = null, error_message = 'human_wrote'
  where m.conversation_id = new.conversation_id and m.is_open and m.status = 'queued'
    and m.author <> 'human' and m.canned_reply is distinct from 'stop'
    and m.id < new.id and m.send_at > new.created_at;
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, new.created_at),
    paused_until = new.created_at + f.takeover_pause,
    wants_human = false,
    assigned_to = coalesce(c.assigned_to, new.sent_by),
    reply_due_at = null,
    waiting_since = null,
    reply_attempts = 0,
    superseded = 0,
    read_up_to_id = greatest(c.read_up_to_id, new.id),
    send_due_at = sms.send_due(c.id),
    lease_id = case when v_keeps_lease then c.lease_id end,
    leased_until = case when v_keeps_lease then c.leased_until end,
    leased_for = case when v_keeps_lease then c.leased_for end
  from public.sms_configs as f
  where c.id = new.conversation_id and f.id = c.config_id;
  return null;
end;
$$;

create trigger sms_messages_after_human
  after insert on public.sms_messages
  for each row when (new.author = 'human') execute function sms.after_human_message();

-- A human's message failed for good: the pause it began ends, or is that of the human's message
-- before it, and a contact who asked for a human still waits for one. A pause set by hand stays.
create function sms.after_human_failed()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_arrived public.sms_messages; -- the newest message of a human that did, or may yet
begin
  select m.* into v_arrived from public.sms_messages as m
  where m.conversation_id = new.conversation_id
    and m.direction = 'outgoing' and m.author = 'human' and sms.begins_takeover(m.status)
  order by m.created_at desc
  limit 1;
  update public.sms_conversations as c
  set paused_until = v_arrived.created_at + f.takeover_pause,
    wants_human = c.wants_human or asked.at is not null,
    wants_human_since = coalesce(c.wants_human_since, asked.at)
  from public.sms_configs as f, (
    select min(m.created_at) as at from public.sms_messages as m
    where m.conversation_id = new.conversation_id and m.intent = 'human'
      and m.id > coalesce(v_arrived.id, 0) and m.id < new.id
  ) as asked
  where c.id = new.conversation_id and c.status = 'active'
    and f.id = c.config_id and c.paused_until = new.created_at + f.takeover_pause;
  return null;
end;
$$;

create trigger sms_messages_after_human_failed
  after update of status on public.sms_messages
  for each row when (
    new.author = 'human' and old.status <> new.status
    and new.status in ('blocked', 'canceled', 'failed', 'undelivered')
  )
  execute function sms.after_human_failed();

-- Is a message of this conversation being handed to Twilio? Then its lease stays.
create function sms.has_sending(p_conversation_id uuid)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.is_open and m.status = 'sending'
  );
end;
$$;

-- Closing drops what is pending; a message being handed to Twilio is finished.
create function sms.before_close()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'A closed conversation stays closed',
      hint = 'The contact''s next message opens a new one.';
  end if;
  perform sms.record_no_reply(new.id, 'closed');
  new.closed_at := clock_timestamp();
  new.closed_by := coalesce(new.closed_by, 'human');
  new.outcome := sms.outcome_of(old);
  new.reply_due_at := null;
  new.waiting_since := null;
  new.wants_human := false;
  if not sms.has_sending(new.id) then
    new.lease_id := null;
    new.leased_until := null;
    new.leased_for := null;
  end if;
  return new;
end;
$$;

create trigger sms_conversations_before_close
  before update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.before_close();

-- Since when a human is waited for, whoever says so: the contact's words, a tool, a member. A name
-- after before_close: what that one takes back is seen here.
create function sms.before_wants_human()
returns trigger language plpgsql set search_path = '' as $$
begin
  new.wants_human_since := case
    when new.wants_human then coalesce(new.wants_human_since, clock_timestamp())
  end;
  return new;
end;
$$;

create trigger sms_conversations_before_wants_human
  before update of wants_human, status on public.sms_conversations
  for each row when (old.wants_human is distinct from new.wants_human)
  execute function sms.before_wants_human();

-- What a conversation came to, from facts: who answered the contact last, unless the last message
-- that wanted a reply got none.
create function sms.outcome_of(p_conversation public.sms_conversations)
returns text language plpgsql stable as $$
declare
  v_by_human boolean;
  v_by_ai boolean;
begin
  if sms.is_opted_out(p_conversation.user_id, p_conversation.contact_number, (
    select f.phone_number from public.sms_configs as f where f.id = p_conversation.config_id
  )) then
    return 'opted_out';
  elsif p_conversation.is_blocked then
    return 'blocked';
  end if;
  select bool_or(m.author = 'human'), bool_or(m.author = 'ai' or m.canned_reply = 'keyword')
  into v_by_human, v_by_ai
  from public.sms_messages as m
  where m.conversation_id = p_conversation.id and m.direction = 'outgoing'
    and m.status not in ('blocked', 'canceled', 'failed', 'undelivered');
  return case
    when p_conversation.wants_human or p_conversation.waiting_since is not null or exists (
      select from (
        select i.id, i.no_reply_reason from public.sms_messages as i
        where i.conversation_id = p_conversation.id and i.direction = 'incoming'
        order by i.id desc
        limit 1
      ) as newest
      where newest.no_reply_reason in ('paused', 'rate_limit', 'loop', 'failed', 'old')
        and not exists (
          select from public.sms_messages as o
          where o.conversation_id = p_conversation.id and o.id > newest.id
            and o.author in ('ai', 'human')
            and o.status not in ('blocked', 'canceled', 'failed', 'undelivered')
        )
    ) then 'unanswered'
    when v_by_human then 'answered_by_human'
    when v_by_ai then 'answered_by_ai'
    else 'unanswered'
  end;
end;
$$;

-- Closes what nobody wrote in for close_after: nothing is open, pending or wanted in it. Returns
-- how many, 500 at most. Only the last two days before the limit are looked through, for the older
-- ones were, and once a day all: one that could not be closed then may be closed now.
create function sms.close_idle_conversations()
returns integer language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
  v_closed integer;
  v_is_full boolean := exists (
    select from sms.maintenance as u where u.idle_checked_at < v_now - interval '1 day'
  );
begin
  with idle as materialized (
    select o.id
    from public.sms_configs as f
    cross join lateral (
      select c.id from public.sms_conversations as c
      where c.user_id = f.user_id and c.config_id = f.id and c.status = 'active'
        and c.last_message_at < v_now - f.close_after
        and (v_is_full or c.last_message_at > v_now - f.close_after - interval '2 days')
        and c.reply_due_at is null and c.send_due_at is null and not c.wants_human
        and (c.lease_id is null or c.leased_until < v_now)
      order by c.last_message_at
      limit 500
      for no key update skip locked
    ) as o
    where f.close_after is not null
    limit 500
  )
  update public.sms_conversations as c set status = 'closed', closed_by = 'idle'
  from idle
  where c.id = idle.id and c.status = 'active' and c.reply_due_at is null
    and c.send_due_at is null and not c.wants_human;
  get diagnostics v_closed = row_count;
  if v_is_full and v_closed < 500 then
    update sms.maintenance as u set idle_checked_at = v_now where true;
  end if;
  return v_closed;
end;
$$;

-- Closing cancels what is queued.
create function sms.after_close()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_messages as m
  set status = 'canceled', send_at = null, in_reply_to = null, error_message = 'closed'
  where m.conversation_id = new.id and m.is_open and m.status = 'queued';
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id)
  where c.id = new.id and c.send_due_at is not null;
  return null;
end;
$$;

create trigger sms_conversations_after_close
  after update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.after_close();

-- The contact opted out, or is blocked: no reply is pending any more in a locked conversation, and
-- whoever is generating one has lost its lease; a message being handed to Twilio is finished.
create function sms.cancel_pending_reply(
  p_conversation_id uuid, p_reason text default 'opted_out'
)
returns void language plpgsql as $$
declare
  v_keeps_lease boolean := sms.has_sending(p_conversation_id);
begin
  perform sms.record_no_reply(p_conversation_id, p_reason);
  update public.sms_conversations as c
  set reply_due_at = null,
    waiting_since = null,
    reply_attempts = 0,
    superseded = 0,
    lease_id = case when v_keeps_lease then c.lease_id end,
    leased_until = case when v_keeps_lease then c.leased_until end,
    leased_for = case when v_keeps_lease then c.leased_for end
  where c.id = p_conversation_id;
end;
$$;
