-- Ada's fortnight: Inés texts ten days ago and is answered by the AI, texts two days ago and is
-- answered by a person. Luz texts today, twice. Bob has a contact of his own.

begin;
select plan(40);

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

insert into public.sms_contacts (user_id, contact_number)
select c.user_id, c.contact_number from public.sms_conversations as c;

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
  'select total_contacts, active_users_24h, active_users_7d, ai_replies, human_replies from public.get_sms_stats()',
  'values (2::bigint, 1::bigint, 2::bigint, 1::bigint, 2::bigint)',
  'a contact who wrote on two days is one contact'
);
select results_eq(
  'select failed, opted_out, segments, tokens, cost, currency from public.get_sms_stats()',
  'values (0::bigint, 0::bigint, 6::bigint, 110::bigint, 0::numeric, null::text)', 'segments and tokens'
);
select results_eq(
  'select total_contacts, active_contacts, total_conversations, total_messages, avg_response_time_seconds, ai_replies, avg_messages_per_contact from public.get_sms_engagement_metrics()',
  'values (2::bigint, 2::bigint, 2::bigint, 7::bigint, 62.0, 1::bigint, 3.50)',
  'the last 30 days'
);
select results_eq(
  'select active_contacts, total_conversations, total_messages, avg_response_time_seconds, ai_replies from public.get_sms_engagement_metrics(5)',
  'values (2::bigint, 1::bigint, 5::bigint, 120.0, 0::bigint)', 'the last 5 days'
);
select results_eq(
  'select active_contacts, total_conversations, total_messages, avg_response_time_seconds, share_answered_without_human from public.get_sms_engagement_metrics(1)',
  'values (1::bigint, 1::bigint, 2::bigint, null::numeric, null::numeric)', 'today: nothing ended'
);
select ok(
  (select first_reply_seconds_p50 between 3.6 and 4.4 and first_reply_seconds_p95 between 3.6 and 4.4
    from public.get_sms_engagement_metrics()), 'the first reply of a conversation came after 4 s'
);
select is(
  (select first_reply_seconds_p50 from public.get_sms_engagement_metrics(5)), null,
  'and none in the last 5 days: that of two days ago was not the first'
);
select throws_ok('select public.get_sms_engagement_metrics(0)', 'PT422', null, 'no days');
select throws_ok('select public.get_sms_engagement_metrics(null)', 'PT422', null, 'nor null');
select throws_ok('select public.get_sms_engagement_metrics(2147483647)', 'PT422', null, 'nor all');
select throws_ok($$select public.get_sms_daily(p_days => 0)$$, 'PT422', null, 'nor of the days');
select results_eq(
  'select messages_in, messages_out, segments from public.get_sms_daily()',
  'values (1::bigint, 1::bigint, 2::bigint), (1, 2, 4), (2, 0, 0)', 'days that have anything, oldest first'
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
select throws_ok(
  $$select public.get_sms_daily('aaaaaaaa-0000-4000-8000-00000000000b')$$,
  'PT404', 'There is no such account', 'nor do his days'
);
select throws_ok(
  $$select public.get_sms_engagement_metrics(30, null, 'aaaaaaaa-0000-4000-8000-00000000000b')$$,
  'PT404', 'There is no such account', 'nor his metrics'
);
select results_eq(
  $$select total_messages, active_contacts, total_contacts
    from public.get_sms_engagement_metrics(30, 'cccccccc-0000-4000-8000-00000000000b')$$,
  'values (0::bigint, null::bigint, 0::bigint)', 'nor his number, for Ada''s own account'
);

select pg_temp.become('authenticated', 'c');
select results_eq(
  'select total_messages, avg_messages_per_conversation, total_contacts, cost from public.get_sms_stats()',
  'values (0::bigint, null::numeric, 0::bigint, 0::numeric)', 'a new user has zeros'
);
select results_eq(
  'select total_contacts, avg_messages_per_contact, share_answered_without_human from public.get_sms_engagement_metrics()',
  'values (0::bigint, null::numeric, null::numeric)', 'and no averages'
);

select pg_temp.become('authenticated', '');
select throws_ok('select public.get_sms_stats()', 'PT404', null, 'a session of nobody sees nothing');
select throws_ok(
  $$select public.get_sms_daily('aaaaaaaa-0000-4000-8000-00000000000a')$$, 'PT404', null,
  'whomever it names'
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

-- Folding, ending, erasing.
create function pg_temp.all_numbers()
returns setof text language sql as $$
  select s::text from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a') as s
  union all
  select m::text from public.get_sms_engagement_metrics(30, null, 'aaaaaaaa-0000-4000-8000-00000000000a') as m
  union all
  select d::text from public.get_sms_daily('aaaaaaaa-0000-4000-8000-00000000000a') as d;
$$;
select pg_temp.become('none', '');
create temporary table before as select pg_temp.all_numbers() as numbers;
select is(sms.fold_counters(4), 4, 'a batch is folded');
select results_eq('select pg_temp.all_numbers()', 'select numbers from before', 'which changes no number');
select is(sms.fold_counters(), 7, 'and the rest: eight messages, three conversations');
select results_eq('select pg_temp.all_numbers()', 'select numbers from before', 'nor does that');
select is(sms.fold_counters(), 0, 'then there is nothing to fold');
select is(
  (select sum(messages_in + messages_out)::int from public.sms_daily_stats
    where user_id = 'aaaaaaaa-0000-4000-8000-00000000000a'), 7, 'the days themselves are a plain select'
);

-- A reply that failed, and one that is billed.
update public.sms_messages set status = 'failed'
where conversation_id = 'dddddddd-0000-4000-8000-000000000001' and author = 'ai';
update public.sms_messages set price = -0.0158, price_unit = 'EUR', segments = 3
where id = (select max(id) from public.sms_messages where author = 'human');
select results_eq(
  $$select failed, segments, ai_replies, avg_response_time_seconds, cost, currency
    from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (1::bigint, 5::bigint, 1::bigint, 120.0, 0.01580, ''EUR'')',
  'what failed is not billed and no reply; what Twilio corrects is corrected'
);
select is(
  (select first_reply_seconds_p50
    from public.get_sms_engagement_metrics(30, null, 'aaaaaaaa-0000-4000-8000-00000000000a')),
  null, 'and the contact had no first reply'
);

-- What conversations came to.
insert into public.sms_conversations (id, user_id, config_id, contact_number, last_incoming_id)
select ('dddddddd-0000-4000-8000-0000000001' || lpad(n::text, 2, '0'))::uuid,
  'aaaaaaaa-0000-4000-8000-00000000000a', 'cccccccc-0000-4000-8000-00000000000a', '+1555888' || lpad(n::text, 4, '0'), 1
from generate_series(1, 7) as n;
alter table public.sms_conversations disable trigger sms_conversations_before_close;
update public.sms_conversations as c set status = 'closed', closed_at = now(), closed_by = 'idle',
  outcome = (array['answered_by_ai', 'answered_by_ai', 'answered_by_human', 'unanswered', 'opted_out', 'blocked'])[right(c.id::text, 2)::int]
where c.contact_number like '+1555888%' and right(c.id::text, 2)::int < 7;
alter table public.sms_conversations enable trigger sms_conversations_before_close;
select results_eq(
  $$select conversations_ended, conversations_answered_by_ai, conversations_answered_by_human,
      conversations_unanswered, share_answered_without_human
    from public.get_sms_engagement_metrics(30, null, 'aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (6::bigint, 2::bigint, 1::bigint, 1::bigint, 0.6667)',
  'unanswered, opted out, blocked and unended ones are no share of the answered ones'
);
delete from public.sms_conversations where contact_number like '+1555888%';

update public.sms_conversations set status = 'closed' where id = 'dddddddd-0000-4000-8000-000000000001';
delete from public.sms_conversations where id = 'dddddddd-0000-4000-8000-000000000001';
select results_eq(
  $$select total_messages, total_conversations, active_conversations, total_contacts
    from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (7::bigint, 9::bigint, 1::bigint, 9::bigint)', 'erasing an ended conversation lowers nothing'
);
delete from public.sms_conversations where id = 'dddddddd-0000-4000-8000-000000000002';
select results_eq(
  $$select total_messages, total_conversations, active_conversations
    from public.get_user_sms_stats('aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'values (7::bigint, 9::bigint, 0::bigint)', 'an active one is no longer active'
);
select is_empty(
  $$select id from public.sms_messages where user_id = 'aaaaaaaa-0000-4000-8000-00000000000a'$$,
  'its texts are gone'
);

delete from auth.users where id in
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000b');
select sms.fold_counters();
select is_empty(
  $$select user_id::text from public.sms_configs
    union all select user_id::text from public.sms_conversations
    union all select user_id::text from public.sms_messages
    union all select user_id::text from public.sms_opt_outs
    union all select user_id::text from public.sms_daily_stats
    union all select user_id::text from sms.counted
    union all select user_id::text from sms.hourly_counts
    union all select user_id::text from sms.first_replies
    union all select user_id::text from sms.active_contacts
    union all select user_id::text from sms.hourly_contacts
    union all select user_id::text from sms.contact_digits$$,
  'a deleted user leaves nothing behind'
);

select * from finish();
rollback;
