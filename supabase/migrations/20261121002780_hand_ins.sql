-- What a node hands in, read once: what each chunk is, and whether its result can be right.

create type private.finished_chunk as (
  position bigint,
  chunk_id uuid,
  lease_token uuid,
  status text,
  result jsonb,
  digest text,
  error text,
  retryable boolean,
  job_id uuid,
  problem text,
  is_plain boolean
);

create type private.handed_in as (
  items private.finished_chunk array,
  chunk_ids uuid array,
  job_ids uuid array,
  engine_version text,
  is_well_formed boolean,
  is_plain boolean
);

create function private.read_finished(node_id uuid, finished jsonb, is_trusting boolean)
returns private.handed_in
language plpgsql
stable
set search_path = ''
as $$
declare
  v_largest constant numeric := 9007199254740991;
  v_handed_in private.handed_in;
begin
  select
    array_agg(row(
      items.position,
      items.chunk_id,
      items.lease_token,
      items.status,
      results.result,
      case when results.result is not null then private.result_digest(results.result) end,
      left(items.item ->> 'error', 2000),
      coalesce((items.item ->> 'retryable')::boolean, true),
      leases.job_id,
      case
        when results.is_sound is not true
          and leases.job_id is not null
          and items.status = 'completed'
          then private.result_problem(
            results.result, leases.iterations, leases.seed_offset, configs.engine
          )
      end,
      coalesce(leases.is_plain and items.status = 'completed', false)
    )::private.finished_chunk),
    array_agg(items.chunk_id),
    array_agg(distinct leases.job_id),
    case
      when min(results.result ->> 'engine_version') = max(results.result ->> 'engine_version')
        then min(results.result ->> 'engine_version')
    end,
    bool_and(
      items.chunk_id is not null
      and items.lease_token is not null
      and coalesce(items.status in ('completed', 'failed', 'released'), false)
      and coalesce(jsonb_typeof(items.item -> 'retryable'), 'null') in ('boolean', 'null')
      and items.item - array[
        'chunk_id', 'lease_token', 'status', 'result', 'error', 'retryable'
      ] = '{}'
    ),
    bool_and(coalesce(results.is_sound and leases.is_plain, false))
  into v_handed_in
  from (
    select
      elements.position,
      elements.item,
      (elements.item ->> 'chunk_id')::uuid as chunk_id,
      (elements.item ->> 'lease_token')::uuid as lease_token,
      elements.item ->> 'status' as status
    from jsonb_array_elements(read_finished.finished)
    with ordinality as elements (item, position)
    offset 0
  ) as items
  -- a lease of another node, or another lease, is as unknown as one that never was
  left join lateral (
    select
      chunks.job_id, chunks.config_hash, chunks.seed_offset, chunks.iterations,
      chunks.status in ('pending', 'claimed', 'running')
      and chunks.purpose = 'work'
      and chunks.rival_id is null as is_plain
    from public.sim_chunks as chunks
    where chunks.id = items.chunk_id
      and chunks.node_id = read_finished.node_id
      and chunks.lease_token = items.lease_token
    -- kept apart, so that each is found by its id whatever the planner takes the table for
    offset 0
  ) as leases on true
  left join public.sim_configs as configs on configs.hash = leases.config_hash
  cross join lateral (
    select
      handed.result,
      -- what result_problem() asks, of all results at once; it is asked itself where this is not so
      case
        when read_finished.is_trusting
          and pg_column_size(handed.result) <= 1048576
          and handed.result - array[
            'schema', 'engine', 'engine_version', 'iterations', 'primary', 'metrics', 'counters',
            'extremes'
          ] = '{}'
          and (handed.result -> 'schema')::text = '1'
          and handed.result ->> 'engine' = configs.engine
          and handed.result ->> 'engine_version' <> ''
          and (handed.result -> 'iterations')::text = leases.iterations::text
          and handed.result #>> array['metrics', handed.result ->> 'primary', 'n']
          = leases.iterations::text
          and (
            handed.result -> 'counters' = '{}'
            or private.counters_problem(handed.result -> 'counters') is null
          )
          and (
            handed.result -> 'extremes' = '{}'
            or private.extremes_problem(handed.result -> 'extremes') is null
          )
          then (
            select bool_and(
              entries.value - array[
                'unit', 'n', 'sum', 'sum_squares', 'min', 'max', 'min_iteration', 'max_iteration',
                'histogram'
              ] = '{}'
              and entries.value ->> 'unit' in ('milli', 'one')
              and jsonb_typeof(entries.value -> 'sum') = 'string'
              and jsonb_typeof(entries.value -> 'sum_squares') = 'string'
              and metrics.total::text = entries.value ->> 'sum'
              and metrics.total_squares::text = entries.value ->> 'sum_squares'
              and scale(
                metrics.n + metrics.total + metrics.total_squares + metrics.lowest
                + metrics.highest + metrics.lowest_iteration + metrics.highest_iteration
              ) = 0
              and metrics.n between 1 and v_largest
              and metrics.lowest between -v_largest and metrics.highest
              and metrics.highest <= v_largest
              and metrics.total between metrics.n * metrics.lowest and metrics.n * metrics.highest
              and metrics.total * metrics.total <= metrics.n * metrics.total_squares
              and metrics.total_squares <= (metrics.lowest + metrics.highest) * metrics.total
              - metrics.n * metrics.lowest * metrics.highest
              and metrics.lowest_iteration >= leases.seed_offset
              and metrics.highest_iteration >= leases.seed_offset
              and metrics.lowest_iteration < leases.seed_offset + leases.iterations
              and metrics.highest_iteration < leases.seed_offset + leases.iterations
              and (entries.value -> 'histogram')::text
              ~ '^{("(0|-?[1-9][0-9]{0,29})": [1-9][0-9]{0,15}(, )?)+}$'
              and buckets.counted = metrics.n
              and buckets.lowest <= metrics.lowest
              and buckets.highest <= metrics.highest
            )
            from jsonb_each(handed.result -> 'metrics') as entries
            cross join lateral (
              select
                (entries.value -> 'n')::numeric as n,
                (entries.value ->> 'sum')::numeric as total,
                (entries.value ->> 'sum_squares')::numeric as total_squares,
                (entries.value -> 'min')::numeric as lowest,
                (entries.value -> 'max')::numeric as highest,
                (entries.value -> 'min_iteration')::numeric as lowest_iteration,
                (entries.value -> 'max_iteration')::numeric as highest_iteration
              offset 0
            ) as metrics
            cross join lateral (
              select
                sum(buckets.value::numeric) as counted,
                min(buckets.key::numeric) as lowest,
                max(buckets.key::numeric) as highest
              from jsonb_each(entries.value -> 'histogram') as buckets
            ) as buckets
          )
      end as is_sound
    from (
      select case
        when leases.job_id is not null and items.status = 'completed' then items.item -> 'result'
      end as result
      offset 0
    ) as handed
    offset 0
  ) as results;
  if not v_handed_in.is_well_formed then
    perform private.check_finished(read_finished.finished);
  end if;
  return v_handed_in;
exception
  -- whatever a foreign document makes a cast stumble over: it is looked at with more care
  when data_exception then
    perform private.check_finished(read_finished.finished);
    if not read_finished.is_trusting then
      raise;
    end if;
    return private.read_finished(read_finished.node_id, read_finished.finished, false);
end;
$$;

comment on function private.read_finished(uuid, jsonb, boolean) is
'What a node hands in, in order, each with its job and what is wrong with the result; plain is '
'what completes a live lease that alone answers for its range. Refuses what is malformed.';
