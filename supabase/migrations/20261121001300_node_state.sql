-- What changes while a node works. One small row per node that updates in place (no index but the
-- key, so every update is heap-only), and a row per node that waits for work.

create table private.node_heartbeats (
  node_id uuid primary key references public.nodes (id) on delete cascade,
  seen_at timestamptz not null,
  leases_until timestamptz not null,
  free_workers integer not null default 0,
  load double precision,
  iterations_per_second double precision,
  constraint free_workers_are_counted check (free_workers between 0 and 4096)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

alter table private.node_heartbeats enable row level security;

comment on table private.node_heartbeats is 'The last heartbeat of each node.';
comment on column private.node_heartbeats.leases_until is
'Chunks that the node runs are leased at least until then: one update renews them all.';
comment on column private.node_heartbeats.iterations_per_second is 'Measured speed of one worker.';

create table private.idle_nodes (
  node_id uuid primary key references public.nodes (id) on delete cascade,
  user_id uuid not null references public.profiles (id) on delete cascade,
  is_public boolean not null,
  free_workers integer not null,
  iterations_per_second double precision not null,
  constraint an_idle_node_has_workers check (free_workers >= 1)
);

alter table private.idle_nodes enable row level security;

comment on table private.idle_nodes is
'Nodes that asked for work and got less than they wanted: whom to push new work to.';

create index idx_idle_nodes_owner on private.idle_nodes (user_id);
create index idx_idle_nodes_public on private.idle_nodes (iterations_per_second desc)
where is_public;

create table private.sweeps (
  is_the_row boolean primary key default true,
  swept_at timestamptz not null default '-infinity',
  constraint there_is_one_row check (is_the_row)
);

alter table private.sweeps enable row level security;

insert into private.sweeps (is_the_row) values (true);

comment on table private.sweeps is
'When dead leases were last looked for; whoever finds it long ago looks again.';
