-- What is asked often is answered in the owner's own words, without a model: "horario", "address".

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
  constraint sms_keyword_replies_keyword_key unique (config_id, normalized),
  constraint sms_keyword_replies_keyword_check
    check (length(keyword) <= 100 and normalized <> ''),
  constraint sms_keyword_replies_answer_check
    check (btrim(answer) <> '' and length(answer) <= 1600)
);
create index sms_keyword_replies_config_id_idx
  on public.sms_keyword_replies (config_id, user_id);
create index sms_keyword_replies_user_id_idx on public.sms_keyword_replies (user_id);

comment on table public.sms_keyword_replies is 'A text that is exactly a keyword of its number gets this answer, sent as typed, at once and without a model; case, accents and punctuation do not count. Opt words and what Twilio answers itself (HELP, INFO) come first.';
comment on column public.sms_keyword_replies.normalized is 'The keyword as it is compared.';

alter table public.sms_keyword_replies enable row level security;
revoke all on table public.sms_keyword_replies from public, anon, authenticated, service_role;
grant select, delete on table public.sms_keyword_replies to authenticated;
grant insert (config_id, keyword, answer) on table public.sms_keyword_replies to authenticated;
grant update (keyword, answer) on table public.sms_keyword_replies to authenticated;
grant select, insert, update, delete on table public.sms_keyword_replies to service_role;

create policy sms_keyword_replies_owner_reads on public.sms_keyword_replies
  for select to authenticated using (user_id = (select auth.uid()));
create policy sms_keyword_replies_owner_inserts on public.sms_keyword_replies
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy sms_keyword_replies_owner_updates on public.sms_keyword_replies
  for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy sms_keyword_replies_owner_deletes on public.sms_keyword_replies
  for delete to authenticated using (user_id = (select auth.uid()));
