-- The tables and functions of a first version of this product, as far as the upgrade reads them.
create table if not exists public.sms_conversations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  phone_number text not null,
  twilio_number text not null,
  status text not null default 'active',
  message_count int not null default 0,
  last_message_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists sms_conv_lookup on public.sms_conversations (phone_number, twilio_number, status);
create table if not exists public.sms_messages (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references public.sms_conversations (id) on delete cascade,
  phone_number text not null,
  message_content text not null,
  direction text not null check (direction in ('incoming', 'outgoing')),
  twilio_message_sid text,
  created_at timestamptz not null default now()
);
create index if not exists sms_msg_conv on public.sms_messages (conversation_id, created_at);
create table if not exists public.sms_configs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  system_prompt text,
  openai_model text not null default 'gpt-4o-mini',
  max_tokens int not null default 150,
  temperature numeric not null default 0.7,
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);
create table if not exists public.sms_webhook_logs (
  id uuid primary key default gen_random_uuid(),
  event_type text not null,
  payload jsonb,
  processed boolean not null default false,
  error_message text,
  created_at timestamptz not null default now()
);
create or replace function public.get_sms_stats()
returns table (active_conversations bigint, total_messages bigint, active_users_24h bigint, active_users_7d bigint)
language sql stable as $$
  select (select count(*) from public.sms_conversations where status = 'active'),
         (select count(*) from public.sms_messages),
         (select count(distinct phone_number) from public.sms_messages where direction = 'incoming' and created_at > now() - interval '24 hours'),
         (select count(distinct phone_number) from public.sms_messages where direction = 'incoming' and created_at > now() - interval '7 days')
$$;
create or replace function public.get_sms_conversation_history(p_conversation_id uuid)
returns setof public.sms_messages language sql stable as $$
  select * from public.sms_messages where conversation_id = p_conversation_id order by created_at
$$;
