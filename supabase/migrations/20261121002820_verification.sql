-- Checks: which results are drawn, what is held, and who is right when nodes disagree.

create function private.lot()
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- of the server's secure random source: nobody learns from other draws what the next will be
  return uuid_hash_extended(gen_random_uuid(), 0);
end;
$$;

comment on function private.lot() is
'What the draws of one call are made with: unpredictable, and known to nobody.';

create function private.draw(probability double precision, chunk_id uuid, lot bigint)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (uuid_hash_extended(draw.chunk_id, draw.lot) & 4294967295)
    < draw.probability * 4294967296;
end;
$$;

comment on function private.draw(double precision, uuid, bigint) is
'True that often, unpredictably; the same however often a chunk is drawn for with one lot.';

create function private.check_probability(
  trust private.node_trust, is_own boolean, settings private.settings
)
returns double precision
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_agreements constant integer := coalesce((check_probability.trust).agreements, 0);
begin
  return case
    when (check_probability.settings).checks_to_trust = 0
      or check_probability.is_own and (check_probability.settings).trusts_own_nodes
      then (check_probability.settings).check_probability_min
    when v_agreements < (check_probability.settings).checks_to_trust then 1
    else greatest(
      (check_probability.settings).check_probability_min, 1 / sqrt(greatest(v_agreements, 1))
    )
  end;
end;
$$;

comment on function private.check_probability(
  private.node_trust, boolean, private.settings
) is
'How likely a result is checked: always while the node is new or suspect; then the less the more '
'checks in a row agreed with it, by their square root, but never less than the least. A node that '
'has earned trust with few results could else tell too many lies before one of them is found.';

