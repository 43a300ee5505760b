"""What the catalog says about the published tables, remembered until their shape changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from psycopg.sql import SQL, Composable, Identifier

from local.realtime.values import shape_of

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from local.realtime.values import Shape

_PUBLISHED: Final = """
select classes.oid::bigint
from pg_catalog.pg_publication_tables as published
inner join pg_catalog.pg_namespace as namespaces on namespaces.nspname = published.schemaname
inner join pg_catalog.pg_class as classes
  on classes.relnamespace = namespaces.oid and classes.relname = published.tablename
where published.pubname = 'supabase_realtime'
  and (%(schema)s = '*' or published.schemaname = %(schema)s)
  and (%(table)s = '*' or published.tablename = %(table)s)
"""
_TABLE: Final = """
select namespaces.nspname, classes.relname, classes.relrowsecurity
from pg_catalog.pg_class as classes
inner join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
where classes.oid = %(oid)s
"""
_COLUMNS: Final = """
with recursive bases as (
  select types.oid as type_oid, types.*
  from pg_catalog.pg_type as types
  union all
  select bases.type_oid, types.*
  from bases
  inner join pg_catalog.pg_type as types on types.oid = bases.typbasetype
  where bases.typtype = 'd'
)
select
  attributes.attname,
  types.typname,
  pg_catalog.format_type(attributes.atttypid, -1),
  bases.oid::bigint,
  case when bases.typcategory = 'A' then bases.typelem::bigint end,
  coalesce(attributes.attnum = any(keys.conkey), false)
from pg_catalog.pg_attribute as attributes
inner join pg_catalog.pg_type as types on types.oid = attributes.atttypid
inner join bases on bases.type_oid = attributes.atttypid and bases.typtype <> 'd'
left join pg_catalog.pg_constraint as keys
  on keys.conrelid = attributes.attrelid and keys.contype = 'p'
where attributes.attrelid = %(oid)s and attributes.attnum > 0 and not attributes.attisdropped
order by attributes.attnum
"""
_READABLE: Final = """
select attributes.attname
from pg_catalog.pg_attribute as attributes
where attributes.attrelid = %(oid)s
  and attributes.attnum > 0
  and not attributes.attisdropped
  and pg_catalog.has_column_privilege(
    %(role)s, attributes.attrelid, attributes.attnum, 'select'
  )
"""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as subscribers see it."""

    name: str
    #: as clients are told, such as `int8` or `_text`
    type_name: str
    #: as SQL writes it, such as `bigint` or `text[]`
    sql_type: str
    shape: Shape
    is_key: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A published table."""

    oid: int
    schema: str
    name: str
    has_policies: bool
    columns: tuple[TableColumn, ...]
    #: the columns each role may select, as far as it was asked
    readable: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[TableColumn, ...]:
        """The columns of the primary key."""
        return tuple(column for column in self.columns if column.is_key)

    @property
    def sql_name(self) -> Composable:
        """The qualified name."""
        return SQL("{}.{}").format(Identifier(self.schema), Identifier(self.name))

    def column(self, name: str) -> TableColumn | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


class Tables:
    """The tables that were asked for."""

    def __init__(self) -> None:
        self._tables: dict[int, Table] = {}

    def forget(self, oid: int) -> None:
        """Ask again about a table: its shape or its grants have changed."""
        self._tables.pop(oid, None)

    async def published(
        self, connection: AsyncConnection, schema: str, table: str
    ) -> tuple[Table, ...]:
        """The published tables that a subscription means; `*` stands for all."""
        parameters = {"schema": schema, "table": table}
        cursor = await connection.execute(_PUBLISHED, parameters)
        oids = [row[0] for row in await cursor.fetchall()]
        found = [await self.get(connection, oid) for oid in oids]
        return tuple(table for table in found if table is not None)

    async def get(self, connection: AsyncConnection, oid: int) -> Table | None:
        """A table by its object identifier; None when it is gone."""
        if oid not in self._tables:
            table = await _load(connection, oid)
            if table is None:
                return None
            self._tables[oid] = table
        return self._tables[oid]

    @staticmethod
    async def readable(connection: AsyncConnection, table: Table, role: str) -> frozenset[str]:
        """The columns that a role may select."""
        if role not in table.readable:
            cursor = await connection.execute(_READABLE, {"oid": table.oid, "role": role})
            names = frozenset(row[0] for row in await cursor.fetchall())
            table.readable[role] = names
        return table.readable[role]


async def _load(connection: AsyncConnection, oid: int) -> Table | None:
    cursor = await connection.execute(_TABLE, {"oid": oid})
    row = await cursor.fetchone()
    if row is None:
        return None
    cursor = await connection.execute(_COLUMNS, {"oid": oid})
    columns = tuple(
        TableColumn(name, type_name, sql_type, shape_of(base, element), is_key)
        for name, type_name, sql_type, base, element, is_key in await cursor.fetchall()
    )
    schema, name, has_policies = row
    return Table(oid, schema, name, has_policies, columns)
