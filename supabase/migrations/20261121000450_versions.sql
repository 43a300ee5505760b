-- Versions, of nodes and of engines: MAJOR.MINOR.PATCH of https://semver.org, compared as numbers.

create function private.version_number(version text)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_parts constant text[] := regexp_match(
    version_number.version,
    '^(\d{1,5})\.(\d{1,6})\.(\d{1,6})(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$'
  );
begin
  -- a release is odd, and what came before it is the even number below
  return (
    (v_parts[1]::bigint * 1000000 + v_parts[2]::bigint) * 1000000 + v_parts[3]::bigint
  ) * 2 + (v_parts[4] is null)::integer;
end;
$$;

comment on function private.version_number(text) is
'A number that orders versions; null for what is no version. Pre-releases of a version are one.';

create function private.version_range(versions text)
returns int8range
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_bounds constant text[] := string_to_array(version_range.versions, '..');
  v_first constant text := nullif(v_bounds[1], '');
  v_last constant text := nullif(v_bounds[cardinality(v_bounds)], '');
  v_lowest constant bigint := private.version_number(v_first);
  v_highest constant bigint := private.version_number(v_last);
begin
  if cardinality(v_bounds) > 2
    or coalesce(v_first, v_last) is null
    or (v_first is null) <> (v_lowest is null)
    or (v_last is null) <> (v_highest is null)
    or v_lowest > v_highest
  then
    return null;
  end if;
  return int8range(v_lowest, v_highest, '[]');
end;
$$;

comment on function private.version_range(text) is
'The version_number()s from one version to another, both included: `1.2.0..1.9.9`, `1.2.0..`, '
'`..1.9.9` or `1.2.0`. Null for what is no such range.';
