-- What a React client does, as Ada; Bob's conversation is none of hers.

begin;
select plan(43);

insert into auth.users (id, email) values
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'ada@example.com'),
  ('aaaaaaaa-0000-4000-8000-00000000000b', 'bob@example.com');
insert into public.sms_configs (id, user_id, phone_number) values
  ('cccccccc-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a', '+15550001111'),
  ('cccccccc-0000-4000-8000-00000000000b', 'aaaaaaaa-0000-4000-8000-00000000000b', '+15550002222');

set local role service_role;
select public.ingest_sms(format(
  '{"sid": "SM%s", "from": "%s", "to": "%s", "body": "%s", "media": []}', n, f, t, b
)::jsonb)
from (values
  (1, '+15557770001', '+15550001111', 'Hola, soy Inés'),
  (2, '+15557770001', '+15550001111', '¿Tienen pan?'),
  (3, '+15557770002', '+15550001111', 'Quiero un pastel'),
  (4, '+15557770001', '+15550002222', 'Hola Bob, pan')
) as texts (n, f, t, b)
order by n;
reset role;

create temporary view ines as
select * from public.sms_conversations where contact_number = '+15557770001' and user_id = 'aaaaaaaa-0000-4000-8000-00000000000a';
create temporary table bobs as
select id from public.sms_conversations where user_id = 'aaaaaaaa-0000-4000-8000-00000000000b';
grant select on ines, bobs to authenticated, anon;

set local role authenticated;
set local request.jwt.claims = '{"sub": "aaaaaaaa-0000-4000-8000-00000000000a"}';

-- The inbox.
select results_eq(
  $$select contact_number, message_content, message_direction, message_status, unread_count, status
    from public.sms_inbox order by last_message_at desc$$,
  $$values
    ('+15557770002', 'Quiero un pastel', 'incoming', 'received', 1, 'active'),
    ('+15557770001', '¿Tienen pan?', 'incoming', 'received', 2, 'active')$$,
  'the inbox shows her conversations, newest first, each with its newest text and what is unread'
);
select is(
  public.mark_sms_read((select id from ines), (select min(id) from public.sms_messages)),
  (select min(id) from public.sms_messages),
  'she has read up to a message'
);
select is(
  (select unread_count from public.sms_inbox where contact_number = '+15557770001'), 1,
  'one text is left unread'
);
select is(
  public.mark_sms_read((select id from ines)), (select last_incoming_id from ines),
  'without a message she has read them all'
);
select is(
  public.mark_sms_read((select id from ines), 1), (select last_incoming_id from ines),
  'a slower tab does not make them unread again'
);
select is(
  public.mark_sms_read((select id from ines), 9223372036854775807),
  (select last_incoming_id from ines),
  'texts to come are not read in advance'
);
select is(
  (select unread_count from public.sms_inbox where contact_number = '+15557770001'), 0,
  'nothing is unread'
);
select throws_ok(
  $$select public.mark_sms_read((select id from bobs))$$, 'PT404', 'There is no such conversation',
  'she cannot mark a conversation of Bob'
);
select throws_ok(
  $$select public.mark_sms_read(gen_random_uuid())$$, 'PT404', 'There is no such conversation',
  'which looks like one that does not exist'
);

-- Pausing the AI.
select results_eq(
  $$update public.sms_conversations set auto_reply = false where id = (select id from ines)
    returning auto_reply$$,
  'values (false)', 'she silences the AI'
);
select results_eq(
  $$update public.sms_conversations set auto_reply = true, paused_until = null
    where id = (select id from ines) returning auto_reply$$,
  'values (true)', 'and lets it answer again'
);

-- History.
select results_eq(
  $$select message_content from public.get_sms_conversation_history((select id from ines))$$,
  $$values ('¿Tienen pan?'), ('Hola, soy Inés')$$, 'the history is newest first'
);
select results_eq(
  $$select message_content from public.get_sms_conversation_history((select id from ines), 1)$$,
  $$values ('¿Tienen pan?')$$, 'a page is as long as asked'
);
select results_eq(
  $$select message_content from public.get_sms_conversation_history(
      (select id from ines), 50, (select last_incoming_id from ines))$$,
  $$values ('Hola, soy Inés')$$, 'the next page is older'
);
select throws_ok(
  $$select public.get_sms_conversation_history((select id from ines), 0)$$,
  'PT422', 'p_limit is less than 1', 'a page has one message at least'
);
select is(
  (select count(*)::int from public.get_sms_conversation_history((select id from ines), null, null)),
  2, 'null is the default'
);
select throws_ok(
  $$select public.get_sms_conversation_history((select id from bobs))$$,
  'PT404', 'There is no such conversation', 'the history of Bob''s conversation does not exist'
);

