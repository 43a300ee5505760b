-- The heartbeat: one small row per node and period, whatever the number of its chunks.

create function private.check_heartbeat(status jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- asked before a function is called to refuse: nearly all heartbeats are well-formed
  if jsonb_typeof(check_heartbeat.status) is distinct from 'object'
    or check_heartbeat.status - array[
      'version', 'engines', 'running', 'free_workers', 'load', 'iterations_per_second', 'units',
      'acknowledged'
    ] <> '{}'
  then
    perform private.check_input(
      false, 'status',
      'must be an object with version, engines, running, free_workers, load, '
      'iterations_per_second, units, acknowledged'
    );
  end if;
  if check_heartbeat.status ? 'engines' then
    perform private.check_engines(check_heartbeat.status -> 'engines');
  end if;
  -- JSON writes a list of ids in one way, but for their letters
  if (check_heartbeat.status -> 'running')::text
    !~* '^\[("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"(, )?)*\]$'
    or jsonb_array_length(check_heartbeat.status -> 'running') > 10000
  then
    perform private.check_chunk_ids(check_heartbeat.status -> 'running', 'status.running');
  end if;
  if length(check_heartbeat.status ->> 'version') not between 1 and 100 then
    perform private.check_input(false, 'status.version', 'must have 1 to 100 characters');
  end if;
  -- all three at once; one by one where one is left out, or wrong
  if check_heartbeat.status @@ 'strict
    $.free_workers >= 0 && $.free_workers <= 4096 && $.free_workers % 1 == 0
    && $.load >= 0 && $.load <= 1000000
    && ($.iterations_per_second == 0 || $.iterations_per_second >= 0.001)
    && $.iterations_per_second <= 1e12' is not true
  then
    perform private.check_number(check_heartbeat.status, 'free_workers', 0, 4096);
    perform private.check_input(
      coalesce((check_heartbeat.status ->> 'free_workers')::numeric % 1, 0) = 0,
      'free_workers', 'must be a whole number'
    );
    perform private.check_number(check_heartbeat.status, 'load', 0, 1000000);
    perform private.check_number(check_heartbeat.status, 'iterations_per_second', 0, 1e12);
    -- what is slower would need longer for a chunk than dates can be written
    perform private.check_input(
      coalesce(nullif((check_heartbeat.status ->> 'iterations_per_second')::numeric, 0), 1)
      >= 0.001,
      'iterations_per_second', 'must be 0, if it was not measured, or at least 0.001'
    );
  end if;
  if check_heartbeat.status ? 'units' then
    perform private.check_unit_reports(check_heartbeat.status -> 'units', 'units');
  end if;
  if check_heartbeat.status ? 'acknowledged' then
    perform private.check_acknowledged(check_heartbeat.status -> 'acknowledged');
  end if;
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
  if jsonb_typeof(check_engines.engines) is distinct from 'object'
    or length(check_engines.engines::text) > 2000
  then
    perform private.check_input(
      false, 'status.engines', 'must be an object of at most 2000 characters'
    );
  end if;
  if jsonb_path_exists(check_engines.engines, 'strict $.* ? (@.type() != "string")') then
    perform private.check_input(
      false, 'status.engines', 'must give the version of each engine as a string'
    );
  end if;
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

create function private.keep_heartbeat(
  node_id uuid, status jsonb, speed double precision, moment timestamptz
)
returns timestamptz
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_leases_until timestamptz;
begin
  loop
    update private.node_heartbeats as heartbeats
    set
      seen_at = keep_heartbeat.moment,
      leases_until = keep_heartbeat.moment + settings.lease_duration,
      free_workers = coalesce((keep_heartbeat.status ->> 'free_workers')::numeric::integer, 0),
      load = (keep_heartbeat.status ->> 'load')::double precision,
      iterations_per_second = coalesce(
        keep_heartbeat.speed,
        (select nodes.iterations_per_second from public.nodes where nodes.id = heartbeats.node_id),
        heartbeats.iterations_per_second
      )
    from private.settings
    where heartbeats.node_id = keep_heartbeat.node_id
    returning heartbeats.leases_until into v_leases_until;
    exit when found;
    -- its first, unless this refuses it
    perform private.meet_node(keep_heartbeat.node_id);
    insert into private.node_heartbeats (node_id, seen_at, leases_until)
    values (keep_heartbeat.node_id, keep_heartbeat.moment, keep_heartbeat.moment)
    on conflict do nothing;
  end loop;
  return v_leases_until;
end;
$$;

comment on function private.keep_heartbeat(uuid, jsonb, double precision, timestamptz) is
'Keeps the last heartbeat of a claimed node, which locks it as lock_node() does and renews its '
'leases: answers until when.';

create type private.pulse as (
  is_news boolean,
  has_new_facts boolean,
  name text,
  max_parallel integer,
  is_paused boolean,
  version text,
  has_units boolean,
  has_commands boolean,
  has_unconfirmed boolean,
  has_forgotten boolean,
  held_chunks bigint,
  sweep_is_due boolean,
  heartbeat_period interval,
  wants_version boolean
);

create function private.read_pulse(
  node_id uuid, status jsonb, speed double precision, running uuid[], moment timestamptz
)
returns private.pulse
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_pulse private.pulse;
begin
  select
    nodes.user_id is null
    or nodes.status = 'offline'
    or nodes.last_seen_at < read_pulse.moment - interval '1 minute',
    -- a tenth more or less is noise; every write of this row is published
    coalesce(read_pulse.status ->> 'version' <> nodes.version, false)
    or coalesce(read_pulse.status -> 'engines' <> nodes.engines, false)
    or coalesce(
      abs(read_pulse.speed - coalesce(nodes.iterations_per_second, 0)) > 0.1 * read_pulse.speed,
      false
    ),
    nodes.name,
    nodes.max_parallel,
    nodes.paused_at is not null,
    coalesce(read_pulse.status ->> 'version', nodes.version),
    exists (select from public.compute_units as units where units.node_id = nodes.id),
    exists (
      select from private.node_commands as commands
      where commands.node_id = nodes.id and commands.acknowledged_at is null
    ),
    leases.has_unconfirmed,
    leases.has_forgotten,
    leases.held_chunks,
    sweeps.swept_at <= read_pulse.moment - settings.sweep_period,
    settings.heartbeat_period,
    settings.minimum_node_version is not null
  into strict v_pulse
  from public.nodes
  cross join private.settings
  cross join private.sweeps
  cross join (
    select
      bool_or(held.is_known and not held.is_running) as has_unconfirmed,
      bool_or(held.is_running and not held.is_known) as has_forgotten,
      count(*) filter (where held.is_known) as held_chunks
    from (
      select
        chunks.status = 'running' as is_running,
        chunks.id = any(read_pulse.running) as is_known
      from public.sim_chunks as chunks
      where chunks.node_id = read_pulse.node_id
        and chunks.status in ('pending', 'claimed', 'running')
      -- apart from what is made of it, so that a long list is looked through once for each
      offset 0
    ) as held
  ) as leases
  where nodes.id = read_pulse.node_id;
  return v_pulse;
end;
$$;

comment on function private.read_pulse(
  uuid, jsonb, double precision, uuid[], timestamptz
) is
'What a heartbeat answers, and what there is to do because of it, which is mostly nothing: all of '
'it asked at once. The caller has the node locked.';

create function private.note_node_facts(
  node_id uuid, version text, engines jsonb, speed double precision
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.nodes
  set
    version = coalesce(note_node_facts.version, nodes.version),
    engines = coalesce(note_node_facts.engines, nodes.engines),
    iterations_per_second = coalesce(note_node_facts.speed, nodes.iterations_per_second)
  where nodes.id = note_node_facts.node_id;
end;
$$;

comment on function private.note_node_facts(uuid, text, jsonb, double precision) is
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

create function private.node_settings(
  name text,
  max_parallel integer,
  is_paused boolean,
  heartbeat_period interval,
  required_version text,
  units jsonb
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'name', node_settings.name,
    'max_parallel', node_settings.max_parallel,
    'paused', node_settings.is_paused,
    'schedule', null,
    'heartbeat_ms', (extract(epoch from node_settings.heartbeat_period) * 1000)::integer,
    'required_version', node_settings.required_version,
    'units', node_settings.units
  );
end;
$$;

comment on function private.node_settings(text, integer, boolean, interval, text, jsonb) is
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
  v_node_id constant uuid := private.require_node();
  v_now constant timestamptz := private.current_time();
  v_speed double precision;
  v_running uuid[];
  v_leases_until timestamptz;
  v_pulse private.pulse;
  v_has_swept boolean := false;
begin
  perform private.check_heartbeat(node_heartbeat.status);
  v_speed := nullif((node_heartbeat.status ->> 'iterations_per_second')::double precision, 0);
  -- JSON writes a list of ids as an array is written, but for its brackets
  v_running := coalesce(translate(node_heartbeat.status ->> 'running', '[]"', '{}'), '{}')::uuid[];
  v_leases_until := private.keep_heartbeat(v_node_id, node_heartbeat.status, v_speed, v_now);
  v_pulse := private.read_pulse(v_node_id, node_heartbeat.status, v_speed, v_running, v_now);
  if v_pulse.is_news then
    perform private.meet_node(v_node_id);
  end if;
  if v_pulse.has_new_facts then
    perform private.note_node_facts(
      v_node_id, node_heartbeat.status ->> 'version', node_heartbeat.status -> 'engines', v_speed
    );
  end if;
  if v_pulse.has_unconfirmed then
    perform private.confirm_running(v_node_id, v_running);
  end if;
  if v_pulse.has_forgotten then
    perform private.note_forgotten(v_node_id, v_running);
  end if;
  if node_heartbeat.status ? 'acknowledged' then
    perform private.acknowledge_commands(v_node_id, node_heartbeat.status -> 'acknowledged');
  end if;
  if v_pulse.has_units then
    perform private.hear_units(nodes, node_heartbeat.status -> 'units')
    from public.nodes where nodes.id = v_node_id;
  end if;
  if v_pulse.sweep_is_due then
    v_has_swept := private.sweep_sometimes();
  end if;
  return jsonb_build_object(
    'settings', private.node_settings(
      v_pulse.name,
      v_pulse.max_parallel,
      v_pulse.is_paused,
      v_pulse.heartbeat_period,
      case when v_pulse.wants_version then private.required_version(v_pulse.version) end,
      case when v_pulse.has_units then private.unit_settings(v_node_id) else '[]' end
    ),
    'cancelled', case
      when v_has_swept or v_pulse.held_chunks < cardinality(v_running)
        then private.lost_chunks(v_node_id, v_running)
      else '[]'
    end,
    'commands', case
      when v_pulse.has_commands then private.waiting_commands(v_node_id) else '[]'
    end,
    'lease_expires_at', v_leases_until,
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
