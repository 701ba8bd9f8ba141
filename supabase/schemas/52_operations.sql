-- Numbers and their owners, heartbeats, health, maintenance, erasure.

create table sms.maintenance (
  only_row boolean not null default true,
  ran_at timestamptz not null default '-infinity',
  idle_checked_at timestamptz not null default '-infinity',
  folded_at timestamptz not null default '-infinity',
  repaired bigint not null default 0,
  constraint maintenance_pkey primary key (only_row),
  constraint maintenance_only_row_check check (only_row)
);

comment on table sms.maintenance is
  'One row: when maintain_sms last ran and last folded counters, and how many rows it ever had to '
  'repair.';

insert into sms.maintenance default values;

create function public.add_sms_number(
  p_owner text, p_phone_number text, p_messaging_service_sid text default null,
  p_dry_run boolean default false
)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_user_id uuid := sms.user_id(p_owner);
  v_config public.sms_configs;
  v_change text;
begin
  select f.* into v_config from public.sms_configs as f where f.phone_number = p_phone_number;
  v_change := case
    when v_config.id is null then 'insert'
    when coalesce(p_messaging_service_sid, v_config.messaging_service_sid)
      is distinct from v_config.messaging_service_sid then 'update'
    else 'none'
  end;
  if v_config.user_id <> v_user_id then
    raise exception using errcode = 'PT409', message = 'The number belongs to another user',
      hint = 'sms-gateway number list says to whom.';
  elsif v_change <> 'none' and not p_dry_run then
    insert into public.sms_configs as f (user_id, phone_number, messaging_service_sid)
    values (v_user_id, p_phone_number, p_messaging_service_sid)
    on conflict (phone_number) do update
      set messaging_service_sid = coalesce(p_messaging_service_sid, f.messaging_service_sid)
      where f.user_id = v_user_id
    returning f.* into v_config;
  end if;
  return jsonb_build_object(
    'config_id', v_config.id, 'user_id', v_user_id, 'change', v_change
  );
end;
$$;
comment on function public.add_sms_number(text, text, text, boolean) is
  'Gives a Twilio number (E.164) to a user, by e-mail or id; its messages arrive here from now on. '
  'Again for the same user it changes nothing but a messaging service that is given. p_dry_run: '
  'refuses what it would refuse, and changes nothing. Returns {config_id, user_id, change: insert | '
  'update | none}.';

-- The user with this id or e-mail. Definer: the service role may not read auth.users.
create function sms.user_id(p_owner text)
returns uuid language plpgsql stable security definer set search_path = '' as $$
declare
  v_found uuid[];
begin
  select array_agg(u.id) into v_found from auth.users as u
  where u.id::text = lower(p_owner) or lower(u.email) = lower(p_owner);
  if v_found is null then
    raise exception using errcode = 'PT404', message = 'There is no such user',
      hint = 'Sign up first: the owner is a user of the Supabase project, by e-mail or id.';
  elsif cardinality(v_found) > 1 then
    raise exception using errcode = 'PT409', message = 'Several users have this e-mail',
      hint = 'Name the owner by id: dashboard, Authentication > Users.';
  end if;
  return v_found[1];
end;
$$;

-- Null for a user who signed up without one. Definer: the service role may not read auth.users.
create function sms.user_email(p_user_id uuid)
returns text language sql stable security definer set search_path = '' as $$
  select u.email from auth.users as u where u.id = p_user_id;
$$;

create function public.list_sms_numbers()
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'config_id', f.id,
    'phone_number', f.phone_number,
    'owner', coalesce(sms.user_email(f.user_id), f.user_id::text),
    'messaging_service_sid', f.messaging_service_sid,
    'openai_model', f.openai_model,
    'backfilled_until', f.backfilled_until
  ) order by f.created_at, f.phone_number), '[]')
  from public.sms_configs as f;
$$;
comment on function public.list_sms_numbers() is
  'Every number with its owner''s e-mail (or id), messaging service and model, as the operator''s '
  'commands need them.';

