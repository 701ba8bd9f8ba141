-- Statistics from the counters: they cost the same with fifty texts and with fifty million. Under
-- row level security they are the caller's own; the service role sees all users together.
--
-- Counters per owner, day and number, and per hour for the last days, so that statistics cost
-- the same at any size.
--
-- What a row counts is a function of the row: an insert adds it, an update adds the difference, a
-- delete takes nothing back. One shared row a day would cost more than half of the speed; sixteen
-- shards, summed on read, let writers pass each other. The triggers are deferred, so that counters
-- are the last locks a transaction takes.
--
-- "How many contacts texted in the last 7 days" cannot be summed from days: who texted on two of
-- them would count twice. So each contact stands in one day and one hour only, that of its newest
-- text (last_seen), and moves on with its next text. Summed from a moment on, last_seen is the
-- number of contacts who texted since then; summed over all days, the number of contacts.

create table public.sms_daily_stats (
  user_id uuid not null,
  day date not null,
  config_id uuid not null,
  shard smallint not null,
  conversations integer not null default 0,
  closed integer not null default 0,
  with_human integer not null default 0,
  last_seen integer not null default 0,
  messages_in integer not null default 0,
  messages_out integer not null default 0,
  ai_replies integer not null default 0,
  human_replies integer not null default 0,
  failed integer not null default 0,
  segments integer not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  cost numeric(14, 5) not null default 0,
  responses integer not null default 0,
  response_seconds numeric(16, 3) not null default 0,
  constraint sms_daily_stats_pkey primary key (user_id, day, config_id, shard),
  constraint sms_daily_stats_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
) with (fillfactor = 50);
create index sms_daily_stats_config_id_idx on public.sms_daily_stats (config_id, user_id);
create index sms_daily_stats_shard_idx on public.sms_daily_stats (day) where shard > 0;

comment on table public.sms_daily_stats is
  'Counters per owner, UTC day and number: select a range of days and sum over shard. Deleting '
  'conversations does not count down.';
comment on column public.sms_daily_stats.shard is
  'Writers count in one of sixteen rows; days gone by are folded into shard 0.';
comment on column public.sms_daily_stats.conversations is 'Conversations opened.';
comment on column public.sms_daily_stats.closed is 'Conversations closed, or erased while active.';
comment on column public.sms_daily_stats.with_human is
  'Conversations opened on this day in which a human has written.';
comment on column public.sms_daily_stats.last_seen is
  'Contacts whose newest text is of this day. Summed from a day until today: contacts who texted '
  'since then. A contact of two numbers counts at each.';
comment on column public.sms_daily_stats.messages_in is 'Texts of contacts.';
comment on column public.sms_daily_stats.messages_out is
  'Texts to contacts, also those that failed or were blocked.';
comment on column public.sms_daily_stats.ai_replies is 'Texts written by the model.';
comment on column public.sms_daily_stats.human_replies is 'Texts written by a human.';
comment on column public.sms_daily_stats.failed is 'Outgoing texts that are failed or undelivered.';
comment on column public.sms_daily_stats.segments is 'Billed segments of outgoing texts.';
comment on column public.sms_daily_stats.prompt_tokens is 'Tokens the model read.';
comment on column public.sms_daily_stats.completion_tokens is 'Tokens the model wrote.';
comment on column public.sms_daily_stats.cost is
  'What Twilio charged for outgoing texts, in the account''s currency.';
comment on column public.sms_daily_stats.responses is
  'Answers, of the AI or a human, to a waiting text.';
comment on column public.sms_daily_stats.response_seconds is
  'Sum over those of the seconds the text waited.';

create table public.sms_hourly_stats (
  user_id uuid not null,
  hour timestamptz not null,
  config_id uuid not null,
  shard smallint not null,
  conversations integer not null default 0,
  messages integer not null default 0,
  last_seen integer not null default 0,
  constraint sms_hourly_stats_pkey primary key (user_id, hour, config_id, shard),
  constraint sms_hourly_stats_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade
) with (fillfactor = 50);
create index sms_hourly_stats_config_id_idx on public.sms_hourly_stats (config_id, user_id);
create index sms_hourly_stats_hour_idx on public.sms_hourly_stats (hour);
create index sms_hourly_stats_shard_idx on public.sms_hourly_stats (hour) where shard > 0;

comment on table public.sms_hourly_stats is
  'The last eight days by hour (UTC), for what is counted over the last 24 hours or 7 days: sum '
  'over shard.';
comment on column public.sms_hourly_stats.conversations is 'Conversations opened.';
comment on column public.sms_hourly_stats.messages is 'Texts in and out.';
comment on column public.sms_hourly_stats.last_seen is
  'Contacts whose newest text is of this hour.';

