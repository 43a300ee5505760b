begin;
select plan(4);

select tables_are('public', array[
  'compute_devices', 'compute_units', 'friendships', 'guild_members', 'guilds', 'node_access',
  'nodes', 'profiles', 'rotation_versions', 'rotations', 'sim_chunks', 'sim_configs', 'sim_jobs'
], 'public holds the tables of the contract and no others');

select tables_are('private', array[
  'accounts', 'api_keys', 'barred_nodes', 'checks', 'clock', 'config_costs', 'device_folds',
  'device_moves', 'device_seconds', 'disputed_chunks', 'distrusted_results', 'fold_marks',
  'idle_nodes', 'job_earnings', 'job_nodes', 'job_partials', 'ledger_entries',
  'ledger_transactions', 'network_samples', 'node_accounts', 'node_commands', 'node_heartbeats',
  'node_trust', 'nonces', 'open_jobs', 'postings', 'rate_limits', 'rate_uses', 'rates',
  'reopened_ranges', 'settings', 'shown_speeds', 'sweeps', 'tail_jobs', 'uncredited_jobs',
  'uncut_ranges', 'unit_heartbeats', 'unit_tasks', 'unit_transitions', 'unit_uptimes',
  'user_quotas', 'verdicts'
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
