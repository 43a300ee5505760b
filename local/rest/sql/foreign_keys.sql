-- Foreign keys between tables of the exposed schemas ($1).
select
  constraints.conname as name,
  origins.nspname as origin_schema,
  origin.relname as origin_name,
  targets.nspname as target_schema,
  target.relname as target_name,
  exists(
    select 1
    from pg_catalog.pg_constraint as uniques
    where
      uniques.conrelid = constraints.conrelid
      and uniques.contype in ('p', 'u')
      and uniques.conkey <@ constraints.conkey
      and uniques.conkey @> constraints.conkey
  ) as is_unique,
  (
    select json_agg(json_build_array(mine.attname, theirs.attname) order by keys.position)
    from
      unnest(constraints.conkey, constraints.confkey)
      with ordinality as keys (mine, theirs, position)
    join pg_catalog.pg_attribute as mine
      on mine.attrelid = constraints.conrelid and keys.mine = mine.attnum
    join pg_catalog.pg_attribute as theirs
      on theirs.attrelid = constraints.confrelid and keys.theirs = theirs.attnum
  ) as columns
from pg_catalog.pg_constraint as constraints
join pg_catalog.pg_class as origin on constraints.conrelid = origin.oid
join pg_catalog.pg_namespace as origins on origin.relnamespace = origins.oid
join pg_catalog.pg_class as target on constraints.confrelid = target.oid
join pg_catalog.pg_namespace as targets on target.relnamespace = targets.oid
where
  constraints.contype = 'f'
  and constraints.conparentid = 0
  and origins.nspname = any($1)
  and targets.nspname = any($1)
order by constraints.conname
