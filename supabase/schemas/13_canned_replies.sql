-- Replies that need no model: notices, and the owner's own words for what is asked often
-- ("horario", "address").

-- What is said without a model.
create table public.sms_canned_replies (
  name text not null,
  language text not null,
  content text not null,
  constraint sms_canned_replies_pkey primary key (name, language),
  constraint sms_canned_replies_content_check check (length(content) between 1 and 640)
);

comment on table public.sms_canned_replies is
  'The messages that need no model, by sms_messages.canned_reply and the language of the words they '
  'answer; a number''s own words (sms_configs.opt_out_reply and so on) go before. Written '
  'with their accents; they leave as sms_configs.fold_accents of the number says.';

insert into public.sms_canned_replies (name, language, content) values
  ('stop', 'en', 'You will get no more messages from us. Reply START to get them again.'),
  ('stop', 'es', 'No recibirá más mensajes nuestros. Responda START para volver a recibirlos.'),
  ('stop', 'fr', 'Vous ne recevrez plus de messages de notre part. Répondez START pour en recevoir de nouveau.'),
  ('stop', 'pt', 'Você não receberá mais mensagens nossas. Responda START para voltar a receber.'),
  ('start', 'en', 'You will get our messages again. Reply STOP to get no more.'),
  ('start', 'es', 'Volverá a recibir nuestros mensajes. Responda STOP para no recibir más.'),
  ('start', 'fr', 'Vous recevrez de nouveau nos messages. Répondez STOP pour ne plus en recevoir.'),
  ('start', 'pt', 'Você voltará a receber nossas mensagens. Responda STOP para não receber mais.'),
  ('help', 'en', 'Write your question here and we will answer it. Reply STOP to get no more messages.'),
  ('help', 'es', 'Escriba aquí su pregunta y le responderemos. Responda STOP para no recibir más mensajes.'),
  ('help', 'fr', 'Écrivez ici votre question et nous vous répondrons. Répondez STOP pour ne plus recevoir de messages.'),
  ('help', 'pt', 'Escreva aqui a sua pergunta e responderemos. Responda STOP para não receber mais mensagens.'),
  ('human', 'en', 'A person will get back to you here. Until then you can go on asking.'),
  ('human', 'es', 'Una persona le responderá por aquí. Mientras tanto puede seguir preguntando.'),
  ('human', 'fr', 'Une personne vous répondra ici. En attendant, vous pouvez continuer à poser des questions.'),
  ('human', 'pt', 'Uma pessoa vai responder por aqui. Enquanto isso, pode continuar perguntando.'),
  ('bot', 'en', 'I am an automated assistant. Text PERSON if you want one.'),
  ('bot', 'es', 'Soy un asistente automático. Escriba PERSONA si prefiere que le atienda una.'),
  ('bot', 'fr', 'Je suis un assistant automatique. Écrivez HUMAIN pour parler à une personne.'),
  ('bot', 'pt', 'Sou um assistente automático. Escreva PESSOA para falar com uma.'),
  ('opt_out_hint', 'en', 'To get no more messages from us, reply STOP.'),
  ('opt_out_hint', 'es', 'Para no recibir más mensajes nuestros, responda STOP.'),
  ('opt_out_hint', 'fr', 'Pour ne plus recevoir nos messages, répondez STOP.'),
  ('opt_out_hint', 'pt', 'Para não receber mais mensagens nossas, responda STOP.'),
  ('rate_limit', 'en', 'That is all we can answer automatically for now; a person will read your messages. / Por ahora no podemos responder más automáticamente; una persona leerá sus mensajes.'),
  ('recorded', 'en', 'Your request was recorded ({done}); a person will confirm the details here. / Su solicitud quedó registrada; una persona le confirmará los detalles.'),
  ('recorded', 'es', 'Su solicitud quedó registrada ({done}); una persona le confirmará los detalles.'),
  ('recorded', 'fr', 'Votre demande est enregistrée ({done}); une personne vous confirmera les détails.'),
  ('recorded', 'pt', 'O seu pedido foi registrado ({done}); uma pessoa vai confirmar os detalhes.'),
  ('rate_limit', 'es', 'Por ahora no podemos responder más automáticamente; una persona leerá sus mensajes.'),
  ('rate_limit', 'fr', 'Nous ne pouvons plus répondre automatiquement pour le moment; une personne lira vos messages.'),
  ('rate_limit', 'pt', 'Por agora não podemos responder mais automaticamente; uma pessoa vai ler suas mensagens.'),
  ('fallback', 'en', 'Thanks for your message. We cannot answer automatically right now; a person will get back to you. / Gracias por su mensaje. Ahora no podemos responder; una persona le responderá.'),
  ('fallback', 'es', 'Gracias por su mensaje. Ahora no podemos responder automáticamente; una persona le responderá.'),
  ('fallback', 'fr', 'Merci de votre message. Nous ne pouvons pas répondre automatiquement; une personne vous répondra.'),
  ('fallback', 'pt', 'Obrigado pela mensagem. Agora não podemos responder automaticamente; uma pessoa vai responder.'),
  -- Where no human is told (sms.human_is_told) none is promised.
  ('human_noted', 'en', 'I have noted it. You can go on asking.'),
  ('human_noted', 'es', 'He tomado nota. Puede seguir preguntando.'),
  ('human_noted', 'fr', 'C''est noté. Vous pouvez continuer à poser des questions.'),
  ('human_noted', 'pt', 'Está anotado. Pode continuar perguntando.'),
  ('recorded_noted', 'en', 'Your request was recorded ({done}). / Su solicitud quedó registrada.'),
  ('recorded_noted', 'es', 'Su solicitud quedó registrada ({done}).'),
  ('recorded_noted', 'fr', 'Votre demande est enregistrée ({done}).'),
  ('recorded_noted', 'pt', 'O seu pedido foi registrado ({done}).'),
  ('rate_limit_noted', 'en', 'That is all we can answer automatically for now; your messages are noted. / Por ahora no podemos responder más automáticamente; sus mensajes quedan anotados.'),
  ('rate_limit_noted', 'es', 'Por ahora no podemos responder más automáticamente; sus mensajes quedan anotados.'),
  ('rate_limit_noted', 'fr', 'Nous ne pouvons plus répondre automatiquement pour le moment; vos messages sont notés.'),
  ('rate_limit_noted', 'pt', 'Por agora não podemos responder mais automaticamente; suas mensagens ficam anotadas.'),
  ('fallback_noted', 'en', 'Thanks for your message. We cannot answer automatically right now; it is noted. / Gracias por su mensaje. Ahora no podemos responder; queda anotado.'),
  ('fallback_noted', 'es', 'Gracias por su mensaje. Ahora no podemos responder automáticamente; queda anotado.'),
  ('fallback_noted', 'fr', 'Merci de votre message. Nous ne pouvons pas répondre automatiquement; il est noté.'),
  ('fallback_noted', 'pt', 'Obrigado pela mensagem. Agora não podemos responder automaticamente; fica anotada.');

