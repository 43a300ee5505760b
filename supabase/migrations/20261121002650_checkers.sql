-- Who runs a range again to check its result, and giving it to them.

create function private.has_engine(node public.nodes, job_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select private.runs_engine(
      (has_engine.node).engines, configs.engine, private.accepted_versions(jobs),
      jobs.engine_versions is not null
    )
    from public.sim_jobs as jobs
    join public.sim_configs as configs on configs.hash = jobs.config_hash
    where jobs.id = has_engine.job_id
  );
end;
$$;

comment on function private.has_engine(public.nodes, uuid) is
'Whether the node has the engine of the job, in a version that it accepts.';

create function private.checkers_for_job(job_id uuid)
returns table (node_id uuid, owner_id uuid)
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_sample constant integer := 16;
  v_start constant uuid := gen_random_uuid();
begin
  -- bounded: of the whole public, those that wait, those that serve the job, and some by chance
  return query
  with job as (
    select
      jobs.user_id, jobs.access_type, configs.engine,
      private.accepted_versions(jobs) as engine_versions,
      jobs.engine_versions is not null as names_versions
    from public.sim_jobs as jobs
    join public.sim_configs as configs on configs.hash = jobs.config_hash
    where jobs.id = checkers_for_job.job_id
  ),
  sampled as (
    (
      select idle.node_id from private.idle_nodes as idle
      where idle.is_public
      limit v_sample
    )
    union
    (
      select nodes.node_id from private.job_nodes as nodes
      where nodes.job_id = checkers_for_job.job_id
      limit v_sample
    )
    union
    (
      select heartbeats.node_id from private.node_heartbeats as heartbeats
      where heartbeats.node_id > v_start
      order by heartbeats.node_id
      limit v_sample
    )
    union
    (
      select heartbeats.node_id from private.node_heartbeats as heartbeats
      order by heartbeats.node_id
      limit v_sample
    )
  ),
  admitted as (
    select nodes.id
    from job join public.nodes on nodes.user_id = job.user_id
    join public.node_access as access on access.node_id = nodes.id
    where access.access_type = 'owner'
    union
    select nodes.id
    from job
    join public.node_access as access on access.target_id = job.user_id
    join public.nodes on nodes.id = access.node_id
    where access.access_type = 'user' and private.are_friends(nodes.user_id, job.user_id)
    union
    select nodes.id
    from job
    join public.guild_members as mine on mine.user_id = job.user_id and mine.joined_at is not null
    join public.node_access as access
      on access.target_id = mine.guild_id and access.access_type = 'guild'
    join public.nodes on nodes.id = access.node_id
    where job.access_type <> 'private' and private.is_guild_member(mine.guild_id, nodes.user_id)
    union
    select sampled.node_id
    from job
    cross join sampled
    join public.node_access as access on access.node_id = sampled.node_id
    where job.access_type = 'public' and access.access_type = 'public'
  )
  select nodes.id, nodes.user_id
  from admitted
  cross join job
  join public.nodes on nodes.id = admitted.id
  join private.node_heartbeats as heartbeats on heartbeats.node_id = nodes.id
  where heartbeats.leases_until > private.current_time()
    and nodes.paused_at is null
    and nodes.max_parallel > 0
    and private.required_version(nodes.version) is null
    and private.runs_engine(nodes.engines, job.engine, job.engine_versions, job.names_versions)
    and not private.is_sidelined(nodes.id)
    and not private.is_barred(checkers_for_job.job_id, nodes.id);
end;
$$;

comment on function private.checkers_for_job(uuid) is
'Live nodes that may serve the job: all that are admitted by name, and a sample of the public.';

create function private.is_trusted(node_id uuid, is_own boolean)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    select
      is_trusted.is_own and settings.trusts_own_nodes
      or coalesce((private.trust_of(is_trusted.node_id)).agreements, 0) >= settings.checks_to_trust
    from private.settings
  );
end;
$$;

comment on function private.is_trusted(uuid, boolean) is
'Whether enough checks in a row agreed with the node, or it is the submitter''s own.';

create function private.best_checkers(job_id uuid, node_ids uuid[], owner_ids uuid[])
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_others boolean;
  v_trusted boolean;
