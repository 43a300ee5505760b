-- Rotations: named, versioned, shareable scripts. Jobs name a version by its checksum, so a later
-- version never changes a job that was submitted before it.

create table public.rotations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.profiles (id) on delete cascade,
  slug text not null,
  name text not null,
  is_public boolean not null default false,
  forked_from_id uuid references public.rotations (id) on delete set null,
  current_version integer not null default 1,
  created_at timestamptz not null default private.current_time(),
  updated_at timestamptz not null default private.current_time(),
  constraint a_slug_is_used_once_per_user unique (user_id, slug),
  constraint slug_is_plain check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 80),
  constraint name_is_short check (length(name) between 1 and 120),
  constraint versions_start_at_one check (current_version >= 1)
);

alter table public.rotations enable row level security;

comment on table public.rotations is 'Action priority lists of a user.';

create index idx_rotations_forked_from on public.rotations (forked_from_id);

create table public.rotation_versions (
  rotation_id uuid not null references public.rotations (id) on delete cascade,
  version integer not null,
  script text not null,
  checksum text not null,
  created_at timestamptz not null default private.current_time(),
  primary key (rotation_id, version),
  constraint versions_start_at_one check (version >= 1),
  constraint checksum_is_the_sha256_of_the_script
  check (checksum = encode(sha256(convert_to(script, 'UTF8')), 'hex')),
  constraint script_is_at_most_one_mebibyte check (octet_length(script) between 1 and 1048576)
);

alter table public.rotation_versions enable row level security;

comment on table public.rotation_versions is 'The texts of a rotation; a version never changes.';
comment on column public.rotation_versions.checksum is 'SHA-256 of the script''s UTF-8 bytes.';

create index idx_rotation_versions_checksum on public.rotation_versions (checksum);

grant select on public.rotations to authenticated, service_role;
grant delete on public.rotations to authenticated;
grant select on public.rotation_versions to authenticated, service_role;

create policy "Users see their own and public rotations"
on public.rotations for select to authenticated
using (is_public or user_id = (select auth.uid()));

create policy "Users delete their own rotations"
on public.rotations for delete to authenticated
using (user_id = (select auth.uid()));

create function private.save_rotation(
  slug text, name text, script text, is_public boolean, forked_from_id uuid
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_rotation public.rotations;
  v_checksum text;
begin
  perform private.check_input(
    save_rotation.slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(save_rotation.slug) <= 80,
    'slug', 'must be words of a-z and 0-9 joined by hyphens, at most 80 characters'
  );
  perform private.check_input(
    length(save_rotation.name) between 1 and 120, 'name', 'must have 1 to 120 characters'
  );
  perform private.check_input(
    octet_length(save_rotation.script) between 1 and 1048576,
    'script', 'must have 1 byte to 1 MiB'
  );
  if not private.may_read_rotation(save_rotation.forked_from_id, v_user_id) then
    perform private.refuse(404, 'NOT_FOUND', 'The rotation to fork does not exist.');
  end if;

  insert into public.rotations as rotations (user_id, slug, name, is_public, forked_from_id)
  values (
    v_user_id, save_rotation.slug, save_rotation.name,
    coalesce(save_rotation.is_public, false), save_rotation.forked_from_id
  )
  on conflict on constraint a_slug_is_used_once_per_user do update
  set
    name = excluded.name,
    is_public = coalesce(save_rotation.is_public, rotations.is_public),
    updated_at = private.current_time()
  returning * into v_rotation;

  v_checksum := private.save_rotation_version(v_rotation.id, save_rotation.script);
  select * into strict v_rotation from public.rotations where rotations.id = v_rotation.id;
  return to_jsonb(v_rotation) || jsonb_build_object('checksum', v_checksum);
end;
$$;

comment on function private.save_rotation(text, text, text, boolean, uuid) is
'Creates or updates the caller''s rotation. A definer: it writes for the caller, and only theirs.';

create function private.may_read_rotation(rotation_id uuid, user_id uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return may_read_rotation.rotation_id is null or exists (
    select from public.rotations
    where rotations.id = may_read_rotation.rotation_id
      and (rotations.is_public or rotations.user_id = may_read_rotation.user_id)
  );
end;
$$;

comment on function private.may_read_rotation(uuid, uuid) is
'Whether a user may read a rotation; true for none.';

create function private.save_rotation_version(rotation_id uuid, script text)
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_checksum text;
begin
  -- the caller holds the rotation's row, so versions are numbered one after the other
  select versions.checksum into v_checksum
  from public.rotation_versions as versions
  join public.rotations on rotations.id = versions.rotation_id
    and rotations.current_version = versions.version
  where versions.rotation_id = save_rotation_version.rotation_id
    and versions.script = save_rotation_version.script;
  if found then
    return v_checksum;
  end if;

  insert into public.rotation_versions as versions (rotation_id, version, script, checksum)
  select
    save_rotation_version.rotation_id,
    coalesce(max(existing.version), 0) + 1,
    save_rotation_version.script,
    encode(sha256(convert_to(save_rotation_version.script, 'UTF8')), 'hex')
  from public.rotation_versions as existing
  where existing.rotation_id = save_rotation_version.rotation_id
  returning versions.checksum into v_checksum;

  update public.rotations
  set current_version = (
    select max(versions.version) from public.rotation_versions as versions
    where versions.rotation_id = rotations.id
  )
  where rotations.id = save_rotation_version.rotation_id;
  return v_checksum;
end;
$$;

comment on function private.save_rotation_version(uuid, text) is
'Adds a version unless the current one has the same script; answers its checksum.';

create function public.save_rotation(
  slug text,
  name text,
  script text,
  is_public boolean default null,
  forked_from_id uuid default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
  return private.save_rotation(
    save_rotation.slug, save_rotation.name, save_rotation.script,
    save_rotation.is_public, save_rotation.forked_from_id
  );
end;
$$;

grant execute on function private.save_rotation(text, text, text, boolean, uuid) to authenticated;
grant execute on function public.save_rotation(text, text, text, boolean, uuid) to authenticated;

comment on function public.save_rotation(text, text, text, boolean, uuid) is
'Saves a rotation under a slug; a changed script becomes its next version.';
