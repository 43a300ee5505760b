-- What owners do with a job that they submitted: cancel, pause, resume, retry, and watch it.

create function private.require_own_job(id uuid)
returns public.sim_jobs
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_job public.sim_jobs;
begin
  select * into v_job
  from public.sim_jobs as jobs
  where jobs.id = require_own_job.id and jobs.user_id = v_user_id;
  if not found then
    perform private.refuse(404, 'NOT_FOUND', 'You have no such job.');
  end if;
  return v_job;
end;
$$;

comment on function private.require_own_job(uuid) is
'The caller''s job; another user''s is as absent as one that never was.';

create function private.hold_own_job(id uuid)
returns public.sim_jobs
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- nobody waits for, or holds, a job that is not theirs
  perform private.require_own_job(hold_own_job.id);
  perform private.hold_job(hold_own_job.id);
  return private.require_own_job(hold_own_job.id);
end;
$$;

comment on function private.hold_own_job(uuid) is
'Waits until nobody else has the caller''s job, keeps it, and answers it as it is then.';

create function private.cancel_job(id uuid)
returns jsonb
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
  v_job constant public.sim_jobs := private.hold_own_job(cancel_job.id);
begin
  if v_job.status in ('completed', 'failed') then
    perform private.refuse(
      409, 'CONFLICT', format('The job is %s already.', v_job.status),
      jsonb_build_object('status', v_job.status)
    );
  end if;
  if v_job.status <> 'cancelled' then
    perform private.end_job(cancel_job.id, 'cancelled', null);
  end if;
  return private.describe_progress(private.require_own_job(cancel_job.id));
end;
$$;

