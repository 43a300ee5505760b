-- What the network had, for charts: a sample every five minutes, of which the first of each hour
-- and then the first of each day stay.

create table private.network_samples (
  sampled_at timestamptz primary key,
  active_nodes bigint not null,
  total_ram_gb numeric not null,
  total_cpu_cores bigint not null,
  total_storage_gb numeric not null,
  total_compute_score numeric not null
);

alter table private.network_samples enable row level security;

comment on table private.network_samples is
'The network statistics every five minutes; older ones every hour, and the oldest every day.';

create function private.prune_samples()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_settings private.settings;
  v_count integer;
begin
  select * into strict v_settings from private.settings;
  delete from private.network_samples as samples
  using (
    values
    ('hour', v_settings.network_samples_lifetime), ('day', v_settings.network_hours_lifetime)
  ) as steps (unit, lifetime)
  where samples.sampled_at < private.current_time() - steps.lifetime
    and exists (
      select from private.network_samples as earlier
      where earlier.sampled_at >= date_trunc(steps.unit, samples.sampled_at, 'UTC')
        and earlier.sampled_at < samples.sampled_at
    );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.prune_samples() is
'Keeps of old samples the first of each hour, of very old ones the first of each day.';

create function private.sample_network()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  insert into private.network_samples (
    sampled_at, active_nodes, total_ram_gb, total_cpu_cores, total_storage_gb, total_compute_score
  )
  select date_bin('5 minutes', private.current_time(), '2000-01-01 00:00:00+00'), stats.*
  from private.network_stats() as stats
  on conflict on constraint network_samples_pkey do nothing;
  return private.prune_samples();
end;
$$;

comment on function private.sample_network() is
'Keeps the statistics of now, and thins out the old ones. Cron: simpool_sample_network.';

create function private.network_history(period text)
returns table (
  sampled_at timestamptz,
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
declare
  v_step constant interval := case network_history.period
    when 'hour' then interval '5 minutes'
    when 'day' then interval '5 minutes'
    when 'week' then interval '1 hour'
    when 'month' then interval '1 hour'
    when 'year' then interval '1 day'
  end;
begin
  perform private.check_input(
    v_step is not null, 'period', 'must be hour, day, week, month or year'
  );
  return query
  select distinct on (date_bin(v_step, samples.sampled_at, '2000-01-01 00:00:00+00')) samples.*
  from private.network_samples as samples
  where samples.sampled_at > private.current_time() - ('1 ' || network_history.period)::interval
  order by date_bin(v_step, samples.sampled_at, '2000-01-01 00:00:00+00'), samples.sampled_at;
end;
$$;

grant execute on function private.network_history(text) to anon, authenticated, service_role;

comment on function private.network_history(text) is
'See public.network_history. A definer: nobody may read the samples themselves.';

create function public.network_history(period text default 'day')
returns table (
  sampled_at timestamptz,
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
  return query select * from private.network_history(network_history.period);
end;
$$;

grant execute on function public.network_history(text) to anon, authenticated, service_role;

comment on function public.network_history(text) is
'What the pool had in the last hour or day (every five minutes), week or month (every hour), or '
'year (every day): the oldest first, 744 rows at most. Times without a row were not recorded.';
