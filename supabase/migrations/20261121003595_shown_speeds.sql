-- What nodes show of the speed they claim. A score is computed of claimed hardware, and a claimed
-- speed decides how much work a node is given; accepted work is the one thing nobody can claim.

create table private.shown_speeds (
  node_id uuid primary key references public.nodes (id) on delete cascade,
  chunks integer not null,
  iterations_per_second double precision not null,
  events_per_second double precision,
  shown_at timestamptz not null,
  constraint speeds_are_positive check (iterations_per_second > 0 and events_per_second > 0)
);

alter table private.shown_speeds enable row level security;

comment on table private.shown_speeds is
'How fast one worker of a node was, by the medians over results accepted lately.';
comment on column private.shown_speeds.chunks is 'Of how many results.';
comment on column private.shown_speeds.events_per_second is
'The same for every config that a node runs, unlike iterations; null where none was counted.';

create function private.recent_results()
returns table (node_id uuid, iterations_per_second double precision, events_per_iteration numeric)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_since timestamptz := private.current_time() - interval '10 minutes';
begin
  -- of shorter chunks, the way to the node and back is too much
  return query
  select
    chunks.node_id,
    chunks.iterations / extract(epoch from chunks.took)::double precision,
    costs.cost * 1000
  from (
    (
      select running.id, running.config_hash
      from public.sim_jobs as running
      where running.status = 'running'
      order by running.started_at desc
      limit 100
    )
    union all
    (
      select ended.id, ended.config_hash
      from public.sim_jobs as ended
      where ended.completed_at > v_since
      order by ended.completed_at desc
      limit 100
    )
  ) as jobs
  cross join lateral (
    select
      completed.node_id, completed.iterations, completed.completed_at,
      completed.completed_at - coalesce(completed.started_at, completed.claimed_at) as took
    from public.sim_chunks as completed
    where completed.job_id = jobs.id and completed.status = 'completed'
    order by completed.seed_offset desc
    limit 200
  ) as chunks
  left join private.config_costs as costs on costs.config_hash = jobs.config_hash
  where chunks.completed_at > v_since and chunks.took >= interval '1 second';
end;
$$;

comment on function private.recent_results() is
'How fast results of the last ten minutes were, at most 200 of each of 200 jobs.';

create function private.measure_nodes()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  insert into private.shown_speeds
  (node_id, chunks, iterations_per_second, events_per_second, shown_at)
  select
    results.node_id,
    count(*),
    percentile_cont(0.5) within group (order by results.iterations_per_second),
    percentile_cont(0.5) within group (
      order by results.iterations_per_second * results.events_per_iteration
    ),
    private.current_time()
  from private.recent_results() as results
  join public.nodes on nodes.id = results.node_id
  group by results.node_id
  having count(*) >= 5
  on conflict on constraint shown_speeds_pkey do update
  set
    chunks = excluded.chunks,
    iterations_per_second = excluded.iterations_per_second,
    events_per_second = coalesce(excluded.events_per_second, shown_speeds.events_per_second),
    shown_at = excluded.shown_at;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.measure_nodes() is
'Takes the speed of nodes from what they had accepted; five results at least. '
'Cron: simpool_measure_nodes.';

create function private.node_speeds(user_id uuid)
returns table (
  node_id uuid,
  name text,
  claimed_iterations_per_second double precision,
  shown_iterations_per_second double precision,
  events_per_second double precision,
  chunks integer,
  is_plausible boolean,
  shown_at timestamptz
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    nodes.id,
    nodes.name,
    claims.speed,
    shown.iterations_per_second,
    shown.events_per_second,
    shown.chunks,
    claims.speed between shown.iterations_per_second / settings.speed_doubt_factor
    and shown.iterations_per_second * settings.speed_doubt_factor,
    shown.shown_at
  from public.nodes
  cross join private.settings
  left join private.shown_speeds as shown on shown.node_id = nodes.id
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = nodes.id
  cross join lateral (
    select coalesce(heartbeats.iterations_per_second, nodes.iterations_per_second) as speed
  ) as claims
  where nodes.user_id = coalesce(node_speeds.user_id, nodes.user_id)
  order by nodes.name, nodes.id;
end;
$$;

comment on function private.node_speeds(uuid) is
'What the nodes of a user claim and show, or all claimed nodes where no user is given. '
'is_plausible is null before a node has shown anything.';

create function private.my_node_speeds()
returns table (
  node_id uuid,
  name text,
  claimed_iterations_per_second double precision,
  shown_iterations_per_second double precision,
  events_per_second double precision,
  chunks integer,
  is_plausible boolean,
  shown_at timestamptz
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query select * from private.node_speeds(private.require_user());
end;
$$;

create function public.my_node_speeds()
returns table (
  node_id uuid,
  name text,
  claimed_iterations_per_second double precision,
  shown_iterations_per_second double precision,
  events_per_second double precision,
  chunks integer,
  is_plausible boolean,
  shown_at timestamptz
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.my_node_speeds();
end;
$$;

grant execute on function private.my_node_speeds() to authenticated;
grant execute on function public.my_node_speeds() to authenticated;

comment on function private.my_node_speeds() is
'See public.my_node_speeds. A definer: heartbeats and shown speeds are private.';
comment on function public.my_node_speeds() is
'How fast each node of the caller says it is, and how fast its accepted results show it to be; '
'is_plausible is false where the one is far from the other.';

create function private.network_capability()
returns table (
  nodes bigint, measured bigint, doubted bigint, claimed_iterations_per_second double precision,
  shown_iterations_per_second double precision, events_per_second double precision
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    count(*),
    count(speeds.shown_at),
    count(*) filter (where not speeds.is_plausible),
    sum(speeds.claimed_iterations_per_second * online.max_parallel),
    sum(speeds.shown_iterations_per_second * online.max_parallel),
    sum(speeds.events_per_second * online.max_parallel)
  from public.nodes as online
  join private.node_speeds(null) as speeds on speeds.node_id = online.id
  where online.status = 'online';
end;
$$;

comment on function private.network_capability() is
'For an operator: what all workers of the nodes that are online claim and show, and how many nodes '
'claim what they do not show.';
