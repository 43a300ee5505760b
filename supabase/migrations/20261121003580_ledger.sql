-- The ledger follows the days: what a day is worth, rounded once, less what is in the ledger of it,
-- is posted as a movement from the account of the pool to that of the unit.

create function private.day_earnings(account_ids uuid[], since date)
returns table (
  account_id uuid,
  date date,
  tasks_completed bigint,
  task_earnings numeric,
  uptime_seconds numeric,
  uptime_earnings numeric
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select
    coalesce(uptimes.account_id, tasks.account_id),
    coalesce(uptimes.date, tasks.date),
    coalesce(tasks.tasks, 0),
    coalesce(round(tasks.amount, 6), 0),
    coalesce(uptimes.seconds, 0),
    coalesce(round(uptimes.amount / 3600, 6), 0)
  from (
    select * from private.unit_uptimes as all_uptimes
    where all_uptimes.account_id = any(day_earnings.account_ids)
      and all_uptimes.date >= day_earnings.since
  ) as uptimes
  full join (
    select * from private.unit_tasks as all_tasks
    where all_tasks.account_id = any(day_earnings.account_ids)
      and all_tasks.date >= day_earnings.since
  ) as tasks on tasks.account_id = uptimes.account_id and tasks.date = uptimes.date;
end;
$$;

comment on function private.day_earnings(uuid[], date) is
'The earnings of units, a row per day, in credits to six places: the only place where they are '
'rounded.';

create function private.post(
  kind text, account_id uuid, date date, amount numeric, reason text
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_id bigint;
begin
  if post.amount = 0 then
    return;
  end if;
  insert into private.ledger_transactions (kind, account_id, date, reason)
  values (post.kind, post.account_id, post.date, post.reason)
  returning id into strict v_id;
  insert into private.ledger_entries (transaction_id, account_id, amount)
  values
  (v_id, post.account_id, post.amount),
  (v_id, '00000000-0000-0000-0000-000000000000', -post.amount);
end;
$$;

comment on function private.post(text, uuid, date, numeric, text) is
'Moves credits from the pool to a unit, or back where the amount is negative.';

create function private.post_day(account_id uuid, date date, reason text default null)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
  v_period interval;
  v_posting private.postings;
  v_day record;
begin
  select postings.* into strict v_posting
  from private.postings
  where postings.account_id = post_day.account_id and postings.date = post_day.date
  for update;
  select posting_period into strict v_period from private.settings;
  select
    coalesce(sum(days.uptime_earnings), 0) as uptime,
    coalesce(sum(days.task_earnings), 0) as tasks
  into strict v_day
  from private.day_earnings(array[post_day.account_id], post_day.date) as days
  where days.date = post_day.date;

  perform private.post(
    'uptime', post_day.account_id, post_day.date, v_day.uptime - v_posting.uptime_posted, null
  );
  perform private.post(
    case when v_day.tasks < v_posting.tasks_posted then 'reversal' else 'tasks' end,
    post_day.account_id, post_day.date, v_day.tasks - v_posting.tasks_posted,
    coalesce(
      post_day.reason,
      case when v_day.tasks < v_posting.tasks_posted then 'results are not accepted any more' end
    )
  );
  update private.postings
  set
    uptime_posted = v_day.uptime,
    tasks_posted = v_day.tasks,
    -- what a heartbeat adds around midnight still belongs to the day before
    due_at = case
      when post_day.date >= ((v_now - interval '1 hour') at time zone 'utc')::date
        then v_now + v_period
    end
  where postings.account_id = post_day.account_id and postings.date = post_day.date;
end;
$$;

comment on function private.post_day(uuid, date, text) is
'Posts what the ledger does not hold yet of a day of a unit, and says when to look again.';

create function private.post_earnings(days_max integer default 1000)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_day record;
  v_count integer := 0;
begin
  for v_day in
    select postings.account_id, postings.date
    from private.postings
    where postings.due_at <= private.current_time()
    order by postings.due_at
    limit post_earnings.days_max
    for update skip locked
  loop
    perform private.post_day(v_day.account_id, v_day.date);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

comment on function private.post_earnings(integer) is
'Posts the days that are due, at most so many. Cron: simpool_post_earnings.';

create function private.reconcile_earnings()
returns table (subject uuid, problem text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select
    transactions.account_id,
    format('transaction %s of the ledger sums to %s', transactions.id, sum(entries.amount))
  from private.ledger_transactions as transactions
  left join private.ledger_entries as entries on entries.transaction_id = transactions.id
  group by transactions.id
  having coalesce(sum(entries.amount), -1) <> 0
  union all
  select
    coalesce(posted.account_id, ledger.account_id),
    format(
      'the ledger holds %s of %s, but %s are noted as posted',
      coalesce(ledger.amount, 0), coalesce(posted.date, ledger.date), coalesce(posted.amount, 0)
    )
  from (
    select
      postings.account_id, postings.date, postings.uptime_posted + postings.tasks_posted as amount
    from private.postings
  ) as posted
  full join (
    select transactions.account_id, transactions.date, sum(entries.amount) as amount
    from private.ledger_transactions as transactions
    join private.ledger_entries as entries
      on entries.transaction_id = transactions.id and entries.account_id = transactions.account_id
    group by transactions.account_id, transactions.date
  ) as ledger on ledger.account_id = posted.account_id and ledger.date = posted.date
  where coalesce(posted.amount, 0) <> coalesce(ledger.amount, 0)
  union all
  select
    days.account_id,
    format(
      '%s is worth %s, but %s are posted and nothing is due', days.date,
      days.task_earnings + days.uptime_earnings,
      coalesce(postings.uptime_posted + postings.tasks_posted, 0)
    )
  from private.day_earnings(
    array(select accounts.id from private.accounts), '-infinity'
  ) as days
  left join private.postings
    on postings.account_id = days.account_id and postings.date = days.date
  where postings.due_at is null
    and coalesce(postings.uptime_posted + postings.tasks_posted, 0)
    <> days.task_earnings + days.uptime_earnings
  union all
  select
    coalesce(rewarded.account_id, tasks.account_id),
    format(
      '%s results are counted on %s, but %s are rewarded',
      coalesce(tasks.tasks, 0), coalesce(rewarded.date, tasks.date), coalesce(rewarded.tasks, 0)
    )
  from (
    select known.account_id, earnings.date, sum(earnings.tasks) as tasks
    from private.job_earnings as earnings
    join private.node_accounts as known on known.node_id = earnings.node_id
    group by known.account_id, earnings.date
  ) as rewarded
  full join private.unit_tasks as tasks
    on tasks.account_id = rewarded.account_id and tasks.date = rewarded.date
  where coalesce(rewarded.tasks, 0) > coalesce(tasks.tasks, 0);
end;
$$;

comment on function private.reconcile_earnings() is
'Whether days, rewards and ledger agree: every unit whose books do not, and why. No row is right.';

create function private.unit_figures(unit_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_today date := (private.current_time() at time zone 'utc')::date;
begin
  return (
    select jsonb_build_object(
      'uptime_seconds', coalesce(sum(days.uptime_seconds), 0),
      'tasks_completed', coalesce(sum(days.tasks_completed), 0),
      'total_earnings', coalesce(sum(days.task_earnings + days.uptime_earnings), 0),
      'earnings_today', coalesce(
        sum(days.task_earnings + days.uptime_earnings) filter (where days.date = v_today), 0
      )
    )
    from private.day_earnings(array[unit_figures.unit_id], '-infinity') as days
  );
end;
$$;

comment on function private.unit_figures(uuid) is 'What a unit did and earned, ever and today.';

create function private.user_earnings(user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_today date := (private.current_time() at time zone 'utc')::date;
begin
  return (
    select jsonb_build_object(
      'total_earnings', coalesce(sum(days.task_earnings + days.uptime_earnings), 0),
      'earnings_today', coalesce(
        sum(days.task_earnings + days.uptime_earnings) filter (where days.date = v_today), 0
      ),
      'earnings_this_week', coalesce(
        sum(days.task_earnings + days.uptime_earnings)
          filter (where days.date >= date_trunc('week', v_today)), 0
      ),
      'earnings_this_month', coalesce(
        sum(days.task_earnings + days.uptime_earnings)
          filter (where days.date >= date_trunc('month', v_today)), 0
      )
    )
    from private.day_earnings(
      array(
        select accounts.id from private.accounts where accounts.user_id = user_earnings.user_id
      ), '-infinity'
    ) as days
  );
end;
$$;

comment on function private.user_earnings(uuid) is
'What all units of a user earned, those that are gone too: today, since Monday, this month, ever, '
'in UTC.';
