"""The signed client against a scripted server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from _shared.signatures import Message, verify
from node.auth import NodeKey
from node.errors import (
    PoolRefusalError,
    PoolUnavailableError,
    ProtocolError,
    RateLimitedError,
    UnauthorizedError,
)
from node.sentinel import Sentinel

NOW = 1_767_225_600.0
URL = "http://pool.example:8000"
KEY = NodeKey(bytes(range(32)))
TOKEN = {
    "accessToken": "jwt",
    "expiresAt": "2026-01-01T01:00:00Z",
    "nodeId": "node-1",
    "topic": "node:node-1",
}

Handler = Callable[[httpx.Request], httpx.Response]


def sentinel(handler: Handler, *, now: float = NOW) -> Sentinel:
    """A sentinel whose server is a function."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return Sentinel(client, KEY, URL, "sb_publishable_x", clock=lambda: now)


def answering(status: int, body: object = None, **headers: str) -> Handler:
    """A server that always says the same."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, json=body, headers=named)


def http_date(seconds: float) -> str:
    """A Date header."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def verified(request: httpx.Request, now: float = NOW) -> str:
    """Who signed this request, by the handlers' own verifier."""
    message = Message(
        request.method,
        request.url.netloc.decode(),
        request.url.raw_path.decode().partition("?")[0],
        request.url.query.decode(),
        request.headers,
    )
    return verify(message, request.content, now=now).public_key


async def test_requests_are_signed_and_carry_the_key_of_the_pool() -> None:
    """The handlers' verifier names this node as the sender."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=TOKEN)

    await sentinel(handler).token()
    assert verified(seen[0]) == KEY.public_key
    assert seen[0].headers["apikey"] == "sb_publishable_x"
    assert seen[0].url == f"{URL}/functions/v1/node-token"


async def test_a_registration_gives_a_claim_code() -> None:
    """Names come back in the node's own spelling."""
    bodies: list[object] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        answer = {
            "id": "node-1",
            "claimCode": "ABC234",
            "claimCodeExpiresAt": "2026-01-01T00:15:00Z",
            "unknownField": 1,
        }
        return httpx.Response(201, json=answer)

    answer = await sentinel(handler).register({"hostname": "atlas"})
    assert bodies == [{"hostname": "atlas"}]
    assert (answer.id, answer.claimed, answer.claim_code) == ("node-1", False, "ABC234")
    assert answer.claim_code_expires_at == datetime(2026, 1, 1, 0, 15, tzinfo=UTC)


async def test_a_claimed_node_hears_its_name() -> None:
    """Instead of a code."""
    body = {"id": "node-1", "claimed": True, "name": "atlas", "maxParallel": 4}
    answer = await sentinel(answering(200, body)).register({})
    assert (answer.claimed, answer.name, answer.max_parallel) == (True, "atlas", 4)


async def test_a_token_says_when_it_ends() -> None:
    """And does not show itself in a traceback."""
    token = await sentinel(answering(200, TOKEN)).token()
    assert token.expires_at.timestamp() == NOW + 3600
    assert "jwt" not in repr(token)


async def test_unregistering_names_the_node() -> None:
    """The row is gone."""
    assert await sentinel(answering(200, {"id": "node-1"})).unregister() == "node-1"


async def test_health_is_not_signed() -> None:
    """Anybody may ask."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert "signature" not in request.headers
        return httpx.Response(200, json={"status": "ok"})

    assert await sentinel(handler).health() == {"status": "ok"}


async def test_a_wrong_clock_is_corrected_by_the_answers_date_and_the_call_repeated() -> None:
    """The second request is signed with the server's time and a new nonce."""
    server_now, nonces = NOW + 7200.0, set()

    def handler(request: httpx.Request) -> httpx.Response:
        nonces.add(request.headers["signature-input"].partition('nonce="')[2].partition('"')[0])
        try:
            verified(request, server_now)
        except Exception as error:  # noqa: BLE001  # a server refuses whatever is wrong
            return httpx.Response(401, json={"error": str(error)}, headers={"date": date})
        return httpx.Response(200, json=TOKEN, headers={"date": date})

    date = http_date(server_now)
    node = sentinel(handler)
    await node.token()
    assert node.clock_correction == pytest.approx(7200.0)
    assert node.now() == pytest.approx(server_now)
    assert len(nonces) == 2


