-- The model's tools are SQL functions. A function in schema sms_tools with a comment is a tool: its
-- name, comment and parameter types are what the model is shown. It runs as role sms_contact, which
-- is granted nothing by default, so that the policies of your tables for sms_contact decide what the
-- assistant of this contact sees; and it acts once for a pending reply, whatever is retried, killed
-- or superseded.
--
--   claim_sms_work     hands out what the number offers (sms_configs.tools) and the recorded calls
--   call_sms_tool      records the call, runs it as sms_contact, keeps its result: one transaction
--   queue_sms_reply    ends the list of calls: they stand under the reply they led to
--
-- A list of calls belongs to a pending reply, which waiting_since tells apart from the one before
-- and the one after: whatever answers, cancels or begins one changes it, and nobody has to end a
-- list by hand. sms_conversations.tool_calls_since says whether there is one without a look at the
-- calls: a message without tools pays nothing.

-- Roles belong to the server, not to the database: it may be there already, or be made this moment.
do $$
begin
  begin
    create role sms_contact nologin noinherit;
  exception
    when duplicate_object or unique_violation then null;
  end;
  begin
    execute format('grant sms_contact to %I', current_user); -- to give it one function, in 90
  exception
    when unique_violation then null;
  end;
end;
$$;

create schema sms_tools;
comment on schema sms_tools is
  'Each function here that has a comment is a tool a number may offer its model (sms_configs.tools). '
  'Not exposed by the Data API.';

create type sms_tools.no_reply_kind as enum ('automatic_message', 'reaction', 'goodbye');

create table public.sms_tool_calls (
  id bigint generated always as identity,
  user_id uuid not null,
  conversation_id uuid not null,
  waiting_since timestamptz not null,
  message_id bigint not null,
  reply_id bigint,
  name text not null,
  arguments jsonb not null,
  acts boolean not null,
  result jsonb,
  error text,
  duration_ms integer,
  created_at timestamptz not null default clock_timestamp(),
  constraint sms_tool_calls_pkey primary key (id),
  -- Looked at when the tool has run: the lock it takes would keep a human from closing meanwhile.
  constraint sms_tool_calls_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade
    deferrable initially deferred,
  constraint sms_tool_calls_name_check check (length(name) <= 64)
);
-- What acts does so once for a pending reply.
create unique index sms_tool_calls_acts_once_key
  on public.sms_tool_calls (conversation_id, waiting_since, name, md5(arguments::text)) where acts;
create index sms_tool_calls_conversation_id_idx
  on public.sms_tool_calls (conversation_id, waiting_since, id);
create index sms_tool_calls_reply_id_idx on public.sms_tool_calls (reply_id)
  where reply_id is not null;
create index sms_tool_calls_user_id_idx on public.sms_tool_calls (user_id, id desc);

comment on table public.sms_tool_calls is
  'Every call of a tool by the model: what it asked for, what came of it, and the reply it led to.';
comment on column public.sms_tool_calls.waiting_since is
  'That of the conversation: the pending reply it was made for.';
comment on column public.sms_tool_calls.message_id is 'The newest message the model knew of.';
comment on column public.sms_tool_calls.reply_id is
  'The reply it led to; null: none yet, or none was sent.';
comment on column public.sms_tool_calls.acts is
  'The function is volatile: with equal arguments it runs once for a pending reply.';
comment on column public.sms_tool_calls.result is
  'What it returned: an array of rows when it returns a set; cut to sms.policy''s tool_result_bytes.';
comment on column public.sms_tool_calls.error is
  'SQLSTATE and message, as the model is told; its effects were undone.';

create function public.call_sms_tool(
  p_lease_id uuid, p_message_id bigint, p_name text, p_arguments jsonb,
  p_asked_again boolean default false
)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5s' as $$
declare
  v_conversation public.sms_conversations;
begin
  -- Not locked before the tool has run: meanwhile messages arrive and humans write.
  select c.* into v_conversation from public.sms_conversations as c
  where c.lease_id = p_lease_id and c.leased_for = 'reply' and c.leased_until > clock_timestamp();
  if not found then
    return jsonb_build_object('outcome', 'gone');
  end if;
  return sms.call_tool(v_conversation, p_message_id, p_name, p_arguments, p_asked_again);
exception
  when sqlstate 'PT410' then -- the lease was lost meanwhile: all of the tool is undone
    return jsonb_build_object('outcome', 'gone');
