"""Joining, tokens and their end, as the bare protocol shows them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.realtime.limits import Limits

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.realtime.client import Client, RealtimeServer
    from tests.db.realtime.conftest import Clock

pytestmark = pytest.mark.usefixtures("policies")

BOTH_DIALECTS = pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0", None])
OBJECT_AS_REFERENCE = '{"topic": "a", "event": "b", "ref": {}}'
READ_REFUSED = "Unauthorized: You do not have permissions to read from this Channel topic: "


async def closed_with(client: Client, message: str, topic: str = "node:1") -> bool:
    """Whether the channel ends with this system error and a phx_close."""
    system = await client.expect("system")
    assert system["payload"] == {
        "message": message,
        "status": "error",
        "extension": "system",
        "channel": topic,
    }
    close = await client.expect("phx_close")
    return bool(close["payload"] == {} and close["topic"] == f"realtime:{topic}")


@BOTH_DIALECTS
async def test_policies_allow_a_join(server: RealtimeServer, vsn: str | None) -> None:
    """A token that the policies accept joins its private topic."""
    async with server.client(vsn=vsn) as client:
        reply = await client.join("node:1", server.token(sub="1"))
        assert reply == {"status": "ok", "response": {"postgres_changes": []}}


@BOTH_DIALECTS
async def test_policies_refuse_a_join(server: RealtimeServer, vsn: str | None) -> None:
    """Another token gets the documented reason."""
    async with server.client(vsn=vsn) as client:
        reply = await client.join("node:1", server.token(sub="2"))
        assert reply == {"status": "error", "response": {"reason": READ_REFUSED + "node:1"}}


async def test_a_key_alone_opens_no_private_channel(server: RealtimeServer) -> None:
    """Without a token the socket's key speaks, whose role has no policy."""
    async with server.client() as client:
        reply = await client.join("node:1")
        assert reply["response"]["reason"] == READ_REFUSED + "node:1"


async def test_a_policy_that_fails_refuses(server: RealtimeServer) -> None:
    """An error inside a policy is a refusal, not an outage."""
    async with server.client() as client:
        reply = await client.join("broken", server.token(sub="1"))
        assert reply["response"]["reason"] == READ_REFUSED + "broken"
        assert (await client.join("node:1", server.token(sub="1")))["status"] == "ok"


async def test_the_probe_leaves_nothing_behind(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """Asking the policies writes no message."""
    async with server.client() as client:
        await client.join("room:a", server.token(room="a"), presence={"enabled": True})
        await client.send("realtime:room:a", "broadcast", {"event": "x", "payload": {}})
        await client.heartbeat()
    connection = platform_database.connect_as_admin()
    assert connection.execute("select count(*) from realtime.messages").fetchone() == (0,)


async def test_a_new_key_as_access_token_stands_for_the_socket(server: RealtimeServer) -> None:
    """Clients that are signed out send the publishable key as token."""
    async with server.client() as client:
        key = server.context.keyring.publishable_key
        assert (await client.join("lobby", key, private=False))["status"] == "ok"
        await client.send("realtime:lobby", "access_token", {"access_token": key})
        await client.heartbeat()


@pytest.mark.parametrize(
    ("claims", "lifetime", "reason"),
    [
        ({}, -7, "InvalidJWTToken: Token has expired 7 seconds ago"),
        ({"role": None}, 60, "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
    ],
)
async def test_a_token_that_is_no_good_is_named(
    server: RealtimeServer, clock: Clock, claims: dict[str, Any], lifetime: int, reason: str
) -> None:
    """Expired tokens and missing claims have their own words."""
    token = server.context.keyring.issue(
        {"role": "authenticated", **claims}, expires_in=lifetime, now=int(clock())
    )
    async with server.client() as client:
        reply = await client.join("node:1", token)
        assert reply == {"status": "error", "response": {"reason": reason}}


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("nonsense", "MalformedJWT: The token provided is not a valid JWT"),
        ("forged", "JwtSignatureError: Failed to validate JWT signature"),
    ],
)
async def test_a_token_that_is_none_is_named(
    server: RealtimeServer, token: str, reason: str
) -> None:
    """Broken and forged tokens have their own words."""
    if token == "forged":
        head, body, signature = server.token(sub="1").split(".")
        token = f"{head}.{body}.{'A' * len(signature)}"
    async with server.client() as client:
        assert (await client.join("node:1", token))["response"]["reason"] == reason