create function public.get_sms_message(p_message_id bigint)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m where m.id = p_message_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such message';
  end if;
  return to_jsonb(v_message) || jsonb_build_object(
    'sent_after', v_message.sending_at - (sms.policy()).sent_before,
    'events', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'at', e.received_at, 'status', e.status, 'error_code', e.error_code,
        'message_sid', e.message_sid
      ) order by e.id), '[]')
      from public.sms_delivery_events as e
      where e.message_id = v_message.id or e.message_sid = v_message.message_sid
    )
  ) || (
    select jsonb_build_object(
      'phone_number', f.phone_number, 'contact_number', c.contact_number,
      'leased_by', case when c.leased_until > now() then c.leased_by end,
      'leased_until', case when c.leased_until > now() then c.leased_until end
    )
    from public.sms_conversations as c
    join public.sms_configs as f on f.id = c.config_id
    where c.id = v_message.conversation_id
  );
end;
$$;
comment on function public.get_sms_message(bigint) is
  'One message as stored, with its two numbers, the status posts of Twilio (events), since when to '
  'look for it in Twilio''s list (sent_after), and which worker holds its conversation, until when.';

create function public.note_sms_worker(
  p_name text, p_version text, p_realtime_ready_at timestamptz default null,
  p_notices jsonb default '{}'
)
returns void language plpgsql set search_path = '' as $$
begin
  insert into public.sms_workers as w (name, version, seen_at, realtime_ready_at, notices)
  values (p_name, p_version, clock_timestamp(), p_realtime_ready_at, p_notices)
  on conflict (name) do update
    set version = excluded.version, seen_at = excluded.seen_at,
      realtime_ready_at = coalesce(excluded.realtime_ready_at, w.realtime_ready_at),
      notices = excluded.notices;
end;
$$;
comment on function public.note_sms_worker(text, text, timestamptz, jsonb) is
  'A worker''s heartbeat, with the time it was last ready on Realtime and what an operator should '
  'know.';

create function public.remove_sms_worker(p_name text)
returns void language sql set search_path = '' as $$
  delete from public.sms_workers as w where w.name = p_name;
$$;
comment on function public.remove_sms_worker(text) is
  'A worker says that it stops: nobody waits for its next heartbeat.';

-- Parking and backfill of each number.
create function sms.config_health()
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'config_id', f.id,
    'number', '…' || right(f.phone_number, 4),
    'suspended_until', case when f.suspended_until > now() then f.suspended_until end,
    'suspended_reason', case when f.suspended_until > now() then f.suspended_reason end,
    'backfill_seconds_ago', round(extract(epoch from now() - f.backfilled_until))
  ) order by f.created_at), '[]')
  from public.sms_configs as f;
$$;

-- The workers of the last ten minutes.
create function sms.worker_health()
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'name', w.name,
    'version', w.version,
    'seen_seconds_ago', round(extract(epoch from now() - w.seen_at), 1),
    'realtime_ready_at', w.realtime_ready_at,
    'notices', w.notices,
    'leases', (
      select count(*) from public.sms_conversations as c
      where c.lease_id is not null and c.leased_until > now() and c.leased_by = w.name
    )
  ) order by w.seen_at desc), '[]')
  from public.sms_workers as w where w.seen_at > now() - interval '10 minutes';
$$;

