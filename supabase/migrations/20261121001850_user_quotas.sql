-- How much of the pool one user may take. The limits are settings of the pool; an operator may give
-- a user others.

create table private.user_quotas (
  user_id uuid primary key references public.profiles (id) on delete cascade,
  queued_jobs_max integer,
  running_chunks_max integer,
  daily_iterations_max bigint,
  constraint quotas_are_not_negative
  check (queued_jobs_max >= 0 and running_chunks_max >= 0 and daily_iterations_max >= 0)
);

alter table private.user_quotas enable row level security;

comment on table private.user_quotas is
'Limits of single users in place of those in private.settings; null there is no limit.';

create function private.quota_of(user_id uuid)
returns private.user_quotas
language plpgsql
stable
set search_path = ''
as $$
declare
  v_quota private.user_quotas;
begin
  select * into v_quota
  from private.user_quotas as quotas where quotas.user_id = quota_of.user_id;
  if not found then
    select quota_of.user_id, queued_jobs_max, running_chunks_max, daily_iterations_max
    into strict v_quota
    from private.settings;
  end if;
  return v_quota;
end;
$$;

comment on function private.quota_of(uuid) is 'The limits of the user; null is no limit.';

create function private.refuse_over_quota(problem text, quota text, used bigint, most bigint)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.refuse(
    429, 'RATE_LIMITED', refuse_over_quota.problem,
    jsonb_build_object(
      'quota', refuse_over_quota.quota,
      'used', refuse_over_quota.used,
      'limit', refuse_over_quota.most
    ),
    'Wait, cancel a job, or ask the operator of the pool for more.'
  );
end;
$$;

comment on function private.refuse_over_quota(text, text, bigint, bigint) is
'Refuses a submission, naming the quota, what is used of it, and the limit.';

create function private.check_quotas(job public.sim_jobs)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_id uuid := (check_quotas.job).user_id;
  v_quota private.user_quotas := private.quota_of(v_user_id);
  v_jobs bigint;
  v_iterations bigint;
begin
  select count(*) into v_jobs
  from (
    select from public.sim_jobs as jobs
    where jobs.user_id = v_user_id and jobs.status in ('pending', 'running')
    limit v_quota.queued_jobs_max + 1
  ) as live;
  if v_jobs > v_quota.queued_jobs_max then
    perform private.refuse_over_quota(
      format('You have %s jobs that are not done, and may have no more.', v_jobs - 1),
      'queued_jobs', v_jobs - 1, v_quota.queued_jobs_max
    );
  end if;
  if v_quota.daily_iterations_max is null then
    return;
  end if;
  select sum(jobs.total_iterations) into v_iterations
  from public.sim_jobs as jobs
  where jobs.user_id = v_user_id
    and jobs.created_at > private.current_time() - interval '1 day';
  if v_iterations > v_quota.daily_iterations_max then
    v_iterations := v_iterations - (check_quotas.job).total_iterations;
    perform private.refuse_over_quota(
      format(
        'You have submitted %s of the %s iterations that you may submit in 24 hours.',
        v_iterations, v_quota.daily_iterations_max
      ),
      'daily_iterations', v_iterations, v_quota.daily_iterations_max
    );
  end if;
end;
$$;

comment on function private.check_quotas(public.sim_jobs) is
'Refuses a job, which is in its table already, beyond what its user may have. Submissions at the '
'same moment do not see each other, so a limit may be passed by as many.';
