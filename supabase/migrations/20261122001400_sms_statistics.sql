-- Statistics from the counters: they cost the same with fifty texts and with fifty million. Under
-- row level security they are the caller's own; the service role sees all users together.

create function public.get_user_sms_stats(p_user_id uuid default auth.uid())
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_users bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric
)
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if p_user_id is distinct from auth.uid() and p_user_id is not null
    and not exists (select from public.sms_configs as f where f.user_id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'There is no such user',
      hint = 'Without p_user_id it is the caller.';
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
comment on function public.get_user_sms_stats(uuid) is 'One row of a user''s totals, as get_sms_stats. PT404: no such user, or not the caller; the service role may ask for any.';
revoke all on function public.get_user_sms_stats(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_user_sms_stats(uuid) to authenticated, service_role;

create function public.get_sms_stats()
returns table (
  total_conversations bigint, active_conversations bigint, total_messages bigint,
  messages_in bigint, messages_out bigint, avg_messages_per_conversation numeric,
  conversations_24h bigint, messages_24h bigint, avg_response_time_seconds numeric,
  total_users bigint, active_users_24h bigint, active_users_7d bigint,
  ai_replies bigint, human_replies bigint, failed bigint, opted_out bigint,
  segments bigint, tokens bigint, cost numeric
)
language sql
stable
security invoker
set search_path = ''
as $$
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
revoke all on function public.get_sms_stats() from public, anon, authenticated, service_role;
grant execute on function public.get_sms_stats() to authenticated, service_role;

create function public.get_sms_engagement_metrics(p_days integer default 30)
returns table (
  total_users bigint, active_users bigint, active_users_24h bigint, active_users_7d bigint,
  total_conversations bigint, total_messages bigint,
  avg_response_time_minutes numeric, total_ai_responses bigint, total_human_responses bigint,
  avg_messages_per_user numeric, share_resolved_without_human numeric
)
language plpgsql
stable
security invoker
set search_path = ''
as $$
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
revoke all on function public.get_sms_engagement_metrics(integer) from public, anon, authenticated, service_role;
grant execute on function public.get_sms_engagement_metrics(integer) to authenticated, service_role;
