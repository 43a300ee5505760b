-- Who is asking. A node and a user both arrive with role authenticated; the claim node_id tells
-- them apart, and a token that carries it never passes as a user.

create function private.node_id()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_claims jsonb := auth.jwt();
begin
  if v_claims ->> 'node_id' = v_claims ->> 'sub' then
    return (v_claims ->> 'node_id')::uuid;
  end if;
  return null;
end;
$$;

grant execute on function private.node_id() to authenticated;

comment on function private.node_id() is
'The node whose token this is; null for a user and for a token whose claims disagree.';

create function private.require_user()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user_id uuid := auth.uid();
begin
  if auth.jwt() ? 'node_id' then
    perform private.refuse(403, 'FORBIDDEN', 'Only a signed-in user may do this, not a node.');
  end if;
  if v_user_id is null then
    perform private.refuse(401, 'UNAUTHORIZED', 'Sign in first.');
  end if;
  return v_user_id;
end;
$$;

comment on function private.require_user() is
'The signed-in user; refuses nodes and the signed-out.';

create function private.require_node()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_node_id uuid := private.node_id();
begin
  if v_node_id is null then
    perform private.refuse(403, 'FORBIDDEN', 'Only a node may do this.');
  end if;
  return v_node_id;
end;
$$;

comment on function private.require_node() is
'The node whose token this is; refuses everybody else.';
