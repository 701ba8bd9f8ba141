-- One row per Twilio number: whose it is and how its conversations are answered.

create table public.sms_configs (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  phone_number text not null,
  messaging_service_sid text,
  addresses text[] not null default '{}',
  system_prompt text not null default 'You answer text messages for a small business. Be friendly and helpful. If you do not know something, say so.',
  openai_model text not null default 'gpt-4o-mini',
  max_tokens integer not null default 150,
  temperature numeric(3, 2) default 0.7,
  history_limit integer not null default 10,
  max_segments smallint not null default 2,
  fold_accents boolean not null default true,
  auto_reply boolean not null default true,
  answer_groups boolean not null default false,
  reply_delay interval not null default '1 second',
  takeover_pause interval not null default '12 hours',
  answer_within interval not null default '6 hours',
  close_after interval default '3 days',
  history_across boolean not null default true,
  context_attributes text[] not null default '{}',
  knowledge_tokens integer not null default 6000,
  knowledge_size integer not null default 0,
  replies_per_hour integer not null default 10,
  replies_per_day integer not null default 30,
  number_replies_per_day integer not null default 1000,
  first_reply_notice text,
  fallback_reply text,
  own_opt_out boolean not null default false,
  opt_out_reply text,
  help_reply text,
  handoff_reply text,
  bot_reply text,
  rate_limit_reply text,
  quiet_from time,
  quiet_until time,
  time_zone text not null default 'UTC',
  tools text[],
  stay_silent_for text[] not null default '{automatic_message,reaction}',
  promise_human boolean,
  event_types text[] not null default '{}',
  staff_numbers text[] not null default '{}',
  suspended_until timestamptz,
  suspended_reason text,
  backfilled_until timestamptz not null default now(),
  backfill_due_at timestamptz not null default now(),
  version integer not null default 1,
  created_at timestamptz not null default now(),
  constraint sms_configs_pkey primary key (id),
  constraint sms_configs_id_user_id_key unique (id, user_id),
  constraint sms_configs_phone_number_key unique (phone_number),
  constraint sms_configs_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_configs_phone_number_check check (phone_number ~ '^\+?[1-9][0-9]{2,14}$'),
  constraint sms_configs_messaging_service_sid_check
    check (messaging_service_sid ~ '^MG[0-9a-f]{32}$'),
  constraint sms_configs_addresses_check
    check (cardinality(addresses) <= 10 and length(addresses::text) <= 1000),
  constraint sms_configs_system_prompt_check check (length(system_prompt) between 1 and 20000),
  constraint sms_configs_openai_model_check check (length(openai_model) between 1 and 100),
  constraint sms_configs_max_tokens_check check (max_tokens between 16 and 4096),
  constraint sms_configs_temperature_check check (temperature between 0 and 2),
  constraint sms_configs_history_limit_check check (history_limit between 1 and 100),
  constraint sms_configs_max_segments_check check (max_segments between 1 and 10),
  constraint sms_configs_reply_delay_check
    check (reply_delay between interval '0' and interval '1 minute'),
  constraint sms_configs_takeover_pause_check
    check (takeover_pause between interval '0' and interval '30 days'),
  constraint sms_configs_answer_within_check
    check (answer_within between interval '1 minute' and interval '7 days'),
  constraint sms_configs_close_after_check
    check (close_after between interval '1 second' and interval '1 year'),
  constraint sms_configs_context_attributes_check
    check (cardinality(context_attributes) <= 50 and length(context_attributes::text) <= 2000),
  constraint sms_configs_knowledge_tokens_check check (knowledge_tokens between 0 and 32000),
  constraint sms_configs_rate_limits_check
    check (least(replies_per_hour, replies_per_day, number_replies_per_day) >= 0),
  constraint sms_configs_fallback_reply_check check (length(fallback_reply) between 1 and 640),
  constraint sms_configs_first_reply_notice_check check (length(first_reply_notice) <= 320),
  constraint sms_configs_canned_replies_check check (
    least(length(opt_out_reply), length(help_reply), length(handoff_reply), length(bot_reply),
      length(rate_limit_reply)) >= 1
    and greatest(length(opt_out_reply), length(help_reply), length(handoff_reply), length(bot_reply),
      length(rate_limit_reply)) <= 640
  ),
  constraint sms_configs_tools_check check (cardinality(tools) <= 32),
  constraint sms_configs_stay_silent_for_check
    check (stay_silent_for <@ array['automatic_message', 'reaction', 'goodbye'] and cardinality(stay_silent_for) <= 3),
  constraint sms_configs_quiet_check check ((quiet_from is null) = (quiet_until is null))
);
-- What whoever breaks a check is told: the comment of a check is its sentence (sms.refuse_invalid).
comment on constraint sms_configs_phone_number_check on public.sms_configs is
  'phone_number is E.164, such as +15550001111, or a short code.';
