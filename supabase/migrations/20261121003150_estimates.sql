-- Where a job stands among the others of its user, and when it will be done.

create function private.jobs_ahead(job public.sim_jobs)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.current_time();
  v_ageing interval;
begin
  select priority_ageing into strict v_ageing from private.settings;
  return (
    select count(*)
    from private.open_jobs as others
    join private.open_jobs as mine on mine.job_id = (jobs_ahead.job).id
    where others.user_id = mine.user_id
      and others.job_id <> mine.job_id
      and (
        -private.aged_rank(others.rank, others.created_at, v_now, v_ageing),
        others.created_at, others.job_id
      ) < (
        -private.aged_rank(mine.rank, mine.created_at, v_now, v_ageing),
        mine.created_at, mine.job_id
      )
  );
end;
$$;

comment on function private.jobs_ahead(public.sim_jobs) is
'How many jobs of the same user are served before it.';

create function private.queue_position(job public.sim_jobs)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  if exists (
    select from private.open_jobs as open where open.job_id = (queue_position.job).id
  ) then
    return private.jobs_ahead(queue_position.job) + 1;
  end if;
  return null;
end;
$$;

comment on function private.queue_position(public.sim_jobs) is
'Its place among the jobs of its user that have work for nodes, from 1; null if it has none. '
'Between users lots are drawn.';

create function private.wanted_iterations(job public.sim_jobs, progress jsonb)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_done constant numeric := (wanted_iterations.progress ->> 'completed_iterations')::numeric;
  v_error constant numeric := (wanted_iterations.progress ->> 'error')::numeric;
  v_segment constant numeric := (wanted_iterations.job).segment_iterations;
  -- exact, for the square of a tiny target is nothing in double precision
  v_needed constant numeric
    := v_done * (v_error / (wanted_iterations.job).target_error::numeric) ^ 2;
begin
  if v_error is null and v_done > 0 then
    -- a mean of zero has no error, and never is precise enough
    return (wanted_iterations.job).total_iterations;
  end if;
  -- the error falls with the root of the iterations, and the job ends at a checkpoint
  return least(
    (wanted_iterations.job).total_iterations,
    greatest(v_segment, ceil(v_needed / v_segment) * v_segment)
  );
end;
$$;

comment on function private.wanted_iterations(public.sim_jobs, jsonb) is
'How many iterations the job will probably take: all, or as many as its target error asks for.';

create function private.seconds_to_finish(job public.sim_jobs)
returns double precision
language plpgsql
stable
set search_path = ''
as $$
declare
  v_progress constant jsonb := private.progress_of_job((seconds_to_finish.job).id);
  v_speed double precision;
begin
  select sum(coalesce(heartbeats.iterations_per_second, settings.default_iterations_per_second))
  into v_speed
  from public.sim_chunks as chunks
  cross join private.settings
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = chunks.node_id
  where chunks.job_id = (seconds_to_finish.job).id
    and chunks.status in ('pending', 'claimed', 'running')
    and chunks.purpose = 'work';
  return greatest(
    0,
    private.wanted_iterations(seconds_to_finish.job, v_progress)
    - (v_progress ->> 'completed_iterations')::bigint
  ) / v_speed;
end;
$$;

comment on function private.seconds_to_finish(public.sim_jobs) is
'How long the job will take with the nodes that it has now, at the speed they have; null without.';
