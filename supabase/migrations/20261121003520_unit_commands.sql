-- Commands to machines. A push is a hint; the heartbeat's answer repeats a command until the
-- machine acknowledges it. A newer command takes the place of an older one that it revokes.

create function private.command_document(command private.node_commands)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'id', (command_document.command).id,
      'kind', (command_document.command).kind,
      'unit_id', units.id,
      'device_type', units.device_type,
      'device_id', units.device_id,
      'created_at', (command_document.command).created_at
    ) || (command_document.command).arguments
    from (select (command_document.command).unit_id as id) as wanted
    left join public.compute_units as units on units.id = wanted.id
  );
end;
$$;

comment on function private.command_document(private.node_commands) is
'A command as its machine gets it: id, kind, the unit, and the arguments of its kind.';

create function private.send_command(unit public.compute_units, kind text, arguments jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_kinds text[] := case
    when send_command.kind in ('pause', 'resume') then array['pause', 'resume']
    else array['allocate', 'withhold']
  end;
  v_command private.node_commands;
begin
  delete from private.node_commands as commands
  where commands.node_id = (send_command.unit).node_id
    and commands.unit_id = (send_command.unit).id
    and commands.kind = any(v_kinds)
    and commands.acknowledged_at is null;
  insert into private.node_commands (node_id, unit_id, kind, arguments)
  values (
    (send_command.unit).node_id, (send_command.unit).id, send_command.kind, send_command.arguments
  )
  returning * into strict v_command;
  perform realtime.send(
    private.command_document(v_command), 'command', 'node:' || v_command.node_id, true
  );
end;
$$;

comment on function private.send_command(public.compute_units, text, jsonb) is
'Queues a command for the machine of a unit, and pushes it.';

create function private.waiting_commands(node_id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return coalesce((
    select jsonb_agg(private.command_document(commands) order by commands.number)
    from private.node_commands as commands
    where commands.node_id = waiting_commands.node_id and commands.acknowledged_at is null
  ), '[]');
end;
$$;

comment on function private.waiting_commands(uuid) is
'What the machine has not acknowledged yet, oldest first.';

create function private.check_acknowledged(acknowledged jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    jsonb_typeof(check_acknowledged.acknowledged) = 'array'
    and jsonb_array_length(check_acknowledged.acknowledged) <= 1000
    and not exists (
      select from jsonb_array_elements(check_acknowledged.acknowledged) as ids (id)
      where not private.is_uuid(ids.id)
    ),
    'acknowledged', 'must be an array of at most 1000 command ids'
  );
end;
$$;

comment on function private.check_acknowledged(jsonb) is
'Refuses what is not a list of ids of commands.';

create function private.acknowledge_commands(node_id uuid, acknowledged jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.node_commands as commands
  set acknowledged_at = private.current_time()
  where commands.id = any(array(
    select ids.id::uuid
    from jsonb_array_elements_text(acknowledge_commands.acknowledged) as ids (id)
  ))
    and commands.node_id = acknowledge_commands.node_id
    and commands.acknowledged_at is null;
end;
$$;

comment on function private.acknowledge_commands(uuid, jsonb) is
'Notes which commands the machine has carried out; saying so again changes nothing.';