begin
  select
    bool_or(checkers.owner_id <> all(best_checkers.owner_ids)),
    bool_or(
      checkers.owner_id <> all(best_checkers.owner_ids)
      and private.is_trusted(checkers.node_id, checkers.owner_id = jobs.user_id)
    )
  into v_others, v_trusted
  from private.checkers_for_job(best_checkers.job_id) as checkers
  join public.sim_jobs as jobs on jobs.id = best_checkers.job_id
  where checkers.node_id <> all(best_checkers.node_ids);
  return case
    when v_trusted then 'trusted'
    when v_others then 'others'
    when v_others is not null then 'anybody'
  end;
end;
$$;

comment on function private.best_checkers(uuid, uuid[], uuid[]) is
'Who should check a result of these nodes, of what there is now: trusted nodes of other owners, '
'others, or anybody; null where there is nobody.';

create function private.involved_in_range(job_id uuid, seed_offset bigint)
returns table (node_id uuid, owner_id uuid)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select chunks.node_id, coalesce(nodes.user_id, chunks.node_id)
  from public.sim_chunks as chunks
  left join public.nodes on nodes.id = chunks.node_id
  where chunks.job_id = involved_in_range.job_id
    and chunks.seed_offset = involved_in_range.seed_offset
    and chunks.status in ('pending', 'claimed', 'running', 'held');
end;
$$;

comment on function private.involved_in_range(uuid, bigint) is
'Who runs the range or has handed in a result that is held.';

create function private.open_checks(node public.nodes)
returns setof private.checks
language plpgsql
volatile
rows 10
set search_path = ''
as $$
declare
  v_at_a_time constant integer := 64;
  v_low constant uuid := least((open_checks.node).id, (open_checks.node).user_id);
  v_high constant uuid := greatest((open_checks.node).id, (open_checks.node).user_id);
