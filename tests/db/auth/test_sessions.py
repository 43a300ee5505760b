"""Signing in, staying signed in, signing out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.db.auth.support import EMAIL, PASSWORD, running_auth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import TestDatabase
    from tests.db.auth.support import Auth


async def test_password_grant(auth: Auth) -> None:
    """The right password gives a new session, and the time of sign-in is kept."""
    first = await auth.sign_up()
    auth.clock.now += 60
    response = await auth.sign_in()
    assert response.status_code == 200
    assert response.json()["refresh_token"] != first["refresh_token"]
    assert response.json()["user"]["last_sign_in_at"] == "2027-01-15T08:01:00Z"
    assert auth.rows("select count(*) from auth.sessions") == [(2,)]


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong horse"), ("nobody@example.com", PASSWORD)]
)
async def test_wrong_credentials(auth: Auth, email: str, password: str) -> None:
    """A wrong password and an unknown address are refused in the same words."""
    await auth.sign_up()
    response = await auth.sign_in(email, password)
    assert response.status_code == 400
    assert response.json() == {
        "code": 400,
        "error_code": "invalid_credentials",
        "msg": "Invalid login credentials",
    }


async def test_anonymous_user_has_no_password_to_guess(auth: Auth) -> None:
    """Nobody signs in as a user without an address."""
    await auth.call("POST", "signup", {})
    response = await auth.sign_in("", "")
    assert response.json()["error_code"] == "validation_failed"


async def test_refresh_rotates(auth: Auth) -> None:
    """A refresh gives another refresh token and a newer access token of the same session."""
    first = await auth.sign_up()
    auth.clock.now += 100
    second = (await auth.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    verify = auth.context.keyring.verify
    old = verify(first["access_token"], now=auth.clock())
    new = verify(second["access_token"], now=auth.clock())
    assert new["session_id"] == old["session_id"]
    assert new["exp"] == old["exp"] + 100


async def test_lost_answer_of_a_refresh_can_be_asked_again(auth: Auth) -> None:
    """The last used token gives the same successor again, however late."""
    first = await auth.sign_up()
    second = (await auth.refresh(first["refresh_token"])).json()
    auth.clock.now += 3600
    again = (await auth.refresh(first["refresh_token"])).json()
    assert again["refresh_token"] == second["refresh_token"]


async def test_concurrent_refreshes_agree(auth: Auth) -> None:
    """Two refreshes at the same moment give the same successor."""
    first = await auth.sign_up()
    one, two = await asyncio.gather(
        auth.refresh(first["refresh_token"]), auth.refresh(first["refresh_token"])
    )
    assert one.json()["refresh_token"] == two.json()["refresh_token"]
    assert auth.rows("select count(*) from auth.refresh_tokens") == [(2,)]


async def test_reuse_within_the_window(auth: Auth) -> None:
    """An older token is good for ten more seconds, for clients that race with themselves."""
    tokens = await chain(auth, 3)
    auth.clock.now += 10
    assert (await auth.refresh(tokens[0])).status_code == 200


async def test_later_reuse_ends_the_chain(auth: Auth) -> None:
    """An older token used later is taken for stolen: from then on no token of the chain works."""
    tokens = await chain(auth, 3)
    auth.clock.now += 11
    response = await auth.refresh(tokens[0])
    assert response.status_code == 400
    assert response.json()["error_code"] == "refresh_token_already_used"
    assert auth.rows("select count(*) from auth.refresh_tokens where not revoked") == [(0,)]
    auth.clock.now += 11
    last = await auth.refresh(tokens[-1])
    assert last.json()["error_code"] == "refresh_token_already_used"


async def test_reuse_leaves_other_sessions_alone(auth: Auth) -> None:
    """A stolen chain ends alone; the user's other sessions go on."""
    tokens = await chain(auth, 3)
    other = (await auth.sign_in()).json()
    auth.clock.now += 11
    await auth.refresh(tokens[0])
    assert (await auth.refresh(other["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("token", "code"), [("unknown-token-123", "refresh_token_not_found"), ("", "validation_failed")]
)
async def test_unknown_refresh_token(auth: Auth, token: str, code: str) -> None:
    """A token that was never given is not found."""
    response = await auth.refresh(token)
    assert (response.status_code, response.json()["error_code"]) == (400, code)


async def test_banned_user_is_out(auth: Auth) -> None:
    """A banned user cannot sign in, refresh, or use a token; when the ban ends, all works."""
    session = await auth.sign_up()
    await auth.admin("PUT", f"users/{session['user']['id']}", {"ban_duration": "30m"})
    answers = [
        await auth.sign_in(),
        await auth.refresh(session["refresh_token"]),
        await auth.call("GET", "user", token=session["access_token"]),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 403]
    assert {answer.json()["error_code"] for answer in answers} == {"user_banned"}
    auth.clock.now += 1801
    assert (await auth.sign_in()).status_code == 200


@pytest.mark.parametrize(
    ("scope", "left"), [("", 0), ("?scope=global", 0), ("?scope=local", 1), ("?scope=others", 1)]
)
async def test_log_out_scopes(auth: Auth, scope: str, left: int) -> None:
    """Signing out ends all sessions, this one, or all others."""
    mine = await auth.sign_up()
    other = (await auth.sign_in()).json()
    response = await auth.call("POST", f"logout{scope}", token=mine["access_token"])
    assert (response.status_code, response.content) == (204, b"")
    assert auth.rows("select count(*) from auth.sessions") == [(left,)]
    survivor = mine if scope == "?scope=others" else other
    expected = 200 if left else 400
    assert (await auth.refresh(survivor["refresh_token"])).status_code == expected


async def test_log_out_with_an_unknown_scope(auth: Auth) -> None:
    """A scope that is none ends nothing."""
    session = await auth.sign_up()
    response = await auth.call("POST", "logout?scope=moon", token=session["access_token"])
    assert (response.status_code, response.json()["error_code"]) == (400, "validation_failed")
    assert auth.rows("select count(*) from auth.sessions") == [(1,)]


async def test_token_ends_with_its_session(auth: Auth) -> None:
    """An access token whose session has ended no longer names a user here."""
    session = await auth.sign_up()
    await auth.call("POST", "logout", token=session["access_token"])
    response = await auth.call("GET", "user", token=session["access_token"])
    assert (response.status_code, response.json()["error_code"]) == (403, "session_not_found")


@pytest.mark.parametrize(
    ("grant", "status", "code"),
    [("", 400, "invalid_request"), ("?grant_type=pkce", 501, "not_implemented")],
)
async def test_other_grants(auth: Auth, grant: str, status: int, code: str) -> None:
    """Other grants are refused in so many words."""
    response = await auth.call("POST", f"token{grant}", {})
    assert (response.status_code, response.json()["error_code"]) == (status, code)


async def test_lost_connections_are_replaced(auth: Auth) -> None:
    """When the server has cut its connections, the next sign-in does not notice."""
    await auth.sign_up()
    auth.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'simpool-auth' and datname = current_database()"
    )
    assert (await auth.sign_in()).status_code == 200


async def test_database_that_is_not_there(
    platform_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its database the service answers 503, which clients take as a reason to retry."""
    monkeypatch.setattr("local.auth.service.WAIT_SECONDS", 0.2)
    nowhere = "postgresql://127.0.0.1:1/none"
    async with running_auth(platform_database, tmp_path, nowhere) as auth:
        response = await auth.sign_in()
    assert response.status_code == 503


async def chain(auth: Auth, length: int) -> list[Any]:
    """Return the refresh tokens of a session, oldest first; the last one is unused."""
    tokens = [(await auth.sign_up())["refresh_token"]]
    while len(tokens) < length:
        tokens.append((await auth.refresh(tokens[-1])).json()["refresh_token"])
    return tokens
