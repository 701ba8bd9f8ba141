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