begin
  return query
  -- around what is kept apart from this node, so that much of it costs nothing
  with gaps as (
    select *
    from (
      values
      ('00000000-0000-0000-0000-000000000000'::uuid, v_low),
      (v_low, v_high),
      (v_high, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
    ) as bounds (low, high)
  )
  select named.*
  from private.users_for_node((open_checks.node).id) as users
  cross join gaps
  cross join lateral (
    select checks.*
    from private.checks
    where checks.user_id = users.user_id
      and checks.open > 0
      and checks.apart_from > gaps.low
      and checks.apart_from < gaps.high
    limit v_at_a_time
  ) as named
  where users.widest = 'private' or users.widest = 'guild' and named.access_type <> 'private'
  union
  select strange.*
  from public.node_access as access
  cross join gaps
  cross join lateral (
    select checks.*
    from private.checks
    where checks.access_type = 'public'
      and checks.open > 0
      and checks.apart_from > gaps.low
      and checks.apart_from < gaps.high
    limit v_at_a_time
  ) as strange
  where access.node_id = (open_checks.node).id and access.access_type = 'public';
end;
$$;

comment on function private.open_checks(public.nodes) is
'Checks that wait, of jobs that the node may serve and not of its own results: some, if there are '
'many.';

create function private.checks_for_node(node public.nodes, quantity integer)
returns table (job_id uuid, seed_offset bigint)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select waiting.job_id, waiting.seed_offset
  from private.open_checks(checks_for_node.node) as waiting
  where (
    waiting.checkers <> 'trusted'
    or private.is_trusted(
      (checks_for_node.node).id, waiting.user_id = (checks_for_node.node).user_id
    )
  )
  and private.has_engine(checks_for_node.node, waiting.job_id)
  and not private.is_barred(waiting.job_id, (checks_for_node.node).id)
  and not exists (
    select from private.involved_in_range(waiting.job_id, waiting.seed_offset) as involved
    where involved.node_id = (checks_for_node.node).id
      or involved.owner_id = (checks_for_node.node).user_id and waiting.checkers <> 'anybody'
  )
  order by waiting.drawn_at, waiting.job_id, waiting.seed_offset
  limit checks_for_node.quantity;
end;
$$;

comment on function private.checks_for_node(public.nodes, integer) is
'Checks that the node may run, the oldest first.';

create function private.is_paused(job_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return exists (
    select from public.sim_jobs as jobs
    where jobs.id = is_paused.job_id and jobs.paused_at is not null
  );
end;
$$;

comment on function private.is_paused(uuid) is 'Whether the job''s owner paused it.';

create function private.lease_check(job_id uuid, seed_offset bigint, node_id uuid, status text)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.current_time();
  v_check private.checks;
  v_id uuid;
begin
  if not private.try_share_job(lease_check.job_id) then
    return null;
  end if;
  select * into v_check
  from private.checks
  where checks.job_id = lease_check.job_id
    and checks.seed_offset = lease_check.seed_offset
    and checks.open > 0
  for update skip locked;
  if not found then
    return null;
  end if;
  update private.checks
  set open = checks.open - 1
  where checks.job_id = lease_check.job_id and checks.seed_offset = lease_check.seed_offset;
  insert into public.sim_chunks (
    job_id, node_id, config_hash, seed_offset, iterations, status, attempt, purpose,
    lease_expires_at, claimed_at
  )
  select
    jobs.id, lease_check.node_id, jobs.config_hash, v_check.seed_offset, v_check.iterations,
    lease_check.status,
    (
      select max(earlier.attempt) + 1 from public.sim_chunks as earlier
      where earlier.job_id = v_check.job_id and earlier.seed_offset = v_check.seed_offset
    ),
    'check',
    v_now + settings.lease_duration,
    case when lease_check.status = 'claimed' then v_now end
  from public.sim_jobs as jobs cross join private.settings
  where jobs.id = v_check.job_id
  returning id into v_id;
  return v_id;
end;
$$;

comment on function private.lease_check(uuid, bigint, uuid, text) is
'Leases one run of a held range to the node; null when it or its job is in other hands.';

create function private.lease_checks(node public.nodes, slots integer, status text)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_check record;
  v_id uuid;
  v_ids uuid[] := array[]::uuid[];
begin
  if lease_checks.slots < 1 or not exists (select from private.checks where checks.open > 0) then
    return v_ids;
  end if;
  for v_check in select * from private.checks_for_node(lease_checks.node, lease_checks.slots) loop
    v_id := private.lease_check(
      v_check.job_id, v_check.seed_offset, (lease_checks.node).id, lease_checks.status
    );
    if v_id is not null then
      v_ids := v_ids || v_id;
    end if;
  end loop;
  return v_ids;
end;
$$;

comment on function private.lease_checks(public.nodes, integer, text) is
'Leases up to `slots` checks to the node, before other work: results are held until they are done.';

create function private.dispatch_checks(job_id uuid, quantity integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_idle private.idle_nodes;
  v_node_id uuid;
  v_leased uuid[];
begin
  for v_node_id in
    select idle.node_id
    from private.idle_nodes_for_job(dispatch_checks.job_id, dispatch_checks.quantity) as idle
  loop
    exit when not exists (
      select from private.checks
      where checks.job_id = dispatch_checks.job_id and checks.open > 0
    );
    select idle.* into v_idle
    from private.idle_nodes as idle
    where idle.node_id = v_node_id
    for update skip locked;
    continue when not found;
    v_leased := private.lease_checks(nodes, v_idle.free_workers, 'pending')
    from public.nodes where nodes.id = v_node_id;
    if cardinality(v_leased) > 0 then
      perform private.push_chunks(v_node_id, private.describe_chunks(v_leased));
      perform private.use_idle_workers(v_node_id, cardinality(v_leased));
    end if;
  end loop;
end;
$$;

comment on function private.dispatch_checks(uuid, integer) is
'Pushes checks to nodes that wait and may serve the job. Waits for nobody.';

create function private.jobs_of_finished(finished jsonb)
returns setof uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select distinct chunks.job_id
  from private.find_chunks(array(
    select (items.item ->> 'chunk_id')::uuid
    from jsonb_array_elements(jobs_of_finished.finished) as items (item)
  )) as chunks;
end;
$$;

comment on function private.jobs_of_finished(jsonb) is 'The jobs of what a node hands in.';

create function private.wake_checkers(finished jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if exists (select from private.idle_nodes) and exists (
    select from private.checks where checks.open > 0
  ) then
    perform private.dispatch_checks(jobs.id, settings.dispatch_nodes_per_exchange)
    from private.jobs_of_finished(wake_checkers.finished) as jobs (id)
    cross join private.settings
    where exists (
      select from private.checks where checks.job_id = jobs.id and checks.open > 0
    );
  end if;
end;
$$;

comment on function private.wake_checkers(jsonb) is
'What a node handed in may be held: wakes nodes that wait and could check it.';
