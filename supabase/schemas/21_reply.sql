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