create function public.get_sms_health()
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'late_after_seconds', (select extract(epoch from t.late_after)::integer from sms.policy as t),
    'in_work', (
      select count(*) from public.sms_conversations as c
      where least(c.reply_due_at, c.send_due_at) is not null
    ),
    'overdue', (
      select count(*) from public.sms_conversations as c
      where least(c.reply_due_at, c.send_due_at) <= now()
    ),
    'oldest_due_seconds', (
      select round(extract(epoch from now() - min(least(c.reply_due_at, c.send_due_at))), 1)
      from public.sms_conversations as c
      where least(c.reply_due_at, c.send_due_at) <= now()
    ),
    'unknown', (
      select count(*) from public.sms_messages as m where m.is_open and m.status = 'unknown'
    ),
    'failed_24h', (
      select coalesce(sum(s.failed), 0)
      from sms.counts(null, null, (now() at time zone 'UTC')::date - 1) as s
    ),
    'doubled', (
      select count(*) from public.sms_delivery_events as e where e.status = 'doubled'
    ),
    'unconfigured_24h', (
      select count(*) from public.sms_webhook_logs as l
      where l.outcome = 'unconfigured' and l.received_at > now() - interval '1 day'
    ),
    'refused_24h', (
      select count(*) from public.sms_webhook_logs as l
      where l.outcome = 'refused' and l.received_at > now() - interval '1 day'
    ),
    'rate_limited_24h', (
      select count(distinct m.conversation_id) from public.sms_messages as m
      where m.no_reply_reason = 'rate_limit' and m.created_at > now() - interval '1 day'
    ),
    'looping_24h', (
      select count(*) from public.sms_messages as m
      where m.no_reply_reason = 'loop' and m.created_at > now() - interval '1 day'
    ),
    'repaired', (select u.repaired from sms.maintenance as u),
    'oldest_webhook_log', (select min(l.received_at) from public.sms_webhook_logs as l),
    'oldest_delivery_event', (
      select min(e.received_at) from public.sms_delivery_events as e where e.status <> 'doubled'
    ),
    'oldest_transaction_seconds', (
      select round(extract(epoch from now() - min(a.xact_start)), 1)
      from pg_catalog.pg_stat_activity as a where a.datname = current_database()
    ),
    'events', sms.event_health(),
    'numbers', sms.config_health(),
    'workers', sms.worker_health()
  );
$$;
comment on function public.get_sms_health() is
  'What an operator watches: pending and overdue work, unknown, failed, doubled, refused and '
  'unconfigured messages, contacts at their rate limit of automatic answers, messages that the loop guard left '
  'unanswered, rows repaired, numbers, workers.';

create function public.maintain_sms(p_every interval default '1 hour')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_batch constant integer := 5000; -- rows of each part: one call is one short transaction
  v_kept interval := (sms.policy()).conversations_kept;
  v_logs integer;
  v_repaired integer;
  v_folded integer;
  v_closed integer;
  v_erased integer := 0;
  v_again boolean;
begin
  update sms.maintenance as u set folded_at = now()
  where u.folded_at < now() - (sms.policy()).fold_every;
  if found then
    v_folded := sms.fold_counters(v_batch);
    update sms.maintenance as u set folded_at = '-infinity' where v_folded >= v_batch;
  end if;
  update sms.maintenance as u set ran_at = now() where u.ran_at < now() - p_every;
  if not found then
    return jsonb_build_object(
      'outcome', case when v_folded is null then 'not due' else 'folded' end
    ) || jsonb_strip_nulls(jsonb_build_object(
      'counters_folded', v_folded, 'again', v_folded >= v_batch
    ));
  end if;
  v_logs := sms.expire_logs(v_batch);
  v_repaired := sms.repair();
  v_closed := sms.close_idle_conversations();
  if v_kept is not null then
    v_erased := sms.erase_conversations(now() - v_kept);
  end if;
  v_again := greatest(v_logs, v_folded) >= v_batch or greatest(v_repaired, v_closed, v_erased) >= 500;
  update sms.maintenance as u set ran_at = '-infinity' where v_again;
  return jsonb_build_object(
    'outcome', 'done', 'again', v_again, 'logs_expired', v_logs, 'repaired', v_repaired,
    'counters_folded', coalesce(v_folded, 0), 'conversations_closed', v_closed, 'conversations_erased', v_erased
  );
end;
$$;
comment on function public.maintain_sms(interval) is
  'Retention and repair, once per p_every whoever calls, and counters once a minute. {outcome: '
  'done | folded (counters alone) | not due, …}; again: a part did a full batch, so that more is left and the next call is due at once. Any worker calls '
  'it; nothing depends on pg_cron.';

