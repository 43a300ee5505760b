begin;
select plan(16);

select policies_are('public', 'profiles', array[
  'Users change their own profile', 'Users see their own profile and those of people they know'
], 'profiles have exactly their policies');
select policies_are('public', 'friendships', array[
  'Users see their own friendships and requests', 'Users ask others to be friends',
  'Users accept what they were asked', 'Users end their own friendships and requests'
], 'friendships have exactly their policies');
select policies_are('public', 'guilds', array[
  'Members and invited users see their guilds', 'Users found guilds of their own',
  'Owners rename their guilds', 'Owners dissolve their guilds'
], 'guilds have exactly their policies');
select policies_are('public', 'guild_members', array[
  'Members see who is in their guilds', 'Owners invite to their guilds', 'Invited users join',
  'Members leave, and owners remove members'
], 'guild members have exactly their policies');
select policies_are('public', 'nodes', array[
  'Owners see their nodes, and a node sees itself'
], 'nodes have exactly their policies');
select policies_are('public', 'node_access', array[
  'Owners see whom their nodes admit'
], 'node access has exactly its policies');
select policies_are('public', 'compute_devices', array[
  'Users see their own devices', 'Users add devices of their own',
  'Users change their own devices, but not those that nodes keep',
  'Users remove their own devices, but not those that nodes keep'
], 'compute devices have exactly their policies');
select policies_are('public', 'compute_units', array[
  'Owners see their units, and a node sees those of its machine'
], 'compute units have exactly their policies');
select policies_are('public', 'sim_configs', array[
  'Users see configs of their jobs, and a node sees those leased to it'
], 'configs have exactly their policies');
select policies_are('public', 'rotations', array[
  'Users see their own and public rotations', 'Users delete their own rotations'
], 'rotations have exactly their policies');
select policies_are('public', 'rotation_versions', array[
  'Users see versions of rotations they see, and a node those leased to it'
], 'rotation versions have exactly their policies');
select policies_are('public', 'sim_jobs', array[
  'Users see their own jobs'
], 'jobs have exactly their policies');
select policies_are('public', 'sim_chunks', array[
  'Users see the chunks of their jobs, and a node sees its own'
], 'chunks have exactly their policies');
select policies_are('realtime', 'messages', array[
  'Nodes, users and owners of jobs read their own topics',
  'Nodes show their presence to their owner'
], 'topics have exactly their policies');
select is_empty($$
  select policies.policyname
  from pg_catalog.pg_policies as policies
  where policies.schemaname = 'public' and policies.roles <> '{authenticated}'
$$, 'every policy is for the signed-in');
select is_empty($$
  select policies.policyname
  from pg_catalog.pg_policies as policies
  where policies.schemaname = 'public' and policies.cmd = 'UPDATE' and policies.with_check is null
$$, 'every policy for updates says what the new row may be');

select * from finish();
rollback;
