-- Replay: what would another prompt or model have answered? Past replies are asked for again, as
-- they were asked for then, and stand beside what was sent; people judge. A preview asks for the
-- reply to a message that an admin typed.
--
--   start_sms_replay, start_sms_preview   one row of sms_replay_answers for each reply to generate
--   claim_sms_work                        hands one out when nothing else is due, two at a time
--   record_sms_replay_answer              what came of it, or that the replay has to wait
--   get_sms_replay                        old and new side by side, and totals
--
-- Nothing of it is a message, passes the gate, counts or runs a tool. A reply's prompt is not kept
-- but cut again from the messages, by the ids its row names (shown_first_id, shown_last_id); where
-- prompt_hash then differs, because something changed since, the answer is marked as approximate.

create table public.sms_replays (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  config_version integer not null,
  changes jsonb not null,
  message text,
  status text not null default 'running',
  started_by uuid,
  suspended_until timestamptz,
  suspended_reason text,
  claimed_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  constraint sms_replays_pkey primary key (id),
  constraint sms_replays_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_replays_status_check check (
    (status = 'running') = (finished_at is null) and status in (
      'running',  -- some answers are missing
      'done',     -- each answer is there, or why it is not
      'canceled'  -- by cancel_sms_replay
    )
  ),
  constraint sms_replays_message_check check (length(message) between 1 and 1600)
);
create index sms_replays_config_id_idx on public.sms_replays (config_id, created_at desc);
create index sms_replays_user_id_idx on public.sms_replays (user_id, created_at desc);
create index sms_replays_running_idx on public.sms_replays (claimed_at) where status = 'running';

comment on table public.sms_replays is
  'Past replies of a number generated again with other settings (start_sms_replay), or the reply to '
  'one typed message (start_sms_preview). The newest 100 of a number are kept.';
comment on column public.sms_replays.config_version is
  'The number''s settings when it was started; changes are made to these.';
comment on column public.sms_replays.changes is 'Columns of sms_configs with other values.';
comment on column public.sms_replays.message is 'A preview: what the contact is taken to write.';
comment on column public.sms_replays.suspended_until is
  'The model''s provider refused (suspended_reason): goes on by itself after this.';

create table public.sms_replay_answers (
  replay_id uuid not null,
  place smallint not null,
  user_id uuid not null,
  message_id bigint,
  state text not null default 'pending',
  attempts smallint not null default 0,
  lease_id uuid,
  leased_until timestamptz,
  content text,
  encoding text,
  segments smallint,
  model text,
  prompt_tokens integer,
  completion_tokens integer,
  generation_ms integer,
  is_approximate boolean,
  is_over_budget boolean,
  same_language boolean,
  used jsonb,
  diverged_call jsonb,
  error text,
  mark text,
  comment text,
  marked_by uuid,
  constraint sms_replay_answers_pkey primary key (replay_id, place),
  constraint sms_replay_answers_replay_id_fkey foreign key (replay_id)
    references public.sms_replays (id) on delete cascade,
  constraint sms_replay_answers_message_id_fkey foreign key (message_id)
    references public.sms_messages (id) on delete cascade,
  constraint sms_replay_answers_state_check check (state in (
    'pending',  -- not asked for yet, or being asked for
    'answered',
    'empty',    -- the model answered without text
    'diverged', -- the model called a tool that the record cannot answer
    'failed',   -- no answer; error says why
    'canceled'
  )),
  constraint sms_replay_answers_mark_check check (mark in ('better', 'same', 'worse')),
  constraint sms_replay_answers_comment_check check (length(comment) <= 1000)
);
create index sms_replay_answers_message_id_idx on public.sms_replay_answers (message_id)
  where message_id is not null;
create index sms_replay_answers_pending_idx on public.sms_replay_answers (replay_id, place)
  where state = 'pending';
create index sms_replay_answers_user_id_idx on public.sms_replay_answers (user_id);
create unique index sms_replay_answers_lease_id_idx on public.sms_replay_answers (lease_id)
  where lease_id is not null;

