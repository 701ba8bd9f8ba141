-- One row per Twilio number: whose it is and how its conversations are answered.

create table public.sms_configs (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  phone_number text not null,
  messaging_service_sid text,
  system_prompt text not null default 'You answer text messages for a small business. Be friendly and helpful. If you do not know something, say so and offer that a human will get back.',
  openai_model text not null default 'gpt-4o-mini',
  max_tokens integer not null default 150,
  temperature numeric(3, 2) default 0.7,
  history_limit integer not null default 10,
  max_segments smallint not null default 2,
  fold_accents boolean not null default true,
  auto_reply boolean not null default true,
  reply_delay interval not null default '1 second',
  takeover_pause interval not null default '12 hours',
  answer_within interval not null default '6 hours',
  replies_per_hour integer not null default 10,
  replies_per_day integer not null default 30,
  number_replies_per_day integer not null default 1000,
  first_reply_notice text,
  fallback_reply text not null default 'Thanks for your message. We cannot answer automatically right now; a human will get back to you. / Gracias por tu mensaje. Ahora no podemos responder; una persona te contestara.',
  opt_out_reply text,
  handoff_reply text,
  bot_reply text,
  rate_limit_reply text,
  quiet_from time,
  quiet_until time,
  time_zone text not null default 'UTC',
  suspended_until timestamptz,
  suspended_reason text,
  backfilled_until timestamptz not null default now(),
  backfill_due_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint sms_configs_pkey primary key (id),
  constraint sms_configs_id_user_id_key unique (id, user_id),
  constraint sms_configs_phone_number_key unique (phone_number),
  constraint sms_configs_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_configs_phone_number_check check (phone_number ~ '^\+?[1-9][0-9]{2,14}$'),
  constraint sms_configs_messaging_service_sid_check
    check (messaging_service_sid ~ '^MG[0-9a-f]{32}$'),
  constraint sms_configs_openai_model_check check (openai_model <> ''),
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
  constraint sms_configs_rate_limits_check
    check (least(replies_per_hour, replies_per_day, number_replies_per_day) >= 0),
  constraint sms_configs_fallback_reply_check check (length(fallback_reply) between 1 and 640),
  constraint sms_configs_first_reply_notice_check check (length(first_reply_notice) <= 320),
  constraint sms_configs_canned_replies_check check (
    least(length(opt_out_reply), length(handoff_reply), length(bot_reply), length(rate_limit_reply)) >= 1
    and greatest(length(opt_out_reply), length(handoff_reply), length(bot_reply), length(rate_limit_reply)) <= 640
  ),
  constraint sms_configs_quiet_check check ((quiet_from is null) = (quiet_until is null))
);
create index sms_configs_user_id_idx on public.sms_configs (user_id);

comment on table public.sms_configs is
  'One row per Twilio number: its owner and how its conversations are answered. The owner reads it '
  'and changes the behaviour columns; who could type in a number could read a stranger''s texts, '
  'so phone_number, user_id and messaging_service_sid are the service role''s alone.';
comment on column public.sms_configs.phone_number is
  'E.164 (+15550001111) or a short code; texts to it arrive here, answers leave from it.';
comment on column public.sms_configs.temperature is 'Null: not sent to the model.';
comment on column public.sms_configs.history_limit is
  'How many of the last texts the model is shown.';
comment on column public.sms_configs.max_segments is
  'An answer is cut to this many billed SMS segments.';
comment on column public.sms_configs.fold_accents is
  'Replace accents when that alone makes an answer fit the cheaper GSM-7 alphabet.';
comment on column public.sms_configs.reply_delay is
  'Wait this long for further texts of a burst before answering.';
comment on column public.sms_configs.takeover_pause is
  'How long the AI is silent after a human wrote.';
comment on column public.sms_configs.answer_within is
  'Texts older than this are stored but no longer answered.';
comment on column public.sms_configs.replies_per_hour is 'AI replies per contact and hour.';
comment on column public.sms_configs.replies_per_day is 'AI replies per contact and 24 hours.';
comment on column public.sms_configs.number_replies_per_day is
  'AI replies of this number per UTC day.';
comment on column public.sms_configs.first_reply_notice is
  'Put before the first automatic answer of a conversation, such as who is answering.';
comment on column public.sms_configs.opt_out_reply is
  'Confirms an opt-out that Twilio did not confirm itself. Null, here and below: '
  'sms_canned_replies has the words.';
comment on column public.sms_configs.handoff_reply is
  'Said once to a contact who asks for a human; the AI goes on answering until one writes.';
comment on column public.sms_configs.bot_reply is 'The honest answer to "are you a bot?".';
comment on column public.sms_configs.rate_limit_reply is
  'Said once in 24 hours to a contact whose automatic answers are used up.';
comment on column public.sms_configs.quiet_from is
  'Start of the quiet hours in time_zone; answers owed wait until quiet_until.';
comment on column public.sms_configs.suspended_until is
  'The account, key or quota was refused (suspended_reason): nothing is tried before this.';
comment on column public.sms_configs.backfilled_until is
  'Every text Twilio received for this number up to here is stored.';
comment on column public.sms_configs.backfill_due_at is
  'When a worker next compares this number with Twilio; it moves this forward to hold the number '
  'meanwhile.';

-- Refuses an unknown time zone when it is configured, not at night when it is needed.
create function sms.check_time_zone()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from pg_catalog.pg_timezone_names as z where z.name = new.time_zone) then
    raise exception using
      errcode = 'PT422',
      message = format('time_zone "%s" is not known', new.time_zone),
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
returns timestamptz language plpgsql stable set search_path = '' as $$
declare
  v_local timestamp := p_now at time zone p_config.time_zone;
  v_end timestamp := v_local::date + p_config.quiet_until;
begin
  if p_config.quiet_from is null or p_config.quiet_from = p_config.quiet_until then
    return null;
  end if;
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
