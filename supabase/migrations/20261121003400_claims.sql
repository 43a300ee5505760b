-- Claiming: a user enters the code that a node shows. Wrong codes are counted per user, and the
-- count must survive the refusal: these functions answer an error instead of raising it.

create function private.answer_error(
  status integer, code text, message text, details jsonb default '{}'
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform set_config('response.status', answer_error.status::text, true);
  if answer_error.details ? 'retry_after' then
    perform set_config(
      'response.headers',
      jsonb_build_array(
        jsonb_build_object('Retry-After', answer_error.details ->> 'retry_after')
      )::text,
      true
    );
  end if;
  return jsonb_build_object(
    'success', false,
    'error', answer_error.message,
    'code', answer_error.code,
    'details', answer_error.details
  );
end;
$$;

comment on function private.answer_error(integer, text, text, jsonb) is
'The error envelope as an answer, with the HTTP status set: the transaction commits.';

create function private.try_claim_code(code text, user_id uuid)
returns table (node_id uuid, refusal jsonb)
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_wait integer := private.take_token('claim', try_claim_code.user_id::text);
  v_node public.nodes;
begin
  if v_wait > 0 then
    return query select null::uuid, private.answer_error(
      429, 'RATE_LIMITED', format('Too many wrong codes; try again in %s s.', v_wait),
      jsonb_build_object('retry_after', v_wait)
    );
    return;
  end if;
  select * into v_node
  from public.nodes
  where nodes.claim_code = upper(trim(try_claim_code.code))
  for no key update;
  if not found then
    return query select null::uuid, private.answer_error(
      404, 'NOT_FOUND', 'No node shows this code.'
    );
  elsif v_node.claim_code_expires_at <= private.current_time() then
    return query select null::uuid, private.answer_error(
      410, 'GONE', 'This code has expired; the node shows a new one.'
    );
  else
    perform private.return_token('claim', try_claim_code.user_id::text);
    return query select v_node.id, null::jsonb;
  end if;
end;
$$;

comment on function private.try_claim_code(text, uuid) is
'The pending node that shows a code, locked, or the answer that refuses it.';

create function private.claimed_before(code text, user_id uuid)
returns public.nodes
language plpgsql
stable
set search_path = ''
as $$
declare
  v_node public.nodes;
begin
  select nodes.* into v_node
  from public.nodes
  cross join private.settings
  where nodes.user_id = claimed_before.user_id
    and nodes.claimed_with = upper(trim(claimed_before.code))
    and nodes.claimed_at > private.current_time() - settings.claim_code_lifetime
  order by nodes.claimed_at desc
  limit 1;
  return v_node;
end;
$$;

comment on function private.claimed_before(text, uuid) is
'The node that the user claimed with this code a moment ago: whoever lost the answer asks again. A '
'row of nulls if there is none.';

create function private.verify_claim_code(code text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_node public.nodes := private.claimed_before(verify_claim_code.code, v_user_id);
  v_found record;
begin
  if v_node.id is null then
    select * into v_found from private.try_claim_code(verify_claim_code.code, v_user_id);
    if v_found.refusal is not null then
      return v_found.refusal;
    end if;
    select * into strict v_node from public.nodes where nodes.id = v_found.node_id;
  end if;
  return jsonb_build_object(
    'id', v_node.id,
    'name', v_node.name,
    'platform', v_node.platform,
    'total_cores', v_node.total_cores,
    'max_parallel', v_node.max_parallel,
    'hardware', v_node.hardware
  );
end;
$$;

create function public.verify_claim_code(code text)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.verify_claim_code(verify_claim_code.code);
end;
$$;

grant execute on function private.verify_claim_code(text) to authenticated;
grant execute on function public.verify_claim_code(text) to authenticated;

comment on function private.verify_claim_code(text) is
'See public.verify_claim_code. A definer: nobody may read nodes that are not theirs.';
comment on function public.verify_claim_code(text) is
'What is about to be claimed, or was by the caller a moment ago. A wrong code answers 404, an '
'expired one 410, too many 429.';

create function private.claim_node(code text, name text, max_parallel integer)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_found record;
  v_node public.nodes;
begin
  perform private.check_input(
    length(coalesce(claim_node.name, '-')) between 1 and 80, 'name', 'must have 1 to 80 characters'
  );
  v_node := private.claimed_before(claim_node.code, v_user_id);
  if v_node.id is not null then
    return to_jsonb(v_node);
  end if;
  select * into v_found from private.try_claim_code(claim_node.code, v_user_id);
  if v_found.refusal is not null then
    return v_found.refusal;
  end if;
  select * into strict v_node from public.nodes where nodes.id = v_found.node_id;
  perform private.check_input(
    coalesce(claim_node.max_parallel, 0) between 0 and v_node.total_cores,
    'max_parallel', format('must be from 0 to %s', v_node.total_cores)
  );
  update public.nodes
  set
    user_id = v_user_id,
    name = coalesce(claim_node.name, nodes.name),
    max_parallel = coalesce(claim_node.max_parallel, nodes.max_parallel),
    status = 'offline',
    claim_code = null,
    claim_code_expires_at = null,
    claimed_with = nodes.claim_code,
    claimed_at = private.current_time()
  where nodes.id = v_node.id
  returning * into strict v_node;
  insert into public.node_access (node_id, access_type) values (v_node.id, 'owner');
  perform private.keep_node_device(v_node.id);
  perform private.keep_units(v_node.id);
  perform realtime.send(
    jsonb_build_object(
      'user_id', v_user_id, 'name', v_node.name, 'max_parallel', v_node.max_parallel
    ),
    'claimed', 'node:' || v_node.id, true
  );
  return to_jsonb(v_node);
end;
$$;

create function public.claim_node(
  code text, name text default null, max_parallel integer default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.claim_node(claim_node.code, claim_node.name, claim_node.max_parallel);
end;
$$;

grant execute on function private.claim_node(text, text, integer) to authenticated;
grant execute on function public.claim_node(text, text, integer) to authenticated;

comment on function private.claim_node(text, text, integer) is
'See public.claim_node. A definer: users have no right to write nodes.';
comment on function public.claim_node(text, text, integer) is
'Binds the node that shows the code to the caller; the same code again answers the same node. '
'Refusals are answered as verify_claim_code() answers them.';
