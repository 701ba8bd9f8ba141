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
