-- Who asked not to be texted, and the words they ask with.
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
    'text',    -- the contact texted an opt word
    'twilio',  -- Twilio refused with 21610
    'operator' -- set_sms_opt_out: the contact called or wrote otherwise
  ))
);
comment on table public.sms_opt_outs is 'Who may not be texted. phone_number ''*'': by none of the owner''s numbers. The latest row for the number or ''*'' decides.';

create table public.sms_opt_out_words (
  language text not null,
  phrase text not null,
  meaning text not null,
  constraint sms_opt_out_words_pkey primary key (phrase),
  constraint sms_opt_out_words_phrase_check check (phrase = lower(phrase) and phrase <> ''),
  constraint sms_opt_out_words_meaning_check check (meaning in ('stop', 'start', 'help'))
);
comment on table public.sms_opt_out_words is 'Whole texts, normalised by private.sms_normalize, that opt out, opt in or ask for help. The first of each meaning are Twilio''s own (https://help.twilio.com/articles/223134027).';

insert into public.sms_opt_out_words (language, phrase, meaning) values
  ('en', 'stop', 'stop'), ('en', 'stopall', 'stop'), ('en', 'unsubscribe', 'stop'),
  ('en', 'cancel', 'stop'), ('en', 'end', 'stop'), ('en', 'quit', 'stop'),
  ('en', 'revoke', 'stop'), ('en', 'optout', 'stop'),
  ('es', 'baja', 'stop'), ('es', 'alto', 'stop'), ('es', 'parar', 'stop'),
  ('fr', 'arret', 'stop'),
  ('en', 'start', 'start'), ('en', 'yes', 'start'), ('en', 'unstop', 'start'),
  ('en', 'help', 'help'), ('en', 'info', 'help');

alter table public.sms_opt_outs enable row level security;
alter table public.sms_opt_out_words enable row level security;
revoke all on table public.sms_opt_outs, public.sms_opt_out_words
  from public, anon, authenticated, service_role;
grant select on table public.sms_opt_outs, public.sms_opt_out_words to authenticated;
grant select, insert, update, delete on table public.sms_opt_outs, public.sms_opt_out_words
  to service_role;
create policy sms_opt_outs_owner_reads on public.sms_opt_outs
  for select to authenticated using (user_id = (select auth.uid()));
create policy sms_opt_out_words_read on public.sms_opt_out_words
  for select to authenticated using (true);

create function private.sms_normalize(p_text text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select btrim(regexp_replace(
    translate(lower(p_text), 'áàâãäéèêëíìîïóòôõöúùûüñç', 'aaaaaeeeeiiiiooooouuuunc'),
    '[^a-z0-9]+', ' ', 'g'
  ));
$$;
comment on function private.sms_normalize(text) is 'Lower case, without accents and punctuation, single spaces.';
revoke all on function private.sms_normalize(text) from public, anon, authenticated, service_role;
grant execute on function private.sms_normalize(text) to service_role;

create function private.sms_is_opted_out(p_user_id uuid, p_contact_number text, p_phone_number text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select o.opted_out from public.sms_opt_outs as o
    where o.user_id = p_user_id
      and o.contact_number = p_contact_number
      and o.phone_number in ('*', p_phone_number)
    order by o.changed_at desc
    limit 1
  ), false);
$$;
comment on function private.sms_is_opted_out(uuid, text, text) is 'May this number not text this contact?';
revoke all on function private.sms_is_opted_out(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function private.sms_is_opted_out(uuid, text, text) to service_role;

create function private.sms_note_opt_out(
  p_user_id uuid, p_contact_number text, p_phone_number text,
  p_opted_out boolean, p_source text, p_changed_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into public.sms_opt_outs as o
    (user_id, contact_number, phone_number, opted_out, source, changed_at)
  values (p_user_id, p_contact_number, p_phone_number, p_opted_out, p_source, p_changed_at)
  on conflict (user_id, contact_number, phone_number) do update
    set opted_out = excluded.opted_out, source = excluded.source, changed_at = excluded.changed_at
    where excluded.changed_at > o.changed_at;
end;
$$;
comment on function private.sms_note_opt_out(uuid, text, text, boolean, text, timestamptz) is 'Records one wish of a contact; an older one than the stored changes nothing.';
revoke all on function private.sms_note_opt_out(uuid, text, text, boolean, text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function private.sms_note_opt_out(uuid, text, text, boolean, text, timestamptz) to service_role;

create function public.set_sms_opt_out(
  p_user_id uuid, p_contact_number text, p_opted_out boolean default true, p_phone_number text default '*'
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- The lock on the contact's conversations keeps an answer from passing the gate meanwhile.
  perform from public.sms_conversations as c
  where c.user_id = p_user_id and c.contact_number = p_contact_number
    and c.config_id in (select f.id from public.sms_configs as f where f.user_id = p_user_id)
  order by c.id
  for no key update;
  perform private.sms_note_opt_out(
    p_user_id, p_contact_number, p_phone_number, p_opted_out, 'operator', clock_timestamp()
  );
  perform private.sms_silence(c.id)
  from public.sms_conversations as c
  join public.sms_configs as f on f.id = c.config_id
  where f.user_id = p_user_id and c.contact_number = p_contact_number
    and private.sms_is_opted_out(p_user_id, p_contact_number, f.phone_number);
end;
$$;
comment on function public.set_sms_opt_out(uuid, text, boolean, text) is 'For the contact who calls or writes an e-mail: record that they do (or again do not) want to be texted.';
revoke all on function public.set_sms_opt_out(uuid, text, boolean, text) from public, anon, authenticated, service_role;
grant execute on function public.set_sms_opt_out(uuid, text, boolean, text) to service_role;
