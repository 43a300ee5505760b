-- Lock order, for every function that changes chunks or jobs:
--
--   1. the node (one per transaction): its row of private.node_heartbeats by private.lock_node(),
--      or private.keep_heartbeat(), then that of public.nodes; whoever changes public.nodes alone
--      needs the second only,
--   2. jobs, by private.share_job() or private.hold_job(), in the order of their lock keys, in one
--      pass per transaction; a job met later is only tried, never waited for,
--   3. checks, in the order of their jobs and ranges; then what is known of nodes, all at once by
--      private.lock_trust() where it is more than one,
--   4. the uncut ranges of one job; those of more jobs are tried, for nodes are not served in the
--      same order,
--   5. the node's own row among the waiting nodes,
--   6. everything else with skip locked, or rows that the lock on the job protects already: waking
--      other nodes comes last, and waits for nothing. The sweep wakes nodes too: after it 4 is only
--      tried as well.
--
-- Whoever ends its own lease with a result shares its job; whoever touches another's lease, reopens
-- a range, ends the job or deletes it holds it alone. The job is finished by whoever completes the
-- last range: nothing is left to lease then, so it holds the job alone, has waited for everybody
-- who shared it, and sees all results. No completion waits for another while ranges are left.

-- Plans are pinned in the same spirit. A table that is empty when a session plans its statements
-- may hold a million rows before anybody analyses it, so the functions that users and nodes call
-- leave the planner one choice for all they call: generic plans, nested loops, index scans. Not
-- bitmap scans, which never learn which entries of an index are dead.

create function private.lock_node(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform from private.node_heartbeats as heartbeats
  where heartbeats.node_id = lock_node.node_id
  for update;
end;
$$;

comment on function private.lock_node(uuid) is
'Waits for the calls of the node that are under way, and lets no other begin.';

create function private.try_lock_node(node_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform from private.node_heartbeats as heartbeats
  where heartbeats.node_id = try_lock_node.node_id
  for update skip locked;
  return found or not exists (
    select from private.node_heartbeats as heartbeats
    where heartbeats.node_id = try_lock_node.node_id
  );
end;
$$;

comment on function private.try_lock_node(uuid) is
'Locks the node unless a call of it is under way. A node that never called has nothing to lock.';

create function private.job_lock_key(job_id uuid)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return hashtextextended('simpool job ' || job_lock_key.job_id, 0);
end;
$$;

comment on function private.job_lock_key(uuid) is 'The advisory lock of a job, and its place.';

create function private.share_job(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock_shared(private.job_lock_key(share_job.job_id));
end;
$$;

comment on function private.share_job(uuid) is 'Waits until nobody holds the job alone.';

create function private.hold_job(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(private.job_lock_key(hold_job.job_id));
end;
$$;

comment on function private.hold_job(uuid) is 'Waits until nobody else has the job, and keeps it.';

create function private.try_share_job(job_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock_shared(private.job_lock_key(try_share_job.job_id));
end;
$$;

comment on function private.try_share_job(uuid) is 'Shares the job unless somebody holds it alone.';

create function private.try_hold_job(job_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(private.job_lock_key(try_hold_job.job_id));
end;
$$;

comment on function private.try_hold_job(uuid) is 'Keeps the job unless somebody else has it.';

create function private.hold_deleted_job()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- of one that has ended nothing is leased, and nobody has locks for all jobs of years
  if old.status in ('pending', 'running') then
    perform private.hold_job(old.id);
  end if;
  return old;
end;
$$;

comment on function private.hold_deleted_job() is
'Whoever leases chunks of a job shares it, and ends before it is deleted. A definer: a deletion '
'may come from anywhere.';

create trigger sim_jobs_delete_hold
before delete on public.sim_jobs
for each row execute function private.hold_deleted_job();

create function private.delete_chunks_of_jobs()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from public.sim_chunks as chunks
  where chunks.job_id = any(array(select old_jobs.id from old_jobs));
  delete from private.job_partials as partials
  where partials.job_id = any(array(select old_jobs.id from old_jobs));
  return null;
end;
$$;

comment on function private.delete_chunks_of_jobs() is
'Chunks, and what is merged of them, go with their job: no foreign key looks after them. A '
'definer, as above.';

create trigger sim_jobs_delete_chunks
after delete on public.sim_jobs
referencing old table as old_jobs
for each statement execute function private.delete_chunks_of_jobs();

create function private.is_fully_leased(job_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return not exists (
    select from private.uncut_ranges as ranges where ranges.job_id = is_fully_leased.job_id
  ) and not exists (
    select from private.reopened_ranges as ranges where ranges.job_id = is_fully_leased.job_id
  );
end;
$$;

comment on function private.is_fully_leased(uuid) is
'Whether no range of the job waits for a node.';

create function private.close_job_if_fully_leased(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if private.is_fully_leased(close_job_if_fully_leased.job_id) then
    delete from private.open_jobs as jobs
    where jobs.job_id = any(array(
      select locked.job_id from private.open_jobs as locked
      where locked.job_id = close_job_if_fully_leased.job_id
      for update skip locked
    ));
    if found then
      insert into private.tail_jobs (job_id) values (close_job_if_fully_leased.job_id);
    end if;
  end if;
end;
$$;

comment on function private.close_job_if_fully_leased(uuid) is
'Takes the job off the list that nodes are served from. The caller shares or holds the job.';

create function private.open_job(job_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  delete from private.tail_jobs as jobs where jobs.job_id = open_job.job_id;
  insert into private.open_jobs (
    job_id, user_id, access_type, rank, engine, engine_versions, names_versions, created_at
  )
  select
    jobs.id, jobs.user_id, jobs.access_type,
    case jobs.priority when 'high' then 2 when 'normal' then 1 else 0 end,
    configs.engine,
    private.accepted_versions(jobs),
    jobs.engine_versions is not null,
    jobs.created_at
  from public.sim_jobs as jobs
  join public.sim_configs as configs on configs.hash = jobs.config_hash
  where jobs.id = open_job.job_id and jobs.paused_at is null
  on conflict on constraint open_jobs_pkey do nothing;
end;
$$;

comment on function private.open_job(uuid) is
'Puts the job on the list that nodes are served from, unless it is paused. The caller holds the '
'job, or made it.';
