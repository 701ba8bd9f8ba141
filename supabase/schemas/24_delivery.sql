-- What Twilio tells of a message afterwards. States only move forward; Twilio's word beats any
-- state we guessed.

create function public.record_sms_delivery(p_payload jsonb)
returns jsonb language plpgsql set search_path = '' set plan_cache_mode = 'force_generic_plan' as $$
declare
  v_message public.sms_messages := sms.callback_target(p_payload);
  v_status text := sms.status_of(p_payload ->> 'status');
  v_code integer := (p_payload ->> 'error_code')::integer;
  v_outcome text := 'recorded';
  v_is_new boolean;
begin
  if v_message.id is null or v_message.direction = 'incoming' then
    return jsonb_build_object('outcome', 'gone');
  end if;
  if v_message.message_sid is distinct from (p_payload ->> 'sid') then
    v_outcome := sms.attach_sid(v_message, p_payload ->> 'sid', 'accepted');
    perform sms.record_sent_at(v_message, null);
  end if;
  if v_outcome = 'recorded' and v_status is not null and not sms.advance_status(
    v_message.id, v_status, v_code, p_payload ->> 'error_message'
  ) then
    v_outcome := 'stale';
  end if;
  v_is_new := sms.record_event(
    v_message.id, p_payload ->> 'sid', coalesce(p_payload ->> 'status', 'none'), v_code,
    nullif(p_payload -> 'form', 'null')
  );
  if v_code = 21610 and v_is_new then
    perform sms.record_refusal(v_message, v_code, null, 'failed');
  end if;
  return jsonb_build_object('outcome', v_outcome, 'message_id', v_message.id);
end;
$$;
comment on function public.record_sms_delivery(jsonb) is
  'One status post of Twilio: {sid, status, to, message_id, error_code, error_message, form}. '
  'Returns {outcome: recorded, stale (the message is further already), doubled (a second SID for it) '
  'or gone (erased)}.';

-- Twilio's callbacks. The message a callback speaks of: by its SID, else by the id we put into the
-- callback URL if that message went to that contact. Locked alone, but with its conversation before
-- it when it failed: that may end a takeover.
create function sms.callback_target(p_payload jsonb)
returns public.sms_messages language plpgsql as $$
declare
  v_message public.sms_messages;
begin
  if sms.begins_takeover(sms.status_of(p_payload ->> 'status')) then
    select m.* into v_message from public.sms_messages as m
    where m.message_sid = p_payload ->> 'sid'
    for no key update;
  else
    v_message := sms.lock_message(
      (select m.id from public.sms_messages as m where m.message_sid = p_payload ->> 'sid')
    );
  end if;
  if v_message.id is not null then
    return v_message;
  end if;
  v_message := sms.lock_message((p_payload ->> 'message_id')::bigint);
  if not exists (
    select from public.sms_conversations as c
    where c.id = v_message.conversation_id and c.contact_number = p_payload ->> 'to'
  ) or v_message.sending_at is null then
    return null;
  end if;
  return v_message;
end;
$$;

-- Locks an outgoing message and, before it, its conversation. Null: it was erased meanwhile.
create function sms.lock_message(p_message_id bigint)
returns public.sms_messages language plpgsql as $$
declare
  v_message public.sms_messages;
begin
  perform from public.sms_conversations as c
  where c.id = (select m.conversation_id from public.sms_messages as m where m.id = p_message_id)
  for no key update;
  select m.* into v_message from public.sms_messages as m
  where m.id = p_message_id and m.direction = 'outgoing'
  for no key update;
  return v_message;
end;
$$;

-- Twilio has this message under this SID. A second SID for one message means that it was sent
-- twice: stored as the event "doubled", unless the message is old: a restored database gives ids
-- out again that are in callback URLs.
create function sms.attach_sid(p_message public.sms_messages, p_message_sid text, p_status text)
returns text language plpgsql as $$
begin
  if p_message.message_sid <> p_message_sid and coalesce(
    p_message.sending_at, p_message.created_at
  ) < clock_timestamp() - (sms.policy()).doubled_within then
    return 'stale';
  elsif p_message.message_sid <> p_message_sid then
    perform sms.record_event(p_message.id, p_message_sid, 'doubled', null, null);
    return 'doubled';
  elsif p_message.message_sid is null then
    -- Twilio's word beats any state we guessed, also 'failed' and 'queued'.
    update public.sms_messages as m
    set message_sid = p_message_sid, status = 'accepted', send_at = null,
      error_code = null, error_message = null
    where m.id = p_message.id
      and not exists (select from public.sms_messages as o where o.message_sid = p_message_sid);
    if not found then
      return 'stale'; -- reconciling gave it to another message with the same words
    end if;
  end if;
  if p_status <> 'accepted' then
    perform sms.advance_status(p_message.id, p_status, null, null);
  end if;
  return 'recorded';
end;
$$;

-- Logs one state of a SID, once.
create function sms.record_event(
  p_message_id bigint, p_message_sid text, p_status text, p_error_code integer, p_payload jsonb
)
returns boolean language plpgsql as $$
begin
  insert into public.sms_delivery_events (message_id, message_sid, status, error_code, payload)
  values (p_message_id, p_message_sid, p_status, p_error_code, p_payload)
  on conflict do nothing;
  return found;
end;
$$;

-- Moves a message that Twilio has to a later state; callbacks come in any order. False: it is there
-- already, or further.
create function sms.advance_status(
  p_message_id bigint, p_status text, p_error_code integer, p_error_message text
)
returns boolean language plpgsql as $$
begin
  update public.sms_messages as m
  set status = p_status,
    error_code = case when p_status in ('failed', 'undelivered') then p_error_code end,
    error_message = case when p_status in ('failed', 'undelivered') then coalesce(
      p_error_message, (select e.meaning from public.sms_error_codes as e where e.code = p_error_code)
    ) end,
    delivered_at = case when p_status = 'delivered' then clock_timestamp() else m.delivered_at end
  where m.id = p_message_id
    and sms.status_rank(m.status) < sms.status_rank(p_status);
  return found;
end;
$$;
