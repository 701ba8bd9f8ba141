-- A message arrives, it becomes a row; and the conversation has a reply pending.

create function public.ingest_sms(p_payload jsonb, p_occurred_at timestamptz default null)
returns jsonb language plpgsql set search_path = '' set plan_cache_mode = 'force_generic_plan' set lock_timeout = '3s' as $$
declare
  v_config public.sms_configs := sms.config_of(p_payload);
  v_conversation public.sms_conversations;
  v_message_id bigint;
  v_occurred_at timestamptz := coalesce(p_occurred_at, clock_timestamp());
  v_now timestamptz;
  v_intent jsonb;
  v_answer jsonb;
  v_reason text;
begin
  if v_config.id is null then
    return sms.log_post(p_payload, jsonb_build_object('outcome', 'unconfigured'));
  elsif exists (
    select from public.sms_messages as m where m.message_sid = p_payload ->> 'sid'
  ) then
    return sms.note_duplicate(p_payload);
  elsif p_payload ->> 'from' = any(v_config.staff_numbers) and sms.take_staff_message(v_config, p_payload) then
    return sms.log_post(p_payload, jsonb_build_object('outcome', 'staff'));
  end if;

  -- Lock, decide.
  v_conversation := sms.open_conversation(v_config, p_payload ->> 'from', v_occurred_at);
  v_now := clock_timestamp();
  v_intent := sms.intent(v_conversation, v_config, p_payload);
  v_reason := sms.no_reply_reason(
    v_conversation, v_config, p_payload, v_intent, v_occurred_at, v_now
  );

  -- Write.
  v_message_id := sms.store_incoming(
    v_conversation, p_payload, coalesce(v_intent ->> 'meaning', v_intent ->> 'doubt'), v_reason,
    v_occurred_at, v_now
  );
  if v_message_id is null then -- lost against the same message in another session
    delete from public.sms_conversations as c
    where c.id = v_conversation.id and c.last_incoming_id is null
      and not exists (select from public.sms_messages as m where m.conversation_id = c.id);
    return sms.note_duplicate(p_payload);
  end if;
  if v_reason is null then -- asked now: the message is one of those that may repeat themselves
    v_answer := sms.canned_reply(v_conversation, v_config, p_payload, v_intent, v_now);
    v_reason := v_answer ->> 'name';
  end if;
  perform sms.set_reply_due(v_conversation, v_config, v_message_id, v_reason, v_now);

  -- What is unusual.
  if v_config.event_types <> '{}' then
    perform sms.emit_incoming(v_config, v_conversation, v_message_id);
  end if;
  if v_intent ->> 'meaning' is not null then
    perform sms.act_on_intent(
      v_conversation, v_config, v_intent, v_reason, v_occurred_at, v_now
    );
  end if;
  if v_answer is not null then
    perform sms.queue_notice(
      v_conversation, v_answer ->> 'name', v_answer ->> 'content',
      -- A reply that is pending already will cover this message as well.
      case when v_conversation.waiting_since is null then v_message_id end
    );
  end if;
  return sms.log_post(p_payload, jsonb_build_object(
    'outcome', 'stored', 'message_id', v_message_id, 'conversation_id', v_conversation.id,
    'no_reply_reason', v_reason
  ));
end;
$$;
comment on function public.ingest_sms(jsonb, timestamptz) is
  'Stores one incoming message and makes a reply pending, once, however often it is posted. '
  'p_payload: {sid, from, to, service_sid, channel, recipients, body, media, opt_out_type, form}; '
  'p_occurred_at: when it happened at Twilio, null from the webhook. Returns {outcome: stored | duplicate | '
  'unconfigured | staff, message_id, conversation_id, no_reply_reason: null when the model answers}.';

-- The number that was written to: by its phone number, by another address of it (an RCS agent), or
-- by the messaging service when one number alone has it. All null: nobody has it.
create function sms.config_of(p_payload jsonb)
returns public.sms_configs language plpgsql stable as $$
declare
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f where f.phone_number = p_payload ->> 'to';
  if not found and p_payload ->> 'to' !~ '^\+?[0-9]+$' then
    select f.* into v_config from public.sms_configs as f
    where f.addresses @> array[p_payload ->> 'to']
    order by f.created_at
    limit 1;
  end if;
  if v_config.id is null and p_payload ->> 'channel' = 'rcs' then
    select f.* into v_config from public.sms_configs as f
    where f.messaging_service_sid = p_payload ->> 'service_sid'
      and not exists (
        select from public.sms_configs as o
        where o.messaging_service_sid = f.messaging_service_sid and o.id <> f.id
      );
  end if;
  return v_config;
