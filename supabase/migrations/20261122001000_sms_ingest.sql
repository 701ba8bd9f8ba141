-- A text arrives, it becomes a row; and the conversation is owed an answer.

create function private.sms_open_conversation(
  p_config public.sms_configs, p_contact_number text, p_occurred_at timestamptz
)
returns public.sms_conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_conversation public.sms_conversations;
begin
  loop
    -- The active one sorts first: its closed_at is null.
    select c.* into v_conversation from public.sms_conversations as c
    where c.config_id = p_config.id and c.contact_number = p_contact_number
    order by c.closed_at desc nulls first
    limit 1
    for no key update;
    exit when found and (
      v_conversation.status = 'active' or v_conversation.closed_at >= p_occurred_at
    );
    insert into public.sms_conversations as c (user_id, config_id, contact_number)
    values (p_config.user_id, p_config.id, p_contact_number)
    on conflict (config_id, contact_number, closed_at) do nothing
    returning c.* into v_conversation;
    exit when found;
  end loop;
  return v_conversation;
end;
$$;
comment on function private.sms_open_conversation(public.sms_configs, text, timestamptz) is 'The contact''s active conversation, locked; opened if there is none. A text from before the last one was closed joins that one.';
revoke all on function private.sms_open_conversation(public.sms_configs, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_open_conversation(public.sms_configs, text, timestamptz) to service_role;

create function private.sms_opt_meaning(p_payload jsonb)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    lower(nullif(p_payload ->> 'opt_out_type', '')),
    (
      select w.meaning from public.sms_opt_out_words as w
      where w.phrase = private.sms_normalize(p_payload ->> 'body')
    )
  );
$$;
comment on function private.sms_opt_meaning(jsonb) is 'stop, start or help when the whole text is an opt word or Twilio says so (OptOutType); else null.';
revoke all on function private.sms_opt_meaning(jsonb) from public, anon, authenticated, service_role;
grant execute on function private.sms_opt_meaning(jsonb) to service_role;

