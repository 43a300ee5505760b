-- Who may use a node. A user may use it if any row admits them.

create table public.node_access (
  id bigint generated always as identity primary key,
  node_id uuid not null references public.nodes (id) on delete cascade,
  access_type text not null,
  target_id uuid,
  created_at timestamptz not null default private.current_time(),
  constraint access_type_is_known
  check (access_type in ('owner', 'user', 'guild', 'public')),
  constraint users_and_guilds_are_named
  check ((target_id is null) = (access_type in ('owner', 'public'))),
  constraint nobody_is_admitted_twice unique nulls not distinct (node_id, access_type, target_id)
);

alter table public.node_access enable row level security;

comment on table public.node_access is 'Whom the owner of a node lets use it.';
comment on column public.node_access.target_id is
'The user or guild admitted; null for the owner and for everybody.';

create index idx_node_access_target on public.node_access (target_id, access_type)
where target_id is not null;

create function private.my_nodes()
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query select nodes.id from public.nodes where nodes.user_id = auth.uid();
end;
$$;

grant execute on function private.my_nodes() to authenticated;

comment on function private.my_nodes() is 'The nodes the caller owns.';

grant select on public.node_access to authenticated, service_role;

create policy "Owners see whom their nodes admit"
on public.node_access for select to authenticated
using (node_id in (select private.my_nodes()));