end;
$$;
comment on function public.call_sms_tool(uuid, bigint, text, jsonb, boolean) is
  'Runs a tool for the reply that this lease generates and records it, or returns what an equal call '
  'came to. Returns {outcome: done, result}, {outcome: error, error} for the model to read, {outcome: '
  'ended, reason} when nothing is to be said any more, or {outcome: gone}: the lease is lost and '
  'nothing was done. p_asked_again: the answer of an equal call was lost; it waits for that one, and '
  'if it did nothing by now, it never will.';

-- One call, from its record to its result.
create function sms.call_tool(
  p_conversation public.sms_conversations, p_message_id bigint, p_name text, p_arguments jsonb,
  p_asked_again boolean
)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_started timestamptz := clock_timestamp();
  v_tool record;
  v_asked public.sms_tool_calls;
  v_call public.sms_tool_calls;
begin
  select t.* into v_tool from sms.tools() as t
  join public.sms_configs as f on f.id = p_conversation.config_id
  where t.name = p_name and t.fault is null and (t.is_built_in or t.name = any (f.tools));
  v_asked := sms.read_call(v_tool.oid, p_name, p_arguments);

  insert into public.sms_tool_calls as k (
    user_id, conversation_id, waiting_since, message_id, name, arguments, acts, error
  ) values (
    p_conversation.user_id, p_conversation.id, p_conversation.waiting_since, p_message_id,
    v_asked.name, v_asked.arguments, v_asked.error is null and v_tool.acts, v_asked.error
  )
  on conflict (conversation_id, waiting_since, name, md5(arguments::text)) where acts do nothing
  returning k.* into v_call;
  if not found then
    select k.* into v_call from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
      and k.name = v_asked.name and k.arguments = v_asked.arguments and k.acts;
    return sms.call_outcome(v_call);
  end if;

  v_call.error := coalesce(
    v_call.error,
    case when p_asked_again then '57014: it took too long and was undone' end,
    sms.excess_of_calls(v_call)
  );
  if v_call.error is null then
    v_call := sms.run_recorded(v_call, v_tool.oid, p_conversation);
  end if;
  perform sms.require_lease(p_conversation);
  update public.sms_tool_calls as k
  set result = v_call.result, error = v_call.error,
    duration_ms = 1000 * extract(epoch from clock_timestamp() - v_started)
  where k.id = v_call.id;
  return sms.call_outcome(v_call);
end;
$$;

-- What was asked for as it is recorded: arguments as the parameters' types write them, so that equal
-- calls are equal (2026-12-1 is 2026-12-01), or what is wrong with them as the error.
create function sms.read_call(p_tool oid, p_name text, p_arguments jsonb)
returns public.sms_tool_calls language plpgsql set search_path = '' as $$
declare
  v_call public.sms_tool_calls;
begin
  v_call.name := left(p_name, 64);
  v_call.arguments := p_arguments;
  if length(p_arguments::text) > 8192 then
    v_call.arguments := '{}';
    v_call.error := '54000: the arguments are longer than 8192 characters';
  elsif p_tool is null then
    v_call.error := format('42883: there is no tool "%s"', v_call.name);
  else
    begin
      v_call.arguments := sms.tool_arguments(p_tool, p_arguments);
    exception
      when others then v_call.error := left(sqlstate || ': ' || sqlerrm, 500);
    end;
  end if;
  return v_call;
end;
$$;

-- Why a call that is recorded is one too many; null: it is not.
create function sms.excess_of_calls(p_call public.sms_tool_calls)
returns text language plpgsql set search_path = '' as $$
declare
  v_policy sms.policy := sms.policy();
  v_calls bigint;
  v_equal bigint;
begin
  select count(*), count(*) filter (where k.name = p_call.name and k.arguments = p_call.arguments)
  into v_calls, v_equal
  from public.sms_tool_calls as k
  where k.conversation_id = p_call.conversation_id and k.waiting_since = p_call.waiting_since;
  return case
    when v_calls > v_policy.tool_calls_max
      then format('54000: %s calls were made for this reply already', v_policy.tool_calls_max)
    when v_equal > v_policy.tool_repeats_max
      then format('54000: this was asked %s times already', v_policy.tool_repeats_max)
  end;
end;
$$;

-- Runs the tool as the contact of a conversation; an error undoes what it did and is its result.
create function sms.run_recorded(
  p_call public.sms_tool_calls, p_tool oid, p_conversation public.sms_conversations
)
returns public.sms_tool_calls language plpgsql set search_path = '' as $$
declare
  v_bytes integer := (sms.policy()).tool_result_bytes;
