"""The subscription against a server that does what the real one does, at its worst.

Each test names a trap of the client library or of the service.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from realtime import AsyncRealtimeChannel

from node.realtime import Lost, Subscription
from tests.patience import PATIENCE
from tests.unit.node.phoenix import JOIN, Phoenix, phoenix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


LIBRARY_IS_BEHIND = pytest.mark.filterwarnings(
    "ignore:ConnectionClosed.* is deprecated:DeprecationWarning:realtime"
)


class Listener:
    """Notes what a subscription brings."""

    def __init__(self) -> None:
        self.joins = 0
        self.messages: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue()
        self.joined = asyncio.Event()

    def on_joined(self) -> None:
        """The topic is joined."""
        self.joins += 1
        self.joined.set()

    def on_message(self, event: str, payload: Mapping[str, Any]) -> None:
        """A message came."""
        if payload.get("poison"):
            raise ValueError("a defect of the node")
        self.messages.put_nowait((event, payload))


@asynccontextmanager
async def subscribed(
    server: Phoenix, listener: Listener
) -> AsyncIterator[tuple[Subscription, asyncio.Task[Lost]]]:
    """A subscription that has joined, and the task that ends with it."""
    subscription = Subscription(server.url, "sb_publishable_x", "node:1", listener.on_message)
    task = asyncio.create_task(subscription.run("jwt-1", listener.on_joined), name="subscription")
    async with asyncio.timeout(PATIENCE):
        await listener.joined.wait()
    try:
        yield subscription, task
    finally:
        task.cancel()
        await asyncio.wait({task})
        await no_tasks_but_this()


def origin(task: asyncio.Task[Any]) -> str:
    """The file of a task's coroutine."""
    return str(getattr(task.get_coro(), "cr_code").co_filename)  # noqa: B009  # no such protocol


async def no_tasks_but_this() -> None:
    """The library's timers and listeners are gone with the subscription."""
    left = [task for task in asyncio.all_tasks() if "realtime/_async" in origin(task)]
    if left:
        _, pending = await asyncio.wait(left, timeout=PATIENCE)
        assert not pending


async def lost(task: asyncio.Task[Lost]) -> Lost:
    """Why the subscription ended."""
    async with asyncio.timeout(PATIENCE):
        return await task


async def test_a_join_is_private_and_carries_the_token() -> None:
    """The socket has the publishable key; the channel has the node's own token."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener):
        join = await server.frame(JOIN)
        assert join["topic"] == "realtime:node:1"
        assert join["payload"]["config"]["private"] is True
        assert join["payload"]["access_token"] == "jwt-1"
        assert "apikey=sb_publishable_x" in server.requests[0].path
        assert listener.joins == 1


async def test_messages_arrive_with_their_event() -> None:
    """As the database's triggers broadcast them."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener):
        await server.broadcast("chunks", {"chunks": [1]})
        assert await listener.messages.get() == ("chunks", {"chunks": [1]})


async def test_a_message_that_cannot_be_used_does_not_deafen_the_node() -> None:
    """An exception in a callback would end the library's listener without a word."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener):
        await server.broadcast("chunks", {"poison": True})
        await server.send_text("no json")
        await server.send("broadcast", [1, 2])
        await server.broadcast("chunks", {"chunks": []})
        assert await listener.messages.get() == ("chunks", {"chunks": []})


@pytest.mark.parametrize(
    ("message", "token_refused", "rate_limited"),
    [
        ("Token has expired 3 seconds ago", True, False),
        ("You no longer have permission to read from this Channel topic: node:1", True, False),
        ("Too many messages per second", False, True),
        ("Server requested disconnect", False, False),
    ],
)
async def test_a_channel_that_the_server_closes_is_lost(
    message: str,
    token_refused: bool,  # noqa: FBT001
    rate_limited: bool,  # noqa: FBT001
) -> None:
    """The library removes it for good and keeps the socket open: nobody would hear anything."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener) as (_, task):
        await server.shut_channel(message)
        ended = await lost(task)
        assert message in ended.reason
        assert (ended.token_refused, ended.rate_limited) == (token_refused, rate_limited)
        await server.sockets[-1].wait_closed()


