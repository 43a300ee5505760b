"""Messages between clients, over the socket and over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.db.realtime.client import RealtimeServer

pytestmark = pytest.mark.usefixtures("policies")


def hello(text: str = "hi") -> dict[str, Any]:
    """A broadcast of a client."""
    return {"type": "broadcast", "event": "hello", "payload": {"text": text}}


async def test_others_hear_a_broadcast_and_the_sender_does_not(server: RealtimeServer) -> None:
    """Without `self` the sender hears nothing; without `ack` it gets no answer."""
    async with server.client() as sender, server.client(vsn="2.0.0") as other:
        for client in (sender, other):
            await client.join("room", private=False)
        await sender.send("realtime:room", "broadcast", hello())
        assert (await other.expect("broadcast"))["payload"] == {
            "event": "hello",
            "payload": {"text": "hi"},
        }
        assert await sender.hears_nothing_before("room")


async def test_ack_and_self_are_honoured(server: RealtimeServer) -> None:
    """With both set the sender gets an answer and its own message."""
    async with server.client() as client:
        await client.join("room", private=False, broadcast={"ack": True, "self": "true"})
        reply = await client.call("realtime:room", "broadcast", hello())
        assert reply == {"status": "ok", "response": {}}
        assert (await client.expect("broadcast"))["payload"] == hello()


async def test_binary_frames_of_the_newer_dialect_reach_the_older_one(
    server: RealtimeServer,
) -> None:
    """JSON in a binary frame is JSON for everybody; raw bytes are for the newer dialect."""
    new_clients = server.client(vsn="2.0.0"), server.client(vsn="2.0.0")
    async with new_clients[0] as sender, new_clients[1] as new, server.client() as old:
        for client in (sender, old, new):
            await client.join("room", private=False)
        names = [b"1", b"9", b"realtime:room", b"hello", b""]
        for encoding, body in ((0, b"\x00\x01"), (1, b'{"text":"hi"}')):
            head = bytes([3, *map(len, names), encoding])
            await sender.socket.send(head + b"".join(names) + body)
        assert (await old.expect("broadcast"))["payload"] == hello()
        heard = [(await new.expect("broadcast"))["payload"]["payload"] for _ in range(2)]
        assert heard == [b"\x00\x01", {"text": "hi"}]


async def test_writing_needs_a_policy(server: RealtimeServer) -> None:
    """A refusal to write is silent, even with acknowledgements; reading still works."""
    async with server.client() as silent, server.client() as member:
        token = server.token(room="a", silent=True)
        await silent.join("room:a", token, broadcast={"ack": True})
        await member.join("room:a", server.token(room="a"), broadcast={"ack": True})
        await silent.send("realtime:room:a", "broadcast", hello("lost"))
        await silent.heartbeat()
        assert (await member.call("realtime:room:a", "broadcast", hello()))["status"] == "ok"
        assert (await silent.expect("broadcast"))["payload"] == hello()
        assert await member.hears_nothing_before("room:a")


async def post(server: RealtimeServer, path: str, **request: Any) -> httpx.Response:
    """Post to the HTTP API with the publishable key, unless headers say otherwise."""
    request.setdefault("headers", {"apikey": server.context.keyring.publishable_key})
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        return await http.post(f"/realtime/v1/api/{path}", **request)


async def test_a_batch_over_http(server: RealtimeServer) -> None:
    """Public messages are delivered; private ones without permission are skipped in silence."""
    async with server.client() as public, server.client() as private:
        await public.join("room:a", private=False)
        await private.join("room:a", server.token(room="a"))
        message = {"topic": "room:a", "event": "hello", "payload": {"text": "hi"}}
        messages = [{**message, "private": True}, message]
        response = await post(server, "broadcast", json={"messages": messages})
        assert (response.status_code, response.content) == (202, b"")
        assert (await public.expect("broadcast"))["payload"] == hello()
        assert await private.hears_nothing_before("room:a")
        headers = {
            "apikey": server.context.keyring.publishable_key,
            "Authorization": f"Bearer {server.token(room='a')}",
        }
        await post(server, "broadcast", json={"messages": messages[:1]}, headers=headers)
        assert (await private.expect("broadcast"))["payload"] == hello()


async def test_one_message_over_http(server: RealtimeServer) -> None:
    """The path names topic and event; JSON and bytes are told apart by their type."""
    async with server.client(vsn="2.0.0") as client:
        await client.join("room/a:1", private=False)
        path = "broadcast/room%2Fa%3A1/events/hello"
        assert (await post(server, path, json={"text": "hi"})).status_code == 202
        headers = {
            "apikey": server.context.keyring.publishable_key,
            "content-type": "application/octet-stream",
        }
        assert (await post(server, path, content=b"\xff", headers=headers)).status_code == 202
        heard = [(await client.expect("broadcast"))["payload"]["payload"] for _ in range(2)]
        assert heard == [{"text": "hi"}, b"\xff"]


async def test_one_private_message_over_http(server: RealtimeServer) -> None:
    """Without a policy the answer says so, with the secret key it passes."""
    async with server.client() as client:
        await client.join("room:a", server.token(room="a"))
        path = "broadcast/room:a/events/hello?private=true"
        refused = await post(server, path, json={})
        assert (refused.status_code, refused.json()) == (403, {"message": "Unauthorized"})
        secret = {"apikey": server.context.keyring.secret_key}
        accepted = await post(server, path, json={"text": "hi"}, headers=secret)
        assert accepted.status_code == 202
        assert (await client.expect("broadcast"))["payload"] == hello()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ("[]", {"messages": ["can't be blank"]}),
        ("{", {"messages": ["can't be blank"]}),
        ('{"messages": [7]}', {"messages": [{"message": ["is invalid"]}]}),
        (
            '{"messages": [{"topic": "", "event": 7}]}',
            {
                "messages": [
                    {
                        "topic": ["can't be blank"],
                        "event": ["is invalid"],
                        "payload": ["can't be blank"],
                    }
                ]
            },
        ),
    ],
)
async def test_a_malformed_batch_names_each_field(
    server: RealtimeServer, body: str, errors: dict[str, Any]
) -> None:
    """422 with the errors, and nothing is sent."""
    response = await post(server, "broadcast", content=body)
    assert (response.status_code, response.json()) == (422, {"errors": errors})


async def test_a_payload_that_is_too_large_is_refused(server: RealtimeServer) -> None:
    """The limit holds over HTTP as well."""
    payload = {"text": "x" * 3_000_001}
    messages = [{"topic": "a", "event": "b", "payload": payload}]
    response = await post(server, "broadcast", json={"messages": messages})
    expected = {"errors": {"messages": [{"payload": ["Payload size exceeds tenant limit"]}]}}
    assert (response.status_code, response.json()) == (422, expected)
    response = await post(server, "broadcast/a/events/b", content=json.dumps(payload))
    assert response.status_code == 422


@pytest.mark.parametrize("path", ["broadcast", "broadcast/a/events/b"])
async def test_http_needs_a_key(server: RealtimeServer, path: str) -> None:
    """Without a key, or with a wrong one, the answer is 401."""
    for headers in ({}, {"apikey": "sb_publishable_wrong"}, {"apikey": "x"}):
        response = await post(server, path, json={}, headers=headers)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
