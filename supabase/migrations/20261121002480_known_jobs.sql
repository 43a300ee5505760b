-- What a call needs to know of a job: read once, after the job was shared or held, and true from
-- then on. Nobody can end, pause or reopen it before the call has ended, only cut what is left.

create type private.known_job as (
  id uuid,
  user_id uuid,
  status text,
  config_hash text,
  engine text,
  engine_version text,
  engine_versions text,
  seed bigint,
  replication integer,
  segment_iterations bigint,
  has_target boolean,
  progress_at timestamptz,
  is_open boolean,
  has_reopened boolean,
  has_uncut boolean,
  has_node boolean
);

create function private.known_job(job_id uuid, node_id uuid)
returns private.known_job
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job private.known_job;
begin
  select
    jobs.id,
    jobs.user_id,
    jobs.status,
    jobs.config_hash,
    configs.engine,
    jobs.engine_version,
    jobs.engine_versions,
    jobs.seed,
    jobs.replication,
    jobs.segment_iterations,
    jobs.target_error is not null,
    jobs.progress_at,
    exists (select from private.open_jobs as open where open.job_id = jobs.id),
    exists (select from private.reopened_ranges as ranges where ranges.job_id = jobs.id),
    exists (select from private.uncut_ranges as ranges where ranges.job_id = jobs.id),
    exists (
      select from private.job_nodes as nodes
      where nodes.job_id = jobs.id and nodes.node_id = known_job.node_id
    )
  into v_job
  from public.sim_jobs as jobs
  join public.sim_configs as configs on configs.hash = jobs.config_hash
  where jobs.id = known_job.job_id;
  return v_job;
end;
$$;

comment on function private.known_job(uuid, uuid) is
'What there is to know of the job, and whether the node has a part in it. A row of nulls when '
'there is no such job. The caller shares or holds the job.';

create function private.describe_job(job private.known_job)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_described constant jsonb := jsonb_build_object(
    'job_id', (describe_job.job).id,
    'config_hash', (describe_job.job).config_hash,
    'engine', (describe_job.job).engine,
    'seed', (describe_job.job).seed
  );
begin
  if (describe_job.job).engine_versions is null then
    return v_described;
  end if;
  return v_described
    || jsonb_build_object('engine_versions', (describe_job.job).engine_versions);
end;
$$;

comment on function private.describe_job(private.known_job) is
'What a node needs to know of the job to run any chunk of it.';
