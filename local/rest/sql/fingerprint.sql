-- A text that changes whenever something in the exposed schemas ($1) does.
with
exposed as (
  select namespaces.oid
  from pg_catalog.pg_namespace as namespaces
  where namespaces.nspname = any($1)
)

select
  pg_catalog.md5(pg_catalog.string_agg(versions.version, ',' order by versions.version))
    as fingerprint
from (
  select 'c' || oid || ':' || xmin::text as version
  from pg_catalog.pg_class
  where relnamespace = any(select exposed.oid from exposed)
  union all
  select 'a' || attributes.attrelid || '.' || attributes.attnum || ':' || attributes.xmin::text
  from pg_catalog.pg_attribute as attributes
  join pg_catalog.pg_class as classes on attributes.attrelid = classes.oid
  where classes.relnamespace = any(select exposed.oid from exposed)
  union all
  select 'f' || oid || ':' || xmin::text
  from pg_catalog.pg_proc
  where pronamespace = any(select exposed.oid from exposed)
  union all
  select 'k' || oid || ':' || xmin::text
  from pg_catalog.pg_constraint
  where connamespace = any(select exposed.oid from exposed)
  union all
  select 'r' || setrole || '.' || setdatabase || ':' || xmin::text
  from pg_catalog.pg_db_role_setting
) as versions