begin
  perform sms.become(
    p_conversation.contact_number, p_conversation.id, p_conversation.user_id,
    p_conversation.lease_id, p_call.message_id
  );
  begin
    p_call.result := sms.as_contact(sms.tool_statement(p_tool, p_call.arguments), p_call.arguments);
    if p_conversation.lease_id is not null then
      perform sms.require_lease(p_conversation); -- locked before the next line locks a part of it
    end if;
    set constraints all immediate; -- what is refused at commit is refused here
  exception
    when assert_failure or others then
      if sqlstate in ('40001', '40P01', 'PT410') then
        raise; -- nothing was done: the call may be made again, or the lease is gone
      end if;
      p_call.error := left(sqlstate || ': ' || sqlerrm, 500);
  end;
  perform sms.become(null, null, null, null, null);
  if octet_length(p_call.result::text) > v_bytes then
    p_call.result := jsonb_build_object(
      'cut', format('%s bytes; this is the beginning', octet_length(p_call.result::text)),
      'beginning', left(p_call.result::text, v_bytes / 2)
    );
  end if;
  return p_call;
end;
$$;

-- Whose call the functions of sms_tools are told it is, until the end of the transaction.
create function sms.become(
  p_contact_number text, p_conversation_id uuid, p_account_id uuid, p_lease_id uuid,
  p_message_id bigint
)
returns void language plpgsql set search_path = '' as $$
begin
  perform set_config('sms.contact_number', coalesce(p_contact_number, ''), true),
    set_config('sms.conversation_id', coalesce(p_conversation_id::text, ''), true),
    set_config('sms.account_id', coalesce(p_account_id::text, ''), true),
    set_config('sms.lease_id', coalesce(p_lease_id::text, ''), true),
    set_config('sms.message_id', coalesce(p_message_id::text, ''), true);
end;
$$;

-- The lease is still this one, and no takeover, opt-out, close or other worker came between: what
-- the tool did may stand. It may have ended the reply itself.
create function sms.require_lease(p_conversation public.sms_conversations)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_conversations as c set tool_calls_since = c.waiting_since
  where c.id = p_conversation.id and c.lease_id = p_conversation.lease_id;
  if not found and sms.ended_by_tool() is null then
    raise exception using errcode = 'PT410', message = 'The lease is gone';
  end if;
end;
$$;

-- Why a tool of this transaction said that nothing more is to be said; null: none did.
create function sms.ended_by_tool()
returns text language plpgsql stable set search_path = '' as $$
begin
  return nullif(current_setting('sms.reply_ended', true), '');
end;
$$;

-- What the worker is told of a call.
create function sms.call_outcome(p_call public.sms_tool_calls)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_call.error is not null then jsonb_build_object('outcome', 'error', 'error', p_call.error)
    when sms.ended_by_tool() is not null
      then jsonb_build_object('outcome', 'ended', 'reason', sms.ended_by_tool())
    else jsonb_build_object('outcome', 'done', 'result', p_call.result)
  end;
end;
$$;

