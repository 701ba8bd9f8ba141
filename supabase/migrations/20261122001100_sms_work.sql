-- Claiming, answering, giving back. One lease, on the conversation; the caller brings its id, so
-- that a claim asked again (its response was lost) returns the job already held.

create function sms.queue_head(
  p_now timestamptz,
  out first_due_at timestamptz, out window_end timestamptz, out dominant_config_id uuid
)
language plpgsql
stable
security invoker
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_numbers bigint;
begin
  select min(d.due_at), max(d.due_at), count(distinct d.config_id)
  into first_due_at, window_end, v_numbers
  from (
    select c.config_id, least(c.reply_due_at, c.send_due_at) as due_at
    from public.sms_conversations as c
    where least(c.reply_due_at, c.send_due_at) <= p_now
    order by least(c.reply_due_at, c.send_due_at)
    limit 200
  ) as d;
  -- Nobody waits behind a backlog that is alone: the usual case, and the cheap question.
  if v_numbers < 2 then
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
comment on function sms.queue_head(timestamptz) is 'The first 200 conversations with due work, leased or not: when the first and the last of them were due (null: none), and the number that holds half of the live leases, if others wait too. What follows in a claim looks from first_due_at on: while an old snapshot is open, the index holds the entries of all that was answered since, and each look from its start steps over them.';
revoke all on function sms.queue_head(timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.queue_head(timestamptz) to service_role;

create function sms.pick_conversation(
  p_now timestamptz, p_from timestamptz, p_window_end timestamptz, p_not_config_id uuid default null
)
returns public.sms_conversations
language plpgsql
volatile
security invoker
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation
  from public.sms_conversations as c
  where least(c.reply_due_at, c.send_due_at) between p_from and p_window_end
    and (c.lease_id is null or c.leased_until <= p_now)
    and (p_not_config_id is null or c.config_id <> p_not_config_id)
    and not exists (
      select from public.sms_conversations as o
      where o.config_id = c.config_id and o.contact_number = c.contact_number
        and o.id <> c.id and o.leased_until > p_now
      offset 0 -- keeps it a lookup per row: as a join it read all conversations
    )
  order by least(c.reply_due_at, c.send_due_at)
  limit 1
  for no key update of c skip locked;
  return v_conversation;
end;
$$;
comment on function sms.pick_conversation(timestamptz, timestamptz, timestamptz, uuid) is 'Locks the conversation whose work is due first. Not one whose contact has another one leased: texts to a contact leave in order.';
revoke all on function sms.pick_conversation(timestamptz, timestamptz, timestamptz, uuid) from public, anon, authenticated, service_role;
grant execute on function sms.pick_conversation(timestamptz, timestamptz, timestamptz, uuid) to service_role;

create function sms.has_contact_alone(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(hashtextextended(
    p_conversation.config_id::text || p_conversation.contact_number, 0
  )) and not exists (
    select from public.sms_conversations as o
    where o.config_id = p_conversation.config_id
      and o.contact_number = p_conversation.contact_number
      and o.id <> p_conversation.id and o.leased_until > p_now
  );
end;
$$;
comment on function sms.has_contact_alone(public.sms_conversations, timestamptz) is 'Two sessions may pick two conversations of one contact at the same moment: one goes on. Looked up after the lock, because the other may have leased and committed since the pick.';
revoke all on function sms.has_contact_alone(public.sms_conversations, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.has_contact_alone(public.sms_conversations, timestamptz) to service_role;

create function sms.next_conversation(
  p_now timestamptz, p_from timestamptz, p_window_end timestamptz, p_busy_config_id uuid
)
returns public.sms_conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
begin
  if p_busy_config_id is not null then
    -- Look past the busy number's backlog, but not through all of it.
    v_conversation := sms.pick_conversation(p_now, p_from, p_window_end, p_busy_config_id);
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
comment on function sms.next_conversation(timestamptz, timestamptz, timestamptz, uuid) is 'The conversation to work on now, locked; null: none. Others than the busy number go first.';
revoke all on function sms.next_conversation(timestamptz, timestamptz, timestamptz, uuid) from public, anon, authenticated, service_role;
grant execute on function sms.next_conversation(timestamptz, timestamptz, timestamptz, uuid) to service_role;

create function sms.seconds_until_work(p_now timestamptz, p_from timestamptz)
returns numeric
language plpgsql
stable
security invoker
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_at timestamptz := (
    select least(c.reply_due_at, c.send_due_at) from public.sms_conversations as c
    where least(c.reply_due_at, c.send_due_at) >= p_from
      and (c.lease_id is null or c.leased_until <= p_now)
      and not exists (
        select from public.sms_conversations as o
        where o.config_id = c.config_id and o.contact_number = c.contact_number
          and o.id <> c.id and o.leased_until > p_now
        offset 0 -- as above
      )
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
comment on function sms.seconds_until_work(timestamptz, timestamptz) is 'Seconds until work that is free is due or a lease ends; null: there is none.';
revoke all on function sms.seconds_until_work(timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.seconds_until_work(timestamptz, timestamptz) to service_role;

-- The jobs, as the worker gets them.

create function sms.message_job(
  p_kind text, p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message public.sms_messages
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'kind', p_kind,
    'lease_id', p_conversation.lease_id,
    'conversation_id', p_conversation.id,
    'message_id', p_message.id,
    'from', p_config.phone_number,
    'to', p_conversation.contact_number,
    'service_sid', p_config.messaging_service_sid,
    'content', p_message.message_content,
    'sent_after', p_message.sending_at - interval '2 minutes'
  );
end;
$$;
comment on function sms.message_job(text, public.sms_conversations, public.sms_configs, public.sms_messages) is 'A job of kind send or reconcile.';
revoke all on function sms.message_job(text, public.sms_conversations, public.sms_configs, public.sms_messages) from public, anon, authenticated, service_role;
grant execute on function sms.message_job(text, public.sms_conversations, public.sms_configs, public.sms_messages) to service_role;

create function sms.reached_twilio(p_message_sid text, p_status text)
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return p_message_sid is not null or p_status not in ('blocked', 'canceled', 'failed', 'queued');
end;
$$;
comment on function sms.reached_twilio(text, text) is 'False for a text that never was at Twilio: what it answers, the next answer covers. A carrier''s later "failed" may still be contradicted.';
revoke all on function sms.reached_twilio(text, text) from public, anon, authenticated, service_role;
grant execute on function sms.reached_twilio(text, text) to service_role;

create function sms.unanswered(p_conversation public.sms_conversations)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select least(count(*), 100) from public.sms_messages as m
    where m.conversation_id = p_conversation.id
      and m.direction = 'incoming'
      and m.id <= p_conversation.last_incoming_id
      and m.id > coalesce((
        select coalesce(o.in_reply_to, o.id) from public.sms_messages as o
        where o.conversation_id = p_conversation.id
          and o.direction = 'outgoing' and sms.reached_twilio(o.message_sid, o.status)
        order by o.id desc
        limit 1
      ), 0)
  );
end;
$$;
comment on function sms.unanswered(public.sms_conversations) is 'How many texts the next answer has to cover, at most 100: the model is shown all of them.';
revoke all on function sms.unanswered(public.sms_conversations) from public, anon, authenticated, service_role;
grant execute on function sms.unanswered(public.sms_conversations) to service_role;

create function sms.history(p_conversation public.sms_conversations, p_limit integer)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select coalesce(
      jsonb_agg(jsonb_build_object('role', h.role, 'content', h.content) order by h.place, h.id), '[]'
    )
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
      where m.conversation_id = p_conversation.id
        and (
          m.id <= p_conversation.last_incoming_id
          or m.in_reply_to < p_conversation.last_incoming_id
        )
        and sms.reached_twilio(m.message_sid, m.status)
      order by m.id desc
      limit greatest(p_limit, sms.unanswered(p_conversation))
    ) as h
  );
end;
$$;
comment on function sms.history(public.sms_conversations, integer) is 'The last texts, oldest first, up to the newest incoming one: [{role, content}]; more than p_limit when so many wait for the answer. An answer stands after the text it answers, also when a newer text overtook it. A picture is named by its type, which the model cannot see.';
revoke all on function sms.history(public.sms_conversations, integer) from public, anon, authenticated, service_role;
grant execute on function sms.history(public.sms_conversations, integer) to service_role;

create function sms.reply_job(p_conversation public.sms_conversations)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'kind', 'reply',
      'lease_id', p_conversation.lease_id,
      'conversation_id', p_conversation.id,
      'message_id', p_conversation.last_incoming_id,
      'attempt', p_conversation.reply_attempts,
      'config_id', f.id,
      'contact_number', p_conversation.contact_number,
      'system_prompt', f.system_prompt,
      'openai_model', f.openai_model,
      'max_tokens', f.max_tokens,
      'temperature', f.temperature,
      'max_segments', f.max_segments,
      'fold_accents', f.fold_accents,
      'history', sms.history(p_conversation, f.history_limit),
      'notice', case when not exists (
        select from public.sms_messages as m
        where m.conversation_id = p_conversation.id and m.author in ('ai', 'system') and m.canned_reply is null
      ) then f.first_reply_notice end
    )
    from public.sms_configs as f where f.id = p_conversation.config_id
  );
