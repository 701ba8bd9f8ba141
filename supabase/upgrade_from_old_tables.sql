-- From the first version of this product, whose tables have the same names, to this one:
--
--   (cat supabase/upgrade_from_old_tables.sql; uv run sms-gateway schema print;
--    cat supabase/upgrade_from_old_tables.sql) | psql "$DATABASE_URL" -1 -v ON_ERROR_STOP=1
--
-- Run before the migration, it moves the old tables and functions to schema old_sms; run after it, it
-- copies numbers, contacts, conversations and messages, and compares the counts. All of it is one
-- transaction: a sentence that says what is missing leaves everything as it was. Stop the old version
-- first. When you are content: drop schema old_sms cascade.

do $$
declare
  v_function regprocedure;
begin
  if to_regnamespace('sms') is not null then
    return; -- the migration is there: the second run
  elsif to_regclass('public.sms_messages') is null then
    raise exception 'There are no old tables here'
      using hint = 'A new project needs the migration alone.';
  end if;
  create schema old_sms;
  alter table public.sms_conversations set schema old_sms;
  alter table public.sms_messages set schema old_sms;
  alter table public.sms_configs set schema old_sms;
  alter table public.sms_webhook_logs set schema old_sms;
  for v_function in
    select p.oid::regprocedure from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.proname like '%sms%'
  loop
    execute format('alter function %s set schema old_sms', v_function);
  end loop;
end;
$$;

do $$
declare
  v_number record;
  v_old record;
  v_copied bigint;
  v_expected bigint;
