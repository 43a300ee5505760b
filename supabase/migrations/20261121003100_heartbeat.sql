-- The heartbeat: one small row per node and period, whatever the number of its chunks.

create function private.check_heartbeat(status jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    jsonb_typeof(check_heartbeat.status) = 'object'
    and check_heartbeat.status - array[
      'version', 'engines', 'running', 'free_workers', 'load', 'iterations_per_second', 'units',
      'acknowledged'
    ] = '{}',
    'status',
    'must be an object with version, engines, running, free_workers, load, '
    'iterations_per_second, units, acknowledged'
  );
  perform private.check_engines(coalesce(check_heartbeat.status -> 'engines', '{}'));
  perform private.check_chunk_ids(
    coalesce(check_heartbeat.status -> 'running', '[]'), 'status.running'
  );
  perform private.check_input(
    length(coalesce(check_heartbeat.status ->> 'version', '-')) between 1 and 100,
    'status.version', 'must have 1 to 100 characters'
  );
  perform private.check_number(check_heartbeat.status, 'free_workers', 0, 4096);
  perform private.check_number(check_heartbeat.status, 'load', 0, 1000000);
  perform private.check_number(check_heartbeat.status, 'iterations_per_second', 0, 1e12);
  perform private.check_unit_reports(check_heartbeat.status -> 'units', 'units');
  perform private.check_acknowledged(coalesce(check_heartbeat.status -> 'acknowledged', '[]'));
end;
$$;

comment on function private.check_heartbeat(jsonb) is 'Refuses a heartbeat that is malformed.';

create function private.check_engines(engines jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    jsonb_typeof(check_engines.engines) = 'object' and length(check_engines.engines::text) <= 2000,
    'status.engines', 'must be an object of at most 2000 characters'
  );
  perform private.check_input(
    not exists (
      select from jsonb_each(check_engines.engines) as engines
      where jsonb_typeof(engines.value) <> 'string'
    ),
    'status.engines', 'must give the version of each engine as a string'
  );
end;
$$;

comment on function private.check_engines(jsonb) is
'Refuses engines that are not versions by name.';

