-- Somebody is told: events, the targets that want them, and their delivery.
--
--   message's transaction   sms.emit_event: one event, one delivery for each target that wants it
--   claim_sms_event_deliveries   the worker takes some; at most a few of one target at once
--   finish_sms_event_delivery    delivered, later again, or dead
--
-- An account without targets pays nothing: what its targets want is copied to its numbers
-- (sms_configs.event_types), which every message reads anyway, and nothing else is asked.
-- A message never waits for a delivery: it inserts rows and locks none of the claim's. Claims and
-- ends of one target come one after the other (its row is locked), so what is behind what in a
-- conversation is decided in peace.

create table public.sms_event_targets (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  kind text not null,
  address text not null,
  config_id uuid,
  event_types text[] not null,
  with_content boolean not null default false,
  is_enabled boolean not null default true,
  disabled_reason text,
  confirmed_at timestamptz,
  failures integer not null default 0,
  last_error text,
  rests_until timestamptz,
  messages_on date,
  messages integer not null default 0,
  created_at timestamptz not null default now(),
  constraint sms_event_targets_pkey primary key (id),
  constraint sms_event_targets_id_user_id_key unique (id, user_id),
  constraint sms_event_targets_address_key unique (user_id, kind, address),
  constraint sms_event_targets_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_event_targets_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_event_targets_kind_check check (kind in (
    'webhook', -- a POST to an address of https, signed as Standard Webhooks says
    'sms'      -- a message to a number of the staff, which confirmed it by a code
  )),
  constraint sms_event_targets_address_check check (length(address) <= 2000 and case kind
    when 'sms' then address ~ '^\+[1-9][0-9]{6,14}$'
    else address ~ '^(https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/])[!-~]+$'
      and address !~ '^https?://[^/?#]*@'
  end),
  constraint sms_event_targets_config_id_check check ((kind = 'sms') = (config_id is not null)),
  constraint sms_event_targets_event_types_check check (
    cardinality(event_types) between 1 and 12 and event_types <@ array[
      'message.received', 'reply.sent', 'reply.failed', 'human.requested', 'conversation.opened',
      'conversation.closed', 'contact.opted_out', 'contact.opted_in', 'number.suspended',
      'number.resumed', 'question.unanswered', 'tool.failed'
    ]
  )
);
create index sms_event_targets_config_id_idx on public.sms_event_targets (config_id)
  where config_id is not null;

comment on table public.sms_event_targets is
  'Who is told of what: made by create_sms_event_target, changed (event_types, with_content, '
  'is_enabled) and deleted by the account''s admins.';
comment on column public.sms_event_targets.address is
  'webhook: the address that is posted to; sms: the number of the staff, E.164.';
comment on column public.sms_event_targets.config_id is
  'sms: the number of the account that writes to it.';
comment on column public.sms_event_targets.with_content is
  'webhook: events carry what the message says (message_content).';
comment on column public.sms_event_targets.disabled_reason is
  'Why it was turned off by itself, such as an answer 410; null: it was not.';
comment on column public.sms_event_targets.confirmed_at is
  'sms: when that number answered the code; nothing else is sent to it before.';
comment on column public.sms_event_targets.failures is 'Attempts in a row that failed.';
comment on column public.sms_event_targets.last_error is
  'Why the last failed attempt failed; stays when a later one succeeds.';
comment on column public.sms_event_targets.rests_until is
  'After three failures in a row nothing is tried until then, and then one delivery first.';
comment on column public.sms_event_targets.messages is
  'sms: how many were sent on messages_on (UTC); policy allows so many a day.';
comment on constraint sms_event_targets_kind_check on public.sms_event_targets is
  'kind is webhook or sms.';
comment on constraint sms_event_targets_address_check on public.sms_event_targets is
  'address is an address of https without a user name, or for kind sms a number such as '
  '+15550001111.';
comment on constraint sms_event_targets_config_id_check on public.sms_event_targets is
  'A target of kind sms names the number that writes to it (config_id); a webhook names none.';
comment on constraint sms_event_targets_event_types_check on public.sms_event_targets is
  'event_types names at least one event, such as human.requested; the table''s page lists all.';

create trigger sms_event_targets_refuse_invalid
  before insert or update on public.sms_event_targets
  for each row execute function sms.refuse_invalid();

-- What signs a webhook's posts, and the code that a number of the staff has to answer.
create table sms.event_secrets (
  target_id uuid not null,
  secret text,
  code text,
  constraint event_secrets_pkey primary key (target_id),
  constraint event_secrets_target_id_fkey foreign key (target_id)
    references public.sms_event_targets (id) on delete cascade
);

create table public.sms_events (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  type text not null,
  conversation_id uuid,
  message_id bigint,
  contact_number text,
  direction text,
  author text,
  status text,
  reason text,
  occurred_at timestamptz not null,
  constraint sms_events_pkey primary key (id),
  constraint sms_events_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_events_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade
);
create index sms_events_user_id_idx on public.sms_events (user_id, occurred_at desc);
create index sms_events_config_id_idx on public.sms_events (config_id);
create index sms_events_conversation_id_idx on public.sms_events (conversation_id);
create index sms_events_occurred_at_idx on public.sms_events (occurred_at);