-- Deletes posts and events that are past their time, at most p_limit of each.
create function sms.expire_logs(p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_before timestamptz := now() - (sms.policy()).logs_kept;
  v_posts integer;
  v_events integer;
begin
  delete from public.sms_webhook_logs as l where l.id in (
    select o.id from public.sms_webhook_logs as o
    where o.received_at < v_before
    order by o.received_at
    limit p_limit
  );
  get diagnostics v_posts = row_count;
  delete from public.sms_delivery_events as e where e.id in (
    select o.id from public.sms_delivery_events as o
    where o.received_at < v_before and o.status <> 'doubled'
    order by o.received_at
    limit p_limit
  );
  get diagnostics v_events = row_count;
  delete from public.sms_workers as w where w.seen_at < now() - interval '7 days';
  delete from sms.human_messages as h where h.day < (now() at time zone 'UTC')::date - 1;
  return v_posts + v_events + sms.expire_events(p_limit);
end;
$$;

-- An open message whose conversation does not know when it is due would wait for ever. No rule
-- makes one; a hand-made change could. Counted in health.
create function sms.repair()
returns integer language plpgsql set search_path = '' as $$
declare
  v_repaired integer;
begin
  with lost as materialized (
    select c.id from public.sms_conversations as c
    where (c.lease_id is null or c.leased_until < now())
      and c.id in (select m.conversation_id from public.sms_messages as m where m.is_open)
      and c.send_due_at is distinct from sms.send_due(c.id)
    order by c.id
    limit 500
    for no key update skip locked
  )
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id)
  from lost
  where c.id = lost.id and (c.lease_id is null or c.leased_until < now())
    and c.send_due_at is distinct from sms.send_due(c.id);
  get diagnostics v_repaired = row_count;
  update sms.maintenance as u set repaired = u.repaired + v_repaired where v_repaired > 0;
  return v_repaired;
end;
$$;

create function public.cleanup_old_sms_conversations(p_days integer default 30)
returns integer language plpgsql set search_path = '' as $$
begin
  if coalesce(p_days, 0) < 1 then
    raise exception using errcode = 'PT422', message = 'p_days is not a number of days',
      hint = 'Say how many days a closed conversation is kept: 1 or more.';
  end if;
  return sms.erase_conversations(now() - make_interval(days => p_days));
end;
$$;
comment on function public.cleanup_old_sms_conversations(integer) is
  'Erases closed conversations whose last message is older than p_days, at most 500 a call, and '
  'returns how many. Never an active one; statistics stay.';

-- Erases closed conversations whose last message is older, 500 at most; returns how many.
create function sms.erase_conversations(p_before timestamptz)
returns integer language plpgsql set search_path = '' as $$
declare
  v_erased integer;
begin
  with old as materialized (
    select o.id, o.user_id
    from (select distinct f.user_id from public.sms_configs as f) as u
    cross join lateral ( -- a user at a time: their conversations are indexed by last_message_at
      select c.id, c.user_id from public.sms_conversations as c
      where c.user_id = u.user_id and c.status = 'closed'
        and c.last_message_at < p_before
        and (c.lease_id is null or c.leased_until < now())
        and c.reply_due_at is null and c.send_due_at is null
      order by c.last_message_at
      limit 500
      for update skip locked
    ) as o
    limit 500
  )
  delete from public.sms_conversations as c
  using old
  where c.id = old.id and c.user_id = old.user_id;
  get diagnostics v_erased = row_count;
  return v_erased;
end;
$$;

create function public.forget_sms_contact(p_user_id uuid, p_contact_number text)
returns integer language plpgsql set search_path = '' as $$
declare
  v_conversation_ids uuid[];
  v_forgotten integer;
begin
  perform from public.sms_conversations as c
  where c.user_id = p_user_id and c.contact_number = p_contact_number
  order by c.id
  for update;
  update public.sms_conversations as c set status = 'closed'
  where c.user_id = p_user_id and c.contact_number = p_contact_number and c.status = 'active';
  select coalesce(array_agg(c.id), '{}') into v_conversation_ids from public.sms_conversations as c
  where c.user_id = p_user_id and c.contact_number = p_contact_number;

  update public.sms_messages as m
  set message_content = '', media = '[]', error_message = null,
    -- Without its words nothing can be found at Twilio; a SID that is reported is still attached.
    status = case when m.is_open then 'failed' else m.status end, send_at = null
  where m.conversation_id = any(v_conversation_ids);
  get diagnostics v_forgotten = row_count;
  delete from public.sms_tool_calls as k where k.conversation_id = any(v_conversation_ids);
  perform sms.forget_payloads(p_user_id, p_contact_number, v_conversation_ids);
  update sms.counted as c set contact_number = null
  where c.user_id = p_user_id and c.contact_number = p_contact_number;
  delete from public.sms_contacts as k
  where k.user_id = p_user_id and k.contact_number = p_contact_number;
  update public.sms_conversations as c
  set contact_number = 'forgotten:' || c.id::text, reply_error = null,
    send_due_at = sms.send_due(c.id)
  where c.id = any(v_conversation_ids);
  return v_forgotten;
