-- What React calls: supabase.from(...) and supabase.rpc(...), under row level security. The service
-- role sees all users. Errors are PT404, PT409, PT422 and PT429, which the Data API turns into
-- HTTP 404, 409, 422 and 429; what belongs to somebody else looks like what does not exist.

create function public.send_sms(
  p_conversation_id uuid, p_content text, p_client_ref uuid default gen_random_uuid()
)
returns setof public.sms_messages
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_client_ref uuid := coalesce(p_client_ref, gen_random_uuid());
begin
  -- Asked again after a lost answer: the text is there, even if the conversation was closed since.
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
      hint = 'Make up a new one for every text: crypto.randomUUID().';
  end if;
end;
$$;
comment on function public.send_sms(uuid, text, uuid) is 'Sends a text as a human and returns its row; called twice with one p_client_ref it is one text. The AI is silent in that conversation for the number''s takeover_pause. PT404: no such conversation. PT409: it is closed. PT422: the text is empty or too long. PT429: too many today.';
revoke all on function public.send_sms(uuid, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.send_sms(uuid, text, uuid) to authenticated, service_role;

create function public.close_sms_conversation(p_conversation_id uuid)
returns setof public.sms_conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function public.close_sms_conversation(uuid) is 'Closes a conversation and returns it; one closed already stays as it is. What is queued or owed in it is dropped; the contact''s next text opens a new one. PT404: no such conversation.';
revoke all on function public.close_sms_conversation(uuid) from public, anon, authenticated, service_role;
grant execute on function public.close_sms_conversation(uuid) to authenticated, service_role;

create function public.mark_sms_read(p_conversation_id uuid, p_up_to_id bigint default null)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
comment on function public.mark_sms_read(uuid, bigint) is 'The owner has seen the conversation up to that message (null: up to its newest text); never back. Returns read_up_to_id. To be silent or to answer again the AI needs no function: update sms_conversations set auto_reply = false, or auto_reply = true and paused_until = null. PT404: no such conversation.';
revoke all on function public.mark_sms_read(uuid, bigint) from public, anon, authenticated, service_role;
grant execute on function public.mark_sms_read(uuid, bigint) to authenticated, service_role;

create function public.get_sms_conversation_history(
  p_conversation_id uuid, p_limit integer default 50, p_before_id bigint default null
)
returns setof public.sms_messages
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if not exists (select from public.sms_conversations as c where c.id = p_conversation_id) then
    raise exception using errcode = 'PT404', message = 'There is no such conversation',
      hint = 'It may have been erased, or it belongs to somebody else.';
  end if;
  return query
    select m.* from public.sms_messages as m
    where m.conversation_id = p_conversation_id
      and m.id < coalesce(p_before_id, 9223372036854775807)
    order by m.id desc
    limit least(greatest(coalesce(p_limit, 50), 1), 200);
end;
$$;
comment on function public.get_sms_conversation_history(uuid, integer, bigint) is 'One page of a conversation, newest first; the next page is asked for with the last id as p_before_id. p_limit 1 to 200. PT404: no such conversation.';
revoke all on function public.get_sms_conversation_history(uuid, integer, bigint) from public, anon, authenticated, service_role;
grant execute on function public.get_sms_conversation_history(uuid, integer, bigint) to authenticated, service_role;

-- The inbox.

create view public.sms_inbox with (security_invoker = true) as
select
  c.id,
  c.user_id,
  c.config_id,
  c.contact_number,
  c.status,
  c.auto_reply,
  c.paused_until,
  c.wants_human,
  c.read_up_to_id,
  c.last_message_at,
  c.created_at,
  c.closed_at,
  newest.id as message_id,
  newest.direction as message_direction,
  newest.author as message_author,
  newest.status as message_status,
  newest.message_content,
  newest.created_at as message_created_at,
  case when c.last_incoming_id > c.read_up_to_id then (
    select count(*)::integer
    from (
      select from public.sms_messages as m
      where m.conversation_id = c.id and m.id > c.read_up_to_id and m.direction = 'incoming'
      limit 100
    ) as unseen
  ) else 0 end as unread_count
from public.sms_conversations as c
left join lateral (
  select m.id, m.direction, m.author, m.status, m.message_content, m.created_at
  from public.sms_messages as m
  where m.conversation_id = c.id
  order by m.id desc
  limit 1
) as newest on true;
comment on view public.sms_inbox is 'One row per conversation with its newest message. Order by last_message_at descending and take a page; the next page is last_message_at < the last one''s. Read only: change sms_conversations.';
comment on column public.sms_inbox.unread_count is 'Texts of the contact after read_up_to_id; 100 means 100 or more.';
revoke all on table public.sms_inbox from public, anon, authenticated, service_role;
grant select on table public.sms_inbox to authenticated, service_role;

-- Search. Text operators are not leakproof, so under row level security they would use no index:
-- search_sms is security definer and asks for the caller's rows itself.
--
-- What is said often is found among the newest texts, what is said seldom by index. An index on
-- words alone would fetch all that was ever said by anybody, so its entries are an owner's words
-- in a block of 131,072 ids: blocks are asked newest first until the page is full.

create function sms.search_words(p_user_id uuid, p_id bigint, p_text text)
returns tsvector
language plpgsql
immutable
parallel safe
security invoker
cost 1000
set search_path = ''
as $$
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
comment on function sms.search_words(uuid, bigint, text) is 'The words of a text, without case and accents, as index entries: "5ea1b2c3f.hola" is hola, said by an owner in block f.';
revoke all on function sms.search_words(uuid, bigint, text) from public, anon, authenticated, service_role;
-- An index expression runs with the rights of whoever inserts the row: it may call nothing private.
grant execute on function sms.search_words(uuid, bigint, text) to authenticated, service_role;

-- Without the list of entries to be sorted in later: every search would read it once per block, and
-- the text that fills it would wait until it is sorted in. Without open texts, which would be indexed
-- again a moment later: they are among the newest.
create index sms_messages_search_idx on public.sms_messages
  using gin (sms.search_words(user_id, id, message_content)) with (fastupdate = off)
  where not is_open;

create function sms.word_pattern(p_word text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return '\m' || replace(replace(replace(replace(replace(replace(replace(p_word,
    'a', '[aáàâãäå]'), 'e', '[eéèêë]'), 'i', '[iíìîï]'), 'o', '[oóòôõö]'), 'u', '[uúùûü]'),
    'n', '[nñ]'), 'c', '[cç]');
end;
$$;
comment on function sms.word_pattern(text) is 'A word without accents as a regular expression that finds it with them.';
revoke all on function sms.word_pattern(text) from public, anon, authenticated, service_role;

create function sms.search_newest(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint, p_from_id bigint
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
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
comment on function sms.search_newest(uuid, text[], integer, bigint, bigint) is 'Texts with all these words among the owner''s from p_from_id on, by reading them.';
revoke all on function sms.search_newest(uuid, text[], integer, bigint, bigint) from public, anon, authenticated, service_role;

create function sms.search_blocks(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
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
comment on function sms.search_blocks(uuid, text[], integer, bigint) is 'Texts with all these words, or words that begin with them, by index: one block after the other, newest first, until there are enough.';
revoke all on function sms.search_blocks(uuid, text[], integer, bigint) from public, anon, authenticated, service_role;

create function sms.search_messages(
  p_user_id uuid, p_words text[], p_limit integer, p_before_id bigint
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
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
comment on function sms.search_messages(uuid, text[], integer, bigint) is 'Ids of the newest texts with all these words, newest first.';
revoke all on function sms.search_messages(uuid, text[], integer, bigint) from public, anon, authenticated, service_role;

-- A part of a contact's number, from anywhere in it. Beside the conversation, because every text
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
comment on table sms.contact_digits is 'Every ending of each contact''s number, so that its beginnings are all parts of the number.';
alter table sms.contact_digits enable row level security;
revoke all on table sms.contact_digits from public, anon, authenticated, service_role;

create function sms.endings(p_user_id uuid, p_contact_number text)
returns tsvector
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return array_to_tsvector(array(
    select right(p_user_id::text, 8) || '.' || substr(d.digits, n)
    from regexp_replace(p_contact_number, '[^0-9]', '', 'g') as d (digits)
    cross join lateral generate_series(1, length(d.digits) - 2) as n
  ));
end;
$$;
comment on function sms.endings(uuid, text) is 'The endings of a number, three digits and longer, as index entries of its owner.';
revoke all on function sms.endings(uuid, text) from public, anon, authenticated, service_role;

create function sms.store_digits()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into sms.contact_digits as d (conversation_id, user_id, endings)
  values (new.id, new.user_id, sms.endings(
    new.user_id, case when new.contact_number not like 'forgotten:%' then new.contact_number else '' end
  ))
  on conflict (conversation_id) do update set endings = excluded.endings;
  return null;
end;
$$;
comment on function sms.store_digits() is 'Makes a new conversation''s contact searchable, and a forgotten one''s not.';
revoke all on function sms.store_digits() from public, anon, authenticated, service_role;

create trigger sms_conversations_store_digits
  after insert or update of contact_number on public.sms_conversations
  for each row execute function sms.store_digits();

create function sms.search_contacts(
  p_user_id uuid, p_digits text, p_limit integer, p_before_id bigint
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
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
comment on function sms.search_contacts(uuid, text, integer, bigint) is 'The newest message of each conversation whose contact''s number has these digits in a row: among the newest 1,000 conversations, else by index.';
revoke all on function sms.search_contacts(uuid, text, integer, bigint) from public, anon, authenticated, service_role;

create function public.search_sms(
  p_query text, p_limit integer default 20, p_before_id bigint default null
)
returns setof public.sms_messages
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := auth.uid();
  v_limit integer := least(greatest(coalesce(p_limit, 20), 1), 100);
  v_before_id bigint := coalesce(p_before_id, 9223372036854775807);
  v_words text[] := array(
    select split_part(entry, '.', 2)
    from unnest(tsvector_to_array(sms.search_words(v_user_id, 0, left(p_query, 200)))) as entry
    limit 8
  );
  v_digits text := regexp_replace(p_query, '[-+(). ]', '', 'g');
  v_ids bigint[] := array[]::bigint[];
begin
  if v_user_id is null then
    raise exception using errcode = 'PT422', message = 'search_sms searches the texts of a user',
      hint = 'Call it with the session of a signed-in user.';
  end if;
  if cardinality(v_words) > 0 then
    v_ids := sms.search_messages(v_user_id, v_words, v_limit, v_before_id);
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
comment on function public.search_sms(text, integer, bigint) is 'The caller''s texts that have all the words of p_query, or words that begin with them, whatever their case and accents; for three digits or more also the newest message of each conversation whose contact''s number has them in a row. Newest first; the next page is asked for with the last id as p_before_id. p_limit 1 to 100. Nothing to search for finds nothing. PT422: there is no user (the service role has none).';
revoke all on function public.search_sms(text, integer, bigint) from public, anon, authenticated, service_role;
grant execute on function public.search_sms(text, integer, bigint) to authenticated, service_role;
