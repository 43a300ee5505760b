"""Signing up, in and out through supabase-py, blocking and not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from supabase import AuthApiError, AuthWeakPasswordError
from tests.conformance.clients import PASSWORD, done, some_email

if TYPE_CHECKING:
    from tests.conformance.clients import Caller


async def failure_of(call: Any) -> AuthApiError:
    """The error of a call that must fail; `call` begins it."""
    with pytest.raises(AuthApiError) as error:
        await done(call())
    return error.value


async def test_sign_up(anonymous: Caller) -> None:
    """A new user has a session, an identity and their own metadata."""
    email = some_email()
    response = await anonymous.sign_up(email, color="blue")
    assert response.user.email == email
    assert response.user.role == "authenticated"
    assert response.user.user_metadata["color"] == "blue"
    assert response.user.app_metadata["provider"] == "email"
    assert [each.provider for each in response.user.identities] == ["email"]
    assert response.user.is_anonymous is False
    session = response.session
    assert session.token_type == "bearer"
    assert session.expires_in > 0
    assert session.expires_at > time.time()


async def test_password(anonymous: Caller, visitor: Caller) -> None:
    """The right password signs in, in any case of the address; another does not."""
    email = some_email()
    signed_up = await anonymous.sign_up(email)
    credentials = {"email": email.upper(), "password": PASSWORD}
    response = await done(visitor.client.auth.sign_in_with_password(credentials))
    assert response.user.id == signed_up.user.id
    assert response.user.last_sign_in_at is not None
    error = await failure_of(
        lambda: visitor.client.auth.sign_in_with_password({"email": email, "password": "wrong"})
    )
    assert (error.status, error.code) == (400, "invalid_credentials")
    assert error.message == "Invalid login credentials"


async def test_unknown_address(anonymous: Caller) -> None:
    """An address nobody has is answered like a wrong password."""
    credentials = {"email": some_email(), "password": PASSWORD}
    error = await failure_of(lambda: anonymous.client.auth.sign_in_with_password(credentials))
    assert (error.status, error.code) == (400, "invalid_credentials")


async def test_refresh(anonymous: Caller, visitor: Caller) -> None:
    """A refresh token is exchanged for a new one and a new access token."""
    session = (await anonymous.sign_up()).session
    refreshed = await done(anonymous.client.auth.refresh_session())
    assert refreshed.session.refresh_token != session.refresh_token
    assert refreshed.user.id == session.user.id
    error = await failure_of(lambda: visitor.client.auth.refresh_session("unknown"))
    assert (error.status, error.code) == (400, "refresh_token_not_found")


async def test_anonymous_sign_in(anonymous: Caller) -> None:
    """Who has no address can be somebody as well."""
    response = await done(anonymous.client.auth.sign_in_anonymously())
    assert response.user.is_anonymous is True
    assert not response.user.email
    who = await anonymous.data(anonymous.client.rpc("conformance_whoami"))
    assert who == {"role": "authenticated", "uid": response.user.id}


async def test_session_is_set(anonymous: Caller, visitor: Caller) -> None:
    """A session can be carried to another client."""
    session = (await anonymous.sign_up()).session
    response = await done(
        visitor.client.auth.set_session(session.access_token, session.refresh_token)
    )
    assert response.user.id == session.user.id
    assert (await done(visitor.client.auth.get_user())).user.id == session.user.id


async def test_claims(anonymous: Caller) -> None:
    """The claims are verified, with the published keys where they are asymmetric."""
    session = (await anonymous.sign_up()).session
    claims = (await done(anonymous.client.auth.get_claims()))["claims"]
    assert claims["sub"] == session.user.id
    assert claims["role"] == "authenticated"
    assert claims["aud"] == "authenticated"
    assert claims["session_id"]
    assert claims["aal"] == "aal1"
    assert claims["amr"][0]["method"] == "password"
    assert claims["is_anonymous"] is False


async def test_user(anonymous: Caller, visitor: Caller) -> None:
    """A user reads and changes themselves."""
    email = some_email()
    await anonymous.sign_up(email)
    response = await done(
        anonymous.client.auth.update_user({"data": {"color": "red"}, "password": "other " * 4})
    )
    assert response.user.user_metadata["color"] == "red"
    assert (await done(anonymous.client.auth.get_user())).user.email == email
    credentials = {"email": email, "password": "other " * 4}
    assert (await done(visitor.client.auth.sign_in_with_password(credentials))).session
    error = await failure_of(
        lambda: visitor.client.auth.sign_in_with_password({**credentials, "password": PASSWORD})
    )
    assert error.code == "invalid_credentials"


async def test_a_token_that_is_none(anonymous: Caller) -> None:
    """A token that nobody issued names nobody."""
    error = await failure_of(lambda: anonymous.client.auth.get_user("a.b.c"))
    assert (error.status, error.code) == (403, "bad_jwt")


async def test_sign_out(anonymous: Caller, visitor: Caller) -> None:
    """A session that has ended cannot be refreshed, and its token names nobody."""
    session = (await anonymous.sign_up()).session
    await done(anonymous.client.auth.sign_out())
    assert await done(anonymous.client.auth.get_session()) is None
    error = await failure_of(lambda: visitor.client.auth.refresh_session(session.refresh_token))
    assert error.code in {"refresh_token_not_found", "session_not_found"}
    error = await failure_of(lambda: visitor.client.auth.get_user(session.access_token))
    assert (error.status, error.code) == (403, "session_not_found")
    who = await anonymous.data(anonymous.client.rpc("conformance_whoami"))
    assert who["role"] == "anon"


async def test_sign_out_elsewhere(anonymous: Caller, visitor: Caller) -> None:
    """A user ends their other sessions and keeps this one."""
    email = some_email()
    await anonymous.sign_up(email)
    credentials = {"email": email, "password": PASSWORD}
    await done(visitor.client.auth.sign_in_with_password(credentials))
    await done(visitor.client.auth.sign_out({"scope": "others"}))
    assert (await done(visitor.client.auth.refresh_session())).session
    await failure_of(anonymous.client.auth.refresh_session)


async def test_an_address_is_used_once(anonymous: Caller, visitor: Caller) -> None:
    """An address that is taken is taken."""
    email = some_email()
    await anonymous.sign_up(email)
    error = await failure_of(lambda: visitor.sign_up(email))
    assert (error.status, error.code) == (422, "user_already_exists")


async def test_weak_password(anonymous: Caller) -> None:
    """A weak password is refused with its reasons."""
    credentials = {"email": some_email(), "password": "abc"}
    with pytest.raises(AuthWeakPasswordError) as error:
        await done(anonymous.client.auth.sign_up(credentials))
    assert error.value.status == 422
    assert "length" in error.value.reasons


async def test_administration(administrator: Caller, visitor: Caller) -> None:
    """An administrator creates, finds, changes and deletes users."""
    admin = administrator.client.auth.admin
    email = some_email()
    attributes = {
        "email": email,
        "password": PASSWORD,
        "email_confirm": True,
        "user_metadata": {"color": "blue"},
        "app_metadata": {"plan": "pro"},
    }
    user = (await done(admin.create_user(attributes))).user
    assert (user.email, user.app_metadata["plan"]) == (email, "pro")
    assert user.user_metadata["color"] == "blue"
    credentials = {"email": email, "password": PASSWORD}
    assert (await done(visitor.client.auth.sign_in_with_password(credentials))).user.id == user.id
    assert (await done(admin.get_user_by_id(user.id))).user.email == email
    assert user.id in {each.id for each in await done(admin.list_users(page=1, per_page=1000))}
    changed = await done(admin.update_user_by_id(user.id, {"user_metadata": {"color": "red"}}))
    assert changed.user.user_metadata["color"] == "red"
    await done(admin.delete_user(user.id))
    error = await failure_of(lambda: admin.get_user_by_id(user.id))
    assert (error.status, error.code) == (404, "user_not_found")


async def test_nobody_else_administers(anonymous: Caller) -> None:
    """Neither a visitor nor a user is an administrator."""
    error = await failure_of(anonymous.client.auth.admin.list_users)
    assert error.status in {401, 403}
    await anonymous.sign_up()
    error = await failure_of(anonymous.client.auth.admin.list_users)
    assert error.status in {401, 403}
