-- Ending leases: a result is accepted once, a failure reopens its range, silence does too.

create function private.jobs_to_lock(items private.finished_chunk[])
returns table (job_id uuid, alone boolean)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  with wanted as (
    select
      items.job_id,
      bool_or(
        items.status <> 'completed'
        or items.problem is not null
        or chunks.status = 'failed'
        or chunks.rival_id is not null
      ) as alone,
      min(items.result ->> 'engine_version') as lowest_version,
      max(items.result ->> 'engine_version') as highest_version
    from unnest(jobs_to_lock.items) as items
    cross join lateral (
      select leases.status, leases.rival_id
      from public.sim_chunks as leases
      where leases.id = items.chunk_id
      offset 0
    ) as chunks
    where items.job_id is not null
    group by items.job_id
  )
  select
    wanted.job_id,
    wanted.alone
    or jobs.target_error is not null
    or jobs.engine_version is distinct from wanted.lowest_version
    or jobs.engine_version is distinct from wanted.highest_version
    or private.is_fully_leased(wanted.job_id)
  from wanted
  join public.sim_jobs as jobs on jobs.id = wanted.job_id
  order by private.job_lock_key(wanted.job_id);
end;
$$;

comment on function private.jobs_to_lock(private.finished_chunk[]) is
'The jobs to lock for settling, in lock order, and whether sharing would not be enough.';

create function private.lock_jobs(items private.finished_chunk[])
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job record;
  v_held uuid[] := array[]::uuid[];
begin
  for v_job in select * from private.jobs_to_lock(lock_jobs.items) loop
    if v_job.alone then
      perform private.hold_job(v_job.job_id);
      v_held := v_held || v_job.job_id;
    else
      perform private.share_job(v_job.job_id);
    end if;
  end loop;
  -- the last range may have been leased, or a lease been lost, while we waited
  if exists (
    select from private.jobs_to_lock(lock_jobs.items) as jobs
    where jobs.alone and jobs.job_id <> all(v_held)
  ) then
    raise sqlstate 'SP001' using message = 'a shared job must be held';
  end if;
  return v_held;
exception
  -- leaving the block gives the locks back, so that all are taken again in order
  when sqlstate 'SP001' then
    v_held := array[]::uuid[];
    for v_job in select * from private.jobs_to_lock(lock_jobs.items) loop
      perform private.hold_job(v_job.job_id);
      v_held := v_held || v_job.job_id;
    end loop;
    return v_held;
end;
$$;

comment on function private.lock_jobs(private.finished_chunk[]) is
'Locks the jobs of what a node hands in; answers which of them are held alone.';

create function private.is_live_job(job_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.sim_jobs as jobs
    where jobs.id = is_live_job.job_id and jobs.status in ('pending', 'running')
  );
end;
$$;

comment on function private.is_live_job(uuid) is 'Whether the job still takes results.';

create function private.is_answered_range(job_id uuid, seed_offset bigint)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.sim_chunks as chunks
    where chunks.job_id = is_answered_range.job_id
      and chunks.seed_offset = is_answered_range.seed_offset
      and chunks.status in ('held', 'completed')
  );
end;
$$;

comment on function private.is_answered_range(uuid, bigint) is
'Whether the range has a result already, be it one that is held.';

create function private.is_completed_range(job_id uuid, seed_offset bigint)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.sim_chunks as chunks
    where chunks.job_id = is_completed_range.job_id
      and chunks.seed_offset = is_completed_range.seed_offset
      and chunks.status = 'completed'
  );
end;
$$;

comment on function private.is_completed_range(uuid, bigint) is
'Whether the range has a result already.';

create function private.is_version_checkable(chunk public.sim_chunks, engine_version text)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_number constant bigint := private.version_number(is_version_checkable.engine_version);
begin
  return (
    with others as (
      select
        private.runs_engine(
          theirs.engines, configs.engine, int8range(v_number, v_number, '[]'),
          jobs.engine_versions is not null
        ) as have_it
      from public.sim_jobs as jobs
      join public.sim_configs as configs on configs.hash = jobs.config_hash
      join public.nodes on nodes.id = (is_version_checkable.chunk).node_id
      cross join private.settings
      cross join lateral private.checkers_for_job(jobs.id) as checkers
      join public.nodes as theirs on theirs.id = checkers.node_id
      where jobs.id = (is_version_checkable.chunk).job_id
        and checkers.owner_id <> nodes.user_id
        -- who is believed anyway needs nobody else
        and settings.checks_to_trust > 0
        and not (settings.trusts_own_nodes and jobs.user_id = nodes.user_id)
    )
    select count(*) = 0 or bool_or(others.have_it) from others
  );
end;
$$;

comment on function private.is_version_checkable(public.sim_chunks, text) is
'Whether a node of another owner has this version of the engine, or none could run the job in any '
'version. A node could else see to it that nobody can check what it hands in.';