end;
$$;
comment on function sms.reply_job(public.sms_conversations) is 'A job of kind reply.';
revoke all on function sms.reply_job(public.sms_conversations) from public, anon, authenticated, service_role;
grant execute on function sms.reply_job(public.sms_conversations) to service_role;

create function sms.fallback_job(p_conversation public.sms_conversations)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'kind', 'fallback',
      'lease_id', p_conversation.lease_id,
      'conversation_id', p_conversation.id,
      'message_id', p_conversation.last_incoming_id,
      'content', f.fallback_reply,
      'fold_accents', f.fold_accents,
      'max_segments', f.max_segments
    )
    from public.sms_configs as f where f.id = p_conversation.config_id
  );
end;
$$;
comment on function sms.fallback_job(public.sms_conversations) is 'A job of kind fallback.';
revoke all on function sms.fallback_job(public.sms_conversations) from public, anon, authenticated, service_role;
grant execute on function sms.fallback_job(public.sms_conversations) to service_role;

create function sms.job(p_conversation public.sms_conversations)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_config public.sms_configs;
  v_message public.sms_messages;
begin
  if p_conversation.leased_for = 'reply' then
    return sms.reply_job(p_conversation);
  elsif p_conversation.leased_for = 'fallback' then
    return sms.fallback_job(p_conversation);
  end if;
  select m.* into v_message from public.sms_messages as m
  where m.conversation_id = p_conversation.id and m.is_open
    and m.status = case p_conversation.leased_for when 'send' then 'sending' else 'unknown' end
  order by m.send_at, m.id
  limit 1;
  if not found then
    return null;
  end if;
  select f.* into v_config from public.sms_configs as f where f.id = p_conversation.config_id;
  return sms.message_job(p_conversation.leased_for, p_conversation, v_config, v_message);
