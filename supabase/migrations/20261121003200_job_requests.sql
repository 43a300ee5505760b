-- What users do with jobs: submit, watch, pause, resume, cancel, retry.

create function private.save_config(config_json text)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_hash text := encode(sha256(convert_to(save_config.config_json, 'UTF8')), 'hex');
begin
  insert into public.sim_configs as configs (hash, config_json)
  values (v_hash, save_config.config_json)
  on conflict on constraint sim_configs_pkey do nothing;
  -- an hour's precision is enough to tell a config that nobody uses
  update public.sim_configs as configs
  set last_used_at = private.current_time()
  where configs.hash = v_hash
    and configs.last_used_at < private.current_time() - interval '1 hour';
  return v_hash;
end;
$$;

comment on function private.save_config(text) is
'Stores a config under its hash, which it answers.';

create function private.check_config(config_json text, user_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_config jsonb;
  v_checksum text;
begin
  perform private.check_input(
    octet_length(check_config.config_json) <= 1048576, 'config_json', 'must be at most 1 MiB'
  );
  begin
    v_config := check_config.config_json::jsonb;
  exception
    when data_exception then
      perform private.check_input(false, 'config_json', 'must be JSON');
  end;
  perform private.check_input(
    jsonb_typeof(v_config) = 'object', 'config_json', 'must be a JSON object'
  );
  perform private.check_input(
    jsonb_typeof(v_config -> 'engine') = 'string'
    and length(v_config ->> 'engine') between 1 and 100,
    'config_json', 'must name its engine'
  );
  v_checksum := v_config #>> '{rotation,checksum}';
  if v_checksum is not null and not exists (
    select from public.rotation_versions as versions
    join public.rotations on rotations.id = versions.rotation_id
    where versions.checksum = v_checksum
      and (rotations.is_public or rotations.user_id = check_config.user_id)
  ) then
    perform private.refuse(
      404, 'NOT_FOUND', 'The rotation that the config names does not exist.',
      jsonb_build_object('checksum', v_checksum), 'Save the rotation first.'
    );
  end if;
end;
$$;

comment on function private.check_config(text, uuid) is
'Refuses a config that is not JSON, has no engine, or names a rotation the user may not read.';

create function private.check_submission(
  iterations bigint,
  seed bigint,
  priority text,
  access_type text,
  target_error double precision,
  deadline_at timestamptz,
  idempotency_key text,
  engine_versions text,
  replication integer
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    check_submission.iterations between 1 and 1000000000,
    'iterations', 'must be from 1 to 1000000000'
  );
  perform private.check_input(
    coalesce(check_submission.seed, 0) >= 0, 'seed', 'must not be negative'
  );
  perform private.check_input(
    check_submission.priority in ('low', 'normal', 'high'),
    'priority', 'must be low, normal or high'
  );
  perform private.check_input(
    check_submission.access_type in ('private', 'guild', 'public'),
    'access_type', 'must be private, guild or public'
  );
  perform private.check_input(
    coalesce(check_submission.target_error, 0.5) > 0
    and coalesce(check_submission.target_error, 0.5) < 1,
    'target_error', 'must be between 0 and 1'
  );
  perform private.check_input(
    coalesce(check_submission.deadline_at > private.current_time(), true),
    'deadline_at', 'must be in the future'
  );
  perform private.check_input(
    length(coalesce(check_submission.idempotency_key, '-')) between 1 and 200,
    'idempotency_key', 'must have 1 to 200 characters'
  );
  perform private.check_input(
    check_submission.engine_versions is null
    or private.version_range(check_submission.engine_versions) is not null,
    'engine_versions', 'must be a range of versions like 1.2.0..1.9.9, 1.2.0.. or 1.2.0'
  );
  perform private.check_input(
    check_submission.replication between 1 and 3, 'replication', 'must be from 1 to 3'
  );
end;
$$;

comment on function private.check_submission(
  bigint, bigint, text, text, double precision, timestamptz, text, text, integer
) is
'Refuses a submission that is out of bounds.';

create function private.random_seed()
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_random bytea := sha256(uuid_send(gen_random_uuid()));
begin
  -- 53 bits: every JSON reader keeps it exact
  return ('x' || encode(substring(v_random from 1 for 8), 'hex'))::bit(64)::bigint
    & 9007199254740991;
end;
$$;

comment on function private.random_seed() is 'A seed for a job that names none.';

create function private.open_new_job(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.uncut_ranges (job_id, stripe, first_iteration, end_iteration)
  select
    jobs.id,
    stripes.stripe,
    jobs.total_iterations * stripes.stripe / stripes.quantity,
    jobs.total_iterations * (stripes.stripe + 1) / stripes.quantity
  from public.sim_jobs as jobs
  cross join lateral (
    -- a job that may stop early is cut front to back; a small one needs no second cutter
    select
      series.stripe,
      case
        when jobs.target_error is not null then 1
        else least(8, 1 + jobs.total_iterations / 1000000)
      end as quantity
    from generate_series(0, 7) as series (stripe)
  ) as stripes
  where jobs.id = open_new_job.job_id and stripes.stripe < stripes.quantity;
  perform private.open_job(open_new_job.job_id);
end;
$$;

comment on function private.open_new_job(uuid) is
'Opens all iterations of a new job for leasing. The same work whatever their number.';

create function private.describe_submission(job public.sim_jobs, repeated boolean)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'id', (describe_submission.job).id,
    'config_hash', (describe_submission.job).config_hash,
    'status', (describe_submission.job).status,
    'total_iterations', (describe_submission.job).total_iterations,
    'seed', (describe_submission.job).seed,
    'created_at', (describe_submission.job).created_at,
    'repeated', describe_submission.repeated
  );
end;
$$;

comment on function private.describe_submission(public.sim_jobs, boolean) is
'A submitted job, as submit_job() answers it.';

create function private.repeat_submission(
  job public.sim_jobs, config_hash text, iterations bigint, seed bigint
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  if (repeat_submission.job).config_hash <> repeat_submission.config_hash
    or (repeat_submission.job).total_iterations <> repeat_submission.iterations
    or (repeat_submission.job).seed <> coalesce(
      repeat_submission.seed, (repeat_submission.job).seed
    )
  then
    perform private.refuse(
      409, 'CONFLICT', 'This idempotency key was used for another job.',
      jsonb_build_object('job_id', (repeat_submission.job).id), 'Use a new key for a new job.'
    );
  end if;
  return private.describe_submission(repeat_submission.job, true);
end;
$$;

comment on function private.repeat_submission(public.sim_jobs, text, bigint, bigint) is
'Answers the first job of an idempotency key; refuses the key for a different one.';

create function private.submit_job(
  config_json text,
  iterations bigint,
  seed bigint,
  priority text,
  access_type text,
  target_error double precision,
  deadline_at timestamptz,
  idempotency_key text,
  engine_versions text,
  replication integer
)
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
  v_user_id uuid := private.require_user();
  v_hash text;
  v_job public.sim_jobs;
begin
  perform private.check_submission(
    submit_job.iterations, submit_job.seed, submit_job.priority, submit_job.access_type,
    submit_job.target_error, submit_job.deadline_at, submit_job.idempotency_key,
    submit_job.engine_versions, submit_job.replication
  );
  perform private.check_config(submit_job.config_json, v_user_id);
  v_hash := private.save_config(submit_job.config_json);

  insert into public.sim_jobs (
    user_id, config_hash, total_iterations, seed, priority, access_type, target_error,
    deadline_at, idempotency_key, engine_versions, replication
  )
  values (
    v_user_id, v_hash, submit_job.iterations, coalesce(submit_job.seed, private.random_seed()),
    submit_job.priority, submit_job.access_type, submit_job.target_error,
    submit_job.deadline_at, submit_job.idempotency_key, submit_job.engine_versions,
    submit_job.replication
  )
  on conflict on constraint a_repeated_submit_is_the_same_job do nothing
  returning * into v_job;
  if not found then
    select * into strict v_job
    from public.sim_jobs as jobs
    where jobs.user_id = v_user_id and jobs.idempotency_key = submit_job.idempotency_key;
    return private.repeat_submission(v_job, v_hash, submit_job.iterations, submit_job.seed);
  end if;
  perform private.check_quotas(v_job);

  perform private.open_new_job(v_job.id);
  perform private.dispatch_job(v_job.id, settings.dispatch_nodes_max) from private.settings;
  select * into strict v_job from public.sim_jobs as jobs where jobs.id = v_job.id;
  return private.describe_submission(v_job, false);
end;
$$;

create function public.submit_job(
  config_json text,
  iterations bigint,
  seed bigint default null,
  priority text default 'normal',
  access_type text default 'private',
  target_error double precision default null,
  deadline_at timestamptz default null,
  idempotency_key text default null,
  engine_versions text default null,
  replication integer default 1
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.submit_job(
    submit_job.config_json, submit_job.iterations, submit_job.seed, submit_job.priority,
    submit_job.access_type, submit_job.target_error, submit_job.deadline_at,
    submit_job.idempotency_key, submit_job.engine_versions, submit_job.replication
  );
end;
$$;

grant execute on function private.submit_job(
  text, bigint, bigint, text, text, double precision, timestamptz, text, text, integer
) to authenticated;
grant execute on function public.submit_job(
  text, bigint, bigint, text, text, double precision, timestamptz, text, text, integer
) to authenticated;

comment on function private.submit_job(
  text, bigint, bigint, text, text, double precision, timestamptz, text, text, integer
) is
'See public.submit_job. A definer: users have no right to write jobs or configs.';
comment on function public.submit_job(
  text, bigint, bigint, text, text, double precision, timestamptz, text, text, integer
) is
'Submits a job. config_json is the RFC 8785 text that is hashed; a repeated idempotency_key '
'answers the first job; engine_versions, like 1.2.0..1.9.9, keeps it from nodes with others; with '
'replication results must be handed in by nodes of so many owners.';

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
  v_job public.sim_jobs;
begin
  perform private.require_own_job(cancel_job.id);
  perform private.hold_job(cancel_job.id);
  v_job := private.require_own_job(cancel_job.id);
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
  v_job public.sim_jobs;
begin
  perform private.require_own_job(hold_live_job.id);
  perform private.hold_job(hold_live_job.id);
  v_job := private.require_own_job(hold_live_job.id);
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
    perform private.revoke_leases(pause_job.id, 'released');
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
  if found and not private.is_fully_leased(resume_job.id) then
    perform private.open_job(resume_job.id);
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
  v_job public.sim_jobs;
begin
  perform private.require_own_job(retry_job.id);
  perform private.hold_job(retry_job.id);
  v_job := private.require_own_job(retry_job.id);
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
    retried_at = private.current_time()
  where jobs.id = retry_job.id;
  perform private.check_quotas(private.require_own_job(retry_job.id));
  perform private.open_job(retry_job.id);
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
'Runs a failed or cancelled job on: what was completed counts, the rest is leased again. Repeating '
'it changes nothing.';

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
