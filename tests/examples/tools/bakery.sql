-- A bakery with tables: the assistant looks up what is free, books, and cancels.
--
-- After this: update sms_configs set tools = '{free_seats,book_table,cancel_booking}';

create table public.bookings (
  id bigint generated always as identity primary key,
  phone text not null,
  day date not null check (day >= date '2020-01-01'),
  meal text not null,
  people integer not null check (people between 1 and 12),
  created_at timestamptz not null default now()
);
create index bookings_phone_idx on public.bookings (phone);
create index bookings_day_idx on public.bookings (day, meal);
alter table public.bookings enable row level security;
revoke all on public.bookings from anon, authenticated;

-- A contact sees and cancels their own bookings, and no other's.
grant select, insert, delete on public.bookings to sms_contact;
create policy "Contacts have their own bookings" on public.bookings to sms_contact
  using (phone = sms_tools.contact_number())
  with check (phone = sms_tools.contact_number());

create type sms_tools.meal as enum ('lunch', 'dinner');

-- How full a day is concerns everybody's rows, of which a contact may know the sum: this one runs as
-- its owner, and returns a number.
create function sms_tools.free_seats(p_day date, p_meal sms_tools.meal default 'dinner')
returns bigint language sql stable security definer set search_path = '' as $$
  select 40 - coalesce(sum(b.people), 0) from public.bookings as b
  where b.day = p_day and b.meal = p_meal::text;
$$;
comment on function sms_tools.free_seats is
'How many seats are free.
p_day: the day';

create function sms_tools.book_table(
  p_day date, p_people integer, p_meal sms_tools.meal default 'dinner'
)
returns public.bookings language sql set search_path = '' as $$
  insert into public.bookings (phone, day, meal, people)
  values (sms_tools.contact_number(), p_day, p_meal::text, p_people)
  returning *;
$$;
comment on function sms_tools.book_table is
'Books a table for the person who is texting. Ask for the day and for how many people first.
p_people: 1 to 12';

create function sms_tools.cancel_booking(p_day date)
returns setof public.bookings language sql set search_path = '' as $$
  delete from public.bookings where day = p_day and phone = sms_tools.contact_number() returning *;
$$;
comment on function sms_tools.cancel_booking is
'Cancels the bookings of the person who is texting on one day, and returns them.';

-- Functions are everybody's until that is taken back.
revoke execute on function
  sms_tools.free_seats, sms_tools.book_table, sms_tools.cancel_booking from public;
grant execute on function
  sms_tools.free_seats, sms_tools.book_table, sms_tools.cancel_booking to sms_contact;