comment on constraint sms_configs_messaging_service_sid_check on public.sms_configs is
  'messaging_service_sid is MG and 32 hexadecimal digits, as in the Twilio console.';
comment on constraint sms_configs_addresses_check on public.sms_configs is
  'addresses holds at most 10 sender ids and 1,000 characters.';
comment on constraint sms_configs_system_prompt_check on public.sms_configs is
  'system_prompt has 1 to 20,000 characters.';
comment on constraint sms_configs_openai_model_check on public.sms_configs is
  'openai_model has 1 to 100 characters.';
comment on constraint sms_configs_max_tokens_check on public.sms_configs is
  'max_tokens is 16 to 4,096.';
comment on constraint sms_configs_temperature_check on public.sms_configs is
  'temperature is 0 to 2, or null to leave it to the model.';
comment on constraint sms_configs_history_limit_check on public.sms_configs is
  'history_limit is 1 to 100 messages.';
comment on constraint sms_configs_max_segments_check on public.sms_configs is
  'max_segments is 1 to 10.';
comment on constraint sms_configs_reply_delay_check on public.sms_configs is
  'reply_delay is 0 to 1 minute.';
comment on constraint sms_configs_takeover_pause_check on public.sms_configs is
  'takeover_pause is 0 to 30 days.';
comment on constraint sms_configs_answer_within_check on public.sms_configs is
  'answer_within is 1 minute to 7 days.';
comment on constraint sms_configs_close_after_check on public.sms_configs is
  'close_after is 1 second to 1 year, or null to close nothing by itself.';
comment on constraint sms_configs_context_attributes_check on public.sms_configs is
  'context_attributes holds at most 50 names and 2,000 characters.';
comment on constraint sms_configs_knowledge_tokens_check on public.sms_configs is
  'knowledge_tokens is 0 to 32,000.';
comment on constraint sms_configs_rate_limits_check on public.sms_configs is
  'replies_per_hour, replies_per_day and number_replies_per_day are 0 or more.';
comment on constraint sms_configs_fallback_reply_check on public.sms_configs is
  'fallback_reply has 1 to 640 characters; null takes the words of sms_canned_replies.';
comment on constraint sms_configs_first_reply_notice_check on public.sms_configs is
  'first_reply_notice has at most 320 characters.';
comment on constraint sms_configs_canned_replies_check on public.sms_configs is
  'opt_out_reply, help_reply, handoff_reply, bot_reply and rate_limit_reply have 1 to 640 '
  'characters each; '
  'null takes the words of sms_canned_replies.';
comment on constraint sms_configs_tools_check on public.sms_configs is
  'tools names at most 32 functions of schema sms_tools.';
comment on constraint sms_configs_stay_silent_for_check on public.sms_configs is
  'stay_silent_for holds some of automatic_message, reaction and goodbye, or nothing.';
comment on constraint sms_configs_quiet_check on public.sms_configs is
  'quiet_from and quiet_until are both set or both null.';
create index sms_configs_user_id_idx on public.sms_configs (user_id);

comment on table public.sms_configs is
  'One row per Twilio number: its owner and how its conversations are answered. The owner reads it '
  'and changes the behaviour columns; who could type in a number could read a stranger''s messages, '
  'so phone_number, user_id and messaging_service_sid are the service role''s alone.';
