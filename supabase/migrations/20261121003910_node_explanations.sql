-- Why a node works or is idle, in words for its owner. No hot path calls it.

create function private.trouble_of_node(node_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_trust private.node_trust := private.trust_of(trouble_of_node.node_id);
  v_reasons jsonb := '[]'::jsonb;
begin
  if v_trust.quarantined_at is not null then
    return jsonb_build_array(private.reason('quarantined', format(
      'It is quarantined since %s UTC: it handed in a result that other nodes, who agree with each '
      'other, proved wrong. It gets no work. Check its memory and clock speed, then ask the operator '
      'of the pool.',
      to_char(v_trust.quarantined_at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS')
    )));
  end if;
  if v_trust.backed_off_until > private.current_time() then
    v_reasons := v_reasons || private.reason('backed_off', format(
      'It failed %s times in a row, and gets no work until %s UTC. The last error was: %s',
      v_trust.failures,
      to_char(v_trust.backed_off_until at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS'),
      coalesce(v_trust.last_error, 'none; it went silent.')
    ));
  end if;
  return v_reasons;
end;
$$;

comment on function private.trouble_of_node(uuid) is
'Why the pool gives the node no work; empty when it does.';

create function private.work_for_node(node public.nodes)
returns setof private.open_jobs
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select open.*
  from private.users_for_node((work_for_node.node).id) as users
  join private.open_jobs as open on open.user_id = users.user_id
  where users.widest = 'private'
    or users.widest = 'guild' and open.access_type <> 'private'
    or open.access_type = 'public';
end;
$$;

comment on function private.work_for_node(public.nodes) is
'Jobs with work for nodes, of those whom the node serves: also those that it cannot or shall not '
'run.';

create function private.withheld_from_node(node public.nodes)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_withheld record;
  v_reasons jsonb := '[]'::jsonb;
begin
  select
    bool_or(not private.runs_engine(
      (withheld_from_node.node).engines, work.engine, work.engine_versions, work.names_versions
    )) as by_engine,
    bool_or(private.is_barred(work.job_id, (withheld_from_node.node).id)) as by_failures,
    bool_or(not private.may_lease_more(work.user_id)) as by_quota
  into v_withheld
  from private.work_for_node(withheld_from_node.node) as work;
  if v_withheld.by_engine then
    v_reasons := v_reasons || private.reason('other_engine', format(
      'There is work that asks for another version of an engine than it has: it has %s.',
      coalesce(
        (
          select string_agg(engines.key || ' ' || engines.value, ', ' order by engines.key)
          from jsonb_each_text((withheld_from_node.node).engines) as engines
        ), 'not said which'
      )
    ));
  end if;
  if v_withheld.by_failures then
    v_reasons := v_reasons || private.reason(
      'barred', 'There is work that it failed too often, or has a version for that nobody can '
      'check: others run that. Look into its log.'
    );
  end if;
  if v_withheld.by_quota then
    v_reasons := v_reasons || private.reason(
      'quota', 'There is work of users whose jobs have as many parts with nodes as they may have '
      'at a time.'
    );
  end if;
  return v_reasons;
end;
$$;

comment on function private.withheld_from_node(public.nodes) is
'Why the node gets none of the work that there is; empty when there is none.';

create function private.reasons_of_node(node public.nodes)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_reasons jsonb := '[]'::jsonb;
  v_required text;
  v_withheld jsonb;
  v_leases bigint;
  v_is_live boolean := exists (
    select from private.node_heartbeats as heartbeats
    where heartbeats.node_id = (reasons_of_node.node).id
      and heartbeats.leases_until > private.current_time()
  );
begin
  if (reasons_of_node.node).status <> 'online' or not v_is_live then
    v_reasons := v_reasons || private.reason('offline', format(
      'It is offline; it was last seen at %s UTC.',
      to_char((reasons_of_node.node).last_seen_at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS')
    ));
  end if;
  if (reasons_of_node.node).paused_at is not null then
    v_reasons := v_reasons || private.reason(
      'paused', 'It is paused: it gets no work until its owner resumes it.'
    );
  end if;
  if (reasons_of_node.node).max_parallel = 0 then
    v_reasons := v_reasons || private.reason(
      'without_workers', 'It may use no workers: its owner lets it use none of its cores.'
    );
  end if;
  v_required := private.required_version((reasons_of_node.node).version);
  if v_required is not null then
    v_reasons := v_reasons || private.reason('outdated', format(
      'It is release %s, and the pool gives no work to any before %s: update it.',
      (reasons_of_node.node).version, v_required
    ));
  end if;
  v_reasons := v_reasons || private.trouble_of_node((reasons_of_node.node).id);
  select count(*) into v_leases
  from public.sim_chunks as chunks
  where chunks.node_id = (reasons_of_node.node).id
    and chunks.status in ('pending', 'claimed', 'running');
  if v_leases > 0 then
    return v_reasons || private.reason('working', case v_leases
      when 1 then 'It has 1 part of a job.' else format('It has %s parts of jobs.', v_leases)
    end);
  end if;
  if (reasons_of_node.node).paused_at is not null
    or (reasons_of_node.node).max_parallel = 0
    or v_required is not null
    or private.is_sidelined((reasons_of_node.node).id)
  then
    return v_reasons;
  end if;
  if exists (select from private.jobs_for_node((reasons_of_node.node).id))
    or exists (select from private.checks_for_node(reasons_of_node.node, 1))
  then
    return v_reasons || private.reason('offered', 'There is work for it, when it asks.');
  end if;
  v_withheld := private.withheld_from_node(reasons_of_node.node);
  if v_withheld <> '[]' then
    return v_reasons || v_withheld;
  end if;
  return v_reasons || private.reason(
    'no_work', 'No job that it may serve has work that nobody has: '
    || case
      when exists (
        select from public.node_access as access
        where access.node_id = (reasons_of_node.node).id and access.access_type = 'public'
      ) then 'neither yours, nor any public one.'
      else 'it serves you and those you share it with. `share_node` opens it to more.'
    end
  );
end;
$$;

comment on function private.reasons_of_node(public.nodes) is
'Why the node does or does not work, what matters most first.';

create function private.explain_node(id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_node public.nodes;
begin
  select * into v_node
  from public.nodes
  where nodes.id = explain_node.id and nodes.user_id = v_user_id;
  if not found then
    perform private.refuse(404, 'NOT_FOUND', 'You have no such node.');
  end if;
  return jsonb_build_object(
    'id', v_node.id,
    'name', v_node.name,
    'status', v_node.status,
    'reasons', private.reasons_of_node(v_node)
  );
end;
$$;

grant execute on function private.explain_node(uuid) to authenticated;

comment on function private.explain_node(uuid) is
'See public.explain_node. A definer: users cannot read the jobs that others offer their node.';

create function public.explain_node(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.explain_node(explain_node.id);
end;
$$;

grant execute on function public.explain_node(uuid) to authenticated;

comment on function public.explain_node(uuid) is
'Why the caller''s node works or is idle: reasons in words.';
