-- Finding messages by their words and contacts by their digits.

-- Search. Text operators are not leakproof, so under row level security they would use no index:
-- search_sms is security definer and asks for the caller's rows itself.
--
-- What is said often is found among the newest messages, what is said seldom by index. An index on
-- words alone would fetch all that was ever said by anybody, so its entries are an owner's words in
-- a block of 131,072 ids: blocks are asked newest first until the page is full. The words of a
-- message, without case and accents, as index entries: "5ea1b2c3f.hola" is hola, said by an owner
-- in block f.
create function sms.search_words(p_user_id uuid, p_id bigint, p_text text)
returns tsvector language plpgsql immutable parallel safe cost 1000 set search_path = '' as $$
declare
  v_key text := right(p_user_id::text, 8) || to_hex(p_id >> 17) || '.';
  v_text text := lower(p_text);
begin
  if length(v_text) < octet_length(v_text) then
    v_text := translate(v_text, 'áàâãäåéèêëíìîïóòôõöúùûüñç', 'aaaaaaeeeeiiiiooooouuuunc');
  end if;
  if length(v_text) > 500 then -- an index entry has a limit
    v_text := regexp_replace(v_text, '(\S{100})\S+', '\1', 'g');
  end if;
  -- To the parser these make addresses, signs and tags of what people type between words.
  v_text := translate(v_text, '-./@_:+<&', '         ');
  v_text := array_to_string(tsvector_to_array(to_tsvector('pg_catalog.simple', v_text)), ' ' || v_key);
  return array_to_tsvector(string_to_array(nullif(v_key || v_text, v_key), ' '));
end;
$$;

-- New entries wait in a list of at most 64 kB and are sorted in together: half of a message's WAL
-- was this index (23.1 kB a life before, 12.2 kB now). A search reads the list once per block, for
-- 0.01 ms each; with 256 kB it would be 0.06 ms, and 9.4 kB. Without open messages, which would be
-- indexed again a moment later: they are among the newest.
create index sms_messages_search_idx on public.sms_messages
  using gin (sms.search_words(user_id, id, message_content))
  with (fastupdate = on, gin_pending_list_limit = 64)
  where not is_open;

-- A part of a contact's number, from anywhere in it. Beside the conversation, because every message
-- updates that one and would rewrite the entries.
create table sms.contact_digits (
  conversation_id uuid not null,
  user_id uuid not null,
  endings tsvector not null,
  constraint sms_contact_digits_pkey primary key (conversation_id),
  constraint sms_contact_digits_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade
);
create index sms_contact_digits_endings_idx on sms.contact_digits using gin (endings);

comment on table sms.contact_digits is
  'Every ending of each contact''s number, so that its beginnings are all parts of the number.';

create function public.search_sms(
  p_query text, p_limit integer default 20, p_before_id bigint default null,
  p_user_id uuid default auth.uid()
)
returns setof public.sms_messages language plpgsql stable security definer set search_path = '' as $$
declare
  v_user_id uuid := p_user_id;
  v_limit integer := least(coalesce(p_limit, 20), 100);
  v_before_id bigint := coalesce(p_before_id, 9223372036854775807);
  v_words text[] := array(
    select split_part(entry, '.', 2)
    from unnest(tsvector_to_array(sms.search_words(v_user_id, 0, left(p_query, 200)))) as entry
    limit 8
  );
  v_digits text := regexp_replace(p_query, '[-+(). ]', '', 'g');
  v_ids bigint[] := array[]::bigint[];
begin
  if p_limit < 1 then
    raise exception using errcode = 'PT422', message = 'p_limit is less than 1',
      hint = 'Ask for 1 or more; null is 20.';
  end if;
  if v_user_id is null then
    raise exception using errcode = 'PT422', message = 'search_sms searches the messages of an account',
      hint = 'Call it with the session of a signed-in user, or name p_user_id.';
  end if;
  perform sms.require_role(v_user_id, 'agent');
  if cardinality(v_words) > 0 then
    v_ids := sms.search_messages(v_user_id, v_words, v_limit, v_before_id);
  end if;
  if cardinality(v_words) > 0 then
    v_ids := v_ids || sms.search_named(v_user_id, v_words, v_limit, v_before_id);
  end if;
  if v_digits ~ '^[0-9]{3,15}$' then
    v_ids := v_ids || sms.search_contacts(v_user_id, v_digits, v_limit, v_before_id);
  end if;
  return query select m.* from public.sms_messages as m
    where m.id = any (v_ids) and m.user_id = v_user_id
    order by m.id desc
    limit v_limit;
end;
$$;
comment on function public.search_sms(text, integer, bigint, uuid) is
  'The messages of an account (p_user_id, by default the caller''s own) that have all the words of p_query, or words that begin with them (so may the name, notes and tags of the contact: then it is the newest message of the conversation), whatever '
  'their case and accents; for three digits or more also the newest message of each conversation '
  'whose contact''s number has them in a row. Newest first; the next page is asked for with the '
  'last id as p_before_id. p_limit 1 to 100. Nothing to search for finds nothing. PT404: not an '
  'account of the caller. PT422: no account is named, or p_limit is less than 1.';