create function private.pin_engine_version(chunk public.sim_chunks, engine_version text)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job public.sim_jobs;
begin
  select * into strict v_job
  from public.sim_jobs as jobs where jobs.id = (pin_engine_version.chunk).job_id;
  if v_job.engine_version is not null then
    return v_job.engine_version = pin_engine_version.engine_version;
  end if;
  -- what is no version would keep no node away, and make results of all others wrong
  if private.version_number(pin_engine_version.engine_version) is null then
    return false;
  end if;
  if v_job.engine_versions is not null and not coalesce(
    private.version_range(v_job.engine_versions)
    @> private.version_number(pin_engine_version.engine_version), false
  ) then
    return false;
  end if;
  if not private.is_version_checkable(
    pin_engine_version.chunk, pin_engine_version.engine_version
  ) then
    insert into private.barred_nodes (job_id, node_id, barred_at)
    values (v_job.id, (pin_engine_version.chunk).node_id, private.current_time())
    on conflict on constraint barred_nodes_pkey do nothing;
    return false;
  end if;
  v_job.engine_version := pin_engine_version.engine_version;
  update public.sim_jobs as jobs
  set engine_version = v_job.engine_version
  where jobs.id = v_job.id;
  update private.open_jobs as jobs
  set engine_versions = private.accepted_versions(v_job)
  where jobs.job_id = v_job.id;
  return true;
end;
$$;

comment on function private.pin_engine_version(public.sim_chunks, text) is
'The first accepted result decides which of the versions that the job accepts is its own; false '
'for any other, and for one that only the owner of its node has while others could run the job: '
'then the job is left to those. The caller holds the job while it has none.';