comment on table public.sms_replay_answers is
  'The new answers of a replay; the old one is the row of sms_messages that message_id names. '
  'get_sms_replay puts them side by side.';
comment on column public.sms_replay_answers.is_approximate is
  'The prompt that led to the old reply could not be cut again as it was.';
comment on column public.sms_replay_answers.is_over_budget is
  'It was longer than max_segments and was cut.';
comment on column public.sms_replay_answers.same_language is
  'Whether both are written in one language; null: that cannot be said.';
comment on column public.sms_replay_answers.used is
  'The passages that the model was shown, ids of sms_passages.';
comment on column public.sms_replay_answers.diverged_call is
  'What the model called and the record cannot answer: {name, arguments}. No tool runs.';
comment on column public.sms_replay_answers.mark is 'A member''s judgement: better, same or worse.';

create table public.sms_models (
  model text not null,
  shuts_down_on date,
  input_price numeric(10, 4),
  output_price numeric(10, 4),
  read_on date,
  source text,
  constraint sms_models_pkey primary key (model),
  constraint sms_models_price_check check (
    num_nulls(input_price, output_price, read_on, source) in (0, 4)
  )
);
comment on table public.sms_models is
  'What is known of models: when they end, and US dollars for a million tokens without the discount '
  'for cached ones, with the day and page they were read on. Change them when your prices differ.';
comment on column public.sms_models.shuts_down_on is
  'As OpenAI''s list of models says, noted by the worker (note_sms_models); null: nothing is announced.';
insert into public.sms_models (model, input_price, output_price, read_on, source)
select p.model, p.input_price, p.output_price, '2026-11-05',
  'https://developers.openai.com/api/docs/pricing'
from (values
  ('gpt-4o', 2.50, 10.00),
  ('gpt-4o-mini', 0.15, 0.60),
  ('gpt-4.1-mini', 0.40, 1.60),
  ('gpt-5', 1.25, 10.00),
  ('gpt-5-mini', 0.25, 2.00),
  ('gpt-5.4-mini', 0.75, 4.50),
  ('gpt-6-luna', 0.10, 0.50)
) as p (model, input_price, output_price);

create function public.note_sms_models(p_shutdown_dates jsonb)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_models as o set shuts_down_on = null
  where o.shuts_down_on is not null and not p_shutdown_dates ? o.model;
  insert into public.sms_models as o (model, shuts_down_on)
  select d.model, d.ends::date from jsonb_each_text(p_shutdown_dates) as d (model, ends)
  order by d.model
  on conflict (model) do update set shuts_down_on = excluded.shuts_down_on
  where o.shuts_down_on is distinct from excluded.shuts_down_on;
end;
$$;
comment on function public.note_sms_models(jsonb) is
  'The models that end, {name: date}, as OpenAI''s list says now; of others nothing is announced.';

-- Starting.

create function public.start_sms_replay(
  p_config_id uuid, p_changes jsonb, p_since timestamptz default now() - interval '7 days',
  p_limit integer default 200
)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays;
  v_replies bigint[];
begin
  v_replay := sms.prepare_replay(p_config_id, p_changes, null);
  v_replies := array(
    select m.id from public.sms_messages as m
    join public.sms_conversations as c on c.id = m.conversation_id
    where m.user_id = v_replay.user_id and c.config_id = p_config_id
      and m.author = 'ai' and m.in_reply_to is not null and m.created_at >= p_since
      and sms.reached_twilio(m.message_sid, m.status)
    order by m.id desc
    limit least(p_limit, 200)
  );
  if cardinality(v_replies) = 0 then
    raise exception using errcode = 'PT422',
      message = 'The number has no AI reply of that time', hint = 'Choose an earlier p_since.';
  end if;
  return sms.begin_replay(v_replay, v_replies);
