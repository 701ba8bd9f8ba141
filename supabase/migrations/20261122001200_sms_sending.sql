-- What became of a text. A lease fences decisions, not facts: a MessageSid is attached whoever
-- reports it, and only the end of the lease needs the lease. Creating a message at Twilio is not
-- idempotent, so what may have been accepted is reconciled before anything is sent again.

create function sms.lock_message(p_message_id bigint)
returns public.sms_messages
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function sms.lock_message(bigint) is 'Locks an outgoing message and, before it, its conversation. Null: it was erased meanwhile.';
revoke all on function sms.lock_message(bigint) from public, anon, authenticated, service_role;
grant execute on function sms.lock_message(bigint) to service_role;

create function sms.record_event(
  p_message_id bigint, p_message_sid text, p_status text, p_error_code integer, p_payload jsonb
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into public.sms_delivery_events (message_id, message_sid, status, error_code, payload)
  values (p_message_id, p_message_sid, p_status, p_error_code, p_payload)
  on conflict do nothing;
  return found;
end;
$$;
comment on function sms.record_event(bigint, text, text, integer, jsonb) is 'Logs one state of a SID, once.';
revoke all on function sms.record_event(bigint, text, text, integer, jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.record_event(bigint, text, text, integer, jsonb) to service_role;

create function sms.advance_status(
  p_message_id bigint, p_status text, p_error_code integer, p_error_message text
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function sms.advance_status(bigint, text, integer, text) is 'Moves a text that Twilio has to a later state; callbacks come in any order. False: it is there already, or further.';
revoke all on function sms.advance_status(bigint, text, integer, text) from public, anon, authenticated, service_role;
grant execute on function sms.advance_status(bigint, text, integer, text) to service_role;

create function sms.attach_sid(p_message public.sms_messages, p_message_sid text, p_status text)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if p_message.message_sid <> p_message_sid then
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
      return 'stale'; -- reconciling gave it to another text with the same words
    end if;
  end if;
  if p_status <> 'accepted' then
    perform sms.advance_status(p_message.id, p_status, null, null);
  end if;
  return 'recorded';
end;
$$;
comment on function sms.attach_sid(public.sms_messages, text, text) is 'Twilio has this text under this SID. A second SID for one text means that it was sent twice: stored as the event "doubled".';
revoke all on function sms.attach_sid(public.sms_messages, text, text) from public, anon, authenticated, service_role;
grant execute on function sms.attach_sid(public.sms_messages, text, text) to service_role;

create function sms.record_sent_at(p_message public.sms_messages, p_lease_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id),
    -- The next answer waited for this one and need not any more.
    reply_due_at = case when c.reply_due_at = p_message.send_at then clock_timestamp()
      else c.reply_due_at end,
    lease_id = nullif(c.lease_id, p_lease_id),
    leased_until = case when c.lease_id is distinct from p_lease_id then c.leased_until end,
    leased_for = case when c.lease_id is distinct from p_lease_id then c.leased_for end
  where c.id = p_message.conversation_id;
end;
$$;
comment on function sms.record_sent_at(public.sms_messages, uuid) is 'A text of the conversation is no longer open: when the next is due. Ends the lease if it is still this one.';
revoke all on function sms.record_sent_at(public.sms_messages, uuid) from public, anon, authenticated, service_role;
grant execute on function sms.record_sent_at(public.sms_messages, uuid) to service_role;

create function sms.record_sent(
  p_lease_id uuid, p_message_id bigint, p_message_sid text, p_status text,
  p_segments integer, p_encoding text
)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages := sms.lock_message(p_message_id);
  v_outcome text;
begin
  if v_message.id is null then
    return 'gone';
  end if;
  v_outcome := sms.attach_sid(
    v_message, p_message_sid, coalesce(sms.status_of(p_status), 'accepted')
  );
  if p_segments <> v_message.segments or p_encoding <> v_message.encoding
    or v_message.segments is null or v_message.encoding is null then
    update public.sms_messages as m
    set segments = coalesce(p_segments, m.segments), encoding = coalesce(p_encoding, m.encoding)
    where m.id = p_message_id;
  end if;
  perform sms.record_sent_at(v_message, p_lease_id);
  return v_outcome;
end;
$$;
comment on function sms.record_sent(uuid, bigint, text, text, integer, text) is 'Gives the text its MessageSid and ends the lease: recorded, doubled, stale or gone.';
revoke all on function sms.record_sent(uuid, bigint, text, text, integer, text) from public, anon, authenticated, service_role;
grant execute on function sms.record_sent(uuid, bigint, text, text, integer, text) to service_role;

create function public.finish_sms_send(
  p_lease_id uuid, p_message_id bigint, p_message_sid text, p_status text,
  p_segments integer default null, p_encoding text default null,
  p_next_lease_id uuid default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_outcome text := sms.record_sent(
    p_lease_id, p_message_id, p_message_sid, p_status, p_segments, p_encoding
  );
begin
  return jsonb_build_object('outcome', v_outcome, 'next', case
    when p_next_lease_id is not null then sms.claim_next(p_next_lease_id)
  end);
end;
$$;
comment on function public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid) is 'Twilio accepted the text. Called twice it succeeds twice; gone: conversation or user were deleted meanwhile. With p_next_lease_id, next is the next job, as claim_sms_work returns it, or null when that cannot be said.';
revoke all on function public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid) to service_role;

create function sms.reopen(p_message public.sms_messages, p_status text, p_send_at timestamptz, p_error_code integer, p_error_message text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_messages as m
  set status = p_status, send_at = p_send_at, error_code = p_error_code,
    error_message = p_error_message
  where m.id = p_message.id;
  update public.sms_conversations as c set send_due_at = sms.send_due(c.id)
  where c.id = p_message.conversation_id;
end;
$$;
comment on function sms.reopen(public.sms_messages, text, timestamptz, integer, text) is 'Moves a text without SID to another state and its conversation''s due time along.';
revoke all on function sms.reopen(public.sms_messages, text, timestamptz, integer, text) from public, anon, authenticated, service_role;
grant execute on function sms.reopen(public.sms_messages, text, timestamptz, integer, text) to service_role;

create function sms.record_refusal(p_message public.sms_messages, p_error_code integer, p_error_message text, p_outcome text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
  v_phone_number text;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = p_message.conversation_id;
  select f.phone_number into v_phone_number from public.sms_configs as f
  where f.id = v_conversation.config_id;
  if p_outcome = 'suspended' then
    perform sms.suspend(v_conversation.config_id, p_error_message);
  elsif p_error_code = 21610 then
    perform sms.record_opt_out(
      v_conversation.user_id, v_conversation.contact_number, v_phone_number, true, 'twilio',
      clock_timestamp()
    );
  end if;
end;
$$;
comment on function sms.record_refusal(public.sms_messages, integer, text, text) is 'What a refusal says beyond its text: the number is suspended, or the contact has opted out of it.';
revoke all on function sms.record_refusal(public.sms_messages, integer, text, text) from public, anon, authenticated, service_role;
grant execute on function sms.record_refusal(public.sms_messages, integer, text, text) to service_role;

create function public.fail_sms_send(
  p_lease_id uuid, p_message_id bigint, p_outcome text, p_error_message text,
  p_error_code integer default null, p_retry_after numeric default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages := sms.lock_message(p_message_id);
  v_timing sms.policy := sms.policy();
  v_now timestamptz := clock_timestamp();
  v_outcome text := p_outcome;
begin
  if v_message.id is null then
    return jsonb_build_object('outcome', 'gone');
  elsif not sms.end_lease(v_message.conversation_id, p_lease_id)
    or v_message.status <> 'sending' then
    return jsonb_build_object('outcome', v_message.status); -- decided by whoever came after
  end if;
  if p_outcome = 'refused' and v_now > v_message.created_at + v_timing.retry_for then
    v_outcome := 'failed';
  end if;
  perform sms.reopen(
    v_message,
    case v_outcome when 'refused' then 'queued' when 'suspended' then 'queued' else v_outcome end,
    case v_outcome
      when 'refused' then v_now + coalesce(
        make_interval(secs => p_retry_after::double precision), sms.backoff(v_message.attempts)
      )
      when 'suspended' then v_now + v_timing.suspend_for
      when 'unknown' then v_now + v_timing.reconcile_after
    end,
    p_error_code, p_error_message
  );
  perform sms.record_refusal(v_message, p_error_code, p_error_message, v_outcome);
  return jsonb_build_object('outcome', v_outcome);
end;
$$;
comment on function public.fail_sms_send(uuid, bigint, text, text, integer, numeric) is 'Twilio did not accept the text. p_outcome: refused (never taken, tried again after p_retry_after seconds), suspended (the number rests), failed (for good) or unknown (it may have it: looked up later, never sent blindly).';
revoke all on function public.fail_sms_send(uuid, bigint, text, text, integer, numeric) from public, anon, authenticated, service_role;
grant execute on function public.fail_sms_send(uuid, bigint, text, text, integer, numeric) to service_role;

-- Settling.

create function sms.matching_sid(p_message public.sms_messages, p_found jsonb)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select t ->> 'sid'
  from jsonb_array_elements(p_found) as t
  where p_message.message_content <> ''
    and right(t ->> 'body', length(p_message.message_content)) = p_message.message_content
    and not exists (select from public.sms_messages as m where m.message_sid = t ->> 'sid')
  order by (t ->> 'body') = p_message.message_content desc, t ->> 'created_at'
  limit 1;
$$;
comment on function sms.matching_sid(public.sms_messages, jsonb) is 'The SID of a message at Twilio that is nobody''s yet and has our words, or ends in them (a trial account puts a sentence before).';
revoke all on function sms.matching_sid(public.sms_messages, jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.matching_sid(public.sms_messages, jsonb) to service_role;

create function sms.has_unmatched_message(p_found jsonb)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (
    select from jsonb_array_elements(p_found) as t
    where not exists (select from public.sms_messages as m where m.message_sid = t ->> 'sid')
  );
$$;
comment on function sms.has_unmatched_message(jsonb) is 'Does Twilio list a message of ours that is nobody''s? It may be the one we look for, its words changed.';
revoke all on function sms.has_unmatched_message(jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.has_unmatched_message(jsonb) to service_role;

create function sms.reconcile_missing(p_message public.sms_messages, p_now timestamptz)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_timing sms.policy := sms.policy();
begin
  if p_message.send_at > p_now then
    return 'unknown'; -- looked up too early: Twilio may be taking it yet
  elsif coalesce(p_message.listed_empty_at, p_now) > p_now - v_timing.reconcile_after then
    update public.sms_messages as m
    set listed_empty_at = coalesce(m.listed_empty_at, p_now) where m.id = p_message.id;
    perform sms.reopen(
      p_message, 'unknown', coalesce(p_message.listed_empty_at, p_now) + v_timing.reconcile_after,
      p_message.error_code, p_message.error_message
    );
    return 'unknown';
  elsif p_message.created_at > p_now - v_timing.resend_within
    and not exists (
      select from public.sms_messages as m
      where m.conversation_id = p_message.conversation_id and m.id > p_message.id
    ) then
    update public.sms_messages as m set resent_at = p_now, listed_empty_at = null
    where m.id = p_message.id;
    perform sms.reopen(p_message, 'queued', p_now, null, null);
    return 'queued';
  end if;
  perform sms.reopen(
    p_message, 'failed', null, p_message.error_code, 'Twilio does not have it and it is too late to send it again'
  );
  return 'failed';
end;
$$;
comment on function sms.reconcile_missing(public.sms_messages, timestamptz) is 'A complete listing lacks the text. After two, a minute apart, it is sent again if nothing is newer in the conversation and it is young; else it failed. Also for the third time: what two listings prove, they prove each time.';
revoke all on function sms.reconcile_missing(public.sms_messages, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.reconcile_missing(public.sms_messages, timestamptz) to service_role;

create function public.reconcile_sms(p_message_id bigint, p_found jsonb, p_lease_id uuid default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages := sms.lock_message(p_message_id);
  v_timing sms.policy := sms.policy();
  v_now timestamptz := clock_timestamp();
  v_sid text := sms.matching_sid(v_message, p_found);
  v_outcome text;
begin
  if v_message.id is null then
    return jsonb_build_object('outcome', 'gone');
  elsif v_message.status <> 'unknown' then
    v_outcome := v_message.status;
  elsif v_sid is not null then
    v_outcome := sms.attach_sid(v_message, v_sid, 'accepted');
    perform sms.record_sent_at(v_message, p_lease_id);
  elsif p_found is null then -- no complete listing could be had
    perform sms.reopen(v_message, 'unknown', v_now + v_timing.reconcile_after,
      v_message.error_code, v_message.error_message);
    v_outcome := 'unknown';
  elsif v_now > v_message.created_at + v_timing.unknown_for then
    perform sms.reopen(v_message, 'failed', null, v_message.error_code,
      'It was never found at Twilio');
    v_outcome := 'failed';
  elsif sms.has_unmatched_message(p_found) then
    perform sms.reopen(v_message, 'unknown', v_now + v_timing.reconcile_after,
      v_message.error_code, 'Twilio has a text to this contact that nobody here sent');
    v_outcome := 'unknown';
  elsif p_lease_id is not null and not exists (
    select from public.sms_conversations as c
    where c.id = v_message.conversation_id and c.lease_id = p_lease_id
  ) then
    v_outcome := 'unknown'; -- an old listing: deciding is up to whoever holds the lease
  else
    v_outcome := sms.reconcile_missing(v_message, v_now);
  end if;
  perform sms.end_lease(v_message.conversation_id, p_lease_id);
  return jsonb_build_object('outcome', v_outcome, 'message_sid', v_sid);
end;
$$;
comment on function public.reconcile_sms(bigint, jsonb, uuid) is 'Decides what became of an unknown text. p_found: all messages Twilio lists from our number to that contact, created since two minutes before it was sent, [{sid, body, status, created_at}]; null: no complete listing could be had. Returns {outcome: recorded (adopted), unknown, queued (sent again) or failed}.';
revoke all on function public.reconcile_sms(bigint, jsonb, uuid) from public, anon, authenticated, service_role;
grant execute on function public.reconcile_sms(bigint, jsonb, uuid) to service_role;

create function public.resend_sms(p_message_id bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages := sms.lock_message(p_message_id);
  v_id bigint;
begin
  if v_message.id is null then
    raise exception using errcode = 'PT404', message = 'There is no such outgoing message';
  elsif v_message.status not in ('failed', 'undelivered', 'canceled', 'blocked') then
    raise exception using errcode = 'PT409',
      message = format('The message is %s, so it was or may yet be sent', v_message.status),
      hint = 'An unknown one is reconciled first: sms-gateway message reconcile.';
  end if;
  insert into public.sms_messages (conversation_id, author, message_content)
  values (v_message.conversation_id, 'human', v_message.message_content)
  returning id into v_id;
  return v_id;
end;
$$;
comment on function public.resend_sms(bigint) is 'A human decides to send a text that failed again: queues a copy and returns its id. The gate is asked as for any text.';
revoke all on function public.resend_sms(bigint) from public, anon, authenticated, service_role;
grant execute on function public.resend_sms(bigint) to service_role;

-- Twilio's callbacks.

create function sms.callback_target(p_payload jsonb)
returns public.sms_messages
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m
  where m.message_sid = p_payload ->> 'sid'
  for no key update;
  if found then
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
comment on function sms.callback_target(jsonb) is 'The text a callback speaks of: by its SID, else by the id we put into the callback URL if that text went to that contact.';
revoke all on function sms.callback_target(jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.callback_target(jsonb) to service_role;

create function public.record_sms_delivery(p_payload jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_message public.sms_messages := sms.callback_target(p_payload);
  v_status text := sms.status_of(p_payload ->> 'status');
  v_code integer := (p_payload ->> 'error_code')::integer;
  v_outcome text := 'recorded';
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
  if v_code = 21610 then
    perform sms.record_refusal(v_message, v_code, null, 'failed');
  end if;
  perform sms.record_event(
    v_message.id, p_payload ->> 'sid', coalesce(p_payload ->> 'status', 'none'), v_code,
    nullif(p_payload -> 'form', 'null')
  );
  return jsonb_build_object('outcome', v_outcome, 'message_id', v_message.id);
end;
$$;
comment on function public.record_sms_delivery(jsonb) is 'One status post of Twilio: {sid, status, to, message_id, error_code, error_message, form}. Returns {outcome: recorded, stale (the text is further already), doubled (a second SID for it) or gone (erased)}.';
revoke all on function public.record_sms_delivery(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.record_sms_delivery(jsonb) to service_role;
