"""The Python client when the line is bad: it comes back by itself and hears again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from realtime import AsyncRealtimeClient

from local.realtime.limits import Limits
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from realtime import AsyncRealtimeChannel

    from tests.databases import TestDatabase
    from tests.db.realtime.client import RealtimeServer

pytestmark = [
    pytest.mark.usefixtures("policies"),
    # the client asks a closed connection for its code in a way that websockets has deprecated
    pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning"),
]


class Listener:
    """What a subscribed client has noticed."""

    def __init__(self) -> None:
        self.states: asyncio.Queue[str] = asyncio.Queue()
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def subscribe(self, channel: AsyncRealtimeChannel) -> None:
        """Subscribe a channel and note everything."""
        channel.on_broadcast("*", lambda payload: self.heard.put_nowait(payload["event"]))
        await channel.subscribe(lambda state, _: self.states.put_nowait(state.value))

    async def state(self) -> str:
        """The next state."""
        return await asyncio.wait_for(self.states.get(), PATIENCE)

    async def event(self) -> str:
        """The next broadcast's event."""
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


@asynccontextmanager
async def listening(server: RealtimeServer, token: str) -> AsyncIterator[Listener]:
    """A client on the topic of node 1."""
    client = AsyncRealtimeClient(
        f"{server.url}/realtime/v1",
        server.context.keyring.publishable_key,
        initial_backoff=0.01,
        max_retries=1000,
    )
    await client.set_auth(token)
    options: Any = {"config": {"private": True, "broadcast": {}, "presence": {"key": ""}}}
    listener = Listener()
    await listener.subscribe(client.channel("node:1", options))
    try:
        yield listener
    finally:
        await client.close()


async def test_a_cut_connection_is_made_again(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """The channel errs, rejoins, and hears."""
    async with listening(server, server.token(sub="1")) as listener:
        assert await listener.state() == "SUBSCRIBED"
        server.realtime.cut_connections()
        assert [await listener.state() for _ in range(2)] == ["CHANNEL_ERROR", "SUBSCRIBED"]
        platform_database.connect().execute("select realtime.send('{}', 'again', 'node:1')")
        assert await listener.event() == "again"


async def test_a_pause_is_outlived(server: RealtimeServer, platform_database: TestDatabase) -> None:
    """However often it is turned away, the client tries again; what was sent meanwhile is lost."""
    connection = platform_database.connect()
    async with listening(server, server.token(sub="1")) as listener:
        assert await listener.state() == "SUBSCRIBED"
        server.realtime.pause()
        assert await listener.state() == "CHANNEL_ERROR"
        connection.execute("select realtime.send('{}', 'lost', 'node:1')")
        server.realtime.resume()
        assert await listener.state() == "SUBSCRIBED"
        connection.execute("select realtime.send('{}', 'again', 'node:1')")
        assert await listener.event() == "again"


async def test_a_refusal_is_told(server: RealtimeServer) -> None:
    """The client's callback learns that the policies said no."""
    async with listening(server, server.token(sub="2")) as listener:
        assert await listener.state() == "CHANNEL_ERROR"


class TestSlowRefusal:
    """A stand-in that takes its time to refuse, as the platform does."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Half a second instead of five."""
        return replace(Limits(), join_backoff=0.5)

    async def test_a_late_refusal_is_told(self, server: RealtimeServer) -> None:
        """The client waits for it."""
        async with listening(server, server.token(sub="2")) as listener:
            assert await listener.state() == "CHANNEL_ERROR"
