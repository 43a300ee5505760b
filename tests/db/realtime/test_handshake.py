"""The handshake: who gets a socket, and what the others are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets

from local.realtime.limits import Limits
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.db.realtime.client import RealtimeServer
    from tests.db.realtime.conftest import Clock


async def refusal(server: RealtimeServer, **arguments: Any) -> tuple[int, str]:
    """The status and the error of a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with server.client(**arguments):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]


@pytest.mark.parametrize("name", ["publishable_key", "secret_key", "anon_key", "service_role_key"])
async def test_every_kind_of_key_opens_a_socket(server: RealtimeServer, name: str) -> None:
    """New keys and legacy keys alike."""
    async with server.client(key=getattr(server.context.keyring, name)) as client:
        await client.heartbeat()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nonsense", "The token provided is not a valid JWT"),
        ("sb_publishable_wrong", "The token provided is not a valid JWT"),
    ],
)
async def test_a_wrong_key_is_refused(server: RealtimeServer, key: str, message: str) -> None:
    """401 with the documented words."""
    assert await refusal(server, key=key) == (401, message)


async def test_a_missing_key_is_refused(server: RealtimeServer) -> None:
    """401 with the documented words."""
    assert await refusal(server, key=" ") == (401, "The token provided is not a valid JWT")
    uri = f"ws://127.0.0.1:{server.port}/realtime/v1/websocket"
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with websockets.connect(uri):
            pass
    assert caught.value.response.body == b'{"error":"API key is missing"}'


async def test_an_expired_key_is_refused(server: RealtimeServer, clock: Clock) -> None:
    """A legacy key ends after ten years."""
    clock.ahead = 11 * 365 * 24 * 3600.0
    key = server.context.keyring.anon_key
    assert await refusal(server, key=key) == (401, "Token has expired")


async def test_a_forged_key_is_refused(server: RealtimeServer) -> None:
    """401 with the documented words."""
    head, body, signature = server.context.keyring.anon_key.split(".")
    key = f"{head}.{body}.{'A' * len(signature)}"
    assert await refusal(server, key=key) == (401, "Failed to validate JWT signature")


async def test_the_header_goes_before_the_query(server: RealtimeServer) -> None:
    """`x-api-key` is what the server looks at first."""
    uri = f"ws://127.0.0.1:{server.port}/realtime/v1/websocket?apikey=nonsense"
    headers = {"x-api-key": server.context.keyring.publishable_key}
    async with websockets.connect(uri, additional_headers=headers) as socket:
        assert socket.state is websockets.State.OPEN


async def test_an_unknown_version_is_refused(server: RealtimeServer) -> None:
    """Only the two dialects are spoken."""
    status, message = await refusal(server, vsn="3.0.0")
    assert (status, message) == (400, "the protocol version '3.0.0' is not supported")


async def test_a_refusal_is_no_failure_of_the_server(
    server: RealtimeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged as an error."""
    await refusal(server, key="nonsense")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_what_is_not_served_says_so(server: RealtimeServer) -> None:
    """Unknown paths and methods answer in JSON."""
    async with httpx.AsyncClient(base_url=f"{server.url}/realtime/v1", timeout=PATIENCE) as http:
        unknown, wrong = await http.get("/nothing"), await http.get("/api/broadcast")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Not Found"})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


class TestFullHouse:
    """A stand-in that is full."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Room for one."""
        return Limits(connections=1, handshake_backoff=0.0)

    async def test_one_too_many_is_refused(self, server: RealtimeServer) -> None:
        """429 with the documented words; a place that was left is free again."""
        async with server.client():
            assert await refusal(server) == (429, "Too many connected users")
        await server.until_empty()
        async with server.client() as client:
            await client.heartbeat()
