-- The people who write: what the business knows of them, and whether it wants to hear them.
--
-- A contact is one number in one account. The row is made when a conversation is opened, so a known
-- contact's message costs nothing more.

-- Names with a text or a number each, 50 at most?
create function sms.are_attributes(p_attributes jsonb)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  return jsonb_typeof(p_attributes) = 'object' and (
    select count(*) <= 50 and coalesce(bool_and(
      jsonb_typeof(a.value) in ('string', 'number') and length(a.key) between 1 and 100
    ), true)
    from jsonb_each(p_attributes) as a
  );
end;
$$;

-- Tags of 1 to 40 characters?
create function sms.are_tags(p_tags text[])
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  return (
    select coalesce(bool_and(length(t.tag) between 1 and 40), true) from unnest(p_tags) as t (tag)
  );
end;
$$;

create table public.sms_contacts (
  user_id uuid not null,
  contact_number text not null,
  name text,
  notes text,
  attributes jsonb not null default '{}',
  tags text[] not null default '{}',
  language text,
  blocked_at timestamptz,
  created_at timestamptz not null default now(),
  words tsvector,
  constraint sms_contacts_pkey primary key (user_id, contact_number),
  constraint sms_contacts_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_contacts_contact_number_check check (length(contact_number) between 1 and 255),
  constraint sms_contacts_name_check check (length(name) between 1 and 100),
  constraint sms_contacts_notes_check check (length(notes) <= 4000),
  constraint sms_contacts_attributes_check
    check (sms.are_attributes(attributes) and length(attributes::text) <= 4096),
  constraint sms_contacts_tags_check check (sms.are_tags(tags) and cardinality(tags) <= 20),
  constraint sms_contacts_language_check check (
    language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$' and length(language) <= 35
  )
);
create index sms_contacts_words_idx on public.sms_contacts using gin (words);

comment on table public.sms_contacts is
  'Who writes to the account''s numbers: read and change name, notes, attributes, tags, language '
  'and blocked_at here; upsert_sms_contacts brings many. Blocked: messages are stored and can be '
  'read, and nothing is answered.';
comment on column public.sms_contacts.attributes is
  'What else is known, name to text or number: {"plan": "gold", "visits": 3}. The model is shown '
  'those that sms_configs.context_attributes names.';
comment on column public.sms_contacts.language is 'A BCP 47 tag such as es or pt-BR.';
comment on column public.sms_contacts.blocked_at is
  'Since when the contact is not answered; null: it is. Set it to block, to null to unblock.';
comment on constraint sms_contacts_contact_number_check on public.sms_contacts is
  'contact_number has 1 to 255 characters.';
comment on constraint sms_contacts_name_check on public.sms_contacts is
  'name has 1 to 100 characters, or is null.';
comment on constraint sms_contacts_notes_check on public.sms_contacts is
  'notes has at most 4,000 characters.';
comment on constraint sms_contacts_attributes_check on public.sms_contacts is
  'attributes is an object of at most 50 names, each with a text or a number, and 4,096 characters.';
comment on constraint sms_contacts_tags_check on public.sms_contacts is
  'tags holds at most 20 tags of 1 to 40 characters.';
comment on constraint sms_contacts_language_check on public.sms_contacts is
  'language is a tag such as es or pt-BR.';

create trigger sms_contacts_refuse_invalid
  before insert or update on public.sms_contacts
  for each row execute function sms.refuse_invalid();

create function public.upsert_sms_contacts(p_contacts jsonb, p_user_id uuid default auth.uid())
returns integer language plpgsql security definer set search_path = '' as $$
declare
  v_ceiling integer := (sms.policy()).contacts_ceiling;
  v_count integer;
begin
  perform sms.require_role(p_user_id, 'agent');
  if jsonb_typeof(p_contacts) is distinct from 'array' or jsonb_array_length(p_contacts) > 1000 then
    raise exception using errcode = 'PT422', message = 'p_contacts is an array of at most 1,000 contacts',
      hint = 'Call it again with the next 1,000.';
  end if;
  perform sms.check_import(p_contacts);
  if (select count(*) from public.sms_contacts as c where c.user_id = p_user_id)
    + jsonb_array_length(p_contacts) > v_ceiling then
    raise exception using errcode = 'PT422',
      message = format('An account has at most %s contacts', v_ceiling),
      hint = 'Ask the operator to raise sms.policy.contacts_ceiling.';
  end if;
  insert into public.sms_contacts as c
    (user_id, contact_number, name, notes, attributes, tags, language)
  select distinct on (n.number) p_user_id, n.number, e.entry ->> 'name', e.entry ->> 'notes',
    coalesce(e.entry -> 'attributes', '{}'), sms.texts(e.entry -> 'tags'), e.entry ->> 'language'
  from jsonb_array_elements(p_contacts) with ordinality as e (entry, place)
  cross join lateral sms.bare_number(e.entry ->> 'contact_number') as n (number)
  order by n.number, e.place desc
  on conflict (user_id, contact_number) do update set
    name = coalesce(excluded.name, c.name),
    notes = coalesce(excluded.notes, c.notes),
    attributes = c.attributes || excluded.attributes,
    tags = case when excluded.tags = '{}' then c.tags else excluded.tags end,
    language = coalesce(excluded.language, c.language);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.upsert_sms_contacts(jsonb, uuid) is
  'Imports up to 1,000 contacts: [{contact_number, name, notes, attributes, tags, language}]. One '
  'that is known keeps what the entry leaves out; attributes are added to; asked again nothing '
  'changes. Returns how many contacts were written. PT404: not an account of the caller. PT422: an '
  'entry cannot be stored, and says which; then nothing was.';

