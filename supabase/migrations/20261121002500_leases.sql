-- Leasing: how large a node's chunks are, and taking them.

create function private.full_chunk(
  iterations_per_second double precision, settings private.settings
)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return least(
    (full_chunk.settings).chunk_iterations_max,
    greatest(
      (full_chunk.settings).chunk_iterations_min,
      coalesce(
        full_chunk.iterations_per_second, (full_chunk.settings).default_iterations_per_second
      ) * extract(epoch from (full_chunk.settings).chunk_duration)
    )
  )::bigint;
end;
$$;

comment on function private.full_chunk(double precision, private.settings) is
'Iterations of a chunk in the midst of a job: some seconds of the speed of its node.';

create type private.lessee as (
  node_id uuid,
  status text,
  iterations_per_second double precision,
  full_chunk bigint,
  workers bigint,
  waits boolean,
  moment timestamptz,
  lease_expires_at timestamptz
);

create function private.lessee(
  node_id uuid,
  status text,
  iterations_per_second double precision,
  workers bigint,
  waits boolean,
  moment timestamptz,
  settings private.settings
)
returns private.lessee
language plpgsql
immutable
set search_path = ''
as $$
begin
  return row(
    lessee.node_id,
    lessee.status,
    coalesce(
      lessee.iterations_per_second, (lessee.settings).default_iterations_per_second
    ),
    private.full_chunk(lessee.iterations_per_second, lessee.settings),
    lessee.workers,
    lessee.waits,
    lessee.moment,
    lessee.moment + (lessee.settings).lease_duration
  );
end;
$$;

comment on function private.lessee(
  uuid, text, double precision, bigint, boolean, timestamptz, private.settings
) is
'Who takes chunks, on what terms: leases begin as claimed for an answer, as pending for a push; '
'the node is one of so many workers that ask; it waits for other cutters of a job, or does not.';

create function private.tail_chunk(lessee private.lessee, remaining bigint, workers bigint)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_settings private.settings;
begin
  select * into strict v_settings from private.settings;
  -- guided: each worker gets at most half of its share of what remains
  return least(
    (tail_chunk.lessee).full_chunk,
    greatest(
      v_settings.chunk_iterations_min,
      (tail_chunk.lessee).iterations_per_second
      * extract(epoch from v_settings.chunk_duration_min),
      tail_chunk.remaining / (2.0 * greatest(tail_chunk.workers, 1))
    )
  )::bigint;
end;
$$;

comment on function private.tail_chunk(private.lessee, bigint, bigint) is
'Iterations of the next chunk near the end of a job, so that all workers end at about one time.';

create function private.lease_ids(moment timestamptz, random uuid)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_time constant text := lpad(
    to_hex((extract(epoch from lease_ids.moment) * 1000)::bigint), 12, '0'
  );
  v_hash constant text := md5(lease_ids.random::text);
begin
  return left(v_time, 8) || '-' || right(v_time, 4)
    || '-7' || left(v_hash, 3) || '-8' || substr(v_hash, 4, 3) || '-' || substr(v_hash, 7, 8);
end;
$$;

comment on function private.lease_ids(timestamptz, uuid) is
'Ids for the leases of one statement, but for their last four digits, which count them. They begin '
'with the time, as version 7 of RFC 9562 does, so that what is leased together lies together. They '
'do not tell the random number, which makes the tokens.';