-- Ids of the newest messages with all these words, newest first.
create function sms.search_messages(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_ids bigint[];
  v_newest bigint;
  v_from bigint;
begin
  select max(w.id), min(w.id) into v_newest, v_from
  from (
    select m.id from public.sms_messages as m
    where m.user_id = p_user_id and m.id < p_before_id
    order by m.id desc
    limit 500
  ) as w;
  v_ids := sms.search_newest(p_user_id, p_words, p_limit, v_newest + 1, v_from);
  if cardinality(v_ids) < p_limit then
    v_ids := v_ids || sms.search_blocks(
      p_user_id, p_words, p_limit - cardinality(v_ids), v_from
    );
  end if;
  return v_ids;
end;
$$;

-- Messages with all these words among the owner's from p_from_id on, by reading them.
create function sms.search_newest(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint, p_from_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
begin
  return array(
    select m.id from public.sms_messages as m
    where m.user_id = p_user_id and m.id < p_before_id and m.id >= p_from_id
      and m.message_content ~* all (array(
        select sms.word_pattern(word) from unnest(p_words) as word
      ))
    order by m.id desc
    limit p_limit
  );
end;
$$;

-- A word without accents as a regular expression that finds it with them.
create function sms.word_pattern(p_word text)
returns text language plpgsql immutable set search_path = '' as $$
begin
  return '\m' || replace(replace(replace(replace(replace(replace(replace(p_word,
    'a', '[aáàâãäå]'), 'e', '[eéèêë]'), 'i', '[iíìîï]'), 'o', '[oóòôõö]'), 'u', '[uúùûü]'),
    'n', '[nñ]'), 'c', '[cç]');
end;
$$;

-- Messages with all these words, or words that begin with them, by index: one block after the
-- other, newest first, until there are enough.
create function sms.search_blocks(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_key text := right(p_user_id::text, 8);
  v_query text := (select string_agg(format('''@%s'':*', word), ' & ') from unnest(p_words) as word);
  v_oldest bigint := (
    select m.id from public.sms_messages as m where m.user_id = p_user_id order by m.id limit 1
  );
begin
  return array(
    select newest.id
    from generate_series((p_before_id - 1) >> 17, v_oldest >> 17, -1) as block
    cross join lateral (
      select said.id
      from (
        select m.id, m.user_id from public.sms_messages as m
        where not m.is_open and sms.search_words(m.user_id, m.id, m.message_content)
          @@ replace(v_query, '@', v_key || to_hex(block) || '.')::tsquery
        offset 0 -- or the planner would add the index on user_id, and read all of it
      ) as said
      where said.user_id = p_user_id and said.id < p_before_id
      order by said.id desc
      limit p_limit
    ) as newest
    limit p_limit
  );
end;
$$;

-- The newest message of each conversation whose contact's number has these digits in a row: among
-- the newest 1,000 conversations, else by index.
create function sms.search_contacts(
  p_user_id uuid, p_digits text, p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
declare
  v_before timestamptz := coalesce((
    select m.created_at + interval '1 minute' from public.sms_messages as m where m.id = p_before_id
  ), 'infinity');
  v_ids bigint[];
begin
  v_ids := array(
    select n.id
    from (
      select c.id, c.contact_number from public.sms_conversations as c
      where c.user_id = p_user_id and c.last_message_at < v_before
      order by c.last_message_at desc
      limit 1000
    ) as c
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = c.id
      order by m.id desc
      limit 1
    ) as n
    where position(p_digits in c.contact_number) > 0
      and n.id < p_before_id
    limit p_limit
  );
  if cardinality(v_ids) = p_limit then
    return v_ids;
  end if;
  return array(
    select n.id
    from sms.contact_digits as d
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = d.conversation_id
      order by m.id desc
      limit 1
    ) as n
    where d.endings @@ format('''%s.%s'':*', right(p_user_id::text, 8), p_digits)::tsquery
      and d.user_id = p_user_id and n.id < p_before_id
    order by n.id desc
    limit p_limit
  );
end;
$$;

-- The newest message of each conversation with a contact whose name, notes and tags have all these
-- words.
create function sms.search_named(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[] language plpgsql stable set search_path = '' as $$
begin
  return array(
    select n.id
    from (
      select k.contact_number from public.sms_contacts as k
      where k.user_id = p_user_id and k.words @@ (
        select string_agg(format('''%s0.%s'':*', right(p_user_id::text, 8), q.word), ' & ')
        from unnest(p_words) as q (word)
      )::tsquery
      limit 500
    ) as w
    cross join (select f.id from public.sms_configs as f where f.user_id = p_user_id) as f
    cross join lateral ( -- the active one, or the last
      select c.id from public.sms_conversations as c
      where c.config_id = f.id and c.contact_number = w.contact_number
      order by c.closed_at desc nulls first
      limit 1
    ) as c
    cross join lateral (
      select m.id from public.sms_messages as m
      where m.conversation_id = c.id
      order by m.id desc
      limit 1
    ) as n
    where n.id < p_before_id
    order by n.id desc
    limit p_limit
  );
end;
$$;

-- The endings of a number, three digits and longer, as index entries of its owner.
create function sms.endings(p_user_id uuid, p_contact_number text)
returns tsvector language plpgsql immutable set search_path = '' as $$
begin
  return array_to_tsvector(array(
    select right(p_user_id::text, 8) || '.' || substr(d.digits, n)
    from regexp_replace(p_contact_number, '[^0-9]', '', 'g') as d (digits)
    cross join lateral generate_series(1, length(d.digits) - 2) as n
  ));
end;
$$;

-- Makes a new conversation's contact searchable, and a forgotten one's not.
create function sms.store_digits()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into sms.contact_digits as d (conversation_id, user_id, endings)
  values (new.id, new.user_id, sms.endings(
    new.user_id, case when new.contact_number not like 'forgotten:%' then new.contact_number else '' end
  ))
  on conflict (conversation_id) do update set endings = excluded.endings;
  return null;
end;
$$;

create trigger sms_conversations_store_digits
  after insert or update of contact_number on public.sms_conversations
  for each row execute function sms.store_digits();
