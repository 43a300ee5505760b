-- Registration: called by the handlers, which have verified the node's signature.

create function private.give_claim_code(node_id uuid)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node public.nodes;
  v_lifetime interval;
begin
  select claim_code_lifetime into strict v_lifetime from private.settings;
  for v_try in 1..20 loop
    begin
      update public.nodes
      set
        claim_code = private.new_claim_code(),
        claim_code_expires_at = private.current_time() + v_lifetime
      where nodes.id = give_claim_code.node_id
      returning * into strict v_node;
      return v_node;
    exception
      when unique_violation then
        null;  -- another pending node has this code: draw again
    end;
  end loop;
  perform private.refuse(503, 'UNAVAILABLE', 'No claim code is free right now.');
  return null;
end;
$$;

comment on function private.give_claim_code(uuid) is
'Gives a pending node a fresh code that no other pending node has.';

create function private.check_registration(registration jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_registration jsonb := check_registration.registration;
begin
  perform private.check_input(
    jsonb_typeof(v_registration) = 'object', 'registration', 'must be an object'
  );
  perform private.check_input(
    length(v_registration ->> 'hostname') between 1 and 255,
    'hostname', 'must have 1 to 255 characters'
  );
  perform private.check_input(
    length(v_registration ->> 'version') between 1 and 100,
    'version', 'must have 1 to 100 characters'
  );
  perform private.check_input(
    jsonb_typeof(v_registration -> 'total_cores') = 'number', 'total_cores', 'must be a number'
  );
  perform private.check_number(v_registration, 'total_cores', 1, 4096);
  perform private.check_input(
    jsonb_typeof(v_registration -> 'enabled_cores') = 'number', 'enabled_cores', 'must be a number'
  );
  perform private.check_number(
    v_registration, 'enabled_cores', 0, (v_registration ->> 'total_cores')::double precision
  );
  perform private.check_input(
    length(coalesce(v_registration ->> 'platform', '-')) <= 100,
    'platform', 'must have at most 100 characters'
  );
  perform private.check_input(
    length(coalesce(v_registration ->> 'machine_id', '-')) <= 255,
    'machine_id', 'must have at most 255 characters'
  );
  perform private.check_input(
    coalesce(jsonb_typeof(v_registration -> 'hardware'), 'null') in ('object', 'null')
    and length(coalesce(v_registration ->> 'hardware', '')) <= 65536,
    'hardware', 'must be an object of at most 64 KiB'
  );
end;
$$;

comment on function private.check_registration(jsonb) is
'Refuses a registration that is malformed.';

create function private.save_registration(public_key text, registration jsonb)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node public.nodes;
  v_given record;
begin
  select
    (save_registration.registration ->> 'total_cores')::integer as total_cores,
    (save_registration.registration ->> 'enabled_cores')::integer as enabled_cores,
    coalesce(nullif(save_registration.registration -> 'hardware', 'null'), '{}') as hardware
  into v_given;

  insert into public.nodes as nodes (
    name, public_key, machine_id, hostname, platform, version, total_cores, max_parallel, hardware
  )
  values (
    left(save_registration.registration ->> 'hostname', 80),
    save_registration.public_key,
    save_registration.registration ->> 'machine_id',
    save_registration.registration ->> 'hostname',
    save_registration.registration ->> 'platform',
    save_registration.registration ->> 'version',
    v_given.total_cores,
    v_given.enabled_cores,
    v_given.hardware
  )
  on conflict on constraint a_key_is_one_node do update
  set
    machine_id = excluded.machine_id,
    hostname = excluded.hostname,
    platform = excluded.platform,
    version = excluded.version,
    total_cores = excluded.total_cores,
    -- what the owner of a claimed node decided stays, as far as the machine still has it
    max_parallel = case
      when nodes.user_id is null then excluded.max_parallel
      else least(nodes.max_parallel, excluded.total_cores)
    end,
    hardware = excluded.hardware,
    last_seen_at = private.current_time()
  returning * into v_node;
  return v_node;
end;
$$;

comment on function private.save_registration(text, jsonb) is
'Inserts or updates the node of a key; its owner''s decisions stay.';

create function private.register_node(public_key text, registration jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_is_known boolean := exists (
    select from public.nodes where nodes.public_key = register_node.public_key
  );
  v_node public.nodes;
begin
  perform private.check_input(
    length(register_node.public_key) between 1 and 100, 'public_key', 'must be a public key'
  );
  perform private.check_registration(register_node.registration);
  v_node := private.save_registration(register_node.public_key, register_node.registration);
  if v_node.user_id is not null then
    perform private.keep_node_device(v_node.id);
    perform private.keep_units(v_node.id);
    return jsonb_build_object(
      'outcome', 'claimed', 'id', v_node.id, 'name', v_node.name,
      'max_parallel', v_node.max_parallel,
      'required_version', private.required_version(v_node.version)
    );
  end if;
  v_node := private.give_claim_code(v_node.id);
  return jsonb_build_object(
    'outcome', case when v_is_known then 'renewed' else 'created' end,
    'id', v_node.id,
    'claim_code', v_node.claim_code,
    'claim_code_expires_at', v_node.claim_code_expires_at,
    'required_version', private.required_version(v_node.version)
  );
end;
$$;

grant execute on function private.register_node(text, jsonb) to service_role;

comment on function private.register_node(text, jsonb) is
'Registers the node of a key: created and renewed answer a claim code, claimed what the owner set. '
'A node that is too old is told so, and registered all the same.';

create function private.require_key(public_key text)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node public.nodes;
begin
  select * into v_node
  from public.nodes
  where nodes.public_key = require_key.public_key
  for no key update;
  if not found then
    perform private.refuse(
      401, 'UNAUTHORIZED', 'No node is registered with this key.', '{}', 'Register it first.'
    );
  end if;
  return v_node;
end;
$$;

comment on function private.require_key(text) is
'The node of a key, locked; refuses an unknown key.';

create function private.node_token(public_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.require_key(node_token.public_key);
begin
  return jsonb_build_object(
    'id', v_node.id,
    'topic', 'node:' || v_node.id,
    'user_id', v_node.user_id,
    'status', v_node.status
  );
end;
$$;

grant execute on function private.node_token(text) to service_role;

comment on function private.node_token(text) is
'What a token for the node of this key must say. A pending node gets one too, to hear `claimed`.';

create function private.release_leases(node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_jobs uuid[];
  v_job_id uuid;
  v_chunk public.sim_chunks;
begin
  perform from public.nodes
  where nodes.id = any(release_leases.node_ids)
  order by nodes.id
  for update;
  -- first, so that nobody who wakes nodes leases them more
  delete from private.idle_nodes as idle where idle.node_id = any(release_leases.node_ids);
  v_jobs := array(
    select chunks.job_id
    from public.sim_chunks as chunks
    where chunks.node_id = any(release_leases.node_ids)
      and chunks.status in ('pending', 'claimed', 'running')
    group by chunks.job_id
    order by private.job_lock_key(chunks.job_id)
  );
  foreach v_job_id in array v_jobs loop
    perform private.hold_job(v_job_id);
  end loop;
  for v_chunk in
    select chunks.*
    from public.sim_chunks as chunks
    where chunks.node_id = any(release_leases.node_ids)
      and chunks.job_id = any(v_jobs)
      and chunks.status in ('pending', 'claimed', 'running')
  loop
    perform private.end_lease(v_chunk, 'released', null);
  end loop;
  perform private.wake_others(v_jobs);
end;
$$;

comment on function private.release_leases(uuid[]) is
'Gives all leases of nodes that leave back to the pool, and wakes others for them. The caller has '
'the nodes locked, and waits for no job afterwards.';

create function private.unregister_node(public_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set enable_hashjoin = 'off'
set enable_mergejoin = 'off'
set jit = 'off'
as $$
declare
  v_node public.nodes;
begin
  perform private.lock_node(nodes.id)
  from public.nodes where nodes.public_key = unregister_node.public_key;
  v_node := private.require_key(unregister_node.public_key);
  perform private.release_leases(array[v_node.id]);
  delete from public.nodes where nodes.id = v_node.id;
  return jsonb_build_object('id', v_node.id);
end;
$$;

grant execute on function private.unregister_node(text) to service_role;

comment on function private.unregister_node(text) is
'Removes the node of this key; its leases go back to the pool.';
