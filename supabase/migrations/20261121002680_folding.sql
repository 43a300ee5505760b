-- Folding: results are merged in batches while a job runs, so that its end is cheap.

create function private.share_of(chunk public.sim_chunks)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_array(jsonb_build_object(
    'node_id', (share_of.chunk).node_id,
    'iterations', (share_of.chunk).iterations,
    'ranges', int8multirange(int8range(
      (share_of.chunk).seed_offset, (share_of.chunk).seed_offset + (share_of.chunk).iterations
    ))
  ));
end;
$$;

comment on function private.share_of(public.sim_chunks) is
'The share of its node in one chunk: all of it.';

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
begin
  select fold_size into strict v_size from private.settings;
  v_ids := array(
    select partials.id
    from private.job_partials as partials
    where partials.job_id = fold_partials.job_id
      and partials.segment = fold_partials.segment
      and partials.level = fold_partials.level
      and partials.id >= fold_partials.first_id
    order by partials.id
    limit v_size
    for update skip locked
  );
  if cardinality(v_ids) < v_size then
    return false;
  end if;
  with folded as (
    delete from private.job_partials as partials
    where partials.id = any(v_ids)
    returning partials.*
  )
  insert into private.job_partials
  (job_id, segment, level, chunks, iterations, samples, total, total_squares, result, shares)
  select
    fold_partials.job_id,
    fold_partials.segment,
    fold_partials.level + 1,
    sum(folded.chunks),
    sum(folded.iterations),
    sum(folded.samples),
    sum(folded.total),
    sum(folded.total_squares),
    private.merge_all(array_agg(coalesce(folded.result, leases.result))),
    private.merge_shares(array_agg(coalesce(folded.shares, private.share_of(leases))))
  from folded cross join lateral private.find_chunk(folded.chunk_id) as leases;
  insert into private.fold_marks (job_id, segment, level, first_id)
  values (fold_partials.job_id, fold_partials.segment, fold_partials.level, v_ids[1]);
  return true;
end;
$$;

comment on function private.fold_partials(uuid, integer, smallint, bigint) is
'Merges the oldest results of one level into one of the next, if there are enough of them.';

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
    select count(*) = v_size from (
      select from private.job_partials as partials
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
