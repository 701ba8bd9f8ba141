-- Realtime is a hint, never the truth: private broadcasts say that something changed, and whoever
-- hears one asks the Data API. Payloads hold ids, direction and status only, because
-- realtime.messages keeps them for days.
--
-- Topic sms:worker has no policy, so the service role alone may join it. Topic sms:user:<account>
-- is for the account's owner and members.

-- Tells the workers in how many seconds there is work. realtime.send turns every error into a
-- warning, and the lock timeout keeps a locked realtime.messages from stopping a message.
create function sms.announce_work()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send(
    jsonb_build_object('seconds', greatest(
      extract(epoch from least(new.reply_due_at, new.send_due_at) - clock_timestamp()), 0
    )),
    'work', 'sms:worker', true
  );
  return null;
end;
$$;

create trigger sms_conversations_announce_work_insert
  after insert on public.sms_conversations
  for each row when (least(new.reply_due_at, new.send_due_at) is not null)
  execute function sms.announce_work();

-- Also when a lease ends and something came meanwhile: that was announced to nobody.
create trigger sms_conversations_announce_work_update
  after update of reply_due_at, send_due_at, lease_id on public.sms_conversations
  for each row when (
    new.lease_id is null
    and least(new.reply_due_at, new.send_due_at) is not null
    and (
      old.lease_id is not null
      or least(new.reply_due_at, new.send_due_at)
        is distinct from least(old.reply_due_at, old.send_due_at)
    )
  )
  execute function sms.announce_work();

-- Tells the owner's clients of a new message and of the state it ends in.
create function sms.announce_message()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send(
    jsonb_build_object(
      'message_id', new.id, 'conversation_id', new.conversation_id,
      'direction', new.direction, 'status', new.status
    ),
    'message', 'sms:user:' || new.user_id::text, true
  );
  return null;
end;
$$;

create trigger sms_messages_announce_insert
  after insert on public.sms_messages
  for each row execute function sms.announce_message();

create trigger sms_messages_announce_update
  after update of status on public.sms_messages
  for each row when (
    old.status is distinct from new.status
    and new.status not in ('queued', 'sending', 'accepted')
  )
  execute function sms.announce_message();

-- Tells the owner's clients that a conversation was closed, paused or asks for a human.
create function sms.announce_conversation()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send(
    jsonb_build_object('conversation_id', new.id, 'status', new.status),
    'conversation', 'sms:user:' || new.user_id::text, true
  );
  return null;
end;
$$;

create trigger sms_conversations_announce_state
  after update of status, auto_reply, paused_until, wants_human, assigned_to, read_up_to_id
  on public.sms_conversations
  for each row when (
    (old.status, old.auto_reply, old.paused_until, old.wants_human, old.assigned_to,
      old.read_up_to_id)
      is distinct from
    (new.status, new.auto_reply, new.paused_until, new.wants_human, new.assigned_to,
      new.read_up_to_id)
  )
  execute function sms.announce_conversation();
