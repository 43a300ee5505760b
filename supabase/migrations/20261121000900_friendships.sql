-- Friends: what lets a user share a node with another user by name, and run private jobs there.

create table public.friendships (
  id bigint generated always as identity primary key,
  requester_id uuid not null references public.profiles (id) on delete cascade,
  addressee_id uuid not null references public.profiles (id) on delete cascade,
  created_at timestamptz not null default private.current_time(),
  accepted_at timestamptz,
  constraint nobody_befriends_themselves check (requester_id <> addressee_id)
);

alter table public.friendships enable row level security;

comment on table public.friendships is 'One row per pair of users, from request to acceptance.';
comment on column public.friendships.accepted_at is 'Null until the addressee accepts.';

create unique index idx_friendships_pair on public.friendships (
  least(requester_id, addressee_id), greatest(requester_id, addressee_id)
);
create index idx_friendships_requester on public.friendships (requester_id);
create index idx_friendships_addressee on public.friendships (addressee_id);

grant select, delete on public.friendships to authenticated;
grant insert (requester_id, addressee_id) on public.friendships to authenticated;
grant update (accepted_at) on public.friendships to authenticated;
grant select on public.friendships to service_role;

create policy "Users see their own friendships and requests"
on public.friendships for select to authenticated
using ((select auth.uid()) in (requester_id, addressee_id));

create policy "Users ask others to be friends"
on public.friendships for insert to authenticated
with check (requester_id = (select auth.uid()) and accepted_at is null);

create policy "Users accept what they were asked"
on public.friendships for update to authenticated
using (addressee_id = (select auth.uid()))
with check (addressee_id = (select auth.uid()));

create policy "Users end their own friendships and requests"
on public.friendships for delete to authenticated
using ((select auth.uid()) in (requester_id, addressee_id));

create function private.are_friends(one uuid, other uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return exists (
    select from public.friendships
    where least(requester_id, addressee_id) = least(are_friends.one, are_friends.other)
      and greatest(requester_id, addressee_id) = greatest(are_friends.one, are_friends.other)
      and accepted_at is not null
  );
end;
$$;

comment on function private.are_friends(uuid, uuid) is
'Whether two users are friends: asked by one, accepted by the other.';