-- The arguments as the parameters' types write them; null and absent ones take their default.
create function sms.tool_arguments(p_tool oid, p_arguments jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_missing text;
  v_unknown text;
  v_expressions text;
begin
  if jsonb_typeof(p_arguments) is distinct from 'object' then
    raise exception using errcode = '22023', message = 'the arguments are no JSON object';
  end if;
  select min(t.name) filter (
      where coalesce(p_arguments -> t.name, 'null') = 'null' and not t.has_default
    ),
    string_agg(format('%L, %s', t.name, t.expression), ', ' order by t.name) filter (
      where coalesce(p_arguments -> t.name, 'null') <> 'null'
    )
  into v_missing, v_expressions
  from sms.tool_parameters(p_tool) as t;
  select min(a.name) into v_unknown from jsonb_object_keys(p_arguments) as a (name)
  where a.name not in (select t.name from sms.tool_parameters(p_tool) as t);
  if v_missing is not null then
    raise exception using errcode = '22004', message = format('"%s" is missing', v_missing);
  elsif v_unknown is not null then
    raise exception using errcode = '22023',
      message = format('there is no parameter "%s"', left(v_unknown, 64));
  end if;
  return sms.as_contact(format('select jsonb_build_object(%s)', v_expressions), p_arguments);
end;
$$;

-- What calls the function with the arguments that are $1: cast from what is bound, never spliced. A
-- set is an array of rows, else the value itself.
create function sms.tool_statement(p_tool oid, p_arguments jsonb)
returns text language plpgsql stable set search_path = '' as $$
begin
  return (
    select format(case
        when p.proretset then 'select coalesce(jsonb_agg(to_jsonb(t)), ''[]'') from %I.%I(%s) as t'
        when p.prorettype = 'void'::regtype then 'select case when %I.%I(%s) is null then null::jsonb end'
        else 'select to_jsonb(%I.%I(%s))'
      end, n.nspname, p.proname, (
        select string_agg(format('%I => %s', t.name, t.expression), ', ')
        from sms.tool_parameters(p_tool) as t where p_arguments ? t.name
      ))
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p.oid = p_tool
  );
end;
$$;

-- Runs a statement with the rights of sms_contact alone, who owns this function (90_access.sql); only
-- what is above calls it.
create function sms.as_contact(p_statement text, p_arguments jsonb)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  v_result jsonb;
begin
  execute p_statement into v_result using p_arguments;
  return v_result;
end;
$$;

-- A function's parameters, each with the expression that reads it from $1.
create function sms.tool_parameters(p_tool oid)
returns table (name text, type oid, has_default boolean, expression text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select a.name, a.type, a.place > p.pronargs - p.pronargdefaults,
    case when t.typcategory = 'A' then format(
      '(select coalesce(array_agg(e.value order by e.place), ''{}'')::%s '
      'from jsonb_array_elements_text($1 -> %L) with ordinality as e (value, place))',
      format_type(a.type, null), a.name
    ) else format('($1 ->> %L)::%s', a.name, format_type(a.type, null)) end
  from pg_catalog.pg_proc as p
  cross join unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
    with ordinality as a (name, type, place)
  join pg_catalog.pg_type as t on t.oid = a.type
  where p.oid = p_tool
  order by a.place;
end;
$$;

-- Every function of sms_tools as a tool, and why it cannot be one (fault).
create function sms.tools()
returns table (
  name text, oid oid, acts boolean, is_built_in boolean, description text, parameters jsonb, fault text
)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select p.proname::text, p.oid, p.provolatile = 'v',
    p.proname in ('request_human', 'stop_messages', 'no_reply_needed', 'not_known'),
    sms.tool_description(p.comment, p.proargnames[1:p.pronargs]),
    jsonb_build_object('type', 'object', 'additionalProperties', false,
      'properties', s.properties, 'required', s.required),
    case
      when p.prokind <> 'f' then 'it is no plain function'
      when p.namesakes > 1 then 'there are several functions of that name'
      when p.comment is null then 'it has no comment, which tells the model what it does'
      when p.proname !~ '^[a-zA-Z0-9_-]+$' then 'its name has other characters than a-z, 0-9 and _'
      when p.pronargs > 0 and (p.proargnames is null or '' = any (p.proargnames[1:p.pronargs]))
        then 'a parameter has no name'
      when p.proargmodes && '{o,b,v}'::"char"[] then 'it has OUT, INOUT or VARIADIC parameters: return a table'
      when s.unknown_type is not null then 'it has a parameter of type ' || s.unknown_type
      when p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) then 'it is a trigger'
      when p.prorettype = 'record'::regtype and not coalesce(p.proargmodes && '{t}'::"char"[], false)
        then 'it returns record: name the columns'
      when not has_function_privilege('sms_contact', p.oid, 'execute')
        then format('sms_contact may not execute it: grant execute on function %s to sms_contact',
          p.oid::regprocedure)
    end
  from (
    select f.*, obj_description(f.oid, 'pg_proc') as comment,
      count(*) over (partition by f.proname) as namesakes
    from pg_catalog.pg_proc as f
    where f.pronamespace = to_regnamespace('sms_tools')
      and f.proname not in ('contact_number', 'conversation_id', 'account_id')
  ) as p
  cross join lateral (
    select coalesce(jsonb_object_agg(t.name, sms.tool_parameter(t.type, t.has_default,
        substring(p.comment from '(?n)^[ \t]*' || t.name || ':[ \t]*(\S.*)$')))
        filter (where t.name <> ''), '{}') as properties,
      coalesce(jsonb_agg(t.name), '[]') as required,
      min(format_type(t.type, null)) filter (where sms.tool_type(t.type) is null) as unknown_type
    from sms.tool_parameters(p.oid) as t
  ) as s
  order by p.proname;
end;
$$;

-- The first paragraph of a comment, without the lines that describe parameters.
create function sms.tool_description(p_comment text, p_names text[])
returns text language plpgsql immutable set search_path = '' as $$
begin
  return (
    select string_agg(btrim(l.line), ' ' order by l.place)
    from (
      select r.line, r.place,
        bool_or(btrim(r.line) = '' or btrim(split_part(r.line, ':', 1)) = any (p_names))
          over (order by r.place) as is_past
      from regexp_split_to_table(btrim(p_comment, E' \t\n'), '\n') with ordinality as r (line, place)
    ) as l
    where not coalesce(l.is_past, false)
  );
end;
$$;

-- A parameter as strict JSON Schema: all are required, those with a default may be null.
create function sms.tool_parameter(p_type oid, p_has_default boolean, p_description text)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_schema jsonb := sms.tool_type(p_type);
  v_description text := concat_ws('; ', p_description, v_schema ->> 'description');
begin
  if p_has_default then
    v_schema := v_schema || jsonb_build_object('type', jsonb_build_array(v_schema -> 'type', 'null'))
      || case when v_schema ? 'enum'
        then jsonb_build_object('enum', (v_schema -> 'enum') || 'null'::jsonb) else '{}' end;
  end if;
  return v_schema || case when v_description <> ''
    then jsonb_build_object('description', v_description) else '{}' end;
end;
$$;

-- A type as JSON Schema; null: it has none.
create function sms.tool_type(p_type oid)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_type pg_catalog.pg_type;
begin
  select t.* into v_type from pg_catalog.pg_type as t where t.oid = p_type;
  return case
    when v_type.typtype = 'e' then jsonb_build_object('type', 'string', 'enum', (
      select jsonb_agg(e.enumlabel order by e.enumsortorder)
      from pg_catalog.pg_enum as e where e.enumtypid = p_type
    ))
    when v_type.typcategory = 'A'
      then jsonb_build_object('type', 'array', 'items', sms.tool_type(v_type.typelem))
        || case when sms.tool_type(v_type.typelem) is null then null else '{}'::jsonb end
    when v_type.typnamespace <> 'pg_catalog'::regnamespace then null
    else case v_type.typname
      when 'text' then '{"type": "string"}'
      when 'varchar' then '{"type": "string"}'
      when 'int2' then '{"type": "integer"}'
      when 'int4' then '{"type": "integer"}'
      when 'int8' then '{"type": "integer"}'
      when 'numeric' then '{"type": "number"}'
      when 'float8' then '{"type": "number"}'
      when 'bool' then '{"type": "boolean"}'
      when 'date' then '{"type": "string", "description": "YYYY-MM-DD"}'
      when 'time' then '{"type": "string", "description": "HH:MM, 24 hours"}'
      when 'timestamptz' then '{"type": "string", "description": "ISO 8601 with time zone"}'
      when 'uuid' then '{"type": "string", "description": "UUID"}'
      when 'jsonb' then '{"type": "string", "description": "JSON"}'
    end::jsonb
  end;
end;
$$;

-- What the number offers now: [{name, description, parameters}]. A name whose function is gone is
-- left out; doctor says so.
create function sms.offered_tools(p_names text[])
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', t.name, 'description', t.description, 'parameters', t.parameters
    ) order by t.name), '[]')
    from sms.tools() as t
    where t.name = any (p_names) and t.fault is null and not t.is_built_in
  );
