-- What a node hands in, settled together. Nearly always it is good results of live leases, of jobs
-- that run and have more to lease: then their jobs are shared, and all that one of them gets is
-- counted by one statement. Anything else is settled one by one.

create type private.settlement as (outcomes jsonb, jobs private.known_job array, is_plain boolean);

create type private.result_batch as (
  job private.known_job,
  chunk_ids uuid array,
  results jsonb array,
  digests text array
);

create function private.plain_chunks(chunk_ids uuid[])
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    select leases.id
    from unnest(plain_chunks.chunk_ids) as named (id)
    cross join lateral (
      select chunks.id, chunks.status, chunks.purpose, chunks.rival_id
      from public.sim_chunks as chunks
      where chunks.id = named.id
      -- kept apart: by their status, the planner would like the index of all that is leased
      offset 0
    ) as leases
    where leases.status in ('pending', 'claimed', 'running')
      and leases.purpose = 'work'
      and leases.rival_id is null
  );
end;
$$;

comment on function private.plain_chunks(uuid[]) is
'Of these chunks the live leases that alone answer for their range, so that nothing of it can have '
'been handed in. The caller has their jobs locked.';

create function private.batch_results(
  job private.known_job, items private.finished_chunk[], chunk_ids uuid[]
)
returns private.result_batch
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_batch private.result_batch;
begin
  select
    batch_results.job,
    array_agg(items.chunk_id),
    array_agg(items.result),
    array_agg(items.digest)
  into v_batch
  from unnest(batch_results.items) as items
  where items.job_id = (batch_results.job).id
    and items.chunk_id = any(batch_results.chunk_ids)
    and items.result ->> 'engine_version' = (batch_results.job).engine_version;
  return v_batch;
end;
$$;

comment on function private.batch_results(
  private.known_job, private.finished_chunk[], uuid[]
) is
'What of these chunks is handed in of one job, by the version of the engine that it takes.';

create function private.undrawn_results(
  job private.known_job,
  items private.finished_chunk[],
  probability double precision,
  lot bigint
)
returns private.result_batch
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_batch private.result_batch;
begin
  select
    undrawn_results.job,
    array_agg(items.chunk_id),
    array_agg(items.result),
    array_agg(items.digest)
  into v_batch
  from unnest(undrawn_results.items) as items
  where items.job_id = (undrawn_results.job).id
    and not private.draw(undrawn_results.probability, items.chunk_id, undrawn_results.lot);
  return v_batch;
end;
$$;

comment on function private.undrawn_results(
  private.known_job, private.finished_chunk[], double precision, bigint
) is
'What is handed in of one job, but for what is drawn to be checked.';

create function private.count_results(
  node_id uuid, batch private.result_batch, moment timestamptz
)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job constant private.known_job := (count_results.batch).job;
  v_chunk_ids constant uuid[] := (count_results.batch).chunk_ids;
  v_results constant jsonb[] := (count_results.batch).results;
  v_digests constant text[] := (count_results.batch).digests;
  v_partial_id bigint;
begin
  -- by id, and each looks up its own: joined with what was handed in, chunks might be read whole
  with counted as (
    update public.sim_chunks as chunks
    set
      status = 'completed',
      result = v_results[array_position(v_chunk_ids, chunks.id)],
      result_digest = v_digests[array_position(v_chunk_ids, chunks.id)],
      claimed_at = coalesce(chunks.claimed_at, count_results.moment),
      completed_at = count_results.moment
    where chunks.id = any(v_chunk_ids)
    returning
      chunks.id, chunks.seed_offset, chunks.iterations,
      chunks.result #> array['metrics', chunks.result ->> 'primary'] as metric
  ),
  waiting as (
    insert into private.job_partials (
      job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_ids
    )
    select
      v_job.id,
      counted.seed_offset / v_job.segment_iterations,
      0,
      count(*),
      sum(counted.iterations),
      sum((counted.metric -> 'n')::numeric),
      sum((counted.metric ->> 'sum')::numeric),
      sum((counted.metric ->> 'sum_squares')::numeric),
      array_agg(counted.id)
    from counted
    group by 2
    returning id
  )
  select max(waiting.id) into v_partial_id from waiting;
  if not v_job.has_node then
    insert into private.job_nodes (job_id, node_id) values (v_job.id, count_results.node_id)
    on conflict on constraint job_nodes_pkey do nothing;
  end if;
  return v_partial_id;
