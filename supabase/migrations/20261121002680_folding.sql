-- Folding: results are merged in batches while a job runs, so that its end is cheap.

create function private.shares_of_chunks(chunk_ids uuid[])
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    with merged as (
      select
        chunks.node_id,
        sum(chunks.iterations) as iterations,
        range_agg(int8range(chunks.seed_offset, chunks.seed_offset + chunks.iterations)) as ranges
      from private.find_chunks(shares_of_chunks.chunk_ids) as chunks
      group by chunks.node_id
    )
    select jsonb_agg(jsonb_build_object(
      'node_id', merged.node_id, 'iterations', merged.iterations, 'ranges', merged.ranges
    ))
    from merged
  );
end;
$$;

comment on function private.shares_of_chunks(uuid[]) is
'Whose iterations these chunks are, as private.merge_shares() reads it; null for none.';

create function private.merge_shares(shares jsonb[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_ranges_max constant integer := 2000;
begin
  return (
    with merged as (
      select
        pieces.share ->> 'node_id' as node_id,
        sum((pieces.share ->> 'iterations')::bigint) as iterations,
        -- ranges that touch become one; those of a node that had too many are not known any more
        case
          when count(pieces.share ->> 'ranges') = count(*)
            then range_agg((pieces.share ->> 'ranges')::int8multirange)
        end as ranges
      from unnest(merge_shares.shares) as merged (shares)
      cross join lateral jsonb_array_elements(merged.shares) as pieces (share)
      group by 1
    )
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'node_id', merged.node_id,
          'iterations', merged.iterations,
          'ranges', case
            when (select count(*) from unnest(merged.ranges)) <= greatest(
              10, v_ranges_max / (select count(*) from merged as nodes)
            ) then merged.ranges
          end
        ) order by merged.iterations desc, merged.node_id
      ), '[]'
    )
    from merged
  );
end;
$$;

comment on function private.merge_shares(jsonb[]) is
'Whose iterations several results together are: one entry per node, the largest share first. Of '
'many nodes, or many gaps, only the counts are kept: it stays small however long the job is.';

