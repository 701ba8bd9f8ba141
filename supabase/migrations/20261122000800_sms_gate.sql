-- The gate: may this text leave? Asked in the transaction that moves a row to 'sending', after
-- the lock on its conversation; and at claim, before a model is paid for.

create function sms.is_rate_limited(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_now timestamptz,
  p_already_counted integer
)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select count(*) filter (where m.created_at > p_now - interval '1 hour') - p_already_counted
        >= p_config.replies_per_hour
      or count(*) - p_already_counted >= p_config.replies_per_day
    from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and (m.author = 'ai' or m.canned_reply in ('bot', 'keyword'))
      and m.status not in ('canceled', 'blocked')
      and m.created_at > p_now - interval '1 day'
      and c.last_message_at > p_now - interval '1 day'
  ) or (
    select coalesce(sum(s.ai_replies), 0) - p_already_counted >= p_config.number_replies_per_day
    from public.sms_daily_stats as s
    where s.user_id = p_config.user_id
      and s.day = (p_now at time zone 'UTC')::date
      and s.config_id = p_config.id
  );
end;
$$;
comment on function sms.is_rate_limited(public.sms_conversations, public.sms_configs, timestamptz, integer) is 'Has this contact, or this number, had its AI replies for now? p_already_counted: 1 for an answer whose row is counted among them already.';
revoke all on function sms.is_rate_limited(public.sms_conversations, public.sms_configs, timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function sms.is_rate_limited(public.sms_conversations, public.sms_configs, timestamptz, integer) to service_role;

create function sms.is_looping(p_conversation_id uuid, p_now timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select count(*) = 3 and min(t.message_content) = max(t.message_content)
      and min(t.created_at) > p_now - interval '1 hour'
      and length(min(t.message_content)) > 3 -- people say "yes" and "ok" three times
    from (
      select m.message_content, m.created_at from public.sms_messages as m
      where m.conversation_id = p_conversation_id and m.direction = 'incoming'
      order by m.id desc
      limit 3
    ) as t
  );
end;
$$;
comment on function sms.is_looping(uuid, timestamptz) is 'Three identical texts in an hour: another machine is answering.';
revoke all on function sms.is_looping(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.is_looping(uuid, timestamptz) to service_role;

create function sms.gate_author(p_message public.sms_messages)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return case
    when p_message.author = 'human' then 'human'
    when p_message.canned_reply = 'stop' then 'confirmation'
    when p_message.canned_reply in ('start', 'rate_limit') then 'system'
    else 'ai'
  end;
end;
$$;
comment on function sms.gate_author(public.sms_messages) is 'Under whose rules a queued text passes the gate: a fixed answer under the AI''s, what has to be said anyway under none.';
revoke all on function sms.gate_author(public.sms_messages) from public, anon, authenticated, service_role;
grant execute on function sms.gate_author(public.sms_messages) to service_role;

create function sms.send_verdict(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_author text,
  p_now timestamptz, p_already_counted integer default 0
)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return case
    when p_author <> 'confirmation' and sms.is_opted_out(
      p_conversation.user_id, p_conversation.contact_number, p_config.phone_number
    ) then 'opted_out'
    when p_conversation.status = 'closed' then 'closed'
    when p_config.suspended_until > p_now then 'suspended'
    when p_author <> 'ai' then null
    when not (p_config.auto_reply and p_conversation.auto_reply)
      or p_conversation.paused_until > p_now then 'paused'
    when sms.is_looping(p_conversation.id, p_now) then 'loop'
    when sms.is_rate_limited(p_conversation, p_config, p_now, p_already_counted) then 'rate_limit'
  end;
end;
$$;
comment on function sms.send_verdict(public.sms_conversations, public.sms_configs, text, timestamptz, integer) is 'Null: it may leave. Else the rule that forbids it: opted_out, closed, suspended (for now), and for answers of the AI paused, loop or rate limit. p_author: ai, human, system (neither paused nor capped) or confirmation (of an opt-out: goes to who opted out). p_already_counted: 1 for a row that is there already.';
revoke all on function sms.send_verdict(public.sms_conversations, public.sms_configs, text, timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function sms.send_verdict(public.sms_conversations, public.sms_configs, text, timestamptz, integer) to service_role;
