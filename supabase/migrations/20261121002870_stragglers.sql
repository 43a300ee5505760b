-- Stragglers. At the tail of a job nodes are idle while a few leases run much longer than their
-- nodes should need: their ranges are leased a second time, to nodes that wait. The first result
-- counts, the other lease is superseded. (Backup tasks: Dean and Ghemawat, OSDI 2004.) The check of
-- a held result is passed on instead: one more opinion, that nobody waits for, would only cost.

create function private.stragglers(job_id uuid, quantity integer)
returns setof public.sim_chunks
language plpgsql
volatile
rows 10
set search_path = ''
as $$
declare
  v_settings private.settings;
begin
  select * into strict v_settings from private.settings;
  return query
  select leases.*
  from (
    select chunks.* from public.sim_chunks as chunks
    where chunks.job_id = stragglers.job_id
      and chunks.status in ('pending', 'claimed', 'running')
      and chunks.purpose <> 'speculation'
      and chunks.rival_id is null
    limit 256
  ) as leases
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = leases.node_id
  where leases.created_at + v_settings.straggler_slack + v_settings.straggler_factor * make_interval(
    secs => leases.iterations
    / coalesce(heartbeats.iterations_per_second, v_settings.default_iterations_per_second)
  ) < private.current_time()
  order by leases.created_at, leases.seed_offset
  limit stragglers.quantity;
end;
$$;

comment on function private.stragglers(uuid, integer) is
'Leases of the job that should have ended, the oldest first, each leased once so far.';

create function private.lease_again(chunk public.sim_chunks, node_id uuid)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_rival_id uuid;
begin
  insert into public.sim_chunks (
    job_id, node_id, config_hash, seed_offset, iterations, status, attempt, purpose, rival_id,
    lease_expires_at
  )
  select
    (lease_again.chunk).job_id,
    lease_again.node_id,
    (lease_again.chunk).config_hash,
    (lease_again.chunk).seed_offset,
    (lease_again.chunk).iterations,
    'pending',
    (
      select max(earlier.attempt) + 1 from public.sim_chunks as earlier
      where earlier.job_id = (lease_again.chunk).job_id
        and earlier.seed_offset = (lease_again.chunk).seed_offset
    ),
    'speculation',
    (lease_again.chunk).id,
    private.current_time() + settings.lease_duration
  from private.settings
  returning id into strict v_rival_id;
  update public.sim_chunks as chunks
  set rival_id = v_rival_id
  where chunks.id = (lease_again.chunk).id;
  perform private.push_chunks(
    lease_again.node_id, private.describe_chunks(array[v_rival_id])
  );
  return v_rival_id;
end;
$$;

comment on function private.lease_again(public.sim_chunks, uuid) is
'Leases the range of a lease that is out to another node as well, and pushes it. The caller holds '
'the job.';

create function private.take_idle_worker(job_id uuid, except_node_id uuid, quantity integer)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node_id uuid;
begin
  for v_node_id in
    select idle.node_id
    from private.idle_nodes_for_job(take_idle_worker.job_id, take_idle_worker.quantity) as idle
    where idle.node_id <> take_idle_worker.except_node_id
  loop
    perform from private.idle_nodes as idle
    where idle.node_id = v_node_id
    for update skip locked;
    if found then
      perform private.use_idle_workers(v_node_id, 1);
      return v_node_id;
    end if;
  end loop;
  return null;
end;
$$;

comment on function private.take_idle_worker(uuid, uuid, integer) is
'The fastest of `quantity` waiting nodes that may serve the job, one worker of which is now taken; '
'null when there is none. The caller leases something to it.';

create function private.pass_check_on(chunk public.sim_chunks, quantity integer)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job_id constant uuid := (pass_check_on.chunk).job_id;
  v_offset constant bigint := (pass_check_on.chunk).seed_offset;
  v_open constant smallint := (private.find_check(v_job_id, v_offset)).open;
begin
  update private.checks
  set
    open = v_open + 1,
    checkers = coalesce(private.checkers_of(checks), checks.checkers)
  where checks.job_id = v_job_id and checks.seed_offset = v_offset;
  perform private.dispatch_checks(v_job_id, pass_check_on.quantity);
  if (private.find_check(v_job_id, v_offset)).open > v_open then
    update private.checks
    set open = v_open
    where checks.job_id = v_job_id and checks.seed_offset = v_offset;
    return false;
  end if;
  update public.sim_chunks as chunks
  set status = 'failed', failure = 'superseded', failed_at = private.current_time()
  where chunks.id = (pass_check_on.chunk).id;
  perform private.push_cancel(array[(pass_check_on.chunk).id]);
  return true;
end;
$$;

comment on function private.pass_check_on(public.sim_chunks, integer) is
'Leases the check that a straggler runs to a waiting node instead, if one of `quantity` may run '
'it. The caller holds the job.';

create function private.speculate_on_job(job_id uuid, quantity integer)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
  v_node_id uuid;
  v_room bigint;
  v_count integer := 0;
begin
  if not private.try_hold_job(speculate_on_job.job_id)
    or not private.is_live_job(speculate_on_job.job_id)
    or not private.is_fully_leased(speculate_on_job.job_id)
  then
    return 0;
  end if;
  select private.lease_room(jobs.user_id) into v_room
  from public.sim_jobs as jobs where jobs.id = speculate_on_job.job_id;
  for v_chunk in
    select * from private.stragglers(
      speculate_on_job.job_id, least(speculate_on_job.quantity, v_room)::integer
    )
  loop
    if v_chunk.purpose = 'check' then
      v_count := v_count + private.pass_check_on(v_chunk, speculate_on_job.quantity)::integer;
      continue;
    end if;
    v_node_id := private.take_idle_worker(
      v_chunk.job_id, v_chunk.node_id, speculate_on_job.quantity
    );
    if v_node_id is not null then
      perform private.lease_again(v_chunk, v_node_id);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;

comment on function private.speculate_on_job(uuid, integer) is
'Leases up to `quantity` stragglers of the job to waiting nodes as well; answers how many.';

create function private.some_tail_jobs(quantity integer)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_start constant uuid := gen_random_uuid();
  v_jobs uuid[];
begin
  -- from a random place once around, so that no job is always past the end
  v_jobs := array(
    select jobs.job_id from private.tail_jobs as jobs
    where jobs.job_id >= v_start
    order by jobs.job_id
    limit some_tail_jobs.quantity
  );
  return v_jobs || array(
    select jobs.job_id from private.tail_jobs as jobs
    where jobs.job_id < v_start
    order by jobs.job_id
    limit some_tail_jobs.quantity - cardinality(v_jobs)
  );
end;
$$;

comment on function private.some_tail_jobs(integer) is
'Jobs that wait for their last leases: all of them, or so many by chance.';

create function private.speculate(quantity integer default 100)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set enable_hashjoin = 'off'
set enable_mergejoin = 'off'
set jit = 'off'
as $$
declare
  v_job_id uuid;
  v_count integer := 0;
begin
  if not exists (select from private.idle_nodes) then
    return 0;
  end if;
  foreach v_job_id in array private.some_tail_jobs(speculate.quantity) loop
    v_count := v_count + private.speculate_on_job(
      v_job_id, speculate.quantity - v_count
    );
    exit when v_count >= speculate.quantity;
  end loop;
  return v_count;
end;
$$;

comment on function private.speculate(integer) is
'Leases ranges of stragglers to waiting nodes as well, at most `quantity` of as many jobs. Run '
'with the sweep for expired leases; waits for nothing.';
