begin;
select plan(5);

select results_eq($$
  select
    grants.table_name::text collate "default",
    string_agg(grants.privilege_type::text collate "default", ', ' order by grants.privilege_type)
  from information_schema.role_table_grants as grants
  where grants.grantee = 'authenticated' and grants.table_schema = 'public'
  group by grants.table_name
  order by 1
$$, $$
  values
  ('compute_devices', 'DELETE, SELECT'),
  ('compute_units', 'SELECT'),
  ('friendships', 'DELETE, SELECT'),
  ('guild_members', 'DELETE, SELECT'),
  ('guilds', 'DELETE, SELECT'),
  ('node_access', 'SELECT'),
  ('nodes', 'SELECT'),
  ('profiles', 'SELECT'),
  ('rotation_versions', 'SELECT'),
  ('rotations', 'DELETE, SELECT'),
  ('sim_configs', 'SELECT'),
  ('sim_jobs', 'SELECT')
$$, 'users and nodes have exactly these rights on whole tables');

select results_eq($$
  select
    grants.table_name::text collate "default",
    grants.privilege_type::text collate "default",
    string_agg(grants.column_name::text collate "default", ', ' order by grants.column_name)
  from information_schema.column_privileges as grants
  where grants.grantee = 'authenticated'
    and grants.table_schema = 'public'
    and grants.privilege_type in ('INSERT', 'UPDATE')
  group by grants.table_name, grants.privilege_type
  order by 1, 2
$$, $$
  values
  (
    'compute_devices', 'INSERT',
    'compute_score, cpu_cores, device_name, device_type, is_active, last_seen, ram_gb, storage_gb, '
    'user_id'
  ),
  (
    'compute_devices', 'UPDATE',
    'compute_score, cpu_cores, device_name, device_type, is_active, last_seen, ram_gb, storage_gb'
  ),
  ('friendships', 'INSERT', 'addressee_id, requester_id'),
  ('friendships', 'UPDATE', 'accepted_at'),
  ('guild_members', 'INSERT', 'guild_id, user_id'),
  ('guild_members', 'UPDATE', 'joined_at'),
  ('guilds', 'INSERT', 'name, owner_id'),
  ('guilds', 'UPDATE', 'name'),
  ('profiles', 'UPDATE', 'display_name')
$$, 'users and nodes may write exactly these columns');

select is_empty($$
  select columns.column_name
  from information_schema.columns
  where columns.table_schema = 'public'
    and columns.table_name = 'sim_chunks'
    and has_column_privilege('authenticated', 'public.sim_chunks', columns.column_name, 'select')
    is distinct from (columns.column_name not in ('lease_token', 'purpose', 'rival_id'))
$$, 'everything of a chunk may be read but its lease token and what it is for');

select is_empty($$
  select grants.table_name
  from information_schema.role_table_grants as grants
  where grants.grantee in ('anon', 'PUBLIC')
    and grants.table_schema in ('public', 'private')
  union all
  select grants.table_name
  from information_schema.role_table_grants as grants
  where grants.grantee in ('authenticated', 'service_role')
    and grants.table_schema = 'private'
$$, 'the signed-out have no right on any table, and nobody on a private one');

select results_eq($$
  select distinct grants.privilege_type::text collate "default"
  from information_schema.role_table_grants as grants
  where grants.grantee = 'service_role' and grants.table_schema = 'public'
$$, $$values ('SELECT')$$, 'the service role reads tables; it writes through functions');

select * from finish();
rollback;
