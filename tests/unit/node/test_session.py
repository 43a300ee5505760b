"""Signing in, and staying signed in."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.config import Settings
from node.errors import PoolRefusalError, PoolUnavailableError, SignInError
from node.session import Session, Sessions
from tests.unit.node.terminal import NOW, POOL, FakePool

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "/auth/v1/token"


def answer(generation: int = 1, **more: Any) -> dict[str, Any]:
    """A session as the pool gives it, with the tokens `a1` and `r1` or later ones."""
    return {
        "access_token": f"a{generation}",
        "refresh_token": f"r{generation}",
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": NOW + 3600,
        "user": {"id": "u1", "email": "me@example.org"},
        **more,
    }


@pytest.fixture
def pool() -> FakePool:
    """The pool that is asked."""
    return FakePool()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that lead to the fake pool."""
    return Settings(url=POOL, data_dir=tmp_path)


@pytest.fixture
def sessions(pool: FakePool, settings: Settings) -> Sessions:
    """Sessions at the fake pool."""
    return Sessions(settings, httpx.MockTransport(pool), clock=lambda: NOW)


async def test_signing_in_keeps_a_private_session(pool: FakePool, sessions: Sessions) -> None:
    """A password gives a session, which lies in a file that only its owner can read."""
    pool.on("POST", TOKEN, answer())
    session = await sessions.sign_in("me@example.org", "pass")
    assert session == Session(POOL, "me@example.org", "u1", "a1", "r1", NOW + 3600)
    assert pool.requests[0].url.params["grant_type"] == "password"
    assert pool.bodies(TOKEN) == [{"email": "me@example.org", "password": "pass"}]
    assert sessions.load() == session
    assert stat.S_IMODE(sessions.path.stat().st_mode) == 0o600


async def test_signing_up_makes_an_account(pool: FakePool, sessions: Sessions) -> None:
    """Where accounts need no confirmation, signing up signs in."""
    pool.on("POST", "/auth/v1/signup", answer())
    assert (await sessions.sign_up("me@example.org", "pass")).access_token == "a1"


async def test_an_account_may_need_confirmation(pool: FakePool, sessions: Sessions) -> None:
    """An account without a session asks for the e-mail to be read, and nothing is kept."""
    pool.on("POST", "/auth/v1/signup", {"id": "u1", "email": "me@example.org"})
    with pytest.raises(SignInError, match="confirmed"):
        await sessions.sign_up("me@example.org", "pass")
    assert not sessions.path.exists()


async def test_a_wrong_password_is_refused(pool: FakePool, sessions: Sessions) -> None:
    """The refusal of the pool is passed on."""
    body = {"code": "invalid_credentials", "message": "Invalid login credentials"}
    pool.on("POST", TOKEN, body, status=400)
    with pytest.raises(PoolRefusalError, match="Invalid login credentials"):
        await sessions.sign_in("me@example.org", "wrong")


async def test_an_answer_without_a_session_is_no_pool(pool: FakePool, sessions: Sessions) -> None:
    """Something else that answers 200 is told apart."""
    pool.on("POST", TOKEN, {"hello": "world"})
    with pytest.raises(PoolUnavailableError, match="cannot be read"):
        await sessions.sign_in("me@example.org", "pass")


async def test_the_given_token_wins(settings: Settings) -> None:
    """SIMPOOL_ACCESS_TOKEN is used as it is, session or not."""
    given = Settings(url=POOL, data_dir=settings.data_dir, access_token="given")
    assert await Sessions(given).token() == "given"


async def test_a_fresh_token_is_used_as_it_is(pool: FakePool, sessions: Sessions) -> None:
    """Nothing is asked while the token lasts."""
    pool.on("POST", TOKEN, answer())
    await sessions.sign_in("me@example.org", "pass")
    assert await sessions.token() == "a1"
    assert len(pool.requests) == 1


async def test_a_token_is_renewed_before_it_ends(pool: FakePool, sessions: Sessions) -> None:
    """A token that ends within a minute is replaced, and so is the one that renews it."""
    pool.on("POST", TOKEN, answer(expires_at=NOW + 59))
    await sessions.sign_in("me@example.org", "pass")
    pool.on("POST", TOKEN, answer(2))
    assert await sessions.token() == "a2"
    assert pool.requests[-1].url.params["grant_type"] == "refresh_token"
    assert pool.bodies(TOKEN)[-1] == {"refresh_token": "r1"}
    assert sessions.load().refresh_token == "r2"


async def test_expiry_may_be_told_as_a_duration(pool: FakePool, sessions: Sessions) -> None:
    """An answer without expires_at counts from now."""
    pool.on("POST", TOKEN, answer(expires_at=None))
    assert (await sessions.sign_in("me@example.org", "pass")).expires_at == NOW + 3600


async def test_another_process_may_renew_first(pool: FakePool, sessions: Sessions) -> None:
    """A refresh token that another process has just used leads to the session it kept."""
    pool.on("POST", TOKEN, answer(expires_at=NOW))
    await sessions.sign_in("me@example.org", "pass")

    def used_meanwhile(_: httpx.Request) -> httpx.Response:
        kept = json.loads(sessions.path.read_text(encoding="utf-8"))
        kept |= {"access_token": "a2", "refresh_token": "r2"}
        sessions.path.write_text(json.dumps(kept), encoding="utf-8")
        return httpx.Response(400, json={"code": "refresh_token_already_used", "message": "used"})

    pool.on("POST", TOKEN, used_meanwhile)
    assert await sessions.token() == "a2"


async def test_an_ended_session_asks_to_sign_in(pool: FakePool, sessions: Sessions) -> None:
    """A refused renewal says that the session has ended."""
    pool.on("POST", TOKEN, answer(expires_at=NOW))
    await sessions.sign_in("me@example.org", "pass")
    pool.on("POST", TOKEN, {"message": "not found"}, status=400)
    with pytest.raises(SignInError, match="session has ended"):
        await sessions.token()


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"url": "x"}', "\x00"])
async def test_no_readable_session_means_not_signed_in(
    sessions: Sessions, content: str | None
) -> None:
    """A missing or damaged file is the same: nobody is signed in, and how to."""
    if content is not None:
        sessions.path.write_text(content, encoding="utf-8")
    with pytest.raises(SignInError, match="not signed in") as caught:
        await sessions.token()
    assert "login" in str(caught.value.advice)


async def test_a_session_of_another_pool_is_not_used(
    pool: FakePool, sessions: Sessions, settings: Settings
) -> None:
    """A token is never sent to a pool it is not from."""
    pool.on("POST", TOKEN, answer())
    await sessions.sign_in("me@example.org", "pass")
    elsewhere = Settings(url="http://other.test", data_dir=settings.data_dir)
    with pytest.raises(SignInError, match=r"signed in to http://pool\.test, not to http://other"):
        await Sessions(elsewhere).token()


def test_tokens_stay_out_of_the_representation() -> None:
    """A session can be logged."""
    assert "secret" not in repr(Session(POOL, "me", "u1", "secret-a", "secret-r", NOW))