end;
$$;

-- Logs the post and passes its result on.
create function sms.log_post(p_payload jsonb, p_result jsonb)
returns jsonb language plpgsql as $$
begin
  insert into public.sms_webhook_logs (message_sid, payload, outcome)
  values (
    p_payload ->> 'sid',
    coalesce(nullif(p_payload -> 'form', 'null'), p_payload),
    p_result ->> 'outcome'
  );
  return p_result;
end;
$$;

-- A MessageSid that is stored already changes nothing; only missing media is filled in. Of a
-- forgotten contact not even that.
create function sms.note_duplicate(p_payload jsonb)
returns jsonb language plpgsql as $$
declare
  v_message public.sms_messages;
  v_is_forgotten boolean;
begin
  select m.* into v_message from public.sms_messages as m
  where m.message_sid = p_payload ->> 'sid';
  select c.contact_number like 'forgotten:%' into v_is_forgotten
  from public.sms_conversations as c where c.id = v_message.conversation_id;
  update public.sms_messages as m
  set media = p_payload -> 'media'
  where m.id = v_message.id and not v_is_forgotten
    and m.media = '[]' and coalesce(p_payload -> 'media', '[]') <> '[]';
  return sms.log_post(
    case when v_is_forgotten then jsonb_build_object('sid', v_message.message_sid) else p_payload end,
    jsonb_build_object('outcome', 'duplicate', 'message_id', v_message.id,
      'conversation_id', v_message.conversation_id)
  );
end;
$$;

-- The contact's active conversation, locked; opened if there is none. A message from before a human
-- closed the last one joins that one; one that was closed as idle takes no message.
create function sms.open_conversation(
  p_config public.sms_configs, p_contact_number text, p_occurred_at timestamptz
)
returns public.sms_conversations language plpgsql as $$
declare
  v_conversation public.sms_conversations;
begin
  loop
    -- The active one sorts first: its closed_at is null.
    select c.* into v_conversation from public.sms_conversations as c
    where c.config_id = p_config.id and c.contact_number = p_contact_number
    order by c.closed_at desc nulls first
    limit 1
    for no key update;
    exit when found and (
      v_conversation.status = 'active'
      or v_conversation.closed_by = 'human' and v_conversation.closed_at >= p_occurred_at
    );
    insert into public.sms_conversations as c
      (user_id, config_id, contact_number, is_blocked, is_reopened)
    values (
      p_config.user_id, p_config.id, p_contact_number,
      sms.meet_contact(p_config.user_id, p_contact_number),
      coalesce(
        v_conversation.closed_at > clock_timestamp() - (sms.policy()).reopened_within, false
      )
    )
    on conflict (config_id, contact_number, closed_at) do nothing
    returning c.* into v_conversation;
    exit when found;
  end loop;
  return v_conversation;
end;
$$;

-- Makes the contact's row if there is none, and locks it: who blocks the contact waits, and then
-- sees the new conversation. True: the contact is blocked.
create function sms.meet_contact(p_user_id uuid, p_contact_number text)
returns boolean language plpgsql as $$
declare
  v_is_blocked boolean;
begin
  insert into public.sms_contacts as c (user_id, contact_number)
  values (p_user_id, p_contact_number)
  on conflict (user_id, contact_number) do update set contact_number = excluded.contact_number
  returning c.blocked_at is not null into v_is_blocked;
  return v_is_blocked;
end;
$$;

-- Writes the row; its id, or null when its MessageSid is already stored. The conversation is locked:
-- ids are in commit order.
create function sms.store_incoming(
  p_conversation public.sms_conversations, p_payload jsonb, p_intent text, p_reason text,
  p_occurred_at timestamptz, p_now timestamptz
)
returns bigint language plpgsql as $$
declare
  v_id bigint;
begin
  insert into public.sms_messages as m (
    conversation_id, user_id, direction, author, status, message_content, message_sid, intent,
    media, channel, recipients, no_reply_reason, occurred_at, created_at
  ) values (
    p_conversation.id, p_conversation.user_id, 'incoming', 'contact', 'received',
    coalesce(p_payload ->> 'body', ''), p_payload ->> 'sid', p_intent,
    coalesce(p_payload -> 'media', '[]'), coalesce(p_payload ->> 'channel', 'sms'),
    sms.recipients_of(p_payload), p_reason, p_occurred_at, p_now
  )
  on conflict (message_sid) do nothing
  returning m.id into v_id;
  return v_id;