create function public.get_user_sms_stats(p_user_id uuid default auth.uid())
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_users bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric
)
language plpgsql stable set search_path = '' as $$
begin
  if p_user_id is distinct from auth.uid() and p_user_id is not null
    and not exists (select from public.sms_configs as f where f.user_id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'There is no such account',
      hint = 'Without p_user_id it is the caller''s own; get_sms_accounts() lists others.';
  end if;
  return query
  with ever as (
    select sum(s.conversations) as opened, sum(s.closed) as closed, sum(s.last_seen) as seen,
      sum(s.messages_in) as received, sum(s.messages_out) as sent,
      sum(s.ai_replies) as ai, sum(s.human_replies) as human, sum(s.failed) as failed,
      sum(s.segments) as segments, sum(s.prompt_tokens + s.completion_tokens)::bigint as tokens,
      sum(s.cost) as cost, sum(s.response_seconds) / nullif(sum(s.responses), 0) as seconds
    from public.sms_daily_stats as s
    where p_user_id is null or s.user_id = p_user_id
  ), week as (
    select sum(s.last_seen) as seen, sum(s.last_seen) filter (where s.hour >= t.day_ago) as seen_24h,
      sum(s.conversations) filter (where s.hour >= t.day_ago) as opened_24h,
      sum(s.messages) filter (where s.hour >= t.day_ago) as messages_24h
    from public.sms_hourly_stats as s,
      date_trunc('hour', now() - interval '24 hours', 'UTC') as t (day_ago)
    where (p_user_id is null or s.user_id = p_user_id)
      and s.hour >= date_trunc('hour', now() - interval '7 days', 'UTC')
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
    coalesce(e.opened, 0), coalesce(e.opened - e.closed, 0), coalesce(e.received + e.sent, 0),
    coalesce(e.received, 0), coalesce(e.sent, 0),
    round((e.received + e.sent) / nullif(e.opened, 0)::numeric, 2),
    coalesce(w.opened_24h, 0), coalesce(w.messages_24h, 0), round(e.seconds, 1),
    coalesce(e.seen, 0), coalesce(w.seen_24h, 0), coalesce(w.seen, 0),
    coalesce(e.ai, 0), coalesce(e.human, 0), coalesce(e.failed, 0),
    (select count(*) from intents where intents.opted_out),
    coalesce(e.segments, 0), coalesce(e.tokens, 0), coalesce(e.cost, 0)
  from ever as e, week as w;
end;
$$;
comment on function public.get_user_sms_stats(uuid) is
  'One row of an account''s totals, as get_sms_stats; by default the caller''s own. PT404: not an '
  'account of the caller; the service role may ask for any.';

create function public.get_sms_stats()
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_users bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric
)
language sql stable set search_path = '' as $$
  select * from public.get_user_sms_stats();
$$;
comment on function public.get_sms_stats() is $$One row of the caller's totals since the first text; erasing conversations does not lower them (active_conversations excepted).
total_conversations: opened by a contact's text. active_conversations: of those, neither closed nor erased.
total_messages: messages_in (texts of contacts) and messages_out (texts to contacts, also those that were blocked or failed). avg_messages_per_conversation: total_messages by total_conversations.
conversations_24h, messages_24h, active_users_24h, active_users_7d: in the last 24 hours or 7 days, counted from the full hour.
total_users: contacts who texted; a contact of two of the caller's numbers counts twice, one who was erased and returns counts anew. active_users_24h, active_users_7d: of those, the ones who texted in that time.
avg_response_time_seconds: from the oldest text an answer covers to that answer, of the AI or a human; null: none yet.
ai_replies, human_replies: texts written by the model, by people. failed: outgoing texts that are failed or undelivered.
opted_out: contacts whose newest intent is not to be texted. segments, cost: as Twilio billed outgoing texts. tokens: read and written by the model.$$;

create function public.get_sms_engagement_metrics(p_days integer default 30)
returns table (
  total_users bigint, active_users bigint, active_users_24h bigint, active_users_7d bigint,
  total_conversations bigint, total_messages bigint,
  avg_response_time_minutes numeric, total_ai_responses bigint, total_human_responses bigint,
  avg_messages_per_user numeric, share_resolved_without_human numeric
)
language plpgsql stable set search_path = '' as $$
begin
  if coalesce(p_days, 0) not between 1 and 3660 then
    raise exception using errcode = 'PT422', message = 'p_days is not a number of days',
      hint = '1 (today) to 3660.';
  end if;
  return query
  with days as (
    select sum(s.last_seen) as seen, sum(s.conversations) as opened,
      sum(s.with_human) as with_human, sum(s.messages_in + s.messages_out) as messages,
      sum(s.ai_replies) as ai, sum(s.human_replies) as human,
      sum(s.response_seconds) / nullif(sum(s.responses), 0) as seconds
    from public.sms_daily_stats as s
    where s.day > (now() at time zone 'UTC')::date - p_days
  )
  select
    t.total_users, coalesce(d.seen, 0), t.active_users_24h, t.active_users_7d,
    coalesce(d.opened, 0), coalesce(d.messages, 0),
    round(d.seconds / 60, 2), coalesce(d.ai, 0), coalesce(d.human, 0),
    round(d.messages / nullif(d.seen, 0)::numeric, 2),
    round(1 - d.with_human / nullif(d.opened, 0)::numeric, 4)
  from days as d, public.get_sms_stats() as t;
end;
$$;
comment on function public.get_sms_engagement_metrics(integer) is $$One row of the caller's totals of the last p_days UTC days, today included. The days themselves: select from sms_daily_stats, sum over shard.
total_users, active_users_24h, active_users_7d: as in get_sms_stats, whatever p_days is. active_users: contacts who texted in these days.
total_conversations: opened in these days. total_messages, total_ai_responses, total_human_responses: texts in and out, of the model, of people.
avg_response_time_minutes: from the oldest text an answer covers to that answer; null: no answers.
avg_messages_per_user: total_messages by active_users. share_resolved_without_human: of the conversations opened in these days, the share (0 to 1) in which no human has written so far; null: none was opened.
PT422: p_days is not between 1 and 3660.$$;

-- Adding.
-- A row of zeros for that moment's day, to count into.
create function sms.no_counts(p_user_id uuid, p_config_id uuid, p_at timestamptz)
returns public.sms_daily_stats language plpgsql set search_path = '' as $$
begin
  return row(
    p_user_id, (p_at at time zone 'UTC')::date, p_config_id, pg_backend_pid() % 16,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  )::public.sms_daily_stats;
end;
$$;

-- Adds to the counters of a day.
create function sms.add_day(p_counts public.sms_daily_stats)
returns void language plpgsql set search_path = '' as $$
begin
  insert into public.sms_daily_stats as s select p_counts.*
  on conflict (user_id, day, config_id, shard) do update set
    conversations = s.conversations + excluded.conversations,
    closed = s.closed + excluded.closed,
    with_human = s.with_human + excluded.with_human,
    last_seen = s.last_seen + excluded.last_seen,
    messages_in = s.messages_in + excluded.messages_in,
    messages_out = s.messages_out + excluded.messages_out,
    ai_replies = s.ai_replies + excluded.ai_replies,
    human_replies = s.human_replies + excluded.human_replies,
    failed = s.failed + excluded.failed,
    segments = s.segments + excluded.segments,
    prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = s.completion_tokens + excluded.completion_tokens,
    cost = s.cost + excluded.cost,
    responses = s.responses + excluded.responses,
    response_seconds = s.response_seconds + excluded.response_seconds;
end;
$$;

-- Adds to the counters of an hour.
create function sms.add_hour(
  p_user_id uuid, p_config_id uuid, p_at timestamptz,
  p_conversations integer, p_messages integer, p_last_seen integer
)
returns void language plpgsql set search_path = '' as $$
begin
  insert into public.sms_hourly_stats as s
    (user_id, hour, config_id, shard, conversations, messages, last_seen)
  values (
    p_user_id, date_trunc('hour', p_at, 'UTC'), p_config_id, pg_backend_pid() % 16,
    p_conversations, p_messages, p_last_seen
  )
  on conflict (user_id, hour, config_id, shard) do update set
    conversations = s.conversations + excluded.conversations,
    messages = s.messages + excluded.messages,
    last_seen = s.last_seen + excluded.last_seen;
end;
$$;

-- Messages.
-- What one text counts, but for last_seen and with_human, which depend on the texts before it.
create function sms.counts(p_message public.sms_messages, p_config_id uuid)
returns public.sms_daily_stats language plpgsql set search_path = '' as $$
declare
  v_counts public.sms_daily_stats := sms.no_counts(
    p_message.user_id, p_config_id, p_message.created_at
  );
begin
  if p_message.direction = 'incoming' then
    v_counts.messages_in := 1;
    return v_counts;
  end if;
  v_counts.messages_out := 1;
  v_counts.ai_replies := (p_message.author = 'ai')::int;
  v_counts.human_replies := (p_message.author = 'human')::int;
  v_counts.failed := (p_message.status in ('failed', 'undelivered'))::int;
  v_counts.segments := coalesce(p_message.segments, 0);
  v_counts.prompt_tokens := coalesce(p_message.prompt_tokens, 0);
  v_counts.completion_tokens := coalesce(p_message.completion_tokens, 0);
  v_counts.cost := coalesce(-p_message.price, 0);
  v_counts.responses := (p_message.response_seconds is not null)::int;
  v_counts.response_seconds := coalesce(p_message.response_seconds, 0);
  return v_counts;
end;
$$;

-- When the contact texted this number before that text; null: never, as far as is stored.
create function sms.seen_before(p_conversation public.sms_conversations, p_message_id bigint)
returns timestamptz language plpgsql stable set search_path = '' as $$
declare
  v_seen timestamptz;
begin
  select m.created_at into v_seen from public.sms_messages as m
  where m.conversation_id = p_conversation.id
    and m.direction = 'incoming' and m.id < p_message_id
  order by m.id desc
  limit 1;
  if found then
    return v_seen;
  end if;
  select m.created_at into v_seen from public.sms_messages as m
  where m.id = (
    select max(c.last_incoming_id) from public.sms_conversations as c
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and c.id <> p_conversation.id
      and c.last_incoming_id < p_message_id
  );
  return v_seen;
end;
$$;

-- Takes a contact out of the hour of its text before, which is over, and out of the day if that is
-- over as well. True: it is new to the day of p_counts.
create function sms.move_contact(p_counts public.sms_daily_stats, p_from timestamptz, p_to timestamptz)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_before public.sms_daily_stats := sms.no_counts(
    p_counts.user_id, p_counts.config_id, p_from
  );
begin
  if v_before.day < p_counts.day then
    v_before.last_seen := -1;
    perform sms.add_day(v_before);
  end if;
  if p_from > p_to - interval '8 days' then
    perform sms.add_hour(p_counts.user_id, p_counts.config_id, p_from, 0, 0, -1);
  end if;
  return p_from is null or v_before.day < p_counts.day;
end;
$$;

-- A human's first text in a conversation counts on the day it was opened.
create function sms.count_human(p_message public.sms_messages, p_conversation public.sms_conversations)
returns void language plpgsql set search_path = '' as $$
declare
  v_counts public.sms_daily_stats;
begin
  if exists (
    select from public.sms_messages as m
    where m.conversation_id = p_message.conversation_id
      and m.author = 'human' and m.id < p_message.id
  ) then
    return;
  end if;
  v_counts := sms.no_counts(
    p_conversation.user_id, p_conversation.config_id, p_conversation.created_at
  );
  v_counts.with_human := 1;
  perform sms.add_day(v_counts);
end;
$$;

-- Counts a new text.
create function sms.count_new_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
  v_counts public.sms_daily_stats;
  v_seen_before timestamptz;
  v_new_to_hour boolean := false;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = new.conversation_id;
  if not found then
    return null; -- erased in the same transaction
  end if;
  v_counts := sms.counts(new, v_conversation.config_id);
  if new.direction = 'incoming' then
    v_seen_before := sms.seen_before(v_conversation, new.id);
    v_new_to_hour := v_seen_before is null
      or v_seen_before < date_trunc('hour', new.created_at, 'UTC');
    if v_new_to_hour then
      v_counts.last_seen
        := sms.move_contact(v_counts, v_seen_before, new.created_at)::int;
    end if;
  elsif new.author = 'human' then
    perform sms.count_human(new, v_conversation);
  end if;
  perform sms.add_day(v_counts);
  perform sms.add_hour(
    new.user_id, v_conversation.config_id, new.created_at, 0, 1, v_new_to_hour::int
  );
  return null;
end;
$$;

create constraint trigger sms_messages_count_insert
  after insert on public.sms_messages
  deferrable initially deferred
  for each row execute function sms.count_new_message();

-- Counts what became of an outgoing text.
create function sms.count_changed_message()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_config_id uuid;
  v_counts public.sms_daily_stats;
begin
  select c.config_id into v_config_id from public.sms_conversations as c
  where c.id = new.conversation_id;
  if not found then
    return null; -- erased in the same transaction
  end if;
  v_counts := sms.no_counts(new.user_id, v_config_id, new.created_at);
  v_counts.failed := (new.status in ('failed', 'undelivered'))::int
    - (old.status in ('failed', 'undelivered'))::int;
  v_counts.segments := coalesce(new.segments, 0) - coalesce(old.segments, 0);
  v_counts.cost := coalesce(old.price, 0) - coalesce(new.price, 0);
  perform sms.add_day(v_counts);
  return null;
end;
$$;

create constraint trigger sms_messages_count_update
  after update of status, segments, price on public.sms_messages
  deferrable initially deferred
  for each row
  when (
    new.direction = 'outgoing'
    and (
      (old.status in ('failed', 'undelivered')) <> (new.status in ('failed', 'undelivered'))
      or old.segments is distinct from new.segments
      or old.price is distinct from new.price
    )
  )
  execute function sms.count_changed_message();

-- Conversations.
-- Counts a conversation as opened, and as closed when it is closed or erased while active.
create function sms.count_conversation()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_row public.sms_conversations := case when tg_op = 'DELETE' then old else new end;
  -- Its only text lost against the same one in another session: it never was.
  v_never_was boolean := tg_op = 'DELETE' and old.last_incoming_id is null;
  v_opened integer := case when tg_op = 'INSERT' then 1 when v_never_was then -1 else 0 end;
  v_at timestamptz := case
    when v_opened <> 0 then v_row.created_at else coalesce(v_row.closed_at, clock_timestamp())
  end;
  v_counts public.sms_daily_stats := sms.no_counts(v_row.user_id, v_row.config_id, v_at);
begin
  if not exists (select from public.sms_configs as f where f.id = v_row.config_id) then
    return null; -- its counters went with the number
  end if;
  v_counts.conversations := v_opened;
  v_counts.closed := (v_opened = 0)::int;
  perform sms.add_day(v_counts);
  if v_opened <> 0 then
    perform sms.add_hour(v_row.user_id, v_row.config_id, v_at, v_opened, 0, 0);
  end if;
  return null;
end;
$$;

create constraint trigger sms_conversations_count_insert
  after insert on public.sms_conversations
  deferrable initially deferred
  for each row execute function sms.count_conversation();

create constraint trigger sms_conversations_count_close
  after update of status on public.sms_conversations
  deferrable initially deferred
  for each row when (old.status = 'active' and new.status = 'closed')
  execute function sms.count_conversation();

create constraint trigger sms_conversations_count_delete
  after delete on public.sms_conversations
  deferrable initially deferred
  for each row when (old.status = 'active')
  execute function sms.count_conversation();

-- Folding.
-- Folds the shards of days gone by into one.
create function sms.fold_days(p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_row public.sms_daily_stats;
  v_rows integer := 0;
begin
  for v_row in
    delete from public.sms_daily_stats as s
    where s.ctid = any (array(
      select d.ctid from public.sms_daily_stats as d
      where d.shard > 0 and d.day < (now() at time zone 'UTC')::date - 2
      order by d.day
      limit p_limit
      for update skip locked
    ))
    returning s.*
  loop
    v_row.shard := 0;
    perform sms.add_day(v_row);
    v_rows := v_rows + 1;
  end loop;
  return v_rows;
end;
$$;

-- Folds the shards of hours gone by into one.
create function sms.fold_hours(p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_rows integer;
begin
  with folded as (
    delete from public.sms_hourly_stats as s
    where s.ctid = any (array(
      select h.ctid from public.sms_hourly_stats as h
      where h.shard > 0 and h.hour < now() - interval '3 hours'
      order by h.hour
      limit p_limit
      for update skip locked
    ))
    returning s.*
  ), added as (
    insert into public.sms_hourly_stats as s
      (user_id, hour, config_id, shard, conversations, messages, last_seen)
    select f.user_id, f.hour, f.config_id, 0,
      sum(f.conversations), sum(f.messages), sum(f.last_seen)
    from folded as f
    group by f.user_id, f.hour, f.config_id
    order by f.user_id, f.hour, f.config_id
    on conflict (user_id, hour, config_id, shard) do update set
      conversations = s.conversations + excluded.conversations,
      messages = s.messages + excluded.messages,
      last_seen = s.last_seen + excluded.last_seen
  )
  select count(*) into v_rows from folded;
  return v_rows;
end;
$$;

-- Makes few rows of the counters' shards once nobody writes them, and drops hours older than nine
-- days: at most p_limit rows of each. Returns how many were folded; maintain_sms calls it.
create function sms.fold_counters(p_limit integer default 10000)
returns integer language plpgsql set search_path = '' as $$
begin
  delete from public.sms_hourly_stats as h
  where h.ctid = any (array(
    select o.ctid from public.sms_hourly_stats as o
    where o.hour < now() - interval '9 days'
    limit p_limit
    for update skip locked
  ));
  return sms.fold_hours(p_limit) + sms.fold_days(p_limit);
end;
$$;
