-- What an operator may tune, one typed row, so that a wrong value is refused when it is written.

create table private.settings (
  is_the_row boolean primary key default true,
  heartbeat_period interval not null default '15 seconds',
  lease_duration interval not null default '30 seconds',
  minimum_node_version text,
  poll_period interval not null default '60 seconds',
  retry_poll_period interval not null default '1 second',
  node_offline_after interval not null default '45 seconds',
  chunk_duration interval not null default '5 seconds',
  chunk_duration_min interval not null default '250 milliseconds',
  chunk_iterations_min bigint not null default 10,
  chunk_iterations_max bigint not null default 10000000,
  default_iterations_per_second double precision not null default 200,
  speed_doubt_factor double precision not null default 4,
  failures_max integer not null default 3,
  backoff_after integer not null default 3,
  backoff_period interval not null default '30 seconds',
  backoff_period_max interval not null default '1 hour',
  checks_to_trust integer not null default 10,
  check_probability_min double precision not null default 0.02,
  trusts_own_nodes boolean not null default true,
  check_patience interval not null default '2 minutes',
  different_results_max integer not null default 4,
  retry_elsewhere_period interval not null default '15 seconds',
  straggler_factor double precision not null default 2,
  straggler_slack interval not null default '5 seconds',
  dispatch_nodes_max integer not null default 500,
  dispatch_nodes_per_exchange integer not null default 32,
  priority_ageing interval not null default '10 minutes',
  queued_jobs_max integer not null default 1000,
  running_chunks_max integer,
  daily_iterations_max bigint,
  fold_size integer not null default 64,
  progress_period interval not null default '1 second',
  sweep_period interval not null default '5 seconds',
  claim_code_lifetime interval not null default '15 minutes',
  nonce_lifetime interval not null default '15 minutes',
  unclaimed_node_lifetime interval not null default '1 hour',
  offline_node_lifetime interval not null default '30 days',
  orphaned_config_lifetime interval not null default '7 days',
  chunk_lifetime interval not null default '30 days',
  device_heartbeat_period interval not null default '90 seconds',
  allocation_cooldown interval not null default '10 seconds',
  machine_transfer_after interval not null default '1 hour',
  posting_period interval not null default '1 hour',
  device_stale_after interval not null default '5 minutes',
  network_samples_lifetime interval not null default '2 days',
  network_hours_lifetime interval not null default '60 days',
  cron_history_lifetime interval not null default '3 days',
  hint_lifetime interval not null default '1 day',
  constraint there_is_one_row check (is_the_row),
  constraint a_lease_spans_two_heartbeats check (lease_duration >= 2 * heartbeat_period),
  constraint minimum_node_version_is_a_version
  check (minimum_node_version is null or private.version_number(minimum_node_version) is not null),
  constraint heartbeat_period_is_positive check (heartbeat_period > interval '0'),
  constraint chunk_duration_is_positive check (chunk_duration > interval '0'),
  constraint chunk_iterations_are_ordered
  check (chunk_iterations_min between 1 and chunk_iterations_max),
  constraint doubt_begins_beyond_what_is_claimed check (speed_doubt_factor > 1),
  constraint default_speed_is_positive check (default_iterations_per_second > 0),
  constraint failures_max_is_positive check (failures_max >= 1),
  constraint backoff_after_is_positive check (backoff_after >= 1),
  constraint checks_to_trust_are_not_negative check (checks_to_trust >= 0),
  constraint check_probability_is_a_share check (check_probability_min between 0 and 1),
  constraint check_patience_is_positive check (check_patience > interval '0'),
  constraint results_may_differ_twice check (different_results_max >= 3),
  constraint backoff_periods_are_ordered
  check (backoff_period between interval '0' and backoff_period_max),
  constraint stragglers_are_late
  check (straggler_factor >= 1 and straggler_slack >= interval '0'),
  constraint priority_ageing_is_positive check (priority_ageing > interval '0'),
  constraint quotas_are_not_negative
  check (queued_jobs_max >= 0 and running_chunks_max >= 0 and daily_iterations_max >= 0),
  constraint fold_size_is_at_least_two check (fold_size >= 2),
  constraint a_device_may_miss_a_heartbeat
  check (
    device_heartbeat_period > interval '0' and device_stale_after >= 2 * device_heartbeat_period
  ),
  constraint history_is_kept_for_its_charts
  check (
    network_samples_lifetime >= interval '1 day' and network_hours_lifetime >= interval '31 days'
  )
);