comment on column public.sms_configs.phone_number is
  'E.164 (+15550001111) or a short code; messages to it arrive here, answers leave from it.';
comment on column public.sms_configs.addresses is
  'Other addresses that mean this number, such as the sender id of an RCS agent (rcs:my_agent).';
comment on column public.sms_configs.answer_groups is
  'Also answer group messages (MMS with further recipients); the reply goes to the sender alone.';
comment on column public.sms_configs.promise_human is
  'Whether contacts are told that a person will get back to them; null: where somebody is told, '
  'that is a target of human.requested or a member beside the owner.';
comment on column public.sms_configs.event_types is
  'What the account''s targets want to know (sms_event_targets): kept here because every message '
  'reads it.';
comment on column public.sms_configs.staff_numbers is
  'Numbers of the account''s targets of kind sms: nothing from them is answered or becomes a '
  'conversation.';
comment on column public.sms_configs.version is
  'Counts the changes of behaviour; sms_config_versions holds each.';
comment on column public.sms_configs.temperature is 'Null: not sent to the model.';
comment on column public.sms_configs.history_limit is
  'How many of the last messages the model is shown.';
comment on column public.sms_configs.max_segments is
  'An answer is cut to this many billed SMS segments.';
comment on column public.sms_configs.fold_accents is
  'Replace accents when that alone makes a reply, canned ones too, fit the cheaper GSM-7 alphabet, '
  'which has é, ñ and ü but not á, í, ó and ú: "mañana está" leaves as "mañana esta".';
comment on column public.sms_configs.reply_delay is
  'Wait this long for further messages of a burst before answering.';
comment on column public.sms_configs.takeover_pause is
  'How long the AI is silent after a human wrote.';
comment on column public.sms_configs.answer_within is
  'Messages older than this are stored but no longer answered.';
comment on column public.sms_configs.close_after is
  'A conversation ends by itself when nobody wrote for this long; null: never.';
comment on column public.sms_configs.history_across is
  'The model may also be shown the last messages of the contact''s earlier conversation with this '
  'number, within history_limit.';
comment on column public.sms_configs.context_attributes is
  'Attributes of the contact that the model is shown, as data; the name always is.';
comment on column public.sms_configs.knowledge_tokens is
  'How much of a prompt documents may take: all of them while they fit, else what answers best.';
comment on column public.sms_configs.knowledge_size is
  'Tokens of all enabled passages that this number may tell, counted conservatively.';
comment on column public.sms_configs.replies_per_hour is 'AI replies per contact and hour.';
comment on column public.sms_configs.replies_per_day is 'AI replies per contact and 24 hours.';
comment on column public.sms_configs.number_replies_per_day is
  'Automatic messages of this number per UTC day: AI replies, canned replies, fallbacks.';
comment on column public.sms_configs.first_reply_notice is
  'Put before the first automatic answer of a conversation, such as who is answering.';
comment on column public.sms_configs.own_opt_out is
  'Twilio''s default handling of STOP and HELP is turned off for this number: the gateway confirms '
  'STOP and START and answers HELP itself. Where it is on, leave this false, or contacts are told '
  'twice.';
comment on column public.sms_configs.opt_out_reply is
  'Confirms an opt-out that Twilio did not confirm itself. Null, here and below: '
  'sms_canned_replies has the words.';
comment on column public.sms_configs.help_reply is
  'Answers HELP and INFO where own_opt_out is set: who is writing, and how to stop.';
comment on column public.sms_configs.handoff_reply is
  'Said once to a contact who asks for a human; the AI goes on answering until one writes.';
comment on column public.sms_configs.bot_reply is 'The honest answer to "are you a bot?".';
comment on column public.sms_configs.rate_limit_reply is
  'Said once in 24 hours to a contact whose automatic answers are used up.';
comment on column public.sms_configs.quiet_from is
  'Start of the quiet hours in time_zone: automatic messages wait until quiet_until. Opt-outs are '
  'confirmed and HELP is answered at any hour, as Twilio does.';
