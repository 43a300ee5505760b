-- The node that calls: who it is, and what an exchange needs to know of it.

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

create function private.renew_leases(
  node_id uuid, moment timestamptz, settings private.settings
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.node_heartbeats as heartbeats (node_id, seen_at, leases_until)
  values (
    renew_leases.node_id,
    renew_leases.moment,
    renew_leases.moment + (renew_leases.settings).lease_duration
  )
  on conflict on constraint node_heartbeats_pkey do update
  set seen_at = excluded.seen_at, leases_until = excluded.leases_until;
end;
$$;

comment on function private.renew_leases(uuid, timestamptz, private.settings) is
'Renews the node''s leases. The caller has the node locked.';

create type private.caller as (
  node_id uuid,
  owner_id uuid,
  version text,
  engines jsonb,
  is_news boolean,
  rests boolean,
  seen_at timestamptz,
  iterations_per_second double precision,
  is_sidelined boolean,
  is_waiting boolean,
  serves_owner boolean,
  owner_is_limited boolean,
  somebody_waits boolean,
  something_is_checked boolean
);

create function private.read_caller(
  node_id uuid, moment timestamptz, settings private.settings
)
returns private.caller
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_caller private.caller;
begin
  select
    nodes.id,
    nodes.user_id,
    nodes.version,
    nodes.engines,
    nodes.user_id is null
    or nodes.status = 'offline'
    or nodes.last_seen_at < read_caller.moment - interval '1 minute',
    nodes.paused_at is not null or nodes.max_parallel = 0,
    heartbeats.seen_at,
    heartbeats.iterations_per_second,
    coalesce(
      trust.quarantined_at is not null or trust.backed_off_until > read_caller.moment, false
    ),
    exists (select from private.idle_nodes as idle where idle.node_id = nodes.id),
    exists (
      select from public.node_access as access
      where access.node_id = nodes.id and access.access_type = 'owner'
    ),
    case
      when quotas.user_id is null then (read_caller.settings).running_chunks_max
      else quotas.running_chunks_max
    end is not null,
    exists (select from private.idle_nodes),
    exists (select from private.checks where checks.open > 0)
  into v_caller
  from public.nodes
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = nodes.id
  left join private.node_trust as trust on trust.node_id = nodes.id
  left join private.user_quotas as quotas on quotas.user_id = nodes.user_id
  where nodes.id = read_caller.node_id;
  return v_caller;
end;
$$;

comment on function private.read_caller(uuid, timestamptz, private.settings) is
'What an exchange needs to know of the node that calls and of who waits, all at once. The caller '
'has the node locked.';

create function private.hear_caller(
  node_id uuid, moment timestamptz, settings private.settings
)
returns private.caller
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_caller private.caller;
begin
  perform private.lock_node(hear_caller.node_id);
  v_caller := private.read_caller(
    hear_caller.node_id, hear_caller.moment, hear_caller.settings
  );
  if v_caller.is_news is distinct from false then
    perform private.meet_node(hear_caller.node_id);
  end if;
  -- written only when it is a while ago
  if v_caller.seen_at is null
    or v_caller.seen_at <= hear_caller.moment - (hear_caller.settings).heartbeat_period / 3
  then
    perform private.renew_leases(
      hear_caller.node_id, hear_caller.moment, hear_caller.settings
    );
    v_caller.seen_at := hear_caller.moment;
  end if;
  return v_caller;
end;
$$;

comment on function private.hear_caller(uuid, timestamptz, private.settings) is
'The claimed node that is calling, which is thereby online and keeps its leases. Its calls come '
'one after the other.';
