-- What units earn: rates, the uptime and the work of each unit and day, and what of it is in the
-- ledger. Accounts, days and ledger outlive units, nodes and users: what was earned stays.

create table private.rates (
  id bigint generated always as identity primary key,
  device_type text not null,
  valid_from timestamptz not null default '-infinity',
  valid_until timestamptz not null default 'infinity',
  per_hour numeric not null,
  per_task numeric not null,
  constraint device_type_is_known check (device_type in ('cpu', 'gpu')),
  constraint a_rate_is_valid_for_a_while check (valid_from < valid_until),
  constraint rates_are_not_negative check (per_hour >= 0 and per_task >= 0),
  constraint one_rate_is_valid_for_cpus
  exclude using gist (tstzrange(valid_from, valid_until) with &&) where (device_type = 'cpu'),
  constraint one_rate_is_valid_for_gpus
  exclude using gist (tstzrange(valid_from, valid_until) with &&) where (device_type = 'gpu')
);

alter table private.rates enable row level security;

comment on table private.rates is
'What is paid, in credits, and when. To change a rate, end its row and add one that begins then.';
comment on column private.rates.per_hour is
'For an active hour of a core, or of a gigabyte of VRAM, that is shared.';
comment on column private.rates.per_task is
'For an accepted result per thousand iterations, times what an iteration of its config costs.';

insert into private.rates (device_type, per_hour, per_task)
values
('cpu', 0.01, 0.001),
('gpu', 0.02, 0.001);

create table private.accounts (
  id uuid primary key,
  user_id uuid,
  device_type text,
  device_id text,
  created_at timestamptz not null default private.current_time(),
  constraint only_the_pool_has_no_owner
  check ((user_id is null) = (id = '00000000-0000-0000-0000-000000000000'))
);

alter table private.accounts enable row level security;

comment on table private.accounts is
'Who is credited: one account per unit, by its id, and that of the pool, which pays.';

create index idx_accounts_user on private.accounts (user_id);

insert into private.accounts (id) values ('00000000-0000-0000-0000-000000000000');

create table private.node_accounts (
  node_id uuid primary key,
  account_id uuid not null references private.accounts (id)
);

alter table private.node_accounts enable row level security;

comment on table private.node_accounts is
'Which account the results of a node count for: that of its first CPU, also when it is gone.';

create index idx_node_accounts_account on private.node_accounts (account_id);