comment on table public.sms_events is
  'What happened and some target wanted to know: message.received, reply.sent, reply.failed, '
  'human.requested, conversation.opened, conversation.closed, contact.opted_out, contact.opted_in, '
  'number.suspended, number.resumed, question.unanswered, tool.failed; target.test and '
  'target.confirm are of one target alone. Kept as long as the logs.';

create table public.sms_event_deliveries (
  id bigint generated always as identity,
  user_id uuid not null,
  event_id uuid not null,
  target_id uuid not null,
  conversation_id uuid,
  status text not null default 'pending',
  attempts smallint not null default 0,
  due_at timestamptz default now(),
  retry_until timestamptz not null,
  lease_id uuid,
  response_status integer,
  error text,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint sms_event_deliveries_pkey primary key (id),
  constraint sms_event_deliveries_event_id_fkey foreign key (event_id)
    references public.sms_events (id) on delete cascade,
  constraint sms_event_deliveries_target_id_fkey foreign key (target_id, user_id)
    references public.sms_event_targets (id, user_id) on delete cascade,
  constraint sms_event_deliveries_status_check check (status in (
    'pending',   -- due at due_at; in hand until then when lease_id is set
    'delivered', -- answered with 2xx
    'dead'       -- given up; replay_sms_event_delivery tries it again
  )),
  constraint sms_event_deliveries_due_at_check check ((due_at is not null) = (status = 'pending'))
);
create index sms_event_deliveries_due_idx on public.sms_event_deliveries (target_id, due_at, id)
  where due_at is not null;
create index sms_event_deliveries_order_idx
  on public.sms_event_deliveries (target_id, conversation_id, id) where due_at is not null;
create index sms_event_deliveries_leased_idx on public.sms_event_deliveries (target_id)
  where lease_id is not null;
create index sms_event_deliveries_dead_idx on public.sms_event_deliveries (ended_at)
  where status = 'dead';
create index sms_event_deliveries_event_id_idx on public.sms_event_deliveries (event_id);
create index sms_event_deliveries_user_id_idx on public.sms_event_deliveries (user_id, id desc);
create index sms_event_deliveries_target_id_idx
  on public.sms_event_deliveries (target_id, user_id);

comment on table public.sms_event_deliveries is
  'One event on its way to one target. In order within a conversation: what is behind another one '
  'of the same conversation is due at infinity until that one has ended.';
comment on column public.sms_event_deliveries.due_at is
  'When it is next tried, or while it is in hand when its lease ends; null: it has ended.';
comment on column public.sms_event_deliveries.retry_until is
  'An attempt that fails after this was the last.';

-- Events come about.

-- Writes an event of a number and a delivery for each target of the account that wants it. Callers
-- ask sms_configs.event_types before, so that nobody pays who wants none.
create function sms.emit_event(
  p_config public.sms_configs, p_type text, p_conversation_id uuid default null,
  p_message_id bigint default null, p_contact_number text default null, p_reason text default null
)
returns void language plpgsql set search_path = '' as $$
declare
  v_id uuid := gen_random_uuid();
begin
  if not exists (
    select from public.sms_event_targets as t
    where t.user_id = p_config.user_id and sms.is_active(t) and p_type = any(t.event_types)
  ) then
    return;
  end if;
  insert into public.sms_events (
    id, user_id, config_id, type, conversation_id, message_id, contact_number, direction, author,
    status, reason, occurred_at
  )
  select v_id, p_config.user_id, p_config.id, p_type, p_conversation_id, p_message_id,
    coalesce(p_contact_number, (
      select c.contact_number from public.sms_conversations as c where c.id = p_conversation_id
    )),
    m.direction, m.author, m.status, left(p_reason, 500), clock_timestamp()
  from (values (p_message_id)) as given (id)
  left join public.sms_messages as m on m.id = given.id;
  insert into public.sms_event_deliveries (
    user_id, event_id, target_id, conversation_id, retry_until
  )
  select t.user_id, v_id, t.id, p_conversation_id, now() + (sms.policy()).event_retry_for
  from public.sms_event_targets as t
  where t.user_id = p_config.user_id and sms.is_active(t) and p_type = any(t.event_types);
end;
$$;

-- Is anything sent to this target?
create function sms.is_active(p_target public.sms_event_targets)
returns boolean language sql stable set search_path = '' as $$
  select p_target.is_enabled and (p_target.kind = 'webhook' or p_target.confirmed_at is not null);
$$;

-- A message came, perhaps the first of its conversation.
create function sms.emit_incoming(
  p_config public.sms_configs, p_conversation public.sms_conversations, p_message_id bigint
)
returns void language plpgsql set search_path = '' as $$
begin
  if p_conversation.last_incoming_id is null and 'conversation.opened' = any(p_config.event_types) then
    perform sms.emit_event(p_config, 'conversation.opened', p_conversation.id, p_message_id);
  end if;
  if 'message.received' = any(p_config.event_types) then
    perform sms.emit_event(p_config, 'message.received', p_conversation.id, p_message_id);
  end if;
end;
$$;

-- A message reached Twilio, or failed for good. The first one that reached it after the number was
-- suspended says that the number works again.
create function sms.emit_outgoing()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
  v_type text := case
    when new.status in ('failed', 'undelivered') then 'reply.failed' else 'reply.sent' end;
