-- Ada's fortnight: Inés texts ten days ago and is answered by the AI, texts two days ago and is
-- answered by a person. Luz texts today, twice. Bob has a contact of his own.

begin;
select plan(25);

insert into auth.users (id, email) values
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'ada@example.com'),
  ('aaaaaaaa-0000-4000-8000-00000000000b', 'bob@example.com'),
  ('aaaaaaaa-0000-4000-8000-00000000000c', 'cy@example.com');
insert into public.sms_configs (id, user_id, phone_number) values
  ('cccccccc-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a', '+15550001111'),
  ('cccccccc-0000-4000-8000-00000000000b', 'aaaaaaaa-0000-4000-8000-00000000000b', '+15550002222');
insert into public.sms_conversations (id, user_id, config_id, contact_number, created_at)
select ('dddddddd-0000-4000-8000-00000000000' || n)::uuid, o::uuid, c::uuid, t, now() - a
from (values
  (1, 'aaaaaaaa-0000-4000-8000-00000000000a', 'cccccccc-0000-4000-8000-00000000000a', '+15557770001', interval '10 days'),
  (2, 'aaaaaaaa-0000-4000-8000-00000000000a', 'cccccccc-0000-4000-8000-00000000000a', '+15557770002', interval '0'),
  (3, 'aaaaaaaa-0000-4000-8000-00000000000b', 'cccccccc-0000-4000-8000-00000000000b', '+15557770001', interval '0')
) as v (n, o, c, t, a);

alter table public.sms_messages disable trigger sms_messages_before_insert; -- it would say "now"

create function pg_temp.text_of(p_conversation integer, p_author text, p_ago interval, p_response numeric default null)
returns void
language sql
as $$
  insert into public.sms_messages (
    conversation_id, user_id, direction, author, status, message_content, created_at,
    response_seconds, segments, prompt_tokens, completion_tokens
  )
  select c.id, c.user_id,
    case p_author when 'contact' then 'incoming' else 'outgoing' end, p_author,
    case p_author when 'contact' then 'received' else 'accepted' end, 'x', now() - p_ago,
    p_response, case when p_author <> 'contact' then 2 end,
    case p_author when 'ai' then 100 end, case p_author when 'ai' then 10 end
  from public.sms_conversations as c
  where c.id = ('dddddddd-0000-4000-8000-00000000000' || p_conversation)::uuid;
  update public.sms_conversations as c
  set last_incoming_id = (
    select max(m.id) from public.sms_messages as m
    where m.conversation_id = c.id and m.direction = 'incoming'
  )
  where c.id = ('dddddddd-0000-4000-8000-00000000000' || p_conversation)::uuid;
$$;
select pg_temp.text_of(1, 'contact', '10 days');
select pg_temp.text_of(1, 'ai', '10 days', 4);
select pg_temp.text_of(1, 'contact', '2 days');
select pg_temp.text_of(1, 'human', '2 days', 120);
select pg_temp.text_of(1, 'human', '2 days');
select pg_temp.text_of(2, 'contact', '0');
select pg_temp.text_of(2, 'contact', '0');
select pg_temp.text_of(3, 'contact', '0');
set constraints all immediate; -- counters are counted at commit
set constraints all deferred;

create function pg_temp.become(p_role text, p_user text)
returns void
language sql
as $$
  select set_config('request.jwt.claims',
    case when p_user = '' then '' else '{"sub": "aaaaaaaa-0000-4000-8000-00000000000' || p_user || '"}' end, true);
  select set_config('role', p_role, true);
$$;

