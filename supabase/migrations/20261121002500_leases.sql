-- Leasing: which jobs a node may serve, how large its chunks are, and taking them.

-- Whose turn it is, is drawn by lot: every user with open jobs has tickets, more of them the higher
-- the priority of the best job. That shares the fleet in proportion without a count of what anybody
-- holds, nobody waits behind another's jobs, and nodes that ask at the same moment mostly turn to
-- different jobs. (Lottery scheduling: Waldspurger and Weihl, OSDI 1994; drawing in order without
-- replacement: Efraimidis and Spirakis, 2006.) Among the jobs of one user priority decides, and
-- waiting raises it. A node serves its owner before anybody else.

create function private.public_users(quantity integer)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_start constant uuid := gen_random_uuid();
  v_users uuid[] := array[]::uuid[];
  v_user uuid := v_start;
  v_is_past_the_end boolean := false;
begin
  -- from a random place once around, one look into the index per user, however many jobs each has
  while cardinality(v_users) < public_users.quantity loop
    select open.user_id into v_user
    from private.open_jobs as open
    where open.access_type = 'public' and open.user_id > v_user
    order by open.user_id
    limit 1;
    if not found then
      exit when v_is_past_the_end;
      v_is_past_the_end := true;
      v_user := '00000000-0000-0000-0000-000000000000';
      continue;
    end if;
    exit when v_is_past_the_end and v_user > v_start;
    v_users := v_users || v_user;
  end loop;
  return v_users;
end;
$$;

comment on function private.public_users(integer) is
'Users with open public jobs: all of them, or so many by chance.';

create function private.users_for_node(node_id uuid)
returns table (user_id uuid, widest text, is_owner boolean)
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_public_users_max constant integer := 32;
begin
  return query
  with access as (
    select rows.access_type, rows.target_id, nodes.user_id as owner_id
    from public.node_access as rows
    join public.nodes on nodes.id = rows.node_id
    where rows.node_id = users_for_node.node_id
  ),
  admitted as (
    -- the owner, and friends named by the owner: whatever they keep private
    select access.owner_id as user_id, 0 as width
    from access where access.access_type = 'owner'
    union all
    select access.target_id, 0
    from access
    where access.access_type = 'user' and private.are_friends(access.owner_id, access.target_id)
    union all
    -- guild mates: what they let guilds run
    select mates.user_id, 1
    from access
    join public.guild_members as mates on mates.guild_id = access.target_id
    where access.access_type = 'guild'
      and mates.joined_at is not null
      and private.is_guild_member(access.target_id, access.owner_id)
    union all
    select strangers.user_id, 2
    from access
    cross join lateral unnest(private.public_users(v_public_users_max)) as strangers (user_id)
    where access.access_type = 'public'
  )
  select
    admitted.user_id,
    (array['private', 'guild', 'public'])[1 + min(admitted.width)],
    bool_or(admitted.user_id = access.owner_id)
  from admitted
  cross join (select distinct access.owner_id from access) as access
  group by admitted.user_id;
end;
$$;

comment on function private.users_for_node(uuid) is
'Whose jobs the node may serve, and which of them: also private ones, those for guilds, or only '
'public ones.';

create function private.aged_rank(
  rank integer, created_at timestamptz, moment timestamptz, ageing interval
)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return least(2, aged_rank.rank + floor(
    extract(epoch from aged_rank.moment - aged_rank.created_at)
    / extract(epoch from aged_rank.ageing)
  ))::integer;
end;
$$;

comment on function private.aged_rank(integer, timestamptz, timestamptz, interval) is
'The rank of a job that has waited: one step up per period, to the highest.';

create function private.jobs_for_node(node_id uuid)
returns setof uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_jobs_per_user constant integer := 8;
  v_now constant timestamptz := private.current_time();
  v_ageing interval;
  v_engines jsonb;
begin
  select priority_ageing into strict v_ageing from private.settings;
  select engines into v_engines from public.nodes where nodes.id = jobs_for_node.node_id;
  return query
  with offered as (
    select
      users.user_id, users.is_owner, jobs.job_id, jobs.created_at,
      private.aged_rank(jobs.rank, jobs.created_at, v_now, v_ageing) as rank
    from private.users_for_node(jobs_for_node.node_id) as users
    cross join generate_series(0, 2) as ranks (rank)
    cross join lateral (
      select open.job_id, open.created_at, open.rank::integer as rank
      from private.open_jobs as open
      where open.user_id = users.user_id
        and open.rank = ranks.rank
        and (
          users.widest = 'private'
          or users.widest = 'guild' and open.access_type <> 'private'
          or open.access_type = 'public'
        )
        and private.runs_engine(
          v_engines, open.engine, open.engine_versions, open.names_versions
        )
        and not private.is_barred(open.job_id, jobs_for_node.node_id)
      order by open.created_at, open.job_id
      limit v_jobs_per_user
    ) as jobs
    where private.may_lease_more(users.user_id)
  ),
  queues as (
    select
      offered.*,
      row_number() over (
        partition by offered.user_id
        order by offered.rank desc, offered.created_at, offered.job_id
      ) as place
    from offered
  ),
  turns as (
    -- the least of these is drawn first, in proportion to the tickets: 1, 2 or 4
    select queues.user_id, -ln(1 - random()) / power(2, max(queues.rank)) as turn
    from queues
    group by queues.user_id
  )
  select queues.job_id
  from queues join turns on turns.user_id = queues.user_id
  order by queues.is_owner desc, queues.place, turns.turn;
end;
$$;

comment on function private.jobs_for_node(uuid) is
'Open jobs the node may serve, in the order in which it shall be offered them.';

create function private.may_lease_more(user_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_most bigint := (private.quota_of(may_lease_more.user_id)).running_chunks_max;
begin
  return v_most is null or v_most > (
    select count(*) from (
      select
      from public.sim_jobs as jobs
      join public.sim_chunks as chunks on chunks.job_id = jobs.id
      where jobs.user_id = may_lease_more.user_id
        and jobs.status in ('pending', 'running')
        and chunks.status in ('pending', 'claimed', 'running')
      limit v_most
    ) as leases
  );
end;
$$;

comment on function private.may_lease_more(uuid) is
'Whether the user''s quota of running chunks is not used up. Calls at the same moment do not see '
'each other''s leases, so it may be passed by as many.';

create function private.is_guild_member(guild_id uuid, user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.guild_members as members
    where members.guild_id = is_guild_member.guild_id
      and members.user_id = is_guild_member.user_id
      and members.joined_at is not null
  );
end;
$$;

comment on function private.is_guild_member(uuid, uuid) is 'Whether the user has joined the guild.';

create function private.is_barred(job_id uuid, node_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.barred_nodes as nodes
    where nodes.job_id = is_barred.job_id and nodes.node_id = is_barred.node_id
  );
end;
$$;

comment on function private.is_barred(uuid, uuid) is
'Whether the node failed the job too often to serve it any more.';

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
