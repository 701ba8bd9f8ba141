-- Who asked not to be written to.
--
-- An opt-out belongs to the owner and outlives configs, cleanup and erasure. STOP speaks of all
-- the owner's numbers (phone_number '*'), START and Twilio's error 21610 of one; the latest of
-- the two rows decides, so that events may be learned in any order.

create table public.sms_opt_outs (
  user_id uuid not null,
  contact_number text not null,
  phone_number text not null default '*',
  opted_out boolean not null default true,
  source text not null,
  changed_at timestamptz not null,
  constraint sms_opt_outs_pkey primary key (user_id, contact_number, phone_number),
  constraint sms_opt_outs_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_opt_outs_source_check check (source in (
    'text',    -- the contact sent an opt word
    'model',   -- the contact asked for it in words that only the model understood
    'twilio',  -- Twilio refused with 21610
    'operator' -- set_sms_opt_out: the contact called or wrote otherwise
  ))
);

comment on table public.sms_opt_outs is
  'Who may not be written to. phone_number ''*'': by none of the owner''s numbers. The latest row for '
  'the number or ''*'' decides.';

create function public.set_sms_opt_out(
  p_user_id uuid, p_contact_number text, p_opted_out boolean default true, p_phone_number text default '*'
)
returns void language plpgsql set search_path = '' as $$
begin
  -- The lock on the contact's conversations keeps an answer from passing the gate meanwhile.
  perform from public.sms_conversations as c
  where c.user_id = p_user_id and c.contact_number = p_contact_number
    and c.config_id in (select f.id from public.sms_configs as f where f.user_id = p_user_id)
  order by c.id
  for no key update;
  perform sms.record_opt_out(
    p_user_id, p_contact_number, p_phone_number, p_opted_out, 'operator', clock_timestamp()
  );
  perform sms.cancel_pending_reply(c.id)
  from public.sms_conversations as c
  join public.sms_configs as f on f.id = c.config_id
  where f.user_id = p_user_id and c.contact_number = p_contact_number
    and sms.is_opted_out(p_user_id, p_contact_number, f.phone_number);
end;
$$;
comment on function public.set_sms_opt_out(uuid, text, boolean, text) is
  'For the contact who calls or writes an e-mail: record that they do (or again do not) want to be '
  'written to.';

-- Records what a contact wants; what is older than the record changes nothing.
create function sms.record_opt_out(
  p_user_id uuid, p_contact_number text, p_phone_number text,
  p_opted_out boolean, p_source text, p_changed_at timestamptz
)
returns void language plpgsql as $$
begin
  insert into public.sms_opt_outs as o
    (user_id, contact_number, phone_number, opted_out, source, changed_at)
  values (p_user_id, p_contact_number, p_phone_number, p_opted_out, p_source, p_changed_at)
  on conflict (user_id, contact_number, phone_number) do update
    set opted_out = excluded.opted_out, source = excluded.source, changed_at = excluded.changed_at
    where excluded.changed_at > o.changed_at;
end;
$$;

-- May this number not write to this contact?
create function sms.is_opted_out(p_user_id uuid, p_contact_number text, p_phone_number text)
returns boolean language plpgsql stable as $$
begin
  return coalesce((
    select o.opted_out from public.sms_opt_outs as o
    where o.user_id = p_user_id
      and o.contact_number = p_contact_number
      and o.phone_number in ('*', p_phone_number)
    order by o.changed_at desc, o.opted_out desc
    limit 1
  ), false);
end;
$$;

-- Records an opt-out or opt-in and confirms it, once, unless Twilio did: an opt-out at most once in
-- notice_every, however often the contact goes out and in.
create function sms.apply_opt_out(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns void language plpgsql as $$
declare
  v_meaning text := p_intent ->> 'meaning';
begin
  if sms.record_opt_word(
      p_conversation, p_config.phone_number, v_meaning, p_occurred_at
    )
    and not (p_intent ->> 'by_twilio')::boolean
    and p_conversation.status = 'active' and not p_conversation.is_blocked
    and p_conversation.contact_number ~ '^\+'
    and p_occurred_at > p_now - p_config.answer_within
    and not (v_meaning = 'stop' and sms.had_notice(p_conversation, 'stop', p_now)) then
    perform sms.queue_notice(p_conversation, v_meaning,
      sms.canned_content(p_config, v_meaning, p_intent ->> 'language'));
  end if;
end;
$$;

-- Answers HELP where Twilio does not.
create function sms.answer_help(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns void language plpgsql as $$
begin
  if not (p_intent ->> 'by_twilio')::boolean
    and p_conversation.status = 'active' and not p_conversation.is_blocked
    and sms.can_be_answered(p_conversation.contact_number)
    and p_occurred_at > p_now - p_config.answer_within then
    perform sms.queue_notice(
      p_conversation, 'help', sms.canned_content(p_config, 'help', p_intent ->> 'language')
    );
  end if;
end;
$$;

-- STOP speaks of all the owner's numbers and silences a generating answer, unless a later START is
-- known; START of the number it was sent to. True: it changed whether this number may write to the
-- contact.
create function sms.record_opt_word(
  p_conversation public.sms_conversations, p_phone_number text, p_meaning text, p_at timestamptz
)
returns boolean language plpgsql as $$
declare
  v_was_out boolean := sms.is_opted_out(
    p_conversation.user_id, p_conversation.contact_number, p_phone_number
  );
  v_is_out boolean;
begin
  perform sms.record_opt_out(
    p_conversation.user_id, p_conversation.contact_number,
    case p_meaning when 'stop' then '*' else p_phone_number end, p_meaning = 'stop', 'text', p_at
  );
  v_is_out := sms.is_opted_out(
    p_conversation.user_id, p_conversation.contact_number, p_phone_number
  );
  if v_is_out and p_meaning = 'stop' then
    perform sms.cancel_pending_reply(p_conversation.id);
  end if;
  return v_was_out <> v_is_out;
end;
$$;
