"""When a transaction of the log can be asked about, and what a viewer sees of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from local.realtime.subscriptions import Viewer
from local.realtime.tables import Tables
from local.realtime.visibility import await_transaction, visible_rows
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from local.realtime.rows import Texts
    from tests.databases import TestDatabase

SCHEMA = """
create table public."odd %s" (a int, "b %s" text, primary key (a, "b %s"));
insert into public."odd %s" values (1, 'x'), (2, 'it''s');
alter table public."odd %s" enable row level security;
grant select on public."odd %s" to authenticated;
create policy "claims decide" on public."odd %s" for select to authenticated
using (a >= ((select auth.jwt()) ->> 'least')::int);
"""
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
        await asyncio.wait_for(waiting, PATIENCE)
        await asyncio.wait_for(await_transaction(reader, later), PATIENCE)


async def test_rows_are_seen_as_the_viewer_sees_them(platform_database: TestDatabase) -> None:
    """By any key, under any name; a policy that fails shows nothing and breaks nothing."""
    dsn = platform_database.admin_dsn
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(SCHEMA)
        cursor = await connection.execute("select oid::bigint from pg_class where relname ~ '^odd'")
        (oid,) = await cursor.fetchone() or (0,)
        table = await Tables().get(connection, oid)
        assert table is not None
        keys = {7: ("1", "x"), 8: ("2", "it's"), 9: ("2", "absent")}
        rows: dict[int, Texts] = {number: {"a": a, "b %s": b} for number, (a, b) in keys.items()}
        for claims, seen in (('{"least": 1}', {7, 8}), ('{"least": 2}', {8}), ("{", set())):
            viewer = Viewer("authenticated", claims)
            assert await visible_rows(connection, table, viewer, rows) == seen
        assert await visible_rows(connection, table, Viewer("anon", "{}"), rows) == frozenset()
        assert await (await connection.execute("select current_user")).fetchone() == (
            "supabase_admin",
        )
