-- Allocations: what of a device is shared and what is kept, read, checked against the hardware and
-- set. A refused allocation is 422 INVALID_ALLOCATION and says what there is.

create function private.refuse_allocation(place text, problem text, details jsonb default '{}')
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.refuse(
    422, 'INVALID_ALLOCATION', refuse_allocation.place || ' ' || refuse_allocation.problem || '.',
    jsonb_build_object(refuse_allocation.place, refuse_allocation.problem)
    || refuse_allocation.details
  );
end;
$$;

comment on function private.refuse_allocation(text, text, jsonb) is
'Refuses an allocation, naming the field.';

create function private.whole_number(object jsonb, field text, place text)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_value jsonb := whole_number.object -> whole_number.field;
  v_place text := whole_number.place || '.' || whole_number.field;
begin
  if coalesce(jsonb_typeof(v_value), 'null') = 'null' then
    return null;
  end if;
  if jsonb_typeof(v_value) <> 'number' then
    perform private.refuse_allocation(v_place, 'must be a whole number');
  end if;
  if v_value::numeric <> trunc(v_value::numeric) or v_value::numeric not between 0 and 1e9 then
    perform private.refuse_allocation(v_place, 'must be a whole number from 0 to 1000000000');
  end if;
  return v_value::numeric::integer;
end;
$$;

comment on function private.whole_number(jsonb, text, text) is
'A whole number of an allocation, null where it is not given.';

create function private.read_switch(object jsonb, field text, place text)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_value jsonb := read_switch.object -> read_switch.field;
begin
  if coalesce(jsonb_typeof(v_value), 'null') not in ('boolean', 'null') then
    perform private.refuse_allocation(
      read_switch.place || '.' || read_switch.field, 'must be true or false'
    );
  end if;
  return coalesce(nullif(v_value, 'null')::boolean, false);
end;
$$;

comment on function private.read_switch(jsonb, text, text) is
'A switch of an allocation, off where it is not given.';

create function private.read_conditions(given jsonb, place text)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_priority text := coalesce(read_conditions.given ->> 'priority', 'normal');
  v_percent integer := coalesce(
    private.whole_number(read_conditions.given, 'max_power_percent', read_conditions.place), 100
  );
  v_limit integer := private.whole_number(
    read_conditions.given, 'temperature_limit_celsius', read_conditions.place
  );
begin
  if v_priority not in ('low', 'normal', 'high') then
    perform private.refuse_allocation(
      read_conditions.place || '.priority', 'must be low, normal or high'
    );
  end if;
  if v_percent not between 1 and 100 then
    perform private.refuse_allocation(
      read_conditions.place || '.max_power_percent', 'must be from 1 to 100'
    );
  end if;
  if v_limit not between 30 and 120 then
    perform private.refuse_allocation(
      read_conditions.place || '.temperature_limit_celsius', 'must be from 30 to 120'
    );
  end if;
  return jsonb_build_object(
    'priority', v_priority,
    'max_power_percent', v_percent,
    'overnight_only', private.read_switch(
      read_conditions.given, 'overnight_only', read_conditions.place
    ),
    'idle_only', private.read_switch(read_conditions.given, 'idle_only', read_conditions.place),
    'ac_power_only', private.read_switch(
      read_conditions.given, 'ac_power_only', read_conditions.place
    ),
    'temperature_limit_celsius', v_limit
  );
end;
$$;

comment on function private.read_conditions(jsonb, text) is
'When and how hard a device may be used: the part of an allocation that CPUs and GPUs have alike.';

