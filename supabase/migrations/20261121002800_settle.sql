-- Settling leases: a result is accepted once, a failure reopens its range, silence does too.

create type private.finished_chunk as (
  position bigint,
  chunk_id uuid,
  lease_token uuid,
  status text,
  result jsonb,
  digest text,
  error text,
  retryable boolean,
  job_id uuid,
  problem text
);

create function private.read_finished_chunk(node_id uuid, item jsonb, item_position bigint)
returns private.finished_chunk
language plpgsql
stable
set search_path = ''
as $$
declare
  v_chunk private.finished_chunk;
  v_lease record;
begin
  v_chunk.position := read_finished_chunk.item_position;
  v_chunk.chunk_id := (read_finished_chunk.item ->> 'chunk_id')::uuid;
  v_chunk.lease_token := (read_finished_chunk.item ->> 'lease_token')::uuid;
  v_chunk.status := read_finished_chunk.item ->> 'status';
  v_chunk.error := left(read_finished_chunk.item ->> 'error', 2000);
  v_chunk.retryable := coalesce((read_finished_chunk.item ->> 'retryable')::boolean, true);
  -- a lease of another node, or another lease, is as unknown as one that never was
  select chunks.job_id, chunks.iterations, chunks.seed_offset, configs.engine
  into v_lease
  from public.sim_chunks as chunks
  join public.sim_configs as configs on configs.hash = chunks.config_hash
  where chunks.id = v_chunk.chunk_id
    and chunks.node_id = read_finished_chunk.node_id
    and chunks.lease_token = v_chunk.lease_token;
  v_chunk.job_id := v_lease.job_id;
  if v_chunk.job_id is not null and v_chunk.status = 'completed' then
    v_chunk.result := read_finished_chunk.item -> 'result';
    v_chunk.digest := private.result_digest(v_chunk.result);
    v_chunk.problem := private.result_problem(
      v_chunk.result, v_lease.iterations, v_lease.seed_offset, v_lease.engine
    );
  end if;
  return v_chunk;
end;
$$;

comment on function private.read_finished_chunk(uuid, jsonb, bigint) is
'One chunk that a node hands in, with its job and with what is wrong with the result.';

create function private.read_finished(node_id uuid, finished jsonb)
returns private.finished_chunk[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select private.read_finished_chunk(read_finished.node_id, items.item, items.position)
    from jsonb_array_elements(read_finished.finished) with ordinality as items (item, position)
    order by items.position
  );
end;
$$;

comment on function private.read_finished(uuid, jsonb) is 'What a node hands in, in order.';

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
        items.status <> 'completed' or items.problem is not null or chunks.status = 'failed'
      ) as alone,
      min(items.result ->> 'engine_version') as lowest_version,
      max(items.result ->> 'engine_version') as highest_version
    from unnest(jobs_to_lock.items) as items
    join public.sim_chunks as chunks on chunks.id = items.chunk_id
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

create function private.pin_engine_version(job_id uuid, engine_version text)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_pinned text;
begin
  select jobs.engine_version into v_pinned
  from public.sim_jobs as jobs where jobs.id = pin_engine_version.job_id;
  if v_pinned is null then
    update public.sim_jobs as jobs
    set engine_version = pin_engine_version.engine_version
    where jobs.id = pin_engine_version.job_id and jobs.engine_version is null;
    return true;
  end if;
  return v_pinned = pin_engine_version.engine_version;
end;
$$;

comment on function private.pin_engine_version(uuid, text) is
'The first accepted result decides the job''s engine version; false for any other. The caller '
'holds the job while it has none.';

create function private.withdraw_range(job_id uuid, seed_offset bigint)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  delete from private.reopened_ranges as ranges
  where ranges.job_id = withdraw_range.job_id
    and ranges.seed_offset = withdraw_range.seed_offset;
  with superseded as (
    update public.sim_chunks as chunks
    set status = 'failed', failure = 'superseded', failed_at = private.current_time()
    where chunks.job_id = withdraw_range.job_id
      and chunks.seed_offset = withdraw_range.seed_offset
      and chunks.status in ('pending', 'claimed', 'running')
    returning chunks.id
  )
  select array_agg(superseded.id) into v_ids from superseded;
  perform private.push_cancel(v_ids);
  perform private.close_job_if_fully_leased(withdraw_range.job_id);
end;
$$;

comment on function private.withdraw_range(uuid, bigint) is
'A late result makes leasing its range again pointless. The caller holds the job.';

create function private.accept_result(chunk public.sim_chunks, item private.finished_chunk)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
  v_primary jsonb := (accept_result.item).result #> array[
    'metrics', (accept_result.item).result ->> 'primary'
  ];
