-- Functions of the exposed schemas ($1) and, of their settings, those named ($2).
-- With an unnamed parameter one can be called only if it takes one document.
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
  functions.proname as name,
  functions.proretset as returns_set,
  case
    when returned.oid = 'pg_catalog.void'::regtype then 'void'
    when returned.typtype = 'c' or functions.proargmodes::text[] && array['t', 'b', 'o']
      then 'record'
    else 'scalar'
  end as returns,
  case functions.provolatile
    when 'i' then 'immutable' when 's' then 'stable' else 'volatile'
  end as volatility,
  case
    when returned.typtype = 'c'
      then json_build_array(row_namespaces.nspname, row_classes.relname)
  end as row_type,
  coalesce(parameters.list, '[]') as parameters,
  (
    select
      json_agg(json_build_array(
        pg_catalog.split_part(setting, '=', 1),
        pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1)
      ))
    from unnest(functions.proconfig) as setting
    where pg_catalog.split_part(setting, '=', 1) = any($2)
  ) as settings
from pg_catalog.pg_proc as functions
join pg_catalog.pg_namespace as namespaces on functions.pronamespace = namespaces.oid
join base_types on functions.prorettype = base_types.derived
join pg_catalog.pg_type as returned on base_types.base = returned.oid
left join pg_catalog.pg_class as row_classes on returned.typrelid = row_classes.oid
left join pg_catalog.pg_namespace as row_namespaces
  on row_classes.relnamespace = row_namespaces.oid
cross join
  lateral (
    select
      json_agg(
        json_build_array(
          coalesce(arguments.name, ''),
          pg_catalog.format_type(arguments.type, -1),
          arguments.position <= functions.pronargs - functions.pronargdefaults,
          arguments.mode is not distinct from 'v'
        )
        order by arguments.position
      ) as list,
      count(*) as total,
      count(*) filter (where coalesce(arguments.name, '') = '') as unnamed,
      min(arguments.type) as only_type
    from (
      select
        names.name,
        inputs.type,
        inputs.mode,
        row_number() over (order by inputs.position) as position
      from
        unnest(
          coalesce(functions.proallargtypes, functions.proargtypes::oid[]),
          functions.proargmodes
        ) with ordinality as inputs (type, mode, position)
      left join unnest(functions.proargnames) with ordinality as names (name, position)
        on inputs.position = names.position
      where coalesce(inputs.mode, 'i') in ('i', 'b', 'v')
    ) as arguments
  ) as parameters
where
  functions.prokind = 'f'
  and returned.oid <> all(
    array['pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype]
  )
  and namespaces.nspname = any($1)
  and (
    parameters.unnamed = 0
    or (
      parameters.total = 1
      and parameters.only_type in (
        'pg_catalog.json'::regtype,
        'pg_catalog.jsonb'::regtype,
        'pg_catalog.text'::regtype,
        'pg_catalog.bytea'::regtype,
        'pg_catalog.xml'::regtype
      )
    )
  )
order by functions.oid
