"""Channels through the Python client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from realtime import RealtimePostgresChangesListenEvent

from supabase import AsyncClientOptions, acreate_client
from tests.conformance.clients import PASSWORD, some_email
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from realtime import AsyncRealtimeChannel

    from supabase import AsyncClient
    from tests.conformance.targets import Target

HERE = Path(__file__).parent
OPEN = "body=neq.secret"


@pytest.fixture(scope="module")
def realtime(target: Target) -> Iterator[Target]:
    """The target with policies, a table and a function to test Realtime with."""
    for name in ("realtime.sql", "realtime_drop.sql"):
        with psycopg.connect(target.db_url) as connection:
            connection.execute((HERE / name).read_bytes())
        if name == "realtime.sql":
            yield target


class Person:
    """A signed-in user with a client, and what its channels have heard."""

    def __init__(self, client: AsyncClient, identifier: str) -> None:
        self.client = client
        self.id = identifier
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.states: asyncio.Queue[str] = asyncio.Queue()

    def channel(self, topic: str, **config: Any) -> AsyncRealtimeChannel:
        """A channel that is not subscribed yet."""
        config = {"private": True, "broadcast": {}, "presence": {"key": ""}, **config}
        return self.client.channel(topic, {"config": config})  # type: ignore[arg-type]

    async def subscribe(self, channel: AsyncRealtimeChannel) -> str:
        """Subscribe, remembering broadcasts, and return the first state."""
        channel.on_broadcast("*", self.heard.put_nowait)
        await channel.subscribe(lambda state, _: self.states.put_nowait(state.value))
        return await self.state()

    async def state(self) -> str:
        """The next state of a channel."""
        return await asyncio.wait_for(self.states.get(), PATIENCE)

    async def next(self) -> Any:
        """What is heard next."""
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def say(self, topic: str, event: str, **payload: Any) -> None:
        """Have the database send a message."""
        arguments = {"topic": topic, "event": event, "payload": payload}
        await self.client.rpc("conformance_say", arguments).execute()


@asynccontextmanager
async def person(target: Target) -> AsyncIterator[Person]:
    """A new user."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        client = await acreate_client(target.url, target.key, options)
        answer = await client.auth.sign_up({"email": some_email(), "password": PASSWORD})
        assert answer.user is not None
        try:
            yield Person(client, answer.user.id)
        finally:
            await client.remove_all_channels()


async def test_messages_of_the_database_arrive(realtime: Target) -> None:
    """On the private topic of the user, once, with their id."""
    async with person(realtime) as alice:
        topic = f"conformance:{alice.id}"
        assert await alice.subscribe(alice.channel(topic)) == "SUBSCRIBED"
        await alice.say(topic, "first", n=1)
        await alice.say(topic, "second", n=2)
        first, second = await alice.next(), await alice.next()
        assert (first["event"], first["payload"]["n"]) == ("first", 1)
        assert first["meta"]["id"] == first["payload"]["id"]
        assert second["event"] == "second"


async def test_a_topic_of_somebody_else_is_refused(realtime: Target) -> None:
    """The policies decide about the join."""
    async with person(realtime) as alice:
        topic = "conformance:00000000-0000-4000-8000-000000000000"
        assert await alice.subscribe(alice.channel(topic)) == "CHANNEL_ERROR"


async def test_a_refreshed_session_keeps_its_channels(realtime: Target) -> None:
    """The client passes the new token on, and the server accepts it."""
    async with person(realtime) as alice:
        topic = f"conformance:{alice.id}"
        await alice.subscribe(alice.channel(topic))
        refreshed = await alice.client.auth.refresh_session()
        assert refreshed.session is not None
        await alice.client.realtime.set_auth(refreshed.session.access_token)
        await alice.say(topic, "still", n=1)
        assert (await alice.next())["event"] == "still"
        assert alice.states.empty()