-- Sending.
select results_eq(
  $$select author, direction, status, message_content, user_id::text
    from public.send_sms((select id from ines), 'Sí, ¿cuánto?', '11111111-0000-4000-8000-000000000001')$$,
  $$values ('human', 'outgoing', 'queued', 'Sí, ¿cuánto?', 'aaaaaaaa-0000-4000-8000-00000000000a')$$,
  'she sends a text as typed'
);
select is(
  (select id from public.send_sms((select id from ines), 'Sí, ¿cuánto?', '11111111-0000-4000-8000-000000000001')),
  (select id from public.sms_messages where client_ref = '11111111-0000-4000-8000-000000000001'),
  'sent twice with one client_ref it is one row'
);
select is(
  (select count(*)::int from public.sms_messages where direction = 'outgoing'), 1, 'and one text'
);
select is(
  (select count(*)::int from public.send_sms((select id from ines), 'Aquí estoy')), 1,
  'without a client_ref each call is a text'
);
select lives_ok(
  $$insert into public.sms_messages (conversation_id, message_content, client_ref)
    values ((select id from ines), 'Otra cosa', '11111111-0000-4000-8000-000000000002')$$,
  'a plain insert sends a text as well'
);
select throws_ok(
  $$insert into public.sms_messages (conversation_id, message_content, client_ref)
    values ((select id from ines), 'Otra cosa', '11111111-0000-4000-8000-000000000002')$$,
  '23505', null, 'but its double is refused'
);
select throws_ok(
  $$select public.send_sms((select c.id from public.sms_conversations as c where c.contact_number = '+15557770002'),
      'x', '11111111-0000-4000-8000-000000000001')$$,
  'PT409', 'This p_client_ref was used in another conversation',
  'a client_ref belongs to one text'
);
select throws_ok(
  $$select public.send_sms((select id from ines), '  ')$$, 'PT422', null, 'nothing to send'
);
select throws_ok(
  $$select public.send_sms((select id from ines), repeat('x', 1601))$$, 'PT422', null, 'too long'
);
select throws_ok(
  $$select public.send_sms((select id from bobs), 'Hi')$$,
  'PT404', 'There is no such conversation', 'she cannot write to Bob''s contact'
);
select throws_ok(
  $$select public.send_sms(gen_random_uuid(), 'Hi')$$,
  'PT404', 'There is no such conversation', 'nor to nobody'
);

-- Search.
select results_eq(
  $$select message_content from public.search_sms('PAN')$$, $$values ('¿Tienen pan?')$$,
  'she finds a word in her texts alone, whatever its case'
);
select results_eq(
  $$select message_content from public.search_sms('ines ho')$$, $$values ('Hola, soy Inés')$$,
  'all words, without accents, also their beginnings'
);
select results_eq(
  $$select message_content from public.search_sms('770 002')$$, $$values ('Quiero un pastel')$$,
  'digits find the newest text of a contact'
);
select results_eq(
  $$select message_content from public.search_sms('e', 1, (select max(id) from public.sms_messages where message_content = 'Quiero un pastel'))$$,
  $$select message_content from public.sms_messages where false$$,
  'the next page is older'
);
select is_empty($$select from public.search_sms('')$$, 'nothing finds nothing');
select is_empty($$select from public.search_sms('bob')$$, 'Bob''s texts are not found');
select is_empty($$select from public.search_sms('''|(:* & ! \')$$, 'signs are no words');

-- Closing.
select results_eq(
  $$select status, closed_at is not null, send_due_at from public.close_sms_conversation((select id from ines))$$,
  $$values ('closed', true, null::timestamptz)$$, 'she closes a conversation'
);
select is(
  (select count(*)::int from public.close_sms_conversation((select id from ines))), 1,
  'closed twice it is closed'
);
select is_empty(
  $$select from public.sms_messages where is_open$$, 'what was queued is canceled'
);
select throws_ok(
  $$insert into public.sms_messages (conversation_id, message_content) values ((select id from ines), 'Hi')$$,
  'PT409', 'The conversation is closed', 'nothing is sent into a closed conversation'
);
select is(
  (select count(*)::int from public.send_sms((select id from ines), 'Sí, ¿cuánto?', '11111111-0000-4000-8000-000000000001')),
  1, 'but what was sent before is confirmed again'
);
select throws_ok(
  $$select public.close_sms_conversation((select id from bobs))$$,
  'PT404', 'There is no such conversation', 'she cannot close Bob''s conversation'
);

-- Others.
set local role service_role;
set local request.jwt.claims = '{}';
select throws_ok(
  $$select public.search_sms('pan')$$, 'PT422', null, 'the service role has no texts to search'
);
set local role anon;
select throws_ok(
  $$select public.send_sms((select id from ines), 'Hi')$$, '42501', null, 'no session, no text'
);

select * from finish();
rollback;