create table private.unit_uptimes (
  account_id uuid not null references private.accounts (id),
  date date not null,
  seconds numeric not null,
  amount numeric not null,
  primary key (account_id, date),
  constraint a_day_has_no_more_seconds check (seconds between 0 and 86400)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

alter table private.unit_uptimes enable row level security;

comment on table private.unit_uptimes is 'How long each unit worked on each day, in UTC.';
comment on column private.unit_uptimes.amount is
'Credits times 3600: quantity times seconds times hourly rate, a sum without any rounding.';

create table private.unit_tasks (
  account_id uuid not null references private.accounts (id),
  date date not null,
  tasks bigint not null,
  amount numeric not null,
  primary key (account_id, date),
  constraint tasks_are_not_negative check (tasks >= 0)
) with (fillfactor = 70);

alter table private.unit_tasks enable row level security;

comment on table private.unit_tasks is
'How many results of each unit were accepted on each day, in UTC, and their reward, unrounded.';

create table private.postings (
  account_id uuid not null references private.accounts (id),
  date date not null,
  uptime_posted numeric(20, 6) not null default 0,
  tasks_posted numeric(20, 6) not null default 0,
  due_at timestamptz,
  primary key (account_id, date)
) with (fillfactor = 70);

alter table private.postings enable row level security;

comment on table private.postings is 'What of the earnings of each unit and day is in the ledger.';
comment on column private.postings.due_at is
'When to look again; null when the day is over and all of it is in the ledger.';

create index idx_postings_due on private.postings (due_at) where due_at is not null;

create table private.uncredited_jobs (
  job_id uuid primary key,
  counted_chunks bigint not null default 0,
  counted_at timestamptz not null default '-infinity'
) with (fillfactor = 70);

alter table private.uncredited_jobs enable row level security;

comment on table private.uncredited_jobs is
'Jobs with results that may not have been rewarded yet: all that run, and those that just ended.';

create table private.job_earnings (
  job_id uuid not null,
  node_id uuid not null,
  date date not null,
  tasks bigint not null,
  amount numeric not null,
  primary key (job_id, node_id, date)
);

alter table private.job_earnings enable row level security;

comment on table private.job_earnings is
'What has been rewarded of each job, by node and day. Rewarding a job makes this what its accepted '
'results are worth and hands on the difference, so that no result can count twice.';

create table private.config_costs (
  config_hash text primary key,
  cost numeric not null,
  measured_at timestamptz not null default private.current_time(),
  constraint cost_is_positive check (cost > 0)
);

alter table private.config_costs enable row level security;

comment on table private.config_costs is
'What an iteration of a config costs: its thousands of events, which are the same on every '
'machine, measured of the first results that were accepted, and the same from then on.';

create table private.disputed_chunks (
  chunk_id uuid primary key,
  job_id uuid not null,
  reason text not null,
  disputed_at timestamptz not null default private.current_time()
);

alter table private.disputed_chunks enable row level security;

comment on table private.disputed_chunks is
'Results that were accepted and are not believed any more: they earn nothing.';

create index idx_disputed_chunks_job on private.disputed_chunks (job_id);

create table private.ledger_transactions (
  id bigint generated always as identity primary key,
  kind text not null,
  account_id uuid not null references private.accounts (id),
  date date not null,
  reason text,
  created_at timestamptz not null default private.current_time(),
  constraint kind_is_known check (kind in ('uptime', 'tasks', 'reversal')),
  constraint a_reversal_says_why check (kind <> 'reversal' or reason is not null)
);

alter table private.ledger_transactions enable row level security;

comment on table private.ledger_transactions is
'Every movement of credits: for which unit and day, and what for.';

create index idx_ledger_transactions_account
on private.ledger_transactions (account_id, date);

create table private.ledger_entries (
  transaction_id bigint not null references private.ledger_transactions (id),
  account_id uuid not null references private.accounts (id),
  amount numeric(20, 6) not null,
  primary key (transaction_id, account_id),
  constraint an_entry_moves_something check (amount <> 0)
);

alter table private.ledger_entries enable row level security;

comment on table private.ledger_entries is
'What each movement adds to accounts and takes from them, which together is nothing.';

create index idx_ledger_entries_account on private.ledger_entries (account_id);

create function private.keep_ledger()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'the ledger is only ever added to'
    using errcode = '55000', hint = 'Reverse an entry by another one.';
end;
$$;

comment on function private.keep_ledger() is 'Refuses to change or forget anything of the ledger.';

create trigger ledger_transactions_keep
before update or delete or truncate on private.ledger_transactions
for each statement execute function private.keep_ledger();

create trigger ledger_entries_keep
before update or delete or truncate on private.ledger_entries
for each statement execute function private.keep_ledger();

create function private.balance_transaction()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_transaction_id bigint := case tg_table_name
    when 'ledger_entries' then (to_jsonb(new) ->> 'transaction_id')::bigint
    else (to_jsonb(new) ->> 'id')::bigint
  end;
  v_sum numeric;
begin
  select sum(entries.amount) into v_sum
  from private.ledger_entries as entries
  where entries.transaction_id = v_transaction_id;
  if v_sum is distinct from 0 then
    raise exception 'transaction % of the ledger does not sum to zero', v_transaction_id
      using errcode = '23514';
  end if;
  return null;
end;
$$;

comment on function private.balance_transaction() is
'Refuses, at commit, a transaction that has no entries or whose entries do not sum to zero.';

create constraint trigger ledger_transactions_balance
after insert on private.ledger_transactions
deferrable initially deferred
for each row execute function private.balance_transaction();

create constraint trigger ledger_entries_balance
after insert on private.ledger_entries
deferrable initially deferred
for each row execute function private.balance_transaction();

create function private.open_account()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.accounts (id, user_id, device_type, device_id)
  values (new.id, new.user_id, new.device_type, new.device_id)
  on conflict on constraint accounts_pkey do nothing;
  if new.device_type = 'cpu' then
    insert into private.node_accounts as known (node_id, account_id)
    values (new.node_id, new.id)
    on conflict on constraint node_accounts_pkey do update
    set account_id = excluded.account_id
    where not exists (
      select from public.compute_units as units where units.id = known.account_id
    );
  end if;
  return null;
end;
$$;

comment on function private.open_account() is
'Every unit has an account, and every node one for its results. A definer: accounts are private.';

create trigger compute_units_write_account
after insert or update of node_id on public.compute_units
for each row execute function private.open_account();