select pg_temp.become('authenticated', 'a');
select results_eq(
  'select total_conversations, active_conversations, total_messages, messages_in, messages_out from public.get_sms_stats()',
  'values (2::bigint, 2::bigint, 7::bigint, 4::bigint, 3::bigint)', 'totals'
);
select results_eq(
  'select avg_messages_per_conversation, conversations_24h, messages_24h, avg_response_time_seconds from public.get_sms_stats()',
  'values (3.50, 1::bigint, 2::bigint, 62.0)', 'averages and the last 24 hours'
);
select results_eq(
  'select total_users, active_users_24h, active_users_7d, ai_replies, human_replies from public.get_sms_stats()',
  'values (2::bigint, 1::bigint, 2::bigint, 1::bigint, 2::bigint)',
  'a contact who texted on two days is one contact'
);
select results_eq(
  'select failed, opted_out, segments, tokens, cost from public.get_sms_stats()',
  'values (0::bigint, 0::bigint, 6::bigint, 110::bigint, 0::numeric)', 'segments and tokens'
);
select results_eq(
  'select total_users, active_users, total_conversations, total_messages, avg_response_time_minutes, total_ai_responses, avg_messages_per_user, share_resolved_without_human from public.get_sms_engagement_metrics()',
  'values (2::bigint, 2::bigint, 2::bigint, 7::bigint, 1.03, 1::bigint, 3.50, 0.5)',
  'the last 30 days: a person wrote in one of two conversations'
);
select results_eq(
  'select active_users, total_conversations, total_messages, avg_response_time_minutes, total_ai_responses, share_resolved_without_human from public.get_sms_engagement_metrics(5)',
  'values (2::bigint, 1::bigint, 5::bigint, 2.0, 0::bigint, 1.0)', 'the last 5 days'
);
select results_eq(
  'select active_users, total_conversations, total_messages, avg_response_time_minutes from public.get_sms_engagement_metrics(1)',
  'values (1::bigint, 1::bigint, 2::bigint, null::numeric)', 'today'
);
select throws_ok('select public.get_sms_engagement_metrics(0)', 'PT422', null, 'no days');
select throws_ok('select public.get_sms_engagement_metrics(null)', 'PT422', null, 'nor null');
select throws_ok('select public.get_sms_engagement_metrics(2147483647)', 'PT422', null, 'nor all');
select is(
  (select sum(messages_in + messages_out)::int from public.sms_daily_stats), 7,
  'the days themselves are a plain select'
);
select results_eq(
  'select public.get_user_sms_stats()', 'select public.get_sms_stats()',
  'a user''s statistics are the caller''s'
);
select results_eq(
  $$select public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'select public.get_sms_stats()', 'also when named'
);
select throws_ok(
  $$select public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000b')$$,
  'PT404', 'There is no such account', 'Bob''s do not exist for Ada'
);

select pg_temp.become('authenticated', 'c');
select results_eq(
  'select total_messages, avg_messages_per_conversation, total_users, cost from public.get_sms_stats()',
  'values (0::bigint, null::numeric, 0::bigint, 0::numeric)', 'a new user has zeros'
);
select results_eq(
  'select total_users, avg_messages_per_user, share_resolved_without_human from public.get_sms_engagement_metrics()',
  'values (0::bigint, null::numeric, null::numeric)', 'and no averages'
);

select pg_temp.become('service_role', '');
select is((select total_messages from public.get_sms_stats()), 8::bigint, 'the service role sees all');
select is(
  (select total_messages from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000b')),
  1::bigint, 'or whom it names'
);
select throws_ok(
  'select public.get_user_sms_stats(gen_random_uuid())', 'PT404', 'There is no such account',
  'but no unknown user'
);

-- Folding, erasing.
select pg_temp.become('none', '');
create temporary table before as
select s.* from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a') as s;
update public.sms_daily_stats set shard = 3 where day < now() - interval '5 days';
update public.sms_hourly_stats set shard = 3 where hour < now() - interval '1 day';
select is(sms.fold_counters(), 2, 'days and hours gone by are folded');
select results_eq(
  $$select * from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'select * from before', 'which changes no number'
);

update public.sms_conversations set status = 'closed' where id = 'dddddddd-0000-4000-8000-000000000001';
set constraints all immediate;
set constraints all deferred;
delete from public.sms_conversations where id = 'dddddddd-0000-4000-8000-000000000001';
set constraints all immediate;
set constraints all deferred;
select results_eq(
  $$select total_messages, total_conversations, active_conversations, total_users
    from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (7::bigint, 2::bigint, 1::bigint, 2::bigint)', 'erasing a closed conversation lowers nothing'
);
delete from public.sms_conversations where id = 'dddddddd-0000-4000-8000-000000000002';
set constraints all immediate;
set constraints all deferred;
select results_eq(
  $$select total_messages, total_conversations, active_conversations
    from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (7::bigint, 2::bigint, 0::bigint)', 'an active one is no longer active'
);
select is_empty(
  $$select id from public.sms_messages where user_id = 'aaaaaaaa-0000-4000-8000-00000000000a'$$,
  'its texts are gone'
);

delete from auth.users where id in
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000b');
set constraints all immediate;
select is_empty(
  $$select user_id::text from public.sms_configs
    union all select user_id::text from public.sms_conversations
    union all select user_id::text from public.sms_messages
    union all select user_id::text from public.sms_opt_outs
    union all select user_id::text from public.sms_daily_stats
    union all select user_id::text from public.sms_hourly_stats
    union all select user_id::text from sms.contact_digits$$,
  'a deleted user leaves nothing behind'
);

select * from finish();
rollback;