begin
  if to_regnamespace('sms') is null then
    return; -- the first run
  elsif to_regnamespace('old_sms') is null or exists (select from public.sms_conversations) then
    raise exception 'There is nothing to copy, or it was copied already'
      using hint = 'Run this script before and after the migration, once each.';
  end if;

  -- Numbers. The old configs name none: it stands in the conversations, and so does its owner.
  for v_number in
    select c.twilio_number as phone_number, array_agg(distinct o.user_id) as owners
    from old_sms.sms_conversations as c
    cross join lateral (
      select coalesce(c.user_id, (
        select (array_agg(f.user_id))[1] from old_sms.sms_configs as f
        having count(distinct f.user_id) = 1
      )) as user_id
    ) as o
    group by c.twilio_number
  loop
    if cardinality(v_number.owners) > 1 or v_number.owners[1] is null then
      raise exception 'Whose the number …% is cannot be told: it has % owners',
          right(v_number.phone_number, 4), cardinality(array_remove(v_number.owners, null))
        using hint = 'Give all its rows of sms_conversations the same user_id, or remove them.';
    end if;
    insert into public.sms_configs (user_id, phone_number)
    values (v_number.owners[1], v_number.phone_number);
    update public.sms_configs as f
    set system_prompt = coalesce(nullif(left(o.system_prompt, 20000), ''), f.system_prompt),
      openai_model = o.openai_model,
      max_tokens = least(greatest(o.max_tokens, 16), 4096),
      temperature = least(greatest(o.temperature, 0), 2),
      auto_reply = o.is_active
    from (
      select * from old_sms.sms_configs as s
      where s.user_id = v_number.owners[1] or s.user_id is null
      order by s.user_id is null, s.is_active desc, s.created_at desc
      limit 1
    ) as o
    where f.phone_number = v_number.phone_number;
  end loop;

  insert into public.sms_contacts (user_id, contact_number)
  select distinct f.user_id, c.phone_number
  from old_sms.sms_conversations as c
  join public.sms_configs as f on f.phone_number = c.twilio_number;

  -- Conversations. Of several active ones with one contact the newest stays active; a closed one ended
  -- with its last message, a moment apart from others that ended then. Each is opened and then closed,
  -- so that it is counted as both; what else happens at a close is off meanwhile.
  alter table public.sms_conversations disable trigger sms_conversations_before_close;
  alter table public.sms_conversations disable trigger sms_conversations_after_close;
  alter table public.sms_conversations disable trigger sms_conversations_announce_state;
  for v_old in
    select c.id, f.user_id, f.id as config_id, c.phone_number, c.created_at,
      greatest(c.last_message_at, m.last_at, c.created_at) as last_at, m.is_answered,
      row_number() over w as place, c.status = 'active' and row_number() over w = 1 as stays_active
    from old_sms.sms_conversations as c
    join public.sms_configs as f on f.phone_number = c.twilio_number
    left join lateral (
      select max(o.created_at) as last_at, bool_or(o.direction = 'outgoing') as is_answered
      from old_sms.sms_messages as o where o.conversation_id = c.id
    ) as m on true
    window w as (
      partition by c.twilio_number, c.phone_number
      order by c.status = 'active' desc, c.last_message_at desc nulls last, c.created_at desc, c.id
    )
    order by c.twilio_number, c.phone_number, place desc
  loop
    insert into public.sms_conversations
      (id, user_id, config_id, contact_number, created_at, last_message_at)
    values (
      v_old.id, v_old.user_id, v_old.config_id, v_old.phone_number, v_old.created_at, v_old.last_at
    );
    update public.sms_conversations as c
    set status = 'closed', closed_by = 'idle',
      closed_at = v_old.last_at + v_old.place * interval '1 microsecond',
      outcome = case when v_old.is_answered then 'answered_by_ai' else 'unanswered' end
    where c.id = v_old.id and not v_old.stays_active;
  end loop;

  -- Messages, once per MessageSid, oldest first: ids are in the order of time. No trigger announces
  -- them or takes them for new ones; those that count them stay.
  alter table public.sms_messages disable trigger sms_messages_before_insert;
  alter table public.sms_messages disable trigger sms_messages_announce_insert;
  insert into public.sms_messages (
    conversation_id, user_id, direction, author, message_content, message_sid, status,
    occurred_at, created_at
  )
  select o.conversation_id, c.user_id, o.direction,
    case o.direction when 'incoming' then 'contact' else 'ai' end,
    o.message_content, o.twilio_message_sid,
    case o.direction when 'incoming' then 'received' else 'sent' end,
    o.created_at, o.created_at
  from (
    select m.*, row_number() over (
      partition by coalesce(m.twilio_message_sid, m.id::text) order by m.created_at, m.id
    ) as copy
    from old_sms.sms_messages as m
  ) as o
  join public.sms_conversations as c on c.id = o.conversation_id
  where o.copy = 1
  order by o.created_at, o.id;
  set constraints all immediate; -- the counters
  set constraints all deferred;
  alter table public.sms_conversations enable trigger sms_conversations_before_close;
  alter table public.sms_conversations enable trigger sms_conversations_after_close;
  alter table public.sms_conversations enable trigger sms_conversations_announce_state;
  alter table public.sms_messages enable trigger sms_messages_before_insert;
  alter table public.sms_messages enable trigger sms_messages_announce_insert;

  update public.sms_conversations as c
  set last_incoming_id = m.last_id, read_up_to_id = m.last_id
  from (
    select i.conversation_id, max(i.id) as last_id from public.sms_messages as i
    where i.direction = 'incoming'
    group by i.conversation_id
  ) as m
  where m.conversation_id = c.id;

  select count(*) into v_expected from old_sms.sms_conversations;
  select count(*) into v_copied from public.sms_conversations;
  if v_copied <> v_expected then
    raise exception 'Of % conversations % were copied', v_expected, v_copied;
  end if;
  select count(distinct coalesce(m.twilio_message_sid, m.id::text)) into v_expected
  from old_sms.sms_messages as m;
  select count(*) into v_copied from public.sms_messages;
  if v_copied <> v_expected then
    raise exception 'Of % messages % were copied', v_expected, v_copied;
  end if;
  raise notice 'Copied: % numbers, % conversations, % messages (% in the old table)',
    (select count(*) from public.sms_configs), (select count(*) from public.sms_conversations),
    v_copied, (select count(*) from old_sms.sms_messages);
end;
$$;
