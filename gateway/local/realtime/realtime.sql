-- The schema realtime as hosted projects have it: signatures, owners, grants, row level security on
-- and no policy. Source: supabase/realtime, priv/repo/tenant_db_dump_15.sql. Part of the local
-- bootstrap, never of the migrations: a hosted project brings its own and refuses objects in it.
-- Run by a superuser after the roles postgres, anon, authenticated and service_role exist; may be
-- run again. Left out: everything of postgres_changes, and send_binary.
-- Only the trigger at the end does not exist on a hosted project: there the server reads the
-- replication stream, here it listens.

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'supabase_realtime_admin') then
        create role supabase_realtime_admin nologin noinherit;
    end if;
end $$;

grant anon, authenticated, service_role to supabase_realtime_admin;

-- Hosted projects let postgres make policies on realtime.messages by an extension (supautils);
-- without it only the owner may.
grant supabase_realtime_admin to postgres;

create schema if not exists realtime;

create table if not exists realtime.messages (
    topic text not null,
    extension text not null,
    payload jsonb,
    event text,
    private boolean default false,
    updated_at timestamp without time zone default now() not null,
    inserted_at timestamp without time zone default now() not null,
    id uuid default gen_random_uuid() not null,
    binary_payload bytea,
    constraint messages_pkey primary key (id, inserted_at),
    constraint messages_payload_exclusive check (payload is null or binary_payload is null)
) partition by range (inserted_at);

create index if not exists messages_inserted_at_topic_index
    on realtime.messages (inserted_at desc, topic)
    where extension = 'broadcast' and private is true;

alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;

create or replace function realtime.topic() returns text
language sql stable
as $$
select nullif(current_setting('realtime.topic', true), '')::text;
$$;

create or replace function realtime.send(
    payload jsonb, event text, topic text, private boolean default true
) returns void
language plpgsql
as $$
declare
    generated_id uuid;
    final_payload jsonb;
begin
    begin
        generated_id := gen_random_uuid();
        if payload ? 'id' then
            final_payload := payload;
        else
            final_payload := jsonb_set(payload, '{id}', to_jsonb(generated_id));
        end if;
        execute format('set local realtime.topic to %L', topic);
        insert into realtime.messages (id, payload, event, topic, private, extension)
        values (generated_id, final_payload, event, topic, private, 'broadcast');
    exception
        when others then
            raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
    end;
end;
$$;

create or replace function realtime.broadcast_changes(
    topic_name text, event_name text, operation text, table_name text, table_schema text,
    new record, old record, level text default 'ROW'
) returns void
language plpgsql
as $$
declare
    row_data jsonb := '{}'::jsonb;
begin
    if level = 'STATEMENT' then
        raise exception 'function can only be triggered for each row, not for each statement';
    end if;
    if operation = 'INSERT' or operation = 'UPDATE' or operation = 'DELETE' then
        row_data := jsonb_build_object(
            'old_record', old, 'record', new, 'operation', operation,
            'table', table_name, 'schema', table_schema
        );
        perform realtime.send(row_data, event_name, topic_name);
    else
        raise exception 'Unexpected operation type: %', operation;
    end if;
exception
    when others then
        raise exception 'Failed to process the row: %', sqlerrm;
end;
$$;

alter function realtime.topic() owner to supabase_realtime_admin;
alter function realtime.send(jsonb, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text)
    owner to supabase_realtime_admin;

grant usage on schema realtime to postgres with grant option;
grant usage on schema realtime to anon, authenticated, service_role;
-- Hosted: all. Here postgres is a member, and may not create objects in the schema there either.
grant usage on schema realtime to supabase_realtime_admin;
grant all on table realtime.messages to postgres;
grant select, insert, update on table realtime.messages to anon, authenticated, service_role;

-- Local only. Security definer: whoever may insert must not need rights on the channel's name.
create or replace function realtime.notify_local_server() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    -- A notice holds 8,000 bytes.
    perform pg_catalog.pg_notify('realtime_messages', new.id || ' ' || left(new.topic, 1900));
    return null;
end;
$$;

create or replace trigger notify_local_server
    after insert on realtime.messages
    for each row execute function realtime.notify_local_server();