create function public.cancel_job(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.cancel_job(cancel_job.id);
end;
$$;

grant execute on function private.cancel_job(uuid) to authenticated;
grant execute on function public.cancel_job(uuid) to authenticated;

comment on function private.cancel_job(uuid) is
'See public.cancel_job. A definer: users have no right to write jobs.';
comment on function public.cancel_job(uuid) is
'Cancels the caller''s job and stops its nodes. A finished job is refused.';

create function private.hold_live_job(id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job constant public.sim_jobs := private.hold_own_job(hold_live_job.id);
begin
  if v_job.status not in ('pending', 'running') then
    perform private.refuse(
      409, 'CONFLICT', format('The job is %s already.', v_job.status),
      jsonb_build_object('status', v_job.status)
    );
  end if;
end;
$$;

comment on function private.hold_live_job(uuid) is
'Holds the caller''s job alone; refuses one that has ended.';

create function private.interrupt_leases(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  with interrupted as (
    update public.sim_chunks as chunks
    set status = 'failed', failure = 'released', failed_at = private.current_time()
    where chunks.id = any(array(
      select active.id from public.sim_chunks as active
      where active.job_id = interrupt_leases.job_id
        and active.status in ('pending', 'claimed', 'running')
    ))
    returning chunks.id, chunks.purpose, chunks.seed_offset, chunks.iterations
  ),
  reopened as (
    insert into private.reopened_ranges (job_id, seed_offset, iterations, reopened_at)
    select
      interrupt_leases.job_id, interrupted.seed_offset, interrupted.iterations,
      private.current_time()
    from interrupted
    where interrupted.purpose = 'work'
  )
  select array_agg(interrupted.id) into v_ids from interrupted;
  -- what is held waits, and nobody is asked to check it
  update private.checks set open = 0 where checks.job_id = interrupt_leases.job_id;
  perform private.push_cancel(v_ids);
end;
$$;

comment on function private.interrupt_leases(uuid) is
'Ends all leases of the job, for it is paused, and tells their nodes; what was handed in stays. '
'The caller holds the job.';

create function private.pause_job(id uuid)
returns jsonb
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
begin
  perform private.hold_live_job(pause_job.id);
  update public.sim_jobs as jobs
  set paused_at = private.current_time()
  where jobs.id = pause_job.id and jobs.paused_at is null;
  if found then
    delete from private.open_jobs as jobs where jobs.job_id = pause_job.id;
    delete from private.tail_jobs as jobs where jobs.job_id = pause_job.id;
    perform private.interrupt_leases(pause_job.id);
  end if;
  return private.describe_progress(private.require_own_job(pause_job.id));
end;
$$;

create function public.pause_job(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.pause_job(pause_job.id);
end;
$$;

grant execute on function private.pause_job(uuid) to authenticated;
grant execute on function public.pause_job(uuid) to authenticated;

comment on function private.pause_job(uuid) is
'See public.pause_job. A definer: users have no right to write jobs.';
comment on function public.pause_job(uuid) is
'Stops the caller''s job until resume_job(): its nodes drop what they run of it, and what they '
'have handed in counts. Its deadline stays. Pausing again changes nothing.';

create function private.resume_job(id uuid)
returns jsonb
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
begin
  perform private.hold_live_job(resume_job.id);
  update public.sim_jobs as jobs
  set paused_at = null
  where jobs.id = resume_job.id and jobs.paused_at is not null;
  if found then
    perform private.open_job(resume_job.id);
    perform private.close_job_if_fully_leased(resume_job.id);
    perform private.decide_check(checks.job_id, checks.seed_offset)
    from private.checks where checks.job_id = resume_job.id;
    perform private.dispatch_checks(resume_job.id, settings.dispatch_nodes_max)
    from private.settings;
    perform private.dispatch_job(resume_job.id, settings.dispatch_nodes_max)
    from private.settings;
  end if;
  return private.describe_progress(private.require_own_job(resume_job.id));
end;
$$;

create function public.resume_job(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.resume_job(resume_job.id);
end;
$$;

grant execute on function private.resume_job(uuid) to authenticated;
grant execute on function public.resume_job(uuid) to authenticated;

comment on function private.resume_job(uuid) is
'See public.resume_job. A definer: users have no right to write jobs.';
comment on function public.resume_job(uuid) is
'Lets nodes run the caller''s paused job again. Resuming again changes nothing.';

create function private.retry_job(id uuid)
returns jsonb
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
  v_job constant public.sim_jobs := private.hold_own_job(retry_job.id);
begin
  -- a call whose answer was lost is sent again
  if v_job.status in ('pending', 'running') and v_job.retried_at is not null then
    return private.describe_progress(v_job);
  end if;
  if v_job.status not in ('failed', 'cancelled') then
    perform private.refuse(
      409, 'CONFLICT',
      format('The job is %s; only a failed or cancelled one is retried.', v_job.status),
      jsonb_build_object('status', v_job.status)
    );
  end if;
  if v_job.deadline_at <= private.current_time() then
    perform private.refuse(409, 'CONFLICT', 'The deadline of the job has passed.');
  end if;
  delete from private.barred_nodes as nodes where nodes.job_id = retry_job.id;
  update private.reopened_ranges as ranges
  set lost_by = null
  where ranges.job_id = retry_job.id;
  update public.sim_jobs as jobs
  set
    status = 'pending',
    error = null,
    completed_at = null,
    engine_version = case
      when not private.is_fully_leased(jobs.id) then jobs.engine_version
    end,
    retried_at = private.current_time()
  where jobs.id = retry_job.id;
  perform private.check_quotas(private.require_own_job(retry_job.id));
  if private.is_fully_leased(retry_job.id) then
    -- some time after it ended, its results were deleted
    perform private.open_new_job(retry_job.id);
  else
    perform private.open_job(retry_job.id);
  end if;
  perform private.dispatch_job(retry_job.id, settings.dispatch_nodes_max) from private.settings;
  return private.describe_progress(private.require_own_job(retry_job.id));
end;
$$;

create function public.retry_job(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.retry_job(retry_job.id);
end;
$$;

grant execute on function private.retry_job(uuid) to authenticated;
grant execute on function public.retry_job(uuid) to authenticated;

comment on function private.retry_job(uuid) is
'See public.retry_job. A definer: users have no right to write jobs.';
comment on function public.retry_job(uuid) is
'Runs a failed or cancelled job on: what was completed counts, the rest is leased again; all of it '
'where it ended so long ago that its results are deleted. Repeating it changes nothing.';

create function private.job_progress(id uuid)
returns jsonb
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
  v_job constant public.sim_jobs := private.require_own_job(job_progress.id);
begin
  return private.describe_progress(v_job) || jsonb_build_object(
    'queue_position', private.queue_position(v_job),
    'seconds_to_finish', private.seconds_to_finish(v_job)
  );
end;
$$;

create function public.job_progress(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.job_progress(job_progress.id);
end;
$$;

grant execute on function private.job_progress(uuid) to authenticated;
grant execute on function public.job_progress(uuid) to authenticated;

comment on function private.job_progress(uuid) is
'See public.job_progress. A definer: unmerged results are internal.';
comment on function public.job_progress(uuid) is
'How far the caller''s job is, exactly: iterations, chunks, mean and relative error so far; its '
'place among the caller''s jobs, and how many seconds it will take.';
