-- What may or may not be at Twilio. A lease fences decisions, not facts: a MessageSid is attached
-- whoever reports it, and only the end of the lease needs the lease. Creating a message at Twilio
-- is not idempotent, so what may have been accepted is reconciled before anything is sent again.

create function public.reconcile_sms(p_message_id bigint, p_found jsonb, p_lease_id uuid default null)
returns jsonb language plpgsql set search_path = '' as $$
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
comment on function public.reconcile_sms(bigint, jsonb, uuid) is
  'Decides what became of an unknown message. p_found: all messages Twilio lists from our number to '
  'that contact, created since two minutes before it was sent, [{sid, body, status, created_at}]; '
  'null: no complete listing could be had. Returns {outcome: recorded (adopted), unknown, queued '
  '(sent again) or failed}.';

-- Reconciling.
-- The SID of a message at Twilio that is nobody's yet and has our words, or ends in them (a trial
-- account puts a sentence before).
create function sms.matching_sid(p_message public.sms_messages, p_found jsonb)
returns text language sql stable as $$
  select t ->> 'sid'
  from jsonb_array_elements(p_found) as t
  where p_message.message_content <> ''
    and right(t ->> 'body', length(p_message.message_content)) = p_message.message_content
    and not exists (select from public.sms_messages as m where m.message_sid = t ->> 'sid')
  order by (t ->> 'body') = p_message.message_content desc, t ->> 'created_at'
  limit 1;
$$;

-- Moves a message without SID to another state and its conversation's due time along.
create function sms.reopen(p_message public.sms_messages, p_status text, p_send_at timestamptz, p_error_code integer, p_error_message text)
returns void language plpgsql as $$
begin
  update public.sms_messages as m
  set status = p_status, send_at = p_send_at, error_code = p_error_code,
    error_message = p_error_message
  where m.id = p_message.id;
  update public.sms_conversations as c set send_due_at = sms.send_due(c.id)
  where c.id = p_message.conversation_id;
end;
$$;

-- Does Twilio list a message of ours that is nobody's? It may be the one we look for, its words
-- changed.
create function sms.has_unmatched_message(p_found jsonb)
returns boolean language sql stable as $$
  select exists (
    select from jsonb_array_elements(p_found) as t
    where not exists (select from public.sms_messages as m where m.message_sid = t ->> 'sid')
  );
$$;

-- A complete listing lacks the message. After two, a minute apart, it is sent again if nothing is
-- newer in the conversation and it is young; else it failed. Also for the third time: what two
-- listings prove, they prove each time.
create function sms.reconcile_missing(p_message public.sms_messages, p_now timestamptz)
returns text language plpgsql as $$
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

create function public.resend_sms(p_message_id bigint)
returns bigint language plpgsql set search_path = '' as $$
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
comment on function public.resend_sms(bigint) is
  'A human decides to send a message that failed again: queues a copy and returns its id. The gate is '
  'asked as for any message.';

-- A message being sent under a lease that ended may be at Twilio: it is looked up later, never sent
-- blindly.
create function sms.mark_unknown(p_conversation public.sms_conversations)
returns void language plpgsql as $$
begin
  update public.sms_messages as m
  set status = 'unknown',
    send_at = coalesce(p_conversation.leased_until, m.send_at) + (sms.policy()).reconcile_after,
    error_message = 'The worker that was sending it ended'
  where m.conversation_id = p_conversation.id and m.is_open and m.status = 'sending';
end;
$$;
