"""GET and PUT /user, and the calls that need no user."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.db.auth.support import EMAIL, PASSWORD

if TYPE_CHECKING:
    from tests.db.auth.support import Auth


async def test_get_user(auth: Auth) -> None:
    """The token's user is answered as sign-up answered it."""
    session = await auth.sign_up()
    response = await auth.call("GET", "user", token=session["access_token"])
    assert (response.status_code, response.json()) == (200, session["user"])


async def test_update_metadata(auth: Auth) -> None:
    """New metadata is merged into the old; null at the top removes a member."""
    session = await auth.sign_up(data={"a": 1, "b": 2})
    body = {"data": {"b": None, "c": {"d": None}}}
    response = await auth.call("PUT", "user", body, token=session["access_token"])
    metadata = response.json()["user_metadata"]
    assert (metadata["a"], metadata["c"]) == (1, {"d": None})
    assert "b" not in metadata


async def test_update_password_ends_other_sessions(auth: Auth) -> None:
    """A new password replaces the old one, and only this session goes on."""
    session = await auth.sign_up()
    other = (await auth.sign_in()).json()
    body = {"password": "another horse"}
    response = await auth.call("PUT", "user", body, token=session["access_token"])
    assert response.status_code == 200
    assert (await auth.sign_in()).status_code == 400
    assert (await auth.sign_in(password="another horse")).status_code == 200
    assert (await auth.refresh(other["refresh_token"])).status_code == 400
    assert (await auth.refresh(session["refresh_token"])).status_code == 200


async def test_update_email(auth: Auth) -> None:
    """A new address holds at once, for the user and for the identity."""
    session = await auth.sign_up()
    body = {"email": "Lovelace@example.com"}
    user = (await auth.call("PUT", "user", body, token=session["access_token"])).json()
    assert user["email"] == "lovelace@example.com"
    assert user["identities"][0]["identity_data"]["email"] == "lovelace@example.com"
    assert (await auth.sign_in("lovelace@example.com")).status_code == 200


async def test_anonymous_user_becomes_permanent(auth: Auth) -> None:
    """An anonymous user who gives an address and a password can sign in with them."""
    session = (await auth.call("POST", "signup", {})).json()
    body = {"email": EMAIL, "password": PASSWORD}
    user = (await auth.call("PUT", "user", body, token=session["access_token"])).json()
    assert (user["id"], user["is_anonymous"]) == (session["user"]["id"], False)
    assert user["app_metadata"]["provider"] == "email"
    assert (await auth.sign_in()).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"password": PASSWORD}, 422, "same_password"),
        ({"password": "x"}, 422, "weak_password"),
        ({"email": "taken@example.com"}, 422, "email_exists"),
        ({"email": "nobody"}, 400, "validation_failed"),
        ({"phone": "+1"}, 400, "phone_provider_disabled"),
        ({"nonce": "1"}, 501, "not_implemented"),
        ({"data": 1}, 400, "bad_json"),
    ],
)
async def test_bad_update_is_refused(
    auth: Auth, body: dict[str, Any], status: int, code: str
) -> None:
    """Each wrong change gets its code, and changes nothing."""
    await auth.sign_up("taken@example.com")
    session = await auth.sign_up()
    before = auth.rows("select * from auth.users order by id")
    response = await auth.call("PUT", "user", body, token=session["access_token"])
    assert (response.status_code, response.json()["error_code"]) == (status, code)
    assert auth.rows("select * from auth.users order by id") == before


async def test_anonymous_user_needs_an_address_for_a_password(auth: Auth) -> None:
    """A password alone would be of no use to an anonymous user."""
    session = (await auth.call("POST", "signup", {})).json()
    response = await auth.call("PUT", "user", {"password": PASSWORD}, token=session["access_token"])
    assert (response.status_code, response.json()["error_code"]) == (422, "validation_failed")


async def test_signed_out_client_is_no_user(auth: Auth) -> None:
    """The project's key alone, as header or as bearer, is no user."""
    key = auth.context.keyring.publishable_key
    for token in (None, key):
        response = await auth.call("GET", "user", token=token)
        assert (response.status_code, response.json()["error_code"]) == (403, "bad_jwt")


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"sub": str(uuid.UUID(int=7))}, 403, "user_not_found"),
        ({"sub": "someone"}, 400, "bad_jwt"),
        ({}, 403, "bad_jwt"),
    ],
)
async def test_token_of_nobody(auth: Auth, claims: dict[str, Any], status: int, code: str) -> None:
    """A well-signed token that names no user of ours is refused."""
    claims = {"role": "authenticated", "aud": "authenticated", **claims}
    token = auth.context.keyring.issue(claims, expires_in=60, now=auth.clock())
    response = await auth.call("GET", "user", token=token)
    assert (response.status_code, response.json()["error_code"]) == (status, code)


async def test_session_claim_must_be_an_id(auth: Auth) -> None:
    """A token with a session that cannot be one is refused."""
    user = (await auth.sign_up())["user"]["id"]
    claims = {"sub": user, "role": "authenticated", "session_id": "x"}
    token = auth.context.keyring.issue(claims, expires_in=60, now=auth.clock())
    response = await auth.call("GET", "user", token=token)
    assert (response.status_code, response.json()["error_code"]) == (403, "bad_jwt")


async def test_expired_and_foreign_tokens(auth: Auth) -> None:
    """An expired token and one that is no token are refused as such."""
    session = await auth.sign_up()
    auth.clock.now += 3601
    for token in (session["access_token"], "not.a.token"):
        response = await auth.call("GET", "user", token=token)
        assert (response.status_code, response.json()["error_code"]) == (403, "bad_jwt")


@pytest.mark.parametrize("path", ["health", "settings", "user", "admin/users"])
async def test_calls_need_a_key(auth: Auth, path: str) -> None:
    """Without the project's key nothing is answered."""
    response = await auth.client.get(f"/auth/v1/{path}")
    assert (response.status_code, response.json()["error_code"]) == (401, "no_authorization")


async def test_public_keys_need_no_key(auth: Auth) -> None:
    """Anybody may read the public keys, and they are public."""
    response = await auth.client.get("/auth/v1/.well-known/jwks.json")
    assert response.json() == auth.context.keyring.jwks()
    assert "d" not in response.json()["keys"][0]


async def test_health_and_settings(auth: Auth) -> None:
    """The service says what it is and what is switched on."""
    assert (await auth.call("GET", "health")).json()["name"] == "GoTrue"
    settings = (await auth.call("GET", "settings")).json()
    assert settings["external"]["email"] is True
    assert settings["mailer_autoconfirm"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "otp"),
        ("POST", "recover"),
        ("POST", "verify"),
        ("GET", "authorize"),
        ("POST", "factors"),
        ("POST", "admin/generate_link"),
        ("DELETE", "user"),
        ("GET", "user?select=id"),
        ("GET", "admin/users?filter=ada"),
    ],
)
async def test_what_is_missing_says_so(auth: Auth, method: str, path: str) -> None:
    """An endpoint or parameter that is not there is refused with 501, never ignored."""
    headers = {"apikey": auth.context.keyring.secret_key}
    response = await auth.client.request(method, f"/auth/v1/{path}", headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (501, "not_implemented")


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"[" * 100_000])
async def test_body_that_is_no_json_object(auth: Auth, body: bytes) -> None:
    """A body that cannot be read is refused, whatever its bytes."""
    headers = {"apikey": auth.context.keyring.publishable_key}
    response = await auth.client.post("/auth/v1/signup", content=body, headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "bad_json")
