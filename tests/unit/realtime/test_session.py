"""Sessions and channels without a socket: the order of things, and their limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from local.realtime.frames import Broadcast
from local.realtime.hub import Topic
from local.realtime.limits import Limits
from tests.unit.realtime.fakes import House

if TYPE_CHECKING:
    from tests.unit.realtime.fakes import Guest

ROOM = Topic("room", private=True)
HELLO = {"type": "broadcast", "event": "hello", "payload": {}}


@pytest.fixture
def limits() -> Limits:
    """The limits; tests override them."""
    return Limits(join_backoff=5.0, messages_per_second=1, joins_per_second=1)


@pytest.fixture
def house(limits: Limits) -> House:
    """A stand-in without a database."""
    return House(limits)


@pytest.fixture
def guest(house: House) -> Guest:
    """One client."""
    return house.guest()


async def test_a_refusal_waits_and_the_socket_does_not(house: House, guest: Guest) -> None:
    """The answer to a refused join comes late; heartbeats in between are answered."""
    house.policies.readable_extensions = frozenset()
    assert await guest.join("room", house.token(), private=True) is None
    await guest.send("phoenix", "heartbeat", {})
    assert [reply["status"] for reply in guest.heard("phx_reply")] == ["ok"]
    house.time.advance(5.0)
    assert guest.heard("phx_reply")[1]["response"]["reason"].startswith("Unauthorized: ")


async def test_policies_that_cannot_be_asked_refuse(house: House, guest: Guest) -> None:
    """An unreachable database has its own reason."""
    house.policies.is_reachable = False
    await guest.join("room", house.token(), private=True)
    house.time.advance(5.0)
    reason = "UnableToConnectToProject: Realtime was unable to connect to the project database"
    assert guest.heard("phx_reply")[0]["response"] == {"reason": reason}


async def test_an_unexpected_failure_has_the_bare_reason(
    house: House, guest: Guest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the client is told no internals."""

    async def fail(*_: Any) -> frozenset[str]:
        raise ZeroDivisionError

    monkeypatch.setattr(house.policies, "readable", fail)
    await guest.join("room", house.token(), private=True)
    house.time.advance(5.0)
    reason = {"reason": "Unknown Error on Channel"}
    assert guest.heard("phx_reply")[0]["response"] == reason
    assert "ZeroDivisionError" in caplog.text


async def test_writing_is_asked_about_once_and_late(house: House, guest: Guest) -> None:
    """Joining asks to read; the first message asks to write; later ones ask nothing."""
    await guest.join("room", house.token(), private=True)
    assert house.policies.questions == [("read", "room")]
    for _ in range(2):
        await guest.send("realtime:room", "broadcast", HELLO)
    assert house.policies.questions == [("read", "room"), ("write", "room")]


async def test_a_new_token_makes_the_policies_be_asked_again(house: House, guest: Guest) -> None:
    """Reading at once, writing when it is next tried."""
    await guest.join("room", house.token(), private=True)
    await guest.send("realtime:room", "access_token", {"access_token": house.token(sub="2")})
    assert house.policies.questions == [("read", "room"), ("read", "room")]


async def test_an_outage_during_a_refresh_closes_the_channel(house: House, guest: Guest) -> None:
    """As on the platform, the client must join again."""
    await guest.join("room", house.token(), private=True)
    house.policies.is_reachable = False
    await guest.send("realtime:room", "access_token", {"access_token": house.token(sub="2")})
    (system,) = guest.heard("system")
    assert system["message"] == "Realtime was unable to connect to the project database"
    assert guest.heard("phx_close") == [{}]


async def test_an_outage_swallows_broadcasts_of_clients(house: House, guest: Guest) -> None:
    """Without an answer from the policies nothing is sent, and the channel stays."""
    other = house.guest()
    for client in (guest, other):
        await client.join("room", house.token(), private=True)
    house.policies.is_reachable = False
    await guest.send("realtime:room", "broadcast", HELLO)
    house.policies.is_reachable = True
    await guest.send("realtime:room", "broadcast", HELLO)
    assert len(other.heard("broadcast")) == 1


async def test_tokens_are_looked_at_every_five_minutes_and_at_their_end(
    house: House, guest: Guest
) -> None:
    """A channel lives exactly as long as its token."""
    await guest.join("room", house.token(lifetime=700), private=True)
    house.time.advance(699.0)
    assert guest.heard("phx_close") == []
    house.time.advance(1.0)
    (system,) = guest.heard("system")
    assert system == {
        "message": "Token has expired 0 seconds ago",
        "status": "error",
        "extension": "system",
        "channel": "room",
    }
    assert guest.heard("phx_close") == [{}]
    house.services.hub.publish(ROOM, Broadcast("late", "{}"))
    assert guest.heard("broadcast") == []


async def test_a_refreshed_token_may_end_sooner(house: House, guest: Guest) -> None:
    """The channel follows the token it has now."""
    await guest.join("room", house.token(lifetime=3600), private=True)
    token = house.token(lifetime=10)
    await guest.send("realtime:room", "access_token", {"access_token": token})
    house.time.advance(10.0)
    assert guest.heard("phx_close") == [{}]


async def test_closing_a_session_forgets_everything(house: House, guest: Guest) -> None:
    """Its channels, their presence and their timers."""
    other = house.guest()
    await other.join("room", house.token(), private=True, presence={"enabled": True})
    await guest.join("room", house.token(lifetime=100), private=True, presence={"key": "k"})
    await guest.send("realtime:room", "presence", {"event": "track", "payload": {}})
    guest.session.close()
    assert list(other.heard("presence_diff")[-1]["leaves"]) == ["k"]
    assert len(house.services.hub) == 1
    house.time.advance(200.0)
    assert guest.heard("phx_close") == []


async def test_bindings_are_served_after_the_answer(house: House, guest: Guest) -> None:
    """And no longer once the channel is left."""
    binding = {"event": "*", "schema": "public", "table": "t"}
    reply = await guest.join("room", postgres_changes=[binding])
    assert reply["response"]["postgres_changes"][0].items() >= binding.items()
    await asyncio.gather(*guest.outlet.tasks)
    assert house.changes.channels == ["realtime:room"]
    await guest.send("realtime:room", "phx_leave", {})
    assert house.changes.channels == []


async def test_too_many_messages_close_the_channel(guest: Guest) -> None:
    """Sixty in a minute are one per second; the next one is too many."""
    await guest.join("room", broadcast={"self": True})
    for _ in range(31):
        await guest.send("realtime:room", "broadcast", HELLO)
    (system,) = guest.heard("system")
    assert system["message"] == "Too many messages per second"
    assert guest.heard("phx_close") == [{}]


async def test_too_many_joins_close_the_socket(house: House, guest: Guest) -> None:
    """The reason comes first."""
    for number in range(62):
        await guest.join(f"room{number % 90}")
    assert guest.outlet.closed == (1000, "Too many joins per second")
    house.time.advance(5.0)
    reason = {"reason": "ClientJoinRateLimitReached: Too many joins per second"}
    assert guest.heard("phx_reply")[-1]["response"] == reason


async def test_frames_of_a_former_join_are_ignored(house: House, guest: Guest) -> None:
    """A late frame cannot speak for the channel that replaced its own."""
    other = house.guest()
    await other.join("room")
    await guest.join("room")
    await guest.session.receive(
        '{"topic":"realtime:room","event":"broadcast","payload":{"event":"x"},'
        '"ref":"9","join_ref":"0"}'
    )
    assert other.heard("broadcast") == []
    assert len(house.services.hub) == 2
