-- What owners and machines ask of units: pause, resume, allocate, and look.

create function private.find_unit(unit_id uuid)
returns public.compute_units
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_unit public.compute_units;
begin
  -- the node comes first in the order of locks
  perform private.lock_node(units.node_id)
  from public.compute_units as units
  where units.id = find_unit.unit_id
    and (units.user_id = auth.uid() or units.node_id = private.node_id());
  select units.* into v_unit
  from public.compute_units as units
  where units.id = find_unit.unit_id
    and (units.user_id = auth.uid() or units.node_id = private.node_id())
  for no key update;
  if not found then
    perform private.refuse(404, 'NOT_FOUND', 'You have no such compute unit.');
  end if;
  return v_unit;
end;
$$;

comment on function private.find_unit(uuid) is
'A unit of the caller, who is its owner or its node, locked.';

create function private.pause_unit(unit_id uuid, reason text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unit public.compute_units := private.find_unit(pause_unit.unit_id);
begin
  perform private.check_input(
    pause_unit.reason in ('user_requested', 'maintenance', 'overheating'),
    'reason', 'must be user_requested, maintenance or overheating'
  );
  if v_unit.status <> 'paused' then
    update public.compute_units as units
    set status = 'paused', pause_reason = pause_unit.reason, paused_at = private.current_time()
    where units.id = v_unit.id
    returning * into strict v_unit;
    perform private.send_command(
      v_unit, 'pause', jsonb_build_object('reason', pause_unit.reason)
    );
    perform private.run_allocations(v_unit.node_id);
  end if;
  return jsonb_build_object(
    'success', true, 'unit_id', v_unit.id, 'status', v_unit.status,
    'reason', v_unit.pause_reason, 'paused_at', v_unit.paused_at
  );
end;
$$;

create function public.pause_unit(unit_id uuid, reason text default 'user_requested')
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.pause_unit(pause_unit.unit_id, pause_unit.reason);
end;
$$;

grant execute on function private.pause_unit(uuid, text) to authenticated;
grant execute on function public.pause_unit(uuid, text) to authenticated;

comment on function private.pause_unit(uuid, text) is
'See public.pause_unit. A definer: nobody may write units.';
comment on function public.pause_unit(uuid, text) is
'For owners and nodes: the unit rests until it is resumed. A paused unit stays as it is.';

create function private.resume_unit(unit_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unit public.compute_units := private.find_unit(resume_unit.unit_id);
begin
  if v_unit.status <> 'active' then
    perform private.check_resumable(v_unit);
    update public.compute_units as units
    set status = 'active', pause_reason = null, paused_at = null
    where units.id = v_unit.id
    returning * into strict v_unit;
    perform private.send_command(v_unit, 'resume', '{}');
    perform private.run_allocations(v_unit.node_id, true);
  end if;
  return jsonb_build_object(
    'success', true, 'unit_id', v_unit.id, 'status', v_unit.status,
    'resumed_at', private.current_time()
  );
end;
$$;

create function public.resume_unit(unit_id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.resume_unit(resume_unit.unit_id);
end;
$$;

grant execute on function private.resume_unit(uuid) to authenticated;
grant execute on function public.resume_unit(uuid) to authenticated;

comment on function private.resume_unit(uuid) is
'See public.resume_unit. A definer: nobody may write units.';
comment on function public.resume_unit(uuid) is
'For owners and nodes: a paused unit works again. An active unit stays as it is.';

create function private.check_resumable(unit public.compute_units)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- a unit is also made active by being heard of, which is not for its owner to say
  if (check_resumable.unit).status <> 'paused' then
    perform private.refuse(
      409, 'CONFLICT',
      format(
        'Only a paused compute unit is resumed; this one is %s.', (check_resumable.unit).status
      ),
      jsonb_build_object('status', (check_resumable.unit).status)
    );
  end if;
end;
$$;

comment on function private.check_resumable(public.compute_units) is
'Refuses to resume what is not paused.';

create function private.check_cooldown(unit public.compute_units)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_cooldown interval;
  v_wait numeric;
begin
  select allocation_cooldown into strict v_cooldown from private.settings;
  v_wait := ceil(extract(
    epoch from (check_cooldown.unit).allocated_at + v_cooldown - private.current_time()
  ));
  if v_wait > 0 then
    perform private.refuse(
      429, 'RATE_LIMITED', format('This allocation was just changed; try again in %s s.', v_wait),
      jsonb_build_object('retry_after', v_wait, 'unit_id', (check_cooldown.unit).id)
    );
  end if;
end;
$$;

comment on function private.check_cooldown(public.compute_units) is
'Refuses to change an allocation again at once: its machine has to follow.';

create function private.allocate_unit(unit public.compute_units, given jsonb, place text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_unit public.compute_units;
  v_is_shared boolean := coalesce((allocate_unit.given ->> 'is_shared')::boolean, true);
begin
  perform private.check_cooldown(allocate_unit.unit);
  if coalesce(jsonb_typeof(allocate_unit.given -> 'allocation'), 'null') <> 'null' then
    update public.compute_units as units
    set
      allocation = private.read_allocation(
        units.device_type, units.capacity, allocate_unit.given -> 'allocation',
        allocate_unit.place || '.allocation'
      ),
      allocated_at = private.current_time()
    where units.id = (allocate_unit.unit).id;
  end if;
  if v_is_shared then
    perform private.share_unit((allocate_unit.unit).id);
  else
    perform private.withhold_unit((allocate_unit.unit).id);
  end if;
  select units.* into strict v_unit
  from public.compute_units as units where units.id = (allocate_unit.unit).id;
  if v_is_shared then
    perform private.send_command(
      v_unit, 'allocate', jsonb_build_object('allocation', v_unit.allocation)
    );
  else
    perform private.send_command(v_unit, 'withhold', '{}');
  end if;
end;
$$;

comment on function private.allocate_unit(public.compute_units, jsonb, text) is
'Changes what a unit shares, and whether it does at all, and tells its machine.';

create function private.allocate_units(node public.nodes, given jsonb)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_item record;
  v_unit public.compute_units;
  v_ids uuid[] := array[]::uuid[];
  v_is_resumed boolean := false;
begin
  for v_item in
    select items.given, 'compute_units.' || (items.place - 1) as place
    from jsonb_array_elements(allocate_units.given) with ordinality as items (given, place)
  loop
    select units.* into v_unit
    from public.compute_units as units
    where units.node_id = (allocate_units.node).id
      and units.id = (v_item.given ->> 'unit_id')::uuid;
    if not found then
      perform private.refuse(
        404, 'NOT_FOUND', 'This machine has no such compute unit.',
        jsonb_build_object(v_item.place || '.unit_id', v_item.given ->> 'unit_id')
      );
    end if;
    perform private.allocate_unit(v_unit, v_item.given, v_item.place);
    v_ids := v_ids || v_unit.id;
    -- who withholds a device that rests and shares it again wants it to work
    v_is_resumed := v_is_resumed
      or v_unit.status = 'paused' and v_item.given ->> 'is_shared' = 'false';
  end loop;
  perform private.run_allocations((allocate_units.node).id, v_is_resumed);
  return jsonb_build_object(
    'success', true,
    'updated_units', coalesce((
      select jsonb_agg(private.unit_document(units) order by units.device_type, units.device_id)
      from public.compute_units as units
      where units.id = any(v_ids)
    ), '[]')
  );
end;
$$;

comment on function private.allocate_units(public.nodes, jsonb) is
'Changes units of a node that the caller has locked: all of them, or none.';

create function private.allocate_machine(id text, compute_units jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  return private.allocate_units(
    private.find_machine(allocate_machine.id), allocate_machine.compute_units
  );
end;
$$;

grant execute on function private.allocate_machine(text, jsonb) to authenticated;

comment on function private.allocate_machine(text, jsonb) is
'Changes what a machine of the caller shares. A definer: users have no right to write units.';

create function private.unit_document(unit public.compute_units)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'unit_id', (unit_document.unit).id,
      'node_id', (unit_document.unit).node_id,
      'device_type', (unit_document.unit).device_type,
      'device_id', (unit_document.unit).device_id,
      'name', (unit_document.unit).name,
      'capacity', (unit_document.unit).capacity,
      'status', (unit_document.unit).status,
      'pause_reason', (unit_document.unit).pause_reason,
      'paused_at', (unit_document.unit).paused_at,
      'allocation', (unit_document.unit).allocation,
      'current_task_id', heartbeats.current_chunk_id,
      'current_load_percent', heartbeats.current_load_percent,
      'temperature_celsius', heartbeats.temperature_celsius,
      'power_draw_watts', heartbeats.power_draw_watts,
      'vram_used_mb', heartbeats.vram_used_mb,
      'stats', private.unit_figures((unit_document.unit).id),
      'registered_at', (unit_document.unit).registered_at,
      'last_heartbeat', heartbeats.seen_at
    )
    from (select (unit_document.unit).id) as wanted (id)
    left join private.unit_heartbeats as heartbeats on heartbeats.unit_id = wanted.id
  );
end;
$$;

comment on function private.unit_document(public.compute_units) is
'A unit with what it does now and what it earned.';

create function private.read_unit(unit_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform private.require_user();
  return private.unit_document(private.find_unit(read_unit.unit_id));
end;
$$;

grant execute on function private.read_unit(uuid) to authenticated;

comment on function private.read_unit(uuid) is
'A unit of the caller. A definer: heartbeats and earnings are private.';