create function private.presented_shares(shares jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_nodes_max constant integer := 1000;
begin
  return (
    select coalesce(
      jsonb_agg(
        shares.share || jsonb_build_object('ranges', (
          select jsonb_agg(
            jsonb_build_array(lower(ranges.range), upper(ranges.range)) order by ranges.range
          )
          from unnest((shares.share ->> 'ranges')::int8multirange) as ranges (range)
        )) order by shares.place
      ), '[]'
    )
    from jsonb_array_elements(presented_shares.shares) with ordinality as shares (share, place)
    where shares.place <= v_nodes_max
  );
end;
$$;

comment on function private.presented_shares(jsonb) is
'Shares as people read them: of each node its iterations and its ranges [first, end), null where '
'they were too many; of the thousand nodes that did most.';

create function private.fold_start(job_id uuid, segment integer, level smallint)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  -- so many merges back, for results of that time may just be becoming visible
  v_merges_back constant integer := 8;
begin
  return coalesce(
    (
      select marks.first_id
      from private.fold_marks as marks
      where marks.job_id = fold_start.job_id
        and marks.segment = fold_start.segment
        and marks.level = fold_start.level
      order by marks.first_id desc
      offset v_merges_back
      limit 1
    ), 0
  );
end;
$$;

comment on function private.fold_start(uuid, integer, smallint) is
'From where on results of a level wait to be merged: what was merged before would have to be waded '
'through as long as an old snapshot keeps it.';

create type private.merged_partials as (
  chunks bigint,
  iterations bigint,
  samples numeric,
  total numeric,
  total_squares numeric,
  result jsonb,
  shares jsonb
);

create function private.merge_partials(partials private.job_partials[])
returns private.merged_partials
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunk_ids constant uuid[] := array(
    select unnest(partials.chunk_ids) from unnest(merge_partials.partials) as partials
  );
  v_results constant jsonb[] := array(
    select chunks.result from private.find_chunks(v_chunk_ids) as chunks
  );
  v_merged private.merged_partials;
begin
  select
    sum(partials.chunks),
    sum(partials.iterations),
    sum(partials.samples),
    sum(partials.total),
    sum(partials.total_squares),
    private.merge_all(
      v_results || coalesce(
        array_agg(partials.result) filter (where partials.result is not null), '{}'
      )
    ),
    private.merge_shares(
      array_agg(partials.shares) filter (where partials.shares is not null)
      || private.shares_of_chunks(v_chunk_ids)
    )
  into v_merged
  from unnest(merge_partials.partials) as partials;
  return v_merged;
end;
$$;

comment on function private.merge_partials(private.job_partials[]) is
'Accepted results together, and whose they are.';

create function private.fold_partials(
  job_id uuid, segment integer, level smallint, first_id bigint
)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_size integer;
  v_ids bigint[];
  v_weight bigint;
  v_partials private.job_partials[];
begin
  select fold_size into strict v_size from private.settings;
  select array_agg(waiting.id), sum(waiting.weight)
  into v_ids, v_weight
  from (
    select
      locked.id, locked.weight,
      sum(locked.weight) over (order by locked.id) - locked.weight as weight_before
    from (
      select
        partials.id,
        case partials.level when 0 then partials.chunks else 1 end as weight
      from private.job_partials as partials
      where partials.job_id = fold_partials.job_id
        and partials.segment = fold_partials.segment
        and partials.level = fold_partials.level
        and partials.id >= fold_partials.first_id
      order by partials.id
      limit v_size
      for update skip locked
    ) as locked
  ) as waiting
  where waiting.weight_before < v_size;
  if v_weight is null or v_weight < v_size then
    return false;
  end if;
  with folded as (
    delete from private.job_partials as partials
    where partials.id = any(v_ids)
    returning partials.*
  )
  select array_agg(folded::private.job_partials) into v_partials from folded;
  insert into private.job_partials
  (job_id, segment, level, chunks, iterations, samples, total, total_squares, result, shares)
  select
    fold_partials.job_id, fold_partials.segment, fold_partials.level + 1, merged.*
  from private.merge_partials(v_partials) as merged;
  insert into private.fold_marks (job_id, segment, level, first_id)
  values (fold_partials.job_id, fold_partials.segment, fold_partials.level, v_ids[1]);
  return true;
end;
$$;

comment on function private.fold_partials(uuid, integer, smallint, bigint) is
'Merges the oldest results of one level into one of the next, if there are enough of them: so many '
'chunks at level 0, so many merged results above.';

create function private.has_fold(
  job_id uuid, segment integer, level smallint, first_id bigint
)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_size integer;
begin
  select fold_size into strict v_size from private.settings;
  return (
    select coalesce(sum(case waiting.level when 0 then waiting.chunks else 1 end), 0) >= v_size
    from (
      select partials.level, partials.chunks from private.job_partials as partials
      where partials.job_id = has_fold.job_id
        and partials.segment = has_fold.segment
        and partials.level = has_fold.level
        and partials.id >= has_fold.first_id
      limit v_size
    ) as waiting
  );
end;
$$;

comment on function private.has_fold(uuid, integer, smallint, bigint) is
'Whether enough results of the level wait to be merged. Locks nothing.';

create function private.fold_job(job_id uuid, segment integer, accepted bigint)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_size integer;
  v_level smallint;
  v_first_id bigint;
begin
  select fold_size into strict v_size from private.settings;
  -- as many rounds as keep up with what is handed in
  for v_round in 0..fold_job.accepted / v_size loop
    v_level := 0;
    loop
      v_first_id := private.fold_start(fold_job.job_id, fold_job.segment, v_level);
      exit when not private.has_fold(fold_job.job_id, fold_job.segment, v_level, v_first_id)
        or not private.fold_partials(fold_job.job_id, fold_job.segment, v_level, v_first_id);
      v_level := v_level + 1;
    end loop;
    -- merging what is merged is rare: the moment to look for what was missed further back
    if v_level > 1 then
      perform private.fold_partials(fold_job.job_id, fold_job.segment, 0::smallint, 0);
    end if;
    exit when v_level = 0;
  end loop;
end;
$$;

comment on function private.fold_job(uuid, integer, bigint) is
'Merges results in batches, about as many as were just accepted, so that the end of the job is '
'cheap.';