begin
  if (accept_result.chunk).status = 'failed' then
    perform private.withdraw_range(
      (accept_result.chunk).job_id, (accept_result.chunk).seed_offset
    );
  end if;
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
  where chunks.id = (accept_result.chunk).id;

  insert into private.job_partials
  (job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_id)
  select
    jobs.id,
    (accept_result.chunk).seed_offset / jobs.segment_iterations,
    0,
    1,
    (accept_result.chunk).iterations,
    (v_primary ->> 'n')::numeric,
    (v_primary ->> 'sum')::numeric,
    (v_primary ->> 'sum_squares')::numeric,
    (accept_result.chunk).id
  from public.sim_jobs as jobs
  where jobs.id = (accept_result.chunk).job_id;

  insert into private.job_nodes (job_id, node_id)
  values ((accept_result.chunk).job_id, (accept_result.chunk).node_id)
  on conflict on constraint job_nodes_pkey do nothing;
end;
$$;

comment on function private.accept_result(public.sim_chunks, private.finished_chunk) is
'Counts a result, once: the range can be completed by one row only.';

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
'Ends a lease without a result and opens its range again. The caller holds the job.';

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
  and exists (
    select from private.job_nodes as others
    where others.job_id = bar_failing_node.job_id
      and others.node_id <> bar_failing_node.node_id
  )
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
  v_settings private.settings;
  v_history record;
begin
  select * into strict v_settings from private.settings;
  select
    count(*) filter (where chunks.failure in ('error', 'rejected')) as failures,
    count(distinct chunks.node_id) filter (
      where chunks.failure in ('error', 'rejected')
    ) as nodes,
    count(*) filter (where chunks.failure = 'expired') as expiries,
    (
      array_agg(chunks.error order by chunks.attempt desc) filter (where chunks.error is not null)
    )[1] as last_error
  into v_history
  from public.sim_chunks as chunks
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  where chunks.job_id = (fail_hopeless_job.chunk).job_id
    and chunks.seed_offset = (fail_hopeless_job.chunk).seed_offset
    and chunks.created_at >= coalesce(jobs.retried_at, '-infinity');

  if v_history.failures >= v_settings.failures_max * 2
    or v_history.failures >= v_settings.failures_max and v_history.nodes >= 2
  then
    perform private.end_job((fail_hopeless_job.chunk).job_id, 'failed', format(
      'iterations from %s failed %s times on %s node(s); the last error was: %s',
      (fail_hopeless_job.chunk).seed_offset, v_history.failures, v_history.nodes,
      coalesce(v_history.last_error, 'none given')
    ));
  elsif v_history.expiries >= v_settings.expiries_max then
    perform private.end_job((fail_hopeless_job.chunk).job_id, 'failed', format(
      'iterations from %s were lost %s times: the nodes that ran them went silent',
      (fail_hopeless_job.chunk).seed_offset, v_history.expiries
    ));
  end if;
end;
$$;

comment on function private.fail_hopeless_job(public.sim_chunks) is
'Fails the job when a range has failed, or was lost, too often. The caller holds the job.';