create function private.withdraw_range(winner public.sim_chunks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  delete from private.reopened_ranges as ranges
  where ranges.job_id = (withdraw_range.winner).job_id
    and ranges.seed_offset = (withdraw_range.winner).seed_offset;
  with superseded as (
    update public.sim_chunks as chunks
    set status = 'failed', failure = 'superseded', failed_at = private.current_time()
    where chunks.job_id = (withdraw_range.winner).job_id
      and chunks.seed_offset = (withdraw_range.winner).seed_offset
      and chunks.id <> (withdraw_range.winner).id
      and chunks.status in ('pending', 'claimed', 'running')
    returning chunks.id
  )
  select array_agg(superseded.id) into v_ids from superseded;
  perform private.push_cancel(v_ids);
  perform private.close_job_if_fully_leased((withdraw_range.winner).job_id);
end;
$$;

comment on function private.withdraw_range(public.sim_chunks) is
'The result of one lease makes all others of its range pointless, those that are out and those to '
'come. The caller holds the job.';

create function private.note_contribution(node_id uuid, items private.finished_chunk[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- nearly always they are known, and a look is cheaper than an insert of nothing
  if exists (
    select
    from unnest(note_contribution.items) as items
    where not exists (
      select from private.job_nodes as known
      where known.job_id = items.job_id and known.node_id = note_contribution.node_id
    )
  ) then
    insert into private.job_nodes (job_id, node_id)
    select distinct items.job_id, note_contribution.node_id
    from unnest(note_contribution.items) as items
    order by 1
    on conflict on constraint job_nodes_pkey do nothing;
  end if;
end;
$$;

comment on function private.note_contribution(uuid, private.finished_chunk[]) is
'Remembers that the node has a part in the jobs of what it hands in.';

create function private.accept_result(node_id uuid, item private.finished_chunk)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.current_time();
begin
  update public.sim_chunks as chunks
  set
    status = 'completed',
    result = (accept_result.item).result,
    result_digest = (accept_result.item).digest,
    claimed_at = coalesce(chunks.claimed_at, v_now),
    completed_at = v_now,
    failure = null,
    error = null,
    failed_at = null
  where chunks.id = (accept_result.item).chunk_id;
  perform private.add_partials(array[(accept_result.item).chunk_id]);
  perform private.note_contribution(accept_result.node_id, array[accept_result.item]);
end;
$$;

comment on function private.accept_result(uuid, private.finished_chunk) is
'Counts a result, once: a range can be completed by one row only.';

create function private.leave_range_to_rival(chunk public.sim_chunks)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set purpose = 'work', rival_id = null
  where chunks.job_id = (leave_range_to_rival.chunk).job_id
    and chunks.seed_offset = (leave_range_to_rival.chunk).seed_offset
    and chunks.rival_id = (leave_range_to_rival.chunk).id
    and chunks.status in ('pending', 'claimed', 'running');
  return found;
end;
$$;

comment on function private.leave_range_to_rival(public.sim_chunks) is
'Whether another lease of the range is out: from now on it alone answers for it. The caller holds '
'the job.';

create function private.end_lease(chunk public.sim_chunks, failure text, error text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set
    status = 'failed',
    failure = end_lease.failure,
    error = end_lease.error,
    failed_at = private.current_time()
  where chunks.id = (end_lease.chunk).id;

  update private.checks
  set open = checks.open + 1
  where checks.job_id = (end_lease.chunk).job_id
    and checks.seed_offset = (end_lease.chunk).seed_offset;
  if found or private.leave_range_to_rival(end_lease.chunk) then
    return;
  end if;
  insert into private.reopened_ranges (job_id, seed_offset, iterations, lost_by, reopened_at)
  values (
    (end_lease.chunk).job_id,
    (end_lease.chunk).seed_offset,
    (end_lease.chunk).iterations,
    case when end_lease.failure <> 'released' then (end_lease.chunk).node_id end,
    private.current_time()
  );
  perform private.open_job((end_lease.chunk).job_id);
end;
$$;

comment on function private.end_lease(public.sim_chunks, text, text) is
'Ends a lease without a result and opens its range, or its run of a held range, again, unless a '
'rival has it. The caller holds the job.';

create function private.runs_elsewhere(job_id uuid, node_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.job_nodes as others
    where others.job_id = runs_elsewhere.job_id and others.node_id <> runs_elsewhere.node_id
  );
end;
$$;

comment on function private.runs_elsewhere(uuid, uuid) is
'Whether other nodes have handed in results of the job.';

create function private.bar_failing_node(job_id uuid, node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.barred_nodes (job_id, node_id, barred_at)
  select bar_failing_node.job_id, bar_failing_node.node_id, private.current_time()
  from private.settings
  where settings.failures_max <= (
    select count(*) from public.sim_chunks as chunks
    where chunks.job_id = bar_failing_node.job_id
      and chunks.node_id = bar_failing_node.node_id
      and chunks.failure in ('error', 'rejected')
  )
  and private.runs_elsewhere(bar_failing_node.job_id, bar_failing_node.node_id)
  on conflict on constraint barred_nodes_pkey do nothing;
end;
$$;

comment on function private.bar_failing_node(uuid, uuid) is
'Keeps a node that fails again and again away from a job that others can run.';

create function private.fail_hopeless_job(chunk public.sim_chunks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_failures_max integer;
  v_history record;
begin
  select failures_max into strict v_failures_max from private.settings;
  select
    count(*) as failures,
    count(*) filter (where chunks.failure = 'expired') as losses,
    count(distinct chunks.node_id) as nodes,
    (
      array_agg(chunks.error order by chunks.attempt desc) filter (where chunks.error is not null)
    )[1] as last_error
  into v_history
  from public.sim_chunks as chunks
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  where chunks.job_id = (fail_hopeless_job.chunk).job_id
    and chunks.seed_offset = (fail_hopeless_job.chunk).seed_offset
    and chunks.failure in ('error', 'rejected', 'expired')
    and chunks.created_at >= coalesce(jobs.retried_at, '-infinity');

  if v_history.failures >= v_failures_max * 2
    or v_history.failures >= v_failures_max and v_history.nodes >= 2
  then
    perform private.end_job((fail_hopeless_job.chunk).job_id, 'failed', format(
      'iterations from %s failed %s times on %s node(s)%s; the last error was: %s',
      (fail_hopeless_job.chunk).seed_offset, v_history.failures, v_history.nodes,
      case
        when v_history.losses > 0 then format(', %s of them by going silent', v_history.losses)
        else ''
      end,
      coalesce(v_history.last_error, 'none given')
    ));
  end if;
end;
$$;

comment on function private.fail_hopeless_job(public.sim_chunks) is
'Fails the job when a range has failed, or was lost, too often: its chunk is leased no more. The '
'caller holds the job.';

create function private.fail_chunk(
  chunk public.sim_chunks, failure text, error text, retryable boolean
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_is_config_at_fault constant boolean := not fail_chunk.retryable
    -- what others have run cannot be as wrong as this node says
    and not private.runs_elsewhere((fail_chunk.chunk).job_id, (fail_chunk.chunk).node_id);
begin
  perform private.end_lease(fail_chunk.chunk, fail_chunk.failure, fail_chunk.error);
  if v_is_config_at_fault then
    perform private.end_job(
      (fail_chunk.chunk).job_id, 'failed', coalesce(fail_chunk.error, 'no error was given')
    );
    return;
  end if;
  if fail_chunk.failure in ('error', 'rejected', 'expired') then
    perform private.note_failure((fail_chunk.chunk).node_id, fail_chunk.error);
  end if;
  if fail_chunk.failure in ('error', 'rejected') then
    perform private.bar_failing_node(
      (fail_chunk.chunk).job_id, (fail_chunk.chunk).node_id
    );
  end if;
  -- a range that has a result can be run
  if not private.is_answered_range((fail_chunk.chunk).job_id, (fail_chunk.chunk).seed_offset) then
    perform private.fail_hopeless_job(fail_chunk.chunk);
  end if;
end;
$$;

comment on function private.fail_chunk(public.sim_chunks, text, text, boolean) is
'Ends a lease without a result, and the job too if there is no hope. The caller holds the job.';