begin
  select f.* into v_config
  from public.sms_conversations as c
  join public.sms_configs as f on f.id = c.config_id
  where c.id = new.conversation_id;
  if v_type = any(v_config.event_types) then
    perform sms.emit_event(
      v_config, v_type, new.conversation_id, new.id, null, new.error_message
    );
  end if;
  if v_type = 'reply.sent' and v_config.suspended_until <= clock_timestamp() then
    update public.sms_configs as f set suspended_reason = null
    where f.id = v_config.id and f.suspended_reason is not null
      and f.suspended_until <= clock_timestamp();
    if found and 'number.resumed' = any(v_config.event_types) then
      perform sms.emit_event(v_config, 'number.resumed');
    end if;
  end if;
  return null;
end;
$$;

create trigger sms_messages_emit_outgoing
  after update of status, message_sid on public.sms_messages
  for each row when (new.emits_events and (
    old.message_sid is null and new.message_sid is not null
    or old.status <> new.status and new.status in ('failed', 'undelivered')
  ))
  execute function sms.emit_outgoing();

-- A contact asks for a human, whoever found out; a conversation ends.
create function sms.emit_conversation()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
  v_type text := case
    when new.status <> old.status then 'conversation.closed' else 'human.requested' end;
begin
  select f.* into v_config from public.sms_configs as f where f.id = new.config_id;
  if v_type = any(v_config.event_types) then
    perform sms.emit_event(
      v_config, v_type, new.id,
      case when v_type = 'human.requested' then new.last_incoming_id end, new.contact_number,
      new.outcome
    );
  end if;
  return null;
end;
$$;

create trigger sms_conversations_emit
  after update of status, wants_human on public.sms_conversations
  for each row when (new.status <> old.status or new.wants_human and not old.wants_human)
  execute function sms.emit_conversation();

-- A number was suspended; while it is suspended again and again, that is told once.
create function sms.emit_suspended()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.emit_event(new, 'number.suspended', p_reason => new.suspended_reason);
  return null;
end;
$$;

create trigger sms_configs_emit_suspended
  after update of suspended_until on public.sms_configs
  for each row when (
    'number.suspended' = any(new.event_types) and new.suspended_until > now()
    and new.suspended_until is distinct from old.suspended_until
    and (old.suspended_reason is null or old.suspended_until < now() - interval '1 hour')
  )
  execute function sms.emit_suspended();

-- The assistant did not know something that nobody had asked before.
create function sms.emit_question()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f where f.id = new.config_id;
  if 'question.unanswered' = any(v_config.event_types) then
    perform sms.emit_event(
      v_config, 'question.unanswered', new.conversation_id, new.message_id
    );
  end if;
  return null;
end;
$$;

create trigger sms_questions_emit
  after insert on public.sms_questions
  for each row execute function sms.emit_question();

-- A tool failed.
create function sms.emit_tool_failed()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
begin
  select f.* into v_config
  from public.sms_conversations as c
  join public.sms_configs as f on f.id = c.config_id
  where c.id = new.conversation_id;
  if 'tool.failed' = any(v_config.event_types) then
    perform sms.emit_event(
      v_config, 'tool.failed', new.conversation_id, new.message_id, null, new.name
    );
  end if;
  return null;
end;
$$;

create trigger sms_tool_calls_emit_insert
  after insert on public.sms_tool_calls
  for each row when (new.error is not null) execute function sms.emit_tool_failed();

create trigger sms_tool_calls_emit_update
  after update of error on public.sms_tool_calls
  for each row when (old.error is null and new.error is not null)
  execute function sms.emit_tool_failed();

-- A contact opted out or in again: the newest of all of the account's rows counts.
create function sms.emit_opt_out()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
  v_other public.sms_opt_outs;
  v_was boolean;
  v_type text := case when new.opted_out then 'contact.opted_out' else 'contact.opted_in' end;
begin
  select f.* into v_config from public.sms_configs as f
  where f.user_id = new.user_id and v_type = any(f.event_types)
  order by f.phone_number = new.phone_number desc, f.created_at
  limit 1;
  if not found then
    return null;
  end if;
  select o.* into v_other from public.sms_opt_outs as o
  where o.user_id = new.user_id and o.contact_number = new.contact_number
    and o.phone_number <> new.phone_number
  order by o.changed_at desc
  limit 1;
  if v_other.changed_at > new.changed_at then
    return null;
  end if;
  v_was := coalesce(v_other.opted_out, false);
  if tg_op = 'UPDATE' and not coalesce(v_other.changed_at > old.changed_at, false) then
    v_was := old.opted_out;
  end if;
  if new.opted_out <> v_was then
    perform sms.emit_event(
      v_config, v_type, p_contact_number => new.contact_number, p_reason => new.source
    );
  end if;
  return null;
end;
$$;

create trigger sms_opt_outs_emit
  after insert or update on public.sms_opt_outs
  for each row execute function sms.emit_opt_out();

-- Wakes the workers. realtime.send turns every error into a warning, and the lock timeout keeps a
-- locked realtime.messages from stopping a message.
create function sms.announce_event()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send('{}', 'event', 'sms:worker', true);
  return null;
end;
$$;

create trigger sms_events_announce
  after insert on public.sms_events
  for each statement execute function sms.announce_event();

-- Targets.

