"""When a transaction of the log can be asked about."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from local.realtime.visibility import await_transaction

if TYPE_CHECKING:
    from tests.databases import TestDatabase

XID = "select pg_current_xact_id()::text::bigint & 4294967295"


async def test_a_transaction_is_awaited_until_others_see_it(
    platform_database: TestDatabase,
) -> None:
    """While it runs the wait goes on, also when a later one is done before it."""
    dsn = platform_database.dsn
    async with (
        await psycopg.AsyncConnection.connect(dsn) as writer,
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as reader,
    ):
        (xid,) = await (await writer.execute(XID)).fetchone() or (0,)
        (later,) = await (await reader.execute(XID)).fetchone() or (0,)
        waiting = asyncio.create_task(await_transaction(reader, xid), name="waiting")
        await asyncio.sleep(0)
        assert not waiting.done()
        await writer.commit()
        await asyncio.wait_for(waiting, 10)
        await asyncio.wait_for(await_transaction(reader, later), 10)
