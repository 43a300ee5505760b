-- Rewards for results. Nothing of this happens while results come in: what a job's accepted results
-- are worth is computed from its chunks, now and then while it runs and once when it has ended, and
-- compared with what was rewarded of it before. The difference goes to the days of the units.

create function private.expect_rewards()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    if exists (
      select from private.uncredited_jobs as uncredited where uncredited.job_id = old.id
    ) then
      perform private.reward_job(old.id);
    end if;
    -- what is not there any more must not be compared with what was rewarded of it
    delete from private.uncredited_jobs as uncredited where uncredited.job_id = old.id;
    delete from private.job_earnings as earnings where earnings.job_id = old.id;
    return old;
  end if;
  insert into private.uncredited_jobs (job_id) values (new.id)
  on conflict on constraint uncredited_jobs_pkey do nothing;
  return null;
end;
$$;

comment on function private.expect_rewards() is
'A job that starts, starts again or ends has results to reward; one that is deleted, at once. A '
'definer: the books are private.';

create trigger sim_jobs_update_expect_rewards
after update of status on public.sim_jobs
for each row when (old.status <> new.status)
execute function private.expect_rewards();

create trigger sim_jobs_delete_expect_rewards
before delete on public.sim_jobs
for each row execute function private.expect_rewards();

create function private.expect_reversals()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.uncredited_jobs (job_id)
  select distinct new_disputes.job_id from new_disputes order by 1
  on conflict on constraint uncredited_jobs_pkey do nothing;
  return null;
end;
$$;

comment on function private.expect_reversals() is
'What disputed results earned is taken back with the next rewards. A definer: the books are '
'private.';

create trigger disputed_chunks_insert_expect_reversals
after insert on private.disputed_chunks
referencing new table as new_disputes
for each statement execute function private.expect_reversals();

create function private.iteration_cost(job_id uuid)
returns numeric
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_hash text;
  v_cost numeric;
