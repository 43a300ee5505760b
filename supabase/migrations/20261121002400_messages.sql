-- Messages to nodes and users, by Realtime, on private topics. Every one is a hint: losing them all
-- costs latency only. Definers, because realtime.send() needs to insert into realtime.messages.

create function private.describe_chunks(chunk_ids uuid[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'chunk_id', chunks.id,
          'job_id', chunks.job_id,
          'config_hash', chunks.config_hash,
          'engine', configs.engine,
          'seed', jobs.seed,
          'seed_offset', chunks.seed_offset,
          'iterations', chunks.iterations,
          'lease_token', chunks.lease_token,
          'lease_expires_at', chunks.lease_expires_at
        )
        || case
          when jobs.engine_versions is null then '{}'::jsonb
          else jsonb_build_object('engine_versions', jobs.engine_versions)
        end
        order by array_position(describe_chunks.chunk_ids, chunks.id)
      ), '[]'
    )
    from private.find_chunks(describe_chunks.chunk_ids) as chunks
    join public.sim_jobs as jobs on jobs.id = chunks.job_id
    join public.sim_configs as configs on configs.hash = chunks.config_hash
  );
end;
$$;

comment on function private.describe_chunks(uuid[]) is
'Chunks as a node needs them to run them, in the order given.';

create function private.push_chunks(node_id uuid, chunks jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform realtime.send(
    jsonb_build_object('chunks', push_chunks.chunks), 'chunks', 'node:' || push_chunks.node_id, true
  );
end;
$$;

comment on function private.push_chunks(uuid, jsonb) is
'Pushes newly leased chunks to their node. What a node takes for itself travels in the answer.';

create function private.push_job_status()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_change record;
begin
  for v_change in
    select new_jobs.id, new_jobs.user_id, new_jobs.status
    from new_jobs
    join old_jobs on old_jobs.id = new_jobs.id
    where new_jobs.status <> old_jobs.status
  loop
    perform realtime.send(
      jsonb_build_object('id', v_change.id, 'status', v_change.status),
      'job', 'user:' || v_change.user_id, true
    );
    if v_change.status in ('completed', 'failed', 'cancelled') then
      perform realtime.send(
        jsonb_build_object('status', v_change.status), 'finished', 'job:' || v_change.id, true
      );
    end if;
  end loop;
  return null;
end;
$$;

comment on function private.push_job_status() is 'Tells users when a job of theirs changes status.';

create trigger sim_jobs_update_push
after update on public.sim_jobs
referencing old table as old_jobs new table as new_jobs
for each statement execute function private.push_job_status();

create function private.push_node_status()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_change record;
begin
  for v_change in
    select new_nodes.id, new_nodes.user_id, new_nodes.status
    from new_nodes
    join old_nodes on old_nodes.id = new_nodes.id
    where new_nodes.status <> old_nodes.status and new_nodes.user_id is not null
  loop
    perform realtime.send(
      jsonb_build_object('id', v_change.id, 'status', v_change.status),
      'node', 'user:' || v_change.user_id, true
    );
  end loop;
  return null;
end;
$$;

comment on function private.push_node_status() is
'Tells users when a node of theirs comes or goes.';

create trigger nodes_update_push
after update on public.nodes
referencing old table as old_nodes new table as new_nodes
for each statement execute function private.push_node_status();

create function private.push_cancel(chunk_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_push record;
begin
  for v_push in
    select chunks.node_id, jsonb_agg(chunks.id) as chunk_ids
    from private.find_chunks(push_cancel.chunk_ids) as chunks
    group by chunks.node_id
  loop
    perform realtime.send(
      jsonb_build_object('chunk_ids', v_push.chunk_ids),
      'cancel', 'node:' || v_push.node_id, true
    );
  end loop;
end;
$$;

comment on function private.push_cancel(uuid[]) is
'Tells nodes to drop these chunks: one message per node.';
