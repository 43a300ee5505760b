-- Leasing: how large a node's chunks are, and taking them.

create function private.full_chunk(iterations_per_second double precision)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_settings private.settings;
begin
  select * into strict v_settings from private.settings;
  return least(
    v_settings.chunk_iterations_max,
    greatest(
      v_settings.chunk_iterations_min,
      coalesce(full_chunk.iterations_per_second, v_settings.default_iterations_per_second)
      * extract(epoch from v_settings.chunk_duration)
    )
  )::bigint;
end;
$$;

comment on function private.full_chunk(double precision) is
'Iterations of a chunk in the midst of a job: some seconds of the speed of its node.';

create function private.tail_chunk(
  full_chunk bigint, remaining bigint, iterations_per_second double precision, workers bigint
)
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
    tail_chunk.full_chunk,
    greatest(
      v_settings.chunk_iterations_min,
      coalesce(tail_chunk.iterations_per_second, v_settings.default_iterations_per_second)
      * extract(epoch from v_settings.chunk_duration_min),
      tail_chunk.remaining / (2.0 * greatest(tail_chunk.workers, 1))
    )
  )::bigint;
end;
$$;

comment on function private.tail_chunk(bigint, bigint, double precision, bigint) is
'Iterations of the next chunk near the end of a job, so that all workers end at about one time.';

