-- Dispatch: leasing work to nodes that wait for it, and pushing it to them alone. Bounded: a large
-- fleet is woken in waves, each node that comes back for more waking some others.

create function private.idle_nodes_for_job(job_id uuid, quantity integer)
returns table (node_id uuid, free_workers integer, iterations_per_second double precision)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with job as (
    select
      jobs.user_id, jobs.access_type, configs.engine,
      private.accepted_versions(jobs) as engine_versions,
      jobs.engine_versions is not null as names_versions
    from public.sim_jobs as jobs
    join public.sim_configs as configs on configs.hash = jobs.config_hash
    where jobs.id = idle_nodes_for_job.job_id
  ),
  shared as (
    select access.node_id, access.access_type, nodes.user_id as owner_id
    from job
    join public.node_access as access on access.target_id = job.user_id
    join public.nodes on nodes.id = access.node_id
    where access.access_type = 'user' and private.are_friends(nodes.user_id, job.user_id)
    union
    select access.node_id, access.access_type, nodes.user_id
    from job
    join public.guild_members as mine on mine.user_id = job.user_id and mine.joined_at is not null
    join public.node_access as access
      on access.target_id = mine.guild_id and access.access_type = 'guild'
    join public.nodes on nodes.id = access.node_id
    where job.access_type <> 'private'
      and private.is_guild_member(mine.guild_id, nodes.user_id)
  ),
  admitted as (
    select idle.*
    from job
    join private.idle_nodes as idle on idle.user_id = job.user_id
    join public.node_access as access
      on access.node_id = idle.node_id and access.access_type = 'owner'
    union
    select idle.*
    from shared
    join private.idle_nodes as idle on idle.node_id = shared.node_id
    union
    (
      select idle.*
      from private.idle_nodes as idle
      where idle.is_public
        and exists (select from job where job.access_type = 'public')
        -- that it was public when it asked is not enough
        and exists (
          select from public.node_access as access
          where access.node_id = idle.node_id and access.access_type = 'public'
        )
      order by idle.iterations_per_second desc
      limit idle_nodes_for_job.quantity
    )
  )
  select admitted.node_id, admitted.free_workers, admitted.iterations_per_second
  from admitted
  cross join job
  join public.nodes on nodes.id = admitted.node_id
  join private.node_heartbeats as heartbeats on heartbeats.node_id = admitted.node_id
  where heartbeats.leases_until > private.current_time()
    and nodes.paused_at is null
    and private.required_version(nodes.version) is null
    and private.runs_engine(
      nodes.engines, job.engine, job.engine_versions, job.names_versions
    )
    and not private.is_sidelined(admitted.node_id)
    and not private.is_barred(idle_nodes_for_job.job_id, admitted.node_id)
  order by admitted.iterations_per_second desc, admitted.node_id
  limit idle_nodes_for_job.quantity;
end;
$$;

comment on function private.idle_nodes_for_job(uuid, integer) is
'Live nodes that wait for work and may serve the job, the fastest first: what has changed since '
'they asked is asked again.';