end;
$$;

-- The further recipients of a group message; null: it is none.
create function sms.recipients_of(p_payload jsonb)
returns text[] language plpgsql immutable as $$
begin
  if jsonb_typeof(p_payload -> 'recipients') <> 'array' then
    return null;
  end if;
  return nullif(array(
    select left(r.value, 255) from jsonb_array_elements_text(p_payload -> 'recipients') as r
    limit 50
  ), '{}');
end;
$$;

-- What a message asks for is done: an opt word is applied, HELP answered, a human called.
create function sms.act_on_intent(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_intent jsonb,
  p_reason text, p_occurred_at timestamptz, p_now timestamptz
)
returns void language plpgsql as $$
declare
  v_meaning text := p_intent ->> 'meaning';
begin
  if v_meaning in ('stop', 'start') then
    perform sms.apply_opt_out(p_conversation, p_config, p_intent, p_occurred_at, p_now);
  elsif v_meaning = 'help' then
    perform sms.answer_help(p_conversation, p_config, p_intent, p_occurred_at, p_now);
  elsif v_meaning = 'human' and coalesce(p_reason, 'human') = 'human' then
    update public.sms_conversations as c set wants_human = true
    where c.id = p_conversation.id and not c.wants_human;
  end if;
end;
$$;

-- Null: the message has a reply pending. Else why not.
create function sms.no_reply_reason(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_payload jsonb, p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns text language plpgsql stable as $$
begin
  return case
    when p_intent ->> 'meaning' in ('stop', 'start', 'help') then 'opt_word'
    when not sms.can_be_answered(p_conversation.contact_number) then 'sender'
    when jsonb_array_length(coalesce(nullif(p_payload -> 'recipients', 'null'), '[]')) > 0
      and not p_config.answer_groups then 'group'
    when p_occurred_at < p_now - p_config.answer_within
      or p_occurred_at < p_config.created_at then 'old'
    when p_conversation.status = 'closed' then 'closed'
    when p_conversation.is_blocked then 'blocked'
    when p_conversation.last_message_at > p_occurred_at
      and sms.human_wrote(p_conversation.id, p_occurred_at) then 'human_wrote'
    else p_intent ->> 'kind' -- reaction, auto_reply
  end;
end;
$$;

-- Is this the number of somebody who can read a reply? Not a short code, a name or another
-- channel's address, nor what Twilio puts for a hidden sender: ANONYMOUS, RESTRICTED, BLOCKED and
-- UNAVAILABLE on a telephone's keys, and the country code 990, which no country has
-- (https://www.twilio.com/docs/voice/api/call-resource, "hidden caller id").
create function sms.can_be_answered(p_contact_number text)
returns boolean language sql immutable as $$
  select p_contact_number ~ '^\+[1-9][0-9]{6,14}$'
    and p_contact_number not in ('+266696687', '+7378742833', '+2562533', '+86282452253')
    and p_contact_number !~ '^\+(464$|990)';
$$;

-- Has a human written in this conversation since then, not in vain?
create function sms.human_wrote(p_conversation_id uuid, p_after timestamptz)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.direction = 'outgoing' and m.author = 'human' and m.created_at > p_after and sms.begins_takeover(m.status)
  );
end;
$$;

-- Notes the newest message and, if it has a reply pending (p_reason: why not), when: after
-- reply_delay without another one, at most ten seconds after the first.
create function sms.set_reply_due(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message_id bigint, p_reason text, p_now timestamptz
)
returns void language plpgsql as $$
declare
  v_is_pending boolean := p_reason is null;
  v_since timestamptz := coalesce(p_conversation.waiting_since, p_now);
begin
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, p_now),
    last_incoming_id = p_message_id,
    last_pending_id = case when v_is_pending then p_message_id else c.last_pending_id end,
    waiting_since = case when v_is_pending then v_since else c.waiting_since end,
    reply_error = case p_reason when 'auto_reply' then p_reason else c.reply_error end,
    reply_due_at = case
      when v_is_pending then least(
        p_now + p_config.reply_delay,
        v_since + (select t.reply_wait_max from sms.policy as t)
      )
      else c.reply_due_at
    end
  where c.id = p_conversation.id;
end;
$$;
