-- A node that keeps failing is given no work for a while, longer each time, and its owner is told.
-- One result clears it.

create function private.push_node_trouble(node_id uuid, status text, until timestamptz)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform realtime.send(
    jsonb_strip_nulls(jsonb_build_object(
      'id', nodes.id, 'status', push_node_trouble.status, 'until', push_node_trouble.until
    )),
    'node', 'user:' || nodes.user_id, true
  )
  from public.nodes
  where nodes.id = push_node_trouble.node_id and nodes.user_id is not null;
end;
$$;

comment on function private.push_node_trouble(uuid, text, timestamptz) is
'Tells the owner of a node that it gets no work, and until when.';

create function private.back_off(trust private.node_trust)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.current_time();
  v_settings private.settings;
  v_until timestamptz;
begin
  select * into strict v_settings from private.settings;
  -- leases that it took before it was backed off tell nothing new
  if (back_off.trust).failures < v_settings.backoff_after
    or (back_off.trust).backed_off_until > v_now
  then
    return;
  end if;
  v_until := v_now + least(
    v_settings.backoff_period_max,
    v_settings.backoff_period * power(2, least((back_off.trust).backoffs, 30))
  );
  update private.node_trust as rows
  set backoffs = rows.backoffs + 1, backed_off_until = v_until
  where rows.node_id = (back_off.trust).node_id;
  delete from private.idle_nodes as idle
  where idle.node_id = any(array(
    select waiting.node_id from private.idle_nodes as waiting
    where waiting.node_id = (back_off.trust).node_id
    for update skip locked
  ));
  perform private.push_node_trouble((back_off.trust).node_id, 'backed_off', v_until);
end;
$$;

comment on function private.back_off(private.node_trust) is
'Gives a node that failed too often in a row no work for a while, and tells its owner.';

create function private.note_failure(node_id uuid, error text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_trust private.node_trust;
begin
  insert into private.node_trust as trust (node_id, failures, failed_in, last_error)
  values (note_failure.node_id, 1, pg_current_xact_id(), note_failure.error)
  on conflict on constraint node_trust_pkey do update
  set
    failures = trust.failures + 1,
    failed_in = excluded.failed_in,
    last_error = coalesce(excluded.last_error, trust.last_error)
  where trust.failed_in is distinct from excluded.failed_in
  returning * into v_trust;
  if found then
    perform private.back_off(v_trust);
  end if;
end;
$$;

comment on function private.note_failure(uuid, text) is
'Counts a failure of the node: one, however many of its leases end in this transaction.';

create function private.note_success(trust private.node_trust)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if (note_success.trust).failures > 0 then
    update private.node_trust as rows
    set failures = 0, failed_in = null, backoffs = 0, backed_off_until = null
    where rows.node_id = (note_success.trust).node_id;
  end if;
end;
$$;

comment on function private.note_success(private.node_trust) is
'A result clears the node of its failures. Writes only if there were any.';
