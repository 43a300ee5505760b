-- The public inventory: what users contribute, counted by the network statistics.

-- What is said of a device is checked by the types of its columns, when it is said. Constraints of
-- the table would be read and checked with every heartbeat too: they were a fifth of its cost.

create domain private.device_name as text
constraint device_name_is_short check (length(value) between 1 and 255);

create domain private.device_type as text
constraint device_type_is_known check (value in ('phone', 'laptop', 'desktop', 'server'));

create domain private.memory_gb as numeric
constraint memory_is_believable check (value between 0 and 65536);

create domain private.core_count as integer
constraint cores_are_believable check (value between 0 and 4096);

create domain private.storage_gb as numeric
constraint storage_is_believable check (value between 0 and 10000000);

create table public.compute_devices (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.profiles (id) on delete cascade,
  node_id uuid references public.nodes (id) on delete cascade,
  device_name private.device_name not null,
  device_type private.device_type not null,
  ram_gb private.memory_gb not null,
  cpu_cores private.core_count not null,
  storage_gb private.storage_gb not null,
  compute_score numeric not null,
  is_active boolean not null default true,
  last_seen timestamptz not null default private.current_time(),
  created_at timestamptz not null default private.current_time(),
  updated_at timestamptz not null default private.current_time(),
  constraint a_node_is_one_device unique (node_id),
  constraint last_seen_is_a_whole_second
  check (isfinite(last_seen) and last_seen = last_seen::timestamptz (0))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

alter table public.compute_devices enable row level security;

comment on table public.compute_devices is
'What a user contributes. A running node is a device too, kept by its registration and heartbeat.';
comment on column public.compute_devices.compute_score is
'ram_gb * 2 + cpu_cores * 5 + storage_gb * 0.05, always computed by the database.';
comment on column public.compute_devices.last_seen is
'The whole second in which the device was last heard of; never in the future.';

create index idx_compute_devices_user on public.compute_devices (user_id);
-- last_seen stays out of every index, so that hearing from a device updates its row in place
create index idx_compute_devices_active on public.compute_devices (id) where is_active;

create function private.score_device()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- thousandths are enough, and bound what it costs to sum what anybody may claim
  new.ram_gb := trim_scale(round(new.ram_gb, 3));
  new.storage_gb := trim_scale(round(new.storage_gb, 3));
  new.compute_score := trim_scale(new.ram_gb * 2 + new.cpu_cores * 5 + new.storage_gb * 0.05);
  return new;
end;
$$;

comment on function private.score_device() is 'Computes the score, whatever the client sent.';

create trigger compute_devices_write_score
before insert or update of ram_gb, cpu_cores, storage_gb, compute_score on public.compute_devices
for each row execute function private.score_device();

create function private.time_device()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
begin
  new.last_seen := date_trunc('second', least(new.last_seen, v_now));
  new.updated_at := v_now;
  return new;
end;
$$;

comment on function private.time_device() is
'Keeps last_seen to whole seconds and out of the future.';

create trigger compute_devices_write_times
before insert or update on public.compute_devices
for each row execute function private.time_device();

grant select, delete on public.compute_devices to authenticated;
grant insert (
  user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score, is_active,
  last_seen
) on public.compute_devices to authenticated;
grant update (
  device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score, is_active, last_seen
) on public.compute_devices to authenticated;
grant select on public.compute_devices to service_role;

create policy "Users see their own devices"
on public.compute_devices for select to authenticated
using (user_id = (select auth.uid()));

create policy "Users add devices of their own"
on public.compute_devices for insert to authenticated
with check (user_id = (select auth.uid()) and node_id is null);

create policy "Users change their own devices, but not those that nodes keep"
on public.compute_devices for update to authenticated
using (user_id = (select auth.uid()) and node_id is null)
with check (user_id = (select auth.uid()) and node_id is null);

create policy "Users remove their own devices, but not those that nodes keep"
on public.compute_devices for delete to authenticated
using (user_id = (select auth.uid()) and node_id is null);

create function private.keep_node_device(node_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  insert into public.compute_devices as devices
  (user_id, node_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score)
  select
    nodes.user_id,
    nodes.id,
    nodes.name,
    private.device_type(nodes.hardware, nodes.total_cores),
    least(private.positive_number(nodes.hardware -> 'ram_total_gb'), 65536),
    nodes.total_cores,
    least(private.positive_number(nodes.hardware -> 'storage_total_gb'), 10000000),
    0
  from public.nodes
  where nodes.id = keep_node_device.node_id and nodes.user_id is not null
  on conflict on constraint a_node_is_one_device do update
  set
    user_id = excluded.user_id,
    device_name = excluded.device_name,
    device_type = excluded.device_type,
    ram_gb = excluded.ram_gb,
    cpu_cores = excluded.cpu_cores,
    storage_gb = excluded.storage_gb,
    is_active = true,
    last_seen = private.current_time();
end;
$$;

comment on function private.keep_node_device(uuid) is
'Keeps the compute device of a claimed node: its figures, and that it was just seen.';

create function private.device_type(hardware jsonb, total_cores integer)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when device_type.hardware ->> 'device_type' in ('phone', 'laptop', 'desktop', 'server')
      then device_type.hardware ->> 'device_type'
    when device_type.total_cores >= 32 then 'server'
    else 'desktop'
  end;
end;
$$;

comment on function private.device_type(jsonb, integer) is
'What the node says it is; by its size where it says nothing.';

create function private.positive_number(value jsonb)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when jsonb_typeof(positive_number.value) = 'number'
      then greatest(positive_number.value::numeric, 0)
    else 0
  end;
end;
$$;

comment on function private.positive_number(jsonb) is
'A number that a machine reported, or 0 where it reported none.';
