-- Nodes: one row per agent. What changes with every heartbeat lives in private.node_heartbeats;
-- this row changes when something a person would notice changes, and at most once a minute.

create table public.nodes (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references public.profiles (id) on delete cascade,
  name text not null,
  public_key text,
  claim_code text,
  claim_code_expires_at timestamptz,
  machine_id text,
  hostname text not null,
  platform text,
  version text not null,
  status text not null default 'pending',
  total_cores integer not null,
  max_parallel integer not null,
  hardware jsonb not null default '{}',
  iterations_per_second double precision,
  engines jsonb not null default '{}',
  claimed_with text,
  paused_at timestamptz,
  last_seen_at timestamptz not null default private.current_time(),
  claimed_at timestamptz,
  created_at timestamptz not null default private.current_time(),
  constraint a_key_is_one_node unique (public_key),
  constraint a_claim_code_names_one_node unique (claim_code),
  constraint only_a_machine_of_a_user_has_no_key
  check (public_key is not null or (user_id is not null and machine_id is not null)),
  constraint status_is_known check (status in ('pending', 'online', 'offline')),
  constraint pending_means_unclaimed check ((status = 'pending') = (user_id is null)),
  constraint claimed_at_comes_with_the_user check ((claimed_at is null) = (user_id is null)),
  constraint only_pending_nodes_have_codes check (claim_code is null or status = 'pending'),
  constraint a_code_comes_with_its_expiry
  check ((claim_code is null) = (claim_code_expires_at is null)),
  constraint a_code_is_six_plain_characters check (claim_code ~ '^[A-HJ-NP-Z2-9]{6}$'),
  constraint a_machine_has_cores check (total_cores between 1 and 4096),
  constraint workers_fit_the_machine check (max_parallel between 0 and total_cores),
  constraint speed_is_positive
  check (iterations_per_second > 0 and iterations_per_second < 'infinity'),
  constraint engines_are_named check (jsonb_typeof(engines) = 'object'),
  constraint hardware_is_an_object check (jsonb_typeof(hardware) = 'object'),
  constraint name_is_short check (length(name) between 1 and 80)
);

alter table public.nodes enable row level security;

comment on table public.nodes is 'One running agent on one machine, with a key of its own.';
comment on column public.nodes.user_id is 'The owner; null until the node is claimed.';
comment on column public.nodes.public_key is
'Ed25519 public key, base64url without padding; null for a machine that has an API key instead.';
comment on column public.nodes.total_cores is 'What the machine has.';
comment on column public.nodes.max_parallel is 'How many workers the owner enabled.';
comment on column public.nodes.engines is
'The version of each engine it has, by name; empty for a node that does not say.';
comment on column public.nodes.claimed_with is
'The claim code that its owner entered: who enters it again is answered again.';
comment on column public.nodes.iterations_per_second is
'Measured speed of one worker on the engine''s benchmark.';
comment on column public.nodes.last_seen_at is 'When the node was last heard of, to the minute.';

create index idx_nodes_user on public.nodes (user_id);
create index idx_nodes_machine on public.nodes (machine_id) where machine_id is not null;
create unique index idx_nodes_without_key on public.nodes (user_id, machine_id)
where public_key is null;
create index idx_nodes_unclaimed on public.nodes (last_seen_at) where status = 'pending';

grant select on public.nodes to authenticated, service_role;

create policy "Owners see their nodes, and a node sees itself"
on public.nodes for select to authenticated
using (user_id = (select auth.uid()) or id = (select private.node_id()));

create function private.new_claim_code()
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_alphabet constant text := 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  v_random bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_code text := '';
begin
  -- 32 characters: five bits of a random byte choose one without bias
  for v_index in 0..5 loop
    v_code := v_code || substr(v_alphabet, (get_byte(v_random, v_index) & 31) + 1, 1);
  end loop;
  return v_code;
end;
$$;

comment on function private.new_claim_code() is
'Six characters that cannot be misread, from the server''s secure random source.';
