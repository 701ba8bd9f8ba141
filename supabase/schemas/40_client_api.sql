-- What React calls: supabase.from(...) and supabase.rpc(...), under row level security. The service
-- role sees all users. Errors are PT404, PT409, PT422 and PT429, which the Data API turns into
-- HTTP 404, 409, 422 and 429; what belongs to somebody else looks like what does not exist.

-- Text that no spreadsheet evaluates (https://owasp.org/www-community/attacks/CSV_Injection).
create function sms.disarm(p_text text)
returns text language sql immutable set search_path = '' as $$
  select case when p_text ~ '^[[:space:]\u00a0\u200b-\u200f\ufeff]*[-=+@|%\uff0b\uff0d\uff1d\uff20\t\r]'
    then '''' || p_text else p_text end;
$$;

-- The inbox.
create view public.sms_inbox with (security_invoker = true) as
select
  c.id,
  c.user_id,
  c.config_id,
  c.contact_number,
  who.name as contact_name,
  who.tags as contact_tags,
  c.is_blocked,
  c.status,
  c.auto_reply,
  c.paused_until,
  c.wants_human,
  c.assigned_to,
  c.read_up_to_id,
  c.last_message_at,
  c.created_at,
  c.closed_at,
  c.closed_by,
  c.outcome,
  newest.id as message_id,
  newest.direction as message_direction,
  newest.author as message_author,
  newest.status as message_status,
  newest.message_content,
  newest.created_at as message_created_at,
  newest.no_reply_reason,
  case when c.last_incoming_id > c.read_up_to_id then (
    select count(*)::integer
    from (
      select from public.sms_messages as m
      where m.conversation_id = c.id and m.id > c.read_up_to_id and m.direction = 'incoming'
      limit 100
    ) as unseen
  ) else 0 end as unread_count,
  c.reply_error,
  c.wants_human_since,
  coalesce((
    select o.opted_out
    from public.sms_opt_outs as o
    where o.user_id = c.user_id and o.contact_number = c.contact_number and o.phone_number in (
      '*', (select f.phone_number from public.sms_configs as f where f.id = c.config_id)
    )
    order by o.changed_at desc, o.opted_out desc
    limit 1
  ), false) as is_opted_out
from public.sms_conversations as c
-- Looked up row by row, as limit makes it: a page names its account, the policy does so again, and
-- by that the planner expects an account to have one contact and would read all of them for each row.
left join lateral (
  select k.name, k.tags from public.sms_contacts as k
  where k.user_id = c.user_id and k.contact_number = c.contact_number
  limit 1
) as who on true
left join lateral (
  select m.id, m.direction, m.author, m.status, m.message_content, m.created_at,
    m.no_reply_reason
  from public.sms_messages as m
  where m.conversation_id = c.id
  order by m.id desc
  limit 1
) as newest on true;

comment on view public.sms_inbox is
  'One row per conversation with its newest message. Order by last_message_at descending and take '
  'a page; the next page is last_message_at < the last one''s. Read only: change '
  'sms_conversations.';
comment on column public.sms_inbox.reply_error is
  'Why the newest message that a reply was due for got none, such as loop, rate_limit or paused.';
comment on column public.sms_inbox.wants_human_since is
  'Since when the contact waits for a human: how long somebody has waited, not when they wrote last.';
comment on column public.sms_inbox.is_opted_out is
  'Nothing may be sent to the contact from this number, as sms_opt_outs says.';
comment on column public.sms_inbox.unread_count is
  'Messages of the contact after read_up_to_id; 100 means 100 or more.';

-- What a spreadsheet may open. Contacts write what they like, also =HYPERLINK("http://…"): a cell
-- that a spreadsheet would evaluate begins with an apostrophe here.
create view public.sms_export with (security_invoker = true) as
select
  m.id,
  m.conversation_id,
  m.config_id,
  m.created_at,
  sms.disarm(m.contact_number) as contact_number,
  m.direction,
  m.author,
  m.status,
  sms.disarm(m.message_content) as message_content,
  m.segments,
  m.price,
  m.price_unit,
  m.error_code
from (
  select o.*, c.contact_number, c.config_id
  from public.sms_messages as o
  join public.sms_conversations as c on c.id = o.conversation_id and c.user_id = o.user_id
) as m;

comment on view public.sms_export is
  'Messages for a spreadsheet: select with Accept: text/csv and filter by created_at. A cell that a '
  'spreadsheet would take for a formula begins with an apostrophe.';

create function public.send_sms(
  p_conversation_id uuid, p_content text, p_client_ref uuid default gen_random_uuid()
)
returns setof public.sms_messages language plpgsql set search_path = '' as $$
declare
  v_client_ref uuid := coalesce(p_client_ref, gen_random_uuid());
begin
  -- Asked again after a lost answer: the message is there, even if the conversation was closed
  -- since.
  return query select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.client_ref = v_client_ref;
  if found then
    return;
  end if;
  insert into public.sms_messages (conversation_id, message_content, client_ref)
  values (p_conversation_id, p_content, v_client_ref)
  on conflict (user_id, client_ref) where client_ref is not null do nothing;
  return query select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id and m.client_ref = v_client_ref;
  if not found then
    raise exception using errcode = 'PT409',
      message = 'This p_client_ref was used in another conversation',
      hint = 'Make up a new one for every message: crypto.randomUUID().';
  end if;
end;
$$;
comment on function public.send_sms(uuid, text, uuid) is
  'Sends a message as a human and returns its row; called twice with one p_client_ref it is one message. '
  'The AI is silent in that conversation for the number''s takeover_pause. PT404: no such '
  'conversation. PT409: it is closed. PT422: the message is empty or too long. PT429: too many today.';

create function public.close_sms_conversation(p_conversation_id uuid)
returns setof public.sms_conversations language plpgsql set search_path = '' as $$
begin
  update public.sms_conversations as c set status = 'closed'
  where c.id = p_conversation_id and c.status = 'active';
  return query select c.* from public.sms_conversations as c where c.id = p_conversation_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
end;
$$;
comment on function public.close_sms_conversation(uuid) is
  'Closes a conversation and returns it; one closed already stays as it is. What is queued or pending '
  'in it is dropped; the contact''s next message opens a new one. PT404: no such conversation.';

create function public.mark_sms_read(p_conversation_id uuid, p_up_to_id bigint default null)
returns bigint language plpgsql set search_path = '' as $$
declare
  v_read bigint;
begin
  select greatest(c.read_up_to_id, least(coalesce(p_up_to_id, c.last_incoming_id), c.last_incoming_id))
  into v_read
  from public.sms_conversations as c where c.id = p_conversation_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  update public.sms_conversations as c set read_up_to_id = v_read
  where c.id = p_conversation_id and c.read_up_to_id < v_read;
  return v_read;
end;
$$;
comment on function public.mark_sms_read(uuid, bigint) is
  'The owner has seen the conversation up to that message (null: up to its newest message); never '
  'back. Returns read_up_to_id. To be silent or to answer again the AI needs no function: update '
  'sms_conversations set auto_reply = false, or auto_reply = true and paused_until = null. PT404: '
  'no such conversation.';

create function public.get_sms_conversation_history(
  p_conversation_id uuid, p_limit integer default 50, p_before_id bigint default null
)
returns setof public.sms_messages language plpgsql stable set search_path = '' as $$
begin
  if p_limit < 1 then
    raise exception using errcode = 'PT422', message = 'p_limit is less than 1',
      hint = 'Ask for 1 or more; null is 50.';
  end if;
  if not exists (select from public.sms_conversations as c where c.id = p_conversation_id) then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  return query
    select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.id < coalesce(p_before_id, 9223372036854775807)
    order by m.id desc
    limit least(coalesce(p_limit, 50), 200);
end;
$$;
comment on function public.get_sms_conversation_history(uuid, integer, bigint) is
  'One page of a conversation, newest first; the next page is asked for with the last id as '
  'p_before_id. p_limit 1 to 200; more is 200. PT404: no such conversation. PT422: p_limit is less '
  'than 1.';