create function public.create_sms_event_target(
  p_kind text, p_address text, p_event_types text[], p_config_id uuid default null,
  p_with_content boolean default false, p_user_id uuid default auth.uid()
)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_target public.sms_event_targets;
  v_config public.sms_configs;
  v_secret text;
begin
  perform sms.require_role(p_user_id, 'admin');
  select f.* into v_config from public.sms_configs as f
  where f.user_id = p_user_id and (p_config_id is null or f.id = p_config_id)
  order by f.created_at
  limit 1
  for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'The account needs a number first: sms-gateway number add.';
  elsif (
    select count(*) from public.sms_event_targets as t where t.user_id = p_user_id
  ) >= v_policy.event_targets_ceiling then
    raise exception using errcode = 'PT422',
      message = format('An account has at most %s targets', v_policy.event_targets_ceiling),
      hint = 'Delete one, or let one address serve several purposes.';
  end if;
  insert into public.sms_event_targets as t
    (user_id, kind, address, config_id, event_types, with_content)
  values (
    p_user_id, p_kind, btrim(p_address), p_config_id, p_event_types, coalesce(p_with_content, false)
  )
  on conflict (user_id, kind, address) do nothing
  returning t.* into v_target;
  if v_target.id is null then
    raise exception using errcode = 'PT409', message = 'There is a target with this address already',
      hint = 'Change its event_types, or delete it first.';
  end if;
  -- 244 bits of chance in 32 bytes (https://www.standardwebhooks.com).
  v_secret := case when p_kind = 'webhook' then 'whsec_' || encode(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'
  ) end;
  insert into sms.event_secrets (target_id, secret, code)
  values (v_target.id, v_secret, case when p_kind = 'sms' then sms.new_code() end);
  if p_kind = 'sms' then
    perform sms.tell_target(v_target, v_config, 'target.confirm');
  end if;
  return jsonb_build_object('id', v_target.id, 'secret', v_secret);
end;
$$;
comment on function public.create_sms_event_target(text, text, text[], uuid, boolean, uuid) is
  'Tells an address of events: kind webhook (an address of https) or sms (a number of the staff, '
  'with p_config_id, the number that writes to it; it is sent a code to answer). Returns {id, '
  'secret}: the secret signs what is posted and is shown this once. PT403: the caller is no admin. '
  'PT404: no such number. PT409: the address has a target. PT422: no such kind, event or address.';

-- Six digits, by chance.
create function sms.new_code()
returns text language sql set search_path = '' as $$
  select lpad((('x' || encode(substr(uuid_send(gen_random_uuid()), 1, 4), 'hex'))::bit(32)::bigint
    % 1000000)::text, 6, '0');
$$;

create function public.test_sms_event_target(p_target_id uuid)
returns bigint language plpgsql security definer set search_path = '' as $$
declare
  v_target public.sms_event_targets;
  v_config public.sms_configs;
begin
  select t.* into v_target from public.sms_event_targets as t
  where t.id = p_target_id
    and (auth.uid() is null or t.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such target',
      hint = 'It may have been deleted, or it belongs to somebody else.';
  end if;
  perform sms.require_role(v_target.user_id, 'admin');
  if not v_target.is_enabled then
    raise exception using errcode = 'PT409', message = 'The target is turned off',
      hint = 'Set is_enabled, then test it.';
  elsif (
    select count(*) from public.sms_events as e
    where e.user_id = v_target.user_id and e.occurred_at > now() - interval '1 hour'
      and e.type in ('target.test', 'target.confirm')
  ) >= 30 then
    raise exception using errcode = 'PT429', message = 'At most 30 tests an hour',
      hint = 'Wait a while.';
  end if;
  select f.* into v_config from public.sms_configs as f
  where f.user_id = v_target.user_id and f.id = coalesce(v_target.config_id, f.id)
  order by f.created_at
  limit 1;
  if not found then
    raise exception using errcode = 'PT404', message = 'The account has no number',
      hint = 'An event is of a number: sms-gateway number add.';
  end if;
  return sms.tell_target(v_target, v_config, case
    when v_target.kind = 'sms' and v_target.confirmed_at is null then 'target.confirm'
    else 'target.test' end);
end;
$$;
comment on function public.test_sms_event_target(uuid) is
  'Sends the target an event target.test and returns the delivery''s id, whose row says what came '
  'of it; a number of the staff that has not confirmed yet is sent its code again. PT403: the '
  'caller is no admin. PT404: no such target. PT409: it is turned off. PT429: too many tests.';

-- An event of one target alone; returns the delivery's id.
create function sms.tell_target(
  p_target public.sms_event_targets, p_config public.sms_configs, p_type text
)
returns bigint language plpgsql set search_path = '' as $$
declare
  v_event_id uuid;
  v_delivery_id bigint;
begin
  insert into public.sms_events as e (user_id, config_id, type, occurred_at)
  values (p_target.user_id, p_config.id, p_type, clock_timestamp())
  returning e.id into v_event_id;
  insert into public.sms_event_deliveries as d (user_id, event_id, target_id, retry_until)
  values (p_target.user_id, v_event_id, p_target.id, now() + interval '10 minutes')
  returning d.id into v_delivery_id;
  return v_delivery_id;
end;
$$;

-- Turned on again a target begins anew.
create function sms.before_target_change()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.disabled_reason := null;
  new.failures := 0;
  new.rests_until := null;
  return new;
end;
$$;

create trigger sms_event_targets_before_enabled
  before update of is_enabled on public.sms_event_targets
  for each row when (new.is_enabled and not old.is_enabled)
  execute function sms.before_target_change();

-- Copies what the account's targets want to its numbers, and gives up what was on its way to one
-- that was turned off.
create function sms.after_target_change()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_user_id uuid := case when tg_op = 'DELETE' then old.user_id else new.user_id end;
  v_wanted record;
begin
  perform from public.sms_configs as f where f.user_id = v_user_id order by f.id for no key update;
  v_wanted := sms.wanted_events(v_user_id); -- after the lock: it sees what others committed
  update public.sms_configs as f
  set event_types = v_wanted.event_types, staff_numbers = v_wanted.staff_numbers
  where f.user_id = v_user_id
    and (f.event_types, f.staff_numbers)
      is distinct from (v_wanted.event_types, v_wanted.staff_numbers);
  if tg_op = 'UPDATE' and old.is_enabled and not new.is_enabled then
    update public.sms_event_deliveries as d
    set status = 'dead', due_at = null, lease_id = null, error = 'the target is turned off',
      ended_at = clock_timestamp()
    where d.target_id = new.id and d.due_at is not null;
  end if;
  return null;
end;
$$;

create trigger sms_event_targets_after_change
  after insert or delete or update of event_types, is_enabled, confirmed_at
  on public.sms_event_targets
  for each row execute function sms.after_target_change();

-- What the account's targets want, and the numbers of its staff.
create function sms.wanted_events(
  p_user_id uuid, out event_types text[], out staff_numbers text[]
)
language plpgsql set search_path = '' as $$
begin
  select coalesce(array_agg(distinct k.type order by k.type) filter (where sms.is_active(t)), '{}'),
    coalesce(array_agg(distinct t.address) filter (where t.kind = 'sms'), '{}')
  into event_types, staff_numbers
  from public.sms_event_targets as t
  cross join lateral unnest(t.event_types) as k (type)
  where t.user_id = p_user_id;
end;
$$;

-- A new number learns what its account's targets want.
create function sms.before_number()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_wanted record := sms.wanted_events(new.user_id);
begin
  new.event_types := v_wanted.event_types;
  new.staff_numbers := v_wanted.staff_numbers;
  return new;
end;
$$;

create trigger sms_configs_before_insert_events
  before insert on public.sms_configs
  for each row execute function sms.before_number();

-- A message from a number of the staff: true, and it goes no further. The code confirms the target,
-- STOP turns it off. Before it has confirmed, any other message is a contact's.
create function sms.take_staff_message(p_config public.sms_configs, p_payload jsonb)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_target public.sms_event_targets;
  v_body text := left(p_payload ->> 'body', 200);
begin
  select t.* into v_target from public.sms_event_targets as t
  where t.user_id = p_config.user_id and t.kind = 'sms' and t.address = p_payload ->> 'from';
  if not found then
    return false;
  elsif v_target.confirmed_at is null then
    update public.sms_event_targets as t set confirmed_at = clock_timestamp()
    from sms.event_secrets as s
    where t.id = v_target.id and s.target_id = t.id
      and s.code = regexp_replace(v_body, '\D', '', 'g')
      and exists (
        select from public.sms_events as e
        join public.sms_event_deliveries as d on d.event_id = e.id and d.target_id = t.id
        where e.type = 'target.confirm' and e.occurred_at > now() - interval '1 day'
      );
    return found;
  elsif p_payload ->> 'opt_out_type' = 'STOP' or (sms.classify(v_body)).intent = 'stop' then
    update public.sms_event_targets as t
    set is_enabled = false, disabled_reason = 'The number answered STOP.'
    where t.id = v_target.id and t.is_enabled;
  end if;
  return true;
end;
$$;

-- Delivery.

create function public.claim_sms_event_deliveries(p_lease_id uuid, p_limit integer default 8)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_target record;
  v_claimed bigint[] := '{}';
begin
  for v_target in
    select t.id
    from sms.targets_with_work(v_now) as w
    join public.sms_event_targets as t on t.id = w.target_id
    where t.is_enabled and (t.rests_until is null or t.rests_until <= v_now)
    order by w.due_at
    limit 200
  loop
    v_claimed := v_claimed || sms.claim_of_target(
      v_target.id, p_lease_id, p_limit - cardinality(v_claimed), v_now
    );
    exit when cardinality(v_claimed) >= p_limit;
  end loop;
  return jsonb_build_object(
    'deliveries', sms.delivery_jobs(v_claimed),
    'lease_seconds', extract(epoch from (sms.policy()).event_lease),
    'seconds', sms.seconds_until_delivery()
  );
end;
$$;
comment on function public.claim_sms_event_deliveries(uuid, integer) is
  'Takes up to p_limit deliveries that are due: {deliveries: [{delivery_id, kind, address, secret, '
  'event_id, payload; for kind sms from, service_sid, content}], lease_seconds, seconds until more '
  'are due (null: no target wants any)}.';

-- The targets with a delivery due, and since when: one step in the index for each target with any.
create function sms.targets_with_work(p_now timestamptz)
returns table (target_id uuid, due_at timestamptz) language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query
  with recursive waiting as (
    (
      select d.target_id, d.due_at from public.sms_event_deliveries as d
      where d.due_at is not null
      order by d.target_id, d.due_at
      limit 1
    )
    union all
    select n.target_id, n.due_at
    from waiting as w
    cross join lateral (
      select d.target_id, d.due_at from public.sms_event_deliveries as d
      where d.due_at is not null and d.target_id > w.target_id
      order by d.target_id, d.due_at
      limit 1
    ) as n
  )
  select w.target_id, w.due_at from waiting as w where w.due_at <= p_now;
end;
$$;

-- Leases what of a target is due and behind nothing in its conversation; what is behind waits until
-- that has ended. One delivery at a time for a target that failed lately.
create function sms.claim_of_target(
  p_target_id uuid, p_lease_id uuid, p_limit integer, p_now timestamptz
)
returns bigint[] language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_target public.sms_event_targets;
  v_room integer;
  v_ids bigint[];
begin
  select t.* into v_target from public.sms_event_targets as t
  where t.id = p_target_id and t.is_enabled and (t.rests_until is null or t.rests_until <= p_now)
  for no key update skip locked;
  if not found then
    return '{}';
  end if;
  v_room := sms.room_of_target(v_target, v_policy, p_limit, p_now);
  for v_try in 1 .. 5 loop
    exit when v_room <= 0;
    with due as materialized (
      select d.id, exists (
        select from public.sms_event_deliveries as e
        where e.target_id = d.target_id and e.conversation_id = d.conversation_id
          and e.due_at is not null and e.id < d.id
      ) as is_behind
      from public.sms_event_deliveries as d
      where d.target_id = p_target_id and d.due_at <= p_now
      order by d.due_at, d.id
      limit 100
    ), first as (
      select u.id from due as u where not u.is_behind limit v_room
    ), changed as (
      update public.sms_event_deliveries as d
      set due_at = case when u.is_behind then 'infinity' else p_now + v_policy.event_lease end,
        lease_id = case when not u.is_behind then p_lease_id end
      from due as u
      where d.id = u.id and (u.is_behind or u.id in (select f.id from first as f))
      returning d.id, u.is_behind
    )
    select array_agg(c.id order by c.id) filter (where not c.is_behind) into v_ids
    from changed as c
    having count(*) > 0;
    exit when v_ids is not null or not found;
  end loop;
  if v_target.kind = 'sms' and v_ids is not null then
    update public.sms_event_targets as t
    set messages = case when t.messages_on = (p_now at time zone 'UTC')::date then t.messages
        else 0 end + cardinality(v_ids),
      messages_on = (p_now at time zone 'UTC')::date
    where t.id = p_target_id;
  end if;
  return coalesce(v_ids, '{}');
end;
$$;

-- How many more of this locked target may be in hand. What a number of the staff is not told today
-- any more is dead.
create function sms.room_of_target(
  p_target public.sms_event_targets, p_policy sms.policy, p_limit integer, p_now timestamptz
)
returns integer language plpgsql set search_path = '' as $$
declare
  v_held bigint;
  v_left integer;
begin
  select count(*) into v_held from public.sms_event_deliveries as d
  where d.target_id = p_target.id and d.lease_id is not null and d.due_at > p_now;
  v_left := case when p_target.kind = 'webhook' then p_limit
    when p_target.messages_on = (p_now at time zone 'UTC')::date
      then p_policy.staff_messages_per_day - p_target.messages
    else p_policy.staff_messages_per_day end;
  if v_left <= 0 then
    update public.sms_event_deliveries as d
    set status = 'dead', due_at = null, lease_id = null, ended_at = p_now,
      error = format('at most %s messages a day go to one number', p_policy.staff_messages_per_day)
    where d.target_id = p_target.id and d.due_at is not null and d.lease_id is null;
  end if;
  return least(p_limit, v_left, case
    when p_target.failures >= 3 then 1 else p_policy.event_slots_per_target end - v_held);
end;
$$;

-- What the worker gets to know of each delivery.
create function sms.delivery_jobs(p_ids bigint[])
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'delivery_id', d.id,
      'kind', t.kind,
      'address', t.address,
      'secret', s.secret,
      'event_id', e.id,
      'payload', sms.event_payload(e, t.with_content),
      'from', w.phone_number,
      'service_sid', w.messaging_service_sid,
      'content', case when t.kind = 'sms' then sms.staff_message(e, s.code) end
    ) order by d.id), '[]')
    from public.sms_event_deliveries as d
    join public.sms_events as e on e.id = d.event_id
    join public.sms_event_targets as t on t.id = d.target_id
    join sms.event_secrets as s on s.target_id = t.id
    left join public.sms_configs as w on w.id = t.config_id
    where d.id = any(p_ids)
  );
