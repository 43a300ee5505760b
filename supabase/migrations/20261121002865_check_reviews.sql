-- Checks that wait: who can run them now, and what becomes of those that nobody runs.

create function private.give_up_check(checked private.checks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_believed text;
begin
  if (
    select count(*) = 1
    from private.opinions((give_up_check.checked).job_id, (give_up_check.checked).seed_offset)
  ) then
    select opinions.digest into v_believed
    from private.opinions((give_up_check.checked).job_id, (give_up_check.checked).seed_offset)
      as opinions;
  else
    v_believed := private.believed_digest(give_up_check.checked);
  end if;
  if v_believed is null then
    perform private.end_job((give_up_check.checked).job_id, 'failed', format(
      'nodes computed different results for iterations from %s, and no other node can say which is '
      'right', (give_up_check.checked).seed_offset
    ));
    return;
  end if;
  perform private.settle_check(give_up_check.checked, v_believed, false);
end;
$$;

comment on function private.give_up_check(private.checks) is
'Ends a check that nobody runs: its only result counts, or that of the one trusted node among '
'those who disagree; else nobody can tell, and the job fails. The caller holds the job.';

create function private.believed_digest(checked private.checks)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_digests text[];
begin
  select array_agg(distinct chunks.result_digest) into v_digests
  from public.sim_chunks as chunks
  join public.sim_jobs as jobs on jobs.id = chunks.job_id
  left join public.nodes on nodes.id = chunks.node_id
  where chunks.job_id = (believed_digest.checked).job_id
    and chunks.seed_offset = (believed_digest.checked).seed_offset
    and chunks.status = 'held'
    and private.is_trusted(chunks.node_id, coalesce(nodes.user_id = jobs.user_id, false));
  return case when cardinality(v_digests) = 1 then v_digests[1] end;
end;
$$;

comment on function private.believed_digest(private.checks) is
'What the trusted nodes say who disagree with others; null if none does, or not all say the same.';

create function private.review_check(checked private.checks)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.current_time();
  v_settings private.settings;
  v_checkers text := private.checkers_of(review_check.checked);
  v_different bigint;
begin
  select * into strict v_settings from private.settings;
  select count(*) into v_different
  from private.opinions((review_check.checked).job_id, (review_check.checked).seed_offset);
  if v_different >= v_settings.different_results_max then
    perform private.end_job((review_check.checked).job_id, 'failed', format(
      'nodes computed %s different results for iterations from %s: its engine is not exact',
      v_different, (review_check.checked).seed_offset
    ));
    return;
  end if;
  if not private.is_replicated((review_check.checked).job_id) and (
    v_checkers is null and v_different = 1
    or (review_check.checked).drawn_at <= v_now - v_settings.check_patience
  ) then
    perform private.give_up_check(review_check.checked);
    return;
  end if;
  -- trusted nodes have half of the time to themselves
  if v_checkers = 'trusted'
    and (review_check.checked).drawn_at <= v_now - v_settings.check_patience / 2
  then
    v_checkers := 'others';
  end if;
  update private.checks
  set
    checkers = coalesce(v_checkers, checks.checkers),
    apart_from = coalesce(private.kept_apart(checks, v_checkers), checks.apart_from),
    reviewed_at = v_now
  where checks.job_id = (review_check.checked).job_id
    and checks.seed_offset = (review_check.checked).seed_offset;
end;
$$;

comment on function private.review_check(private.checks) is
'A check that waits: asks whom there is now, or gives it up. The caller holds the job.';

create function private.kept_apart(checked private.checks, checkers text)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
begin
  return (
    select case
      when kept_apart.checkers = 'anybody' then chunks.node_id
      else coalesce(nodes.user_id, chunks.node_id)
    end
    from public.sim_chunks as chunks
    left join public.nodes on nodes.id = chunks.node_id
    where chunks.job_id = (kept_apart.checked).job_id
      and chunks.seed_offset = (kept_apart.checked).seed_offset
      and chunks.status = 'held'
    order by chunks.attempt
    limit 1
  );
end;
$$;

comment on function private.kept_apart(private.checks, text) is
'Whom the range is kept apart from: who handed in its first result.';

create function private.review_checks(quantity integer default 1000)
returns integer
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
  v_due timestamptz;
  v_jobs uuid[];
  v_job_id uuid;
  v_check private.checks;
  v_count integer := 0;
begin
  select private.current_time() - sweep_period into strict v_due from private.settings;
  v_jobs := array(
    select due.job_id
    from (
      select checks.job_id from private.checks
      where checks.open > 0 and checks.reviewed_at <= v_due
      order by checks.reviewed_at
      limit review_checks.quantity
    ) as due
    group by due.job_id
    order by private.job_lock_key(due.job_id)
  );
  foreach v_job_id in array v_jobs loop
    perform private.hold_job(v_job_id);
  end loop;
  perform private.lock_trust(private.holders_of_checks(v_jobs));
  for v_check in
    select checks.*
    from private.checks
    where checks.job_id = any(v_jobs) and checks.open > 0 and checks.reviewed_at <= v_due
    order by checks.reviewed_at
    limit review_checks.quantity
  loop
    continue when not private.is_live_job(v_check.job_id);
    perform private.review_check(v_check);
    v_count := v_count + 1;
  end loop;
  foreach v_job_id in array v_jobs loop
    perform private.advance_job(v_job_id, array[]::uuid[], true);
    perform private.dispatch_checks(v_job_id, settings.dispatch_nodes_per_exchange)
    from private.settings;
  end loop;
  return v_count;
end;
$$;

comment on function private.review_checks(integer) is
'Looks at the checks that have waited: who can run them now, and which are given up. Run by cron '
'job simpool_review_checks and by nodes; waits for jobs, so call it holding none.';
