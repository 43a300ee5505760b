-- What changes while units work, and what their machines are told. One small row per unit that
-- updates in place, and a row per command until it is acknowledged.

create table private.unit_heartbeats (
  unit_id uuid primary key references public.compute_units (id) on delete cascade,
  seen_at timestamptz not null,
  accrued_until timestamptz,
  current_load_percent double precision,
  current_chunk_id uuid,
  temperature_celsius double precision,
  power_draw_watts double precision,
  vram_used_mb double precision
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

alter table private.unit_heartbeats enable row level security;

comment on table private.unit_heartbeats is
'The last heartbeat of each unit. Its owner reads it through private.unit_document().';
comment on column private.unit_heartbeats.accrued_until is
'Uptime is paid until then; null while the unit does not work.';

create table private.node_commands (
  id uuid primary key default gen_random_uuid(),
  number bigint not null generated always as identity,
  node_id uuid not null references public.nodes (id) on delete cascade,
  unit_id uuid references public.compute_units (id) on delete cascade,
  kind text not null,
  arguments jsonb not null default '{}',
  created_at timestamptz not null default private.current_time(),
  acknowledged_at timestamptz,
  constraint kind_is_known check (kind in ('pause', 'resume', 'allocate', 'withhold')),
  constraint arguments_are_an_object check (jsonb_typeof(arguments) = 'object')
);

alter table private.node_commands enable row level security;

comment on table private.node_commands is
'What machines are told to do: sent again with every heartbeat until it is acknowledged.';

create index idx_node_commands_waiting on private.node_commands (node_id, number)
where acknowledged_at is null;
create index idx_node_commands_node on private.node_commands (node_id);
create index idx_node_commands_unit on private.node_commands (unit_id);
create index idx_node_commands_prune on private.node_commands (acknowledged_at)
where acknowledged_at is not null;

create table private.api_keys (
  id uuid primary key default gen_random_uuid(),
  node_id uuid not null references public.nodes (id) on delete cascade,
  key_hash text not null,
  created_at timestamptz not null default private.current_time(),
  revoked_at timestamptz,
  constraint a_key_is_of_one_machine unique (key_hash),
  constraint a_key_is_kept_as_its_sha256 check (key_hash ~ '^[0-9a-f]{64}$')
);

alter table private.api_keys enable row level security;

comment on table private.api_keys is
'Keys of machines that call without a signature. The key itself is shown once and kept nowhere.';

create index idx_api_keys_node on private.api_keys (node_id);
create unique index idx_api_keys_valid on private.api_keys (node_id) where revoked_at is null;
