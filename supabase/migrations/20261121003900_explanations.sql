-- Why a job waits, in words for the person who asks. Asked by people, so it may cost what a page of
-- a dashboard costs; no hot path calls it.

create function private.reason(code text, sentence text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object('code', reason.code, 'text', reason.sentence);
end;
$$;

comment on function private.reason(text, text) is 'One reason: a code for programs, a sentence.';

create function private.nodes_for_job(job public.sim_jobs)
returns table (node_id uuid, name text, state text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    nodes.id,
    nodes.name,
    case
      when leases.of_this_job > 0 then 'working'
      when nodes.status <> 'online'
        or coalesce(heartbeats.leases_until, '-infinity') <= private.current_time() then 'offline'
      when nodes.paused_at is not null then 'paused'
      when nodes.max_parallel = 0 then 'without_workers'
      when private.required_version(nodes.version) is not null then 'outdated'
      when (private.trust_of(nodes.id)).quarantined_at is not null then 'quarantined'
      when private.is_sidelined(nodes.id) then 'backed_off'
      when not private.runs_engine(
        nodes.engines, configs.engine, private.accepted_versions(nodes_for_job.job),
        (nodes_for_job.job).engine_versions is not null
      ) then 'other_engine'
      when private.is_barred((nodes_for_job.job).id, nodes.id) then 'barred'
      when leases.of_all > 0 and idle.node_id is null then 'busy'
      else 'free'
    end
  from (
    select distinct access.node_id
    from public.node_access as access
    join public.nodes on nodes.id = access.node_id
    where case access.access_type
      when 'owner' then nodes.user_id = (nodes_for_job.job).user_id
      when 'user'
        then access.target_id = (nodes_for_job.job).user_id
          and private.are_friends(nodes.user_id, (nodes_for_job.job).user_id)
      when 'guild'
        then (nodes_for_job.job).access_type <> 'private'
          and private.is_guild_member(access.target_id, (nodes_for_job.job).user_id)
          and private.is_guild_member(access.target_id, nodes.user_id)
      else (nodes_for_job.job).access_type = 'public'
    end
  ) as admitted
  join public.nodes on nodes.id = admitted.node_id
  join public.sim_configs as configs on configs.hash = (nodes_for_job.job).config_hash
  left join private.node_heartbeats as heartbeats on heartbeats.node_id = nodes.id
  left join private.idle_nodes as idle on idle.node_id = nodes.id
  cross join lateral (
    select
      count(*) as of_all,
      count(*) filter (where chunks.job_id = (nodes_for_job.job).id) as of_this_job
    from public.sim_chunks as chunks
    where chunks.node_id = nodes.id and chunks.status in ('pending', 'claimed', 'running')
  ) as leases
  order by nodes.name, nodes.id;
end;
$$;

comment on function private.nodes_for_job(public.sim_jobs) is
'Every node that may serve the job, and what it does instead.';

create function private.owners_for_job(job public.sim_jobs)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select count(distinct nodes.user_id)
    from private.nodes_for_job(owners_for_job.job) as admitted
    join public.nodes on nodes.id = admitted.node_id
  );
end;
$$;

comment on function private.owners_for_job(public.sim_jobs) is
'How many owners have nodes that may serve the job, whatever those do now.';

create function private.checks_of_job(job public.sim_jobs)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_held bigint;
  v_open bigint;
  v_owners bigint;
begin
  select count(*), count(*) filter (where checks.open > 0) into v_held, v_open
  from private.checks
  where checks.job_id = (checks_of_job.job).id;
  if v_held = 0 then
    return '[]'::jsonb;
  end if;
  if (checks_of_job.job).replication > 1 then
    v_owners := private.owners_for_job(checks_of_job.job);
    return jsonb_build_array(private.reason('replicas', format(
      'It asks that nodes of %s owners agree on each part: %s part(s) wait for the result of '
      'another owner''s node, and %s of them for a node that takes them.',
      (checks_of_job.job).replication, v_held, v_open
    ) || case
      when v_owners < (checks_of_job.job).replication then format(
        ' It cannot end before others share their nodes with you: those of %s owner(s) may serve '
        'it.', v_owners
      )
      else ''
    end));
  end if;
  return jsonb_build_array(private.reason('checks', format(
    'Results are checked by chance, and those of new nodes always: %s part(s) wait until another '
    'node has run them too, and %s of them for a node that takes them.', v_held, v_open
  )));
end;
$$;

comment on function private.checks_of_job(public.sim_jobs) is
'What of the job is held until other nodes agree; empty when nothing is.';

create function private.reasons_of_job(job public.sim_jobs, states jsonb, ahead bigint)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reasons jsonb := '[]'::jsonb;
  v_nodes bigint := (select coalesce(sum(value::bigint), 0)::bigint from jsonb_each_text(states));
  v_is_offered constant boolean := not private.is_fully_leased((reasons_of_job.job).id)
    and private.may_lease_more((reasons_of_job.job).user_id);
  v_state record;
begin
  if (reasons_of_job.job).status not in ('pending', 'running') then
    return jsonb_build_array(private.reason(
      (reasons_of_job.job).status,
      format('The job is %s.', (reasons_of_job.job).status)
      || coalesce(' ' || (reasons_of_job.job).error, '')
    )) || case
      when (reasons_of_job.job).distrusted_iterations > 0
        then private.reason('distrusted', format(
          'Since it ended, nodes that ran %s of its iterations were found to hand in wrong '
          'results: submit it again.', (reasons_of_job.job).distrusted_iterations
        ))
      else '[]'::jsonb
    end;
  end if;
  if (reasons_of_job.job).paused_at is not null then
    return jsonb_build_array(private.reason(
      'paused', 'It is paused: no node gets any of it until you resume it.'
    ));
  end if;
  if v_nodes = 0 then
    v_reasons := v_reasons || private.reason('no_nodes', case (reasons_of_job.job).access_type
      when 'public' then 'No node is shared with everybody, and you have none of your own.'
      when 'guild' then 'Neither you, nor friends or guild mates who share, have a node.'
      else 'You have no node, and no friend shares one with you. '
        'A job sent with access `public` may run on nodes that are shared with everybody.'
    end);
  end if;
  for v_state in
    select phrases.code, phrases.sentence, (reasons_of_job.states ->> phrases.code)::bigint as nodes
    from (values
      (1, 'working', 'run it now'),
      (
        2, 'free',
        'are free' || case when v_is_offered then ', and get a part of it when they ask' else '' end
      ),
      (3, 'busy', 'are busy with other jobs'),
      (4, 'offline', 'are offline'),
      (5, 'paused', 'their owners paused'),
      (6, 'without_workers', 'may use no workers'),
      (7, 'outdated', 'are too old for the pool and get no work until they are updated'),
      (8, 'other_engine', 'have no version of its engine that it accepts'),
      (9, 'backed_off', 'fail again and again and get no work for a while'),
      (10, 'quarantined', 'handed in a wrong result and are not believed'),
      (11, 'barred', 'failed it too often, or have a version that nobody can check, '
        'and get no more of it')
    ) as phrases (place, code, sentence)
    where reasons_of_job.states ? phrases.code
    order by phrases.place
  loop
    v_reasons := v_reasons || private.reason(
      v_state.code, format('Nodes that %s: %s of %s.', v_state.sentence, v_state.nodes, v_nodes)
    );
  end loop;
  v_reasons := v_reasons || private.checks_of_job(reasons_of_job.job);
  if private.is_fully_leased((reasons_of_job.job).id) and exists (
    select from public.sim_chunks as chunks
    where chunks.job_id = (reasons_of_job.job).id
      and chunks.status in ('pending', 'claimed', 'running')
  ) then
    v_reasons := v_reasons || private.reason(
      'fully_leased', 'All of it is with nodes; it ends when they hand in their last parts.'
    );
  elsif private.is_fully_leased((reasons_of_job.job).id) then
    return v_reasons;
  elsif not private.may_lease_more((reasons_of_job.job).user_id) then
    v_reasons := v_reasons || private.reason(
      'quota', 'Your jobs have as many parts with nodes as you may have at a time.'
    );
  elsif reasons_of_job.ahead > 0 then
    v_reasons := v_reasons || private.reason(
      'behind', case reasons_of_job.ahead
        when 1 then 'Another job of yours is served before it.'
        else format('%s of your jobs are served before it.', reasons_of_job.ahead)
      end
    );
  end if;
  return v_reasons;
end;
$$;

comment on function private.reasons_of_job(public.sim_jobs, jsonb, bigint) is
'Why the job is where it is, what matters most first.';

create function private.failures_of_job(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(failures)), '[]')
    from (
      select
        chunks.seed_offset, chunks.iterations, chunks.attempt, chunks.node_id, nodes.name as node,
        chunks.failure, chunks.error, chunks.failed_at
      from public.sim_chunks as chunks
      left join public.nodes on nodes.id = chunks.node_id
      where chunks.job_id = failures_of_job.job_id
        and chunks.failure in ('error', 'rejected', 'expired', 'distrusted')
      order by chunks.failed_at desc
      limit 10
    ) as failures
  );