end;
$$;
comment on function sms.job(public.sms_conversations) is 'The job that a leased conversation stands for; null: a callback did it meanwhile.';
revoke all on function sms.job(public.sms_conversations) from public, anon, authenticated, service_role;
grant execute on function sms.job(public.sms_conversations) to service_role;

-- Leasing.

create function sms.lease(p_conversation_id uuid, p_lease_id uuid, p_until timestamptz, p_for text)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
begin
  update public.sms_conversations as c
  set lease_id = p_lease_id, leased_until = p_until, leased_for = p_for,
    reply_attempts = c.reply_attempts + (p_for = 'reply')::int,
    send_due_at = case when c.send_due_at is not null then sms.send_due(c.id) end
  where c.id = p_conversation_id
  returning c.* into v_conversation;
  return sms.job(v_conversation);
end;
$$;
comment on function sms.lease(uuid, uuid, timestamptz, text) is 'Leases a locked conversation for one job and returns the job.';
revoke all on function sms.lease(uuid, uuid, timestamptz, text) from public, anon, authenticated, service_role;
grant execute on function sms.lease(uuid, uuid, timestamptz, text) to service_role;

create function sms.mark_unknown(p_conversation public.sms_conversations)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_messages as m
  set status = 'unknown',
    send_at = coalesce(p_conversation.leased_until, m.send_at) + (sms.policy()).reconcile_after,
    error_message = 'The worker that was sending it ended'
  where m.conversation_id = p_conversation.id and m.is_open and m.status = 'sending';
end;
$$;
comment on function sms.mark_unknown(public.sms_conversations) is 'A text being sent under a lease that ended may be at Twilio: it is looked up later, never sent blindly.';
revoke all on function sms.mark_unknown(public.sms_conversations) from public, anon, authenticated, service_role;
grant execute on function sms.mark_unknown(public.sms_conversations) to service_role;

