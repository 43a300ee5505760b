-- Taking back what a node contributed that was found to be wrong.

create function private.distrusted_nodes(job_id uuid)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    select nodes.node_id
    from private.job_nodes as nodes
    join private.node_trust as trust on trust.node_id = nodes.node_id
    where nodes.job_id = distrusted_nodes.job_id and trust.quarantined_at is not null
  );
end;
$$;

comment on function private.distrusted_nodes(uuid) is
'Quarantined nodes that had a part in the job.';

create function private.unconfirmed_results(job_id uuid, node_ids uuid[])
returns setof public.sim_chunks
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select chunks.*
  from public.sim_chunks as chunks
  where chunks.job_id = unconfirmed_results.job_id
    and chunks.node_id = any(unconfirmed_results.node_ids)
    and chunks.status = 'completed'
    and not exists (
      select from public.sim_chunks as others
      where others.job_id = chunks.job_id
        and others.seed_offset = chunks.seed_offset
        and others.status = 'confirmed'
        and others.node_id <> all(unconfirmed_results.node_ids)
    );
end;
$$;

comment on function private.unconfirmed_results(uuid, uuid[]) is
'What these nodes contributed to the job and nobody else confirmed.';

create function private.record_distrusted(chunks public.sim_chunks[], is_run_again boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.distrusted_results (
    node_id, job_id, chunk_id, seed_offset, iterations, is_run_again, distrusted_at
  )
  select
    results.node_id, results.job_id, results.id, results.seed_offset, results.iterations,
    record_distrusted.is_run_again, private.current_time()
  from unnest(record_distrusted.chunks) as results
  on conflict on constraint a_result_is_distrusted_once do nothing;
end;
$$;

comment on function private.record_distrusted(public.sim_chunks[], boolean) is
'Writes down results that counted and are not believed any more.';

create function private.unmerge(job_id uuid, chunk_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_touched uuid[];
begin
  with removed as (
    delete from private.job_partials as partials
    where partials.job_id = unmerge.job_id and partials.chunk_ids && unmerge.chunk_ids
    returning partials.chunk_ids
  )
  select array_agg(touched.id) into v_touched
  from removed cross join lateral unnest(removed.chunk_ids) as touched (id);
  if v_touched @> unmerge.chunk_ids then
    perform private.add_partials(array(
      select touched.id from unnest(v_touched) as touched (id)
      where touched.id <> all(unmerge.chunk_ids)
    ));
    return;
  end if;
  -- minima and maxima cannot be taken out of a merge: it is made anew from the results
  delete from private.job_partials as partials where partials.job_id = unmerge.job_id;
  perform private.add_partials(array(
    select chunks.id from public.sim_chunks as chunks
    where chunks.job_id = unmerge.job_id and chunks.status = 'completed'
  ));
end;
$$;

comment on function private.unmerge(uuid, uuid[]) is
'Takes results out of what is merged of a job. They do not count any more when it is called. The '
'caller holds the job.';

create function private.reopen_range(
  job_id uuid, seed_offset bigint, iterations bigint, lost_by uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.reopened_ranges (job_id, seed_offset, iterations, lost_by, reopened_at)
  values (
    reopen_range.job_id, reopen_range.seed_offset, reopen_range.iterations, reopen_range.lost_by,
    private.current_time()
  );
  if private.is_live_job(reopen_range.job_id) then
    perform private.open_job(reopen_range.job_id);
  end if;
end;
$$;

comment on function private.reopen_range(uuid, bigint, bigint, uuid) is
'Offers a range of the job to nodes again. The caller holds the job.';

create function private.discard_results(job_id uuid, node_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunks public.sim_chunks[] := array(
    select chunks
    from private.unconfirmed_results(discard_results.job_id, discard_results.node_ids) as chunks
  );
  v_chunk public.sim_chunks;
begin
  perform private.record_distrusted(v_chunks, true);
  foreach v_chunk in array v_chunks loop
    -- and the like of it by others of these nodes
    perform private.reject_held(results.id, 'its node computed another result elsewhere')
    from public.sim_chunks as results
    where results.job_id = v_chunk.job_id
      and results.seed_offset = v_chunk.seed_offset
      and results.status in ('completed', 'confirmed');
    perform private.reopen_range(
      v_chunk.job_id, v_chunk.seed_offset, v_chunk.iterations, v_chunk.node_id
    );
  end loop;
  if cardinality(v_chunks) > 0 then
    perform private.unmerge(
      discard_results.job_id, array(select chunks.id from unnest(v_chunks) as chunks)
    );
  end if;
  return cardinality(v_chunks);
end;
$$;

comment on function private.discard_results(uuid, uuid[]) is
'Takes out of the job what these nodes alone contributed, to be run again; answers how many '
'results it was. The caller holds the job.';

create function private.drop_check(checked private.checks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_running uuid[];
begin
  with superseded as (
    update public.sim_chunks as chunks
    set status = 'failed', failure = 'superseded', failed_at = private.current_time()
    where chunks.job_id = (drop_check.checked).job_id
      and chunks.seed_offset = (drop_check.checked).seed_offset
      and chunks.status in ('pending', 'claimed', 'running')
    returning chunks.id
  )
  select array_agg(superseded.id) into v_running from superseded;
  perform private.push_cancel(v_running);
  delete from private.checks
  where checks.job_id = (drop_check.checked).job_id
    and checks.seed_offset = (drop_check.checked).seed_offset;
  perform private.reopen_range(
    (drop_check.checked).job_id, (drop_check.checked).seed_offset, (drop_check.checked).iterations,
    null
  );
end;
$$;

comment on function private.drop_check(private.checks) is
'Forgets a check of which no opinion is left, and offers its range anew. The caller holds the job.';

create function private.discard_opinions(job_id uuid, node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
  v_check private.checks;
begin
  for v_chunk in
    select chunks.*
    from private.checks
    join public.sim_chunks as chunks
      on chunks.job_id = checks.job_id and chunks.seed_offset = checks.seed_offset
    where checks.job_id = discard_opinions.job_id
      and chunks.node_id = any(discard_opinions.node_ids)
      and chunks.status = 'held'
  loop
    perform private.reject_held(v_chunk.id, 'its node computed another result elsewhere');
    v_check := private.find_check(v_chunk.job_id, v_chunk.seed_offset);
    if exists (select from private.opinions(v_chunk.job_id, v_chunk.seed_offset)) then
      perform private.decide_check(v_chunk.job_id, v_chunk.seed_offset);
    else
      perform private.drop_check(v_check);
    end if;
  end loop;
end;
$$;

comment on function private.discard_opinions(uuid, uuid[]) is
'Takes back what these nodes handed in and is held still. The caller holds the job.';

create function private.revoke_leases_of(job_id uuid, node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
begin
  for v_chunk in
    select chunks.*
    from public.sim_chunks as chunks
    where chunks.job_id = revoke_leases_of.job_id
      and chunks.node_id = any(revoke_leases_of.node_ids)
      and chunks.status in ('pending', 'claimed', 'running')
  loop
    perform private.end_lease(v_chunk, 'distrusted', null);
    perform private.push_cancel(array[v_chunk.id]);
  end loop;
end;
$$;

comment on function private.revoke_leases_of(uuid, uuid[]) is
'Takes leases of the job away from these nodes. The caller holds the job.';

create function private.discard_distrusted(job_id uuid)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_nodes uuid[] := private.distrusted_nodes(discard_distrusted.job_id);
  v_count bigint;
begin
  if cardinality(v_nodes) = 0 then
    return 0;
  end if;
  perform private.revoke_leases_of(discard_distrusted.job_id, v_nodes);
  v_count := private.discard_results(discard_distrusted.job_id, v_nodes);
  perform private.discard_opinions(discard_distrusted.job_id, v_nodes);
  delete from private.job_nodes as nodes
  where nodes.job_id = discard_distrusted.job_id and nodes.node_id = any(v_nodes);
  -- a version that only they had must not bind the others
  update public.sim_jobs as jobs
  set engine_version = null
  where jobs.id = discard_distrusted.job_id
    and not exists (
      select from public.sim_chunks as chunks
      where chunks.job_id = jobs.id and chunks.status in ('completed', 'held')
    );
  if found then
    update private.open_jobs as open
    set engine_versions = private.accepted_versions(jobs)
    from public.sim_jobs as jobs
    where open.job_id = discard_distrusted.job_id and jobs.id = open.job_id;
  end if;
  return v_count;
end;
$$;

comment on function private.discard_distrusted(uuid) is
'Takes out of a job that is not finished what quarantined nodes alone contributed, their leases '
'and their opinions; answers how many results it was. The caller holds the job.';

create function private.flag_finished_job(job_id uuid, node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.record_distrusted(
    array(
      select results
      from private.unconfirmed_results(flag_finished_job.job_id, flag_finished_job.node_ids)
        as results
      join public.sim_jobs as jobs on jobs.id = results.job_id
      -- what is past the end by the target error did not count
      where results.seed_offset < jobs.completed_iterations
    ), false
  );
  insert into private.disputed_chunks (chunk_id, job_id, reason)
  select results.chunk_id, results.job_id, 'its node was found to be wrong'
  from private.distrusted_results as results
  where results.job_id = flag_finished_job.job_id
  on conflict on constraint disputed_chunks_pkey do nothing;
  update public.sim_jobs as jobs
  set distrusted_iterations = (
    select coalesce(sum(results.iterations), 0)
    from private.distrusted_results as results
    where results.job_id = jobs.id and not results.is_run_again
  )
  where jobs.id = flag_finished_job.job_id;
  delete from private.job_nodes as nodes
  where nodes.job_id = flag_finished_job.job_id and nodes.node_id = any(flag_finished_job.node_ids);
end;
$$;

comment on function private.flag_finished_job(uuid, uuid[]) is
'Records how much of a finished result these nodes alone contributed. The caller holds the job.';

create function private.nodes_to_purge(quantity integer)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    select trust.node_id
    from private.node_trust as trust
    where trust.quarantined_at is not null and trust.purged_at is null
    order by trust.node_id
    limit nodes_to_purge.quantity
  );
end;
$$;

comment on function private.nodes_to_purge(integer) is
'Quarantined nodes whose contributions were not looked through yet.';

create function private.purge_distrusted_nodes(quantity integer default 10)
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
  v_jobs_max constant integer := 100;
  v_nodes uuid[] := private.nodes_to_purge(purge_distrusted_nodes.quantity);
  v_jobs uuid[];
  v_job_id uuid;
begin
  v_jobs := array(
    select parts.job_id
    from (
      select nodes.job_id from private.job_nodes as nodes where nodes.node_id = any(v_nodes)
      union
      select chunks.job_id from public.sim_chunks as chunks
      where chunks.node_id = any(v_nodes) and chunks.status in ('pending', 'claimed', 'running')
      limit v_jobs_max
    ) as parts
    order by private.job_lock_key(parts.job_id)
  );
  foreach v_job_id in array v_jobs loop
    perform private.hold_job(v_job_id);
  end loop;
  perform private.lock_trust(v_nodes || private.holders_of_checks(v_jobs));
  foreach v_job_id in array v_jobs loop
    if private.is_completed_job(v_job_id) then
      perform private.flag_finished_job(v_job_id, v_nodes);
    else
      perform private.revoke_leases_of(v_job_id, v_nodes);
      perform private.discard_distrusted(v_job_id);
    end if;
  end loop;
  -- what was rewarded of it is taken back when rewards are counted again
  insert into private.uncredited_jobs (job_id)
  select jobs.id from unnest(v_jobs) as jobs (id)
  on conflict on constraint uncredited_jobs_pkey do nothing;
  -- with more jobs than that, the next call goes on
  update private.node_trust as trust
  set purged_at = private.current_time()
  where trust.node_id = any(v_nodes) and cardinality(v_jobs) < v_jobs_max;
  perform private.suspect_siblings(v_nodes);
  foreach v_job_id in array v_jobs loop
    perform private.dispatch_job(v_job_id, settings.dispatch_nodes_per_exchange)
    from private.settings;
  end loop;
  return cardinality(v_nodes);
end;
$$;

comment on function private.purge_distrusted_nodes(integer) is
'Takes what quarantined nodes alone contributed out of all jobs that run, and records what was in '
'finished ones. Run by cron job simpool_purge_distrusted_nodes and by nodes; waits for jobs, so '
'call it holding none.';

create function private.is_completed_job(job_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.sim_jobs as jobs
    where jobs.id = is_completed_job.job_id and jobs.status = 'completed'
  );
end;
$$;

comment on function private.is_completed_job(uuid) is 'Whether the job has its result.';

create function private.holders_of_checks(job_ids uuid[])
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    select distinct chunks.node_id
    from private.checks
    join public.sim_chunks as chunks
      on chunks.job_id = checks.job_id and chunks.seed_offset = checks.seed_offset
    where checks.job_id = any(holders_of_checks.job_ids) and chunks.status = 'held'
  );
end;
$$;

comment on function private.holders_of_checks(uuid[]) is
'The nodes whose results are held in these jobs. The caller holds the jobs.';

create function private.suspect_siblings(node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.node_trust as trust
  set agreements = 0
  where trust.agreements > 0
    and trust.node_id = any(array(
      select suspects.node_id
      from private.node_trust as suspects
      join public.nodes as siblings on siblings.id = suspects.node_id
      join public.nodes as liars on liars.user_id = siblings.user_id
      where liars.id = any(suspect_siblings.node_ids)
      order by suspects.node_id
      for update of suspects skip locked
    ));
end;
$$;

comment on function private.suspect_siblings(uuid[]) is
'The other nodes of the owners of these nodes have to earn their trust again.';

create function private.pardon_node(node_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.node_trust as trust
  set agreements = 0, quarantined_at = null, purged_at = null, failures = 0, backoffs = 0,
    backed_off_until = null
  where trust.node_id = pardon_node.node_id
    and (trust.quarantined_at is not null or trust.backed_off_until is not null);
  return found;
end;
$$;

comment on function private.pardon_node(uuid) is
'For the operator: gives a quarantined or backed-off node work again, as if it were new.';
