-- The whole SMS gateway: paste it into the SQL Editor, or `sms-gateway schema print | psql`.
--
-- Generated from supabase/schemas by `sms-gateway schema build`: edit there.

-- 01_schema.sql ===================================================================================

-- The schema for rules that no client may call, and the waiting times of those rules.
--
-- The chapters follow one message's life: tables (01 to 06), arriving (10 to 13), replying and
-- sending (20 to 24), humans (30), clients (40 to 42), and what keeps it going (50 to 52). Each is
-- read from its public functions down. Who may see or call what stands in 90_access.sql alone.
--
-- Functions that others than these files call (policies, triggers, checks, the Data API) set an empty
-- search_path; helpers take their caller's. One expression on a message's way is language sql where
-- Postgres can put it in its caller's place: without search_path, subqueries and aggregates. Else
-- it is plpgsql, which keeps its plan: as sql it would be parsed and planned at every call.
-- The five that every message calls keep one plan of each statement (plan_cache_mode): those whose
-- estimate depends on an id or a time were planned anew each time, for a tenth of the whole.

create schema sms;

create table sms.policy (
  only_row boolean not null default true,
  lease interval not null default '60 seconds',
  reply_wait_max interval not null default '10 seconds',
  superseded_max smallint not null default 2,
  superseded_for interval not null default '30 seconds',
  reply_attempts_max smallint not null default 3,
  retry_after interval not null default '5 seconds',
  retry_for interval not null default '1 hour',
  suspend_for interval not null default '5 minutes',
  reconcile_after interval not null default '60 seconds',
  resend_within interval not null default '10 minutes',
  unknown_for interval not null default '24 hours',
  fallback_every interval not null default '1 hour',
  notice_every interval not null default '1 day',
  hourly_window interval not null default '1 hour',
  daily_window interval not null default '1 day',
  sent_before interval not null default '2 minutes',
  retry_after_max interval not null default '1 minute',
  backfill_overlap interval not null default '10 minutes',
  sync_within interval not null default '1 day',
  sync_after interval not null default '1 minute',
  loop_rounds smallint not null default 3,
  loop_window interval not null default '1 hour',
  loop_length_min smallint not null default 4,
  doubled_within interval not null default '1 day',
  logs_kept interval not null default '30 days',
  fold_every interval not null default '1 minute',
  human_messages_per_day integer not null default 1000,
  tool_calls_max smallint not null default 8,
  tool_repeats_max smallint not null default 3,
  tool_result_bytes integer not null default 8192,
  keyword_replies_ceiling integer not null default 1000,
  contacts_ceiling integer not null default 200000,
  documents_ceiling integer not null default 1000,
  event_targets_ceiling integer not null default 20,
  event_lease interval not null default '30 seconds',
  event_slots_per_target integer not null default 4,
  event_retry_after interval not null default '5 seconds',
  event_retry_max interval not null default '1 hour',
  event_retry_for interval not null default '24 hours',
  event_rest_max interval not null default '5 minutes',
  staff_messages_per_day integer not null default 20,
  history_across_for interval not null default '21 days',
  reopened_within interval not null default '7 days',
  late_after interval not null default '90 seconds',
  max_tokens_ceiling integer not null default 4096,
  history_limit_ceiling integer not null default 100,
  history_characters integer not null default 12000,
  number_replies_per_day_ceiling integer not null default 100000,
  conversations_kept interval,
  replay_leases_max smallint not null default 2,
  replay_attempts_max smallint not null default 3,
  replay_answers_per_day integer not null default 2000,
  constraint policy_pkey primary key (only_row),
  constraint policy_only_row_check check (only_row),
  -- The backfill lists a day: what is erased sooner would come again.
  constraint policy_conversations_kept_check check (conversations_kept >= interval '1 day')
);

comment on table sms.policy is
  'One row: every waiting time and bound of the rules that is not a column of sms_configs.';
comment on column sms.policy.lease is
  'How long a worker holds a job; one takes 25 s at most, and 13 s must be left when a message is '
  'handed to Twilio.';
comment on column sms.policy.reply_wait_max is
  'A burst of messages waits at most this long for its one answer, from its first message.';
comment on column sms.policy.superseded_max is
  'An answer superseded by a newer message is dropped at most this many times in a row.';
comment on column sms.policy.superseded_for is
  'Nor is it dropped once its oldest message has waited this long.';
comment on column sms.policy.reply_attempts_max is
  'Attempts at a generated answer before the fallback reply.';
comment on column sms.policy.retry_after is
  'First pause after a failed attempt; doubles each time up to retry_after_max.';
comment on column sms.policy.retry_for is
  'A message that Twilio refuses for the moment is tried again for this long, then it failed.';
comment on column sms.policy.suspend_for is
  'How long a number rests after its account, key or quota was refused.';
comment on column sms.policy.reconcile_after is
  'What became of an unknown message is first looked up this long after its lease ended, and again '
  'after as long.';
comment on column sms.policy.resend_within is
  'A message that two listings do not have is sent again only while it is younger than this.';
comment on column sms.policy.unknown_for is
  'A message that cannot be told apart from others at Twilio counts as failed after this.';
comment on column sms.policy.fallback_every is
  'A contact gets the fallback reply at most once in this time.';
comment on column sms.policy.notice_every is
  'A contact is told by a number at most once in this time that it opted out, or that its replies '
  'are used up.';
comment on column sms.policy.hourly_window is
  'The window of sms_configs.replies_per_hour, to the moment and not the full hour.';
comment on column sms.policy.daily_window is 'The window of sms_configs.replies_per_day, as well.';
comment on column sms.policy.sent_before is
  'A message is looked for at Twilio from this long before it was handed over: clocks differ.';
comment on column sms.policy.retry_after_max is 'The longest pause after a failed attempt.';
comment on column sms.policy.backfill_overlap is
  'The backfill lists again from this long before what it knows to be complete.';
comment on column sms.policy.sync_within is
  'A message without final state or price is looked up for this long after it was written.';
comment on column sms.policy.sync_after is
  'Not before it is this old: Twilio''s own post comes first.';
comment on column sms.policy.loop_rounds is
  'How many times a contact sends the same words, each time after a reply of ours, until it counts '
  'as a machine.';
comment on column sms.policy.loop_window is 'Within this time.';
comment on column sms.policy.loop_length_min is
  'Shorter words than this many characters are no loop: people say "yes" and "ok" three times.';
comment on column sms.policy.doubled_within is
  'A second MessageSid for a message sent longer ago than this says nothing: a restored database gives '
  'ids out again.';
comment on column sms.policy.logs_kept is
  'sms_webhook_logs and sms_delivery_events are kept this long.';
comment on column sms.policy.fold_every is
  'How often what was counted is added to sms_daily_stats.';
comment on column sms.policy.conversations_kept is
  'maintain_sms erases closed conversations older than this; null: never.';

comment on column sms.policy.replay_leases_max is
  'Answers of replays that are generated at a time, by all workers.';
comment on column sms.policy.replay_attempts_max is
  'Attempts at an answer of a replay while the model''s provider refuses.';
comment on column sms.policy.replay_answers_per_day is
  'Answers that an account may replay within 24 hours, previews included.';
comment on column sms.policy.human_messages_per_day is
  'Messages that humans of one account may write in a UTC day.';
comment on column sms.policy.tool_calls_max is 'Tool calls for one reply.';
comment on column sms.policy.tool_repeats_max is 'Of them with equal name and arguments.';
comment on column sms.policy.tool_result_bytes is
  'A longer result of a tool is cut for the model and the record.';
comment on column sms.policy.keyword_replies_ceiling is 'Keyword replies a number may have.';
comment on column sms.policy.documents_ceiling is 'Documents an account may have.';
comment on column sms.policy.contacts_ceiling is 'Contacts an account may import.';
comment on column sms.policy.event_targets_ceiling is 'Event targets an account may have.';
comment on column sms.policy.event_lease is
  'How long a worker holds a delivery; an attempt takes 10 s.';
comment on column sms.policy.event_slots_per_target is
  'Deliveries of one target in hand at once.';
comment on column sms.policy.event_retry_after is
  'First pause after a delivery failed; doubles each time up to event_retry_max.';
comment on column sms.policy.event_retry_max is 'The longest such pause.';
comment on column sms.policy.event_retry_for is
  'A delivery is tried for this long, then it is dead.';
comment on column sms.policy.event_rest_max is
  'The longest time that a target which fails and fails is left alone.';
comment on column sms.policy.staff_messages_per_day is
  'Text messages that one number of the staff gets in a UTC day.';
comment on column sms.policy.history_across_for is
  'A prompt may hold messages of the contact''s earlier conversation that was closed this long ago.';
comment on column sms.policy.reopened_within is
  'A conversation counts as reopened when the contact writes again this soon after its end.';
comment on column sms.policy.late_after is
  'Work that is due for longer is late, and a worker not seen for longer is gone: three heartbeats, and '
  'more than a lease.';
comment on column sms.policy.max_tokens_ceiling is
  'The most tokens an owner may let a reply have (sms_configs.max_tokens).';
comment on column sms.policy.history_limit_ceiling is
  'The most messages an owner may show the model (sms_configs.history_limit).';
comment on column sms.policy.history_characters is
  'The most characters of messages that a model is shown, the newest first; at one token each, as in '
  'Thai, they and a system_prompt of usual length fit into 16,000 tokens.';
comment on column sms.policy.number_replies_per_day_ceiling is
  'The most AI replies a day an owner may allow a number.';

insert into sms.policy default values;

-- The one row of sms.policy.
create function sms.policy()
returns sms.policy language plpgsql stable set search_path = '' as $$
declare
  v_timing sms.policy;
begin
  select t.* into v_timing from sms.policy as t;
  return v_timing;
end;
$$;

-- 02_configs.sql ==================================================================================

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

-- 03_contacts.sql =================================================================================

-- The people who write: what the business knows of them, and whether it wants to hear them.
--
-- A contact is one number in one account. The row is made when a conversation is opened, so a known
-- contact's message costs nothing more.

-- Names with a text or a number each, 50 at most?
create function sms.are_attributes(p_attributes jsonb)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  return jsonb_typeof(p_attributes) = 'object' and (
    select count(*) <= 50 and coalesce(bool_and(
      jsonb_typeof(a.value) in ('string', 'number') and length(a.key) between 1 and 100
    ), true)
    from jsonb_each(p_attributes) as a
  );
end;
$$;

-- Tags of 1 to 40 characters?
create function sms.are_tags(p_tags text[])
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  return (
    select coalesce(bool_and(length(t.tag) between 1 and 40), true) from unnest(p_tags) as t (tag)
  );
end;
$$;

create table public.sms_contacts (
  user_id uuid not null,
  contact_number text not null,
  name text,
  notes text,
  attributes jsonb not null default '{}',
  tags text[] not null default '{}',
  language text,
  blocked_at timestamptz,
  created_at timestamptz not null default now(),
  words tsvector,
  constraint sms_contacts_pkey primary key (user_id, contact_number),
  constraint sms_contacts_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_contacts_contact_number_check check (length(contact_number) between 1 and 255),
  constraint sms_contacts_name_check check (length(name) between 1 and 100),
  constraint sms_contacts_notes_check check (length(notes) <= 4000),
  constraint sms_contacts_attributes_check
    check (sms.are_attributes(attributes) and length(attributes::text) <= 4096),
  constraint sms_contacts_tags_check check (sms.are_tags(tags) and cardinality(tags) <= 20),
  constraint sms_contacts_language_check check (
    language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$' and length(language) <= 35
  )
);
create index sms_contacts_words_idx on public.sms_contacts using gin (words);

comment on table public.sms_contacts is
  'Who writes to the account''s numbers: read and change name, notes, attributes, tags, language '
  'and blocked_at here; upsert_sms_contacts brings many. Blocked: messages are stored and can be '
  'read, and nothing is answered.';
comment on column public.sms_contacts.attributes is
  'What else is known, name to text or number: {"plan": "gold", "visits": 3}. The model is shown '
  'those that sms_configs.context_attributes names.';
comment on column public.sms_contacts.language is 'A BCP 47 tag such as es or pt-BR.';
comment on column public.sms_contacts.blocked_at is
  'Since when the contact is not answered; null: it is. Set it to block, to null to unblock.';
comment on constraint sms_contacts_contact_number_check on public.sms_contacts is
  'contact_number has 1 to 255 characters.';
comment on constraint sms_contacts_name_check on public.sms_contacts is
  'name has 1 to 100 characters, or is null.';
comment on constraint sms_contacts_notes_check on public.sms_contacts is
  'notes has at most 4,000 characters.';
comment on constraint sms_contacts_attributes_check on public.sms_contacts is
  'attributes is an object of at most 50 names, each with a text or a number, and 4,096 characters.';
comment on constraint sms_contacts_tags_check on public.sms_contacts is
  'tags holds at most 20 tags of 1 to 40 characters.';
comment on constraint sms_contacts_language_check on public.sms_contacts is
  'language is a tag such as es or pt-BR.';

create trigger sms_contacts_refuse_invalid
  before insert or update on public.sms_contacts
  for each row execute function sms.refuse_invalid();

create function public.upsert_sms_contacts(p_contacts jsonb, p_user_id uuid default auth.uid())
returns integer language plpgsql security definer set search_path = '' as $$
declare
  v_ceiling integer := (sms.policy()).contacts_ceiling;
  v_count integer;
begin
  perform sms.require_role(p_user_id, 'agent');
  if jsonb_typeof(p_contacts) is distinct from 'array' or jsonb_array_length(p_contacts) > 1000 then
    raise exception using errcode = 'PT422', message = 'p_contacts is an array of at most 1,000 contacts',
      hint = 'Call it again with the next 1,000.';
  end if;
  perform sms.check_import(p_contacts);
  if (select count(*) from public.sms_contacts as c where c.user_id = p_user_id)
    + jsonb_array_length(p_contacts) > v_ceiling then
    raise exception using errcode = 'PT422',
      message = format('An account has at most %s contacts', v_ceiling),
      hint = 'Ask the operator to raise sms.policy.contacts_ceiling.';
  end if;
  insert into public.sms_contacts as c
    (user_id, contact_number, name, notes, attributes, tags, language)
  select distinct on (n.number) p_user_id, n.number, e.entry ->> 'name', e.entry ->> 'notes',
    coalesce(e.entry -> 'attributes', '{}'), sms.texts(e.entry -> 'tags'), e.entry ->> 'language'
  from jsonb_array_elements(p_contacts) with ordinality as e (entry, place)
  cross join lateral sms.bare_number(e.entry ->> 'contact_number') as n (number)
  order by n.number, e.place desc
  on conflict (user_id, contact_number) do update set
    name = coalesce(excluded.name, c.name),
    notes = coalesce(excluded.notes, c.notes),
    attributes = c.attributes || excluded.attributes,
    tags = case when excluded.tags = '{}' then c.tags else excluded.tags end,
    language = coalesce(excluded.language, c.language);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.upsert_sms_contacts(jsonb, uuid) is
  'Imports up to 1,000 contacts: [{contact_number, name, notes, attributes, tags, language}]. One '
  'that is known keeps what the entry leaves out; attributes are added to; asked again nothing '
  'changes. Returns how many contacts were written. PT404: not an account of the caller. PT422: an '
  'entry cannot be stored, and says which; then nothing was.';

create function public.erase_sms_contact(p_contact_number text, p_user_id uuid default auth.uid())
returns integer language plpgsql security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'owner');
  return public.forget_sms_contact(p_user_id, p_contact_number);
end;
$$;
comment on function public.erase_sms_contact(text, uuid) is
  'Erases what a contact of the caller''s own account wrote and was sent, name and notes included; '
  'counters and the opt-out stay. Returns how many messages it emptied. It cannot be undone. PT403: '
  'the caller is not the owner.';

-- Refuses an import with the place of the first entry that is none.
create function sms.check_import(p_contacts jsonb)
returns void language plpgsql stable set search_path = '' as $$
declare
  v_place bigint := (
    select min(e.place)
    from jsonb_array_elements(p_contacts) with ordinality as e (entry, place)
    where jsonb_typeof(e.entry) <> 'object'
      or sms.bare_number(e.entry ->> 'contact_number') is null
      or coalesce(jsonb_typeof(e.entry -> 'tags'), 'array') not in ('array', 'null')
  );
begin
  if v_place is not null then
    raise exception using errcode = 'PT422',
      message = format('Entry %s of p_contacts is no contact', v_place),
      hint = 'contact_number is E.164, such as +34600111222; tags is an array of texts.';
  end if;
end;
$$;

-- "+34 600-111 222" as the number it is; null: it is none.
create function sms.bare_number(p_number text)
returns text language sql immutable set search_path = '' as $$
  select (regexp_match(
    regexp_replace(p_number, '[-. ()\u00a0\u202a-\u202e\u2066-\u2069]', '', 'g'),
    '^\+[1-9][0-9]{6,14}$'
  ))[1];
$$;

create function sms.texts(p_array jsonb)
returns text[] language sql immutable set search_path = '' as $$
  select case when jsonb_typeof(p_array) = 'array'
    then array(select jsonb_array_elements_text(p_array)) else '{}' end;
$$;

-- What the search finds a contact by.
create function sms.index_contact()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.words := sms.search_words(
    new.user_id, 0, concat_ws(' ', new.name, new.notes, array_to_string(new.tags, ' '))
  );
  return new;
end;
$$;

create trigger sms_contacts_index
  before insert or update of name, notes, tags on public.sms_contacts
  for each row execute function sms.index_contact();

-- A contact is blocked or no longer: so are its open conversations, where ingest and gate look. The
-- contact's row is locked first here and where a conversation is opened, so that none opens
-- unaware.
create function sms.after_block()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_id uuid;
begin
  for v_id in
    select c.id from public.sms_conversations as c
    where c.user_id = new.user_id and c.contact_number = new.contact_number
      and c.config_id in (select f.id from public.sms_configs as f where f.user_id = new.user_id)
      and c.status = 'active'
    order by c.id
    for no key update
  loop
    if new.blocked_at is not null then
      perform sms.cancel_pending_reply(v_id, 'blocked');
    end if;
    update public.sms_conversations as c set is_blocked = new.blocked_at is not null where c.id = v_id;
  end loop;
  return null;
end;
$$;

create trigger sms_contacts_after_block
  after update of blocked_at on public.sms_contacts
  for each row when ((old.blocked_at is null) <> (new.blocked_at is null))
  execute function sms.after_block();

-- What the model is shown of a contact: the name, and the attributes that the number names.
create function sms.known_of(p_user_id uuid, p_contact_number text, p_attributes text[])
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_name text;
  v_attributes jsonb;
begin
  select k.name, k.attributes into v_name, v_attributes
  from public.sms_contacts as k
  where k.user_id = p_user_id and k.contact_number = p_contact_number;
  if not found then
    return null;
  end if;
  if v_attributes <> '{}' then
    v_attributes := coalesce((
      select jsonb_object_agg(a.key, a.value) from jsonb_each(v_attributes) as a
      where a.key = any (p_attributes)
    ), '{}');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('name', v_name)) || v_attributes;
end;
$$;

-- 04_conversations.sql ============================================================================

-- A contact's conversation with one number, and the work that is due in it.
--
-- Work is claimed by leasing the conversation, whatever its kind: messages carry no lease.
-- A second lease, on messages, would put two jobs of one conversation in flight at once.

-- All of a lease or nothing of it, and what it is for. In a function, as sms.is_ending: Postgres
-- reads the text of every check anew for each statement that writes a row.
create function sms.is_lease(p_id uuid, p_until timestamptz, p_for text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return num_nulls(p_id, p_until, p_for) = 3
    or num_nulls(p_id, p_until, p_for) = 0 and p_for in (
      'reply',     -- an answer is being generated
      'fallback',  -- the attempts are used up: the fallback reply is being sent
      'send',      -- a row is in 'sending'
      'reconcile'  -- what became of an unknown row is being looked up at Twilio
    );
end;
$$;

-- By whom a conversation was closed, and what it came to.
create function sms.is_ending(p_closed_by text, p_outcome text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_closed_by in (
    'human', -- a later message is of a new conversation; an earlier one joins it, unanswered
    'idle'   -- nobody wrote for close_after: takes no message, a new conversation opens
  ) and p_outcome in (
    'answered_by_ai', 'answered_by_human', 'unanswered', 'opted_out', 'blocked'
  );
end;
$$;

create table public.sms_conversations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  contact_number text not null,
  status text not null default 'active',
  auto_reply boolean not null default true,
  paused_until timestamptz,
  wants_human boolean not null default false,
  wants_human_since timestamptz,
  assigned_to uuid,
  is_blocked boolean not null default false,
  last_incoming_id bigint,
  last_pending_id bigint,
  last_message_at timestamptz not null default now(),
  read_up_to_id bigint not null default 0,
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  closed_by text,
  outcome text,
  is_reopened boolean not null default false,
  reply_due_at timestamptz,
  waiting_since timestamptz,
  tool_calls_since timestamptz,
  reply_attempts smallint not null default 0,
  superseded smallint not null default 0,
  reply_error text,
  send_due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  leased_for text,
  leased_context jsonb,
  leased_by text,
  constraint sms_conversations_pkey primary key (id, user_id),
  constraint sms_conversations_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  -- One active conversation per number and contact: closed_at is null in that one alone.
  constraint sms_conversations_contact_key
    unique nulls not distinct (config_id, contact_number, closed_at),
  constraint sms_conversations_status_check check (
    status = case when closed_at is null
      then 'active'   -- messages are answered in it
      else 'closed'   -- ended by its owner; the contact's next message opens a new one
    end
  ),
  constraint sms_conversations_pending_reply_check check ((waiting_since is null) = (reply_due_at is null)),
  constraint sms_conversations_lease_check
    check (sms.is_lease(lease_id, leased_until, leased_for)),
  constraint sms_conversations_ending_check check (
    num_nulls(closed_at, closed_by, outcome) = 3
    or num_nulls(closed_at, closed_by, outcome) = 0 and sms.is_ending(closed_by, outcome)
  )
) with (fillfactor = 70);
-- Six indexes, no more: each one costs every message. The key carries the owner so that a message
-- cannot name another one; id alone finds its row through it as well.
create index sms_conversations_due_idx on public.sms_conversations (least(reply_due_at, send_due_at))
  where least(reply_due_at, send_due_at) is not null;
-- Of the numbers with due work one after the other: a backlog of one hides no other's.
create index sms_conversations_config_due_idx
  on public.sms_conversations (config_id, least(reply_due_at, send_due_at))
  where least(reply_due_at, send_due_at) is not null;
create unique index sms_conversations_lease_id_idx on public.sms_conversations (lease_id)
  where lease_id is not null;
-- The inbox, also of one status: as the last column it is compared without visiting the row.
create index sms_conversations_user_id_idx
  on public.sms_conversations (user_id, last_message_at desc, id, status);

-- A number is one account's. Without knowing so, the planner takes what is asked of one number to be
-- next to nothing, and sorts all of it instead of walking the index above.
create statistics public.sms_conversations_number_stats (dependencies)
  on user_id, config_id from public.sms_conversations;

comment on table public.sms_conversations is
  'One contact''s conversation with one number. The owner reads it, closes it (status), pauses the '
  'AI (auto_reply, paused_until) and marks it as read (read_up_to_id); messages open it, nobody else.';
comment on column public.sms_conversations.leased_by is
  'The worker that holds the lease (its name in sms_workers), or held the last one.';
comment on column public.sms_conversations.auto_reply is
  'Off: the AI is silent in this conversation until it is turned on again.';
comment on column public.sms_conversations.paused_until is
  'The AI is silent until then; set when a human writes.';
comment on column public.sms_conversations.wants_human is
  'The contact asked for a human; taken back when one writes.';
comment on column public.sms_conversations.wants_human_since is
  'Since when the contact waits for a human; later messages of the contact do not change it.';
comment on column public.sms_conversations.assigned_to is
  'The owner or member who has it; null: nobody.';
comment on column public.sms_conversations.is_blocked is
  'The contact is blocked (sms_contacts.blocked_at): nothing is answered.';
comment on column public.sms_conversations.closed_by is
  'human, or idle: nobody wrote for the number''s close_after.';
comment on column public.sms_conversations.outcome is
  'What it came to, when it was closed: by whom the contact was answered, or why not.';
comment on column public.sms_conversations.is_reopened is
  'The contact wrote again within seven days of the end of the conversation before.';
comment on column public.sms_conversations.last_incoming_id is 'The contact''s newest message.';
comment on column public.sms_conversations.last_pending_id is
  'The newest message a reply was ever due for; a reaction or an opt word is none.';
comment on column public.sms_conversations.read_up_to_id is
  'The newest message its owner has seen.';
comment on column public.sms_conversations.reply_due_at is
  'When the pending reply is due; null: no reply is pending.';
comment on column public.sms_conversations.waiting_since is
  'Arrival of the oldest message that no answer covers.';
comment on column public.sms_conversations.tool_calls_since is
  'The waiting_since for which tools were called last; null: none ever was. sms_tool_calls has calls '
  'of the pending reply when they are equal.';
comment on column public.sms_conversations.reply_attempts is 'Attempts at the pending reply so far.';
comment on column public.sms_conversations.superseded is
  'Answers in a row that were dropped because a newer message came.';
comment on column public.sms_conversations.reply_error is
  'Why the last pending reply was not given, or its last attempt failed.';
comment on column public.sms_conversations.send_due_at is
  'When an open message is next to be sent or looked up; null: none is open.';
comment on column public.sms_conversations.leased_context is
  'What the reply being generated is made with: {version of the settings, used: the '
  'passages that the model is shown}.';
comment on column public.sms_conversations.lease_id is 'The worker''s id for the job it holds.';

-- 05_messages.sql =================================================================================

-- Every message, in and out. A row inserted by its owner is sent; everything but its conversation,
-- content and client_ref is set by the triggers below.

-- The words of a message. In functions, because Postgres reads the text of every check anew for
-- each statement that writes a row: as lists in the table these cost a tenth of a message's life.

create function sms.is_author(p_author text, p_direction text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_author in ('contact', 'ai', 'human', 'system')
    and p_direction = case p_author when 'contact' then 'incoming' else 'outgoing' end;
end;
$$;

create function sms.is_message_status(p_direction text, p_status text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return (p_direction = 'incoming') = (p_status = 'received') and p_status in (
    'received',            -- incoming
    'queued',              -- to be sent; not yet at Twilio
    'sending',             -- handed to Twilio by the holder of the conversation's lease
    'unknown',             -- Twilio may or may not have it; it is being reconciled
    'accepted',            -- Twilio has it (its accepted, scheduled, queued and sending)
    'sent',                -- at the carrier
    'canceled',            -- withdrawn before it was sent
    'failed',              -- refused for good, by Twilio or by reconciling
    'undelivered',         -- refused by the carrier or the handset
    'partially_delivered',
    'delivered',
    'read',
    'blocked'              -- a rule forbade it; error_message names the rule
  );
end;
$$;

create function sms.is_canned_reply(p_name text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_name in (
    'stop',       -- confirms an opt-out; the one message that goes to who opted out
    'start',      -- confirms an opt-in
    'help',       -- what to do, where Twilio does not say it
    'human',      -- a human will get back
    'bot',        -- says that an automated assistant answers
    'rate_limit', -- no more automatic answers for now
    'keyword'     -- the owner's answer to a keyword
  );
end;
$$;

create function sms.is_intent(p_intent text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_intent in (
    'stop', 'start', 'help', -- opt words: never shown to the model
    'human',                 -- wants a human
    'bot',                   -- asks who is answering
    'maybe_stop'             -- smells of an opt-out: the reply says how to stop
  );
end;
$$;

create function sms.is_no_reply_reason(p_reason text)
returns boolean language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_reason in (
    'opt_word',    -- STOP, START, HELP and their like
    'sender',      -- short codes, names, hidden numbers, other channels: nobody reads a reply
    'old',         -- older than answer_within, or than the number here
    'closed',      -- arrived for a conversation that a human had closed, or closed meanwhile
    'human_wrote', -- a human answered
    'reaction',    -- a phone's reaction to a message
    'auto_reply',  -- another machine
    'goodbye',     -- the model found nothing left to say, and the number allows that
    'group',       -- a group message, unless the number has answer_groups
    'blocked',     -- the contact is blocked
    'opted_out',   -- the contact may not be written to
    'paused',      -- the AI is silent in this conversation or for this number
    'rate_limit',  -- the replies of the hour or day are used up
    'loop',        -- the same message again and again, each answered
    'failed'       -- no usable reply; sms_conversations.reply_error says more
  );
end;
$$;

create table public.sms_messages (
  id bigint generated always as identity,
  conversation_id uuid not null,
  user_id uuid not null default auth.uid(),
  direction text not null default 'outgoing',
  author text not null default 'human',
  sent_by uuid,
  message_content text not null,
  message_sid text,
  status text not null default 'queued',
  in_reply_to bigint,
  client_ref uuid,
  canned_reply text,
  intent text,
  media jsonb not null default '[]',
  encoding text,
  segments smallint,
  model text,
  config_version integer,
  used bigint[],
  shown_first_id bigint,
  shown_last_id bigint,
  prompt_hash text,
  prompt_tokens integer,
  completion_tokens integer,
  generation_ms integer,
  response_seconds numeric(12, 3),
  attempts smallint not null default 0,
  send_at timestamptz,
  sending_at timestamptz,
  listed_empty_at timestamptz,
  resent_at timestamptz,
  error_code integer,
  error_message text,
  delivered_at timestamptz,
  price numeric(12, 5),
  price_unit text,
  channel text not null default 'sms',
  recipients text[],
  no_reply_reason text,
  emits_events boolean,
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  is_open boolean not null generated always as (status in ('queued', 'sending', 'unknown')) stored,
  constraint sms_messages_pkey primary key (id),
  constraint sms_messages_message_sid_key unique (message_sid),
  constraint sms_messages_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade,
  constraint sms_messages_author_check check (sms.is_author(author, direction)),
  constraint sms_messages_status_check check (sms.is_message_status(direction, status)),
  -- A row that Twilio may not have carries no SID; Twilio's own "queued" is our 'accepted'.
  constraint sms_messages_sid_check check (
    message_sid is null or not is_open and status <> 'blocked'
  ),
  constraint sms_messages_send_at_check check ((send_at is not null) = is_open),
  constraint sms_messages_canned_reply_check
    check (canned_reply is null or author = 'system' and sms.is_canned_reply(canned_reply)),
  constraint sms_messages_intent_check
    check (intent is null or direction = 'incoming' and sms.is_intent(intent)),
  constraint sms_messages_message_content_check check (length(message_content) <= 65536),
  constraint sms_messages_encoding_check check (encoding in ('GSM-7', 'UCS-2')),
  constraint sms_messages_channel_check check (channel in ('sms', 'mms', 'rcs', 'whatsapp')),
  constraint sms_messages_recipients_check check (cardinality(recipients) <= 50),
  constraint sms_messages_no_reply_reason_check
    check (no_reply_reason is null or sms.is_no_reply_reason(no_reply_reason))
) with (fillfactor = 85);
create unique index sms_messages_in_reply_to_idx on public.sms_messages (in_reply_to)
  where in_reply_to is not null;
create unique index sms_messages_client_ref_idx on public.sms_messages (user_id, client_ref)
  where client_ref is not null;
create index sms_messages_conversation_id_idx
  on public.sms_messages (conversation_id, id desc);
create index sms_messages_user_id_idx on public.sms_messages (user_id, id desc);
-- A conversation is one user's: not knowing that, Postgres looks for a conversation's messages
-- among all of a busy owner's, for the policy's sake.
create statistics public.sms_messages_owner (dependencies) on conversation_id, user_id
  from public.sms_messages;

-- What we wrote in a conversation, by time: the newest reply, or those of a day, are found also in
-- a conversation of years, or behind a flood of a contact's messages.
create index sms_messages_outgoing_idx on public.sms_messages (conversation_id, created_at)
  where direction = 'outgoing';
create index sms_messages_guarded_idx on public.sms_messages (created_at)
  where no_reply_reason in ('loop', 'rate_limit');
-- is_open is the only state an index may name: with status in a predicate no change of it is HOT.
create index sms_messages_open_idx on public.sms_messages (conversation_id, id) where is_open;

comment on table public.sms_messages is
  'Every message. Insert (conversation_id, message_content, client_ref) to send one: it becomes a '
  'text message. Ids are in commit order within a conversation: ask for id > last seen to catch '
  'up.';
comment on column public.sms_messages.author is
  'contact, ai, human (a row of its owner) or system (fallback and notices).';
comment on column public.sms_messages.sent_by is
  'Human rows: the owner or member who wrote it; null: a program with the secret key.';
comment on column public.sms_messages.message_sid is
  'Twilio''s MessageSid; null until Twilio has the message.';
comment on column public.sms_messages.in_reply_to is 'The newest incoming message this answer covers.';
comment on column public.sms_messages.client_ref is
  'Made up by the client, unique per user: a double click is one message.';
comment on column public.sms_messages.canned_reply is
  'System rows: which canned reply; null: the fallback.';
comment on column public.sms_messages.intent is
  'Incoming rows: what the message asks for, if no model is needed to know (sms_phrases).';
comment on column public.sms_messages.media is
  '[{"url", "content_type"}] of an MMS, kept at Twilio.';
comment on column public.sms_messages.response_seconds is
  'For an answer: seconds since the oldest message it answers.';
comment on column public.sms_messages.send_at is
  'Open rows: when it is next to be sent or looked up.';
comment on column public.sms_messages.sending_at is 'When it was last handed to Twilio.';
comment on column public.sms_messages.listed_empty_at is
  'Unknown rows: when a complete listing at Twilio first lacked it.';
comment on column public.sms_messages.resent_at is
  'When it was last sent again because two listings lacked it.';
comment on column public.sms_messages.config_version is
  'AI rows: the version of the settings it was made with (sms_config_versions).';
comment on column public.sms_messages.used is
  'AI rows: the passages that the model was shown (sms_passages.id).';
comment on column public.sms_messages.shown_first_id is
  'AI rows: the oldest message that the model was shown, and shown_last_id the newest: a replay cuts '
  'the same history again.';
comment on column public.sms_messages.prompt_hash is
  'AI rows: SHA-256 of the messages of its prompt, which says whether they could be cut again.';
comment on column public.sms_messages.channel is
  'How it came: sms, mms, rcs or whatsapp. contact_number is the bare number on each of them.';
comment on column public.sms_messages.recipients is
  'The other recipients of a group message; null: there are none.';
comment on column public.sms_messages.no_reply_reason is
  'Incoming: why no reply was given, when none is due or the one that was due was withheld.';
comment on column public.sms_messages.emits_events is
  'Outgoing, since it was handed to Twilio: some target of the account wants events; null: none.';
comment on column public.sms_messages.price is 'As Twilio reports it, negative, in price_unit.';
comment on column public.sms_messages.occurred_at is
  'When it happened at Twilio; for posted messages the time of arrival.';
comment on column public.sms_messages.is_open is 'Not yet known to be at Twilio.';

-- Locks the conversation, gives the id, completes the row. What cannot be sent to an opted-out
-- contact is said at once; the gate says it again. Not for who names the account as well: ingest_sms
-- and queue_sms_reply hold the lock, and write complete rows.
create function sms.before_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = new.conversation_id
  for no key update;
  if not found or auth.uid() is not null
    and v_conversation.user_id not in (select sms.account_ids('agent')) then
    raise exception using errcode = 'PT404', message = 'There is no such conversation';
  end if;

  new.id := nextval('public.sms_messages_id_seq'); -- after the lock: ids are in commit order
  new.user_id := v_conversation.user_id;
  new.created_at := clock_timestamp();
  new.send_at := case when new.status = 'queued' then coalesce(new.send_at, new.created_at) else new.send_at end;
  if new.author in ('ai', 'human') then
    new.response_seconds := sms.response_seconds(new.conversation_id, new.created_at);
  end if;
  if new.author = 'human' then
    new.sent_by := auth.uid();
    new.occurred_at := new.created_at;
    perform sms.admit_human_message(new, v_conversation);
    if sms.is_opted_out(v_conversation.user_id, v_conversation.contact_number, (
      select f.phone_number from public.sms_configs as f where f.id = v_conversation.config_id
    )) then
      new.status := 'blocked';
      new.send_at := null;
      new.error_message := 'opted_out';
    end if;
  end if;
  return new;
end;
$$;

create trigger sms_messages_before_insert
  before insert on public.sms_messages
  for each row when (new.author = 'human' or new.user_id is null)
  execute function sms.before_message();

-- How long the oldest message that no answer followed has waited, of the newest 100; null: none.
create function sms.response_seconds(
  p_conversation_id uuid, p_now timestamptz default clock_timestamp()
)
returns numeric language plpgsql stable as $$
begin
  return (
    select extract(epoch from p_now - min(t.created_at))
    from (
      select m.created_at from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.direction = 'incoming'
        and m.id > coalesce((
          select o.id from public.sms_messages as o
          where o.conversation_id = p_conversation_id and o.direction = 'outgoing'
            and (o.author in ('ai', 'human') or o.canned_reply is not null)
          order by o.created_at desc
          limit 1
        ), 0)
      order by m.id desc
      limit 100
    ) as t
  );
end;
$$;

-- States only move up: Twilio's callbacks come in any order.
create function sms.status_rank(p_status text)
returns integer language plpgsql immutable as $$
begin
  return array_position(array[
    'queued', 'sending', 'unknown', 'accepted', 'sent', 'canceled', 'failed', 'undelivered',
    'partially_delivered', 'delivered', 'read'
  ], p_status);
end;
$$;

-- Our word for one of Twilio's; null for one we do not know. Its "queued" and "sending" mean that
-- Twilio has the message; ours mean that it has not.
create function sms.status_of(p_twilio_status text)
returns text language sql immutable as $$
  select case
    when p_twilio_status in ('accepted', 'scheduled', 'queued', 'sending') then 'accepted'
    when p_twilio_status in (
      'sent', 'canceled', 'failed', 'undelivered', 'partially_delivered', 'delivered', 'read'
    ) then p_twilio_status
  end;
$$;

-- send_due_at from the open rows: the first queued one, because they leave in order, or the next
-- look at an unknown one.
create function sms.send_due(p_conversation_id uuid)
returns timestamptz language plpgsql stable as $$
begin
  return least(
    (
      select m.send_at from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.is_open and m.status = 'queued'
      order by m.id
      limit 1
    ),
    (
      select min(m.send_at) from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.is_open and m.status <> 'queued'
    )
  );
end;
$$;

-- Is there nothing to see in this text? Spaces of all kinds and characters without width count as
-- nothing.
create function sms.is_blank(p_text text)
returns boolean language plpgsql immutable as $$
begin
  return p_text is null or p_text !~ '[^[:space:]\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';
end;
$$;

-- Stores with the messages that wait for a reply why they get none, before the conversation forgets
-- that they wait.
create function sms.record_no_reply(p_conversation_id uuid, p_reason text)
returns void language plpgsql as $$
declare
  v_since timestamptz := (
    select c.waiting_since from public.sms_conversations as c where c.id = p_conversation_id
  );
begin
  if v_since is null then
    return;
  end if;
  update public.sms_messages as m
  set no_reply_reason = case
    when p_reason in (
      'human_wrote', 'closed', 'opted_out', 'blocked', 'paused', 'rate_limit', 'loop', 'auto_reply',
      'reaction', 'goodbye'
    ) then p_reason
    else 'failed' end
  where m.conversation_id = p_conversation_id and m.direction = 'incoming'
    and m.created_at >= v_since
    and m.no_reply_reason is null
    and m.id > coalesce((
      select o.in_reply_to from public.sms_messages as o
      where o.conversation_id = p_conversation_id and o.in_reply_to is not null
      order by o.id desc
      limit 1
    ), 0);
end;
$$;

-- 06_records.sql ==================================================================================

-- What was posted to us, as it was, and who works. For the service role alone.

create table public.sms_webhook_logs (
  id bigint generated always as identity,
  message_sid text,
  payload jsonb not null,
  outcome text not null,
  received_at timestamptz not null default now(),
  constraint sms_webhook_logs_pkey primary key (id)
);
create index sms_webhook_logs_received_at_idx on public.sms_webhook_logs (received_at);
create index sms_webhook_logs_message_sid_idx on public.sms_webhook_logs (message_sid);
create index sms_webhook_logs_unstored_idx on public.sms_webhook_logs (outcome, received_at)
  where outcome in ('unconfigured', 'refused');

comment on table public.sms_webhook_logs is
  'Incoming posts with everything Twilio sent. No policy on purpose: the service role alone reads '
  'it. Badly signed posts are never written: strangers must not fill a table.';
comment on column public.sms_webhook_logs.outcome is
  'stored, duplicate, unconfigured (no sms_configs row has that number), staff (from a number of '
  'a target of kind sms) or refused (the database refused the message itself).';

create table public.sms_delivery_events (
  id bigint generated always as identity,
  message_id bigint,
  message_sid text not null,
  status text not null,
  error_code integer,
  payload jsonb,
  received_at timestamptz not null default now(),
  constraint sms_delivery_events_pkey primary key (id),
  constraint sms_delivery_events_message_id_fkey foreign key (message_id)
    references public.sms_messages (id) on delete cascade,
  constraint sms_delivery_events_event_key
    unique nulls not distinct (message_sid, status, error_code)
);
create index sms_delivery_events_message_id_idx on public.sms_delivery_events (message_id);
create index sms_delivery_events_received_at_idx on public.sms_delivery_events (received_at);
create index sms_delivery_events_doubled_idx on public.sms_delivery_events (received_at)
  where status = 'doubled';

comment on table public.sms_delivery_events is
  'Status posts of Twilio, and "doubled": a second SID for one message id. No policy on purpose: '
  'the service role alone reads it.';

create table public.sms_workers (
  name text not null,
  version text not null,
  seen_at timestamptz not null,
  realtime_ready_at timestamptz,
  notices jsonb not null default '{}',
  constraint sms_workers_pkey primary key (name)
);

comment on table public.sms_workers is
  'The workers'' heartbeats. No policy on purpose: the service role alone reads it.';
comment on column public.sms_workers.realtime_ready_at is
  'When it last heard Realtime; null: never.';
comment on column public.sms_workers.notices is
  'What an operator should know, such as a model that was replaced: {"subject": "reason"}.';

create table public.sms_error_codes (
  code integer not null,
  meaning text not null,
  action text not null,
  hint text not null,
  constraint sms_error_codes_pkey primary key (code),
  constraint sms_error_codes_action_check check (action in (
    'blocked',     -- the contact or the carrier does not want it
    'unreachable', -- the number cannot get messages
    'filtered',    -- a carrier takes it for spam
    'register',    -- the operator has to register the number
    'retry_later', -- a passing fault
    'operator'     -- the account or the number is not set up for this
  ))
);

comment on table public.sms_error_codes is
  'Twilio''s error codes with what to do (https://www.twilio.com/docs/api/errors).';

insert into public.sms_error_codes (code, meaning, action, hint) values
  (10001, 'The Twilio account is not active', 'operator', 'See the Twilio console.'),
  (20003, 'Twilio refuses the account or its key', 'operator', 'Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN or TWILIO_API_KEY.'),
  (20005, 'The Twilio account is not active', 'operator', 'See the Twilio console.'),
  (20404, 'Twilio does not know the account', 'operator', 'Check TWILIO_ACCOUNT_SID.'),
  (21211, 'The contact''s number is not valid', 'unreachable', 'Check the number.'),
  (21212, 'The sender is no number', 'operator', 'sms-gateway doctor looks the number up.'),
  (21267, 'The sender may not be a name on a trial account', 'operator', 'Use a number.'),
  (21408, 'The account may not text this country', 'operator', 'Allow it under Messaging > Geo permissions.'),
  (21472, 'The Twilio account is not active', 'operator', 'See the Twilio console.'),
  (21601, 'The sender cannot send SMS', 'operator', 'sms-gateway doctor looks the number up.'),
  (21603, 'The sender is missing', 'operator', 'sms-gateway doctor looks the number up.'),
  (21606, 'The sender cannot send SMS', 'operator', 'sms-gateway doctor looks the number up.'),
  (21607, 'The sender is not allowed on a trial account', 'operator', 'Use a number of the account.'),
  (21608, 'A trial account texts verified numbers only', 'operator', 'Verify the contact, or upgrade the account.'),
  (21609, 'Twilio cannot use PUBLIC_URL for delivery states', 'operator', 'Set it to a public address of https.'),
  (21610, 'The contact opted out with STOP', 'blocked', 'Nothing is sent until they text START.'),
  (21611, 'The number''s queue is full', 'retry_later', 'It is sending more than carriers take; wait.'),
  (21612, 'This number cannot reach that one', 'unreachable', 'Use another sender for this country.'),
  (21614, 'The contact''s number is not a mobile', 'unreachable', 'Landlines cannot get texts.'),
  (21617, 'The text is longer than 1,600 characters', 'operator', 'Send it in parts.'),
  (21659, 'The sender is no number of Twilio''s', 'operator', 'sms-gateway doctor looks the number up.'),
  (21660, 'The sender is another account''s', 'operator', 'sms-gateway doctor looks the number up.'),
  (21661, 'The sender cannot send SMS', 'operator', 'sms-gateway doctor looks the number up.'),
  (21701, 'The messaging service does not exist', 'operator', 'Check the number''s messaging_service_sid.'),
  (21703, 'The messaging service has no number', 'operator', 'Add the number to its senders at Twilio.'),
  (21704, 'The messaging service has no number', 'operator', 'Add the number to its senders at Twilio.'),
  (21705, 'The messaging service is not valid', 'operator', 'Check the number''s messaging_service_sid.'),
  (21712, 'The sender is not in the messaging service', 'operator', 'Add the number to its senders at Twilio.'),
  (30001, 'Twilio''s queue overflowed', 'retry_later', 'Wait, then send again.'),
  (30002, 'The Twilio account is suspended', 'operator', 'See the Twilio console.'),
  (30003, 'The phone is off or out of reach', 'unreachable', 'Try again later.'),
  (30004, 'The carrier or the contact blocks it', 'blocked', 'Do not send again.'),
  (30005, 'The number is not in use', 'unreachable', 'Check the number.'),
  (30006, 'Landline or unreachable carrier', 'unreachable', 'This number cannot get texts.'),
  (30007, 'The carrier filtered it as spam', 'filtered', 'Reword it; register the number.'),
  (30008, 'The carrier gave no reason', 'retry_later', 'Try again later.'),
  (30022, 'Over the daily limit of the US carriers', 'register', 'Raise the campaign''s limits.'),
  (30023, 'Over the daily limit of the US carriers', 'register', 'Raise the campaign''s limits.'),
  (30032, 'The toll-free number is not verified', 'register', 'Verify it in the Twilio console.'),
  (30034, 'The US number is not registered', 'register', 'Register it for A2P 10DLC.'),
  (30036, 'It could not be delivered in time', 'retry_later', 'Send again if it still matters.'),
  (30410, 'The carrier did not answer in time', 'retry_later', 'Try again later.'),
  (30454, 'The daily limit of a trial account is reached', 'operator', 'Upgrade the account, or wait.'),
  (30500, 'Twilio''s own fault', 'retry_later', 'Try again later.'),
  (63038, 'The account''s daily limit is reached', 'operator', 'Upgrade the account, or wait.');

-- 10_ingest.sql ===================================================================================

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

-- 11_classify.sql =================================================================================

-- What a message means that needs no model to be understood: an opt-out, a start, a request for a
-- human, a phone's reaction, another machine.
--
-- An opt-out is heard by what it is made of, not by a list of sentences:
--   1. whole messages of a list: STOP, BAJA, "no more" (sms_phrases);
--   2. else each word becomes a letter for what it stands for (sms_synonyms): "please stop sending
--      me ads" is /SGIM; a clause ends at /, an unknown word is a dot;
--   3. clauses of a few shapes (sms.opt_out_in) are sure, some only if nothing else is said; a dot
--      inside ("stop sending me the wrong size") makes it about something else.
-- When in doubt it is answered, and the reply ends by saying how to stop (maybe_stop).

-- What is left of a message when case, accents, apostrophes, punctuation, emoji and stressed letters
-- do not count: "¡¡Stoooop!! 🛑", "S.T.O.P." and "stop" are one. Every step that costs is asked for
-- first. It calls nothing of schema sms: it also computes columns, for clients.
create function sms.normalize(p_text text)
returns text language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_text text := p_text;
begin
  if v_text ~ E'[''’‘`´ʼ\u200b\u200c\u200d\u2060\ufeff]' then
    v_text := translate(v_text, E'''’‘`´ʼ\u200b\u200c\u200d\u2060\ufeff', '');
  end if;
  -- Letters and their accents apart: so that lower() needs no locale, and ＳＴＯＰ is STOP.
  if length(v_text) < octet_length(v_text) then
    v_text := regexp_replace(normalize(v_text, NFKD), '[\u0300-\u036f]', '', 'g');
  end if;
  v_text := lower(v_text);
  if v_text ~ 'aaa|bbb|ccc|ddd|eee|fff|ggg|hhh|iii|jjj|kkk|lll|mmm|nnn|ooo|ppp|qqq|rrr|sss|ttt|uuu|vvv|www|xxx|yyy|zzz' then
    v_text := regexp_replace(v_text, '([a-z])\1\1+', '\1', 'g');
  end if;
  -- A single space is left alone.
  v_text := btrim(regexp_replace(v_text, ' *[\u0001-\u001f\u0021-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ue000-\uf8ff\ufe00-\ufe4f\U0001f000-\U000fffff][\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ue000-\uf8ff\ufe00-\ufe4f\U0001f000-\U000fffff]*|  +', ' ', 'g'));
  return case when v_text ~ '^([a-z] )+[a-z]$' then replace(v_text, ' ', '') else v_text end;
end;
$$;

-- Words that sound alike are one: mensages and mensajes, escrivan and escriban, resivir and recibir.
create function sms.sound(p_normal text)
returns text language sql immutable parallel safe set search_path = '' as $$
  select replace(replace(replace(replace(
    translate(p_normal, 'vz', 'bs'), 'ce', 'se'), 'ci', 'si'), 'ge', 'je'), 'gi', 'ji');
$$;

create table public.sms_phrases (
  language text not null,
  phrase text not null,
  meaning text not null,
  whole_message_only boolean not null default false,
  handled_by_twilio boolean not null default false,
  constraint sms_phrases_pkey primary key (phrase, language),
  constraint sms_phrases_phrase_check
    check (phrase = sms.normalize(phrase) and phrase <> ''),
  constraint sms_phrases_meaning_check check (meaning in (
    'stop',   -- no more messages
    'start',  -- messages again; means nothing unless the contact had opted out
    'help',   -- Twilio answers it
    'human',  -- wants a person
    'bot',    -- asks who is answering
    'filler'  -- none of these, though its words are
  ))
);

comment on table public.sms_phrases is
  'What a message means that is one of these phrases.';
comment on column public.sms_phrases.phrase is
  'Normalised by sms.normalize: lower case, without accents and punctuation.';
comment on column public.sms_phrases.whole_message_only is
  'Counts only as the whole message; others also between greetings, "please" and "thanks".';
comment on column public.sms_phrases.handled_by_twilio is
  'Twilio itself acts on this word alone and confirms it '
  '(https://help.twilio.com/articles/223134027).';

create table public.sms_synonyms (
  language text not null,
  word text not null,
  stands_for text not null,
  sound text not null generated always as (sms.sound(word)) stored,
  first_sound text not null generated always as (split_part(sms.sound(word), ' ', 1)) stored,
  second_sound text not null generated always as (split_part(sms.sound(word), ' ', 2)) stored,
  words integer not null
    generated always as (1 + length(word) - length(replace(word, ' ', ''))) stored,
  constraint sms_synonyms_pkey primary key (word, language),
  constraint sms_synonyms_word_check check (word = sms.normalize(word) and word <> '')
);
create index sms_synonyms_first_sound_idx on public.sms_synonyms (first_sound);

comment on table public.sms_synonyms is
  'What the words of an intent stand for. One to five words; the longest that fits counts.';
comment on column public.sms_synonyms.stands_for is
  'S stop, s enough, V to text someone, G to send, F to send me, R to receive, r to get, D to remove, Z remove me, '
  'U to sign off, u to unsubscribe, c to cancel, b a subscription, k take, f off; '
  'M messages, m a message, t to text or a text, O it, L your list, l a list, P my number, I me; '
  'N not, + more or again, J to keep on, W to want, Y you, i I (a new clause begins); '
  'K a threat, C data protection, ! consent withdrawn, X what goes with an opt-out (wrong number, '
  'not interested), A another intent (call me instead), T to talk, H a human, B a robot, E are you; '
  '_ an article, & and, / the end of a clause (please, because), g thanks, . something else; '
  'nothing: makes no difference.';

-- Messages that phones and programs write, not people.
create table sms.patterns (
  id integer not null generated always as identity,
  kind text not null,
  language text not null,
  weight smallint not null,
  keys text[] not null,
  unless text[] not null default '{}',
  pattern text not null,
  constraint patterns_pkey primary key (id),
  constraint patterns_kind_check check (kind in (
    'reaction', -- a whole message, as written
    'message',  -- a whole message of a machine, normalised
    'sentence'  -- a whole sentence of one, normalised
  ))
);

comment on table sms.patterns is
  'What reactions and machines write, as whole messages or whole sentences. A message is a '
  'machine''s if a sentence of it is unmistakable (weight 9), or if all its sentences are known and '
  'their weights make 2: 0 people write it too, 1 mostly machines do.';
comment on column sms.patterns.keys is
  'The pattern is tried only if one of these is a word of the message (reaction: its first).';
comment on column sms.patterns.unless is
  'With one of these words it is a person.';

create table sms.pattern_keys (
  key text not null,
  kind text not null,
  pattern_id integer not null,
  constraint pattern_keys_pkey primary key (key, kind, pattern_id),
  constraint pattern_keys_pattern_id_fkey foreign key (pattern_id)
    references sms.patterns (id) on delete cascade
);
create index pattern_keys_pattern_id_idx on sms.pattern_keys (pattern_id);

comment on table sms.pattern_keys is
  'The keys of sms.patterns, found by a word: most messages hold none.';

-- What a message means. maybe_stop: it smells of an opt-out; it is answered, with the way to stop.
-- handled_by_twilio: the body is one of Twilio's own words.
create function sms.classify(
  p_body text,
  out intent text, out language text, out handled_by_twilio boolean,
  out kind text, out maybe_stop boolean
)
language plpgsql stable as $$
declare
  v_body text := left(p_body, 1600);
  v_normal text := sms.normalize(v_body);
  v_phrase public.sms_phrases;
begin
  v_phrase := sms.whole_phrase(v_normal);
  if v_phrase.phrase is not null then
    intent := nullif(v_phrase.meaning, 'filler');
    language := v_phrase.language;
    handled_by_twilio := v_phrase.handled_by_twilio
      and lower(btrim(v_body, E' \t\r\n')) = v_phrase.phrase;
  elsif sms.is_reaction(v_body, v_normal) then
    kind := 'reaction';
  elsif sms.is_auto_reply(v_body, v_normal) then
    kind := 'auto_reply';
  elsif sms.may_have_meaning(v_normal)
    -- or it is spelled, "P A R E", which nothing is before a figure
    or position(' ' in v_normal) = 0 and sms.normalize(v_body || ' 0') <> v_normal || ' 0' then
    select c.meaning, c.language into intent, language
    from (
      select sms.meaning_of(r.letters, r.core, r.language) as meaning, r.language, r.letters
      from sms.read_words(v_body) as r
    ) as c
    where c.meaning is not null
    order by array_position(array['stop', 'maybe_stop', 'human', 'bot', 'start'], c.meaning),
      length(c.letters) - length(replace(c.letters, '.', '')), c.language
    limit 1;
    if intent = 'maybe_stop' then
      intent := null;
      maybe_stop := true;
    end if;
  end if;
  handled_by_twilio := coalesce(handled_by_twilio, false);
  maybe_stop := coalesce(maybe_stop, false);
end;
$$;

-- The listed phrase that is the whole message; "stop stop stop" is "stop".
create function sms.whole_phrase(p_normal text)
returns public.sms_phrases language plpgsql stable as $$
declare
  v_phrase public.sms_phrases;
begin
  if length(p_normal) <= 60
    or position(repeat(split_part(p_normal, ' ', 1) || ' ', 5) in p_normal) = 1 then
    select f.* into v_phrase from public.sms_phrases as f
    where f.phrase = array_to_string(sms.fold_repeats(string_to_array(p_normal, ' ')), ' ')
    order by f.language
    limit 1;
  end if;
  return v_phrase;
end;
$$;

-- A word that is said again at once counts once.
create function sms.fold_repeats(p_words text[])
returns text[] language plpgsql immutable as $$
begin
  if not exists (
    select from unnest(p_words, p_words[2:]) as s (word, next) where s.word = s.next
  ) then
    return p_words;
  end if;
  return array(
    select w.word
    from (
      select s.word, s.place, lag(s.word) over (order by s.place) as before
      from unnest(p_words) with ordinality as s (word, place)
    ) as w
    where w.word is distinct from w.before
    order by w.place
  );
end;
$$;

-- A cheap look before the message is read (read_words, meaning_of), which costs three times as much:
-- can these words mean anything? Each word is taken for all it may stand for, whatever stands beside
-- it, so that "no" is answered for certain and "yes" is not.
create function sms.may_have_meaning(p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_sounds text[] := string_to_array(sms.sound(p_normal), ' ');
begin
  return exists (
    select
    from (
      select s.language, string_agg(s.stands_for, '') as letters
      from unnest(v_sounds, v_sounds[2:]) as w (word, next),
        lateral (
          select s.language, s.stands_for from public.sms_synonyms as s
          where s.first_sound = w.word and (s.words = 1 or s.second_sound = w.next)
          offset 0
        ) as s
      group by s.language
    ) as l
    where l.letters ~ '[SsZuU!KCDckHB]|N.*[VGFMRrtL]|[VGFMRrtL].*N|T.*Y|Y.*T'
      or l.letters ~ '[NET]' and (
        l.letters ~ 'M.*X|X.*M|I.*f|f.*I'
        or exists (
          select from public.sms_phrases as f
          where f.language = l.language and not f.whole_message_only
            and position(f.phrase in p_normal) > 0
        )
      )
  );
end;
$$;

-- The message in letters (see sms_synonyms), once for every language that has something to say
-- about it; core: its words without greetings and politeness at both ends.
create function sms.read_words(p_body text)
returns table (language text, letters text, core text) language plpgsql stable as $$
declare
  v_words text[] := sms.fold_repeats(string_to_array(sms.normalize(regexp_replace(
    regexp_replace(p_body, '[?？]+', ' 0q ', 'g'),
    '[.,;:!¡¿()…—–|\n\r\t\[\]{}]+| - |-{2,}', ' 0b ', 'g'
  )), ' '));
  v_sounds text[] := string_to_array(sms.sound(array_to_string(v_words, ' ')), ' ');
  v_next integer := 1;
  v_from integer;
  v_to integer;
  v_hit record;
begin
  for v_hit in
    with words as materialized (
      select w.word, w.place::integer, lead(w.word) over (order by w.place) as next
      from unnest(v_sounds) with ordinality as w (word, place)
    ),
    hits as materialized (
      select s.language, w.place, s.words, s.stands_for
      from words as w,
        lateral ( -- word by word through the index, also before the table is analysed
          select s.language, s.words, s.stands_for from public.sms_synonyms as s
          where s.first_sound = w.word
            and case s.words
              when 1 then true
              when 2 then s.second_sound = w.next
              else s.second_sound = w.next
                and s.sound = array_to_string(v_sounds[w.place:w.place + s.words - 1], ' ')
            end
          offset 0
        ) as s
    ),
    languages as materialized (
      select h.language from hits as h group by h.language
      having bool_or(h.stands_for ~ '[SsNDZUuKC!ckHBET]')
    )
    select h.language, h.place, h.words, h.stands_for
    from hits as h
    where h.language in (select l.language from languages as l)
    union all
    select l.language, w.place, 1, case w.word when '0b' then '/' else '?' end
    from words as w cross join languages as l
    where w.word in ('0b', '0q')
    union all
    select l.language, cardinality(v_sounds) + 1, 0, null from languages as l
    order by 1, 2, 3 desc
  loop
    letters := coalesce(letters, '') || repeat('.', v_hit.place - v_next);
    if v_hit.place > v_next or v_hit.place = v_next and v_hit.stands_for not in ('', '/', 'g', '?') then
      v_from := coalesce(v_from, v_next);
      v_to := v_hit.place
        + case when v_hit.stands_for in ('', '/', 'g', '?') then -1 else v_hit.words - 1 end;
    end if;
    if v_hit.stands_for is null then
      language := v_hit.language;
      core := array_to_string(v_words[v_from:least(v_to, cardinality(v_words))], ' ');
      return next;
      letters := '';
      v_next := 1;
      v_from := null;
      v_to := null;
    elsif v_hit.place >= v_next then
      letters := letters || v_hit.stands_for;
      v_next := v_hit.place + v_hit.words;
    end if;
  end loop;
end;
$$;

-- What the letters of a message and its core mean: 'maybe_stop' or a meaning of sms_phrases.
create function sms.meaning_of(p_letters text, p_core text, p_language text)
returns text language plpgsql stable as $$
declare
  v_letters text := sms.group_letters(p_letters);
  v_opt_out text := sms.opt_out_in(v_letters, position('g' in p_letters) > 0);
  v_listed text;
begin
  if v_opt_out = 'stop' then
    return v_opt_out;
  end if;
  select f.meaning into v_listed from public.sms_phrases as f
  where f.phrase = p_core and f.language = p_language and not f.whole_message_only;
  if v_listed is not null or v_opt_out is not null then
    return coalesce(nullif(v_listed, 'filler'), v_opt_out);
  elsif v_letters ~ '^[/?YWi_&OIEHBTXN]*$' then -- nothing but this is said
    return case
      when v_letters ~ 'E.*[BH]' then 'bot'
      when v_letters ~ '^[/?_YiX]*(W*_*T[IW_]*[_HY]*H|W+_*T[_]*Y|T_*Y|W*_*H)[HY/?_]*$' then 'human'
    end;
  end if;
  return null;
end;
$$;

-- The letters without what makes no difference to an intent: "me" beside a verb, articles before its
-- object, the same thing said twice. (A regular expression is asked only where its letters are: a
-- session keeps 32 compiled, and to compile one costs more than all of this.)
create function sms.group_letters(p_letters text)
returns text language plpgsql immutable as $$
declare
  v text := p_letters;
begin
  if v !~ '[SsZuU!KCDck]|N.*[VGFMRrWtP]' then
    return v;
  end if;
  v := regexp_replace(v, '[tm](?=M)|O(?=[MLlPVt])|_+(?=[MmtLlPOVGFuIYbRrW+])', '', 'g');
  if position('E' in v) > 0 then
    v := regexp_replace(v, 'E(?!_*[BH])', '', 'g');
  end if;
  if position('t' in v) > 0 then
    -- a word that is noun and verb is a verb before "me", and after "not" at the end
    v := regexp_replace(v, 't(?=[IPO+])|(?<=N[+]?)t(?=[/?&Xig]|$)', 'V', 'g');
  end if;
  if position('G' in v) > 0 then
    v := regexp_replace(v, 'I?GI|IG', 'F', 'g'); -- "send" and "send me" differ
  end if;
  v := replace(replace(replace(translate(v, 't', 'm'), 'I+', '+I'), 'O+', '+O'), 'IJ', 'J');
  if translate(v, 'fDZk', '') <> v then
    v := regexp_replace(v, 'k_*I(?=L)|k?_*IfI?|DI|ID|[Ikr]*_*ZI?', 'Z', 'g');
  end if;
  if position('k' in v) > 0 then
    v := regexp_replace(v, 'k[_.]{0,3}Pf', 'DP', 'g');
  end if;
  v := regexp_replace(translate(v, 'fk', '__'), '_+(?=[MmLlPOVGFuIY+])|I(?=[VuU])|(?<=[VuU])I', '', 'g');
  v := replace(v, 'IG', 'F');
  if v like '%N%N%' then
    v := regexp_replace(v, 'N([VGFRW+]{1,3})N', 'N\1', 'g'); -- ne … pas, não … não
  end if;
  return regexp_replace(regexp_replace(v, '([N+/g])\1+', '\1', 'g'), '[/g]+', '/', 'g');
end;
$$;

-- 'stop': these letters are an opt-out; 'maybe_stop': they smell of one; null.
--
-- A clause counts if nothing unknown stands beside it: before it only wanting (W) or "you" (Y), behind
-- it only whose messages they are. sure: says itself what it is about. weak: an opt-out if the whole
-- message is known words, or with what goes with one (X, K, C). p_thanks: "enough, thanks" and "no
-- more, thanks" answer the question whether there is anything else.
create function sms.opt_out_in(p_letters text, p_thanks boolean)
returns text language plpgsql immutable as $$
declare
  v_before constant text := '(?:^|[/?&XKC!A])(?:W_*|[YiEH])*(?:';
  v_behind constant text := ')[PYILlONM+_]*(?:$|[/?!CA]|i?[XK]|&[WY]*[SNDZuUc]|(?<=[V+Z])i)';
  v_sure constant text := v_before
    || 'SY?[+]?J?V[VMm+O]*|S[O+]*[GF][O+]*M[M+O]*|S[Rr][O+]*M|[Sc][+]?M+|c[Rr]M|c[mM]*b[LM]+|c[mM]+b' -- stop sending
    || '|N[+]?[WY]*J?V[+]|N[+][WY]*J?V|N[WY]*J[VGF]|NVP|N[+]?[WY]*[+]?[GF][O+]*M[M+]*' -- do not send
    || '|N[+]?W[N+]*[Rr][O+]*M|N[+]W[+]?M|WN[+]?[Rr]?[+]?M|NW[+]?L|NW[+]M|N[+]R[O+]*M|NR[O+]*M' -- do not want
    || '|N[+]M+|Z[+]|ZO?[LM]|DP[+]L|DPL|u[MLPlOYIZ]*|U[PO]?[LMS]+|P?_*!_*[VGFMRrPO]*' -- no more ads, remove me from
    || v_behind;
  v_weak constant text := v_before
    || 'S(?!O)|Sm|SF|S[Rr]O?|NVO?|N[+]?J?[WY]*F[O+]*m?|Z|DP+|D?Zl|DP+l|U|N[+]?W[+]?[Rr][O+]*'
    || '|NW[+]?M|NM(?!Y)|cb|N[+]?R[O+]*|WN[+]?[Rr][O+]+' || v_behind;
  v text := p_letters;
  v_is_sure boolean;
  v_is_weak boolean;
begin
  if v !~ '[SsZuU!KCDc]|N.*[VGFMRrW]|[MX].*[KX]|[KX].*[MX]' then
    return null;
  end if;
  if v like 'S%W%' then -- "stop I no longer want this": a reason begins, as if after a comma
    v := regexp_replace(v, '^S(?=i?N([+]W|W[+]?[RM]))', 'S/');
  end if;
  if position('s' in v) > 0 then
    v := translate(regexp_replace(v, 's(?![+_]*[VGMRr])', case when p_thanks then '.' else 'S' end, 'g'), 's', 'S');
  end if;
  if v like '%N%?%' then
    v := regexp_replace(v, '(^|[^W])N([^/?]*[?])', '\1.\2', 'g'); -- "no more messages?" asks
  end if;
  if position('YN' in v) > 0 then
    v := regexp_replace(v, '(^|[/?X])Y+N', '\1.', 'g'); -- "you no longer write" states
  end if;
  v_is_sure := v ~ v_sure
    -- a threat: if you text me again I will report you
    or position('K' in v) > 0 and position('?' in v) = 0
      and v ~ 'J[VGF](?:[MO/?XK&]|$)|[VS][+]|[+]V|[+]M|S[VGFM]|[+]O*(?:$|[/?KX&i])'
    -- the law: under GDPR I request the deletion of my data
    or translate(v, 'C!', '') <> v and position('?' in v) = 0 and v ~ 'S[_+]?[MVOGFRr]|D[+_]?P|Z|[uU]|NR|N[+]?[VGF]|M|C.*C';
  v_is_weak := v ~ v_weak
    or translate(v, 'KX', '') <> v and v ~ '(?:^|[/?Xi])K_*[YK]|^_*M[_iOY]*X$'
    or position('X' in v) > 0 and v ~ (v_before || 'N[+]?G[O+]*' || v_behind);
  if not (v_is_sure or v_is_weak) then
    return case
      when v ~ 'S[+]?[VM]|S[GF]M|SO|N[+]?[VGF][+]?M|N[+]?V[+]|N[+]?WR?[+]?M|N[+]M|u|ZL|DPL|K.*[MX]|M.*[KX]|X.*[MK]'
        then 'maybe_stop'
    end;
  elsif v ~ '[AT]|[Wr]_*H|(?:^|[/?])F[+]?M' then -- "call me", "send me messages" instead
    return 'maybe_stop';
  elsif v_is_sure or v !~ '[.?]' or v !~ '[.N]'
    or v ~ '(?:^|[/?&!])[WYi]*[XKC](?:$|[/?!&XKC]|[WYi]*[SNDZ])'
      and v ~ (v_before || 'S|SF|SO|NVO?|N[+]?J?[GF][O+]*m?|Z|DP+|Zl|DP+l|U|NW[+]?[MO]|NM' || v_behind) then
    return 'stop';
  end if;
  return 'maybe_stop';
end;
$$;

-- A phone's reaction arrives as a message: Liked “…”, Reacted 🎉 to “…”, 👍 to “…”.
create function sms.is_reaction(p_body text, p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_body text := btrim(p_body, E' \t\r\n\u00a0\u200a');
  v_first text := split_part(
    case when length(p_body) <= 60 then p_normal else sms.normalize(left(p_body, 60)) end, ' ', 1
  );
begin
  return exists (
    select
    from sms.pattern_keys as k,
      lateral (select p.pattern from sms.patterns as p where p.id = k.pattern_id offset 0) as p
    where k.key = v_first and k.kind = 'reaction' and v_body ~ p.pattern
  );
end;
$$;

-- Another machine. Never one that asks something; what this does not know is stopped by the rate
-- limits.
create function sms.is_auto_reply(p_body text, p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_normal text := p_normal;
  v_words text[];
  v_patterns integer[];
  v_weight smallint;
  v_is_whole boolean;
  v_sentences text[];
begin
  if position('?' in p_body) > 0 then
    return false;
  elsif length(p_body) > 700 then
    v_normal := sms.normalize(left(p_body, 700));
  end if;
  v_words := string_to_array(v_normal, ' ');
  v_patterns := array(
    select k.pattern_id
    from unnest(v_words) as w (word),
      lateral (
        select k.pattern_id from sms.pattern_keys as k
        where k.key = w.word and k.kind in ('message', 'sentence')
        offset 0
      ) as k
  );
  if v_patterns = '{}' then
    return false;
  end if;
  select array_agg(p.id) filter (where p.kind = 'sentence'),
    max(p.weight) filter (where p.kind = 'sentence'),
    bool_or(case when p.kind = 'message' and not p.unless && v_words
      then v_normal ~ p.pattern end)
  into v_patterns, v_weight, v_is_whole
  from sms.patterns as p where p.id = any (v_patterns);
  if v_is_whole or coalesce(v_weight, 0) = 0 then
    return coalesce(v_is_whole, false);
  end if;
  v_sentences := array(
    select btrim(t.sentence) from unnest(string_to_array(sms.normalize(regexp_replace(
      left(p_body, 700),
      '[.!:;()…\[\]\n\r*]+(?=\s|$|[A-Z\[(])|[\[(]| [-–—]+ |[–—]', ' 0b ', 'g'
    )), '0b')) as t (sentence)
    where btrim(t.sentence) <> ''
  );
  return cardinality(v_sentences) <= 8 and (
    select case when max(s.weight) = 9 then true when bool_or(s.weight is null) then false
      else sum(s.weight) >= 2 end
    from (
      select (
        select max(case when p.keys && w.words and not p.unless && w.words
          and t.sentence ~ p.pattern then p.weight end)
        from sms.patterns as p
        where p.id = any (v_patterns)
      ) as weight
      from unnest(v_sentences) as t (sentence),
        lateral (select string_to_array(t.sentence, ' ') as words) as w
      offset 0 -- each sentence is held against the patterns once
    ) as s
  );
end;
$$;

-- What a message asks for, if it is one of the fixed intents: {meaning: stop | start | help |
-- human | bot, by_twilio: Twilio acts on it and confirms it, language, kind: reaction | auto_reply,
-- doubt: maybe_stop}. "Yes" is one unless the contact had opted out; to a toll-free number, where Twilio
-- keeps the list, only START and UNSTOP undo an opt-out
-- (https://help.twilio.com/articles/360034798533).
create function sms.intent(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_payload jsonb
)
returns jsonb language plpgsql stable as $$
declare
  v_type text := lower(p_payload ->> 'opt_out_type');
  v_found record;
  v_word text := lower(btrim(p_payload ->> 'body', E' \t\r\n'));
  v_by_twilio boolean;
begin
  if v_type in ('stop', 'start', 'help') then
    return jsonb_build_object('meaning', v_type, 'by_twilio', true);
  end if;
  v_found := sms.classify(p_payload ->> 'body');
  -- Twilio acts on its own words alone, not for a short code, and not where it was told not to.
  v_by_twilio := v_found.handled_by_twilio and p_config.phone_number ~ '^\+'
    and not p_config.own_opt_out;
  if v_found.intent = 'help' and not v_by_twilio
      and not (v_found.handled_by_twilio and p_config.own_opt_out)
    or v_found.intent = 'start' and (
      p_config.phone_number ~ '^\+18(00|33|44|55|66|77|88)[0-9]{7}$'
        and v_word not in ('start', 'unstop')
      or (not v_by_twilio or v_word = 'yes') and not sms.is_opted_out(
        p_conversation.user_id, p_conversation.contact_number, p_config.phone_number
      )
    ) then
    return null;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'meaning', v_found.intent, 'by_twilio', v_by_twilio, 'language', v_found.language,
    'kind', v_found.kind, 'doubt', case when v_found.maybe_stop then 'maybe_stop' end
  ));
end;
$$;

-- 11_phrases.sql ==================================================================================

-- The words of 11_classify as data. A language is one set of rows here and no line of code; the cases
-- that measure them are in tests/data.

insert into public.sms_phrases (language, phrase, meaning, whole_message_only, handled_by_twilio) values
  ('en', 'stop', 'stop', false, true),
  ('en', 'stopall', 'stop', false, true),
  ('en', 'unsubscribe', 'stop', false, true),
  ('en', 'cancel', 'stop', true, true),
  ('en', 'end', 'stop', true, true),
  ('en', 'quit', 'stop', true, true),
  ('en', 'revoke', 'stop', true, true),
  ('en', 'optout', 'stop', false, true),
  ('en', 'start', 'start', true, true),
  ('en', 'yes', 'start', true, true),
  ('en', 'unstop', 'start', true, true),
  ('en', 'help', 'help', true, true),
  ('en', 'info', 'help', true, true);

-- What with one more word may mean anything: "para ya" asks a driver to stop, "no mas, gracias"
-- wants nothing else.
insert into public.sms_phrases (language, phrase, meaning, whole_message_only)
select g.language, p.phrase, g.meaning, true
from (values
  ('en', 'stop', 'no more|remove|stp|stip|stoo|dtop|srop|stop 1|stop 2|cease|stop all|end all|stop this|stop everything|stop all this'),
  ('es', 'stop', 'para|alto|basta|baja|cancelar|detener|cesar|salir|no mas|anular|ya basta|basta ya'),
  ('fr', 'stop', 'fin|resilier|annuler|quitter|assez|ca suffit|arretez ca|arretez tout ca'),
  ('pt', 'stop', 'sair|chega|basta|cancelar|cancela|remover|parar'),
  ('en', 'filler', 'you can stop|you can stop now'),
  ('en', 'start', 'subscribe|resubscribe|opt in|optin|restart|resume'),
  ('es', 'start', 'si|alta|iniciar|inicio|comenzar|empezar|reanudar|suscribir|suscribirme'),
  ('fr', 'start', 'oui|commencer|recommencer|reprendre|abonner|reabonner'),
  ('pt', 'start', 'sim|comecar|recomecar|retomar|inscrever')
) as g (language, meaning, words), unnest(string_to_array(g.words, '|')) as p (phrase);

-- Also between greetings and politeness.
insert into public.sms_phrases (language, phrase, meaning)
select g.language, p.phrase, g.meaning
from (values
  ('en', 'human', 'someone|somebody|customer service|customer support|is anyone real there|is there a human there|is anyone there|can someone call me|call me'),
  ('es', 'human', 'hay alguien|hay alguien ahi|que me llamen|atencion al cliente|servicio al cliente|que me atienda alguien|que me llame alguien'),
  ('fr', 'human', 'service client|rappelez moi|il y a quelquun'),
  ('pt', 'human', 'atendimento humano|quero atendimento humano|tem alguem ai|alguem ai'),
  ('en', 'bot', 'bot|robot|chatbot|ai|who am i talking to|who am i talking with|who am i texting|who am i texting with|who am i chatting with|is this ai|are you real|are you for real|is this real'),
  ('es', 'bot', 'robot|bot|con quien hablo|con quien estoy hablando|quien me contesta|quien me responde|con quien chateo'),
  ('fr', 'bot', 'robot|a qui je parle|qui me repond|avec qui je parle'),
  ('pt', 'bot', 'robo|com quem falo|com quem estou falando|quem esta respondendo|quem me responde')
) as g (language, meaning, words), unnest(string_to_array(g.words, '|')) as p (phrase);

-- [language (*: all), what they stand for, words]. Old spellings, no accents, shorthand; what sounds
-- alike need not be listed (sms.sound). What a dot stands for are phrases of everyday talk.
insert into public.sms_synonyms (language, word, stands_for)
select distinct on (l.language, sms.normalize(w.word))
  l.language, sms.normalize(w.word), g.stands_for
from (values
  ('*', 'S', 'stop|stopp|stpo|sotp|tsop|sstop|sttop|stopall|stops'),
  ('*', 'M', 'sms|mms|spam|marketing|newsletter|newsletters|telemarketing|msgs|txts|whatsapps|promos|'
    'promo'),
  ('*', 'u', 'unsubscribe|unsuscribe|unsubscibe|unscribe|unsubscribing|unsubscribed|unsub|unsubscrib|'
    'unsubcribe|unsubsribe|unsubscirbe|optout|opt out'),
  ('*', 'C', 'gdpr|rgpd|lgpd|tcpa|ccpa'),
  ('*', '/', 'pls|please|plz|ok|okay|hola|hello|hi|hey'),
  ('*', '.', 'non stop|nonstop'),
  ('en', 'S', 'quit|cease|halt|discontinue|stoping|stopping|desist|cease and desist|enough with|'
    'enough of|done with|tired of|sick of|fed up with|refrain from|cut out|cut it out|'
    'knock it off|go away|get lost|buzz off|piss off|fuck off|sod off|end all|leave me alone|'
    'leave me be|leave us alone|leave me the hell alone|leave my phone alone|'
    'leave this number alone'),
  ('en', 'V', 'texting|txting|txtin|textin|texted|messaging|msging|contacting|contacted|messaged|'
    'writing|spamming|bothering|bother|harassing|harass|annoying me|annoy|pestering|pester|'
    'bugging|bug|disturbing|disturb|hounding|soliciting|blowing up|hitting up|reaching out|'
    'reach out|solicit'),
  ('en', 't', 'text|txt|message|msg|contact|write'),
  ('en', 'G', 'send|sending|send out|sendin|sned|sendign'),
  ('en', 'r', 'receive|receiving|recieve|recieving|get|getting|hear|hearing|see|seeing'),
  ('en', 'b', 'subscription|subscriptions'),
  ('en', 'D', 'remove|remov|delte|removed|delete|deleted|erase|erased|exclude|purge|scrub|lose|forget|'
    'get rid of|unlist|removing'),
  ('en', 'Z', 'be excluded|be exempt|exclude me|count me out|be removed|get removed|removal|be deleted|'
    'be taken off|being removed|want out|want off|get off|me off|us off|be off|name off|'
    'opt off|block me'),
  ('en', 'k', 'take|pull|cross|strike|cut|taken|drop'),
  ('en', 'f', 'off|out|off of|out of|from'),
  ('en', 'u', 'opt me out|opt us out|opted out|opting out|opt my number out|unsubscribe me'),
  ('en', 'c', 'cancel|end|terminate|kill|shut off|turn off'),
  ('en', 'M', 'messages|texts|massages|mesages|messeges|promotions|promotion|promotional|ads|ad|'
    'advertising|advertisements|advertisement|adverts|offers|deals|coupons|specials|'
    'solicitations|solicitation|communications|communication|correspondence|blasts|junk|'
    'junk mail|reminders|alerts|notifications|notices|text messages|sms messages|'
    'text reminders|text message|textmessages|updates|announcements|sales pitches|discounts'),
  ('en', '', 'automated|automatic|unwanted|unsolicited|commercial|further|future|additional|daily|'
    'constant|annoying|stupid|damn|fucking|freaking|bloody|mass|bulk|silly|endless|say|'
    'must i say|do i have to say|can|could|would|will|do|just|now|right now|immediately|'
    'at once|asap|to|already|really|seriously|must|be|being|am|are|go ahead and|'
    'effective immediately|effective today|with immediate effect|right away|at this time|'
    'by text|sent from my iphone|sent from my phone|sent from my android|sent from my galaxy|'
    'sent from my samsung|how|how do i|how can i|how do|where do i|where can i|how would i|'
    'what do i do to|let|let me|trying to|have to|should|literally|effectively|forthwith|'
    'goddamn|the hell|the fuck|the heck|why dont you|ppl|via text|over text|thru text|anyone|'
    'here by|hereby|formally|officially|simply|clearly|no no|creeps|creep|idiots|jerks|jerk|'
    'assholes|asshole|morons|spammer|spammers|scammers|scammer|losers|bastards|bitch|bitches|'
    'fools|weekly|monthly|says|for the last time|last time|once and for all|for real|'
    'straight away|again and again'),
  ('en', 'O', 'it|this|that|these|those|them|anything|stuff|things|everything|crap|all this|all that|'
    'this stuff|this crap|all of this|all of these|all of it|this nonsense|else|anything else|'
    'nothing else'),
  ('en', '_', 'the|your|ur|any|all|such|my|our|of|a|an|for|on|at|with|via|by|in|about it|so many|'
    'so much|too many|as|w'),
  ('en', 'L', 'your list|ur list|your lists|this list|that list|mailing list|marketing list|'
    'contact list|text list|texting list|distribution list|calling list|call list|sms list|'
    'phone list|spam list|your database|database|marketing database|your system|your records|'
    'your contacts|your books|whatever list|your mailing list|this thing|this group|from here|'
    'off here|your texting list|your directory|your sms program|your program|this chain|'
    'group text|group chat|broadcast list'),
  ('en', 'l', 'list|lists'),
  ('en', 'P', 'my number|this number|my phone|this phone|my cell|my cell phone|number|phone|cell|'
    'phone number|cell number|cellphone|my info|my information|my data|my details|my contact|'
    'my contact info|this line|this device|this cell|my mobile|mobile|this account'),
  ('en', 'I', 'me|us|myself|ourselves'),
  ('en', 'N', 'dont|not|never|no|forbid you to|i forbid you to|prohibited from|refuse|no need to|'
    'not need to|no reason to|wont be needing|dont need to|no point in|no use'),
  ('en', 'N+', 'no longer|no more|never again|never ever|not ever|nomore'),
  ('en', '+', 'more|anymore|again|ever|any more|any longer|from now on|in the future|for good|once more|'
    'one more|1 more|one more time|another|another one|at all|ever again|permanently|forever|'
    'for ever|going forward|hereafter|henceforth|any further|one more of'),
  ('en', 'J', 'keep|keeps|continue|continuing|keep on|continue to|still'),
  ('en', 'W', 'want|appreciate|would appreciate|prefer to|rather|wanna|wish|need|would like|id like|'
    'wanted|ask|asking|request|requesting|demand|insist|like|care|prefer|interested in|'
    'looking to|trying'),
  ('en', 'Y', 'you|u|ya|yall|guys|people|company|your company|someone|somebody|yourselves|your business|'
    'your store|your shop|your restaurant|this company|this business|these people|you guys|'
    'folks|business|team'),
  ('en', 'i', 'i|im|ive|we|were|ill|id'),
  ('en', '/', 'plse|plez|plese|kindly|good morning|good afternoon|good evening|good day|sorry|sir|maam|'
    'madam|dude|bro|man|yo|well|because|cause|cuz|bc|since|so|but|or|regards|best|'
    'best regards|kind regards|sincerely|cheers|omg|wtf|jesus|lol|god|damn it|dammit|i repeat|'
    'again i say|nope|nah|um|greetings|yes|bye|goodbye|have a nice day|have a good day|'
    'respectfully|all the best|take care|otherwise|lovely shop|nothing personal|no offense|'
    'no hard feelings|hun|love'),
  ('en', '&', 'and|then|n'),
  ('en', 'X', 'wrong number|wrong person|wrong guy|wrong phone|wrong contact|wrong cell|not interested|'
    'no longer interested|not intrested|no interest|who is this|who are you|whos this|who dis|'
    'who tf is this|who the hell is this|dont know you|dont know who you are|'
    'dont know who u r|dont know who u are|dont know u|dont know who this is|'
    'dont know this number|told you|told you to|told u|told ya|told you guys|asked you|'
    'asked you to|asked u|asked once|asked once already|asked once before|asked already|'
    'asked before|asked twice|asked twice already|asked three times|asked three times now|'
    'already asked|already said|already told you|asked you before|asked you already|'
    'asked many times|asked multiple times|asked nicely|said no|i said|never signed up|'
    'didnt sign up|did not sign up|never signed up for this|didnt sign up for this|'
    'did not sign up for this|never subscribed|never agreed to this|never agreed|'
    'didnt ask for this|never asked for this|didnt ask for these|did not ask for these|'
    'never gave you my number|dont remember signing up|harassment|this is harassment|'
    'its harassment|illegal|this is illegal|scam|this is spam|its spam|thats spam|'
    'this is a scam|last warning|final warning|final notice|last notice|passed away|is dead|'
    'no longer lives here|doesnt live here|no longer works here|not my number|not his number|'
    'not her number|moved away|still getting|they still come|keep coming|still coming|'
    'they keep coming|ridiculous|this is ridiculous|this is annoying|so annoying|'
    'very annoying|fuck you|screw you|do not call|dont call|how many times|how often|'
    'i have asked|tired of this|enough is enough|this is my last request|second request|'
    'third request|second time|third time|third time asking|second time asking|'
    'have to tell you|have to tell u|have to say|i beg you|begging you|not him|not her|'
    'you have the wrong|you have the wrong number|you have the wrong person|'
    'you got the wrong number|youve got the wrong guy|youve got the wrong person|'
    'youve got the wrong number|have the wrong number|got the wrong person|got the wrong guy|'
    'this isnt|not a customer|never been a customer|not your customer|cost me money|'
    'costing me money|i pay for every text|pay per text|pay for every txt|my kids phone|'
    'i dont live there anymore|work phone|leave us be|leave this family alone'),
  ('en', 'K', 'report you|report u|reporting you|reporting u|reported you|report your|block you|block u|'
    'block this number|blocking you|blocking this number|blocked you|sue you|suing you|'
    'the fcc|the ftc|fcc|ftc|attorney general|my lawyer|call my lawyer|my attorney|'
    'legal action|a complaint|file a complaint|filing a complaint|press charges|'
    'reported as spam|report as spam|report it as spam|report you as spam|mark you as spam|'
    'reporting u as spam|reported'),
  ('en', 'KS', 'youre blocked|ur blocked|you are blocked|blocked and reported|reported and blocked'),
  ('en', 'C', 'do not call registry|do not call list|dnc list|dnc|do not contact list|privacy law|'
    'data protection|data protection act|do not text list|national do not call registry|'
    'can spam act|do not call registration'),
  ('en', '!', 'revoke consent|revoke my consent|revoke any consent|revoke all consent|'
    'revoking my consent|revoking consent|withdraw consent|withdraw my consent|'
    'withdrawing my consent|withdraw any consent|rescind my consent|rescind consent|'
    'do not consent to receive|dont consent to receive|do not consent to be contacted|'
    'never consented|never gave consent|without my consent|revoke permission|'
    'withdraw permission|revoke my permission|revoke authorization|is on the do not call list|'
    'is on the do not call registry|cease all communication|cease all contact|'
    'cease communication|cease contact|do not consent to these|dont consent to this|'
    'dont consent to these|do not have my consent|do not have my permission|'
    'dont have my permission|you do not have permission to contact'),
  ('en', 'A', 'instead|put me on|put me in|put me down|add me|switch me|move me|use my|replace|'
    'change it|put us|call me|call me instead|email me|just call|email instead|'
    'email is better|call instead|ring me'),
  ('en', 'T', 'talk|speak|chat|talking|speaking|texting with|connect|transfer'),
  ('en', 'H', 'person|agent|representative|rep|operator|real human|real person|live agent|live person|'
    'customer service|customer support|support agent|manager|human|human being|a human being'),
  ('en', 'B', 'bot|robot|chatbot|machine|computer|ai|artificial intelligence|chatgpt'),
  ('en', 'NV', 'dont bother me|dont bother us|dont bother texting|dont bother messaging|'
    'dont bother contacting|dont bother writing'),
  ('en', '.', 'contact them|text them|message them|contacting them|texting them|i quit|stop by|stop at|'
    'stop in|stop over|drop by|dont bother|bus stop|full stop|next stop|no problem|no worries|'
    'this one|that one|no one'),
  ('en', 'g', 'thanks|thank|thx|ty|tks|thank you|thank u|thank you very much|thank you so much|'
    'many thanks|no thanks|no thank you|gracias|merci|obrigado'),
  ('en', 's', 'enough|thats enough'),
  ('en', 'E', 'are you|are u|r u|are you a|are you an|are you just|is this|is it|is this a|'
    'am i talking to|am i talking with|am i texting|am i texting with|am i chatting with|'
    'am i speaking to|am i speaking with|you are|is there|this is|are you guys'),
  ('es', 'S', 'basta de|paren|pare|parar|paras|parad|cese|cesen|cesar|cesad|detengan|detenga|deten|'
    'detener|detenganse|corten|corta|cortenla|cortala|alto a|alto con|deja|deje|dejen|dejad|'
    'dejar|dejen ya|deja ya|dejen ya de|para de|para ya de|paren ya|terminen|terminen con|'
    'parale|parenle|suficiente de|suficientes|estuvo bueno con|ya estuvo bueno con|dejan de|'
    'dejas de|dejais de|harto de|hartos de|harta de|cansado de|cansada de|abstenganse|'
    'absténgase|abstenerse|el cese|cese de|suspendan|suspender|suspenda|finalicen|eviten|'
    'evite|evitar|dejense|vete a la mierda|vayanse a la mierda|larguense|no insistan|'
    'no insista|no insistas|dejame en paz|dejeme en paz|dejenme en paz|dejadme en paz|'
    'dejenos en paz|dejennos en paz|dejame tranquilo|dejame tranquila|dejeme tranquilo|'
    'dejeme tranquila|dejenme tranquilo|dejenme tranquila|dejenme ya|no jodan|no joda|'
    'no jodas|no frieguen|no chinguen|dejen de joder|dejen de chingar|no fastidien|'
    'no fastidies|no den lata|no me jodan'),
  ('es', 'M', 'mensajes|mensajitos|textos|msj|msjs|mjs|mensages|publicidad|publicidades|promociones|'
    'promocion|propaganda|propagandas|ofertas|avisos|recordatorios|notificaciones|'
    'comunicaciones|comunicacion|comunicados|anuncios|mensajes de texto|campanas|vainas|'
    'mamadas|cosas|babosadas|huevadas|boludeces|pendejadas|tonterias|chorradas|prospeccion|'
    'contacto comercial|envios de mensajes|envio de mensajes|envio de sms|envios|cadenas|'
    'novedades|boletines'),
  ('es', 'm', 'mensaje|texto|aviso|recordatorio'),
  ('es', '', 'comerciales|comercial|publicitarios|publicitarias|publicitario|promocionales|promocional|'
    'automaticos|tantos|tantas|tanta|tanto|mas de|sus malditos|malditos|pinches|putos|'
    'no deseados|otros|otras|ya|que|q|ke|se|les|le|te|lo|ahora|ahora mismo|ya mismo|'
    'inmediatamente|de inmediato|cuanto antes|lo antes posible|de una vez|de una buena vez|'
    'de una vez por todas|por ultima vez|en serio|a la brevedad|aca|por aqui|por este medio|'
    'por sms|por mensaje|por whatsapp|urgente|inmediato|conforme a la ley|como|pa|para que|'
    'pa que|tan|enviado desde mi iphone|siempre|diario|a diario|todos los dias|cada dia|'
    'constantemente|de una|favor|hacer|estar|tener que|por escrito|formalmente|expresamente|'
    'a cada rato|todo el dia|de texto|3 veces|tres veces|dos veces|2 veces|varias veces|'
    'mil veces|muchas veces|pendejos|cabrones|idiotas|imbeciles|hdp|pesado|spammers|'
    'hijos de puta|tarados'),
  ('es', 'O', 'nada|eso|esto|esos|estos|estas|esas|todo esto|todo eso|nada de esto|nada de nada|los|'
    'nada suyo|nada de eso|esta informacion|informacion'),
  ('es', '_', 'el|la|las|un|una|de|del|a|al|su|sus|tu|tus|mi|mis|este|esta|ese|esa|todos|todas|con|por|'
    'en|para|desde|suyos|suyas|vuestros|vuestra|vuestro|vuestras'),
  ('es', 'L', 'su lista|tu lista|sus listas|esta lista|esa lista|su base|su base de datos|'
    'sus bases de datos|base de datos|bases de datos|su sistema|sus registros|sus contactos|'
    'tus contactos|su agenda|tu agenda|lista de difusion|lista de contactos|lista de envio|'
    'lista de envios|lista de mensajes|lista de distribucion|lista de correo|lista de sms|'
    'lista de promociones|este grupo|de aqui|de ahi|su fichero|sus ficheros|vuestra lista|'
    'vuestra base de datos|vuestros contactos|su directorio|donde sea que me tengan|su cadena|'
    'esta cadena|vuestro fichero|vuestros ficheros|esto de los mensajes'),
  ('es', 'l', 'lista|listas|grupo|base|registro'),
  ('es', 'P', 'mi numero|este numero|ese numero|mi telefono|este telefono|mi celular|este celular|'
    'mi movil|este movil|mi cel|mis datos|mi contacto|numero|telefono|celular|movil|'
    'mis datos personales|mi informacion|mi nombre|mi linea|esta linea|este contacto|mi mail|'
    'datos'),
  ('es', 'I', 'me|nos|a mi|nosotros|conmigo'),
  ('es', 'N', 'les prohibo que|les prohibo|le prohibo que|prohibo que|prohibido|no|nunca|tampoco|ni|'
    'no hace falta que|no hace falta|no es necesario que|no tienen que|no necesito que|sin|'
    'cero|nadie'),
  ('es', 'N+', 'ya no|nunca mas|no mas|jamas|no volver a|no vuelvan a|no vuelva a|no vuelvas a|'
    'nomas ya no'),
  ('es', '+', 'mas|mass|de nuevo|otra vez|nuevamente|vuelvan a|vuelva a|vuelvas a|vuelven a|volver a|'
    'vuelve a|un mensaje mas|uno mas|en adelante|para siempre|definitivamente|definitiva|'
    'en lo sucesivo|en el futuro|a partir de ahora|a partir de hoy|vuelven|ni una vez mas|'
    'mas nunca|en la vida'),
  ('es', 'J', 'sigan|sigue|siga|sigas|siguen|seguir|seguis|continuen|continuar|continue|continuan|'
    'siguen con|sigan con|persisten|insisten en'),
  ('es', 'W', 'quiero|kiero|qiero|quisiera|deseo|solicito|solicitamos|pido|exijo|necesito|gustaria|'
    'me gustaria|queremos|deseamos|quisieramos|ruego|les ruego|agradeceria|agradezco|'
    'les agradeceria|les agradecere|agradecere|te pido|les pido|le pido|favor de|requiero|'
    'demando|me interesa|autorizo|pedi|quise|como hago para|como hago pa|como hacer para|'
    'como le hago para|como puedo|puedo|hagan el favor de|haga el favor de|haz el favor de|'
    'sirvanse|sirvase|procedan a|proceda a|pediria|les pediria|me pueden|pueden|puede|puedes|'
    'podrian|podria|podrias|me puede|me puedes|me podrian|me podria|seria posible|'
    'tengan la amabilidad de|tenga la bondad de'),
  ('es', 'Y', 'usted|ustedes|vosotros|de ustedes|de usted|de su parte|de su empresa|su empresa|'
    'su tienda|su negocio|con ustedes|de vosotros|de parte de ustedes|de su tienda|'
    'de tu parte|vos|vuestro comercio|de su negocio|empresa|alguien'),
  ('es', 'i', 'yo|estoy|soy|tengo|este ya no es|no soy|ya tengo|no conozco|es que|vivo|ya me|ya les|'
    'ya te|ya le'),
  ('es', '/', 'por favor|porfavor|porfa|porfis|xfa|xfavor|x favor|por favorcito|plis|plz|buenas|'
    'buen dia|buenos dias|buenas tardes|buenas noches|saludos|cordial saludo|un saludo|atte|'
    'atentamente|disculpe|disculpa|disculpen|perdon|oye|oiga|oigan|che|vale|bueno|bien|pues|'
    'porque|xq|pq|porq|pero|o|sino|senor|senora|senores|senorita|amigo|amiga|joven|'
    'dios los bendiga|bendiciones|hombre|tio|tia|wey|guey|ps|ya que|puesto que|estimados|'
    'suerte|suerte con el local|adios|chao|disculpen la molestia|con todo respeto|con respeto|'
    'caramba|joder|por dios|por el amor de dios'),
  ('es', '.', 'nada mas|por que|esta bien|asi esta bien|con eso|con esto|para cuando|ya baja|baja ya|'
    'para mi|no para|alto ahi|no baja'),
  ('es', '&', 'y|e'),
  ('es', 'X', 'no me interesa|no me interesan|no nos interesa|no estoy interesado|no estoy interesada|'
    'no interesa|sin interes|no tengo interes|numero equivocado|numero incorrecto|equivocado|'
    'se equivocaron|se equivocaron de numero|se equivoco de numero|se equivocan|'
    'se equivocan de numero|te equivocaste de numero|estan equivocados|'
    'tienen el numero equivocado|tienes el numero equivocado|persona equivocada|quien es|'
    'quien eres|quienes son|quien habla|no se quien es|no se quienes son|no los conozco|'
    'no te conozco|no lo conozco|es spam|esto es spam|es acoso|esto es acoso|acoso|les dije|'
    'les he dicho|te dije|ya dije|ya lo pedi|ya les dije|ya les dije que|ya te dije|'
    'ya les pedi|lo pedi antes|ya lo he pedido|cuantas veces|cuantas veces tengo que decir|'
    'es la ultima vez que lo digo|ultima advertencia|ultimo aviso|no soy yo|no es mi numero|'
    'ese no es mi numero|este no es su numero|fallecio|ya fallecio|murio|ya no vive aqui|'
    'ya no es de|ya no es su numero|no soy cliente|no soy su cliente|nunca me suscribi|'
    'no me suscribi|yo no me suscribi|no pedi esto|nunca pedi esto|nunca les di mi numero|'
    'no les di mi numero|que pesados|pesados|que fastidio|que molestos|molestos|que molestia|'
    'muy molestos|muchos mensajes|demasiados mensajes|son muchos mensajes|me tienen harto|'
    'me tienen harta|estoy harto|estoy harta|estafa|es una estafa|siguen llegando|'
    'me siguen llegando|sigo recibiendo|sinverguenzas|ilegal|es ilegal|vayanse al diablo|'
    'ya no soy|ya estuvo bueno|estuvo bueno|q pesados|que cansones|que intensos|acosadores|'
    'cansones|intensos|ya no compro|no compro nada|q fastidio|ya no trabaja aqui'),
  ('es', 'K', 'los denuncio|los voy a denunciar|te denuncio|te voy a denunciar|los denunciare|'
    'les denuncio|les voy a denunciar|los reporto|los voy a reportar|te reporto|'
    'te voy a reportar|los reportare|los bloqueo|los voy a bloquear|te bloqueo|'
    'te voy a bloquear|los bloqueare|les bloqueo|bloqueados|estan bloqueados|denuncia|'
    'pondre una denuncia|poner una denuncia|pongo una denuncia|voy a denunciar|los demando|'
    'los voy a demandar|profeco|agencia de proteccion de datos|aepd|la agpd|por spam|'
    'los reporto por spam|consumidor|acciones legales|mi abogado|os denuncio|'
    'os voy a denunciar|os bloqueo|reporto el numero|voy a reportar|los bloqueamos'),
  ('es', 'C', 'proteccion de datos|ley de proteccion de datos|ley de datos|lopd|habeas data|'
    'ley organica|ley 1581|reglamento general|derechos arco|derecho de cancelacion|'
    'derecho de supresion|derecho al olvido|lista robinson|registro de no llame|no llame'),
  ('es', '!', 'derecho de oposicion|derecho a oponerme|me opongo al tratamiento|me opongo a recibir|'
    'revoco mi consentimiento|revoco el consentimiento|revoco mi autorizacion|'
    'revoco la autorizacion|retiro mi consentimiento|retiro el consentimiento|'
    'retiro mi autorizacion|sin mi consentimiento|sin mi autorizacion|no consiento|'
    'no di mi consentimiento|no he dado mi consentimiento|nunca di mi consentimiento|'
    'no autorizo el uso de mi numero|no autorizo el uso de mis datos|'
    'no autorizo que usen mi numero|no autorizo recibir|no autorizo mensajes|'
    'no autorizo publicidad|no autorice|no he autorizado|nunca autorice'),
  ('es', 'A', 'mejor llamenme|mejor llameme|mejor llamame|llamenme|llameme|llamame|llamen|llame|'
    'mejor llama|mejor llamen|en su lugar|mejor|pasame a|paseme a|ponganme|ponme|anotenme|'
    'anotame|cambiame|por correo|mandalo|mandenlo'),
  ('es', 'T', 'hablar|chatear|comunicarme|platicar|conversar|pasame|paseme|pasenme|comuniqueme|'
    'comunicame|transfiereme|ponme con|atienda|hablar con|hablar directamente'),
  ('es', 'H', 'humano|humana|persona|persona real|ser humano|agente|asesor|asesora|representante|'
    'operador|operadora|ejecutivo|ejecutiva|atencion al cliente|servicio al cliente|encargado|'
    'encargada|gerente|humano real|persona de verdad'),
  ('es', 'B', 'robot|bot|maquina|computadora|ia|chatbot|inteligencia artificial|asistente virtual'),
  ('es', 'U', 'baja|darme de baja|dar de baja|dame de baja|deme de baja|denme de baja|dadme de baja|'
    'darnos de baja|me doy de baja|darse de baja|den de baja|me den de baja|me de de baja|'
    'me des de baja|doy de baja|denos de baja|de baja|desapuntarme|desapuntame|desapuntenme|'
    'desafiliarme|desafiliar|salir de|darme baja'),
  ('es', 'u', 'desuscribir|desuscribirme|desuscribeme|desuscribanme|desuscribame|desuscripcion|'
    'desubscribir|desubscribirme|desuscribirnos|desinscribirme|desinscribir|unsuscribir|'
    'desinscripcion|anular suscripcion|desubscripcion|desuscribo|desuscribirse'),
  ('es', 'c', 'cancelen|cancele|cancela|anular|anulen|anula|cancelar|cancelacion|cancelo'),
  ('es', 'b', 'suscripcion|subscripcion|inscripcion'),
  ('es', 'Z', 'quitame|quiteme|quitenme|quitarme|quitadme|sacame|saqueme|saquenme|sacarme|sacadme|'
    'borrame|borreme|borrenme|borrarme|borradme|eliminame|elimineme|eliminenme|eliminarme|'
    'remueveme|remuevanme|removerme|retirame|retireme|retirenme|retirarme|suprimanme|'
    'excluyanme|excluyame|quitennos|saquennos|borrennos|salirme|salgo|bajenme|bajarme|'
    'descarten|bloqueame|bloqueenme|olvidense de mi|olvidenme'),
  ('es', 'D', 'quiten|quite|quita|quitar|quitad|saquen|saque|saca|sacar|sacad|borren|borre|borra|borrar|'
    'borrad|eliminen|elimine|elimina|eliminar|eliminacion|la eliminacion|supriman|suprima|'
    'suprimir|supresion|la supresion|remuevan|remueva|remover|retiren|retire|retira|retirar|'
    'retiro|excluyan|excluya|excluir|exclusion|borrado|olviden|olvide|olvida'),
  ('es', 'g', 'gracias|muchas gracias|mil gracias|gracias de antemano|no gracias|thanks|merci|obrigado'),
  ('es', 's', 'basta|basta ya|ya basta|suficiente|alto'),
  ('es', 'E', 'eres|es usted|es|esto es|tu eres|usted es|sos|seras|hablo con|estoy hablando con|'
    'estoy chateando con|estoy escribiendo con|me contesta|me responde|me atiende'),
  ('fr', '.', 'cest bon|cest bien|comme ca|pourquoi|cest tout'),
  ('fr', 'S', 'arretez|arrete|arreter|darreter|arret|larret|cessez|cesse|cesser|de cesser|stoppez|'
    'stopper|stoppe|finissez|finissez avec|marre|jen ai marre|ras le bol|jen ai assez|la fin|'
    'fini|terminez|mettez fin a|mettre fin a|cessation|degagez|degage|halte|stop aux|stop a|'
    'stop au|laissez moi tranquille|laisse moi tranquille|laissez moi en paix|'
    'laisse moi en paix|laissez nous tranquilles|fichez moi la paix|fiche moi la paix|'
    'foutez moi la paix|fous moi la paix|fichez nous la paix|lachez moi|lache moi|'
    'lachez moi la grappe|lachez nous|lachez laffaire|laissez moi|oubliez moi|'
    'arretez de membeter|la paix'),
  ('fr', 'V', 'ecrivez|ecrire|decrire|ecris|contactez|contacter|contacte|contactee|contactes|derangez|'
    'deranger|derange|derangee|harcelez|harceler|harcele|harcelee|sollicitez|solliciter|'
    'sollicite|sollicitee|relancez|relancer|relance|importunez|importuner|embeter|embetez|'
    'spammer|spammez|spamer|demarchez|demarcher|demarche|demarchee|textoter|joindre|saouler|'
    'souler|saoulez|mecrire|mecrivez|mecris|mecrives|mecriviez|decrivez|me contacter|'
    'me contactez|membeter|membetez|mimportuner|de mecrire'),
  ('fr', 'G', 'envoyez|envoyer|envoye|envoie|envoies|envoi|envoyiez|adressez|adresser|expedier|'
    'transmettre'),
  ('fr', 'F', 'menvoyez|menvoyer|menvoie|menvoies|menvoyiez|menvoye|madresser|menvoyer de|dmenvoyer|'
    'nous envoyer|nous envoyez'),
  ('fr', 'FM', 'men envoyer|men envoyez|men envoie|men adresser'),
  ('fr', 'NG', 'nenvoyez|nenvoie|nenvoyer'),
  ('fr', 'NV', 'necrivez|necris'),
  ('fr', 'R', 'recevoir|recevoire|etre destinataire|avoir'),
  ('fr', 'M', 'messages|textos|texto|texte|textes|msg|mess|publicite|publicites|pub|pubs|promotions|'
    'offres|offre|demarchage|prospection|demarchages|communications|communication|'
    'sollicitations|sollicitation|notifications|rappels|rappel|relances|envois|vos envois|'
    'annonces|spams|reclames|reclame|messages publicitaires|messages commerciaux|newsletters|'
    'bons plans'),
  ('fr', 'm', 'message'),
  ('fr', '', 'publicitaires|publicitaire|commerciaux|commerciale|commerciales|promotionnels|'
    'automatiques|indesirables|incessants|tous|toutes|toute|autant|autres|autre|que|etre|bien|'
    'vouloir|maintenant|immediatement|tout de suite|de suite|des maintenant|'
    'une fois pour toutes|pour la derniere fois|enfin|deja|se|sans delai|'
    'dans les plus brefs delais|des reception|au plus vite|par sms|par texto|par message|'
    'conformement au|conformement|a ce numero|faire|tout de meme|constamment|sans cesse|'
    'tous les jours|chaque jour|sans arret|formellement|expressement|effectuer|proceder a|'
    'rapidement|toujours|envoye de mon iphone|connards|connard|abrutis|escrocs|spammeurs|'
    'trois fois|deux fois|plusieurs fois|3 fois|vraiment|aussi|y compris'),
  ('fr', 'O', 'tout|ca|cela|rien|rien du tout|quoi que ce soit|en|tout ca|tout cela|ceux ci|les'),
  ('fr', '_', 'de|la|le|des|du|d|l|un|une|vos|votre|ta|tes|ton|ces|cette|ce|cet|a|au|aux|ma|mes|mon|'
    'avec|sur|par|pour|dans|leurs|y'),
  ('fr', 'L', 'votre liste|ta liste|vos listes|cette liste|vos fichiers|votre fichier|ce fichier|'
    'votre base|votre base de donnees|vos bases de donnees|base de donnees|liste de diffusion|'
    'liste denvoi|liste de contacts|vos contacts|tes contacts|votre repertoire|votre systeme|'
    'vos registres|de la|dici|ce groupe|votre mailing|liste denvois|liste sms|vos bases|'
    'fichier clients|fichier client|votre liste de diffusion|vos listes de diffusion'),
  ('fr', 'l', 'liste|listes|fichier|fichiers|base|repertoire'),
  ('fr', 'P', 'mon numero|ce numero|mon telephone|ce telephone|mon portable|mon tel|mes coordonnees|'
    'mes donnees|mes donnees personnelles|numero|telephone|portable|mon contact|mon nom|'
    'mes infos|mon mobile|cette ligne|coordonnees|mon 06|mon numero de telephone|donnees'),
  ('fr', 'I', 'me|moi|nous|m|mois'),
  ('fr', 'N', 'vous interdis de|je vous interdis de|interdiction de|ne|n|pas|jamais|aucun|aucune|ni|'
    'inutile de|pas la peine de|pas besoin de|plus jamais|aucuns'),
  ('fr', '+', 'plus|encore|a nouveau|de nouveau|desormais|a lavenir|dorenavant|definitivement|'
    'encore une fois|une fois de plus|pluss|jamais plus'),
  ('fr', 'N+', 'plus de|plus aucun|plus aucune|ne plus|de ne plus|nen plus|plus du tout'),
  ('fr', 'J', 'continuez|continuez a|continuer|continuer a|continue|continue a|persistez|continuez de'),
  ('fr', 'W', 'veux|voudrais|souhaite|souhaiterais|desire|voulons|souhaitons|aimerais|jaimerais|demande|'
    'exige|jexige|merci de|merci de bien vouloir|veuillez|veuillez bien|priere de|prie de|'
    'vous prie de|je vous prie de|je vous demande de|je te demande de|vous demande de|'
    'souhaiterai|ai demande|comment|comment on fait pour|comment on fait|comment faire|'
    'comment faire pour|pouvez|peux|pourriez|pouvez vous|pourriez vous|peut on|puis je|'
    'comment puis je|comment je peux|il faut|faut|soyez gentils de|soyez gentil de|'
    'ayez la gentillesse de|auriez vous lobligeance de|j aimerais|jsouhaite|jveux|jdemande|'
    'interesse|interessee'),
  ('fr', 'N+W', 'veux plus|souhaite plus|voudrais plus|desire plus|voulons plus|souhaitons plus|veut plus|'
    'veux plu'),
  ('fr', 'Y', 'vous|tu|te|t|de votre part|de vous|de ta part|votre societe|votre entreprise|'
    'votre magasin|votre boutique|par vous|vous autres|de votre societe|quelquun'),
  ('fr', 'i', 'je|j|jai|jsuis|on|il|elle|ca fait|suis|ce nest|nous sommes|ai'),
  ('fr', '/', 'sil vous plait|sil te plait|s il vous plait|s il te plait|svp|stp|par avance|bonjour|'
    'bonsoir|salut|cordialement|bien cordialement|daccord|bon|monsieur|madame|messieurs|'
    'mesdames|mademoiselle|pardon|desole|desolee|parce que|car|pcq|mais|sinon|donc|ou|puisque|'
    'bien a vous|salutations|bonne journee|bonne soiree|bonne continuation|veuillez agreer|'
    'bref|alors|putain|merde|bordel|hein|non|oui|pitie|par pitie|mr|mme|les gars|'
    'a bon entendeur'),
  ('fr', '&', 'et|puis'),
  ('fr', 'X', 'pas interesse|pas interessee|pas interesses|suis pas interesse|suis pas interessee|'
    'ne suis pas interesse|ne suis pas interessee|ca ne minteresse pas|ca minteresse pas|'
    'ne minteresse pas|mauvais numero|faux numero|erreur de numero|vous vous trompez|'
    'vous vous trompez de numero|vous faites erreur|mauvaise personne|qui est ce|'
    'qui etes vous|cest qui|je ne vous connais pas|vous connais pas|cest du harcelement|'
    'du harcelement|harcelement|cest du spam|cest illegal|illegal|arnaque|rien demande|'
    'jai rien demande|je nai rien demande|nai rien demande|jai deja demande|deja demande|'
    'deja dit|je lai deja dit|je vous lai deja dit|je vous ai dit|jai dit|jai dit non|'
    'combien de fois|combien de fois dois je|combien de fois faut il|derniere fois|'
    'dernier avertissement|jamais donne mon accord|jamais donne mon numero|'
    'je nai jamais donne mon accord|je nai jamais donne mon numero|'
    'nai jamais donne mon accord|jamais inscrit|jamais inscrite|ne suis pas client|pas client|'
    'plus client|est decede|est decedee|decede|nest plus|nhabite plus ici|'
    'ce nest pas mon numero|ca suffit|ca suffit maintenant|ca commence a bien faire|'
    'jen peux plus|vous me saoulez|vous mennuyez|trop de messages|trop de sms|penible|'
    'penibles|insupportable|allez vous faire foutre|allez au diable|cassez vous|'
    'foutez le camp|vous etes lourds|lourds|je ne suis pas|vous me gonflez|me gonflez|'
    'je recois encore|ne connais pas'),
  ('fr', 'K', 'porte plainte|porter plainte|je porte plainte|plainte|deposer plainte|je vous signale|'
    'vous signaler|vais vous signaler|je vais vous signaler|signalerai|vous bloque|'
    'je vous bloque|vais vous bloquer|je vais vous bloquer|vous denonce|33700|la cnil|cnil|'
    'signal conso|signalconso|mon avocat|avocat|dgccrf|poursuites|te bloque|je bloque|bloctel|'
    'vous etes bloques|saisir la cnil|saisis la cnil|attaquer en justice|en justice'),
  ('fr', 'C', 'protection des donnees|droit a leffacement|droit a loubli|loi informatique et libertes|'
    'informatique et libertes|article 21|article 17|l34 5'),
  ('fr', '!', 'droit dopposition|mon droit dopposition|je moppose|moppose au|moppose a|'
    'retire mon consentement|je retire mon consentement|revoque mon consentement|'
    'retire mon accord|navez pas mon consentement|navez pas mon accord|'
    'navez pas lautorisation|sans mon consentement|sans mon accord|ne consens pas|'
    'nai pas consenti|pas donne mon consentement|jamais donne mon consentement|'
    'pas donne mon accord|nautorise pas lenvoi|nautorise plus'),
  ('fr', 'A', 'appelez moi|rappelez moi|appelez|mettez moi|mets moi|plutot|un appel|prefere un appel|'
    'inscrivez moi|par mail|a la place'),
  ('fr', 'T', 'parler|discuter|echanger|parler a|parler avec'),
  ('fr', 'H', 'humain|humaine|personne|vraie personne|conseiller|conseillere|agent|operateur|operatrice|'
    'service client|etre humain|responsable'),
  ('fr', 'B', 'robot|bot|machine|ordinateur|ia|chatbot|intelligence artificielle'),
  ('fr', 'U', 'resiliation|desabonner mon numero|desengager|desengagez moi'),
  ('fr', 'u', 'desabonner|desabonne|desabonnez|desabonnez moi|desabonnement|me desabonner|desinscrire|'
    'me desinscrire|desinscris|desinscrivez|desinscrivez moi|desinscription|desabo|'
    'desabonne moi|desinscris moi|mon desabonnement|ma desinscription|me desabonne|'
    'nous desabonner|desabonnez nous|desinscrivez nous|desabonnes|desinscrit|'
    'desabonnement sms'),
  ('fr', 'c', 'annuler|annulez|resilier'),
  ('fr', 'b', 'abonnement|labonnement|inscription|linscription'),
  ('fr', 'D', 'retirez|retire|retirer|retrait|le retrait|enlevez|enleve|enlever|supprimez|supprime|'
    'supprimer|suppression|la suppression|effacez|efface|effacer|effacement|leffacement|otez|'
    'oter|rayez|raye|rayer|sortez|sortir|virez|vire|virer|radiez|radier|oubliez|oublier|'
    'radiation'),
  ('fr', 'Z', 'menlever|me retirer|me supprimer|meffacer|me rayer|mesortir|me sortir|etre retire|'
    'etre retiree|etre supprime|etre supprimee|etre efface|etre radie|me virer'),
  ('fr', 'g', 'merci|merci bien|merci beaucoup|merci davance|ok merci|non merci|thanks|gracias|obrigado'),
  ('fr', 's', 'assez|basta|suffit'),
  ('fr', 'E', 'etes vous|es tu|tu es|vous etes|cest|est ce|est ce que vous etes|est ce que tu es|'
    'je parle a|je parle avec|est ce que je parle a|suis je en train de parler a'),
  ('pt', '.', 'pare aqui|para aqui|parem aqui|parar aqui|pare ai|por que|esta bom|ta bom|so isso|'
    'mais nada nao'),
  ('pt', 'S', 'pare|parem|parar|parai|para de|para com|para com isso|basta de|cesse|cessem|cessar|'
    'chega de|chega com|chega disso|deixe de|deixem de|deixa de|deixar de|parem com|pare com|'
    'parem ja|interrompam|interromper|suspendam|suspender|encerrem|encerrar|encerre|cansei de|'
    'cansada de|cansado de|farto de|farta de|saco cheio de|o fim|fim|acabem com|acabe com|'
    'abstenham se|vai se foder|vao se foder|some|sumam|nao insista|nao insistam|'
    'me deixe em paz|me deixa em paz|me deixem em paz|deixe me em paz|deixem me em paz|'
    'deixa me em paz|nos deixem em paz|me deixa quieto|me deixa quieta|me deixe quieto|'
    'me deixe quieta|me deixem quieto|me esquece|me esqueca|me esquecam|esquecam me|'
    'larga do meu pe|larguem do meu pe|me larga|saiam do meu pe|esquece meu numero|'
    'esquece de mim|parem de encher o saco|para de encher o saco|pare de encher o saco|'
    'nao encham o saco|nao enche|nao encham|nao enche o saco|me erra'),
  ('pt', 'V', 'escrever|escreva|escrevam|escreve|escrevendo|contatar|contate|contatem|contatando|'
    'contactar|contacte|contactem|contactado|contactada|contatado|contatada|incomodar|'
    'incomode|incomodem|incomoda|incomodando|perturbar|perturbe|perturbem|perturba|'
    'perturbando|me procurar|me procure|me procurem|importunar|importune|importunem|encher|'
    'encham|assediar|assediem|chamar|chamem|abordar|abordem|aborrecer|aborrecam|chatear|'
    'chateiem|spammar|em contato|em contacto|dar sinal|mandar mensagem|mandar msg|mandar sms|'
    'mandar zap'),
  ('pt', 'G', 'mandar|mande|mandem|manda|mandando|mandarem|mander|enviar|envie|enviem|envia|enviando|'
    'enviarem|envio|o envio|os envios|remeter|disparar|disparo|enviarem me|mandarme'),
  ('pt', 'R', 'receber|recebe|recebendo|recebimento|o recebimento|resseber|rreceber|ser contatado|ver'),
  ('pt', 'M', 'mensagens|mensagen|mensages|msg|mensagem|torpedo|torpedos|propaganda|propagandas|'
    'promocoes|promocao|ofertas|oferta|publicidade|publicidades|textos|comunicacoes|'
    'comunicacao|comunicados|avisos|notificacoes|lembretes|anuncios|envios|campanhas|zap|zaps|'
    'mensagens de texto|divulgacao|divulgacoes|conteudo|contatos comerciais|novidades|recado|'
    'recados'),
  ('pt', '', 'publicitarias|publicitaria|comerciais|comercial|promocionais|promocional|automaticas|'
    'indesejadas|tanta|tantas|nenhuma|nenhum|outras|outra|chatas|entre|entrem|entra|entrar|ja|'
    'que|q|se|lhes|te|agora|agora mesmo|imediatamente|urgente|logo|de uma vez|'
    'de uma vez por todas|pela ultima vez|por sms|por mensagem|por whatsapp|por aqui|aqui|ai|'
    'so|ser|estar|com base|com base na|nos termos da|conforme a|conforme|'
    'enviado do meu iphone|fazer|por gentileza|ate|sempre|todo dia|todos os dias|toda hora|'
    'o tempo todo|por este meio|formalmente|expressamente|o quanto antes|de imediato|ta|ne|'
    'entao|la|idiotas|babacas|spammers|golpistas|tres vezes|3 vezes|varias vezes|duas vezes|'
    'mil vezes'),
  ('pt', 'O', 'isso|isto|nada|coisas|coisa|disso|disto|essas coisas|mais nada|nada disso|nada de voces|'
    'essa porcaria|essas porcarias|esse lixo'),
  ('pt', '_', 'o|a|os|as|um|uma|de|da|do|das|dos|essa|essas|esse|esses|esta|estas|este|estes|dessa|'
    'dessas|desta|destas|deste|desse|sua|suas|seu|seus|tua|tuas|meu|minha|meus|minhas|na|no|'
    'nas|com|por|em|para|pra|pro|ao|aos|desses|destes|vossa|vossas|vosso|vossos|neste|nesse|'
    'pelo'),
  ('pt', 'L', 'sua lista|suas listas|essa lista|dessa lista|desta lista|esta lista|da lista de voces|'
    'lista de transmissao|lista de contatos|lista de contactos|lista de envio|lista de envios|'
    'lista de mensagens|lista de mensagem|lista de divulgacao|lista de distribuicao|'
    'seus contatos|sua base|sua base de dados|base de dados|vossa base de dados|vossa lista|'
    'vossas listas|seu cadastro|cadastro de voces|do cadastro|dai|daqui|disso ai|desse grupo|'
    'deste grupo|seu sistema|sistema de voces|seus registros|do sistema|banco de dados|'
    'mailing|sua agenda|do mailing|desse cadastro|lista de voces|dessas listas|destas listas|'
    'base de voces|dessa porcaria|desse negocio'),
  ('pt', 'l', 'lista|listas|grupo|cadastro|base|sistema|da lista|do grupo'),
  ('pt', 'P', 'meu numero|este numero|esse numero|deste numero|desse numero|meu contato|meu contacto|'
    'o meu contacto|meu telefone|meu celular|meu telemovel|este telemovel|este contacto|'
    'este contato|numero|telefone|celular|telemovel|contato|contacto|meus dados|meu nome|'
    'dados pessoais|meus dados pessoais|minhas informacoes|minha linha|dados'),
  ('pt', 'I', 'me|nos|mim|pra mim|para mim|comigo|pra ca|pra gente|mi'),
  ('pt', 'N', 'proibo que|proibo|proibido|nao|n|naum|num|nunca|nem|sem|nao precisa|nao precisam|'
    'nao e preciso|nao ha necessidade de|nao precisa mais'),
  ('pt', 'N+', 'nunca mais|ja nao|nao mais|sem mais|chega mais|jamais'),
  ('pt', '+', 'mais|de novo|novamente|outra vez|mais uma|mais um|mais uma vez|voltem a|volte a|voltar a|'
    'tornar a|tornem a|daqui em diante|daqui pra frente|a partir de agora|a partir de hoje|'
    'definitivamente|para sempre|pra sempre|futuramente|doravante|em definitivo'),
  ('pt', 'J', 'continuem|continue|continuar|continuarem|continua|continuam|seguirem|ficar|ficam|fiquem|'
    'insistirem em|insistir em|ficarem|insistem em'),
  ('pt', 'W', 'quero|queria|queremos|desejo|desejamos|gostaria|gostaria de|pretendo|preciso|solicito|'
    'solicitamos|peco|pedi|exijo|autorizo|agradeco|agradecia|agradecia que|agradeceria|pode|'
    'podem|poderia|poderiam|da pra|da para|tem como|como faco para|como faco pra|'
    'como faz para|como faz pra|como|como eu|requeiro|peco que|quero que|pedir|'
    'tenho interesse em|tenham a bondade de|tenham a gentileza de|faz favor de|'
    'facam o favor de|faca o favor de|venho por este meio|venho solicitar|venho pedir'),
  ('pt', 'Y', 'voce|vc|voces|vcs|tu|de voces|de vcs|da sua empresa|da empresa|sua empresa|da loja|'
    'da sua loja|vossa empresa|da vossa parte|de sua parte|empresa|da parte de voces|alguem'),
  ('pt', 'i', 'eu|sou|nao sou|tenho|ja tenho|estou|to|eu ja|moro'),
  ('pt', '/', 'por favor|pfv|pf|pfvr|porfavor|favor|faz favor|se faz favor|sff|gentileza|'
    'desde ja agradeco|agradeco desde ja|oi|ola|bom dia|boa tarde|boa noite|ei|opa|desculpe|'
    'desculpa|bom|moco|moca|senhor|senhora|senhores|gente|pessoal|amigo|amiga|atenciosamente|'
    'att|cumprimentos|abraco|abracos|abs|porque|pq|porq|pois|mas|senao|ou|deus abencoe|'
    'pelo amor de deus|por amor de deus|pelamor|poxa|caramba|porra|caralho|caraca|cara|mano|'
    'nossa|olha|escuta|tudo bem|melhores cumprimentos|com os melhores cumprimentos|'
    'caso contrario|prezados|tchau'),
  ('pt', '&', 'e'),
  ('pt', 'X', 'nao tenho interesse|sem interesse|nao estou interessado|nao estou interessada|'
    'nao me interessa|nao interessa|numero errado|numero enganado|e engano|foi engano|engano|'
    'voce errou o numero|voces erraram|erraram o numero|esta com o numero errado|'
    'pessoa errada|contato errado|nao sou eu|quem e|quem e voce|quem sao voces|'
    'nao conheco voces|nao conheco|isso e spam|e spam|isso e assedio|assedio|que saco|'
    'muito chato|chatos|chatos demais|que chatice|que chato|ja pedi|ja pedi para|ja pedi pra|'
    'ja falei|ja falei para|ja falei pra|ja disse|ja disse que|eu disse|ja pedi varias vezes|'
    'quantas vezes|quantas vezes preciso|ultima vez|ultimo aviso|nao sou cliente|'
    'nunca me cadastrei|nao me cadastrei|nao pedi isso|nunca pedi isso|nunca dei meu numero|'
    'nao dei meu numero|nao me inscrevi|faleceu|ja faleceu|morreu|esse numero nao e dele|'
    'nao e mais dele|nao mora aqui|golpe|ilegal|isso e ilegal|abuso|isso e abuso|que abuso|'
    'nao aguento mais|to cansado|to cansada|cansei|enche o saco|encheu o saco|ainda recebo|'
    'continuo recebendo|continuo a receber|demais|mensagem demais|muita mensagem|nao sou o|'
    'nao sou a|nao trabalha mais aqui'),
  ('pt', 'K', 'bloqueando|denunciando|vou denunciar|denuncio|denunciar|denuncia|vou processar|processar|'
    'processo voces|vou bloquear|bloqueados|estao bloqueados|bloqueei|vou reportar|reportar|'
    'procon|anatel|no procon|na anatel|anacom|anpd|reclame aqui|meu advogado|deco|queixa|'
    'apresentar queixa|fazer queixa|apresento queixa|cnpd|medidas legais|acao judicial|'
    'consumidor'),
  ('pt', 'C', 'protecao de dados|lei geral de protecao de dados|lei de protecao de dados|'
    'direito de eliminacao|direito ao apagamento|direito ao esquecimento|nao me perturbe'),
  ('pt', '!', 'direito de oposicao|me oponho|oponho me|retiro o meu consentimento|'
    'retiro meu consentimento|revogo o meu consentimento|revogo meu consentimento|'
    'revogo o consentimento|revogo a autorizacao|revogo minha autorizacao|'
    'retiro a autorizacao|retiro minha autorizacao|sem meu consentimento|'
    'sem o meu consentimento|sem minha autorizacao|sem a minha autorizacao|'
    'nao autorizo o uso do meu numero|nao autorizo o uso dos meus dados|nao autorizo o envio|'
    'nao autorizo mais o envio|nao autorizo mais|nao consinto|nao dei consentimento|'
    'nunca autorizei|nao autorizei'),
  ('pt', 'A', 'me liga|me ligue|me liguem|ligue me|prefiro mensagem|prefiro ligacao|me coloca|'
    'me coloque|me coloquem|por email|por e mail|em vez disso|no lugar'),
  ('pt', 'T', 'falar|conversar|teclar|falar com|me passa|me passe|me transfere|me transfira|'
    'ser atendido por|atendimento'),
  ('pt', 'H', 'humano|humana|pessoa|pessoa real|ser humano|atendente|representante|operador|agente|'
    'consultor|gerente|responsavel|humano de verdade|pessoa de verdade'),
  ('pt', 'B', 'robo|bot|maquina|computador|ia|chatbot|inteligencia artificial'),
  ('pt', 'U', 'sair'),
  ('pt', 'u', 'descadastrar|descadastre|descadastra|descadastrem|descadastro|descadastramento|'
    'me descadastrar|me descadastra|me descadastre|me descadastrem|desinscrever|desinscricao|'
    'desinscreva|me desinscrever|desinscrevam|o descadastramento|o descadastro|'
    'cancelar a subscricao|cancelar subscricao|anular subscricao'),
  ('pt', 'c', 'cancelar|cancele|cancelem|cancelo|cancela|cancelamento|o cancelamento'),
  ('pt', 'b', 'inscricao|subscricao|assinatura'),
  ('pt', 'D', 'tire|tira|tirem|tirar|remova|removam|remover|remove|remocao|a remocao|exclua|exclui|'
    'excluam|excluir|exclusao|a exclusao|apague|apaga|apaguem|apagar|delete|deleta|deletem|'
    'deletar|retire|retira|retirem|retirar|elimine|elimina|eliminem|eliminar|eliminacao|'
    'a eliminacao|esquecam|esqueca'),
  ('pt', 'Z', 'ser removido|ser removida|ser retirado|ser retirada|ser excluido|ser excluida|me remover|'
    'me tirar|me excluir|me retirar|me retirem|me apaga|me apaguem|me deleta|sair da lista|'
    'sair dessa lista|sair desta lista|sair desse grupo|sair do grupo'),
  ('pt', 'g', 'obrigado|obrigada|obg|obgd|brigado|brigada|muito obrigado|muito obrigada|agradecido|'
    'agradecida|grato|grata|mt obg|valeu|nao obrigado|nao obrigada|thanks|gracias|merci'),
  ('pt', 's', 'basta|chega|ja chega|suficiente'),
  ('pt', 'E', 'voce e|vc e|es|isso e|estou falando com|to falando com|falo com|aqui e')
) as g (language, stands_for, words), unnest(string_to_array(g.words, '|')) as w (word)
join lateral (
  select n.language from unnest(array['en', 'es', 'fr', 'pt']) as n (language)
  where g.language in (n.language, '*')
) as l on true
order by l.language, sms.normalize(w.word), g.language = '*', g.stands_for;

-- Spanish verbs in the forms an intent takes: mandar, mandarme, no me mande, manden, mandando. What only
-- states something (mandan, escriben) is left out: "no mandan mensajes" misses them.
insert into public.sms_synonyms (language, word, stands_for)
select 'es', sms.normalize(s.stem || e.ending), e.stands_for
from (values
  ('ar', 'G', 'mand|envi|remit|pas'),
  ('ar', 'V', 'molest|contact|fastidi|text|import|importun|acos|incomod|hostig|spame|insist|joroh|mensaj|perturb|llen|whatsappe|avis'),
  ('ir', 'V', 'escrib')
) as v (conjugation, stands_for, stems)
cross join unnest(string_to_array(v.stems, '|')) as s (stem)
join lateral (
  select t.ending, case when v.stands_for = 'G' and t.has_me then 'F' else v.stands_for end as stands_for
  from (values
    ('ar', false, 'ar|e|es|en|ando|ad|eis|aran|arles'),
    ('ar', true, 'arme|arnos|eme|enme|enos|ennos|andome|andonos|adme'),
    ('ir', false, 'ir|a|as|an|iendo|ais'),
    ('ir', true, 'irme|irnos|ame|anme|iendome|iendonos')
  ) as f (conjugation, has_me, endings), unnest(string_to_array(f.endings, '|')) as e (ending)
  cross join lateral (values (e.ending, f.has_me)) as t (ending, has_me)
  where f.conjugation = v.conjugation
) as e on true
union
select 'es', w.word, w.stands_for from (values
  ('lleguen', 'G'), ('llegar', 'G'), ('llegarme', 'F'), ('llegando', 'G'),
  ('recibir', 'R'), ('recibirlos', 'R'), ('recibiendo', 'R'), ('tener', 'R'), ('ver', 'R'),
  ('saber', 'R'), ('publicitar', 'V'), ('llamar y escribir', 'V')
) as w (word, stands_for)
on conflict do nothing;

-- Machines. The patterns are held against a normalised sentence (message: all of it) from end to
-- end. Weights: see sms.patterns.
insert into sms.patterns (kind, language, weight, keys, unless, pattern)
select g.kind, g.language, g.weight, string_to_array(g.keys, '|'), string_to_array(g.unless, '|'),
  '^(?:' || g.pattern || ')$'
from (values
  ('message', 'en', 9,
    'code|passcode|otp|pin|verify|password', 'gate|door|doesnt|working|works|my|me|wrong|lock|i',
    '(.+ )?(your|enter) ([a-z]+ )*(code|passcode|otp|pin|password)( [a-z]+)*( g)? \d{4,}( (do|'
    'dont|never|it|this|valid|expires|please|and|if|to|will|for)\M.*)?|'
    '(g )?\d{4,} is your ([a-z]+ )*(code|passcode|otp|pin|password)( .*)?|use \d{4,} (to|as|'
    'for) .+'),
  ('message', 'en', 9,
    'voicemail|voice', '',
    '(you have |you received )?(a |an |\d )?(new |missed )?(voicemail|voice mail|voice message|'
    'visual voicemail)( message)?( received)?( to text| transcript| transcription)? (from|'
    'left by) (\S+ )*?\d{3,}.*'),
  ('message', 'es', 9,
    'codigo|clave|pin|contrasena', 'llega|llego|mi|me|puerta|sirve|funciona',
    '(.+ )?(tu|su) ([a-z]+ )?(codigo|clave|pin|contrasena)( [a-z]+)* (g )?\d{4,}( (no|es|'
    'caduca|expira|vence|valido|valida|para|si|nunca)\M.*)?|(g )?\d{4,} es (tu|'
    'su) ([a-z]+ )?(codigo|clave|pin|contrasena)( .*)?|us[ea] (el codigo )?\d{4,} (para|'
    'como) .+'),
  ('message', 'es', 9,
    'buzon|voz|correo', '',
    '(tiene|tienes|usted tiene|ha recibido|buzon de voz|correo de voz|nuevo mensaje de voz|'
    'mensaje de voz)( a texto| un| 1| nuevo| nuevos| mensajes?| de voz| tiene|'
    ' transcripcion)*( del?| numero)* (\S+ )*?\d{3,}.*'),
  ('message', 'fr', 9,
    'code|mot', 'marche|fonctionne|mon|porte|me|moi',
    '(.+ )?(votre|ton) ([a-z]+ )?(code|mot de passe)( [a-z]+)* (g )?\d{4,}( (ne|il|ce|valable|'
    'valide|expire|n|si|pour)\M.*)?|(g )?\d{4,} est (votre|ton) ([a-z]+ )?(code|'
    'mot de passe)( .*)?|utilisez (le code )?\d{4,} (pour|comme) .+'),
  ('message', 'fr', 9,
    'vocale|vocal|repondeur|messagerie', '',
    '(boite vocale|messagerie vocale|repondeur|vous avez|nouveau message vocal|'
    'message vocal)( un| 1| nouveau| nouveaux| messages?| vocal| vocaux| recu)*( du| de|'
    ' numero)* (\S+ )*?\d{3,}.*'),
  ('message', 'pt', 9,
    'codigo|senha|pin', 'chegou|meu|minha|me|porta|funciona',
    '(.+ )?(seu|teu) ([a-z]+ )?(codigo|pin|senha)( [a-z]+)* (g )?\d{4,}( (nao|ele|valido|'
    'expira|e|para|se|nunca)\M.*)?|(g )?\d{4,} e (o )?(seu|teu) ([a-z]+ )?(codigo|pin|'
    'senha)( .*)?|(use|utilize) (o codigo )?\d{4,} (para|como) .+'),
  ('message', 'pt', 9,
    'voz|correio|caixa', '',
    '(correio de voz|caixa postal|voce tem|nova mensagem de voz|novo recado|'
    'mensagem de voz)( uma?| 1| nova?s?| mensage(m|ns)| de voz| transcricao| recados?)*( de|'
    ' do| numero)* (\S+ )*?\d{3,}.*'),
  ('sentence', 'en', 9,
    'auto|autoreply|autoresponse|automated|automatic|automatically|automessage|autoresponder', '',
    '(this is an? |it is an? )?(auto|automated|automatic|automatically generated|'
    'system generated) ?(sms |text )?(reply|response|responder|answer|message|text|'
    'notification|generated message|alert|reminder|assistant)( from .+| please (do not|'
    'dont) .+| (do not|dont) reply| sent by .+| to (let|inform|confirm) .+| and .+not .+)?|'
    'autoreply|auto|autoresponse|auto ?sent (from|by|while|via) .+|(this (message|text|reply|'
    'sms) (was|is) )?(sent|generated|sending) automatically( (by|from|while|via|using) .+)?|'
    'automatically sent( (by|from|while|via) .+)?|(i am|im) an (automated|automatic|ai|'
    'virtual) (assistant|attendant|system|agent|responder)( .*)?|this is an? (automated|'
    'automatic|unattended|auto) (line|number|system|service|account)( .*)?'),
  ('sentence', 'en', 9,
    'sent', '',
    '(this |the )?(message|text|reply|sms) (was )?sent (by|from|via|using) (my |the |'
    'your )?(car|vehicle|truck|watch|driving mode|android auto|carplay|car play|infotainment.*|'
    'head unit|drivemode|smartdrive|onstar|sync|uconnect)( .*)?|sent (by|from|via|using) (my |'
    'the )?(car|vehicle|truck|driving mode|android auto|carplay|car play|apple carplay|'
    'drivemode)( .*)?'),
  ('sentence', 'en', 0,
    'sent', '',
    'sent (from|by|via|using) (my )?.+'),
  ('sentence', 'en', 9,
    'monitored|unmonitored|unattended|checked|read|attended|reviewed|received|replies|responses', '',
    '(please note )?(this|our|the)( \w+)* (number|inbox|mailbox|line|account|phone|voicemail|'
    'channel|service|address) (is|are) (currently )?(not|never|un)? ?(actively |regularly |'
    'being )?(monitored|unmonitored|unattended|attended|checked|staffed|manned|reviewed|'
    'read)( .*)?|(texts?|replies|responses|messages|text messages|'
    'incoming messages)( (sent )?to this (number|line|inbox|mailbox|account|phone|'
    'address))? (are|will|is)( \w+)? ?not (be )?(\w+ )?(read|monitored|received|answered|seen|'
    'checked|accepted|processed|reviewed)( .*)?|(you have|youve) reached (an?|'
    'the) (unmonitored|unattended|automated|non monitored|no reply|noreply)( .+)?|'
    '(this )?number (is )?not monitored( .*)?'),
  ('sentence', 'en', 9,
    'reply|respond', '',
    '(please )?(do not|dont) (reply|respond|text back)( back)?( directly)? to (this|'
    'the) (message|text|number|sms|notification|alert|automated message|text message)( (as|'
    'because|since) .+| (replies|responses|messages|this (inbox|number|mailbox|line)|it) .+)?|'
    '(please )?(do not|dont) reply (this|as|because)\M.*not.+'),
  ('sentence', 'en', 2,
    'reply|respond|replies', '',
    '(please )?(do not|dont|no) (reply|respond|replies)( please)?|noreply|no reply'),
  ('sentence', 'en', 9,
    'receive|accept|support|receives|accepts|allow|plan|texts|messages|text|sms|messaging|'
    'texting|process|landline', 'call|email|so|instead|me|my|i|send|address|please|use|pictures',
    '(sorry )?(error \d* ?|msg \d* ?)?(this|that|the|your)( \w+)? ?(phone|number|line|landline|'
    'mobile|device|subscriber|recipient|user|customer|contact|handset|account|person|carrier|'
    'destination|party|system|plan)s?( (you|that|to which|which|youre|who)\M.+)? (can ?not|'
    'cant|does ?not|doesnt|do not|is not|isnt|is unable|is a landline|will not|wont|no longer|'
    'has not|could not)( and)?( cannot| cant)?( able)?( to)?( currently)?( set up to|'
    ' configured to| enabled to| able to| allowed to| capable of)? ?(receiv\w+|accept\w*|'
    'support\w*|get|take|allow\w*|process|have|enabled for|subscribed to|able)( \w+)* (text|'
    'texts|texting|sms|mms|messages?|messaging|messaging plan|text messag\w+)( messag\w+|'
    ' service| plan| enabled| capability)?( at this time| at the moment| right now| currently|'
    ' to this number| from .+| or .+)?'),
  ('sentence', 'en', 9,
    'subscriber|customer|recipient|party|person|user|mobile|number|carrier', 'me|my|i|we|email|gave',
    '(the|this) (wireless |mobile |cellular )?(subscriber|customer|recipient|party|person|user|'
    'mobile|number|contact)( number)? (you|youre|that you)( are| have|re)? ?(trying|texting|'
    'messaging|calling|dialing|dialed|called|texted|tried|messaged|attempting|contacting|'
    'reached)\M.*|(the )?(wireless )?(subscriber|recipients carrier|destination (number|'
    'carrier|handset)|subscriber you .+) (is|has|does|can|may|could)\M.+'),
  ('sentence', 'en', 9,
    'delivered|sent|deliverable|undeliverable|failed', 'my|me|i|we',
    '(error \d* ?)?(your |the |this )?(text|message|sms|mms|text message|msg)( to .+|'
    ' \d+)? (was|is|has|have|could|can|cannot|couldnt|wasnt|failed)\M( not| been| be|'
    ' to)*( be)? ?(delivered|sent|undeliverable|deliver|send|processed|undelivered|blocked|'
    'rejected) (because|due|as|by|to \d+|since|reason|the (subscriber|recipient|number|carrier|'
    'customer))\M.+'),
  ('sentence', 'en', 2,
    'delivered|sent|undeliverable|failed|failure|undelivered|blocked|deliver|send|error|'
    'invalid|rejected|service|disconnected|unreachable', 'my|me|i|we',
    '(sorry )?(your |the |this )?(text|message|sms|mms|text message|msg|'
    'delivery)( to .+)? ((was|is|has|have|could|can|cannot|couldnt|wasnt|will)( not| been| be|'
    ' un)+ ?(be )?(delivered|sent|undeliverable|processed|rejected|blocked)|undeliverable|'
    '(delivery )?(failed|failure)( to (send|deliver))?|not (sent|delivered)|blocked( by .+)?|'
    'undelivered)( at this time)?|(delivery|sending|message) (failed|failure)|undeliverable|'
    'error( code)? ?\d*|(error )?(invalid|unknown|wrong|unallocated) (number|destination|'
    'recipient|address)( or .+)?|(msg|free msg|freemsg|error|code)( \d+)?|'
    'message blocked( by .+)?|(number|subscriber|user|the number|'
    'destination) (is )?(not in service|out of service|disconnected|unreachable|'
    'unavailable)( .*)?|your account does not .+|the recipients .+|'
    'delivery status notification( failure)?'),
  ('sentence', 'en', 9,
    'driving|wheel|focus|disturb|drive|driver|mode', '',
    '(hi |sorry |hello )*(im|i am)( currently| now)? (driving|working|sleeping|reading|'
    'exercising|gaming|busy|studying|in sleep focus|in personal focus|'
    'in work focus)( right now| now| at the moment)? with (do not disturb|dnd|focus|a focus|'
    'the focus|driving|.+ focus)( while driving| mode| focus| filter)?( is)?( turned|'
    ' switched)? ?(on|enabled|activated|active)?( and .+)?|(driving|drive|car|vehicle|'
    'driving focus|do not disturb while driving) mode( is| has been)?( turned| now)? ?(on|'
    'active|activated|enabled|engaged)( .*)?|the (driver|person).+(driving|drive|focus).+|'
    'do not disturb while driving is (turned )?(on|enabled|active)( .*)?'),
  ('sentence', 'en', 2,
    'driving|wheel|road|drive', '',
    '(hi |sorry |hello |hey )*(im |i am |am )?(currently |now |busy )?(driving|'
    'behind the wheel|on the road driving|out driving)( a car| my car| right now| now|'
    ' at the moment| currently)?( (and|so|but))?( (i )?(cant|cannot|can not|am unable to|wont|'
    'will not|unable to|am not able to) (text|talk|respond|reply|answer|read|take|check|be|'
    'look)\M.*)?( (i )?(will|ill) (get back|reply|respond|call|text|message|answer|see|read|'
    'be in touch|contact|return)\M.*)?'),
  ('sentence', 'en', 9,
    'urgent|emergency', '',
    'if (this|it)s? (is )?(an )?(urgent|emergency|really urgent)( please)? (reply|respond|text|'
    'type|send|write)( with)?( the word)? urgent\M.*'),
  ('sentence', 'en', 2,
    'notifications|silenced|notification|muted', '',
    '(hi |sorry |hello )*(im |i am |ive |i |my )(.* )?(have |got |has )?(my )?(notifications|'
    'phone|texts|alerts)( are| is)?( currently| now)? (silenced|turned off|muted|paused|'
    'switched off|disabled)( (right now|at the moment|with .+|for now|while .+))?|(im|'
    'i am) not receiving notifications( right now| at the moment)?|'
    'notifications (are )?(silenced|turned off|paused|off)'),
  ('sentence', 'en', 2,
    'talk|text|respond|reply|answer|call|speak|chat|phone', '',
    '(hi |sorry |hello |hey |oops )*(but )?(i |im |i am )?(cant|cannot|can not|am unable to|'
    'unable to|not able to) (talk|text|respond|reply|answer|take your call|take calls|chat|'
    'speak|come to the phone|get to the phone|answer the phone)( or (talk|text|respond|reply|'
    'answer|call|take your call))?( to (your|this|the) .+)?( right now| now| at the moment|'
    ' at this time| currently| just now)?( (i )?(will|ill|can) (call|text|get back|reply|'
    'respond|message)\M.*)?|(im |i am )?(away from|not near|not at|not by) my (phone|'
    'desk)( .*)?( and will (respond|reply|get back)\M.*)?|(im |i am )?(busy|unavailable|'
    'not available)( right now| at the moment)? and (wont|will not|cant|cannot|'
    'am not able to) (respond|reply|answer|talk)\M.*'),
  ('sentence', 'en', 0,
    'ill|will|later|back|soon|returning', 'back (on|in|at) .+|returning (on )?.+|',
    '(i will|ill|will|i can|i shall|can)( then)? (see|read|check|get|reply|respond|call|text|'
    'message|answer|return|contact|follow up|talk)\M.*(when|once|later|soon|after|back|then|'
    'shortly|asap|possible|can|return|arrive|there|done|free|stop)( .*)?|(talk|speak|call you|'
    'text you) (later|soon)'),
  ('sentence', 'en', 2,
    'return|returning|back', '',
    '(i will|ill|will|and will|i shall) (respond|reply|get back|answer|return|respond to .+|'
    'reply to .+|get back to you|return your .+)( \w+)* (when i (return|get back|am back|'
    'arrive|can)|(upon|on) (my )?return|once i return)( .*)?'),
  ('sentence', 'en', 2,
    'office|leave|vacation|holiday|away|pto', 'please|so|but|can|could|leave it|book|deliver|hold|pick|move|you can|want|need|me',
    '(hi |hello |thank you for your (message|text|email) |thanks for your (message|text) )?(im|'
    'i am|i will be|ill be|we are)?( currently| now| presently)? ?(out of (the )?office|'
    'away from (the office|my desk)|on (annual |maternity |paternity |parental |medical |sick |'
    'pto )?(leave|vacation|holiday|pto)|away|travell?ing)( \w+)* (with|and|i) (limited|no|'
    'intermittent|without|little|will|have|may|ill)\M.+|'
    '(automatic reply )?out of (the )?office( auto ?reply| message| notification)?'),
  ('sentence', 'en', 1,
    'office|leave|vacation|holiday|away|pto', 'please|so|but|can|could|book|deliver|hold|pick|move|want|need|me|my',
    '(hi |hello )?(im|i am|i will be|ill be|we are)( currently| now|'
    ' presently)? (out of (the )?office|away from (the office|my desk)|on (annual |maternity |'
    'paternity |parental |medical |sick |pto )?(leave|vacation|holiday|pto)|away)( (until|till|'
    'from|through|on|this|returning|back|between)\M.+)?'),
  ('sentence', 'en', 1,
    'urgent|emergency|emergencies|immediate|assistance', '',
    '(for|in case of|if (this|it) is|if you (need|have|require)) (an |a )?(urgent|emergenc\w+|'
    'immediate|life threatening)( \w+)* (please )?(call|contact|email|dial|reach|text|go to|'
    'visit)\M.+'),
  ('sentence', 'en', 2,
    'thank|thanks', 'me|yes|but|i|my|and|no',
    '(hi |hello |hey )?(there )?(thank you|thanks|thx)( so much| very much)? for (contacting|'
    'texting|messaging|calling|reaching out to|getting in touch with|choosing|'
    'writing to) ([a-z0-9]+ ?)+'),
  ('sentence', 'en', 1,
    'thank|thanks', '',
    '(hi |hello |hey )?(there )?(thank you|thanks|thx)( so much|'
    ' very much)? for (contacting us|texting us|messaging us|reaching out|reaching out to us|'
    'getting in touch|your (message|text|inquiry|enquiry|email|interest|call|patience)|'
    'contacting|writing|writing to us)'),
  ('sentence', 'en', 1,
    'we|team|agent|someone|representative|associate|staff|member|specialist|us', '',
    '(and )?(we|a (team|staff) member|a member of (our|the) (team|staff)|'
    'someone( from our team| on our team)?|our (team|staff)|one of our .+|an? (agent|associate|'
    'representative|specialist|advisor|rep|customer .+)) (will|ll|well|aim to|shall|typically|'
    'usually|strive to|try to|do our best to)( \w+)?( be)? ?(respond|reply|get back|with you|'
    'in touch|contact you|return your|assist you|answer|reach out|attend|help you)\M.*|'
    'well (get back|be in touch|respond|reply|be with you)\M.*|your (message|text|inquiry|'
    'request) is (very )?important to us'),
  ('sentence', 'en', 2,
    'received', '',
    '(thank you )?(we have|weve|we)( just)? received your (message|text|inquiry|request|'
    'enquiry|sms|email|submission)( and .+| \w+ .*)?|(thank you )?your (message|text|inquiry|'
    'request|submission|enquiry) (has been|was) received( and .+)?'),
  ('sentence', 'en', 1,
    'closed|hours|open|available', 'please|deliver|but|so',
    '(our|the) (\w+ )?(office|offices|store|clinic|shop|lines?|phones|business|restaurant|'
    'practice|showroom|dealership|support team|call center)s? (is|are|has) (currently |now |'
    'temporarily )?(closed|unavailable|not available|outside .+)( .*)?|we are (currently |'
    'now )(closed|unavailable|away|out of the office|not available|assisting .+|'
    'experiencing .+)( .*)?|(our|office|business|store|normal|regular) (\w+ )?hours (are|'
    'is) .+|we are open .+|(you have|youve) reached .+(after|outside) (of )?(our )?(\w+ )?hours'),
  ('sentence', 'en', 9,
    'package|order|parcel|shipment|delivery', 'my|me|i|wrong|mistake|here|but|we|our house|not',
    '(\w+ )*(alert )?your (\w+ )?(package|order|parcel|shipment|delivery)( [#\w]+)* (has been|'
    'was|is|will be|has) (delivered|shipped|out for delivery|dispatched|on its way|arriving|'
    'arrived at .+|scheduled for .+|now out for delivery|en route)( (today|at|on|by|track|'
    'to the|in|from|between|and)\M.*)?'),
  ('sentence', 'en', 0,
    'track|reply|stop|call|please|view|see|manage|do|share|listen|visit|http|https|freemsg|'
    'text|replies|hello|hi|thank|thanks', '',
    '(track|view|see|manage|visit|check)\M.+|https?.+|(text |reply )(stop|end|help|cancel|'
    'yes)\M.+|please call( us)? .+|(please )?call .*\d{3,}.*|(please )?(leave a message|'
    'try again later)|hi|hello|thank you|thanks|have a (nice|great) day'),
  ('sentence', 'es', 9,
    'automatico|automatica|autorrespuesta|autorespuesta|contestador|automaticamente|automaticos', '',
    '(este es un|esta es una|es un|es una)? ?(respuesta|mensaje|contestacion|envio|aviso|'
    'notificacion|sms|texto) automatic[oa]( generad[oa].*| de .+| por favor no .+|'
    ' enviad[oa] .+)?( (por favor )?no (responda|responder|conteste).*)?|autorr?espuesta|'
    'contestador automatico|(soy|le atiende|habla con) (un|el|su) (asistente|sistema|'
    'agente) (automatico|virtual|automatizado)( .*)?|(mensaje |respuesta )?(enviad[oa]|'
    'generad[oa]) automaticamente( .*)?|mensaje automatico .+'),
  ('sentence', 'es', 9,
    'responda|responder|conteste|contestar|respondas|contestes|responden|leen|atendido|'
    'monitoreado|supervisado|atendida|atendemos', '',
    '(por favor )?no (responda|responder|conteste|contestar|respondas|contestes)n? a? ?(este|'
    'esta|ese) (mensaje|numero|sms|correo|notificacion|linea|texto)( .*(no|automatic).*)?|'
    '(este|esta) (numero|linea|buzon|bandeja|canal|telefono|cuenta) no (es|esta|se|'
    'son) ?(siendo )?(monitoread[oa]|supervisad[oa]|atendid[oa]|revisad[oa]|monitore|revisa|'
    'atiende|lee)( .*)?|(las respuestas|los mensajes|los sms|'
    'sus mensajes)( enviad[oa]s)?( a este (numero|mensaje))? no (son|seran|se) (leid[oa]s|'
    'atendid[oa]s|leen|leeran|revisan|monitorean|reciben)( .*)?|buzon no (atendido|supervisado|'
    'monitoreado)'),
  ('sentence', 'es', 2,
    'responda|responder|conteste', '',
    '(por favor )?no (responda|responder|conteste|contestar)'),
  ('sentence', 'es', 9,
    'recibir|recibe|recibe|admite|acepta|soporta|sms|mensajes|mensaje|texto', 'mi|me|mejor|llame|escriba|asi que|y te',
    '(aviso del operador )?(este|ese|el|la|su)( \w+)? ?(numero|telefono|linea|celular|movil|'
    'linea fija|terminal|abonado|destinatario|usuario|cliente|cuenta|equipo|plan|'
    'contacto)( (al|a la|a quien|que|de)\M.+)?( es (una linea fija|un telefono fijo|'
    'un fijo) y)? no (puede|esta|es|tiene|recibe|admite|acepta|soporta|permite|dispone|'
    'cuenta)\M( habilitad[oa]| autorizad[oa]| configurad[oa]| capaz| disponible)?( para| de|'
    ' con)?( recibir| aceptar| el servicio de| servicio de| la recepcion de| la mensajeria|'
    ' mensajeria| habilitado el servicio de)? ?(mensajes?( de texto)?|sms|textos|mensajeria|'
    'el servicio|este mensaje|servicio)?( en este momento| actualmente| de texto| sms)?'),
  ('sentence', 'es', 9,
    'entregado|entregar|enviado|entrega|abonado|destinatario|cliente|usuario', 'mi|me|yo|pedido|paquete',
    '(lo sentimos )?(su|tu|el) (mensaje|sms|texto|mensaje de texto) (no )?(ha|pudo|puede|fue|'
    'podra|se pudo|ha podido|sera)\M( no| sido| ser| haber)* ?(entregado|enviado|entregarse|'
    'enviarse|entregada|rechazado|bloqueado)( .*)?|no (se pudo|ha sido posible|fue posible|'
    'se ha podido|es posible|pudimos|se puede) (entregar|enviar) (su|tu|el|este) (mensaje|'
    'sms)( .*)?|el (abonado|destinatario|usuario|cliente|numero)( (al|a|que|'
    'de)\M.+)? (no (esta|se encuentra|tiene|puede|existe)|esta|tiene)\M.+|(mensaje|'
    'sms) no (entregado|enviado)|error de (envio|entrega)'),
  ('sentence', 'es', 9,
    'conduciendo|manejando|conduccion|conducir|concentracion|molestar|volante', '',
    '(hola |lo siento |perdon )*(estoy|voy|ando) (conduciendo|manejando|al volante|trabajando|'
    'durmiendo)( ahora| en este momento)? con (la funcion |el modo |un modo |'
    'modo )?(de )?(no molestar|concentracion|conduccion|un modo de concentracion|enfoque|'
    'un enfoque)( al conducir| activad[oa]| de concentracion)*|(el )?modo (de )?(conduccion|'
    'coche|manejo|no molestar|concentracion|auto)( esta)? (activad[oa]|encendido)( .*)?|(tengo|'
    'esta|he) activad[oa] (el modo |la funcion |el )?(no molestar|modo conduccion|'
    'concentracion)( al conducir)?|no molestar( al conducir)?( esta)? activad[oa]'),
  ('sentence', 'es', 2,
    'conduciendo|manejando|volante', '',
    '(hola |lo siento |perdon |disculpa |disculpe )*(ahora )?(estoy (conduciendo|manejando|'
    'al volante)|(voy|ando) (conduciendo|manejando|al volante))( ahora mismo| ahora|'
    ' en este momento| de momento)?( (y|por eso))?( (te|le|les|luego te|ahora no puedo|'
    'no puedo|no le puedo|no te puedo) (llamo|escribo|contesto|respondo|responder|contestar|'
    'hablar|escribir|llamare|respondere|contestare|atender|atenderte|atenderle)\M.*)|(estoy|'
    'voy) (conduciendo|al volante)( ahora mismo| ahora| en este momento)?|'
    'estoy manejando( ahora mismo| ahora| en este momento)?'),
  ('sentence', 'es', 9,
    'urgente|urgencia', '',
    'si (es|esto es)( algo)? (muy )?urgente (responde|responda|escribe|escriba|contesta|'
    'conteste|envia)( con)?( la palabra)? urgente\M.*'),
  ('sentence', 'es', 2,
    'notificaciones', '',
    '(hola )?(tengo|he) (las |mis )?(silenciad[oa]s? )?(las )?(notificaciones)( silenciadas|'
    ' desactivadas| en silencio)?( ahora| en este momento)?|(las |'
    'mis )?notificaciones (estan )?(silenciadas|desactivadas|en silencio)|no (estoy recibiendo|'
    'recibo) notificaciones( ahora| en este momento)?|'
    'estoy con las notificaciones (silenciadas|desactivadas)'),
  ('sentence', 'es', 2,
    'hablar|atender|contestar|responder|atenderle|atenderte|contestarle|contestarte', '',
    '(hola |lo siento |perdon |perdona |disculpa |'
    'disculpe )*(ahora( mismo)? )?(en este momento )?no (te |le |les |lo |la )?(puedo|podemos|'
    'es posible) (hablar|atender|contestar|responder|contestarle|contestarte|atenderle|'
    'atenderte|responderle|responderte|atender (su|tu|la) llamada|'
    'coger el telefono)( ahora( mismo)?| en este momento| por ahora)?( (te|le|luego te|'
    'luego le) (llamo|escribo|contesto|respondo|llamare)\M.*)?'),
  ('sentence', 'es', 0,
    'luego|tarde|llegue|vere|leere|respondo|respondere|llamo|contesto|contestare|pronto|pueda|'
    'escribo|llegar|vuelta|devuelvo', '',
    '(luego |despues )?(te|le|les|lo|la)? ?(llamo|escribo|contesto|respondo|llamare|respondere|'
    'contestare|leo|devuelvo la llamada|vere|leere|leo|aviso)\M( (tu|su|'
    'el) mensaje)?( .*(luego|despues|tarde|llegue|llegar|pueda|pronto|destino|vuelta|regrese|'
    'regreso|momento|posible|libre))?'),
  ('sentence', 'es', 2,
    'regreso|vuelta|regrese|vuelva', '',
    '(le |te |les )?(respondere|contestare|atendere|responderemos|'
    'contestaremos)( \w+)* (a mi (regreso|vuelta)|cuando (regrese|vuelva)|al (regreso|'
    'volver))( .*)?'),
  ('sentence', 'es', 2,
    'oficina|vacaciones|ausente|despacho|baja', 'por favor|dejen|dejenlo|pueden|puede|me|pero|asi que|entreguen|llamen|quiero|necesito',
    '(hola )?(estoy|me encuentro|estare|estamos|actualmente estoy|'
    'en este momento estoy)( actualmente)? (fuera de (la |mi )?oficina|de vacaciones|ausente|'
    'de permiso|fuera del despacho|de licencia)( \w+)* (sin acceso|con acceso limitado|y (le |'
    'te )?(respondere|contestare|regreso|vuelvo|atendere|responderemos))\M.*|'
    'fuera de (la )?oficina|fuera del despacho'),
  ('sentence', 'es', 1,
    'oficina|vacaciones|ausente|despacho', 'por favor|dejen|dejenlo|pueden|puede|me deja|pero|asi que|entreguen|llamen|quiero|necesito',
    '(hola )?(estoy|me encuentro|estare|estamos)( actualmente)? (fuera de (la |mi )?oficina|'
    'de vacaciones|ausente|de permiso|fuera del despacho|de licencia)( (hasta|del|desde|'
    'y regreso|y vuelvo|esta|durante)\M.+)?'),
  ('sentence', 'es', 1,
    'urgencias|urgente|urgencia', '',
    '(para|en caso de|si es una|si tiene una|por) (asuntos? |temas? |'
    'una )?urgen\w+( \w+)* (llame|contacte|contactar|marque|llamar|escriba|comuniquese|'
    'dirijase)\M.+'),
  ('sentence', 'es', 2,
    'gracias', 'si|mi|pero|me|contactarme|y',
    '(hola |buenas )?(muchas )?gracias por (contactar( con| a)?|comunicarse con|'
    'comunicarte con|escribir a|escribirle a|llamar a|contactarse con|ponerse en contacto con|'
    'elegir) ([a-z0-9]+ ?)+'),
  ('sentence', 'es', 1,
    'gracias', '',
    '(hola |buenas )?(muchas )?gracias por (su|tu) (mensaje|contacto|consulta|llamada|interes|'
    'paciencia|sms|comunicacion)|(muchas )?gracias por (contactarnos|escribirnos|'
    'contactar con nosotros|comunicarse( con nosotros)?|escribir)'),
  ('sentence', 'es', 1,
    'responderemos|contestaremos|atenderemos|contactaremos|comunicara|contactara|respondera|'
    'atendera|contactaremos|nos|agente|asesor', '',
    '(en breve |pronto |enseguida )?(nos |le |les |te |se )?(responderemos|contestaremos|'
    'atenderemos|contactaremos|pondremos en contacto|comunicaremos|pondra en contacto|atendera|'
    'contactara|respondera|comunicara)\M.*|(un|una|uno de nuestros|nuestro|'
    'alguien del?) (asesor|asesora|agente|equipo|compan\w+|ejecutiv[oa]|representante|persona|'
    'nuestros?).* (se |le |te |nos )?(comunicara|pondra|contactara|respondera|atendera|'
    'contestara)\M.*'),
  ('sentence', 'es', 2,
    'recibido|recibimos', '',
    '(ya )?(hemos recibido|recibimos) (su|tu) (mensaje|consulta|solicitud|sms)( y .+| .*)?|(su|'
    'tu) (mensaje|consulta|solicitud) (ha sido|fue) recibid[oa]( .*)?'),
  ('sentence', 'es', 1,
    'horario|cerrado|cerrados|disponibles|cerrada|abrimos', 'por favor|pero',
    '(nuestro|el) horario( de atencion)?( al publico)? es .+|(en este momento |ahora |'
    'actualmente )?(estamos|nos encontramos) (cerrados|fuera de horario|fuera del horario.*|'
    'fuera de servicio)( .*)?|(en este momento )?no estamos disponibles( .*)?|(nuestra|'
    'nuestras) (oficina|tienda|oficinas|lineas) (esta|estan|permanece)n? cerrad[oa]s?( .*)?|'
    'nuestro horario.+'),
  ('sentence', 'es', 9,
    'pedido|paquete|envio', 'mi|me|no|yo|pero|aqui|casa|equivocad[oa]',
    '(\w+ )*(su|tu) (pedido|paquete|envio)( \w+)* (ha sido|fue|esta|sera|va|ya fue) (entregado|'
    'enviado|en camino|en reparto|despachado|sera entregado)( (hoy|a las|el|siga|rastree)\M.*)?'),
  ('sentence', 'es', 0,
    'siga|consulte|rastree|llame|gracias|visite|http|https|hola|no', '',
    '(siga|consulte|rastree|visite|vea|ver)\M.+|https?.+|(por favor )?llame .+|muchas gracias|'
    'gracias|hola|no (lo|la|los)? ?compart[ae]s?.*|aviso( del operador)?|(regreso|vuelvo|'
    'volvere) .+|sin acceso .+|enviado desde .+'),
  ('sentence', 'fr', 9,
    'automatique|automatiquement|repondeur|automatiques|automatise', '',
    '(ceci est un|ceci est une|cest un|cest une|il sagit dun|il sagit dune|'
    'ce message est une?)? ?(message|reponse|envoi|sms|texto|notification|'
    'reponse de message) automati(que|se|see)( merci de .+| de .+| envoye.*| genere.*|'
    ' veuillez .+| ne pas repondre.*)?|ce (message|sms|texto) est (un )?(automatique|'
    'genere automatiquement|envoye automatiquement)( .*)?|(message |reponse )?(envoye|'
    'genere)e? automatiquement( .*)?|repondeur automatique|je suis un (assistant|agent|'
    'systeme) (automatique|virtuel|automatise)( .*)?|absence du bureau'),
  ('sentence', 'fr', 9,
    'repondre|repondez|surveille|surveillee|consulte|lus|lues|consultee', '',
    '(merci de |veuillez |priere de |svp )?ne (pas|plus) (y )?repondre a (ce|cet|'
    'cette) (message|numero|sms|texto|envoi|adresse|mail)( .*)?|ne repondez pas a (ce|cet|'
    'cette) (message|numero|sms|texto)( .*)?|(ce|cette|notre) (numero|boite|ligne|messagerie|'
    'adresse|canal)( \w+)? (nest|ne sont|est) (pas |non )?(surveille|surveillee|consulte|'
    'consultee|lu|lue|releve|relevee|suivi|suivie)( .*)?|(numero|boite|ligne) non (surveille|'
    'surveillee|consulte|consultee|geree?)( merci .+)?|(les |vos )?(reponses|messages|'
    'sms)( envoyes)?( a ce numero)? ne (sont|seront) pas (lus|lues|traites|traitees|consultes|'
    'consultees|recus)( .*)?'),
  ('sentence', 'fr', 2,
    'repondre', '',
    '(merci de |veuillez |priere de )?ne pas (y )?repondre'),
  ('sentence', 'fr', 9,
    'recevoir|accepte|recoit|sms|messages|message|prend', 'mon|ma|me|moi|appelez|donc',
    '(ce|le|cet|la|votre)( \w+)? ?(numero|telephone|ligne|correspondant|destinataire|abonne|'
    'appareil|portable|mobile|terminal|client|numero fixe|poste)( (que|auquel|a qui|'
    'de)\M.+)? (ne peut pas|ne peut|naccepte pas|ne recoit pas|ne prend pas en charge|'
    'nest pas en mesure de|nest pas habilite a|nest pas configure pour|ne permet pas( de)?|'
    'ne supporte pas|ne recoit plus|nest pas autorise a)( recevoir| accepter)?( de| les| des|'
    ' ce| vos| la reception de)* ?(sms|messages?|textos?|messages texte|mms)?( texte|'
    ' ecrits)?( pour le moment| actuellement)?'),
  ('sentence', 'fr', 9,
    'delivre|remis|distribue|envoye|achemine|transmis|destinataire|abonne|correspondant', 'mon|ma|me|moi|colis|commande',
    '(votre|le|ce|ton) (message|sms|texto) (na|nest|ne|na pas|n a)\M( pas| pu| etre| peut| ete|'
    ' pas ete)* ?(remis|distribue|delivre|envoye|achemine|transmis|livre)( .*)?|(message|'
    'sms) non (remis|distribue|delivre|envoye)|(impossible|echec) (de|de la|d|du) ?(remettre|'
    'distribuer|delivrer|envoyer|lenvoi|remise|livraison|distribution)\M.*|(le|la|'
    'votre) (correspondant|abonne|destinataire|personne que vous .+|numero que vous .+) (nest|'
    'ne|na|est)\M.+|echec de lenvoi'),
  ('sentence', 'fr', 9,
    'conduis|conduite|voiture|deranger|concentration|volant', '',
    '(bonjour |desole |desolee )*je (conduis|travaille|dors|suis au volant)( actuellement|'
    ' en ce moment)? avec (le |un |la )?(mode |fonction )?(de )?(ne pas deranger|concentration|'
    'conduite|focus)( en voiture| au volant)?( active| activee)?|(le )?mode (voiture|conduite|'
    'ne pas deranger|concentration|volant|avion)( en voiture)?( est)? activee?( .*)?|(jai|'
    'jai active|la fonction) (active )?(le mode )?(ne pas deranger|'
    'concentration)( est)?( activee?)?( .*)?'),
  ('sentence', 'fr', 2,
    'conduis|volant|conduire|route', '',
    '(bonjour |desole |desolee |pardon )*(actuellement )?(je conduis|'
    'je suis( actuellement)? (au volant|en train de conduire|sur la route en voiture)|'
    'au volant|en train de conduire)( actuellement| en ce moment| pour le moment)?( (et|'
    'donc))?( je (ne peux pas|te|vous) ?(te |vous )?(repondre|reponds|rappelle|ecris|parler|'
    'recontacte|repondrai|rappellerai)\M.*)?'),
  ('sentence', 'fr', 9,
    'urgent|urgence', '',
    '(si|en cas d) ?(cest|c est|urgence)? ?(urgent)? ?(repondez|reponds|envoyez|ecrivez|tapez|'
    'repondre)( avec| par| le mot)* urgent\M.*'),
  ('sentence', 'fr', 2,
    'notifications', '',
    '(mes|les) notifications sont (desactivees|en silence|en sourdine|coupees|'
    'suspendues)( .*)?|(jai|je nai)( \w+)? ?(desactive|pas acces a|coupe|mis en sourdine) (mes|'
    'les|a mes) ?notifications( .*)?|je nai pas acces a mes notifications|je ne recois (pas|'
    'plus) (de|les|mes) notifications( actuellement| pour le moment)?'),
  ('sentence', 'fr', 2,
    'parler|repondre|reunion', '',
    '(bonjour |desole |desolee |pardon )*(actuellement )?je ne peux (pas|plus) (te |'
    'vous )?(parler|repondre|prendre (votre|ton|lappel|'
    'l) ?(appel)?)( au telephone)?( pour (linstant|le moment)| maintenant| actuellement|'
    ' en ce moment| tout de suite)?( je (te|vous) (rappelle|reponds|recontacte)\M.*)?|'
    'je suis (en reunion|occupee?|indisponible)( actuellement| pour le moment)? (et )?je (vous|'
    'te) (rappelle|recontacte|reponds|rappellerai|repondrai|recontacterai)\M.*'),
  ('sentence', 'fr', 0,
    'plus|verrai|lirai|rappelle|reponds|rappellerai|repondrai|retour|tard|bientot', '',
    '(je|j) ?(te|vous|le|la|lirai|verrai)? ?(rappelle|reponds|lirai|verrai|rappellerai|'
    'repondrai|recontacte|recontacterai|verrai|vois|ecris)?\M( (votre|ton) (message|'
    'sms))?( .*(plus tard|arrive|arrivee|possible|destination|bientot|retour|trajet|moment|'
    'fois|que|peux))( .*)?'),
  ('sentence', 'fr', 2,
    'absent|absente|bureau|conge|conges|vacances|retour', 'livrez|svp|merci de|pouvez|mais|donc|me|laissez|deposez',
    '(bonjour )?je (suis|serai)( actuellement)? (absente?|en conges?|en vacances|'
    'en deplacement|hors du bureau|absente? du bureau)( \w+)* (et|sans|avec) (je )?(vous |'
    'te )?(repondrai|un acces|acces|acces limite|reviendrai|recontacterai|traiterai|'
    'repondre)\M.*|je (vous |te )?(repondrai|recontacterai|rappellerai)( \w+)* (a|'
    'des) mon retour( .*)?|absente?( du bureau)?'),
  ('sentence', 'fr', 1,
    'absent|absente|conge|conges|vacances|deplacement', 'livrez|svp|merci de|pouvez|mais|donc|me|laissez|deposez|mon|mardi|possible',
    '(bonjour )?je (suis|serai)( actuellement)? (absente?|en conges?|en vacances|'
    'en deplacement|hors du bureau|absente? du bureau)( (jusqu|du|de|a|jusquau)\M.+)?'),
  ('sentence', 'fr', 1,
    'urgence|urgent', '',
    '(en cas d ?urgence|pour toute urgence|si cest urgent|en cas durgence) .*(appelez|'
    'contactez|composez|appeler|contacter|joindre|ecrivez)\M.+'),
  ('sentence', 'fr', 2,
    'merci', 'me|moi|mon|oui|mais|on|nous serons',
    '(bonjour )?merci (davoir|de|pour avoir) (contacte|contacter|appele|choisi|joint|ecrit a|'
    'texte) ([a-z0-9]+ ?)+'),
  ('sentence', 'fr', 1,
    'merci', '',
    '(bonjour )?merci (pour|de) (votre|ton) (message|appel|demande|sms|patience|interet|'
    'confiance)|merci de nous avoir (contactes?|ecrit)'),
  ('sentence', 'fr', 1,
    'nous|conseiller|equipe|reviendrons', '',
    '(et )?(nous|un conseiller|une? (agent|membre de notre equipe|conseillere|collaborateur)|'
    'notre equipe|on) (vous )?(repondrons|recontacterons|rappellerons|contacterons|reviendrons|'
    'traiterons|repondra|recontactera|rappellera|contactera|reviendra|reviendrons vers vous|'
    'allons vous repondre)\M.*|nous reviendrons vers vous.*'),
  ('sentence', 'fr', 2,
    'recu', '',
    '(nous avons|on a) (bien )?recu (votre|ton) (message|demande|sms)( et .+| .*)?|(votre|'
    'ton) (message|demande) a (bien )?ete (recu|recue|prise en compte)( .*)?'),
  ('sentence', 'fr', 1,
    'fermes|ferme|ouverts|horaires|fermee', 'livrez|svp|mais',
    'nous sommes (actuellement |desormais )?(fermes|indisponibles|absents)( .*)?|(notre|nos|le|'
    'la) (\w+ )?(bureaux?|magasin|agence|cabinet|boutique|secretariat|standard|bureaux) (est|'
    'sont) (actuellement )?ferme[es]*( .*)?|nos horaires.+|nous sommes ouverts .+'),
  ('sentence', 'fr', 9,
    'colis|commande|livraison', 'mon|ma|me|moi|pas|mais|chez',
    '(\w+ )*votre (colis|commande|livraison)( \w+)* (a ete|est|sera) (livree?|expediee?|'
    'en cours de livraison|en route|remise?)( (ce|le|a|entre|suivez|au)\M.*)?'),
  ('sentence', 'fr', 0,
    'suivez|consultez|appelez|http|https|merci|bonjour|contactez|joindre|cordialement', '',
    '(suivez|consultez|visitez)\M.+|https?.+|(pour nous joindre )?(appelez|contactez|composez|'
    'joignez)\M.*|pour nous joindre.+|merci|bonjour|cordialement|de retour .+|'
    'envoye de(puis)? mon .+'),
  ('sentence', 'pt', 9,
    'automatica|automatico|automaticamente|robo|automatizada', '',
    '(esta e uma|isto e uma|isso e uma|esta e|essa e uma|este e um)? ?(mensagem|resposta|envio|'
    'aviso|sms|notificacao|atendimento) automatic[oa]( gerad[oa].*| de .+| por favor .+|'
    ' enviad[oa].*| (favor )?nao .+)?|(mensagem |resposta )?(enviad[oa]|'
    'gerad[oa]) automaticamente( .*)?|(sou|eu sou|voce esta falando com) (um|o|a|'
    'uma) (assistente|sistema|atendente|agente) (automatico|virtual|automatizado|'
    'automatica)( .*)?|resposta automatica .+'),
  ('sentence', 'pt', 9,
    'responda|responder|respondam|monitorado|monitorada|lidas|lidos|monitorados', '',
    '(por favor |favor )?nao (responda|responder|respondas) a? ?(esta|este|essa|esse|a esta|'
    'a este) (mensagem|sms|numero|e ?mail|texto)( .*)?|(este|esse|esta|essa|o)( \w+)? ?(numero|'
    'linha|caixa|canal|telefone|conta) nao (e|esta|sao) (monitorad[oa]|atendid[oa]|'
    'verificad[oa]|lid[oa]|supervisionad[oa])( .*)?|(as )?(respostas|'
    'mensagens)( enviadas)?( a este numero| para este numero)? nao (sao|serao) (lidas|'
    'monitoradas|recebidas|respondidas)( .*)?'),
  ('sentence', 'pt', 2,
    'responda|responder', '',
    '(por favor |favor )?nao (responda|responder)'),
  ('sentence', 'pt', 9,
    'receber|recebe|aceita|sms|mensagens|suporta', 'meu|minha|me|mim|ligue|entao',
    '(este|esse|o|a|esta|seu)( \w+)? ?(numero|telefone|linha|celular|telemovel|aparelho|'
    'assinante|destinatario|usuario|cliente|utilizador|contato|fixo)( (para o qual|que|ao qual|'
    'para quem|a quem)\M.+)?( e uma linha fixa e)? nao (pode|recebe|aceita|suporta|esta|'
    'consegue|permite|tem|possui|e capaz de)\M( habilitado| autorizado| configurado|'
    ' apto)?( para| a)?( receber| aceitar| o recebimento de| recebimento de| o servico de|'
    ' servico de)? ?(mensagens?( de texto)?|sms|textos?|'
    'este tipo de mensagem)?( de texto)?( no momento| neste momento| atualmente)?'),
  ('sentence', 'pt', 9,
    'entregue|enviada|entregar|enviar|entrega|assinante|destinatario|cliente', 'meu|minha|me|mim|pedido|encomenda|boleto',
    '(a )?(sua|tua|esta|a) (mensagem|sms) (nao|foi)\M( pode| pôde| foi| ser| foi possivel|'
    ' nao)* ?(entregue|enviada|ser entregue|rejeitada|bloqueada)( .*)?|'
    'nao foi possivel (entregar|enviar) (a )?(sua|tua|esta|a) (mensagem|sms)( .*)?|(mensagem|'
    'sms) nao (entregue|enviada)|o (assinante|destinatario|cliente|numero|usuario)( (que|'
    'para)\M.+)? (nao (esta|existe|pode|tem)|esta|encontra)\M.+|falha (no envio|na entrega).*'),
  ('sentence', 'pt', 9,
    'dirigindo|conduzir|conducao|direcao|perturbe|foco|perturbar|incomodar|volante', '',
    '(oi |ola |desculpe )*(estou|to) (dirigindo|a conduzir|conduzindo|no volante|ao volante|'
    'trabalhando|dormindo)( agora| no momento)? com (o |a |um |modo |'
    'o modo )?(modo )?(nao perturbe|nao perturbar|nao incomodar|foco|concentracao|um foco|'
    'direcao|conducao)( ao dirigir| ao conduzir| ativad[oa]| ligado)*|(o )?modo (de )?(direcao|'
    'conducao|carro|nao perturbe|foco|nao incomodar)( esta)? (ativad[oa]|ligado)( .*)?|'
    'nao (perturbe|incomodar|perturbar)( ao dirigir)?( esta)? (ativado|ligado)'),
  ('sentence', 'pt', 2,
    'dirigindo|conduzir|conduzindo|volante', '',
    '(oi |ola |desculpe |desculpa )*(estou|to) (dirigindo|a conduzir|conduzindo|no volante|'
    'ao volante)( agora| no momento| neste momento)?( e)?( (te|lhe|eu|ja te|nao posso|respondo|'
    'ligo|depois|ja|nao consigo) ?(ligo|respondo|escrevo|retorno|falar|responder|atender|'
    'te ligo|te respondo|mais|assim|depois|quando)?\M.*)?'),
  ('sentence', 'pt', 9,
    'urgente|urgencia', '',
    'se (for|e)( algo)? (muito )?urgente (responda|responde|escreva|envie|'
    'digite)( com)?( a palavra)? urgente\M.*'),
  ('sentence', 'pt', 2,
    'notificacoes', '',
    '(estou |to )?com as (minhas )?notificacoes (silenciadas|desativadas|desligadas|'
    'em silencio)|(as |minhas |as minhas )?notificacoes (estao )?(silenciadas|desativadas|'
    'desligadas)|nao (estou recebendo|estou a receber|recebo) notificacoes( agora| no momento)?'),
  ('sentence', 'pt', 2,
    'falar|atender|responder', '',
    '(oi |ola |desculpe |desculpa |lamento )*(agora )?(no momento )?nao (posso|consigo|da para|'
    'podemos) (falar|atender|responder|te atender|lhe atender|atende lo|atender sua ligacao|'
    'te responder)( agora| no momento| neste momento| de momento)?( (eu )?(te |lhe |'
    'ja te )?(ligo|respondo|retorno|falo)\M.*)?'),
  ('sentence', 'pt', 0,
    'depois|tarde|chegar|ligo|respondo|verei|lerei|retorno|responderei|breve', '',
    '(eu )?(te |lhe |ja |ja te )?(ligo|respondo|retorno|verei|lerei|responderei|ligarei|'
    'escrevo|falo|retornarei|vejo)\M( (sua|a sua|tua) mensagem)?( .*(depois|tarde|chegar|puder|'
    'breve|destino|possivel|momento|logo|que|volta))?( .*)?'),
  ('sentence', 'pt', 2,
    'escritorio|ferias|ausente|voltar|retorno|regresso', 'por favor|deixe|pode|podem|me|mas|entao|entregue|quero|preciso|meu',
    '(oi |ola )?(estou|encontro me|estarei|estamos)( atualmente)? (fora do escritorio|'
    'de ferias|ausente( do escritorio)?|de licenca|em viagem)( \w+)* (e|sem|com) (acesso|'
    'responderei|retornarei|voltarei|retorno|respondo|volto)\M.*|'
    'responderei( \w+)* (quando (voltar|regressar|retornar)|no (meu )?(regresso|retorno)|'
    'assim que (voltar|regressar))( .*)?|fora do escritorio'),
  ('sentence', 'pt', 1,
    'escritorio|ferias|ausente|licenca', 'por favor|deixe|pode|podem|me deixe|mas|entao|entregue|quero|preciso',
    '(oi |ola )?(estou|encontro me|estarei|estamos)( atualmente)? (fora do escritorio|'
    'de ferias|ausente( do escritorio)?|de licenca)( (ate|de|do|desde|a)\M.+)?'),
  ('sentence', 'pt', 1,
    'urgencia|urgente|urgencias|urgentes', '',
    '(em caso de|para|se for|para assuntos|casos) urgen\w+( \w+)* (ligue|contate|contacte|'
    'ligar|contactar|entre em contato|fale)\M.+'),
  ('sentence', 'pt', 2,
    'obrigado|obrigada|agradecemos', 'me|meu|sim|mas|comigo',
    '(ola |oi )?(muito )?(obrigad[oa]|agradecemos) (por|o) (entrar em contat?co?to? com|'
    'contat?c?tar|ligar para|escrever para|escolher|contato com|contactar|contatar)( a|'
    ' o)? ([a-z0-9]+ ?)+'),
  ('sentence', 'pt', 1,
    'obrigado|obrigada|agradecemos', '',
    '(ola |oi )?(muito )?(obrigad[oa] p(or|ela)|agradecemos)( a)? (sua|tua|seu|a sua|'
    'o seu) (mensagem|contato|contacto|interesse|paciencia|ligacao)|'
    '(muito )?obrigad[oa] por (entrar em contat?c?to|nos contatar|nos contactar|'
    'escrever)( conosco| connosco)?'),
  ('sentence', 'pt', 1,
    'responderemos|retornaremos|contactaremos|atendente|entraremos|equipe|equipa', '',
    '(em breve |logo )?(nos |lhe |te )?(responderemos|retornaremos|entraremos em contat?c?to|'
    'atenderemos|contactaremos|contataremos)\M.*|(um|uma|nosso|nossa|em breve um|'
    'algum)( de nossos| dos nossos)? (atendente|equipe|equipa|consultor|consultora|agente|'
    'colaborador|especialista|time)s?.* (ira|vai|entrara|respondera|retornara|te atendera|'
    'lhe atendera)\M.*'),
  ('sentence', 'pt', 2,
    'recebemos|recebida', '',
    '(ja )?recebemos (a )?(sua|tua) (mensagem|solicitacao|consulta)( e .+| .*)?|(a )?(sua|'
    'tua) (mensagem|solicitacao) foi recebida( .*)?'),
  ('sentence', 'pt', 1,
    'fechados|horario|fechado|indisponiveis|fechada', 'por favor|mas',
    '(no momento |neste momento )?(estamos|nos encontramos) (fechados|fora do horario.*|'
    'indisponiveis|encerrados)( .*)?|(nosso|o nosso) horario( de atendimento|'
    ' de funcionamento)? e .+|(nossa|nosso|a nossa|o nosso) (loja|escritorio|clinica|'
    'atendimento) (esta|encontra se) (fechad[oa]|encerrad[oa])( .*)?'),
  ('sentence', 'pt', 9,
    'pedido|encomenda|pacote', 'meu|minha|me|nao|mas|casa|errad[oa]',
    '(\w+ )*(seu|sua|o seu|a sua) (pedido|encomenda|pacote)( \w+)* (foi|esta|sera|'
    'saiu) (entregue|enviad[oa]|despachad[oa]|a caminho|em transito|para entrega|'
    'em rota)( (hoje|as|em|acompanhe|entre)\M.*)?'),
  ('sentence', 'pt', 0,
    'acompanhe|consulte|ligue|http|https|obrigado|obrigada|ola|oi|nao|volto', '',
    '(acompanhe|consulte|rastreie|visite|veja)\M.+|https?.+|(por favor )?ligue .+|'
    '(muito )?obrigad[oa]|ola|oi|nao (o |a )?compartilhe.*|volto .+|enviado do meu .+')
) as g (kind, language, weight, keys, unless, pattern);

-- Reactions, as the phones write them: iOS in the third person with “ ” or « » (somebody who writes
-- Me gusta "Premium" is a person), Android with the emoji between invisible characters. %Q: what is
-- reacted to in quotation marks; two words at least if they are straight. %O: a picture, a voice
-- message. %E: an emoji with its skin tones and joiners.
insert into sms.patterns (kind, language, weight, keys, pattern)
select 'reaction', g.language, 9, string_to_array(g.keys, '|'),
  '^(?:' || replace(replace(replace(g.pattern, '%Q', '(?:[“„].*[”“…]|«.*[»…]|"[^"]+ .*["…])'), '%O',
    case g.language
      when 'en' then '(?:(?:an?|\d+) (?:[A-Za-z]+ )?(?:image|photo|picture|video|movie|message|note|memo|attachment|sticker|link|poll|location|animation|gif|file|contact|document|song|map|memoji|recording|emoji|payment|collage|album|page|website|call|invitation|event|card)s?)'
      when 'es' then '(?:(?:una?|\d+) (?:imagen|imágenes|foto|fotos|fotografía|vídeo|video|videos|película|mensaje|mensaje de (?:audio|voz|texto)|audio|nota de voz|nota|archivo|archivo adjunto|adjunto|sticker|pegatina|enlace|encuesta|ubicación|animación|gif|contacto|documento|canción|mapa|memoji|grabación))'
      when 'fr' then '(?:(?:(?:une?|\d+) )(?:image|images|photo|photos|vidéo|vidéos|film|message|message (?:audio|vocal)|audio|pièce jointe|fichier|autocollant|sticker|lien|sondage|position|localisation|animation|gif|contact|document|chanson|carte|memoji|enregistrement|note vocale))'
      else '(?:(?:uma?|\d+) (?:imagem|imagens|foto|fotos|fotografia|vídeo|vídeos|filme|mensagem|mensagem de (?:áudio|voz|texto)|áudio|nota de voz|anexo|arquivo|ficheiro|adesivo|figurinha|autocolante|sticker|link|ligação|enquete|sondagem|localização|animação|gif|contato|contacto|documento|música|mapa|memoji|gravação))' end),
    '%E', '[^[:space:]A-Za-zÀ-ÿ0-9"“”«»?!.,:;()]+') || ')$'
from (values
  ('en', 'liked|loved|disliked|laughed|emphasized|emphasised|questioned', '(?:Liked|Loved|Disliked|Laughed at|Emphasi[sz]ed|Questioned) (?:%Q|%O)'),
  ('en', 'reacted', 'Reacted (?:with )?(?:%E|an? (?:[A-Za-z]+ )*?sticker|an? (?:emoji|Memoji|Genmoji)) to (?:%Q|%O)'),
  ('en', 'removed', 'Removed (?:%E|(?:an?|the|their|your) (?:[A-Za-z]+ )*?(?:heart|like|dislike|laugh|exclamation|exclamation mark|exclamation point|emphasis|question|question mark|sticker|reaction|love|thumbs up|thumbs down|thumbs|tapback|ha ha|haha|emoji)) from (?:%Q|%O)'),
  ('en', 'unliked|unloved', 'Un(?:liked|loved) (?:%Q|%O)'),
  ('es', 'le|no|ya|a', '(?:A .+ )?(?:[Yy]a )?(?:[Nn]o )?[Ll]es? (?:gusta|gustó|ha gustado|encanta|encantó|ha encantado|(?:da|dio|ha dado) risa|(?:hace|hizo|ha hecho) gracia|divierte|divirtió|ha divertido|interesa|causa gracia|causó gracia|pareció gracioso) (?:%Q|%O)'),
  ('es', 'enfatizo|resalto|destaco|subrayo|cuestiono|exclamo|pregunto|dudo|duda|se|ha|rio|enfatiza|destaca|cuestiona|pregunta|exclama|marco|puso|anadio|agrego', '(?:Se )?(?:[Hh]a )?(?:Enfatizó|Enfatiza|Resaltó|Destacó|Destaca|Subrayó|Cuestionó|Cuestiona|Exclamó|Exclama|Preguntó|Pregunta|Dudó|Duda|Rio|Rió|[Rr]i[oó]|ríe|reído|enfatizado|resaltado|destacado|subrayado|cuestionado|exclamado|preguntado|dudado|interrogado|(?:Puso|puesto|Añadió|añadido|Agregó|agregado|Marcó) .+?)(?: (?:por|sobre|de|con|en|a))? (?:%Q|%O)'),
  ('es', 'reacciono|ha|reacciona', '(?:Reaccionó|Ha reaccionado|Reacciona)(?: (?:con )?(?:%E|un (?:sticker|emoji|memoji)|una pegatina)(?: de [A-Za-z]+)?)? (?:a|ante|en) (?:%Q|%O)(?: con %E)?'),
  ('es', 'quito|ha|se|elimino|retiro|borro', '(?:Se )?(?:[Hh]a )?(?:[Qq]uitó|quitado|[Ee]liminó|eliminado|[Rr]etiró|retirado|[Bb]orró|borrado) (?:%E|(?:un|una|el|la|su|los|las) (?:[“«"]?[Mm]e (?:gusta|encanta)[”»"]?|[“«"]?[Nn]o me gusta[”»"]?|corazón|risa|risas|reacción(?: %E)?|exclamación|signo de (?:exclamación|interrogación)|interrogación|énfasis|duda|pregunta|sticker|pegatina|dedo .+|pulgar .+|[“«"]ja ja[”»"])) (?:de|a|en) (?:%Q|%O)'),
  ('fr', 'a|naime|na', '(?:[A-ZÀ-Ÿ][a-zà-ÿ]+ )?(?:A|N[’'']a (?:pas|plus))(?: (?:bien )?(?:aimé|adoré|pas aimé|ri|rigolé|souligné|insisté|accentué|mis en évidence|mis en avant|mis l[’'']accent|questionné|interrogé|exclamé|appuyé|marqué|douté|trouvé (?:ça )?drôle|demandé des précisions))(?: (?:à|sur|de|par))? (?:%Q|%O)'),
  ('fr', 'aime|adore|naime|nadore|rit', '(?:Aime|Adore|N[’'']aime (?:pas|plus)|N[’'']adore plus|Rit (?:à|de)) (?:%Q|%O)'),
  ('fr', 'sest', 'S[’'']est (?:interrogé|exclamé|questionné|esclaffé|étonné|amusé)e?(?: (?:sur|de|à|au sujet de|pour))? (?:%Q|%O)'),
  ('fr', 'a', 'A (?:réagi)(?: (?:avec|par|en ajoutant|en envoyant|d[’'']un))? ?(?:%E|un (?:autocollant|sticker|emoji|memoji)|une (?:vignette|réaction))(?: [A-Za-z]+)? (?:à|a|sur|pour) (?:%Q|%O)'),
  ('fr', 'a', 'A (?:ajouté|mis|supprimé|retiré|enlevé|effacé|annulé) (?:%E|(?:une?|le|la|son|sa|l[’'']|des) ?(?:[«“"] ?.{2,14} ?[»”"]|cœur|coeur|rire|rires|j[’'']aime|j[’'']adore|je n[’'']aime pas|point d[’''](?:exclamation|interrogation)|exclamation|interrogation|réaction(?: %E)?|autocollant|sticker|pouce.*|mention.*|haha)) (?:à|de|sur|d[’'']|au) ?(?:%Q|%O)'),
  ('pt', 'gostou|curtiu|amou|adorou|riu|achou|deu|enfatizou|destacou|questionou|perguntou|exclamou|interrogou|ressaltou|nao|duvidou|sublinhou|descurtiu|deixou|colocou|pos|realcou|salientou', '(?:Não )?(?:[Gg]ostou|[Cc]urtiu|[Aa]mou|[Aa]dorou|Riu(?:-se)?|Achou graça|Achou engraçado|Deu risada|Deu ênfase|Enfatizou|Destacou|Questionou|Perguntou|Exclamou|Interrogou|Ressaltou|Duvidou|Sublinhou|Realçou|Salientou|Descurtiu|Pôs em (?:dúvida|destaque)|Colocou (?:em (?:dúvida|destaque)|ênfase)|Deixou de (?:gostar|curtir|amar|adorar))(?: mais)?(?: (?:de|da|do|a|à|ao|em|sobre|com|por))? (?:%Q|%O)'),
  ('pt', 'reagiu', 'Reagiu (?:com )?(?:%E|(?:um|uma) (?:adesivo|figurinha|autocolante|sticker|emoji|memoji))(?: [A-Za-z]+)? (?:a|à|ao|em) (?:%Q|%O)'),
  ('pt', 'removeu|retirou|tirou|eliminou|apagou', '(?:Removeu|Retirou|Tirou|Eliminou|Apagou) (?:%E|(?:uma?|o|a|os|seu|sua) (?:[“«"]?(?:Gosto|Não gosto|Adoro|Gostei|Amei|Curti)[”»"]?|coração|risada|riso|gargalhada|risos|curtida|descurtida|reação(?: %E)?|(?:ponto|sinal) de (?:exclamação|interrogação)|exclamação|interrogação|ênfase|dúvida|pergunta|adesivo|figurinha|autocolante|like|amei|“?haha”?|polegar.*|joinha|gosto)) (?:de|da|do|em|a|à) (?:%Q|%O)'),
  -- Android: the emoji between invisible characters; without them only before a quotation.
  ('en', 'to|removed|a|de|para|eliminado|quitado|removido|supprime|retire|da|no', '[\s\u200a-\u200d]*[\u200a-\u200d]%E[\s\u200a-\u200d]* (?:to|removed from|a|à|de|para|eliminado de|quitado de|removido de|removida de|supprimé de|retiré de)[\s\u200a-\u200d]+.+'),
  ('en', 'to|removed|a|de|para|eliminado|quitado|removido|supprime|retire', '%E (?:to|removed from|a|à|para|eliminado de|removido de|supprimé de) (?:%Q|%O)')
) as g (language, keys, pattern);

insert into sms.pattern_keys (key, kind, pattern_id)
select distinct k.key, p.kind, p.id from sms.patterns as p, unnest(p.keys) as k (key);

-- Planned without statistics, reading a message takes a hundred times as long.
analyze public.sms_phrases, public.sms_synonyms, sms.patterns, sms.pattern_keys;

-- 12_opt_outs.sql =================================================================================

-- Who asked not to be written to.
--
-- An opt-out belongs to the owner and outlives configs, cleanup and erasure. STOP speaks of all
-- the owner's numbers (phone_number '*'), START and Twilio's error 21610 of one; the latest of
-- the two rows decides, so that events may be learned in any order.

create table public.sms_opt_outs (
  user_id uuid not null,
  contact_number text not null,
  phone_number text not null default '*',
  opted_out boolean not null default true,
  source text not null,
  changed_at timestamptz not null,
  constraint sms_opt_outs_pkey primary key (user_id, contact_number, phone_number),
  constraint sms_opt_outs_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_opt_outs_source_check check (source in (
    'text',    -- the contact sent an opt word
    'model',   -- the contact asked for it in words that only the model understood
    'twilio',  -- Twilio refused with 21610
    'operator' -- set_sms_opt_out: the contact called or wrote otherwise
  ))
);

comment on table public.sms_opt_outs is
  'Who may not be written to. phone_number ''*'': by none of the owner''s numbers. The latest row for '
  'the number or ''*'' decides.';

create function public.set_sms_opt_out(
  p_user_id uuid, p_contact_number text, p_opted_out boolean default true, p_phone_number text default '*'
)
returns void language plpgsql set search_path = '' as $$
begin
  -- The lock on the contact's conversations keeps an answer from passing the gate meanwhile.
  perform from public.sms_conversations as c
  where c.user_id = p_user_id and c.contact_number = p_contact_number
    and c.config_id in (select f.id from public.sms_configs as f where f.user_id = p_user_id)
  order by c.id
  for no key update;
  perform sms.record_opt_out(
    p_user_id, p_contact_number, p_phone_number, p_opted_out, 'operator', clock_timestamp()
  );
  perform sms.cancel_pending_reply(c.id)
  from public.sms_conversations as c
  join public.sms_configs as f on f.id = c.config_id
  where f.user_id = p_user_id and c.contact_number = p_contact_number
    and sms.is_opted_out(p_user_id, p_contact_number, f.phone_number);
end;
$$;
comment on function public.set_sms_opt_out(uuid, text, boolean, text) is
  'For the contact who calls or writes an e-mail: record that they do (or again do not) want to be '
  'written to.';

-- Records what a contact wants; what is older than the record changes nothing.
create function sms.record_opt_out(
  p_user_id uuid, p_contact_number text, p_phone_number text,
  p_opted_out boolean, p_source text, p_changed_at timestamptz
)
returns void language plpgsql as $$
begin
  insert into public.sms_opt_outs as o
    (user_id, contact_number, phone_number, opted_out, source, changed_at)
  values (p_user_id, p_contact_number, p_phone_number, p_opted_out, p_source, p_changed_at)
  on conflict (user_id, contact_number, phone_number) do update
    set opted_out = excluded.opted_out, source = excluded.source, changed_at = excluded.changed_at
    where excluded.changed_at > o.changed_at;
end;
$$;

-- May this number not write to this contact?
create function sms.is_opted_out(p_user_id uuid, p_contact_number text, p_phone_number text)
returns boolean language plpgsql stable as $$
begin
  return coalesce((
    select o.opted_out from public.sms_opt_outs as o
    where o.user_id = p_user_id
      and o.contact_number = p_contact_number
      and o.phone_number in ('*', p_phone_number)
    order by o.changed_at desc, o.opted_out desc
    limit 1
  ), false);
end;
$$;

-- Records an opt-out or opt-in and confirms it, once, unless Twilio did: an opt-out at most once in
-- notice_every, however often the contact goes out and in.
create function sms.apply_opt_out(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns void language plpgsql as $$
declare
  v_meaning text := p_intent ->> 'meaning';
begin
  if sms.record_opt_word(
      p_conversation, p_config.phone_number, v_meaning, p_occurred_at
    )
    and not (p_intent ->> 'by_twilio')::boolean
    and p_conversation.status = 'active' and not p_conversation.is_blocked
    and p_conversation.contact_number ~ '^\+'
    and p_occurred_at > p_now - p_config.answer_within
    and not (v_meaning = 'stop' and sms.had_notice(p_conversation, 'stop', p_now)) then
    perform sms.queue_notice(p_conversation, v_meaning,
      sms.canned_content(p_config, v_meaning, p_intent ->> 'language'));
  end if;
end;
$$;

-- Answers HELP where Twilio does not.
create function sms.answer_help(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns void language plpgsql as $$
begin
  if not (p_intent ->> 'by_twilio')::boolean
    and p_conversation.status = 'active' and not p_conversation.is_blocked
    and sms.can_be_answered(p_conversation.contact_number)
    and p_occurred_at > p_now - p_config.answer_within then
    perform sms.queue_notice(
      p_conversation, 'help', sms.canned_content(p_config, 'help', p_intent ->> 'language')
    );
  end if;
end;
$$;

-- STOP speaks of all the owner's numbers and silences a generating answer, unless a later START is
-- known; START of the number it was sent to. True: it changed whether this number may write to the
-- contact.
create function sms.record_opt_word(
  p_conversation public.sms_conversations, p_phone_number text, p_meaning text, p_at timestamptz
)
returns boolean language plpgsql as $$
declare
  v_was_out boolean := sms.is_opted_out(
    p_conversation.user_id, p_conversation.contact_number, p_phone_number
  );
  v_is_out boolean;
begin
  perform sms.record_opt_out(
    p_conversation.user_id, p_conversation.contact_number,
    case p_meaning when 'stop' then '*' else p_phone_number end, p_meaning = 'stop', 'text', p_at
  );
  v_is_out := sms.is_opted_out(
    p_conversation.user_id, p_conversation.contact_number, p_phone_number
  );
  if v_is_out and p_meaning = 'stop' then
    perform sms.cancel_pending_reply(p_conversation.id);
  end if;
  return v_was_out <> v_is_out;
end;
$$;

-- 13_canned_replies.sql ===========================================================================

-- Replies that need no model: notices, and the owner's own words for what is asked often
-- ("horario", "address").

-- What is said without a model.
create table public.sms_canned_replies (
  name text not null,
  language text not null,
  content text not null,
  constraint sms_canned_replies_pkey primary key (name, language),
  constraint sms_canned_replies_content_check check (length(content) between 1 and 640)
);

comment on table public.sms_canned_replies is
  'The messages that need no model, by sms_messages.canned_reply and the language of the words they '
  'answer; a number''s own words (sms_configs.opt_out_reply and so on) go before. Written '
  'with their accents; they leave as sms_configs.fold_accents of the number says.';

insert into public.sms_canned_replies (name, language, content) values
  ('stop', 'en', 'You will get no more messages from us. Reply START to get them again.'),
  ('stop', 'es', 'No recibirá más mensajes nuestros. Responda START para volver a recibirlos.'),
  ('stop', 'fr', 'Vous ne recevrez plus de messages de notre part. Répondez START pour en recevoir de nouveau.'),
  ('stop', 'pt', 'Você não receberá mais mensagens nossas. Responda START para voltar a receber.'),
  ('start', 'en', 'You will get our messages again. Reply STOP to get no more.'),
  ('start', 'es', 'Volverá a recibir nuestros mensajes. Responda STOP para no recibir más.'),
  ('start', 'fr', 'Vous recevrez de nouveau nos messages. Répondez STOP pour ne plus en recevoir.'),
  ('start', 'pt', 'Você voltará a receber nossas mensagens. Responda STOP para não receber mais.'),
  ('help', 'en', 'Write your question here and we will answer it. Reply STOP to get no more messages.'),
  ('help', 'es', 'Escriba aquí su pregunta y le responderemos. Responda STOP para no recibir más mensajes.'),
  ('help', 'fr', 'Écrivez ici votre question et nous vous répondrons. Répondez STOP pour ne plus recevoir de messages.'),
  ('help', 'pt', 'Escreva aqui a sua pergunta e responderemos. Responda STOP para não receber mais mensagens.'),
  ('human', 'en', 'A person will get back to you here. Until then you can go on asking.'),
  ('human', 'es', 'Una persona le responderá por aquí. Mientras tanto puede seguir preguntando.'),
  ('human', 'fr', 'Une personne vous répondra ici. En attendant, vous pouvez continuer à poser des questions.'),
  ('human', 'pt', 'Uma pessoa vai responder por aqui. Enquanto isso, pode continuar perguntando.'),
  ('bot', 'en', 'I am an automated assistant. Text PERSON if you want one.'),
  ('bot', 'es', 'Soy un asistente automático. Escriba PERSONA si prefiere que le atienda una.'),
  ('bot', 'fr', 'Je suis un assistant automatique. Écrivez HUMAIN pour parler à une personne.'),
  ('bot', 'pt', 'Sou um assistente automático. Escreva PESSOA para falar com uma.'),
  ('opt_out_hint', 'en', 'To get no more messages from us, reply STOP.'),
  ('opt_out_hint', 'es', 'Para no recibir más mensajes nuestros, responda STOP.'),
  ('opt_out_hint', 'fr', 'Pour ne plus recevoir nos messages, répondez STOP.'),
  ('opt_out_hint', 'pt', 'Para não receber mais mensagens nossas, responda STOP.'),
  ('rate_limit', 'en', 'That is all we can answer automatically for now; a person will read your messages. / Por ahora no podemos responder más automáticamente; una persona leerá sus mensajes.'),
  ('recorded', 'en', 'Your request was recorded ({done}); a person will confirm the details here. / Su solicitud quedó registrada; una persona le confirmará los detalles.'),
  ('recorded', 'es', 'Su solicitud quedó registrada ({done}); una persona le confirmará los detalles.'),
  ('recorded', 'fr', 'Votre demande est enregistrée ({done}); une personne vous confirmera les détails.'),
  ('recorded', 'pt', 'O seu pedido foi registrado ({done}); uma pessoa vai confirmar os detalhes.'),
  ('rate_limit', 'es', 'Por ahora no podemos responder más automáticamente; una persona leerá sus mensajes.'),
  ('rate_limit', 'fr', 'Nous ne pouvons plus répondre automatiquement pour le moment; une personne lira vos messages.'),
  ('rate_limit', 'pt', 'Por agora não podemos responder mais automaticamente; uma pessoa vai ler suas mensagens.'),
  ('fallback', 'en', 'Thanks for your message. We cannot answer automatically right now; a person will get back to you. / Gracias por su mensaje. Ahora no podemos responder; una persona le responderá.'),
  ('fallback', 'es', 'Gracias por su mensaje. Ahora no podemos responder automáticamente; una persona le responderá.'),
  ('fallback', 'fr', 'Merci de votre message. Nous ne pouvons pas répondre automatiquement; une personne vous répondra.'),
  ('fallback', 'pt', 'Obrigado pela mensagem. Agora não podemos responder automaticamente; uma pessoa vai responder.'),
  -- Where no human is told (sms.human_is_told) none is promised.
  ('human_noted', 'en', 'I have noted it. You can go on asking.'),
  ('human_noted', 'es', 'He tomado nota. Puede seguir preguntando.'),
  ('human_noted', 'fr', 'C''est noté. Vous pouvez continuer à poser des questions.'),
  ('human_noted', 'pt', 'Está anotado. Pode continuar perguntando.'),
  ('recorded_noted', 'en', 'Your request was recorded ({done}). / Su solicitud quedó registrada.'),
  ('recorded_noted', 'es', 'Su solicitud quedó registrada ({done}).'),
  ('recorded_noted', 'fr', 'Votre demande est enregistrée ({done}).'),
  ('recorded_noted', 'pt', 'O seu pedido foi registrado ({done}).'),
  ('rate_limit_noted', 'en', 'That is all we can answer automatically for now; your messages are noted. / Por ahora no podemos responder más automáticamente; sus mensajes quedan anotados.'),
  ('rate_limit_noted', 'es', 'Por ahora no podemos responder más automáticamente; sus mensajes quedan anotados.'),
  ('rate_limit_noted', 'fr', 'Nous ne pouvons plus répondre automatiquement pour le moment; vos messages sont notés.'),
  ('rate_limit_noted', 'pt', 'Por agora não podemos responder mais automaticamente; suas mensagens ficam anotadas.'),
  ('fallback_noted', 'en', 'Thanks for your message. We cannot answer automatically right now; it is noted. / Gracias por su mensaje. Ahora no podemos responder; queda anotado.'),
  ('fallback_noted', 'es', 'Gracias por su mensaje. Ahora no podemos responder automáticamente; queda anotado.'),
  ('fallback_noted', 'fr', 'Merci de votre message. Nous ne pouvons pas répondre automatiquement; il est noté.'),
  ('fallback_noted', 'pt', 'Obrigado pela mensagem. Agora não podemos responder automaticamente; fica anotada.');

create table public.sms_keyword_replies (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  config_id uuid not null,
  keyword text not null,
  normalized text not null generated always as (sms.normalize(keyword)) stored,
  answer text not null,
  created_at timestamptz not null default now(),
  constraint sms_keyword_replies_pkey primary key (id),
  constraint sms_keyword_replies_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  -- With user_id: else a refusal would tell whether another user's number has the keyword.
  constraint sms_keyword_replies_keyword_key unique (config_id, user_id, normalized),
  constraint sms_keyword_replies_keyword_check
    check (length(keyword) <= 100 and normalized <> ''),
  constraint sms_keyword_replies_answer_check
    check (btrim(answer) <> '' and length(answer) <= 1600)
);
create index sms_keyword_replies_user_id_idx on public.sms_keyword_replies (user_id);

comment on table public.sms_keyword_replies is
  'A message that is exactly a keyword of its number gets this answer, sent as typed, at once and '
  'without a model; case, accents and punctuation do not count. Opt words and what Twilio answers '
  'itself (HELP, INFO) come first.';
comment on column public.sms_keyword_replies.normalized is 'The keyword as it is compared.';
comment on constraint sms_keyword_replies_keyword_check on public.sms_keyword_replies is
  'keyword has at most 100 characters, and a letter or digit among them.';
comment on constraint sms_keyword_replies_answer_check on public.sms_keyword_replies is
  'answer has 1 to 1,600 characters.';

create trigger sms_keyword_replies_refuse_invalid
  before insert or update on public.sms_keyword_replies
  for each row execute function sms.refuse_invalid();

-- The keyword is its number's account's; a number has so many at most, and its row is locked, so
-- that two sessions count one after the other.
create function sms.admit_keyword_reply()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_ceiling integer := (sms.policy()).keyword_replies_ceiling;
begin
  select f.user_id into new.user_id from public.sms_configs as f
  where f.id = new.config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')))
  for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'It may have been removed, or it belongs to somebody else.';
  end if;
  perform sms.require_role(new.user_id, 'admin');
  if (
    select count(*) from public.sms_keyword_replies as k
    where k.config_id = new.config_id and k.user_id = new.user_id
  ) >= v_ceiling then
    raise exception using errcode = 'PT422',
      message = format('A number has at most %s keyword replies', v_ceiling),
      hint = 'Delete some, or let the model answer.';
  end if;
  return new;
end;
$$;

create trigger sms_keyword_replies_admit
  before insert on public.sms_keyword_replies
  for each row execute function sms.admit_keyword_reply();

-- The answer that needs no model, {name, content}; null: the model answers, or at claim the gate
-- says why nobody does. A keyword behind messages that wait for an answer is one of them.
create function sms.canned_reply(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_payload jsonb, p_intent jsonb, p_now timestamptz
)
returns jsonb language plpgsql stable as $$
declare
  v_name text := p_intent ->> 'meaning';
  v_content text;
begin
  if v_name = 'human' and p_conversation.wants_human then
    return null; -- acknowledged before: now the AI says something
  elsif v_name in ('human', 'bot') then
    v_content := sms.canned_content(p_config, v_name, p_intent ->> 'language');
  elsif p_conversation.waiting_since is null then
    v_name := 'keyword';
    v_content := sms.keyword_reply(p_config.id, p_payload ->> 'body');
  end if;
  if v_content is null or sms.send_verdict(p_conversation, p_config, null, p_now) is not null then
    return null;
  end if;
  return jsonb_build_object('name', v_name, 'content', v_content);
end;
$$;

-- Is a human told when a contact wants one? Only then is the contact promised that one will write.
create function sms.human_is_told(p_config public.sms_configs)
returns boolean language plpgsql stable as $$
begin
  return coalesce(
    p_config.promise_human,
    'human.requested' = any(p_config.event_types)
      or exists (select from public.sms_members as m where m.user_id = p_config.user_id)
  );
end;
$$;

-- The number's own words, else those in that language, else English; folded if the number folds.
create function sms.canned_content(p_config public.sms_configs, p_name text, p_language text)
returns text language plpgsql stable as $$
declare
  v_content text := coalesce(
    case p_name
      when 'stop' then p_config.opt_out_reply
      when 'help' then p_config.help_reply
      when 'human' then p_config.handoff_reply
      when 'bot' then p_config.bot_reply
      when 'rate_limit' then p_config.rate_limit_reply
      when 'fallback' then p_config.fallback_reply
    end,
    (
      select t.content from public.sms_canned_replies as t
      where t.name = p_name || case
        when p_name in ('human', 'recorded', 'rate_limit', 'fallback') and not sms.human_is_told(p_config)
        then '_noted' else '' end
      order by t.language = p_language desc nulls last, t.language = 'en' desc
      limit 1
    )
  );
begin
  return case when p_config.fold_accents then sms.fold_accents(v_content) else v_content end;
end;
$$;

-- As gateway/segments.py folds a reply: typography becomes plain, and accents go if all is GSM-7
-- then, which holds more than twice as much. A test holds the two together.
create function sms.fold_accents(p_text text)
returns text language plpgsql immutable as $$
declare
  v_gsm_7 constant text := E'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&''()*+,-./0123456789:;<=>?'
    '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€';
  v_plain text := replace(
    translate(normalize(p_text, NFC), E'“”„«»‘’‚`´–—\t\u00a0\u202f', '"""""''''''''''--   '),
    '…', '...'
  );
  v_bare text;
begin
  select string_agg(
    case
      when strpos(v_gsm_7, t.letter) > 0 then t.letter
      when ascii(t.letter) between 192 and 383 or ascii(t.letter) between 536 and 539
        then regexp_replace(normalize(t.letter, NFKD), '[\u0300-\u036f]', '', 'g')
      else t.letter
    end, '' order by t.place
  )
  into v_bare
  from string_to_table(translate(v_plain, 'łŁđĐðÐı', 'lLdDdDi'), null)
    with ordinality as t (letter, place);
  return case when translate(v_bare, v_gsm_7, '') = '' then v_bare else v_plain end;
end;
$$;

-- The line that a reply ends with when a message it answers smells of an opt-out (maybe_stop), in
-- that message's language; null: none does.
create function sms.opt_out_hint(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns text language plpgsql stable as $$
begin
  if not exists (
    select from (
      select m.intent from public.sms_messages as m
      where m.conversation_id = p_conversation.id
      order by m.id desc
      limit 20
    ) as newest
    where newest.intent = 'maybe_stop'
  ) then
    return null;
  end if;
  return (
    with recent as materialized (
      select m.id, m.intent, m.message_content,
        case when sms.reached_twilio(m.message_sid, m.status) then m.in_reply_to end as answered
      from public.sms_messages as m
      where m.conversation_id = p_conversation.id
      order by m.id desc
      limit 20
    )
    select sms.canned_content(
      p_config, 'opt_out_hint', (sms.classify(r.message_content)).language
    )
    from recent as r
    where r.intent = 'maybe_stop' and r.id <= p_conversation.last_pending_id
      and r.id > coalesce((select max(a.answered) from recent as a), 0)
    order by r.id desc
    limit 1
  );
end;
$$;

-- The language that the contact's card names; null: none, and a canned reply says it in two.
create function sms.contact_language(p_conversation public.sms_conversations)
returns text language plpgsql stable as $$
begin
  return (
    select k.language from public.sms_contacts as k
    where k.user_id = p_conversation.user_id and k.contact_number = p_conversation.contact_number
  );
end;
$$;

-- The owner's answer to exactly this message; null: there is none.
create function sms.keyword_reply(p_config_id uuid, p_body text)
returns text language plpgsql stable as $$
begin
  if not exists (select from public.sms_keyword_replies as k where k.config_id = p_config_id) then
    return null; -- most numbers have none: their messages are not normalised for it
  end if;
  return (
    select k.answer from public.sms_keyword_replies as k
    where k.config_id = p_config_id
      and length(p_body) <= 200 and k.normalized = sms.normalize(p_body)
  );
end;
$$;

-- Queues a canned reply in a locked conversation. It passes the gate like any other when it is
-- claimed; none is queued that the number's day has no room for.
create function sms.queue_notice(
  p_conversation public.sms_conversations, p_name text, p_content text,
  p_in_reply_to bigint default null
)
returns void language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if sms.is_day_used_up(p_conversation.config_id, v_now) then
    return;
  end if;
  insert into public.sms_messages
    (conversation_id, author, message_content, canned_reply, in_reply_to)
  values (p_conversation.id, 'system', p_content, p_name, p_in_reply_to);
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id), last_message_at = greatest(c.last_message_at, v_now)
  where c.id = p_conversation.id;
end;
$$;

-- Was the contact sent this canned reply by this number within notice_every?
create function sms.had_notice(
  p_conversation public.sms_conversations, p_name text, p_now timestamptz
)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and m.direction = 'outgoing' and m.canned_reply = p_name
      and m.status not in ('canceled', 'blocked')
      and m.created_at > p_now - (sms.policy()).notice_every
  );
end;
$$;

-- Tells the contact, once in notice_every, that there are no more automatic replies for now.
create function sms.notify_rate_limited(p_conversation_id uuid)
returns void language plpgsql as $$
declare
  v_conversation public.sms_conversations;
  v_config public.sms_configs;
begin
  select c.* into v_conversation from public.sms_conversations as c where c.id = p_conversation_id;
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  if not sms.had_notice(v_conversation, 'rate_limit', clock_timestamp()) then
    perform sms.queue_notice(
      v_conversation, 'rate_limit', sms.canned_content(v_config, 'rate_limit', sms.contact_language(v_conversation))
    );
  end if;
end;
$$;

-- 20_claim.sql ====================================================================================

-- Claiming and giving back. One lease, on the conversation; the caller brings its id, so
-- that a claim asked again (its response was lost) returns the job already held.

create function public.claim_sms_work(p_worker text, p_lease_id uuid, p_lease interval default null)
returns jsonb language plpgsql set search_path = '' set plan_cache_mode = 'force_generic_plan' as $$
declare
  v_job jsonb := sms.claim(p_lease_id, p_lease, p_worker);
begin
  if v_job ->> 'kind' = 'reply' then
    -- Nothing has left yet: a lease that the server loses by crashing has ended, as any other.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return v_job;
end;
$$;
comment on function public.claim_sms_work(text, uuid, interval) is
  'Leases the conversation whose work is due first and returns the job: {kind: reply | fallback | '
  'send | reconcile | replay, lease_seconds, …}, or {kind: wait}; either with seconds, until more work is '
  'due or a lease ends (null: none). Asked again with the same lease id it returns the job already '
  'held.';

-- What claim_sms_work and finish_sms_send hand out. One call at a time for one lease id: asked
-- again while the first still runs it would lease a second conversation, or say that there is
-- nothing.
create function sms.claim(p_lease_id uuid, p_lease interval, p_worker text)
returns jsonb language plpgsql as $$
declare
  v_now timestamptz;
  v_lease interval := coalesce(p_lease, (sms.policy()).lease);
  v_conversation public.sms_conversations;
  v_job jsonb;
  v_front record;
begin
  perform pg_advisory_xact_lock(20, hashtext(p_lease_id::text)); -- 20: this chapter
  v_now := clock_timestamp();
  v_front := sms.queue_head(v_now);
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
  if found then
    if v_conversation.leased_until > v_now then
      v_job := sms.job(v_conversation);
    end if;
    if v_job is null then
      perform sms.end_lease(v_conversation.id, p_lease_id);
    end if;
  end if;
  for v_try in 1 .. 50 loop
    exit when v_job is not null or v_front.first_due_at is null;
    v_conversation := sms.next_conversation(
      v_now, v_front.first_due_at, v_front.window_end, v_front.dominant_config_id
    );
    exit when v_conversation.id is null;
    v_job := sms.claim_conversation(v_conversation, p_lease_id, p_worker, v_now + v_lease, v_now);
  end loop;
  v_job := coalesce(v_job, sms.claim_replay(p_lease_id, v_now + v_lease, v_now));
  return coalesce(
    v_job || jsonb_build_object('lease_seconds', extract(epoch from v_lease)),
    jsonb_build_object('kind', 'wait')
  ) || jsonb_build_object(
    'seconds', case when v_job ->> 'kind' = 'replay' then 0 -- there may be another one
      else sms.seconds_until_work(v_now, coalesce(v_front.first_due_at, v_now)) end
  );
end;
$$;

-- The first 200 conversations with due work, leased or not: when the first and the last of them
-- were due (null: none), and the number that holds half of the live leases, if others wait too.
-- What follows in a claim looks from first_due_at on: while an old snapshot is open, the index
-- holds the entries of all that was answered since, and each look from its start steps over them.
create function sms.queue_head(
  p_now timestamptz,
  out first_due_at timestamptz, out window_end timestamptz, out dominant_config_id uuid
)
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_numbers bigint;
  v_waiting bigint;
begin
  select min(d.due_at), max(d.due_at), count(distinct d.config_id), count(*)
  into first_due_at, window_end, v_numbers, v_waiting
  from (
    select c.config_id, least(c.reply_due_at, c.send_due_at) as due_at
    from public.sms_conversations as c
    where least(c.reply_due_at, c.send_due_at) <= p_now
    order by least(c.reply_due_at, c.send_due_at)
    limit 200
  ) as d;
  -- Nobody waits behind a backlog that is alone: the usual case, and the cheap question.
  if v_numbers < 2 and v_waiting < 200 then
    return;
  end if;
  select l.config_id into dominant_config_id
  from (
    select c.config_id, count(*) as held, sum(count(*)) over () as live
    from public.sms_conversations as c
    where c.lease_id is not null and c.leased_until > p_now
    group by c.config_id
  ) as l
  where l.live >= 8 and l.held * 2 >= l.live
  order by l.held desc
  limit 1;
end;
$$;

-- The job that a leased conversation stands for; null: a callback did it meanwhile.
create function sms.job(p_conversation public.sms_conversations)
returns jsonb language plpgsql stable as $$
declare
  v_config public.sms_configs;
  v_message public.sms_messages;
begin
  select f.* into v_config from public.sms_configs as f where f.id = p_conversation.config_id;
  if p_conversation.leased_for = 'reply' then
    return sms.reply_job(p_conversation, v_config);
  elsif p_conversation.leased_for = 'fallback' then
    return sms.fallback_job(p_conversation, v_config);
  end if;
  select m.* into v_message from public.sms_messages as m
  where m.conversation_id = p_conversation.id and m.is_open
    and m.status = case p_conversation.leased_for when 'send' then 'sending' else 'unknown' end
  order by m.send_at, m.id
  limit 1;
  if not found then
    return null;
  end if;
  return sms.message_job(p_conversation.leased_for, p_conversation, v_config, v_message);
end;
$$;

-- A job of kind reply.
create function sms.reply_job(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object(
    'kind', 'reply',
    'lease_id', p_conversation.lease_id,
    'conversation_id', p_conversation.id,
    'message_id', p_conversation.last_pending_id,
    'attempt', p_conversation.reply_attempts,
    'config_id', p_config.id,
    'contact_number', p_conversation.contact_number,
    'system_prompt', p_config.system_prompt,
    'openai_model', p_config.openai_model,
    'max_tokens', p_config.max_tokens,
    'temperature', p_config.temperature,
    'max_segments', p_config.max_segments,
    'fold_accents', p_config.fold_accents,
    'history', sms.history(p_conversation, p_config),
    'knowledge', sms.passages_of(p_conversation.leased_context -> 'used'),
    'contact', sms.known_of(
      p_conversation.user_id, p_conversation.contact_number, p_config.context_attributes
    ),
    'opt_out_hint', sms.opt_out_hint(p_conversation, p_config),
    'notice', case when p_config.first_reply_notice is not null
      and not sms.was_answered(p_conversation.id) then p_config.first_reply_notice end,
    'tools', case when p_config.tools is not null then sms.offered_tools(p_config.tools) end,
    'tool_calls', case when p_conversation.tool_calls_since is not null
      then sms.recorded_calls(p_conversation) end,
    'stay_silent_for', p_config.stay_silent_for
  );
end;
$$;

-- Has the contact had a reply of the AI, or the fallback, in this conversation?
create function sms.was_answered(p_conversation_id uuid)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.author in ('ai', 'system') and m.canned_reply is null
  );
end;
$$;

-- What the model is shown, [{id, role, content}]: the last messages up to the newest one a reply is
-- due for, more than history_limit when so many wait; before them, where there is room, the last
-- ones of the contact's earlier conversation with this number. No more characters than policy
-- allows.
create function sms.history(p_conversation public.sms_conversations, p_config public.sms_configs)
returns jsonb language plpgsql stable as $$
declare
  v_policy sms.policy := sms.policy();
  v_turns jsonb := sms.turns(
    p_conversation.id, p_conversation.last_pending_id,
    greatest(p_config.history_limit, sms.unanswered(p_conversation)), v_policy.history_characters
  );
  v_room bigint := p_config.history_limit - jsonb_array_length(v_turns);
begin
  if v_room <= 0 or not p_config.history_across then
    return v_turns;
  end if;
  return coalesce((
    select sms.turns(c.id, null, v_room, v_policy.history_characters - length(v_turns::text))
    from public.sms_conversations as c
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and c.closed_at > now() - v_policy.history_across_for
      and c.user_id = p_conversation.user_id
    order by c.closed_at desc
    limit 1
  ), '[]') || v_turns;
end;
$$;

-- The last messages of a conversation, up to p_up_to_id or all, oldest first; the newest of them is
-- always there when it is the one to be answered. A reply stands after the message it answers, also
-- when a newer one superseded it. A picture is named by its type, which the model cannot see. Opt
-- words and what confirmed them are between the contact and the carriers: to a model a STOP in the
-- past reads like a request of now.
create function sms.turns(
  p_conversation_id uuid, p_up_to_id bigint, p_limit bigint, p_characters integer,
  p_first_id bigint default 0, p_last_id bigint default 9223372036854775807
)
returns jsonb language plpgsql stable as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object('id', b.id, 'role', b.role, 'content', b.content) order by b.place, b.id
      ), '[]'
    )
    from (
      select h.*, sum(length(h.content)) over (order by h.id desc) as characters,
        row_number() over (order by h.id desc) as rank
      from (
        select m.id, coalesce(m.in_reply_to, m.id) as place,
          case m.direction when 'incoming' then 'user' else 'assistant' end as role,
          concat_ws(' ', nullif(m.message_content, ''), case when m.media <> '[]' then (
            select format('[sent %s not shown here: %s]', case count(*)
              when 1 then 'an attachment' else count(*) || ' attachments' end,
              string_agg(a ->> 'content_type', ', '))
            from jsonb_array_elements(m.media) as a
          ) end) as content
        from public.sms_messages as m
        where m.conversation_id = p_conversation_id and m.id between p_first_id and p_last_id
          and (p_up_to_id is null or m.id <= p_up_to_id or m.in_reply_to < p_up_to_id)
          and coalesce(m.intent, m.canned_reply, '') not in ('stop', 'start', 'help')
          and sms.reached_twilio(m.message_sid, m.status)
        order by m.id desc
        limit p_limit
      ) as h
    ) as b
    where b.characters <= p_characters or b.rank = 1 and p_up_to_id is not null
  );
end;
$$;

-- False for a message that never was at Twilio: what it answers, the next answer covers. A
-- carrier's later "failed" may still be contradicted.
create function sms.reached_twilio(p_message_sid text, p_status text)
returns boolean language sql immutable as $$
  select p_message_sid is not null or p_status not in ('blocked', 'canceled', 'failed', 'queued');
$$;

-- How many messages the next answer has to cover, at most 100: the model is shown all of them.
create function sms.unanswered(p_conversation public.sms_conversations)
returns bigint language plpgsql stable as $$
begin
  return (
    select count(*) from (
      select from public.sms_messages as m
      where m.conversation_id = p_conversation.id
        and m.direction = 'incoming'
        and m.id <= p_conversation.last_pending_id
        and m.id > coalesce((
          select coalesce(o.in_reply_to, o.id) from public.sms_messages as o
          where o.conversation_id = p_conversation.id
            and o.direction = 'outgoing' and sms.reached_twilio(o.message_sid, o.status)
          order by o.created_at desc
          limit 1
        ), 0)
      order by m.id desc
      limit 100
    ) as waiting
  );
end;
$$;

-- A job of kind fallback.
create function sms.fallback_job(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object(
    'kind', 'fallback',
    'lease_id', p_conversation.lease_id,
    'conversation_id', p_conversation.id,
    'message_id', p_conversation.last_pending_id,
    'content', coalesce(
      sms.recorded_reply(p_conversation, p_config),
      sms.canned_content(p_config, 'fallback', sms.contact_language(p_conversation))
    ),
    'fold_accents', p_config.fold_accents,
    'max_segments', p_config.max_segments
  );
end;
$$;

-- The jobs, as the worker gets them.
-- A job of kind send or reconcile.
create function sms.message_job(
  p_kind text, p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message public.sms_messages
)
returns jsonb language sql stable as $$
  select jsonb_build_object(
    'kind', p_kind,
    'lease_id', p_conversation.lease_id,
    'conversation_id', p_conversation.id,
    'message_id', p_message.id,
    'from', p_config.phone_number,
    'to', p_conversation.contact_number,
    'service_sid', p_config.messaging_service_sid,
    'content', p_message.message_content,
    'sent_after', p_message.sending_at - (sms.policy()).sent_before
  );
$$;

-- Ends a lease if it is still this one.
create function sms.end_lease(p_conversation_id uuid, p_lease_id uuid)
returns boolean language plpgsql as $$
begin
  update public.sms_conversations as c
  set lease_id = null, leased_until = null, leased_for = null
  where c.id = p_conversation_id and c.lease_id = p_lease_id;
  return found;
end;
$$;

-- The conversation to work on now, locked; null: none. Others than the busy number go first.
create function sms.next_conversation(
  p_now timestamptz, p_from timestamptz, p_window_end timestamptz, p_busy_config_id uuid
)
returns public.sms_conversations language plpgsql as $$
declare
  v_conversation public.sms_conversations;
begin
  if p_busy_config_id is not null then
    -- Look past the busy number's backlog, but not through all of it.
    v_conversation := sms.pick_beside(p_now, p_from, p_window_end, p_busy_config_id);
    if v_conversation.id is null then
      v_conversation := sms.pick_behind(p_now, p_busy_config_id);
    end if;
  end if;
  if v_conversation.id is null then
    v_conversation := sms.pick_conversation(p_now, p_from, p_now);
  end if;
  if v_conversation.id is not null and not sms.has_contact_alone(v_conversation, p_now) then
    return null;
  end if;
  return v_conversation;
end;
$$;

-- Locks the conversation whose work is due first. Not one whose contact has another one leased:
-- messages to a contact leave in order.
create function sms.pick_conversation(
  p_now timestamptz, p_from timestamptz, p_window_end timestamptz
)
returns public.sms_conversations language plpgsql set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation
  from public.sms_conversations as c
  where least(c.reply_due_at, c.send_due_at) between p_from and p_window_end
    and (c.lease_id is null or c.leased_until <= p_now)
    and not sms.is_contact_busy(c, p_now)
  order by least(c.reply_due_at, c.send_due_at)
  limit 1
  for no key update of c skip locked;
  return v_conversation;
end;
$$;

-- The first conversation of another number among the 200 at the head of the queue: also when a
-- whole backlog is due at one moment, no more than these are looked at.
create function sms.pick_beside(
  p_now timestamptz, p_from timestamptz, p_window_end timestamptz, p_not_config_id uuid
)
returns public.sms_conversations language plpgsql set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation
  from public.sms_conversations as c
  where c.id = any (array(
      select h.id
      from (
        select o.id, o.config_id from public.sms_conversations as o
        where least(o.reply_due_at, o.send_due_at) between p_from and p_window_end
        order by least(o.reply_due_at, o.send_due_at)
        limit 200
      ) as h
      where h.config_id <> p_not_config_id
    ))
    and least(c.reply_due_at, c.send_due_at) <= p_now
    and (c.lease_id is null or c.leased_until <= p_now)
    and not sms.is_contact_busy(c, p_now)
  order by least(c.reply_due_at, c.send_due_at)
  limit 1
  for no key update of c skip locked;
  return v_conversation;
end;
$$;

-- Locks a due conversation of another number, however long the busy one's backlog before it is:
-- from number to number of those with anything due or pending, 20 at most, from a different one
-- each time.
create function sms.pick_behind(p_now timestamptz, p_not_config_id uuid)
returns public.sms_conversations language plpgsql set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_conversation public.sms_conversations;
  v_config_id uuid := gen_random_uuid();
  v_wrapped boolean := false;
begin
  for v_step in 1 .. 20 loop
    select c.config_id into v_config_id
    from public.sms_conversations as c
    where least(c.reply_due_at, c.send_due_at) is not null and c.config_id > v_config_id
    order by c.config_id, least(c.reply_due_at, c.send_due_at)
    limit 1;
    if not found then
      exit when v_wrapped;
      v_wrapped := true;
      v_config_id := '00000000-0000-0000-0000-000000000000';
      continue;
    end if;
    continue when v_config_id = p_not_config_id;
    select c.* into v_conversation
    from public.sms_conversations as c
    -- A range, not an equation: by that the planner would take the order of the due index alone
    -- and walk through the whole backlog.
    where c.config_id between v_config_id and v_config_id
      and least(c.reply_due_at, c.send_due_at) <= p_now
      and (c.lease_id is null or c.leased_until <= p_now)
      and not sms.is_contact_busy(c, p_now)
    order by c.config_id, least(c.reply_due_at, c.send_due_at)
    limit 1
    for no key update of c skip locked;
    exit when found;
  end loop;
  return v_conversation;
end;
$$;

-- Two sessions may pick two conversations of one contact at the same moment: one goes on. Looked up
-- after the lock, by a statement of its own: the other may have leased and committed meanwhile.
create function sms.has_contact_alone(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended(
    p_conversation.config_id::text || p_conversation.contact_number, 0
  )) then
    return false;
  end if;
  return not sms.is_contact_busy(p_conversation, p_now);
end;
$$;

-- Is another conversation of this number with this contact leased? Messages to a contact leave in
-- order. A look per row: joined to a queue it would read all conversations.
create function sms.is_contact_busy(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_conversations as o
    where o.config_id = p_conversation.config_id
      and o.contact_number = p_conversation.contact_number
      and o.id <> p_conversation.id and o.leased_until > p_now
  );
end;
$$;

-- The job a locked conversation has now: a queued message first, then an unknown one to look up,
-- then the pending reply. Null: none after all.
create function sms.claim_conversation(
  p_conversation public.sms_conversations, p_lease_id uuid, p_worker text, p_until timestamptz,
  p_now timestamptz
)
returns jsonb language plpgsql as $$
declare
  v_has_open boolean := p_conversation.send_due_at is not null;
  v_job jsonb;
begin
  if v_has_open then
    v_job := sms.claim_open_message(p_conversation, p_lease_id, p_worker, p_until, p_now);
  end if;
  if v_job is null and p_conversation.reply_due_at <= p_now then
    if not (v_has_open and sms.delay_reply(p_conversation, p_now)) then
      v_job := sms.claim_reply(p_conversation, p_lease_id, p_worker, p_until, p_now);
    end if;
  end if;
  if v_job is null then
    update public.sms_conversations as c
    set send_due_at = sms.send_due(c.id),
      lease_id = null, leased_until = null, leased_for = null
    where c.id = p_conversation.id;
  end if;
  return v_job;
end;
$$;

-- A queued message to send, else an unknown one to look up; null: none now.
create function sms.claim_open_message(
  p_conversation public.sms_conversations, p_lease_id uuid, p_worker text, p_until timestamptz,
  p_now timestamptz
)
returns jsonb language plpgsql as $$
declare
  v_job jsonb;
begin
  perform sms.mark_unknown(p_conversation);
  v_job := sms.claim_queued_message(p_conversation, p_lease_id, p_worker, p_until, p_now);
  if v_job is null and exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.is_open
      and m.status = 'unknown' and m.send_at <= p_now
  ) then
    v_job := sms.lease(p_conversation, null, p_lease_id, p_worker, p_until, 'reconcile');
  end if;
  return v_job;
end;
$$;

-- Takes the first queued message through the gate; null: there is none to send now.
create function sms.claim_queued_message(
  p_conversation public.sms_conversations, p_lease_id uuid, p_worker text, p_until timestamptz,
  p_now timestamptz
)
returns jsonb language plpgsql as $$
declare
  v_config public.sms_configs;
  v_message public.sms_messages;
  v_verdict text;
begin
  select f.* into v_config from public.sms_configs as f where f.id = p_conversation.config_id;
  loop
    select m.* into v_message from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.is_open and m.status = 'queued'
    order by m.id
    limit 1;
    if not found then
      return null;
    end if;
    if v_message.in_reply_to < p_conversation.last_pending_id
      and p_conversation.reply_due_at is not null
      and coalesce(v_message.canned_reply, 'keyword') = 'keyword'
      and not sms.tells_what_was_done(v_message.id) then
      v_verdict := 'superseded'; -- the newer message's answer covers both
    elsif v_message.send_at > p_now then
      return null;
    else
      v_verdict := coalesce(
        case when sms.keeps_quiet_hours(v_message)
          and sms.quiet_until(v_config, p_now) is not null then 'quiet' end,
        sms.send_verdict(p_conversation, v_config, v_message, p_now),
        case when v_message.author <> 'human' and v_message.attempts = 0
          and not sms.count_automatic(v_config, p_now) then 'rate_limit' end
      );
    end if;
    exit when v_verdict is null;
    perform sms.withhold_queued(v_message, v_verdict, case v_verdict
      when 'quiet' then sms.quiet_until(v_config, p_now)
      when 'suspended' then v_config.suspended_until
    end);
  end loop;
  update public.sms_messages as m
  set status = 'sending', sending_at = p_now, send_at = p_until, attempts = m.attempts + 1,
    emits_events = case when v_config.event_types <> '{}' then true end,
    error_message = null
  where m.id = v_message.id;
  return sms.lease(p_conversation, v_config, p_lease_id, p_worker, p_until, 'send');
end;
$$;

-- Quiet hours hold every automatic message until their end, when the gate is asked anew; but not
-- what was begun before them, nor what the contact's own STOP and HELP ask for at any hour.
create function sms.keeps_quiet_hours(p_message public.sms_messages)
returns boolean language plpgsql immutable as $$
begin
  return sms.gate_kind(p_message) not in ('human', 'stop', 'help')
    and p_message.attempts = 0 and p_message.error_message is distinct from 'quiet';
end;
$$;

-- What the gate does to a queued message: quiet and suspended wait, opted_out is blocked, the rest
-- is canceled and gives in_reply_to back.
create function sms.withhold_queued(
  p_message public.sms_messages, p_verdict text, p_not_before timestamptz
)
returns void language plpgsql as $$
begin
  if p_not_before is not null then
    update public.sms_messages as m set send_at = p_not_before, error_message = p_verdict
    where m.id = p_message.id;
  else
    update public.sms_messages as m
    set status = case when p_verdict = 'opted_out' then 'blocked' else 'canceled' end,
      send_at = null, in_reply_to = null, error_message = p_verdict
    where m.id = p_message.id;
  end if;
end;
$$;

-- Leases a locked conversation for one job and returns the job.
create function sms.lease(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_lease_id uuid,
  p_worker text, p_until timestamptz, p_for text
)
returns jsonb language plpgsql as $$
declare
  v_conversation public.sms_conversations;
  v_context jsonb;
begin
  if p_for = 'reply' then
    v_context := jsonb_build_object('version', p_config.version);
    if p_config.knowledge_size > 0 and p_config.knowledge_tokens > 0 then
      v_context := v_context
        || jsonb_build_object('used', sms.passages_for(p_conversation, p_config));
    end if;
  end if;
  update public.sms_conversations as c
  set lease_id = p_lease_id, leased_until = p_until, leased_for = p_for, leased_by = p_worker,
    reply_attempts = c.reply_attempts + (p_for = 'reply')::int,
    leased_context = v_context,
    send_due_at = case when c.send_due_at is not null then sms.send_due(c.id) end
  where c.id = p_conversation.id
  returning c.* into v_conversation;
  return case p_for
    when 'reply' then sms.reply_job(v_conversation, p_config)
    when 'fallback' then sms.fallback_job(v_conversation, p_config)
    else sms.job(v_conversation)
  end;
end;
$$;

-- Puts the pending reply behind the open messages it has to wait for. False: it need not wait.
create function sms.delay_reply(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean language plpgsql as $$
begin
  update public.sms_conversations as c set reply_due_at = q.send_at
  from (
    select m.send_at from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.is_open and (
      m.status = 'queued' -- behind the messages that wait: they leave in order
      or sms.must_wait_for(m, p_now)
    )
    order by m.id
    limit 1
  ) as q
  where c.id = p_conversation.id;
  return found;
end;
$$;

-- While nobody knows whether Twilio has an answer, the next one cannot know what it has to cover:
-- too little leaves messages unanswered, too much answers them twice. It waits, but not for ever; a
-- human's message does not.
create function sms.must_wait_for(p_message public.sms_messages, p_now timestamptz)
returns boolean language plpgsql stable as $$
begin
  return p_message.status = 'unknown' and p_message.in_reply_to is not null
    and p_message.created_at > p_now - (sms.policy()).resend_within;
end;
$$;

-- The pending reply: generate it, or send the fallback when the attempts are used up. Null: not
-- now, or not at all.
create function sms.claim_reply(
  p_conversation public.sms_conversations, p_lease_id uuid, p_worker text, p_until timestamptz,
  p_now timestamptz
)
returns jsonb language plpgsql as $$
declare
  v_config public.sms_configs;
  v_verdict text;
  v_not_before timestamptz;
begin
  select f.* into v_config from public.sms_configs as f where f.id = p_conversation.config_id;
  v_not_before := sms.quiet_until(v_config, p_now);
  if v_not_before is null then -- what is forbidden is decided when the quiet hours end
    v_verdict := sms.send_verdict(p_conversation, v_config, null, p_now);
    v_not_before := case when v_verdict = 'suspended' then v_config.suspended_until end;
  end if;
  if v_not_before is not null then
    update public.sms_conversations as c set reply_due_at = v_not_before
    where c.id = p_conversation.id;
  elsif v_verdict is not null then
    perform sms.withhold_reply(p_conversation.id, v_verdict);
  elsif p_conversation.reply_attempts < (sms.policy()).reply_attempts_max then
    return sms.lease(p_conversation, v_config, p_lease_id, p_worker, p_until, 'reply');
  elsif sms.has_acted(p_conversation) or sms.fallback_is_due(p_conversation, p_now) then
    perform sms.ask_for_human_after_tools(p_conversation);
    return sms.lease(p_conversation, v_config, p_lease_id, p_worker, p_until, 'fallback');
  else
    perform sms.withhold_reply(p_conversation.id, coalesce(p_conversation.reply_error, 'no answer'));
  end if;
  return null;
end;
$$;

-- Seconds until work that is free is due or a lease ends; null: there is none.
create function sms.seconds_until_work(p_now timestamptz, p_from timestamptz)
returns numeric language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_at timestamptz := (
    select least(c.reply_due_at, c.send_due_at) from public.sms_conversations as c
    where least(c.reply_due_at, c.send_due_at) >= p_from
      and (c.lease_id is null or c.leased_until <= p_now)
      and not sms.is_contact_busy(c, p_now)
    order by least(c.reply_due_at, c.send_due_at)
    limit 1
  );
begin
  if v_at <= p_now then
    return 0;
  end if;
  v_at := least(v_at, (
    select min(c.leased_until) from public.sms_conversations as c
    where c.lease_id is not null and c.leased_until > p_now
  ));
  return extract(epoch from v_at - p_now);
end;
$$;

create function public.release_sms_work(p_lease_id uuid)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
  if not found then
    return sms.release_replay(p_lease_id);
  end if;
  -- Released before the request was made: the message goes back as it was.
  update public.sms_messages as m
  set status = 'queued', send_at = clock_timestamp(), attempts = greatest(m.attempts - 1, 0)
  where m.conversation_id = v_conversation.id and m.is_open and m.status = 'sending';
  update public.sms_conversations as c
  set lease_id = null, leased_until = null, leased_for = null,
    reply_attempts = greatest(c.reply_attempts - (c.leased_for = 'reply')::int, 0),
    send_due_at = sms.send_due(c.id)
  where c.id = v_conversation.id;
  return true;
end;
$$;
comment on function public.release_sms_work(uuid) is
  'Gives a job back with its attempt, for a worker that is stopping. Only before its message was '
  'handed to Twilio. False: the lease was gone.';

-- The next job, handed out by the call that ended the one before; null: the claim failed.
create function sms.claim_next(p_lease_id uuid, p_worker text)
returns jsonb language plpgsql as $$
begin
  return sms.claim(p_lease_id, null, p_worker);
exception
  when others then
    -- What the same call has recorded must stand. A claim made by itself tells what is wrong.
    return null;
end;
$$;

-- 21_reply.sql ====================================================================================

-- A generated reply, or why there is none. The gate: may this message leave? Asked in the
-- transaction that moves a row to 'sending', after the lock on its conversation; and at claim,
-- before a model is paid for.

-- plpgsql on purpose, one statement after another: as a single statement its subqueries would see
-- the snapshot from before the wait for the lock, and a superseded answer would go out.
create function public.queue_sms_reply(
  p_lease_id uuid, p_message_id bigint, p_content text, p_encoding text, p_segments integer,
  p_model text default null, p_prompt_tokens integer default null,
  p_completion_tokens integer default null, p_generation_ms integer default null,
  p_shown_first_id bigint default null, p_shown_last_id bigint default null,
  p_prompt_hash text default null
)
returns jsonb language plpgsql set search_path = '' set plan_cache_mode = 'force_generic_plan' as $$
declare
  v_now timestamptz;
  v_conversation public.sms_conversations;
  v_config public.sms_configs;
  v_message public.sms_messages;
  v_verdict text;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
  v_now := clock_timestamp();
  if not found or v_conversation.leased_until <= v_now then
    return jsonb_build_object('outcome', 'gone');
  end if;
  if v_conversation.leased_for = 'send' then -- asked again: the response was lost
    return coalesce(
      sms.job(v_conversation) || jsonb_build_object('outcome', 'send'),
      jsonb_build_object('outcome', 'gone')
    );
  end if;

  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  v_verdict := coalesce(
    sms.send_verdict(v_conversation, v_config, null, v_now),
    case when sms.is_superseded(v_conversation, p_message_id, v_now) then 'superseded' end,
    case when not sms.count_automatic(v_config, v_now) then 'rate_limit' end
  );
  if v_verdict is not null then
    return sms.withhold_generated_reply(v_conversation, v_verdict);
  end if;

  insert into public.sms_messages as m (
    conversation_id, user_id, direction, author, status, message_content, in_reply_to, encoding,
    segments, model, config_version, used, shown_first_id, shown_last_id, prompt_hash,
    prompt_tokens, completion_tokens, generation_ms, attempts, sending_at, send_at, occurred_at,
    created_at, response_seconds, emits_events
  ) values (
    v_conversation.id, v_conversation.user_id, 'outgoing',
    case v_conversation.leased_for when 'fallback' then 'system' else 'ai' end,
    'sending', p_content, p_message_id, p_encoding, p_segments,
    p_model, (v_conversation.leased_context ->> 'version')::integer,
    sms.ids_of(v_conversation.leased_context -> 'used'), p_shown_first_id, p_shown_last_id,
    p_prompt_hash, p_prompt_tokens,
    p_completion_tokens, p_generation_ms, 1, v_now,
    v_conversation.leased_until, v_now, v_now,
    case when v_conversation.leased_for <> 'fallback'
      then sms.response_seconds(v_conversation.id, v_now) end,
    case when v_config.event_types <> '{}' then true end
  )
  returning m.* into v_message;
  if v_conversation.tool_calls_since = v_conversation.waiting_since then
    perform sms.end_tool_calls(v_conversation, v_message.id);
  end if;
  perform sms.mark_answered(v_conversation, p_message_id, v_now);
  if v_message.author = 'system' and 'reply.failed' = any(v_config.event_types) then
    perform sms.emit_event(v_config, 'reply.failed', v_conversation.id, p_message_id, null, v_conversation.reply_error);
  end if;
  return sms.message_job('send', v_conversation, v_config, v_message)
    || jsonb_build_object('outcome', 'send');
end;
$$;
comment on function public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer, bigint, bigint, text) is
  'Takes a generated answer (or the fallback reply) to p_message_id through the gate and writes its '
  'row as sending. Returns {outcome: send, message_id, from, to, service_sid, content}, or '
  'superseded, blocked (with the reason) or gone (the lease is lost): then nothing may be sent.';

-- Null: it may leave. Else the rule that forbids it: opted_out, closed, suspended (for now), and
-- for what is automatic also paused, loop or rate_limit. p_message: a queued row; null: a reply
-- that is generated. A row that was tried before is counted in the number's day.
create function sms.send_verdict(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message public.sms_messages, p_now timestamptz
)
returns text language plpgsql stable as $$
declare
  v_kind text := sms.gate_kind(p_message);
begin
  return case
    when v_kind not in ('stop', 'help') and sms.is_opted_out(
      p_conversation.user_id, p_conversation.contact_number, p_config.phone_number
    ) then 'opted_out'
    when p_conversation.status = 'closed' then 'closed'
    when p_config.suspended_until > p_now then 'suspended'
    when v_kind = 'human' then null
    when v_kind = 'ai' and p_conversation.is_blocked then 'blocked'
    when v_kind = 'ai' and (
      not (p_config.auto_reply and p_conversation.auto_reply)
      or p_conversation.paused_until > p_now
    ) then 'paused'
    when v_kind = 'ai' and sms.is_looping(p_conversation.id, p_now) then 'loop'
    when v_kind in ('ai', 'start', 'help')
      and sms.is_rate_limited(p_conversation, p_config, p_message, p_now) then 'rate_limit'
    when coalesce(p_message.attempts, 0) = 0
      and sms.is_day_used_up(p_config.id, p_now) then 'rate_limit'
  end;
end;
$$;

-- Under whose rules a message passes the gate: human, ai (a reply, the fallback, a canned reply in
-- its place), or one of the notices that have to be said anyway, by name.
create function sms.gate_kind(p_message public.sms_messages)
returns text language sql immutable as $$
  select case
    when p_message.author = 'human' then 'human'
    when p_message.canned_reply in ('stop', 'start', 'help', 'rate_limit') then p_message.canned_reply
    else 'ai'
  end;
$$;

-- Another machine is answering: the same words again and again, each time after a reply of ours.
-- Without a reply between them they are a human who waits for one. The newest 50 messages are
-- looked at; what repeats itself faster than that is stopped by the rate limits.
create function sms.is_looping(p_conversation_id uuid, p_now timestamptz)
returns boolean language plpgsql stable as $$
declare
  v_policy sms.policy;
  v_content text;
begin
  -- Two different messages: no loop, the usual case.
  select min(t.message_content) into v_content
  from (
    select m.message_content from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.direction = 'incoming'
    order by m.id desc
    limit 2
  ) as t
  having count(*) = 2 and min(t.message_content) = max(t.message_content);
  if v_content is null then
    return false;
  end if;
  v_policy := sms.policy();
  if length(v_content) < v_policy.loop_length_min then
    return false;
  end if;
  return (
    with recent as (
      select m.id, m.direction, m.message_content from public.sms_messages as m
      where m.conversation_id = p_conversation_id
        and m.created_at > p_now - v_policy.loop_window
        and m.author <> 'human' and sms.reached_twilio(m.message_sid, m.status)
      order by m.id desc
      limit 50
    ), repeated as (
      select r.direction, lag(r.direction) over (order by r.id) as before
      from recent as r
      where r.id > coalesce((
        select max(o.id) from recent as o
        where o.direction = 'incoming' and o.message_content <> v_content
      ), 0)
    )
    select count(*) >= v_policy.loop_rounds from repeated as r
    where r.direction = 'incoming' and r.before is distinct from 'incoming'
  );
end;
$$;

-- Has this contact had its automatic replies for now? A row of its own is counted among them.
create function sms.is_rate_limited(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message public.sms_messages, p_now timestamptz
)
returns boolean language plpgsql stable as $$
declare
  v_policy sms.policy := sms.policy();
  v_hour timestamptz := p_now - v_policy.hourly_window;
  v_day timestamptz := p_now - v_policy.daily_window;
begin
  return (
    select count(*) filter (where m.created_at > v_hour) >= p_config.replies_per_hour
      or count(*) >= p_config.replies_per_day
    from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and m.direction = 'outgoing'
      and (m.author = 'ai' or m.canned_reply in ('bot', 'keyword', 'start', 'help'))
      and m.status not in ('canceled', 'blocked')
      and m.id is distinct from p_message.id
      and m.created_at > v_day
      and c.last_message_at > v_day
  );
end;
$$;

-- How many automatic messages a number sent on the day it last sent one. Its own table, because it
-- is locked for a moment by each of them.
create table sms.automatic_messages (
  config_id uuid not null,
  day date not null,
  messages integer not null,
  constraint automatic_messages_pkey primary key (config_id),
  constraint automatic_messages_config_id_fkey foreign key (config_id)
    references public.sms_configs (id) on delete cascade
) with (fillfactor = 50);

-- Has this number sent what it may on this UTC day?
create function sms.is_day_used_up(p_config_id uuid, p_now timestamptz)
returns boolean language plpgsql stable as $$
begin
  return coalesce((
    select a.messages from sms.automatic_messages as a
    where a.config_id = p_config_id and a.day = (p_now at time zone 'UTC')::date
  ), 0) >= (
    select f.number_replies_per_day from public.sms_configs as f where f.id = p_config_id
  );
end;
$$;

-- Counts an automatic message in its number's row, which stays locked until the commit: so the
-- bound holds for many workers at once. False: the day is used up, and nothing was counted.
create function sms.count_automatic(p_config public.sms_configs, p_now timestamptz)
returns boolean language plpgsql as $$
begin
  if p_config.number_replies_per_day < 1 then
    return false;
  end if;
  insert into sms.automatic_messages as a (config_id, day, messages)
  values (p_config.id, (p_now at time zone 'UTC')::date, 1)
  on conflict (config_id) do update set day = excluded.day,
    messages = case when a.day = excluded.day then a.messages else 0 end + 1
    where a.day <> excluded.day or a.messages < p_config.number_replies_per_day;
  return found;
end;
$$;

-- A newer message that a reply is due for came while the answer was generated, and waiting for the
-- next answer is still fair: not twice dropped already, not 30 s old; and no tool has acted, of
-- which the answer tells.
create function sms.is_superseded(p_conversation public.sms_conversations, p_message_id bigint, p_now timestamptz)
returns boolean language plpgsql stable as $$
declare
  v_policy sms.policy;
begin
  if p_conversation.last_pending_id <> p_message_id then
    v_policy := sms.policy();
    return p_conversation.superseded < v_policy.superseded_max
      and p_now < p_conversation.waiting_since + v_policy.superseded_for
      and not sms.has_acted(p_conversation);
  end if;
  return false;
end;
$$;

-- A generated answer that may not leave: superseded and suspended stay pending and give their
-- attempt back.
create function sms.withhold_generated_reply(p_conversation public.sms_conversations, p_reason text)
returns jsonb language plpgsql as $$
begin
  if p_reason = 'superseded' then
    update public.sms_conversations as c
    set superseded = c.superseded + 1, reply_attempts = greatest(c.reply_attempts - 1, 0)
    where c.id = p_conversation.id;
  elsif p_reason = 'suspended' then
    update public.sms_conversations as c
    set reply_due_at = f.suspended_until, reply_attempts = greatest(c.reply_attempts - 1, 0)
    from public.sms_configs as f
    where c.id = p_conversation.id and f.id = c.config_id and c.reply_due_at is not null;
  else
    perform sms.withhold_reply(p_conversation.id, p_reason);
  end if;
  perform sms.end_lease(p_conversation.id, p_conversation.lease_id);
  return jsonb_build_object(
    'outcome', case p_reason when 'superseded' then 'superseded' else 'blocked' end, 'reason', p_reason
  );
end;
$$;

-- The pending reply is not given; reply_error and the message itself say why, and at the rate limit
-- the contact is told.
create function sms.withhold_reply(p_conversation_id uuid, p_reason text)
returns void language plpgsql as $$
begin
  perform sms.record_no_reply(p_conversation_id, p_reason);
  update public.sms_conversations as c
  set reply_due_at = null, waiting_since = null, reply_attempts = 0, superseded = 0,
    reply_error = p_reason
  where c.id = p_conversation_id;
  if p_reason = 'rate_limit' then
    perform sms.notify_rate_limited(p_conversation_id);
  end if;
end;
$$;

-- The answer covers all messages up to p_message_id: no reply is pending any more, unless a newer
-- message came. The answer's own row is open until leased_until.
create function sms.mark_answered(p_conversation public.sms_conversations, p_message_id bigint, p_now timestamptz)
returns void language plpgsql as $$
declare
  v_newer_at timestamptz;
begin
  if p_conversation.last_pending_id > p_message_id then
    select m.created_at into v_newer_at
    from public.sms_messages as m
    where m.conversation_id = p_conversation.id
      and m.direction = 'incoming' and m.id > p_message_id
    order by m.id
    limit 1;
  end if;
  update public.sms_conversations as c
  set reply_due_at = case when v_newer_at is not null then c.reply_due_at end,
    waiting_since = case when c.reply_due_at is not null then v_newer_at end,
    reply_attempts = 0,
    superseded = 0,
    reply_error = null,
    last_message_at = greatest(c.last_message_at, p_now),
    send_due_at = case when c.send_due_at is null then c.leased_until else sms.send_due(c.id) end,
    leased_for = 'send'
  where c.id = p_conversation.id;
end;
$$;

create function public.fail_sms_reply(
  p_lease_id uuid, p_error text, p_suspends boolean default false, p_retry_after numeric default null
)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
  v_timing sms.policy := sms.policy();
  v_outcome text;
  v_now timestamptz;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
  v_now := clock_timestamp();
  if not found then
    return jsonb_build_object('outcome', 'gone');
  elsif v_conversation.leased_for = 'send' then -- its row exists: it is a delivery now
    return jsonb_build_object('outcome', 'refused');
  end if;
  v_outcome := case when p_suspends then 'suspended'
    when v_conversation.reply_attempts >= v_timing.reply_attempts_max then 'fallback'
    else 'retry' end;
  if p_suspends then
    perform sms.suspend(v_conversation.config_id, p_error);
  end if;
  update public.sms_conversations as c
  set reply_error = p_error,
    reply_attempts = c.reply_attempts - p_suspends::int,
    reply_due_at = case
      when c.reply_due_at is null then null
      when p_suspends then v_now + v_timing.suspend_for
      when v_outcome = 'fallback' then v_now
      else sms.retry_at(
        v_now, c.reply_attempts, p_retry_after, c.waiting_since + v_timing.retry_for
      )
    end,
    lease_id = null, leased_until = null, leased_for = null
  where c.id = v_conversation.id;
  return jsonb_build_object('outcome', v_outcome);
end;
$$;
comment on function public.fail_sms_reply(uuid, text, boolean, numeric) is
  'No usable answer: tried again after a pause (p_retry_after seconds, if OpenAI asked for them), '
  'or the fallback when the attempts are used up. '
  'p_suspends: the account or key is at fault, so the number rests and the attempt is given back. '
  'Refused once the answer''s row exists.';

-- The account, key or quota was refused: nothing of this number is tried for a while. Other numbers
-- go on.
create function sms.suspend(p_config_id uuid, p_reason text)
returns void language plpgsql as $$
begin
  update public.sms_configs as f
  set suspended_until = clock_timestamp() + (sms.policy()).suspend_for, suspended_reason = p_reason
  where f.id = p_config_id;
end;
$$;

-- When to try again: after the pause that the other side asked for (p_retry_after, seconds), with
-- up to a quarter more, so that those who were turned away together do not come back together; else
-- after our own. It never leads past the end of the window, where the last attempt is made.
create function sms.retry_at(
  p_now timestamptz, p_attempts integer, p_retry_after numeric, p_window_end timestamptz
)
returns timestamptz language plpgsql as $$
declare
  v_own timestamptz := p_now + sms.backoff(p_attempts);
  v_asked interval := make_interval(secs => least(p_retry_after, 604800)::double precision);
begin
  if p_retry_after is null then
    return v_own;
  end if;
  return least(
    p_now + v_asked * (1 + 0.25 * random()),
    greatest(p_window_end - (p_window_end - p_now) * (0.1 * random()), v_own)
  );
end;
$$;

-- The pause after the n-th failed attempt: 5, 10, 20, 40, 60 seconds, give or take a quarter.
create function sms.backoff(p_attempts integer)
returns interval language plpgsql as $$
begin
  return (
    select least(
      t.retry_after * (2 ^ least(greatest(p_attempts, 1) - 1, 10)), greatest(t.retry_after_max, t.retry_after)
    ) * (0.75 + 0.5 * random())
    from sms.policy() as t
  );
end;
$$;

-- Has the contact had no fallback reply within the hour?
create function sms.fallback_is_due(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean language plpgsql stable as $$
begin
  return not exists (
    select from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and m.direction = 'outgoing' and m.author = 'system'
      and m.canned_reply is null and m.in_reply_to is not null
      and m.created_at > p_now - (sms.policy()).fallback_every
  );
end;
$$;

-- 22_send.sql =====================================================================================

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

-- 23_reconcile.sql ================================================================================

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

-- 24_delivery.sql =================================================================================

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

-- 30_takeover.sql =================================================================================

-- What a human does: writes a message, closes a conversation. Both silence the AI at once: the
-- worker that is generating a reply learns it when its lease is gone. A message that cannot reach
-- the contact silences nobody.
--
-- Lock order everywhere: conversation, messages, opt-outs, counters last.

-- How many messages the humans of an account wrote on the day they last wrote one.
create table sms.human_messages (
  user_id uuid not null,
  day date not null,
  messages integer not null,
  constraint human_messages_pkey primary key (user_id)
) with (fillfactor = 50);

-- Refuses a human's message that can never be sent.
create function sms.admit_human_message(
  p_message public.sms_messages, p_conversation public.sms_conversations
)
returns void language plpgsql security definer set search_path = '' as $$
begin
  if p_conversation.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'The conversation is closed',
      hint = 'The contact''s next message opens a new one.';
  elsif sms.is_blank(p_message.message_content) or length(p_message.message_content) > 1600 then
    raise exception using errcode = 'PT422', message = 'The message is empty or too long',
      hint = 'A message has 1 to 1,600 characters, one of them visible.';
  end if;
  perform sms.count_human_message(p_message.user_id, p_message.created_at);
end;
$$;

-- Counts a human's message in the account's own row, which stays locked until the commit: so the
-- bound holds for one statement of many rows and for many sessions at once.
create function sms.count_human_message(p_user_id uuid, p_now timestamptz)
returns void language plpgsql as $$
declare
  v_limit integer := (sms.policy()).human_messages_per_day;
  v_count integer;
begin
  insert into sms.human_messages as h (user_id, day, messages)
  values (p_user_id, (p_now at time zone 'UTC')::date, 1)
  on conflict (user_id) do update set day = excluded.day,
    messages = case when h.day = excluded.day then h.messages else 0 end + 1
  returning h.messages into v_count;
  if v_count > v_limit then
    raise exception using errcode = 'PT429', message = 'Too many messages today',
      hint = format('At most %s messages written by humans per account and UTC day.', v_limit);
  end if;
end;
$$;

-- May a human's message in this state have reached the contact, now or later? One that may not
-- takes nothing over.
create function sms.begins_takeover(p_status text)
returns boolean language sql immutable as $$
  select coalesce(p_status, '') not in ('blocked', 'canceled', 'failed', 'undelivered');
$$;

-- A human wrote: the AI is silent, also with the answer it is generating. A blocked message is
-- shown and changes nothing else.
create function sms.after_human_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_keeps_lease boolean := sms.has_sending(new.conversation_id);
begin
  if not sms.begins_takeover(new.status) then
    update public.sms_conversations as c
    set last_message_at = greatest(c.last_message_at, new.created_at)
    where c.id = new.conversation_id;
    return null;
  end if;
  perform sms.record_no_reply(new.conversation_id, 'human_wrote');
  -- What waits for the end of quiet hours, or for another try, has nothing to add any more, and
  -- must not hold up the human's message.
  update public.sms_messages as m
  set status = 'canceled', send_at = null, in_reply_to = null, error_message = 'human_wrote'
  where m.conversation_id = new.conversation_id and m.is_open and m.status = 'queued'
    and m.author <> 'human' and m.canned_reply is distinct from 'stop'
    and m.id < new.id and m.send_at > new.created_at;
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, new.created_at),
    paused_until = new.created_at + f.takeover_pause,
    wants_human = false,
    assigned_to = coalesce(c.assigned_to, new.sent_by),
    reply_due_at = null,
    waiting_since = null,
    reply_attempts = 0,
    superseded = 0,
    read_up_to_id = greatest(c.read_up_to_id, new.id),
    send_due_at = sms.send_due(c.id),
    lease_id = case when v_keeps_lease then c.lease_id end,
    leased_until = case when v_keeps_lease then c.leased_until end,
    leased_for = case when v_keeps_lease then c.leased_for end
  from public.sms_configs as f
  where c.id = new.conversation_id and f.id = c.config_id;
  return null;
end;
$$;

create trigger sms_messages_after_human
  after insert on public.sms_messages
  for each row when (new.author = 'human') execute function sms.after_human_message();

-- A human's message failed for good: the pause it began ends, or is that of the human's message
-- before it, and a contact who asked for a human still waits for one. A pause set by hand stays.
create function sms.after_human_failed()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_arrived public.sms_messages; -- the newest message of a human that did, or may yet
begin
  select m.* into v_arrived from public.sms_messages as m
  where m.conversation_id = new.conversation_id
    and m.direction = 'outgoing' and m.author = 'human' and sms.begins_takeover(m.status)
  order by m.created_at desc
  limit 1;
  update public.sms_conversations as c
  set paused_until = v_arrived.created_at + f.takeover_pause,
    wants_human = c.wants_human or asked.at is not null,
    wants_human_since = coalesce(c.wants_human_since, asked.at)
  from public.sms_configs as f, (
    select min(m.created_at) as at from public.sms_messages as m
    where m.conversation_id = new.conversation_id and m.intent = 'human'
      and m.id > coalesce(v_arrived.id, 0) and m.id < new.id
  ) as asked
  where c.id = new.conversation_id and c.status = 'active'
    and f.id = c.config_id and c.paused_until = new.created_at + f.takeover_pause;
  return null;
end;
$$;

create trigger sms_messages_after_human_failed
  after update of status on public.sms_messages
  for each row when (
    new.author = 'human' and old.status <> new.status
    and new.status in ('blocked', 'canceled', 'failed', 'undelivered')
  )
  execute function sms.after_human_failed();

-- Is a message of this conversation being handed to Twilio? Then its lease stays.
create function sms.has_sending(p_conversation_id uuid)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.is_open and m.status = 'sending'
  );
end;
$$;

-- Closing drops what is pending; a message being handed to Twilio is finished.
create function sms.before_close()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old.status = 'closed' then
    raise exception using errcode = 'PT409', message = 'A closed conversation stays closed',
      hint = 'The contact''s next message opens a new one.';
  end if;
  perform sms.record_no_reply(new.id, 'closed');
  new.closed_at := clock_timestamp();
  new.closed_by := coalesce(new.closed_by, 'human');
  new.outcome := sms.outcome_of(old);
  new.reply_due_at := null;
  new.waiting_since := null;
  new.wants_human := false;
  if not sms.has_sending(new.id) then
    new.lease_id := null;
    new.leased_until := null;
    new.leased_for := null;
  end if;
  return new;
end;
$$;

create trigger sms_conversations_before_close
  before update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.before_close();

-- Since when a human is waited for, whoever says so: the contact's words, a tool, a member. A name
-- after before_close: what that one takes back is seen here.
create function sms.before_wants_human()
returns trigger language plpgsql set search_path = '' as $$
begin
  new.wants_human_since := case
    when new.wants_human then coalesce(new.wants_human_since, clock_timestamp())
  end;
  return new;
end;
$$;

create trigger sms_conversations_before_wants_human
  before update of wants_human, status on public.sms_conversations
  for each row when (old.wants_human is distinct from new.wants_human)
  execute function sms.before_wants_human();

-- What a conversation came to, from facts: who answered the contact last, unless the last message
-- that wanted a reply got none.
create function sms.outcome_of(p_conversation public.sms_conversations)
returns text language plpgsql stable as $$
declare
  v_by_human boolean;
  v_by_ai boolean;
begin
  if sms.is_opted_out(p_conversation.user_id, p_conversation.contact_number, (
    select f.phone_number from public.sms_configs as f where f.id = p_conversation.config_id
  )) then
    return 'opted_out';
  elsif p_conversation.is_blocked then
    return 'blocked';
  end if;
  select bool_or(m.author = 'human'), bool_or(m.author = 'ai' or m.canned_reply = 'keyword')
  into v_by_human, v_by_ai
  from public.sms_messages as m
  where m.conversation_id = p_conversation.id and m.direction = 'outgoing'
    and m.status not in ('blocked', 'canceled', 'failed', 'undelivered');
  return case
    when p_conversation.wants_human or p_conversation.waiting_since is not null or exists (
      select from (
        select i.id, i.no_reply_reason from public.sms_messages as i
        where i.conversation_id = p_conversation.id and i.direction = 'incoming'
        order by i.id desc
        limit 1
      ) as newest
      where newest.no_reply_reason in ('paused', 'rate_limit', 'loop', 'failed', 'old')
        and not exists (
          select from public.sms_messages as o
          where o.conversation_id = p_conversation.id and o.id > newest.id
            and o.author in ('ai', 'human')
            and o.status not in ('blocked', 'canceled', 'failed', 'undelivered')
        )
    ) then 'unanswered'
    when v_by_human then 'answered_by_human'
    when v_by_ai then 'answered_by_ai'
    else 'unanswered'
  end;
end;
$$;

-- Closes what nobody wrote in for close_after: nothing is open, pending or wanted in it. Returns
-- how many, 500 at most. Only the last two days before the limit are looked through, for the older
-- ones were, and once a day all: one that could not be closed then may be closed now.
create function sms.close_idle_conversations()
returns integer language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
  v_closed integer;
  v_is_full boolean := exists (
    select from sms.maintenance as u where u.idle_checked_at < v_now - interval '1 day'
  );
begin
  with idle as materialized (
    select o.id
    from public.sms_configs as f
    cross join lateral (
      select c.id from public.sms_conversations as c
      where c.user_id = f.user_id and c.config_id = f.id and c.status = 'active'
        and c.last_message_at < v_now - f.close_after
        and (v_is_full or c.last_message_at > v_now - f.close_after - interval '2 days')
        and c.reply_due_at is null and c.send_due_at is null and not c.wants_human
        and (c.lease_id is null or c.leased_until < v_now)
      order by c.last_message_at
      limit 500
      for no key update skip locked
    ) as o
    where f.close_after is not null
    limit 500
  )
  update public.sms_conversations as c set status = 'closed', closed_by = 'idle'
  from idle
  where c.id = idle.id and c.status = 'active' and c.reply_due_at is null
    and c.send_due_at is null and not c.wants_human;
  get diagnostics v_closed = row_count;
  if v_is_full and v_closed < 500 then
    update sms.maintenance as u set idle_checked_at = v_now where true;
  end if;
  return v_closed;
end;
$$;

-- Closing cancels what is queued.
create function sms.after_close()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_messages as m
  set status = 'canceled', send_at = null, in_reply_to = null, error_message = 'closed'
  where m.conversation_id = new.id and m.is_open and m.status = 'queued';
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id)
  where c.id = new.id and c.send_due_at is not null;
  return null;
end;
$$;

create trigger sms_conversations_after_close
  after update of status on public.sms_conversations
  for each row when (old.status is distinct from new.status)
  execute function sms.after_close();

-- The contact opted out, or is blocked: no reply is pending any more in a locked conversation, and
-- whoever is generating one has lost its lease; a message being handed to Twilio is finished.
create function sms.cancel_pending_reply(
  p_conversation_id uuid, p_reason text default 'opted_out'
)
returns void language plpgsql as $$
declare
  v_keeps_lease boolean := sms.has_sending(p_conversation_id);
begin
  perform sms.record_no_reply(p_conversation_id, p_reason);
  update public.sms_conversations as c
  set reply_due_at = null,
    waiting_since = null,
    reply_attempts = 0,
    superseded = 0,
    lease_id = case when v_keeps_lease then c.lease_id end,
    leased_until = case when v_keeps_lease then c.leased_until end,
    leased_for = case when v_keeps_lease then c.leased_for end
  where c.id = p_conversation_id;
end;
$$;

-- 31_tools.sql ====================================================================================

-- The model's tools are SQL functions. A function in schema sms_tools with a comment is a tool: its
-- name, comment and parameter types are what the model is shown. It runs as role sms_contact, which
-- is granted nothing by default, so that the policies of your tables for sms_contact decide what the
-- assistant of this contact sees; and it acts once for a pending reply, whatever is retried, killed
-- or superseded.
--
--   claim_sms_work     hands out what the number offers (sms_configs.tools) and the recorded calls
--   call_sms_tool      records the call, runs it as sms_contact, keeps its result: one transaction
--   queue_sms_reply    ends the list of calls: they stand under the reply they led to
--
-- A list of calls belongs to a pending reply, which waiting_since tells apart from the one before
-- and the one after: whatever answers, cancels or begins one changes it, and nobody has to end a
-- list by hand. sms_conversations.tool_calls_since says whether there is one without a look at the
-- calls: a message without tools pays nothing.

-- Roles belong to the server, not to the database: it may be there already, or be made this moment.
do $$
begin
  begin
    create role sms_contact nologin noinherit;
  exception
    when duplicate_object or unique_violation then null;
  end;
  begin
    execute format('grant sms_contact to %I', current_user); -- to give it one function, in 90
  exception
    when unique_violation then null;
  end;
end;
$$;

create schema sms_tools;
comment on schema sms_tools is
  'Each function here that has a comment is a tool a number may offer its model (sms_configs.tools). '
  'Not exposed by the Data API.';

create type sms_tools.no_reply_kind as enum ('automatic_message', 'reaction', 'goodbye');

create table public.sms_tool_calls (
  id bigint generated always as identity,
  user_id uuid not null,
  conversation_id uuid not null,
  waiting_since timestamptz not null,
  message_id bigint not null,
  reply_id bigint,
  name text not null,
  arguments jsonb not null,
  acts boolean not null,
  result jsonb,
  error text,
  duration_ms integer,
  created_at timestamptz not null default clock_timestamp(),
  constraint sms_tool_calls_pkey primary key (id),
  -- Looked at when the tool has run: the lock it takes would keep a human from closing meanwhile.
  constraint sms_tool_calls_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade
    deferrable initially deferred,
  constraint sms_tool_calls_name_check check (length(name) <= 64)
);
-- What acts does so once for a pending reply.
create unique index sms_tool_calls_acts_once_key
  on public.sms_tool_calls (conversation_id, waiting_since, name, md5(arguments::text)) where acts;
create index sms_tool_calls_conversation_id_idx
  on public.sms_tool_calls (conversation_id, waiting_since, id);
create index sms_tool_calls_reply_id_idx on public.sms_tool_calls (reply_id)
  where reply_id is not null;
create index sms_tool_calls_user_id_idx on public.sms_tool_calls (user_id, id desc);

comment on table public.sms_tool_calls is
  'Every call of a tool by the model: what it asked for, what came of it, and the reply it led to.';
comment on column public.sms_tool_calls.waiting_since is
  'That of the conversation: the pending reply it was made for.';
comment on column public.sms_tool_calls.message_id is 'The newest message the model knew of.';
comment on column public.sms_tool_calls.reply_id is
  'The reply it led to; null: none yet, or none was sent.';
comment on column public.sms_tool_calls.acts is
  'The function is volatile: with equal arguments it runs once for a pending reply.';
comment on column public.sms_tool_calls.result is
  'What it returned: an array of rows when it returns a set; cut to sms.policy''s tool_result_bytes.';
comment on column public.sms_tool_calls.error is
  'SQLSTATE and message, as the model is told; its effects were undone.';

create function public.call_sms_tool(
  p_lease_id uuid, p_message_id bigint, p_name text, p_arguments jsonb,
  p_asked_again boolean default false
)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5s' as $$
declare
  v_conversation public.sms_conversations;
begin
  -- Not locked before the tool has run: meanwhile messages arrive and humans write.
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id and c.leased_for = 'reply' and c.leased_until > clock_timestamp();
  if not found then
    return jsonb_build_object('outcome', 'gone');
  end if;
  return sms.call_tool(v_conversation, p_message_id, p_name, p_arguments, p_asked_again);
exception
  when sqlstate 'PT410' then -- the lease was lost meanwhile: all of the tool is undone
    return jsonb_build_object('outcome', 'gone');
end;
$$;
comment on function public.call_sms_tool(uuid, bigint, text, jsonb, boolean) is
  'Runs a tool for the reply that this lease generates and records it, or returns what an equal call '
  'came to. Returns {outcome: done, result}, {outcome: error, error} for the model to read, {outcome: '
  'ended, reason} when nothing is to be said any more, or {outcome: gone}: the lease is lost and '
  'nothing was done. p_asked_again: the answer of an equal call was lost; it waits for that one, and '
  'if it did nothing by now, it never will.';

-- One call, from its record to its result.
create function sms.call_tool(
  p_conversation public.sms_conversations, p_message_id bigint, p_name text, p_arguments jsonb,
  p_asked_again boolean
)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_started timestamptz := clock_timestamp();
  v_tool record;
  v_asked public.sms_tool_calls;
  v_call public.sms_tool_calls;
begin
  select t.* into v_tool from sms.tools() as t
  join public.sms_configs as f on f.id = p_conversation.config_id
  where t.name = p_name and t.fault is null and (t.is_built_in or t.name = any (f.tools));
  v_asked := sms.read_call(v_tool.oid, p_name, p_arguments);

  insert into public.sms_tool_calls as k (
    user_id, conversation_id, waiting_since, message_id, name, arguments, acts, error
  ) values (
    p_conversation.user_id, p_conversation.id, p_conversation.waiting_since, p_message_id,
    v_asked.name, v_asked.arguments, v_asked.error is null and v_tool.acts, v_asked.error
  )
  on conflict (conversation_id, waiting_since, name, md5(arguments::text)) where acts do nothing
  returning k.* into v_call;
  if not found then
    select k.* into v_call from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
      and k.name = v_asked.name and k.arguments = v_asked.arguments and k.acts;
    return sms.call_outcome(v_call);
  end if;

  v_call.error := coalesce(
    v_call.error,
    case when p_asked_again then '57014: it took too long and was undone' end,
    sms.excess_of_calls(v_call)
  );
  if v_call.error is null then
    v_call := sms.run_recorded(v_call, v_tool.oid, p_conversation);
  end if;
  perform sms.require_lease(p_conversation);
  update public.sms_tool_calls as k
  set result = v_call.result, error = v_call.error,
    duration_ms = 1000 * extract(epoch from clock_timestamp() - v_started)
  where k.id = v_call.id;
  return sms.call_outcome(v_call);
end;
$$;

-- What was asked for as it is recorded: arguments as the parameters' types write them, so that equal
-- calls are equal (2026-12-1 is 2026-12-01), or what is wrong with them as the error.
create function sms.read_call(p_tool oid, p_name text, p_arguments jsonb)
returns public.sms_tool_calls language plpgsql set search_path = '' as $$
declare
  v_call public.sms_tool_calls;
begin
  v_call.name := left(p_name, 64);
  v_call.arguments := p_arguments;
  if length(p_arguments::text) > 8192 then
    v_call.arguments := '{}';
    v_call.error := '54000: the arguments are longer than 8192 characters';
  elsif p_tool is null then
    v_call.error := format('42883: there is no tool "%s"', v_call.name);
  else
    begin
      v_call.arguments := sms.tool_arguments(p_tool, p_arguments);
    exception
      when others then v_call.error := left(sqlstate || ': ' || sqlerrm, 500);
    end;
  end if;
  return v_call;
end;
$$;

-- Why a call that is recorded is one too many; null: it is not.
create function sms.excess_of_calls(p_call public.sms_tool_calls)
returns text language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_calls bigint;
  v_equal bigint;
begin
  select count(*), count(*) filter (where k.name = p_call.name and k.arguments = p_call.arguments)
  into v_calls, v_equal
  from public.sms_tool_calls as k
  where k.conversation_id = p_call.conversation_id and k.waiting_since = p_call.waiting_since;
  return case
    when v_calls > v_policy.tool_calls_max
      then format('54000: %s calls were made for this reply already', v_policy.tool_calls_max)
    when v_equal > v_policy.tool_repeats_max
      then format('54000: this was asked %s times already', v_policy.tool_repeats_max)
  end;
end;
$$;

-- Runs the tool as the contact of a conversation; an error undoes what it did and is its result.
create function sms.run_recorded(
  p_call public.sms_tool_calls, p_tool oid, p_conversation public.sms_conversations
)
returns public.sms_tool_calls language plpgsql set search_path = '' as $$
declare
  v_bytes integer := (sms.policy()).tool_result_bytes;
begin
  perform sms.become(
    p_conversation.contact_number, p_conversation.id, p_conversation.user_id,
    p_conversation.lease_id, p_call.message_id
  );
  begin
    p_call.result := sms.as_contact(sms.tool_statement(p_tool, p_call.arguments), p_call.arguments);
    if p_conversation.lease_id is not null then
      perform sms.require_lease(p_conversation); -- locked before the next line locks a part of it
    end if;
    set constraints all immediate; -- what is refused at commit is refused here
  exception
    when assert_failure or others then
      if sqlstate in ('40001', '40P01', 'PT410') then
        raise; -- nothing was done: the call may be made again, or the lease is gone
      end if;
      p_call.error := left(sqlstate || ': ' || sqlerrm, 500);
  end;
  perform sms.become(null, null, null, null, null);
  if octet_length(p_call.result::text) > v_bytes then
    p_call.result := jsonb_build_object(
      'cut', format('%s bytes; this is the beginning', octet_length(p_call.result::text)),
      'beginning', left(p_call.result::text, v_bytes / 2)
    );
  end if;
  return p_call;
end;
$$;

-- Whose call the functions of sms_tools are told it is, until the end of the transaction.
create function sms.become(
  p_contact_number text, p_conversation_id uuid, p_account_id uuid, p_lease_id uuid,
  p_message_id bigint
)
returns void language plpgsql set search_path = '' as $$
begin
  perform set_config('sms.contact_number', coalesce(p_contact_number, ''), true),
    set_config('sms.conversation_id', coalesce(p_conversation_id::text, ''), true),
    set_config('sms.account_id', coalesce(p_account_id::text, ''), true),
    set_config('sms.lease_id', coalesce(p_lease_id::text, ''), true),
    set_config('sms.message_id', coalesce(p_message_id::text, ''), true);
end;
$$;

-- The lease is still this one, and no takeover, opt-out, close or other worker came between: what
-- the tool did may stand. It may have ended the reply itself.
create function sms.require_lease(p_conversation public.sms_conversations)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_conversations as c set tool_calls_since = c.waiting_since
  where c.id = p_conversation.id and c.lease_id = p_conversation.lease_id;
  if not found and sms.ended_by_tool() is null then
    raise exception using errcode = 'PT410', message = 'The lease is gone';
  end if;
end;
$$;

-- Why a tool of this transaction said that nothing more is to be said; null: none did.
create function sms.ended_by_tool()
returns text language plpgsql stable set search_path = '' as $$
begin
  return nullif(current_setting('sms.reply_ended', true), '');
end;
$$;

-- What the worker is told of a call.
create function sms.call_outcome(p_call public.sms_tool_calls)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_call.error is not null then jsonb_build_object('outcome', 'error', 'error', p_call.error)
    when sms.ended_by_tool() is not null
      then jsonb_build_object('outcome', 'ended', 'reason', sms.ended_by_tool())
    else jsonb_build_object('outcome', 'done', 'result', p_call.result)
  end;
end;
$$;

-- The arguments as the parameters' types write them; null and absent ones take their default.
create function sms.tool_arguments(p_tool oid, p_arguments jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_missing text;
  v_unknown text;
  v_expressions text;
begin
  if jsonb_typeof(p_arguments) is distinct from 'object' then
    raise exception using errcode = '22023', message = 'the arguments are no JSON object';
  end if;
  select min(t.name) filter (
      where coalesce(p_arguments -> t.name, 'null') = 'null' and not t.has_default
    ),
    string_agg(format('%L, %s', t.name, t.expression), ', ' order by t.name) filter (
      where coalesce(p_arguments -> t.name, 'null') <> 'null'
    )
  into v_missing, v_expressions
  from sms.tool_parameters(p_tool) as t;
  select min(a.name) into v_unknown from jsonb_object_keys(p_arguments) as a (name)
  where a.name not in (select t.name from sms.tool_parameters(p_tool) as t);
  if v_missing is not null then
    raise exception using errcode = '22004', message = format('"%s" is missing', v_missing);
  elsif v_unknown is not null then
    raise exception using errcode = '22023',
      message = format('there is no parameter "%s"', left(v_unknown, 64));
  end if;
  return sms.as_contact(format('select jsonb_build_object(%s)', v_expressions), p_arguments);
end;
$$;

-- What calls the function with the arguments that are $1: cast from what is bound, never spliced. A
-- set is an array of rows, else the value itself.
create function sms.tool_statement(p_tool oid, p_arguments jsonb)
returns text language plpgsql stable set search_path = '' as $$
begin
  return (
    select format(case
        when p.proretset then 'select coalesce(jsonb_agg(to_jsonb(t)), ''[]'') from %I.%I(%s) as t'
        when p.prorettype = 'void'::regtype then 'select case when %I.%I(%s) is null then null::jsonb end'
        else 'select to_jsonb(%I.%I(%s))'
      end, n.nspname, p.proname, (
        select string_agg(format('%I => %s', t.name, t.expression), ', ')
        from sms.tool_parameters(p_tool) as t where p_arguments ? t.name
      ))
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p.oid = p_tool
  );
end;
$$;

-- Runs a statement with the rights of sms_contact alone, who owns this function (90_access.sql); only
-- what is above calls it.
create function sms.as_contact(p_statement text, p_arguments jsonb)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  v_result jsonb;
begin
  execute p_statement into v_result using p_arguments;
  return v_result;
end;
$$;

-- A function's parameters, each with the expression that reads it from $1.
create function sms.tool_parameters(p_tool oid)
returns table (name text, type oid, has_default boolean, expression text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select a.name, a.type, a.place > p.pronargs - p.pronargdefaults,
    case when t.typcategory = 'A' then format(
      '(select coalesce(array_agg(e.value order by e.place), ''{}'')::%s '
      'from jsonb_array_elements_text($1 -> %L) with ordinality as e (value, place))',
      format_type(a.type, null), a.name
    ) else format('($1 ->> %L)::%s', a.name, format_type(a.type, null)) end
  from pg_catalog.pg_proc as p
  cross join unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
    with ordinality as a (name, type, place)
  join pg_catalog.pg_type as t on t.oid = a.type
  where p.oid = p_tool
  order by a.place;
end;
$$;

-- Every function of sms_tools as a tool, and why it cannot be one (fault).
create function sms.tools()
returns table (
  name text, oid oid, acts boolean, is_built_in boolean, description text, parameters jsonb, fault text
)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select p.proname::text, p.oid, p.provolatile = 'v',
    p.proname in ('request_human', 'stop_messages', 'no_reply_needed', 'not_known'),
    sms.tool_description(p.comment, p.proargnames[1:p.pronargs]),
    jsonb_build_object('type', 'object', 'additionalProperties', false,
      'properties', s.properties, 'required', s.required),
    case
      when p.prokind <> 'f' then 'it is no plain function'
      when p.namesakes > 1 then 'there are several functions of that name'
      when p.comment is null then 'it has no comment, which tells the model what it does'
      when p.proname !~ '^[a-zA-Z0-9_-]+$' then 'its name has other characters than a-z, 0-9 and _'
      when p.pronargs > 0 and (p.proargnames is null or '' = any (p.proargnames[1:p.pronargs]))
        then 'a parameter has no name'
      when p.proargmodes && '{o,b,v}'::"char"[] then 'it has OUT, INOUT or VARIADIC parameters: return a table'
      when s.unknown_type is not null then 'it has a parameter of type ' || s.unknown_type
      when p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) then 'it is a trigger'
      when p.prorettype = 'record'::regtype and not coalesce(p.proargmodes && '{t}'::"char"[], false)
        then 'it returns record: name the columns'
      when not has_function_privilege('sms_contact', p.oid, 'execute')
        then format('sms_contact may not execute it: grant execute on function %s to sms_contact',
          p.oid::regprocedure)
    end
  from (
    select f.*, obj_description(f.oid, 'pg_proc') as comment,
      count(*) over (partition by f.proname) as namesakes
    from pg_catalog.pg_proc as f
    where f.pronamespace = to_regnamespace('sms_tools')
      and f.proname not in ('contact_number', 'conversation_id', 'account_id')
  ) as p
  cross join lateral (
    select coalesce(jsonb_object_agg(t.name, sms.tool_parameter(t.type, t.has_default,
        substring(p.comment from '(?n)^[ \t]*' || t.name || ':[ \t]*(\S.*)$')))
        filter (where t.name <> ''), '{}') as properties,
      coalesce(jsonb_agg(t.name), '[]') as required,
      min(format_type(t.type, null)) filter (where sms.tool_type(t.type) is null) as unknown_type
    from sms.tool_parameters(p.oid) as t
  ) as s
  order by p.proname;
end;
$$;

-- The first paragraph of a comment, without the lines that describe parameters.
create function sms.tool_description(p_comment text, p_names text[])
returns text language plpgsql immutable set search_path = '' as $$
begin
  return (
    select string_agg(btrim(l.line), ' ' order by l.place)
    from (
      select r.line, r.place,
        bool_or(btrim(r.line) = '' or btrim(split_part(r.line, ':', 1)) = any (p_names))
          over (order by r.place) as is_past
      from regexp_split_to_table(btrim(p_comment, E' \t\n'), '\n') with ordinality as r (line, place)
    ) as l
    where not coalesce(l.is_past, false)
  );
end;
$$;

-- A parameter as strict JSON Schema: all are required, those with a default may be null.
create function sms.tool_parameter(p_type oid, p_has_default boolean, p_description text)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_schema jsonb := sms.tool_type(p_type);
  v_description text := concat_ws('; ', p_description, v_schema ->> 'description');
begin
  if p_has_default then
    v_schema := v_schema || jsonb_build_object('type', jsonb_build_array(v_schema -> 'type', 'null'))
      || case when v_schema ? 'enum'
        then jsonb_build_object('enum', (v_schema -> 'enum') || 'null'::jsonb) else '{}' end;
  end if;
  return v_schema || case when v_description <> ''
    then jsonb_build_object('description', v_description) else '{}' end;
end;
$$;

-- A type as JSON Schema; null: it has none.
create function sms.tool_type(p_type oid)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_type pg_catalog.pg_type;
begin
  select t.* into v_type from pg_catalog.pg_type as t where t.oid = p_type;
  return case
    when v_type.typtype = 'e' then jsonb_build_object('type', 'string', 'enum', (
      select jsonb_agg(e.enumlabel order by e.enumsortorder)
      from pg_catalog.pg_enum as e where e.enumtypid = p_type
    ))
    when v_type.typcategory = 'A'
      then jsonb_build_object('type', 'array', 'items', sms.tool_type(v_type.typelem))
        || case when sms.tool_type(v_type.typelem) is null then null else '{}'::jsonb end
    when v_type.typnamespace <> 'pg_catalog'::regnamespace then null
    else case v_type.typname
      when 'text' then '{"type": "string"}'
      when 'varchar' then '{"type": "string"}'
      when 'int2' then '{"type": "integer"}'
      when 'int4' then '{"type": "integer"}'
      when 'int8' then '{"type": "integer"}'
      when 'numeric' then '{"type": "number"}'
      when 'float8' then '{"type": "number"}'
      when 'bool' then '{"type": "boolean"}'
      when 'date' then '{"type": "string", "description": "YYYY-MM-DD"}'
      when 'time' then '{"type": "string", "description": "HH:MM, 24 hours"}'
      when 'timestamptz' then '{"type": "string", "description": "ISO 8601 with time zone"}'
      when 'uuid' then '{"type": "string", "description": "UUID"}'
      when 'jsonb' then '{"type": "string", "description": "JSON"}'
    end::jsonb
  end;
end;
$$;

-- What the number offers now: [{name, description, parameters}]. A name whose function is gone is
-- left out; doctor says so.
create function sms.offered_tools(p_names text[])
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', t.name, 'description', t.description, 'parameters', t.parameters
    ) order by t.name), '[]')
    from sms.tools() as t
    where t.name = any (p_names) and t.fault is null and not t.is_built_in
  );
end;
$$;

-- The calls made so far for the pending reply, [{id, name, arguments, result, error}], after those of
-- which a reply told that never reached Twilio: its words are in no history, and what was done would
-- be done again.
create function sms.recorded_calls(p_conversation public.sms_conversations)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', k.id, 'name', k.name, 'arguments', k.arguments, 'result', k.result, 'error', k.error
    ) order by k.id), '[]')
    from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and (
      k.waiting_since = p_conversation.waiting_since
      or k.waiting_since = p_conversation.tool_calls_since and sms.was_never_told(k)
    )
  );
end;
$$;

-- Did the reply that these calls led to fail, and no other one arrive since?
create function sms.was_never_told(p_call public.sms_tool_calls)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.id = p_call.reply_id and not sms.reached_twilio(m.message_sid, m.status)
  ) and not exists (
    select from public.sms_messages as m
    where m.conversation_id = p_call.conversation_id and m.id > p_call.reply_id
      and m.direction = 'outgoing' and sms.reached_twilio(m.message_sid, m.status)
  );
end;
$$;

-- Has a tool acted for the pending reply? Then the reply is not superseded: it says what was done.
create function sms.has_acted(p_conversation public.sms_conversations)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return coalesce(p_conversation.tool_calls_since = p_conversation.waiting_since, false) and exists (
    select from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
      and k.acts and k.error is null
  );
end;
$$;

-- The calls stand under the reply they led to.
create function sms.end_tool_calls(p_conversation public.sms_conversations, p_reply_id bigint)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_tool_calls as k set reply_id = p_reply_id
  where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since;
end;
$$;

-- A reply of which tools acted is not covered by the next one, which does not know of them.
create function sms.tells_what_was_done(p_message_id bigint)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from public.sms_tool_calls as k
    where k.reply_id = p_message_id and k.acts and k.error is null
  );
end;
$$;

-- What a contact is told when tools acted and no reply could be made after all: the fallback's "we
-- cannot answer" would be wrong. Null: none acted.
create function sms.recorded_reply(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns text language plpgsql stable set search_path = '' as $$
declare
  v_done text;
begin
  if not sms.has_acted(p_conversation) then
    return null;
  end if;
  select string_agg(distinct replace(k.name, '_', ' '), ', ') into v_done
  from public.sms_tool_calls as k
  where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
    and k.acts and k.error is null;
  return replace(
    sms.canned_content(p_config, 'recorded', sms.contact_language(p_conversation)), '{done}', v_done
  );
end;
$$;

-- A human tells the contact what came of it.
create function sms.ask_for_human_after_tools(p_conversation public.sms_conversations)
returns void language plpgsql set search_path = '' as $$
begin
  if sms.has_acted(p_conversation) then
    update public.sms_conversations as c set wants_human = true
    where c.id = p_conversation.id and not c.wants_human;
  end if;
end;
$$;

-- Refuses a number's tools that are none, and says why.
create function sms.check_tools()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_unknown record;
begin
  select n.name, t.fault, t.is_built_in into v_unknown
  from unnest(new.tools) as n (name)
  left join sms.tools() as t on t.name = n.name
  where t.name is null or t.fault is not null or t.is_built_in
  limit 1;
  if found then
    raise exception using errcode = 'PT422',
      message = format('"%s" is no tool: %s', left(v_unknown.name, 64), coalesce(
        v_unknown.fault,
        case when v_unknown.is_built_in then 'it is offered to every model already' end,
        'there is no such function in schema sms_tools'
      )),
      hint = '`sms-gateway tools` lists the functions that can be offered.';
  end if;
  return new;
end;
$$;

create trigger sms_configs_tools_exist -- after sms_configs_refuse_invalid
  before insert or update of tools on public.sms_configs
  for each row when (new.tools is not null) execute function sms.check_tools();

-- What a tool may ask.

create function sms_tools.contact_number()
returns text language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.contact_number', true), '');
$$;
comment on function sms_tools.contact_number() is 'The number of the contact the tool runs for.';

create function sms_tools.conversation_id()
returns uuid language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.conversation_id', true), '')::uuid;
$$;
comment on function sms_tools.conversation_id() is 'The conversation the tool runs for.';

create function sms_tools.account_id()
returns uuid language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.account_id', true), '')::uuid;
$$;
comment on function sms_tools.account_id() is 'The account (auth.users.id) that owns the number.';

-- The built-in tools, by the same door, offered to every model. They act on the gateway's own
-- tables, which sms_contact does not reach, and so run as their owner.

create function sms_tools.request_human(p_reason text)
returns text language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_conversations as c set wants_human = true
  where c.id = sms_tools.conversation_id();
  return 'A human will read this conversation.';
end;
$$;
comment on function sms_tools.request_human(text) is
  'Asks a human of the business to take over this conversation: when the contact wants one, is upset, or needs what you cannot do. Then tell the contact that a human will get back.
p_reason: one short sentence for that human';

create function sms_tools.not_known(p_question text)
returns text language plpgsql security definer set search_path = '' as $$
begin
  perform sms.note_question(
    c, nullif(current_setting('sms.message_id', true), '')::bigint, p_question
  )
  from public.sms_conversations as c where c.id = sms_tools.conversation_id();
  return 'Noted. Say briefly that you do not know and that a human will look into it.';
end;
$$;
comment on function sms_tools.not_known(text) is
  'Notes a question about the business that neither the facts nor a tool answer, so that a human can add the answer. Then say briefly that you do not know.
p_question: the question in one sentence, understandable by itself, without names or numbers of the contact';

create function sms_tools.stop_messages(p_language text default null)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_conversation public.sms_conversations := sms.own_conversation();
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  perform sms.record_opt_out(
    v_conversation.user_id, v_conversation.contact_number, '*', true, 'model', (
      select m.occurred_at from public.sms_messages as m
      where m.id = current_setting('sms.message_id', true)::bigint
    )
  );
  if not sms.is_opted_out(
    v_conversation.user_id, v_conversation.contact_number, v_config.phone_number
  ) then
    raise exception using errcode = 'PT409', message = 'The contact has texted START since';
  end if;
  perform sms.cancel_pending_reply(v_conversation.id);
  if not sms.had_notice(v_conversation, 'stop', clock_timestamp()) then
    perform sms.queue_notice(v_conversation, 'stop', sms.canned_content(v_config, 'stop', p_language));
  end if;
  perform set_config('sms.reply_ended', 'opted_out', true);
end;
$$;
comment on function sms_tools.stop_messages(text) is
  'Ends all messages to this contact: only when the contact clearly wishes to get no more messages at all, in whatever words. It is confirmed to the contact; say nothing more.
p_language: the language of the message: en, es, fr or pt';

create function sms_tools.no_reply_needed(p_kind sms_tools.no_reply_kind)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_conversation public.sms_conversations := sms.own_conversation();
  v_config public.sms_configs;
  v_reason text;
begin
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  if not p_kind::text = any (v_config.stay_silent_for) then
    raise exception using errcode = 'PT409', message = 'This number answers such messages: answer it';
  elsif sms.must_be_answered(v_conversation) then
    raise exception using errcode = 'PT409',
      message = 'A question, and the first message of a conversation, is answered: answer it';
  end if;
  v_reason := coalesce(
    sms.send_verdict(v_conversation, v_config, null, v_now),
    case when v_conversation.last_pending_id <> current_setting('sms.message_id', true)::bigint
      then 'superseded' end,
    case p_kind when 'automatic_message' then 'auto_reply' else p_kind::text end
  );
  perform sms.withhold_generated_reply(v_conversation, v_reason);
  perform set_config('sms.reply_ended', v_reason, true);
end;
$$;
comment on function sms_tools.no_reply_needed(sms_tools.no_reply_kind) is
  'Leaves the message without a reply: only for an automatic message of a machine, a reaction to what you wrote (such as a lone emoji), or a goodbye after which nothing is left to say. Never for a question, and when in doubt answer.
p_kind: what the message is';

-- The conversation a built-in tool ends the reply of, locked; the lease must still be that of the call.
create function sms.own_conversation()
returns public.sms_conversations language plpgsql set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = sms_tools.conversation_id()
    and c.lease_id = nullif(current_setting('sms.lease_id', true), '')::uuid
  for no key update;
  if not found then
    raise exception using errcode = 'PT410', message = 'No reply is being generated for this contact';
  end if;
  return v_conversation;
end;
$$;

-- Silence here would leave somebody without the reply to a question, or to a first message.
create function sms.must_be_answered(p_conversation public.sms_conversations)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return not exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.created_at < p_conversation.waiting_since
  ) or exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.direction = 'incoming'
      and m.created_at >= p_conversation.waiting_since and m.message_content ~ '[?¿؟？\u037e]'
  );
end;
$$;

-- For the operator.

create function public.list_sms_tools(p_phone_number text default null)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'tools', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'name', t.name, 'description', t.description, 'parameters', t.parameters,
        'acts', t.acts, 'is_built_in', t.is_built_in, 'fault', t.fault
      ) order by t.is_built_in, t.name), '[]')
      from sms.tools() as t
      where p_phone_number is null or t.is_built_in or t.name = any (array(
        select unnest(f.tools) from public.sms_configs as f where f.phone_number = p_phone_number
      ))
    ),
    'problems', sms.tool_problems()
  );
end;
$$;
comment on function public.list_sms_tools(text) is
  'The tools a number offers, or all there are, as the model is shown them, and what doctor finds '
  'wrong: {tools: [{name, description, parameters, acts, is_built_in, fault}], problems: '
  '[{subject, reason, is_fault}]}.';

-- What is wrong with functions, numbers and grants: [{subject, reason, is_fault}].
create function sms.tool_problems()
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'subject', w.subject, 'reason', w.reason, 'is_fault', w.is_fault
    ) order by w.is_fault desc, w.subject, w.reason), '[]')
    from (
      select t.name as subject, 'it cannot be offered: ' || t.fault as reason, false as is_fault
      from sms.tools() as t where t.fault is not null
      union all
      select 'number …' || right(f.phone_number, 4),
        format('offers "%s", which is no tool: %s', n.name, coalesce(t.fault, 'the function is gone')),
        true
      from public.sms_configs as f
      cross join unnest(f.tools) as n (name)
      left join sms.tools() as t on t.name = n.name
      where t.name is null or t.fault is not null
      union all
      select p.proname, format('everybody may execute it: revoke execute on function %s from public',
        p.oid::regprocedure), false
      from pg_catalog.pg_proc as p
      cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
      where p.pronamespace = to_regnamespace('sms_tools') and a.grantee = 0
      union all
      select c.oid::regclass::text, case when c.relkind = 'v'
        then 'sms_contact is granted this view, which shows its owner''s rows: create it with security_invoker'
        else 'sms_contact is granted this table, whose rows nothing keeps apart: enable row level security'
        end, true
      from pg_catalog.pg_class as c
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relrowsecurity
        and not coalesce('security_invoker=true' = any (c.reloptions)
          or 'security_invoker=on' = any (c.reloptions), false)
        and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        and exists (
          select from aclexplode(c.relacl) as a where a.grantee = 'sms_contact'::regrole
          union all
          select from pg_catalog.pg_attribute as l cross join lateral aclexplode(l.attacl) as a
          where l.attrelid = c.oid and a.grantee = 'sms_contact'::regrole
        )
      union all
      select t.name, format('it names %s, of which sms_contact may do nothing: grant what it needs',
        c.oid::regclass), true
      from sms.tools() as t
      join pg_catalog.pg_proc as p on p.oid = t.oid and not p.prosecdef
      join pg_catalog.pg_class as c on c.relkind in ('r', 'p', 'v', 'm', 'f')
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname !~ '^(pg_|information_schema)'
        and strpos(p.prosrc, n.nspname || '.' || c.relname) > 0
        and p.prosrc ~ ('\m' || n.nspname || '\.' || c.relname || '\M')
        and not has_any_column_privilege('sms_contact', c.oid, 'select, insert, update')
        and not has_table_privilege('sms_contact', c.oid, 'delete')
    ) as w
  );
end;
$$;

create function public.try_sms_tool(
  p_contact_number text, p_name text, p_arguments jsonb, p_phone_number text default null,
  p_undo boolean default true
)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5s' as $$
declare
  v_config public.sms_configs;
  v_tool record;
  v_call public.sms_tool_calls;
  v_conversation public.sms_conversations;
begin
  select f.* into v_config from public.sms_configs as f
  where f.phone_number = p_phone_number or p_phone_number is null
  order by f.created_at
  limit 1;
  select t.* into v_tool from sms.tools() as t where t.name = p_name;
  if v_config.id is null or v_tool.oid is null or v_tool.fault is not null then
    raise exception using errcode = 'PT422', message = case
      when v_config.id is null then 'There is no such number'
      else format('"%s" is no tool: %s', left(p_name, 64),
        coalesce(v_tool.fault, 'there is no such function in schema sms_tools')) end;
  end if;
  select c.* into v_conversation from public.sms_conversations as c
  where c.config_id = v_config.id and c.contact_number = p_contact_number and c.closed_at is null;
  v_conversation.user_id := v_config.user_id;
  v_conversation.contact_number := p_contact_number;
  v_conversation.lease_id := null;
  begin
    v_call.arguments := sms.tool_arguments(v_tool.oid, p_arguments);
    v_call := sms.run_recorded(v_call, v_tool.oid, v_conversation);
    if p_undo then
      raise sqlstate 'UNDO1';
    end if;
  exception
    when sqlstate 'UNDO1' then null; -- variables keep their values
    when others then v_call.error := sqlstate || ': ' || sqlerrm;
  end;
  return sms.call_outcome(v_call);
end;
$$;
comment on function public.try_sms_tool(text, text, jsonb, text, boolean) is
  'For sms-gateway tools call: runs a tool as a contact of a number (null: the oldest) and, unless '
  'p_undo is false, undoes what it did. Nothing is recorded. Returns what call_sms_tool returns.';

-- 32_knowledge.sql ================================================================================

-- What the business knows: documents, in passages that fit a prompt, and what nobody could answer.
--
-- Six thousand tokens of a small business's facts cost a fraction of a message segment, so everything
-- goes into the prompt while it fits (sms_configs.knowledge_tokens); search begins where that ends.
-- Passages are found by their words: of the document's language and as they stand, rare words first
-- (BM25), and by what looks alike where a word is not found at all. Meaning without a common word is
-- not found; sms_passages has room for an embedding column beside words.

create extension if not exists pg_trgm with schema extensions;

create table public.sms_documents (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  config_id uuid,
  title text not null,
  content text not null,
  language text not null default 'simple',
  enabled boolean not null default true,
  source text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sms_documents_pkey primary key (id),
  constraint sms_documents_id_user_id_key unique (id, user_id),
  constraint sms_documents_source_key unique nulls distinct (user_id, config_id, source),
  constraint sms_documents_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_documents_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_documents_title_check check (length(btrim(title)) between 1 and 200),
  constraint sms_documents_content_check check (
    length(content) between 1 and 100000 and content !~ '[\u0001-\u0008\u000e-\u001f\ufffe\uffff]'
  ),
  constraint sms_documents_language_check check (language in (
    'simple', 'danish', 'dutch', 'english', 'finnish', 'french', 'german', 'hungarian', 'italian',
    'norwegian', 'portuguese', 'romanian', 'russian', 'spanish', 'swedish', 'turkish'
  )),
  constraint sms_documents_source_check check (length(source) <= 200)
);
create index sms_documents_user_id_idx on public.sms_documents (user_id, title);
create index sms_documents_config_id_idx on public.sms_documents (config_id, user_id);

comment on table public.sms_documents is
  'What the assistant may tell, written by admins: opening hours, prices, how things are done. Text '
  'or Markdown; a blank line ends a paragraph, # begins a heading. config_id null: for all numbers '
  'of the account.';
comment on column public.sms_documents.language is
  'How words are reduced to their stems (a Postgres text search configuration); simple: not at all.';
comment on column public.sms_documents.source is
  'Where it was imported from, such as a file''s name: importing it again replaces it.';
comment on constraint sms_documents_title_check on public.sms_documents is
  'title has 1 to 200 characters.';
comment on constraint sms_documents_content_check on public.sms_documents is
  'content is text of 1 to 100,000 characters.';
comment on constraint sms_documents_language_check on public.sms_documents is
  'language is a text search configuration such as spanish, english, french, portuguese or simple.';
comment on constraint sms_documents_source_check on public.sms_documents is
  'source has at most 200 characters.';

create table public.sms_passages (
  id bigint generated always as identity,
  document_id uuid not null,
  user_id uuid not null,
  config_id uuid,
  place integer not null,
  title text not null,
  content text not null,
  tokens integer not null,
  words tsvector not null,
  constraint sms_passages_pkey primary key (id),
  constraint sms_passages_document_id_fkey foreign key (document_id, user_id)
    references public.sms_documents (id, user_id) on delete cascade
);
create index sms_passages_document_id_idx on public.sms_passages (document_id, place);
create index sms_passages_user_id_idx on public.sms_passages (user_id, document_id, place);
create index sms_passages_words_idx on public.sms_passages
  using gin (words) with (fastupdate = off); -- written by hand, read by every message
alter table public.sms_passages alter column words set storage main; -- a passage is one page to read

comment on table public.sms_passages is
  'The parts of enabled documents, made by a trigger: sms_messages.used names those that a reply was '
  'made with.';
comment on column public.sms_passages.title is 'The document''s title and the headings above it.';
comment on column public.sms_passages.tokens is
  'At most this many tokens of a model: its bytes by three, counted conservatively.';

-- In how many of an account's passages a word or stem stands: what tells a rare word from a common
-- one without a look at the passages, and a mistyped one from one that is known.
create table sms.known_words (
  user_id uuid not null,
  word text collate "C" not null, -- so that the key is in the order of first letters
  passages integer not null,
  constraint known_words_pkey primary key (user_id, word),
  constraint known_words_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade
) with (fillfactor = 70); -- a count changes in its page

-- What people call the same thing, in words of any shop: asked for one, a passage with another is found
-- as well. Written without accents.
create table sms.knowledge_synonyms (
  word text not null,
  topic text not null,
  constraint knowledge_synonyms_pkey primary key (word, topic)
);
create index knowledge_synonyms_topic_idx on sms.knowledge_synonyms (topic);

-- English, Spanish as it is texted from Madrid to Buenos Aires, French and Portuguese: a guest asks in
-- another language than the one the facts are written in.
insert into sms.knowledge_synonyms (topic, word)
select t.topic, w.word
from (values
  ('price', 'price|cost|charge|fee|rate|much|precio|cuesta|costo|coste|vale|valen|cobran|cobrais'),
  ('price', 'tarifa|sale|sali|euro|peso|plata|lana|prix|coute|tarif|combien|preco|custa|valor'),
  ('price', 'quanto'),
  ('hours', 'hours|open|opening|close|closing|horario|abren|abris|abre|abierto|cierran|cierra'),
  ('hours', 'cerrado|atienden|hora|horaire|ouvert|ouvrez|ferme|fermez|abrem|fecham|fechado|aberto'),
  ('place', 'address|located|location|where|direccion|ubicacion|ubicado|llegar|calle|queda'),
  ('place', 'domicilio|adresse|rue|endereco|rua|onde'),
  ('discount', 'discount|offer|deal|cheaper|package|descuento|rebaja|oferta|promocion|promo|plan'),
  ('discount', 'planes|paquete|bono|tarjeta|remise|reduction|desconto|pacote'),
  ('booking', 'appointment|booking|book|reserve|reservation|cita|reserva|reservar|turno|hueco'),
  ('booking', 'pedir|rendez|rdv|marcar|agendar|consulta'),
  ('cancel', 'cancel|change|reschedule|postpone|cancelar|anular|cambiar|aplazar|posponer|annuler'),
  ('cancel', 'adiar'),
  ('late', 'late|delay|delayed|traffic|tarde|retraso|retrasado|demora|demorado|atrasado|trafico'),
  ('late', 'atasco|retard|embouteillage|atraso|transito'),
  ('pay', 'pay|payment|card|cash|installment|invoice|bill|pagar|pago|abonar|plazo|cuota|tarjeta'),
  ('pay', 'efectivo|transferencia|bizum|factura|boleta|payer|paiement|especes|facture|pagamento'),
  ('pay', 'dinheiro'),
  ('deposit', 'deposit|advance|anticipo|adelanto|sena|senal|fianza|acompte|caution|sinal|deposito'),
  ('call', 'call|phone|number|contact|telephone|dial|llamar|llamo|marco|telefono|celu|celular'),
  ('call', 'movil|numero|contacto|appeler|portable|ligar|telefone|telemovel'),
  ('message', 'message|text|mail|mensaje|mensajito|whatsapp|correo|courriel|mensagem'),
  ('lost', 'lost|missing|ran|perdido|perdi|pierde|escapo|escapado|escapa|extraviado|perdu|fugiu'),
  ('found', 'found|stray|encontre|encontro|encuentra|halle|trouve|encontrei|callejero'),
  ('urgent', 'emergency|urgent|urgencia|urgente|emergencia|grave|guardia|urgence'),
  ('night', 'night|noche|nocturno|madrugada|medianoche|nuit|noite'),
  ('today', 'today|hoy|mismo|aujourd|hoje'),
  ('weekend', 'weekend|saturday|sunday|sabado|domingo|finde|samedi|dimanche'),
  ('holiday', 'holiday|christmas|festivo|feriado|navidad|vacaciones|noel|vacances|natal|ferias'),
  ('summer', 'summer|verano|ete|verao|july|august|julio|agosto|juillet|aout|julho'),
  ('winter', 'winter|invierno|hiver|inverno|january|enero|janvier|janeiro'),
  ('parking', 'parking|park|garage|aparcar|aparcamiento|estacionar|estacionamiento|cochera|coche'),
  ('transport', 'bus|train|subway|line|autobus|colectivo|camion|bondi|guagua|micro|metro|linea'),
  ('transport', 'parada|tren|ligne|arret|onibus|comboio|linha'),
  ('car', 'car|drive|coche|auto|carro|voiture'),
  ('access', 'wheelchair|disabled|ramp|stairs|silla|ruedas|rampa|escalera|escalon|accesible'),
  ('access', 'movilidad|fauteuil|rampe|escalier|cadeira|escada'),
  ('delivery', 'delivery|deliver|shipping|ship|envio|enviar|domicilio|reparto|repartir|livraison'),
  ('delivery', 'entrega'),
  ('return', 'return|refund|exchange|devolver|devolucion|devuelven|regresan|reembolso|rembourser'),
  ('return', 'troca'),
  ('need', 'bring|need|required|requirement|paperwork|necesito|traer|llevar|documento|papel'),
  ('need', 'requisito|piden|besoin|apporter|preciso|trazer|documentos|papeles'),
  ('travel', 'travel|trip|fly|flight|plane|abroad|viaje|viajar|vamos|avion|volar|vuelo|extranjero'),
  ('travel', 'frontera|europa|voyage|voler|etranger|viagem|voo|aviao'),
  ('stay', 'stay|hotel|boarding|room|night|lodging|hospedaje|hospedado|alojamiento|guarderia'),
  ('stay', 'pension|habitacion|cuarto|sejour|chambre|quarto'),
  ('hospital', 'hospital|admitted|inpatient|internado|internada|internar|ingresado|ingreso'),
  ('hospital', 'hospitalizado|hospitalizacion|hospitalise'),
  ('visit', 'visit|see|visita|visitar|ver|visite'),
  ('surgery', 'surgery|operation|operate|operacion|operar|operan|cirugia|quirofano|chirurgie'),
  ('surgery', 'cirurgia'),
  ('neuter', 'neuter|spay|castrate|sterilize|castrar|castracion|esterilizar|esterilizacion|capar'),
  ('neuter', 'steriliser'),
  ('vaccine', 'vaccine|shot|jab|vaccination|vacuna|vacunar|piquete|pinchazo|inyeccion|vaccin'),
  ('vaccine', 'vacina'),
  ('fasting', 'fasting|ayuno|ayunas|comer|come|comida|jeun|jejum'),
  ('birth', 'birth|labor|labour|pregnant|parto|parir|pariendo|nace|nacer|cria|embarazada|prenada'),
  ('birth', 'empuja|empujando|accouchement|enceinte|naissance|gravida'),
  ('pain', 'pain|hurt|sick|ill|dolor|duele|enfermo|malo|malito|vomita|fiebre|douleur|malade|dor'),
  ('pain', 'doente'),
  ('medicine', 'medicine|drug|pill|prescription|medicina|medicamento|remedio|pastilla|receta'),
  ('medicine', 'ordonnance|medicament|comprimido|receita'),
  ('test', 'test|result|blood|sample|xray|analisis|analitica|prueba|resultado|sangre|muestra'),
  ('test', 'placa|radiografia|analyse|resultat|sang|exame'),
  ('doctor', 'doctor|specialist|medico|doctora|especialista|medecin|docteur|medica'),
  ('tooth', 'tooth|teeth|dental|dentist|diente|muela|boca|dent|dente'),
  ('hair', 'hair|haircut|groom|cut|pelo|corte|peluqueria|peinar|cheveux|coupe|cabelo'),
  ('wash', 'bath|wash|clean|bano|banar|banan|lavar|limpieza|bain|laver|banho|limpeza'),
  ('nails', 'nail|claw|una|unas|ongle|unha'),
  ('food', 'food|menu|eat|meal|comida|comer|pienso|croqueta|alimento|nourriture|repas|racao'),
  ('allergy', 'allergy|allergic|gluten|vegan|vegetarian|alergia|celiaco|vegano|vegetariano'),
  ('allergy', 'allergie'),
  ('child', 'child|kid|baby|nino|chico|bebe|hijo|enfant|crianca'),
  ('old', 'old|elderly|senior|retired|pensioner|mayor|viejo|viejito|jubilado|anciano|vieux'),
  ('old', 'retraite|idoso'),
  ('dog', 'dog|puppy|perro|perra|perrito|cachorro|can|chien|chiot|cao'),
  ('cat', 'cat|kitten|gato|gata|gatito|michi|chat|chaton'),
  ('male', 'male|macho|masculino|man|men|hombre|homme|homem'),
  ('female', 'female|hembra|femenino|woman|women|mujer|femme|mulher'),
  ('language', 'language|speak|english|french|idioma|habla|hablan|hable|ingles|frances|langue'),
  ('language', 'parle|fala'),
  ('complaint', 'complain|complaint|manager|queja|quejarme|reclamo|reclamar|reclamacion|plainte'),
  ('complaint', 'reclamacao'),
  ('data', 'privacy|data|delete|unsubscribe|datos|privacidad|borrar|baja|donnees|dados'),
  ('insurance', 'insurance|insured|seguro|aseguradora|poliza|obra|assurance'),
  ('points', 'points|loyalty|reward|puntos|fidelidad|premio|fidelite|pontos'),
  ('class', 'class|course|lesson|training|clase|curso|taller|entrenar|cours|aula'),
  ('death', 'died|dead|death|murio|muerto|muere|fallecio|fallecer|mort|decede|morreu'),
  ('warranty', 'warranty|guarantee|repair|fix|garantia|arreglar|reparar|reparacion|garantie'),
  ('warranty', 'conserto')
) as t (topic, words)
cross join lateral unnest(string_to_array(t.words, '|')) as w (word)
on conflict do nothing;

-- Documents are cut into passages where they are written; what did not change keeps its id.

-- Lower case without accents: how passages and questions are compared.
create function sms.plain_text(p_text text)
returns text language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return regexp_replace(
    lower(regexp_replace(normalize(p_text, NFKD), '[\u0300-\u036f]', '', 'g')),
    '[^[:alnum:]€$%:]+', ' ', 'g'
  );
end;
$$;

-- The words of a passage as they stand and reduced to stems, those of its title with weight A, each
-- behind a key of its account: the index holds all accounts, and a question reads its own alone.
create function sms.knowledge_words(
  p_user_id uuid, p_language text, p_title text, p_content text
)
returns tsvector language plpgsql immutable set search_path = '' as $$
declare
  v_title text := sms.plain_text(p_title);
  v_content text := sms.plain_text(p_content);
  v_language regconfig := ('pg_catalog.' || p_language)::regconfig;
begin
  return (
    select string_agg(
      quote_literal(right(p_user_id::text, 8) || '.' || left(w.lexeme, 100)) || ':' || (
        select string_agg(n || coalesce(nullif(w.weights[n], 'D'), ''), ',')
        from generate_subscripts(w.positions, 1) as n
      ), ' '
    )::tsvector
    from unnest(
      setweight(to_tsvector('pg_catalog.simple', v_title) || to_tsvector(v_language, v_title), 'A')
        || to_tsvector('pg_catalog.simple', v_content) || to_tsvector(v_language, v_content)
    ) as w (lexeme, positions, weights)
  );
end;
$$;

-- A document as passages of 200 to 1,200 characters: paragraphs and lists whole where they fit, the
-- headings above them as title.
create function sms.cut_into_passages(p_title text, p_content text)
returns table (place integer, title text, content text)
language plpgsql immutable set search_path = '' as $$
declare
  v_block text;
  v_headings text[] := array[]::text[];
  v_level integer;
  v_now text := '';
begin
  place := 0;
  title := p_title;
  for v_block in
    select sms.cut_block(b.block)
    from regexp_split_to_table(replace(p_content, E'\r\n', E'\n'), '\n[ \t]*\n|\n(?=#{1,6} )|(?<=\n)(?=#{1,6} )') as b (block)
  loop
    if v_block ~ '^#{1,6} ' then
      if btrim(v_now) <> '' then
        place := place + 1;
        content := btrim(v_now, E' \n');
        return next;
      end if;
      v_now := '';
      v_level := length(substring(v_block from '^#+'));
      v_headings := v_headings[1:v_level - 1] || regexp_replace(split_part(v_block, E'\n', 1), '^#+ +| +#*$', '', 'g');
      title := array_to_string(array_remove(p_title || v_headings, null), ' > ');
      v_block := substr(v_block, length(split_part(v_block, E'\n', 1)) + 2);
    end if;
    if length(v_now) + length(v_block) > 700 and length(v_now) >= 200
      or length(v_now) + length(v_block) > 1198 then
      place := place + 1;
      content := btrim(v_now, E' \n');
      if content <> '' then
        return next;
      end if;
      v_now := '';
    end if;
    v_now := v_now || case when v_now = '' then '' else E'\n\n' end || btrim(v_block, E' \n');
  end loop;
  if btrim(v_now, E' \n') <> '' then
    place := place + 1;
    content := btrim(v_now, E' \n');
    return next;
  end if;
end;
$$;

-- A block in pieces of at most 900 characters: cut at a line, else after a sentence, else at a space,
-- else anywhere.
create function sms.cut_block(p_block text)
returns setof text language plpgsql immutable set search_path = '' as $$
declare
  v_rest text := p_block;
  v_piece text;
begin
  while length(v_rest) > 900 loop
    v_piece := coalesce(
      substring(left(v_rest, 900) from '^(.{200,})\n'),
      substring(left(v_rest, 900) from '^(.{200,}[.!?…]) '),
      substring(left(v_rest, 900) from '^(.{200,}) '),
      left(v_rest, 900)
    );
    return next v_piece;
    v_rest := ltrim(substr(v_rest, length(v_piece) + 1), E' \n');
  end loop;
  return next v_rest;
end;
$$;

-- A document was written: its passages are cut anew, and numbers learn how much there is to know.
create function sms.index_document()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    delete from public.sms_passages as p
    where p.document_id = old.id and (
      not new.enabled or not exists (
        select from sms.cut_into_passages(new.title, new.content) as n
        where n.title = p.title and n.content = p.content
      )
      or old.language <> new.language or old.config_id is distinct from new.config_id
    );
  end if;
  if new.enabled then
    update public.sms_passages as p set place = n.place
    from sms.cut_into_passages(new.title, new.content) as n
    where p.document_id = new.id and n.title = p.title and n.content = p.content
      and p.place <> n.place;
    insert into public.sms_passages
      (document_id, user_id, config_id, place, title, content, tokens, words)
    select new.id, new.user_id, new.config_id, n.place, n.title, n.content,
      (octet_length(n.title) + octet_length(n.content)) / 3 + 8,
      coalesce(sms.knowledge_words(new.user_id, new.language, n.title, n.content), '')
    from sms.cut_into_passages(new.title, new.content) as n
    where not exists (
      select from public.sms_passages as p
      where p.document_id = new.id and p.title = n.title and p.content = n.content
    );
  end if;
  perform sms.count_knowledge(new.user_id);
  return null;
end;
$$;

create trigger sms_documents_index
  after insert or update of title, content, language, enabled, config_id on public.sms_documents
  for each row execute function sms.index_document();

-- Keeps sms.known_words. One session at a time for an account: words are locked in any order.
create function sms.count_words()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.lock_documents(c.user_id)
  from (select distinct n.user_id from changed as n order by n.user_id) as c;
  if tg_op = 'INSERT' then
    insert into sms.known_words as k (user_id, word, passages)
    select c.user_id, substr(w.lexeme, 10), count(*) -- behind the account's key
    from changed as c cross join lateral unnest(c.words) as w
    group by c.user_id, substr(w.lexeme, 10)
    on conflict (user_id, word) do update set passages = k.passages + excluded.passages;
  else
    update sms.known_words as k set passages = k.passages - n.passages
    from (
      select c.user_id, substr(w.lexeme, 10) collate "C" as word, count(*) as passages
      from changed as c cross join lateral unnest(c.words) as w
      group by c.user_id, substr(w.lexeme, 10)
    ) as n
    where k.user_id = n.user_id and k.word = n.word;
    delete from sms.known_words as k
    using (
      select distinct c.user_id, substr(w.lexeme, 10) collate "C" as word
      from changed as c cross join lateral unnest(c.words) as w
    ) as n
    where k.user_id = n.user_id and k.word = n.word and k.passages <= 0;
  end if;
  return null;
end;
$$;

create trigger sms_passages_count_new_words
  after insert on public.sms_passages referencing new table as changed
  for each statement execute function sms.count_words();
create trigger sms_passages_count_lost_words
  after delete on public.sms_passages referencing old table as changed
  for each statement execute function sms.count_words();

create function sms.lock_documents(p_user_id uuid)
returns void language plpgsql set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(32, hashtext(p_user_id::text)); -- 32: this chapter
end;
$$;

-- Tells an account's numbers how much they know.
create function sms.count_knowledge(p_user_id uuid)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_configs as f set knowledge_size = n.size
  from (
    select o.id, coalesce(sum(p.tokens), 0) as size
    from public.sms_configs as o
    left join public.sms_passages as p
      on p.user_id = o.user_id and (p.config_id is null or p.config_id = o.id)
    where o.user_id = p_user_id
    group by o.id
  ) as n
  where f.id = n.id and f.knowledge_size <> n.size;
end;
$$;

-- A document went, or there is a new number, which knows what is for all numbers.
create function sms.recount_knowledge()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.count_knowledge(case tg_op when 'DELETE' then old.user_id else new.user_id end);
  return null;
end;
$$;

create trigger sms_documents_after_deleted
  after delete on public.sms_documents
  for each row execute function sms.recount_knowledge();
create trigger sms_configs_after_added
  after insert on public.sms_configs
  for each row execute function sms.recount_knowledge();

-- The document is its number's account's; an account has 1,000 at most. Its row is locked by the
-- number of its documents being counted under an advisory lock.
create function sms.admit_document()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.updated_at := clock_timestamp();
  if tg_op = 'UPDATE' then
    return new;
  end if;
  perform sms.require_role(new.user_id, 'admin');
  perform sms.lock_documents(new.user_id);
  if (select count(*) from public.sms_documents as d where d.user_id = new.user_id)
    >= (sms.policy()).documents_ceiling then
    raise exception using errcode = 'PT422', message = 'The account has as many documents as it may',
      hint = 'Delete some, or put several into one.';
  end if;
  return new;
end;
$$;

create trigger sms_documents_admit
  before insert or update on public.sms_documents
  for each row execute function sms.admit_document();

create trigger sms_documents_refuse_invalid
  before insert or update on public.sms_documents
  for each row execute function sms.refuse_invalid();

-- What a prompt holds. Everything while it fits, always in the same order, so that the provider's
-- prompt cache serves it; else what answers the waiting messages best.
create function sms.passages_for(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns bigint[] language plpgsql stable set search_path = '' set enable_seqscan = off as $$
begin
  if p_config.knowledge_size <= p_config.knowledge_tokens then
    return array(
      select p.id from public.sms_passages as p
      join public.sms_documents as d on d.id = p.document_id
      where p.user_id = p_config.user_id
        and (p.config_id is null or p.config_id = p_config.id)
      order by d.created_at, d.id, p.place, p.id
    );
  end if;
  return sms.find_passages(p_config.user_id, p_config.id, (
    select string_agg(m.message_content, ' ' order by m.id)
    from (
      select i.id, i.message_content from public.sms_messages as i
      where i.conversation_id = p_conversation.id and i.direction = 'incoming'
        and i.id <= p_conversation.last_pending_id
      order by i.id desc
      limit greatest(sms.unanswered(p_conversation), 1)
    ) as m
  ), p_config.knowledge_tokens);
end;
$$;

create function sms.ids_of(p_ids jsonb)
returns bigint[] language plpgsql immutable set search_path = '' as $$
begin
  return case when jsonb_typeof(p_ids) = 'array'
    then array(select i::bigint from jsonb_array_elements_text(p_ids) as i) end;
end;
$$;

-- The passages by their ids, in that order: [{title, content}]; null: none.
create function sms.passages_of(p_ids jsonb)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  if p_ids is null then
    return null;
  end if;
  return (
    select jsonb_agg(jsonb_build_object('title', p.title, 'content', p.content) order by i.place)
    from jsonb_array_elements_text(p_ids) with ordinality as i (id, place)
    join public.sms_passages as p on p.id = i.id::bigint
  );
end;
$$;

-- The passages that answer a question best, within a number of tokens: ids, best first. Each word
-- counts by how rare it is among the passages and how often it stands in one (BM25, k1 = 1.2,
-- b = 0.4: Robertson and Zaragoza 2009), in a heading twice; of a word and what stands for it the
-- best counts. At most 1,000 passages are looked at, those with the rarest words, however large the
-- library and long the question: common words only order them.
create function sms.find_passages(
  p_user_id uuid, p_config_id uuid, p_question text, p_tokens integer
)
returns bigint[] language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  v_most constant integer := 1000;
  v_usual constant integer := 160; -- tokens of a passage, to count passages without reading them
  v_key text := right(p_user_id::text, 8) || '.';
begin
  return (
    with asked as materialized (
      select t.word, t.lexeme, k.passages, t.weight * ln(
        1 + (greatest(f.knowledge_size / v_usual - k.passages, 0) + 0.5) / (k.passages + 0.5)
      ) as worth
      from public.sms_configs as f
      cross join sms.asked_words(p_user_id, p_question) as t
      cross join lateral (
        select w.passages from sms.known_words as w
        where w.user_id = p_user_id and w.word = t.lexeme collate "C" and w.passages > 0
        limit 1 -- looked up one by one, not in all words of the account
      ) as k
      where f.id = p_config_id
    ), rarest as (
      select a.lexeme, sum(a.passages) over w as passages, row_number() over w as place
      from (
        select l.lexeme, l.passages, max(l.worth) as worth from asked as l
        group by l.lexeme, l.passages
      ) as a
      window w as (order by a.worth desc, a.lexeme rows unbounded preceding)
    ), candidates as materialized (
      select p.id, p.tokens, p.words from public.sms_passages as p
      where p.words @@ (
          select string_agg(quote_literal(v_key || r.lexeme), '|')::tsquery from rarest as r
          where r.passages <= v_most or r.place = 1
        )
        -- No index on user_id is meant: before statistics know a new account, it looks like a few
        -- rows. The words are of one account already, but for two keys that are equal by chance.
        and p.user_id::text = p_user_id::text
        and (p.config_id is null or p.config_id = p_config_id)
      limit v_most
    ), scored as (
      select w.id, w.tokens, sum(w.score) * sqrt(count(*)) as score
      from (
        select m.id, m.tokens, m.word, max(
          m.worth * m.frequency * 2.2 / (m.frequency + 1.2 * (0.6 + 0.4 * m.tokens / v_usual))
        ) as score
        from (
          select c.id, c.tokens, a.word, a.worth, (
            select sum(case g when 'A' then 2 else 1 end)::float from unnest(u.weights) as g
          ) as frequency
          from candidates as c
          cross join lateral unnest(c.words) as u (lexeme, positions, weights)
          join asked as a on v_key || a.lexeme = u.lexeme
        ) as m
        group by m.id, m.tokens, m.word
      ) as w
      group by w.id, w.tokens
    )
    select sms.fit_passages(
      array_agg(s.id order by s.score desc, s.id), array_agg(s.tokens order by s.score desc, s.id),
      p_tokens
    )
    from scored as s
  );
end;
$$;

-- Of passages in order those that fit together; one that is too long leaves its place to the next.
create function sms.fit_passages(p_ids bigint[], p_sizes integer[], p_tokens integer)
returns bigint[] language plpgsql immutable set search_path = '' as $$
declare
  v_ids bigint[] := '{}';
  v_left integer := p_tokens;
begin
  for n in 1 .. least(coalesce(cardinality(p_ids), 0), 200) loop
    if p_sizes[n] <= v_left then
      v_ids := v_ids || p_ids[n];
      v_left := v_left - p_sizes[n];
    end if;
  end loop;
  return v_ids;
end;
$$;

-- The words of a question, 300 at most: each as it stands and as its stem, without those that a
-- language does not count as words (the, la); what means the same; and for one that no passage has
-- the three that look most like it.
create function sms.asked_words(p_user_id uuid, p_question text)
returns table (word text, lexeme text, weight float)
language plpgsql stable rows 50 set search_path = '' as $$
begin
  return query
  with languages as materialized (
    select distinct ('pg_catalog.' || d.language)::regconfig as language
    from public.sms_documents as d
    where d.user_id = p_user_id and d.enabled
    limit 4
  ), asked as materialized (
    select distinct w.word, s.stem
    from unnest((string_to_array(sms.plain_text(left(p_question, 2000)), ' '))[1:60]) as w (word)
    cross join languages as l
    cross join lateral unnest(to_tsvector(l.language, w.word)) as s (stem, positions, weights)
    where w.word <> ''
  ), meant as (
    select a.word, o.word as other, 0.4::float as weight
    from asked as a
    join sms.knowledge_synonyms as y
      on y.word in (a.word, rtrim(a.word, 's'), regexp_replace(a.word, 'es$', ''))
    join sms.knowledge_synonyms as o on o.topic = y.topic and o.word <> a.word
    union all
    select u.word, n.word, 0.8 * n.likeness
    from (
      select distinct a.word from asked as a
      where length(a.word) >= 4 and ( -- one by one, as in find_passages
        select k.passages from sms.known_words as k
        where k.user_id = p_user_id and k.word = a.word collate "C" and k.passages > 0
      ) is null
      limit 10
    ) as u
    cross join lateral sms.similar_words(p_user_id, u.word) as n
  ), every as (
    select a.word, s.lexeme, 1.0::float as weight
    from asked as a cross join unnest(array[a.word, a.stem]) as s (lexeme)
    union all
    select m.word, s.lexeme, m.weight
    from meant as m
    cross join languages as l
    cross join lateral unnest(
      to_tsvector('pg_catalog.simple', m.other) || to_tsvector(l.language, m.other)
    ) as s (lexeme, positions, weights)
  )
  select e.word, e.lexeme, max(e.weight) from every as e
  group by e.word, e.lexeme
  order by max(e.weight) desc, e.word, e.lexeme
  limit 300;
end;
$$;

-- The known words that look most like one that is not known: of 3,000 with its first letter.
create function sms.similar_words(p_user_id uuid, p_word text)
returns table (word text, likeness float) language plpgsql stable rows 3 set search_path = '' as $$
declare
  v_first text := left(p_word, 1);
begin
  return query
  select n.word, n.likeness
  from (
    select k.word, extensions.similarity(k.word, p_word)::float as likeness
    from sms.known_words as k
    where k.user_id = p_user_id and k.word >= v_first collate "C"
      and k.word < chr(ascii(v_first) + 1) collate "C" and k.passages > 0
    limit 3000
  ) as n
  where n.likeness >= 0.4 and abs(length(n.word) - length(p_word)) <= 3
  order by n.likeness desc, n.word
  limit 3;
end;
$$;

create function public.ask_sms_knowledge(p_config_id uuid, p_question text)
returns table (passage_id bigint, title text, content text)
language plpgsql stable security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f
  where f.id = p_config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms_configs lists those of your accounts.';
  end if;
  return query
  select p.id, p.title, p.content
  from unnest(sms.find_passages(
    v_config.user_id, v_config.id, p_question, v_config.knowledge_tokens
  )) with ordinality as i (id, place)
  join public.sms_passages as p on p.id = i.id
  order by i.place;
end;
$$;
comment on function public.ask_sms_knowledge(uuid, text) is
  'The passages that answer a question to that number best, within its knowledge_tokens, best '
  'first: what search would show the model. PT404: no such number.';

create function public.import_sms_document(
  p_config_id uuid, p_source text, p_title text, p_content text, p_language text default 'simple'
)
returns text language plpgsql set search_path = '' as $$
declare
  v_user_id uuid := (select f.user_id from public.sms_configs as f where f.id = p_config_id);
  v_document public.sms_documents;
begin
  if v_user_id is null then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms-gateway number list names those that are configured.';
  end if;
  select d.* into v_document from public.sms_documents as d
  where d.user_id = v_user_id and d.config_id = p_config_id and d.source = p_source
  for update;
  if not found then
    insert into public.sms_documents (user_id, config_id, title, content, language, source)
    values (v_user_id, p_config_id, p_title, p_content, p_language, p_source);
    return 'inserted';
  elsif (v_document.title, v_document.content, v_document.language)
    = (p_title, p_content, p_language) then
    return 'unchanged';
  end if;
  update public.sms_documents as d
  set title = p_title, content = p_content, language = p_language
  where d.id = v_document.id;
  return 'updated';
end;
$$;
comment on function public.import_sms_document(uuid, text, text, text, text) is
  'For sms-gateway knowledge import: the document of a number that came from p_source, new, changed '
  'or as it was. Returns inserted, updated or unchanged. PT404: no such number. PT422: no document.';

-- What the assistant did not know.

create table public.sms_questions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  conversation_id uuid,
  message_id bigint,
  question text not null,
  plain text not null,
  asked integer not null default 1,
  status text not null default 'open',
  document_id uuid,
  created_at timestamptz not null default now(),
  last_asked_at timestamptz not null default now(),
  constraint sms_questions_pkey primary key (id),
  constraint sms_questions_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_questions_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade,
  constraint sms_questions_question_check check (length(question) between 1 and 500),
  constraint sms_questions_status_check check (status in (
    'open',     -- nobody has answered it
    'answered', -- answer_sms_question made a document of it
    'dismissed' -- nobody will
  ))
);
create index sms_questions_user_id_idx
  on public.sms_questions (user_id, status, last_asked_at desc);
create index sms_questions_config_id_idx on public.sms_questions (config_id, user_id);
create index sms_questions_conversation_id_idx on public.sms_questions (conversation_id, user_id);

comment on table public.sms_questions is
  'What contacts asked and the assistant did not know, similar questions together. '
  'answer_sms_question makes the answer known; status dismissed puts one away.';
comment on column public.sms_questions.asked is 'How often it was asked.';
comment on column public.sms_questions.conversation_id is 'Where it was asked last.';
comment on column public.sms_questions.plain is 'The question as it is compared.';
comment on constraint sms_questions_question_check on public.sms_questions is
  'question has 1 to 500 characters.';
comment on constraint sms_questions_status_check on public.sms_questions is
  'status is open, answered or dismissed.';

create trigger sms_questions_refuse_invalid
  before update on public.sms_questions
  for each row execute function sms.refuse_invalid();

-- Notes a question of a conversation that the assistant could not answer; one much like it counts up.
create function sms.note_question(
  p_conversation public.sms_conversations, p_message_id bigint, p_question text
)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_question text := left(btrim(p_question), 500);
  v_plain text := left(sms.plain_text(v_question), 500);
  v_id uuid;
begin
  if sms.is_blank(v_question) then
    return;
  end if;
  select q.id into v_id from (
    select o.id, o.plain from public.sms_questions as o
    where o.user_id = p_conversation.user_id and o.status = 'open'
      and o.config_id = p_conversation.config_id
    order by o.last_asked_at desc
    limit 1000
  ) as q
  where extensions.similarity(q.plain, v_plain) >= 0.6
  order by extensions.similarity(q.plain, v_plain) desc
  limit 1;
  if v_id is not null then
    update public.sms_questions as q
    set asked = q.asked + 1, last_asked_at = clock_timestamp(),
      conversation_id = p_conversation.id, message_id = p_message_id
    where q.id = v_id;
  else
    insert into public.sms_questions
      (user_id, config_id, conversation_id, message_id, question, plain)
    values (p_conversation.user_id, p_conversation.config_id, p_conversation.id, p_message_id,
      v_question, v_plain);
  end if;
end;
$$;

create function public.answer_sms_question(p_question_id uuid, p_answer text)
returns setof public.sms_documents language plpgsql security definer set search_path = '' as $$
declare
  v_question public.sms_questions;
  v_document public.sms_documents;
begin
  select q.* into v_question from public.sms_questions as q
  where q.id = p_question_id
    and (auth.uid() is null or q.user_id in (select sms.account_ids('agent')))
  for update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such question',
      hint = 'sms_questions lists those of your accounts.';
  end if;
  perform sms.require_role(v_question.user_id, 'admin');
  if sms.is_blank(p_answer) then
    raise exception using errcode = 'PT422', message = 'The answer is empty',
      hint = 'Write what the assistant shall say.';
  end if;
  insert into public.sms_documents as d (user_id, config_id, title, content, language)
  select v_question.user_id, v_question.config_id, left(v_question.question, 200), p_answer,
    coalesce((
      select o.language from public.sms_documents as o where o.user_id = v_question.user_id
      group by o.language
      order by count(*) desc
      limit 1
    ), 'simple')
  returning d.* into v_document;
  update public.sms_questions as q set status = 'answered', document_id = v_document.id
  where q.id = p_question_id;
  return next v_document;
end;
$$;
comment on function public.answer_sms_question(uuid, text) is
  'Makes the answer to a question a document of its number, and returns it: the next contact gets '
  'it. PT403: the caller is no admin. PT404: no such question. PT422: the answer is empty or too '
  'long.';

-- 33_events.sql ===================================================================================

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

-- 34_replay.sql ===================================================================================

-- Replay: what would another prompt or model have answered? Past replies are asked for again, as
-- they were asked for then, and stand beside what was sent; people judge. A preview asks for the
-- reply to a message that an admin typed.
--
--   start_sms_replay, start_sms_preview   one row of sms_replay_answers for each reply to generate
--   claim_sms_work                        hands one out when nothing else is due, two at a time
--   record_sms_replay_answer              what came of it, or that the replay has to wait
--   get_sms_replay                        old and new side by side, and totals
--
-- Nothing of it is a message, passes the gate, counts or runs a tool. A reply's prompt is not kept
-- but cut again from the messages, by the ids its row names (shown_first_id, shown_last_id); where
-- prompt_hash then differs, because something changed since, the answer is marked as approximate.

create table public.sms_replays (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  config_version integer not null,
  changes jsonb not null,
  message text,
  status text not null default 'running',
  started_by uuid,
  suspended_until timestamptz,
  suspended_reason text,
  claimed_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  constraint sms_replays_pkey primary key (id),
  constraint sms_replays_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_replays_status_check check (
    (status = 'running') = (finished_at is null) and status in (
      'running',  -- some answers are missing
      'done',     -- each answer is there, or why it is not
      'canceled'  -- by cancel_sms_replay
    )
  ),
  constraint sms_replays_message_check check (length(message) between 1 and 1600)
);
create index sms_replays_config_id_idx on public.sms_replays (config_id, created_at desc);
create index sms_replays_user_id_idx on public.sms_replays (user_id, created_at desc);
create index sms_replays_running_idx on public.sms_replays (claimed_at) where status = 'running';

comment on table public.sms_replays is
  'Past replies of a number generated again with other settings (start_sms_replay), or the reply to '
  'one typed message (start_sms_preview). The newest 100 of a number are kept.';
comment on column public.sms_replays.config_version is
  'The number''s settings when it was started; changes are made to these.';
comment on column public.sms_replays.changes is 'Columns of sms_configs with other values.';
comment on column public.sms_replays.message is 'A preview: what the contact is taken to write.';
comment on column public.sms_replays.suspended_until is
  'The model''s provider refused (suspended_reason): goes on by itself after this.';

create table public.sms_replay_answers (
  replay_id uuid not null,
  place smallint not null,
  user_id uuid not null,
  message_id bigint,
  state text not null default 'pending',
  attempts smallint not null default 0,
  lease_id uuid,
  leased_until timestamptz,
  content text,
  encoding text,
  segments smallint,
  model text,
  prompt_tokens integer,
  completion_tokens integer,
  generation_ms integer,
  is_approximate boolean,
  is_over_budget boolean,
  same_language boolean,
  used jsonb,
  diverged_call jsonb,
  error text,
  mark text,
  comment text,
  marked_by uuid,
  constraint sms_replay_answers_pkey primary key (replay_id, place),
  constraint sms_replay_answers_replay_id_fkey foreign key (replay_id)
    references public.sms_replays (id) on delete cascade,
  constraint sms_replay_answers_message_id_fkey foreign key (message_id)
    references public.sms_messages (id) on delete cascade,
  constraint sms_replay_answers_state_check check (state in (
    'pending',  -- not asked for yet, or being asked for
    'answered',
    'empty',    -- the model answered without text
    'diverged', -- the model called a tool that the record cannot answer
    'failed',   -- no answer; error says why
    'canceled'
  )),
  constraint sms_replay_answers_mark_check check (mark in ('better', 'same', 'worse')),
  constraint sms_replay_answers_comment_check check (length(comment) <= 1000)
);
create index sms_replay_answers_message_id_idx on public.sms_replay_answers (message_id)
  where message_id is not null;
create index sms_replay_answers_pending_idx on public.sms_replay_answers (replay_id, place)
  where state = 'pending';
create index sms_replay_answers_user_id_idx on public.sms_replay_answers (user_id);
create unique index sms_replay_answers_lease_id_idx on public.sms_replay_answers (lease_id)
  where lease_id is not null;

comment on table public.sms_replay_answers is
  'The new answers of a replay; the old one is the row of sms_messages that message_id names. '
  'get_sms_replay puts them side by side.';
comment on column public.sms_replay_answers.is_approximate is
  'The prompt that led to the old reply could not be cut again as it was.';
comment on column public.sms_replay_answers.is_over_budget is
  'It was longer than max_segments and was cut.';
comment on column public.sms_replay_answers.same_language is
  'Whether both are written in one language; null: that cannot be said.';
comment on column public.sms_replay_answers.used is
  'The passages that the model was shown, ids of sms_passages.';
comment on column public.sms_replay_answers.diverged_call is
  'What the model called and the record cannot answer: {name, arguments}. No tool runs.';
comment on column public.sms_replay_answers.mark is 'A member''s judgement: better, same or worse.';

create table public.sms_models (
  model text not null,
  shuts_down_on date,
  input_price numeric(10, 4),
  output_price numeric(10, 4),
  read_on date,
  source text,
  constraint sms_models_pkey primary key (model),
  constraint sms_models_price_check check (
    num_nulls(input_price, output_price, read_on, source) in (0, 4)
  )
);
comment on table public.sms_models is
  'What is known of models: when they end, and US dollars for a million tokens without the discount '
  'for cached ones, with the day and page they were read on. Change them when your prices differ.';
comment on column public.sms_models.shuts_down_on is
  'As OpenAI''s list of models says, noted by the worker (note_sms_models); null: nothing is announced.';
insert into public.sms_models (model, input_price, output_price, read_on, source)
select p.model, p.input_price, p.output_price, '2026-11-05',
  'https://developers.openai.com/api/docs/pricing'
from (values
  ('gpt-4o', 2.50, 10.00),
  ('gpt-4o-mini', 0.15, 0.60),
  ('gpt-4.1-mini', 0.40, 1.60),
  ('gpt-5', 1.25, 10.00),
  ('gpt-5-mini', 0.25, 2.00),
  ('gpt-5.4-mini', 0.75, 4.50),
  ('gpt-6-luna', 0.10, 0.50)
) as p (model, input_price, output_price);

create function public.note_sms_models(p_shutdown_dates jsonb)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_models as o set shuts_down_on = null
  where o.shuts_down_on is not null and not p_shutdown_dates ? o.model;
  insert into public.sms_models as o (model, shuts_down_on)
  select d.model, d.ends::date from jsonb_each_text(p_shutdown_dates) as d (model, ends)
  order by d.model
  on conflict (model) do update set shuts_down_on = excluded.shuts_down_on
  where o.shuts_down_on is distinct from excluded.shuts_down_on;
end;
$$;
comment on function public.note_sms_models(jsonb) is
  'The models that end, {name: date}, as OpenAI''s list says now; of others nothing is announced.';

-- Starting.

create function public.start_sms_replay(
  p_config_id uuid, p_changes jsonb, p_since timestamptz default now() - interval '7 days',
  p_limit integer default 200
)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays;
  v_replies bigint[];
begin
  v_replay := sms.prepare_replay(p_config_id, p_changes, null);
  v_replies := array(
    select m.id from public.sms_messages as m
    join public.sms_conversations as c on c.id = m.conversation_id
    where m.user_id = v_replay.user_id and c.config_id = p_config_id
      and m.author = 'ai' and m.in_reply_to is not null and m.created_at >= p_since
      and sms.reached_twilio(m.message_sid, m.status)
    order by m.id desc
    limit least(p_limit, 200)
  );
  if cardinality(v_replies) = 0 then
    raise exception using errcode = 'PT422',
      message = 'The number has no AI reply of that time', hint = 'Choose an earlier p_since.';
  end if;
  return sms.begin_replay(v_replay, v_replies);
end;
$$;
comment on function public.start_sms_replay(uuid, jsonb, timestamptz, integer) is
  'Asks again for the newest AI replies of a number since p_since, at most p_limit (200): with its '
  'settings and p_changes, {system_prompt, openai_model, max_tokens, temperature, max_segments, '
  'fold_accents, first_reply_notice, knowledge_tokens, tools, stay_silent_for, context_attributes}. '
  'Nothing is sent. Returns the id for get_sms_replay. PT403: the caller is no admin. PT429: too '
  'many answers within 24 hours.';

create function public.start_sms_preview(p_config_id uuid, p_changes jsonb, p_message text)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  v_message text := nullif(btrim(p_message), '');
begin
  if v_message is null or length(v_message) > 1600 then
    raise exception using errcode = 'PT422', message = 'A message to try has 1 to 1,600 characters',
      hint = 'Type what a contact would write.';
  end if;
  return sms.begin_replay(sms.prepare_replay(p_config_id, p_changes, v_message), array[null::bigint]);
end;
$$;
comment on function public.start_sms_preview(uuid, jsonb, text) is
  'What the number would answer to p_message with its settings and p_changes (see '
  'start_sms_replay). Nothing is sent or stored as a message. Returns the id for get_sms_replay.';

-- The row of a replay that the caller may start; not stored yet.
create function sms.prepare_replay(p_config_id uuid, p_changes jsonb, p_message text)
returns public.sms_replays language plpgsql set search_path = '' as $$
declare
  v_config public.sms_configs;
  v_replay public.sms_replays;
begin
  select f.* into v_config from public.sms_configs as f
  where f.id = p_config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms_configs lists yours.';
  end if;
  perform sms.require_role(v_config.user_id, 'admin');
  perform sms.check_changes(v_config, p_changes);
  v_replay.user_id := v_config.user_id;
  v_replay.config_id := v_config.id;
  v_replay.config_version := v_config.version;
  v_replay.changes := p_changes;
  v_replay.message := p_message;
  return v_replay;
end;
$$;

-- Refuses what is no behaviour of a prompt, and a value that the number could not be given.
create function sms.check_changes(p_config public.sms_configs, p_changes jsonb)
returns void language plpgsql set search_path = '' as $$
declare
  v_known text[] := array[
    'system_prompt', 'openai_model', 'max_tokens', 'temperature', 'max_segments', 'fold_accents',
    'first_reply_notice', 'knowledge_tokens', 'tools', 'stay_silent_for', 'context_attributes'
  ];
  v_changed public.sms_configs;
  v_fault text;
begin
  if jsonb_typeof(p_changes) is distinct from 'object' then
    v_fault := 'p_changes is an object';
  elsif exists (select from jsonb_object_keys(p_changes) as k (name) where k.name <> all (v_known)) then
    v_fault := 'p_changes has a setting that no prompt depends on; it may have '
      || array_to_string(v_known, ', ');
  else
    v_changed := jsonb_populate_record(p_config, p_changes);
    v_fault := coalesce(
      (select b.sentence from sms.broken_check('public.sms_configs', to_jsonb(v_changed)) as b),
      case when num_nulls(v_changed.system_prompt, v_changed.openai_model, v_changed.max_tokens,
        v_changed.max_segments, v_changed.fold_accents, v_changed.knowledge_tokens,
        v_changed.stay_silent_for, v_changed.context_attributes) > 0
        then 'Only temperature, first_reply_notice and tools may be null' end,
      case when v_changed.max_tokens > (sms.policy()).max_tokens_ceiling
        then format('At most %s max_tokens are allowed here', (sms.policy()).max_tokens_ceiling) end
    );
  end if;
  if v_fault is not null then
    raise exception using errcode = 'PT422', message = v_fault,
      hint = 'Change the value and start again; nothing was asked';
  end if;
exception when data_exception then
  raise exception using errcode = 'PT422', message = 'A setting is no value of its kind',
    hint = 'Change the value and start again; nothing was asked';
end;
$$;

-- Stores a replay and the answers it is to get, within what an account may ask for in 24 hours.
create function sms.begin_replay(p_replay public.sms_replays, p_message_ids bigint[])
returns uuid language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_id uuid;
begin
  perform pg_advisory_xact_lock(34, hashtext(p_replay.user_id::text)); -- 34: this chapter
  if cardinality(p_message_ids) + (
    select count(*) from public.sms_replays as r
    join public.sms_replay_answers as a on a.replay_id = r.id
    where r.user_id = p_replay.user_id and r.created_at > now() - v_policy.daily_window
  ) > v_policy.replay_answers_per_day then
    raise exception using errcode = 'PT429',
      message = 'The account has no more answers to replay within 24 hours',
      hint = 'Choose fewer replies, or wait.';
  end if;
  insert into public.sms_replays as r (user_id, config_id, config_version, changes, message, started_by)
  values (p_replay.user_id, p_replay.config_id, p_replay.config_version, p_replay.changes,
    p_replay.message, auth.uid())
  returning r.id into v_id;
  insert into public.sms_replay_answers (replay_id, place, user_id, message_id)
  select v_id, i.place, p_replay.user_id, i.id
  from unnest(p_message_ids) with ordinality as i (id, place);
  delete from public.sms_replays as r
  where r.config_id = p_replay.config_id and r.finished_at is not null
    and r.created_at < now() - v_policy.daily_window
    and r.id not in (
      select o.id from public.sms_replays as o where o.config_id = p_replay.config_id
      order by o.created_at desc
      limit 100
    );
  return v_id;
end;
$$;

create function public.cancel_sms_replay(p_replay_id uuid)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
begin
  perform sms.require_role(v_replay.user_id, 'admin');
  update public.sms_replays as r set status = 'canceled', finished_at = clock_timestamp()
  where r.id = p_replay_id and r.status = 'running';
  update public.sms_replay_answers as a
  set state = 'canceled', lease_id = null, leased_until = null
  where a.replay_id = p_replay_id and a.state = 'pending';
end;
$$;
comment on function public.cancel_sms_replay(uuid) is
  'Ends a replay; the answers it has got stay. PT403: the caller is no admin.';

create function public.mark_sms_replay_answer(
  p_replay_id uuid, p_place integer, p_mark text, p_comment text default null
)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
begin
  if p_mark not in ('better', 'same', 'worse') or length(p_comment) > 1000 then
    raise exception using errcode = 'PT422',
      message = 'p_mark is better, same, worse or null; p_comment has at most 1,000 characters';
  end if;
  update public.sms_replay_answers as a
  set mark = p_mark, comment = p_comment, marked_by = auth.uid()
  where a.replay_id = v_replay.id and a.place = p_place;
  if not found then
    raise exception using errcode = 'PT404', message = 'The replay has no such answer';
  end if;
end;
$$;
comment on function public.mark_sms_replay_answer(uuid, integer, text, text) is
  'A member''s judgement of a new answer: better, same or worse than the old one; null takes it back.';

-- A replay in one of the caller's accounts, or PT404.
create function sms.replay_of_caller(p_replay_id uuid)
returns public.sms_replays language plpgsql stable set search_path = '' as $$
declare
  v_replay public.sms_replays;
begin
  select r.* into v_replay from public.sms_replays as r
  where r.id = p_replay_id
    and (auth.uid() is null or r.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such replay',
      hint = 'sms_replays lists those of your numbers.';
  end if;
  return v_replay;
end;
$$;

-- Working.

-- A job of kind replay; null: nothing is to be replayed now. A preview goes first, then every replay
-- has its turn. Two at a time: what comes in meanwhile finds the workers' slots free.
create function sms.claim_replay(p_lease_id uuid, p_until timestamptz, p_now timestamptz)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_answer public.sms_replay_answers;
  v_job jsonb;
begin
  if not exists (select from public.sms_replays as r where r.status = 'running') then
    return null; -- the usual case: a look at an empty index
  end if;
  perform pg_advisory_xact_lock(34, 0);
  select a.* into v_answer from public.sms_replay_answers as a
  where a.lease_id = p_lease_id and a.leased_until > p_now;
  if found then -- asked again
    return sms.replay_job(v_answer);
  elsif (
    select count(*) from public.sms_replay_answers as a
    where a.lease_id is not null and a.leased_until > p_now
  ) >= (sms.policy()).replay_leases_max then
    return null;
  end if;
  select a.* into v_answer
  from public.sms_replays as r
  cross join lateral (
    select n.* from public.sms_replay_answers as n
    where n.replay_id = r.id and n.state = 'pending'
      and (n.lease_id is null or n.leased_until <= p_now)
    order by n.place
    limit 1
  ) as a
  where r.status = 'running' and (r.suspended_until is null or r.suspended_until <= p_now)
  order by r.message is null, r.claimed_at nulls first
  limit 1;
  if not found then
    return null;
  end if;
  update public.sms_replays as r set claimed_at = p_now where r.id = v_answer.replay_id;
  update public.sms_replay_answers as a
  set lease_id = p_lease_id, leased_until = p_until, attempts = a.attempts + 1
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place and a.state = 'pending'
  returning a.* into v_answer;
  v_job := sms.replay_job(v_answer);
  update public.sms_replay_answers as a set used = v_job -> 'used'
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place and v_job ->> 'used' is not null;
  return v_job;
end;
$$;

-- The job, as the worker gets it. `original` is what the old reply was made with, as far as that is
-- still known: the worker compares the hash of its prompt.
create function sms.replay_job(p_answer public.sms_replay_answers)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_replay public.sms_replays;
  v_config public.sms_configs;
  v_conversation public.sms_conversations;
  v_message public.sms_messages;
  v_settings public.sms_configs;
  v_original public.sms_configs;
  v_used jsonb;
begin
  select r.* into v_replay from public.sms_replays as r where r.id = p_answer.replay_id;
  select f.* into v_config from public.sms_configs as f where f.id = v_replay.config_id;
  select m.* into v_message from public.sms_messages as m where m.id = p_answer.message_id;
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = v_message.conversation_id;
  v_conversation.last_pending_id := v_message.in_reply_to; -- as it was then
  v_original := sms.config_at(v_config, v_message.config_version);
  v_settings := jsonb_populate_record(
    coalesce(sms.config_at(v_config, v_replay.config_version), v_config), v_replay.changes
  );
  v_used := sms.replay_passages(v_conversation, v_settings, v_replay.message);
  return jsonb_build_object(
    'kind', 'replay',
    'lease_id', p_answer.lease_id,
    'replay_id', p_answer.replay_id,
    'place', p_answer.place,
    'message_id', p_answer.message_id,
    'conversation_id', v_message.conversation_id,
    'used', v_used,
    'prompt', sms.replay_prompt(v_conversation, v_settings, v_used),
    'original', case when v_original.id is not null
      then sms.replay_prompt(v_conversation, v_original, to_jsonb(v_message.used)) end,
    'history', case when p_answer.message_id is null
      then jsonb_build_array(jsonb_build_object('role', 'user', 'content', v_replay.message))
      else sms.shown_history(v_conversation, v_message, v_settings.history_limit) end,
    'recorded_calls', (
      select jsonb_agg(jsonb_build_object(
        'id', k.id, 'name', k.name, 'arguments', k.arguments, 'result', k.result, 'error', k.error
      ) order by k.id)
      from public.sms_tool_calls as k where k.reply_id = v_message.id
    ),
    'prompt_hash', v_message.prompt_hash,
    'old_content', v_message.message_content,
    'notice', case when not exists (
      select from public.sms_messages as m
      where m.conversation_id = v_message.conversation_id and m.id < v_message.id
        and m.author in ('ai', 'system') and m.canned_reply is null
    ) then v_settings.first_reply_notice end,
    'opt_out_hint', (
      select sms.canned_content(
        v_settings, 'opt_out_hint', (sms.classify(m.message_content)).language
      )
      from public.sms_messages as m where m.id = v_message.in_reply_to and m.intent = 'maybe_stop'
    )
  );
end;
$$;

-- What a prompt takes from a number's settings, beside the history.
create function sms.replay_prompt(
  p_conversation public.sms_conversations, p_settings public.sms_configs, p_passages jsonb
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'contact_number', coalesce(p_conversation.contact_number, ''),
    'system_prompt', p_settings.system_prompt,
    'openai_model', p_settings.openai_model,
    'max_tokens', p_settings.max_tokens,
    'temperature', p_settings.temperature,
    'max_segments', p_settings.max_segments,
    'fold_accents', p_settings.fold_accents,
    'contact', sms.known_of(
      p_conversation.user_id, p_conversation.contact_number, p_settings.context_attributes
    ),
    'knowledge', sms.passages_of(p_passages),
    'tools', case when p_settings.tools is not null then sms.offered_tools(p_settings.tools) end,
    'tool_calls', null,
    'stay_silent_for', p_settings.stay_silent_for
  );
end;
$$;

-- The ids of what the number knows of it today; p_message: of a preview.
create function sms.replay_passages(
  p_conversation public.sms_conversations, p_settings public.sms_configs, p_message text
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  if p_settings.knowledge_size = 0 or p_settings.knowledge_tokens = 0 then
    return null;
  elsif p_message is not null and p_settings.knowledge_size > p_settings.knowledge_tokens then
    return to_jsonb(sms.find_passages(
      p_settings.user_id, p_settings.id, p_message, p_settings.knowledge_tokens
    ));
  end if;
  return to_jsonb(sms.passages_for(p_conversation, p_settings));
end;
$$;

-- The number with the settings of one of its versions; null: that version is not kept.
create function sms.config_at(p_config public.sms_configs, p_version integer)
returns public.sms_configs language plpgsql stable set search_path = '' as $$
declare
  v_settings jsonb := (
    select v.settings from public.sms_config_versions as v
    where v.config_id = p_config.id and v.version = p_version
  );
begin
  return case when v_settings is not null then jsonb_populate_record(p_config, v_settings) end;
end;
$$;

-- The history that a reply was made with, [{id, role, content}]: cut again by the ids of the first and
-- last message of it, also those of the contact's earlier conversation. Not known of old rows: then
-- the last messages before the one it answers.
create function sms.shown_history(
  p_conversation public.sms_conversations, p_message public.sms_messages, p_limit integer
)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
begin
  if p_message.shown_first_id is null then
    return sms.turns(
      p_conversation.id, p_message.in_reply_to, p_limit, v_policy.history_characters
    );
  end if;
  return coalesce((
    select sms.turns(
      c.id, null, 1000, 10000000, p_message.shown_first_id, p_message.shown_last_id
    )
    from public.sms_conversations as c
    where c.config_id = p_conversation.config_id and c.user_id = p_conversation.user_id
      and c.contact_number = p_conversation.contact_number and c.id <> p_conversation.id
      and c.closed_at <= p_message.created_at
    order by c.closed_at desc
    limit 1
  ), '[]') || sms.turns(
    p_conversation.id, p_message.in_reply_to, 1000, 10000000,
    p_message.shown_first_id, p_message.shown_last_id
  );
end;
$$;

create function public.record_sms_replay_answer(p_lease_id uuid, p_answer jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_given public.sms_replay_answers := jsonb_populate_record(
    null::public.sms_replay_answers, p_answer
  );
  v_answer public.sms_replay_answers;
begin
  -- The replay's row first: of two last answers one sees that it is the last.
  perform from public.sms_replays as r
  where r.id = (
    select a.replay_id from public.sms_replay_answers as a where a.lease_id = p_lease_id
  )
  for no key update;
  select a.* into v_answer from public.sms_replay_answers as a
  where a.lease_id = p_lease_id and a.state = 'pending'
  for no key update;
  if not found then
    return jsonb_build_object('outcome', 'gone');
  elsif p_answer ? 'retry_after' and v_answer.attempts < (sms.policy()).replay_attempts_max then
    update public.sms_replay_answers as a set lease_id = null, leased_until = null
    where a.replay_id = v_answer.replay_id and a.place = v_answer.place;
    update public.sms_replays as r
    set suspended_reason = v_given.error, suspended_until = v_now + coalesce(
      (p_answer ->> 'retry_after')::double precision * interval '1 second',
      (sms.policy()).retry_after_max
    )
    where r.id = v_answer.replay_id;
    return jsonb_build_object('outcome', 'suspended');
  end if;
  update public.sms_replay_answers as a
  set state = v_given.state, lease_id = null, leased_until = null,
    content = v_given.content, encoding = v_given.encoding, segments = v_given.segments,
    model = v_given.model, prompt_tokens = v_given.prompt_tokens,
    completion_tokens = v_given.completion_tokens, generation_ms = v_given.generation_ms,
    is_approximate = v_given.is_approximate, is_over_budget = v_given.is_over_budget,
    same_language = v_given.same_language, diverged_call = v_given.diverged_call,
    error = v_given.error
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place;
  update public.sms_replays as r set status = 'done', finished_at = v_now
  where r.id = v_answer.replay_id and r.status = 'running' and not exists (
    select from public.sms_replay_answers as a where a.replay_id = r.id and a.state = 'pending'
  );
  return jsonb_build_object('outcome', 'recorded');
end;
$$;
comment on function public.record_sms_replay_answer(uuid, jsonb) is
  'What came of a job of kind replay: columns of sms_replay_answers, state among them. With '
  'retry_after (seconds, or null) the provider refuses for now: the replay is suspended and the '
  'answer asked for again, three times at most. Returns {outcome: recorded, suspended or gone}.';

-- Gives a job of kind replay back with its attempt. False: the lease was gone.
create function sms.release_replay(p_lease_id uuid)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.sms_replay_answers as a
  set lease_id = null, leased_until = null, attempts = greatest(a.attempts - 1, 0)
  where a.lease_id = p_lease_id;
  return found;
end;
$$;

-- Tells the workers that there is something to do when nothing else is.
create function sms.announce_replay()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send('{"seconds": 0}', 'work', 'sms:worker', true);
  return null;
end;
$$;

create trigger sms_replays_announce
  after insert on public.sms_replays
  for each row execute function sms.announce_replay();

-- Reading.

create function public.get_sms_replay(p_replay_id uuid)
returns jsonb language plpgsql stable security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
  v_pairs jsonb := (
    select jsonb_agg(sms.replay_pair(a) order by a.place) from public.sms_replay_answers as a
    where a.replay_id = p_replay_id
  );
begin
  return to_jsonb(v_replay) - array['claimed_at', 'user_id'] || jsonb_build_object(
    'is_suspended', v_replay.status = 'running'
      and coalesce(v_replay.suspended_until > clock_timestamp(), false),
    'answers', coalesce(v_pairs, '[]'),
    'totals', (
      select jsonb_build_object(
        'answers', count(*),
        'pending', count(*) filter (where p ->> 'state' = 'pending'),
        'answered', count(*) filter (where p ->> 'state' = 'answered'),
        'empty', count(*) filter (where p ->> 'state' = 'empty'),
        'failed', count(*) filter (where p ->> 'state' = 'failed'),
        'diverged', count(*) filter (where p ->> 'state' = 'diverged'),
        'approximate', count(*) filter (where (p ->> 'is_approximate')::boolean),
        'longer', count(*) filter (where (p -> 'new' ->> 'segments')::int > (p -> 'old' ->> 'segments')::int),
        'over_budget', count(*) filter (where (p ->> 'is_over_budget')::boolean),
        'other_language', count(*) filter (where not (p ->> 'same_language')::boolean),
        'old', sms.replay_totals(jsonb_agg(p -> 'old') filter (where p ->> 'state' = 'answered')),
        'new', sms.replay_totals(jsonb_agg(p -> 'new') filter (where p ->> 'state' = 'answered'))
      )
      from jsonb_array_elements(v_pairs) as p
    )
  );
end;
$$;
comment on function public.get_sms_replay(uuid) is
  'A replay with its answers, old and new side by side: {status, is_suspended, answers: [{place, '
  'state, question, old, new: {content, segments, model, tokens, price in US dollars, '
  'generation_ms, mentions_human}, is_approximate, is_over_budget, same_language, used (passages), '
  'diverged_call, mark, comment}], totals}. PT404: not of one of the caller''s accounts.';

-- An old and a new answer side by side.
create function sms.replay_pair(p_answer public.sms_replay_answers)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m where m.id = p_answer.message_id;
  return jsonb_build_object(
    'place', p_answer.place,
    'message_id', p_answer.message_id,
    'conversation_id', v_message.conversation_id,
    'question', (
      select m.message_content from public.sms_messages as m where m.id = v_message.in_reply_to
    ),
    'state', p_answer.state,
    'error', p_answer.error,
    'old', case when v_message.id is not null then sms.replay_side(
      v_message.message_content, v_message.segments, v_message.model, v_message.prompt_tokens,
      v_message.completion_tokens, v_message.generation_ms
    ) end,
    'new', case when p_answer.state = 'answered' then sms.replay_side(
      p_answer.content, p_answer.segments, p_answer.model, p_answer.prompt_tokens,
      p_answer.completion_tokens, p_answer.generation_ms
    ) end,
    'is_approximate', p_answer.is_approximate,
    'is_over_budget', p_answer.is_over_budget,
    'same_language', p_answer.same_language,
    'used', p_answer.used,
    'diverged_call', p_answer.diverged_call,
    'mark', p_answer.mark,
    'comment', p_answer.comment
  );
end;
$$;

-- One of them, with what it cost. A hint only, mentions_human: it finds words of eight languages.
create function sms.replay_side(
  p_content text, p_segments integer, p_model text, p_prompt_tokens integer,
  p_completion_tokens integer, p_generation_ms integer
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'content', p_content,
    'segments', p_segments,
    'model', p_model,
    'prompt_tokens', p_prompt_tokens,
    'completion_tokens', p_completion_tokens,
    'generation_ms', p_generation_ms,
    'price', (
      select (p.input_price * p_prompt_tokens + p.output_price * p_completion_tokens) / 1000000
      from public.sms_models as p where p.model = p_model
    ),
    'mentions_human', p_content ~* (
      '\m(human|person|people|agent|colleague|someone|staff|team|humano|persona|agente|alguien|'
      || 'compañer[oa]|equipo|humain|personne|équipe|collègue|quelqu|mensch|mitarbeiter|kolleg|'
      || 'jemand|pessoa|atendente|equipe|colega|persona|collega|qualcuno|medewerker|iemand)'
    )
  );
end;
$$;

-- The sums of one side; the price is null when one of its prices is not known.
create function sms.replay_totals(p_sides jsonb)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'segments', sum((s ->> 'segments')::int),
      'prompt_tokens', sum((s ->> 'prompt_tokens')::int),
      'completion_tokens', sum((s ->> 'completion_tokens')::int),
      'price', case when count(*) = count(s ->> 'price') then sum((s ->> 'price')::numeric) end,
      'mentions_human', count(*) filter (where (s ->> 'mentions_human')::boolean)
    )
    from jsonb_array_elements(p_sides) as s
  );
end;
$$;

-- 40_client_api.sql ===============================================================================

-- What React calls: supabase.from(...) and supabase.rpc(...), under row level security. The service
-- role sees all users. Errors are PT404, PT409, PT422 and PT429, which the Data API turns into
-- HTTP 404, 409, 422 and 429; what belongs to somebody else looks like what does not exist.

-- Text that no spreadsheet evaluates (https://owasp.org/www-community/attacks/CSV_Injection).
create function sms.disarm(p_text text)
returns text language sql immutable set search_path = '' as $$
  select case when p_text ~ '^[[:space:]\u00a0\u200b-\u200f\ufeff]*[-=+@|%\uff0b\uff0d\uff1d\uff20\t\r]'
    then '''' || p_text else p_text end;
$$;

-- The inbox.
create view public.sms_inbox with (security_invoker = true) as
select
  c.id,
  c.user_id,
  c.config_id,
  c.contact_number,
  who.name as contact_name,
  who.tags as contact_tags,
  c.is_blocked,
  c.status,
  c.auto_reply,
  c.paused_until,
  c.wants_human,
  c.assigned_to,
  c.read_up_to_id,
  c.last_message_at,
  c.created_at,
  c.closed_at,
  c.closed_by,
  c.outcome,
  newest.id as message_id,
  newest.direction as message_direction,
  newest.author as message_author,
  newest.status as message_status,
  newest.message_content,
  newest.created_at as message_created_at,
  newest.no_reply_reason,
  case when c.last_incoming_id > c.read_up_to_id then (
    select count(*)::integer
    from (
      select from public.sms_messages as m
      where m.conversation_id = c.id and m.id > c.read_up_to_id and m.direction = 'incoming'
      limit 100
    ) as unseen
  ) else 0 end as unread_count,
  c.reply_error,
  c.wants_human_since,
  coalesce((
    select o.opted_out
    from public.sms_opt_outs as o
    where o.user_id = c.user_id and o.contact_number = c.contact_number and o.phone_number in (
      '*', (select f.phone_number from public.sms_configs as f where f.id = c.config_id)
    )
    order by o.changed_at desc, o.opted_out desc
    limit 1
  ), false) as is_opted_out
from public.sms_conversations as c
-- Looked up row by row, as limit makes it: a page names its account, the policy does so again, and
-- by that the planner expects an account to have one contact and would read all of them for each row.
left join lateral (
  select k.name, k.tags from public.sms_contacts as k
  where k.user_id = c.user_id and k.contact_number = c.contact_number
  limit 1
) as who on true
left join lateral (
  select m.id, m.direction, m.author, m.status, m.message_content, m.created_at,
    m.no_reply_reason
  from public.sms_messages as m
  where m.conversation_id = c.id
  order by m.id desc
  limit 1
) as newest on true;

comment on view public.sms_inbox is
  'One row per conversation with its newest message. Order by last_message_at descending and take '
  'a page; the next page is last_message_at < the last one''s. Read only: change '
  'sms_conversations.';
comment on column public.sms_inbox.reply_error is
  'Why the newest message that a reply was due for got none, such as loop, rate_limit or paused.';
comment on column public.sms_inbox.wants_human_since is
  'Since when the contact waits for a human: how long somebody has waited, not when they wrote last.';
comment on column public.sms_inbox.is_opted_out is
  'Nothing may be sent to the contact from this number, as sms_opt_outs says.';
comment on column public.sms_inbox.unread_count is
  'Messages of the contact after read_up_to_id; 100 means 100 or more.';

-- What a spreadsheet may open. Contacts write what they like, also =HYPERLINK("http://…"): a cell
-- that a spreadsheet would evaluate begins with an apostrophe here.
create view public.sms_export with (security_invoker = true) as
select
  m.id,
  m.conversation_id,
  m.config_id,
  m.created_at,
  sms.disarm(m.contact_number) as contact_number,
  m.direction,
  m.author,
  m.status,
  sms.disarm(m.message_content) as message_content,
  m.segments,
  m.price,
  m.price_unit,
  m.error_code
from (
  select o.*, c.contact_number, c.config_id
  from public.sms_messages as o
  join public.sms_conversations as c on c.id = o.conversation_id and c.user_id = o.user_id
) as m;

comment on view public.sms_export is
  'Messages for a spreadsheet: select with Accept: text/csv and filter by created_at. A cell that a '
  'spreadsheet would take for a formula begins with an apostrophe.';

create function public.send_sms(
  p_conversation_id uuid, p_content text, p_client_ref uuid default gen_random_uuid()
)
returns setof public.sms_messages language plpgsql set search_path = '' as $$
declare
  v_client_ref uuid := coalesce(p_client_ref, gen_random_uuid());
begin
  -- Asked again after a lost answer: the message is there, even if the conversation was closed
  -- since.
  return query select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.client_ref = v_client_ref;
  if found then
    return;
  end if;
  insert into public.sms_messages (conversation_id, message_content, client_ref)
  values (p_conversation_id, p_content, v_client_ref)
  on conflict (user_id, client_ref) where client_ref is not null do nothing;
  return query select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.client_ref = v_client_ref;
  if not found then
    raise exception using errcode = 'PT409',
      message = 'This p_client_ref was used in another conversation',
      hint = 'Make up a new one for every message: crypto.randomUUID().';
  end if;
end;
$$;
comment on function public.send_sms(uuid, text, uuid) is
  'Sends a message as a human and returns its row; called twice with one p_client_ref it is one message. '
  'The AI is silent in that conversation for the number''s takeover_pause. PT404: no such '
  'conversation. PT409: it is closed. PT422: the message is empty or too long. PT429: too many today.';

create function public.close_sms_conversation(p_conversation_id uuid)
returns setof public.sms_conversations language plpgsql set search_path = '' as $$
begin
  update public.sms_conversations as c set status = 'closed'
  where c.id = p_conversation_id and c.status = 'active';
  return query select c.* from public.sms_conversations as c where c.id = p_conversation_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
end;
$$;
comment on function public.close_sms_conversation(uuid) is
  'Closes a conversation and returns it; one closed already stays as it is. What is queued or pending '
  'in it is dropped; the contact''s next message opens a new one. PT404: no such conversation.';

create function public.mark_sms_read(p_conversation_id uuid, p_up_to_id bigint default null)
returns bigint language plpgsql set search_path = '' as $$
declare
  v_read bigint;
begin
  select greatest(c.read_up_to_id, least(coalesce(p_up_to_id, c.last_incoming_id), c.last_incoming_id))
  into v_read
  from public.sms_conversations as c where c.id = p_conversation_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  update public.sms_conversations as c set read_up_to_id = v_read
  where c.id = p_conversation_id and c.read_up_to_id < v_read;
  return v_read;
end;
$$;
comment on function public.mark_sms_read(uuid, bigint) is
  'The owner has seen the conversation up to that message (null: up to its newest message); never '
  'back. Returns read_up_to_id. To be silent or to answer again the AI needs no function: update '
  'sms_conversations set auto_reply = false, or auto_reply = true and paused_until = null. PT404: '
  'no such conversation.';

create function public.get_sms_conversation_history(
  p_conversation_id uuid, p_limit integer default 50, p_before_id bigint default null
)
returns setof public.sms_messages language plpgsql stable set search_path = '' as $$
begin
  if p_limit < 1 then
    raise exception using errcode = 'PT422', message = 'p_limit is less than 1',
      hint = 'Ask for 1 or more; null is 50.';
  end if;
  if not exists (select from public.sms_conversations as c where c.id = p_conversation_id) then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  return query
    select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.id < coalesce(p_before_id, 9223372036854775807)
    order by m.id desc
    limit least(coalesce(p_limit, 50), 200);
end;
$$;
comment on function public.get_sms_conversation_history(uuid, integer, bigint) is
  'One page of a conversation, newest first; the next page is asked for with the last id as '
  'p_before_id. p_limit 1 to 200; more is 200. PT404: no such conversation. PT422: p_limit is less '
  'than 1.';

-- 41_search.sql ===================================================================================

-- Finding messages by their words and contacts by their digits.

-- Search. Text operators are not leakproof, so under row level security they would use no index:
-- search_sms is security definer and asks for the caller's rows itself.
--
-- What is said often is found among the newest messages, what is said seldom by index. An index on
-- words alone would fetch all that was ever said by anybody, so its entries are an owner's words in
-- a block of 131,072 ids: blocks are asked newest first until the page is full. The words of a
-- message, without case and accents, as index entries: "5ea1b2c3f.hola" is hola, said by an owner
-- in block f.
create function sms.search_words(p_user_id uuid, p_id bigint, p_text text)
returns tsvector language plpgsql immutable parallel safe cost 1000 set search_path = '' as $$
declare
  v_key text := right(p_user_id::text, 8) || to_hex(p_id >> 17) || '.';
  v_text text := lower(p_text);
begin
  if length(v_text) < octet_length(v_text) then
    v_text := translate(v_text, 'áàâãäåéèêëíìîïóòôõöúùûüñç', 'aaaaaaeeeeiiiiooooouuuunc');
  end if;
  if length(v_text) > 500 then -- an index entry has a limit
    v_text := regexp_replace(v_text, '(\S{100})\S+', '\1', 'g');
  end if;
  -- To the parser these make addresses, signs and tags of what people type between words.
  v_text := translate(v_text, '-./@_:+<&', '         ');
  v_text := array_to_string(tsvector_to_array(to_tsvector('pg_catalog.simple', v_text)), ' ' || v_key);
  return array_to_tsvector(string_to_array(nullif(v_key || v_text, v_key), ' '));
end;
$$;

-- New entries wait in a list of at most 64 kB and are sorted in together: half of a message's WAL
-- was this index (23.1 kB a life before, 12.2 kB now). A search reads the list once per block, for
-- 0.01 ms each; with 256 kB it would be 0.06 ms, and 9.4 kB. Without open messages, which would be
-- indexed again a moment later: they are among the newest.
create index sms_messages_search_idx on public.sms_messages
  using gin (sms.search_words(user_id, id, message_content))
  with (fastupdate = on, gin_pending_list_limit = 64)
  where not is_open;

-- A part of a contact's number, from anywhere in it. Beside the conversation, because every message
-- updates that one and would rewrite the entries.
create table sms.contact_digits (
  conversation_id uuid not null,
  user_id uuid not null,
  endings tsvector not null,
  constraint sms_contact_digits_pkey primary key (conversation_id),
  constraint sms_contact_digits_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade
);
create index sms_contact_digits_endings_idx on sms.contact_digits using gin (endings);

comment on table sms.contact_digits is
  'Every ending of each contact''s number, so that its beginnings are all parts of the number.';

create function public.search_sms(
  p_query text, p_limit integer default 20, p_before_id bigint default null,
  p_user_id uuid default auth.uid()
)
returns setof public.sms_messages language plpgsql stable security definer set search_path = '' as $$
declare
  v_user_id uuid := p_user_id;
  v_limit integer := least(coalesce(p_limit, 20), 100);
  v_before_id bigint := coalesce(p_before_id, 9223372036854775807);
  v_words text[] := array(
    select split_part(entry, '.', 2)
    from unnest(tsvector_to_array(sms.search_words(v_user_id, 0, left(p_query, 200)))) as entry
    limit 8
  );
  v_digits text := regexp_replace(p_query, '[-+(). ]', '', 'g');
  v_ids bigint[] := array[]::bigint[];
begin
  if p_limit < 1 then
    raise exception using errcode = 'PT422', message = 'p_limit is less than 1',
      hint = 'Ask for 1 or more; null is 20.';
  end if;
  if v_user_id is null then
    raise exception using errcode = 'PT422', message = 'search_sms searches the messages of an account',
      hint = 'Call it with the session of a signed-in user, or name p_user_id.';
  end if;
  perform sms.require_role(v_user_id, 'agent');
  if cardinality(v_words) > 0 then
    v_ids := sms.search_messages(v_user_id, v_words, v_limit, v_before_id);
  end if;
  if cardinality(v_words) > 0 then
    v_ids := v_ids || sms.search_named(v_user_id, v_words, v_limit, v_before_id);
  end if;
  if v_digits ~ '^[0-9]{3,15}$' then
    v_ids := v_ids || sms.search_contacts(v_user_id, v_digits, v_limit, v_before_id);
  end if;
  return query select m.* from public.sms_messages as m
    where m.id = any (v_ids) and m.user_id = v_user_id
    order by m.id desc
    limit v_limit;
end;
$$;
comment on function public.search_sms(text, integer, bigint, uuid) is
  'The messages of an account (p_user_id, by default the caller''s own) that have all the words of p_query, or words that begin with them (so may the name, notes and tags of the contact: then it is the newest message of the conversation), whatever '
  'their case and accents; for three digits or more also the newest message of each conversation '
  'whose contact''s number has them in a row. Newest first; the next page is asked for with the '
  'last id as p_before_id. p_limit 1 to 100. Nothing to search for finds nothing. PT404: not an '
  'account of the caller. PT422: no account is named, or p_limit is less than 1.';

-- Ids of the newest messages with all these words, newest first.
create function sms.search_messages(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_ids bigint[];
  v_newest bigint;
  v_from bigint;
begin
  select max(w.id), min(w.id) into v_newest, v_from
  from (
    select m.id from public.sms_messages as m
    where m.user_id = p_user_id and m.id < p_before_id
    order by m.id desc
    limit 500
  ) as w;
  v_ids := sms.search_newest(p_user_id, p_words, p_limit, v_newest + 1, v_from);
  if cardinality(v_ids) < p_limit then
    v_ids := v_ids || sms.search_blocks(
      p_user_id, p_words, p_limit - cardinality(v_ids), v_from
    );
  end if;
  return v_ids;
end;
$$;

-- Messages with all these words among the owner's from p_from_id on, by reading them.
create function sms.search_newest(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint, p_from_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
begin
  return array(
    select m.id from public.sms_messages as m
    where m.user_id = p_user_id and m.id < p_before_id and m.id >= p_from_id
      and m.message_content ~* all (array(
        select sms.word_pattern(word) from unnest(p_words) as word
      ))
    order by m.id desc
    limit p_limit
  );
end;
$$;

-- A word without accents as a regular expression that finds it with them.
create function sms.word_pattern(p_word text)
returns text language plpgsql immutable set search_path = '' as $$
begin
  return '\m' || replace(replace(replace(replace(replace(replace(replace(p_word,
    'a', '[aáàâãäå]'), 'e', '[eéèêë]'), 'i', '[iíìîï]'), 'o', '[oóòôõö]'), 'u', '[uúùûü]'),
    'n', '[nñ]'), 'c', '[cç]');
end;
$$;

-- Messages with all these words, or words that begin with them, by index: one block after the
-- other, newest first, until there are enough.
create function sms.search_blocks(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_key text := right(p_user_id::text, 8);
  v_query text := (select string_agg(format('''@%s'':*', word), ' & ') from unnest(p_words) as word);
  v_oldest bigint := (
    select m.id from public.sms_messages as m where m.user_id = p_user_id order by m.id limit 1
  );
begin
  return array(
    select newest.id
    from generate_series((p_before_id - 1) >> 17, v_oldest >> 17, -1) as block
    cross join lateral (
      select said.id
      from (
        select m.id, m.user_id from public.sms_messages as m
        where not m.is_open and sms.search_words(m.user_id, m.id, m.message_content)
          @@ replace(v_query, '@', v_key || to_hex(block) || '.')::tsquery
        offset 0 -- or the planner would add the index on user_id, and read all of it
      ) as said
      where said.user_id = p_user_id and said.id < p_before_id
      order by said.id desc
      limit p_limit
    ) as newest
    limit p_limit
  );
end;
$$;

-- The newest message of each conversation whose contact's number has these digits in a row: among
-- the newest 1,000 conversations, else by index.
create function sms.search_contacts(
  p_user_id uuid, p_digits text, p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_before timestamptz := coalesce((
    select m.created_at + interval '1 minute' from public.sms_messages as m where m.id = p_before_id
  ), 'infinity');
  v_ids bigint[];
begin
  v_ids := array(
    select n.id
    from (
      select c.id, c.contact_number from public.sms_conversations as c
      where c.user_id = p_user_id and c.last_message_at < v_before
      order by c.last_message_at desc
      limit 1000
    ) as c
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = c.id
      order by m.id desc
      limit 1
    ) as n
    where position(p_digits in c.contact_number) > 0
      and n.id < p_before_id
    limit p_limit
  );
  if cardinality(v_ids) = p_limit then
    return v_ids;
  end if;
  return array(
    select n.id
    from sms.contact_digits as d
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = d.conversation_id
      order by m.id desc
      limit 1
    ) as n
    where d.endings @@ format('''%s.%s'':*', right(p_user_id::text, 8), p_digits)::tsquery
      and d.user_id = p_user_id and n.id < p_before_id
    order by n.id desc
    limit p_limit
  );
end;
$$;

-- The newest message of each conversation with a contact whose name, notes and tags have all these
-- words.
create function sms.search_named(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
begin
  return array(
    select n.id
    from (
      select k.contact_number from public.sms_contacts as k
      where k.user_id = p_user_id and k.words @@ (
        select string_agg(format('''%s0.%s'':*', right(p_user_id::text, 8), q.word), ' & ')
        from unnest(p_words) as q (word)
      )::tsquery
      limit 500
    ) as w
    cross join (select f.id from public.sms_configs as f where f.user_id = p_user_id) as f
    cross join lateral ( -- the active one, or the last
      select c.id from public.sms_conversations as c
      where c.config_id = f.id and c.contact_number = w.contact_number
      order by c.closed_at desc nulls first
      limit 1
    ) as c
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = c.id
      order by m.id desc
      limit 1
    ) as n
    where n.id < p_before_id
    order by n.id desc
    limit p_limit
  );
end;
$$;

-- The endings of a number, three digits and longer, as index entries of its owner.
create function sms.endings(p_user_id uuid, p_contact_number text)
returns tsvector language plpgsql immutable set search_path = '' as $$
begin
  return array_to_tsvector(array(
    select right(p_user_id::text, 8) || '.' || substr(d.digits, n)
    from regexp_replace(p_contact_number, '[^0-9]', '', 'g') as d (digits)
    cross join lateral generate_series(1, length(d.digits) - 2) as n
  ));
end;
$$;

-- Makes a new conversation's contact searchable, and a forgotten one's not.
create function sms.store_digits()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into sms.contact_digits as d (conversation_id, user_id, endings)
  values (new.id, new.user_id, sms.endings(
    new.user_id, case when new.contact_number not like 'forgotten:%' then new.contact_number else '' end
  ))
  on conflict (conversation_id) do update set endings = excluded.endings;
  return null;
end;
$$;

create trigger sms_conversations_store_digits
  after insert or update of contact_number on public.sms_conversations
  for each row execute function sms.store_digits();

-- 42_statistics.sql ===============================================================================

-- Statistics: facts are appended, folded into days, and read as both together.
--
-- * sms.counted: whoever makes a fact true appends one narrow row. Nobody waits for anybody: there
--   is no row to update and no index to lock.
-- * sms.fold_counters: every minute maintenance takes those rows away and adds them to
--   sms_daily_stats (days), sms.hourly_counts (the last two days), sms.first_replies (how long
--   contacts waited) and sms.hourly_contacts (how many wrote).
-- * sms.counts and its neighbours read what is folded and what is not yet: no number is late.
--
-- What a message counts is a function of its row: an insert counts it; a change that matters takes
-- back what the row counted and counts it anew; a delete takes nothing back. Statistics alone read
-- these tables: limits that cost money are counted under a lock where they are decided (30, 21).

create table public.sms_daily_stats (
  user_id uuid not null,
  day date not null,
  config_id uuid not null,
  conversations integer not null default 0,
  reopened integer not null default 0,
  ended integer not null default 0,
  answered_by_ai integer not null default 0,
  answered_by_human integer not null default 0,
  unanswered integer not null default 0,
  erased integer not null default 0,
  new_contacts integer not null default 0,
  messages_in integer not null default 0,
  messages_out integer not null default 0,
  ai_replies integer not null default 0,
  human_replies integer not null default 0,
  failed integer not null default 0,
  segments integer not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  responses integer not null default 0,
  response_seconds numeric(16, 3) not null default 0,
  cost numeric(14, 5) not null default 0,
  currency text,
  constraint sms_daily_stats_pkey primary key (user_id, day, config_id),
  constraint sms_daily_stats_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
) with (fillfactor = 50);
create index sms_daily_stats_config_id_idx on public.sms_daily_stats (config_id, user_id);

comment on table public.sms_daily_stats is
  'Counters per account, UTC day and number, a minute late at most; get_sms_daily has them without '
  'delay. Deleting conversations or messages does not count down.';
comment on column public.sms_daily_stats.conversations is 'Conversations opened.';
comment on column public.sms_daily_stats.reopened is
  'Of those: opened within seven days of the end of the contact''s conversation before.';
comment on column public.sms_daily_stats.ended is
  'Conversations ended (closed), whatever they came to: answered_by_ai, answered_by_human and '
  'unanswered of them; the rest opted out or were blocked.';
comment on column public.sms_daily_stats.answered_by_ai is
  'Ended, the contact''s last message answered, and no human wrote.';
comment on column public.sms_daily_stats.answered_by_human is
  'Ended, the contact''s last message answered, and a human wrote.';
comment on column public.sms_daily_stats.unanswered is
  'Ended while the contact waited for a reply or a human, or after a reply that failed.';
comment on column public.sms_daily_stats.erased is 'Conversations erased that had not ended.';
comment on column public.sms_daily_stats.new_contacts is
  'Contacts who wrote to the account for the first time; who was erased and returns is new.';
comment on column public.sms_daily_stats.messages_in is 'Messages of contacts.';
comment on column public.sms_daily_stats.messages_out is
  'Messages to contacts, also those that wait, failed or were blocked.';
comment on column public.sms_daily_stats.ai_replies is 'Messages written by the model.';
comment on column public.sms_daily_stats.human_replies is 'Messages written by a human.';
comment on column public.sms_daily_stats.failed is
  'Messages to contacts that are failed or undelivered.';
comment on column public.sms_daily_stats.segments is
  'Segments of messages to contacts that Twilio took or may still take: not of those it refused, '
  'nor of failed, canceled and blocked ones.';
comment on column public.sms_daily_stats.prompt_tokens is 'Tokens the model read.';
comment on column public.sms_daily_stats.completion_tokens is 'Tokens the model wrote.';
comment on column public.sms_daily_stats.responses is
  'Replies of the AI or a human to a waiting contact; not those that failed, were canceled or '
  'blocked.';
comment on column public.sms_daily_stats.response_seconds is
  'Sum over those of the seconds the contact waited.';
comment on column public.sms_daily_stats.cost is
  'What Twilio charged for messages to contacts, as far as it has said, in currency.';
comment on column public.sms_daily_stats.currency is
  'Of cost, such as USD: that of the Twilio account; null: nothing was charged yet.';

-- Facts. Columns as in sms_daily_stats; null is 0 and takes no room. contact_number: who wrote.
-- A contact's first reply fell into first_reply_bucket (1), or did not arrive after all (-1).
create table sms.counted (
  at timestamptz not null,
  user_id uuid not null,
  config_id uuid not null,
  contact_number text,
  conversations smallint,
  reopened smallint,
  ended smallint,
  answered_by_ai smallint,
  answered_by_human smallint,
  unanswered smallint,
  erased smallint,
  new_contacts smallint,
  messages_in smallint,
  messages_out smallint,
  ai_replies smallint,
  human_replies smallint,
  failed smallint,
  segments smallint,
  prompt_tokens integer,
  completion_tokens integer,
  responses smallint,
  response_seconds numeric(12, 3),
  cost numeric(12, 5),
  currency text,
  first_reply_bucket smallint,
  first_replies smallint
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1
);

create table sms.hourly_counts (
  user_id uuid not null,
  hour timestamptz not null,
  config_id uuid not null,
  conversations integer not null,
  messages integer not null,
  constraint hourly_counts_pkey primary key (user_id, hour, config_id),
  constraint hourly_counts_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
) with (fillfactor = 50);
create index hourly_counts_config_id_idx on sms.hourly_counts (config_id, user_id);
create index hourly_counts_hour_idx on sms.hourly_counts (hour);

-- A histogram, because a median cannot be added up and reading the messages of a busy month would
-- take longer the more there are.
create table sms.first_replies (
  user_id uuid not null,
  day date not null,
  config_id uuid not null,
  bucket smallint not null,
  replies integer not null,
  constraint first_replies_pkey primary key (user_id, day, config_id, bucket),
  constraint first_replies_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
) with (fillfactor = 50);
create index first_replies_config_id_idx on sms.first_replies (config_id, user_id);

-- The hour in which each contact last wrote. Here, so that a message writes nothing to its contact.
create table sms.active_contacts (
  user_id uuid not null,
  contact_number text not null,
  wrote_at timestamptz not null,
  constraint active_contacts_pkey primary key (user_id, contact_number),
  constraint active_contacts_contact_number_fkey foreign key (user_id, contact_number)
    references public.sms_contacts (user_id, contact_number) on delete cascade
) with (fillfactor = 70);

-- How many contacts last wrote in an hour: each stands in one hour of its account only. Summed from
-- an hour on, that is how many wrote since then, each once, whatever their number.
create table sms.hourly_contacts (
  user_id uuid not null,
  hour timestamptz not null,
  contacts integer not null,
  constraint hourly_contacts_pkey primary key (user_id, hour),
  constraint hourly_contacts_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade
) with (fillfactor = 50);

-- Reading.

create function public.get_user_sms_stats(p_user_id uuid default auth.uid())
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_contacts bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric, currency text
)
language plpgsql stable security definer set search_path = '' as $$
declare
  v_day_ago timestamptz := date_trunc('hour', now() - interval '24 hours', 'UTC');
  v_week_ago timestamptz := date_trunc('hour', now() - interval '7 days', 'UTC');
begin
  perform sms.require_statistics(p_user_id);
  return query
  with ever as (
    select sum(s.conversations) as opened, sum(s.ended + s.erased) as gone,
      sum(s.new_contacts) as contacts, sum(s.messages_in) as received,
      sum(s.messages_out) as sent, sum(s.ai_replies) as ai, sum(s.human_replies) as human,
      sum(s.failed) as failed, sum(s.segments) as segments,
      sum(s.prompt_tokens + s.completion_tokens)::bigint as tokens,
      sum(s.cost) as cost, max(s.currency) as currency,
      sum(s.response_seconds) / nullif(sum(s.responses), 0) as seconds
    from sms.counts(p_user_id, null, '-infinity') as s
  ), intents as (
    select coalesce(
      max(o.changed_at) filter (where o.opted_out)
        >= max(o.changed_at) filter (where not o.opted_out),
      bool_or(o.opted_out)
    ) as opted_out
    from public.sms_opt_outs as o
    where p_user_id is null or o.user_id = p_user_id
    group by o.user_id, o.contact_number
  )
  select
    coalesce(e.opened, 0), coalesce(e.opened - e.gone, 0), coalesce(e.received + e.sent, 0),
    coalesce(e.received, 0), coalesce(e.sent, 0),
    round((e.received + e.sent) / nullif(e.opened, 0)::numeric, 2),
    h.conversations, h.messages, round(e.seconds, 1),
    coalesce(e.contacts, 0), sms.contacts_since(p_user_id, v_day_ago),
    sms.contacts_since(p_user_id, v_week_ago),
    coalesce(e.ai, 0), coalesce(e.human, 0), coalesce(e.failed, 0),
    (select count(*) from intents where intents.opted_out),
    coalesce(e.segments, 0), coalesce(e.tokens, 0), coalesce(e.cost, 0), e.currency
  from ever as e, sms.counts_since_hour(p_user_id, v_day_ago) as h;
end;
$$;
comment on function public.get_user_sms_stats(uuid) is
  'One row of an account''s totals, as get_sms_stats; by default the caller''s own. PT404: not an '
  'account of the caller; the service role may ask for any, and with null for all together.';

create function public.get_sms_stats()
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_contacts bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric, currency text
)
language sql stable set search_path = '' as $$
  select * from public.get_user_sms_stats();
$$;
comment on function public.get_sms_stats() is $$One row of the totals of the caller's own account since the first message; erasing conversations does not lower them (active_conversations excepted).
total_conversations: opened by a contact's message. active_conversations: of those, neither ended nor erased.
total_messages: messages_in (of contacts) and messages_out (to contacts, also those that wait, failed or were blocked). avg_messages_per_conversation: total_messages by total_conversations.
conversations_24h (opened), messages_24h (in and out), active_users_24h, active_users_7d: in the last 24 hours or 7 days, counted from the full hour.
total_contacts: contacts who ever wrote to the account, each once; one who was erased and returns counts anew. active_users_24h, active_users_7d: contacts (people who write, not users of the project) who wrote in that time, each once.
avg_response_time_seconds: from the oldest message a reply covers to that reply, of the AI or a human, failed ones left out; null: none yet.
ai_replies, human_replies: messages written by the model, by people. failed: messages to contacts that are failed or undelivered.
opted_out: contacts whose newest intent is not to be written to. segments: of messages that Twilio took or may still take. tokens: read and written by the model.
cost: what Twilio charged for messages to contacts, as far as it has said, in currency (null: nothing yet).$$;

create function public.get_sms_engagement_metrics(
  p_days integer default 30, p_config_id uuid default null, p_user_id uuid default auth.uid()
)
returns table (
  total_contacts bigint, active_contacts bigint, active_users_24h bigint, active_users_7d bigint,
  total_conversations bigint, total_messages bigint,
  avg_response_time_seconds numeric, ai_replies bigint, human_replies bigint,
  avg_messages_per_contact numeric,
  conversations_ended bigint, conversations_answered_by_ai bigint,
  conversations_answered_by_human bigint, conversations_unanswered bigint,
  conversations_reopened bigint, share_answered_without_human numeric,
  first_reply_seconds_p50 numeric, first_reply_seconds_p95 numeric
)
language plpgsql stable security definer set search_path = '' as $$
declare
  v_since date := sms.first_day(p_days);
  v_active bigint;
begin
  perform sms.require_statistics(p_user_id);
  if p_config_id is null then
    v_active := sms.contacts_since(p_user_id, v_since::timestamp at time zone 'UTC');
  end if;
  return query
  with days as (
    select sum(s.conversations) as opened, sum(s.messages_in + s.messages_out) as messages,
      sum(s.ai_replies) as ai, sum(s.human_replies) as human, sum(s.reopened) as reopened,
      sum(s.ended) as ended, sum(s.answered_by_ai) as by_ai, sum(s.answered_by_human) as by_human,
      sum(s.unanswered) as unanswered,
      sum(s.response_seconds) / nullif(sum(s.responses), 0) as seconds
    from sms.counts(p_user_id, p_config_id, v_since) as s
  )
  select
    (select coalesce(sum(s.new_contacts), 0) from sms.counts(p_user_id, p_config_id, '-infinity') as s),
    v_active,
    sms.contacts_since(p_user_id, date_trunc('hour', now() - interval '24 hours', 'UTC')),
    sms.contacts_since(p_user_id, date_trunc('hour', now() - interval '7 days', 'UTC')),
    coalesce(d.opened, 0), coalesce(d.messages, 0),
    round(d.seconds, 1), coalesce(d.ai, 0), coalesce(d.human, 0),
    round(d.messages / nullif(v_active, 0)::numeric, 2),
    coalesce(d.ended, 0), coalesce(d.by_ai, 0), coalesce(d.by_human, 0),
    coalesce(d.unanswered, 0), coalesce(d.reopened, 0),
    round(d.by_ai / nullif(d.by_ai + d.by_human, 0)::numeric, 4),
    f.seconds[1], f.seconds[2]
  from days as d,
    sms.first_reply_seconds(p_user_id, p_config_id, v_since, array[0.5, 0.95]) as f (seconds);
end;
$$;
comment on function public.get_sms_engagement_metrics(integer, uuid, uuid) is $$One row of an account's totals of the last p_days UTC days, today included; of one number with p_config_id, of another account the caller works in with p_user_id. The days themselves: get_sms_daily.
total_contacts, active_users_24h, active_users_7d: as in get_sms_stats, whatever p_days is; total_contacts with p_config_id: those whose first message came to that number. active_contacts: contacts who wrote in these days, each once; null with p_config_id, for who writes to two numbers is one contact.
total_conversations: opened in these days. total_messages, ai_replies, human_replies: messages in and out, of the model, of people.
avg_response_time_seconds: as in get_sms_stats; null: no replies. avg_messages_per_contact: total_messages by active_contacts.
conversations_ended: ended in these days; of those, by what they came to: conversations_answered_by_ai, conversations_answered_by_human, conversations_unanswered (a reply failed, or the contact still waited); the rest opted out or were blocked. conversations_reopened: opened within seven days of the end of the one before.
share_answered_without_human: of the conversations that ended answered, the share (0 to 1) in which no human wrote; unanswered, opted out and blocked ones are left out; null: none ended answered.
first_reply_seconds_p50, first_reply_seconds_p95: half, and 95 in 100, of the first replies in a conversation (of the AI or a human, failed ones left out) came within so many seconds, to about a tenth; null: none.
PT404: not an account of the caller. PT422: p_days is not between 1 and 3660.$$;

create function public.get_sms_daily(
  p_user_id uuid default auth.uid(), p_config_id uuid default null, p_days integer default 30
)
returns table (
  day date, conversations bigint, reopened bigint, ended bigint, answered_by_ai bigint,
  answered_by_human bigint, unanswered bigint, new_contacts bigint, messages_in bigint,
  messages_out bigint, ai_replies bigint, human_replies bigint, failed bigint, segments bigint,
  tokens bigint, responses bigint, response_seconds numeric, cost numeric, currency text
)
language plpgsql stable security definer set search_path = '' as $$
declare
  v_since date := sms.first_day(p_days);
begin
  perform sms.require_statistics(p_user_id);
  return query
  select s.day, sum(s.conversations), sum(s.reopened), sum(s.ended), sum(s.answered_by_ai),
    sum(s.answered_by_human), sum(s.unanswered), sum(s.new_contacts), sum(s.messages_in),
    sum(s.messages_out), sum(s.ai_replies), sum(s.human_replies), sum(s.failed), sum(s.segments),
    sum(s.prompt_tokens + s.completion_tokens)::bigint, sum(s.responses), sum(s.response_seconds),
    sum(s.cost), max(s.currency)
  from sms.counts(p_user_id, p_config_id, v_since) as s
  group by s.day
  order by s.day;
end;
$$;
comment on function public.get_sms_daily(uuid, uuid, integer) is
  'An account''s last p_days UTC days, oldest first, those that have anything; of one number with '
  'p_config_id. Columns are those of sms_daily_stats, without its delay; tokens: read and written '
  'by the model. PT404: not an account of the caller. PT422: p_days is not between 1 and 3660.';

-- Refuses an account whose statistics are not the caller's to see, or that does not exist. The
-- service role may ask for null: all.
create function sms.require_statistics(p_user_id uuid)
returns void language plpgsql stable as $$
begin
  perform sms.require_role(p_user_id, 'agent');
  if auth.uid() is null and current_setting('role', true) = 'authenticated'
    or auth.uid() is null and p_user_id is not null
    and not exists (select from public.sms_configs as f where f.user_id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'There is no such account',
      hint = 'Without p_user_id it is the caller''s own; get_sms_accounts() lists others.';
  end if;
end;
$$;

-- The first of the last p_days UTC days.
create function sms.first_day(p_days integer)
returns date language plpgsql stable as $$
begin
  if coalesce(p_days, 0) not between 1 and 3660 then
    raise exception using errcode = 'PT422', message = 'p_days is not a number of days',
      hint = '1 (today) to 3660.';
  end if;
  return (now() at time zone 'UTC')::date - p_days + 1;
end;
$$;

-- Days since then, folded and not yet; null: of all accounts, of all numbers.
create function sms.counts(p_user_id uuid, p_config_id uuid, p_since date)
returns setof public.sms_daily_stats language plpgsql stable as $$
begin
  return query
  select s.* from public.sms_daily_stats as s
  where (p_user_id is null or s.user_id = p_user_id) and s.day >= p_since
    and (p_config_id is null or s.config_id = p_config_id);
  return query
  select s.* from sms.sum_counted(sms.unfolded(p_user_id, p_config_id)) as s
  where s.day >= p_since;
end;
$$;

-- What the next fold will take.
create function sms.unfolded(p_user_id uuid, p_config_id uuid)
returns sms.counted[] language plpgsql stable as $$
begin
  return (
    select coalesce(array_agg(c), '{}') from sms.counted as c
    where (p_user_id is null or c.user_id = p_user_id)
      and (p_config_id is null or c.config_id = p_config_id)
      and exists (
        select from public.sms_configs as f where f.id = c.config_id and f.user_id = c.user_id
      )
  );
end;
$$;

-- Facts as days.
create function sms.sum_counted(p_rows sms.counted[])
returns setof public.sms_daily_stats language plpgsql stable as $$
begin
  return query
  select c.user_id, (c.at at time zone 'UTC')::date, c.config_id,
    coalesce(sum(c.conversations), 0)::integer, coalesce(sum(c.reopened), 0)::integer,
    coalesce(sum(c.ended), 0)::integer, coalesce(sum(c.answered_by_ai), 0)::integer,
    coalesce(sum(c.answered_by_human), 0)::integer, coalesce(sum(c.unanswered), 0)::integer,
    coalesce(sum(c.erased), 0)::integer, coalesce(sum(c.new_contacts), 0)::integer,
    coalesce(sum(c.messages_in), 0)::integer, coalesce(sum(c.messages_out), 0)::integer,
    coalesce(sum(c.ai_replies), 0)::integer, coalesce(sum(c.human_replies), 0)::integer,
    coalesce(sum(c.failed), 0)::integer, coalesce(sum(c.segments), 0)::integer,
    coalesce(sum(c.prompt_tokens), 0), coalesce(sum(c.completion_tokens), 0),
    coalesce(sum(c.responses), 0)::integer, coalesce(sum(c.response_seconds), 0)::numeric(16, 3),
    coalesce(sum(c.cost), 0)::numeric(14, 5), max(c.currency)
  from unnest(p_rows) as c
  group by c.user_id, (c.at at time zone 'UTC')::date, c.config_id
  order by c.user_id, (c.at at time zone 'UTC')::date, c.config_id;
end;
$$;

-- Conversations opened and messages since a full hour of the last two days.
create function sms.counts_since_hour(p_user_id uuid, p_since timestamptz)
returns table (conversations bigint, messages bigint)
language plpgsql stable as $$
begin
  return query
  select coalesce(sum(h.conversations), 0)::bigint, coalesce(sum(h.messages), 0)::bigint
  from (
    select h.conversations, h.messages from sms.hourly_counts as h
    where (p_user_id is null or h.user_id = p_user_id) and h.hour >= p_since
    union all
    select c.conversations, coalesce(c.messages_in, 0) + coalesce(c.messages_out, 0)
    from unnest(sms.unfolded(p_user_id, null)) as c
    where c.at >= p_since
  ) as h;
end;
$$;

-- How many contacts wrote since a full hour, each once per account.
create function sms.contacts_since(p_user_id uuid, p_since timestamptz)
returns bigint language plpgsql stable as $$
begin
  return (
    select coalesce(sum(h.contacts), 0) from sms.hourly_contacts as h
    where (p_user_id is null or h.user_id = p_user_id) and h.hour >= p_since
  ) + (
    select count(distinct (c.user_id, c.contact_number)) from unnest(sms.unfolded(p_user_id, null)) as c
    where c.contact_number is not null and c.at >= p_since
      and not exists (
        select from sms.active_contacts as a
        where a.user_id = c.user_id and a.contact_number = c.contact_number
          and a.wrote_at >= p_since
      )
  );
end;
$$;

-- After how many seconds these shares of the first replies had come; null: there are none. A bucket
-- is a quarter wider than the one before and stands for its middle.
create function sms.first_reply_seconds(
  p_user_id uuid, p_config_id uuid, p_since date, p_shares numeric[]
)
returns numeric[] language plpgsql stable as $$
begin
  return (
    with buckets as (
      select r.bucket, sum(r.replies) as replies
      from (
        select f.bucket, f.replies from sms.first_replies as f
        where (p_user_id is null or f.user_id = p_user_id) and f.day >= p_since
          and (p_config_id is null or f.config_id = p_config_id)
        union all
        select c.first_reply_bucket, c.first_replies
        from unnest(sms.unfolded(p_user_id, p_config_id)) as c
        where c.first_replies is not null and c.at >= p_since::timestamp at time zone 'UTC'
      ) as r
      group by r.bucket
    ), ranked as (
      select b.bucket, sum(b.replies) over (order by b.bucket) as up_to,
        sum(b.replies) over () as replies
      from buckets as b
    )
    select array_agg((
      select round(1.25 ^ (r.bucket - 0.5), 1) from ranked as r
      where r.replies > 0 and r.up_to >= s.share * r.replies
      order by r.bucket
      limit 1
    ) order by s.place)
    from unnest(p_shares) with ordinality as s (share, place)
  );
end;
$$;

-- Appending.
-- What one message counts, once (p_times 1) or taken back (-1).
create function sms.count_message(p_message public.sms_messages, p_times integer)
returns void language plpgsql as $$
declare
  m alias for p_message;
  v_is_billed boolean := m.status not in ('failed', 'canceled', 'blocked');
  v_is_response boolean := m.response_seconds is not null and v_is_billed
    and m.status <> 'undelivered';
  v_is_first boolean := v_is_response and not exists (
    select from public.sms_messages as o
    where o.conversation_id = m.conversation_id and o.direction = 'outgoing'
      and o.created_at <= m.created_at and o.id < m.id and o.response_seconds is not null
  );
begin
  insert into sms.counted (
    at, user_id, config_id, messages_out, ai_replies, human_replies, failed, segments,
    prompt_tokens, completion_tokens, responses, response_seconds, cost, currency,
    first_reply_bucket, first_replies
  )
  select m.created_at, m.user_id, c.config_id, p_times,
    case when m.author = 'ai' then p_times end,
    case when m.author = 'human' then p_times end,
    case when m.status in ('failed', 'undelivered') then p_times end,
    case when v_is_billed then m.segments * p_times end,
    m.prompt_tokens * p_times, m.completion_tokens * p_times,
    case when v_is_response then p_times end,
    case when v_is_response then m.response_seconds * p_times end,
    -m.price * p_times, m.price_unit,
    case when v_is_first then ceil(log(1.25, greatest(m.response_seconds, 1))) end,
    case when v_is_first then p_times end
  from public.sms_conversations as c
  where c.id = m.conversation_id;
end;
$$;

-- A new message.
create function sms.count_new_message()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.direction = 'incoming' then
    insert into sms.counted (at, user_id, config_id, contact_number, messages_in)
    select new.created_at, new.user_id, c.config_id, c.contact_number, 1
    from public.sms_conversations as c
    where c.id = new.conversation_id;
  else
    perform sms.count_message(new, 1);
  end if;
  return null;
end;
$$;

create trigger sms_messages_count_insert
  after insert on public.sms_messages
  for each row execute function sms.count_new_message();

-- A message to a contact failed or was withdrawn, or Twilio said how many segments it had or what it
-- cost.
create function sms.count_changed_message()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.count_message(old, -1);
  perform sms.count_message(new, 1);
  return null;
end;
$$;

create trigger sms_messages_count_update
  after update of status, segments, price on public.sms_messages
  for each row
  when (
    new.direction = 'outgoing'
    and (
      old.segments is distinct from new.segments
      or old.price is distinct from new.price
      or old.status <> new.status and (
        old.status in ('failed', 'undelivered', 'canceled', 'blocked')
        or new.status in ('failed', 'undelivered', 'canceled', 'blocked')
      )
    )
  )
  execute function sms.count_changed_message();

-- A conversation is opened, ends, or is erased before it ended.
create function sms.count_conversation()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_row public.sms_conversations := case when tg_op = 'DELETE' then old else new end;
  v_is_end boolean := tg_op = 'UPDATE';
  -- Erased without a message: the only one lost against the same one in another session.
  v_opened integer := case
    when tg_op = 'INSERT' then 1 when not v_is_end and old.last_incoming_id is null then -1
  end;
begin
  if not exists (
    select from public.sms_configs as f where f.id = v_row.config_id and f.user_id = v_row.user_id
  ) then
    return null; -- its counters went with the number
  end if;
  insert into sms.counted (
    at, user_id, config_id, conversations, reopened, new_contacts, erased,
    ended, answered_by_ai, answered_by_human, unanswered
  ) values (
    case when v_is_end then v_row.closed_at when v_opened is not null then v_row.created_at
      else clock_timestamp() end,
    v_row.user_id, v_row.config_id, v_opened,
    case when v_row.is_reopened then v_opened end,
    case when v_opened is not null and sms.is_new_contact(v_row) then v_opened end,
    case when tg_op = 'DELETE' and v_opened is null then 1 end,
    case when v_is_end then 1 end,
    case when v_is_end and v_row.outcome = 'answered_by_ai' then 1 end,
    case when v_is_end and v_row.outcome = 'answered_by_human' then 1 end,
    case when v_is_end and v_row.outcome = 'unanswered' then 1 end
  );
  return null;
end;
$$;

create trigger sms_conversations_count_insert
  after insert on public.sms_conversations
  for each row execute function sms.count_conversation();

create trigger sms_conversations_count_close
  after update of status on public.sms_conversations
  for each row when (old.status = 'active' and new.status = 'closed')
  execute function sms.count_conversation();

create trigger sms_conversations_count_delete
  after delete on public.sms_conversations
  for each row when (old.status = 'active')
  execute function sms.count_conversation();

-- Is this the contact's first conversation with any number of the account? Whoever opens one holds
-- the contact's row locked.
create function sms.is_new_contact(p_conversation public.sms_conversations)
returns boolean language plpgsql stable as $$
begin
  return not exists (
    select from public.sms_configs as f
    join public.sms_conversations as c on c.config_id = f.id
    where f.user_id = p_conversation.user_id
      and c.contact_number = p_conversation.contact_number and c.id <> p_conversation.id
  );
end;
$$;

-- Folding.
-- Adds at most p_limit facts to the counters and takes them away; returns how many. maintain_sms calls
-- it, which lets one caller in at a time.
create function sms.fold_counters(p_limit integer default 10000)
returns integer language plpgsql as $$
declare
  v_taken sms.counted[];
  v_rows sms.counted[];
begin
  with taken as (
    delete from sms.counted as c
    where c.ctid = any (array(select o.ctid from sms.counted as o limit p_limit for update skip locked))
    returning c
  )
  select array_agg(t.c) into v_taken from taken as t;
  -- Numbers stay while their facts are added; the facts of deleted ones are gone with them.
  perform from public.sms_configs as f
  where f.id in (select c.config_id from unnest(v_taken) as c)
  order by f.id
  for key share;
  select coalesce(array_agg(c), '{}') into v_rows from unnest(v_taken) as c
  where exists (
    select from public.sms_configs as f where f.id = c.config_id and f.user_id = c.user_id
  );
  perform sms.fold_days(v_rows);
  perform sms.fold_hours(v_rows);
  perform sms.fold_contacts(v_rows);
  return coalesce(cardinality(v_taken), 0);
end;
$$;

create function sms.fold_days(p_rows sms.counted[])
returns void language plpgsql as $$
begin
  insert into public.sms_daily_stats as s select d.* from sms.sum_counted(p_rows) as d
  on conflict (user_id, day, config_id) do update set
    conversations = s.conversations + excluded.conversations,
    reopened = s.reopened + excluded.reopened,
    ended = s.ended + excluded.ended,
    answered_by_ai = s.answered_by_ai + excluded.answered_by_ai,
    answered_by_human = s.answered_by_human + excluded.answered_by_human,
    unanswered = s.unanswered + excluded.unanswered,
    erased = s.erased + excluded.erased,
    new_contacts = s.new_contacts + excluded.new_contacts,
    messages_in = s.messages_in + excluded.messages_in,
    messages_out = s.messages_out + excluded.messages_out,
    ai_replies = s.ai_replies + excluded.ai_replies,
    human_replies = s.human_replies + excluded.human_replies,
    failed = s.failed + excluded.failed,
    segments = s.segments + excluded.segments,
    prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = s.completion_tokens + excluded.completion_tokens,
    responses = s.responses + excluded.responses,
    response_seconds = s.response_seconds + excluded.response_seconds,
    cost = s.cost + excluded.cost,
    currency = coalesce(excluded.currency, s.currency);
  insert into sms.first_replies as s (user_id, day, config_id, bucket, replies)
  select c.user_id, (c.at at time zone 'UTC')::date, c.config_id, c.first_reply_bucket,
    sum(c.first_replies)
  from unnest(p_rows) as c
  where c.first_replies is not null
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (user_id, day, config_id, bucket) do update set replies = s.replies + excluded.replies;
end;
$$;

create function sms.fold_hours(p_rows sms.counted[])
returns void language plpgsql as $$
begin
  insert into sms.hourly_counts as s (user_id, hour, config_id, conversations, messages)
  select c.user_id, date_trunc('hour', c.at, 'UTC'), c.config_id, coalesce(sum(c.conversations), 0),
    coalesce(sum(coalesce(c.messages_in, 0) + coalesce(c.messages_out, 0)), 0)
  from unnest(p_rows) as c
  where c.at > now() - interval '2 days'
    and (c.conversations is not null or c.messages_in is not null or c.messages_out is not null)
  group by 1, 2, 3
  order by 1, 2, 3
  on conflict (user_id, hour, config_id) do update set
    conversations = s.conversations + excluded.conversations,
    messages = s.messages + excluded.messages;
  delete from sms.hourly_counts as h where h.hour < now() - interval '2 days';
end;
$$;

-- A contact who wrote again leaves the hour it stood in.
create function sms.fold_contacts(p_rows sms.counted[])
returns void language plpgsql as $$
begin
  with newest as (
    select c.user_id, c.contact_number, max(date_trunc('hour', c.at, 'UTC')) as hour
    from unnest(p_rows) as c
    where c.contact_number is not null
    group by c.user_id, c.contact_number
  ), moved as materialized (
    select n.user_id, n.contact_number, n.hour, a.wrote_at as before
    from newest as n
    join public.sms_contacts as k on k.user_id = n.user_id and k.contact_number = n.contact_number
    left join sms.active_contacts as a
      on a.user_id = n.user_id and a.contact_number = n.contact_number
    where a.wrote_at is null or a.wrote_at < n.hour
    order by n.user_id, n.contact_number
    for key share of k
  ), noted as (
    insert into sms.active_contacts as s (user_id, contact_number, wrote_at)
    select m.user_id, m.contact_number, m.hour from moved as m
    on conflict (user_id, contact_number) do update set wrote_at = excluded.wrote_at
  )
  insert into sms.hourly_contacts as s (user_id, hour, contacts)
  select h.user_id, h.hour, sum(h.contacts)
  from (
    select m.user_id, m.hour, 1 as contacts from moved as m
    union all
    select m.user_id, m.before, -1 from moved as m where m.before is not null
  ) as h
  group by h.user_id, h.hour
  order by h.user_id, h.hour
  on conflict (user_id, hour) do update set contacts = s.contacts + excluded.contacts;
end;
$$;

-- 50_realtime.sql =================================================================================

-- Realtime is a hint, never the truth: private broadcasts say that something changed, and whoever
-- hears one asks the Data API. Payloads hold ids, direction and status only, because
-- realtime.messages keeps them for days.
--
-- Topic sms:worker has no policy, so the service role alone may join it. Topic sms:user:<account>
-- is for the account's owner and members.

-- Says so on each topic, in one statement. As realtime.send does it for one: an error becomes a
-- warning, and the lock timeout of the triggers keeps a locked realtime.messages from stopping a
-- message.
create function sms.broadcast(p_topics text[], p_events text[], p_payloads jsonb[])
returns void language plpgsql as $$
begin
  insert into realtime.messages (id, topic, event, payload, private, extension)
  select b.id, b.topic, b.event, b.payload || jsonb_build_object('id', b.id), true, 'broadcast'
  from (
    select gen_random_uuid() as id, t.topic, t.event, t.payload
    from unnest(p_topics, p_events, p_payloads) as t (topic, event, payload)
    where t.topic is not null
  ) as b;
exception
  when others then
    raise warning 'not announced: %', sqlerrm;
end;
$$;

-- Tells the workers in how many seconds there is work, and the owner's clients of a message that
-- came. Work also when a lease ends and something came meanwhile: that was announced to nobody.
create function sms.announce_work()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
declare
  v_due_at timestamptz := least(new.reply_due_at, new.send_due_at);
  v_is_work boolean := new.lease_id is null and v_due_at is not null and (
    old.lease_id is not null or v_due_at is distinct from least(old.reply_due_at, old.send_due_at)
  );
  v_is_message boolean := new.last_incoming_id is distinct from old.last_incoming_id;
begin
  if v_is_work or v_is_message then
    perform sms.broadcast(
      array[
        case when v_is_message then 'sms:user:' || new.user_id end,
        case when v_is_work then 'sms:worker' end
      ],
      '{message,work}',
      array[
        jsonb_build_object(
          'message_id', new.last_incoming_id, 'conversation_id', new.id,
          'direction', 'incoming', 'status', 'received'
        ),
        jsonb_build_object(
          'seconds', greatest(extract(epoch from v_due_at - clock_timestamp()), 0)
        )
      ]
    );
  end if;
  return null;
end;
$$;

create trigger sms_conversations_announce_work_insert
  after insert on public.sms_conversations
  for each row when (least(new.reply_due_at, new.send_due_at) is not null)
  execute function sms.announce_work();

create trigger sms_conversations_announce_work_update
  after update of last_incoming_id, reply_due_at, send_due_at, lease_id
  on public.sms_conversations
  for each row when (
    new.lease_id is null and least(new.reply_due_at, new.send_due_at) is not null
    or new.last_incoming_id is distinct from old.last_incoming_id
  )
  execute function sms.announce_work();

-- Tells the owner's clients of a new message to a contact, and of the state that any ends in.
create function sms.announce_message()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform sms.broadcast(
    array['sms:user:' || new.user_id], '{message}',
    array[jsonb_build_object(
      'message_id', new.id, 'conversation_id', new.conversation_id,
      'direction', new.direction, 'status', new.status
    )]
  );
  return null;
end;
$$;

create trigger sms_messages_announce_insert
  after insert on public.sms_messages
  for each row when (new.direction = 'outgoing') execute function sms.announce_message();

create trigger sms_messages_announce_update
  after update of status on public.sms_messages
  for each row when (
    old.status is distinct from new.status
    and new.status not in ('queued', 'sending', 'accepted')
  )
  execute function sms.announce_message();

-- Tells the owner's clients that a conversation was closed, paused or asks for a human.
create function sms.announce_conversation()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform sms.broadcast(
    array['sms:user:' || new.user_id], '{conversation}',
    array[jsonb_build_object('conversation_id', new.id, 'status', new.status)]
  );
  return null;
end;
$$;

create trigger sms_conversations_announce_state
  after update of status, auto_reply, paused_until, wants_human, assigned_to, read_up_to_id
  on public.sms_conversations
  for each row when (
    (old.status, old.auto_reply, old.paused_until, old.wants_human, old.assigned_to,
      old.read_up_to_id)
      is distinct from
    (new.status, new.auto_reply, new.paused_until, new.wants_human, new.assigned_to,
      new.read_up_to_id)
  )
  execute function sms.announce_conversation();

-- 51_backfill.sql =================================================================================

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

-- 52_operations.sql ===============================================================================

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

-- 53_accounts.sql =================================================================================

-- Accounts and the people who work in them.
--
-- An account is the user who owns the numbers: user_id on every row. Others are members of it: an
-- agent reads and writes messages, assigns and closes; an admin also changes settings and members;
-- the owner may also erase. Somebody becomes a member by accepting an invitation to the verified
-- e-mail address of their user.
--
-- Every policy asks sms.account_ids: `user_id = any (array(select sms.account_ids('agent')))` is
-- computed once a query and compared in the index, where `in (select …)` would filter all rows.

create table public.sms_members (
  user_id uuid not null,
  member_id uuid not null,
  role text not null default 'agent',
  email text not null,
  created_at timestamptz not null default now(),
  constraint sms_members_pkey primary key (user_id, member_id),
  constraint sms_members_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_members_member_id_fkey foreign key (member_id)
    references auth.users (id) on delete cascade,
  constraint sms_members_member_id_check check (member_id <> user_id),
  constraint sms_members_role_check check (role in (
    'agent', -- reads and writes messages, assigns, closes
    'admin'  -- also changes settings, knowledge, members
  ))
);
create index sms_members_member_id_idx on public.sms_members (member_id, user_id);

comment on table public.sms_members is
  'Who works in an account beside its owner. A row is made by accept_sms_invitation; admins change '
  'the role and remove_sms_member ends it. A removed member''s next call finds nothing; an open '
  'Realtime channel ends with its access token.';
comment on constraint sms_members_role_check on public.sms_members is 'role is agent or admin.';
comment on constraint sms_members_member_id_check on public.sms_members is
  'The owner is no member of the own account.';

create trigger sms_members_refuse_invalid
  before insert or update on public.sms_members
  for each row execute function sms.refuse_invalid();

create table public.sms_invitations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  email text not null,
  role text not null default 'agent',
  invited_by uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_at timestamptz,
  constraint sms_invitations_pkey primary key (id),
  constraint sms_invitations_user_id_email_key unique (user_id, email),
  constraint sms_invitations_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_invitations_email_check
    check (email ~ '^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$' and length(email) <= 254),
  constraint sms_invitations_role_check check (role in ('agent', 'admin'))
);

comment on table public.sms_invitations is
  'Invitations to an account by e-mail address, valid for seven days. Send the person the id, as a '
  'link into your page: accept_sms_invitation(id) makes whoever is signed in with that verified '
  'address a member.';
comment on constraint sms_invitations_email_check on public.sms_invitations is
  'email is an e-mail address, such as ana@example.com.';
comment on constraint sms_invitations_role_check on public.sms_invitations is
  'role is agent or admin.';

create trigger sms_invitations_refuse_invalid
  before insert or update on public.sms_invitations
  for each row execute function sms.refuse_invalid();

-- The accounts in which the caller has that role or a higher one: agent < admin < owner.
create function sms.account_ids(p_role text)
returns setof uuid language sql stable security definer set search_path = '' as $$
  select auth.uid() where auth.uid() is not null
  union all
  select m.user_id from public.sms_members as m
  where m.member_id = auth.uid() and (p_role = 'agent' or p_role = m.role);
$$;

-- Refuses the caller who does not have that role in the account; the service role has every role.
create function sms.require_role(p_user_id uuid, p_role text)
returns void language plpgsql stable security definer set search_path = '' as $$
begin
  if auth.uid() is null or p_user_id in (select sms.account_ids(p_role)) then
    return;
  elsif p_user_id in (select sms.account_ids('agent')) then
    raise exception using errcode = 'PT403', message = format('This needs the role %s', p_role),
      hint = 'Ask an admin or the owner of the account.';
  end if;
  raise exception using errcode = 'PT404', message = 'There is no such account',
    hint = 'get_sms_accounts() lists yours.';
end;
$$;

create function public.get_sms_accounts()
returns table (user_id uuid, email text, role text, phone_numbers text[])
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select a.id, sms.user_email(a.id), coalesce(m.role, 'owner'), array(
    select f.phone_number from public.sms_configs as f where f.user_id = a.id
    order by f.phone_number
  )
  from sms.account_ids('agent') as a (id)
  left join public.sms_members as m on m.user_id = a.id and m.member_id = auth.uid()
  order by m.role is not null, 2;
end;
$$;
comment on function public.get_sms_accounts() is
  'The accounts the caller works in, the own one first: {user_id, email of the owner, role: agent, '
  'admin or owner, phone_numbers}.';

create function public.get_sms_team(p_user_id uuid default auth.uid())
returns table (member_id uuid, email text, role text, created_at timestamptz)
language plpgsql stable security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'agent');
  return query
  select p_user_id, sms.user_email(p_user_id), 'owner', null::timestamptz
  union all (
    select m.member_id, m.email, m.role, m.created_at from public.sms_members as m
    where m.user_id = p_user_id
    order by m.email
  );
end;
$$;
comment on function public.get_sms_team(uuid) is
  'Who works in an account: its owner, then its members by e-mail address. PT404: not an account '
  'of the caller.';

create function public.invite_sms_member(
  p_email text, p_role text default 'agent', p_user_id uuid default auth.uid()
)
returns setof public.sms_invitations
language plpgsql security definer set search_path = '' as $$
declare
  v_email text := lower(btrim(p_email));
begin
  perform sms.require_role(p_user_id, 'admin');
  if v_email = lower(sms.user_email(p_user_id)) then
    raise exception using errcode = 'PT422', message = 'This is the owner of the account',
      hint = 'Invite another e-mail address.';
  elsif exists (
    select from public.sms_members as m where m.user_id = p_user_id and lower(m.email) = v_email
  ) then
    raise exception using errcode = 'PT409', message = 'This person is a member already',
      hint = 'Change the role in sms_members.';
  elsif (select count(*) from public.sms_invitations as i where i.user_id = p_user_id) >= 200 then
    raise exception using errcode = 'PT429', message = 'An account has at most 200 invitations',
      hint = 'Delete old ones from sms_invitations.';
  end if;
  return query
  insert into public.sms_invitations as i (user_id, email, role, invited_by)
  values (p_user_id, v_email, p_role, coalesce(auth.uid(), p_user_id))
  on conflict (user_id, email) do update set id = gen_random_uuid(), role = excluded.role,
    invited_by = excluded.invited_by, created_at = now(), accepted_at = null,
    expires_at = excluded.expires_at
  returning i.*;
end;
$$;
comment on function public.invite_sms_member(text, text, uuid) is
  'Invites an e-mail address to the account, as agent or admin, and returns the invitation; asked '
  'again it replaces the one before, whose link ends. PT403: the caller is no admin. PT409: a '
  'member already. PT422: no e-mail address, no such role, or the owner.';

create function public.accept_sms_invitation(p_invitation_id uuid)
returns setof public.sms_members language plpgsql security definer set search_path = '' as $$
declare
  v_invitation public.sms_invitations;
  v_email text;
begin
  select i.* into v_invitation from public.sms_invitations as i
  where i.id = p_invitation_id
  for update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such invitation',
      hint = 'It may have been replaced by a newer one: ask for its link.';
  end if;
  select lower(u.email) into v_email from auth.users as u
  where u.id = auth.uid() and u.email_confirmed_at is not null;
  if v_email is distinct from v_invitation.email then
    raise exception using errcode = 'PT403', message = 'The invitation is for another e-mail address',
      hint = 'Sign in with the address that was invited, and confirm it.';
  elsif v_invitation.accepted_at is not null then
    raise exception using errcode = 'PT409', message = 'The invitation was used already',
      hint = 'Ask for another one.';
  elsif v_invitation.expires_at < now() then
    raise exception using errcode = 'PT409', message = 'The invitation has expired',
      hint = 'Ask for another one.';
  elsif v_invitation.user_id = auth.uid() then
    raise exception using errcode = 'PT422', message = 'This is your own account';
  end if;
  update public.sms_invitations as i set accepted_at = now() where i.id = v_invitation.id;
  return query
  insert into public.sms_members as m (user_id, member_id, role, email)
  values (v_invitation.user_id, auth.uid(), v_invitation.role, v_email)
  on conflict (user_id, member_id) do update set role = excluded.role, email = excluded.email
  returning m.*;
end;
$$;
comment on function public.accept_sms_invitation(uuid) is
  'Makes the caller a member and returns the row. PT403: the invitation is for another address, or '
  'the caller''s is not confirmed. PT404: no such invitation. PT409: used or expired.';

create function public.remove_sms_member(p_member_id uuid, p_user_id uuid default auth.uid())
returns void language plpgsql security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'admin');
  if p_member_id = p_user_id then
    raise exception using errcode = 'PT422', message = 'The owner cannot be removed',
      hint = 'The account is theirs.';
  end if;
  delete from public.sms_members as m where m.user_id = p_user_id and m.member_id = p_member_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such member',
      hint = 'get_sms_team() lists them.';
  end if;
end;
$$;
comment on function public.remove_sms_member(uuid, uuid) is
  'Ends a membership; what was assigned to that person is unassigned. PT403: the caller is no '
  'admin. PT404: no such member. PT422: the owner.';

create function public.leave_sms_account(p_user_id uuid)
returns void language plpgsql security definer set search_path = '' as $$
begin
  if p_user_id = auth.uid() then
    raise exception using errcode = 'PT422', message = 'The owner cannot leave the account',
      hint = 'The account is yours.';
  end if;
  delete from public.sms_members as m where m.user_id = p_user_id and m.member_id = auth.uid();
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such account',
      hint = 'get_sms_accounts() lists yours.';
  end if;
end;
$$;
comment on function public.leave_sms_account(uuid) is
  'Ends the caller''s membership. PT404: the caller is no member. PT422: the caller is the owner.';

-- People whose address is not confirmed: members, and those with an invitation that they cannot
-- accept yet; 20 at most, members first. For the doctor.
create function sms.unconfirmed_team()
returns jsonb language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(p)), '[]')
  from (
    select m.email, true as is_member
    from public.sms_members as m
    join auth.users as u on u.id = m.member_id
    where u.email_confirmed_at is null
    union
    select i.email, false
    from public.sms_invitations as i
    join auth.users as u on u.email = i.email
    where i.accepted_at is null and i.expires_at > now() and u.email_confirmed_at is null
    order by is_member desc, email
    limit 20
  ) as p;
$$;

-- What was a former member's is nobody's.
create function sms.after_member_left()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_conversations as c set assigned_to = null
  where c.user_id = old.user_id and c.assigned_to = old.member_id;
  return null;
end;
$$;

create trigger sms_members_after_left
  after delete on public.sms_members
  for each row execute function sms.after_member_left();

create function public.assign_sms_conversation(p_conversation_id uuid, p_member_id uuid)
returns setof public.sms_conversations
language plpgsql security definer set search_path = '' as $$
declare
  v_user_id uuid;
begin
  select c.user_id into v_user_id from public.sms_conversations as c
  where c.id = p_conversation_id
    and (auth.uid() is null or c.user_id in (select sms.account_ids('agent')))
  for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  elsif p_member_id is not null and p_member_id <> v_user_id and not exists (
    select from public.sms_members as m
    where m.user_id = v_user_id and m.member_id = p_member_id
  ) then
    raise exception using errcode = 'PT422', message = 'This person is no member of the account',
      hint = 'get_sms_team() lists who is; null assigns the conversation to nobody.';
  end if;
  return query
  update public.sms_conversations as c set assigned_to = p_member_id
  where c.id = p_conversation_id
  returning c.*;
end;
$$;
comment on function public.assign_sms_conversation(uuid, uuid) is
  'Gives a conversation to the owner or a member, or with null to nobody, and returns it. The first '
  'message of a human takes an unassigned one by itself. PT404: no such conversation. PT422: not '
  'a member.';

-- 90_access.sql ===================================================================================

-- Who may see or call what, on one page. What is not named here nobody may see or call.
--
-- Everything is revoked first and then granted as meant, so that it is right whether or not the
-- project exposes new objects by default. Nothing is granted to anon.

revoke all on schema sms from public;
grant usage on schema sms to service_role;
revoke all on schema sms_tools from public;
grant usage on schema sms_tools to sms_contact;

-- Tables. Row level security everywhere, also where the service role alone reads.

alter table sms.policy enable row level security;
alter table sms.patterns enable row level security;
alter table sms.pattern_keys enable row level security;
alter table public.sms_configs enable row level security;
alter table public.sms_conversations enable row level security;
alter table public.sms_messages enable row level security;
alter table public.sms_webhook_logs enable row level security;
alter table public.sms_delivery_events enable row level security;
alter table public.sms_workers enable row level security;
alter table public.sms_error_codes enable row level security;
alter table public.sms_opt_outs enable row level security;
alter table public.sms_phrases enable row level security;
alter table public.sms_synonyms enable row level security;
alter table public.sms_canned_replies enable row level security;
alter table public.sms_keyword_replies enable row level security;
alter table public.sms_daily_stats enable row level security;
alter table sms.counted enable row level security;
alter table sms.hourly_counts enable row level security;
alter table sms.first_replies enable row level security;
alter table sms.active_contacts enable row level security;
alter table sms.hourly_contacts enable row level security;
alter table sms.contact_digits enable row level security;
alter table sms.maintenance enable row level security;
alter table sms.human_messages enable row level security;
alter table sms.automatic_messages enable row level security;
alter table public.sms_members enable row level security;
alter table public.sms_invitations enable row level security;
alter table public.sms_config_versions enable row level security;
alter table public.sms_contacts enable row level security;
alter table public.sms_documents enable row level security;
alter table public.sms_passages enable row level security;
alter table public.sms_questions enable row level security;
alter table sms.known_words enable row level security;
alter table sms.knowledge_synonyms enable row level security;
alter table public.sms_tool_calls enable row level security;
alter table public.sms_event_targets enable row level security;
alter table public.sms_events enable row level security;
alter table public.sms_event_deliveries enable row level security;
alter table sms.event_secrets enable row level security;
alter table public.sms_replays enable row level security;
alter table public.sms_replay_answers enable row level security;
alter table public.sms_models enable row level security;

revoke all on table
  sms.policy,
  sms.patterns,
  sms.pattern_keys,
  public.sms_configs,
  public.sms_conversations,
  public.sms_messages,
  public.sms_webhook_logs,
  public.sms_delivery_events,
  public.sms_workers,
  public.sms_error_codes,
  public.sms_opt_outs,
  public.sms_phrases,
  public.sms_synonyms,
  public.sms_canned_replies,
  public.sms_keyword_replies,
  public.sms_daily_stats,
  sms.counted,
  sms.hourly_counts,
  sms.first_replies,
  sms.active_contacts,
  sms.hourly_contacts,
  public.sms_inbox,
  sms.contact_digits,
  sms.maintenance,
  sms.human_messages,
  sms.automatic_messages,
  public.sms_export,
  public.sms_members,
  public.sms_invitations,
  public.sms_config_versions,
  public.sms_contacts,
  public.sms_documents,
  public.sms_passages,
  public.sms_questions,
  sms.known_words,
  sms.knowledge_synonyms,
  public.sms_tool_calls,
  public.sms_event_targets,
  public.sms_events,
  public.sms_event_deliveries,
  sms.event_secrets,
  public.sms_replays,
  public.sms_replay_answers,
  public.sms_models
  from public, anon, authenticated, service_role;
revoke all on sequence
  sms.patterns_id_seq,
  public.sms_messages_id_seq,
  public.sms_event_deliveries_id_seq,
  public.sms_webhook_logs_id_seq,
  public.sms_delivery_events_id_seq,
  public.sms_passages_id_seq,
  public.sms_tool_calls_id_seq
  from public, anon, authenticated, service_role;

grant select on table sms.policy to service_role;
grant select on table sms.patterns to service_role;
grant select on table sms.pattern_keys to service_role;
grant select on table public.sms_configs to authenticated;
grant update (
  system_prompt, openai_model, max_tokens, temperature, history_limit, max_segments, fold_accents,
  auto_reply, answer_groups, reply_delay, takeover_pause, answer_within, close_after,
  history_across, context_attributes, knowledge_tokens, replies_per_hour, replies_per_day,
  number_replies_per_day, first_reply_notice, fallback_reply, own_opt_out, opt_out_reply,
  help_reply, handoff_reply,
  bot_reply, rate_limit_reply, promise_human, quiet_from, quiet_until, time_zone, tools, stay_silent_for
) on table public.sms_configs to authenticated;
grant select, insert, update, delete on table public.sms_configs to service_role;
grant select on table public.sms_conversations to authenticated;
grant update (status, auto_reply, paused_until, wants_human, read_up_to_id)
  on table public.sms_conversations to authenticated;
grant select, insert, update, delete on table public.sms_conversations to service_role;
grant select on table public.sms_messages to authenticated;
grant insert (conversation_id, message_content, client_ref) on table public.sms_messages to authenticated;
grant select, insert, update, delete on table public.sms_messages to service_role;
grant select, insert, update, delete on table public.sms_webhook_logs, public.sms_delivery_events,
  public.sms_workers, public.sms_error_codes to service_role;
grant select on table public.sms_error_codes to authenticated;
grant select on table public.sms_opt_outs, public.sms_phrases, public.sms_synonyms
  to authenticated;
grant select, insert, update, delete
  on table public.sms_opt_outs, public.sms_phrases, public.sms_synonyms
  to service_role;
grant select on table public.sms_canned_replies to authenticated;
grant select, insert, update, delete on table public.sms_canned_replies to service_role;
grant select, delete on table public.sms_keyword_replies to authenticated;
grant insert (config_id, keyword, answer) on table public.sms_keyword_replies to authenticated;
grant update (keyword, answer) on table public.sms_keyword_replies to authenticated;
grant select, insert, update, delete on table public.sms_keyword_replies to service_role;
grant select on table public.sms_daily_stats to authenticated;
grant select, insert, update, delete on table public.sms_daily_stats, sms.counted,
  sms.hourly_counts, sms.first_replies, sms.active_contacts, sms.hourly_contacts
  to service_role;
grant select on table public.sms_inbox, public.sms_export to authenticated, service_role;
grant select, delete on table sms.human_messages to service_role;
grant select, insert, update on table sms.automatic_messages to service_role;
grant select on table public.sms_members, public.sms_config_versions, public.sms_contacts
  to authenticated;
grant update (name, notes, attributes, tags, language, blocked_at) on table public.sms_contacts
  to authenticated;
grant update (role) on table public.sms_members to authenticated;
grant select, delete on table public.sms_invitations to authenticated;
grant select, insert, update, delete on table public.sms_members, public.sms_invitations,
  public.sms_config_versions, public.sms_contacts, public.sms_documents, public.sms_passages,
  public.sms_questions to service_role;
grant select on table sms.known_words, sms.knowledge_synonyms to service_role;
grant select, delete on table public.sms_documents to authenticated;
grant insert (user_id, config_id, title, content, language, enabled, source),
  update (title, content, language, enabled) on table public.sms_documents to authenticated;
grant select on table public.sms_passages, public.sms_questions to authenticated;
grant update (status) on table public.sms_questions to authenticated;
grant select, delete on table public.sms_event_targets to authenticated;
grant update (event_types, with_content, is_enabled) on table public.sms_event_targets
  to authenticated;
grant select on table public.sms_events, public.sms_event_deliveries to authenticated;
grant select, insert, update, delete on table public.sms_event_targets, public.sms_events,
  public.sms_event_deliveries to service_role;
grant select, insert on table sms.event_secrets to service_role;
grant select on table public.sms_replays, public.sms_replay_answers, public.sms_models
  to authenticated;
grant select, insert, update, delete on table public.sms_replays, public.sms_replay_answers,
  public.sms_models to service_role;
grant select, update on table sms.maintenance to service_role;
grant select on table public.sms_tool_calls to authenticated;
grant select, insert, update, delete on table public.sms_tool_calls to service_role;

-- Rows.

create policy "The gateway reads it" on sms.policy for select to service_role using (true);
create policy "The gateway reads it" on sms.patterns for select to service_role using (true);
create policy "The gateway reads it" on sms.pattern_keys for select to service_role using (true);
create policy "Members read their accounts' numbers" on public.sms_configs
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins change their accounts' numbers" on public.sms_configs
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' conversations" on public.sms_conversations
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members change their accounts' conversations" on public.sms_conversations
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('agent'))))
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' messages" on public.sms_messages
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members write their accounts' messages" on public.sms_messages
  for insert to authenticated
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_error_codes
  for select to authenticated using (true);
create policy "Members read their accounts' opt-outs" on public.sms_opt_outs
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_phrases
  for select to authenticated using (true);
create policy "Everybody signed in reads it" on public.sms_synonyms
  for select to authenticated using (true);
create policy "Everybody signed in reads it" on public.sms_canned_replies
  for select to authenticated using (true);
create policy "Members read their accounts' keyword replies" on public.sms_keyword_replies
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins write their accounts' keyword replies" on public.sms_keyword_replies
  for insert to authenticated
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' keyword replies" on public.sms_keyword_replies
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' keyword replies" on public.sms_keyword_replies
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' statistics" on public.sms_daily_stats
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members join the topics of their accounts" on realtime.messages
  for select to authenticated
  using (
    realtime.messages.extension = 'broadcast'
    and (select realtime.topic()) = any (
      array(select 'sms:user:' || a.id from sms.account_ids('agent') as a (id))
    )
  );
create policy "Members read their accounts' versions" on public.sms_config_versions
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' contacts" on public.sms_contacts
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members change their accounts' contacts" on public.sms_contacts
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('agent'))))
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' documents" on public.sms_documents
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins write their accounts' documents" on public.sms_documents
  for insert to authenticated with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' documents" on public.sms_documents
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' documents" on public.sms_documents
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' passages" on public.sms_passages
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' questions" on public.sms_questions
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins put their accounts' questions away" on public.sms_questions
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "The gateway reads it" on sms.known_words for select to service_role using (true);
create policy "The gateway reads it" on sms.knowledge_synonyms
  for select to service_role using (true);
create policy "Members read their accounts' tool calls" on public.sms_tool_calls
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members see who works with them" on public.sms_members
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins change their members' roles" on public.sms_members
  for update to authenticated using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins see their invitations" on public.sms_invitations
  for select to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins withdraw their invitations" on public.sms_invitations
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins see their accounts' targets" on public.sms_event_targets
  for select to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' targets" on public.sms_event_targets
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' targets" on public.sms_event_targets
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' events" on public.sms_events
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' deliveries" on public.sms_event_deliveries
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "The gateway uses it" on sms.event_secrets
  for all to service_role using (true) with check (true);
create policy "Members read their accounts' replays" on public.sms_replays
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' replays" on public.sms_replay_answers
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_models
  for select to authenticated using (true);
create policy "The gateway clears it" on sms.human_messages
  for all to service_role using (true);
create policy "The gateway uses it" on sms.automatic_messages
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.counted
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.hourly_counts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.first_replies
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.active_contacts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.hourly_contacts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.maintenance
  for all to service_role using (true) with check (true);

-- Functions of schema sms: the gateway's, but for triggers and for what runs with its definer's
-- rights, which only they call.

revoke all on all functions in schema sms from public, anon, authenticated, service_role;
grant execute on all functions in schema sms to service_role;
revoke execute on function
  sms.refuse_invalid(),
  sms.check_ceilings(),
  sms.index_document(),
  sms.recount_knowledge(),
  sms.count_words(),
  sms.admit_document(),
  sms.note_question(public.sms_conversations, bigint, text),
  sms.index_contact(),
  sms.after_block(),
  sms.count_config_version(),
  sms.keep_config_version(),
  sms.check_time_zone(),
  sms.check_tools(),
  sms.admit_keyword_reply(),
  sms.after_member_left(),
  sms.require_role(uuid, text),
  sms.count_human_message(uuid, timestamptz),
  sms.require_statistics(uuid),
  sms.first_day(integer),
  sms.counts_since_hour(uuid, timestamptz),
  sms.contacts_since(uuid, timestamptz),
  sms.first_reply_seconds(uuid, uuid, date, numeric[]),
  sms.count_message(public.sms_messages, integer),
  sms.is_new_contact(public.sms_conversations),
  sms.count_new_message(),
  sms.count_changed_message(),
  sms.count_conversation(),
  sms.admit_human_message(public.sms_messages, public.sms_conversations),
  sms.before_message(),
  sms.after_human_message(),
  sms.after_human_failed(),
  sms.before_close(),
  sms.before_wants_human(),
  sms.after_close(),
  sms.word_pattern(text),
  sms.search_newest(uuid, text[], integer, bigint, bigint),
  sms.search_blocks(uuid, text[], integer, bigint),
  sms.search_messages(uuid, text[], integer, bigint),
  sms.endings(uuid, text),
  sms.store_digits(),
  sms.search_contacts(uuid, text, integer, bigint),
  sms.announce_replay(),
  sms.announce_work(),
  sms.announce_message(),
  sms.announce_conversation(),
  sms.emit_outgoing(),
  sms.emit_conversation(),
  sms.emit_suspended(),
  sms.emit_question(),
  sms.emit_tool_failed(),
  sms.emit_opt_out(),
  sms.announce_event(),
  sms.before_target_change(),
  sms.after_target_change(),
  sms.before_number()
  from service_role;
-- A check, a generated column, an index expression and a view are computed as whoever inserts or reads.
grant execute on function
  sms.normalize(text),
  sms.search_words(uuid, bigint, text),
  sms.disarm(text),
  sms.are_attributes(jsonb),
  sms.are_tags(text[]),
  sms.is_author(text, text),
  sms.is_message_status(text, text),
  sms.is_canned_reply(text),
  sms.is_intent(text),
  sms.is_no_reply_reason(text),
  sms.is_lease(uuid, timestamptz, text),
  sms.is_ending(text, text)
  to authenticated;
-- Policies ask it for the caller.
grant execute on function sms.account_ids(text) to authenticated;

-- A contact, which is what the model's tools run as: the functions of sms_tools and what the project
-- grants. Owning as_contact is what makes it run so; that takes the right to create for a moment.

revoke all on all functions in schema sms_tools from public, anon, authenticated, service_role;
grant execute on all functions in schema sms_tools to sms_contact;
grant create on schema sms to sms_contact;
alter function sms.as_contact(text, jsonb) owner to sms_contact;
revoke create on schema sms from sms_contact;

-- Functions of the Data API.

revoke all on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.claim_sms_event_deliveries(uuid, integer),
  public.finish_sms_event_delivery(bigint, uuid, integer, text, numeric),
  public.list_sms_event_deliveries(text, integer),
  public.list_sms_event_targets(),
  public.import_sms_document(uuid, text, text, text, text),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.record_sms_replay_answer(uuid, jsonb),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_accounts(),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.accept_sms_invitation(uuid),
  public.remove_sms_member(uuid, uuid),
  public.leave_sms_account(uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.set_sms_opt_out(uuid, text, boolean, text),
  public.ingest_sms(jsonb, timestamptz),
  public.claim_sms_work(text, uuid, interval),
  public.release_sms_work(uuid),
  public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer, bigint, bigint, text),
  public.fail_sms_reply(uuid, text, boolean, numeric),
  public.call_sms_tool(uuid, bigint, text, jsonb, boolean),
  public.list_sms_tools(text),
  public.try_sms_tool(text, text, jsonb, text, boolean),
  public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text),
  public.fail_sms_send(uuid, bigint, text, text, integer, numeric),
  public.reconcile_sms(bigint, jsonb, uuid),
  public.resend_sms(bigint),
  public.record_sms_delivery(jsonb),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid),
  public.claim_sms_backfill(interval, interval),
  public.missing_sms(text[]),
  public.note_sms_refused(text, text),
  public.finish_sms_backfill(uuid, timestamptz, interval),
  public.record_sms_statuses(jsonb),
  public.drop_sms_backlog(),
  public.add_sms_number(text, text, text, boolean),
  public.list_sms_numbers(),
  public.get_sms_message(bigint),
  public.note_sms_worker(text, text, timestamptz, jsonb),
  public.note_sms_models(jsonb),
  public.remove_sms_worker(text),
  public.get_sms_health(),
  public.cleanup_old_sms_conversations(integer),
  public.maintain_sms(interval),
  public.forget_sms_contact(uuid, text),
  public.get_sms_setup()
  from public, anon, authenticated, service_role;

-- The gateway.
grant execute on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.claim_sms_event_deliveries(uuid, integer),
  public.finish_sms_event_delivery(bigint, uuid, integer, text, numeric),
  public.list_sms_event_deliveries(text, integer),
  public.list_sms_event_targets(),
  public.import_sms_document(uuid, text, text, text, text),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.record_sms_replay_answer(uuid, jsonb),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.remove_sms_member(uuid, uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.get_sms_accounts(),
  public.set_sms_opt_out(uuid, text, boolean, text),
  public.ingest_sms(jsonb, timestamptz),
  public.claim_sms_work(text, uuid, interval),
  public.release_sms_work(uuid),
  public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer, bigint, bigint, text),
  public.fail_sms_reply(uuid, text, boolean, numeric),
  public.call_sms_tool(uuid, bigint, text, jsonb, boolean),
  public.list_sms_tools(text),
  public.try_sms_tool(text, text, jsonb, text, boolean),
  public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text),
  public.fail_sms_send(uuid, bigint, text, text, integer, numeric),
  public.reconcile_sms(bigint, jsonb, uuid),
  public.resend_sms(bigint),
  public.record_sms_delivery(jsonb),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid),
  public.claim_sms_backfill(interval, interval),
  public.missing_sms(text[]),
  public.note_sms_refused(text, text),
  public.finish_sms_backfill(uuid, timestamptz, interval),
  public.record_sms_statuses(jsonb),
  public.drop_sms_backlog(),
  public.add_sms_number(text, text, text, boolean),
  public.list_sms_numbers(),
  public.get_sms_message(bigint),
  public.note_sms_worker(text, text, timestamptz, jsonb),
  public.note_sms_models(jsonb),
  public.remove_sms_worker(text),
  public.get_sms_health(),
  public.cleanup_old_sms_conversations(integer),
  public.maintain_sms(interval),
  public.forget_sms_contact(uuid, text),
  public.get_sms_setup()
  to service_role;

-- Signed-in users: under row level security, or asking for the caller's role themselves.
grant execute on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_accounts(),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.accept_sms_invitation(uuid),
  public.remove_sms_member(uuid, uuid),
  public.leave_sms_account(uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid)
  to authenticated;
