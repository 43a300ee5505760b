"""Messages that the database sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.realtime.client import RealtimeServer

pytestmark = pytest.mark.usefixtures("policies")

SEND = "select realtime.send(%s::jsonb, %s, %s, %s)"


async def test_a_committed_message_arrives_once(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """A message sent by the database reaches the subscriber once, with its id."""
    async with server.client() as client:
        reply = await client.join("node:1", server.token(sub="1"))
        assert reply == {"status": "ok", "response": {"postgres_changes": []}}
        connection = platform_database.connect()
        connection.execute(SEND, ('{"x": 1}', "chunks", "node:1", True))
        frame = await client.expect("broadcast")
        payload = frame["payload"]
        assert frame["ref"] is None
        assert payload["event"] == "chunks"
        assert payload["type"] == "broadcast"
        assert payload["payload"]["x"] == 1
        assert payload["meta"] == {"id": payload["payload"]["id"]}
        connection.execute(SEND, ("{}", "end", "node:1", True))
        assert (await client.expect("broadcast"))["payload"]["event"] == "end"


async def test_a_rolled_back_message_is_never_sent(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """Only what is committed is broadcast, in commit order."""
    connection = platform_database.connect()
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"))
        with connection.transaction(force_rollback=True):
            connection.execute(SEND, ("{}", "lost", "node:1", True))
        connection.execute(SEND, ("{}", "kept", "node:1", True))
        assert (await client.expect("broadcast"))["payload"]["event"] == "kept"


async def test_a_message_reaches_its_topic_only(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """Topics do not leak into each other, and public and private ones of a name are two."""
    connection = platform_database.connect()
    async with server.client() as one, server.client() as two, server.client() as public:
        await one.join("node:1", server.token(sub="1"))
        await two.join("node:2", server.token(sub="2"))
        await public.join("node:1", private=False)
        connection.execute(SEND, ("{}", "first", "node:1", True))
        connection.execute(SEND, ("{}", "second", "node:2", True))
        connection.execute(SEND, ("{}", "third", "node:1", False))
        assert (await one.expect("broadcast"))["payload"]["event"] == "first"
        assert (await two.expect("broadcast"))["payload"]["event"] == "second"
        assert (await public.expect("broadcast"))["payload"]["event"] == "third"


async def test_bytes_travel_in_the_newer_dialect_only(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """A binary message reaches clients that can represent it; the others miss it."""
    connection = platform_database.connect()
    async with server.client(vsn="2.0.0") as new, server.client(vsn="1.0.0") as old:
        for client in (new, old):
            await client.join("node:1", server.token(sub="1"))
        connection.execute("select realtime.send_binary('\\x00ff'::bytea, 'raw', 'node:1')")
        connection.execute(SEND, ("{}", "json", "node:1", True))
        payload = (await new.expect("broadcast"))["payload"]
        assert (payload["event"], payload["payload"]) == ("raw", b"\x00\xff")
        assert (await old.expect("broadcast"))["payload"]["event"] == "json"


async def test_a_bulk_insert_arrives_completely_and_in_order(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """Rows inserted by one statement are as good as calls of `realtime.send`."""
    connection = platform_database.connect()
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"))
        connection.execute(
            """
            insert into realtime.messages (payload, event, topic, private, extension)
            select jsonb_build_object('n', n), 'tick', 'node:1', true, 'broadcast'
            from generate_series(1, 500) as n
            """
        )
        heard = [(await client.expect("broadcast"))["payload"]["payload"] for _ in range(500)]
        assert heard == [{"n": n} for n in range(1, 501)]


async def test_recent_messages_are_replayed_on_request(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """A joining client gets the last private messages since a moment, oldest first."""
    connection = platform_database.connect()
    for number in range(4):
        connection.execute(SEND, (f'{{"n": {number}}}', "tick", "node:1", True))
    connection.execute(SEND, ("{}", "public", "node:1", False))
    async with server.client() as client:
        replay = {"since": 0, "limit": 2}
        await client.join("node:1", server.token(sub="1"), broadcast={"replay": replay})
        heard = [(await client.expect("broadcast"))["payload"] for _ in range(2)]
        assert [payload["payload"]["n"] for payload in heard] == [2, 3]
        assert all(payload["meta"]["replayed"] for payload in heard)


@pytest.mark.parametrize(
    ("channel", "since", "reason"),
    [
        ("public", 0, "Replay is not allowed for public channels"),
        ("private", "x", "Replay params are not valid"),
        ("private", 10**20, "Replay params are not valid"),
    ],
)
async def test_a_replay_that_cannot_be_is_refused(
    server: RealtimeServer, channel: str, since: object, reason: str
) -> None:
    """The join fails with the reason."""
    async with server.client() as client:
        token, broadcast = server.token(sub="1"), {"replay": {"since": since}}
        reply = await client.join(
            "node:1", token, private=channel == "private", broadcast=broadcast
        )
        assert reply["status"] == "error"
        assert reply["response"]["reason"] == f"UnableToReplayMessages: {reason}"


async def test_a_channel_can_wait_for_the_stream(server: RealtimeServer) -> None:
    """With `replication_ready` the client is told when database messages will reach it."""
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"), broadcast={"replication_ready": True})
        payload = (await client.expect("system"))["payload"]
        assert payload["status"] == "ok"
        assert payload["message"] == "Replication connection established"
