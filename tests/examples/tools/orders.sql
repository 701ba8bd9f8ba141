-- A shop whose orders are in a table already: the assistant says where a customer's order is.
--
-- After this: update sms_configs set tools = '{my_orders}';

create table if not exists public.orders ( -- the shop's own, as it was before
  id uuid primary key default gen_random_uuid(),
  customer_phone text not null, -- as the shop wrote it: (555) 777-0001, +1 555 777 0001
  status text not null,
  total numeric(12, 2) not null,
  ordered_at timestamptz not null default now()
);
alter table public.orders enable row level security;

-- The columns a contact may see, and no others.
grant select (id, customer_phone, status, total, ordered_at) on public.orders to sms_contact;
create index if not exists orders_customer_phone_idx
  on public.orders (right(regexp_replace(customer_phone, '\D', '', 'g'), 10));
create policy "Contacts see their own orders" on public.orders for select to sms_contact
  using (
    right(regexp_replace(customer_phone, '\D', '', 'g'), 10) = right(sms_tools.contact_number(), 10)
  );

create function sms_tools.my_orders()
returns table (status text, total numeric, ordered_at timestamptz)
language sql stable set search_path = '' as $$
  select o.status, o.total, o.ordered_at from public.orders as o order by o.ordered_at desc limit 5;
$$;
comment on function sms_tools.my_orders is
'The newest five orders of the person who is texting, with their status.';
revoke execute on function sms_tools.my_orders from public;
grant execute on function sms_tools.my_orders to sms_contact;