end;
$$;

-- {type, timestamp, data}, as Standard Webhooks recommends; what the message says if it is wanted.
create function sms.event_payload(p_event public.sms_events, p_with_content boolean)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object('type', p_event.type, 'timestamp', p_event.occurred_at, 'data',
    jsonb_strip_nulls(jsonb_build_object(
      'account_id', p_event.user_id,
      'number', (
        select f.phone_number from public.sms_configs as f where f.id = p_event.config_id
      ),
      'conversation_id', p_event.conversation_id,
      'message_id', p_event.message_id,
      'contact_number', p_event.contact_number,
      'direction', p_event.direction,
      'author', p_event.author,
      'status', p_event.status,
      'reason', p_event.reason,
      'message_content', case when p_with_content then (
        select m.message_content from public.sms_messages as m where m.id = p_event.message_id
      ) end
    ))
  );
end;
$$;

-- What a number of the staff reads: who wants a human and what was said last, 100 characters of it.
create function sms.staff_message(p_event public.sms_events, p_code text)
returns text language plpgsql stable set search_path = '' as $$
declare
  v_number text := (
    select f.phone_number from public.sms_configs as f where f.id = p_event.config_id
  );
begin
  return case p_event.type
    when 'target.confirm' then
      format('Reply %s to be told here what happens at %s.', p_code, v_number)
    when 'target.test' then format('Test: you are told here what happens at %s.', v_number)
    when 'human.requested' then format('%s wants a human at %s: %s', p_event.contact_number, v_number, (
      select left(m.message_content, 100) from public.sms_messages as m
      where m.conversation_id = p_event.conversation_id and m.direction = 'incoming'
      order by m.id desc
      limit 1
    ))
    else concat_ws(' ', p_event.type, 'at', v_number || ':', p_event.contact_number, p_event.reason)
  end;
