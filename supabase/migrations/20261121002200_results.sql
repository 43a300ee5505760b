-- Results: validated before they count, merged exactly, summarised only to be shown.
--
-- A result holds integers only (decimal strings where 2^53 may be passed). Merging adds, and takes
-- minima and maxima; it is associative and commutative, so the merged result of a job does not
-- depend on how it was cut, who ran it, or when.
--
-- No integer has more than 30 digits, which is a thousand times what a chunk of 64-bit numbers adds
-- up to: squares of sums of all chunks of a job are then figures that Postgres can still present.

create function private.is_whole(value jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case jsonb_typeof(is_whole.value)
    when 'number' then
      abs(is_whole.value::numeric) <= 9007199254740991 and scale(is_whole.value::numeric) = 0
    when 'string' then
      is_whole.value #>> '{}' ~ '^-?[1-9][0-9]{15,29}$'
      and abs((is_whole.value #>> '{}')::numeric) > 9007199254740991
    else false
  end;
end;
$$;

comment on function private.is_whole(jsonb) is
'Whether a value is an integer in its one canonical form.';

create function private.json_integer(value numeric)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  -- 2^53 - 1 is the largest integer that every JSON reader keeps exact
  return case
    when abs(json_integer.value) <= 9007199254740991 then to_jsonb(json_integer.value)
    else to_jsonb(json_integer.value::text)
  end;
end;
$$;

comment on function private.json_integer(numeric) is
'An integer as a JSON number where every reader keeps it exact, else as a decimal string.';

create function private.is_decimal(value jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_typeof(is_decimal.value) = 'string'
    and is_decimal.value #>> '{}' ~ '^(0|-?[1-9][0-9]*)$';
end;
$$;

comment on function private.is_decimal(jsonb) is 'Whether a value is an integer as decimal string.';

create function private.histogram_problem(metric jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_buckets record;
begin
  -- one look at the text of all buckets is ten times faster than one at each
  if coalesce((histogram_problem.metric -> 'histogram')::text, '') !~
    '^{("(0|-?[1-9][0-9]{0,29})": [1-9][0-9]{0,15}(, )?)+}$'
  then
    return 'histogram';
  end if;
  select
    sum(buckets.value::numeric) as counted,
    min(buckets.key::numeric) as lowest,
    max(buckets.key::numeric) as highest
  into v_buckets
  from jsonb_each(histogram_problem.metric -> 'histogram') as buckets;
  if v_buckets.counted <> (histogram_problem.metric ->> 'n')::numeric
    or v_buckets.lowest > (histogram_problem.metric ->> 'min')::numeric
    or v_buckets.highest > (histogram_problem.metric ->> 'max')::numeric
  then
    return 'histogram';
  end if;
  return null;
end;
$$;

comment on function private.histogram_problem(jsonb) is
'Why a metric''s histogram cannot be right: its counts must add up to n, within min and max.';

create function private.metric_problem(metric jsonb, iterations bigint, seed_offset bigint)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_n numeric;
  v_sum numeric;
  v_sum_squares numeric;
  v_min numeric;
  v_max numeric;
  v_end bigint := metric_problem.seed_offset + metric_problem.iterations;
begin
  if jsonb_typeof(metric_problem.metric) <> 'object'
    or metric_problem.metric - array[
      'unit', 'n', 'sum', 'sum_squares', 'min', 'max', 'min_iteration', 'max_iteration', 'histogram'
    ] <> '{}'
    or coalesce(metric_problem.metric ->> 'unit', '') not in ('milli', 'one')
    or not coalesce(private.is_decimal(metric_problem.metric -> 'sum'), false)
    or not coalesce(private.is_decimal(metric_problem.metric -> 'sum_squares'), false)
    -- one by one, and not as rows: this is done for every result
    or not coalesce(private.is_whole(metric_problem.metric -> 'n'), false)
    or not coalesce(private.is_whole(metric_problem.metric -> 'min'), false)
    or not coalesce(private.is_whole(metric_problem.metric -> 'max'), false)
    or not coalesce(private.is_whole(metric_problem.metric -> 'min_iteration'), false)
    or not coalesce(private.is_whole(metric_problem.metric -> 'max_iteration'), false)
  then
    return 'metrics';
  end if;

  v_n := (metric_problem.metric ->> 'n')::numeric;
  v_sum := (metric_problem.metric ->> 'sum')::numeric;
  v_sum_squares := (metric_problem.metric ->> 'sum_squares')::numeric;
  v_min := (metric_problem.metric ->> 'min')::numeric;
  v_max := (metric_problem.metric ->> 'max')::numeric;
  if v_n < 1 or v_min > v_max
    or v_sum not between v_n * v_min and v_n * v_max
    or v_sum * v_sum > v_n * v_sum_squares
    -- (value - min) * (max - value), which is not negative, added up
    or v_sum_squares > (v_min + v_max) * v_sum - v_n * v_min * v_max
  then
    return 'metrics';
  end if;
  if (metric_problem.metric ->> 'min_iteration')::numeric
    not between metric_problem.seed_offset and v_end - 1
    or (metric_problem.metric ->> 'max_iteration')::numeric
    not between metric_problem.seed_offset and v_end - 1
  then
    return 'range';
  end if;
  return private.histogram_problem(metric_problem.metric);
end;
$$;

comment on function private.metric_problem(jsonb, bigint, bigint) is
'Why one metric of a result cannot be right; null when it can.';

create function private.metrics_problem(result jsonb, iterations bigint, seed_offset bigint)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_primary jsonb := metrics_problem.result #> array['metrics', metrics_problem.result ->> 'primary'];
  v_metric jsonb;
  v_problem text;
begin
  if jsonb_typeof(metrics_problem.result -> 'metrics') is distinct from 'object'
    or v_primary ->> 'n' is distinct from metrics_problem.iterations::text
  then
    return 'metrics';
  end if;
  for v_metric in select entries.value from jsonb_each(metrics_problem.result -> 'metrics') as entries
  loop
    v_problem := private.metric_problem(
      v_metric, metrics_problem.iterations, metrics_problem.seed_offset
    );
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end;
$$;

comment on function private.metrics_problem(jsonb, bigint, bigint) is
'Why the metrics of a result cannot be right: the primary one must count every iteration.';

create function private.counters_problem(counters jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- as with buckets: nearly always one look at the text is enough
  if counters_problem.counters = '{}'
    or counters_problem.counters::text ~ '^{("([^"\\]|\\.)*": (0|[1-9][0-9]{0,14})(, |}$))*$'
  then
    return null;
  end if;
  if jsonb_typeof(counters_problem.counters) is distinct from 'object' or exists (
    select from jsonb_each(counters_problem.counters) as entries
    -- is_whole() inline: a result has hundreds of counters
    where not case jsonb_typeof(entries.value)
      when 'number' then
        entries.value::numeric between 0 and 9007199254740991
        and scale(entries.value::numeric) = 0
      when 'string' then
        entries.value #>> '{}' ~ '^[1-9][0-9]{15,29}$'
        and (entries.value #>> '{}')::numeric > 9007199254740991
      else false
    end
  ) then
    return 'counters';
  end if;
  return null;
end;
$$;

comment on function private.counters_problem(jsonb) is
'Why the counters of a result cannot be right: each is a whole number, none negative.';

create function private.extremes_problem(extremes jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  if extremes_problem.extremes = '{}' then
    return null;
  end if;
  if jsonb_typeof(extremes_problem.extremes) is distinct from 'object' or exists (
    select from jsonb_each(extremes_problem.extremes) as entries
    where case
      when jsonb_typeof(entries.value) <> 'object' then true
      when entries.value - array['min', 'max'] <> '{}' then true
      when not coalesce(private.is_whole(entries.value -> 'min'), false) then true
      when not coalesce(private.is_whole(entries.value -> 'max'), false) then true
      else (entries.value ->> 'min')::numeric not between 0 and (entries.value ->> 'max')::numeric
    end
  ) then
    return 'extremes';
  end if;
  return null;
end;
$$;

comment on function private.extremes_problem(jsonb) is
'Why the extremes of a result cannot be right: each has a least and a greatest whole number.';

create function private.result_problem(
  result jsonb, iterations bigint, seed_offset bigint, engine text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(result_problem.result) is distinct from 'object' then
    return 'malformed';
  end if;
  -- two hundred times what engines write; names of a node's own would swell what is merged
  if pg_column_size(result_problem.result) > 1048576 then
    return 'size';
  end if;
  if result_problem.result - array[
    'schema', 'engine', 'engine_version', 'iterations', 'primary', 'metrics', 'counters', 'extremes'
  ] <> '{}' then
    return 'unknown_field';
  end if;
  -- as texts of JSON: neither "1" nor 1.0 is 1
  if (result_problem.result -> 'schema')::text is distinct from '1' then
    return 'schema';
  end if;
  if result_problem.result ->> 'engine' is distinct from result_problem.engine then
    return 'engine';
  end if;
  if coalesce(result_problem.result ->> 'engine_version', '') = '' then
    return 'engine_version';
  end if;
  if (result_problem.result -> 'iterations')::text
    is distinct from result_problem.iterations::text
  then
    return 'iterations';
  end if;
  return coalesce(
    private.metrics_problem(
      result_problem.result, result_problem.iterations, result_problem.seed_offset
    ),
    private.counters_problem(result_problem.result -> 'counters'),
    private.extremes_problem(result_problem.result -> 'extremes')
  );
exception
  -- whatever a foreign document makes a cast stumble over
  when data_exception then
    return 'malformed';
end;
$$;

comment on function private.result_problem(jsonb, bigint, bigint, text) is
'Why a result cannot be that of this range of this engine; null when it can.';

create function private.result_digest(result jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return encode(sha256(convert_to(result_digest.result::text, 'UTF8')), 'hex');
end;
$$;

comment on function private.result_digest(jsonb) is 'SHA-256 of the text of the jsonb value.';

create function private.merge_metrics(results jsonb[])
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  return (
    with parts as (
      select entries.key as name, entries.value as metric
      from unnest(merge_metrics.results) as results (result)
      cross join jsonb_each(results.result -> 'metrics') as entries
    ),
    buckets as (
      select parts.name, entries.key as bucket, sum((entries.value #>> '{}')::numeric) as count
      from parts cross join jsonb_each(parts.metric -> 'histogram') as entries
      group by parts.name, entries.key
    ),
    histograms as (
      -- json_integer() inline: a result has hundreds of buckets and counters
      select
        buckets.name,
        jsonb_object_agg(
          buckets.bucket,
          case
            when buckets.count <= 9007199254740991 then to_jsonb(buckets.count)
            else to_jsonb(buckets.count::text)
          end
        ) as histogram
      from buckets
      group by buckets.name
    ),
    sums as (
      select
        parts.name,
        min(parts.metric ->> 'unit') as unit,
        sum((parts.metric ->> 'n')::numeric) as n,
        sum((parts.metric ->> 'sum')::numeric) as total,
        sum((parts.metric ->> 'sum_squares')::numeric) as total_squares,
        -- the extreme together with its iteration: the lowest iteration wins a tie
        min(array[
          (parts.metric ->> 'min')::numeric, (parts.metric ->> 'min_iteration')::numeric
        ]) as lowest,
        min(array[
          -(parts.metric ->> 'max')::numeric, (parts.metric ->> 'max_iteration')::numeric
        ]) as highest
      from parts
      group by parts.name
    )
    select coalesce(jsonb_object_agg(
      sums.name,
      jsonb_build_object(
        'unit', sums.unit,
        'n', private.json_integer(sums.n),
        'sum', sums.total::text,
        'sum_squares', sums.total_squares::text,
        'min', private.json_integer(sums.lowest[1]),
        'max', private.json_integer(-sums.highest[1]),
        'min_iteration', private.json_integer(sums.lowest[2]),
        'max_iteration', private.json_integer(sums.highest[2]),
        'histogram', coalesce(histograms.histogram, '{}')
      )
    ), '{}')
    from sums left join histograms on histograms.name = sums.name
  );
end;
$$;

comment on function private.merge_metrics(jsonb[]) is
'Metrics of several results together; a metric absent from one adds nothing.';

create function private.merge_counters(results jsonb[])
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  return (
    with counters as (
      select
        entries.key as name,
        sum((entries.value #>> '{}')::numeric) as count
      from unnest(merge_counters.results) as results (result)
      cross join jsonb_each(results.result -> 'counters') as entries
      where results.result -> 'counters' <> '{}'
      group by entries.key
    )
    select coalesce(
      jsonb_object_agg(
        counters.name,
        case
          when counters.count <= 9007199254740991 then to_jsonb(counters.count)
          else to_jsonb(counters.count::text)
        end
      ), '{}'
    )
    from counters
  );
end;
$$;

comment on function private.merge_counters(jsonb[]) is
'Counters of several results together; a counter absent from one adds nothing.';

create function private.merge_extremes(results jsonb[])
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  return (
    with extremes as (
      select
        entries.key as name,
        min((entries.value ->> 'min')::numeric) as lowest,
        max((entries.value ->> 'max')::numeric) as highest
      from unnest(merge_extremes.results) as results (result)
      cross join jsonb_each(results.result -> 'extremes') as entries
      where results.result -> 'extremes' <> '{}'
      group by entries.key
    )
    select coalesce(
      jsonb_object_agg(
        extremes.name,
        jsonb_build_object(
          'min', private.json_integer(extremes.lowest),
          'max', private.json_integer(extremes.highest)
        )
      ), '{}'
    )
    from extremes
  );
end;
$$;

comment on function private.merge_extremes(jsonb[]) is
'Extremes of several results together; one that is absent from a result says nothing.';

create function private.merge_all(results jsonb[])
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  if coalesce(cardinality(merge_all.results), 0) = 0 then
    return null;
  end if;
  return jsonb_build_object(
    'schema', 1,
    'engine', merge_all.results[1] -> 'engine',
    'engine_version', merge_all.results[1] -> 'engine_version',
    'iterations', (
      select private.json_integer(sum((results.result ->> 'iterations')::numeric))
      from unnest(merge_all.results) as results (result)
    ),
    'primary', merge_all.results[1] -> 'primary',
    'metrics', private.merge_metrics(merge_all.results),
    'counters', private.merge_counters(merge_all.results),
    'extremes', private.merge_extremes(merge_all.results)
  );
end;
$$;

comment on function private.merge_all(jsonb[]) is
'The merged result of all results given, for array_agg() to fill; null for none.';