create table public.sms_keyword_replies (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  config_id uuid not null,
  keyword text not null,
  normalized text not null generated always as (sms.normalize(keyword)) stored,
  answer text not null,
  created_at timestamptz not null default now(),
  constraint sms_keyword_replies_pkey primary key (id),
  constraint sms_keyword_replies_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  -- With user_id: else a refusal would tell whether another user's number has the keyword.
  constraint sms_keyword_replies_keyword_key unique (config_id, user_id, normalized),
  constraint sms_keyword_replies_keyword_check
    check (length(keyword) <= 100 and normalized <> ''),
  constraint sms_keyword_replies_answer_check
    check (btrim(answer) <> '' and length(answer) <= 1600)
);
create index sms_keyword_replies_user_id_idx on public.sms_keyword_replies (user_id);

comment on table public.sms_keyword_replies is
  'A message that is exactly a keyword of its number gets this answer, sent as typed, at once and '
  'without a model; case, accents and punctuation do not count. Opt words and what Twilio answers '
  'itself (HELP, INFO) come first.';
comment on column public.sms_keyword_replies.normalized is 'The keyword as it is compared.';
comment on constraint sms_keyword_replies_keyword_check on public.sms_keyword_replies is
  'keyword has at most 100 characters, and a letter or digit among them.';
comment on constraint sms_keyword_replies_answer_check on public.sms_keyword_replies is
  'answer has 1 to 1,600 characters.';