alter table private.settings enable row level security;

insert into private.settings (is_the_row) values (true);

comment on table private.settings is 'The pool''s settings: one row.';
comment on column private.settings.heartbeat_period is 'How often a node is asked to heartbeat.';
comment on column private.settings.lease_duration is
'How long a lease lives without a heartbeat; a dead node''s work returns after this.';
comment on column private.settings.minimum_node_version is
'Nodes of older releases get no work and are told to update; null takes every release.';
comment on column private.settings.poll_period is 'How often a node with nothing to do asks.';
comment on column private.settings.retry_poll_period is
'How soon a node asks again when the answer may have just changed.';
comment on column private.settings.chunk_duration is 'How long one chunk should keep one worker.';
comment on column private.settings.chunk_duration_min is
'The shortest chunk that the tail of a job is cut into, in time of the node that takes it.';
comment on column private.settings.default_iterations_per_second is
'The speed assumed of a node that has not measured itself.';
comment on column private.settings.speed_doubt_factor is
'A node that claims so many times the speed that its results show, or as little, is doubted.';
comment on column private.settings.failures_max is
'A range that failed or was lost this often, on at least two nodes, fails its job; twice as often '
'on one.';
comment on column private.settings.backoff_after is
'A node that fails or loses leases this often in a row gets no work for a while.';
comment on column private.settings.backoff_period is
'How long a node is backed off at first; twice as long each time, up to backoff_period_max.';
comment on column private.settings.checks_to_trust is
'Every result of a node is checked until this many checks in a row agreed; then ever fewer are. '
'With 0, every node is as trusted as can be.';
comment on column private.settings.check_probability_min is
'How likely a result of the most trusted node is checked.';
comment on column private.settings.trusts_own_nodes is
'Whether nodes of the submitter count as trusted for the submitter''s jobs, however new they are.';
comment on column private.settings.check_patience is
'How long a check waits for a node that could run it; then the result counts unchecked.';
comment on column private.settings.different_results_max is
'A range of which nodes handed in this many different results fails its job: the engine is not '
'exact.';
comment on column private.settings.retry_elsewhere_period is
'How long a range is kept from the node that has just failed or lost it.';
comment on column private.settings.straggler_factor is
'A lease of a job with nothing left to lease is a straggler, and leased to an idle node as well, '
'when it has been out this many times as long as its node should need, and straggler_slack more.';
comment on column private.settings.priority_ageing is
'Waiting this long is worth one step of priority among the jobs of one user.';
comment on column private.settings.queued_jobs_max is
'How many jobs a user may have that are not done, unless private.user_quotas says otherwise.';
comment on column private.settings.running_chunks_max is
'How many leases the jobs of a user may have out, about; null for no limit.';
comment on column private.settings.daily_iterations_max is
'How many iterations a user may submit in 24 hours; null for no limit.';
comment on column private.settings.device_heartbeat_period is
'How often a device without a node is asked to heartbeat.';
comment on column private.settings.device_stale_after is
'A device that was not heard of for this long is not counted by the network statistics.';
comment on column private.settings.allocation_cooldown is
'How long an owner waits between two changes of the allocation of a unit.';
comment on column private.settings.machine_transfer_after is
'How long a machine must have been silent under its old owner before another may register it.';
comment on column private.settings.posting_period is
'How often earnings of a day that is not over go into the ledger.';
comment on column private.settings.network_samples_lifetime is
'How long the network statistics of every five minutes are kept, before those of every hour.';
comment on column private.settings.network_hours_lifetime is
'How long the network statistics of every hour are kept, before those of every day.';
comment on column private.settings.fold_size is
'How many results are merged at a time, while a job runs.';

create function private.required_version(version text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_minimum text;
begin
  select minimum_node_version into strict v_minimum from private.settings;
  if v_minimum is null
    or private.version_number(required_version.version) >= private.version_number(v_minimum)
  then
    return null;
  end if;
  return v_minimum;
end;
$$;

comment on function private.required_version(text) is
'The version that a node of this one has to be updated to; null if it is new enough.';