end;
$$;

-- The calls made so far for the pending reply, [{id, name, arguments, result, error}], after those of
-- which a reply told that never reached Twilio: its words are in no history, and what was done would
-- be done again.
create function sms.recorded_calls(p_conversation public.sms_conversations)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', k.id, 'name', k.name, 'arguments', k.arguments, 'result', k.result, 'error', k.error
    ) order by k.id), '[]')
    from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and (
      k.waiting_since = p_conversation.waiting_since
      or k.waiting_since = p_conversation.tool_calls_since and sms.was_never_told(k)
    )
  );
end;
$$;

-- Did the reply that these calls led to fail, and no other one arrive since?
create function sms.was_never_told(p_call public.sms_tool_calls)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.id = p_call.reply_id and not sms.reached_twilio(m.message_sid, m.status)
  ) and not exists (
    select from public.sms_messages as m
    where m.conversation_id = p_call.conversation_id and m.id > p_call.reply_id
      and m.direction = 'outgoing' and sms.reached_twilio(m.message_sid, m.status)
  );
end;
$$;

-- Has a tool acted for the pending reply? Then the reply is not superseded: it says what was done.
create function sms.has_acted(p_conversation public.sms_conversations)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return coalesce(p_conversation.tool_calls_since = p_conversation.waiting_since, false) and exists (
    select from public.sms_tool_calls as k
    where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
      and k.acts and k.error is null
  );
