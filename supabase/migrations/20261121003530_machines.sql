-- Machines: a node with an agent has a key and signs; a machine that its owner registers by the API
-- has an API key. Both are rows of nodes, and what they share are its units. A machine is named by
-- a hash of its hardware: when it comes back under another key or another owner, it is known.

create function private.lock_machine(machine_id text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('simpool machine ' || lock_machine.machine_id, 0));
end;
$$;

comment on function private.lock_machine(text) is
'One at a time decides whose the devices of a machine are; before the rows of other nodes.';

create function private.revoke_api_keys(node_id uuid)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_count integer;
begin
  update private.api_keys as keys
  set revoked_at = private.current_time()
  where keys.node_id = revoke_api_keys.node_id and keys.revoked_at is null;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.revoke_api_keys(uuid) is 'No key of the machine is good any more.';

create function private.remove_node(node_id uuid)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_units integer;
begin
  perform private.lock_node(remove_node.node_id);
  perform private.release_leases(array[remove_node.node_id]);
  delete from public.compute_units as units where units.node_id = remove_node.node_id;
  get diagnostics v_units = row_count;
  delete from public.nodes where nodes.id = remove_node.node_id;
  return v_units;
end;
$$;

comment on function private.remove_node(uuid) is
'Removes a node with its units; its leases go back to the pool, what it earned stays.';

create function private.inherit_units(node public.nodes, heir public.nodes)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.compute_units as units
  set node_id = (inherit_units.heir).id
  where units.node_id = (inherit_units.node).id
    and not exists (
      select from public.compute_units as own
      where own.node_id = (inherit_units.heir).id
        and (own.device_type, own.device_id) = (units.device_type, units.device_id)
    );
  delete from private.node_commands as commands
  where commands.node_id = (inherit_units.node).id;
  update private.api_keys as keys
  set node_id = (inherit_units.heir).id
  where keys.node_id = (inherit_units.node).id
    and keys.revoked_at is null
    and not exists (
      select from private.api_keys as own
      where own.node_id = (inherit_units.heir).id and own.revoked_at is null
    );
  if (inherit_units.node).public_key is null then
    perform private.remove_node((inherit_units.node).id);
  end if;
end;
$$;

comment on function private.inherit_units(public.nodes, public.nodes) is
'The units and the API key of a machine go to the node that it is now, with all they earned.';

create function private.take_machine(node public.nodes)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_other public.nodes;
  v_transfer_after interval;
begin
  select machine_transfer_after into strict v_transfer_after from private.settings;
  for v_other in
    select nodes.*
    from public.nodes
    where nodes.machine_id = (take_machine.node).machine_id
      and nodes.id <> (take_machine.node).id
      and exists (select from public.compute_units as units where units.node_id = nodes.id)
    order by nodes.id
  loop
    if v_other.user_id = (take_machine.node).user_id
      and (v_other.public_key is null or v_other.status = 'offline')
    then
      perform private.inherit_units(v_other, take_machine.node);
    elsif not exists (
      select from public.compute_units as units
      where units.node_id = v_other.id and units.status <> 'not_shared'
    ) then
      continue;
    elsif v_other.user_id <> (take_machine.node).user_id
      and v_other.last_seen_at < private.current_time() - v_transfer_after
    then
      perform private.revoke_api_keys(v_other.id);
      delete from public.compute_units as units where units.node_id = v_other.id;
      delete from public.nodes where nodes.id = v_other.id and nodes.public_key is null;
    else
      return false;
    end if;
  end loop;
  return true;
end;
$$;

comment on function private.take_machine(public.nodes) is
'Whether the devices of the machine are this node''s to share. They are when nobody else shares '
'them: its owner''s last node has gone, or its last owner has been silent for long.';

create function private.first_allocation(device_type text, capacity integer, workers integer)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_cores integer := greatest(0, least(first_allocation.capacity, first_allocation.workers));
begin
  return case first_allocation.device_type
    when 'cpu' then jsonb_build_object(
      'cores_allocated', v_cores,
      'cores_reserved', least(2, first_allocation.capacity - v_cores)
    )
    else jsonb_build_object(
      'vram_allocated_mb', greatest(0, first_allocation.capacity - 2048),
      'vram_reserved_mb', least(2048, first_allocation.capacity)
    )
  end || private.read_conditions('{}', 'allocation');
