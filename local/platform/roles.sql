-- The roles of the platform, shared by all databases of the server.
-- Applied as a superuser; safe to apply again.

do $$
declare
  wanted record;
begin
  for wanted in
    select roles.name, roles.attributes
    from (
      values
        ('supabase_admin', 'superuser login createdb createrole replication bypassrls'),
        ('anon', 'nologin noinherit'),
        ('authenticated', 'nologin noinherit'),
        ('service_role', 'nologin noinherit bypassrls'),
        ('authenticator', 'login noinherit password ''postgres'''),
        ('supabase_auth_admin', 'nologin noinherit createrole'),
        ('supabase_realtime_admin', 'nologin noinherit'),
        -- migrations run as this role: what needs a superuser must fail, as it does when hosted
        (
          'postgres',
          'login nosuperuser createdb createrole replication bypassrls password ''postgres'''
        )
    ) as roles (name, attributes)
  loop
    if not exists (
      select from pg_catalog.pg_roles where pg_roles.rolname = wanted.name
    ) then
      execute pg_catalog.format('create role %I %s', wanted.name, wanted.attributes);
    end if;
  end loop;
end;
$$;

grant anon to authenticator;
grant authenticated to authenticator;
grant service_role to authenticator;
grant anon to postgres with admin option;
grant authenticated to postgres with admin option;
grant service_role to postgres with admin option;
grant authenticator to postgres with admin option;
grant pg_monitor to postgres;
grant pg_read_all_data to postgres;
grant pg_signal_backend to postgres;

-- a role that arrived with Postgres 16
do $$
begin
  if exists (
    select from pg_catalog.pg_roles where pg_roles.rolname = 'pg_create_subscription'
  ) then
    grant pg_create_subscription to postgres;
  end if;
end;
$$;

alter role anon set statement_timeout to '3s';
alter role authenticated set statement_timeout to '8s';
alter role authenticator set statement_timeout to '8s';
alter role authenticator set lock_timeout to '8s';
alter role postgres set search_path to "$user", public, extensions;
alter role supabase_admin set search_path to "$user", public, auth, extensions;
