"""Messages that the database sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.realtime.client import RealtimeServer

POLICY = """
create policy "a node reads its own topic" on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'broadcast'
  and (select realtime.topic()) = 'node:' || (select auth.jwt() ->> 'sub')
)
"""


@pytest.fixture(autouse=True)
def _policy(platform_database: TestDatabase) -> None:
    platform_database.connect().execute(POLICY)


async def test_a_committed_message_arrives_once(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """A message sent by the database reaches the subscriber once, with its id."""
    async with server.client() as client:
        reply = await client.join("node:1", server.token(sub="1"))
        assert reply == {"status": "ok", "response": {"postgres_changes": []}}
        connection = platform_database.connect()
        connection.execute("select realtime.send('{\"x\": 1}', 'chunks', 'node:1')")
        frame = await client.expect("broadcast")
        payload = frame["payload"]
        assert frame["ref"] is None
        assert payload["event"] == "chunks"
        assert payload["type"] == "broadcast"
        assert payload["payload"]["x"] == 1
        assert payload["meta"]["id"] == payload["payload"]["id"]
        assert await client.hears_nothing_before("node:1")