create function private.sms_note_opt_word(
  p_conversation public.sms_conversations, p_phone_number text, p_meaning text, p_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if p_meaning = 'start' then
    perform private.sms_note_opt_out(
      p_conversation.user_id, p_conversation.contact_number, p_phone_number, false, 'text', p_at
    );
  elsif p_meaning = 'stop' then
    perform private.sms_note_opt_out(
      p_conversation.user_id, p_conversation.contact_number, '*', true, 'text', p_at
    );
    if private.sms_is_opted_out(
      p_conversation.user_id, p_conversation.contact_number, p_phone_number
    ) then
      perform private.sms_silence(p_conversation.id);
    end if;
  end if;
end;
$$;
comment on function private.sms_note_opt_word(public.sms_conversations, text, text, timestamptz) is 'STOP speaks of all the owner''s numbers and silences a generating answer, unless a later START is known; START of the number it was sent to.';
revoke all on function private.sms_note_opt_word(public.sms_conversations, text, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_note_opt_word(public.sms_conversations, text, text, timestamptz) to service_role;

create function private.sms_not_owed_because(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_payload jsonb, p_meaning text, p_occurred_at timestamptz, p_now timestamptz
)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return case
    when p_meaning in ('stop', 'help') then 'opt_word'
    when p_meaning = 'start' then 'opt_word'
    when p_conversation.contact_number !~ '^\+[1-9][0-9]{6,14}$' then 'sender'
    when p_occurred_at < p_now - p_config.answer_within
      or p_occurred_at < p_config.created_at then 'old'
    when p_conversation.status = 'closed' then 'closed'
    when exists (
      select from public.sms_messages as m
      where m.conversation_id = p_conversation.id
        and m.author = 'human' and m.created_at > p_occurred_at
    ) then 'person_wrote'
    when private.sms_is_reaction(p_payload ->> 'body') then 'reaction'
  end;
end;
$$;
comment on function private.sms_not_owed_because(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) is 'Null: the text is owed an answer. Else why not.';

create function private.sms_is_reaction(p_body text)
returns boolean
language sql
immutable
security invoker
set search_path = ''
as $$
  select p_body ~ '^(Liked|Loved|Disliked|Laughed at|Emphasized|Questioned|Removed an? \w+ from|Reacted \S+ to|Le gustó|Le encantó|No le gustó|Se rio de|Enfatizó|Reaccionó con \S+ a) [“"«].*[”"»]$';
$$;
comment on function private.sms_is_reaction(text) is 'An iPhone''s reaction arrives as a text: Liked “…”.';
revoke all on function private.sms_is_reaction(text) from public, anon, authenticated, service_role;
grant execute on function private.sms_is_reaction(text) to service_role;
revoke all on function private.sms_not_owed_because(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_not_owed_because(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) to service_role;

create function private.sms_owe(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message_id bigint, p_is_owed boolean, p_now timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_since timestamptz := coalesce(p_conversation.owed_since, p_now);
begin
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, p_now),
    last_incoming_id = p_message_id,
    owed_since = case when p_is_owed then v_since else c.owed_since end,
    reply_due_at = case
      when p_is_owed then least(
        p_now + p_config.reply_delay, v_since + (private.sms_timing()).reply_wait_max
      )
      else c.reply_due_at
    end
  where c.id = p_conversation.id;
end;
$$;
comment on function private.sms_owe(public.sms_conversations, public.sms_configs, bigint, boolean, timestamptz) is 'Notes the newest text and, if it is owed an answer, when: after reply_delay without another one, at most ten seconds after the first.';
revoke all on function private.sms_owe(public.sms_conversations, public.sms_configs, bigint, boolean, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_owe(public.sms_conversations, public.sms_configs, bigint, boolean, timestamptz) to service_role;

create function private.sms_store_incoming(
  p_conversation_id uuid, p_payload jsonb, p_occurred_at timestamptz
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_id bigint;
begin
  insert into public.sms_messages as m (
    conversation_id, direction, author, status, message_content, message_sid, media, occurred_at
  ) values (
    p_conversation_id, 'incoming', 'contact', 'received', coalesce(p_payload ->> 'body', ''),
    p_payload ->> 'sid', coalesce(p_payload -> 'media', '[]'), p_occurred_at
  )
  on conflict (message_sid) do nothing
  returning m.id into v_id;
  return v_id;
end;
$$;
comment on function private.sms_store_incoming(uuid, jsonb, timestamptz) is 'The new row''s id; null when its MessageSid is already stored.';
revoke all on function private.sms_store_incoming(uuid, jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_store_incoming(uuid, jsonb, timestamptz) to service_role;

create function private.sms_note_duplicate(p_payload jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages;
begin
  update public.sms_messages as m
  set media = p_payload -> 'media'
  where m.message_sid = p_payload ->> 'sid'
    and m.media = '[]' and coalesce(p_payload -> 'media', '[]') <> '[]';
  select m.* into v_message from public.sms_messages as m
  where m.message_sid = p_payload ->> 'sid';
  return jsonb_build_object('outcome', 'duplicate', 'message_id', v_message.id,
    'conversation_id', v_message.conversation_id);
end;
$$;
comment on function private.sms_note_duplicate(jsonb) is 'A MessageSid that is stored already changes nothing; only missing media is filled in.';
revoke all on function private.sms_note_duplicate(jsonb) from public, anon, authenticated, service_role;
grant execute on function private.sms_note_duplicate(jsonb) to service_role;

create function public.ingest_sms(p_payload jsonb, p_occurred_at timestamptz default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  v_config public.sms_configs;
  v_conversation public.sms_conversations;
  v_message_id bigint;
  v_now timestamptz;
  v_occurred_at timestamptz := coalesce(p_occurred_at, clock_timestamp());
  v_meaning text;
  v_reason text;
begin
  select f.* into v_config from public.sms_configs as f where f.phone_number = p_payload ->> 'to';
  if not found then
    return private.sms_log_post(p_payload, jsonb_build_object('outcome', 'unconfigured'));
  elsif exists (
    select from public.sms_messages as m where m.message_sid = p_payload ->> 'sid'
  ) then
    return private.sms_log_post(p_payload, private.sms_note_duplicate(p_payload));
  end if;

  v_conversation := private.sms_open_conversation(v_config, p_payload ->> 'from', v_occurred_at);
  v_message_id := private.sms_store_incoming(v_conversation.id, p_payload, v_occurred_at);
  if v_message_id is null then -- lost against the same text in another session
    delete from public.sms_conversations as c
    where c.id = v_conversation.id and c.last_incoming_id is null
      and not exists (select from public.sms_messages as m where m.conversation_id = c.id);
    return private.sms_log_post(p_payload, private.sms_note_duplicate(p_payload));
  end if;

  v_now := clock_timestamp();
  v_meaning := private.sms_opt_meaning(p_payload);
  v_reason := private.sms_not_owed_because(
    v_conversation, v_config, p_payload, v_meaning, v_occurred_at, v_now
  );
  perform private.sms_owe(v_conversation, v_config, v_message_id, v_reason is null, v_now);
  perform private.sms_note_opt_word(v_conversation, v_config.phone_number, v_meaning, v_occurred_at);
  return private.sms_log_post(p_payload, jsonb_build_object(
    'outcome', 'stored', 'message_id', v_message_id, 'conversation_id', v_conversation.id,
    'not_owed_because', v_reason
  ));
end;
$$;
comment on function public.ingest_sms(jsonb, timestamptz) is 'Stores one incoming text and owes its conversation an answer, once, however often it is posted. p_payload: {sid, from, to, service_sid, body, media, opt_out_type, form}; p_occurred_at: when it happened at Twilio, null from the webhook. Returns {outcome: stored | duplicate | unconfigured, message_id, conversation_id, not_owed_because}.';
revoke all on function public.ingest_sms(jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.ingest_sms(jsonb, timestamptz) to service_role;

create function private.sms_log_post(p_payload jsonb, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into public.sms_webhook_logs (message_sid, payload, outcome)
  values (
    p_payload ->> 'sid',
    coalesce(nullif(p_payload -> 'form', 'null'), p_payload),
    p_result ->> 'outcome'
  );
  return p_result;
end;
$$;
comment on function private.sms_log_post(jsonb, jsonb) is 'Logs the post and passes its result on.';
revoke all on function private.sms_log_post(jsonb, jsonb) from public, anon, authenticated, service_role;
grant execute on function private.sms_log_post(jsonb, jsonb) to service_role;
