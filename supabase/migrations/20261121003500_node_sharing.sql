-- What owners do with their nodes: settings, and whom they let use them.

create function private.require_own_node(node_id uuid)
returns public.nodes
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_node public.nodes;
begin
  select * into v_node
  from public.nodes
  where nodes.id = require_own_node.node_id and nodes.user_id = v_user_id
  for no key update;
  if not found then
    perform private.refuse(404, 'NOT_FOUND', 'You have no such node.');
  end if;
  return v_node;
end;
$$;

comment on function private.require_own_node(uuid) is
'The caller''s node, locked; another user''s is as absent as one that never was.';

create function private.update_node_settings(
  node_id uuid, name text, max_parallel integer, paused boolean
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.require_own_node(update_node_settings.node_id);
begin
  perform private.check_input(
    length(coalesce(update_node_settings.name, '-')) between 1 and 80,
    'name', 'must have 1 to 80 characters'
  );
  perform private.check_input(
    coalesce(update_node_settings.max_parallel, 0) between 0 and v_node.total_cores,
    'max_parallel', format('must be from 0 to %s', v_node.total_cores)
  );
  update public.nodes
  set
    name = coalesce(update_node_settings.name, nodes.name),
    max_parallel = coalesce(update_node_settings.max_parallel, nodes.max_parallel),
    paused_at = case
      when update_node_settings.paused is null then nodes.paused_at
      when update_node_settings.paused then coalesce(nodes.paused_at, private.current_time())
    end
  where nodes.id = v_node.id
  returning * into strict v_node;
  perform private.wait_with_at_most(
    v_node.id, case when v_node.paused_at is null then v_node.max_parallel else 0 end
  );
  perform private.push_settings(v_node.id);
  return to_jsonb(v_node);
end;
$$;

create function public.update_node_settings(
  node_id uuid,
  name text default null,
  max_parallel integer default null,
  paused boolean default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.update_node_settings(
    update_node_settings.node_id, update_node_settings.name,
    update_node_settings.max_parallel, update_node_settings.paused
  );
end;
$$;

grant execute on function private.update_node_settings(uuid, text, integer, boolean)
to authenticated;
grant execute on function public.update_node_settings(uuid, text, integer, boolean)
to authenticated;

comment on function private.update_node_settings(uuid, text, integer, boolean) is
'See public.update_node_settings. A definer: users have no right to write nodes.';
comment on function public.update_node_settings(uuid, text, integer, boolean) is
'Changes the caller''s node and pushes the settings to it; null leaves a setting as it is.';

create function private.check_access_target(owner_id uuid, access_type text, target_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.check_input(
    check_access_target.access_type in ('owner', 'user', 'guild', 'public'),
    'access_type', 'must be owner, user, guild or public'
  );
  perform private.check_input(
    (check_access_target.target_id is null)
    = (check_access_target.access_type in ('owner', 'public')),
    'target_id', 'is the user or guild to admit, and absent otherwise'
  );
  if check_access_target.access_type = 'user' and not private.are_friends(
    check_access_target.owner_id, check_access_target.target_id
  ) then
    perform private.refuse(
      403, 'FORBIDDEN', 'You share nodes by name with friends only.', '{}',
      'Ask them to be friends first.'
    );
  end if;
  if check_access_target.access_type = 'guild' and not private.is_guild_member(
    check_access_target.target_id, check_access_target.owner_id
  ) then
    perform private.refuse(403, 'FORBIDDEN', 'You are not a member of this guild.');
  end if;
end;
$$;

comment on function private.check_access_target(uuid, text, uuid) is
'Refuses to share with strangers by name, or with a guild that the owner is not in.';

create function private.share_node(node_id uuid, access_type text, target_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.require_own_node(share_node.node_id);
  v_access public.node_access;
begin
  perform private.check_access_target(
    v_node.user_id, share_node.access_type, share_node.target_id
  );
  insert into public.node_access (node_id, access_type, target_id)
  values (share_node.node_id, share_node.access_type, share_node.target_id)
  on conflict on constraint nobody_is_admitted_twice do nothing;
  select * into strict v_access
  from public.node_access as access
  where access.node_id = share_node.node_id
    and access.access_type = share_node.access_type
    and access.target_id is not distinct from share_node.target_id;
  -- it is listed again, with the access it has now, when it asks next
  perform private.stop_waiting(share_node.node_id);
  return to_jsonb(v_access);
end;
$$;

create function public.share_node(node_id uuid, access_type text, target_id uuid default null)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.share_node(share_node.node_id, share_node.access_type, share_node.target_id);
end;
$$;

grant execute on function private.share_node(uuid, text, uuid) to authenticated;
grant execute on function public.share_node(uuid, text, uuid) to authenticated;

comment on function private.share_node(uuid, text, uuid) is
'See public.share_node. A definer: users have no right to write node_access.';
comment on function public.share_node(uuid, text, uuid) is
'Lets a friend, a guild, or everybody use the caller''s node.';

create function private.unshare_node(node_id uuid, access_type text, target_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_node public.nodes := private.require_own_node(unshare_node.node_id);
  v_count integer;
begin
  delete from public.node_access as access
  where access.node_id = v_node.id
    and access.access_type = unshare_node.access_type
    and access.target_id is not distinct from unshare_node.target_id;
  get diagnostics v_count = row_count;
  perform private.stop_waiting(v_node.id);
  return jsonb_build_object('node_id', v_node.id, 'removed', v_count);
end;
$$;

create function public.unshare_node(node_id uuid, access_type text, target_id uuid default null)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.unshare_node(
    unshare_node.node_id, unshare_node.access_type, unshare_node.target_id
  );
end;
$$;

grant execute on function private.unshare_node(uuid, text, uuid) to authenticated;
grant execute on function public.unshare_node(uuid, text, uuid) to authenticated;

comment on function private.unshare_node(uuid, text, uuid) is
'See public.unshare_node. A definer: users have no right to write node_access.';
comment on function public.unshare_node(uuid, text, uuid) is
'Takes back what share_node() gave. Chunks that are out already are finished.';

create function private.available_nodes()
returns table (
  id uuid,
  name text,
  platform text,
  status text,
  total_cores integer,
  max_parallel integer,
  iterations_per_second double precision,
  is_owned boolean,
  access_types text[]
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
begin
  return query
  select
    nodes.id, nodes.name, nodes.platform, nodes.status, nodes.total_cores, nodes.max_parallel,
    nodes.iterations_per_second, nodes.user_id = v_user_id,
    array_agg(access.access_type order by access.access_type)
  from public.node_access as access
  join public.nodes on nodes.id = access.node_id
  where case access.access_type
    when 'owner' then nodes.user_id = v_user_id
    when 'user'
      then access.target_id = v_user_id and private.are_friends(nodes.user_id, v_user_id)
    when 'guild'
      then private.is_guild_member(access.target_id, v_user_id)
        and private.is_guild_member(access.target_id, nodes.user_id)
    else true
  end
  group by nodes.id
  order by nodes.user_id = v_user_id desc, nodes.name, nodes.id;
end;
$$;

create function public.available_nodes()
returns table (
  id uuid,
  name text,
  platform text,
  status text,
  total_cores integer,
  max_parallel integer,
  iterations_per_second double precision,
  is_owned boolean,
  access_types text[]
)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query select * from private.available_nodes();
end;
$$;

grant execute on function private.available_nodes() to authenticated;
grant execute on function public.available_nodes() to authenticated;

comment on function private.available_nodes() is
'See public.available_nodes. A definer: users may not read nodes of others.';
comment on function public.available_nodes() is
'The nodes the caller''s jobs may run on, and what admits them: their own first.';
