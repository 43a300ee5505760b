-- How a million devices are summed without reading them.
--
-- A device counts for a reader if it is active and was last seen after the reader's cutoff, five
-- minutes ago. last_seen is a whole second, so the sums of active devices per second of last_seen,
-- private.device_seconds, are all a reader needs: it adds the seconds after its cutoff, at most 300
-- rows, whatever the number of devices, and is exact.
--
-- Thousands of heartbeats a second would queue for those few rows. So whoever changes a device adds
-- a row to private.device_moves instead and waits for nobody: "readers whose cutoff lies in
-- [since, until) add these figures". A heartbeat at b of a device last seen at a adds the device to
-- readers with cutoffs in [a, b), that is, to nobody unless it was stale. A new device is added
-- before b, a removed one is subtracted before a. Five times a second somebody folds the moves into
-- the seconds: + at until, - at since.
--
-- The invariant, of every snapshot, because a device and its move are written by one transaction,
-- and a fold deletes the moves that it adds to the seconds:
--   for every second, the sums over active devices last seen then
--   = the row of that second in device_seconds + the moves until it - the moves since it.
-- private.check_network_stats() checks it; private.recount_devices() makes it true.

create table private.device_seconds (
  second timestamptz primary key,
  devices bigint not null,
  ram_gb numeric not null,
  cpu_cores bigint not null,
  storage_gb numeric not null,
  compute_score numeric not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

alter table private.device_seconds enable row level security;

comment on table private.device_seconds is
'Sums over active devices by the second they were last seen, but for what device_moves holds. '
'Written by whoever holds the row of device_folds.';

create table private.device_moves (
  written_by xid8 not null default pg_current_xact_id(),
  since timestamptz not null,
  until timestamptz not null,
  id bigint generated always as identity (cache 100),
  devices integer not null,
  ram_gb numeric not null,
  cpu_cores integer not null,
  storage_gb numeric not null,
  compute_score numeric not null,
  -- all that a reader asks of a move, so that it looks up none that does not concern it
  primary key (written_by, since, until, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

alter table private.device_moves enable row level security;

comment on table private.device_moves is
'Changes of devices that are not folded into device_seconds yet: readers whose cutoff lies in '
'[since, until) add these figures.';

create table private.device_folds (
  is_the_row boolean primary key default true,
  folded_at timestamptz not null default '-infinity',
  unfolded_from xid8 not null default '0',
  constraint there_is_one_row check (is_the_row)
) with (fillfactor = 10);

alter table private.device_folds enable row level security;

insert into private.device_folds (is_the_row) values (true);

comment on table private.device_folds is
'When moves of devices were last folded. Whoever folds holds its one row.';
comment on column private.device_folds.unfolded_from is
'All moves of transactions before this one are folded: nobody looks there again.';

create function private.note_device_move()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if old.is_active
    and new.is_active
    and (old.ram_gb, old.cpu_cores, old.storage_gb) = (new.ram_gb, new.cpu_cores, new.storage_gb)
  then
    -- a heartbeat, nearly always
    if old.last_seen < new.last_seen then
      insert into private.device_moves
      (since, until, devices, ram_gb, cpu_cores, storage_gb, compute_score)
      values (
        old.last_seen, new.last_seen, 1, new.ram_gb, new.cpu_cores, new.storage_gb,
        new.compute_score
      );
      return null;
    end if;
    if old.last_seen = new.last_seen then
      return null;
    end if;
  end if;
  if old.is_active then
    insert into private.device_moves
    (since, until, devices, ram_gb, cpu_cores, storage_gb, compute_score)
    values (
      '-infinity', old.last_seen, -1, -old.ram_gb, -old.cpu_cores, -old.storage_gb,
      -old.compute_score
    );
  end if;
  if new.is_active then
    insert into private.device_moves
    (since, until, devices, ram_gb, cpu_cores, storage_gb, compute_score)
    values (
      '-infinity', new.last_seen, 1, new.ram_gb, new.cpu_cores, new.storage_gb, new.compute_score
    );
  end if;
  return null;
end;
$$;

comment on function private.note_device_move() is
'Writes down what a change of a device changes in the sums. A definer: users change devices.';

create trigger compute_devices_count
after insert or update or delete on public.compute_devices
for each row execute function private.note_device_move();

create function private.unfolded_from()
returns xid8
language plpgsql
stable
set search_path = ''
as $$
begin
  -- a transaction that this server has not come to is one of the server that a backup was taken of
  return (
    select
      case
        when folds.unfolded_from <= pg_snapshot_xmin(pg_current_snapshot()) then folds.unfolded_from
        else '0'
      end
    from private.device_folds as folds
  );
end;
$$;

comment on function private.unfolded_from() is
'The transaction from which on there may be moves that are not folded.';

create function private.fold_device_moves(quantity integer default 10000)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_seqscan = 'off'
set enable_bitmapscan = 'off'
set jit = 'off'
as $$
declare
  v_from xid8;
  v_horizon xid8;
  v_last xid8;
  v_count integer;
  v_empty timestamptz[];
begin
  perform from private.device_folds for update skip locked;
  if not found then
    return 0;
  end if;
  v_from := private.unfolded_from();
  -- who wrote before this has ended, and what they wrote is seen below
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());

  with folded as (
    delete from private.device_moves as moves
    where moves.ctid = any(array(
      select due.ctid
      from private.device_moves as due
      where due.written_by >= v_from
      order by due.written_by
      limit fold_device_moves.quantity
    ))
    returning moves.*
  ),
  written as (
    insert into private.device_seconds as seconds
    (second, devices, ram_gb, cpu_cores, storage_gb, compute_score)
    select
      shares.second, sum(shares.devices), sum(shares.ram_gb), sum(shares.cpu_cores),
      sum(shares.storage_gb), sum(shares.compute_score)
    from (
      select
        folded.until as second, folded.devices, folded.ram_gb, folded.cpu_cores, folded.storage_gb,
        folded.compute_score
      from folded
      union all
      select
        folded.since, -folded.devices, -folded.ram_gb, -folded.cpu_cores, -folded.storage_gb,
        -folded.compute_score
      from folded
      where folded.since > '-infinity'
    ) as shares
    group by shares.second
    on conflict on constraint device_seconds_pkey do update
    set
      devices = seconds.devices + excluded.devices,
      ram_gb = seconds.ram_gb + excluded.ram_gb,
      cpu_cores = seconds.cpu_cores + excluded.cpu_cores,
      storage_gb = seconds.storage_gb + excluded.storage_gb,
      compute_score = seconds.compute_score + excluded.compute_score
    returning seconds.second, seconds.devices
  )
  select
    (select count(*) from folded),
    (select folded.written_by from folded order by folded.written_by desc limit 1),
    array(select written.second from written where written.devices = 0)
  into v_count, v_last, v_empty;

  delete from private.device_seconds as seconds
  where seconds.second = any(v_empty) and seconds.devices = 0;
  update private.device_folds
  set
    folded_at = case
      when v_count < fold_device_moves.quantity then private.current_time()
      else device_folds.folded_at
    end,
    unfolded_from = case
      when v_count < fold_device_moves.quantity then v_horizon
      else least(v_last, v_horizon)
    end
  where device_folds.is_the_row;
  return v_count;
end;
$$;

comment on function private.fold_device_moves(integer) is
'Folds so many moves into device_seconds, the oldest first, unless somebody is at it. Waits for '
'nobody. Run by heartbeats of devices, and by cron job simpool_deactivate_stale_devices.';

create function private.fold_sometimes(now timestamptz)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- with one snapshot for the whole transaction, another fold in between would be an error
  if exists (
    select from private.device_folds as folds
    where folds.folded_at
      not between fold_sometimes.now - interval '200 milliseconds' and fold_sometimes.now
  )
  and current_setting('transaction_isolation') = 'read committed'
  then
    perform private.fold_device_moves();
  end if;
end;
$$;

comment on function private.fold_sometimes(timestamptz) is
'Folds moves of devices unless somebody did so within a fifth of a second.';

create function private.recount_devices()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_count bigint;
begin
  -- in the order of who folds and then changes devices
  perform from private.device_folds for update;
  lock table public.compute_devices in share row exclusive mode;
  delete from private.device_moves where true;
  delete from private.device_seconds where true;
  insert into private.device_seconds
  (second, devices, ram_gb, cpu_cores, storage_gb, compute_score)
  select
    devices.last_seen, count(*), sum(devices.ram_gb), sum(devices.cpu_cores),
    sum(devices.storage_gb), sum(devices.compute_score)
  from public.compute_devices as devices
  where devices.is_active
  group by devices.last_seen;
  select coalesce(sum(seconds.devices), 0) into strict v_count
  from private.device_seconds as seconds;
  return v_count;
end;
$$;

comment on function private.recount_devices() is
'Counts all active devices anew, and answers how many there are. For an operator who loaded or '
'truncated compute_devices past its triggers; devices cannot change meanwhile.';
