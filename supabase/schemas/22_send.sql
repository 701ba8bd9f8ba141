-- What became of handing a message to Twilio.

create function public.finish_sms_send(
  p_lease_id uuid, p_message_id bigint, p_message_sid text, p_status text,
  p_segments integer default null, p_encoding text default null,
  p_next_lease_id uuid default null, p_worker text default null
)
returns jsonb language plpgsql set search_path = '' set plan_cache_mode = 'force_generic_plan' as $$
declare
  v_outcome text := sms.record_sent(
    p_lease_id, p_message_id, p_message_sid, p_status, p_segments, p_encoding
  );
begin
  return jsonb_build_object('outcome', v_outcome, 'next', case
    when p_next_lease_id is not null then sms.claim_next(p_next_lease_id, p_worker)
  end);
end;
$$;
comment on function public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text) is
  'Twilio accepted the message. Called twice it succeeds twice; gone: conversation or user were '
  'deleted meanwhile. With p_next_lease_id, next is the next job, as claim_sms_work returns it to '
  'p_worker, or null when that cannot be said.';

-- Gives the message its MessageSid and ends the lease: recorded, doubled, stale or gone.
create function sms.record_sent(
  p_lease_id uuid, p_message_id bigint, p_message_sid text, p_status text,
  p_segments integer, p_encoding text
)
returns text language plpgsql as $$
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

-- A message of the conversation is no longer open: when the next is due. Ends the lease if it is
-- still this one.
create function sms.record_sent_at(p_message public.sms_messages, p_lease_id uuid)
returns void language plpgsql as $$
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

create function public.fail_sms_send(
  p_lease_id uuid, p_message_id bigint, p_outcome text, p_error_message text,
  p_error_code integer default null, p_retry_after numeric default null
)
returns jsonb language plpgsql set search_path = '' as $$
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
  if p_outcome = 'refused' and v_now > v_message.created_at + v_timing.retry_for
    or p_outcome = 'suspended' and sms.is_message_at_fault(v_message, p_error_code) then
    v_outcome := 'failed';
  end if;
  perform sms.reopen(
    v_message,
    case v_outcome when 'refused' then 'queued' when 'suspended' then 'queued' else v_outcome end,
    case v_outcome
      when 'refused' then sms.retry_at(
        v_now, v_message.attempts, p_retry_after, v_message.created_at + v_timing.retry_for
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
comment on function public.fail_sms_send(uuid, bigint, text, text, integer, numeric) is
  'Twilio did not accept the message. p_outcome: refused (never taken, tried again after '
  'p_retry_after seconds, within the hour), suspended (the number rests), failed (for good) or unknown (it may have '
  'it: looked up later, never sent blindly).';

-- A code that nobody listed suspends the number, since no message is lost by that. But when the
-- number has sent others since it last rested, and this one meets the same code again, the code is
-- about this one: else one contact could keep a number silent for ever.
create function sms.is_message_at_fault(p_message public.sms_messages, p_error_code integer)
returns boolean language sql stable as $$
  select coalesce(p_message.error_code = p_error_code, false)
    and not exists (
      select from public.sms_error_codes as e where e.code = p_error_code and e.action = 'operator'
    )
    and exists (
      select from public.sms_conversations as mine
      join public.sms_configs as f on f.id = mine.config_id
      join public.sms_conversations as c on c.config_id = f.id and c.user_id = f.user_id
        and c.last_message_at > f.suspended_until
      join public.sms_messages as m on m.conversation_id = c.id and m.direction = 'outgoing'
        and m.sending_at > f.suspended_until and m.message_sid is not null
      where mine.id = p_message.conversation_id
    );
$$;

-- What a refusal says beyond its words: the number is suspended, or the contact had opted out of it
-- when the message was handed to Twilio; a START since then is newer, however late the report
-- comes.
create function sms.record_refusal(p_message public.sms_messages, p_error_code integer, p_error_message text, p_outcome text)
returns void language plpgsql as $$
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
      coalesce(p_message.sending_at, p_message.created_at)
    );
  end if;
end;
$$;