end;
$$;

comment on function private.failures_of_job(uuid) is 'The last parts of the job that went wrong.';

create function private.attempts_of_job(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'running', (
        select count(*) from public.sim_chunks as chunks
        where chunks.job_id = attempts_of_job.job_id
          and chunks.status in ('pending', 'claimed', 'running')
      ),
      'failed', count(*) filter (where chunks.failure in ('error', 'rejected')),
      'lost', count(*) filter (where chunks.failure = 'expired')
    )
    from public.sim_chunks as chunks
    where chunks.job_id = attempts_of_job.job_id
      and chunks.failure in ('error', 'rejected', 'expired')
  );
end;
$$;

comment on function private.attempts_of_job(uuid) is
'How many leases of the job are out, and how many ended without a result by somebody''s fault.';

create function private.shares_of_job(job public.sim_jobs)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_shares jsonb := (shares_of_job.job).result #> '{provenance,shares}';
begin
  if v_shares is null then
    select private.presented_shares(private.merge_shares(
      array_agg(coalesce(partials.shares, private.shares_of_chunks(partials.chunk_ids)))
    )) into v_shares
    from private.job_partials as partials
    where partials.job_id = (shares_of_job.job).id;
  end if;
  return (
    select coalesce(
      jsonb_agg(
        shares.share || jsonb_build_object('node', nodes.name) order by shares.place
      ), '[]'
    )
    from jsonb_array_elements(v_shares) with ordinality as shares (share, place)
    left join public.nodes on nodes.id = (shares.share ->> 'node_id')::uuid
    where shares.place <= 20
  );
