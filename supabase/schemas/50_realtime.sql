-- Realtime is a hint, never the truth: private broadcasts say that something changed, and whoever
-- hears one asks the Data API. Payloads hold ids, direction and status only, because
-- realtime.messages keeps them for days.
--
-- Topic sms:worker has no policy, so the service role alone may join it. Topic sms:user:<account>
-- is for the account's owner and members.

-- Says so on each topic, in one statement. As realtime.send does it for one: an error becomes a
-- warning, and the lock timeout of the triggers keeps a locked realtime.messages from stopping a
-- message.
create function sms.broadcast(p_topics text[], p_events text[], p_payloads jsonb[])
returns void language plpgsql as $$
begin
  insert into realtime.messages (id, topic, event, payload, private, extension)
  select b.id, b.topic, b.event, b.payload || jsonb_build_object('id', b.id), true, 'broadcast'
  from (
    select gen_random_uuid() as id, t.topic, t.event, t.payload
    from unnest(p_topics, p_events, p_payloads) as t (topic, event, payload)
    where t.topic is not null
  ) as b;
exception
  when others then
    raise warning 'not announced: %', sqlerrm;
end;
$$;

-- Tells the workers in how many seconds there is work, and the owner's clients of a message that
-- came. Work also when a lease ends and something came meanwhile: that was announced to nobody.
create function sms.announce_work()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
declare
  v_due_at timestamptz := least(new.reply_due_at, new.send_due_at);
  v_is_work boolean := new.lease_id is null and v_due_at is not null and (
    old.lease_id is not null or v_due_at is distinct from least(old.reply_due_at, old.send_due_at)
  );
  v_is_message boolean := new.last_incoming_id is distinct from old.last_incoming_id;
begin
  if v_is_work or v_is_message then
    perform sms.broadcast(
      array[
        case when v_is_message then 'sms:user:' || new.user_id end,
        case when v_is_work then 'sms:worker' end
      ],
      '{message,work}',
      array[
        jsonb_build_object(
          'message_id', new.last_incoming_id, 'conversation_id', new.id,
          'direction', 'incoming', 'status', 'received'
        ),
        jsonb_build_object(
          'seconds', greatest(extract(epoch from v_due_at - clock_timestamp()), 0)
        )
      ]
    );
  end if;
  return null;
end;
$$;

create trigger sms_conversations_announce_work_insert
  after insert on public.sms_conversations
  for each row when (least(new.reply_due_at, new.send_due_at) is not null)
  execute function sms.announce_work();

create trigger sms_conversations_announce_work_update
  after update of last_incoming_id, reply_due_at, send_due_at, lease_id
  on public.sms_conversations
  for each row when (
    new.lease_id is null and least(new.reply_due_at, new.send_due_at) is not null
    or new.last_incoming_id is distinct from old.last_incoming_id
  )
  execute function sms.announce_work();

-- Tells the owner's clients of a new message to a contact, and of the state that any ends in.
create function sms.announce_message()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform sms.broadcast(
    array['sms:user:' || new.user_id], '{message}',
    array[jsonb_build_object(
      'message_id', new.id, 'conversation_id', new.conversation_id,
      'direction', new.direction, 'status', new.status
    )]
  );
  return null;
end;
$$;

create trigger sms_messages_announce_insert
  after insert on public.sms_messages
  for each row when (new.direction = 'outgoing') execute function sms.announce_message();

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
  perform sms.broadcast(
    array['sms:user:' || new.user_id], '{conversation}',
    array[jsonb_build_object('conversation_id', new.id, 'status', new.status)]
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
