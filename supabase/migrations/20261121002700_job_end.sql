-- The progress of a running job, and its end.

create function private.progress_of_job(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_done record;
  v_out bigint;
begin
  select
    coalesce(sum(partials.chunks), 0) as chunks,
    coalesce(sum(partials.iterations), 0) as iterations,
    sum(partials.samples) as samples,
    sum(partials.total) as total,
    sum(partials.total_squares) as total_squares
  into v_done
  from private.job_partials as partials
  where partials.job_id = progress_of_job.job_id;

  select
    (
      select count(*) from public.sim_chunks as chunks
      where chunks.job_id = progress_of_job.job_id
        and chunks.status in ('pending', 'claimed', 'running')
        and chunks.purpose = 'work'
    )
    + (
      select count(*) from private.reopened_ranges as ranges
      where ranges.job_id = progress_of_job.job_id
    )
    + (
      select count(*) from private.checks where checks.job_id = progress_of_job.job_id
    )
  into v_out;

  return jsonb_build_object(
    'completed_iterations', v_done.iterations,
    'completed_chunks', v_done.chunks,
    'total_chunks', v_done.chunks + v_out,
    'mean', private.presented(
      v_done.total / v_done.samples, private.primary_unit(progress_of_job.job_id)
    ),
    'error', private.relative_error(v_done.samples, v_done.total, v_done.total_squares)
  );
end;
$$;

comment on function private.progress_of_job(uuid) is
'How far a running job is, from the results accepted so far. Bounded by what is out and unmerged.';

create function private.primary_unit(job_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select results.result #>> array['metrics', results.result ->> 'primary', 'unit']
    from private.job_partials as partials
    cross join lateral private.find_chunk(partials.chunk_ids[1]) as chunks
    cross join lateral (select coalesce(partials.result, chunks.result)) as results (result)
    where partials.job_id = primary_unit.job_id
    limit 1
  );
end;
$$;

comment on function private.primary_unit(uuid) is
'The unit of the running job''s primary metric; null before its first result.';

create function private.report_progress(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
  v_period interval;
  v_progress jsonb;
begin
  select progress_period into strict v_period from private.settings;
  -- one session in a period reports; the others leave it to the next
  perform 1
  from public.sim_jobs as jobs
  where jobs.id = report_progress.job_id
    and jobs.status = 'running'
    and (jobs.progress_at is null or jobs.progress_at <= v_now - v_period)
  for no key update skip locked;
  if not found then
    return;
  end if;
  v_progress := private.progress_of_job(report_progress.job_id);
  update public.sim_jobs as jobs
  set
    completed_iterations = (v_progress ->> 'completed_iterations')::bigint,
    completed_chunks = (v_progress ->> 'completed_chunks')::bigint,
    total_chunks = (v_progress ->> 'total_chunks')::bigint,
    progress_at = v_now
  where jobs.id = report_progress.job_id;
  perform realtime.send(v_progress, 'progress', 'job:' || report_progress.job_id, true);
end;
$$;

comment on function private.report_progress(uuid) is
'Writes and pushes the progress of a running job, at most once per period.';

create function private.last_segment(job_id uuid)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    with job as (
      select
        jobs.target_error::numeric as target_error,
        jobs.segment_iterations,
        jobs.total_iterations,
        (jobs.total_iterations - 1) / jobs.segment_iterations as last_one
      from public.sim_jobs as jobs
      where jobs.id = last_segment.job_id
    ),
    segments as (
      select
        partials.segment,
        sum(partials.iterations) as iterations,
        sum(partials.samples) as samples,
        sum(partials.total) as total,
        sum(partials.total_squares) as total_squares
      from private.job_partials as partials
      where partials.job_id = last_segment.job_id
      group by partials.segment
    ),
    prefixes as (
      select
        segments.segment,
        sum(segments.iterations) over prefix as iterations,
        sum(segments.samples) over prefix as samples,
        sum(segments.total) over prefix as total,
        sum(segments.total_squares) over prefix as total_squares
      from segments
      window prefix as (order by segments.segment)
    )
    select min(prefixes.segment)
    from prefixes cross join job
    where prefixes.iterations = least(
      job.total_iterations, (prefixes.segment + 1) * job.segment_iterations
    )
    and (
      prefixes.segment = job.last_one
      or private.relative_error(prefixes.samples, prefixes.total, prefixes.total_squares)::numeric
      <= job.target_error
    )
  );
end;
$$;

comment on function private.last_segment(uuid) is
'The first checkpoint at which the job ends: everything before it is there, and it is the end or '
'the error up to it is small enough. Null while there is none. Does not depend on timing.';

create function private.revoke_leases(job_id uuid, failure text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  with revoked as (
    update public.sim_chunks as chunks
    set
      status = 'failed',
      failure = revoke_leases.failure,
      failed_at = private.current_time(),
      result = null,
      result_digest = null,
      completed_at = null
    where chunks.id = any(array(
      select active.id from public.sim_chunks as active
      where active.job_id = revoke_leases.job_id
        and active.status in ('pending', 'claimed', 'running')
      union all
      select held.id
      from private.checks
      join public.sim_chunks as held
        on held.job_id = checks.job_id and held.seed_offset = checks.seed_offset
      where checks.job_id = revoke_leases.job_id and held.status = 'held'
    ))
    returning chunks.id, chunks.purpose, chunks.seed_offset, chunks.iterations
  ),
  kept as (
    -- a retry continues where the job stopped
    insert into private.reopened_ranges (job_id, seed_offset, iterations, reopened_at)
    select distinct
      revoke_leases.job_id, revoked.seed_offset, revoked.iterations, private.current_time()
    from revoked
    where revoked.purpose = 'work' or exists (
      select from private.checks
      where checks.job_id = revoke_leases.job_id and checks.seed_offset = revoked.seed_offset
    )
  )
  select array_agg(revoked.id) into v_ids from revoked;
  delete from private.checks where checks.job_id = revoke_leases.job_id;
  perform private.push_cancel(v_ids);
end;
$$;

comment on function private.revoke_leases(uuid, text) is
'Ends all leases of the job and tells their nodes; what is held still does not count. The caller '
'holds the job.';

create function private.end_job(job_id uuid, status text, error text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_progress jsonb := private.progress_of_job(end_job.job_id);
begin
  delete from private.open_jobs as jobs where jobs.job_id = end_job.job_id;
  delete from private.tail_jobs as jobs where jobs.job_id = end_job.job_id;
  perform private.revoke_leases(end_job.job_id, 'cancelled');
  update public.sim_jobs as jobs
  set
    status = end_job.status,
    error = end_job.error,
    paused_at = null,
    completed_iterations = (v_progress ->> 'completed_iterations')::bigint,
    completed_chunks = (v_progress ->> 'completed_chunks')::bigint,
    total_chunks = (v_progress ->> 'total_chunks')::bigint,
    progress_at = private.current_time(),
    completed_at = private.current_time()
  where jobs.id = end_job.job_id;
end;
$$;

comment on function private.end_job(uuid, text, text) is
'Ends a job without a result: failed or cancelled. Its results stay for a retry. The caller holds '
'the job.';

create function private.finish_job(job_id uuid, last_segment integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_result jsonb;
  v_done constant private.merged_partials := private.merge_partials(array(
    select partials
    from private.job_partials as partials
    where partials.job_id = finish_job.job_id and partials.segment <= finish_job.last_segment
  ));
begin
  select
    jsonb_build_object(
      'result', v_done.result,
      'digest', private.result_digest(v_done.result),
      'statistics', private.result_statistics(v_done.result),
      'provenance', jsonb_build_object(
        'engine', v_done.result -> 'engine',
        'engine_version', v_done.result -> 'engine_version',
        'config_hash', jobs.config_hash,
        'seed', jobs.seed,
        'chunks', v_done.chunks,
        'nodes', jsonb_array_length(v_done.shares),
        'shares', private.presented_shares(v_done.shares)
      )
    )
  into v_result
  from public.sim_jobs as jobs
  where jobs.id = finish_job.job_id;

  perform private.revoke_leases(finish_job.job_id, 'superseded');
  perform private.forget_work(finish_job.job_id);
  update public.sim_jobs as jobs
  set
    status = 'completed',
    result = v_result,
    paused_at = null,
    completed_iterations = v_done.iterations,
    completed_chunks = v_done.chunks,
    total_chunks = v_done.chunks,
    progress_at = private.current_time(),
    completed_at = private.current_time()
  where jobs.id = finish_job.job_id;
  perform private.push_last_progress(finish_job.job_id);
end;
$$;

comment on function private.finish_job(uuid, integer) is
'Writes the final result: the exact merge of everything up to a checkpoint. The caller holds the '
'job.';

create function private.push_last_progress(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform realtime.send(
    private.describe_progress(jobs) - array['id', 'status', 'total_iterations'],
    'progress', 'job:' || jobs.id, true
  )
  from public.sim_jobs as jobs
  where jobs.id = push_last_progress.job_id;
end;
$$;

comment on function private.push_last_progress(uuid) is
'Pushes the progress of a finished job, whatever was pushed a moment ago.';

create function private.forget_work(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  delete from private.open_jobs as jobs where jobs.job_id = forget_work.job_id;
  delete from private.tail_jobs as jobs where jobs.job_id = forget_work.job_id;
  delete from private.uncut_ranges as ranges where ranges.job_id = forget_work.job_id;
  delete from private.reopened_ranges as ranges where ranges.job_id = forget_work.job_id;
  delete from private.job_partials as partials where partials.job_id = forget_work.job_id;
  delete from private.fold_marks as marks where marks.job_id = forget_work.job_id;
  delete from private.checks where checks.job_id = forget_work.job_id;
  delete from private.barred_nodes as nodes where nodes.job_id = forget_work.job_id;
end;
$$;

comment on function private.forget_work(uuid) is
'Deletes what a job needed while it ran; who contributed is kept as long as the chunks. The caller '
'holds the job.';

create function private.describe_progress(job public.sim_jobs)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_progress jsonb;
  v_metric jsonb;
begin
  if (describe_progress.job).status = 'completed' then
    v_metric := (describe_progress.job).result #> array[
      'result', 'metrics', (describe_progress.job).result #>> '{result,primary}'
    ];
    v_progress := jsonb_build_object(
      'completed_iterations', (describe_progress.job).completed_iterations,
      'completed_chunks', (describe_progress.job).completed_chunks,
      'total_chunks', (describe_progress.job).total_chunks,
      'mean', private.metric_statistics(v_metric) -> 'mean',
      'error', private.relative_error(
        (v_metric ->> 'n')::numeric,
        (v_metric ->> 'sum')::numeric,
        (v_metric ->> 'sum_squares')::numeric
      )
    );
  else
    v_progress := private.progress_of_job((describe_progress.job).id);
  end if;
  return v_progress || jsonb_build_object(
    'id', (describe_progress.job).id,
    'status', (describe_progress.job).status,
    'total_iterations', (describe_progress.job).total_iterations,
    'created_at', (describe_progress.job).created_at,
    'started_at', (describe_progress.job).started_at,
    'completed_at', (describe_progress.job).completed_at,
    'paused_at', (describe_progress.job).paused_at,
    'failure', (describe_progress.job).error
  );
end;
$$;

comment on function private.describe_progress(public.sim_jobs) is
'The progress of a job in any status, as job_progress() answers it.';