create function private.read_allocation(
  device_type text, capacity integer, given jsonb, place text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_allocated_key text;
  v_reserved_key text;
  v_allocated integer;
  v_reserved integer;
  v_foreign text;
begin
  v_allocated_key := case read_allocation.device_type
    when 'cpu' then 'cores_allocated' else 'vram_allocated_mb' end;
  v_reserved_key := case read_allocation.device_type
    when 'cpu' then 'cores_reserved' else 'vram_reserved_mb' end;
  select keys.key into v_foreign
  from jsonb_object_keys(read_allocation.given) as keys (key)
  where keys.key <> all(array[
    v_allocated_key, v_reserved_key, 'priority', 'max_power_percent', 'overnight_only',
    'idle_only', 'ac_power_only', 'temperature_limit_celsius'
  ])
    and read_allocation.given -> keys.key <> 'null'
  limit 1;
  if v_foreign is not null then
    perform private.refuse_allocation(
      read_allocation.place || '.' || v_foreign,
      format('is nothing that a %s has', upper(read_allocation.device_type))
    );
  end if;
  v_allocated := private.whole_number(
    read_allocation.given, v_allocated_key, read_allocation.place
  );
  v_reserved := coalesce(
    private.whole_number(read_allocation.given, v_reserved_key, read_allocation.place),
    case read_allocation.device_type when 'cpu' then 2 else 2048 end
  );
  if v_allocated is null or v_allocated < 1 then
    perform private.refuse_allocation(
      read_allocation.place || '.' || v_allocated_key, 'must be at least 1'
    );
  end if;
  if v_allocated::bigint + v_reserved > read_allocation.capacity then
    perform private.refuse_allocation(
      read_allocation.place || '.' || v_allocated_key,
      format(
        'and %s are %s together, but the device has %s',
        v_reserved_key, v_allocated::bigint + v_reserved, read_allocation.capacity
      ),
      jsonb_build_object(
        'allocated', v_allocated, 'reserved', v_reserved, 'available', read_allocation.capacity
      )
    );
  end if;
  return jsonb_build_object(v_allocated_key, v_allocated, v_reserved_key, v_reserved)
    || private.read_conditions(read_allocation.given, read_allocation.place);
end;
$$;

comment on function private.read_allocation(text, integer, jsonb, text) is
'An allocation with its defaults filled in; refuses more than the device has.';

create function private.devices_of(hardware jsonb, total_cores integer)
returns table (device_type text, device_id text, name text, capacity integer)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with listed as (
    select
      'cpu' as device_type, cpus.device, cpus.place, cpus.device -> 'cores' as capacity
    from jsonb_array_elements(
      case jsonb_typeof(devices_of.hardware -> 'cpus')
        when 'array' then devices_of.hardware -> 'cpus' else '[]'
      end
    ) with ordinality as cpus (device, place)
    union all
    select 'gpu', gpus.device, gpus.place, gpus.device -> 'vram_mb'
    from jsonb_array_elements(
      case jsonb_typeof(devices_of.hardware -> 'gpus')
        when 'array' then devices_of.hardware -> 'gpus' else '[]'
      end
    ) with ordinality as gpus (device, place)
  ),
  usable as (
    -- the first of a name: what a machine says is not always right
    select distinct on (listed.device_type, listed.device ->> 'device_id')
      listed.device_type,
      listed.device ->> 'device_id' as device_id,
      left(listed.device ->> 'name', 255) as name,
      least(private.positive_number(listed.capacity), 1e9)::integer as capacity
    from listed
    where length(listed.device ->> 'device_id') between 1 and 255
    order by listed.device_type, listed.device ->> 'device_id', listed.place
  )
  select * from usable
  union all
  select 'cpu', 'cpu-0', null, devices_of.total_cores
  where not exists (select from usable where usable.device_type = 'cpu')
  order by 1, 2;
end;
$$;

comment on function private.devices_of(jsonb, integer) is
'The devices that a machine reported; one CPU of all its cores where it reported none.';

create function private.share_unit(unit_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.compute_units as units
  set status = 'inactive' where units.id = share_unit.unit_id and units.status = 'not_shared';
  update public.compute_units as units
  set status = 'registering' where units.id = share_unit.unit_id and units.status = 'inactive';
exception
  when unique_violation then
    perform private.refuse(
      409, 'CONFLICT', 'Another node of this machine shares this device already.',
      jsonb_build_object('unit_id', share_unit.unit_id), 'Withhold it there first.'
    );
end;
$$;

comment on function private.share_unit(uuid) is
'Shares a unit that is not shared yet; it is active as soon as its machine is heard of.';

create function private.withhold_unit(unit_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.compute_units as units
  set status = 'inactive', pause_reason = null, paused_at = null
  where units.id = withhold_unit.unit_id and units.status not in ('inactive', 'not_shared');
  update public.compute_units as units
  set status = 'not_shared'
  where units.id = withhold_unit.unit_id and units.status = 'inactive';
end;
$$;

comment on function private.withhold_unit(uuid) is 'Shares a unit no longer, whatever its state.';

create function private.unit_settings(node_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select jsonb_agg(
      jsonb_build_object(
        'unit_id', units.id,
        'device_type', units.device_type,
        'device_id', units.device_id,
        'status', units.status,
        'pause_reason', units.pause_reason,
        'allocation', units.allocation
      ) order by units.device_type, units.device_id
    )
    from public.compute_units as units
    where units.node_id = unit_settings.node_id
  ), '[]');
end;
$$;

comment on function private.unit_settings(uuid) is
'The units of a node and what their owner decided, as the node gets them with its settings.';

create function private.push_settings(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform realtime.send(
    private.node_settings(
      nodes.name,
      nodes.max_parallel,
      nodes.paused_at is not null,
      settings.heartbeat_period,
      private.required_version(nodes.version),
      private.unit_settings(nodes.id)
    ), 'settings', 'node:' || nodes.id, true
  )
  from public.nodes cross join private.settings
  where nodes.id = push_settings.node_id;
end;
$$;

comment on function private.push_settings(uuid) is 'Tells a node what its owner decided.';

create function private.run_allocations(node_id uuid, is_resumed boolean default false)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_cores integer;
  v_running integer;
begin
  select
    coalesce(sum(units.quantity), 0),
    count(*) filter (where units.status <> 'paused')
  into v_cores, v_running
  from public.compute_units as units
  where units.node_id = run_allocations.node_id
    and units.device_type = 'cpu'
    and units.status not in ('not_shared', 'inactive');
  update public.nodes
  set
    max_parallel = least(v_cores, nodes.total_cores),
    paused_at = case
      when v_cores > 0 and v_running = 0 then coalesce(nodes.paused_at, private.current_time())
      -- a node that its owner paused as a whole stays so
      when not run_allocations.is_resumed then nodes.paused_at
    end
  where nodes.id = run_allocations.node_id and nodes.public_key is not null;
  perform private.wait_with_at_most(
    run_allocations.node_id, case when v_running > 0 then v_cores else 0 end
  );
  perform private.push_settings(run_allocations.node_id);
end;
$$;

comment on function private.run_allocations(uuid, boolean) is
'Makes the workers of a node those that the allocations and states of its CPUs allow.';

create function private.fit_allocations()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_units public.compute_units[];
  v_unit public.compute_units;
  v_left integer := new.max_parallel;
  v_cores integer;
begin
  v_units := array(
    select units
    from public.compute_units as units
    where units.node_id = new.id
      and units.device_type = 'cpu'
      and units.status not in ('not_shared', 'inactive')
    order by units.device_id
  );
  if (select sum(units.quantity) from unnest(v_units) as units) = new.max_parallel then
    return null;
  end if;
  foreach v_unit in array v_units loop
    v_cores := least(v_unit.capacity, v_left);
    v_left := v_left - v_cores;
    update public.compute_units as units
    set allocation = units.allocation || jsonb_build_object(
      'cores_allocated', v_cores,
      'cores_reserved',
      least((units.allocation ->> 'cores_reserved')::integer, units.capacity - v_cores)
    )
    where units.id = v_unit.id and units.quantity <> v_cores;
  end loop;
  return null;
end;
$$;

comment on function private.fit_allocations() is
'How many workers a node runs and how many cores its CPUs share is one decision: whoever changes '
'the workers changes the cores. A definer: nobody may write units.';

create trigger nodes_update_fit_allocations
after update of max_parallel on public.nodes
for each row when (new.max_parallel <> old.max_parallel)
execute function private.fit_allocations();