async def test_the_clock_is_corrected_once() -> None:
    """A server that always refuses cannot make the node ask for ever, or move its clock about."""
    calls = 0

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        date = http_date(NOW + 86_400.0 * calls)
        return httpx.Response(401, json={"error": "skew"}, headers={"date": date})

    node = sentinel(handler)
    with pytest.raises(UnauthorizedError):
        await node.token()
    with pytest.raises(UnauthorizedError) as caught:
        await node.token()
    assert calls == 3
    assert node.clock_correction == pytest.approx(86_400.0)
    assert "clock is off by 86400 s" in caught.value.diagnostics()


async def test_a_refused_signature_with_a_right_clock_is_not_repeated() -> None:
    """The clock is not why."""
    calls = 0

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(401, json={"error": "no"}, headers={"date": http_date(NOW)})

    with pytest.raises(UnauthorizedError, match="no"):
        await sentinel(handler).token()
    assert calls == 1


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, PoolRefusalError, "INVALID_REQUEST"),
        (403, PoolRefusalError, "FORBIDDEN"),
        (404, PoolRefusalError, "NOT_FOUND"),
        (409, PoolRefusalError, "CONFLICT"),
        (410, PoolRefusalError, "GONE"),
        (413, PoolRefusalError, "TOO_LARGE"),
        (500, PoolRefusalError, "SERVER_ERROR"),
        (401, UnauthorizedError, "UNAUTHORIZED"),
    ],
)
async def test_an_error_envelope_becomes_a_typed_error(
    status: int, kind: type[PoolRefusalError], code: str
) -> None:
    """With the sentence for a person, the code for a program, and the details."""
    body = {"success": False, "error": "because", "code": code, "details": {"a": 1}}
    with pytest.raises(kind, match="because") as caught:
        await sentinel(answering(status, body)).token()
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.details == {"a": 1}


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_server_that_cannot_serve_now_is_unavailable(status: int) -> None:
    """Whatever proxy says so, in whatever words."""
    with pytest.raises(PoolUnavailableError, match=str(status)):
        await sentinel(lambda _: httpx.Response(status, text="<html>")).token()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("17", 17.0),
        (http_date(NOW + 30.0), 30.0),
        (http_date(NOW - 30.0), 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("999999999", 3600.0),
    ],
)
async def test_retry_after_is_read_in_both_forms(value: str, expected: float) -> None:
    """Seconds or a date (RFC 9110); nonsense asks for nothing, and no wait is absurd."""
    handler = answering(429, {"error": "slow"}, Retry_After=value, Date=http_date(NOW))
    with pytest.raises(RateLimitedError) as caught:
        await sentinel(handler).token()
    assert caught.value.retry_after == expected


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadError(""), httpx.RemoteProtocolError("x")]
)
async def test_a_broken_connection_is_unavailable(error: httpx.HTTPError) -> None:
    """No error of the HTTP library escapes."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(PoolUnavailableError, match=r"pool\.example cannot be reached"):
        await sentinel(handler).token()


async def test_a_timeout_says_so() -> None:
    """It is not the same as a refused connection."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with pytest.raises(PoolUnavailableError, match="did not answer in time"):
        await sentinel(handler).token()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"accessToken": 1, "expiresAt": "2026-01-01T00:00:00Z", "nodeId": "n", "topic": "t"}',
        b'{"accessToken": "a", "expiresAt": "never", "nodeId": "n", "topic": "t"}',
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_protocol_error(body: bytes) -> None:
    """Whatever the bytes."""
    with pytest.raises(ProtocolError):
        await sentinel(lambda _: httpx.Response(200, content=body)).token()
