-- What is true of the pool between any two transactions. Tests ask after every case; an operator
-- may ask at any time, and waits for nobody. Each function names one kind of violation.

create function private.keeps_chunks(job public.sim_jobs)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return (keeps_chunks.job).completed_at is null or (keeps_chunks.job).completed_at >= (
    select private.current_time() - settings.chunk_lifetime from private.settings
  );
end;
$$;

comment on function private.keeps_chunks(public.sim_jobs) is
'Whether the job''s chunks are all there still, not pruned some time after its end.';

create function private.job_ranges()
returns table (job_id uuid, first_iteration bigint, end_iteration bigint, holder text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    chunks.job_id,
    chunks.seed_offset,
    chunks.seed_offset + chunks.iterations,
    case chunks.status when 'completed' then 'result' else 'lease' end
  from public.sim_chunks as chunks
  where chunks.status = 'completed'
    or chunks.status in ('pending', 'claimed', 'running') and chunks.purpose = 'work'
  union all
  select checks.job_id, checks.seed_offset, checks.seed_offset + checks.iterations, 'held result'
  from private.checks
  union all
  select
    ranges.job_id, ranges.seed_offset, ranges.seed_offset + ranges.iterations, 'reopened range'
  from private.reopened_ranges as ranges
  union all
  select uncut.job_id, uncut.next_iteration, uncut.end_iteration, 'uncut range'
  from (
    select ranges.job_id, ranges.end_iteration, private.next_iteration(ranges) as next_iteration
    from private.uncut_ranges as ranges
  ) as uncut
  where uncut.next_iteration < uncut.end_iteration;
end;
$$;

comment on function private.job_ranges() is
'Who answers for which iterations: a result, counted or held, a lease, or a range that waits.';

create function private.broken_tilings()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with pieces as (
    select
      ranges.*,
      max(ranges.end_iteration) over (
        partition by ranges.job_id
        order by ranges.first_iteration, ranges.end_iteration
        rows between unbounded preceding and 1 preceding
      ) as covered
    from private.job_ranges() as ranges
  )
  select
    pieces.job_id,
    format(
      'iterations from %s, of a %s, %s', pieces.first_iteration, pieces.holder,
      case
        when pieces.first_iteration < coalesce(pieces.covered, 0) then 'are held twice'
        else format('do not follow on %s', coalesce(pieces.covered, 0))
      end
    )
  from pieces
  join public.sim_jobs as jobs on jobs.id = pieces.job_id
  where pieces.first_iteration <> coalesce(pieces.covered, 0)
    -- past its end by the target error a job may have results that did not count, with gaps
    and (jobs.status <> 'completed' or pieces.first_iteration < jobs.completed_iterations)
  union all
  select jobs.id, format('ends at %s of %s iterations', coalesce(covered.iterations, 0), jobs.wanted)
  from (
    select
      sim_jobs.id,
      case sim_jobs.status
        when 'completed' then sim_jobs.completed_iterations else sim_jobs.total_iterations
      end as wanted,
      sim_jobs.status
    from public.sim_jobs
    where private.keeps_chunks(sim_jobs)
  ) as jobs
  left join (
    select ranges.job_id, max(ranges.end_iteration) as iterations
    from private.job_ranges() as ranges
    group by ranges.job_id
  ) as covered on covered.job_id = jobs.id
  where coalesce(covered.iterations, 0) < jobs.wanted
    or coalesce(covered.iterations, 0) > jobs.wanted and jobs.status <> 'completed';
end;
$$;

comment on function private.broken_tilings() is
'Jobs whose iterations are not each answered for exactly once.';

create function private.miscounted_jobs()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with results as (
    select chunks.job_id, count(*) as chunks, sum(chunks.iterations) as iterations
    from public.sim_chunks as chunks
    where chunks.status = 'completed'
    group by chunks.job_id
  ),
  merged as (
    select
      partials.job_id,
      sum(partials.chunks) as chunks,
      sum(partials.iterations) as iterations
    from private.job_partials as partials
    group by partials.job_id
  )
  select
    jobs.id,
    format(
      '%s iterations in %s results, but %s in %s are counted',
      coalesce(results.iterations, 0), coalesce(results.chunks, 0),
      coalesce(merged.iterations, 0), coalesce(merged.chunks, 0)
    )
  from public.sim_jobs as jobs
  left join results on results.job_id = jobs.id
  left join merged on merged.job_id = jobs.id
  where jobs.status <> 'completed'
    and private.keeps_chunks(jobs)
    and (coalesce(results.iterations, 0), coalesce(results.chunks, 0))
    <> (coalesce(merged.iterations, 0), coalesce(merged.chunks, 0))
  union all
  select jobs.id, 'the final result is not of its completed iterations, or has another digest'
  from public.sim_jobs as jobs
  where jobs.status = 'completed'
    and (
      (jobs.result #>> '{result,iterations}')::bigint <> jobs.completed_iterations
      or jobs.result ->> 'digest' <> private.result_digest(jobs.result -> 'result')
    );
end;
$$;

comment on function private.miscounted_jobs() is
'Jobs whose accepted results are not exactly what is merged.';

create function private.misplaced_work()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select chunks.job_id, format('is %s, but chunk %s is leased', jobs.status, chunks.id)
  from public.sim_chunks as chunks
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  where chunks.status in ('pending', 'claimed', 'running')
    and jobs.status not in ('pending', 'running')
  union all
  select chunks.job_id, format('chunk %s is leased to a node that is gone', chunks.id)
  from public.sim_chunks as chunks
  where chunks.status in ('pending', 'claimed', 'running')
    and not exists (select from public.nodes where nodes.id = chunks.node_id)
  union all
  select open.job_id, format('is %s, but offered to nodes', jobs.status)
  from private.open_jobs as open
  join public.sim_jobs as jobs on jobs.id = open.job_id
  where jobs.status not in ('pending', 'running')
  union all
  select jobs.id, 'is paused, but leased or offered to nodes'
  from public.sim_jobs as jobs
  where jobs.paused_at is not null
    and (
      exists (select from private.open_jobs as open where open.job_id = jobs.id)
      or exists (
        select from public.sim_chunks as chunks
        where chunks.job_id = jobs.id and chunks.status in ('pending', 'claimed', 'running')
      )
      or exists (
        select from private.checks where checks.job_id = jobs.id and checks.open > 0
      )
    )
  union all
  select jobs.id, 'has work for nodes, but is not offered to them'
  from public.sim_jobs as jobs
  where jobs.status in ('pending', 'running')
    and jobs.paused_at is null
    and not private.is_fully_leased(jobs.id)
    and not exists (select from private.open_jobs as open where open.job_id = jobs.id)
  union all
  select tails.job_id, format('is %s, but listed as at its end', jobs.status)
  from private.tail_jobs as tails
  join public.sim_jobs as jobs on jobs.id = tails.job_id
  where jobs.status not in ('pending', 'running')
    or exists (select from private.open_jobs as open where open.job_id = tails.job_id)
  union all
  select jobs.id, 'runs, but nothing of it is leased and nothing waits'
  from public.sim_jobs as jobs
  where jobs.status in ('pending', 'running')
    and private.is_fully_leased(jobs.id)
    and not exists (
      select from public.sim_chunks as chunks
      where chunks.job_id = jobs.id and chunks.status in ('pending', 'claimed', 'running')
    )
    and not exists (select from private.checks where checks.job_id = jobs.id)
  union all
  select jobs.id, 'is completed, but work of it is kept'
  from public.sim_jobs as jobs
  where jobs.status = 'completed'
    and (
      not private.is_fully_leased(jobs.id)
      or exists (select from private.job_partials as partials where partials.job_id = jobs.id)
    );
end;
$$;

comment on function private.misplaced_work() is
'Leases of jobs that ended, work that nobody is offered, offers of jobs that take no work.';

create function private.unpaired_rivals()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select chunks.job_id, format('chunk %s has no rival as it says', chunks.id)
  from public.sim_chunks as chunks
  where chunks.status in ('pending', 'claimed', 'running')
    and chunks.rival_id is not null
    and not exists (
      select from public.sim_chunks as rivals
      where rivals.id = chunks.rival_id
        and rivals.rival_id = chunks.id
        and rivals.status in ('pending', 'claimed', 'running')
        and (rivals.job_id, rivals.seed_offset) = (chunks.job_id, chunks.seed_offset)
        and (rivals.purpose, chunks.purpose)
        in (('work', 'speculation'), ('speculation', 'work'))
        and rivals.node_id <> chunks.node_id
    );
end;
$$;

comment on function private.unpaired_rivals() is
'Leases that say that their range is leased twice, to two nodes, when it is not.';

create function private.broken_checks()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select chunks.job_id, format('chunk %s is held, but its range is not checked', chunks.id)
  from public.sim_chunks as chunks
  where chunks.status = 'held'
    and not exists (
      select from private.checks
      where checks.job_id = chunks.job_id and checks.seed_offset = chunks.seed_offset
    )
  union all
  select chunks.job_id, format('chunk %s is confirmed, but no result like it counts', chunks.id)
  from public.sim_chunks as chunks
  where chunks.status = 'confirmed'
    and not exists (
      select from public.sim_chunks as counted
      where counted.job_id = chunks.job_id
        and counted.seed_offset = chunks.seed_offset
        and counted.status = 'completed'
        and counted.result_digest = chunks.result_digest
    )
  union all
  select
    checks.job_id,
    format(
      'iterations from %s are checked, %s', checks.seed_offset,
      case
        when not exists (
          select from public.sim_chunks as chunks
          where chunks.job_id = checks.job_id
            and chunks.seed_offset = checks.seed_offset
            and chunks.status = 'held'
        ) then 'but no result of them is held'
        when not private.is_live_job(checks.job_id) then 'but their job has ended'
        else 'but nobody runs them again or may'
      end
    )
  from private.checks
  where not private.is_live_job(checks.job_id)
    or checks.open = 0 and not private.is_paused(checks.job_id) and not exists (
      select from public.sim_chunks as chunks
      where chunks.job_id = checks.job_id
        and chunks.seed_offset = checks.seed_offset
        and chunks.status in ('pending', 'claimed', 'running')
    )
    or not exists (
      select from public.sim_chunks as chunks
      where chunks.job_id = checks.job_id
        and chunks.seed_offset = checks.seed_offset
        and chunks.status = 'held'
    );
end;
$$;

comment on function private.broken_checks() is
'Checks that nobody can decide, and results that are held or confirmed without one.';

create function private.believed_liars()
returns table (job_id uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    chunks.job_id,
    format('chunk %s is %s of node %s, which is quarantined', chunks.id, chunks.status, trust.node_id)
  from private.node_trust as trust
  join public.sim_chunks as chunks on chunks.node_id = trust.node_id
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  where trust.purged_at is not null
    and (
      chunks.status in ('pending', 'claimed', 'running', 'held')
      -- what was finished before is recorded
      or chunks.status = 'completed'
      and not exists (
        select from private.distrusted_results as results where results.chunk_id = chunks.id
      )
      and not exists (
        select from public.sim_chunks as others
        where others.job_id = chunks.job_id
          and others.seed_offset = chunks.seed_offset
          and others.status = 'confirmed'
      )
      and chunks.seed_offset < case jobs.status
        when 'completed' then jobs.completed_iterations else jobs.total_iterations
      end
    );
end;
$$;

comment on function private.believed_liars() is
'What purged nodes still hold, or alone contributed, and is neither taken back nor recorded.';

create function private.check_invariants()
returns table (subject uuid, problem text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select * from private.broken_tilings()
  union all
  select * from private.miscounted_jobs()
  union all
  select * from private.misplaced_work()
  union all
  select * from private.unpaired_rivals()
  union all
  select * from private.broken_checks()
  union all
  select * from private.believed_liars()
  union all
  select null::uuid, counts.problem from private.check_network_stats() as counts
  union all
  select * from private.reconcile_earnings();
end;
$$;

comment on function private.check_invariants() is
'Everything that is wrong with the pool''s books: no row when all is well. The subject is the job, '
'the compute unit, or null where it is the count of devices.';
