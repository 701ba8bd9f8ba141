-- A text arrives, it becomes a row; and the conversation is owed an answer.

create function sms.open_conversation(
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
comment on function sms.open_conversation(public.sms_configs, text, timestamptz) is 'The contact''s active conversation, locked; opened if there is none. A text from before the last one was closed joins that one.';
revoke all on function sms.open_conversation(public.sms_configs, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.open_conversation(public.sms_configs, text, timestamptz) to service_role;

create function sms.intent(
  p_conversation public.sms_conversations, p_phone_number text, p_payload jsonb
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_type text := lower(p_payload ->> 'opt_out_type');
  v_phrase public.sms_phrases;
  v_by_twilio boolean;
begin
  if v_type in ('stop', 'start', 'help') then
    return jsonb_build_object('meaning', v_type, 'by_twilio', true);
  end if;
  v_phrase := sms.classify(p_payload ->> 'body');
  -- Twilio acts on its own words alone, and not for a short code.
  v_by_twilio := v_phrase.handled_by_twilio and p_phone_number ~ '^\+'
    and lower(btrim(p_payload ->> 'body', E' \t\r\n')) = v_phrase.phrase;
  if v_phrase.phrase is null or v_phrase.meaning = 'filler'
    or v_phrase.meaning = 'help' and not v_by_twilio
    or v_phrase.meaning = 'start' and (not v_by_twilio or v_phrase.phrase = 'yes')
      and not sms.is_opted_out(
        p_conversation.user_id, p_conversation.contact_number, p_phone_number
      ) then
    return null;
  end if;
  return jsonb_build_object(
    'meaning', v_phrase.meaning, 'by_twilio', v_by_twilio, 'language', v_phrase.language
  );
end;
$$;
comment on function sms.intent(public.sms_conversations, text, jsonb) is 'What a text asks for, if it is one of the fixed intents: {meaning: stop | start | help | human | bot, by_twilio: Twilio acts on it and confirms it, language}; null: an ordinary text. "Yes" is one unless the contact had opted out.';
revoke all on function sms.intent(public.sms_conversations, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.intent(public.sms_conversations, text, jsonb) to service_role;

create function sms.record_opt_word(
  p_conversation public.sms_conversations, p_phone_number text, p_meaning text, p_at timestamptz
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function sms.record_opt_word(public.sms_conversations, text, text, timestamptz) is 'STOP speaks of all the owner''s numbers and silences a generating answer, unless a later START is known; START of the number it was sent to. True: it changed whether this number may text.';
revoke all on function sms.record_opt_word(public.sms_conversations, text, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.record_opt_word(public.sms_conversations, text, text, timestamptz) to service_role;

create function sms.human_wrote(p_conversation_id uuid, p_after timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return exists (
    select from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.author = 'human' and m.created_at > p_after
  );
end;
$$;
comment on function sms.human_wrote(uuid, timestamptz) is 'Has a human written in this conversation since then?';
revoke all on function sms.human_wrote(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.human_wrote(uuid, timestamptz) to service_role;

create function sms.no_reply_reason(
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
    when p_meaning in ('stop', 'start', 'help') then 'opt_word'
    when p_conversation.contact_number !~ '^\+[1-9][0-9]{6,14}$' then 'sender'
    when p_occurred_at < p_now - p_config.answer_within
      or p_occurred_at < p_config.created_at then 'old'
    when p_conversation.status = 'closed' then 'closed'
    when p_conversation.last_message_at > p_occurred_at
      and sms.human_wrote(p_conversation.id, p_occurred_at) then 'person_wrote'
    when sms.is_reaction(p_payload ->> 'body') then 'reaction'
    when sms.is_auto_reply(p_payload ->> 'body') then 'auto_reply'
  end;
end;
$$;
comment on function sms.no_reply_reason(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) is 'Null: the text is owed an answer. Else why not.';
revoke all on function sms.no_reply_reason(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.no_reply_reason(public.sms_conversations, public.sms_configs, jsonb, text, timestamptz, timestamptz) to service_role;

create function sms.is_reaction(p_body text)
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return p_body ~ '^(Liked|Loved|Disliked|Laughed at|Emphasi[sz]ed|Questioned|Removed (an? )?\S+( mark)? from|Reacted \S+ to|(A \S+ )?(Le|Me|No le|No me) (gusta|gustó|encanta|encantó|dio risa|divirtió)( a)?|Se r(io|ió) (de|con)|Enfatizó|Resaltó|Destacó|Cuestionó|Exclamó por|Preguntó por|Reaccionó (con \S+ )?a|(Quitó|Eliminó) .{1,40} (a|de)|A (aimé|adoré|ri à|réagi (avec|par) \S+ à)|(Não )?(Gostou|Curtiu|Amou|Riu) de|Reagiu (com \S+ )?a) ([“"«].*[”"»]|(an?|una?|une?) (image|photo|picture|video|movie|imagen|foto|photo|imagem|película))$'
    -- Android: the emoji alone, between invisible characters.
    or p_body ~ '^[^A-Za-zÀ-ÿ0-9"“«?!.,]{1,16}(to|removed from|a|de|à|para) ?[\u200a\u200b-\u200d]*[“"«].*[”"»][\u200a\u200b-\u200d]*$';
end;
$$;
comment on function sms.is_reaction(text) is 'A phone''s reaction arrives as a text: Liked “…”, Reacted 🎉 to “…”, 👍 to “…”.';
revoke all on function sms.is_reaction(text) from public, anon, authenticated, service_role;
grant execute on function sms.is_reaction(text) to service_role;

create function sms.is_auto_reply(p_body text)
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return position('?' in p_body) = 0 and sms.normalize(left(p_body, 500)) ~ (
    '^(auto ?reply|auto ?response|autoreply|automat(ic|ed) (reply|response|message)|respuesta automatica|mensaje automatico|contestador automatico|reponse automatique|message automatique|resposta automatica|mensagem automatica)\M'
    || '|\m(this is an automat(ic|ed) (reply|response|message|text)|(este es un mensaje|esta es una respuesta) automatic[oa]|(ceci est une? )(message|reponse) automatique|esta e uma (mensagem|resposta) automatica|(number|inbox|line|mailbox) is (not monitored|unmonitored)|(do not|please dont) reply to this (message|text|number)|no (responda|responder|conteste|contestar) a? ?este (mensaje|numero)|ne pas repondre a ce message|nao responda (a )?esta mensagem|do not disturb while driving|im not receiving notifications|no (estoy recibiendo|recibo) notificaciones)\M'
    || '|^(i am an automated assistant|soy un asistente automatico|je suis un assistant automatique|sou um assistente automatico)\M'
    || '|^(sorry )?(im|i am)( currently)? driving( right now| now)?( and)?( (i will|ill|cant|i cant) (get back|see your|reply|respond|call you|text you|answer|talk).*)?$'
    || '|^(lo siento )?(estoy|voy) (conduciendo|manejando)( ahora| en este momento)?( (te|le|no puedo|luego) (llamo|escribo|contesto|respondo|responder|contestar|hablar).*)?$'
    || '|\m(out of (the )?office|fuera de (la )?oficina|absente? du bureau|fora do escritorio)\M.*\m(respond|reply|get back|return your|limited access|respondere|contestare|responderemos|repondrai|responderei)\M'
  );
end;
$$;
comment on function sms.is_auto_reply(text) is 'Another machine, by what such texts say. Never one that asks something; what this does not know is stopped by the rate limits.';
revoke all on function sms.is_auto_reply(text) from public, anon, authenticated, service_role;
grant execute on function sms.is_auto_reply(text) to service_role;

create function sms.set_reply_due(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message_id bigint, p_reason text, p_now timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_is_pending boolean := p_reason is null;
  v_since timestamptz := coalesce(p_conversation.waiting_since, p_now);
begin
  update public.sms_conversations as c
  set last_message_at = greatest(c.last_message_at, p_now),
    last_incoming_id = p_message_id,
    waiting_since = case when v_is_pending then v_since else c.waiting_since end,
    reply_error = case p_reason when 'auto_reply' then p_reason else c.reply_error end,
    reply_due_at = case
      when v_is_pending then least(
        p_now + p_config.reply_delay,
        v_since + (select t.reply_wait_max from sms.policy as t)
      )
      else c.reply_due_at
    end
  where c.id = p_conversation.id;
end;
$$;
comment on function sms.set_reply_due(public.sms_conversations, public.sms_configs, bigint, text, timestamptz) is 'Notes the newest text and, if it is owed an answer (p_reason: why not), when: after reply_delay without another one, at most ten seconds after the first.';
revoke all on function sms.set_reply_due(public.sms_conversations, public.sms_configs, bigint, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.set_reply_due(public.sms_conversations, public.sms_configs, bigint, text, timestamptz) to service_role;

create function sms.keyword_reply(p_config_id uuid, p_body text)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select k.answer from public.sms_keyword_replies as k
    where k.config_id = p_config_id
      and length(p_body) <= 200 and k.normalized = sms.normalize(p_body)
  );
end;
$$;
comment on function sms.keyword_reply(uuid, text) is 'The owner''s answer to exactly this text; null: there is none.';
revoke all on function sms.keyword_reply(uuid, text) from public, anon, authenticated, service_role;
grant execute on function sms.keyword_reply(uuid, text) to service_role;

create function sms.canned_reply(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_payload jsonb, p_intent jsonb, p_now timestamptz
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_name text := p_intent ->> 'meaning';
  v_content text;
begin
  if v_name = 'human' and p_conversation.wants_human then
    return null; -- acknowledged before: now the AI says something
  elsif v_name in ('human', 'bot') then
    v_content := sms.canned_content(p_config, v_name, p_intent ->> 'language');
  elsif p_conversation.waiting_since is null then
    v_name := 'keyword';
    v_content := sms.keyword_reply(p_config.id, p_payload ->> 'body');
  end if;
  if v_content is null or sms.send_verdict(p_conversation, p_config, 'ai', p_now) is not null then
    return null;
  end if;
  return jsonb_build_object('name', v_name, 'content', v_content);
end;
$$;
comment on function sms.canned_reply(public.sms_conversations, public.sms_configs, jsonb, jsonb, timestamptz) is 'The answer that needs no model, {name, content}; null: the model answers, or at claim the gate says why nobody does. A keyword behind texts that wait for an answer is one of them.';
revoke all on function sms.canned_reply(public.sms_conversations, public.sms_configs, jsonb, jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.canned_reply(public.sms_conversations, public.sms_configs, jsonb, jsonb, timestamptz) to service_role;

create function sms.apply_opt_out(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_intent jsonb, p_occurred_at timestamptz, p_now timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_meaning text := p_intent ->> 'meaning';
begin
  if sms.record_opt_word(
      p_conversation, p_config.phone_number, v_meaning, p_occurred_at
    )
    and not (p_intent ->> 'by_twilio')::boolean
    and p_conversation.status = 'active'
    and p_conversation.contact_number ~ '^\+'
    and p_occurred_at > p_now - p_config.answer_within then
    perform sms.queue_notice(p_conversation, v_meaning,
      sms.canned_content(p_config, v_meaning, p_intent ->> 'language'));
  end if;
end;
$$;
comment on function sms.apply_opt_out(public.sms_conversations, public.sms_configs, jsonb, timestamptz, timestamptz) is 'Records an opt-out or opt-in and confirms it, once, unless Twilio did.';
revoke all on function sms.apply_opt_out(public.sms_conversations, public.sms_configs, jsonb, timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.apply_opt_out(public.sms_conversations, public.sms_configs, jsonb, timestamptz, timestamptz) to service_role;

create function sms.decide(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_message_id bigint, p_payload jsonb, p_occurred_at timestamptz
)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_intent jsonb := sms.intent(p_conversation, p_config.phone_number, p_payload);
  v_meaning text := v_intent ->> 'meaning';
  v_answer jsonb;
  v_reason text := sms.no_reply_reason(
    p_conversation, p_config, p_payload, v_meaning, p_occurred_at, v_now
  );
begin
  if v_reason is null then
    v_answer := sms.canned_reply(p_conversation, p_config, p_payload, v_intent, v_now);
    v_reason := v_answer ->> 'name';
  end if;
  perform sms.set_reply_due(p_conversation, p_config, p_message_id, v_reason, v_now);
  if v_meaning in ('stop', 'start') then
    perform sms.apply_opt_out(p_conversation, p_config, v_intent, p_occurred_at, v_now);
  elsif v_meaning = 'human' and coalesce(v_reason, 'human') = 'human' then
    update public.sms_conversations as c set wants_human = true
    where c.id = p_conversation.id and not c.wants_human;
  end if;
  if v_answer is not null then
    perform sms.queue_notice(
      p_conversation, v_answer ->> 'name', v_answer ->> 'content',
      -- An answer that is owed already will cover this text as well.
      case when p_conversation.waiting_since is null then p_message_id end,
      sms.quiet_until(p_config, v_now)
    );
  end if;
  return v_reason;
end;
$$;
comment on function sms.decide(public.sms_conversations, public.sms_configs, bigint, jsonb, timestamptz) is 'What follows from a new text: an answer is owed, a fixed one is queued, an opt word is heeded. Returns why the model does not answer; null: it does.';
revoke all on function sms.decide(public.sms_conversations, public.sms_configs, bigint, jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.decide(public.sms_conversations, public.sms_configs, bigint, jsonb, timestamptz) to service_role;

create function sms.store_incoming(
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
comment on function sms.store_incoming(uuid, jsonb, timestamptz) is 'The new row''s id; null when its MessageSid is already stored.';
revoke all on function sms.store_incoming(uuid, jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function sms.store_incoming(uuid, jsonb, timestamptz) to service_role;

create function sms.note_duplicate(p_payload jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_message public.sms_messages;
  v_is_forgotten boolean;
begin
  select m.* into v_message from public.sms_messages as m
  where m.message_sid = p_payload ->> 'sid';
  select c.contact_number like 'forgotten:%' into v_is_forgotten
  from public.sms_conversations as c where c.id = v_message.conversation_id;
  update public.sms_messages as m
  set media = p_payload -> 'media'
  where m.id = v_message.id and not v_is_forgotten
    and m.media = '[]' and coalesce(p_payload -> 'media', '[]') <> '[]';
  return sms.log_post(
    case when v_is_forgotten then jsonb_build_object('sid', v_message.message_sid) else p_payload end,
    jsonb_build_object('outcome', 'duplicate', 'message_id', v_message.id,
      'conversation_id', v_message.conversation_id)
  );
end;
$$;
comment on function sms.note_duplicate(jsonb) is 'A MessageSid that is stored already changes nothing; only missing media is filled in. Of a forgotten contact not even that.';
revoke all on function sms.note_duplicate(jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.note_duplicate(jsonb) to service_role;

create function public.ingest_sms(p_payload jsonb, p_occurred_at timestamptz default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set lock_timeout = '3s'
as $$
declare
  v_config public.sms_configs;
  v_conversation public.sms_conversations;
  v_message_id bigint;
  v_occurred_at timestamptz := coalesce(p_occurred_at, clock_timestamp());
  v_reason text;
begin
  select f.* into v_config from public.sms_configs as f where f.phone_number = p_payload ->> 'to';
  if not found then
    return sms.log_post(p_payload, jsonb_build_object('outcome', 'unconfigured'));
  elsif exists (
    select from public.sms_messages as m where m.message_sid = p_payload ->> 'sid'
  ) then
    return sms.note_duplicate(p_payload);
  end if;

  v_conversation := sms.open_conversation(v_config, p_payload ->> 'from', v_occurred_at);
  v_message_id := sms.store_incoming(v_conversation.id, p_payload, v_occurred_at);
  if v_message_id is null then -- lost against the same text in another session
    delete from public.sms_conversations as c
    where c.id = v_conversation.id and c.last_incoming_id is null
      and not exists (select from public.sms_messages as m where m.conversation_id = c.id);
    return sms.note_duplicate(p_payload);
  end if;

  v_reason := sms.decide(
    v_conversation, v_config, v_message_id, p_payload, v_occurred_at
  );
  return sms.log_post(p_payload, jsonb_build_object(
    'outcome', 'stored', 'message_id', v_message_id, 'conversation_id', v_conversation.id,
    'no_reply_reason', v_reason
  ));
end;
$$;
comment on function public.ingest_sms(jsonb, timestamptz) is 'Stores one incoming text and owes its conversation an answer, once, however often it is posted. p_payload: {sid, from, to, service_sid, body, media, opt_out_type, form}; p_occurred_at: when it happened at Twilio, null from the webhook. Returns {outcome: stored | duplicate | unconfigured, message_id, conversation_id, no_reply_reason: null when the model answers}.';
revoke all on function public.ingest_sms(jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.ingest_sms(jsonb, timestamptz) to service_role;

create function sms.log_post(p_payload jsonb, p_result jsonb)
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
comment on function sms.log_post(jsonb, jsonb) is 'Logs the post and passes its result on.';
revoke all on function sms.log_post(jsonb, jsonb) from public, anon, authenticated, service_role;
grant execute on function sms.log_post(jsonb, jsonb) to service_role;
