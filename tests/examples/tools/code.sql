-- Who may see it needs a code: a number proves who holds the phone, not who they are. What is private
-- is told only after a code that went another way: here to the e-mail address the shop has.
--
-- After this: update sms_configs set tools = '{send_code,my_balance}';

create table public.customers (
  phone text primary key,
  email text not null,
  balance numeric(12, 2) not null
);
create table public.codes (
  phone text primary key references public.customers on delete cascade,
  code_hash text not null,
  expires_at timestamptz not null,
  tries integer not null default 0
);
create table public.emails ( -- whoever sends the shop's e-mails reads them here
  id bigint generated always as identity primary key,
  recipient text not null,
  body text not null
);
alter table public.customers enable row level security;
alter table public.codes enable row level security;
alter table public.emails enable row level security;
-- Nothing is granted to sms_contact: the two functions run as their owner and return only what they mean to.

create function sms_tools.send_code()
returns text language plpgsql security definer set search_path = '' as $$
declare
  v_code text := lpad((('x' || encode(uuid_send(gen_random_uuid()), 'hex'))::bit(32)::bigint % 1000000)::text, 6, '0');
  v_email text := (select c.email from public.customers as c where c.phone = sms_tools.contact_number());
begin
  if v_email is null then
    return 'sent if there is such a customer'; -- the same words: who asks learns nothing
  end if;
  insert into public.codes as k (phone, code_hash, expires_at)
  values (sms_tools.contact_number(), encode(sha256(v_code::bytea), 'hex'), now() + interval '10 minutes')
  on conflict (phone) do update
    set code_hash = excluded.code_hash, expires_at = excluded.expires_at, tries = 0
    where k.expires_at < now();
  if found then
    insert into public.emails (recipient, body) values (v_email, 'Your code: ' || v_code);
  end if;
  return 'sent if there is such a customer';
end;
$$;
comment on function sms_tools.send_code is
'E-mails a code to the person who is texting. Before you tell anything private: call this, then ask for the code.';

create function sms_tools.my_balance(p_code text)
returns numeric language plpgsql security definer set search_path = '' as $$
declare
  v_hash text;
begin
  -- Counted and not raised: an exception would take the count back.
  update public.codes as k set tries = k.tries + 1
  where k.phone = sms_tools.contact_number() and k.expires_at > now() and k.tries < 5
  returning k.code_hash into v_hash;
  return (
    select c.balance from public.customers as c
    where c.phone = sms_tools.contact_number() and v_hash = encode(sha256(p_code::bytea), 'hex')
  );
end;
$$;
comment on function sms_tools.my_balance is
'The balance of the person who is texting, once they have told the code from the e-mail; null: the code is wrong or old, or five were tried.
p_code: six digits';
revoke execute on function sms_tools.send_code, sms_tools.my_balance from public;
grant execute on function sms_tools.send_code, sms_tools.my_balance to sms_contact;
