-- The play of the tools: the bakery of tests/examples/tools, a contact who booked and another one who
-- did. Who reaches their rows, the functions of sms_tools and the gateway's own tables, also with the
-- settings set by hand?

begin;
select plan(4 * 23 + 7);

\ir ../../tests/examples/tools/bakery.sql
-- What a project grants by itself, or not, by the defaults that it was made with.
grant select on public.bookings to service_role;

insert into public.bookings (phone, day, meal, people) values
  ('+15557770001', '2027-12-03', 'dinner', 4), ('+15557770002', '2027-12-03', 'dinner', 6);
insert into auth.users (id, email) values ('aaaaaaaa-0000-4000-8000-00000000000a', 'ada@example.com');
insert into public.sms_configs (id, user_id, phone_number, tools) values
  ('cccccccc-0000-4000-8000-00000000000a', 'aaaaaaaa-0000-4000-8000-00000000000a', '+15550001111',
   '{book_table,cancel_booking,free_seats}');

-- How many rows, or the error. A contact is whom sms.as_contact runs statements for.
create function pg_temp.verdict(p_who text, p_statement text)
returns text language plpgsql as $$
declare
  v_rows bigint;
  v_verdict text;
begin
  perform set_config('request.jwt.claims', '{"sub": "aaaaaaaa-0000-4000-8000-00000000000a"}', true);
  perform set_config('sms.contact_number', '+15557770001', true); -- by hand
  perform set_config('sms.account_id', 'aaaaaaaa-0000-4000-8000-00000000000a', true);
  if p_who = 'a contact' then
    begin
      perform set_config('role', 'service_role', true);
      v_rows := sms.as_contact(format('select to_jsonb(count(t)) from (%s) as t', p_statement), '{}');
      raise sqlstate 'UNDO1';
    exception when others then
      v_verdict := case sqlstate when 'UNDO1' then v_rows::text else sqlstate end;
    end;
  else
    perform set_config('role', p_who, true);
    begin
      execute p_statement;
      get diagnostics v_rows = row_count;
      raise sqlstate 'UNDO1';
    exception when others then
      v_verdict := case sqlstate when 'UNDO1' then v_rows::text else sqlstate end;
    end;
  end if;
  perform set_config('role', 'none', true);
  return v_verdict;
end;
$$;

create temporary table play (
  statement text, contact text, authenticated text, anon text, service_role text
);
-- On hosted projects the service role reads every table of schema public, beyond the policies.
insert into play values
  ('select * from public.bookings', '1', '42501', '42501', '2'),
  ('select * from public.bookings where phone = ''+15557770002''', '0', '42501', '42501', '1'),
  ('select * from sms_tools.free_seats(''2027-12-03'')', '1', '42501', '42501', '42501'),
  ('select * from sms_tools.book_table(''2027-12-04'', 2)', '1', '42501', '42501', '42501'),
  ('select * from sms_tools.book_table(''2027-12-04'', 13)', '23514', '42501', '42501', '42501'),
  ('select * from sms_tools.cancel_booking(''2027-12-03'')', '1', '42501', '42501', '42501'),
  ('select sms_tools.contact_number()', '1', '42501', '42501', '42501'),
  ('select sms_tools.request_human(''x'')', '1', '42501', '42501', '42501'),
  ('select sms_tools.not_known(''x'')', '1', '42501', '42501', '42501'),
  ('select sms_tools.stop_messages()', 'PT410', '42501', '42501', '42501'),
  ('select sms_tools.no_reply_needed(''reaction'')', 'PT410', '42501', '42501', '42501'),
  ('select sms.as_contact(''select 1'', ''{}'')', '42501', '42501', '42501', '1'),
  ('select * from sms.tools()', '42501', '42501', '42501', '7'),
  ('select public.call_sms_tool(gen_random_uuid(), 1, ''book_table'', ''{}'')', '42501', '42501', '42501', '1'),
  ('select public.try_sms_tool(''+1'', ''x'', ''{}'')', '42501', '42501', '42501', 'PT422'),
  ('select public.list_sms_tools()', '42501', '42501', '42501', '1'),
  ('select public.claim_sms_work(''x'', gen_random_uuid())', '42501', '42501', '42501', '1'),
  ('select * from public.sms_configs', '42501', '1', '42501', '1'),
  ('select * from public.sms_messages', '42501', '0', '42501', '0'),
  ('select * from public.sms_conversations', '42501', '0', '42501', '0'),
  ('select * from public.sms_tool_calls', '42501', '0', '42501', '0'),
  ('select * from auth.users', '42501', '42501', '42501', '42501'),
  ('select * from sms.policy', '42501', '42501', '42501', '1');

select is(
  pg_temp.verdict(who, statement),
  case who when 'a contact' then contact when 'authenticated' then authenticated
    when 'anon' then anon else service_role end,
  who || ': ' || left(statement, 90)
)
from play cross join unnest(array['a contact', 'authenticated', 'anon', 'service_role']) as who;

-- Without the setting there is nobody.
create function pg_temp.nobody(p_statement text)
returns text language plpgsql as $$
declare
  v_rows bigint;
begin
  perform set_config('sms.contact_number', '', true);
  perform set_config('role', 'service_role', true);
  v_rows := sms.as_contact(format('select to_jsonb(count(t)) from (%s) as t', p_statement), '{}');
  perform set_config('role', 'none', true);
  return v_rows;
exception when others then
  perform set_config('role', 'none', true);
  return sqlstate;
end;
$$;
select is(pg_temp.nobody('select * from public.bookings'), '0', 'no contact, no rows');
select is(pg_temp.nobody('select * from sms_tools.book_table(''2027-12-04'', 2)'), '42501',
  'no contact, no booking');

select is(
  (select (r.rolcanlogin, r.rolbypassrls, r.rolinherit, r.rolsuper)::text from pg_roles as r
    where r.rolname = 'sms_contact'),
  '(f,f,f,f)', 'sms_contact is nobody who logs in and row level security counts for it'
);
select is_empty(
  $$select m.member::regrole from pg_auth_members as m
    where m.roleid = 'sms_contact'::regrole
      and m.member::regrole::text in ('authenticator', 'anon', 'authenticated', 'service_role', 'supabase_auth_admin')$$,
  'nobody of the Data API can become sms_contact'
);
select is_empty(
  $$select c.oid::regclass from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)
      and c.relname like 'sms%' and c.relkind in ('r', 'v')
      and has_table_privilege('sms_contact', c.oid, 'select')$$,
  'sms_contact reads no table of the gateway'
);
select set_eq(
  $$select p.oid::regprocedure::text from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'sms' and has_function_privilege('sms_contact', p.oid, 'execute')
      and pg_get_userbyid(p.proowner) <> 'sms_contact'$$,
  array[]::text[], 'and calls no function of the gateway'
);
select is_empty(
  $$select 1 where has_schema_privilege('sms_contact', 'sms', 'create')
      or has_schema_privilege('sms_contact', 'sms_tools', 'create')
      or has_schema_privilege('sms_contact', 'sms', 'usage')$$,
  'it creates nothing'
);

select * from finish();
rollback;
