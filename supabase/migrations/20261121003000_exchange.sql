-- The hot call. A node hands in what ended and takes what is next, in one round trip.

create function private.meet_node(node_id uuid)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node public.nodes;
  v_now timestamptz := private.current_time();
begin
  perform private.lock_node(meet_node.node_id);
  select * into v_node from public.nodes where nodes.id = meet_node.node_id;
  if not found then
    perform private.refuse(
      401, 'UNAUTHORIZED', 'This node is not registered.', '{}', 'Register it again.'
    );
  end if;
  if v_node.user_id is null then
    perform private.refuse(
      403, 'FORBIDDEN', 'This node is not claimed yet.', '{}', 'Enter its code as its owner.'
    );
  end if;
  -- at most once a minute: this row is published to everybody who watches it
  if v_node.status = 'offline' or v_node.last_seen_at < v_now - interval '1 minute' then
    update public.nodes set status = 'online', last_seen_at = v_now where nodes.id = v_node.id;
    perform private.keep_node_device(v_node.id);
  end if;
  return v_node;
end;
$$;

comment on function private.meet_node(uuid) is
'The claimed node that is calling, which is thereby online. Its calls come one after the other.';

create function private.renew_leases(node_id uuid)
returns private.node_heartbeats
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
  v_settings private.settings;
  v_heartbeat private.node_heartbeats;
begin
  select * into strict v_settings from private.settings;
  select * into v_heartbeat
  from private.node_heartbeats as heartbeats
  where heartbeats.node_id = renew_leases.node_id;
  if v_heartbeat.seen_at > v_now - v_settings.heartbeat_period / 3 then
    return v_heartbeat;
  end if;
  insert into private.node_heartbeats as heartbeats (node_id, seen_at, leases_until)
  values (renew_leases.node_id, v_now, v_now + v_settings.lease_duration)
  on conflict on constraint node_heartbeats_pkey do update
  set seen_at = excluded.seen_at, leases_until = excluded.leases_until
  returning * into v_heartbeat;
  return v_heartbeat;
end;
$$;

comment on function private.renew_leases(uuid) is
'Renews the node''s leases. Writes only when it is a while ago. The caller has the node locked.';

