-- Who may do what, typed by hand: a table, column, function or sequence that is missing here
-- fails, whatever the project grants by default.

begin;
select plan(10);

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
  'select name, role, commands from held',
  $$values
    ('sms.policy', 'service_role', 'select'),
    ('sms.patterns', 'service_role', 'select'),
    ('sms.human_messages', 'service_role', 'delete select'),
    ('sms.event_secrets', 'service_role', 'insert select'),
    ('public.sms_event_targets', 'authenticated', 'delete select'),
    ('public.sms_event_targets', 'service_role', 'delete insert select update'),
    ('public.sms_events', 'authenticated', 'select'),
    ('public.sms_events', 'service_role', 'delete insert select update'),
    ('public.sms_event_deliveries', 'authenticated', 'select'),
    ('public.sms_event_deliveries', 'service_role', 'delete insert select update'),
    ('sms.automatic_messages', 'service_role', 'insert select update'),
    ('sms.maintenance', 'service_role', 'select update'),
    ('public.sms_configs', 'authenticated', 'select'),
    ('public.sms_configs', 'service_role', 'delete insert select update'),
    ('public.sms_conversations', 'authenticated', 'select'),
    ('public.sms_conversations', 'service_role', 'delete insert select update'),
    ('public.sms_daily_stats', 'authenticated', 'select'),
    ('public.sms_daily_stats', 'service_role', 'delete insert select update'),
    ('public.sms_delivery_events', 'service_role', 'delete insert select update'),
    ('public.sms_error_codes', 'authenticated', 'select'),
    ('public.sms_error_codes', 'service_role', 'delete insert select update'),
    ('public.sms_canned_replies', 'authenticated', 'select'),
    ('public.sms_canned_replies', 'service_role', 'delete insert select update'),
    ('sms.counted', 'service_role', 'delete insert select update'),
    ('sms.hourly_counts', 'service_role', 'delete insert select update'),
    ('sms.first_replies', 'service_role', 'delete insert select update'),
    ('sms.active_contacts', 'service_role', 'delete insert select update'),
    ('sms.hourly_contacts', 'service_role', 'delete insert select update'),
    ('public.sms_export', 'authenticated', 'select'),
    ('public.sms_export', 'service_role', 'select'),
    ('public.sms_inbox', 'authenticated', 'select'),
    ('public.sms_inbox', 'service_role', 'select'),
    ('public.sms_keyword_replies', 'authenticated', 'delete select'),
    ('public.sms_keyword_replies', 'service_role', 'delete insert select update'),
    ('public.sms_members', 'authenticated', 'select'),
    ('public.sms_members', 'service_role', 'delete insert select update'),
    ('public.sms_invitations', 'authenticated', 'delete select'),
    ('public.sms_invitations', 'service_role', 'delete insert select update'),
    ('public.sms_config_versions', 'authenticated', 'select'),
    ('public.sms_contacts', 'authenticated', 'select'),
    ('public.sms_replays', 'authenticated', 'select'),
    ('public.sms_replays', 'service_role', 'delete insert select update'),
    ('public.sms_replay_answers', 'authenticated', 'select'),
    ('public.sms_replay_answers', 'service_role', 'delete insert select update'),
    ('public.sms_models', 'authenticated', 'select'),
    ('public.sms_models', 'service_role', 'delete insert select update'),
    ('public.sms_documents', 'authenticated', 'delete select'),
    ('public.sms_documents', 'service_role', 'delete insert select update'),
    ('public.sms_passages', 'authenticated', 'select'),
    ('public.sms_passages', 'service_role', 'delete insert select update'),
    ('public.sms_questions', 'authenticated', 'select'),
    ('public.sms_questions', 'service_role', 'delete insert select update'),
    ('sms.known_words', 'service_role', 'select'),
    ('sms.knowledge_synonyms', 'service_role', 'select'),
    ('public.sms_contacts', 'service_role', 'delete insert select update'),
    ('public.sms_config_versions', 'service_role', 'delete insert select update'),
    ('public.sms_messages', 'authenticated', 'select'),
    ('public.sms_messages', 'service_role', 'delete insert select update'),
    ('public.sms_tool_calls', 'authenticated', 'select'),
    ('public.sms_tool_calls', 'service_role', 'delete insert select update'),
    ('public.sms_synonyms', 'authenticated', 'select'),
    ('public.sms_synonyms', 'service_role', 'delete insert select update'),
    ('public.sms_phrases', 'authenticated', 'select'),
    ('public.sms_phrases', 'service_role', 'delete insert select update'),
    ('public.sms_opt_outs', 'authenticated', 'select'),
    ('public.sms_opt_outs', 'service_role', 'delete insert select update'),
    ('public.sms_webhook_logs', 'service_role', 'delete insert select update'),
    ('public.sms_workers', 'service_role', 'delete insert select update')
  $$,
  'tables, views and sequences: each role holds these commands and no others'
);