async def test_losing_the_right_to_read_closes_the_channel(server: RealtimeServer) -> None:
    """A refreshed token that the policies refuse ends the channel."""
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"))
        await client.send(
            "realtime:node:1", "access_token", {"access_token": server.token(sub="2")}
        )
        message = READ_REFUSED.removeprefix("Unauthorized: ") + "node:1"
        assert await closed_with(client, message)


async def test_losing_one_of_two_rights_closes_the_channel(
    server: RealtimeServer, platform_database: TestDatabase
) -> None:
    """Presence that was readable and is no longer is a revoked right as well."""
    async with server.client() as client:
        await client.join("room:a", server.token(room="a"), presence={"enabled": True})
        connection = platform_database.connect()
        connection.execute('drop policy "members read their room" on realtime.messages')
        connection.execute(
            """
            create policy "members hear their room" on realtime.messages for select
            to authenticated using (realtime.messages.extension = 'broadcast')
            """
        )
        token = server.token(room="a", session="2")
        await client.send("realtime:room:a", "access_token", {"access_token": token})
        words = "You no longer have permission to read from this Channel topic: room:a"
        assert await closed_with(client, words, "room:a")


async def test_a_bad_token_closes_the_channel(server: RealtimeServer) -> None:
    """A refresh with nonsense ends the channel."""
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"))
        await client.send("realtime:node:1", "access_token", {"access_token": "nonsense"})
        assert await closed_with(client, "The token provided is not a valid JWT")


async def test_a_refresh_without_news_changes_nothing(server: RealtimeServer) -> None:
    """No token, a wrong type and the same token again are ignored."""
    async with server.client() as client:
        current = server.token(sub="1")
        await client.join("node:1", current)
        for token in (None, 7, current):
            await client.send("realtime:node:1", "access_token", {"access_token": token})
        assert (await client.call("realtime:node:1", "phx_leave", {}))["status"] == "ok"


async def test_leaving_answers_then_closes(server: RealtimeServer) -> None:
    """`phx_leave` gets an answer and a phx_close that carries the join's reference."""
    async with server.client() as client:
        await client.join("lobby", private=False)
        assert await client.call("realtime:lobby", "phx_leave", {}) == {
            "status": "ok",
            "response": {},
        }
        assert (await client.expect("phx_close"))["ref"] == "1"


async def test_joining_again_replaces_the_channel(server: RealtimeServer) -> None:
    """A second join of the same topic closes the first."""
    async with server.client(vsn="2.0.0") as client:
        await client.join("lobby", private=False)
        assert (await client.join("lobby", private=False))["status"] == "ok"
        assert (await client.expect("phx_close"))["join_ref"] == "1"
        assert len(server.realtime.hub) == 1


async def test_heartbeats_are_answered_with_their_reference(server: RealtimeServer) -> None:
    """The Python client sends null, JavaScript a number in a string."""
    async with server.client() as client:
        for ref in (None, "7"):
            await client.send("phoenix", "heartbeat", {}, ref=ref)
            assert await client.expect("phx_reply", ref=ref) == {
                "topic": "phoenix",
                "event": "phx_reply",
                "payload": {"status": "ok", "response": {}},
                "ref": ref,
            }


async def test_events_for_unknown_topics_are_refused(server: RealtimeServer) -> None:
    """A frame for a channel that was not joined gets `unmatched topic`; leaving it is fine."""
    async with server.client() as client:
        reply = await client.call("realtime:nowhere", "broadcast", {"event": "x"})
        assert reply == {"status": "error", "response": {"reason": "unmatched topic"}}
        assert (await client.call("realtime:nowhere", "phx_leave", {}))["status"] == "ok"


async def test_a_topic_needs_a_name(server: RealtimeServer) -> None:
    """`realtime:` alone is no topic."""
    async with server.client() as client:
        reply = await client.join("", private=False)
        assert reply["response"]["reason"] == "TopicNameRequired: You must provide a topic name"