create function private.check_number(
  object jsonb, field text, lowest double precision, highest double precision
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_value jsonb := check_number.object -> check_number.field;
begin
  if coalesce(jsonb_typeof(v_value), 'null') = 'null' then
    return;
  end if;
  if jsonb_typeof(v_value) <> 'number' then
    perform private.check_input(false, check_number.field, 'must be a number');
  end if;
  if v_value::numeric
    not between check_number.lowest::numeric and check_number.highest::numeric
  then
    perform private.check_input(
      false, check_number.field,
      format('must be from %s to %s', check_number.lowest, check_number.highest)
    );
  end if;
end;
$$;

comment on function private.check_number(jsonb, text, double precision, double precision) is
'Refuses a field that is there but is not a number in bounds.';

create function private.note_node_facts(
  node public.nodes, version text, engines jsonb, iterations_per_second double precision
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- a tenth more or less is noise; every write of this row is published
  if coalesce(note_node_facts.version <> (note_node_facts.node).version, false)
    or coalesce(note_node_facts.engines <> (note_node_facts.node).engines, false)
    or coalesce(
      abs(
        note_node_facts.iterations_per_second
        - coalesce((note_node_facts.node).iterations_per_second, 0)
      ) > 0.1 * note_node_facts.iterations_per_second, false
    )
  then
    update public.nodes
    set
      version = coalesce(note_node_facts.version, nodes.version),
      engines = coalesce(note_node_facts.engines, nodes.engines),
      iterations_per_second = coalesce(
        note_node_facts.iterations_per_second, nodes.iterations_per_second
      )
    where nodes.id = (note_node_facts.node).id;
  end if;
end;
$$;

comment on function private.note_node_facts(public.nodes, text, jsonb, double precision) is
'Keeps the version, engines and speed that others see of a node.';

create function private.note_forgotten(node_id uuid, running uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_lease interval;
begin
  select lease_duration into strict v_lease from private.settings;
  update public.sim_chunks as chunks
  set status = 'claimed', lease_expires_at = private.current_time() + v_lease
  where chunks.id = any(array(
    select forgotten.id from public.sim_chunks as forgotten
    where forgotten.node_id = note_forgotten.node_id
      and forgotten.status = 'running'
      and forgotten.id <> all(note_forgotten.running)
    for update skip locked
  ));
end;
$$;

comment on function private.note_forgotten(uuid, uuid[]) is
'Leases that ran but that the node does not hold any more: they live once more their time, for the '
'node to ask for them or to hand them in, and are not renewed.';

create function private.node_settings(node public.nodes, version text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_heartbeat_period interval;
begin
  select heartbeat_period into strict v_heartbeat_period from private.settings;
  return jsonb_build_object(
    'name', (node_settings.node).name,
    'max_parallel', (node_settings.node).max_parallel,
    'paused', (node_settings.node).paused_at is not null,
    'schedule', null,
    'heartbeat_ms', (extract(epoch from v_heartbeat_period) * 1000)::integer,
    'required_version', private.required_version(node_settings.version),
    'units', private.unit_settings((node_settings.node).id)
  );
end;
$$;

comment on function private.node_settings(public.nodes, text) is
'What the owner decided, as the node gets it, and the version that the pool wants of it, if that '
'is newer than its own.';

create function private.node_heartbeat(status jsonb)
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
  v_node_id uuid := private.require_node();
  v_now timestamptz := private.current_time();
  v_node public.nodes;
  v_lease interval;
  v_speed double precision;
  v_running uuid[];
begin
  perform private.check_heartbeat(node_heartbeat.status);
  v_node := private.meet_node(v_node_id);
  v_speed := nullif((node_heartbeat.status ->> 'iterations_per_second')::double precision, 0);
  perform private.note_node_facts(
    v_node, node_heartbeat.status ->> 'version', node_heartbeat.status -> 'engines', v_speed
  );

  select lease_duration into strict v_lease from private.settings;
  insert into private.node_heartbeats as heartbeats
  (node_id, seen_at, leases_until, free_workers, load, iterations_per_second)
  values (
    v_node_id,
    v_now,
    v_now + v_lease,
    coalesce((node_heartbeat.status ->> 'free_workers')::integer, 0),
    (node_heartbeat.status ->> 'load')::double precision,
    coalesce(v_speed, v_node.iterations_per_second)
  )
  on conflict on constraint node_heartbeats_pkey do update
  set
    seen_at = excluded.seen_at,
    leases_until = excluded.leases_until,
    free_workers = excluded.free_workers,
    load = excluded.load,
    iterations_per_second = coalesce(
      excluded.iterations_per_second, heartbeats.iterations_per_second
    );

  v_running := array(
    select ids.id::uuid
    from jsonb_array_elements_text(coalesce(node_heartbeat.status -> 'running', '[]')) as ids (id)
  );
  perform private.confirm_running(v_node_id, v_running);
  perform private.note_forgotten(v_node_id, v_running);
  perform private.acknowledge_commands(
    v_node_id, coalesce(node_heartbeat.status -> 'acknowledged', '[]')
  );
  perform private.hear_units(v_node, node_heartbeat.status -> 'units');
  perform private.sweep_sometimes();
  return jsonb_build_object(
    'settings', private.node_settings(
      v_node, coalesce(node_heartbeat.status ->> 'version', v_node.version)
    ),
    'cancelled', private.lost_chunks(v_node_id, v_running),
    'commands', private.waiting_commands(v_node_id),
    'lease_expires_at', v_now + v_lease,
    'server_time', v_now
  );
end;
$$;

grant execute on function private.node_heartbeat(jsonb) to authenticated;

comment on function private.node_heartbeat(jsonb) is
'See public.node_heartbeat. A definer: nodes have no right to write any table.';

create function public.node_heartbeat(status jsonb)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.node_heartbeat(node_heartbeat.status);
end;
$$;

grant execute on function public.node_heartbeat(jsonb) to authenticated;

comment on function public.node_heartbeat(jsonb) is
'For nodes: says what is running, renews all leases, and answers settings, cancelled chunks, '
'commands, lease_expires_at and server_time.';
