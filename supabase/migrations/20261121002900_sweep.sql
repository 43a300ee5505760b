-- Leases of silent nodes go back to the pool, those of stragglers are given out once more, jobs
-- past their deadline fail, what liars contributed is taken back, and checks that wait are looked
-- at. Heartbeats and idle exchanges of other nodes look for them every few seconds, cron every
-- minute: whoever calls holds no job yet, so waiting is safe.

create function private.expired_leases(quantity integer)
returns table (chunk_id uuid, job_id uuid)
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- heartbeats keep alive what the node says it holds, not what it never got or has forgotten
  return query
  select chunks.id, chunks.job_id
  from public.sim_chunks as chunks
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = chunks.node_id
  where chunks.status in ('pending', 'claimed', 'running')
    and chunks.lease_expires_at <= private.current_time()
    and (
      chunks.status <> 'running'
      or coalesce(heartbeats.leases_until, '-infinity') <= private.current_time()
    )
  order by chunks.lease_expires_at
  limit expired_leases.quantity;
end;
$$;

comment on function private.expired_leases(integer) is
'Leases past their own time and their node''s, the longest dead first.';

create function private.requeue_expired_leases(quantity integer default 1000)
returns integer
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
  v_jobs uuid[];
  v_job_id uuid;
  v_chunk public.sim_chunks;
  v_count integer := 0;
begin
  v_jobs := array(
    select expired.job_id
    from private.expired_leases(requeue_expired_leases.quantity) as expired
    group by expired.job_id
    order by private.job_lock_key(expired.job_id)
  );
  foreach v_job_id in array v_jobs loop
    perform private.hold_job(v_job_id);
  end loop;
  perform private.lock_trust(array(
    select chunks.node_id
    from private.expired_leases(requeue_expired_leases.quantity) as expired
    join public.sim_chunks as chunks on chunks.id = expired.chunk_id
    where expired.job_id = any(v_jobs)
  ));
  -- asked again, now that nothing can change them
  for v_chunk in
    select chunks.*
    from private.expired_leases(requeue_expired_leases.quantity) as expired
    join public.sim_chunks as chunks on chunks.id = expired.chunk_id
    where expired.job_id = any(v_jobs)
  loop
    continue when not private.is_live_job(v_chunk.job_id);
    perform private.fail_chunk(v_chunk, 'expired', null, true);
    v_count := v_count + 1;
  end loop;
  foreach v_job_id in array v_jobs loop
    perform private.dispatch_job(v_job_id, settings.dispatch_nodes_per_exchange)
    from private.settings;
  end loop;
  return v_count;
end;
$$;

comment on function private.requeue_expired_leases(integer) is
'Opens the ranges of expired leases again and dispatches them. Run by cron job '
'simpool_requeue_expired_leases and by nodes; waits for jobs, so call it holding none.';

create function private.fail_overdue_jobs(quantity integer default 1000)
returns integer
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
  v_jobs uuid[];
  v_job_id uuid;
  v_count integer := 0;
begin
  v_jobs := array(
    select jobs.id
    from public.sim_jobs as jobs
    where jobs.status in ('pending', 'running') and jobs.deadline_at <= private.current_time()
    order by jobs.deadline_at
    limit fail_overdue_jobs.quantity
  );
  for v_job_id in
    select jobs.id from unnest(v_jobs) as jobs (id) order by private.job_lock_key(jobs.id)
  loop
    perform private.hold_job(v_job_id);
    if private.is_live_job(v_job_id) then
      perform private.end_job(v_job_id, 'failed', 'the deadline passed');
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;

comment on function private.fail_overdue_jobs(integer) is
'Fails jobs whose deadline has passed. Run by cron job simpool_fail_overdue_jobs and by nodes; '
'waits for jobs, so call it holding none.';

create function private.sweep_sometimes()
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
begin
  update private.sweeps
  set swept_at = v_now
  where sweeps.is_the_row = any(array(
    select due.is_the_row
    from private.sweeps as due cross join private.settings
    where due.swept_at <= v_now - settings.sweep_period
    for update of due skip locked
  ));
  if not found then
    return false;
  end if;
  -- one of them at a time: each holds jobs, in an order of its own
  if exists (
    select from public.sim_jobs as jobs
    where jobs.status in ('pending', 'running') and jobs.deadline_at <= v_now
  ) then
    perform private.fail_overdue_jobs(100);
    return true;
  end if;
  if exists (select from private.expired_leases(1)) then
    perform private.requeue_expired_leases(100);
  elsif cardinality(private.nodes_to_purge(1)) > 0 then
    perform private.purge_distrusted_nodes(1);
  else
    perform private.review_checks(100);
  end if;
  perform private.speculate(100);
  return true;
end;
$$;

comment on function private.sweep_sometimes() is
'Looks for jobs past their deadline, else for expired leases, liars or waiting checks, and for '
'stragglers, unless somebody did so a moment ago. True if it did: then it may have locked what '
'others wait for, and its caller must not wait for anything any more.';
