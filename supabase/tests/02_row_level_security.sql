-- The play: Ada owns a number and a conversation, Bob owns another number, somebody has no session,
-- and the gateway has the secret key. Each line is one command on what is Ada's, with what each of
-- them gets: how many rows, or the error (42501: not allowed at all).

begin;
\ir ../../tests/data/access.sql

insert into auth.users (id, email) values
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'ada@example.com'),
  ('aaaaaaaa-0000-4000-8000-00000000000b', 'bob@example.com'),
  ('aaaaaaaa-0000-4000-8000-00000000000c', 'cleo@example.com');
insert into public.sms_configs (id, user_id, phone_number) values
  ('cccccccc-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a', '+15550001111'),
  ('cccccccc-0000-4000-8000-00000000000b', 'aaaaaaaa-0000-4000-8000-00000000000b', '+15550002222');
insert into public.sms_conversations (id, user_id, config_id, contact_number) values
  ('dddddddd-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a',
   'cccccccc-0000-4000-8000-00000000000a', '+15557770001');
insert into public.sms_messages
  (conversation_id, direction, author, status, message_content, message_sid)
values ('dddddddd-0000-4000-8000-00000000000a', 'incoming', 'contact', 'received', 'Hola', 'SM1');
insert into public.sms_opt_outs (user_id, contact_number, source, changed_at)
values ('aaaaaaaa-0000-4000-8000-00000000000a', '+15557770002', 'text', now());
insert into public.sms_keyword_replies (user_id, config_id, keyword, answer)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'cccccccc-0000-4000-8000-00000000000a', 'horario', '9 a 18');
insert into public.sms_documents (user_id, title, content)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'Precios', 'Pan: 2');
insert into public.sms_contacts (user_id, contact_number)
values ('aaaaaaaa-0000-4000-8000-00000000000a', '+15557770099');
insert into public.sms_tool_calls
  (user_id, conversation_id, waiting_since, message_id, name, arguments, acts)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'dddddddd-0000-4000-8000-00000000000a', now(), 1, 'x', '{}', false);
insert into public.sms_event_targets (id, user_id, kind, address, event_types) values
  ('eeeeeeee-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a', 'webhook', 'https://example.com/', '{reply.sent}');
insert into public.sms_events (id, user_id, config_id, type, occurred_at) values
  ('eeeeeeee-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a',
   'cccccccc-0000-4000-8000-00000000000a', 'reply.sent', now());
insert into public.sms_event_deliveries (user_id, event_id, target_id, status, due_at, retry_until) values
  ('aaaaaaaa-0000-4000-8000-00000000000a', 'eeeeeeee-0000-4000-8000-00000000000a',
   'eeeeeeee-0000-4000-8000-00000000000a', 'dead', null, now());
insert into public.sms_replays (id, user_id, config_id, config_version, changes) values
  ('eeeeeeee-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a',
   'cccccccc-0000-4000-8000-00000000000a', 1, '{}');
insert into public.sms_replay_answers (replay_id, place, user_id) values
  ('eeeeeeee-0000-4000-8000-00000000000a', 1, 'aaaaaaaa-0000-4000-8000-00000000000a');
insert into public.sms_members (user_id, member_id, email)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000c', 'cleo@example.com');
insert into public.sms_invitations (user_id, email, invited_by)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'dan@example.com', 'aaaaaaaa-0000-4000-8000-00000000000a');
insert into public.sms_questions (user_id, config_id, question, plain)
values ('aaaaaaaa-0000-4000-8000-00000000000a', 'cccccccc-0000-4000-8000-00000000000a', '¿Pan?', 'pan');
insert into public.sms_webhook_logs (message_sid, payload, outcome) values ('SM1', '{}', 'stored');
insert into public.sms_delivery_events (message_sid, status) values ('SM1', 'sent');
insert into public.sms_workers (name, version, seen_at) values ('w', '1', now());
select sms.fold_counters();

create function pg_temp.verdict(p_who text, p_statement text)
returns text
language plpgsql
as $$
declare
  v_rows bigint;
  v_verdict text;
begin
  perform set_config('request.jwt.claims', case p_who
    when 'Ada' then '{"sub": "aaaaaaaa-0000-4000-8000-00000000000a", "role": "authenticated"}'
    when 'Bob' then '{"sub": "aaaaaaaa-0000-4000-8000-00000000000b", "role": "authenticated"}'
    else '{}' end, true);
  perform set_config('role', case
    when p_who in ('Ada', 'Bob') then 'authenticated'
    when p_who = 'nobody' then 'anon' else 'service_role' end, true);
  begin
    execute p_statement;
    get diagnostics v_rows = row_count;
    raise sqlstate 'UNDO1'; -- every line finds the same rows
  exception when others then
    v_verdict := case sqlstate when 'UNDO1' then v_rows::text else sqlstate end;
  end;
  perform set_config('role', 'none', true);
  return v_verdict;