end;
$$;
comment on function public.start_sms_replay(uuid, jsonb, timestamptz, integer) is
  'Asks again for the newest AI replies of a number since p_since, at most p_limit (200): with its '
  'settings and p_changes, {system_prompt, openai_model, max_tokens, temperature, max_segments, '
  'fold_accents, first_reply_notice, knowledge_tokens, tools, stay_silent_for, context_attributes}. '
  'Nothing is sent. Returns the id for get_sms_replay. PT403: the caller is no admin. PT429: too '
  'many answers within 24 hours.';

create function public.start_sms_preview(p_config_id uuid, p_changes jsonb, p_message text)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  v_message text := nullif(btrim(p_message), '');
begin
  if v_message is null or length(v_message) > 1600 then
    raise exception using errcode = 'PT422', message = 'A message to try has 1 to 1,600 characters',
      hint = 'Type what a contact would write.';
  end if;
  return sms.begin_replay(sms.prepare_replay(p_config_id, p_changes, v_message), array[null::bigint]);
end;
$$;
comment on function public.start_sms_preview(uuid, jsonb, text) is
  'What the number would answer to p_message with its settings and p_changes (see '
  'start_sms_replay). Nothing is sent or stored as a message. Returns the id for get_sms_replay.';

-- The row of a replay that the caller may start; not stored yet.
create function sms.prepare_replay(p_config_id uuid, p_changes jsonb, p_message text)
returns public.sms_replays language plpgsql set search_path = '' as $$
declare
  v_config public.sms_configs;
  v_replay public.sms_replays;
begin
  select f.* into v_config from public.sms_configs as f
  where f.id = p_config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms_configs lists yours.';
  end if;
  perform sms.require_role(v_config.user_id, 'admin');
  perform sms.check_changes(v_config, p_changes);
  v_replay.user_id := v_config.user_id;
  v_replay.config_id := v_config.id;
  v_replay.config_version := v_config.version;
  v_replay.changes := p_changes;
  v_replay.message := p_message;
  return v_replay;
end;
$$;

-- Refuses what is no behaviour of a prompt, and a value that the number could not be given.
create function sms.check_changes(p_config public.sms_configs, p_changes jsonb)
returns void language plpgsql set search_path = '' as $$
declare
  v_known text[] := array[
    'system_prompt', 'openai_model', 'max_tokens', 'temperature', 'max_segments', 'fold_accents',
    'first_reply_notice', 'knowledge_tokens', 'tools', 'stay_silent_for', 'context_attributes'
  ];
  v_changed public.sms_configs;
  v_fault text;
begin
  if jsonb_typeof(p_changes) is distinct from 'object' then
    v_fault := 'p_changes is an object';
  elsif exists (select from jsonb_object_keys(p_changes) as k (name) where k.name <> all (v_known)) then
    v_fault := 'p_changes has a setting that no prompt depends on; it may have '
      || array_to_string(v_known, ', ');
  else
    v_changed := jsonb_populate_record(p_config, p_changes);
    v_fault := coalesce(
      (select b.sentence from sms.broken_check('public.sms_configs', to_jsonb(v_changed)) as b),
      case when num_nulls(v_changed.system_prompt, v_changed.openai_model, v_changed.max_tokens,
        v_changed.max_segments, v_changed.fold_accents, v_changed.knowledge_tokens,
        v_changed.stay_silent_for, v_changed.context_attributes) > 0
        then 'Only temperature, first_reply_notice and tools may be null' end,
      case when v_changed.max_tokens > (sms.policy()).max_tokens_ceiling
        then format('At most %s max_tokens are allowed here', (sms.policy()).max_tokens_ceiling) end
    );
  end if;
  if v_fault is not null then
    raise exception using errcode = 'PT422', message = v_fault,
      hint = 'Change the value and start again; nothing was asked';
  end if;
exception when data_exception then
  raise exception using errcode = 'PT422', message = 'A setting is no value of its kind',
    hint = 'Change the value and start again; nothing was asked';
end;
$$;