create trigger sms_keyword_replies_refuse_invalid
  before insert or update on public.sms_keyword_replies
  for each row execute function sms.refuse_invalid();

-- The keyword is its number's account's; a number has so many at most, and its row is locked, so
-- that two sessions count one after the other.
create function sms.admit_keyword_reply()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_ceiling integer := (sms.policy()).keyword_replies_ceiling;
begin
  select f.user_id into new.user_id from public.sms_configs as f
  where f.id = new.config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')))
  for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'It may have been removed, or it belongs to somebody else.';
  end if;
  perform sms.require_role(new.user_id, 'admin');
  if (
    select count(*) from public.sms_keyword_replies as k
    where k.config_id = new.config_id and k.user_id = new.user_id
  ) >= v_ceiling then
    raise exception using errcode = 'PT422',
      message = format('A number has at most %s keyword replies', v_ceiling),
      hint = 'Delete some, or let the model answer.';
  end if;
  return new;
end;
$$;

create trigger sms_keyword_replies_admit
  before insert on public.sms_keyword_replies
  for each row execute function sms.admit_keyword_reply();

-- The answer that needs no model, {name, content}; null: the model answers, or at claim the gate
-- says why nobody does. A keyword behind messages that wait for an answer is one of them.
create function sms.canned_reply(
  p_conversation public.sms_conversations, p_config public.sms_configs,
  p_payload jsonb, p_intent jsonb, p_now timestamptz
)
returns jsonb language plpgsql stable as $$
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
  if v_content is null or sms.send_verdict(p_conversation, p_config, null, p_now) is not null then
    return null;
  end if;
  return jsonb_build_object('name', v_name, 'content', v_content);
end;
$$;

-- Is a human told when a contact wants one? Only then is the contact promised that one will write.
create function sms.human_is_told(p_config public.sms_configs)
returns boolean language plpgsql stable as $$
begin
  return coalesce(
    p_config.promise_human,
    'human.requested' = any(p_config.event_types)
      or exists (select from public.sms_members as m where m.user_id = p_config.user_id)
  );
end;
$$;

-- The number's own words, else those in that language, else English; folded if the number folds.
create function sms.canned_content(p_config public.sms_configs, p_name text, p_language text)
returns text language plpgsql stable as $$
declare
  v_content text := coalesce(
    case p_name
      when 'stop' then p_config.opt_out_reply
      when 'help' then p_config.help_reply
      when 'human' then p_config.handoff_reply
      when 'bot' then p_config.bot_reply
      when 'rate_limit' then p_config.rate_limit_reply
      when 'fallback' then p_config.fallback_reply
    end,
    (
      select t.content from public.sms_canned_replies as t
      where t.name = p_name || case
        when p_name in ('human', 'recorded', 'rate_limit', 'fallback') and not sms.human_is_told(p_config)
        then '_noted' else '' end
      order by t.language = p_language desc nulls last, t.language = 'en' desc
      limit 1
    )
  );
begin
  return case when p_config.fold_accents then sms.fold_accents(v_content) else v_content end;
end;
$$;

