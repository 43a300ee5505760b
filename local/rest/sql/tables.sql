-- Tables and views of the exposed schemas ($1): columns with their types and defaults.
with
  base_types as (
    with recursive steps as (
      select types.oid, types.oid as base, types.typbasetype as below
      from pg_catalog.pg_type as types
      union all
      select steps.oid, types.oid, types.typbasetype
      from steps
      join pg_catalog.pg_type as types on types.oid = steps.below
      where steps.below <> 0
    )
    select steps.oid, steps.base from steps where steps.below = 0
  )
select
  namespaces.nspname as schema,
  classes.relname as name,
  (pg_catalog.pg_relation_is_updatable(classes.oid, true) & 8) <> 0 as insertable,
  (pg_catalog.pg_relation_is_updatable(classes.oid, true) & 4) <> 0 as updatable,
  (pg_catalog.pg_relation_is_updatable(classes.oid, true) & 16) <> 0 as deletable,
  (
    select json_agg(
      json_build_array(
        attributes.attname,
        pg_catalog.format_type(
          case when bases.typnamespace = 'pg_catalog'::regnamespace
            then bases.oid else attributes.atttypid end,
          -1
        ),
        case
          when attributes.attgenerated <> '' or attributes.attidentity = 'a' then null
          when attributes.attidentity = 'd'
            then pg_catalog.format('nextval(%L)', sequences.objid::regclass)
          else coalesce(
            pg_catalog.pg_get_expr(defaults.adbin, defaults.adrelid),
            pg_catalog.pg_get_expr(types.typdefaultbin, 0)
          )
        end
      )
      order by attributes.attnum
    )
    from pg_catalog.pg_attribute as attributes
    join pg_catalog.pg_type as types on types.oid = attributes.atttypid
    join base_types on base_types.oid = types.oid
    join pg_catalog.pg_type as bases on bases.oid = base_types.base
    left join pg_catalog.pg_attrdef as defaults
      on defaults.adrelid = attributes.attrelid and defaults.adnum = attributes.attnum
    left join pg_catalog.pg_depend as sequences
      on sequences.refobjid = attributes.attrelid
      and sequences.refobjsubid = attributes.attnum
      and sequences.refclassid = 'pg_catalog.pg_class'::regclass
      and sequences.classid = 'pg_catalog.pg_class'::regclass
      and sequences.deptype = 'i'
    where attributes.attrelid = classes.oid
      and attributes.attnum > 0
      and not attributes.attisdropped
  ) as columns,
  (
    select json_agg(attributes.attname order by keys.position)
    from pg_catalog.pg_constraint as constraints
    cross join unnest(constraints.conkey) with ordinality as keys (attnum, position)
    join pg_catalog.pg_attribute as attributes
      on attributes.attrelid = constraints.conrelid and attributes.attnum = keys.attnum
    where constraints.conrelid = classes.oid and constraints.contype = 'p'
  ) as primary_key
from pg_catalog.pg_class as classes
join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
where classes.relkind in ('r', 'v', 'm', 'f', 'p')
  and not classes.relispartition
  and namespaces.nspname = any($1)