create function private.lease_reopened(
  job_id uuid, node_id uuid, slots integer, status text
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_settings private.settings;
  v_now timestamptz := private.current_time();
  v_ids uuid[];
begin
  -- nearly always there is none, and a look is cheaper than taking nothing
  if not exists (
    select from private.reopened_ranges as ranges where ranges.job_id = lease_reopened.job_id
  ) then
    return array[]::uuid[];
  end if;
  select * into strict v_settings from private.settings;
  with taken as (
    delete from private.reopened_ranges as ranges
    where ranges.job_id = lease_reopened.job_id
      and ranges.seed_offset = any(array(
        select open.seed_offset
        from private.reopened_ranges as open
        where open.job_id = lease_reopened.job_id
          and (
            open.lost_by is distinct from lease_reopened.node_id
            or open.reopened_at <= v_now - v_settings.retry_elsewhere_period
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
      jobs.id, lease_reopened.node_id, jobs.config_hash, taken.seed_offset, taken.iterations,
      lease_reopened.status,
      (
        select max(earlier.attempt) + 1 from public.sim_chunks as earlier
        where earlier.job_id = lease_reopened.job_id and earlier.seed_offset = taken.seed_offset
      ),
      v_now + v_settings.lease_duration,
      case when lease_reopened.status = 'claimed' then v_now end
    from taken
    join public.sim_jobs as jobs on jobs.id = lease_reopened.job_id
    returning id
  )
  select array_agg(leased.id) into v_ids from leased;
  perform private.close_job_if_fully_leased(lease_reopened.job_id);
  return coalesce(v_ids, '{}');
end;
$$;

comment on function private.lease_reopened(uuid, uuid, integer, text) is
'Leases ranges that came back. The caller shares or holds the job.';

create function private.lock_uncut_range(job_id uuid, wait boolean)
returns private.uncut_ranges
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_range private.uncut_ranges;
begin
  select * into v_range
  from private.uncut_ranges as ranges
  where ranges.job_id = lock_uncut_range.job_id
  order by ranges.stripe
  limit 1
  for update skip locked;
  if not found and lock_uncut_range.wait then
    select * into v_range
    from private.uncut_ranges as ranges
    where ranges.job_id = lock_uncut_range.job_id
    order by ranges.stripe
    limit 1
    for update;
  end if;
  return v_range;
end;
$$;

comment on function private.lock_uncut_range(uuid, boolean) is
'The first stripe that nobody is cutting; when all are being cut, the first, if we may wait.';

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
  uncut private.uncut_ranges,
  first_iteration bigint,
  iterations_per_second double precision,
  workers bigint
)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_full bigint := private.full_chunk(next_chunk_size.iterations_per_second);
  v_most_workers constant bigint := 256 + next_chunk_size.workers;
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
    v_full, v_remaining, next_chunk_size.iterations_per_second, v_most_workers
  ) then
    return v_full;
  end if;
  return private.tail_chunk(
    v_full, v_remaining, next_chunk_size.iterations_per_second,
    next_chunk_size.workers + private.busy_workers(next_chunk_size.uncut)
  );
end;
$$;

comment on function private.next_chunk_size(
  private.uncut_ranges, bigint, double precision, bigint
) is
'Iterations of the next chunk of a stripe for a node of this speed, one of so many that ask.';

create function private.cut_chunks(
  job public.sim_jobs,
  first_iteration bigint,
  end_iteration bigint,
  size bigint,
  node_id uuid,
  status text
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_lease interval;
  v_now timestamptz := private.current_time();
  v_ids uuid[];
begin
  select lease_duration into strict v_lease from private.settings;
  with leased as (
    insert into public.sim_chunks (
      job_id, node_id, config_hash, seed_offset, iterations, status, created_at, lease_expires_at,
      claimed_at
    )
    select
      (cut_chunks.job).id,
      cut_chunks.node_id,
      (cut_chunks.job).config_hash,
      cuts.first_iteration,
      least(cut_chunks.size, cut_chunks.end_iteration - cuts.first_iteration),
      cut_chunks.status,
      v_now,
      v_now + v_lease,
      case when cut_chunks.status = 'claimed' then v_now end
    from generate_series(
      cut_chunks.first_iteration, cut_chunks.end_iteration - 1, cut_chunks.size
    ) as cuts (first_iteration)
    returning id
  )
  select array_agg(leased.id) into v_ids from leased;
  return v_ids;
end;
$$;

comment on function private.cut_chunks(public.sim_jobs, bigint, bigint, bigint, uuid, text) is
'Leases a part of a stripe as chunks of one size.';

create function private.lease_uncut(
  job public.sim_jobs,
  node_id uuid,
  slots integer,
  status text,
  iterations_per_second double precision,
  workers bigint,
  wait boolean
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_range private.uncut_ranges;
  v_next bigint;
  v_size bigint;
  v_end bigint;
  v_ids uuid[] := array[]::uuid[];
begin
  while cardinality(v_ids) < lease_uncut.slots loop
    v_range := private.lock_uncut_range((lease_uncut.job).id, lease_uncut.wait);
    exit when v_range.job_id is null;
    v_next := private.next_iteration(v_range);
    v_size := private.next_chunk_size(
      v_range, v_next, lease_uncut.iterations_per_second, lease_uncut.workers
    );
    -- no chunk crosses a checkpoint
    v_end := least(
      v_range.end_iteration,
      (v_next / (lease_uncut.job).segment_iterations + 1) * (lease_uncut.job).segment_iterations,
      v_next + v_size * (lease_uncut.slots - cardinality(v_ids))
    );
    v_ids := v_ids || private.cut_chunks(
      lease_uncut.job, v_next, v_end, v_size, lease_uncut.node_id, lease_uncut.status
    );
    if v_end = v_range.end_iteration then
      delete from private.uncut_ranges as ranges
      where ranges.job_id = v_range.job_id and ranges.stripe = v_range.stripe;
      perform private.close_job_if_fully_leased(v_range.job_id);
    end if;
  end loop;
  return v_ids;
end;
$$;

comment on function private.lease_uncut(
  public.sim_jobs, uuid, integer, text, double precision, bigint, boolean
) is
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
  job_id uuid,
  node_id uuid,
  slots integer,
  status text,
  iterations_per_second double precision,
  workers bigint,
  wait boolean
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job public.sim_jobs;
  v_ids uuid[];
begin
  -- cancelled or finished between being listed and being locked
  if not exists (
    select from private.open_jobs as jobs where jobs.job_id = lease_chunks.job_id
  ) then
    return array[]::uuid[];
  end if;
  select * into strict v_job from public.sim_jobs as jobs where jobs.id = lease_chunks.job_id;
  v_ids := private.lease_reopened(
    lease_chunks.job_id, lease_chunks.node_id, lease_chunks.slots, lease_chunks.status
  );
  v_ids := v_ids || private.lease_uncut(
    v_job,
    lease_chunks.node_id,
    lease_chunks.slots - cardinality(v_ids),
    lease_chunks.status,
    lease_chunks.iterations_per_second,
    lease_chunks.workers,
    lease_chunks.wait
  );
  if cardinality(v_ids) = 0 then
    perform private.close_job_if_fully_leased(lease_chunks.job_id);
  elsif v_job.status = 'pending' then
    perform private.start_job(lease_chunks.job_id);
  end if;
  return v_ids;
end;
$$;

comment on function private.lease_chunks(
  uuid, uuid, integer, text, double precision, bigint, boolean
) is
'Leases up to `slots` chunks of the job to the node: what came back first, then new ones. The '
'caller shares or holds the job; status is claimed for an answer, pending for a push.';
