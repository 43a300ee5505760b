-- What people see of a result, in presented units (milli / 1000), rounded to six decimals, half
-- away from zero, exactly as node/engine/results.py has them.

create function private.presented(value numeric, unit text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return to_jsonb(round(
    presented.value / case presented.unit when 'milli' then 1000 else 1 end, 6
  )::double precision);
end;
$$;

comment on function private.presented(numeric, text) is
'A figure in its presented unit, rounded to six decimals, in double precision.';

create function private.variance(samples numeric, total numeric, total_squares numeric)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
begin
  if variance.samples < 2 then
    return 0;
  end if;
  return (variance.samples * variance.total_squares - variance.total * variance.total)
    ::numeric(1000, 30) / (variance.samples * (variance.samples - 1));
end;
$$;

comment on function private.variance(numeric, numeric, numeric) is
'Sample variance (n - 1) from sums; 0 for one sample.';

create function private.relative_error(samples numeric, total numeric, total_squares numeric)
returns double precision
language plpgsql
immutable
set search_path = ''
as $$
begin
  if relative_error.samples < 2 or relative_error.total = 0 then
    return null;
  end if;
  return round(
    sqrt(
      private.variance(
        relative_error.samples, relative_error.total, relative_error.total_squares
      ) * relative_error.samples
    ) / abs(relative_error.total), 15
  );
end;
$$;

comment on function private.relative_error(numeric, numeric, numeric) is
'Standard error of the mean over the mean; null for fewer than two samples or a mean of zero.';

create function private.bucket_middle(lower_bound numeric)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- a bucket keeps the eight leading bits of its values
  return bucket_middle.lower_bound + case
    when abs(bucket_middle.lower_bound) < 256 then 0
    else 2::numeric ^ (floor(log(2, abs(bucket_middle.lower_bound)))::integer - 8)
  end;
end;
$$;

comment on function private.bucket_middle(numeric) is
'The middle of a histogram bucket, from its lower bound.';

create function private.percentiles(metric jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with buckets as (
      select
        entries.key::numeric as lower_bound,
        sum((entries.value #>> '{}')::numeric) over (order by entries.key::numeric) as reached
      from jsonb_each(percentiles.metric -> 'histogram') as entries
    ),
    ranks as (
      select
        percents.percent,
        ceil(percents.percent * (percentiles.metric ->> 'n')::numeric / 100) as rank
      from unnest(array[1, 5, 25, 50, 75, 95, 99]::numeric[]) as percents (percent)
    ),
    found as (
      select ranks.percent, min(buckets.lower_bound) as lower_bound
      from ranks join buckets on buckets.reached >= ranks.rank
      group by ranks.percent
    )
    select jsonb_object_agg(found.percent::text, private.presented(
      least(
        greatest(
          private.bucket_middle(found.lower_bound), (percentiles.metric ->> 'min')::numeric
        ),
        (percentiles.metric ->> 'max')::numeric
      ),
      percentiles.metric ->> 'unit'
    ))
    from found
  );
end;
$$;

comment on function private.percentiles(jsonb) is
'Nearest-rank percentiles: the middle of the bucket that holds the rank, between the extremes.';

create function private.metric_statistics(metric jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_unit text := metric_statistics.metric ->> 'unit';
  v_divisor numeric := case v_unit when 'milli' then 1000 else 1 end;
  v_n numeric := (metric_statistics.metric ->> 'n')::numeric;
  v_sum numeric := (metric_statistics.metric ->> 'sum')::numeric;
  v_variance numeric := private.variance(
    v_n, v_sum, (metric_statistics.metric ->> 'sum_squares')::numeric
  );
  v_mean numeric := round(v_sum::numeric(1000, 30) / v_n / v_divisor, 6);
  v_error numeric := round(sqrt(v_variance / v_n) / v_divisor, 6);
  v_z constant numeric := 1.959964;
begin
  return jsonb_build_object(
    'n', private.json_integer(v_n),
    'mean', private.presented(v_mean, 'one'),
    'standard_deviation', private.presented(sqrt(v_variance), v_unit),
    'standard_error', private.presented(v_error, 'one'),
    'confidence_low', private.presented(v_mean - v_z * v_error, 'one'),
    'confidence_high', private.presented(v_mean + v_z * v_error, 'one'),
    'minimum', private.presented((metric_statistics.metric ->> 'min')::numeric, v_unit),
    'maximum', private.presented((metric_statistics.metric ->> 'max')::numeric, v_unit),
    'percentiles', private.percentiles(metric_statistics.metric)
  );
end;
$$;

comment on function private.metric_statistics(jsonb) is
'Mean, spread, 95 % confidence interval of the mean, extremes and percentiles of one metric.';

create function private.result_statistics(result jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object('metrics', (
    select coalesce(
      jsonb_object_agg(entries.key, private.metric_statistics(entries.value)), '{}'
    )
    from jsonb_each(result_statistics.result -> 'metrics') as entries
  ));
end;
$$;

comment on function private.result_statistics(jsonb) is 'Presented statistics of a merged result.';
