-- Who may do what, written by hand: a table, column, function or sequence that is missing here or in
-- tests/data/access.sql fails, whatever the project grants by default.

begin;
\ir ../../tests/data/access.sql
select plan(12);

-- The Data API's roles, and the first of access.sql's signs that speaks of each.
create temporary view role_of (role, sign) as
values ('authenticated', 1), ('anon', 7), ('service_role', 8);

create temporary view granted as
select t.name, r.role, c.command
from may_use as t
cross join lateral (
  values ('select', t.get), ('insert', t.post), ('update', t.patch), ('delete', t.delete)
) as c (command, signs)
join role_of as r on substr(c.signs, r.sign, 1) not in ('-', 'v');

-- Commands a role holds on a whole table, in alphabetical order. Postgres 17 adds MAINTAIN.
create temporary view held as
select n.nspname || '.' || c.relname as name,
  case when a.grantee = 0 then 'public' else a.grantee::regrole::text end as role,
  string_agg(lower(a.privilege_type), ' ' order by a.privilege_type) as commands
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
cross join lateral aclexplode(coalesce(
  c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
)) as a
where n.nspname in ('public', 'sms') and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
  and a.grantee <> c.relowner
group by 1, 2;

select set_eq(
  $$select name, role, commands from held where name like 'public.%'$$,
  $$select 'public.' || name, role, string_agg(command, ' ' order by command)
    from granted
    where role = 'service_role' or command in ('select', 'delete')
    group by name, role$$,
  'tables and views: each role holds these commands and no others, and clients write columns alone'
);

select set_eq(
  $$select name, role, commands from held where name like 'sms.%'$$,
  $$values
    ('sms.policy', 'service_role', 'select'),
    ('sms.patterns', 'service_role', 'select'),
    ('sms.pattern_keys', 'service_role', 'select'),
    ('sms.human_messages', 'service_role', 'delete select'),
    ('sms.event_secrets', 'service_role', 'insert select'),
    ('sms.automatic_messages', 'service_role', 'insert select update'),
    ('sms.maintenance', 'service_role', 'select update'),
    ('sms.counted', 'service_role', 'delete insert select update'),
    ('sms.hourly_counts', 'service_role', 'delete insert select update'),
    ('sms.first_replies', 'service_role', 'delete insert select update'),
    ('sms.active_contacts', 'service_role', 'delete insert select update'),
    ('sms.hourly_contacts', 'service_role', 'delete insert select update'),
    ('sms.known_words', 'service_role', 'select'),
    ('sms.knowledge_synonyms', 'service_role', 'select')
  $$,
  'private tables: each role holds these commands and no others'
);

select set_eq(
  $$select n.nspname || '.' || c.relname, c.relkind::text
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('public', 'sms') and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')$$,
  $$select 'public.' || name, case left(post, 1) when 'v' then 'v' else 'r' end from may_use
    union all values
    ('sms.contact_digits', 'r'),
    ('sms.policy', 'r'),
    ('sms.patterns', 'r'),
    ('sms.pattern_keys', 'r'),
    ('sms.patterns_id_seq', 'S'),
    ('sms.human_messages', 'r'),
    ('sms.event_secrets', 'r'),
    ('public.sms_event_deliveries_id_seq', 'S'),
    ('sms.automatic_messages', 'r'),
    ('sms.maintenance', 'r'),
    ('public.sms_delivery_events_id_seq', 'S'),
    ('sms.counted', 'r'),
    ('sms.hourly_counts', 'r'),
    ('sms.first_replies', 'r'),
    ('sms.active_contacts', 'r'),
    ('sms.hourly_contacts', 'r'),
    ('public.sms_passages_id_seq', 'S'),
    ('sms.known_words', 'r'),
    ('sms.knowledge_synonyms', 'r'),
    ('public.sms_messages_id_seq', 'S'),
    ('public.sms_tool_calls_id_seq', 'S'),
    ('public.sms_webhook_logs_id_seq', 'S')
  $$,
  'these tables, views and sequences exist and no others'
);

select is_empty(
  $$select c.relname from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)
      and c.relkind in ('r', 'p') and not c.relrowsecurity$$,
  'every table has row level security'
);

select is_empty(
  $$select c.relname from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
      and not coalesce('security_invoker=true' = any (c.reloptions), false)$$,
  'every view asks with the rights of its caller'
);

