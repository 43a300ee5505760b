-- Schemas and their grants. New objects in public are granted to nobody: migrations say who may
-- use what, as in every project made since 2026-05-30.

grant usage, create on schema public to postgres;
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;

create schema if not exists auth;
grant usage on schema auth to postgres, anon, authenticated, service_role;
grant usage on schema auth to supabase_auth_admin;

create schema if not exists realtime;
grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant usage on schema realtime to supabase_realtime_admin;

-- preinstalled when hosted; here, where the installation has them
do $$
declare
  extension record;
begin
  for extension in
    select available.name
    from pg_catalog.pg_available_extensions as available
    where available.name in ('pgcrypto', 'uuid-ossp', 'pg_stat_statements')
  loop
    execute pg_catalog.format(
      'create extension if not exists %I with schema extensions', extension.name
    );
  end loop;
end;
$$;
