-- What a message means that needs no model to be understood: an opt-out, a start, a request for a
-- human, a phone's reaction, another machine.
--
-- An opt-out is heard by what it is made of, not by a list of sentences:
--   1. whole messages of a list: STOP, BAJA, "no more" (sms_phrases);
--   2. else each word becomes a letter for what it stands for (sms_synonyms): "please stop sending
--      me ads" is /SGIM; a clause ends at /, an unknown word is a dot;
--   3. clauses of a few shapes (sms.opt_out_in) are sure, some only if nothing else is said; a dot
--      inside ("stop sending me the wrong size") makes it about something else.
-- When in doubt it is answered, and the reply ends by saying how to stop (maybe_stop).

-- What is left of a message when case, accents, apostrophes, punctuation, emoji and stressed letters
-- do not count: "¡¡Stoooop!! 🛑", "S.T.O.P." and "stop" are one. Every step that costs is asked for
-- first. It calls nothing of schema sms: it also computes columns, for clients.
create function sms.normalize(p_text text)
returns text language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_text text := p_text;
begin
  if v_text ~ E'[''’‘`´ʼ\u200b\u200c\u200d\u2060\ufeff]' then
    v_text := translate(v_text, E'''’‘`´ʼ\u200b\u200c\u200d\u2060\ufeff', '');
  end if;
  -- Letters and their accents apart: so that lower() needs no locale, and ＳＴＯＰ is STOP.
  if length(v_text) < octet_length(v_text) then
    v_text := regexp_replace(normalize(v_text, NFKD), '[\u0300-\u036f]', '', 'g');
  end if;
  v_text := lower(v_text);
  if v_text ~ 'aaa|bbb|ccc|ddd|eee|fff|ggg|hhh|iii|jjj|kkk|lll|mmm|nnn|ooo|ppp|qqq|rrr|sss|ttt|uuu|vvv|www|xxx|yyy|zzz' then
    v_text := regexp_replace(v_text, '([a-z])\1\1+', '\1', 'g');
  end if;
  -- A single space is left alone.
  v_text := btrim(regexp_replace(v_text, ' *[\u0001-\u001f\u0021-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ue000-\uf8ff\ufe00-\ufe4f\U0001f000-\U000fffff][\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ue000-\uf8ff\ufe00-\ufe4f\U0001f000-\U000fffff]*|  +', ' ', 'g'));
  return case when v_text ~ '^([a-z] )+[a-z]$' then replace(v_text, ' ', '') else v_text end;
end;
$$;

-- Words that sound alike are one: mensages and mensajes, escrivan and escriban, resivir and recibir.
create function sms.sound(p_normal text)
returns text language sql immutable parallel safe set search_path = '' as $$
  select replace(replace(replace(replace(
    translate(p_normal, 'vz', 'bs'), 'ce', 'se'), 'ci', 'si'), 'ge', 'je'), 'gi', 'ji');
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
    'stop',   -- no more messages
    'start',  -- messages again; means nothing unless the contact had opted out
    'help',   -- Twilio answers it
    'human',  -- wants a person
    'bot',    -- asks who is answering
    'filler'  -- none of these, though its words are
  ))
);

comment on table public.sms_phrases is
  'What a message means that is one of these phrases.';
comment on column public.sms_phrases.phrase is
  'Normalised by sms.normalize: lower case, without accents and punctuation.';
comment on column public.sms_phrases.whole_message_only is
  'Counts only as the whole message; others also between greetings, "please" and "thanks".';
comment on column public.sms_phrases.handled_by_twilio is
  'Twilio itself acts on this word alone and confirms it '
  '(https://help.twilio.com/articles/223134027).';

create table public.sms_synonyms (
  language text not null,
  word text not null,
  stands_for text not null,
  sound text not null generated always as (sms.sound(word)) stored,
  first_sound text not null generated always as (split_part(sms.sound(word), ' ', 1)) stored,
  second_sound text not null generated always as (split_part(sms.sound(word), ' ', 2)) stored,
  words integer not null
    generated always as (1 + length(word) - length(replace(word, ' ', ''))) stored,
  constraint sms_synonyms_pkey primary key (word, language),
  constraint sms_synonyms_word_check check (word = sms.normalize(word) and word <> '')
);
create index sms_synonyms_first_sound_idx on public.sms_synonyms (first_sound);

comment on table public.sms_synonyms is
  'What the words of an intent stand for. One to five words; the longest that fits counts.';
comment on column public.sms_synonyms.stands_for is
  'S stop, s enough, V to text someone, G to send, F to send me, R to receive, r to get, D to remove, Z remove me, '
  'U to sign off, u to unsubscribe, c to cancel, b a subscription, k take, f off; '
  'M messages, m a message, t to text or a text, O it, L your list, l a list, P my number, I me; '
  'N not, + more or again, J to keep on, W to want, Y you, i I (a new clause begins); '
  'K a threat, C data protection, ! consent withdrawn, X what goes with an opt-out (wrong number, '
  'not interested), A another intent (call me instead), T to talk, H a human, B a robot, E are you; '
  '_ an article, & and, / the end of a clause (please, because), g thanks, . something else; '
  'nothing: makes no difference.';

-- Messages that phones and programs write, not people.
create table sms.patterns (
  id integer not null generated always as identity,
  kind text not null,
  language text not null,
  weight smallint not null,
  keys text[] not null,
  unless text[] not null default '{}',
  pattern text not null,
  constraint patterns_pkey primary key (id),
  constraint patterns_kind_check check (kind in (
    'reaction', -- a whole message, as written
    'message',  -- a whole message of a machine, normalised
    'sentence'  -- a whole sentence of one, normalised
  ))
);

comment on table sms.patterns is
  'What reactions and machines write, as whole messages or whole sentences. A message is a '
  'machine''s if a sentence of it is unmistakable (weight 9), or if all its sentences are known and '
  'their weights make 2: 0 people write it too, 1 mostly machines do.';
comment on column sms.patterns.keys is
  'The pattern is tried only if one of these is a word of the message (reaction: its first).';
comment on column sms.patterns.unless is
  'With one of these words it is a person.';

create table sms.pattern_keys (
  key text not null,
  kind text not null,
  pattern_id integer not null,
  constraint pattern_keys_pkey primary key (key, kind, pattern_id),
  constraint pattern_keys_pattern_id_fkey foreign key (pattern_id)
    references sms.patterns (id) on delete cascade
);
create index pattern_keys_pattern_id_idx on sms.pattern_keys (pattern_id);

comment on table sms.pattern_keys is
  'The keys of sms.patterns, found by a word: most messages hold none.';

-- What a message means. maybe_stop: it smells of an opt-out; it is answered, with the way to stop.
-- handled_by_twilio: the body is one of Twilio's own words.
create function sms.classify(
  p_body text,
  out intent text, out language text, out handled_by_twilio boolean,
  out kind text, out maybe_stop boolean
)
language plpgsql stable as $$
declare
  v_body text := left(p_body, 1600);
  v_normal text := sms.normalize(v_body);
  v_phrase public.sms_phrases;
begin
  v_phrase := sms.whole_phrase(v_normal);
  if v_phrase.phrase is not null then
    intent := nullif(v_phrase.meaning, 'filler');
    language := v_phrase.language;
    handled_by_twilio := v_phrase.handled_by_twilio
      and lower(btrim(v_body, E' \t\r\n')) = v_phrase.phrase;
  elsif sms.is_reaction(v_body, v_normal) then
    kind := 'reaction';
  elsif sms.is_auto_reply(v_body, v_normal) then
    kind := 'auto_reply';
  elsif sms.may_have_meaning(v_normal)
    -- or it is spelled, "P A R E", which nothing is before a figure
    or position(' ' in v_normal) = 0 and sms.normalize(v_body || ' 0') <> v_normal || ' 0' then
    select c.meaning, c.language into intent, language
    from (
      select sms.meaning_of(r.letters, r.core, r.language) as meaning, r.language, r.letters
      from sms.read_words(v_body) as r
    ) as c
    where c.meaning is not null
    order by array_position(array['stop', 'maybe_stop', 'human', 'bot', 'start'], c.meaning),
      length(c.letters) - length(replace(c.letters, '.', '')), c.language
    limit 1;
    if intent = 'maybe_stop' then
      intent := null;
      maybe_stop := true;
    end if;
  end if;
  handled_by_twilio := coalesce(handled_by_twilio, false);
  maybe_stop := coalesce(maybe_stop, false);
end;
$$;

-- The listed phrase that is the whole message; "stop stop stop" is "stop".
create function sms.whole_phrase(p_normal text)
returns public.sms_phrases language plpgsql stable as $$
declare
  v_phrase public.sms_phrases;
begin
  if length(p_normal) <= 60
    or position(repeat(split_part(p_normal, ' ', 1) || ' ', 5) in p_normal) = 1 then
    select f.* into v_phrase from public.sms_phrases as f
    where f.phrase = array_to_string(sms.fold_repeats(string_to_array(p_normal, ' ')), ' ')
    order by f.language
    limit 1;
  end if;
  return v_phrase;
end;
$$;

-- A word that is said again at once counts once.
create function sms.fold_repeats(p_words text[])
returns text[] language plpgsql immutable as $$
begin
  if not exists (
    select from unnest(p_words, p_words[2:]) as s (word, next) where s.word = s.next
  ) then
    return p_words;
  end if;
  return array(
    select w.word
    from (
      select s.word, s.place, lag(s.word) over (order by s.place) as before
      from unnest(p_words) with ordinality as s (word, place)
    ) as w
    where w.word is distinct from w.before
    order by w.place
  );
end;
$$;

-- A cheap look before the message is read (read_words, meaning_of), which costs three times as much:
-- can these words mean anything? Each word is taken for all it may stand for, whatever stands beside
-- it, so that "no" is answered for certain and "yes" is not.
create function sms.may_have_meaning(p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_sounds text[] := string_to_array(sms.sound(p_normal), ' ');
begin
  return exists (
    select
    from (
      select s.language, string_agg(s.stands_for, '') as letters
      from unnest(v_sounds, v_sounds[2:]) as w (word, next),
        lateral (
          select s.language, s.stands_for from public.sms_synonyms as s
          where s.first_sound = w.word and (s.words = 1 or s.second_sound = w.next)
          offset 0
        ) as s
      group by s.language
    ) as l
    where l.letters ~ '[SsZuU!KCDckHB]|N.*[VGFMRrtL]|[VGFMRrtL].*N|T.*Y|Y.*T'
      or l.letters ~ '[NET]' and (
        l.letters ~ 'M.*X|X.*M|I.*f|f.*I'
        or exists (
          select from public.sms_phrases as f
          where f.language = l.language and not f.whole_message_only
            and position(f.phrase in p_normal) > 0
        )
      )
  );
end;
$$;

-- The message in letters (see sms_synonyms), once for every language that has something to say
-- about it; core: its words without greetings and politeness at both ends.
create function sms.read_words(p_body text)
returns table (language text, letters text, core text) language plpgsql stable as $$
declare
  v_words text[] := sms.fold_repeats(string_to_array(sms.normalize(regexp_replace(
    regexp_replace(p_body, '[?？]+', ' 0q ', 'g'),
    '[.,;:!¡¿()…—–|\n\r\t\[\]{}]+| - |-{2,}', ' 0b ', 'g'
  )), ' '));
  v_sounds text[] := string_to_array(sms.sound(array_to_string(v_words, ' ')), ' ');
  v_next integer := 1;
  v_from integer;
  v_to integer;
  v_hit record;
begin
  for v_hit in
    with words as materialized (
      select w.word, w.place::integer, lead(w.word) over (order by w.place) as next
      from unnest(v_sounds) with ordinality as w (word, place)
    ),
    hits as materialized (
      select s.language, w.place, s.words, s.stands_for
      from words as w,
        lateral ( -- word by word through the index, also before the table is analysed
          select s.language, s.words, s.stands_for from public.sms_synonyms as s
          where s.first_sound = w.word
            and case s.words
              when 1 then true
              when 2 then s.second_sound = w.next
              else s.second_sound = w.next
                and s.sound = array_to_string(v_sounds[w.place:w.place + s.words - 1], ' ')
            end
          offset 0
        ) as s
    ),
    languages as materialized (
      select h.language from hits as h group by h.language
      having bool_or(h.stands_for ~ '[SsNDZUuKC!ckHBET]')
    )
    select h.language, h.place, h.words, h.stands_for
    from hits as h
    where h.language in (select l.language from languages as l)
    union all
    select l.language, w.place, 1, case w.word when '0b' then '/' else '?' end
    from words as w cross join languages as l
    where w.word in ('0b', '0q')
    union all
    select l.language, cardinality(v_sounds) + 1, 0, null from languages as l
    order by 1, 2, 3 desc
  loop
    letters := coalesce(letters, '') || repeat('.', v_hit.place - v_next);
    if v_hit.place > v_next or v_hit.place = v_next and v_hit.stands_for not in ('', '/', 'g', '?') then
      v_from := coalesce(v_from, v_next);
      v_to := v_hit.place
        + case when v_hit.stands_for in ('', '/', 'g', '?') then -1 else v_hit.words - 1 end;
    end if;
    if v_hit.stands_for is null then
      language := v_hit.language;
      core := array_to_string(v_words[v_from:least(v_to, cardinality(v_words))], ' ');
      return next;
      letters := '';
      v_next := 1;
      v_from := null;
      v_to := null;
    elsif v_hit.place >= v_next then
      letters := letters || v_hit.stands_for;
      v_next := v_hit.place + v_hit.words;
    end if;
  end loop;
end;
$$;

-- What the letters of a message and its core mean: 'maybe_stop' or a meaning of sms_phrases.
create function sms.meaning_of(p_letters text, p_core text, p_language text)
returns text language plpgsql stable as $$
declare
  v_letters text := sms.group_letters(p_letters);
  v_opt_out text := sms.opt_out_in(v_letters, position('g' in p_letters) > 0);
  v_listed text;
begin
  if v_opt_out = 'stop' then
    return v_opt_out;
  end if;
  select f.meaning into v_listed from public.sms_phrases as f
  where f.phrase = p_core and f.language = p_language and not f.whole_message_only;
  if v_listed is not null or v_opt_out is not null then
    return coalesce(nullif(v_listed, 'filler'), v_opt_out);
  elsif v_letters ~ '^[/?YWi_&OIEHBTXN]*$' then -- nothing but this is said
    return case
      when v_letters ~ 'E.*[BH]' then 'bot'
      when v_letters ~ '^[/?_YiX]*(W*_*T[IW_]*[_HY]*H|W+_*T[_]*Y|T_*Y|W*_*H)[HY/?_]*$' then 'human'
    end;
  end if;
  return null;
end;
$$;

-- The letters without what makes no difference to an intent: "me" beside a verb, articles before its
-- object, the same thing said twice. (A regular expression is asked only where its letters are: a
-- session keeps 32 compiled, and to compile one costs more than all of this.)
create function sms.group_letters(p_letters text)
returns text language plpgsql immutable as $$
declare
  v text := p_letters;
begin
  if v !~ '[SsZuU!KCDck]|N.*[VGFMRrWtP]' then
    return v;
  end if;
  v := regexp_replace(v, '[tm](?=M)|O(?=[MLlPVt])|_+(?=[MmtLlPOVGFuIYbRrW+])', '', 'g');
  if position('E' in v) > 0 then
    v := regexp_replace(v, 'E(?!_*[BH])', '', 'g');
  end if;
  if position('t' in v) > 0 then
    -- a word that is noun and verb is a verb before "me", and after "not" at the end
    v := regexp_replace(v, 't(?=[IPO+])|(?<=N[+]?)t(?=[/?&Xig]|$)', 'V', 'g');
  end if;
  if position('G' in v) > 0 then
    v := regexp_replace(v, 'I?GI|IG', 'F', 'g'); -- "send" and "send me" differ
  end if;
  v := replace(replace(replace(translate(v, 't', 'm'), 'I+', '+I'), 'O+', '+O'), 'IJ', 'J');
  if translate(v, 'fDZk', '') <> v then
    v := regexp_replace(v, 'k_*I(?=L)|k?_*IfI?|DI|ID|[Ikr]*_*ZI?', 'Z', 'g');
  end if;
  if position('k' in v) > 0 then
    v := regexp_replace(v, 'k[_.]{0,3}Pf', 'DP', 'g');
  end if;
  v := regexp_replace(translate(v, 'fk', '__'), '_+(?=[MmLlPOVGFuIY+])|I(?=[VuU])|(?<=[VuU])I', '', 'g');
  v := replace(v, 'IG', 'F');
  if v like '%N%N%' then
    v := regexp_replace(v, 'N([VGFRW+]{1,3})N', 'N\1', 'g'); -- ne … pas, não … não
  end if;
  return regexp_replace(regexp_replace(v, '([N+/g])\1+', '\1', 'g'), '[/g]+', '/', 'g');
end;
$$;

-- 'stop': these letters are an opt-out; 'maybe_stop': they smell of one; null.
--
-- A clause counts if nothing unknown stands beside it: before it only wanting (W) or "you" (Y), behind
-- it only whose messages they are. sure: says itself what it is about. weak: an opt-out if the whole
-- message is known words, or with what goes with one (X, K, C). p_thanks: "enough, thanks" and "no
-- more, thanks" answer the question whether there is anything else.
create function sms.opt_out_in(p_letters text, p_thanks boolean)
returns text language plpgsql immutable as $$
declare
  v_before constant text := '(?:^|[/?&XKC!A])(?:W_*|[YiEH])*(?:';
  v_behind constant text := ')[PYILlONM+_]*(?:$|[/?!CA]|i?[XK]|&[WY]*[SNDZuUc]|(?<=[V+Z])i)';
  v_sure constant text := v_before
    || 'SY?[+]?J?V[VMm+O]*|S[O+]*[GF][O+]*M[M+O]*|S[Rr][O+]*M|[Sc][+]?M+|c[Rr]M|c[mM]*b[LM]+|c[mM]+b' -- stop sending
    || '|N[+]?[WY]*J?V[+]|N[+][WY]*J?V|N[WY]*J[VGF]|NVP|N[+]?[WY]*[+]?[GF][O+]*M[M+]*' -- do not send
    || '|N[+]?W[N+]*[Rr][O+]*M|N[+]W[+]?M|WN[+]?[Rr]?[+]?M|NW[+]?L|NW[+]M|N[+]R[O+]*M|NR[O+]*M' -- do not want
    || '|N[+]M+|Z[+]|ZO?[LM]|DP[+]L|DPL|u[MLPlOYIZ]*|U[PO]?[LMS]+|P?_*!_*[VGFMRrPO]*' -- no more ads, remove me from
    || v_behind;
  v_weak constant text := v_before
    || 'S(?!O)|Sm|SF|S[Rr]O?|NVO?|N[+]?J?[WY]*F[O+]*m?|Z|DP+|D?Zl|DP+l|U|N[+]?W[+]?[Rr][O+]*'
    || '|NW[+]?M|NM(?!Y)|cb|N[+]?R[O+]*|WN[+]?[Rr][O+]+' || v_behind;
  v text := p_letters;
  v_is_sure boolean;
  v_is_weak boolean;
begin
  if v !~ '[SsZuU!KCDc]|N.*[VGFMRrW]|[MX].*[KX]|[KX].*[MX]' then
    return null;
  end if;
  if v like 'S%W%' then -- "stop I no longer want this": a reason begins, as if after a comma
    v := regexp_replace(v, '^S(?=i?N([+]W|W[+]?[RM]))', 'S/');
  end if;
  if position('s' in v) > 0 then
    v := translate(regexp_replace(v, 's(?![+_]*[VGMRr])', case when p_thanks then '.' else 'S' end, 'g'), 's', 'S');
  end if;
  if v like '%N%?%' then
    v := regexp_replace(v, '(^|[^W])N([^/?]*[?])', '\1.\2', 'g'); -- "no more messages?" asks
  end if;
  if position('YN' in v) > 0 then
    v := regexp_replace(v, '(^|[/?X])Y+N', '\1.', 'g'); -- "you no longer write" states
  end if;
  v_is_sure := v ~ v_sure
    -- a threat: if you text me again I will report you
    or position('K' in v) > 0 and position('?' in v) = 0
      and v ~ 'J[VGF](?:[MO/?XK&]|$)|[VS][+]|[+]V|[+]M|S[VGFM]|[+]O*(?:$|[/?KX&i])'
    -- the law: under GDPR I request the deletion of my data
    or translate(v, 'C!', '') <> v and position('?' in v) = 0 and v ~ 'S[_+]?[MVOGFRr]|D[+_]?P|Z|[uU]|NR|N[+]?[VGF]|M|C.*C';
  v_is_weak := v ~ v_weak
    or translate(v, 'KX', '') <> v and v ~ '(?:^|[/?Xi])K_*[YK]|^_*M[_iOY]*X$'
    or position('X' in v) > 0 and v ~ (v_before || 'N[+]?G[O+]*' || v_behind);
  if not (v_is_sure or v_is_weak) then
    return case
      when v ~ 'S[+]?[VM]|S[GF]M|SO|N[+]?[VGF][+]?M|N[+]?V[+]|N[+]?WR?[+]?M|N[+]M|u|ZL|DPL|K.*[MX]|M.*[KX]|X.*[MK]'
        then 'maybe_stop'
    end;
  elsif v ~ '[AT]|[Wr]_*H|(?:^|[/?])F[+]?M' then -- "call me", "send me messages" instead
    return 'maybe_stop';
  elsif v_is_sure or v !~ '[.?]' or v !~ '[.N]'
    or v ~ '(?:^|[/?&!])[WYi]*[XKC](?:$|[/?!&XKC]|[WYi]*[SNDZ])'
      and v ~ (v_before || 'S|SF|SO|NVO?|N[+]?J?[GF][O+]*m?|Z|DP+|Zl|DP+l|U|NW[+]?[MO]|NM' || v_behind) then
    return 'stop';
  end if;
  return 'maybe_stop';
end;
$$;

-- A phone's reaction arrives as a message: Liked “…”, Reacted 🎉 to “…”, 👍 to “…”.
create function sms.is_reaction(p_body text, p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_body text := btrim(p_body, E' \t\r\n\u00a0\u200a');
  v_first text := split_part(
    case when length(p_body) <= 60 then p_normal else sms.normalize(left(p_body, 60)) end, ' ', 1
  );
begin
  return exists (
    select
    from sms.pattern_keys as k,
      lateral (select p.pattern from sms.patterns as p where p.id = k.pattern_id offset 0) as p
    where k.key = v_first and k.kind = 'reaction' and v_body ~ p.pattern
  );
end;
$$;

-- Another machine. Never one that asks something; what this does not know is stopped by the rate
-- limits.
create function sms.is_auto_reply(p_body text, p_normal text)
returns boolean language plpgsql stable as $$
declare
  v_normal text := p_normal;
  v_words text[];
  v_patterns integer[];
  v_weight smallint;
  v_is_whole boolean;
  v_sentences text[];
begin
  if position('?' in p_body) > 0 then
    return false;
  elsif length(p_body) > 700 then
    v_normal := sms.normalize(left(p_body, 700));
  end if;
  v_words := string_to_array(v_normal, ' ');
  v_patterns := array(
    select k.pattern_id
    from unnest(v_words) as w (word),
      lateral (
        select k.pattern_id from sms.pattern_keys as k
        where k.key = w.word and k.kind in ('message', 'sentence')
        offset 0
      ) as k
  );
  if v_patterns = '{}' then
    return false;
  end if;
  select array_agg(p.id) filter (where p.kind = 'sentence'),
    max(p.weight) filter (where p.kind = 'sentence'),
    bool_or(case when p.kind = 'message' and not p.unless && v_words
      then v_normal ~ p.pattern end)
  into v_patterns, v_weight, v_is_whole
  from sms.patterns as p where p.id = any (v_patterns);
  if v_is_whole or coalesce(v_weight, 0) = 0 then
    return coalesce(v_is_whole, false);
  end if;
  v_sentences := array(
    select btrim(t.sentence) from unnest(string_to_array(sms.normalize(regexp_replace(
      left(p_body, 700),
      '[.!:;()…\[\]\n\r*]+(?=\s|$|[A-Z\[(])|[\[(]| [-–—]+ |[–—]', ' 0b ', 'g'
    )), '0b')) as t (sentence)
    where btrim(t.sentence) <> ''
  );
  return cardinality(v_sentences) <= 8 and (
    select case when max(s.weight) = 9 then true when bool_or(s.weight is null) then false
      else sum(s.weight) >= 2 end
    from (
      select (
        select max(case when p.keys && w.words and not p.unless && w.words
          and t.sentence ~ p.pattern then p.weight end)
        from sms.patterns as p
        where p.id = any (v_patterns)
      ) as weight
      from unnest(v_sentences) as t (sentence),
        lateral (select string_to_array(t.sentence, ' ') as words) as w
      offset 0 -- each sentence is held against the patterns once
    ) as s
  );
end;
$$;

-- What a message asks for, if it is one of the fixed intents: {meaning: stop | start | help |
-- human | bot, by_twilio: Twilio acts on it and confirms it, language, kind: reaction | auto_reply,
-- doubt: maybe_stop}. "Yes" is one unless the contact had opted out; to a toll-free number, where Twilio
-- keeps the list, only START and UNSTOP undo an opt-out
-- (https://help.twilio.com/articles/360034798533).
create function sms.intent(
  p_conversation public.sms_conversations, p_config public.sms_configs, p_payload jsonb
)
returns jsonb language plpgsql stable as $$
declare
  v_type text := lower(p_payload ->> 'opt_out_type');
  v_found record;
  v_word text := lower(btrim(p_payload ->> 'body', E' \t\r\n'));
  v_by_twilio boolean;
begin
  if v_type in ('stop', 'start', 'help') then
    return jsonb_build_object('meaning', v_type, 'by_twilio', true);
  end if;
  v_found := sms.classify(p_payload ->> 'body');
  -- Twilio acts on its own words alone, not for a short code, and not where it was told not to.
  v_by_twilio := v_found.handled_by_twilio and p_config.phone_number ~ '^\+'
    and not p_config.own_opt_out;
  if v_found.intent = 'help' and not v_by_twilio
      and not (v_found.handled_by_twilio and p_config.own_opt_out)
    or v_found.intent = 'start' and (
      p_config.phone_number ~ '^\+18(00|33|44|55|66|77|88)[0-9]{7}$'
        and v_word not in ('start', 'unstop')
      or (not v_by_twilio or v_word = 'yes') and not sms.is_opted_out(
        p_conversation.user_id, p_conversation.contact_number, p_config.phone_number
      )
    ) then
    return null;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'meaning', v_found.intent, 'by_twilio', v_by_twilio, 'language', v_found.language,
    'kind', v_found.kind, 'doubt', case when v_found.maybe_stop then 'maybe_stop' end
  ));
end;
$$;
