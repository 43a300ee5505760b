-- Compute units: the devices of a machine that its owner shares, each with an allocation and a
-- state. Which state may follow which is a table, and no statement gets around it.

create table private.unit_transitions (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status)
);

alter table private.unit_transitions enable row level security;

comment on table private.unit_transitions is 'Which state of a compute unit may follow which.';

insert into private.unit_transitions (from_status, to_status)
values
-- shared or withheld by its owner
('not_shared', 'inactive'),
('inactive', 'not_shared'),
-- its machine is told, and is heard of
('inactive', 'registering'),
('registering', 'active'),
('active', 'paused'),
('paused', 'active'),
-- three heartbeats are missed, and one comes
('active', 'offline'),
('offline', 'active'),
-- it says that it cannot, and tries again
('registering', 'error'),
('active', 'error'),
('paused', 'error'),
('offline', 'error'),
('error', 'registering'),
-- on the way to being withheld
('registering', 'inactive'),
('active', 'inactive'),
('paused', 'inactive'),
('offline', 'inactive'),
('error', 'inactive');

create table public.compute_units (
  id uuid primary key default gen_random_uuid(),
  node_id uuid not null references public.nodes (id) on delete cascade,
  user_id uuid not null references public.profiles (id) on delete cascade,
  machine_id text,
  device_type text not null,
  device_id text not null,
  name text,
  capacity integer not null,
  status text not null default 'not_shared',
  allocation jsonb not null,
  -- what uptime is paid for: cores, or gigabytes of VRAM
  quantity numeric not null generated always as (
    case device_type
      when 'cpu' then (allocation ->> 'cores_allocated')::numeric
      else (allocation ->> 'vram_allocated_mb')::numeric * 0.0009765625
    end
  ) stored,
  allocated_at timestamptz,
  pause_reason text,
  paused_at timestamptz,
  registered_at timestamptz not null default private.current_time(),
  constraint a_device_is_one_unit unique (node_id, device_type, device_id),
  constraint device_type_is_known check (device_type in ('cpu', 'gpu')),
  constraint device_id_is_short check (length(device_id) between 1 and 255),
  constraint status_is_known
  check (
    status in ('not_shared', 'inactive', 'registering', 'active', 'paused', 'offline', 'error')
  ),
  constraint a_paused_unit_says_why
  check (
    (status = 'paused') = (pause_reason is not null)
    and (status = 'paused') = (paused_at is not null)
  ),
  constraint pause_reason_is_known
  check (pause_reason in ('user_requested', 'maintenance', 'overheating')),
  constraint capacity_is_not_negative check (capacity >= 0),
  constraint an_allocation_is_not_negative
  check (
    quantity >= 0
    and coalesce(
      (allocation ->> 'cores_reserved')::integer, (allocation ->> 'vram_reserved_mb')::integer
    ) >= 0
  ),
  constraint an_allocation_fits_the_hardware
  check (
    coalesce(
      (allocation ->> 'cores_allocated')::integer + (allocation ->> 'cores_reserved')::integer,
      (allocation ->> 'vram_allocated_mb')::integer + (allocation ->> 'vram_reserved_mb')::integer
    ) <= capacity
  )
);

alter table public.compute_units enable row level security;

comment on table public.compute_units is
'Devices of machines, what of each is shared, and the state of that.';
comment on column public.compute_units.machine_id is 'As of its node: names the hardware.';
comment on column public.compute_units.capacity is 'Cores of a CPU; megabytes of VRAM of a GPU.';
comment on column public.compute_units.allocation is
'What the owner shares and keeps, and when; defaults are filled in.';
comment on column public.compute_units.quantity is 'Shared cores, or gigabytes of VRAM.';
comment on column public.compute_units.allocated_at is
'When the owner last changed the allocation.';

create index idx_compute_units_user on public.compute_units (user_id);
create index idx_compute_units_active on public.compute_units (id) where status = 'active';
-- whatever agents and owners a machine has, a device of it is paid for once
create unique index idx_compute_units_shared_once
on public.compute_units (machine_id, device_type, device_id)
where status <> 'not_shared';

create function private.check_transition()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    perform private.check_input(
      new.status = 'not_shared', 'status', 'of a new compute unit must be not_shared'
    );
  elsif not exists (
    select from private.unit_transitions as transitions
    where transitions.from_status = old.status and transitions.to_status = new.status
  ) then
    perform private.refuse(
      409, 'CONFLICT',
      format('A compute unit that is %s cannot become %s.', old.status, new.status),
      jsonb_build_object(
        'unit_id', old.id, 'status', old.status, 'allowed', (
          select jsonb_agg(transitions.to_status order by transitions.to_status)
          from private.unit_transitions as transitions
          where transitions.from_status = old.status
        )
      )
    );
  end if;
  return new;
end;
$$;

comment on function private.check_transition() is
'Refuses a state that may not follow the one before.';

create trigger compute_units_insert_check_status
before insert on public.compute_units
for each row execute function private.check_transition();

create trigger compute_units_update_check_status
before update on public.compute_units
for each row when (old.status <> new.status) execute function private.check_transition();

grant select on public.compute_units to authenticated, service_role;

create policy "Owners see their units, and a node sees those of its machine"
on public.compute_units for select to authenticated
using (user_id = (select auth.uid()) or node_id = (select private.node_id()));
