-- Tables as samples of the inline pattern make them: no locks, no states, no rules.

create table if not exists public.usual_configs (
  phone_number text primary key,
  system_prompt text not null,
  openai_model text not null
);
create table if not exists public.usual_conversations (
  id uuid primary key default gen_random_uuid(),
  phone_number text not null,
  contact_number text not null,
  last_message_at timestamptz not null default now()
);
create table if not exists public.usual_messages (
  id bigint generated always as identity primary key,
  conversation_id uuid not null references public.usual_conversations (id) on delete cascade,
  direction text not null,
  content text not null,
  message_sid text,
  created_at timestamptz not null default now()
);
create table if not exists public.usual_logs (
  id bigint generated always as identity primary key,
  payload jsonb not null,
  processed boolean not null default false,
  received_at timestamptz not null default now()
);
create index if not exists usual_conversations_contact_idx
  on public.usual_conversations (phone_number, contact_number);
create index if not exists usual_messages_conversation_id_idx
  on public.usual_messages (conversation_id, id desc);
alter table public.usual_configs enable row level security;
alter table public.usual_conversations enable row level security;
alter table public.usual_messages enable row level security;
alter table public.usual_logs enable row level security;
grant all on public.usual_configs, public.usual_conversations, public.usual_messages,
  public.usual_logs to service_role;
notify pgrst, 'reload schema';
