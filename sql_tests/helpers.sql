-- Helpers of the pgTAP tests. Installed into the throwaway database only, never deployed.

create schema tests;
grant usage on schema tests to public;

-- The cast of the stage. Ids are fixed, so that tests can name them.
create function tests.id(name text)
returns uuid
language sql
immutable
as $$
  select case id.name
    when 'ann' then '00000000-0000-4000-8000-0000000000a1'
    when 'bob' then '00000000-0000-4000-8000-0000000000b1'
    when 'ann''s node' then '00000000-0000-4000-8000-0000000000a2'
    when 'bob''s node' then '00000000-0000-4000-8000-0000000000b2'
    when 'pending node' then '00000000-0000-4000-8000-0000000000c2'
    when 'ann''s job' then '00000000-0000-4000-8000-0000000000a3'
    when 'ann''s chunk' then '00000000-0000-4000-8000-0000000000a4'
    when 'ann''s guild' then '00000000-0000-4000-8000-0000000000a5'
    when 'private rotation' then '00000000-0000-4000-8000-0000000000a6'
    when 'public rotation' then '00000000-0000-4000-8000-0000000000a7'
    when 'ann''s device' then '00000000-0000-4000-8000-0000000000a8'
    when 'ann''s unit' then '00000000-0000-4000-8000-0000000000a9'
  end::uuid;
$$;

-- The text of the config of ann's job, which names her private rotation.
create function tests.config()
returns text
language sql
immutable
as $$
  select '{"engine":"combat","rotation":{"checksum":"'
    || encode(sha256('wait'), 'hex') || '"}}';
$$;

-- What follows is done by a user, by a node, by somebody signed out, or by the owner.
create function tests.be_user(name text)
returns void
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', json_build_object(
    'role', 'authenticated', 'sub', tests.id(be_user.name)
  )::text, true);
  perform set_config('role', 'authenticated', true);
end;
$$;

create function tests.be_node(name text)
returns void
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', json_build_object(
    'role', 'authenticated', 'sub', tests.id(be_node.name), 'node_id', tests.id(be_node.name)
  )::text, true);
  perform set_config('role', 'authenticated', true);
end;
$$;

create function tests.be_anonymous()
returns void
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', '{"role": "anon"}', true);
  perform set_config('role', 'anon', true);
end;
$$;

create function tests.be_owner()
returns void
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', '', true);
  perform set_config('role', 'postgres', true);
end;
$$;

-- Whether the caller may join a topic, and whether they may send to it, as Realtime finds out.
create function tests.hears(topic text, extension text)
returns boolean
language plpgsql
as $$
begin
  perform set_config('realtime.topic', hears.topic, true);
  return exists (select from realtime.messages where messages.extension = hears.extension);
end;
$$;

create function tests.says(topic text, extension text)
returns boolean
language plpgsql
as $$
begin
  perform set_config('realtime.topic', says.topic, true);
  insert into realtime.messages (topic, extension) values (says.topic, says.extension);
  return true;
exception
  when insufficient_privilege then
    return false;
end;
$$;

create function tests.add_user(name text)
returns void
language sql
security definer
as $$
  insert into auth.users (id, aud, role, email, raw_user_meta_data, created_at, updated_at)
  values (
    tests.id(add_user.name), 'authenticated', 'authenticated', add_user.name || '@example.org',
    jsonb_build_object('display_name', initcap(add_user.name)), now(), now()
  );
$$;

-- Ann and Bob have a node each; another node is pending. Ann has a job, of which one chunk is
-- leased to her node, a guild to which Bob is invited, two rotations, a device and a unit; she has
-- asked Bob to be friends.
create function tests.set_stage()
returns void
language plpgsql
as $$
begin
  perform tests.add_user('ann');
  perform tests.add_user('bob');

  insert into public.nodes (
    id, user_id, name, public_key, hostname, version, status, total_cores, max_parallel, claimed_at
  )
  values
  (
    tests.id('ann''s node'), tests.id('ann'), 'Den', 'key a', 'den', '1.0.0', 'online', 8, 8, now()
  ),
  (
    tests.id('bob''s node'), tests.id('bob'), 'Loft', 'key b', 'loft', '1.0.0', 'online', 4, 4,
    now()
  );
  insert into public.nodes (
    id, name, public_key, hostname, version, total_cores, max_parallel, claim_code,
    claim_code_expires_at
  )
  values (
    tests.id('pending node'), 'new', 'key c', 'new', '1.0.0', 4, 4, 'ABCDEF',
    now() + interval '15 minutes'
  );
  insert into public.node_access (node_id, access_type)
  values (tests.id('ann''s node'), 'owner'), (tests.id('bob''s node'), 'owner');
  perform private.keep_node_device(tests.id('ann''s node'));
  insert into public.compute_devices (
    id, user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score
  )
  values (tests.id('ann''s device'), tests.id('ann'), 'Phone', 'phone', 4, 8, 100, 0);

  insert into public.compute_units (
    id, node_id, user_id, device_type, device_id, capacity, allocation
  )
  values (
    tests.id('ann''s unit'), tests.id('ann''s node'), tests.id('ann'), 'cpu', 'cpu-0', 8,
    '{"cores_allocated": 4, "cores_reserved": 2}'
  );

  insert into public.guilds (id, owner_id, name)
  values (tests.id('ann''s guild'), tests.id('ann'), 'Night shift');
  insert into public.guild_members (guild_id, user_id)
  values (tests.id('ann''s guild'), tests.id('bob'));
  insert into public.friendships (requester_id, addressee_id)
  values (tests.id('ann'), tests.id('bob'));

  insert into public.rotations (id, user_id, slug, name, is_public)
  values
  (tests.id('private rotation'), tests.id('ann'), 'secret', 'Secret', false),
  (tests.id('public rotation'), tests.id('ann'), 'shared', 'Shared', true);
  perform private.save_rotation_version(tests.id('private rotation'), 'wait');
  perform private.save_rotation_version(tests.id('public rotation'), 'cast');

  insert into public.sim_jobs (id, user_id, config_hash, total_iterations, seed)
  values (
    tests.id('ann''s job'), tests.id('ann'), private.save_config(tests.config()), 1000, 7
  );
  insert into public.sim_chunks (
    id, job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at, claimed_at
  )
  select
    tests.id('ann''s chunk'), jobs.id, tests.id('ann''s node'), jobs.config_hash, 0, 500,
    'claimed', now() + interval '30 seconds', now()
  from public.sim_jobs as jobs;
end;
$$;