create function private.draw_checks(
  trust private.node_trust, node_id uuid, items private.finished_chunk[], lot bigint
)
returns private.drawn_check[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_owner_id uuid;
  v_drawn uuid[];
begin
  select nodes.user_id into v_owner_id from public.nodes where nodes.id = draw_checks.node_id;
  -- nearly always nothing is drawn, so what a check needs to know is asked afterwards
  with odds as (
    select
      jobs.id as job_id,
      case
        when jobs.replication > 1 then 1
        else private.check_probability(draw_checks.trust, jobs.user_id = v_owner_id, settings)
      end as probability
    from (select distinct items.job_id from unnest(draw_checks.items) as items) as wanted
    join public.sim_jobs as jobs on jobs.id = wanted.job_id
    cross join private.settings
  )
  select array_agg(items.chunk_id) into v_drawn
  from unnest(draw_checks.items) as items
  join odds on odds.job_id = items.job_id
  where items.status = 'completed'
    and items.problem is null
    and odds.probability > 0
    and private.draw(odds.probability, items.chunk_id, draw_checks.lot);
  if v_drawn is null then
    return array[]::private.drawn_check[];
  end if;
  return private.place_checks(v_drawn, draw_checks.node_id, v_owner_id);
end;
$$;

comment on function private.draw_checks(
  private.node_trust, uuid, private.finished_chunk[], bigint
) is
'Which of the results that a node hands in are held for others to say whether they are right.';

create function private.place_checks(chunk_ids uuid[], node_id uuid, owner_id uuid)
returns private.drawn_check[]
language plpgsql
volatile
set search_path = ''
as $$
begin
  return array(
    with wanted as (
      select chunks.id, chunks.job_id
      from private.find_chunks(place_checks.chunk_ids) as chunks
    ),
    placed as (
      select
        jobs.id,
        jobs.replication,
        case
          when jobs.replication > 1 then 'others'
          else private.best_checkers(
            jobs.id, array[place_checks.node_id], array[place_checks.owner_id]
          )
        end as checkers
      from (select distinct wanted.job_id from wanted) as concerned
      join public.sim_jobs as jobs on jobs.id = concerned.job_id
    )
    select row(
      wanted.id,
      greatest(2, placed.replication),
      greatest(2, placed.replication) - 1,
      placed.checkers,
      case placed.checkers
        when 'anybody' then place_checks.node_id else place_checks.owner_id
      end
    )::private.drawn_check
    from wanted join placed on placed.id = wanted.job_id
    -- where there is nobody to check it, there is no check
    where placed.checkers is not null
  );
end;
$$;

comment on function private.place_checks(uuid[], uuid, uuid) is
'Who shall check these results of one node; none for those that nobody else could run.';

create function private.keep_result(item private.finished_chunk)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set
    status = 'held',
    result = (keep_result.item).result,
    result_digest = (keep_result.item).digest,
    claimed_at = coalesce(chunks.claimed_at, private.current_time()),
    completed_at = private.current_time(),
    failure = null,
    error = null,
    failed_at = null
  where chunks.id = (keep_result.item).chunk_id;
end;
$$;

comment on function private.keep_result(private.finished_chunk) is
'Keeps a result that does not count yet.';

create function private.hold_result(
  chunk public.sim_chunks, item private.finished_chunk, drawn private.drawn_check
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.keep_result(hold_result.item);
  insert into private.checks (
    job_id, seed_offset, iterations, user_id, access_type, wanted, open, checkers, apart_from,
    drawn_at, reviewed_at
  )
  select
    jobs.id, (hold_result.chunk).seed_offset, (hold_result.chunk).iterations, jobs.user_id,
    jobs.access_type, (hold_result.drawn).wanted,
    case when jobs.paused_at is null then (hold_result.drawn).open else 0 end,
    (hold_result.drawn).checkers, (hold_result.drawn).apart_from, private.current_time(),
    private.current_time()
  from public.sim_jobs as jobs
  where jobs.id = (hold_result.chunk).job_id;
end;
$$;

comment on function private.hold_result(
  public.sim_chunks, private.finished_chunk, private.drawn_check
) is
'Holds the first result of a range, and opens the range for others to run.';

create function private.lock_checks(items private.finished_chunk[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_range record;
  v_nodes uuid[] := array[]::uuid[];
begin
  for v_range in
    select chunks.job_id, chunks.seed_offset, chunks.node_id
    from unnest(lock_checks.items) as items
    cross join lateral private.find_chunk(items.chunk_id) as chunks
    where items.job_id is not null
      and exists (
        select from private.checks
        where checks.job_id = chunks.job_id and checks.seed_offset = chunks.seed_offset
      )
    order by private.job_lock_key(chunks.job_id), chunks.seed_offset
  loop
    perform from private.checks
    where checks.job_id = v_range.job_id and checks.seed_offset = v_range.seed_offset
    for update;
    v_nodes := v_nodes || v_range.node_id || array(
      select involved.node_id
      from private.involved_in_range(v_range.job_id, v_range.seed_offset) as involved
    );
  end loop;
  if cardinality(v_nodes) > 0 then
    perform private.lock_trust(v_nodes);
  end if;
end;
$$;

comment on function private.lock_checks(private.finished_chunk[]) is
'Locks the checks that what is handed in may decide, then what is known of the nodes concerned.';

create function private.find_check(job_id uuid, seed_offset bigint)
returns private.checks
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_check private.checks;
begin
  select * into v_check
  from private.checks
  where checks.job_id = find_check.job_id and checks.seed_offset = find_check.seed_offset;
  return v_check;
end;
$$;

comment on function private.find_check(uuid, bigint) is
'The check of a range; a row of nulls when there is none.';

create function private.add_opinion(item private.finished_chunk, checked private.checks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform private.keep_result(add_opinion.item);
  perform private.decide_check((add_opinion.checked).job_id, (add_opinion.checked).seed_offset);
end;
$$;

comment on function private.add_opinion(private.finished_chunk, private.checks) is
'One more result of a held range, which may decide it. The caller has the check locked.';

create function private.opinions(job_id uuid, seed_offset bigint)
returns table (digest text, voices bigint, chunk_id uuid)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select
    chunks.result_digest,
    count(distinct
      case checks.checkers
        when 'anybody' then chunks.node_id else coalesce(nodes.user_id, chunks.node_id)
      end
    ),
    (array_agg(chunks.id order by chunks.attempt))[1]
  from public.sim_chunks as chunks
  join private.checks
    on checks.job_id = chunks.job_id and checks.seed_offset = chunks.seed_offset
  left join public.nodes on nodes.id = chunks.node_id
  where chunks.job_id = opinions.job_id
    and chunks.seed_offset = opinions.seed_offset
    and chunks.status = 'held'
  group by chunks.result_digest
  order by 2 desc, min(chunks.attempt);
end;
$$;

comment on function private.opinions(uuid, bigint) is
'The different results of a held range, by how many hand it in: owners, or nodes where anybody may '
'check. The most frequent comes first.';

create function private.decide_check(job_id uuid, seed_offset bigint)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_check private.checks := private.find_check(decide_check.job_id, decide_check.seed_offset);
  v_most record;
  v_missing bigint;
begin
  select opinions.digest, opinions.voices into v_most
  from private.opinions(decide_check.job_id, decide_check.seed_offset) as opinions
  limit 1;
  if v_most.voices >= v_check.wanted then
    perform private.settle_check(v_check, v_most.digest, true);
    return;
  end if;
  -- until it is resumed, nobody is asked
  if private.is_paused(decide_check.job_id) then
    return;
  end if;
  v_missing := greatest(0, v_check.wanted - v_most.voices - private.running_checks(v_check));
  if v_missing > v_check.open then
    perform private.ask_for_more(v_check, v_missing);
  else
    -- one that came without being asked for spares a run
    update private.checks
    set open = v_missing
    where checks.job_id = decide_check.job_id and checks.seed_offset = decide_check.seed_offset;
  end if;
end;
$$;

comment on function private.decide_check(uuid, bigint) is
'Settles a check that enough nodes agree on; asks for one more opinion where they do not.';

create function private.running_checks(checked private.checks)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    select count(*) from public.sim_chunks as chunks
    where chunks.job_id = (running_checks.checked).job_id
      and chunks.seed_offset = (running_checks.checked).seed_offset
      and chunks.status in ('pending', 'claimed', 'running')
  );
end;
$$;

comment on function private.running_checks(private.checks) is 'How many nodes run the check.';

create function private.ask_for_more(checked private.checks, quantity bigint)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.checks
  set
    open = ask_for_more.quantity,
    checkers = coalesce(private.checkers_of(checks), checks.checkers),
    drawn_at = private.current_time(),
    reviewed_at = private.current_time()
  where checks.job_id = (ask_for_more.checked).job_id
    and checks.seed_offset = (ask_for_more.checked).seed_offset;
end;
$$;

comment on function private.ask_for_more(private.checks, bigint) is
'Opens a held range for so many further runs.';

create function private.checkers_of(checked private.checks)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_nodes uuid[];
  v_owners uuid[];
begin
  if private.is_replicated((checkers_of.checked).job_id) then
    return 'others';
  end if;
  select array_agg(involved.node_id), array_agg(involved.owner_id) into v_nodes, v_owners
  from private.involved_in_range(
    (checkers_of.checked).job_id, (checkers_of.checked).seed_offset
  ) as involved;
  return private.best_checkers((checkers_of.checked).job_id, v_nodes, v_owners);
end;
$$;

comment on function private.checkers_of(private.checks) is
'Who should say next what the result of the range is; null where there is nobody now.';

create function private.is_replicated(job_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jobs.replication > 1 from public.sim_jobs as jobs where jobs.id = is_replicated.job_id
  );
end;
$$;

comment on function private.is_replicated(uuid) is
'Whether the job itself asks for several owners'' results.';

create function private.settle_check(checked private.checks, digest text, is_proven boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_job_id constant uuid := (settle_check.checked).job_id;
  v_offset constant bigint := (settle_check.checked).seed_offset;
  v_opinions public.sim_chunks[] := array(
    select chunks
    from public.sim_chunks as chunks
    where chunks.job_id = v_job_id and chunks.seed_offset = v_offset and chunks.status = 'held'
    order by chunks.attempt
  );
  v_chunk public.sim_chunks;
  v_counted uuid;
begin
  perform private.record_verdicts(v_opinions, settle_check.digest, settle_check.is_proven);
  foreach v_chunk in array v_opinions loop
    if v_chunk.result_digest <> settle_check.digest then
      perform private.reject_held(v_chunk.id, 'other nodes computed another result');
      if settle_check.is_proven then
        perform private.quarantine(v_chunk.node_id);
      end if;
    elsif v_counted is null then
      v_counted := v_chunk.id;
    else
      update public.sim_chunks as chunks
      set status = 'confirmed', result = null
      where chunks.id = v_chunk.id;
    end if;
  end loop;
  delete from private.checks
  where checks.job_id = v_job_id and checks.seed_offset = v_offset;
  perform private.count_held(v_counted);
  -- still run only where an opinion came late, whose caller holds the job
  if private.running_checks(settle_check.checked) > 0 then
    perform private.withdraw_range(private.find_chunk(v_counted));
  end if;
end;
$$;

comment on function private.settle_check(private.checks, text, boolean) is
'Ends a check: the result with this digest counts, once. Whoever handed in another is quarantined '
'if it is proven that they are wrong.';

create function private.reject_held(chunk_id uuid, error text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set
    status = 'failed',
    failure = 'distrusted',
    error = reject_held.error,
    failed_at = private.current_time(),
    result = null,
    result_digest = null,
    completed_at = null
  where chunks.id = reject_held.chunk_id;
end;
$$;

comment on function private.reject_held(uuid, text) is 'Takes back a result that is not believed.';

create function private.count_held(chunk_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update public.sim_chunks as chunks
  set status = 'completed', completed_at = private.current_time()
  where chunks.id = count_held.chunk_id;
  perform private.add_partials(array[count_held.chunk_id]);
end;
$$;

comment on function private.count_held(uuid) is 'Counts a result that was held.';

create function private.add_partials(chunk_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.job_partials
  (job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_ids)
  select
    jobs.id,
    chunks.seed_offset / jobs.segment_iterations,
    0,
    1,
    chunks.iterations,
    (metrics.metric ->> 'n')::numeric,
    (metrics.metric ->> 'sum')::numeric,
    (metrics.metric ->> 'sum_squares')::numeric,
    array[chunks.id]
  from private.find_chunks(add_partials.chunk_ids) as chunks
  cross join lateral (
    select chunks.result #> array['metrics', chunks.result ->> 'primary']
  ) as metrics (metric)
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  order by chunks.seed_offset;
end;
$$;

comment on function private.add_partials(uuid[]) is
'Adds stored results to what is merged of their jobs.';

create function private.record_verdicts(
  opinions public.sim_chunks[], digest text, is_proven boolean
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.verdicts (
    node_id, owner_id, job_id, chunk_id, seed_offset, iterations, verdict, digest, counted_digest,
    decided_at
  )
  select
    opinions.node_id, nodes.user_id, opinions.job_id, opinions.id, opinions.seed_offset,
    opinions.iterations,
    case
      when opinions.result_digest <> record_verdicts.digest then 'disagreed'
      when record_verdicts.is_proven then 'agreed'
      when cardinality(record_verdicts.opinions) > 1 then 'disputed'
      else 'unchecked'
    end,
    opinions.result_digest, record_verdicts.digest, private.current_time()
  from unnest(record_verdicts.opinions) as opinions
  left join public.nodes on nodes.id = opinions.node_id;

  update private.node_trust as trust
  set agreements = case
    when trust.quarantined_at is not null then 0
    when opinions.result_digest <> record_verdicts.digest then 0
    -- who could vouch for itself with jobs of its own does not
    when nodes.user_id = jobs.user_id then trust.agreements
    else trust.agreements + 1
  end
  from unnest(record_verdicts.opinions) as opinions
  join public.sim_jobs as jobs on jobs.id = opinions.job_id
  left join public.nodes on nodes.id = opinions.node_id
  where trust.node_id = opinions.node_id
    and (
      record_verdicts.is_proven or opinions.result_digest <> record_verdicts.digest
    );
end;
$$;

comment on function private.record_verdicts(public.sim_chunks[], text, boolean) is
'Writes down what became of each opinion, and what that says of its node. The caller has locked '
'what is known of the nodes.';

create function private.quarantine(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.node_trust as trust
  set agreements = 0, quarantined_at = private.current_time(), purged_at = null
  where trust.node_id = quarantine.node_id and trust.quarantined_at is null;
  if not found then
    return;
  end if;
  delete from private.idle_nodes as idle
  where idle.node_id = any(array(
    select waiting.node_id from private.idle_nodes as waiting
    where waiting.node_id = quarantine.node_id
    for update skip locked
  ));
  perform private.push_node_trouble(quarantine.node_id, 'quarantined', null);
end;
$$;

comment on function private.quarantine(uuid) is
'Gives the node no more work and believes it no more. What it contributed is taken out by whoever '
'next finishes one of its jobs, and by the sweep.';

create function private.forget_agreements(node_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  update private.node_trust as trust
  set agreements = 0
  where trust.node_id = forget_agreements.node_id and trust.agreements > 0;
end;
$$;

comment on function private.forget_agreements(uuid) is
'A node that hands in what cannot be right is checked as if it were new.';
