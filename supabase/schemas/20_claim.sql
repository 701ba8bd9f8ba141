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