create function private.check_exchange(finished jsonb, slots integer, running jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- asked before a function is called to refuse: of all calls this is the one that is made most
  if (check_exchange.slots between 0 and 1000) is not true then
    perform private.check_input(false, 'slots', 'must be an integer from 0 to 1000');
  end if;
  if jsonb_typeof(check_exchange.finished) is distinct from 'array'
    or jsonb_array_length(check_exchange.finished) > 1000
  then
    perform private.check_input(false, 'finished', 'must be an array of at most 1000 chunks');
  end if;
  if check_exchange.running is distinct from '[]' then
    perform private.check_chunk_ids(check_exchange.running, 'running');
  end if;
  if check_exchange.finished <> '[]' then
    perform private.check_finished(check_exchange.finished);
  end if;
end;
$$;

comment on function private.check_exchange(jsonb, integer, jsonb) is
'Refuses an exchange that is malformed, before anything is changed.';

create function private.check_chunk_ids(chunk_ids jsonb, field text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    jsonb_typeof(check_chunk_ids.chunk_ids) = 'array'
    and jsonb_array_length(check_chunk_ids.chunk_ids) <= 10000
    and not exists (
      select from jsonb_array_elements(check_chunk_ids.chunk_ids) as ids (id)
      where not private.is_uuid(ids.id)
    ),
    check_chunk_ids.field, 'must be an array of chunk ids'
  );
end;
$$;

comment on function private.check_chunk_ids(jsonb, text) is 'Refuses what is not a list of ids.';

create function private.is_uuid(value jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    jsonb_typeof(is_uuid.value) = 'string'
    and is_uuid.value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false
  );
end;
$$;

comment on function private.is_uuid(jsonb) is 'Whether a JSON value is a UUID.';

create function private.check_finished(finished jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_wrong text[];
begin
  -- all at once, for every result passes here
  select items.wrong into v_wrong
  from (
    select case
      when jsonb_typeof(elements.item) <> 'object' or elements.item - array[
        'chunk_id', 'lease_token', 'status', 'result', 'error', 'retryable'
      ] <> '{}'
        then array[
          'finished',
          'must hold objects with chunk_id, lease_token, status, result, error, retryable'
        ]
      when coalesce(elements.item ->> 'chunk_id', '')
        !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then array['finished.chunk_id', 'must be a UUID']
      when coalesce(elements.item ->> 'lease_token', '')
        !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then array['finished.lease_token', 'must be a UUID']
      when coalesce(elements.item ->> 'status', '') not in ('completed', 'failed', 'released')
        then array['finished.status', 'must be completed, failed or released']
      when coalesce(jsonb_typeof(elements.item -> 'retryable'), 'null') not in ('boolean', 'null')
        then array['finished.retryable', 'must be true or false']
    end as wrong
    from jsonb_array_elements(check_finished.finished) as elements (item)
  ) as items
  where items.wrong is not null
  limit 1;
  if v_wrong is not null then
    perform private.check_input(false, v_wrong[1], v_wrong[2]);
  end if;
end;
$$;

comment on function private.check_finished(jsonb) is
'Refuses a list of handed-in chunks of which one is malformed.';

create function private.confirm_running(node_id uuid, running uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set
    status = 'running',
    claimed_at = coalesce(chunks.claimed_at, private.current_time()),
    started_at = private.current_time()
  where chunks.id = any(array(
    select held.id from public.sim_chunks as held
    where held.node_id = confirm_running.node_id
      and held.status in ('pending', 'claimed')
      and held.id = any(confirm_running.running)
    for update skip locked
  ));
end;
$$;

comment on function private.confirm_running(uuid, uuid[]) is
'Marks leases that the node says it holds. Skips what another session is settling.';

create function private.lost_chunks(node_id uuid, held uuid[])
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(ids.id), '[]')
    from unnest(lost_chunks.held) as ids (id)
    where not exists (
      select from public.sim_chunks as chunks
      where chunks.id = ids.id
        and chunks.node_id = lost_chunks.node_id
        and chunks.status in ('pending', 'claimed', 'running')
    )
  );
end;
$$;

comment on function private.lost_chunks(uuid, uuid[]) is
'Of the chunks a node holds, those that are no longer its own.';

create function private.resend_leases(node_id uuid, known uuid[], slots integer)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  v_ids := array(
    select chunks.id
    from public.sim_chunks as chunks
    where chunks.node_id = resend_leases.node_id
      and chunks.status in ('pending', 'claimed', 'running')
      and chunks.id <> all(resend_leases.known)
    order by chunks.created_at, chunks.job_id, chunks.seed_offset
    limit resend_leases.slots
    for update skip locked
  );
  update public.sim_chunks as chunks
  set status = 'claimed', claimed_at = private.current_time()
  -- not by its status: that offers the planner the index of all that is leased
  where chunks.id = any(v_ids) and chunks.claimed_at is null;
  return v_ids;
end;
$$;

comment on function private.resend_leases(uuid, uuid[], integer) is
'Leases the node has but does not know of: their push was lost, or the node restarted.';

create function private.take_chunks(
  node public.nodes, slots integer, iterations_per_second double precision, wait boolean
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job_id uuid;
  v_ids uuid[] := array[]::uuid[];
begin
  for v_job_id in select * from private.jobs_for_node((take_chunks.node).id) loop
    exit when cardinality(v_ids) >= take_chunks.slots;
    continue when not private.try_share_job(v_job_id);
    v_ids := v_ids || private.lease_chunks(
      v_job_id,
      (take_chunks.node).id,
      take_chunks.slots - cardinality(v_ids),
      'claimed',
      take_chunks.iterations_per_second,
      take_chunks.slots,
      -- who has cut one job waits for nobody who cuts another
      take_chunks.wait and cardinality(v_ids) = 0
    );
  end loop;
  return v_ids;
end;
$$;

comment on function private.take_chunks(public.nodes, integer, double precision, boolean) is
'Leases up to `slots` chunks to the node that asks, from the jobs to be served first. Waits, if it '
'may, for other cutters of the first job that has work, and of no other.';

create function private.wake_others(chunk_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if exists (select from private.idle_nodes) then
    perform private.dispatch_job(jobs.job_id, settings.dispatch_nodes_per_exchange)
    from (
      select distinct chunks.job_id from private.find_chunks(wake_others.chunk_ids) as chunks
    ) as jobs
    cross join private.settings
    where exists (select from private.open_jobs as open where open.job_id = jobs.job_id);
  end if;
end;
$$;

comment on function private.wake_others(uuid[]) is
'Where a node found work there may be more: wakes some of the nodes that wait.';

create function private.next_poll(
  node public.nodes, free_slots integer, iterations_per_second double precision
)
returns interval
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_settings private.settings;
begin
  select * into strict v_settings from private.settings;
  if next_poll.free_slots < 1 then
    perform private.stop_waiting((next_poll.node).id);
    return v_settings.poll_period;
  end if;
  if private.wait_for_work(
    (next_poll.node).id,
    (next_poll.node).user_id,
    next_poll.free_slots,
    coalesce(next_poll.iterations_per_second, v_settings.default_iterations_per_second)
  ) then
    return v_settings.retry_poll_period;
  end if;
  return v_settings.poll_period;
end;
$$;

comment on function private.next_poll(public.nodes, integer, double precision) is
'Lists or unlists the node as waiting; answers when it should ask again.';

create function private.exchange_chunks(finished jsonb, slots integer, running jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set enable_hashjoin = 'off'
set enable_mergejoin = 'off'
set jit = 'off'
as $$
declare
  v_node_id uuid := private.require_node();
  v_node public.nodes;
  v_heartbeat private.node_heartbeats;
  v_outcomes jsonb := '[]'::jsonb;
  v_has_swept boolean := false;
  v_required text;
  v_running uuid[] := array[]::uuid[];
  v_slots integer;
  v_resent uuid[] := array[]::uuid[];
  v_taken uuid[] := array[]::uuid[];
  v_next_poll interval;
begin
  perform private.check_exchange(
    exchange_chunks.finished, exchange_chunks.slots, exchange_chunks.running
  );
  v_node := private.meet_node(v_node_id);
  v_heartbeat := private.renew_leases(v_node_id);
  if exchange_chunks.running <> '[]' then
    v_running := array(
      select ids.id::uuid from jsonb_array_elements_text(exchange_chunks.running) as ids (id)
    );
  end if;
  if jsonb_array_length(exchange_chunks.finished) > 0 then
    v_outcomes := private.settle(v_node_id, exchange_chunks.finished);
  else
    v_has_swept := private.sweep_sometimes();
  end if;
  if cardinality(v_running) > 0 then
    perform private.confirm_running(v_node_id, v_running);
  end if;

  v_required := private.required_version(v_node.version);
  v_slots := case
    when v_node.paused_at is not null or v_node.max_parallel = 0 or v_required is not null
      or private.is_sidelined(v_node_id) then 0
    else exchange_chunks.slots
  end;
  if v_slots > 0 then
    -- a node that works has had its pushes; while it does, a look every few seconds is enough
    if jsonb_array_length(exchange_chunks.finished) = 0
      or v_heartbeat.seen_at = private.current_time()
    then
      v_resent := private.resend_leases(v_node_id, v_running, v_slots);
    end if;
    v_taken := private.lease_checks(v_node, v_slots - cardinality(v_resent), 'claimed');
    v_taken := v_taken || private.take_chunks(
      v_node, v_slots - cardinality(v_resent) - cardinality(v_taken),
      v_heartbeat.iterations_per_second, not v_has_swept
    );
  end if;
  v_next_poll := private.next_poll(
    v_node, v_slots - cardinality(v_resent) - cardinality(v_taken),
    v_heartbeat.iterations_per_second
  );
  perform private.wake_others(v_taken);
  perform private.wake_checkers(exchange_chunks.finished);
  return jsonb_build_object(
    'outcomes', v_outcomes,
    'chunks', private.describe_chunks(v_resent || v_taken),
    'cancelled', case
      when cardinality(v_running) > 0 then private.lost_chunks(v_node_id, v_running)
      else '[]'
    end,
    'next_poll_ms', (extract(epoch from v_next_poll) * 1000)::integer
  ) || case
    when v_required is null then '{}'::jsonb
    else jsonb_build_object('required_version', v_required)
  end;
end;
$$;

grant execute on function private.exchange_chunks(jsonb, integer, jsonb) to authenticated;

comment on function private.exchange_chunks(jsonb, integer, jsonb) is
'See public.exchange_chunks. A definer: nodes have no right to write any table.';

create function public.exchange_chunks(finished jsonb, slots integer, running jsonb default '[]')
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.exchange_chunks(
    exchange_chunks.finished, exchange_chunks.slots, exchange_chunks.running
  );
end;
$$;

grant execute on function public.exchange_chunks(jsonb, integer, jsonb) to authenticated;

comment on function public.exchange_chunks(jsonb, integer, jsonb) is
'For nodes: hand in the chunks that ended, take up to `slots` more, say which are running. '
'Answers outcomes, chunks, cancelled and next_poll_ms.';
