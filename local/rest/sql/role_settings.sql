-- Settings of the roles that the login role may take.
-- A setting that the login role may not set would fail every request of the role.
select
  roles.rolname as role,
  pg_catalog.split_part(settings.line, '=', 1) as name,
  pg_catalog.substr(settings.line, pg_catalog.strpos(settings.line, '=') + 1) as value
from pg_catalog.pg_auth_members as members
join pg_catalog.pg_roles as roles on members.roleid = roles.oid
join pg_catalog.pg_db_role_setting as stored on roles.oid = stored.setrole
cross join unnest(stored.setconfig) as settings (line)
join pg_catalog.pg_settings as known
  on known.name = pg_catalog.split_part(settings.line, '=', 1)
where
  members.member = (
    select oid from pg_catalog.pg_roles
    where rolname = session_user
  )
  and stored.setdatabase in (
    0, (
      select oid from pg_catalog.pg_database
      where datname = current_database()
    )
  )
  and (
    known.context = 'user'
    or pg_catalog.has_parameter_privilege(session_user, known.name, 'set')
  )
order by stored.setdatabase, name