comment on column public.sms_configs.tools is
  'The functions of schema sms_tools that the model may call; null: none but the built-in ones.';
comment on column public.sms_configs.stay_silent_for is
  'What the model may leave without a reply; never a question or the first message.';
comment on column public.sms_configs.suspended_until is
  'The account, key or quota was refused (suspended_reason): nothing is tried before this.';
comment on column public.sms_configs.backfilled_until is
  'Every message Twilio received for this number up to here is stored.';
comment on column public.sms_configs.backfill_due_at is
  'When a worker next compares this number with Twilio; it moves this forward to hold the number '
  'meanwhile.';

-- Refuses a row that breaks a check of its table with the sentence that is the check's comment: a
-- client reads PT422 and what to do, not the name of a constraint. Rows of settings alone: each
-- check is evaluated once more here.
create function sms.refuse_invalid()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_broken record;
begin
  select b.* into v_broken from sms.broken_check(tg_relid, to_jsonb(new)) as b;
  if v_broken.name is not null then
    raise exception using errcode = 'PT422', message = v_broken.sentence,
      detail = 'constraint ' || v_broken.name,
      hint = 'Change the value and send it again; nothing was stored.';
  end if;
  return new;
end;
$$;

-- The first check that a row of a table would break; null: none.
create function sms.broken_check(p_table regclass, p_row jsonb, out name text, out sentence text)
language plpgsql stable as $$
declare
  v_check record;
  v_is_broken boolean;
begin
  for v_check in
    select k.conname, pg_get_expr(k.conbin, k.conrelid) as expression,
      obj_description(k.oid, 'pg_constraint') as sentence
    from pg_catalog.pg_constraint as k
    where k.conrelid = p_table and k.contype = 'c'
    order by k.conname
  loop
    execute format(
      'select (%s) is false from jsonb_populate_record(null::%s, $1) as row',
      v_check.expression, p_table
    ) into v_is_broken using p_row;
    if v_is_broken then
      name := v_check.conname;
      sentence := v_check.sentence;
      return;
    end if;
  end loop;
end;
$$;

create trigger sms_configs_refuse_invalid
  before insert or update on public.sms_configs
  for each row execute function sms.refuse_invalid();

-- Refuses what goes beyond the operator's ceilings, which no owner may raise.
create function sms.check_ceilings()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
begin
  if new.max_tokens > v_policy.max_tokens_ceiling
    or new.history_limit > v_policy.history_limit_ceiling
    or new.number_replies_per_day > v_policy.number_replies_per_day_ceiling then
    raise exception using errcode = 'PT422',
      message = format(
        'At most %s max_tokens, %s history_limit and %s number_replies_per_day are allowed here.',
        v_policy.max_tokens_ceiling, v_policy.history_limit_ceiling,
        v_policy.number_replies_per_day_ceiling
      ),
      hint = 'Ask the operator to raise the ceiling in sms.policy.';
  end if;
  return new;
end;
$$;

create trigger sms_configs_check_ceilings
  before insert or update of max_tokens, history_limit, number_replies_per_day
  on public.sms_configs
  for each row execute function sms.check_ceilings();

-- Refuses an unknown time zone when it is configured, not at night when it is needed.
create function sms.check_time_zone()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from pg_catalog.pg_timezone_names as z where z.name = new.time_zone) then
    raise exception using
      errcode = 'PT422',
      message = format('time_zone "%s" is not known', left(new.time_zone, 64)),
      hint = 'Use an IANA name such as America/Mexico_City or Europe/Madrid.';
  end if;
  return new;
end;
$$;

create trigger sms_configs_check_time_zone
  before insert or update of time_zone on public.sms_configs
  for each row execute function sms.check_time_zone();

-- When the quiet hours of this number end; null: it is not in them. From 22:00 until 08:00 passes
-- midnight.
create function sms.quiet_until(p_config public.sms_configs, p_now timestamptz)
returns timestamptz language plpgsql stable as $$
declare
  v_local timestamp;
  v_end timestamp;
