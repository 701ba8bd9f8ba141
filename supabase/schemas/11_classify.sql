-- What a message means that needs no model to be understood: an opt-out, a wish for a human, a
-- phone's reaction, another machine.

-- What is left of a text when case, accents, apostrophes, punctuation, emoji and stressed letters
-- do not count: "¡¡Stoooop!! 🛑", "S.T.O.P." and "stop" are one.
create function sms.normalize(p_text text)
returns text language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_text text := translate(p_text, E'''’‘`´ʼ\u200b\u200c\u200d\u2060\ufeff', '');
begin
  -- Letters and their accents apart: so that lower() needs no locale, and ＳＴＯＰ is STOP.
  if length(v_text) < octet_length(v_text) then
    v_text := regexp_replace(normalize(v_text, NFKD), '[\u0300-\u036f]', '', 'g');
  end if;
  v_text := regexp_replace(lower(v_text), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ue000-\uf8ff\ufe00-\ufe4f\U0001f000-\U000fffff]+', ' ', 'g');
  v_text := btrim(regexp_replace(v_text, '([a-z])\1\1+', '\1', 'g'));
  return case when v_text ~ '^([a-z] )+[a-z]$' then replace(v_text, ' ', '') else v_text end;
end;
$$;

create table public.sms_phrases (
  language text not null,
  phrase text not null,
  meaning text not null,
  whole_message_only boolean not null default false,
  handled_by_twilio boolean not null default false,
  constraint sms_phrases_pkey primary key (phrase, language),
  constraint sms_phrases_phrase_check
    check (phrase = sms.normalize(phrase) and phrase <> ''),
  constraint sms_phrases_meaning_check check (meaning in (
    'stop',   -- no more texts
    'start',  -- texts again; means nothing unless the contact had opted out
    'help',   -- Twilio answers it
    'human', -- wants a person
    'bot',    -- asks who is answering
    'filler'  -- says nothing by itself, and may stand before and after the others
  ))
);

comment on table public.sms_phrases is
  'What a text means that consists of these phrases alone, from its first word to its last. One '
  'more word, as in "stop by the shop", and it is an ordinary text, which is answered.';
comment on column public.sms_phrases.phrase is
  'Normalised by sms.normalize and, unless it stands alone, in the words that sms_synonyms stand '
  'for.';
comment on column public.sms_phrases.whole_message_only is
  'Counts only as the whole text: "cancel" is an opt-out, "please cancel" is about an order.';
comment on column public.sms_phrases.handled_by_twilio is
  'Twilio itself acts on this word alone and confirms it '
  '(https://help.twilio.com/articles/223134027).';

create table public.sms_synonyms (
  language text not null,
  word text not null,
  stands_for text not null,
  constraint sms_synonyms_pkey primary key (word, language),
  constraint sms_synonyms_word_check check (word = sms.normalize(word))
);

comment on table public.sms_synonyms is
  'Words that make no difference to the phrases of sms_phrases: "messaging" stands for "texting", '
  '"the" for nothing.';

-- Planned without statistics, reading a text takes a hundred times as long.
analyze public.sms_phrases, public.sms_synonyms;

-- What a text means that consists of listed phrases alone, as the phrase that says it; null: it is
-- an ordinary text. "Stop" with "a person" is unclear, and what is unclear is answered.
create function sms.classify(p_text text)
returns public.sms_phrases language plpgsql stable set search_path = '' as $$
declare
  v_normal text := case when length(p_text) <= 200 then sms.normalize(p_text) end;
  v_words text[] := string_to_array(v_normal, ' ');
  v_size integer := coalesce(cardinality(v_words), 0);
  v_intent public.sms_phrases;
begin
  select w.* into v_intent from public.sms_phrases as w
  where w.phrase = v_normal
  order by w.language
  limit 1;
  if found or v_size not between 1 and 20 then
    return v_intent;
  end if;
  if exists ( -- an ordinary text ends here
    select from unnest(v_words) as w (word)
    where not exists (
      select from public.sms_synonyms as s where s.word = w.word
      offset 0 -- keeps it a lookup per word
    )
  ) then
    return null;
  end if;
  with recursive known as materialized ( -- the languages in whose phrases all words occur
    select w.language, array_agg(
      case when w.stands_for = w.before then '' else w.stands_for end order by w.place
    ) as words
    from (
      select s.language, s.stands_for, w.place,
        lag(s.stands_for) over (partition by s.language order by w.place) as before
      from unnest(v_words) with ordinality as w (word, place)
      join public.sms_synonyms as s on s.word = w.word
    ) as w
    group by w.language
    having count(*) = v_size
  ),
  -- The ways from the first word to the last along phrases, and what was said on them.
  ways as (
    select k.language, 0::bigint as at, null::text as meaning, null::text as phrase from known as k
    union
    select y.language, j,
      case when w.meaning = 'filler' then y.meaning
        when coalesce(y.meaning, w.meaning) = w.meaning then w.meaning
        when 'bot' in (w.meaning, y.meaning) and 'stop' in (w.meaning, y.meaning) then 'stop'
        else 'unclear' end,
      case when w.meaning = 'filler' or y.meaning in ('stop', w.meaning) then y.phrase
        else w.phrase end
    from ways as y
    join known as k on k.language = y.language
    cross join generate_series(y.at + 1, least(y.at + 12, v_size)) as j
    cross join lateral (values
      (array_to_string(array_remove(k.words[y.at + 1:j], ''), ' ')),
      (array_to_string(v_words[y.at + 1:j], ' '))
    ) as s (phrase)
    join public.sms_phrases as w on w.phrase = s.phrase and w.language = y.language
    where not w.whole_message_only
      and (j = y.at + 1 or w.phrase ~ ' ') -- "the stop" is not "stop"
  )
  select w.* into v_intent
  from ways as y
  join public.sms_phrases as w
    on w.language = y.language and w.phrase = y.phrase and w.meaning = y.meaning
  where y.at = v_size
  order by w.meaning = 'stop' desc, w.language, w.phrase
  limit 1;
  return v_intent;
end;
$$;

-- What a text asks for, if it is one of the fixed intents: {meaning: stop | start | help | human |
-- bot, by_twilio: Twilio acts on it and confirms it, language}; null: an ordinary text. "Yes" is
-- one unless the contact had opted out.
create function sms.intent(
  p_conversation public.sms_conversations, p_phone_number text, p_payload jsonb
)
returns jsonb language plpgsql stable set search_path = '' as $$
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

-- A phone's reaction arrives as a text: Liked “…”, Reacted 🎉 to “…”, 👍 to “…”.
create function sms.is_reaction(p_body text)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  return p_body ~ '^(Liked|Loved|Disliked|Laughed at|Emphasi[sz]ed|Questioned|Removed (an? )?\S+( mark)? from|Reacted \S+ to|(A \S+ )?(Le|Me|No le|No me) (gusta|gustó|encanta|encantó|dio risa|divirtió)( a)?|Se r(io|ió) (de|con)|Enfatizó|Resaltó|Destacó|Cuestionó|Exclamó por|Preguntó por|Reaccionó (con \S+ )?a|(Quitó|Eliminó) .{1,40} (a|de)|A (aimé|adoré|ri à|réagi (avec|par) \S+ à)|(Não )?(Gostou|Curtiu|Amou|Riu) de|Reagiu (com \S+ )?a) ([“"«].*[”"»]|(an?|una?|une?) (image|photo|picture|video|movie|imagen|foto|photo|imagem|película))$'
    -- Android: the emoji alone, between invisible characters.
    or p_body ~ '^[^A-Za-zÀ-ÿ0-9"“«?!.,]{1,16}(to|removed from|a|de|à|para) ?[\u200a\u200b-\u200d]*[“"«].*[”"»][\u200a\u200b-\u200d]*$';
end;
$$;

-- Another machine, by what such texts say. Never one that asks something; what this does not know
-- is stopped by the rate limits.
create function sms.is_auto_reply(p_body text)
returns boolean language plpgsql immutable set search_path = '' as $$
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
