begin;
select plan(4);

select tables_are('public', array[
  'compute_devices', 'friendships', 'guild_members', 'guilds', 'node_access', 'nodes', 'profiles',
  'rotation_versions', 'rotations', 'sim_chunks', 'sim_configs', 'sim_jobs'
], 'public holds the tables of the contract and no others');

select tables_are('private', array[
  'barred_nodes', 'clock', 'device_folds', 'device_moves', 'device_seconds', 'idle_nodes',
  'job_nodes', 'job_partials', 'node_heartbeats', 'node_trust', 'nonces', 'open_jobs',
  'rate_limits', 'rate_uses', 'reopened_ranges', 'settings', 'sweeps', 'tail_jobs', 'uncut_ranges',
  'user_quotas'
], 'private holds the internals and no others');

select is_empty($$
  select relations.oid::regclass
  from pg_catalog.pg_class as relations
  where relations.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and relations.relkind in ('r', 'p')
    and not relations.relrowsecurity
$$, 'row level security is on for every table');

select is_empty($$
  select relations.oid::regclass
  from pg_catalog.pg_class as relations
  where relations.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and relations.relkind in ('r', 'p')
    and obj_description(relations.oid, 'pg_class') is null
$$, 'every table says what it is for');

select * from finish();
rollback;
