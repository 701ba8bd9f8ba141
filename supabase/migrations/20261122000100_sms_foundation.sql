-- The schema for rules that no client may call, and the waiting times of those rules.
--
-- Every file that follows is one topic: its tables with constraints, indexes, row level security
-- and grants, then its functions. Grants are stated whole (revoke all, then grant what is meant),
-- so that they are right whether or not the project exposes new objects by default.
--
-- Functions on a text's way are plpgsql even where one expression is all: one with a search_path
-- of its own is never inlined, and as language sql it would be parsed and planned at every call.
-- The five that every text calls keep one plan of each statement (plan_cache_mode): those whose
-- estimate depends on an id or a time were planned anew each time, for a tenth of the whole.

create schema if not exists private;
revoke all on schema private from public;
grant usage on schema private to service_role;

create table private.sms_timing (
  only_row boolean not null default true,
  lease interval not null default '60 seconds',
  reply_wait_max interval not null default '10 seconds',
  overtaken_max smallint not null default 2,
  overtaken_for interval not null default '30 seconds',
  reply_attempts_max smallint not null default 3,
  retry_after interval not null default '5 seconds',
  retry_for interval not null default '1 hour',
  park_for interval not null default '5 minutes',
  settle_after interval not null default '60 seconds',
  resend_within interval not null default '10 minutes',
  unknown_for interval not null default '24 hours',
  fallback_every interval not null default '1 hour',
  logs_kept interval not null default '30 days',
  conversations_kept interval,
  constraint sms_timing_pkey primary key (only_row),
  constraint sms_timing_only_row_check check (only_row)
);
comment on table private.sms_timing is 'One row: every waiting time and bound of the rules that is not a column of sms_configs.';
comment on column private.sms_timing.lease is 'How long a worker holds a job; one takes 25 s at most, and 13 s must be left when a text is handed to Twilio.';
comment on column private.sms_timing.reply_wait_max is 'A burst of texts waits at most this long for its one answer, from its first text.';
comment on column private.sms_timing.overtaken_max is 'An answer overtaken by a newer text is dropped at most this many times in a row.';
comment on column private.sms_timing.overtaken_for is 'Nor is it dropped once its oldest text has waited this long.';
comment on column private.sms_timing.reply_attempts_max is 'Attempts at a generated answer before the fallback text.';
comment on column private.sms_timing.retry_after is 'First pause after a failed attempt; doubles each time up to one minute.';
comment on column private.sms_timing.retry_for is 'A text that Twilio refuses for the moment is tried again for this long, then it failed.';
comment on column private.sms_timing.park_for is 'How long a number rests after its account, key or quota was refused.';
comment on column private.sms_timing.settle_after is 'What became of an unknown text is first looked up this long after its lease ended, and again after as long.';
comment on column private.sms_timing.resend_within is 'A text that two listings do not have is sent again only while it is younger than this.';
comment on column private.sms_timing.unknown_for is 'A text that cannot be told apart from others at Twilio counts as failed after this.';
comment on column private.sms_timing.fallback_every is 'A contact gets the fallback text at most once in this time.';
comment on column private.sms_timing.logs_kept is 'sms_webhook_logs and sms_delivery_events are kept this long.';
comment on column private.sms_timing.conversations_kept is 'tidy_sms erases closed conversations older than this; null: never.';

insert into private.sms_timing default values;

alter table private.sms_timing enable row level security;
revoke all on table private.sms_timing from public, anon, authenticated, service_role;
grant select on table private.sms_timing to service_role;
create policy sms_timing_read on private.sms_timing for select to service_role using (true);

create function private.sms_timing()
returns private.sms_timing
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_timing private.sms_timing;
begin
  select t.* into v_timing from private.sms_timing as t;
  return v_timing;
end;
$$;
comment on function private.sms_timing() is 'The one row of private.sms_timing.';
revoke all on function private.sms_timing() from public, anon, authenticated, service_role;
grant execute on function private.sms_timing() to service_role;