end;
$$;

comment on function private.shares_of_job(public.sim_jobs) is
'Which nodes did how much of the job so far, the twenty that did most.';

create function private.explain_job(id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_job public.sim_jobs := private.require_own_job(explain_job.id);
  v_states jsonb;
  v_ahead bigint := private.jobs_ahead(v_job);
begin
  select coalesce(jsonb_object_agg(counted.state, counted.nodes), '{}') into v_states
  from (
    select nodes.state, count(*) as nodes
    from private.nodes_for_job(v_job) as nodes
    group by nodes.state
  ) as counted;
  return private.describe_progress(v_job) || jsonb_build_object(
    'reasons', private.reasons_of_job(v_job, v_states, v_ahead),
    'nodes', v_states,
    'jobs_ahead', v_ahead,
    'queue_position', private.queue_position(v_job),
    'attempts', private.attempts_of_job(v_job.id),
    'shares', private.shares_of_job(v_job),
    'seconds_to_finish', private.seconds_to_finish(v_job),
    'failures', private.failures_of_job(v_job.id)
  );
end;
$$;

grant execute on function private.explain_job(uuid) to authenticated;

comment on function private.explain_job(uuid) is
'See public.explain_job. A definer: users cannot read what nodes they do not own are doing.';

create function public.explain_job(id uuid)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.explain_job(explain_job.id);
end;
$$;

grant execute on function public.explain_job(uuid) to authenticated;

comment on function public.explain_job(uuid) is
'Why the caller''s job waits or runs as it does: reasons in words, what the nodes that may serve '
'it are doing, its place among the caller''s jobs, when it will be done, who did how much of it, '
'and what went wrong; besides all that job_progress() says.';