-- Stores a replay and the answers it is to get, within what an account may ask for in 24 hours.
create function sms.begin_replay(p_replay public.sms_replays, p_message_ids bigint[])
returns uuid language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_id uuid;
begin
  perform pg_advisory_xact_lock(34, hashtext(p_replay.user_id::text)); -- 34: this chapter
  if cardinality(p_message_ids) + (
    select count(*) from public.sms_replays as r
    join public.sms_replay_answers as a on a.replay_id = r.id
    where r.user_id = p_replay.user_id and r.created_at > now() - v_policy.daily_window
  ) > v_policy.replay_answers_per_day then
    raise exception using errcode = 'PT429',
      message = 'The account has no more answers to replay within 24 hours',
      hint = 'Choose fewer replies, or wait.';
  end if;
  insert into public.sms_replays as r (user_id, config_id, config_version, changes, message, started_by)
  values (p_replay.user_id, p_replay.config_id, p_replay.config_version, p_replay.changes,
    p_replay.message, auth.uid())
  returning r.id into v_id;
  insert into public.sms_replay_answers (replay_id, place, user_id, message_id)
  select v_id, i.place, p_replay.user_id, i.id
  from unnest(p_message_ids) with ordinality as i (id, place);
  delete from public.sms_replays as r
  where r.config_id = p_replay.config_id and r.finished_at is not null
    and r.created_at < now() - v_policy.daily_window
    and r.id not in (
      select o.id from public.sms_replays as o where o.config_id = p_replay.config_id
      order by o.created_at desc
      limit 100
    );
  return v_id;
end;
$$;

create function public.cancel_sms_replay(p_replay_id uuid)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
begin
  perform sms.require_role(v_replay.user_id, 'admin');
  update public.sms_replays as r set status = 'canceled', finished_at = clock_timestamp()
  where r.id = p_replay_id and r.status = 'running';
  update public.sms_replay_answers as a
  set state = 'canceled', lease_id = null, leased_until = null
  where a.replay_id = p_replay_id and a.state = 'pending';
end;
$$;
comment on function public.cancel_sms_replay(uuid) is
  'Ends a replay; the answers it has got stay. PT403: the caller is no admin.';

create function public.mark_sms_replay_answer(
  p_replay_id uuid, p_place integer, p_mark text, p_comment text default null
)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
begin
  if p_mark not in ('better', 'same', 'worse') or length(p_comment) > 1000 then
    raise exception using errcode = 'PT422',
      message = 'p_mark is better, same, worse or null; p_comment has at most 1,000 characters';
  end if;
  update public.sms_replay_answers as a
  set mark = p_mark, comment = p_comment, marked_by = auth.uid()
  where a.replay_id = v_replay.id and a.place = p_place;
  if not found then
    raise exception using errcode = 'PT404', message = 'The replay has no such answer';
  end if;
end;
$$;
comment on function public.mark_sms_replay_answer(uuid, integer, text, text) is
  'A member''s judgement of a new answer: better, same or worse than the old one; null takes it back.';

-- A replay in one of the caller's accounts, or PT404.
create function sms.replay_of_caller(p_replay_id uuid)
returns public.sms_replays language plpgsql stable set search_path = '' as $$
declare
  v_replay public.sms_replays;
