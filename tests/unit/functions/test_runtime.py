"""What every handler does alike: errors, limits, logs, browsers."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from _shared.logs import JsonFormatter
from tests.unit.functions.support import NODE_ID, NODE_KEY, ORIGIN, USER_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.functions.support import Pool

REGISTER = "/functions/v1/node-register"
TOKEN = "/functions/v1/node-token"
CLAIM = "/functions/v1/claim"
MIB = 1024 * 1024


async def test_unknown_path(pool: Pool) -> None:
    """A path that nothing answers is 404, in the envelope of every error."""
    response = await pool.client.get("/functions/v1/nothing")
    assert response.status_code == 404
    assert response.json() == {
        "success": False,
        "error": "There is no such path.",
        "code": "NOT_FOUND",
        "details": {},
    }


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", REGISTER, "POST"),
        ("PUT", TOKEN, "POST"),
        ("DELETE", CLAIM, "GET, POST"),
        ("PATCH", "/functions/v1/health", "GET"),
        ("POST", "/api/v1/network/stats", "GET"),
    ],
)
async def test_unknown_method(pool: Pool, method: str, path: str, allow: str) -> None:
    """A method that a path does not answer is 405, and Allow lists all that it does."""
    response = await pool.client.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_trailing_slash_is_another_path(pool: Pool) -> None:
    """There is one spelling of each path; others are not redirected."""
    assert (await pool.client.get("/functions/v1/health/")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\u0000"}',
        b'{"a\\u0000": 1}',
        b'{"a": "\\ud800"}',
        b'["' + b"[" * 20_000,
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
async def test_malformed_json(pool: Pool, body: bytes) -> None:
    """Bytes that are no JSON we can store are 400, before anything else is looked at."""
    headers = {"content-type": "application/json"}
    response = await pool.client.post(REGISTER, content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["code"] == "INVALID_REQUEST"
    assert response.json()["error"] == "The body is not a JSON document."
    assert response.json()["details"]["body"].startswith("expected ")


@pytest.mark.parametrize("body", ["[]", "1", "null", '"text"'])
async def test_json_that_is_no_object(pool: Pool, body: str) -> None:
    """JSON of another shape than an object is 400, and says what is expected."""
    response = await pool.signed(REGISTER, body)
    assert response.status_code == 400
    assert set(response.json()["details"]) == {"body"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_wrong_content_type(pool: Pool, content_type: str) -> None:
    """A body that does not say it is JSON is 400."""
    response = await pool.signed(TOKEN, headers={"content-type": content_type})
    assert response.status_code == 400
    assert response.json()["details"] == {"content-type": "expected application/json"}


async def test_content_type_may_name_its_charset(pool: Pool) -> None:
    """Parameters of the content type do no harm."""
    pool.database.answers["private.node_token"] = {"id": NODE_ID, "topic": "node:1"}
    content_type = "Application/JSON; charset=utf-8"
    response = await pool.signed(TOKEN, headers={"content-type": content_type})
    assert response.status_code == 200


async def test_unknown_query_is_refused(pool: Pool) -> None:
    """A query parameter that would be ignored is 400 instead."""
    response = await pool.client.get("/functions/v1/health?verbose=1")
    assert response.status_code == 400
    assert response.json()["details"] == {"query.verbose": "is not known"}


async def test_announced_large_body_is_not_read(pool: Pool) -> None:
    """A body over 1 MiB is refused by its announced length, before a byte of it is read."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    headers = {"content-length": str(MIB + 1), "content-type": "application/json"}
    response = await pool.client.post(REGISTER, content=body(), headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "TOO_LARGE"
    assert response.json()["details"] == {"largest_body_bytes": MIB}
    assert read == 0


async def test_unannounced_large_body_is_cut_off(pool: Pool) -> None:
    """A body without a length is refused as soon as it passes 1 MiB."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * (MIB // 4)

    headers = {"content-type": "application/json"}
    response = await pool.client.post(REGISTER, content=body(), headers=headers)
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert read == 5


@pytest.mark.parametrize("length", ["-1", "ten", "1" * 30])
async def test_nonsense_length(pool: Pool, length: str) -> None:
    """A length that is none is refused, not trusted."""
    headers = {"content-length": length, "content-type": "application/json"}
    response = await pool.client.post(REGISTER, content=b"{}", headers=headers)
    assert response.status_code in {400, 413}


async def test_unexpected_error_leaks_nothing(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """A 500 tells the correlation id and nothing else; the log has the cause under that id."""
    pool.database.answers["private.node_token"] = RuntimeError("password=hunter2")
    response = await pool.signed(TOKEN)
    assert response.status_code == 500
    correlation_id = response.headers["x-correlation-id"]
    assert response.json() == {
        "success": False,
        "error": "Something went wrong on the server; the correlation id finds it in the log.",
        "code": "SERVER_ERROR",
        "details": {"correlation_id": correlation_id},
    }
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    line = json.loads(JsonFormatter().format(record))
    assert line["correlation_id"] == correlation_id
    assert "hunter2" in line["exception"]


async def test_database_that_does_not_answer(pool: Pool) -> None:
    """Without its database a handler answers 503, and when to try again."""
    pool.database.is_down = True
    response = await pool.signed(TOKEN)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert response.json()["code"] == "UNAVAILABLE"


async def test_one_log_line_per_request(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """Each request is one line that says what was done, by whom, and how it went."""
    caplog.set_level(logging.INFO)
    pool.database.answers["private.node_token"] = {"id": NODE_ID, "topic": f"node:{NODE_ID}"}
    response = await pool.signed(TOKEN, headers={"x-correlation-id": "trace-0001"})
    [line] = lines(caplog)
    assert line.pop("duration_ms") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "simpool.functions",
        "message": f"POST {TOKEN} 200",
        "action": "node_token",
        "method": "POST",
        "path": TOKEN,
        "status": 200,
        "correlation_id": "trace-0001",
        "node_key": NODE_KEY,
        "node_id": NODE_ID,
    }
    assert response.headers["x-correlation-id"] == "trace-0001"


async def test_log_has_no_secrets(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """Neither codes, nor tokens, nor signatures reach the log."""
    caplog.set_level(logging.DEBUG)
    pool.database.answers["public.verify_claim_code"] = RuntimeError("no")
    await pool.as_user("GET", f"{CLAIM}?code=K7M2QX")
    pool.database.answers["private.node_token"] = {"id": NODE_ID, "topic": "node:1"}
    token = (await pool.signed(TOKEN)).json()["accessToken"]
    ours = [record for record in caplog.records if record.name == "simpool.functions"]
    text = "".join(JsonFormatter().format(record) for record in ours)
    assert USER_ID in text
    for secret in ("K7M2QX", "Bearer", token, "node=:", "nonce"):
        assert secret not in text


async def test_refused_requests_are_logged_too(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """A path that nothing answers, and a body too large, have their lines as well."""
    caplog.set_level(logging.INFO)
    await pool.client.get("/nothing")
    await pool.client.post(REGISTER, content=b" " * (MIB + 1))
    assert [(line["status"], line["action"]) for line in lines(caplog)] == [
        (404, "none"),
        (413, "none"),
    ]


async def test_caller_who_goes_away(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """A caller who hangs up in mid-body is no error of ours: one line, without an answer."""
    caplog.set_level(logging.INFO)
    messages = iter(
        [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": TOKEN,
        "query_string": b"",
        "headers": headers,
    }
    await pool.app(scope, receive, send)
    assert sent == []
    assert [line["status"] for line in lines(caplog)] == [499]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("given", ["short", "x" * 65, "two words", "a\tb-------"])
async def test_strange_correlation_id_is_replaced(pool: Pool, given: str) -> None:
    """A correlation id that could upset a log is not taken over."""
    response = await pool.client.get("/nothing", headers={"x-correlation-id": given})
    assert response.headers["x-correlation-id"] != given
    assert len(response.headers["x-correlation-id"]) == 32


async def test_browsers_may_ask(pool: Pool) -> None:
    """A preflight is answered for any origin, method and header that handlers take."""
    headers = {
        "origin": "https://portal.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, apikey",
    }
    response = await pool.client.options(CLAIM, headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "apikey" in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", ["/functions/v1/health", "/nothing", CLAIM])
async def test_browsers_may_read_answers_and_errors(pool: Pool, path: str) -> None:
    """Whatever the answer, a browser may read it, with the headers that matter."""
    response = await pool.client.get(path, headers={"origin": "https://portal.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in response.headers["access-control-expose-headers"]


async def test_browsers_may_read_a_server_error(pool: Pool) -> None:
    """Even a 500 carries the headers without which a browser would hide it."""
    pool.database.answers["public.get_network_stats"] = RuntimeError("no")
    headers = {"origin": "https://portal.example"}
    response = await pool.client.get("/functions/v1/network-stats", headers=headers)
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"


async def test_lifespan_opens_and_closes_the_database(pool: Pool) -> None:
    """The database is opened with the application; that it is closed, the fixture's end shows."""
    assert pool.database.is_open
    assert pool.client.base_url == ORIGIN


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the request lines of the log."""
    records = [r for r in caplog.records if r.name == "simpool.functions" and r.levelname == "INFO"]
    return [json.loads(JsonFormatter().format(record)) for record in records]
