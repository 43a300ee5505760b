-- Tables and views of the exposed schemas ($1): columns with their types and defaults.
with
base_types as (
  with recursive steps as (
    select
      types.oid as derived,
      types.oid as base,
      types.typbasetype as below
    from pg_catalog.pg_type as types
    union all
    select
      steps.derived,
      types.oid,
      types.typbasetype
    from steps
    join pg_catalog.pg_type as types on steps.below = types.oid
    where steps.below <> 0
  )

  select
    steps.derived,
    steps.base
  from steps
  where steps.below = 0
)

select
  namespaces.nspname as schema,
  classes.relname as name,
  (
    select
      json_agg(
        json_build_array(
          attributes.attname,
          pg_catalog.format_type(
            case
              when bases.typnamespace = 'pg_catalog'::regnamespace
                then bases.oid
              else attributes.atttypid
            end,
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
    join pg_catalog.pg_type as types on attributes.atttypid = types.oid
    join base_types on types.oid = base_types.derived
    join pg_catalog.pg_type as bases on base_types.base = bases.oid
    left join pg_catalog.pg_attrdef as defaults
      on attributes.attrelid = defaults.adrelid and attributes.attnum = defaults.adnum
    left join pg_catalog.pg_depend as sequences
      on
        attributes.attrelid = sequences.refobjid
        and attributes.attnum = sequences.refobjsubid
        and sequences.refclassid = 'pg_catalog.pg_class'::regclass
        and sequences.classid = 'pg_catalog.pg_class'::regclass
        and sequences.deptype = 'i'
    where
      attributes.attrelid = classes.oid
      and attributes.attnum > 0
      and not attributes.attisdropped
  ) as columns,
  (
    select json_agg(attributes.attname order by keys.position)
    from pg_catalog.pg_constraint as constraints
    cross join unnest(constraints.conkey) with ordinality as keys (attnum, position)
    join pg_catalog.pg_attribute as attributes
      on constraints.conrelid = attributes.attrelid and keys.attnum = attributes.attnum
    where constraints.conrelid = classes.oid and constraints.contype = 'p'
  ) as primary_key
from pg_catalog.pg_class as classes
join pg_catalog.pg_namespace as namespaces on classes.relnamespace = namespaces.oid
where
  classes.relkind in ('r', 'v', 'm', 'f', 'p')
  and not classes.relispartition
  and namespaces.nspname = any($1)