begin
  select r.* into v_replay from public.sms_replays as r
  where r.id = p_replay_id
    and (auth.uid() is null or r.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such replay',
      hint = 'sms_replays lists those of your numbers.';
  end if;
  return v_replay;
end;
$$;

-- Working.

-- A job of kind replay; null: nothing is to be replayed now. A preview goes first, then every replay
-- has its turn. Two at a time: what comes in meanwhile finds the workers' slots free.
create function sms.claim_replay(p_lease_id uuid, p_until timestamptz, p_now timestamptz)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_answer public.sms_replay_answers;
  v_job jsonb;
begin
  if not exists (select from public.sms_replays as r where r.status = 'running') then
    return null; -- the usual case: a look at an empty index
  end if;
  perform pg_advisory_xact_lock(34, 0);
  select a.* into v_answer from public.sms_replay_answers as a
  where a.lease_id = p_lease_id and a.leased_until > p_now;
  if found then -- asked again
    return sms.replay_job(v_answer);
  elsif (
    select count(*) from public.sms_replay_answers as a
    where a.lease_id is not null and a.leased_until > p_now
  ) >= (sms.policy()).replay_leases_max then
    return null;
  end if;
  select a.* into v_answer
  from public.sms_replays as r
  cross join lateral (
    select n.* from public.sms_replay_answers as n
    where n.replay_id = r.id and n.state = 'pending'
      and (n.lease_id is null or n.leased_until <= p_now)
    order by n.place
    limit 1
  ) as a
  where r.status = 'running' and (r.suspended_until is null or r.suspended_until <= p_now)
  order by r.message is null, r.claimed_at nulls first
  limit 1;
  if not found then
    return null;
  end if;
  update public.sms_replays as r set claimed_at = p_now where r.id = v_answer.replay_id;
  update public.sms_replay_answers as a
  set lease_id = p_lease_id, leased_until = p_until, attempts = a.attempts + 1
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place and a.state = 'pending'
  returning a.* into v_answer;
  v_job := sms.replay_job(v_answer);
  update public.sms_replay_answers as a set used = v_job -> 'used'
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place and v_job ->> 'used' is not null;
  return v_job;
end;
$$;

-- The job, as the worker gets it. `original` is what the old reply was made with, as far as that is
-- still known: the worker compares the hash of its prompt.
create function sms.replay_job(p_answer public.sms_replay_answers)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_replay public.sms_replays;
  v_config public.sms_configs;
  v_conversation public.sms_conversations;
  v_message public.sms_messages;
  v_settings public.sms_configs;
  v_original public.sms_configs;
  v_used jsonb;
begin
  select r.* into v_replay from public.sms_replays as r where r.id = p_answer.replay_id;
  select f.* into v_config from public.sms_configs as f where f.id = v_replay.config_id;
  select m.* into v_message from public.sms_messages as m where m.id = p_answer.message_id;
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = v_message.conversation_id;
  v_conversation.last_pending_id := v_message.in_reply_to; -- as it was then
  v_original := sms.config_at(v_config, v_message.config_version);
  v_settings := jsonb_populate_record(
    coalesce(sms.config_at(v_config, v_replay.config_version), v_config), v_replay.changes
  );
  v_used := sms.replay_passages(v_conversation, v_settings, v_replay.message);
  return jsonb_build_object(
    'kind', 'replay',
    'lease_id', p_answer.lease_id,
    'replay_id', p_answer.replay_id,
    'place', p_answer.place,
    'message_id', p_answer.message_id,
    'conversation_id', v_message.conversation_id,
    'used', v_used,
    'prompt', sms.replay_prompt(v_conversation, v_settings, v_used),
    'original', case when v_original.id is not null
      then sms.replay_prompt(v_conversation, v_original, to_jsonb(v_message.used)) end,
    'history', case when p_answer.message_id is null
      then jsonb_build_array(jsonb_build_object('role', 'user', 'content', v_replay.message))
      else sms.shown_history(v_conversation, v_message, v_settings.history_limit) end,
    'recorded_calls', (
      select jsonb_agg(jsonb_build_object(
        'id', k.id, 'name', k.name, 'arguments', k.arguments, 'result', k.result, 'error', k.error
      ) order by k.id)
      from public.sms_tool_calls as k where k.reply_id = v_message.id
    ),
    'prompt_hash', v_message.prompt_hash,
    'old_content', v_message.message_content,
    'notice', case when not exists (
      select from public.sms_messages as m
      where m.conversation_id = v_message.conversation_id and m.id < v_message.id
        and m.author in ('ai', 'system') and m.canned_reply is null
    ) then v_settings.first_reply_notice end,
    'opt_out_hint', (
      select sms.canned_content(
        v_settings, 'opt_out_hint', (sms.classify(m.message_content)).language
      )
      from public.sms_messages as m where m.id = v_message.in_reply_to and m.intent = 'maybe_stop'
    )
  );
end;
$$;

-- What a prompt takes from a number's settings, beside the history.
create function sms.replay_prompt(
  p_conversation public.sms_conversations, p_settings public.sms_configs, p_passages jsonb
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'contact_number', coalesce(p_conversation.contact_number, ''),
    'system_prompt', p_settings.system_prompt,
    'openai_model', p_settings.openai_model,
    'max_tokens', p_settings.max_tokens,
    'temperature', p_settings.temperature,
    'max_segments', p_settings.max_segments,
    'fold_accents', p_settings.fold_accents,
    'contact', sms.known_of(
      p_conversation.user_id, p_conversation.contact_number, p_settings.context_attributes
    ),
    'knowledge', sms.passages_of(p_passages),
    'tools', case when p_settings.tools is not null then sms.offered_tools(p_settings.tools) end,
    'tool_calls', null,
    'stay_silent_for', p_settings.stay_silent_for
  );
end;
$$;

-- The ids of what the number knows of it today; p_message: of a preview.
create function sms.replay_passages(
  p_conversation public.sms_conversations, p_settings public.sms_configs, p_message text
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  if p_settings.knowledge_size = 0 or p_settings.knowledge_tokens = 0 then
    return null;
  elsif p_message is not null and p_settings.knowledge_size > p_settings.knowledge_tokens then
    return to_jsonb(sms.find_passages(
      p_settings.user_id, p_settings.id, p_message, p_settings.knowledge_tokens
    ));
  end if;
  return to_jsonb(sms.passages_for(p_conversation, p_settings));
end;
$$;

-- The number with the settings of one of its versions; null: that version is not kept.
create function sms.config_at(p_config public.sms_configs, p_version integer)
returns public.sms_configs language plpgsql stable set search_path = '' as $$
declare
  v_settings jsonb := (
    select v.settings from public.sms_config_versions as v
    where v.config_id = p_config.id and v.version = p_version
  );
begin
  return case when v_settings is not null then jsonb_populate_record(p_config, v_settings) end;
end;
$$;

-- The history that a reply was made with, [{id, role, content}]: cut again by the ids of the first and
-- last message of it, also those of the contact's earlier conversation. Not known of old rows: then
-- the last messages before the one it answers.
create function sms.shown_history(
  p_conversation public.sms_conversations, p_message public.sms_messages, p_limit integer
)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
begin
  if p_message.shown_first_id is null then
    return sms.turns(
      p_conversation.id, p_message.in_reply_to, p_limit, v_policy.history_characters
    );
  end if;
  return coalesce((
    select sms.turns(
      c.id, null, 1000, 10000000, p_message.shown_first_id, p_message.shown_last_id
    )
    from public.sms_conversations as c
    where c.config_id = p_conversation.config_id and c.user_id = p_conversation.user_id
      and c.contact_number = p_conversation.contact_number and c.id <> p_conversation.id
      and c.closed_at <= p_message.created_at
    order by c.closed_at desc
    limit 1
  ), '[]') || sms.turns(
    p_conversation.id, p_message.in_reply_to, 1000, 10000000,
    p_message.shown_first_id, p_message.shown_last_id
  );
end;
$$;

create function public.record_sms_replay_answer(p_lease_id uuid, p_answer jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_given public.sms_replay_answers := jsonb_populate_record(
    null::public.sms_replay_answers, p_answer
  );
  v_answer public.sms_replay_answers;
begin
  -- The replay's row first: of two last answers one sees that it is the last.
  perform from public.sms_replays as r
  where r.id = (
    select a.replay_id from public.sms_replay_answers as a where a.lease_id = p_lease_id
  )
  for no key update;
  select a.* into v_answer from public.sms_replay_answers as a
  where a.lease_id = p_lease_id and a.state = 'pending'
  for no key update;
  if not found then
    return jsonb_build_object('outcome', 'gone');
  elsif p_answer ? 'retry_after' and v_answer.attempts < (sms.policy()).replay_attempts_max then
    update public.sms_replay_answers as a set lease_id = null, leased_until = null
    where a.replay_id = v_answer.replay_id and a.place = v_answer.place;
    update public.sms_replays as r
    set suspended_reason = v_given.error, suspended_until = v_now + coalesce(
      (p_answer ->> 'retry_after')::double precision * interval '1 second',
      (sms.policy()).retry_after_max
    )
    where r.id = v_answer.replay_id;
    return jsonb_build_object('outcome', 'suspended');
  end if;
  update public.sms_replay_answers as a
  set state = v_given.state, lease_id = null, leased_until = null,
    content = v_given.content, encoding = v_given.encoding, segments = v_given.segments,
    model = v_given.model, prompt_tokens = v_given.prompt_tokens,
    completion_tokens = v_given.completion_tokens, generation_ms = v_given.generation_ms,
    is_approximate = v_given.is_approximate, is_over_budget = v_given.is_over_budget,
    same_language = v_given.same_language, diverged_call = v_given.diverged_call,
    error = v_given.error
  where a.replay_id = v_answer.replay_id and a.place = v_answer.place;
  update public.sms_replays as r set status = 'done', finished_at = v_now
  where r.id = v_answer.replay_id and r.status = 'running' and not exists (
    select from public.sms_replay_answers as a where a.replay_id = r.id and a.state = 'pending'
  );
  return jsonb_build_object('outcome', 'recorded');
end;
$$;
comment on function public.record_sms_replay_answer(uuid, jsonb) is
  'What came of a job of kind replay: columns of sms_replay_answers, state among them. With '
  'retry_after (seconds, or null) the provider refuses for now: the replay is suspended and the '
  'answer asked for again, three times at most. Returns {outcome: recorded, suspended or gone}.';

-- Gives a job of kind replay back with its attempt. False: the lease was gone.
create function sms.release_replay(p_lease_id uuid)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.sms_replay_answers as a
  set lease_id = null, leased_until = null, attempts = greatest(a.attempts - 1, 0)
  where a.lease_id = p_lease_id;
  return found;
end;
$$;

-- Tells the workers that there is something to do when nothing else is.
create function sms.announce_replay()
returns trigger language plpgsql security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
  perform realtime.send('{"seconds": 0}', 'work', 'sms:worker', true);
  return null;
end;
$$;

create trigger sms_replays_announce
  after insert on public.sms_replays
  for each row execute function sms.announce_replay();

-- Reading.

create function public.get_sms_replay(p_replay_id uuid)
returns jsonb language plpgsql stable security definer set search_path = '' as $$
declare
  v_replay public.sms_replays := sms.replay_of_caller(p_replay_id);
  v_pairs jsonb := (
    select jsonb_agg(sms.replay_pair(a) order by a.place) from public.sms_replay_answers as a
    where a.replay_id = p_replay_id
  );
begin
  return to_jsonb(v_replay) - array['claimed_at', 'user_id'] || jsonb_build_object(
    'is_suspended', v_replay.status = 'running'
      and coalesce(v_replay.suspended_until > clock_timestamp(), false),
    'answers', coalesce(v_pairs, '[]'),
    'totals', (
      select jsonb_build_object(
        'answers', count(*),
        'pending', count(*) filter (where p ->> 'state' = 'pending'),
        'answered', count(*) filter (where p ->> 'state' = 'answered'),
        'empty', count(*) filter (where p ->> 'state' = 'empty'),
        'failed', count(*) filter (where p ->> 'state' = 'failed'),
        'diverged', count(*) filter (where p ->> 'state' = 'diverged'),
        'approximate', count(*) filter (where (p ->> 'is_approximate')::boolean),
        'longer', count(*) filter (where (p -> 'new' ->> 'segments')::int > (p -> 'old' ->> 'segments')::int),
        'over_budget', count(*) filter (where (p ->> 'is_over_budget')::boolean),
        'other_language', count(*) filter (where not (p ->> 'same_language')::boolean),
        'old', sms.replay_totals(jsonb_agg(p -> 'old') filter (where p ->> 'state' = 'answered')),
        'new', sms.replay_totals(jsonb_agg(p -> 'new') filter (where p ->> 'state' = 'answered'))
      )
      from jsonb_array_elements(v_pairs) as p
    )
  );
end;
$$;
comment on function public.get_sms_replay(uuid) is
  'A replay with its answers, old and new side by side: {status, is_suspended, answers: [{place, '
  'state, question, old, new: {content, segments, model, tokens, price in US dollars, '
  'generation_ms, mentions_human}, is_approximate, is_over_budget, same_language, used (passages), '
  'diverged_call, mark, comment}], totals}. PT404: not of one of the caller''s accounts.';

-- An old and a new answer side by side.
create function sms.replay_pair(p_answer public.sms_replay_answers)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m where m.id = p_answer.message_id;
  return jsonb_build_object(
    'place', p_answer.place,
    'message_id', p_answer.message_id,
    'conversation_id', v_message.conversation_id,
    'question', (
      select m.message_content from public.sms_messages as m where m.id = v_message.in_reply_to
    ),
    'state', p_answer.state,
    'error', p_answer.error,
    'old', case when v_message.id is not null then sms.replay_side(
      v_message.message_content, v_message.segments, v_message.model, v_message.prompt_tokens,
      v_message.completion_tokens, v_message.generation_ms
    ) end,
    'new', case when p_answer.state = 'answered' then sms.replay_side(
      p_answer.content, p_answer.segments, p_answer.model, p_answer.prompt_tokens,
      p_answer.completion_tokens, p_answer.generation_ms
    ) end,
    'is_approximate', p_answer.is_approximate,
    'is_over_budget', p_answer.is_over_budget,
    'same_language', p_answer.same_language,
    'used', p_answer.used,
    'diverged_call', p_answer.diverged_call,
    'mark', p_answer.mark,
    'comment', p_answer.comment
  );
end;
$$;

-- One of them, with what it cost. A hint only, mentions_human: it finds words of eight languages.
create function sms.replay_side(
  p_content text, p_segments integer, p_model text, p_prompt_tokens integer,
  p_completion_tokens integer, p_generation_ms integer
)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'content', p_content,
    'segments', p_segments,
    'model', p_model,
    'prompt_tokens', p_prompt_tokens,
    'completion_tokens', p_completion_tokens,
    'generation_ms', p_generation_ms,
    'price', (
      select (p.input_price * p_prompt_tokens + p.output_price * p_completion_tokens) / 1000000
      from public.sms_models as p where p.model = p_model
    ),
    'mentions_human', p_content ~* (
      '\m(human|person|people|agent|colleague|someone|staff|team|humano|persona|agente|alguien|'
      || 'compañer[oa]|equipo|humain|personne|équipe|collègue|quelqu|mensch|mitarbeiter|kolleg|'
      || 'jemand|pessoa|atendente|equipe|colega|persona|collega|qualcuno|medewerker|iemand)'
    )
  );
end;
$$;

-- The sums of one side; the price is null when one of its prices is not known.
create function sms.replay_totals(p_sides jsonb)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'segments', sum((s ->> 'segments')::int),
      'prompt_tokens', sum((s ->> 'prompt_tokens')::int),
      'completion_tokens', sum((s ->> 'completion_tokens')::int),
      'price', case when count(*) = count(s ->> 'price') then sum((s ->> 'price')::numeric) end,
      'mentions_human', count(*) filter (where (s ->> 'mentions_human')::boolean)
    )
    from jsonb_array_elements(p_sides) as s
  );
end;
$$;