end;
$$;

create temporary table play (statement text, ada text, bob text, nobody text, gateway text);
insert into play values
  ('insert into public.sms_configs (user_id, phone_number) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''+15550003333'')', '42501', '42501', '42501', '1'),
  ('update public.sms_configs set system_prompt = ''x'' where phone_number = ''+15550001111''', '1', '0', '42501', '1'),
  ('update public.sms_configs set phone_number = ''+15550009999'' where phone_number = ''+15550001111''', '42501', '42501', '42501', '1'),
  ('update public.sms_configs set user_id = user_id where phone_number = ''+15550001111''', '42501', '42501', '42501', '1'),
  ('update public.sms_configs set messaging_service_sid = null where phone_number = ''+15550001111''', '42501', '42501', '42501', '1'),

  ('insert into public.sms_keyword_replies (config_id, keyword, answer) values (''cccccccc-0000-4000-8000-00000000000a'', ''precio'', ''10'')', '1', 'PT404', '42501', '1'),
  ('insert into public.sms_keyword_replies (user_id, config_id, keyword, answer) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''cccccccc-0000-4000-8000-00000000000a'', ''precio'', ''10'')', '42501', '42501', '42501', '1'),
  ('update public.sms_keyword_replies set answer = ''x'' where true', '1', '0', '42501', '1'),
  ('update public.sms_keyword_replies set config_id = config_id where true', '42501', '42501', '42501', '1'),
  ('delete from public.sms_keyword_replies where true', '1', '0', '42501', '1'),

  ('update public.sms_contacts set name = ''Ana'' where contact_number = ''+15557770099''', '1', '0', '42501', '1'),
  ('update public.sms_contacts set contact_number = ''+1'' where contact_number = ''+15557770099''', '42501', '42501', '42501', '1'),
  ('insert into public.sms_documents (user_id, title, content) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''t'', ''c'')', '1', 'PT404', '42501', '1'),
  ('update public.sms_documents set content = ''x'' where true', '1', '0', '42501', '1'),
  ('update public.sms_documents set user_id = user_id where true', '42501', '42501', '42501', '1'),
  ('delete from public.sms_documents where true', '1', '0', '42501', '1'),
  ('update public.sms_passages set content = ''x'' where true', '42501', '42501', '42501', '1'),
  ('update public.sms_questions set question = ''x'' where true', '42501', '42501', '42501', '1'),
  ('select from sms.known_words where word = ''precios''', '42501', '42501', '42501', '1'),
  ('insert into public.sms_replays (user_id, config_id, config_version, changes) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''cccccccc-0000-4000-8000-00000000000a'', 1, ''{}'')', '42501', '42501', '42501', '1'),
  ('update public.sms_replays set changes = ''{}'' where true', '42501', '42501', '42501', '1'),
  ('update public.sms_replay_answers set mark = ''same'' where true', '42501', '42501', '42501', '1'),
  ('update public.sms_models set input_price = 0 where true', '42501', '42501', '42501', '7'),
  ('update public.sms_members set role = ''admin'' where true', '1', '0', '42501', '1'),
  ('update public.sms_config_versions set version = 9 where config_id = ''cccccccc-0000-4000-8000-00000000000a''', '42501', '42501', '42501', '1'),

  ('update public.sms_event_targets set is_enabled = false where true', '1', '0', '42501', '1'),
  ('update public.sms_event_targets set address = ''https://example.net/'' where true', '42501', '42501', '42501', '1'),
  ('insert into public.sms_event_targets (user_id, kind, address, event_types) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''webhook'', ''https://example.net/'', ''{reply.sent}'')', '42501', '42501', '42501', '1'),
  ('select create_sms_event_target(''webhook'', ''https://example.net/'', ''{reply.sent}'', p_user_id => ''aaaaaaaa-0000-4000-8000-00000000000a'')', '1', 'PT404', '42501', '1'),
  ('select test_sms_event_target(''eeeeeeee-0000-4000-8000-00000000000a'')', '1', 'PT404', '42501', '1'),
  ('select replay_sms_event_delivery(d.id) from public.sms_event_deliveries as d', '1', '0', '42501', '1'),
  ('delete from public.sms_event_targets where true', '1', '0', '42501', '1'),
  ('select from sms.event_secrets', '42501', '42501', '42501', '0'),
  ('update public.sms_events set reason = ''x'' where true', '42501', '42501', '42501', '1'),
  ('update public.sms_event_deliveries set due_at = now() where true', '42501', '42501', '42501', '23514'),

  ('insert into public.sms_conversations (user_id, config_id, contact_number) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''cccccccc-0000-4000-8000-00000000000a'', ''+15557770009'')', '42501', '42501', '42501', '1'),
  ('update public.sms_conversations set auto_reply = false where true', '1', '0', '42501', '1'),
  ('update public.sms_conversations set paused_until = now() where true', '1', '0', '42501', '1'),
  ('update public.sms_conversations set wants_human = true where true', '1', '0', '42501', '1'),
  ('update public.sms_conversations set read_up_to_id = 1 where true', '1', '0', '42501', '1'),
  ('update public.sms_conversations set status = ''closed'' where true', '1', '0', '42501', '1'),
  ('update public.sms_conversations set contact_number = ''+15557770009'' where true', '42501', '42501', '42501', '1'),
  ('update public.sms_conversations set reply_due_at = now(), waiting_since = now() where true', '42501', '42501', '42501', '1'),
  ('update public.sms_inbox set auto_reply = false where true', '55000', '55000', '55000', '55000'),

  ('insert into public.sms_messages (conversation_id, message_content) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'')', '1', 'PT404', '42501', '1'),
  ('insert into public.sms_messages (conversation_id, message_content, status) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'', ''queued'')', '42501', '42501', '42501', '1'),
  ('insert into public.sms_messages (conversation_id, message_content, author) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'', ''human'')', '42501', '42501', '42501', '1'),
  ('insert into public.sms_messages (conversation_id, message_content, direction) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'', ''outgoing'')', '42501', '42501', '42501', '1'),
  ('insert into public.sms_messages (conversation_id, message_content, message_sid) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'', null)', '42501', '42501', '42501', '1'),
  ('insert into public.sms_messages (conversation_id, message_content, user_id) values (''dddddddd-0000-4000-8000-00000000000a'', ''Hi'', ''aaaaaaaa-0000-4000-8000-00000000000a'')', '42501', '42501', '42501', '1'),
  ('update public.sms_messages set message_content = ''x'' where true', '42501', '42501', '42501', '1'),

  ('update public.sms_tool_calls set result = ''1'' where true', '42501', '42501', '42501', '1'),

  ('insert into public.sms_daily_stats (user_id, day, config_id) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''2020-01-01'', ''cccccccc-0000-4000-8000-00000000000a'')', '42501', '42501', '42501', '1'),
  ('update public.sms_daily_stats set messages_in = 0 where true', '42501', '42501', '42501', '1'),

  ('insert into public.sms_opt_outs (user_id, contact_number, source, changed_at) values (''aaaaaaaa-0000-4000-8000-00000000000a'', ''+15557770003'', ''operator'', now())', '42501', '42501', '42501', '1'),
  ('update public.sms_opt_outs set opted_out = false where true', '42501', '42501', '42501', '1'),
  ('update public.sms_canned_replies set content = ''x'' where name = ''none''', '42501', '42501', '42501', '0'),
  ('update public.sms_error_codes set hint = hint where code = 30007', '42501', '42501', '42501', '1'),

  ('select from sms.contact_digits', '42501', '42501', '42501', '42501'),
  ('truncate public.sms_messages cascade', '42501', '42501', '42501', '42501');

-- What access.sql says of reading what is Ada's, and of deleting what is not there.
insert into play
select s.statement, told[1], told[6], told[7], told[8]
from may_use as t
cross join lateral (values
  (format('select from public.%I where %s limit 1', t.name, case when exists (
     select from pg_attribute as a
     where a.attrelid = t.name::regclass and a.attname = 'user_id'
   ) then $$user_id = 'aaaaaaaa-0000-4000-8000-00000000000a'$$ else 'true' end), t.get),
  (format('delete from public.%I where false', t.name), t."delete")
) as s (statement, signs)
cross join lateral (
  select array_agg(case sign when '-' then '42501' when 'v' then '55000' else sign end order by n)
  from string_to_table(s.signs, null) with ordinality as o (sign, n)
) as e (told);

select plan(4 * count(*)::integer) from play;

select is(
  pg_temp.verdict(who, statement),
  case who when 'Ada' then ada when 'Bob' then bob when 'nobody' then nobody else gateway end,
  who || ': ' || left(statement, 90)
)
from play cross join unnest(array['Ada', 'Bob', 'nobody', 'the gateway']) as who;

select * from finish();
rollback;