end;
$$;

comment on function private.first_allocation(text, integer, integer) is
'The allocation of a device whose owner has not decided anything yet.';

create function private.shrink_allocation(allocation jsonb, capacity integer)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_allocated_key text := case
    when shrink_allocation.allocation ? 'cores_allocated' then 'cores_allocated'
    else 'vram_allocated_mb' end;
  v_reserved_key text := case
    when shrink_allocation.allocation ? 'cores_allocated' then 'cores_reserved'
    else 'vram_reserved_mb' end;
  v_allocated integer := least(
    (shrink_allocation.allocation ->> v_allocated_key)::integer, shrink_allocation.capacity
  );
begin
  return shrink_allocation.allocation || jsonb_build_object(
    v_allocated_key, v_allocated,
    v_reserved_key, least(
      (shrink_allocation.allocation ->> v_reserved_key)::integer,
      shrink_allocation.capacity - v_allocated
    )
  );
end;
$$;

comment on function private.shrink_allocation(jsonb, integer) is
'An allocation as far as the device still has it: hardware changes.';

create function private.keep_units(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node public.nodes;
  v_device record;
  v_left integer;
  v_unit_id uuid;
begin
  select * into strict v_node from public.nodes where nodes.id = keep_units.node_id;
  if v_node.machine_id is not null then
    perform private.lock_machine(v_node.machine_id);
    if not private.take_machine(v_node) then
      return;
    end if;
  end if;
  v_left := v_node.max_parallel;
  for v_device in
    select devices.*, units.id as unit_id
    from private.devices_of(v_node.hardware, v_node.total_cores) as devices
    left join public.compute_units as units
      on units.node_id = v_node.id
      and units.device_type = devices.device_type
      and units.device_id = devices.device_id
  loop
    if v_device.unit_id is not null then
      update public.compute_units as units
      set
        name = v_device.name,
        machine_id = v_node.machine_id,
        capacity = v_device.capacity,
        allocation = private.shrink_allocation(units.allocation, v_device.capacity)
      where units.id = v_device.unit_id
        and (units.name, units.machine_id, units.capacity)
        is distinct from (v_device.name, v_node.machine_id, v_device.capacity);
      continue;
    end if;
    insert into public.compute_units
    (node_id, user_id, machine_id, device_type, device_id, name, capacity, allocation)
    values (
      v_node.id, v_node.user_id, v_node.machine_id, v_device.device_type, v_device.device_id,
      v_device.name, v_device.capacity,
      private.first_allocation(v_device.device_type, v_device.capacity, v_left)
    )
    returning id into strict v_unit_id;
    -- who runs an agent shares its workers; a GPU is shared by a decision of its own
    if v_device.device_type = 'cpu' then
      v_left := greatest(0, v_left - v_device.capacity);
      perform private.share_unit(v_unit_id);
    end if;
  end loop;
  perform private.withhold_unit(units.id)
  from public.compute_units as units
  where units.node_id = v_node.id
    and (units.device_type, units.device_id) not in (
      select devices.device_type, devices.device_id
      from private.devices_of(v_node.hardware, v_node.total_cores) as devices
    );
end;
$$;

comment on function private.keep_units(uuid) is
'Keeps the units of a claimed node that has an agent: one per device that it reported. A node '
'whose machine another one shares has none.';

create function private.find_machine(id text)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_node public.nodes;
begin
  select nodes.* into v_node
  from public.nodes
  where nodes.user_id = v_user_id
    and (nodes.id::text = lower(find_machine.id) or nodes.machine_id = find_machine.id)
  order by
    nodes.id::text = lower(find_machine.id) desc,
    exists (select from public.compute_units as units where units.node_id = nodes.id) desc,
    nodes.claimed_at desc
  limit 1
  for no key update;
  if not found then
    perform private.refuse(404, 'NOT_FOUND', 'You have no such machine.');
  end if;
  return v_node;
end;
$$;

comment on function private.find_machine(text) is
'The caller''s node with this id, or with this machine id, locked.';

create function private.save_machine(user_id uuid, machine jsonb)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_machine jsonb := save_machine.machine;
  v_node public.nodes;
  v_cores integer;
begin
  select least(4096, greatest(1, sum(devices.capacity))) into v_cores
  from private.devices_of(v_machine -> 'hardware', 1) as devices
  where devices.device_type = 'cpu';
  select nodes.* into v_node
  from public.nodes
  where nodes.user_id = save_machine.user_id and nodes.machine_id = v_machine ->> 'machine_id'
  order by
    exists (select from public.compute_units as units where units.node_id = nodes.id) desc,
    nodes.claimed_at desc
  limit 1
  for no key update;
  if found then
    update public.nodes
    set
      hostname = v_machine ->> 'hostname',
      platform = v_machine ->> 'os',
      hardware = v_machine -> 'hardware',
      -- an agent knows how many cores it may use
      total_cores = case when nodes.public_key is null then v_cores else nodes.total_cores end
    where nodes.id = v_node.id
    returning * into strict v_node;
    return v_node;
  end if;
  insert into public.nodes (
    user_id, name, machine_id, hostname, platform, version, status, total_cores, max_parallel,
    hardware, claimed_at
  )
  values (
    save_machine.user_id,
    left(v_machine ->> 'hostname', 80),
    v_machine ->> 'machine_id',
    v_machine ->> 'hostname',
    v_machine ->> 'os',
    'external',
    'offline',
    v_cores,
    0,
    v_machine -> 'hardware',
    private.current_time()
  )
  returning * into strict v_node;
  insert into public.node_access (node_id, access_type) values (v_node.id, 'owner');
  return v_node;
end;
$$;

comment on function private.save_machine(uuid, jsonb) is
'The node of a user''s machine: the one that it has, or a new one without an agent.';

create function private.register_unit(node public.nodes, given jsonb, place text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_device record;
  v_allocation jsonb;
  v_unit public.compute_units;
begin
  select devices.* into v_device
  from private.devices_of(
    (register_unit.node).hardware, (register_unit.node).total_cores
  ) as devices
  where devices.device_type = register_unit.given ->> 'device_type'
    and devices.device_id = register_unit.given ->> 'device_id';
  if not found then
    perform private.refuse_allocation(
      register_unit.place || '.device_id', 'is no device of the hardware'
    );
  end if;
  v_allocation := private.read_allocation(
    v_device.device_type, v_device.capacity, register_unit.given -> 'allocation',
    register_unit.place || '.allocation'
  );
  insert into public.compute_units as units (
    node_id, user_id, machine_id, device_type, device_id, name, capacity, allocation, allocated_at
  )
  values (
    (register_unit.node).id, (register_unit.node).user_id, (register_unit.node).machine_id,
    v_device.device_type, v_device.device_id, v_device.name, v_device.capacity, v_allocation,
    private.current_time()
  )
  on conflict on constraint a_device_is_one_unit do update
  set
    name = excluded.name,
    machine_id = excluded.machine_id,
    capacity = excluded.capacity,
    allocation = excluded.allocation,
    allocated_at = excluded.allocated_at
  returning * into strict v_unit;
  perform private.share_unit(v_unit.id);
  perform private.send_command(
    v_unit, 'allocate', jsonb_build_object('allocation', v_allocation)
  );
end;
$$;

comment on function private.register_unit(public.nodes, jsonb, text) is
'Shares a device of a machine; a device that it shares already gets the new allocation.';

create function private.register_machine(machine jsonb, key_hash text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_machine jsonb := register_machine.machine;
  v_node public.nodes;
begin
  perform private.lock_machine(v_machine ->> 'machine_id');
  v_node := private.save_machine(v_user_id, v_machine);
  if not private.take_machine(v_node) then
    perform private.refuse(
      409, 'CONFLICT', 'This machine is registered elsewhere, and was heard of lately.',
      jsonb_build_object('machine_id', v_node.machine_id), 'Unregister it there first.'
    );
  end if;
  perform private.withhold_unit(units.id)
  from public.compute_units as units
  where units.node_id = v_node.id
    and not exists (
      select from jsonb_array_elements(v_machine -> 'compute_units') as listed (unit)
      where (listed.unit ->> 'device_type', listed.unit ->> 'device_id')
        = (units.device_type, units.device_id)
    );
  perform private.register_unit(v_node, listed.unit, 'compute_units.' || (listed.place - 1))
  from jsonb_array_elements(v_machine -> 'compute_units') with ordinality as listed (unit, place);
  perform private.run_allocations(v_node.id);
  perform private.keep_node_device(v_node.id);
  perform private.revoke_api_keys(v_node.id);
  insert into private.api_keys (node_id, key_hash)
  values (v_node.id, register_machine.key_hash);
  return jsonb_build_object(
    'success', true,
    'machine_id', v_node.machine_id,
    'node_id', v_node.id,
    'compute_units', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'unit_id', units.id,
            'device_type', units.device_type,
            'device_id', units.device_id,
            'status', units.status
          ) order by units.device_type, units.device_id
        ), '[]'
      )
      from public.compute_units as units
      where units.node_id = v_node.id and units.status <> 'not_shared'
    )
  );