-- As gateway/segments.py folds a reply: typography becomes plain, and accents go if all is GSM-7
-- then, which holds more than twice as much. A test holds the two together.
create function sms.fold_accents(p_text text)
returns text language plpgsql immutable as $$
declare
  v_gsm_7 constant text := E'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&''()*+,-./0123456789:;<=>?'
    '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€';
  v_plain text := replace(
    translate(normalize(p_text, NFC), E'“”„«»‘’‚`´–—\t\u00a0\u202f', '"""""''''''''''--   '),
    '…', '...'
  );
  v_bare text;
begin
  select string_agg(
    case
      when strpos(v_gsm_7, t.letter) > 0 then t.letter
      when ascii(t.letter) between 192 and 383 or ascii(t.letter) between 536 and 539
        then regexp_replace(normalize(t.letter, NFKD), '[\u0300-\u036f]', '', 'g')
      else t.letter
    end, '' order by t.place
  )
  into v_bare
  from string_to_table(translate(v_plain, 'łŁđĐðÐı', 'lLdDdDi'), null)
    with ordinality as t (letter, place);
  return case when translate(v_bare, v_gsm_7, '') = '' then v_bare else v_plain end;
end;
$$;

-- The line that a reply ends with when a message it answers smells of an opt-out (maybe_stop), in
-- that message's language; null: none does.
create function sms.opt_out_hint(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns text language plpgsql stable as $$
begin
  if not exists (
    select from (
      select m.intent from public.sms_messages as m
      where m.conversation_id = p_conversation.id
      order by m.id desc
      limit 20
    ) as newest
    where newest.intent = 'maybe_stop'
  ) then
    return null;
  end if;
  return (
    with recent as materialized (
      select m.id, m.intent, m.message_content,
        case when sms.reached_twilio(m.message_sid, m.status) then m.in_reply_to end as answered
      from public.sms_messages as m
      where m.conversation_id = p_conversation.id
      order by m.id desc
      limit 20
    )
    select sms.canned_content(
      p_config, 'opt_out_hint', (sms.classify(r.message_content)).language
    )
    from recent as r
    where r.intent = 'maybe_stop' and r.id <= p_conversation.last_pending_id
      and r.id > coalesce((select max(a.answered) from recent as a), 0)
    order by r.id desc
    limit 1
  );
end;
$$;

-- The language that the contact's card names; null: none, and a canned reply says it in two.
create function sms.contact_language(p_conversation public.sms_conversations)
returns text language plpgsql stable as $$
begin
  return (
    select k.language from public.sms_contacts as k
    where k.user_id = p_conversation.user_id and k.contact_number = p_conversation.contact_number
  );
end;
$$;

-- The owner's answer to exactly this message; null: there is none.
create function sms.keyword_reply(p_config_id uuid, p_body text)
returns text language plpgsql stable as $$
begin
  if not exists (select from public.sms_keyword_replies as k where k.config_id = p_config_id) then
    return null; -- most numbers have none: their messages are not normalised for it
  end if;
  return (
    select k.answer from public.sms_keyword_replies as k
    where k.config_id = p_config_id
      and length(p_body) <= 200 and k.normalized = sms.normalize(p_body)
  );
end;
$$;

-- Queues a canned reply in a locked conversation. It passes the gate like any other when it is
-- claimed; none is queued that the number's day has no room for.
create function sms.queue_notice(
  p_conversation public.sms_conversations, p_name text, p_content text,
  p_in_reply_to bigint default null
)
returns void language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if sms.is_day_used_up(p_conversation.config_id, v_now) then
    return;
  end if;
  insert into public.sms_messages
    (conversation_id, author, message_content, canned_reply, in_reply_to)
  values (p_conversation.id, 'system', p_content, p_name, p_in_reply_to);
  update public.sms_conversations as c
  set send_due_at = sms.send_due(c.id), last_message_at = greatest(c.last_message_at, v_now)
  where c.id = p_conversation.id;
end;
$$;

-- Was the contact sent this canned reply by this number within notice_every?
create function sms.had_notice(
  p_conversation public.sms_conversations, p_name text, p_now timestamptz
)
returns boolean language plpgsql stable as $$
begin
  return exists (
    select from public.sms_conversations as c
    join public.sms_messages as m on m.conversation_id = c.id
    where c.config_id = p_conversation.config_id
      and c.contact_number = p_conversation.contact_number
      and m.direction = 'outgoing' and m.canned_reply = p_name
      and m.status not in ('canceled', 'blocked')
      and m.created_at > p_now - (sms.policy()).notice_every
  );
end;
$$;

-- Tells the contact, once in notice_every, that there are no more automatic replies for now.
create function sms.notify_rate_limited(p_conversation_id uuid)
returns void language plpgsql as $$
declare
  v_conversation public.sms_conversations;
  v_config public.sms_configs;
begin
  select c.* into v_conversation from public.sms_conversations as c where c.id = p_conversation_id;
  select f.* into v_config from public.sms_configs as f where f.id = v_conversation.config_id;
  if not sms.had_notice(v_conversation, 'rate_limit', clock_timestamp()) then
    perform sms.queue_notice(
      v_conversation, 'rate_limit', sms.canned_content(v_config, 'rate_limit', sms.contact_language(v_conversation))
    );
  end if;
end;
$$;