@pytest.mark.parametrize(
    ("reason", "token_refused", "rate_limited"),
    [
        ("Unauthorized: You do not have permissions to read from this Channel topic", True, False),
        ("InvalidJWTToken: Token has expired 10 seconds ago", True, False),
        ("ConnectionRateLimitReached: Too many connected users", False, True),
        ("ClientJoinRateLimitReached: Too many joins per second", False, True),
        ("RealtimeRestarting", False, False),
    ],
)
async def test_a_refused_join_is_lost_with_its_reason(
    reason: str,
    token_refused: bool,  # noqa: FBT001
    rate_limited: bool,  # noqa: FBT001
) -> None:
    """The library would try again for ever with the same token and no jitter."""
    listener = Listener()
    async with phoenix() as server:
        server.join_reply = {"status": "error", "response": {"reason": reason}}
        subscription = Subscription(server.url, "key", "node:1", listener.on_message)
        async with asyncio.timeout(PATIENCE):
            ended = await subscription.run("jwt", listener.on_joined)
        assert reason in ended.reason
        assert (ended.token_refused, ended.rate_limited) == (token_refused, rate_limited)
        assert listener.joins == 0
        await server.sockets[-1].wait_closed()
        await no_tasks_but_this()


@LIBRARY_IS_BEHIND
@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_closed_socket_is_lost(code: int) -> None:
    """Also when the server closes it in the friendliest way."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener) as (_, task):
        await server.sockets[-1].close(code)
        assert (await lost(task)).reason


@LIBRARY_IS_BEHIND
async def test_a_cut_connection_is_lost() -> None:
    """No close frame, no goodbye."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener) as (_, task):
        server.sockets[-1].transport.abort()
        assert (await lost(task)).reason


async def test_a_listener_that_dies_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No callback says so, and the library still takes itself for connected."""
    listener = Listener()

    def broken(*_: object) -> None:
        raise RuntimeError("a defect of the library")

    async with phoenix() as server, subscribed(server, listener) as (_, task):
        monkeypatch.setattr(AsyncRealtimeChannel, "_handle_message", broken)
        await server.broadcast("chunks", {"chunks": []})
        assert "a defect of the library" in (await lost(task)).reason


@pytest.mark.parametrize(
    ("status", "token_refused", "rate_limited"),
    [
        (HTTPStatus.UNAUTHORIZED, True, False),
        (HTTPStatus.TOO_MANY_REQUESTS, False, True),
        (HTTPStatus.SERVICE_UNAVAILABLE, False, False),
    ],
)
async def test_a_refused_handshake_is_lost_with_its_status(
    status: HTTPStatus,
    token_refused: bool,  # noqa: FBT001
    rate_limited: bool,  # noqa: FBT001
) -> None:
    """One try, one answer: when to try again is not decided here."""
    listener = Listener()
    async with phoenix() as server:
        server.handshake_status = status
        subscription = Subscription(server.url, "key", "node:1", listener.on_message)
        ended = await subscription.run("jwt", listener.on_joined)
        assert str(status.value) in ended.reason
        assert (ended.token_refused, ended.rate_limited) == (token_refused, rate_limited)
        assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_lost_at_once() -> None:
    """The library's own retries would take a quarter of a minute and then give up silently."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    listener = Listener()
    ended = await Subscription(url, "key", "node:1", listener.on_message).run(
        "jwt", listener.on_joined
    )
    assert ended.reason
    assert not ended.token_refused


async def test_a_newer_token_reaches_the_open_channel() -> None:
    """Without it the server hangs up when the old one ends: the library has no way to ask."""
    listener = Listener()
    async with phoenix() as server, subscribed(server, listener) as (subscription, task):
        await subscription.use_token("jwt-2")
        frame = await server.frame("access_token")
        assert frame["payload"] == {"access_token": "jwt-2"}
        assert frame["topic"] == "realtime:node:1"
        assert not task.done()


async def test_a_token_that_cannot_be_sent_ends_the_subscription(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one begins with it."""
    listener = Listener()

    async def broken(*_: object) -> None:
        raise RuntimeError("a defect of the library")

    async with phoenix() as server, subscribed(server, listener) as (subscription, task):
        monkeypatch.setattr(AsyncRealtimeChannel, "push", broken)
        await subscription.use_token("jwt-2")
        assert "a defect of the library" in (await lost(task)).reason


async def test_a_defect_of_the_library_is_a_lost_subscription(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It costs the node its pushes, not its life."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a defect of the library")

    listener = Listener()
    monkeypatch.setattr(AsyncRealtimeChannel, "subscribe", broken)
    async with phoenix() as server:
        subscription = Subscription(server.url, "key", "node:1", listener.on_message)
        ended = await subscription.run("jwt", listener.on_joined)
    assert ended == Lost("RuntimeError: a defect of the library")


async def test_a_cancelled_subscription_closes_its_socket() -> None:
    """And leaves no timer of the library behind."""
    listener = Listener()
    async with phoenix() as server:
        async with subscribed(server, listener) as (subscription, _):
            await subscription.use_token("jwt-2")
            await server.frame("access_token")
        await server.sockets[-1].wait_closed()
        assert {task.get_name() for task in asyncio.all_tasks()} & {"subscription"} == set()
