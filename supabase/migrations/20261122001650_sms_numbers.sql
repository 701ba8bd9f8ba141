-- The operator's commands: numbers and their owners, single texts.

create function sms.user_id(p_owner text)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_found uuid[];
begin
  select array_agg(u.id) into v_found from auth.users as u
  where u.id::text = lower(p_owner) or lower(u.email) = lower(p_owner);
  if v_found is null then
    raise exception using errcode = 'PT404', message = 'There is no such user',
      hint = 'Sign up first: the owner is a user of the Supabase project, by e-mail or id.';
  elsif cardinality(v_found) > 1 then
    raise exception using errcode = 'PT409', message = 'Several users have this e-mail',
      hint = 'Name the owner by id: dashboard, Authentication > Users.';
  end if;
  return v_found[1];
end;
$$;
comment on function sms.user_id(text) is 'The user with this id or e-mail. Definer: the service role may not read auth.users.';
revoke all on function sms.user_id(text) from public, anon, authenticated, service_role;
grant execute on function sms.user_id(text) to service_role;

create function sms.user_email(p_user_id uuid)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select u.email from auth.users as u where u.id = p_user_id;
$$;
comment on function sms.user_email(uuid) is 'Null for a user who signed up without one. Definer: the service role may not read auth.users.';
revoke all on function sms.user_email(uuid) from public, anon, authenticated, service_role;
grant execute on function sms.user_email(uuid) to service_role;

create function public.add_sms_number(
  p_owner text, p_phone_number text, p_messaging_service_sid text default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_user_id uuid := sms.user_id(p_owner);
  v_config public.sms_configs;
begin
  insert into public.sms_configs as f (user_id, phone_number, messaging_service_sid)
  values (v_user_id, p_phone_number, p_messaging_service_sid)
  on conflict (phone_number) do update
    set messaging_service_sid = coalesce(p_messaging_service_sid, f.messaging_service_sid)
    where f.user_id = v_user_id
  returning f.* into v_config;
  if not found then
    raise exception using errcode = 'PT409', message = 'The number belongs to another user',
      hint = 'sms-gateway number list says to whom.';
  end if;
  return jsonb_build_object('config_id', v_config.id, 'user_id', v_user_id);
end;
$$;
comment on function public.add_sms_number(text, text, text) is 'Gives a Twilio number (E.164) to a user, by e-mail or id; its texts arrive here from now on. Again for the same user it changes nothing but a messaging service that is given. Returns {config_id, user_id}.';
revoke all on function public.add_sms_number(text, text, text) from public, anon, authenticated, service_role;
grant execute on function public.add_sms_number(text, text, text) to service_role;

create function public.list_sms_numbers()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'config_id', f.id,
    'phone_number', f.phone_number,
    'owner', coalesce(sms.user_email(f.user_id), f.user_id::text),
    'messaging_service_sid', f.messaging_service_sid,
    'openai_model', f.openai_model,
    'backfilled_until', f.backfilled_until
  ) order by f.created_at, f.phone_number), '[]')
  from public.sms_configs as f;
$$;
comment on function public.list_sms_numbers() is 'Every number with its owner''s e-mail (or id), messaging service and model, as the operator''s commands need them.';
revoke all on function public.list_sms_numbers() from public, anon, authenticated, service_role;
grant execute on function public.list_sms_numbers() to service_role;

create function public.get_sms_message(p_message_id bigint)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m where m.id = p_message_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such message';
  end if;
  return to_jsonb(v_message) || jsonb_build_object(
    'sent_after', v_message.sending_at - interval '2 minutes',
    'events', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'at', e.received_at, 'status', e.status, 'error_code', e.error_code,
        'message_sid', e.message_sid
      ) order by e.id), '[]')
      from public.sms_delivery_events as e
      where e.message_id = v_message.id or e.message_sid = v_message.message_sid
    )
  ) || (
    select jsonb_build_object('phone_number', f.phone_number, 'contact_number', c.contact_number)
    from public.sms_conversations as c
    join public.sms_configs as f on f.id = c.config_id
    where c.id = v_message.conversation_id
  );
end;
$$;
comment on function public.get_sms_message(bigint) is 'One text as stored, with its two numbers, the status posts of Twilio (events) and since when to look for it in Twilio''s list (sent_after).';
revoke all on function public.get_sms_message(bigint) from public, anon, authenticated, service_role;
grant execute on function public.get_sms_message(bigint) to service_role;
