-- Accounts and the people who work in them.
--
-- An account is the user who owns the numbers: user_id on every row. Others are members of it: an
-- agent reads and writes messages, assigns and closes; an admin also changes settings and members;
-- the owner may also erase. Somebody becomes a member by accepting an invitation to the verified
-- e-mail address of their user.
--
-- Every policy asks sms.account_ids: `user_id = any (array(select sms.account_ids('agent')))` is
-- computed once a query and compared in the index, where `in (select …)` would filter all rows.

create table public.sms_members (
  user_id uuid not null,
  member_id uuid not null,
  role text not null default 'agent',
  email text not null,
  created_at timestamptz not null default now(),
  constraint sms_members_pkey primary key (user_id, member_id),
  constraint sms_members_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_members_member_id_fkey foreign key (member_id)
    references auth.users (id) on delete cascade,
  constraint sms_members_member_id_check check (member_id <> user_id),
  constraint sms_members_role_check check (role in (
    'agent', -- reads and writes messages, assigns, closes
    'admin'  -- also changes settings, knowledge, members
  ))
);
create index sms_members_member_id_idx on public.sms_members (member_id, user_id);

comment on table public.sms_members is
  'Who works in an account beside its owner. A row is made by accept_sms_invitation; admins change '
  'the role and remove_sms_member ends it. A removed member''s next call finds nothing; an open '
  'Realtime channel ends with its access token.';
comment on constraint sms_members_role_check on public.sms_members is 'role is agent or admin.';
comment on constraint sms_members_member_id_check on public.sms_members is
  'The owner is no member of the own account.';

create trigger sms_members_refuse_invalid
  before insert or update on public.sms_members
  for each row execute function sms.refuse_invalid();

create table public.sms_invitations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  email text not null,
  role text not null default 'agent',
  invited_by uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_at timestamptz,
  constraint sms_invitations_pkey primary key (id),
  constraint sms_invitations_user_id_email_key unique (user_id, email),
  constraint sms_invitations_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_invitations_email_check
    check (email ~ '^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$' and length(email) <= 254),
  constraint sms_invitations_role_check check (role in ('agent', 'admin'))
);

comment on table public.sms_invitations is
  'Invitations to an account by e-mail address, valid for seven days. Send the person the id, as a '
  'link into your page: accept_sms_invitation(id) makes whoever is signed in with that verified '
  'address a member.';
comment on constraint sms_invitations_email_check on public.sms_invitations is
  'email is an e-mail address, such as ana@example.com.';
comment on constraint sms_invitations_role_check on public.sms_invitations is
  'role is agent or admin.';

create trigger sms_invitations_refuse_invalid
  before insert or update on public.sms_invitations
  for each row execute function sms.refuse_invalid();

-- The accounts in which the caller has that role or a higher one: agent < admin < owner.
create function sms.account_ids(p_role text)
returns setof uuid language sql stable security definer set search_path = '' as $$
  select auth.uid() where auth.uid() is not null
  union all
  select m.user_id from public.sms_members as m
  where m.member_id = auth.uid() and (p_role = 'agent' or p_role = m.role);
$$;

-- Refuses the caller who does not have that role in the account; the service role has every role.
create function sms.require_role(p_user_id uuid, p_role text)
returns void language plpgsql stable security definer set search_path = '' as $$
begin
  if auth.uid() is null or p_user_id in (select sms.account_ids(p_role)) then
    return;
  elsif p_user_id in (select sms.account_ids('agent')) then
    raise exception using errcode = 'PT403', message = format('This needs the role %s', p_role),
      hint = 'Ask an admin or the owner of the account.';
  end if;
  raise exception using errcode = 'PT404', message = 'There is no such account',
    hint = 'get_sms_accounts() lists yours.';
end;
$$;