end;
$$;

-- Seconds until a delivery is due; null: no target wants any.
create function sms.seconds_until_delivery()
returns numeric language plpgsql stable set search_path = '' as $$
begin
  if not exists (select from public.sms_event_targets as t where t.is_enabled) then
    return null;
  end if;
  return (
    select greatest(extract(epoch from
      min(greatest(d.due_at, t.rests_until)) - clock_timestamp()
    ), 0)
    from public.sms_event_targets as t
    cross join lateral (
      select o.due_at from public.sms_event_deliveries as o
      where o.target_id = t.id and o.due_at < 'infinity'
      order by o.due_at
      limit 1
    ) as d
    where t.is_enabled
  );
end;
$$;

create function public.finish_sms_event_delivery(
  p_delivery_id bigint, p_lease_id uuid, p_response_status integer, p_error text default null,
  p_retry_after numeric default null
)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_now timestamptz;
  v_delivery public.sms_event_deliveries;
  v_is_delivered boolean := coalesce(p_response_status between 200 and 299, false);
  v_is_dead boolean;
begin
  perform from public.sms_event_targets as t
  where t.id = (select d.target_id from public.sms_event_deliveries as d where d.id = p_delivery_id)
  for no key update;
  select d.* into v_delivery from public.sms_event_deliveries as d
  where d.id = p_delivery_id
  for update;
  v_now := clock_timestamp();
  if v_delivery.id is null or v_delivery.due_at is null
    or not v_is_delivered and v_delivery.lease_id is distinct from p_lease_id then
    return jsonb_build_object('outcome', coalesce(nullif(v_delivery.status, 'pending'), 'gone'));
  end if;
  v_is_dead := not v_is_delivered
    and (coalesce(p_response_status = 410, false) or v_now >= v_delivery.retry_until);
  update public.sms_event_deliveries as d
  set attempts = least(d.attempts + 1, 32000), lease_id = null, response_status = p_response_status,
    error = case when not v_is_delivered then left(p_error, 500) end,
    status = case when v_is_delivered then 'delivered' when v_is_dead then 'dead' else 'pending' end,
    ended_at = case when v_is_delivered or v_is_dead then v_now end,
    due_at = case when not v_is_delivered and not v_is_dead
      then sms.next_delivery_at(v_now, d.attempts + 1, p_retry_after, d.retry_until) end
  where d.id = p_delivery_id;
  if v_is_delivered or v_is_dead then
    perform sms.free_next_delivery(v_delivery, v_now);
  end if;
  perform sms.note_target(v_delivery.target_id, v_is_delivered, p_response_status, p_error, v_now);
  return jsonb_build_object('outcome', case
    when v_is_delivered then 'delivered' when v_is_dead then 'dead' else 'retry' end);