end;
$$;

-- The calls stand under the reply they led to.
create function sms.end_tool_calls(p_conversation public.sms_conversations, p_reply_id bigint)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_tool_calls as k set reply_id = p_reply_id
  where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since;
end;
$$;

-- A reply of which tools acted is not covered by the next one, which does not know of them.
create function sms.tells_what_was_done(p_message_id bigint)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from public.sms_tool_calls as k
    where k.reply_id = p_message_id and k.acts and k.error is null
  );
end;
$$;

-- What a contact is told when tools acted and no reply could be made after all: the fallback's "we
-- cannot answer" would be wrong. Null: none acted.
create function sms.recorded_reply(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns text language plpgsql stable set search_path = '' as $$
declare
  v_done text;
begin
  if not sms.has_acted(p_conversation) then
    return null;
  end if;
  select string_agg(distinct replace(k.name, '_', ' '), ', ') into v_done
  from public.sms_tool_calls as k
  where k.conversation_id = p_conversation.id and k.waiting_since = p_conversation.waiting_since
    and k.acts and k.error is null;
  return replace(
    sms.canned_content(p_config, 'recorded', sms.contact_language(p_conversation)), '{done}', v_done
  );
end;
$$;

-- A human tells the contact what came of it.
create function sms.ask_for_human_after_tools(p_conversation public.sms_conversations)
returns void language plpgsql set search_path = '' as $$
begin
  if sms.has_acted(p_conversation) then
    update public.sms_conversations as c set wants_human = true
    where c.id = p_conversation.id and not c.wants_human;
  end if;
end;
$$;

-- Refuses a number's tools that are none, and says why.
create function sms.check_tools()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_unknown record;
begin
  select n.name, t.fault, t.is_built_in into v_unknown
  from unnest(new.tools) as n (name)
  left join sms.tools() as t on t.name = n.name
  where t.name is null or t.fault is not null or t.is_built_in
  limit 1;
  if found then
    raise exception using errcode = 'PT422',
      message = format('"%s" is no tool: %s', left(v_unknown.name, 64), coalesce(
        v_unknown.fault,
        case when v_unknown.is_built_in then 'it is offered to every model already' end,
        'there is no such function in schema sms_tools'
      )),
      hint = '`sms-gateway tools` lists the functions that can be offered.';
  end if;
  return new;
end;
$$;

create trigger sms_configs_tools_exist -- after sms_configs_refuse_invalid
  before insert or update of tools on public.sms_configs
  for each row when (new.tools is not null) execute function sms.check_tools();

-- What a tool may ask.

create function sms_tools.contact_number()
returns text language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.contact_number', true), '');
$$;
comment on function sms_tools.contact_number() is 'The number of the contact the tool runs for.';

create function sms_tools.conversation_id()
returns uuid language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.conversation_id', true), '')::uuid;
$$;
comment on function sms_tools.conversation_id() is 'The conversation the tool runs for.';

create function sms_tools.account_id()
returns uuid language sql stable set search_path = '' as $$
  select nullif(current_setting('sms.account_id', true), '')::uuid;
$$;
comment on function sms_tools.account_id() is 'The account (auth.users.id) that owns the number.';

-- The built-in tools, by the same door, offered to every model. They act on the gateway's own
-- tables, which sms_contact does not reach, and so run as their owner.

create function sms_tools.request_human(p_reason text)
returns text language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_conversations as c set wants_human = true
  where c.id = sms_tools.conversation_id();
  return 'A human will read this conversation.';
end;
$$;
comment on function sms_tools.request_human(text) is
  'Asks a human of the business to take over this conversation: when the contact wants one, is upset, or needs what you cannot do. Then tell the contact that a human will get back.
p_reason: one short sentence for that human';

create function sms_tools.not_known(p_question text)
returns text language plpgsql security definer set search_path = '' as $$
begin
  perform sms.note_question(
    c, nullif(current_setting('sms.message_id', true), '')::bigint, p_question
  )
  from public.sms_conversations as c where c.id = sms_tools.conversation_id();
  return 'Noted. Say briefly that you do not know and that a human will look into it.';
end;
$$;
comment on function sms_tools.not_known(text) is
  'Notes a question about the business that neither the facts nor a tool answer, so that a human can add the answer. Then say briefly that you do not know.
p_question: the question in one sentence, understandable by itself, without names or numbers of the contact';

create function sms_tools.stop_messages(p_language text default null)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_conversation public.sms_conversations := sms.own_conversation();
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  perform sms.record_opt_out(
    v_conversation.user_id, v_conversation.contact_number, '*', true, 'model', (
      select m.occurred_at from public.sms_messages as m
      where m.id = current_setting('sms.message_id', true)::bigint
    )
  );
  if not sms.is_opted_out(
    v_conversation.user_id, v_conversation.contact_number, v_config.phone_number
  ) then
    raise exception using errcode = 'PT409', message = 'The contact has texted START since';
  end if;
  perform sms.cancel_pending_reply(v_conversation.id);
  if not sms.had_notice(v_conversation, 'stop', clock_timestamp()) then
    perform sms.queue_notice(v_conversation, 'stop', sms.canned_content(v_config, 'stop', p_language));
  end if;
  perform set_config('sms.reply_ended', 'opted_out', true);
end;
$$;
comment on function sms_tools.stop_messages(text) is
  'Ends all messages to this contact: only when the contact clearly wishes to get no more messages at all, in whatever words. It is confirmed to the contact; say nothing more.
p_language: the language of the message: en, es, fr or pt';

create function sms_tools.no_reply_needed(p_kind sms_tools.no_reply_kind)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_conversation public.sms_conversations := sms.own_conversation();
  v_config public.sms_configs;
  v_reason text;
begin
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  if not p_kind::text = any (v_config.stay_silent_for) then
    raise exception using errcode = 'PT409', message = 'This number answers such messages: answer it';
  elsif sms.must_be_answered(v_conversation) then
    raise exception using errcode = 'PT409',
      message = 'A question, and the first message of a conversation, is answered: answer it';
  end if;
  v_reason := coalesce(
    sms.send_verdict(v_conversation, v_config, null, v_now),
    case when v_conversation.last_pending_id <> current_setting('sms.message_id', true)::bigint
      then 'superseded' end,
    case p_kind when 'automatic_message' then 'auto_reply' else p_kind::text end
  );
  perform sms.withhold_generated_reply(v_conversation, v_reason);
  perform set_config('sms.reply_ended', v_reason, true);
end;
$$;
comment on function sms_tools.no_reply_needed(sms_tools.no_reply_kind) is
  'Leaves the message without a reply: only for an automatic message of a machine, a reaction to what you wrote (such as a lone emoji), or a goodbye after which nothing is left to say. Never for a question, and when in doubt answer.
p_kind: what the message is';

-- The conversation a built-in tool ends the reply of, locked; the lease must still be that of the call.
create function sms.own_conversation()
returns public.sms_conversations language plpgsql set search_path = '' as $$
declare
  v_conversation public.sms_conversations;
begin
  select c.* into v_conversation from public.sms_conversations as c
  where c.id = sms_tools.conversation_id()
    and c.lease_id = nullif(current_setting('sms.lease_id', true), '')::uuid
  for no key update;
  if not found then
    raise exception using errcode = 'PT410', message = 'No reply is being generated for this contact';
  end if;
  return v_conversation;
end;
$$;

-- Silence here would leave somebody without the reply to a question, or to a first message.
create function sms.must_be_answered(p_conversation public.sms_conversations)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return not exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.created_at < p_conversation.waiting_since
  ) or exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation.id and m.direction = 'incoming'
      and m.created_at >= p_conversation.waiting_since and m.message_content ~ '[?¿؟？\u037e]'
  );
