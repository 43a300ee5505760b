-- The hot call. A node hands in what ended and takes what is next, in one round trip.

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
end;
$$;

comment on function private.check_exchange(jsonb, integer, jsonb) is
'Refuses an exchange that is malformed, but for what single chunks are: they are read once.';

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

create function private.find_known_job(jobs private.known_job[], job_id uuid, node_id uuid)
returns private.known_job
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job private.known_job;
begin
  foreach v_job in array find_known_job.jobs loop
    if v_job.id = find_known_job.job_id then
      return v_job;
    end if;
  end loop;
  if private.try_share_job(find_known_job.job_id) then
    return private.known_job(find_known_job.job_id, find_known_job.node_id);
  end if;
  return null;
end;
$$;

comment on function private.find_known_job(private.known_job[], uuid, uuid) is
'What is known of a job that this call shares, or can share without waiting; null of another.';

create type private.taken_chunks as (chunks jsonb, job_ids uuid array);

create function private.take_of_jobs(
  job_ids uuid[],
  lessee private.lessee,
  slots integer,
  known private.known_job[],
  taken private.taken_chunks,
  is_limited boolean
)
returns private.taken_chunks
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_taken private.taken_chunks := take_of_jobs.taken;
  v_lessee private.lessee := take_of_jobs.lessee;
  v_job_id uuid;
  v_job private.known_job;
  v_slots integer;
  v_chunks jsonb;
begin
  foreach v_job_id in array take_of_jobs.job_ids loop
    v_slots := take_of_jobs.slots - jsonb_array_length(v_taken.chunks);
    exit when v_slots < 1;
    v_job := private.find_known_job(take_of_jobs.known, v_job_id, v_lessee.node_id);
    continue when v_job.id is null;
    if take_of_jobs.is_limited then
      v_slots := least(v_slots, private.lease_room(v_job.user_id));
      continue when v_slots < 1;
    end if;
    -- who has cut one job waits for nobody who cuts another
    v_lessee.waits := v_lessee.waits and v_taken.chunks = '[]';
    v_chunks := private.lease_chunks(v_job, v_lessee, v_slots);
    if v_chunks <> '[]' then
      v_taken.chunks := v_taken.chunks || v_chunks;
      v_taken.job_ids := v_taken.job_ids || v_job_id;
    end if;
  end loop;
  return v_taken;
end;
$$;

comment on function private.take_of_jobs(
  uuid[], private.lessee, integer, private.known_job[], private.taken_chunks, boolean
) is
'Leases chunks of these jobs, in this order, until `slots` are taken, or as many as the quotas of '
'their users leave, where those may have some.';

create function private.take_chunks(
  caller private.caller,
  slots integer,
  waits boolean,
  known private.known_job[],
  moment timestamptz,
  settings private.settings
)
returns private.taken_chunks
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_node_id constant uuid := (take_chunks.caller).node_id;
  v_owner_id constant uuid := (take_chunks.caller).owner_id;
  v_lessee private.lessee;
  v_own uuid[] := array[]::uuid[];
  v_taken private.taken_chunks := row('[]'::jsonb, array[]::uuid[]);
begin
  if take_chunks.slots < 1 then
    return v_taken;
  end if;
  v_lessee := private.lessee(
    v_node_id, 'claimed', (take_chunks.caller).iterations_per_second, take_chunks.slots,
    take_chunks.waits, take_chunks.moment, take_chunks.settings
  );
  -- mostly the owner has enough for it
  if (take_chunks.caller).serves_owner then
    v_own := private.own_jobs(
      v_owner_id, v_node_id, (take_chunks.caller).engines, take_chunks.moment,
      (take_chunks.settings).priority_ageing
    );
    v_taken := private.take_of_jobs(
      v_own, v_lessee, take_chunks.slots, take_chunks.known, v_taken,
      (take_chunks.caller).owner_is_limited
    );
  end if;
  if jsonb_array_length(v_taken.chunks) < take_chunks.slots then
    v_taken := private.take_of_jobs(
      array(
        select jobs.id from private.jobs_for_node(v_node_id) as jobs (id)
        where jobs.id <> all(v_own)
      ), v_lessee, take_chunks.slots, take_chunks.known, v_taken, true
    );
  end if;
  return v_taken;
end;
$$;

comment on function private.take_chunks(
  private.caller, integer, boolean, private.known_job[], timestamptz, private.settings
) is
'Leases up to `slots` chunks to the node that asks, from the jobs to be served first. Waits, if it '
'may, for other cutters of the first job that has work, and of no other.';

create function private.jobs_to_run_again(finished jsonb)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    select jobs.id
    from private.jobs_of_finished(jobs_to_run_again.finished) as jobs (id)
    where exists (
      select from private.reopened_ranges as ranges where ranges.job_id = jobs.id
    )
  );
end;
$$;

