-- What a user shows of themselves. One row per auth user, made by trigger.

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  display_name text not null,
  created_at timestamptz not null default private.current_time(),
  updated_at timestamptz not null default private.current_time(),
  constraint display_name_is_short check (length(display_name) between 1 and 80)
);

alter table public.profiles enable row level security;

comment on table public.profiles is 'One row per user: the name that others see.';

create function private.create_profile()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- never the e-mail address: others may read this row
  insert into public.profiles (id, display_name)
  values (
    new.id,
    coalesce(
      nullif(left(trim(new.raw_user_meta_data ->> 'display_name'), 80), ''),
      nullif(left(trim(new.raw_user_meta_data ->> 'name'), 80), ''),
      'Member ' || left(new.id::text, 8)
    )
  );
  return null;
end;
$$;

comment on function private.create_profile() is 'Gives a new user a profile.';

create trigger simpool_users_insert_profile
after insert on auth.users
for each row execute function private.create_profile();

create function private.stamp_update()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := private.current_time();
  return new;
end;
$$;

comment on function private.stamp_update() is 'Sets updated_at of a row that changes.';

create trigger profiles_update_stamp
before update on public.profiles
for each row execute function private.stamp_update();

grant select on public.profiles to authenticated, service_role;
grant update (display_name) on public.profiles to authenticated;

create policy "Users change their own profile"
on public.profiles for update to authenticated
using (id = (select auth.uid()))
with check (id = (select auth.uid()));