end;
$$;
comment on function public.finish_sms_event_delivery(bigint, uuid, integer, text, numeric) is
  'What came of an attempt: 2xx is delivered, whoever reports it; anything else, or null with the '
  'reason, is tried again after 5 s up to an hour, for 24 hours, then dead; 410 turns the target '
  'off. {outcome: delivered | retry | dead | gone (another worker has it)}.';

-- When to try again: after 5, 10, 20 … seconds, an hour at most, give or take a quarter, or after
-- what the receiver asked for within that hour; the last time when the window ends.
create function sms.next_delivery_at(
  p_now timestamptz, p_attempts integer, p_retry_after numeric, p_window_end timestamptz
)
returns timestamptz language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_pause interval := greatest(
    v_policy.event_retry_after * (2 ^ least(p_attempts - 1, 12)),
    make_interval(secs => coalesce(p_retry_after, 0)::double precision)
  );
begin
  return least(
    p_now + least(v_pause, v_policy.event_retry_max) * (0.75 + 0.25 * random()),
    greatest(p_window_end, p_now + v_policy.event_retry_after)
  );
end;
$$;

-- A delivery ended: the next of its conversation is due.
create function sms.free_next_delivery(p_delivery public.sms_event_deliveries, p_now timestamptz)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_event_deliveries as d set due_at = p_now
  where d.due_at = 'infinity' and d.id = (
    select n.id from public.sms_event_deliveries as n
    where n.target_id = p_delivery.target_id and n.conversation_id = p_delivery.conversation_id
      and n.due_at is not null
    order by n.id
    limit 1
  );
