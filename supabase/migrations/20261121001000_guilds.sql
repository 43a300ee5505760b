-- Guilds: groups of users who may share nodes with each other.

create table public.guilds (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid not null references public.profiles (id) on delete cascade,
  name text not null,
  created_at timestamptz not null default private.current_time(),
  constraint name_is_short check (length(name) between 1 and 80)
);

alter table public.guilds enable row level security;

comment on table public.guilds is 'A group of users; its owner invites and removes members.';

create index idx_guilds_owner on public.guilds (owner_id);

create table public.guild_members (
  guild_id uuid not null references public.guilds (id) on delete cascade,
  user_id uuid not null references public.profiles (id) on delete cascade,
  invited_at timestamptz not null default private.current_time(),
  joined_at timestamptz,
  primary key (guild_id, user_id)
);

alter table public.guild_members enable row level security;

comment on table public.guild_members is 'Who is in a guild, and who is invited to it.';
comment on column public.guild_members.joined_at is 'Null until the invited user joins.';

create index idx_guild_members_user on public.guild_members (user_id);

create function private.join_founder()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.guild_members (guild_id, user_id, joined_at)
  values (new.id, new.owner_id, private.current_time());
  return null;
end;
$$;

comment on function private.join_founder() is 'Makes the founder of a guild its first member.';

create trigger guilds_insert_founder
after insert on public.guilds
for each row execute function private.join_founder();

create function private.my_guilds()
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select members.guild_id from public.guild_members as members
  where members.user_id = auth.uid();
end;
$$;

grant execute on function private.my_guilds() to authenticated;

comment on function private.my_guilds() is
'The guilds the caller is in or invited to. A definer, or the policy would ask itself.';

create function private.my_owned_guilds()
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select guilds.id from public.guilds where guilds.owner_id = auth.uid();
end;
$$;

grant execute on function private.my_owned_guilds() to authenticated;

comment on function private.my_owned_guilds() is 'The guilds the caller owns.';

grant select, delete on public.guilds to authenticated;
grant insert (owner_id, name), update (name) on public.guilds to authenticated;
grant select on public.guilds to service_role;

create policy "Members and invited users see their guilds"
on public.guilds for select to authenticated
using (owner_id = (select auth.uid()) or id in (select private.my_guilds()));

create policy "Users found guilds of their own"
on public.guilds for insert to authenticated
with check (owner_id = (select auth.uid()) and (select private.node_id()) is null);

create policy "Owners rename their guilds"
on public.guilds for update to authenticated
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()));

create policy "Owners dissolve their guilds"
on public.guilds for delete to authenticated
using (owner_id = (select auth.uid()));

grant select, delete on public.guild_members to authenticated;
grant insert (guild_id, user_id), update (joined_at) on public.guild_members to authenticated;
grant select on public.guild_members to service_role;

create policy "Members see who is in their guilds"
on public.guild_members for select to authenticated
using (guild_id in (select private.my_guilds()));

create policy "Owners invite to their guilds"
on public.guild_members for insert to authenticated
with check (joined_at is null and guild_id in (select private.my_owned_guilds()));

create policy "Invited users join"
on public.guild_members for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));

create policy "Members leave, and owners remove members"
on public.guild_members for delete to authenticated
using (user_id = (select auth.uid()) or guild_id in (select private.my_owned_guilds()));

create function private.my_acquaintances()
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select members.user_id from public.guild_members as members
  where members.guild_id in (select private.my_guilds())
  union
  select case when requester_id = auth.uid() then addressee_id else requester_id end
  from public.friendships
  where auth.uid() in (requester_id, addressee_id);
end;
$$;

grant execute on function private.my_acquaintances() to authenticated;

comment on function private.my_acquaintances() is
'The users whose names the caller may see: friends, those asked or asking, and guild mates.';

create policy "Users see their own profile and those of people they know"
on public.profiles for select to authenticated
using (id = (select auth.uid()) or id in (select private.my_acquaintances()));
