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
