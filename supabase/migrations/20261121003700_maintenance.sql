-- What cron does. Each job is one function call, bounded, and safe to run at any time.

create function private.mark_stale_nodes_offline()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  v_ids := array(
    select nodes.id
    from public.nodes
    cross join private.settings
    left join private.node_heartbeats as heartbeats on heartbeats.node_id = nodes.id
    where nodes.status = 'online'
      and coalesce(heartbeats.seen_at, nodes.last_seen_at)
      < private.current_time() - settings.node_offline_after
    for update of nodes skip locked
  );
  update public.nodes
  set
    status = 'offline',
    last_seen_at = coalesce(
      (
        select heartbeats.seen_at from private.node_heartbeats as heartbeats
        where heartbeats.node_id = nodes.id
      ), nodes.last_seen_at
    )
  where nodes.id = any(v_ids);
  delete from private.idle_nodes as idle where idle.node_id = any(v_ids);
  return cardinality(v_ids);
end;
$$;

comment on function private.mark_stale_nodes_offline() is
'Nodes that have been silent are offline and wait for nothing. Cron: simpool_mark_stale_nodes.';

create function private.delete_unclaimed_nodes()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.nodes
  where nodes.status = 'pending'
    and nodes.last_seen_at < private.current_time() - (
      select settings.unclaimed_node_lifetime from private.settings
    );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.delete_unclaimed_nodes() is
'Deletes nodes that nobody claimed. Cron: simpool_delete_unclaimed_nodes.';

create function private.delete_abandoned_nodes()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_lifetime interval;
  v_node_id uuid;
  v_count integer := 0;
begin
  select offline_node_lifetime into strict v_lifetime from private.settings;
  for v_node_id in
    select nodes.id
    from public.nodes
    where nodes.status = 'offline'
      and nodes.last_seen_at < private.current_time() - v_lifetime
  loop
    continue when not private.try_lock_node(v_node_id);
    -- asked again, now that it cannot come back
    delete from public.nodes
    where nodes.id = any(array(
      select abandoned.id
      from public.nodes as abandoned
      where abandoned.id = v_node_id
        and abandoned.status = 'offline'
        and abandoned.last_seen_at < private.current_time() - v_lifetime
      for update skip locked
    ));
    v_count := v_count + found::integer;
  end loop;
  -- of a node that is gone only that it was quarantined is worth to be known
  delete from private.node_trust as trust
  where trust.quarantined_at is null
    and not exists (select from public.nodes where nodes.id = trust.node_id);
  return v_count;
end;
$$;

comment on function private.delete_abandoned_nodes() is
'Deletes nodes that have been offline for long. Their leases expired long ago.';

create function private.delete_orphaned_configs()
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.sim_configs as configs
  where configs.last_used_at < private.current_time() - (
    select settings.orphaned_config_lifetime from private.settings
  )
  and not exists (
    select from public.sim_jobs as jobs where jobs.config_hash = configs.hash
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.delete_orphaned_configs() is
'Deletes configs that no job refers to and nobody used lately.';

create function private.delete_abandoned()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'nodes', private.delete_abandoned_nodes(), 'configs', private.delete_orphaned_configs()
  );
end;
$$;

comment on function private.delete_abandoned() is
'Deletes abandoned nodes, then orphaned configs. Cron: simpool_delete_abandoned.';

create function private.prune_finished_work()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_jobs uuid[];
  v_job_id uuid;
  v_chunks integer;
begin
  v_jobs := array(
    select jobs.id
    from public.sim_jobs as jobs
    where jobs.completed_at < private.current_time() - (
      select settings.chunk_lifetime from private.settings
    )
    and exists (select from public.sim_chunks as chunks where chunks.job_id = jobs.id)
    limit 100
  );
  for v_job_id in
    select jobs.id from unnest(v_jobs) as jobs (id) order by private.job_lock_key(jobs.id)
  loop
    perform private.hold_job(v_job_id);
  end loop;
  -- asked again: one that is retried runs
  v_jobs := array(
    select jobs.id from public.sim_jobs as jobs
    where jobs.id = any(v_jobs) and jobs.completed_at is not null
  );
  perform private.forget_work(jobs.id) from unnest(v_jobs) as jobs (id);
  delete from private.job_earnings as earnings where earnings.job_id = any(v_jobs);
  delete from public.sim_chunks as chunks where chunks.job_id = any(v_jobs);
  get diagnostics v_chunks = row_count;
  delete from private.job_nodes as nodes where nodes.job_id = any(v_jobs);
  delete from private.verdicts
  where verdicts.verdict <> 'disagreed' and verdicts.decided_at < private.current_time() - (
    select settings.chunk_lifetime from private.settings
  );
  return jsonb_build_object('jobs', cardinality(v_jobs), 'chunks', v_chunks);
