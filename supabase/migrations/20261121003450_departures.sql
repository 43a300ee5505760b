-- Users who leave. Their nodes give back what they run for others, and their jobs are cancelled, so
-- that nodes of others drop them at once; then the rows go.

create function private.leave_pool()
returns trigger
language plpgsql
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
  v_nodes constant uuid[] := array(
    select nodes.id from public.nodes where nodes.user_id = old.id order by nodes.id
  );
  v_node_id uuid;
  v_job_id uuid;
begin
  foreach v_node_id in array v_nodes loop
    perform private.lock_node(v_node_id);
  end loop;
  for v_job_id in
    select live.job_id
    from (
      select jobs.id as job_id from public.sim_jobs as jobs
      where jobs.user_id = old.id and jobs.status in ('pending', 'running')
      union
      select chunks.job_id from public.sim_chunks as chunks
      where chunks.node_id = any(v_nodes) and chunks.status in ('pending', 'claimed', 'running')
    ) as live
    order by private.job_lock_key(live.job_id)
  loop
    perform private.hold_job(v_job_id);
  end loop;
  perform private.end_job(jobs.id, 'cancelled', null)
  from public.sim_jobs as jobs
  where jobs.user_id = old.id and jobs.status in ('pending', 'running');
  perform private.release_leases(v_nodes);
  return old;
end;
$$;

comment on function private.leave_pool() is
'Ends what a user who is deleted runs and has run. A definer: whoever deletes users has no right '
'to jobs and nodes.';

create trigger profiles_delete_leave
before delete on public.profiles
for each row execute function private.leave_pool();
