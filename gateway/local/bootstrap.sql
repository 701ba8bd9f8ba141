-- What every hosted project has before its first migration: roles, schemas, default privileges.
-- After https://github.com/supabase/postgres, migrations/db/init-scripts, as of Postgres 17.
-- Run once by supabase_admin, the superuser. Schema auth is made by Supabase Lite, realtime by realtime.sql.

-- The Data API's roles. noinherit as hosted: they hold what is granted to them and nothing else.
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

-- Whoever runs migrations: no superuser, as on hosted.
create role postgres login createdb createrole replication bypassrls;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
alter role postgres set search_path = "$user", public, extensions;
alter database postgres owner to postgres;

create role supabase_realtime_admin nologin noinherit;
create role dashboard_user nologin createdb createrole;

-- Supabase Lite serves both the Data API and Auth through this one login, which owns schema auth.
-- The rights on all data only let it see every table in information_schema: requests run as
-- anon, authenticated or service_role.
create role supabase_auth_admin login createrole;
grant anon, authenticated, service_role to supabase_auth_admin with inherit false;
grant pg_read_all_data, pg_write_all_data to supabase_auth_admin;
grant create on database postgres to supabase_auth_admin;
alter role supabase_auth_admin set search_path = public, extensions;
-- authenticator's limits on hosted, which apply to service_role there.
alter role supabase_auth_admin set statement_timeout = '8s';
alter role supabase_auth_admin set lock_timeout = '8s';

create schema extensions;
grant usage, create on schema extensions to postgres with grant option;
grant usage on schema extensions to anon, authenticated, service_role, supabase_auth_admin;
create extension pgcrypto with schema extensions;
create extension "uuid-ossp" with schema extensions;

create schema auth authorization supabase_auth_admin;
grant usage on schema auth to postgres, anon, authenticated, service_role;

-- The CLI (as postgres) and Lite both keep the list of migrations.
create role supabase_migrations_admin nologin;
grant supabase_migrations_admin to postgres, supabase_auth_admin;
create schema supabase_migrations authorization supabase_migrations_admin;

-- New tables, functions and sequences are exposed unless a migration says otherwise.
grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

-- The Data API reads the schema again after every change of it, as on hosted (pgrst_watch).
create function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$
begin
  notify pgrst, 'reload schema';
end
$$;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_ddl_watch();
