-- Submitting: what a job is asked to be, checked, counted against quotas, and opened for nodes.

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
    -- the second of those is nested deeper than the server can read
    when data_exception or statement_too_complex then
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
    -- a job that may stop early is cut front to back; one of few chunks needs no second cutter
    select
      series.stripe,
      case
        when jobs.target_error is not null then 1
        else least(16, 1 + jobs.total_iterations / (256 * private.full_chunk(null, settings)))
      end as quantity
    from private.settings
    cross join generate_series(0, 15) as series (stripe)
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

create function private.repeat_submission(first public.sim_jobs, repeated public.sim_jobs)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- all that decides what is computed, and by whom; not the deadline, which may count from now
  if (
    (repeat_submission.repeated).config_hash,
    (repeat_submission.repeated).total_iterations,
    coalesce((repeat_submission.repeated).seed, (repeat_submission.first).seed),
    (repeat_submission.repeated).priority,
    (repeat_submission.repeated).access_type,
    (repeat_submission.repeated).target_error,
    (repeat_submission.repeated).engine_versions,
    (repeat_submission.repeated).replication
  ) is distinct from (
    (repeat_submission.first).config_hash,
    (repeat_submission.first).total_iterations,
    (repeat_submission.first).seed,
    (repeat_submission.first).priority,
    (repeat_submission.first).access_type,
    (repeat_submission.first).target_error,
    (repeat_submission.first).engine_versions,
    (repeat_submission.first).replication
  ) then
    perform private.refuse(
      409, 'CONFLICT', 'This idempotency key was used for another job.',
      jsonb_build_object('job_id', (repeat_submission.first).id), 'Use a new key for a new job.'
    );
  end if;
  return private.describe_submission(repeat_submission.first, true);
end;
$$;

comment on function private.repeat_submission(public.sim_jobs, public.sim_jobs) is
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
  v_asked public.sim_jobs;
  v_job public.sim_jobs;
begin
  perform private.check_submission(
    submit_job.iterations, submit_job.seed, submit_job.priority, submit_job.access_type,
    submit_job.target_error, submit_job.deadline_at, submit_job.idempotency_key,
    submit_job.engine_versions, submit_job.replication
  );
  perform private.check_config(submit_job.config_json, v_user_id);
  v_asked.config_hash := private.save_config(submit_job.config_json);
  v_asked.total_iterations := submit_job.iterations;
  v_asked.seed := submit_job.seed;
  v_asked.priority := submit_job.priority;
  v_asked.access_type := submit_job.access_type;
  v_asked.target_error := submit_job.target_error;
  v_asked.engine_versions := submit_job.engine_versions;
  v_asked.replication := submit_job.replication;

  insert into public.sim_jobs (
    user_id, config_hash, total_iterations, seed, priority, access_type, target_error,
    deadline_at, idempotency_key, engine_versions, replication
  )
  values (
    v_user_id, v_asked.config_hash, v_asked.total_iterations,
    coalesce(v_asked.seed, private.random_seed()), v_asked.priority, v_asked.access_type,
    v_asked.target_error, submit_job.deadline_at, submit_job.idempotency_key,
    v_asked.engine_versions, v_asked.replication
  )
  on conflict on constraint a_repeated_submit_is_the_same_job do nothing
  returning * into v_job;
  if not found then
    select * into strict v_job
    from public.sim_jobs as jobs
    where jobs.user_id = v_user_id and jobs.idempotency_key = submit_job.idempotency_key;
    return private.repeat_submission(v_job, v_asked);
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