end;
$$;

-- For the operator.

create function public.list_sms_tools(p_phone_number text default null)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'tools', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'name', t.name, 'description', t.description, 'parameters', t.parameters,
        'acts', t.acts, 'is_built_in', t.is_built_in, 'fault', t.fault
      ) order by t.is_built_in, t.name), '[]')
      from sms.tools() as t
      where p_phone_number is null or t.is_built_in or t.name = any (array(
        select unnest(f.tools) from public.sms_configs as f where f.phone_number = p_phone_number
      ))
    ),
    'problems', sms.tool_problems()
  );
end;
$$;
comment on function public.list_sms_tools(text) is
  'The tools a number offers, or all there are, as the model is shown them, and what doctor finds '
  'wrong: {tools: [{name, description, parameters, acts, is_built_in, fault}], problems: '
  '[{subject, reason, is_fault}]}.';

-- What is wrong with functions, numbers and grants: [{subject, reason, is_fault}].
create function sms.tool_problems()
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'subject', w.subject, 'reason', w.reason, 'is_fault', w.is_fault
    ) order by w.is_fault desc, w.subject, w.reason), '[]')
    from (
      select t.name as subject, 'it cannot be offered: ' || t.fault as reason, false as is_fault
      from sms.tools() as t where t.fault is not null
      union all
      select 'number …' || right(f.phone_number, 4),
        format('offers "%s", which is no tool: %s', n.name, coalesce(t.fault, 'the function is gone')),
        true
      from public.sms_configs as f
      cross join unnest(f.tools) as n (name)
      left join sms.tools() as t on t.name = n.name
      where t.name is null or t.fault is not null
      union all
      select p.proname, format('everybody may execute it: revoke execute on function %s from public',
        p.oid::regprocedure), false
      from pg_catalog.pg_proc as p
      cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
      where p.pronamespace = to_regnamespace('sms_tools') and a.grantee = 0
      union all
      select c.oid::regclass::text, case when c.relkind = 'v'
        then 'sms_contact is granted this view, which shows its owner''s rows: create it with security_invoker'
        else 'sms_contact is granted this table, whose rows nothing keeps apart: enable row level security'
        end, true
      from pg_catalog.pg_class as c
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relrowsecurity
        and not coalesce('security_invoker=true' = any (c.reloptions)
          or 'security_invoker=on' = any (c.reloptions), false)
        and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        and exists (
          select from aclexplode(c.relacl) as a where a.grantee = 'sms_contact'::regrole
          union all
          select from pg_catalog.pg_attribute as l cross join lateral aclexplode(l.attacl) as a
          where l.attrelid = c.oid and a.grantee = 'sms_contact'::regrole
        )
      union all
      select t.name, format('it names %s, of which sms_contact may do nothing: grant what it needs',
        c.oid::regclass), true
      from sms.tools() as t
      join pg_catalog.pg_proc as p on p.oid = t.oid and not p.prosecdef
      join pg_catalog.pg_class as c on c.relkind in ('r', 'p', 'v', 'm', 'f')
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname !~ '^(pg_|information_schema)'
        and strpos(p.prosrc, n.nspname || '.' || c.relname) > 0
        and p.prosrc ~ ('\m' || n.nspname || '\.' || c.relname || '\M')
        and not has_any_column_privilege('sms_contact', c.oid, 'select, insert, update')
        and not has_table_privilege('sms_contact', c.oid, 'delete')
    ) as w
  );