end;
$$;
comment on function public.forget_sms_contact(uuid, text) is
  'Erases a contact: messages, pictures, number and payloads. The MessageSids stay, so that no '
  'backfill brings a message back, and so do the opt-out and the counters. Returns the number of '
  'messages. Twilio''s copies are redacted there.';

-- Empties what Twilio posted from and about a contact.
create function sms.forget_payloads(
  p_user_id uuid, p_contact_number text, p_conversation_ids uuid[]
)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_delivery_events as e set payload = null
  where e.message_id in (
    select m.id from public.sms_messages as m where m.conversation_id = any(p_conversation_ids)
  );
  update public.sms_events as e set contact_number = null, reason = null
  where e.user_id = p_user_id
    and (e.conversation_id = any(p_conversation_ids) or e.contact_number = p_contact_number);
  -- Also what was posted for a number that nobody had configured, or twice. What the contact
  -- wrote to somebody else's number is not this owner's to erase.
  update public.sms_webhook_logs as l set payload = '{}'
  where coalesce(l.payload ->> 'From', l.payload ->> 'from') = p_contact_number
    and not exists (
      select from public.sms_configs as f
      where f.phone_number = coalesce(l.payload ->> 'To', l.payload ->> 'to')
        and f.user_id <> p_user_id
    );
end;
$$;

-- What the service role should be allowed on our tables and functions and is not, each as it stands
-- between grant and to.
create function sms.missing_grants()
returns text[] language sql stable set search_path = '' as $$
  select coalesce(array_agg(g.missing order by g.missing), '{}')
  from (
    select format('%s on %s', v.privilege, t.oid::regclass) as missing
    from pg_catalog.pg_class as t
    cross join unnest(array['select', 'insert', 'update', 'delete']) as v (privilege)
    where t.relnamespace = 'public'::regnamespace and t.relkind = 'r' and t.relname like 'sms\_%'
      and not has_table_privilege('service_role', t.oid, v.privilege)
    union all
    select format('execute on function %s', p.oid::regprocedure)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'public'::regnamespace
      and p.proname like '%sms%'
      and p.proname not in ('accept_sms_invitation', 'leave_sms_account') -- for who is signed in
      and not has_function_privilege('service_role', p.oid, 'execute')
    union all
    select 'usage on schema sms'
    where not has_schema_privilege('service_role', 'sms', 'usage')
  ) as g;
$$;

create function public.get_sms_setup()
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'schema_version', '20261125000000',
    'postgres_version', current_setting('server_version'),
    'max_connections', current_setting('max_connections')::integer,
    'missing_grants', sms.missing_grants(),
    'unconfirmed_team', sms.unconfirmed_team(),
    'realtime', to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null,
    'unregistered_24h', (
      select count(distinct e.message_sid) from public.sms_delivery_events as e
      where e.error_code in (30032, 30034) and e.received_at > now() - interval '1 day'
    ),
    'unconfigured_to', (
      select coalesce(jsonb_agg(u.address order by u.address) filter (where u.address <> ''), '[]')
      from (
        select distinct left(coalesce(l.payload ->> 'To', l.payload ->> 'to'), 100) as address
        from public.sms_webhook_logs as l
        where l.outcome = 'unconfigured' and l.received_at > now() - interval '1 day'
        limit 5
      ) as u
    )
  );
end;
$$;
comment on function public.get_sms_setup() is
  'For sms-gateway doctor. schema_version is the timestamp of the newest migration file; a later '
  'migration replaces this function. unregistered_24h: messages that carriers refused because the '
  'number is not registered. unconfigured_to: up to five addresses of ours that messages came to in '
  '24 h and that no number has. unconfirmed_team: {email, is_member} of people without a confirmed '
  'address, members and invited.';
