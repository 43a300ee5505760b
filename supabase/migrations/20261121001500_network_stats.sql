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
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set jit = 'off'
as $$
declare
  v_cutoff timestamptz;
  v_from xid8 := private.unfolded_from();
begin
  select private.current_time() - settings.device_stale_after into strict v_cutoff
  from private.settings;
  return query
  select
    coalesce(sum(counts.devices), 0)::bigint,
    trim_scale(coalesce(sum(counts.ram_gb), 0)),
    coalesce(sum(counts.cpu_cores), 0)::bigint,
    trim_scale(coalesce(sum(counts.storage_gb), 0)),
    trim_scale(coalesce(sum(counts.compute_score), 0))
  from (
    select
      seconds.devices, seconds.ram_gb, seconds.cpu_cores, seconds.storage_gb, seconds.compute_score
    from private.device_seconds as seconds
    where seconds.second > v_cutoff
    union all
    select moves.devices, moves.ram_gb, moves.cpu_cores, moves.storage_gb, moves.compute_score
    from private.device_moves as moves
    where moves.written_by >= v_from and moves.since <= v_cutoff and moves.until > v_cutoff
  ) as counts;
end;
$$;

grant execute on function private.network_stats() to anon, authenticated, service_role;

comment on function private.network_stats() is
'Sums over active devices seen in the last five minutes, from their counts. '
'A definer: it counts devices of every user.';

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

create function private.check_network_stats()
returns table (second timestamptz, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with counted as (
    select
      shares.second, sum(shares.devices) as devices, sum(shares.ram_gb) as ram_gb,
      sum(shares.cpu_cores) as cpu_cores, sum(shares.storage_gb) as storage_gb,
      sum(shares.compute_score) as compute_score
    from (
      select seconds.* from private.device_seconds as seconds
      union all
      select
        moves.until, moves.devices, moves.ram_gb, moves.cpu_cores, moves.storage_gb,
        moves.compute_score
      from private.device_moves as moves
      union all
      select
        moves.since, -moves.devices, -moves.ram_gb, -moves.cpu_cores, -moves.storage_gb,
        -moves.compute_score
      from private.device_moves as moves
      where moves.since > '-infinity'
    ) as shares
    group by shares.second
  ),
  actual as (
    select
      devices.last_seen as second, count(*) as devices, sum(devices.ram_gb) as ram_gb,
      sum(devices.cpu_cores) as cpu_cores, sum(devices.storage_gb) as storage_gb,
      sum(devices.compute_score) as compute_score
    from public.compute_devices as devices
    where devices.is_active
    group by devices.last_seen
  )
  select
    coalesce(actual.second, counted.second),
    format(
      'devices last seen %s are %s, but counted as %s',
      coalesce(actual.second, counted.second),
      (actual.devices, actual.ram_gb, actual.cpu_cores, actual.storage_gb, actual.compute_score),
      (counted.devices, counted.ram_gb, counted.cpu_cores, counted.storage_gb, counted.compute_score)
    )
  from actual
  full join counted on counted.second = actual.second
  where (
    coalesce(actual.devices, 0), coalesce(actual.ram_gb, 0), coalesce(actual.cpu_cores, 0),
    coalesce(actual.storage_gb, 0), coalesce(actual.compute_score, 0)
  ) <> (
    coalesce(counted.devices, 0), coalesce(counted.ram_gb, 0), coalesce(counted.cpu_cores, 0),
    coalesce(counted.storage_gb, 0), coalesce(counted.compute_score, 0)
  )
  union all
  select moves.until, format('move %s is where nobody looks', moves.id)
  from private.device_moves as moves
  where moves.written_by < private.unfolded_from();
end;
$$;

comment on function private.check_network_stats() is
'Seconds whose devices are not counted as they are: no row when all is well. Reads every device. '
'private.recount_devices() mends them.';

create function private.deactivate_stale_devices()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_cutoff timestamptz;
  v_count integer;
begin
  select private.current_time() - settings.device_stale_after into strict v_cutoff
  from private.settings;
  perform private.fold_device_moves(200000);
  -- the table is read only when there is something to find
  if not exists (select from private.device_seconds as seconds where seconds.second <= v_cutoff)
  then
    return 0;
  end if;
  update public.compute_devices as devices
  set is_active = false
  where devices.id = any(array(
    select stale.id
    from public.compute_devices as stale
    where stale.is_active and stale.last_seen <= v_cutoff
    limit 20000
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.deactivate_stale_devices() is
'Folds what heartbeats have left, and deactivates devices that have been silent. '
'Cron: simpool_deactivate_stale_devices.';
