-- Chunks: one row per lease of a range, inserted when the range is leased and changed once, when
-- the lease ends. A range that is leased again gets a new row with the next attempt.
--
-- Where that is worth it, a range is leased a second time while its first lease is out: the purpose
-- of the row says what for. Of two rivals for the same range whoever hands in its result first
-- counts; when one of them ends without, the other goes on as if it had been alone.

create table public.sim_chunks (
  id uuid primary key default gen_random_uuid(),
  job_id uuid not null,
  node_id uuid not null,
  config_hash text not null,
  seed_offset bigint not null,
  iterations bigint not null,
  status text not null,
  attempt integer not null default 1,
  purpose text not null default 'work',
  rival_id uuid,
  lease_token uuid not null default gen_random_uuid(),
  lease_expires_at timestamptz not null,
  result jsonb,
  result_digest text,
  failure text,
  error text,
  created_at timestamptz not null default private.current_time(),
  claimed_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  constraint a_range_is_leased_once_per_attempt unique (job_id, seed_offset, attempt),
  constraint a_range_has_iterations check (iterations >= 1 and seed_offset >= 0),
  constraint attempts_start_at_one check (attempt >= 1),
  -- short, and lists as single values: a statement reads and prepares all of them anew
  constraint purpose_is_known check (purpose = any('{work,speculation,check}'::text[])),
  constraint a_speculation_has_a_rival check (purpose <> 'speculation' or rival_id is not null),
  constraint status_is_known
  check (status = any('{pending,claimed,running,held,completed,confirmed,failed}'::text[])),
  constraint a_pending_chunk_is_not_confirmed check (status <> 'pending' or claimed_at is null),
  constraint a_claimed_chunk_is_confirmed
  check (claimed_at is not null or status <> 'claimed' and status <> 'running'),
  constraint a_running_chunk_has_started check (status <> 'running' or started_at is not null),
  constraint a_completed_chunk_has_its_time
  check ((status = any('{held,completed,confirmed}'::text[])) = (completed_at is not null)),
  constraint a_completed_chunk_has_a_digest
  check ((completed_at is null) = (result_digest is null)),
  constraint only_a_completed_chunk_has_a_result
  check (result is null or completed_at is not null and status <> 'confirmed'),
  constraint a_failed_chunk_has_its_time check ((status = 'failed') = (failed_at is not null)),
  constraint a_failed_chunk_says_how check ((failed_at is null) = (failure is null)),
  constraint failure_is_known
  check (
    failure
    = any('{error,rejected,expired,distrusted,released,cancelled,superseded}'::text[])
  )
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

alter table public.sim_chunks enable row level security;

comment on table public.sim_chunks is
'Leases of ranges [seed_offset, seed_offset + iterations) of a job, and what came of them.';
comment on column public.sim_chunks.job_id is
'No foreign key, which would look at the job, and lock it, once per row: who leases shares the '
'job, and its chunks go with it.';
comment on column public.sim_chunks.node_id is
'Who holds or held the lease. No foreign key: history outlives nodes, and inserts stay cheap.';
comment on column public.sim_chunks.status is
'pending: pushed to its node, not yet confirmed; claimed: the node has it; running: it said so; '
'held: its result waits for what another node says; completed: its result counts; confirmed: it '
'is the same as the one that counts.';
comment on column public.sim_chunks.purpose is
'work: it answers for its range; speculation: it runs the range of a straggler once more; check: '
'it runs a range again whose result is held.';
comment on column public.sim_chunks.rival_id is
'The other lease of the same range, of which the first result counts. Not for nodes to know.';
comment on column public.sim_chunks.failure is
'How a lease ended without a result; distrusted: the result was wrong, or of a node that was wrong '
'elsewhere; released, cancelled and superseded are nobody''s fault.';
comment on column public.sim_chunks.lease_expires_at is
'The lease lives until then, or as long as its node''s heartbeats say that it is running.';

create unique index idx_sim_chunks_completed_once on public.sim_chunks (job_id, seed_offset)
where status = 'completed';
create index idx_sim_chunks_active_node on public.sim_chunks (node_id)
where status in ('pending', 'claimed', 'running');
create index idx_sim_chunks_active_job on public.sim_chunks (job_id)
where status in ('pending', 'claimed', 'running');
create index idx_sim_chunks_failed on public.sim_chunks (job_id, failed_at)
where failure in ('error', 'rejected', 'expired');
create index idx_sim_chunks_lease on public.sim_chunks (lease_expires_at)
where status in ('pending', 'claimed', 'running');

-- not the lease token, which is between the pool and the node, nor what the lease is for
grant select (
  id, job_id, node_id, config_hash, seed_offset, iterations, status, attempt, lease_expires_at,
  result, result_digest, failure, error, created_at, claimed_at, started_at, completed_at, failed_at
) on public.sim_chunks to authenticated;
grant select on public.sim_chunks to service_role;

create function private.find_chunks(chunk_ids uuid[])
returns setof public.sim_chunks
language plpgsql
stable
rows 1
set search_path = ''
as $$
begin
  -- apart from joins and groups: for the order that they would like, a planner that takes the table
  -- to be small walks a whole index and filters by id
  return query
  select chunks.* from public.sim_chunks as chunks where chunks.id = any(find_chunks.chunk_ids);
end;
$$;

comment on function private.find_chunks(uuid[]) is
'The chunks with these ids, found by id whatever the caller does with them.';

create function private.find_chunk(chunk_id uuid)
returns public.sim_chunks
language plpgsql
stable
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
begin
  select * into v_chunk from public.sim_chunks as chunks where chunks.id = find_chunk.chunk_id;
  return v_chunk;
end;
$$;

comment on function private.find_chunk(uuid) is
'The chunk with this id, found by id in the midst of a join; a row of nulls when there is none.';

create policy "Users see the chunks of their jobs, and a node sees its own"
on public.sim_chunks for select to authenticated
using (
  node_id = (select private.node_id())
  or exists (
    select sim_jobs.id from public.sim_jobs
    where sim_jobs.id = sim_chunks.job_id and sim_jobs.user_id = (select auth.uid())
  )
);

create policy "Users see configs of their jobs, and a node sees those leased to it"
on public.sim_configs for select to authenticated
using (
  exists (
    select sim_jobs.id from public.sim_jobs
    where sim_jobs.config_hash = sim_configs.hash and sim_jobs.user_id = (select auth.uid())
  )
  or exists (
    select sim_chunks.id from public.sim_chunks
    where
      sim_chunks.node_id = (select private.node_id())
      and sim_chunks.config_hash = sim_configs.hash
      and sim_chunks.status in ('pending', 'claimed', 'running')
  )
);

create policy "Users see versions of rotations they see, and a node those leased to it"
on public.rotation_versions for select to authenticated
using (
  exists (
    select rotations.id from public.rotations
    where rotations.id = rotation_versions.rotation_id
  )
  or rotation_versions.checksum in (
    select sim_configs.config #>> '{rotation,checksum}'
    from public.sim_chunks
    join public.sim_configs on sim_chunks.config_hash = sim_configs.hash
    where
      sim_chunks.node_id = (select private.node_id())
      and sim_chunks.status in ('pending', 'claimed', 'running')
  )
);
