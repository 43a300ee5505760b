"""Which rows a viewer may see, asked of the policies in its role, many rows at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

    from local.realtime.rows import Texts
    from local.realtime.subscriptions import Viewer
    from local.realtime.tables import Table

logger = logging.getLogger(__name__)

#: seconds between two looks at a transaction
FIRST_PAUSE: Final = 0.0005
LAST_PAUSE: Final = 0.1
#: looks; longer waits come from synchronous standbys only
LONGEST_WAIT: Final = 100

# the log knows the lower half of a transaction's number: the upper half is that of the snapshot,
# give or take one when the numbers have just wrapped around
_IS_VISIBLE: Final = """
select pg_catalog.pg_visible_in_snapshot(
  (
    now.xmax - ((now.xmax - %(xid)s + 2147483648) & 4294967295) + 2147483648
  )::text::xid8,
  now.snapshot
)
from (
  select
    snapshots.snapshot,
    pg_catalog.pg_snapshot_xmax(snapshots.snapshot)::text::bigint as xmax
  from pg_catalog.pg_current_snapshot() as snapshots (snapshot)
) as now
"""
# one round trip: four statements, the third of which answers
_AS_VIEWER: Final = """
begin;
select set_config('role', {role}, true), set_config('request.jwt.claims', {claims}, true);
{query};
rollback
"""
_ANSWER: Final = 2


async def await_transaction(connection: AsyncConnection, xid: int) -> None:
    """Wait until others see a transaction: its log is sent a moment before they do."""
    for attempt in range(LONGEST_WAIT):
        cursor = await connection.execute(_IS_VISIBLE, {"xid": xid})
        row = await cursor.fetchone()
        if row is not None and row[0]:
            return
        await asyncio.sleep(min(FIRST_PAUSE * 2**attempt, LAST_PAUSE))
    logger.warning("transaction %d is in the log, but nobody sees it yet", xid)


async def visible_rows(
    connection: AsyncConnection, table: Table, viewer: Viewer, rows: Mapping[int, Texts]
) -> frozenset[int]:
    """The numbers of the rows that the viewer can select by their primary key."""
    question = SQL(_AS_VIEWER).format(
        role=Literal(viewer.role), claims=Literal(viewer.claims), query=_query(table, rows)
    )
    try:
        cursor = await connection.execute(question)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        logger.info(
            "a policy of %s.%s fails and shows nothing: %s", table.schema, table.name, error
        )
        await connection.execute("rollback")
        return frozenset()
    await cursor.set_result(_ANSWER)
    return frozenset(row[0] for row in await cursor.fetchall())


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
