-- What becomes of each chunk that a node hands in, and then of its job.

create function private.settle_good_result(
  chunk public.sim_chunks, item private.finished_chunk, drawn private.drawn_check
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_check private.checks := private.find_check(
    (settle_good_result.chunk).job_id, (settle_good_result.chunk).seed_offset
  );
begin
  if v_check.job_id is not null then
    perform private.add_opinion(settle_good_result.item, v_check);
    perform private.note_contribution(
      (settle_good_result.chunk).node_id, array[settle_good_result.item]
    );
    return;
  end if;
  if (settle_good_result.chunk).status = 'failed'
    or (settle_good_result.chunk).rival_id is not null
  then
    perform private.withdraw_range(settle_good_result.chunk);
  end if;
  if (settle_good_result.drawn).chunk_id is not null then
    perform private.hold_result(
      settle_good_result.chunk, settle_good_result.item, settle_good_result.drawn
    );
    perform private.note_contribution(
      (settle_good_result.chunk).node_id, array[settle_good_result.item]
    );
  else
    perform private.accept_result(
      (settle_good_result.chunk).node_id, settle_good_result.item
    );
  end if;
end;
$$;

comment on function private.settle_good_result(
  public.sim_chunks, private.finished_chunk, private.drawn_check
) is
'Counts a result, holds it to be checked, or takes it as the opinion on one that is held.';

create function private.may_run_job(job_id uuid, node_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return not private.is_barred(may_run_job.job_id, may_run_job.node_id) and (
    select private.has_engine(nodes, may_run_job.job_id)
    from public.nodes where nodes.id = may_run_job.node_id
  );
end;
$$;

comment on function private.may_run_job(uuid, uuid) is
'Whether the job would be leased to the node again, by the version of its engine that it says it '
'has.';

create function private.settle_result(
  chunk public.sim_chunks,
  item private.finished_chunk,
  drawn private.drawn_check,
  alone boolean
)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_problem text := (settle_result.item).problem;
begin
  if (settle_result.chunk).status in ('held', 'completed', 'confirmed') then
    return case
      when (settle_result.chunk).result_digest = (settle_result.item).digest then 'duplicate'
      else 'different_result'
    end;
  end if;
  if not private.is_live_job((settle_result.chunk).job_id)
    or private.is_completed_range(
      (settle_result.chunk).job_id, (settle_result.chunk).seed_offset
    )
  then
    return 'stale';
  end if;
  if v_problem is null and not private.pin_engine_version(
    settle_result.chunk, (settle_result.item).result ->> 'engine_version'
  ) then
    v_problem := 'engine_version';
  end if;
  if v_problem is null then
    perform private.settle_good_result(
      settle_result.chunk, settle_result.item, settle_result.drawn
    );
    return 'accepted';
  end if;
  -- reopening needs the job alone; else the lease stays, and the next hand-in reopens it
  if not settle_result.alone or (settle_result.chunk).status = 'failed' then
    return v_problem;
  end if;
  if v_problem = 'engine_version' and not private.may_run_job(
    (settle_result.chunk).job_id, (settle_result.chunk).node_id
  ) then
    -- it did not say that it had another: the job was decided while it ran
    perform private.end_lease(
      settle_result.chunk, 'released', 'the result was rejected: engine_version'
    );
  else
    perform private.forget_agreements((settle_result.chunk).node_id);
    perform private.fail_chunk(
      settle_result.chunk, 'rejected', 'the result was rejected: ' || v_problem, true
    );
  end if;
  return v_problem;
end;
$$;

comment on function private.settle_result(
  public.sim_chunks, private.finished_chunk, private.drawn_check, boolean
) is
'accepted, duplicate, stale, or why the result is rejected.';

create function private.settle_failure(chunk public.sim_chunks, item private.finished_chunk)
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  if (settle_failure.chunk).status in ('held', 'completed', 'confirmed')
    or not private.is_live_job((settle_failure.chunk).job_id)
  then
    return 'stale';
  end if;
  if (settle_failure.chunk).status = 'failed' then
    return 'duplicate';
  end if;
  perform private.fail_chunk(
    settle_failure.chunk,
    case (settle_failure.item).status when 'released' then 'released' else 'error' end,
    (settle_failure.item).error,
    (settle_failure.item).retryable or (settle_failure.item).status = 'released'
  );
  return 'accepted';
end;
$$;

comment on function private.settle_failure(public.sim_chunks, private.finished_chunk) is
'accepted, duplicate or stale: a lease given back, or lost to an error.';

create function private.settle_chunk(
  item private.finished_chunk, drawn private.drawn_check, alone boolean
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
  v_outcome text := 'unknown_lease';
begin
  if (settle_chunk.item).job_id is not null then
    select * into strict v_chunk
    from public.sim_chunks as chunks where chunks.id = (settle_chunk.item).chunk_id;
    v_outcome := case
      when (settle_chunk.item).status = 'completed'
        then private.settle_result(
          v_chunk, settle_chunk.item, settle_chunk.drawn, settle_chunk.alone
        )
      else private.settle_failure(v_chunk, settle_chunk.item)
    end;
  end if;
  if v_outcome in ('accepted', 'duplicate', 'stale') then
    return jsonb_build_object(
      'chunk_id', (settle_chunk.item).chunk_id, 'outcome', v_outcome
    );
  end if;
  return jsonb_build_object(
    'chunk_id', (settle_chunk.item).chunk_id, 'outcome', 'rejected', 'reason', v_outcome
  );
end;
$$;

comment on function private.settle_chunk(
  private.finished_chunk, private.drawn_check, boolean
) is
'Settles one lease and says what came of it. The caller has its job locked.';

create function private.advance_job(job_id uuid, accepted uuid[], alone boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_last integer;
begin
  if advance_job.alone then
    v_last := private.last_segment(advance_job.job_id);
    if v_last is not null and private.is_live_job(advance_job.job_id) then
      if private.discard_distrusted(advance_job.job_id) = 0 then
        perform private.finish_job(advance_job.job_id, v_last);
      end if;
      return;
    end if;
  end if;
  perform private.fold_job(advance_job.job_id, segments.segment, segments.accepted)
  from (
    select (chunks.seed_offset / jobs.segment_iterations)::integer as segment, count(*) as accepted
    from private.find_chunks(advance_job.accepted) as chunks
    join public.sim_jobs as jobs on jobs.id = chunks.job_id
    group by 1
  ) as segments;
  perform private.report_progress(advance_job.job_id);
end;
$$;

comment on function private.advance_job(uuid, uuid[], boolean) is
'After results were accepted: finishes the job if they were the last, else folds and reports.';

create function private.refuse_results(items private.finished_chunk[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select jsonb_agg(
      jsonb_build_object(
        'chunk_id', items.chunk_id, 'outcome', 'rejected', 'reason', 'quarantined'
      ) order by items.position
    )
    from unnest(refuse_results.items) as items
  );
end;
$$;

comment on function private.refuse_results(private.finished_chunk[]) is
'What a quarantined node is told. Its leases are taken away by whoever purges it.';