async def test_a_token_of_somebody_else_closes_a_channel(realtime: Target) -> None:
    """Losing the right to read ends the channel for good."""
    async with person(realtime) as alice, person(realtime) as bob:
        await alice.subscribe(alice.channel(f"conformance:{alice.id}"))
        session = await bob.client.auth.get_session()
        assert session is not None
        await alice.client.realtime.set_auth(session.access_token)
        assert [await alice.state() for _ in range(2)] == ["CHANNEL_ERROR", "CLOSED"]


async def test_people_talk_to_each_other(realtime: Target) -> None:
    """Over the socket and over HTTP; the sender hears itself only on request."""
    async with person(realtime) as alice, person(realtime) as bob:
        channel = alice.channel("conformance-room", broadcast={"self": True, "ack": True})
        await alice.subscribe(channel)
        await bob.subscribe(bob.channel("conformance-room"))
        await channel.send_broadcast("socket", {"n": 1})
        for listener in (alice, bob):
            heard = await listener.next()
            assert (heard["event"], heard["payload"]) == ("socket", {"n": 1})
        await channel.http_send("http", {"n": 2})
        assert (await bob.next())["payload"] == {"n": 2}


async def test_people_see_who_is_there(realtime: Target) -> None:
    """Coming and going, under the key that was chosen."""
    async with person(realtime) as alice:
        joins: asyncio.Queue[str] = asyncio.Queue()
        leaves: asyncio.Queue[str] = asyncio.Queue()
        watching = alice.channel("conformance-room", presence={"key": "alice"})
        watching.on_presence_join(lambda key, _, __: joins.put_nowait(key))
        watching.on_presence_leave(lambda key, _, __: leaves.put_nowait(key))
        assert await alice.subscribe(watching) == "SUBSCRIBED"
        async with person(realtime) as bob:
            presence = {"key": "bob", "enabled": True}
            coming = bob.channel("conformance-room", presence=presence)
            await bob.subscribe(coming)
            await coming.track({"mood": "good"})
            assert await asyncio.wait_for(joins.get(), PATIENCE) == "bob"
            (meta,) = watching.presence_state()["bob"]
            assert meta["mood"] == "good"  # type: ignore[typeddict-item]
        assert await asyncio.wait_for(leaves.get(), PATIENCE) == "bob"


async def test_changes_of_rows_arrive_under_policies(realtime: Target) -> None:
    """Each user hears of its own rows, filtered on the server."""
    async with person(realtime) as alice, person(realtime) as bob:
        ready = []
        for listener in (alice, bob):
            channel = listener.channel("notes", private=False)
            served = asyncio.Event()
            channel.on_system(lambda _, served=served: served.set())  # type: ignore[misc]
            # of a deleted row only the key is known, so no filter on its text can hold
            for event, text in (("INSERT", OPEN), ("UPDATE", OPEN), ("DELETE", None)):
                channel.on_postgres_changes(
                    RealtimePostgresChangesListenEvent(event),
                    listener.heard.put_nowait,
                    table="conformance_notes",
                    schema="public",
                    filter=text,
                )
            await listener.subscribe(channel)
            ready.append(served.wait())
        await asyncio.wait_for(asyncio.gather(*ready), PATIENCE)
        notes = alice.client.table("conformance_notes")
        await notes.insert([{"body": "secret"}, {"body": "open"}]).execute()
        await bob.client.table("conformance_notes").insert({"body": "other"}).execute()
        assert (await bob.next())["data"]["record"]["body"] == "other"
        data = (await alice.next())["data"]
        assert (data["type"], data["record"]["body"]) == ("INSERT", "open")
        await notes.update({"body": "changed"}).eq("body", "open").execute()
        data = (await alice.next())["data"]
        assert data["record"]["body"] == "changed"
        assert data["old_record"] == {"id": data["record"]["id"]}
        await notes.delete().eq("body", "changed").execute()
        assert (await alice.next())["data"]["type"] == "DELETE"