async def test_malformed_frames_are_dropped(server: RealtimeServer) -> None:
    """Nonsense neither ends the connection nor gets an answer."""
    async with server.client() as client:
        for message in ("", "{", "[]", "7", '{"topic": 1}', OBJECT_AS_REFERENCE, b"\3", b"\0"):
            await client.socket.send(message)
        await client.heartbeat()
        assert client.kept == []


class TestExpiry:
    """Tokens that end while their channel is open."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Tokens are looked at all the time, so that the test's clock counts."""
        return Limits(join_backoff=0.0, token_check=0.01)

    async def test_an_expired_token_closes_the_channel(
        self, server: RealtimeServer, clock: Clock
    ) -> None:
        """When its token ends the channel says why and closes; the socket stays."""
        async with server.client() as client:
            token = server.token(sub="1", lifetime=100)
            assert (await client.join("node:1", token))["status"] == "ok"
            clock.ahead = 160.0
            system = await client.expect("system")
            assert system["payload"]["status"] == "error"
            assert re.fullmatch(r"Token has expired \d+ seconds ago", system["payload"]["message"])
            assert (await client.expect("phx_close"))["topic"] == "realtime:node:1"
            await client.heartbeat()

    async def test_a_refreshed_token_keeps_the_channel_open(
        self, server: RealtimeServer, platform_database: TestDatabase, clock: Clock
    ) -> None:
        """After `access_token` the old token's end no longer matters."""
        async with server.client() as client:
            for topic in ("node:1", "stale"):
                token = server.token(sub="1", lifetime=100)
                assert (await client.join(topic, token, private=topic == "node:1"))[
                    "status"
                ] == "ok"
            fresh = {"access_token": server.token(sub="1")}
            await client.send("realtime:node:1", "access_token", fresh)
            await client.heartbeat()
            clock.ahead = 200.0
            assert (await client.expect("phx_close"))["topic"] == "realtime:stale"
            platform_database.connect().execute("select realtime.send('{}', 'still', 'node:1')")
            assert (await client.expect("broadcast"))["payload"]["event"] == "still"


class TestLimits:
    """What is refused because it is too much."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Tight limits."""
        return Limits(
            join_backoff=0.0,
            handshake_backoff=0.0,
            channels_per_connection=2,
            frame_size=2000,
            broadcast_size=100,
            public_channels=True,
        )

    async def test_channels_per_connection(self, server: RealtimeServer) -> None:
        """One connection may join so many channels."""
        async with server.client() as client:
            for topic in ("a", "b"):
                assert (await client.join(topic, private=False))["status"] == "ok"
            reply = await client.join("c", private=False)
            assert reply["response"]["reason"] == "ChannelRateLimitReached: Too many channels"

    async def test_a_frame_that_is_too_large_ends_the_connection(
        self, server: RealtimeServer
    ) -> None:
        """The close code says why."""
        async with server.client() as client:
            await client.socket.send("x" * 2001)
            await client.socket.wait_closed()
            assert client.socket.close_code == 1009

    async def test_a_broadcast_that_is_too_large_is_refused(self, server: RealtimeServer) -> None:
        """With acknowledgements on, the client learns of it."""
        async with server.client() as client:
            await client.join("a", private=False, broadcast={"ack": True})
            body = {"type": "broadcast", "event": "x", "payload": {"text": "x" * 100}}
            assert await client.call("realtime:a", "broadcast", body) == {
                "status": "error",
                "response": {"reason": "payload_size_exceeded"},
            }


class TestSilence:
    """A client that sends nothing, not even heartbeats."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Little patience."""
        return replace(Limits(), idle_timeout=0.2)

    async def test_a_silent_client_is_disconnected(self, server: RealtimeServer) -> None:
        """Without heartbeats the connection ends cleanly."""
        async with server.client() as client:
            await client.socket.wait_closed()
            assert client.socket.close_code == 1000


class TestPrivateOnly:
    """A project that allows private channels only."""

    @pytest.fixture
    def limits(self) -> Limits:
        """No public channels."""
        return replace(Limits(join_backoff=0.0), public_channels=False)

    async def test_public_channels_are_refused(self, server: RealtimeServer) -> None:
        """The reason names the setting."""
        async with server.client() as client:
            reply = await client.join("lobby", private=False)
            reason = "PrivateOnly: This project only allows private channels"
            assert reply["response"]["reason"] == reason
            assert (await client.join("node:1", server.token(sub="1")))["status"] == "ok"
