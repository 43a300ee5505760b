-- The figures anybody may read. The same for every caller, whatever row level security says.

create function private.network_stats()
returns table (
  active_nodes bigint,
  total_ram_gb numeric,
  total_cpu_cores bigint,
  total_storage_gb numeric,
  total_compute_score numeric
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select
    count(*),
    coalesce(sum(devices.ram_gb), 0),
    coalesce(sum(devices.cpu_cores), 0),
    coalesce(sum(devices.storage_gb), 0),
    coalesce(sum(devices.compute_score), 0)
  from public.compute_devices as devices
  where devices.is_active
    and devices.last_seen > private.current_time() - interval '5 minutes';
end;
$$;

grant execute on function private.network_stats() to anon, authenticated, service_role;

comment on function private.network_stats() is
'Sums over devices seen in the last five minutes. A definer: it counts devices of every user.';

create function public.get_network_stats()
returns table (
  active_nodes bigint,
  total_ram_gb numeric,
  total_cpu_cores bigint,
  total_storage_gb numeric,
  total_compute_score numeric
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.network_stats();
end;
$$;

grant execute on function public.get_network_stats() to anon, authenticated, service_role;

comment on function public.get_network_stats() is
'What the pool has right now: one row, the same for everybody.';