create function public.get_sms_accounts()
returns table (user_id uuid, email text, role text, phone_numbers text[])
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select a.id, sms.user_email(a.id), coalesce(m.role, 'owner'), array(
    select f.phone_number from public.sms_configs as f where f.user_id = a.id
    order by f.phone_number
  )
  from sms.account_ids('agent') as a (id)
  left join public.sms_members as m on m.user_id = a.id and m.member_id = auth.uid()
  order by m.role is not null, 2;
end;
$$;
comment on function public.get_sms_accounts() is
  'The accounts the caller works in, the own one first: {user_id, email of the owner, role: agent, '
  'admin or owner, phone_numbers}.';

create function public.get_sms_team(p_user_id uuid default auth.uid())
returns table (member_id uuid, email text, role text, created_at timestamptz)
language plpgsql stable security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'agent');
  return query
  select p_user_id, sms.user_email(p_user_id), 'owner', null::timestamptz
  union all (
    select m.member_id, m.email, m.role, m.created_at from public.sms_members as m
    where m.user_id = p_user_id
    order by m.email
  );
end;
$$;
comment on function public.get_sms_team(uuid) is
  'Who works in an account: its owner, then its members by e-mail address. PT404: not an account '
  'of the caller.';

create function public.invite_sms_member(
  p_email text, p_role text default 'agent', p_user_id uuid default auth.uid()
)
returns setof public.sms_invitations
language plpgsql security definer set search_path = '' as $$
declare
  v_email text := lower(btrim(p_email));
begin
  perform sms.require_role(p_user_id, 'admin');
  if v_email = lower(sms.user_email(p_user_id)) then
    raise exception using errcode = 'PT422', message = 'This is the owner of the account',
      hint = 'Invite another e-mail address.';
  elsif exists (
    select from public.sms_members as m where m.user_id = p_user_id and lower(m.email) = v_email
  ) then
    raise exception using errcode = 'PT409', message = 'This person is a member already',
      hint = 'Change the role in sms_members.';
  elsif (select count(*) from public.sms_invitations as i where i.user_id = p_user_id) >= 200 then
    raise exception using errcode = 'PT429', message = 'An account has at most 200 invitations',
      hint = 'Delete old ones from sms_invitations.';
  end if;
  return query
  insert into public.sms_invitations as i (user_id, email, role, invited_by)
  values (p_user_id, v_email, p_role, coalesce(auth.uid(), p_user_id))
  on conflict (user_id, email) do update set id = gen_random_uuid(), role = excluded.role,
    invited_by = excluded.invited_by, created_at = now(), accepted_at = null,
    expires_at = excluded.expires_at
  returning i.*;
end;
$$;
comment on function public.invite_sms_member(text, text, uuid) is
  'Invites an e-mail address to the account, as agent or admin, and returns the invitation; asked '
  'again it replaces the one before, whose link ends. PT403: the caller is no admin. PT409: a '
  'member already. PT422: no e-mail address, no such role, or the owner.';

create function public.accept_sms_invitation(p_invitation_id uuid)
returns setof public.sms_members language plpgsql security definer set search_path = '' as $$
declare
  v_invitation public.sms_invitations;
  v_email text;
begin
  select i.* into v_invitation from public.sms_invitations as i
  where i.id = p_invitation_id
  for update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such invitation',
      hint = 'It may have been replaced by a newer one: ask for its link.';
  end if;
  select lower(u.email) into v_email from auth.users as u
  where u.id = auth.uid() and u.email_confirmed_at is not null;
  if v_email is distinct from v_invitation.email then
    raise exception using errcode = 'PT403', message = 'The invitation is for another e-mail address',
      hint = 'Sign in with the address that was invited, and confirm it.';
  elsif v_invitation.accepted_at is not null then
    raise exception using errcode = 'PT409', message = 'The invitation was used already',
      hint = 'Ask for another one.';
  elsif v_invitation.expires_at < now() then
    raise exception using errcode = 'PT409', message = 'The invitation has expired',
      hint = 'Ask for another one.';
  elsif v_invitation.user_id = auth.uid() then
    raise exception using errcode = 'PT422', message = 'This is your own account';
  end if;
  update public.sms_invitations as i set accepted_at = now() where i.id = v_invitation.id;
  return query
  insert into public.sms_members as m (user_id, member_id, role, email)
  values (v_invitation.user_id, auth.uid(), v_invitation.role, v_email)
  on conflict (user_id, member_id) do update set role = excluded.role, email = excluded.email
  returning m.*;
