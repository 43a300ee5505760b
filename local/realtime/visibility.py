"""Which rows a viewer may see, asked of the policies in its role, many rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

    from local.realtime.rows import Texts
    from local.realtime.subscriptions import Viewer
    from local.realtime.tables import Table

_BECOME: Final = """
select
  set_config('role', %(role)s, true),
  set_config('request.jwt.claims', %(claims)s, true)
"""


async def visible_rows(
    connection: AsyncConnection, table: Table, viewer: Viewer, rows: Mapping[int, Texts]
) -> frozenset[int]:
    """The numbers of the rows that the viewer can select by their primary key."""
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(_BECOME, {"role": viewer.role, "claims": viewer.claims})
            cursor = await connection.execute(_query(table, rows))
            return frozenset(row[0] for row in await cursor.fetchall())
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        # a policy that fails shows nothing
        return frozenset()


def _query(table: Table, rows: Mapping[int, Texts]) -> Composed:
    """Literals, not parameters: a name may hold a percent sign."""
    names = [Identifier(f"k{number}") for number in range(len(table.key))]
    values = [
        SQL("{}::text[]").format(Literal([row[column.name] for row in rows.values()]))
        for column in table.key
    ]
    matches = [
        SQL("subject.{} = probe.{}::{}").format(Identifier(column.name), name, SQL(column.sql_type))
        for name, column in zip(names, table.key, strict=True)
    ]
    return SQL(
        "select probe.number from unnest({}::int[], {}) as probe (number, {})"
        " where exists (select from {} as subject where {})"
    ).format(
        Literal(list(rows)),
        SQL(", ").join(values),
        SQL(", ").join(names),
        table.sql_name,
        SQL(" and ").join(matches),
    )