create function private.lease_reopened(
  job private.known_job, lessee private.lessee, slots integer
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_retry_elsewhere interval;
  v_ids uuid[];
begin
  select retry_elsewhere_period into strict v_retry_elsewhere from private.settings;
  with taken as (
    delete from private.reopened_ranges as ranges
    where ranges.job_id = (lease_reopened.job).id
      and ranges.seed_offset = any(array(
        select open.seed_offset
        from private.reopened_ranges as open
        where open.job_id = (lease_reopened.job).id
          and (
            open.lost_by is distinct from (lease_reopened.lessee).node_id
            or open.reopened_at <= (lease_reopened.lessee).moment - v_retry_elsewhere
          )
        order by open.seed_offset
        limit lease_reopened.slots
        for update skip locked
      ))
    returning ranges.seed_offset, ranges.iterations
  ),
  leased as (
    insert into public.sim_chunks (
      job_id, node_id, config_hash, seed_offset, iterations, status, attempt,
      lease_expires_at, claimed_at
    )
    select
      (lease_reopened.job).id, (lease_reopened.lessee).node_id, (lease_reopened.job).config_hash,
      taken.seed_offset, taken.iterations, (lease_reopened.lessee).status,
      (
        select max(earlier.attempt) + 1 from public.sim_chunks as earlier
        where earlier.job_id = (lease_reopened.job).id and earlier.seed_offset = taken.seed_offset
      ),
      (lease_reopened.lessee).lease_expires_at,
      case
        when (lease_reopened.lessee).status = 'claimed' then (lease_reopened.lessee).moment
      end
    from taken
    returning id
  )
  select array_agg(leased.id) into v_ids from leased;
  perform private.close_job_if_fully_leased((lease_reopened.job).id);
  return private.describe_chunks(v_ids);
end;
$$;

comment on function private.lease_reopened(private.known_job, private.lessee, integer) is
'Leases ranges that came back. The caller shares or holds the job.';

create function private.lock_uncut_range(job_id uuid, node_id uuid, wait boolean)
returns private.uncut_ranges
language plpgsql
volatile
set search_path = ''
as $$
declare
  -- each node begins its search elsewhere: were all cutters to begin with the first stripe, the
  -- stripes would end one by one, and the cutters queue for those that are left
  v_home constant integer := uuid_hash(lock_uncut_range.node_id) & 15;
  v_range private.uncut_ranges;
begin
  select * into v_range
  from private.uncut_ranges as ranges
  where ranges.job_id = lock_uncut_range.job_id
  order by ranges.stripe - v_home & 15
  limit 1
  for update skip locked;
  if not found and lock_uncut_range.wait then
    select * into v_range
    from private.uncut_ranges as ranges
    where ranges.job_id = lock_uncut_range.job_id
    order by ranges.stripe - v_home & 15
    limit 1
    for update;
  end if;
  return v_range;
end;
$$;

comment on function private.lock_uncut_range(uuid, uuid, boolean) is
'The node''s stripe, or the next one after it that nobody is cutting; when all are being cut, its '
'own, if we may wait.';

create function private.next_iteration(uncut private.uncut_ranges)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
begin
  return coalesce(
    (
      select chunks.seed_offset + chunks.iterations
      from public.sim_chunks as chunks
      where chunks.job_id = (next_iteration.uncut).job_id
        and chunks.seed_offset >= (next_iteration.uncut).first_iteration
        and chunks.seed_offset < (next_iteration.uncut).end_iteration
      order by chunks.seed_offset desc
      limit 1
    ),
    (next_iteration.uncut).first_iteration
  );
end;
$$;

comment on function private.next_iteration(private.uncut_ranges) is
'How far a stripe is cut: the end of its last chunk. The caller holds the stripe.';

create function private.remaining_iterations(job_id uuid, stripe smallint)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
begin
  return coalesce(
    (
      select sum(ranges.end_iteration - ranges.first_iteration)::bigint
      from private.uncut_ranges as ranges
      where ranges.job_id = remaining_iterations.job_id
        and ranges.stripe <> remaining_iterations.stripe
    ), 0
  );
end;
$$;

comment on function private.remaining_iterations(uuid, smallint) is
'What the other stripes hold at most; a bound is enough to see that the tail is near.';

create function private.busy_workers(uncut private.uncut_ranges)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- by place and not by status: what an old snapshot keeps of leases that ended would have to be
  -- waded through, all of it
  return (
    select count(*) from (
      select chunks.status
      from public.sim_chunks as chunks
      where chunks.job_id = (busy_workers.uncut).job_id
        and chunks.seed_offset >= (busy_workers.uncut).first_iteration
        and chunks.seed_offset < (busy_workers.uncut).end_iteration
      order by chunks.seed_offset desc
      limit 256
    ) as latest
    where latest.status in ('pending', 'claimed', 'running')
  );
end;
$$;

comment on function private.busy_workers(private.uncut_ranges) is
'How many of the last 256 leases of the stripe are out. The tail of a job is cut no finer for a '
'larger fleet, so that counting stays cheap.';

create function private.next_chunk_size(
  uncut private.uncut_ranges, first_iteration bigint, lessee private.lessee
)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_full constant bigint := (next_chunk_size.lessee).full_chunk;
  v_most_workers constant bigint := 256 + (next_chunk_size.lessee).workers;
  v_remaining bigint := (next_chunk_size.uncut).end_iteration - next_chunk_size.first_iteration;
begin
  if v_remaining >= 2 * v_most_workers * v_full then
    return v_full;
  end if;
  v_remaining := v_remaining + private.remaining_iterations(
    (next_chunk_size.uncut).job_id, (next_chunk_size.uncut).stripe
  );
  -- the tail is far, or full chunks are as small as chunks may be
  if v_remaining >= 2 * v_most_workers * v_full or v_full = private.tail_chunk(
    next_chunk_size.lessee, v_remaining, v_most_workers
  ) then
    return v_full;
  end if;
  return private.tail_chunk(
    next_chunk_size.lessee, v_remaining,
    (next_chunk_size.lessee).workers + private.busy_workers(next_chunk_size.uncut)
  );
end;
$$;

comment on function private.next_chunk_size(private.uncut_ranges, bigint, private.lessee) is
'Iterations of the next chunk of a stripe for a node of this speed, one of so many that ask.';

create function private.cut_chunks(
  job private.known_job,
  lessee private.lessee,
  first_iteration bigint,
  end_iteration bigint,
  size bigint
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  -- drawn once for all, because some servers open a file for each
  v_random constant uuid := gen_random_uuid();
  v_tokens constant text := left(v_random::text, 32);
  v_ids constant text := private.lease_ids((cut_chunks.lessee).moment, v_random);
  v_claimed_at constant timestamptz := case
    when (cut_chunks.lessee).status = 'claimed' then (cut_chunks.lessee).moment
  end;
  -- an object that is left open, of what all have in common
  v_common constant text := left((
    private.describe_job(cut_chunks.job)
    || jsonb_build_object('lease_expires_at', (cut_chunks.lessee).lease_expires_at)
  )::text, -1);
  v_chunks text;
begin
  with leased as (
    insert into public.sim_chunks (
      id, job_id, node_id, config_hash, seed_offset, iterations, status, lease_token, created_at,
      lease_expires_at, claimed_at
    )
    select
      (v_ids || lpad(to_hex(cuts.number), 4, '0'))::uuid,
      (cut_chunks.job).id,
      (cut_chunks.lessee).node_id,
      (cut_chunks.job).config_hash,
      cut_chunks.first_iteration + cuts.number * cut_chunks.size,
      least(
        cut_chunks.size,
        cut_chunks.end_iteration - cut_chunks.first_iteration - cuts.number * cut_chunks.size
      ),
      (cut_chunks.lessee).status,
      (v_tokens || lpad(to_hex(cuts.number), 4, '0'))::uuid,
      (cut_chunks.lessee).moment,
      (cut_chunks.lessee).lease_expires_at,
      v_claimed_at
    from generate_series(
      0, (cut_chunks.end_iteration - cut_chunks.first_iteration - 1) / cut_chunks.size
    ) as cuts (number)
    returning id, seed_offset, iterations, lease_token
  )
  -- as text, and read once: to build a thousand objects one by one takes several times as long
  select
    string_agg(concat(
      v_common, ', "chunk_id": "', leased.id, '", "seed_offset": ', leased.seed_offset,
      ', "iterations": ', leased.iterations, ', "lease_token": "', leased.lease_token, '"}'
    ), ', ')
  into v_chunks
  from leased;
  return format('[%s]', v_chunks)::jsonb;
end;
$$;

comment on function private.cut_chunks(
  private.known_job, private.lessee, bigint, bigint, bigint
) is
'Leases a part of a stripe, at most 65,536 chunks of one size; answers them as a node needs them.';

create function private.lease_uncut(
  job private.known_job, lessee private.lessee, slots integer
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job_id constant uuid := (lease_uncut.job).id;
  v_segment constant bigint := (lease_uncut.job).segment_iterations;
  v_range private.uncut_ranges;
  v_next bigint;
  v_size bigint;
  v_end bigint;
  v_chunks jsonb := '[]'::jsonb;
begin
  while jsonb_array_length(v_chunks) < lease_uncut.slots loop
    v_range := private.lock_uncut_range(
      v_job_id, (lease_uncut.lessee).node_id, (lease_uncut.lessee).waits
    );
    exit when v_range.job_id is null;
    v_next := private.next_iteration(v_range);
    v_size := private.next_chunk_size(v_range, v_next, lease_uncut.lessee);
    -- no chunk crosses a checkpoint
    v_end := least(
      v_range.end_iteration,
      (v_next / v_segment + 1) * v_segment,
      v_next + v_size * (lease_uncut.slots - jsonb_array_length(v_chunks))
    );
    v_chunks := v_chunks || private.cut_chunks(
      lease_uncut.job, lease_uncut.lessee, v_next, v_end, v_size
    );
    if v_end = v_range.end_iteration then
      delete from private.uncut_ranges as ranges
      where ranges.job_id = v_range.job_id and ranges.stripe = v_range.stripe;
      perform private.close_job_if_fully_leased(v_job_id);
    end if;
  end loop;
  return v_chunks;
end;
$$;

comment on function private.lease_uncut(private.known_job, private.lessee, integer) is
'Leases up to `slots` new chunks of the job. The caller shares or holds the job.';

create function private.start_job(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_jobs as jobs
  set status = 'running', started_at = coalesce(jobs.started_at, private.current_time())
  where jobs.id = any(array(
    select pending.id from public.sim_jobs as pending
    where pending.id = start_job.job_id and pending.status = 'pending'
    for no key update skip locked
  ));
end;
$$;

comment on function private.start_job(uuid) is
'Marks the job as running. Skips it when another session is doing so.';

create function private.lease_chunks(
  job private.known_job, lessee private.lessee, slots integer
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_chunks jsonb := '[]'::jsonb;
begin
  -- cancelled or finished between being listed and being locked
  if (lease_chunks.job).is_open is not true then
    return v_chunks;
  end if;
  if (lease_chunks.job).has_reopened then
    v_chunks := private.lease_reopened(
      lease_chunks.job, lease_chunks.lessee, lease_chunks.slots
    );
  end if;
  if jsonb_array_length(v_chunks) < lease_chunks.slots then
    v_chunks := v_chunks || private.lease_uncut(
      lease_chunks.job,
      lease_chunks.lessee,
      lease_chunks.slots - jsonb_array_length(v_chunks)
    );
  end if;
  if v_chunks = '[]' then
    perform private.close_job_if_fully_leased((lease_chunks.job).id);
  elsif (lease_chunks.job).status = 'pending' then
    perform private.start_job((lease_chunks.job).id);
  end if;
  return v_chunks;
end;
$$;

comment on function private.lease_chunks(private.known_job, private.lessee, integer) is
'Leases up to `slots` chunks of the job to the node: what came back first, then new ones. Answers '
'them as the node needs them. The caller shares or holds the job.';