begin
  if p_config.quiet_from is null or p_config.quiet_from = p_config.quiet_until then
    return null;
  end if;
  v_local := p_now at time zone p_config.time_zone;
  v_end := v_local::date + p_config.quiet_until;
  if p_config.quiet_from < p_config.quiet_until then
    if v_local::time < p_config.quiet_from or v_local::time >= p_config.quiet_until then
      return null;
    end if;
  elsif v_local::time < p_config.quiet_from and v_local::time >= p_config.quiet_until then
    return null;
  end if;
  if v_end <= v_local then
    v_end := v_end + interval '1 day';
  end if;
  return v_end at time zone p_config.time_zone;
end;
$$;

-- Each behaviour that a number has had.

create table public.sms_config_versions (
  config_id uuid not null,
  user_id uuid not null,
  version integer not null,
  settings jsonb not null,
  changed_by uuid,
  created_at timestamptz not null default now(),
  constraint sms_config_versions_pkey primary key (config_id, version),
  constraint sms_config_versions_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
);
create index sms_config_versions_user_id_idx
  on public.sms_config_versions (user_id, config_id, version desc);

comment on table public.sms_config_versions is
  'What a number''s settings were after each change, the newest 200: sms_messages.config_version '
  'says which of them a reply was made with. restore_sms_config_version brings one back.';
comment on column public.sms_config_versions.settings is
  'The columns of sms_configs that say how it behaves.';
comment on column public.sms_config_versions.changed_by is
  'The owner or member who changed it; null: a program with the secret key.';

-- What of a number's row is behaviour, and not whose it is or how it fares.
create function sms.behaviour(p_config public.sms_configs)
returns jsonb language plpgsql stable as $$
begin
  return to_jsonb(p_config) - array[
    'id', 'user_id', 'phone_number', 'messaging_service_sid', 'addresses', 'version',
    'knowledge_size',
    'suspended_until', 'suspended_reason', 'backfilled_until', 'backfill_due_at', 'created_at',
    'event_types', 'staff_numbers'
  ];
end;
$$;

-- A change of behaviour is another version.
create function sms.count_config_version()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.version := old.version + (sms.behaviour(new) <> sms.behaviour(old))::int;
  return new;
end;
$$;

create trigger sms_configs_count_version
  before update on public.sms_configs
  for each row execute function sms.count_config_version();

-- Keeps the version that a change made.
create function sms.keep_config_version()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.sms_config_versions (config_id, user_id, version, settings, changed_by)
  values (new.id, new.user_id, new.version, sms.behaviour(new), auth.uid());
  delete from public.sms_config_versions as v
  where v.config_id = new.id and v.version <= new.version - 200;
  return null;
end;
$$;

create trigger sms_configs_keep_first_version
  after insert on public.sms_configs
  for each row execute function sms.keep_config_version();

create trigger sms_configs_keep_version
  after update on public.sms_configs
  for each row when (old.version <> new.version) execute function sms.keep_config_version();

create function public.restore_sms_config_version(p_config_id uuid, p_version integer)
returns setof public.sms_configs language plpgsql security definer set search_path = '' as $$
declare
  v_version public.sms_config_versions;
  v_columns text;
begin
  select v.* into v_version from public.sms_config_versions as v
  where v.config_id = p_config_id and v.version = p_version
    and (auth.uid() is null or v.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such version',
      hint = 'sms_config_versions lists the versions of your numbers.';
  end if;
  perform sms.require_role(v_version.user_id, 'admin');
  select string_agg(format('%I', k.name), ', ') into v_columns
  from jsonb_object_keys(v_version.settings) as k (name);
  return query execute format(
    'update public.sms_configs as f set (%s) = (
       select %s from jsonb_populate_record(f, $1)
     ) where f.id = $2 returning f.*', v_columns, v_columns
  ) using v_version.settings, p_config_id;
end;
$$;
comment on function public.restore_sms_config_version(uuid, integer) is
  'Gives a number the settings of an earlier version, as a new version, and returns its row. PT403: '
  'the caller is no admin. PT404: no such version.';