end;
$$;

grant execute on function private.register_machine(jsonb, text) to authenticated;

comment on function private.register_machine(jsonb, text) is
'Registers a machine of the caller with the units it shares. The same machine again is the same '
'node, and its last API key is void. A definer: users have no right to write nodes.';

create function private.rotate_api_key(id text, key_hash text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.find_machine(rotate_api_key.id);
begin
  perform private.revoke_api_keys(v_node.id);
  insert into private.api_keys (node_id, key_hash) values (v_node.id, rotate_api_key.key_hash);
  return jsonb_build_object('success', true, 'node_id', v_node.id);
end;
$$;

grant execute on function private.rotate_api_key(text, text) to authenticated;

comment on function private.rotate_api_key(text, text) is
'Gives a machine of the caller a new API key; the last one is void. A definer: keys are private.';

create function private.revoke_api_key(id text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.find_machine(revoke_api_key.id);
begin
  return jsonb_build_object(
    'success', true, 'node_id', v_node.id, 'keys_revoked', private.revoke_api_keys(v_node.id)
  );
end;
$$;

grant execute on function private.revoke_api_key(text) to authenticated;

comment on function private.revoke_api_key(text) is
'A machine of the caller has no API key any more. A definer: keys are private.';

create function private.api_key_node(key_hash text)
returns uuid
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node_id uuid;
begin
  select keys.node_id into v_node_id
  from private.api_keys as keys
  where keys.key_hash = api_key_node.key_hash and keys.revoked_at is null;
  if not found then
    perform private.refuse(
      401, 'UNAUTHORIZED', 'This API key is not known.', '{}', 'Register the machine again.'
    );
  end if;
  return v_node_id;
end;
$$;

grant execute on function private.api_key_node(text) to service_role;

comment on function private.api_key_node(text) is
'The node whose API key has this hash; refuses an unknown key and a revoked one.';

create function private.unregister_machine(id text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_node public.nodes;
  v_units integer;
begin
  -- the call under way ends first: that lock comes before the one of the row
  perform private.lock_node(nodes.id)
  from public.nodes
  where nodes.user_id = v_user_id
    and (
      nodes.id::text = lower(unregister_machine.id) or nodes.machine_id = unregister_machine.id
    );
  v_node := private.find_machine(unregister_machine.id);
  v_units := private.remove_node(v_node.id);
  return jsonb_build_object(
    'success', true,
    'machine_id', coalesce(v_node.machine_id, v_node.id::text),
    'compute_units_removed', v_units,
    'message', format('%s is out of the pool. What it earned stays yours.', v_node.name)
  );
end;
$$;

grant execute on function private.unregister_machine(text) to authenticated;

comment on function private.unregister_machine(text) is
'Takes a machine of the caller out of the pool. A definer: users have no right to write nodes.';
