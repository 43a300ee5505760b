-- Jobs: one row per request. Its chunks are cut when they are leased, so submitting costs the same
-- for ten iterations and for a billion.

create table public.sim_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.profiles (id) on delete cascade,
  config_hash text not null references public.sim_configs (hash),
  total_iterations bigint not null,
  completed_iterations bigint not null default 0,
  total_chunks bigint not null default 0,
  completed_chunks bigint not null default 0,
  status text not null default 'pending',
  priority text not null default 'normal',
  seed bigint not null,
  target_error double precision,
  replication integer not null default 1,
  -- results are folded within segments: one for the whole job, or one per checkpoint
  segment_iterations bigint not null generated always as (
    case
      when target_error is null then total_iterations
      else least(total_iterations, greatest(1000, (total_iterations + 19) / 20))
    end
  ) stored,
  access_type text not null default 'private',
  deadline_at timestamptz,
  idempotency_key text,
  engine_versions text,
  engine_version text,
  result jsonb,
  error text,
  created_at timestamptz not null default private.current_time(),
  started_at timestamptz,
  completed_at timestamptz,
  retried_at timestamptz,
  paused_at timestamptz,
  progress_at timestamptz,
  distrusted_iterations bigint not null default 0,
  constraint a_repeated_submit_is_the_same_job unique (user_id, idempotency_key),
  constraint iterations_are_in_bounds check (total_iterations between 1 and 1000000000),
  constraint progress_is_within_the_job
  check (completed_iterations between 0 and total_iterations),
  constraint chunks_are_counted check (completed_chunks between 0 and total_chunks),
  constraint status_is_known
  check (status in ('pending', 'running', 'completed', 'failed', 'cancelled')),
  constraint priority_is_known check (priority in ('low', 'normal', 'high')),
  constraint access_type_is_known check (access_type in ('private', 'guild', 'public')),
  constraint seed_is_not_negative check (seed >= 0),
  constraint target_error_is_a_fraction check (target_error > 0 and target_error < 1),
  constraint engine_versions_are_a_range
  check (engine_versions is null or private.version_range(engine_versions) is not null),
  constraint replication_is_one_to_three check (replication between 1 and 3),
  constraint distrusted_iterations_are_of_the_job
  check (distrusted_iterations between 0 and total_iterations),
  constraint idempotency_key_is_short check (length(idempotency_key) between 1 and 200),
  constraint a_running_job_has_started check (status <> 'running' or started_at is not null),
  constraint a_finished_job_has_its_time
  check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null)),
  constraint only_a_completed_job_has_a_result
  check ((status = 'completed') = (result is not null)),
  constraint only_a_live_job_is_paused
  check (paused_at is null or status in ('pending', 'running')),
  constraint only_a_failed_job_has_an_error check ((status = 'failed') = (error is not null))
) with (fillfactor = 70);

alter table public.sim_jobs enable row level security;

comment on table public.sim_jobs is 'Simulation requests of users.';
comment on column public.sim_jobs.total_chunks is
'Ranges cut so far; chunks are cut when they are leased, so this grows while the job runs.';
comment on column public.sim_jobs.completed_iterations is
'As of progress_at, at most a second old while the job runs; job_progress() has it exactly.';
comment on column public.sim_jobs.target_error is
'Stop at the first checkpoint whose contiguous prefix has a relative standard error this small.';
comment on column public.sim_jobs.replication is
'Nodes of so many different owners must hand in the same result of a range before it counts.';
comment on column public.sim_jobs.distrusted_iterations is
'Iterations of a finished job that were run only by nodes found to be wrong since.';
comment on column public.sim_jobs.segment_iterations is
'Distance of the checkpoints of a job with a target error; else the whole job.';
comment on column public.sim_jobs.access_type is
'Whose nodes may run it: the user''s and their friends'', those of guild mates too, or anybody''s.';
comment on column public.sim_jobs.engine_versions is
'Which versions of its engine may run it, as private.version_range() reads it; null for any.';
comment on column public.sim_jobs.paused_at is
'Since when its user lets no node run it; null while nodes may.';
comment on column public.sim_jobs.engine_version is
'Pinned by the first accepted result: every other result must have the same.';
comment on column public.sim_jobs.result is
'The merged result, its digest, statistics in presented units, and provenance.';

create index idx_sim_jobs_user on public.sim_jobs (user_id, created_at desc);
create index idx_sim_jobs_live on public.sim_jobs (user_id) where status in ('pending', 'running');
create index idx_sim_jobs_config on public.sim_jobs (config_hash, user_id);
create index idx_sim_jobs_deadline on public.sim_jobs (deadline_at)
where status in ('pending', 'running');
create index idx_sim_jobs_finished on public.sim_jobs (completed_at)
where completed_at is not null;

grant select on public.sim_jobs to authenticated, service_role;

create policy "Users see their own jobs"
on public.sim_jobs for select to authenticated
using (user_id = (select auth.uid()));

create function private.accepted_versions(job public.sim_jobs)
returns int8range
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_pinned constant bigint := private.version_number((accepted_versions.job).engine_version);
begin
  if v_pinned is not null then
    return int8range(v_pinned, v_pinned, '[]');
  end if;
  return private.version_range((accepted_versions.job).engine_versions);
end;
$$;

comment on function private.accepted_versions(public.sim_jobs) is
'The versions of its engine that the job takes results of, as numbers; null for any.';

create function private.runs_engine(
  engines jsonb, engine text, accepted_versions int8range, are_named boolean
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- of a node that does not say what it has, the results decide
  if runs_engine.engines = '{}' then
    return not runs_engine.are_named;
  end if;
  if runs_engine.accepted_versions is null then
    return runs_engine.engines ? runs_engine.engine;
  end if;
  return runs_engine.engines ? runs_engine.engine
    and coalesce(
      runs_engine.accepted_versions
      @> private.version_number(runs_engine.engines ->> runs_engine.engine),
      not runs_engine.are_named
    );
end;
$$;

comment on function private.runs_engine(jsonb, text, int8range, boolean) is
'Whether a node with these engines may run a job of that engine, which accepts these versions of '
'it, and whose user has named some or not.';
