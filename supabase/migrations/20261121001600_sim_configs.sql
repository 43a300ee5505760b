-- Configs: complete, content-addressed descriptions of one simulation. Nobody changes one.

create table public.sim_configs (
  hash text primary key,
  config_json text not null,
  config jsonb not null generated always as (config_json::jsonb) stored,
  engine text not null generated always as (config_json::jsonb ->> 'engine') stored,
  created_at timestamptz not null default private.current_time(),
  last_used_at timestamptz not null default private.current_time(),
  constraint hash_is_the_sha256_of_the_text
  check (hash = encode(sha256(convert_to(config_json, 'UTF8')), 'hex')),
  constraint config_is_an_object check (jsonb_typeof(config_json::jsonb) = 'object'),
  constraint config_is_at_most_one_mebibyte check (octet_length(config_json) <= 1048576),
  constraint engine_is_named check (length(engine) between 1 and 100)
);

alter table public.sim_configs enable row level security;

comment on table public.sim_configs is 'Content-addressed simulation configs.';
comment on column public.sim_configs.config_json is 'The exact text (RFC 8785) that was hashed.';

create index idx_sim_configs_rotation
on public.sim_configs ((config #>> '{rotation,checksum}'));

create function private.refuse_config_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform private.refuse(409, 'CONFLICT', 'A config never changes; submit a new one.');
  return null;
end;
$$;

comment on function private.refuse_config_change() is 'Configs are immutable.';

create trigger sim_configs_update_refused
before update of hash, config_json, created_at on public.sim_configs
for each row execute function private.refuse_config_change();

grant select on public.sim_configs to authenticated, service_role;