create function public.erase_sms_contact(p_contact_number text, p_user_id uuid default auth.uid())
returns integer language plpgsql security definer set search_path = '' as $$
begin
  perform sms.require_role(p_user_id, 'owner');
  return public.forget_sms_contact(p_user_id, p_contact_number);
end;
$$;
comment on function public.erase_sms_contact(text, uuid) is
  'Erases what a contact of the caller''s own account wrote and was sent, name and notes included; '
  'counters and the opt-out stay. Returns how many messages it emptied. It cannot be undone. PT403: '
  'the caller is not the owner.';

-- Refuses an import with the place of the first entry that is none.
create function sms.check_import(p_contacts jsonb)
returns void language plpgsql stable set search_path = '' as $$
declare
  v_place bigint := (
    select min(e.place)
    from jsonb_array_elements(p_contacts) with ordinality as e (entry, place)
    where jsonb_typeof(e.entry) <> 'object'
      or sms.bare_number(e.entry ->> 'contact_number') is null
      or coalesce(jsonb_typeof(e.entry -> 'tags'), 'array') not in ('array', 'null')
  );
begin
  if v_place is not null then
    raise exception using errcode = 'PT422',
      message = format('Entry %s of p_contacts is no contact', v_place),
      hint = 'contact_number is E.164, such as +34600111222; tags is an array of texts.';
  end if;
end;
$$;

-- "+34 600-111 222" as the number it is; null: it is none.
create function sms.bare_number(p_number text)
returns text language sql immutable set search_path = '' as $$
  select (regexp_match(
    regexp_replace(p_number, '[-. ()\u00a0\u202a-\u202e\u2066-\u2069]', '', 'g'),
    '^\+[1-9][0-9]{6,14}$'
  ))[1];
$$;

create function sms.texts(p_array jsonb)
returns text[] language sql immutable set search_path = '' as $$
  select case when jsonb_typeof(p_array) = 'array'
    then array(select jsonb_array_elements_text(p_array)) else '{}' end;
$$;

-- What the search finds a contact by.
create function sms.index_contact()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.words := sms.search_words(
    new.user_id, 0, concat_ws(' ', new.name, new.notes, array_to_string(new.tags, ' '))
  );
  return new;
end;
$$;

create trigger sms_contacts_index
  before insert or update of name, notes, tags on public.sms_contacts
  for each row execute function sms.index_contact();

-- A contact is blocked or no longer: so are its open conversations, where ingest and gate look. The
-- contact's row is locked first here and where a conversation is opened, so that none opens
-- unaware.
create function sms.after_block()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_id uuid;
begin
  for v_id in
    select c.id from public.sms_conversations as c
    where c.user_id = new.user_id and c.contact_number = new.contact_number
      and c.config_id in (select f.id from public.sms_configs as f where f.user_id = new.user_id)
      and c.status = 'active'
    order by c.id
    for no key update
  loop
    if new.blocked_at is not null then
      perform sms.cancel_pending_reply(v_id, 'blocked');
    end if;
    update public.sms_conversations as c set is_blocked = new.blocked_at is not null where c.id = v_id;
  end loop;
  return null;
end;
$$;

create trigger sms_contacts_after_block
  after update of blocked_at on public.sms_contacts
  for each row when ((old.blocked_at is null) <> (new.blocked_at is null))
  execute function sms.after_block();

-- What the model is shown of a contact: the name, and the attributes that the number names.
create function sms.known_of(p_user_id uuid, p_contact_number text, p_attributes text[])
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_name text;
  v_attributes jsonb;
begin
  select k.name, k.attributes into v_name, v_attributes
  from public.sms_contacts as k
  where k.user_id = p_user_id and k.contact_number = p_contact_number;
  if not found then
    return null;
  end if;
  if v_attributes <> '{}' then
    v_attributes := coalesce((
      select jsonb_object_agg(a.key, a.value) from jsonb_each(v_attributes) as a
      where a.key = any (p_attributes)
    ), '{}');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('name', v_name)) || v_attributes;
end;
$$;
