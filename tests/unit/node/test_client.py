"""A user's requests to the pool, and what becomes of refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.client import PoolClient
from node.config import Settings
from node.errors import PoolRefusalError, PoolUnavailableError, SignInError
from tests.unit.node.terminal import POOL, FakePool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pool() -> FakePool:
    """The pool that is asked."""
    return FakePool()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that lead to the fake pool."""
    return Settings(url=POOL, publishable_key="sb_publishable_x", data_dir=tmp_path)


async def token() -> str:
    """The token of a user."""
    return "user-token"


async def test_a_user_is_named_in_each_request(pool: FakePool, settings: Settings) -> None:
    """The key is in `apikey` and the user's token is the bearer; a minted token is never a key."""
    pool.on("POST", "/rest/v1/rpc/f", [1])
    async with PoolClient(settings, token, httpx.MockTransport(pool)) as client:
        assert await client.rpc("f", {"a": 1}) == [1]
    assert pool.requests[0].headers["apikey"] == "sb_publishable_x"
    assert pool.requests[0].headers["authorization"] == "Bearer user-token"
    assert pool.bodies("/rest/v1/rpc/f") == [{"a": 1}]


async def test_a_visitor_sends_only_the_key(pool: FakePool, settings: Settings) -> None:
    """Without a user there is no bearer."""
    pool.on("GET", "/rest/v1/t", [{"a": 1}, "strange"])
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        assert await client.rows("t", select="a") == [{"a": 1}]
    assert "authorization" not in pool.requests[0].headers
    assert pool.requests[0].url.params["select"] == "a"


async def test_handlers_may_be_hosted_apart(pool: FakePool, settings: Settings) -> None:
    """Only requests to handlers go to their own address."""
    pool.on("GET", "/functions/v1/health", {"status": "ok"})
    pool.on("GET", "/rest/v1/t", [])
    apart = replace(settings, handlers="https://handlers.test")
    async with PoolClient(apart, transport=httpx.MockTransport(pool)) as client:
        await client.handler("GET", "health")
        await client.rows("t")
    origins = [f"{request.url.scheme}://{request.url.host}" for request in pool.requests]
    assert origins == ["https://handlers.test", POOL]


async def test_an_empty_answer_is_none(pool: FakePool, settings: Settings) -> None:
    """A function that returns nothing gives None."""
    pool.on("POST", "/rest/v1/rpc/f", httpx.Response(204))
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        assert await client.rpc("f") is None


async def failure(pool: FakePool, settings: Settings, answer: httpx.Response) -> Any:
    """The error that an answer of the pool becomes."""
    pool.on("GET", "/functions/v1/claim", answer)
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        try:
            await client.handler("GET", "claim")
        except (PoolRefusalError, PoolUnavailableError) as error:
            return error
    return None


async def test_a_refusal_of_a_handler_keeps_its_words(pool: FakePool, settings: Settings) -> None:
    """Sentence, code and details of the envelope reach the user."""
    envelope = {"success": False, "error": "Gone.", "code": "GONE", "details": {"at": 1}}
    error = await failure(pool, settings, httpx.Response(410, json=envelope))
    assert (str(error), error.status, error.code) == ("Gone.", 410, "GONE")
    assert error.details == {"at": 1}


async def test_a_refusal_of_the_database_keeps_its_words(
    pool: FakePool, settings: Settings
) -> None:
    """A raised PTnnn has its code in the JSON text of details, and its advice in the hint."""
    body = {
        "code": "PT404",
        "message": "no such job",
        "details": '{"code": "NOT_FOUND", "id": 3}',
        "hint": "Look again.",
    }
    error = await failure(pool, settings, httpx.Response(404, json=body))
    assert (str(error), error.code, error.advice) == ("no such job", "NOT_FOUND", "Look again.")
    assert error.details == {"id": 3}


async def test_details_that_are_plain_text_are_kept(pool: FakePool, settings: Settings) -> None:
    """PostgREST's own details are text."""
    body = {"code": "PGRST116", "message": "no", "details": "0 rows", "hint": None}
    error = await failure(pool, settings, httpx.Response(406, json=body))
    assert (error.code, error.details) == ("PGRST116", {"details": "0 rows"})


@pytest.mark.parametrize("status", [401, 403])
async def test_who_may_not_is_told_to_sign_in(
    pool: FakePool, settings: Settings, status: int
) -> None:
    """A refusal for want of identity is an error of its own, with advice."""
    error = await failure(pool, settings, httpx.Response(status, json={"message": "JWT expired"}))
    assert isinstance(error, SignInError)
    assert "login" in str(error.advice)


async def test_a_limit_says_when_to_come_back(pool: FakePool, settings: Settings) -> None:
    """Retry-After becomes advice."""
    answer = httpx.Response(429, json={"error": "slow down"}, headers={"Retry-After": "7"})
    assert (await failure(pool, settings, answer)).advice == "Try again in 7 s."


async def test_a_pool_that_is_down_is_unavailable(pool: FakePool, settings: Settings) -> None:
    """503 is no refusal: it has the exit code of a pool that does not answer."""
    error = await failure(pool, settings, httpx.Response(503, text="<html>"))
    assert isinstance(error, PoolUnavailableError)
    assert "503" in str(error)


async def test_a_defect_of_the_server_is_traceable(pool: FakePool, settings: Settings) -> None:
    """The id under which the operator finds it is part of the message."""
    answer = httpx.Response(500, json={"error": "Broken."}, headers={"X-Correlation-Id": "abc"})
    error = await failure(pool, settings, answer)
    assert str(error) == "Broken. (correlation id abc)"


async def test_a_pool_that_cannot_be_reached_is_unavailable(
    pool: FakePool, settings: Settings
) -> None:
    """No answer at all names the address and what to do."""
    pool.silent = True
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        with pytest.raises(PoolUnavailableError, match=r"pool\.test does not answer") as caught:
            await client.rpc("f")
    assert "--pool" in str(caught.value.advice)


async def test_an_answer_that_is_not_json_is_unavailable(
    pool: FakePool, settings: Settings
) -> None:
    """Some other server at the address is not taken for a pool."""
    pool.on("POST", "/rest/v1/rpc/f", httpx.Response(200, text="<html>hello"))
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        with pytest.raises(PoolUnavailableError, match="not JSON"):
            await client.rpc("f")
