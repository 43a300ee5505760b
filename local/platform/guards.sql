-- What the hosted platform does around schema changes.

-- Being a member of the owner of realtime.messages, postgres could change more than policies.
create or replace function extensions.guard_platform()
returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
  v_command record;
begin
  if (
    select pg_roles.rolsuper from pg_catalog.pg_roles where pg_roles.rolname = current_user
  ) then
    return;
  end if;
  for v_command in
    select commands.command_tag, commands.object_identity
    from pg_catalog.pg_event_trigger_ddl_commands() as commands
    where commands.schema_name in ('auth', 'realtime')
      and commands.object_type not in ('policy', 'trigger')
  loop
    raise insufficient_privilege using
      message = pg_catalog.format('must be owner of %s', v_command.object_identity),
      hint = 'The platform owns this schema: only policies and triggers may be added.';
  end loop;
end;
$$;

create or replace function extensions.guard_platform_drops()
returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
  v_object record;
begin
  if (
    select pg_roles.rolsuper from pg_catalog.pg_roles where pg_roles.rolname = current_user
  ) then
    return;
  end if;
  for v_object in
    select objects.object_identity
    from pg_catalog.pg_event_trigger_dropped_objects() as objects
    where objects.schema_name in ('auth', 'realtime')
      and objects.object_type in ('table', 'index', 'function', 'table column', 'table constraint')
      and objects.original
  loop
    raise insufficient_privilege using
      message = pg_catalog.format('must be owner of %s', v_object.object_identity);
  end loop;
end;
$$;

-- the REST API reads the schema again when it has changed
create or replace function extensions.pgrst_ddl_watch()
returns event_trigger
language plpgsql
set search_path = ''
as $$
begin
  notify pgrst, 'reload schema';
end;
$$;

-- the linter does not know event triggers
drop event trigger if exists guard_platform; -- noqa: PRS
create event trigger guard_platform on ddl_command_end
when tag in (
  'ALTER TABLE', 'CREATE TABLE', 'CREATE INDEX', 'ALTER FUNCTION', 'CREATE FUNCTION',
  'ALTER SCHEMA', 'COMMENT'
)
execute function extensions.guard_platform();

drop event trigger if exists guard_platform_drops;
create event trigger guard_platform_drops on sql_drop
execute function extensions.guard_platform_drops();

drop event trigger if exists pgrst_ddl_watch;
create event trigger pgrst_ddl_watch on ddl_command_end
execute function extensions.pgrst_ddl_watch();

drop event trigger if exists pgrst_drop_watch;
create event trigger pgrst_drop_watch on sql_drop
execute function extensions.pgrst_ddl_watch();
