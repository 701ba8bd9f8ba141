-- What the webhook missed is fetched from Twilio: messages that never arrived, final states and
-- prices that were never posted.

create function public.claim_sms_backfill(p_every interval default '5 minutes', p_lease interval default '5 minutes')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_config public.sms_configs;
  v_sync_since timestamptz; -- the oldest message at Twilio without final state or price
begin
  select f.* into v_config from public.sms_configs as f
  where f.backfill_due_at <= now()
  order by f.backfill_due_at
  limit 1
  for no key update skip locked;
  if not found then
    return jsonb_build_object('config_id', null, 'seconds', (
      select extract(epoch from least(min(f.backfill_due_at), now() + p_every) - now())
      from public.sms_configs as f
    ));
  end if;
  update public.sms_configs as f set backfill_due_at = now() + p_lease where f.id = v_config.id;
  -- The account's conversations are indexed by last_message_at, and what was sent in one by its
  -- time.
  select min(m.created_at) into v_sync_since
  from public.sms_conversations as c
  cross join lateral (
    select o.created_at from public.sms_messages as o
    where o.conversation_id = c.id and o.direction = 'outgoing' and o.message_sid is not null
      and o.created_at between now() - v_policy.sync_within and now() - v_policy.sync_after
      and (o.price is null or o.status in ('accepted', 'sent'))
    order by o.created_at
    limit 1
  ) as m
  where c.user_id = v_config.user_id and c.config_id = v_config.id
    and c.last_message_at > now() - v_policy.sync_within;
  return jsonb_build_object(
    'config_id', v_config.id,
    'phone_number', v_config.phone_number,
    'messaging_service_sid', v_config.messaging_service_sid,
    'since', v_config.backfilled_until - v_policy.backfill_overlap,
    'sync_since', v_sync_since
  );
end;
$$;
comment on function public.claim_sms_backfill(interval, interval) is
  'Gives one worker one number to compare with Twilio: {config_id, phone_number, since, '
  'sync_since (outgoing messages that lack a final state or a price, null: none)}, or {config_id: '
  'null, seconds} until one is due.';

create function public.missing_sms(p_sids text[])
returns text[] language sql stable set search_path = '' as $$
  select coalesce(array_agg(s.sid), '{}')
  from unnest(p_sids) as s (sid)
  where not exists (select from public.sms_messages as m where m.message_sid = s.sid)
    and not exists (
      select from public.sms_webhook_logs as l where l.message_sid = s.sid and l.outcome in ('refused', 'staff')
    );
$$;
comment on function public.missing_sms(text[]) is
  'Those of the MessageSids that are neither stored nor recorded as refused or as the staff''s.';

create function public.note_sms_refused(p_sid text, p_reason text)
returns void language plpgsql set search_path = '' as $$
begin
  insert into public.sms_webhook_logs (message_sid, payload, outcome)
  values (p_sid, jsonb_build_object('reason', p_reason), 'refused');
end;
$$;
comment on function public.note_sms_refused(text, text) is
  'The database refuses this message for itself: recorded, so that it holds up nothing, and counted '
  'in health.';

create function public.finish_sms_backfill(
  p_config_id uuid, p_until timestamptz default null, p_every interval default '5 minutes'
)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_configs as f
  set backfilled_until = greatest(f.backfilled_until, p_until),
    backfill_due_at = now() + p_every
  where f.id = p_config_id;
end;
$$;
comment on function public.finish_sms_backfill(uuid, timestamptz, interval) is
  'Every message up to p_until is stored or recorded as refused (null: no progress); next look after '
  'p_every.';

create function public.record_sms_statuses(p_messages jsonb)
returns integer language plpgsql set search_path = '' as $$
declare
  v_message record;
  v_changed integer := 0;
begin
  -- Conversations before messages: a human's message that failed gives its takeover back.
  perform from public.sms_conversations as c
  where c.id in (
    select m.conversation_id
    from jsonb_array_elements(p_messages) as t
    join public.sms_messages as m on m.message_sid = t ->> 'sid'
    where m.author = 'human' and not sms.begins_takeover(sms.status_of(t ->> 'status'))
  )
  order by c.id
  for no key update;
  for v_message in
    select m.id, t ->> 'status' as status, (t ->> 'error_code')::integer as error_code,
      (t ->> 'price')::numeric as price, t ->> 'price_unit' as price_unit,
      nullif((t ->> 'segments')::integer, 0) as segments
    from jsonb_array_elements(p_messages) as t
    join public.sms_messages as m on m.message_sid = t ->> 'sid'
    where m.direction = 'outgoing'
    order by m.id
  loop
    v_changed := v_changed + sms.advance_status(
      v_message.id, sms.status_of(v_message.status), v_message.error_code, null
    )::int;
    update public.sms_messages as m
    set price = v_message.price, price_unit = v_message.price_unit,
      segments = coalesce(v_message.segments, m.segments)
    where m.id = v_message.id and v_message.price is not null and m.price is null;
  end loop;
  return v_changed;
end;
$$;
comment on function public.record_sms_statuses(jsonb) is
  'One page of our messages as Twilio lists them, [{sid, status, error_code, price, price_unit, '
  'segments}]: takes over later states and prices. Returns how many states changed.';

create function public.drop_sms_backlog()
returns integer language plpgsql set search_path = '' as $$
declare
  v_dropped integer;
begin
  update public.sms_configs as f set backfilled_until = now() where true;
  perform from public.sms_conversations as c
  where least(c.reply_due_at, c.send_due_at) is not null
  order by c.id
  for no key update;
  update public.sms_messages as m
  set status = case m.status when 'queued' then 'canceled' else 'failed' end,
    send_at = null, in_reply_to = null, error_message = 'backlog dropped'
  where m.is_open;
  update public.sms_conversations as c
  set reply_due_at = null, waiting_since = null, reply_error = 'backlog dropped', send_due_at = null,
    lease_id = null, leased_until = null, leased_for = null
  where least(c.reply_due_at, c.send_due_at) is not null;
  get diagnostics v_dropped = row_count;
  return v_dropped;
end;
$$;
comment on function public.drop_sms_backlog() is
  'After restoring a dump: nothing that is pending, queued or missed in it is answered or sent. '
  'Returns the number of conversations.';
