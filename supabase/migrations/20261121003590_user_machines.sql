-- What users see of their machines: each with its devices and units, and all of them in sums.

create function private.require_self(user_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
begin
  if require_self.user_id <> v_user_id then
    perform private.refuse(403, 'FORBIDDEN', 'Users see their own machines only.');
  end if;
end;
$$;

comment on function private.require_self(uuid) is 'Refuses everybody but the user with this id.';

create function private.device_documents(node public.nodes, device_type text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_key text := device_documents.device_type || 's';
begin
  return coalesce((
    select jsonb_agg(
      case jsonb_typeof(reported.device) when 'object' then reported.device else '{}' end
      || jsonb_build_object(
        'device_id', devices.device_id,
        'name', devices.name,
        'is_shared', coalesce(units.status <> 'not_shared', false),
        'compute_unit', case when units.id is not null then private.unit_document(units) end
      ) order by devices.device_id
    )
    from private.devices_of(
      (device_documents.node).hardware, (device_documents.node).total_cores
    ) as devices
    left join public.compute_units as units
      on units.node_id = (device_documents.node).id
      and units.device_type = devices.device_type
      and units.device_id = devices.device_id
    left join lateral (
      select listed.device
      from jsonb_array_elements((device_documents.node).hardware -> v_key) as listed (device)
      where listed.device ->> 'device_id' = devices.device_id
      limit 1
    ) as reported on jsonb_typeof((device_documents.node).hardware -> v_key) = 'array'
    where devices.device_type = device_documents.device_type
  ), '[]');
end;
$$;

comment on function private.device_documents(public.nodes, text) is
'The CPUs or GPUs of a machine as it reported them, each with its compute unit.';

create function private.machine_document(node public.nodes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_node public.nodes := machine_document.node;
begin
  return jsonb_build_object(
    'node_id', v_node.id,
    'machine_id', v_node.machine_id,
    'name', v_node.name,
    'hostname', v_node.hostname,
    'os', v_node.platform,
    'version', v_node.version,
    'status', v_node.status,
    'last_seen', coalesce(
      (
        select heartbeats.seen_at from private.node_heartbeats as heartbeats
        where heartbeats.node_id = v_node.id
      ), v_node.last_seen_at
    ),
    'registered_at', v_node.claimed_at,
    'has_agent', v_node.public_key is not null,
    'has_api_key', exists (
      select from private.api_keys as keys
      where keys.node_id = v_node.id and keys.revoked_at is null
    ),
    'hardware', jsonb_build_object(
      'cpus', private.device_documents(v_node, 'cpu'),
      'gpus', private.device_documents(v_node, 'gpu'),
      'ram_total_gb', private.positive_number(v_node.hardware -> 'ram_total_gb'),
      'storage_total_gb', private.positive_number(v_node.hardware -> 'storage_total_gb')
    )
  );
end;
$$;

comment on function private.machine_document(public.nodes) is
'A machine with its devices and their units.';

create function private.read_machine(id text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  return private.machine_document(private.find_machine(read_machine.id));
end;
$$;

grant execute on function private.read_machine(text) to authenticated;

comment on function private.read_machine(text) is
'A machine of the caller. A definer: keys, heartbeats and earnings are private.';

create function private.user_devices(user_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform private.require_self(user_devices.user_id);
  return jsonb_build_object(
    'user_id', user_devices.user_id,
    'machines', coalesce((
      select jsonb_agg(private.machine_document(nodes) order by nodes.claimed_at, nodes.id)
      from public.nodes
      where nodes.user_id = user_devices.user_id
    ), '[]'),
    'summary', (
      select jsonb_build_object(
        'total_machines', count(*),
        'online_machines', count(*) filter (where nodes.status = 'online'),
        'active_gpus', coalesce(sum(units.active_gpus), 0),
        'active_cpus', coalesce(sum(units.active_cpus), 0)
      )
      from public.nodes
      cross join lateral (
        select
          count(*) filter (where units.device_type = 'gpu') as active_gpus,
          count(*) filter (where units.device_type = 'cpu') as active_cpus
        from public.compute_units as units
        where units.node_id = nodes.id and units.status = 'active'
      ) as units
      where nodes.user_id = user_devices.user_id
    ) || private.user_earnings(user_devices.user_id)
  );
end;
$$;

grant execute on function private.user_devices(uuid) to authenticated;

comment on function private.user_devices(uuid) is
'The machines of the caller. A definer: keys, heartbeats and earnings are private.';

create function private.type_summary(user_id uuid, device_type text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_cpu boolean := type_summary.device_type = 'cpu';
begin
  return (
    select jsonb_build_object(
      'count', count(*),
      'active', count(*) filter (where units.status = 'active'),
      case when v_is_cpu then 'total_cores' else 'total_vram_gb' end,
      coalesce(sum(units.capacity), 0) * case when v_is_cpu then 1 else 0.0009765625 end,
      case when v_is_cpu then 'shared_cores' else 'shared_vram_gb' end,
      coalesce(sum(units.quantity) filter (where units.status <> 'not_shared'), 0)
    )
    from public.compute_units as units
    where units.user_id = type_summary.user_id and units.device_type = type_summary.device_type
  ) || jsonb_build_object(
    'total_earnings', coalesce((
      select sum(days.task_earnings + days.uptime_earnings)
      from private.day_earnings(
        array(
          select accounts.id
          from private.accounts
          where accounts.user_id = type_summary.user_id
            and accounts.device_type = type_summary.device_type
        ), '-infinity'
      ) as days
    ), 0)
  );
end;
$$;

comment on function private.type_summary(uuid, text) is
'How many CPUs or GPUs a user has in machines, what they share of them, and what those earned.';

create function private.user_summary(user_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform private.require_self(user_summary.user_id);
  return jsonb_build_object(
    'user_id', user_summary.user_id,
    'summary', (
      select jsonb_build_object(
        'total_machines', count(*),
        'online_machines', count(*) filter (where nodes.status = 'online'),
        'offline_machines', count(*) filter (where nodes.status <> 'online')
      )
      from public.nodes
      where nodes.user_id = user_summary.user_id
    ) || (
      select jsonb_build_object(
        'total_compute_units', count(*),
        'active_compute_units', count(*) filter (where units.status = 'active'),
        'paused_compute_units', count(*) filter (where units.status = 'paused'),
        'offline_compute_units', count(*) filter (where units.status = 'offline'),
        'units_by_status', (
          select coalesce(jsonb_object_agg(counted.status, counted.units), '{}')
          from (
            select states.status, count(*) as units
            from public.compute_units as states
            where states.user_id = user_summary.user_id
            group by states.status
          ) as counted
        ),
        'total_vram_shared_gb', coalesce(
          sum(units.quantity) filter (where units.device_type = 'gpu'), 0
        ),
        'total_cores_shared', coalesce(
          sum(units.quantity) filter (where units.device_type = 'cpu'), 0
        )
      )
      from public.compute_units as units
      where units.user_id = user_summary.user_id and units.status <> 'not_shared'
    ) || private.user_earnings(user_summary.user_id),
    'by_device_type', jsonb_build_object(
      'gpu', private.type_summary(user_summary.user_id, 'gpu'),
      'cpu', private.type_summary(user_summary.user_id, 'cpu')
    )
  );
end;
$$;

grant execute on function private.user_summary(uuid) to authenticated;

comment on function private.user_summary(uuid) is
'The machines and earnings of the caller in sums. A definer: earnings are private.';

create function private.my_earnings(days integer)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_today date := (private.current_time() at time zone 'utc')::date;
begin
  perform private.check_input(
    my_earnings.days between 1 and 3660, 'days', 'must be an integer from 1 to 3660'
  );
  return private.user_earnings(v_user_id) || jsonb_build_object(
    'ledger', coalesce((
      select sum(entries.amount)
      from private.ledger_entries as entries
      join private.accounts on accounts.id = entries.account_id
      where accounts.user_id = v_user_id
    ), 0),
    'days', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'unit_id', days.account_id,
          'device_type', accounts.device_type,
          'device_id', accounts.device_id,
          'machine', nodes.name,
          'date', days.date,
          'tasks_completed', days.tasks_completed,
          'task_earnings', days.task_earnings,
          'uptime_seconds', days.uptime_seconds,
          'uptime_earnings', days.uptime_earnings,
          'total_earnings', days.task_earnings + days.uptime_earnings
        ) order by days.date desc, nodes.name, accounts.device_type, accounts.device_id, accounts.id
      )
      from private.day_earnings(
        array(select mine.id from private.accounts as mine where mine.user_id = v_user_id),
        v_today - my_earnings.days + 1
      ) as days
      join private.accounts on accounts.id = days.account_id
      left join public.compute_units as units on units.id = days.account_id
      left join public.nodes on nodes.id = units.node_id
    ), '[]')
  );
end;
$$;

create function public.my_earnings(days integer default 7)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.my_earnings(my_earnings.days);
end;
$$;

grant execute on function private.my_earnings(integer) to authenticated;
grant execute on function public.my_earnings(integer) to authenticated;

comment on function private.my_earnings(integer) is
'See public.my_earnings. A definer: the books are private.';
comment on function public.my_earnings(integer) is
'What the caller earned: today, this week, this month, ever, what of it is in the ledger, and a '
'record per unit and day of the last days, in UTC.';

create function private.my_devices()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
begin
  return coalesce((
    select jsonb_agg(to_jsonb(devices) order by devices.created_at, devices.id)
    from public.compute_devices as devices
    where devices.user_id = v_user_id
  ), '[]');
end;
$$;

grant execute on function private.my_devices() to authenticated;

comment on function private.my_devices() is
'The compute devices of the caller, those that nodes keep too. A definer: one list, in order.';
