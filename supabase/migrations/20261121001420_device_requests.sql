-- Devices without a node: phones, laptops, whatever a browser runs on. They register, say every so
-- often that they are there, and stop. What a node runs on is kept by the node.

create function private.check_device(
  device_name text, device_type text, ram_gb numeric, cpu_cores integer, storage_gb numeric
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    length(check_device.device_name) between 1 and 255,
    'device_name', 'must have 1 to 255 characters'
  );
  perform private.check_input(
    check_device.device_type in ('phone', 'laptop', 'desktop', 'server'),
    'device_type', 'must be phone, laptop, desktop or server'
  );
  perform private.check_input(
    check_device.ram_gb between 0 and 65536, 'ram_gb', 'must be from 0 to 65536'
  );
  perform private.check_input(
    check_device.cpu_cores between 0 and 4096, 'cpu_cores', 'must be from 0 to 4096'
  );
  perform private.check_input(
    check_device.storage_gb between 0 and 10000000, 'storage_gb', 'must be from 0 to 10000000'
  );
end;
$$;

comment on function private.check_device(text, text, numeric, integer, numeric) is
'Refuses a device that is not believable, naming the field.';

create function private.device_answer(device public.compute_devices)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select
      to_jsonb(device_answer.device) || jsonb_build_object(
        'heartbeat_seconds', extract(epoch from settings.device_heartbeat_period)::integer
      )
    from private.settings
  );
end;
$$;

comment on function private.device_answer(public.compute_devices) is
'The row of a device, and how often it is to be heard of.';

create function private.refuse_device(user_id uuid, device_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if exists (
    select from public.compute_devices as devices
    where devices.id = refuse_device.device_id and devices.user_id = refuse_device.user_id
  ) then
    perform private.refuse(
      409, 'CONFLICT', 'A node keeps this device up to date.', '{}', 'Pause or unregister the node.'
    );
  end if;
  perform private.refuse(
    404, 'NOT_FOUND', 'You have no such device.', '{}', 'Register it first.'
  );
end;
$$;

comment on function private.refuse_device(uuid, uuid) is
'Says why the user cannot speak for this device: a node does, or it is not theirs.';

create function private.find_device(user_id uuid, device_id uuid, device_name text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select devices.id
    from public.compute_devices as devices
    where devices.user_id = find_device.user_id
      and devices.node_id is null
      and case
        when find_device.device_id is null then devices.device_name = find_device.device_name
        else devices.id = find_device.device_id
      end
    order by devices.last_seen desc, devices.id
    limit 1
  );
end;
$$;

comment on function private.find_device(uuid, uuid, text) is
'The user''s device with this id or, where none is given, with this name.';

create function private.register_device(
  device_name text,
  device_type text,
  ram_gb numeric,
  cpu_cores integer,
  storage_gb numeric,
  device_id uuid
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set jit = 'off'
as $$
declare
  v_user_id uuid := private.require_user();
  v_name text := btrim(register_device.device_name);
  v_device public.compute_devices;
begin
  perform private.check_device(
    v_name, register_device.device_type, register_device.ram_gb, register_device.cpu_cores,
    register_device.storage_gb
  );
  -- one registration of a user at a time, or two of one device might both add it
  perform from public.profiles where profiles.id = v_user_id for no key update;

  update public.compute_devices as devices
  set
    device_name = v_name,
    device_type = register_device.device_type,
    ram_gb = register_device.ram_gb,
    cpu_cores = register_device.cpu_cores,
    storage_gb = register_device.storage_gb,
    is_active = true,
    last_seen = private.current_time()
  where devices.id = private.find_device(v_user_id, register_device.device_id, v_name)
  returning * into v_device;
  if found then
    return private.device_answer(v_device);
  end if;

  insert into public.compute_devices as devices
  (id, user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score)
  values (
    coalesce(register_device.device_id, gen_random_uuid()), v_user_id, v_name,
    register_device.device_type, register_device.ram_gb, register_device.cpu_cores,
    register_device.storage_gb, 0
  )
  on conflict on constraint compute_devices_pkey do nothing
  returning * into v_device;
  if not found then
    perform private.refuse_device(v_user_id, register_device.device_id);
  end if;
  return private.device_answer(v_device);
end;
$$;

create function public.register_device(
  device_name text,
  device_type text,
  ram_gb numeric,
  cpu_cores integer,
  storage_gb numeric,
  device_id uuid default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.register_device(
    register_device.device_name, register_device.device_type, register_device.ram_gb,
    register_device.cpu_cores, register_device.storage_gb, register_device.device_id
  );
end;
$$;

grant execute on function
private.register_device(text, text, numeric, integer, numeric, uuid) to authenticated;
grant execute on function
public.register_device(text, text, numeric, integer, numeric, uuid) to authenticated;

comment on function private.register_device(text, text, numeric, integer, numeric, uuid) is
'See public.register_device. A definer: a device is added or updated in one step.';
comment on function public.register_device(text, text, numeric, integer, numeric, uuid) is
'Adds a device of the caller, active from now on, or updates the one with this id; where no id is '
'given, the one of this name. A device that chooses and keeps its id is never taken for another. '
'Answers its row and heartbeat_seconds.';

create function private.device_heartbeat(device_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set jit = 'off'
as $$
declare
  v_user_id uuid := private.require_user();
  v_device public.compute_devices;
begin
  -- a heartbeat that a crash of the server takes with it is not worth a wait for the disk
  perform set_config('synchronous_commit', 'off', true);
  -- whatever is later than now is brought back to now
  update public.compute_devices as devices
  set is_active = true, last_seen = 'infinity'
  where devices.id = device_heartbeat.device_id
    and devices.user_id = v_user_id
    and devices.node_id is null
  returning * into v_device;
  if not found then
    perform private.refuse_device(v_user_id, device_heartbeat.device_id);
  end if;
  perform private.fold_sometimes(v_device.updated_at);
  return private.device_answer(v_device);
end;
$$;

create function public.device_heartbeat(device_id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.device_heartbeat(device_heartbeat.device_id);
end;
$$;

grant execute on function private.device_heartbeat(uuid) to authenticated;
grant execute on function public.device_heartbeat(uuid) to authenticated;

comment on function private.device_heartbeat(uuid) is
'See public.device_heartbeat. A definer, so that no policy is asked thousands of times a second.';
comment on function public.device_heartbeat(uuid) is
'Says that a device of the caller is there; it is active again if it was not. '
'Answers its row and heartbeat_seconds.';

create function private.deactivate_device(device_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set jit = 'off'
as $$
declare
  v_user_id uuid := private.require_user();
  v_device public.compute_devices;
begin
  update public.compute_devices as devices
  set is_active = false
  where devices.id = deactivate_device.device_id
    and devices.user_id = v_user_id
    and devices.node_id is null
  returning * into v_device;
  if not found then
    perform private.refuse_device(v_user_id, deactivate_device.device_id);
  end if;
  return private.device_answer(v_device);
end;
$$;

create function public.deactivate_device(device_id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.deactivate_device(deactivate_device.device_id);
end;
$$;

grant execute on function private.deactivate_device(uuid) to authenticated;
grant execute on function public.deactivate_device(uuid) to authenticated;

comment on function private.deactivate_device(uuid) is
'See public.deactivate_device. A definer: one way to speak for a device.';
comment on function public.deactivate_device(uuid) is
'Stops sharing a device of the caller: it is not counted any more, until its next heartbeat.';