end;
$$;

create function public.try_sms_tool(
  p_contact_number text, p_name text, p_arguments jsonb, p_phone_number text default null,
  p_undo boolean default true
)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5s' as $$
declare
  v_config public.sms_configs;
  v_tool record;
  v_call public.sms_tool_calls;
  v_conversation public.sms_conversations;
begin
  select f.* into v_config from public.sms_configs as f
  where f.phone_number = p_phone_number or p_phone_number is null
  order by f.created_at
  limit 1;
  select t.* into v_tool from sms.tools() as t where t.name = p_name;
  if v_config.id is null or v_tool.oid is null or v_tool.fault is not null then
    raise exception using errcode = 'PT422', message = case
      when v_config.id is null then 'There is no such number'
      else format('"%s" is no tool: %s', left(p_name, 64),
        coalesce(v_tool.fault, 'there is no such function in schema sms_tools')) end;
  end if;
  select c.* into v_conversation from public.sms_conversations as c
  where c.config_id = v_config.id and c.contact_number = p_contact_number and c.closed_at is null;
  v_conversation.user_id := v_config.user_id;
  v_conversation.contact_number := p_contact_number;
  v_conversation.lease_id := null;
  begin
    v_call.arguments := sms.tool_arguments(v_tool.oid, p_arguments);
    v_call := sms.run_recorded(v_call, v_tool.oid, v_conversation);
    if p_undo then
      raise sqlstate 'UNDO1';
    end if;
  exception
    when sqlstate 'UNDO1' then null; -- variables keep their values
    when others then v_call.error := sqlstate || ': ' || sqlerrm;
  end;
  return sms.call_outcome(v_call);
end;
$$;
comment on function public.try_sms_tool(text, text, jsonb, text, boolean) is
  'For sms-gateway tools call: runs a tool as a contact of a number (null: the oldest) and, unless '
  'p_undo is false, undoes what it did. Nothing is recorded. Returns what call_sms_tool returns.';
