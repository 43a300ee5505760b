-- Heartbeats of units: what each does, and the uptime that its owner is paid for. Uptime is what
-- lies between two heartbeats, up to the time after which a unit counts as offline: never more than
-- the wall's clock, and, because what is paid moves a mark, never twice.

create function private.check_unit_report(report jsonb, place text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk jsonb := check_unit_report.report -> 'current_task_id';
begin
  perform private.check_input(
    jsonb_typeof(check_unit_report.report) = 'object'
    and check_unit_report.report - array[
      'unit_id', 'status', 'current_load_percent', 'current_task_id', 'temperature_celsius',
      'power_draw_watts', 'vram_used_mb'
    ] = '{}',
    check_unit_report.place,
    'must be an object with unit_id, status, current_load_percent, current_task_id, '
    'temperature_celsius, power_draw_watts, vram_used_mb'
  );
  perform private.check_input(
    private.is_uuid(check_unit_report.report -> 'unit_id'),
    check_unit_report.place || '.unit_id', 'must be a UUID'
  );
  perform private.check_input(
    coalesce(check_unit_report.report ->> 'status', 'active') in ('active', 'paused', 'error'),
    check_unit_report.place || '.status', 'must be active, paused or error'
  );
  perform private.check_input(
    coalesce(jsonb_typeof(v_chunk), 'null') = 'null' or private.is_uuid(v_chunk),
    check_unit_report.place || '.current_task_id', 'must be the id of a chunk'
  );
  perform private.check_number(check_unit_report.report, 'current_load_percent', 0, 100);
  perform private.check_number(check_unit_report.report, 'temperature_celsius', -100, 1000);
  perform private.check_number(check_unit_report.report, 'power_draw_watts', 0, 100000);
  perform private.check_number(check_unit_report.report, 'vram_used_mb', 0, 1e9);
end;
$$;

comment on function private.check_unit_report(jsonb, text) is
'Refuses what a machine says of a unit where it is malformed.';

create function private.check_unit_reports(reports jsonb, field text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if coalesce(jsonb_typeof(check_unit_reports.reports), 'null') = 'null' then
    return;
  end if;
  perform private.check_input(
    jsonb_typeof(check_unit_reports.reports) = 'array'
    and jsonb_array_length(check_unit_reports.reports) <= 256,
    check_unit_reports.field, 'must be an array of at most 256 units'
  );
  perform private.check_unit_report(
    items.report, check_unit_reports.field || '.' || (items.place - 1)
  )
  from jsonb_array_elements(check_unit_reports.reports)
    with ordinality as items (report, place);
end;
$$;

comment on function private.check_unit_reports(jsonb, text) is
'Refuses a list of units that is malformed; none at all is fine.';

create function private.accrue_uptime(unit public.compute_units, until timestamptz)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_from timestamptz;
  v_window interval;
begin
  select heartbeats.accrued_until into v_from
  from private.unit_heartbeats as heartbeats
  where heartbeats.unit_id = (accrue_uptime.unit).id
  for update;
  if v_from is null or v_from >= accrue_uptime.until then
    return;
  end if;
  select node_offline_after into strict v_window from private.settings;
  perform private.add_uptime(
    accrue_uptime.unit, v_from, least(accrue_uptime.until, v_from + v_window)
  );
  update private.unit_heartbeats as heartbeats
  set accrued_until = accrue_uptime.until
  where heartbeats.unit_id = (accrue_uptime.unit).id;
end;
$$;

comment on function private.accrue_uptime(public.compute_units, timestamptz) is
'Pays the uptime of a unit since it was last paid, and no longer than silence is tolerated.';

create function private.close_uptime()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if old.status = 'active' and (tg_op = 'DELETE' or new.status <> 'offline') then
    perform private.accrue_uptime(old, private.current_time());
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  if new.status = 'active' and old.status in ('registering', 'paused') then
    update private.unit_heartbeats as heartbeats
    set accrued_until = private.current_time()
    where heartbeats.unit_id = new.id;
  elsif new.status not in ('active', 'offline') or old.status = 'offline' and new.status = 'offline'
  then
    -- an allocation that is changed in silence: what the silence was worth is not known
    update private.unit_heartbeats as heartbeats
    set accrued_until = null
    where heartbeats.unit_id = new.id and heartbeats.accrued_until is not null;
  end if;
  return new;
end;
$$;

comment on function private.close_uptime() is
'Pays what a unit did so far before its state, its allocation or its existence ends. A definer: '
'the books are private.';

create trigger compute_units_update_close_uptime
before update on public.compute_units
for each row
when (old.status <> new.status or old.allocation <> new.allocation)
execute function private.close_uptime();

create trigger compute_units_delete_close_uptime
before delete on public.compute_units
for each row execute function private.close_uptime();

create function private.note_unit(unit public.compute_units, report jsonb, is_working boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
begin
  insert into private.unit_heartbeats as heartbeats (
    unit_id, seen_at, accrued_until, current_load_percent, current_chunk_id, temperature_celsius,
    power_draw_watts, vram_used_mb
  )
  values (
    (note_unit.unit).id,
    v_now,
    case when note_unit.is_working then v_now end,
    (note_unit.report ->> 'current_load_percent')::double precision,
    (note_unit.report ->> 'current_task_id')::uuid,
    (note_unit.report ->> 'temperature_celsius')::double precision,
    (note_unit.report ->> 'power_draw_watts')::double precision,
    (note_unit.report ->> 'vram_used_mb')::double precision
  )
  on conflict on constraint unit_heartbeats_pkey do update
  set
    seen_at = excluded.seen_at,
    accrued_until = case
      when note_unit.is_working then greatest(heartbeats.accrued_until, excluded.accrued_until)
    end,
    current_load_percent = excluded.current_load_percent,
    current_chunk_id = excluded.current_chunk_id,
    temperature_celsius = excluded.temperature_celsius,
    power_draw_watts = excluded.power_draw_watts,
    vram_used_mb = excluded.vram_used_mb;
end;
$$;

comment on function private.note_unit(public.compute_units, jsonb, boolean) is
'Keeps the last heartbeat of a unit, and from when on its uptime counts.';

create function private.hear_unit(unit public.compute_units, report jsonb, is_paused boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_said text := coalesce(hear_unit.report ->> 'status', 'active');
  v_status text := (hear_unit.unit).status;
begin
  if v_said = 'error' and v_status in ('registering', 'active', 'paused', 'offline') then
    v_status := 'error';
  elsif v_said <> 'error' and v_status = 'error' then
    update public.compute_units as units
    set status = 'registering' where units.id = (hear_unit.unit).id;
    v_status := 'active';
  elsif v_said <> 'error' and v_status in ('registering', 'offline') then
    v_status := 'active';
  end if;
  if (hear_unit.unit).status in ('active', 'offline') and v_status = 'active' then
    perform private.accrue_uptime(hear_unit.unit, private.current_time());
  end if;
  if v_status <> (hear_unit.unit).status then
    update public.compute_units as units
    set status = v_status, pause_reason = null, paused_at = null
    where units.id = (hear_unit.unit).id;
  end if;
  perform private.note_unit(
    hear_unit.unit, hear_unit.report,
    v_status = 'active' and v_said = 'active' and not hear_unit.is_paused
  );
end;
$$;

comment on function private.hear_unit(public.compute_units, jsonb, boolean) is
'What a machine says of a unit. It makes a unit active or broken; whether a unit is paused is its '
'owner''s word, but one that says it rests is not paid.';

create function private.hear_units(node public.nodes, reports jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_heard record;
begin
  for v_heard in
    select units as unit, items.report
    from public.compute_units as units
    left join jsonb_array_elements(
      case jsonb_typeof(hear_units.reports) when 'array' then hear_units.reports else '[]' end
    ) as items (report) on (items.report ->> 'unit_id')::uuid = units.id
    where units.node_id = (hear_units.node).id
      and units.status not in ('not_shared', 'inactive')
      and (
        items.report is not null
        or units.device_type = 'cpu' and coalesce(jsonb_typeof(hear_units.reports), 'null') = 'null'
      )
    order by units.id
  loop
    perform private.hear_unit(
      v_heard.unit, coalesce(v_heard.report, '{}'), (hear_units.node).paused_at is not null
    );
  end loop;
end;
$$;

comment on function private.hear_units(public.nodes, jsonb) is
'The heartbeats of the units of a node. A node that says nothing of its units runs on its CPUs.';

create function private.check_machine_heartbeat(status jsonb, node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_foreign record;
begin
  perform private.check_unit_reports(
    check_machine_heartbeat.status -> 'compute_units', 'compute_units'
  );
  perform private.check_acknowledged(
    coalesce(check_machine_heartbeat.status -> 'acknowledged', '[]')
  );
  select items.place - 1 as place, items.report ->> 'unit_id' as unit_id into v_foreign
  from jsonb_array_elements(check_machine_heartbeat.status -> 'compute_units')
    with ordinality as items (report, place)
  where not exists (
    select from public.compute_units as units
    where units.id = (items.report ->> 'unit_id')::uuid
      and units.node_id = check_machine_heartbeat.node_id
  )
  limit 1;
  if found then
    perform private.refuse(
      404, 'NOT_FOUND', 'This machine has no such compute unit.',
      jsonb_build_object(
        format('compute_units.%s.unit_id', v_foreign.place), v_foreign.unit_id
      ), 'Register the machine again.'
    );
  end if;
end;
$$;

comment on function private.check_machine_heartbeat(jsonb, uuid) is
'Refuses a heartbeat that is malformed, or that tells of units that are not the machine''s.';

create function private.machine_heartbeat(status jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node_id uuid := private.require_node();
  v_now timestamptz := private.current_time();
  v_node public.nodes := private.meet_node(v_node_id);
begin
  perform private.check_machine_heartbeat(machine_heartbeat.status, v_node_id);
  insert into private.node_heartbeats as heartbeats (node_id, seen_at, leases_until)
  values (v_node_id, v_now, v_now)
  -- leases are renewed by whoever runs them, with node_heartbeat()
  on conflict on constraint node_heartbeats_pkey do update set seen_at = excluded.seen_at;
  perform private.acknowledge_commands(
    v_node_id, coalesce(machine_heartbeat.status -> 'acknowledged', '[]')
  );
  perform private.hear_units(v_node, machine_heartbeat.status -> 'compute_units');
  return jsonb_build_object(
    'success', true, 'commands', private.waiting_commands(v_node_id)
  );
end;
$$;

grant execute on function private.machine_heartbeat(jsonb) to authenticated;

comment on function private.machine_heartbeat(jsonb) is
'The heartbeat of a machine and its units: answers the commands that it has not acknowledged. A '
'definer: nodes have no right to write any table.';

create function private.mark_silent_units_offline()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  v_ids := array(
    select units.id
    from public.compute_units as units
    cross join private.settings
    left join private.unit_heartbeats as heartbeats on heartbeats.unit_id = units.id
    where units.status = 'active'
      and coalesce(heartbeats.seen_at, units.registered_at)
      < private.current_time() - settings.node_offline_after
    for update of units skip locked
  );
  update public.compute_units as units
  set status = 'offline' where units.id = any(v_ids) and units.status = 'active';
  return cardinality(v_ids);
end;
$$;

comment on function private.mark_silent_units_offline() is
'Units that missed three heartbeats are offline. Cron: simpool_mark_silent_units.';