end;
$$;

comment on function private.count_results(uuid, private.result_batch, timestamptz) is
'Counts results of one job, each once: a range can be completed by one row only. Answers the row '
'in which they wait to be merged, or one of them. The caller shares or holds the job.';

create function private.merge_batch(partial_id bigint, batch private.result_batch)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.job_partials as partials
  set
    level = 1,
    chunk_ids = null,
    result = private.merge_all((merge_batch.batch).results),
    shares = private.shares_of_chunks((merge_batch.batch).chunk_ids)
  where partials.id = merge_batch.partial_id;
end;
$$;

comment on function private.merge_batch(bigint, private.result_batch) is
'Merges results that are many already when they are handed in, and all of one segment.';

create function private.share_plain_jobs(
  node_id uuid,
  owner_id uuid,
  handed_in private.handed_in,
  lot bigint,
  settings private.settings
)
returns private.result_batch[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job_ids uuid[] := (share_plain_jobs.handed_in).job_ids;
  v_chunk_ids constant uuid[] := (share_plain_jobs.handed_in).chunk_ids;
  v_job_id uuid;
  v_job private.known_job;
  v_jobs private.known_job[] := array[]::private.known_job[];
  v_trust private.node_trust;
  v_batches private.result_batch[] := array[]::private.result_batch[];
begin
  if cardinality(v_job_ids) > 1 then
    v_job_ids := array(
      select jobs.id from unnest(v_job_ids) as jobs (id) order by private.job_lock_key(jobs.id)
    );
  end if;
  foreach v_job_id in array v_job_ids loop
    perform private.share_job(v_job_id);
    v_job := private.known_job(v_job_id, share_plain_jobs.node_id);
    if v_job.status is distinct from 'running'
      or v_job.engine_version is distinct from (share_plain_jobs.handed_in).engine_version
      or v_job.has_target
      or v_job.replication > 1
      or not v_job.has_uncut and not v_job.has_reopened
    then
      raise sqlstate 'SP001' using message = 'this job must be held, or has ended';
    end if;
    v_jobs := v_jobs || v_job;
  end loop;
  v_trust := private.trust_of(share_plain_jobs.node_id);
  -- they were read before the jobs were shared; a chunk that is named twice counts once
  if v_trust.quarantined_at is not null
    or cardinality(private.plain_chunks(v_chunk_ids)) < cardinality(v_chunk_ids)
    or cardinality(v_chunk_ids) > 1
    and (select count(distinct chunks.id) < count(*) from unnest(v_chunk_ids) as chunks (id))
  then
    raise sqlstate 'SP001' using message = 'a lease has ended meanwhile';
  end if;
  foreach v_job in array v_jobs loop
    v_batches := v_batches || private.undrawn_results(
      v_job,
      (share_plain_jobs.handed_in).items,
      private.check_probability(
        v_trust, v_job.user_id = share_plain_jobs.owner_id, share_plain_jobs.settings
      ),
      share_plain_jobs.lot
    );
  end loop;
  perform private.note_success(v_trust);
  return v_batches;
end;
$$;

comment on function private.share_plain_jobs(
  uuid, uuid, private.handed_in, bigint, private.settings
) is
'Shares the jobs of good results of live leases and answers those of them, by job, that nobody '
'checks. Raises SP001 if sharing is not enough: leaving the block that catches it gives the locks '
'back.';

create function private.settle_drawn(
  node_id uuid, items private.finished_chunk[], batches private.result_batch[]
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids constant uuid[] := array(
    select items.chunk_id from unnest(settle_drawn.items) as items
    where not exists (
      select from unnest(settle_drawn.batches) as batches
      where items.chunk_id = any(batches.chunk_ids)
    )
  );
  v_drawn private.drawn_check[];
begin
  v_drawn := private.place_checks(v_ids, settle_drawn.node_id, nodes.user_id)
  from public.nodes where nodes.id = settle_drawn.node_id;
  perform private.settle_chunk(
    handed_in,
    (select drawn from unnest(v_drawn) as drawn where drawn.chunk_id = handed_in.chunk_id), false
  )
  from unnest(settle_drawn.items) as handed_in
  where handed_in.chunk_id = any(v_ids);
end;
$$;

comment on function private.settle_drawn(
  uuid, private.finished_chunk[], private.result_batch[]
) is
'Holds the good results that are in no batch, for they were drawn; counts those that nobody else '
'could check. The caller shares their jobs.';

create function private.settle_each(
  node_id uuid, items private.finished_chunk[], lot bigint, moment timestamptz
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_held constant uuid[] := private.lock_jobs(settle_each.items);
  v_trust constant private.node_trust := private.trust_of(settle_each.node_id);
  v_drawn private.drawn_check[];
  v_batch private.result_batch;
  v_counted uuid[] := array[]::uuid[];
  v_accepted uuid[];
  v_outcomes jsonb[] := array[]::jsonb[];
  v_item private.finished_chunk;
  v_job record;
begin
  if v_trust.quarantined_at is not null then
    return private.refuse_results(settle_each.items);
  end if;
  v_drawn := private.draw_checks(
    v_trust, settle_each.node_id, settle_each.items, settle_each.lot
  );
  foreach v_batch in array private.plain_results(settle_each.node_id, settle_each.items, v_drawn)
  loop
    perform private.count_results(settle_each.node_id, v_batch, settle_each.moment);
    v_counted := v_counted || v_batch.chunk_ids;
  end loop;
  v_accepted := v_counted;
  if cardinality(v_counted) < cardinality(settle_each.items) then
    perform private.lock_checks(settle_each.items);
  end if;

  foreach v_item in array settle_each.items loop
    if v_item.chunk_id = any(v_counted) then
      v_outcomes[v_item.position] := jsonb_build_object(
        'chunk_id', v_item.chunk_id, 'outcome', 'accepted'
      );
      continue;
    end if;
    v_outcomes[v_item.position] := private.settle_chunk(
      v_item,
      (select drawn from unnest(v_drawn) as drawn where drawn.chunk_id = v_item.chunk_id limit 1),
      v_item.job_id = any(v_held)
    );
    if v_item.status = 'completed' and v_outcomes[v_item.position] ->> 'outcome' = 'accepted' then
      v_accepted := v_accepted || v_item.chunk_id;
    end if;
  end loop;
  if cardinality(v_accepted) > 0 then
    perform private.note_success(v_trust);
  end if;
  for v_job in
    select chunks.job_id, array_agg(chunks.id) as accepted
    from private.find_chunks(v_accepted) as chunks
    group by chunks.job_id
    order by private.job_lock_key(chunks.job_id)
  loop
    perform private.advance_job(v_job.job_id, v_job.accepted, v_job.job_id = any(v_held));
  end loop;
  return to_jsonb(v_outcomes);
end;
$$;

comment on function private.settle_each(
  uuid, private.finished_chunk[], bigint, timestamptz
) is
'Settles what a node hands in, whatever it is; answers the outcome of each, in order.';

create function private.plain_results(
  node_id uuid, items private.finished_chunk[], drawn private.drawn_check[]
)
returns private.result_batch[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
  v_job_id uuid;
  v_job private.known_job;
  v_batch private.result_batch;
  v_batches private.result_batch[] := array[]::private.result_batch[];
begin
  v_ids := private.plain_chunks(array(
    select items.chunk_id
    from unnest(plain_results.items) as items
    group by items.chunk_id
    having count(*) = 1 and bool_and(items.is_plain and items.problem is null)
  ));
  for v_job_id in
    select distinct items.job_id from unnest(plain_results.items) as items
    where items.chunk_id = any(v_ids)
  loop
    v_job := private.known_job(v_job_id, plain_results.node_id);
    continue when (v_job.status in ('pending', 'running')) is not true;
    v_batch := private.batch_results(v_job, plain_results.items, array(
      select chunks.id from unnest(v_ids) as chunks (id)
      where not exists (
        select from unnest(plain_results.drawn) as drawn where drawn.chunk_id = chunks.id
      )
    ));
    if v_batch.chunk_ids is not null then
      v_batches := v_batches || v_batch;
    end if;
  end loop;
  return v_batches;
end;
$$;

comment on function private.plain_results(
  uuid, private.finished_chunk[], private.drawn_check[]
) is
'Of what is handed in the good results of live leases that nobody checks, by job. The caller has '
'the jobs locked.';

create function private.settle(
  node_id uuid, owner_id uuid, finished jsonb, moment timestamptz, settings private.settings
)
returns private.settlement
language plpgsql
volatile
set search_path = ''
as $$
declare
  -- so many calls pass between two looks for what is to be merged
  v_rest constant integer := greatest(1, (settle.settings).fold_size / 4);
  v_lot constant bigint := private.lot();
  v_handed_in constant private.handed_in := private.read_finished(
    settle.node_id, settle.finished, true
  );
  v_batches private.result_batch[];
  v_batch private.result_batch;
  v_jobs private.known_job[] := array[]::private.known_job[];
  v_counted integer := 0;
  v_partial_id bigint;
begin
  if v_handed_in.is_plain then
    -- nothing is written in the block: it only gives locks back
    begin
      v_batches := private.share_plain_jobs(
        settle.node_id, settle.owner_id, v_handed_in, v_lot, settle.settings
      );
    exception
      when sqlstate 'SP001' then v_batches := null;
    end;
  end if;
  if v_batches is null then
    return row(
      private.settle_each(settle.node_id, v_handed_in.items, v_lot, settle.moment), v_jobs, false
    );
  end if;
  foreach v_batch in array v_batches loop
    if v_batch.chunk_ids is not null then
      v_partial_id := private.count_results(settle.node_id, v_batch, settle.moment);
      if cardinality(v_batch.chunk_ids) > v_rest then
        perform private.merge_batch(v_partial_id, v_batch);
      end if;
      if hashint8(v_partial_id) % v_rest = 0 then
        perform private.fold_job(
          (v_batch.job).id, 0, cardinality(v_batch.chunk_ids) * v_rest
        );
      end if;
      v_counted := v_counted + cardinality(v_batch.chunk_ids);
    end if;
    if coalesce(
      (v_batch.job).progress_at <= settle.moment - (settle.settings).progress_period, true
    ) then
      perform private.report_progress((v_batch.job).id);
    end if;
    v_jobs := v_jobs || v_batch.job;
  end loop;
  if v_counted < cardinality(v_handed_in.chunk_ids) then
    perform private.settle_drawn(settle.node_id, v_handed_in.items, v_batches);
  end if;
  return row(
    (
      -- as text, which is sooner read than so many objects are built
      select format('[%s]', string_agg(
        concat('{"chunk_id": "', chunks.id, '", "outcome": "accepted"}'), ', '
      ))::jsonb
      from unnest(v_handed_in.chunk_ids) as chunks (id)
    ),
    v_jobs,
    v_counted = cardinality(v_handed_in.chunk_ids)
  );
end;
$$;

comment on function private.settle(uuid, uuid, jsonb, timestamptz, private.settings) is
'Settles everything a node hands in: the outcome of each, in order, what is known of the jobs that '
'are shared now, and whether all results were just counted.';
