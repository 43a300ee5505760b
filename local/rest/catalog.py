"""Reads the schema from the catalogs of Postgres, in one snapshot."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import AsyncRawCursor
from psycopg.rows import dict_row

from local.rest.relationships import relate
from local.rest.schema import Column, Function, Name, Parameter, Relationship, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import AsyncConnection

#: Settings of a function that hold for the whole transaction that calls it.
HOISTED_SETTINGS = (
    "statement_timeout",
    "plan_filter.statement_cost_limit",
    "default_transaction_isolation",
)

_QUERIES = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "sql").glob("*.sql")}


async def read_fingerprint(connection: AsyncConnection[Any], schemas: Sequence[str]) -> str:
    """A text that changes whenever something in the schemas does."""
    rows = await _rows(connection, "fingerprint", [list(schemas)])
    return str(rows[0]["fingerprint"])


async def read_schema(connection: AsyncConnection[Any], schemas: Sequence[str]) -> Schema:
    """The schema as the login role of the connection sees it.

    The search path is empty, so that every type and default is written with its schema.
    """
    exposed = list(schemas)
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        await connection.execute("set local search_path = ''")
        fingerprint = await read_fingerprint(connection, schemas)
        tables = await _rows(connection, "tables", [exposed])
        keys = await _rows(connection, "foreign_keys", [exposed])
        functions = await _rows(connection, "functions", [exposed, list(HOISTED_SETTINGS)])
        settings = await _rows(connection, "role_settings")
    known = {table.name: table for table in map(_table, tables)}
    return Schema(
        tables=known,
        relationships=relate(known, [_foreign_key(row) for row in keys]),
        functions=_functions(functions),
        role_settings=_role_settings(settings),
        fingerprint=fingerprint,
    )


async def _rows(
    connection: AsyncConnection[Any],
    name: str,
    parameters: Sequence[object] = (),
) -> list[dict[str, Any]]:
    async with AsyncRawCursor(connection, row_factory=dict_row) as cursor:
        await cursor.execute(_QUERIES[name], parameters)
        return await cursor.fetchall()


def _table(row: dict[str, Any]) -> Table:
    return Table(
        name=Name(row["schema"], row["name"]),
        columns={name: Column(name, kind, default) for name, kind, default in row["columns"] or ()},
        primary_key=tuple(row["primary_key"] or ()),
    )


def _foreign_key(row: dict[str, Any]) -> Relationship:
    return Relationship(
        origin=Name(row["origin_schema"], row["origin_name"]),
        target=Name(row["target_schema"], row["target_name"]),
        cardinality="one-to-one" if row["is_unique"] else "many-to-one",
        constraint=row["name"],
        columns=tuple((mine, theirs) for mine, theirs in row["columns"]),
    )


def _functions(rows: Iterable[dict[str, Any]]) -> dict[Name, tuple[Function, ...]]:
    overloads = defaultdict(list)
    for row in rows:
        function = _function(row)
        overloads[function.name].append(function)
    return {name: tuple(found) for name, found in overloads.items()}


def _function(row: dict[str, Any]) -> Function:
    return Function(
        name=Name(row["schema"], row["name"]),
        parameters=tuple(Parameter(*values) for values in row["parameters"]),
        returns=row["returns"],
        returns_set=row["returns_set"],
        volatility=row["volatility"],
        row_type=Name(*row["row_type"]) if row["row_type"] else None,
        settings=tuple((name, value) for name, value in row["settings"] or ()),
    )


def _role_settings(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[tuple[str, str], ...]]:
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        settings[row["role"]][row["name"]] = row["value"]
    return {role: tuple(values.items()) for role, values in settings.items()}