create function private.fail_chunk(
  chunk public.sim_chunks, failure text, error text, retryable boolean
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.end_lease(fail_chunk.chunk, fail_chunk.failure, fail_chunk.error);
  if fail_chunk.failure in ('error', 'rejected') then
    perform private.bar_failing_node(
      (fail_chunk.chunk).job_id, (fail_chunk.chunk).node_id
    );
  end if;
  if not fail_chunk.retryable then
    perform private.end_job(
      (fail_chunk.chunk).job_id, 'failed', coalesce(fail_chunk.error, 'no error was given')
    );
    return;
  end if;
  perform private.fail_hopeless_job(fail_chunk.chunk);
end;
$$;

comment on function private.fail_chunk(public.sim_chunks, text, text, boolean) is
'Ends a lease without a result, and the job too if there is no hope. The caller holds the job.';

create function private.settle_result(
  chunk public.sim_chunks, item private.finished_chunk, alone boolean
)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_problem text := (settle_result.item).problem;
begin
  if (settle_result.chunk).status = 'completed' then
    return case
      when (settle_result.chunk).result_digest = (settle_result.item).digest then 'duplicate'
      else 'different_result'
    end;
  end if;
  if not private.is_live_job((settle_result.chunk).job_id)
    or private.is_completed_range(
      (settle_result.chunk).job_id, (settle_result.chunk).seed_offset
    )
  then
    return 'stale';
  end if;
  if v_problem is null and not private.pin_engine_version(
    (settle_result.chunk).job_id, (settle_result.item).result ->> 'engine_version'
  ) then
    v_problem := 'engine_version';
  end if;
  if v_problem is null then
    perform private.accept_result(settle_result.chunk, settle_result.item);
    return 'accepted';
  end if;
  -- reopening needs the job alone; else the lease stays, and the next hand-in reopens it
  if settle_result.alone and (settle_result.chunk).status <> 'failed' then
    perform private.fail_chunk(
      settle_result.chunk, 'rejected', 'the result was rejected: ' || v_problem, true
    );
  end if;
  return v_problem;
end;
$$;

comment on function private.settle_result(public.sim_chunks, private.finished_chunk, boolean) is
'accepted, duplicate, stale, or why the result is rejected.';

create function private.settle_failure(chunk public.sim_chunks, item private.finished_chunk)
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  if (settle_failure.chunk).status = 'completed'
    or not private.is_live_job((settle_failure.chunk).job_id)
  then
    return 'stale';
  end if;
  if (settle_failure.chunk).status = 'failed' then
    return 'duplicate';
  end if;
  perform private.fail_chunk(
    settle_failure.chunk,
    case (settle_failure.item).status when 'released' then 'released' else 'error' end,
    (settle_failure.item).error,
    (settle_failure.item).retryable or (settle_failure.item).status = 'released'
  );
  return 'accepted';
end;
$$;

comment on function private.settle_failure(public.sim_chunks, private.finished_chunk) is
'accepted, duplicate or stale: a lease given back, or lost to an error.';

create function private.settle_chunk(item private.finished_chunk, alone boolean)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
  v_outcome text := 'unknown_lease';
begin
  if (settle_chunk.item).job_id is not null then
    select * into strict v_chunk
    from public.sim_chunks as chunks where chunks.id = (settle_chunk.item).chunk_id;
    v_outcome := case
      when (settle_chunk.item).status = 'completed'
        then private.settle_result(v_chunk, settle_chunk.item, settle_chunk.alone)
      else private.settle_failure(v_chunk, settle_chunk.item)
    end;
  end if;
  if v_outcome in ('accepted', 'duplicate', 'stale') then
    return jsonb_build_object(
      'chunk_id', (settle_chunk.item).chunk_id, 'outcome', v_outcome
    );
  end if;
  return jsonb_build_object(
    'chunk_id', (settle_chunk.item).chunk_id, 'outcome', 'rejected', 'reason', v_outcome
  );
end;
$$;

comment on function private.settle_chunk(private.finished_chunk, boolean) is
'Settles one lease and says what came of it. The caller has its job locked.';

create function private.advance_job(job_id uuid, accepted uuid[], alone boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_last integer;
begin
  if advance_job.alone then
    v_last := private.last_segment(advance_job.job_id);
    if v_last is not null and private.is_live_job(advance_job.job_id) then
      perform private.finish_job(advance_job.job_id, v_last);
      return;
    end if;
  end if;
  perform private.fold_job(advance_job.job_id, segments.segment, segments.accepted)
  from (
    select (chunks.seed_offset / jobs.segment_iterations)::integer as segment, count(*) as accepted
    from private.find_chunks(advance_job.accepted) as chunks
    join public.sim_jobs as jobs on jobs.id = chunks.job_id
    group by 1
  ) as segments;
  perform private.report_progress(advance_job.job_id);
end;
$$;

comment on function private.advance_job(uuid, uuid[], boolean) is
'After results were accepted: finishes the job if they were the last, else folds and reports.';

create function private.settle(node_id uuid, finished jsonb)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_items private.finished_chunk[] := private.read_finished(settle.node_id, settle.finished);
  v_held uuid[];
  v_item private.finished_chunk;
  v_outcome jsonb;
  v_outcomes jsonb := '[]'::jsonb;
  v_accepted uuid[] := array[]::uuid[];
  v_job record;
begin
  v_held := private.lock_jobs(v_items);
  foreach v_item in array v_items loop
    v_outcome := private.settle_chunk(v_item, v_item.job_id = any(v_held));
    v_outcomes := v_outcomes || v_outcome;
    if v_item.status = 'completed' and v_outcome ->> 'outcome' = 'accepted' then
      v_accepted := v_accepted || v_item.chunk_id;
    end if;
  end loop;
  for v_job in
    select chunks.job_id, array_agg(chunks.id) as accepted
    from private.find_chunks(v_accepted) as chunks
    group by chunks.job_id
    order by private.job_lock_key(chunks.job_id)
  loop
    perform private.advance_job(v_job.job_id, v_job.accepted, v_job.job_id = any(v_held));
  end loop;
  return v_outcomes;
end;
$$;

comment on function private.settle(uuid, jsonb) is
'Settles everything a node hands in; answers the outcome of each, in order.';