end;
$$;

comment on function private.prune_finished_work() is
'Deletes the chunks of jobs that ended long ago; jobs and results stay. '
'Cron: simpool_prune_finished_work.';

create function private.prune_requests()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_nonces integer;
  v_uses integer;
  v_commands integer;
begin
  delete from private.nonces where nonces.expires_at < private.current_time();
  get diagnostics v_nonces = row_count;
  delete from private.rate_uses as uses where uses.allowed_from < private.current_time();
  get diagnostics v_uses = row_count;
  delete from private.node_commands as commands
  where commands.acknowledged_at < private.current_time() - (
    select settings.hint_lifetime from private.settings
  );
  get diagnostics v_commands = row_count;
  return jsonb_build_object(
    'nonces', v_nonces, 'rate_uses', v_uses, 'commands', v_commands
  );
end;
$$;

comment on function private.prune_requests() is
'Deletes nonces past their window, rate limits that nobody uses, and commands carried out long '
'ago. Cron: simpool_prune_requests.';

create function private.prune_history()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_runs integer := 0;
  v_hints integer := 0;
begin
  delete from cron.job_run_details as runs
  where runs.end_time < private.current_time() - (
    select settings.cron_history_lifetime from private.settings
  );
  get diagnostics v_runs = row_count;
  -- where the platform keeps this table to itself, it drops old partitions itself
  if has_table_privilege('realtime.messages', 'delete') then
    delete from realtime.messages as hints
    where hints.inserted_at < (private.current_time() at time zone 'utc') - (
      select settings.hint_lifetime from private.settings
    );
    get diagnostics v_hints = row_count;
  end if;
  return jsonb_build_object('cron_runs', v_runs, 'hints', v_hints);
end;
$$;

comment on function private.prune_history() is
'Deletes old runs of cron jobs and old Realtime hints. Cron: simpool_prune_history.';

create function private.schedule_maintenance()
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform cron.schedule(jobs.name, jobs.schedule, format('select private.%I()', jobs.routine))
  from (
    values
    ('simpool_requeue_expired_leases', '* * * * *', 'requeue_expired_leases'),
    ('simpool_purge_distrusted_nodes', '* * * * *', 'purge_distrusted_nodes'),
    ('simpool_review_checks', '* * * * *', 'review_checks'),
    ('simpool_mark_stale_nodes', '* * * * *', 'mark_stale_nodes_offline'),
    ('simpool_mark_silent_units', '* * * * *', 'mark_silent_units_offline'),
    ('simpool_fail_overdue_jobs', '* * * * *', 'fail_overdue_jobs'),
    ('simpool_reward_jobs', '* * * * *', 'reward_jobs'),
    ('simpool_post_earnings', '* * * * *', 'post_earnings'),
    ('simpool_deactivate_stale_devices', '* * * * *', 'deactivate_stale_devices'),
    ('simpool_delete_unclaimed_nodes', '*/5 * * * *', 'delete_unclaimed_nodes'),
    ('simpool_prune_requests', '*/5 * * * *', 'prune_requests'),
    ('simpool_sample_network', '*/5 * * * *', 'sample_network'),
    ('simpool_measure_nodes', '*/5 * * * *', 'measure_nodes'),
    ('simpool_prune_history', '17 * * * *', 'prune_history'),
    ('simpool_prune_finished_work', '37 * * * *', 'prune_finished_work'),
    ('simpool_delete_abandoned', '0 3 * * *', 'delete_abandoned')
  ) as jobs (name, schedule, routine);
  return (
    select format('%s maintenance jobs are scheduled.', count(*))
    from cron.job where job.jobname like 'simpool\_%'
  );
end;
$$;

comment on function private.schedule_maintenance() is
'Schedules all maintenance, in UTC. Idempotent: a job of the same name is replaced.';

-- Where pg_cron is preinstalled, or a stand-in for it, there is nothing to create.
do $$
begin
  if to_regprocedure('cron.schedule(text, text, text)') is null then
    create extension pg_cron with schema pg_catalog;
  end if;
end;
$$;

select private.schedule_maintenance();