select set_eq(
  $$select n.nspname || '.' || c.relname, c.relkind::text
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('public', 'sms') and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')$$,
  $$values
    ('sms.contact_digits', 'r'),
    ('sms.policy', 'r'),
    ('sms.patterns', 'r'),
    ('sms.patterns_id_seq', 'S'),
    ('sms.human_messages', 'r'),
    ('sms.event_secrets', 'r'),
    ('public.sms_event_targets', 'r'),
    ('public.sms_events', 'r'),
    ('public.sms_event_deliveries', 'r'),
    ('public.sms_event_deliveries_id_seq', 'S'),
    ('sms.automatic_messages', 'r'),
    ('sms.maintenance', 'r'),
    ('public.sms_configs', 'r'),
    ('public.sms_conversations', 'r'),
    ('public.sms_daily_stats', 'r'),
    ('public.sms_delivery_events', 'r'),
    ('public.sms_delivery_events_id_seq', 'S'),
    ('public.sms_error_codes', 'r'),
    ('public.sms_canned_replies', 'r'),
    ('sms.counted', 'r'),
    ('sms.hourly_counts', 'r'),
    ('sms.first_replies', 'r'),
    ('sms.active_contacts', 'r'),
    ('sms.hourly_contacts', 'r'),
    ('public.sms_export', 'v'),
    ('public.sms_inbox', 'v'),
    ('public.sms_keyword_replies', 'r'),
    ('public.sms_members', 'r'),
    ('public.sms_invitations', 'r'),
    ('public.sms_config_versions', 'r'),
    ('public.sms_contacts', 'r'),
    ('public.sms_replays', 'r'),
    ('public.sms_replay_answers', 'r'),
    ('public.sms_models', 'r'),
    ('public.sms_documents', 'r'),
    ('public.sms_passages', 'r'),
    ('public.sms_passages_id_seq', 'S'),
    ('public.sms_questions', 'r'),
    ('sms.known_words', 'r'),
    ('sms.knowledge_synonyms', 'r'),
    ('public.sms_messages', 'r'),
    ('public.sms_messages_id_seq', 'S'),
    ('public.sms_tool_calls', 'r'),
    ('public.sms_tool_calls_id_seq', 'S'),
    ('public.sms_synonyms', 'r'),
    ('public.sms_phrases', 'r'),
    ('public.sms_opt_outs', 'r'),
    ('public.sms_webhook_logs', 'r'),
    ('public.sms_webhook_logs_id_seq', 'S'),
    ('public.sms_workers', 'r')
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
  $$values
    ('add_sms_number', 'service_role', false),
    ('accept_sms_invitation', 'authenticated', true),
    ('answer_sms_question', 'authenticated service_role', true),
    ('ask_sms_knowledge', 'authenticated service_role', true),
    ('assign_sms_conversation', 'authenticated service_role', true),
    ('erase_sms_contact', 'authenticated service_role', true),
    ('get_sms_accounts', 'authenticated service_role', true),
    ('get_sms_team', 'authenticated service_role', true),
    ('invite_sms_member', 'authenticated service_role', true),
    ('leave_sms_account', 'authenticated', true),
    ('remove_sms_member', 'authenticated service_role', true),
    ('restore_sms_config_version', 'authenticated service_role', true),
    ('upsert_sms_contacts', 'authenticated service_role', true),
    ('create_sms_event_target', 'authenticated service_role', true),
    ('test_sms_event_target', 'authenticated service_role', true),
    ('replay_sms_event_delivery', 'authenticated service_role', true),
    ('claim_sms_event_deliveries', 'service_role', false),
    ('finish_sms_event_delivery', 'service_role', false),
    ('list_sms_event_deliveries', 'service_role', false),
    ('list_sms_event_targets', 'service_role', false),
    ('start_sms_replay', 'authenticated service_role', true),
    ('start_sms_preview', 'authenticated service_role', true),
    ('get_sms_replay', 'authenticated service_role', true),
    ('cancel_sms_replay', 'authenticated service_role', true),
    ('mark_sms_replay_answer', 'authenticated service_role', true),
    ('record_sms_replay_answer', 'service_role', false),
    ('claim_sms_backfill', 'service_role', false),
    ('claim_sms_work', 'service_role', false),
    ('cleanup_old_sms_conversations', 'service_role', false),
    ('close_sms_conversation', 'authenticated service_role', false),
    ('drop_sms_backlog', 'service_role', false),
    ('fail_sms_reply', 'service_role', false),
    ('fail_sms_send', 'service_role', false),
    ('finish_sms_send', 'service_role', false),
    ('finish_sms_backfill', 'service_role', false),
    ('forget_sms_contact', 'service_role', false),
    ('get_sms_conversation_history', 'authenticated service_role', false),
    ('get_sms_daily', 'authenticated service_role', true),
    ('get_sms_engagement_metrics', 'authenticated service_role', true),
    ('get_sms_health', 'service_role', false),
    ('get_sms_message', 'service_role', false),
    ('get_sms_setup', 'service_role', false),
    ('get_sms_stats', 'authenticated service_role', false),
    ('get_user_sms_stats', 'authenticated service_role', true),
    ('import_sms_document', 'service_role', false),
    ('ingest_sms', 'service_role', false),
    ('call_sms_tool', 'service_role', false),
    ('list_sms_tools', 'service_role', false),
    ('try_sms_tool', 'service_role', false),
    ('list_sms_numbers', 'service_role', false),
    ('mark_sms_read', 'authenticated service_role', false),
    ('missing_sms', 'service_role', false),
    ('note_sms_refused', 'service_role', false),
    ('note_sms_worker', 'service_role', false),
    ('note_sms_models', 'service_role', false),
    ('queue_sms_reply', 'service_role', false),
    ('record_sms_delivery', 'service_role', false),
    ('record_sms_statuses', 'service_role', false),
    ('release_sms_work', 'service_role', false),
    ('remove_sms_worker', 'service_role', false),
    ('resend_sms', 'service_role', false),
    ('search_sms', 'authenticated service_role', true),
    ('send_sms', 'authenticated service_role', false),
    ('set_sms_opt_out', 'service_role', false),
    ('reconcile_sms', 'service_role', false),
    ('maintain_sms', 'service_role', false)
  $$,
  'functions: these exist, these roles call them, and those that ask for the role themselves run as their owner'
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
    ('are_tags', 'authenticated')$$,
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