create function private.use_idle_workers(node_id uuid, workers integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  delete from private.idle_nodes as idle
  where idle.node_id = use_idle_workers.node_id and idle.free_workers <= use_idle_workers.workers;
  update private.idle_nodes as idle
  set free_workers = idle.free_workers - use_idle_workers.workers
  where idle.node_id = use_idle_workers.node_id and idle.free_workers > use_idle_workers.workers;
end;
$$;

comment on function private.use_idle_workers(uuid, integer) is
'Counts workers of a waiting node as busy. The caller has its row locked.';

create function private.dispatch_job(job_id uuid, quantity integer)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_idle record;
  v_workers bigint;
  v_room bigint;
  v_now constant timestamptz := private.current_time();
  v_settings private.settings;
  v_chunks jsonb;
  v_leased integer;
  v_nodes integer := 0;
begin
  if not private.try_share_job(dispatch_job.job_id) then
    return 0;
  end if;
  select private.lease_room(jobs.user_id) into v_room
  from public.sim_jobs as jobs where jobs.id = dispatch_job.job_id;
  select sum(idle.free_workers) into v_workers
  from private.idle_nodes_for_job(dispatch_job.job_id, dispatch_job.quantity) as idle;
  select * into strict v_settings from private.settings;

  for v_idle in
    select idle.node_id
    from private.idle_nodes_for_job(dispatch_job.job_id, dispatch_job.quantity) as idle
  loop
    exit when v_room < 1;
    select idle.* into v_idle
    from private.idle_nodes as idle
    where idle.node_id = v_idle.node_id
    for update skip locked;
    continue when not found;
    v_chunks := private.lease_chunks(
      private.known_job(dispatch_job.job_id, v_idle.node_id),
      private.lessee(
        v_idle.node_id, 'pending', v_idle.iterations_per_second, v_workers, false, v_now,
        v_settings
      ),
      least(v_idle.free_workers, 256, v_room)::integer
    );
    v_leased := jsonb_array_length(v_chunks);
    -- ranges may be kept from this node and still be there for the next
    exit when v_leased = 0
      and not exists (
        select from private.open_jobs as jobs where jobs.job_id = dispatch_job.job_id
      );
    if v_leased > 0 then
      perform private.push_chunks(v_idle.node_id, v_chunks);
      perform private.use_idle_workers(v_idle.node_id, v_leased);
      v_nodes := v_nodes + 1;
      v_workers := v_workers - v_leased;
      v_room := v_room - v_leased;
    end if;
  end loop;
  return v_nodes;
end;
$$;

comment on function private.dispatch_job(uuid, integer) is
'Leases and pushes chunks of the job to at most `quantity` waiting nodes; answers how many.';

create function private.wait_for_work(
  node_id uuid, user_id uuid, workers integer, iterations_per_second double precision
)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_is_public boolean := exists (
    select from public.node_access as access
    where access.node_id = wait_for_work.node_id and access.access_type = 'public'
  );
begin
  -- a row that is right already is not even locked: a dispatcher must be able to take it
  if exists (
    select from private.idle_nodes as idle
    where idle.node_id = wait_for_work.node_id
      and idle.user_id = wait_for_work.user_id
      and idle.is_public = v_is_public
      and idle.free_workers = wait_for_work.workers
  ) then
    return false;
  end if;
  insert into private.idle_nodes (node_id, user_id, is_public, free_workers, iterations_per_second)
  values (
    wait_for_work.node_id, wait_for_work.user_id, v_is_public,
    wait_for_work.workers, wait_for_work.iterations_per_second
  )
  on conflict on constraint idle_nodes_pkey do update
  set
    user_id = excluded.user_id,
    is_public = excluded.is_public,
    free_workers = excluded.free_workers,
    iterations_per_second = excluded.iterations_per_second;
  return true;
end;
$$;

comment on function private.wait_for_work(uuid, uuid, integer, double precision) is
'Lists the node as waiting. True if that is news: then it must ask once more, because a job '
'submitted at the same moment did not see it.';

create function private.stop_waiting(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  delete from private.idle_nodes as idle where idle.node_id = stop_waiting.node_id;
end;
$$;

comment on function private.stop_waiting(uuid) is 'Takes the node off the list of waiting nodes.';

create function private.wait_with_at_most(node_id uuid, workers integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if wait_with_at_most.workers < 1 then
    perform private.stop_waiting(wait_with_at_most.node_id);
    return;
  end if;
  update private.idle_nodes as idle
  set free_workers = wait_with_at_most.workers
  where idle.node_id = wait_with_at_most.node_id and idle.free_workers > wait_with_at_most.workers;
end;
$$;

comment on function private.wait_with_at_most(uuid, integer) is
'A node that waits with more workers than its owner now lets it use waits with those.';