select set_eq(
  $$select c.relname::text, a.attname::text, x.grantee::regrole::text, lower(x.privilege_type)
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    cross join lateral aclexplode(a.attacl) as x
    where c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)$$,
  $$select t.name, c.name as column_name, 'authenticated', t.command
    from (values
      ('sms_configs', 'update', array[
        'system_prompt', 'openai_model', 'max_tokens', 'temperature', 'history_limit',
        'max_segments', 'fold_accents', 'auto_reply', 'answer_groups', 'reply_delay',
        'takeover_pause',
        'answer_within', 'close_after', 'history_across', 'context_attributes',
        'knowledge_tokens',
        'replies_per_hour', 'replies_per_day', 'number_replies_per_day',
        'first_reply_notice', 'fallback_reply', 'own_opt_out', 'opt_out_reply', 'help_reply',
        'handoff_reply', 'bot_reply',
        'rate_limit_reply', 'promise_human', 'quiet_from', 'quiet_until', 'time_zone', 'tools',
        'stay_silent_for'
      ]),
      ('sms_conversations', 'update', array[
        'status', 'auto_reply', 'paused_until', 'wants_human', 'read_up_to_id'
      ]),
      ('sms_keyword_replies', 'insert', array['config_id', 'keyword', 'answer']),
      ('sms_keyword_replies', 'update', array['keyword', 'answer']),
      ('sms_contacts', 'update', array[
        'name', 'notes', 'attributes', 'tags', 'language', 'blocked_at'
      ]),
      ('sms_documents', 'insert', array[
        'user_id', 'config_id', 'title', 'content', 'language', 'enabled', 'source'
      ]),
      ('sms_documents', 'update', array['title', 'content', 'language', 'enabled']),
      ('sms_questions', 'update', array['status']),
      ('sms_event_targets', 'update', array['event_types', 'with_content', 'is_enabled']),
      ('sms_members', 'update', array['role']),
      ('sms_messages', 'insert', array['conversation_id', 'message_content', 'client_ref'])
    ) as t (name, command, columns)
    cross join lateral unnest(t.columns) as c (name)$$,
  'columns: an owner changes these and no others'
);

select set_eq(
  $$select distinct c.relname::text, x.grantee::regrole::text, lower(x.privilege_type)
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    cross join lateral aclexplode(a.attacl) as x
    where c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)$$,
  $$select name, role, command from granted
    where role <> 'service_role' and command in ('insert', 'update')$$,
  'columns: who may write a table may write some of its columns'
);

-- Functions.
create temporary view callable as
select n.nspname as schema, p.proname::text as name,
  case when a.grantee = 0 then 'public' else a.grantee::regrole::text end as role
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
where n.nspname in ('public', 'sms') and a.grantee <> p.proowner;

select set_eq(
  $$select p.proname::text,
      coalesce((select string_agg(c.role, ' ' order by c.role) from callable as c
        where c.schema = 'public' and c.name = p.proname::text), ''),
      p.prosecdef
    from pg_proc as p where p.pronamespace = 'public'::regnamespace$$,
  $$select f.name, coalesce(string_agg(r.role, ' ' order by r.role), ''), f.runs_as_owner
    from may_call as f
    left join role_of as r on substr(f.signs, r.sign, 1) <> '-'
    group by f.name, f.runs_as_owner$$,
  'functions: these exist, these roles call them, and these run as their owner'
);

select is_empty(
  $$select p.oid::regprocedure from pg_proc as p
    where p.pronamespace = 'sms'::regnamespace and p.prorettype = 'trigger'::regtype
      and has_function_privilege('service_role', p.oid, 'execute')$$,
  'the gateway calls no trigger of schema sms by hand'
);

select set_eq(
  $$select name, role from callable where schema = 'sms' and role <> 'service_role'$$,
  $$values ('normalize', 'authenticated'), ('search_words', 'authenticated'), ('disarm', 'authenticated'),
    ('account_ids', 'authenticated'), ('are_attributes', 'authenticated'),
    ('are_tags', 'authenticated'), ('is_message_status', 'authenticated'),
    ('is_author', 'authenticated'), ('is_lease', 'authenticated'),
    ('is_canned_reply', 'authenticated'), ('is_intent', 'authenticated'),
    ('is_no_reply_reason', 'authenticated'), ('is_ending', 'authenticated')$$,
  'private functions: a client runs only those that compute a column or an index'
);

-- The helpers of schema sms take the search path of the function that calls them, which is empty:
-- each is called by every message, and to set it anew is a part of what it costs.
select is_empty(
  $$select p.oid::regprocedure from pg_proc as p
    where (p.proconfig is null or 'search_path=""' <> all (p.proconfig))
      and (
        p.pronamespace = 'public'::regnamespace
        or p.pronamespace = 'sms'::regnamespace and (
          p.prosecdef or p.prorettype = 'trigger'::regtype
          or has_function_privilege('anon', p.oid, 'execute')
          or has_function_privilege('authenticated', p.oid, 'execute')
          or has_function_privilege('sms_contact', p.oid, 'execute')
          or exists ( -- a check, an index, a default, a policy, a view
            select from pg_depend as d
            where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
              and d.classid <> 'pg_proc'::regclass and d.deptype in ('n', 'a')
          )
        )
      )$$,
  'every function that others than the functions of schema sms reach has an empty search path'
);

select is(
  (select string_agg(n.nspname || ' ' || r.role, ', ' order by 1)
    from pg_namespace as n
    cross join (values ('anon'), ('authenticated'), ('service_role')) as r (role)
    where n.nspname = 'sms' and has_schema_privilege(r.role, n.oid, 'usage, create')
      or n.nspname in ('public', 'sms') and has_schema_privilege(r.role, n.oid, 'create')),
  'sms service_role',
  'schemas: clients cannot reach private, and nobody creates'
);

select * from finish();
rollback;
