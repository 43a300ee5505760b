"""Who is there: state, differences, and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.db.realtime.client import Client, RealtimeServer

pytestmark = pytest.mark.usefixtures("policies")

ENABLED = {"enabled": True}


async def presence(client: Client, event: str, payload: Any, topic: str = "room") -> dict[str, Any]:
    """Track or untrack and return the answer."""
    body = {"type": "presence", "event": event, "payload": payload}
    return await client.call(f"realtime:{topic}", "presence", body)


async def test_a_client_comes_changes_and_goes(server: RealtimeServer) -> None:
    """State on joining, then one difference for each change, to everybody."""
    async with server.client() as watcher:
        await watcher.join("room", private=False, presence={**ENABLED, "key": "w"})
        assert (await watcher.expect("presence_state"))["payload"] == {}
        async with server.client(vsn="2.0.0") as guest:
            await guest.join("room", private=False, presence={**ENABLED, "key": "g"})
            assert (await presence(guest, "track", {"mood": "good"}))["status"] == "ok"
            came = (await watcher.expect("presence_diff"))["payload"]
            (meta,) = came["joins"]["g"]["metas"]
            assert (meta["mood"], came["leaves"]) == ("good", {})
            assert (await guest.expect("presence_diff"))["payload"] == came

            await presence(guest, "track", {"mood": "better"})
            changed = (await watcher.expect("presence_diff"))["payload"]
            (new,) = changed["joins"]["g"]["metas"]
            assert changed["leaves"] == {"g": {"metas": [meta]}}
            assert (new["mood"], new["phx_ref_prev"]) == ("better", meta["phx_ref"])

            await presence(guest, "track", {"mood": "better"})
            await presence(guest, "untrack", {})
            gone = (await watcher.expect("presence_diff"))["payload"]
            assert gone == {"joins": {}, "leaves": {"g": {"metas": [new]}}}

            await presence(guest, "track", {})
            await watcher.expect("presence_diff")
        lost = (await watcher.expect("presence_diff"))["payload"]
        assert list(lost["leaves"]) == ["g"]


async def test_the_state_names_everybody(server: RealtimeServer) -> None:
    """Two clients under one key are two metas; without a key the server makes one up."""
    async with server.client() as one, server.client() as two, server.client() as late:
        for client, key in ((one, "k"), (two, "k")):
            await client.join("room", private=False, presence={**ENABLED, "key": key})
            await presence(client, "track", {})
        await late.join("room", private=False, presence=ENABLED)
        state = (await late.expect("presence_state"))["payload"]
        assert [len(entry["metas"]) for entry in state.values()] == [2]
        await presence(late, "track", {})
        (key,) = (await late.expect("presence_diff"))["payload"]["joins"]
        assert len(key) > 10


async def test_presence_follows_the_policies(server: RealtimeServer) -> None:
    """Who may read presence only joins, sees who is there, and may not announce itself."""
    async with server.client() as client:
        reply = await client.join("lobby:1", server.token(sub="1"), presence=ENABLED)
        assert reply["status"] == "ok"
        await client.expect("presence_state")
        assert (await presence(client, "track", {}, "lobby:1"))["status"] == "error"


async def test_presence_can_be_switched_on_by_tracking(server: RealtimeServer) -> None:
    """A private channel that joined without presence asks the policies when it first tracks."""
    async with server.client() as client:
        await client.join("room:a", server.token(room="a"))
        assert (await presence(client, "track", {"x": 1}, "room:a"))["status"] == "ok"
        assert (await client.expect("presence_diff"))["payload"]["joins"]


@pytest.mark.parametrize(
    ("event", "payload", "response"),
    [
        ("track", [], {"reason": "Presence track payload must be a map"}),
        ("dance", {}, {}),
    ],
)
async def test_malformed_presence_is_refused(
    server: RealtimeServer, event: str, payload: Any, response: dict[str, Any]
) -> None:
    """The channel stays open."""
    async with server.client() as client:
        await client.join("room", private=False)
        assert await presence(client, event, payload) == {"status": "error", "response": response}


async def test_too_many_calls_close_the_channel(server: RealtimeServer) -> None:
    """Five calls in thirty seconds are allowed."""
    async with server.client() as client:
        await client.join("room", private=False)
        for number in range(5):
            assert (await presence(client, "track", {"n": number}))["status"] == "ok"
        await client.send("realtime:room", "presence", {"event": "track", "payload": {}})
        system = await client.expect("system")
        assert system["payload"]["message"] == "Client presence rate limit exceeded"
        await client.expect("phx_close")