create function sms.withhold_queued(p_message public.sms_messages, p_verdict text, p_suspended_until timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if p_verdict = 'suspended' then
    update public.sms_messages as m set send_at = p_suspended_until where m.id = p_message.id;
  else
    update public.sms_messages as m
    set status = case when p_verdict = 'opted_out' then 'blocked' else 'canceled' end,
      send_at = null, in_reply_to = null, error_message = p_verdict
    where m.id = p_message.id;
  end if;
end;
$$;
comment on function sms.withhold_queued(public.sms_messages, text, timestamptz) is 'What the gate does to a queued text: suspended waits, opted_out is blocked, the rest is canceled and gives in_reply_to back.';
revoke all on function sms.withhold_queued(public.sms_messages, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.withhold_queued(public.sms_messages, text, timestamptz) to service_role;

create function sms.claim_queued_message(
  p_conversation public.sms_conversations, p_lease_id uuid, p_until timestamptz, p_now timestamptz
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
    if v_message.in_reply_to < p_conversation.last_incoming_id
      and p_conversation.reply_due_at is not null
      and coalesce(v_message.canned_reply, 'keyword') = 'keyword' then
      v_verdict := 'superseded'; -- the newer text's answer covers both
    elsif v_message.send_at > p_now then
      return null;
    else
      v_verdict := sms.send_verdict(
        p_conversation, v_config, sms.gate_author(v_message), p_now,
        (v_message.author = 'ai' or v_message.canned_reply in ('bot', 'keyword'))::integer
      );
    end if;
    exit when v_verdict is null;
    perform sms.withhold_queued(v_message, v_verdict, v_config.suspended_until);
  end loop;
  update public.sms_messages as m
  set status = 'sending', sending_at = p_now, send_at = p_until, attempts = m.attempts + 1
  where m.id = v_message.id;
  return sms.lease(p_conversation.id, p_lease_id, p_until, 'send');
end;
$$;
comment on function sms.claim_queued_message(public.sms_conversations, uuid, timestamptz, timestamptz) is 'Takes the first queued text through the gate; null: there is none to send now.';
revoke all on function sms.claim_queued_message(public.sms_conversations, uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.claim_queued_message(public.sms_conversations, uuid, timestamptz, timestamptz) to service_role;

create function sms.withhold_reply(p_conversation_id uuid, p_reason text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_conversations as c
  set reply_due_at = null, waiting_since = null, reply_attempts = 0, superseded = 0,
    reply_error = p_reason
  where c.id = p_conversation_id;
  if p_reason = 'rate_limit' then
    perform sms.notify_rate_limited(p_conversation_id);
  end if;
end;
$$;
comment on function sms.withhold_reply(uuid, text) is 'The owed answer is not given, and reply_error says why; at the rate limit the contact is told.';
revoke all on function sms.withhold_reply(uuid, text) from public, anon, authenticated, service_role;
grant execute on function sms.withhold_reply(uuid, text) to service_role;

create function sms.fallback_is_due(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return not exists (
    select from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and m.author = 'system' and m.canned_reply is null and m.in_reply_to is not null
      and m.created_at > p_now - (sms.policy()).fallback_every
  );
end;
$$;
comment on function sms.fallback_is_due(public.sms_conversations, timestamptz) is 'Has the contact had no fallback text within the hour?';
revoke all on function sms.fallback_is_due(public.sms_conversations, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.fallback_is_due(public.sms_conversations, timestamptz) to service_role;

create function sms.claim_reply(
  p_conversation public.sms_conversations, p_lease_id uuid, p_until timestamptz, p_now timestamptz
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_config public.sms_configs;
  v_verdict text;
  v_not_before timestamptz;
begin
  select f.* into v_config from public.sms_configs as f where f.id = p_conversation.config_id;
  v_verdict := sms.send_verdict(p_conversation, v_config, 'ai', p_now);
  v_not_before := case when v_verdict = 'suspended' then v_config.suspended_until
    when v_verdict is null then sms.quiet_until(v_config, p_now) end;
  if v_not_before is not null then
    update public.sms_conversations as c set reply_due_at = v_not_before
    where c.id = p_conversation.id;
  elsif v_verdict is not null then
    perform sms.withhold_reply(p_conversation.id, v_verdict);
  elsif p_conversation.reply_attempts < (sms.policy()).reply_attempts_max then
    return sms.lease(p_conversation.id, p_lease_id, p_until, 'reply');
  elsif sms.fallback_is_due(p_conversation, p_now) then
    return sms.lease(p_conversation.id, p_lease_id, p_until, 'fallback');
  else
    perform sms.withhold_reply(p_conversation.id, coalesce(p_conversation.reply_error, 'no answer'));
  end if;
  return null;
end;
$$;
comment on function sms.claim_reply(public.sms_conversations, uuid, timestamptz, timestamptz) is 'The owed answer: generate it, or send the fallback when the attempts are used up. Null: not now, or not at all.';
revoke all on function sms.claim_reply(public.sms_conversations, uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.claim_reply(public.sms_conversations, uuid, timestamptz, timestamptz) to service_role;

create function sms.must_wait_for(p_message public.sms_messages, p_now timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return p_message.status = 'unknown' and p_message.in_reply_to is not null
    and p_message.created_at > p_now - (sms.policy()).resend_within;
end;
$$;
comment on function sms.must_wait_for(public.sms_messages, timestamptz) is 'While nobody knows whether Twilio has an answer, the next one cannot know what it has to cover: too little leaves texts unanswered, too much answers them twice. It waits, but not for ever; a person''s text does not.';
revoke all on function sms.must_wait_for(public.sms_messages, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.must_wait_for(public.sms_messages, timestamptz) to service_role;

create function sms.claim_open_message(
  p_conversation public.sms_conversations, p_lease_id uuid, p_until timestamptz, p_now timestamptz
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_job jsonb;
begin
  perform sms.mark_unknown(p_conversation);
  v_job := sms.claim_queued_message(p_conversation, p_lease_id, p_until, p_now);
  if v_job is null and exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.is_open
      and m.status = 'unknown' and m.send_at <= p_now
  ) then
    v_job := sms.lease(p_conversation.id, p_lease_id, p_until, 'reconcile');
  end if;
  return v_job;
end;
$$;
comment on function sms.claim_open_message(public.sms_conversations, uuid, timestamptz, timestamptz) is 'A queued text to send, else an unknown one to look up; null: none now.';
revoke all on function sms.claim_open_message(public.sms_conversations, uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.claim_open_message(public.sms_conversations, uuid, timestamptz, timestamptz) to service_role;

create function sms.delay_reply(p_conversation public.sms_conversations, p_now timestamptz)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_conversations as c set reply_due_at = q.send_at
  from (
    select m.send_at from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.is_open and (
      m.status = 'queued' -- behind the texts that wait: they leave in order
      or sms.must_wait_for(m, p_now)
    )
    order by m.id
    limit 1
  ) as q
  where c.id = p_conversation.id;
  return found;
end;
$$;
comment on function sms.delay_reply(public.sms_conversations, timestamptz) is 'Puts the owed answer behind the open texts it has to wait for. False: it need not wait.';
revoke all on function sms.delay_reply(public.sms_conversations, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.delay_reply(public.sms_conversations, timestamptz) to service_role;

create function sms.claim_conversation(
  p_conversation public.sms_conversations, p_lease_id uuid, p_until timestamptz, p_now timestamptz
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_has_open boolean := p_conversation.send_due_at is not null;
  v_job jsonb;
begin
  if v_has_open then
    v_job := sms.claim_open_message(p_conversation, p_lease_id, p_until, p_now);
  end if;
  if v_job is null and p_conversation.reply_due_at <= p_now then
    if not (v_has_open and sms.delay_reply(p_conversation, p_now)) then
      v_job := sms.claim_reply(p_conversation, p_lease_id, p_until, p_now);
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
comment on function sms.claim_conversation(public.sms_conversations, uuid, timestamptz, timestamptz) is 'The job a locked conversation has now: a queued text first, then an unknown one to look up, then the owed answer. Null: none after all.';
revoke all on function sms.claim_conversation(public.sms_conversations, uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.claim_conversation(public.sms_conversations, uuid, timestamptz, timestamptz) to service_role;

create function sms.claim(p_lease_id uuid, p_lease interval)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_lease interval := coalesce(p_lease, (sms.policy()).lease);
  v_conversation public.sms_conversations;
  v_job jsonb;
  v_front record;
begin
  select f.* into v_front from sms.queue_head(v_now) as f;
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
    v_job := sms.claim_conversation(v_conversation, p_lease_id, v_now + v_lease, v_now);
  end loop;
  return coalesce(
    v_job || jsonb_build_object('lease_seconds', extract(epoch from v_lease)),
    jsonb_build_object('kind', 'wait')
  ) || jsonb_build_object(
    'seconds', sms.seconds_until_work(v_now, coalesce(v_front.first_due_at, v_now))
  );
end;
$$;
comment on function sms.claim(uuid, interval) is 'What claim_sms_work and finish_sms_send hand out.';
revoke all on function sms.claim(uuid, interval) from public, anon, authenticated, service_role;
grant execute on function sms.claim(uuid, interval) to service_role;

create function public.claim_sms_work(p_worker text, p_lease_id uuid, p_lease interval default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_job jsonb := sms.claim(p_lease_id, p_lease);
begin
  if v_job ->> 'kind' = 'reply' then
    -- Nothing has left yet: a lease that the server loses by crashing has ended, as any other.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return v_job;
end;
$$;
comment on function public.claim_sms_work(text, uuid, interval) is 'Leases the conversation whose work is due first and returns the job: {kind: reply | fallback | send | reconcile, lease_seconds, …}, or {kind: wait}; either with seconds, until more work is due or a lease ends (null: none). Asked again with the same lease id it returns the job already held.';
revoke all on function public.claim_sms_work(text, uuid, interval) from public, anon, authenticated, service_role;
grant execute on function public.claim_sms_work(text, uuid, interval) to service_role;

create function sms.claim_next(p_lease_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return sms.claim(p_lease_id, null);
exception
  when others then
    -- What the same call has recorded must stand. A claim made by itself tells what is wrong.
    return null;
end;
$$;
comment on function sms.claim_next(uuid) is 'The next job, handed out by the call that ended the one before; null: the claim failed.';
revoke all on function sms.claim_next(uuid) from public, anon, authenticated, service_role;
grant execute on function sms.claim_next(uuid) to service_role;

create function sms.end_lease(p_conversation_id uuid, p_lease_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_conversations as c
  set lease_id = null, leased_until = null, leased_for = null
  where c.id = p_conversation_id and c.lease_id = p_lease_id;
  return found;
end;
$$;
comment on function sms.end_lease(uuid, uuid) is 'Ends a lease if it is still this one.';
revoke all on function sms.end_lease(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function sms.end_lease(uuid, uuid) to service_role;

create function public.release_sms_work(p_lease_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
  if not found then
    return false;
  end if;
  -- Released before the request was made: the text goes back as it was.
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
comment on function public.release_sms_work(uuid) is 'Gives a job back with its attempt, for a worker that is stopping. Only before its text was handed to Twilio. False: the lease was gone.';
revoke all on function public.release_sms_work(uuid) from public, anon, authenticated, service_role;
grant execute on function public.release_sms_work(uuid) to service_role;

create function sms.is_superseded(p_conversation public.sms_conversations, p_message_id bigint, p_now timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return p_conversation.last_incoming_id <> p_message_id and (
    select p_conversation.superseded < t.superseded_max
      and p_now < p_conversation.waiting_since + t.superseded_for
    from sms.policy as t
  );
end;
$$;
comment on function sms.is_superseded(public.sms_conversations, bigint, timestamptz) is 'A newer text came while the answer was generated, and waiting for the next answer is still fair: not twice dropped already, not 30 s old.';
revoke all on function sms.is_superseded(public.sms_conversations, bigint, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.is_superseded(public.sms_conversations, bigint, timestamptz) to service_role;

create function sms.withhold_generated_reply(p_conversation public.sms_conversations, p_reason text)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function sms.withhold_generated_reply(public.sms_conversations, text) is 'A generated answer that may not leave: superseded and suspended stay owed and give their attempt back.';
revoke all on function sms.withhold_generated_reply(public.sms_conversations, text) from public, anon, authenticated, service_role;
grant execute on function sms.withhold_generated_reply(public.sms_conversations, text) to service_role;

create function sms.mark_answered(p_conversation public.sms_conversations, p_message_id bigint, p_now timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_conversations as c
  set reply_due_at = case when n.created_at is not null then c.reply_due_at end,
    waiting_since = case when c.reply_due_at is not null then n.created_at end,
    reply_attempts = 0,
    superseded = 0,
    reply_error = null,
    last_message_at = greatest(c.last_message_at, p_now),
    send_due_at = sms.send_due(c.id),
    leased_for = 'send'
  from (
    select min(m.created_at) as created_at from public.sms_messages as m
    where m.conversation_id = p_conversation.id
      and m.direction = 'incoming' and m.id > p_message_id
  ) as n
  where c.id = p_conversation.id;
end;
$$;
comment on function sms.mark_answered(public.sms_conversations, bigint, timestamptz) is 'The answer covers all texts up to p_message_id: nothing is owed any more, unless a newer text came.';
revoke all on function sms.mark_answered(public.sms_conversations, bigint, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.mark_answered(public.sms_conversations, bigint, timestamptz) to service_role;

-- plpgsql on purpose, one statement after another: as a single statement its subqueries would see
-- the snapshot from before the wait for the lock, and an superseded answer would go out.
create function public.queue_sms_reply(
  p_lease_id uuid, p_message_id bigint, p_content text, p_encoding text, p_segments integer,
  p_model text default null, p_prompt_tokens integer default null,
  p_completion_tokens integer default null, p_generation_ms integer default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
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
    sms.send_verdict(v_conversation, v_config, 'ai', v_now),
    case when sms.is_superseded(v_conversation, p_message_id, v_now) then 'superseded' end
  );
  if v_verdict is not null then
    return sms.withhold_generated_reply(v_conversation, v_verdict);
  end if;

  insert into public.sms_messages as m (
    conversation_id, direction, author, status, message_content, in_reply_to, encoding, segments,
    model, prompt_tokens, completion_tokens, generation_ms, attempts, sending_at, send_at, occurred_at
  ) values (
    v_conversation.id, 'outgoing',
    case v_conversation.leased_for when 'fallback' then 'system' else 'ai' end,
    'sending', p_content, p_message_id, p_encoding, p_segments,
    p_model, p_prompt_tokens, p_completion_tokens, p_generation_ms, 1, v_now,
    v_conversation.leased_until, v_now
  )
  returning m.* into v_message;
  perform sms.mark_answered(v_conversation, p_message_id, v_now);
  return sms.message_job('send', v_conversation, v_config, v_message)
    || jsonb_build_object('outcome', 'send');
end;
$$;
comment on function public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer) is 'Takes a generated answer (or the fallback text) to p_message_id through the gate and writes its row as sending. Returns {outcome: send, message_id, from, to, service_sid, content}, or superseded, blocked (with the reason) or gone (the lease is lost): then nothing may be sent.';
revoke all on function public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer) from public, anon, authenticated, service_role;
grant execute on function public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer) to service_role;

create function public.fail_sms_reply(p_lease_id uuid, p_error text, p_suspends boolean default false)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
  v_timing sms.policy := sms.policy();
  v_outcome text;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id
  for no key update;
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
      when p_suspends then clock_timestamp() + v_timing.suspend_for
      when v_outcome = 'fallback' then clock_timestamp()
      else clock_timestamp() + sms.backoff(c.reply_attempts)
    end,
    lease_id = null, leased_until = null, leased_for = null
  where c.id = v_conversation.id;
  return jsonb_build_object('outcome', v_outcome);
end;
$$;
comment on function public.fail_sms_reply(uuid, text, boolean) is 'No usable answer: tried again after a pause, or the fallback when the attempts are used up. p_suspends: the account or key is at fault, so the number rests and the attempt is given back. Refused once the answer''s row exists.';
revoke all on function public.fail_sms_reply(uuid, text, boolean) from public, anon, authenticated, service_role;
grant execute on function public.fail_sms_reply(uuid, text, boolean) to service_role;

create function sms.backoff(p_attempts integer)
returns interval
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return (
    select least(
      t.retry_after * (2 ^ least(greatest(p_attempts, 1) - 1, 10)), greatest(interval '1 minute', t.retry_after)
    ) * (0.75 + 0.5 * random())
    from sms.policy() as t
  );
end;
$$;
comment on function sms.backoff(integer) is 'The pause after the n-th failed attempt: 5, 10, 20, 40, 60 seconds, give or take a quarter.';
revoke all on function sms.backoff(integer) from public, anon, authenticated, service_role;
grant execute on function sms.backoff(integer) to service_role;

create function sms.suspend(p_config_id uuid, p_reason text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update public.sms_configs as f
  set suspended_until = clock_timestamp() + (sms.policy()).suspend_for, suspended_reason = p_reason
  where f.id = p_config_id;
end;
$$;
comment on function sms.suspend(uuid, text) is 'The account, key or quota was refused: nothing of this number is tried for a while. Other numbers go on.';
revoke all on function sms.suspend(uuid, text) from public, anon, authenticated, service_role;
grant execute on function sms.suspend(uuid, text) to service_role;