comment on function private.jobs_to_run_again(jsonb) is
'Jobs of what a node handed in of which some ranges came back, maybe in this call.';

create function private.wake_others(job_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.dispatch_job(jobs.id, settings.dispatch_nodes_per_exchange)
  from (select distinct wanted.id from unnest(wake_others.job_ids) as wanted (id)) as jobs
  cross join private.settings
  where exists (select from private.open_jobs as open where open.job_id = jobs.id);
end;
$$;

comment on function private.wake_others(uuid[]) is
'Where a node found work, or gave some back, there may be more: wakes some of the nodes that wait.';

create function private.next_poll(
  caller private.caller, free_slots integer, settings private.settings
)
returns interval
language plpgsql
volatile
set search_path = ''
as $$
begin
  if next_poll.free_slots < 1 then
    if (next_poll.caller).is_waiting then
      perform private.stop_waiting((next_poll.caller).node_id);
    end if;
    return (next_poll.settings).poll_period;
  end if;
  if private.wait_for_work(
    (next_poll.caller).node_id,
    (next_poll.caller).owner_id,
    next_poll.free_slots,
    coalesce(
      (next_poll.caller).iterations_per_second,
      (next_poll.settings).default_iterations_per_second
    )
  ) then
    return (next_poll.settings).retry_poll_period;
  end if;
  return (next_poll.settings).poll_period;
end;
$$;

comment on function private.next_poll(private.caller, integer, private.settings) is
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
  v_node_id constant uuid := private.require_node();
  v_now constant timestamptz := private.current_time();
  v_settings private.settings;
  v_caller private.caller;
  v_settled private.settlement := row('[]'::jsonb, array[]::private.known_job[], true);
  v_has_finished constant boolean := exchange_chunks.finished <> '[]';
  v_has_swept boolean := false;
  v_required text;
  v_running uuid[] := array[]::uuid[];
  v_slots integer;
  v_sent uuid[] := array[]::uuid[];
  v_chunks jsonb := '[]'::jsonb;
  v_taken private.taken_chunks;
  v_answer jsonb;
begin
  perform private.check_exchange(
    exchange_chunks.finished, exchange_chunks.slots, exchange_chunks.running
  );
  select * into strict v_settings from private.settings;
  v_caller := private.hear_caller(v_node_id, v_now, v_settings);
  if exchange_chunks.running <> '[]' then
    v_running := array(
      select ids.id::uuid from jsonb_array_elements_text(exchange_chunks.running) as ids (id)
    );
  end if;
  if v_has_finished then
    v_settled := private.settle(
      v_node_id, v_caller.owner_id, exchange_chunks.finished, v_now, v_settings
    );
  else
    v_has_swept := private.sweep_sometimes();
  end if;
  if cardinality(v_running) > 0 then
    perform private.confirm_running(v_node_id, v_running);
  end if;

  if v_settings.minimum_node_version is not null then
    v_required := private.required_version(v_caller.version);
  end if;
  v_slots := case
    when v_caller.rests or v_required is not null then 0
    -- what it handed in may have changed what is thought of it
    when (v_caller.is_sidelined or not v_settled.is_plain or v_has_swept)
      and private.is_sidelined(v_node_id) then 0
    else exchange_chunks.slots
  end;
  if v_slots > 0 then
    -- a node that works has had its pushes; while it does, a look every few seconds is enough
    if not v_has_finished or v_caller.seen_at = v_now then
      v_sent := private.resend_leases(v_node_id, v_running, v_slots);
    end if;
    if v_caller.something_is_checked or not v_settled.is_plain or v_has_swept then
      v_sent := v_sent || private.lease_checks(nodes, v_slots - cardinality(v_sent), 'claimed')
      from public.nodes where nodes.id = v_node_id;
    end if;
    if cardinality(v_sent) > 0 then
      v_chunks := private.describe_chunks(v_sent);
    end if;
    v_taken := private.take_chunks(
      v_caller, v_slots - cardinality(v_sent), not v_has_swept, v_settled.jobs, v_now, v_settings
    );
    v_chunks := v_chunks || v_taken.chunks;
  end if;
  v_answer := jsonb_build_object(
    'outcomes', v_settled.outcomes,
    'chunks', v_chunks,
    'cancelled', case
      when cardinality(v_running) > 0 then private.lost_chunks(v_node_id, v_running)
      else '[]'
    end,
    'next_poll_ms', (1000 * extract(epoch from private.next_poll(
      v_caller, v_slots - jsonb_array_length(v_chunks), v_settings
    )))::integer
  );
  if v_caller.somebody_waits then
    perform private.wake_others(
      v_taken.job_ids || case
        when not v_settled.is_plain then private.jobs_to_run_again(exchange_chunks.finished)
      end
    );
    perform private.wake_checkers(exchange_chunks.finished);
  end if;
  if v_required is not null then
    return v_answer || jsonb_build_object('required_version', v_required);
  end if;
  return v_answer;
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