begin
  select jobs.config_hash into v_hash
  from public.sim_jobs as jobs where jobs.id = iteration_cost.job_id;
  select costs.cost into v_cost
  from private.config_costs as costs where costs.config_hash = v_hash;
  if found then
    return v_cost;
  end if;
  select
    coalesce(nullif(round(
      sum((measured.result #>> '{counters,fight.events}')::numeric)
      / sum(measured.iterations) / 1000, 6
    ), 0), 1)
  into v_cost
  from (
    select chunks.result, chunks.iterations
    from public.sim_chunks as chunks
    where chunks.job_id = iteration_cost.job_id and chunks.status = 'completed'
    order by chunks.seed_offset
    limit 32
  ) as measured
  having count(*) > 0;
  if v_cost is null then
    return 1;
  end if;
  insert into private.config_costs (config_hash, cost) values (v_hash, v_cost)
  on conflict on constraint config_costs_pkey do nothing;
  return (
    select costs.cost from private.config_costs as costs where costs.config_hash = v_hash
  );
end;
$$;

comment on function private.iteration_cost(uuid) is
'What an iteration of the job''s config costs, in thousands of events; 1 where an engine counts '
'none. Events are part of the exact result: no machine can make more of them.';

create function private.due_rewards(job_id uuid, cost numeric)
returns table (node_id uuid, date date, tasks bigint, amount numeric)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  with accepted as (
    select
      chunks.node_id,
      (chunks.completed_at at time zone 'utc')::date as date,
      chunks.iterations * rates.per_task * 0.001 as amount
    from public.sim_chunks as chunks
    left join private.rates
      on rates.device_type = 'cpu'
      and rates.valid_from <= chunks.completed_at
      and rates.valid_until > chunks.completed_at
    where chunks.job_id = due_rewards.job_id
      -- who confirmed the result of another has done the same work
      and chunks.status in ('completed', 'confirmed')
      and not exists (
        select from private.disputed_chunks as disputed where disputed.chunk_id = chunks.id
      )
  )
  select
    accepted.node_id, accepted.date, count(*), coalesce(sum(accepted.amount), 0) * due_rewards.cost
  from accepted
  group by accepted.node_id, accepted.date;
end;
$$;

comment on function private.due_rewards(uuid, numeric) is
'What the accepted results of a job are worth, by node and day.';

create function private.reward_job(job_id uuid)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_change record;
  v_account_id uuid;
  v_cost numeric;
  v_tasks integer := 0;
begin
  -- one at a time: the difference is taken from what the last one left
  perform pg_advisory_xact_lock(hashtextextended('simpool rewards ' || reward_job.job_id, 0));
  v_cost := private.iteration_cost(reward_job.job_id);
  for v_change in
    select
      coalesce(due.node_id, known.node_id) as node_id,
      coalesce(due.date, known.date) as date,
      coalesce(due.tasks, 0) as tasks,
      coalesce(due.amount, 0) as amount,
      coalesce(due.tasks, 0) - coalesce(known.tasks, 0) as more_tasks,
      coalesce(due.amount, 0) - coalesce(known.amount, 0) as more_amount
    from private.due_rewards(reward_job.job_id, v_cost) as due
    full join (
      select earnings.*
      from private.job_earnings as earnings
      where earnings.job_id = reward_job.job_id
    ) as known on known.node_id = due.node_id and known.date = due.date
    where (coalesce(due.tasks, 0), coalesce(due.amount, 0))
      <> (coalesce(known.tasks, 0), coalesce(known.amount, 0))
    order by 1, 2
  loop
    insert into private.job_earnings as earnings (job_id, node_id, date, tasks, amount)
    values (
      reward_job.job_id, v_change.node_id, v_change.date, v_change.tasks, v_change.amount
    )
    on conflict on constraint job_earnings_pkey do update
    set tasks = excluded.tasks, amount = excluded.amount;
    select known.account_id into v_account_id
    from private.node_accounts as known
    where known.node_id = v_change.node_id;
    continue when not found;
    insert into private.unit_tasks (account_id, date, tasks, amount)
    values (v_account_id, v_change.date, 0, 0)
    on conflict on constraint unit_tasks_pkey do nothing;
    -- apart, for what is taken back is less than nothing
    update private.unit_tasks as tasks
    set tasks = tasks.tasks + v_change.more_tasks, amount = tasks.amount + v_change.more_amount
    where tasks.account_id = v_account_id and tasks.date = v_change.date;
    perform private.expect_posting(v_account_id, v_change.date);
    v_tasks := v_tasks + v_change.more_tasks;
  end loop;
  return v_tasks;
end;
$$;

comment on function private.reward_job(uuid) is
'Rewards what was accepted of a job since the last time, and takes back what is disputed; answers '
'how many results more are rewarded.';

create function private.reward_jobs(jobs_max integer default 200)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_job record;
  v_tasks integer := 0;
begin
  for v_job in
    select
      uncredited.job_id,
      jobs.completed_chunks as chunks,
      jobs.completed_at is null as is_live
    from private.uncredited_jobs as uncredited
    join public.sim_jobs as jobs on jobs.id = uncredited.job_id
    where jobs.completed_at is not null
      -- counting again costs as much as the job is large, so it has to have grown by as much
      or jobs.completed_chunks >= uncredited.counted_chunks + greatest(
        1, uncredited.counted_chunks / 4
      )
      or uncredited.counted_at < private.current_time() - interval '10 minutes'
    order by uncredited.counted_at
    limit reward_jobs.jobs_max
    for update of uncredited skip locked
  loop
    v_tasks := v_tasks + private.reward_job(v_job.job_id);
    if v_job.is_live then
      update private.uncredited_jobs as uncredited
      set counted_chunks = v_job.chunks, counted_at = private.current_time()
      where uncredited.job_id = v_job.job_id;
    else
      delete from private.uncredited_jobs as uncredited
      where uncredited.job_id = v_job.job_id;
    end if;
  end loop;
  return v_tasks;
end;
$$;

comment on function private.reward_jobs(integer) is
'Rewards the accepted results of jobs that ended or grew, at most so many jobs at a time; answers '
'how many results. Cron: simpool_reward_jobs.';

create function private.reverse_credit(chunk_id uuid, reason text)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_chunk public.sim_chunks;
  v_account_id uuid;
begin
  v_chunk := private.find_chunk(reverse_credit.chunk_id);
  if v_chunk.id is null or v_chunk.completed_at is null then
    return false;
  end if;
  insert into private.disputed_chunks (chunk_id, job_id, reason)
  values (v_chunk.id, v_chunk.job_id, reverse_credit.reason)
  on conflict on constraint disputed_chunks_pkey do nothing;
  if not found then
    return false;
  end if;
  perform private.reward_job(v_chunk.job_id);
  select known.account_id into v_account_id
  from private.node_accounts as known
  where known.node_id = v_chunk.node_id;
  if found then
    perform private.post_day(
      v_account_id, (v_chunk.completed_at at time zone 'utc')::date,
      format('result of chunk %s: %s', v_chunk.id, reverse_credit.reason)
    );
  end if;
  return true;
end;
$$;

comment on function private.reverse_credit(uuid, text) is
'A result is not believed any more: what it earned is taken back by an entry of the ledger. False '
'when it was taken back before, or is none.';