end;
$$;
comment on function public.accept_sms_invitation(uuid) is
  'Makes the caller a member and returns the row. PT403: the invitation is for another address, or '
  'the caller''s is not confirmed. PT404: no such invitation. PT409: used or expired.';

create function public.remove_sms_member(p_member_id uuid, p_user_id uuid default auth.uid())
returns void language plpgsql security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'admin');
  if p_member_id = p_user_id then
    raise exception using errcode = 'PT422', message = 'The owner cannot be removed',
      hint = 'The account is theirs.';
  end if;
  delete from public.sms_members as m where m.user_id = p_user_id and m.member_id = p_member_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such member',
      hint = 'get_sms_team() lists them.';
  end if;
end;
$$;
comment on function public.remove_sms_member(uuid, uuid) is
  'Ends a membership; what was assigned to that person is unassigned. PT403: the caller is no '
  'admin. PT404: no such member. PT422: the owner.';

create function public.leave_sms_account(p_user_id uuid)
returns void language plpgsql security definer set search_path = '' as $$
begin
  if p_user_id = auth.uid() then
    raise exception using errcode = 'PT422', message = 'The owner cannot leave the account',
      hint = 'The account is yours.';
  end if;
  delete from public.sms_members as m where m.user_id = p_user_id and m.member_id = auth.uid();
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such account',
      hint = 'get_sms_accounts() lists yours.';
  end if;
end;
$$;
comment on function public.leave_sms_account(uuid) is
  'Ends the caller''s membership. PT404: the caller is no member. PT422: the caller is the owner.';

-- People whose address is not confirmed: members, and those with an invitation that they cannot
-- accept yet; 20 at most, members first. For the doctor.
create function sms.unconfirmed_team()
returns jsonb language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(p)), '[]')
  from (
    select m.email, true as is_member
    from public.sms_members as m
    join auth.users as u on u.id = m.member_id
    where u.email_confirmed_at is null
    union
    select i.email, false
    from public.sms_invitations as i
    join auth.users as u on u.email = i.email
    where i.accepted_at is null and i.expires_at > now() and u.email_confirmed_at is null
    order by is_member desc, email
    limit 20
  ) as p;
$$;

-- What was a former member's is nobody's.
create function sms.after_member_left()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.sms_conversations as c set assigned_to = null
  where c.user_id = old.user_id and c.assigned_to = old.member_id;
  return null;
end;
$$;

create trigger sms_members_after_left
  after delete on public.sms_members
  for each row execute function sms.after_member_left();

create function public.assign_sms_conversation(p_conversation_id uuid, p_member_id uuid)
returns setof public.sms_conversations
language plpgsql security definer set search_path = '' as $$
declare
  v_user_id uuid;
begin
  select c.user_id into v_user_id from public.sms_conversations as c
  where c.id = p_conversation_id
    and (auth.uid() is null or c.user_id in (select sms.account_ids('agent')))
  for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  elsif p_member_id is not null and p_member_id <> v_user_id and not exists (
    select from public.sms_members as m
    where m.user_id = v_user_id and m.member_id = p_member_id
  ) then
    raise exception using errcode = 'PT422', message = 'This person is no member of the account',
      hint = 'get_sms_team() lists who is; null assigns the conversation to nobody.';
  end if;
  return query
  update public.sms_conversations as c set assigned_to = p_member_id
  where c.id = p_conversation_id
  returning c.*;
end;
$$;
comment on function public.assign_sms_conversation(uuid, uuid) is
  'Gives a conversation to the owner or a member, or with null to nobody, and returns it. The first '
  'message of a human takes an unassigned one by itself. PT404: no such conversation. PT422: not '
  'a member.';
