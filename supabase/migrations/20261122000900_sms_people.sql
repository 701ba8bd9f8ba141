-- What a human does: writes a text, closes a conversation. Both silence the AI at once: the
-- worker that is generating an answer learns it when its lease is gone.
--
-- Lock order everywhere: conversation, messages, opt-outs, counters last.

create function sms.admit_human_message(
  p_message public.sms_messages, p_conversation public.sms_conversations
)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if p_conversation.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'The conversation is closed',
      hint = 'The contact''s next text opens a new one.';
  elsif btrim(p_message.message_content) = '' or length(p_message.message_content) > 1600 then
    raise exception using errcode = 'PT422', message = 'The text is empty or too long',
      hint = 'A text has 1 to 1,600 characters.';
  elsif (
    select sum(s.human_replies) from public.sms_daily_stats as s
    where s.user_id = p_message.user_id and s.day = (p_message.created_at at time zone 'UTC')::date
  ) >= 1000 then
    raise exception using errcode = 'PT429', message = 'Too many texts today',
      hint = 'At most 1,000 texts written by people per user and UTC day.';
  end if;
end;
$$;
comment on function sms.admit_human_message(public.sms_messages, public.sms_conversations) is 'Refuses a person''s text that can never be sent.';
revoke all on function sms.admit_human_message(public.sms_messages, public.sms_conversations) from public, anon, authenticated, service_role;

create function sms.before_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = new.conversation_id
  for no key update;
  if not found or auth.uid() <> v_conversation.user_id then
    raise exception using errcode = 'PT404', message = 'There is no such conversation';
  end if;

  new.id := nextval('public.sms_messages_id_seq'); -- after the lock: ids are in commit order
  new.user_id := v_conversation.user_id;
  new.created_at := clock_timestamp();
  new.send_at := case when new.status = 'queued' then coalesce(new.send_at, new.created_at) else new.send_at end;
  if new.author in ('ai', 'human') then
    new.response_seconds := sms.response_seconds(new.conversation_id);
  end if;
  if new.author = 'human' then
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
comment on function sms.before_message() is 'Locks the conversation, gives the id, completes a person''s row. What cannot be sent to an opted-out contact is said at once; the gate says it again.';
revoke all on function sms.before_message() from public, anon, authenticated, service_role;

create trigger sms_messages_before_insert
  before insert on public.sms_messages
  for each row execute function sms.before_message();

create function sms.has_sending(p_conversation_id uuid)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.is_open and m.status = 'sending'
  );
end;
$$;
comment on function sms.has_sending(uuid) is 'Is a text of this conversation being handed to Twilio? Then its lease stays.';
revoke all on function sms.has_sending(uuid) from public, anon, authenticated, service_role;
grant execute on function sms.has_sending(uuid) to service_role;

create function sms.cancel_pending_reply(p_conversation_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_keeps_lease boolean := sms.has_sending(p_conversation_id);
begin
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
comment on function sms.cancel_pending_reply(uuid) is 'Nothing is owed any more in a locked conversation, and whoever is generating an answer has lost its lease; a text being handed to Twilio is finished.';
revoke all on function sms.cancel_pending_reply(uuid) from public, anon, authenticated, service_role;
grant execute on function sms.cancel_pending_reply(uuid) to service_role;

create function sms.after_human_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_keeps_lease boolean := sms.has_sending(new.conversation_id);
begin
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, new.created_at),
    paused_until = new.created_at + f.takeover_pause,
    wants_human = false,
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
comment on function sms.after_human_message() is 'A human wrote: the AI is silent, also with the answer it is generating.';
revoke all on function sms.after_human_message() from public, anon, authenticated, service_role;

create trigger sms_messages_after_human
  after insert on public.sms_messages
  for each row when (new.author = 'human') execute function sms.after_human_message();

create function sms.before_close()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if old.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'A closed conversation stays closed',
      hint = 'The contact''s next text opens a new one.';
  end if;
  new.closed_at := clock_timestamp();
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
comment on function sms.before_close() is 'Closing drops what is owed; a text being handed to Twilio is finished.';
revoke all on function sms.before_close() from public, anon, authenticated, service_role;

create trigger sms_conversations_before_close
  before update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.before_close();

create function sms.after_close()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
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
comment on function sms.after_close() is 'Closing cancels what is queued.';
revoke all on function sms.after_close() from public, anon, authenticated, service_role;

create trigger sms_conversations_after_close
  after update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.after_close();