end;
$$;

-- A locked target answered, or not. Three failures in a row, and it rests: 5 s and longer, five
-- minutes at most. The first success after a failure makes all that waits for another attempt due.
create function sms.note_target(
  p_target_id uuid, p_is_delivered boolean, p_response_status integer, p_error text,
  p_now timestamptz
)
returns void language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
begin
  if not p_is_delivered then
    update public.sms_event_targets as t
    set failures = least(t.failures + 1, 1000000), last_error = left(p_error, 500),
      rests_until = case when t.failures >= 2 then p_now + least(
        v_policy.event_retry_after * (2 ^ least(t.failures - 2, 10)), v_policy.event_rest_max
      ) end,
      is_enabled = t.is_enabled and p_response_status is distinct from 410,
      disabled_reason = case when p_response_status = 410 then coalesce(
        left(p_error, 200), 'It answered 410 Gone.') else t.disabled_reason end
    where t.id = p_target_id;
    return;
  end if;
  update public.sms_event_targets as t set failures = 0, rests_until = null
  where t.id = p_target_id and t.failures > 0;
  if found then
    update public.sms_event_deliveries as d set due_at = p_now
    where d.target_id = p_target_id and d.lease_id is null
      and d.due_at > p_now and d.due_at < 'infinity';
  end if;
end;
$$;

create function public.replay_sms_event_delivery(p_delivery_id bigint)
returns setof public.sms_event_deliveries
language plpgsql security definer set search_path = '' as $$
declare
  v_delivery public.sms_event_deliveries;
  v_is_enabled boolean;
begin
  select d.* into v_delivery from public.sms_event_deliveries as d
  where d.id = p_delivery_id
    and (auth.uid() is null or d.user_id in (select sms.account_ids('agent')))
  for update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such delivery',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  perform sms.require_role(v_delivery.user_id, 'admin');
  select t.is_enabled into v_is_enabled from public.sms_event_targets as t
  where t.id = v_delivery.target_id;
  if v_delivery.due_at is not null then
    raise exception using errcode = 'PT409', message = 'The delivery is on its way already',
      hint = 'Its due_at says when it is tried next.';
  elsif not v_is_enabled then
    raise exception using errcode = 'PT409', message = 'The target is turned off',
      hint = 'Set is_enabled, then replay.';
  end if;
  perform realtime.send('{}', 'event', 'sms:worker', true);
  return query
  update public.sms_event_deliveries as d
  set status = 'pending', due_at = clock_timestamp(), attempts = 0, error = null, ended_at = null,
    retry_until = now() + (sms.policy()).event_retry_for
  where d.id = p_delivery_id
  returning d.*;
end;
$$;
comment on function public.replay_sms_event_delivery(bigint) is
  'Delivers an event once more, with the same webhook-id, and returns its row. PT403: the caller is '
  'no admin. PT404: no such delivery. PT409: it is on its way, or the target is turned off.';

create function public.list_sms_event_deliveries(p_status text default null, p_limit integer default 50)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(l) order by l.id desc), '[]')
  from (
    select d.id, e.type, d.status, d.attempts, d.response_status, d.error, d.created_at,
      nullif(d.due_at, 'infinity') as due_at, t.kind, d.target_id, t.is_enabled,
      e.conversation_id, e.message_id
    from public.sms_event_deliveries as d
    join public.sms_events as e on e.id = d.event_id
    join public.sms_event_targets as t on t.id = d.target_id
    where p_status is null or d.status = p_status
    order by d.id desc
    limit least(p_limit, 500)
  ) as l;
$$;
comment on function public.list_sms_event_deliveries(text, integer) is
  'The newest deliveries of all accounts, or those of one status, for the operator''s commands: no '
  'address, no number of a contact.';

create function public.list_sms_event_targets()
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'target_id', t.id, 'kind', t.kind, 'address', t.address, 'secret', s.secret,
    'is_enabled', t.is_enabled, 'disabled_reason', t.disabled_reason
  ) order by t.created_at), '[]')
  from public.sms_event_targets as t
  join sms.event_secrets as s on s.target_id = t.id;
$$;
comment on function public.list_sms_event_targets() is
  'Every target with its secret, for sms-gateway doctor, which posts a signed ping to each.';

-- What an operator watches of the deliveries.
create function sms.event_health()
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'dead_24h', (
      select count(*) from public.sms_event_deliveries as d
      where d.status = 'dead' and d.ended_at > now() - interval '1 day'
    ),
    'oldest_waiting_seconds', (
      select round(extract(epoch from now() - min(d.created_at)), 1)
      from public.sms_event_deliveries as d where d.due_at is not null
    ),
    'disabled_targets', (
      select count(*) from public.sms_event_targets as t
      where not t.is_enabled and t.disabled_reason is not null
    )
  );
$$;

-- Deletes events that are past their time, at most p_limit, with their deliveries.
create function sms.expire_events(p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_deleted integer;
begin
  delete from public.sms_events as e where e.id in (
    select o.id from public.sms_events as o
    where o.occurred_at < now() - (sms.policy()).logs_kept
    order by o.occurred_at
    limit p_limit
  );
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
