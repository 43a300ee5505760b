"""What administrators do with users."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher

from tests.db.auth.support import EMAIL, PASSWORD

if TYPE_CHECKING:
    from tests.db.auth.support import Auth

USER_ID = "33333333-3333-4333-8333-333333333333"


async def test_create_confirmed_user(auth: Auth) -> None:
    """A user made by an administrator can sign in at once when confirmed."""
    body = {
        "id": USER_ID,
        "email": EMAIL,
        "password": PASSWORD,
        "email_confirm": True,
        "user_metadata": {"nick": "Ada"},
        "app_metadata": {"team": "red"},
    }
    user = (await auth.admin("POST", "users", body)).json()
    assert user["id"] == USER_ID
    assert user["user_metadata"] == {"nick": "Ada", "email_verified": True}
    assert user["app_metadata"]["team"] == "red"
    assert (await auth.sign_in()).status_code == 200


async def test_create_unconfirmed_user(auth: Auth) -> None:
    """A user who is not confirmed cannot sign in yet."""
    user = (await auth.admin("POST", "users", {"email": EMAIL, "password": PASSWORD})).json()
    assert "email_confirmed_at" not in user
    response = await auth.sign_in()
    assert (response.status_code, response.json()["error_code"]) == (400, "email_not_confirmed")
    await auth.admin("PUT", f"users/{user['id']}", {"email_confirm": True})
    assert (await auth.sign_in()).status_code == 200


async def test_create_with_a_hash(auth: Auth) -> None:
    """A password can be given as its Argon2 hash."""
    kept = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    body = {"email": EMAIL, "password_hash": kept, "email_confirm": True}
    assert (await auth.admin("POST", "users", body)).status_code == 200
    assert (await auth.sign_in()).status_code == 200


async def test_create_without_a_password(auth: Auth) -> None:
    """A user without a password has one that nobody knows."""
    await auth.admin("POST", "users", {"email": EMAIL, "email_confirm": True})
    assert auth.rows("select count(*) from auth.users where encrypted_password is null") == [(0,)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"password": PASSWORD}, 400, "validation_failed"),
        ({"email": EMAIL, "id": "7"}, 400, "validation_failed"),
        ({"email": EMAIL, "id": USER_ID}, 422, "conflict"),
        ({"email": "there@example.com"}, 422, "email_exists"),
        ({"email": EMAIL, "password": "x"}, 422, "weak_password"),
        ({"email": EMAIL, "password": PASSWORD, "password_hash": "x"}, 400, "validation_failed"),
        ({"email": EMAIL, "password_hash": "$2a$10$abc"}, 501, "not_implemented"),
        ({"email": EMAIL, "ban_duration": "1 week"}, 400, "validation_failed"),
        ({"email": EMAIL, "nickname": "a"}, 501, "not_implemented"),
        ({"phone": "+1"}, 400, "phone_provider_disabled"),
    ],
)
async def test_bad_creation_is_refused(
    auth: Auth, body: dict[str, Any], status: int, code: str
) -> None:
    """Each wrong user gets its code, and is not made."""
    await auth.admin("POST", "users", {"id": USER_ID, "email": "there@example.com"})
    response = await auth.admin("POST", "users", body)
    assert (response.status_code, response.json()["error_code"]) == (status, code)
    assert auth.rows("select count(*) from auth.users") == [(1,)]


async def test_list_pages(auth: Auth) -> None:
    """Users come newest first, in pages, with their number."""
    for name in "abc":
        auth.clock.now += 1
        await auth.admin("POST", "users", {"email": f"{name}@example.com"})
    first = await auth.admin("GET", "users", params={"page": "1", "per_page": "2"})
    second = await auth.admin("GET", "users", params={"page": "2", "per_page": "2"})
    emails = [[user["email"][0] for user in page.json()["users"]] for page in (first, second)]
    assert emails == [["c", "b"], ["a"]]
    assert first.json()["aud"] == "authenticated"
    assert first.headers["x-total-count"] == "3"
    assert first.headers["link"] == (
        '</auth/v1/admin/users?per_page=2&page=2>; rel="next", '
        '</auth/v1/admin/users?per_page=2&page=2>; rel="last"'
    )
    assert 'rel="next"' not in second.headers["link"]


async def test_list_takes_empty_parameters(auth: Auth) -> None:
    """The Python client sends both parameters empty when they are not set."""
    assert (await auth.admin("GET", "users?page=&per_page=")).json()["users"] == []


@pytest.mark.parametrize("query", ["page=0", "page=-1", "per_page=x", "page=1.5"])
async def test_list_refuses_bad_pages(auth: Auth, query: str) -> None:
    """A page that cannot be is refused."""
    response = await auth.admin("GET", f"users?{query}")
    assert (response.status_code, response.json()["error_code"]) == (400, "validation_failed")


async def test_get_update_and_delete(auth: Auth) -> None:
    """A user can be read, changed and deleted with everything of theirs."""
    session = await auth.sign_up()
    path = f"users/{session['user']['id']}"
    assert (await auth.admin("GET", path)).json() == session["user"]
    change = {"email": "new@example.com", "role": "editor", "password": "another horse"}
    changed = (await auth.admin("PUT", path, change)).json()
    assert (changed["email"], changed["role"]) == ("new@example.com", "editor")
    assert (await auth.sign_in("new@example.com", "another horse")).status_code == 200
    deleted = await auth.admin("DELETE", path, {"should_soft_delete": False})
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert auth.rows(
        "select (select count(*) from auth.users), (select count(*) from auth.identities),"
        " (select count(*) from auth.sessions), (select count(*) from auth.refresh_tokens)"
    ) == [(0, 0, 0, 0)]


async def test_ban_can_be_lifted(auth: Auth) -> None:
    """A ban of `none` ends a ban."""
    path = f"users/{(await auth.sign_up())['user']['id']}"
    banned = (await auth.admin("PUT", path, {"ban_duration": "1h30m"})).json()
    assert banned["banned_until"] == "2027-01-15T09:30:00Z"
    assert "banned_until" not in (await auth.admin("PUT", path, {"ban_duration": "none"})).json()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("user_id", "code"), [("7", "validation_failed"), (str(uuid.UUID(int=9)), "user_not_found")]
)
async def test_unknown_user(auth: Auth, method: str, user_id: str, code: str) -> None:
    """A user who is not there is not found."""
    response = await auth.admin(method, f"users/{user_id}", {})
    assert (response.status_code, response.json()["error_code"]) == (404, code)


async def test_soft_deletion_is_not_pretended(auth: Auth) -> None:
    """What would delete for good is not done where a soft deletion is asked for."""
    user = (await auth.sign_up())["user"]["id"]
    response = await auth.admin("DELETE", f"users/{user}", {"should_soft_delete": True})
    assert (response.status_code, response.json()["error_code"]) == (501, "not_implemented")
    assert auth.rows("select count(*) from auth.users") == [(1,)]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "users"), ("POST", "users"), ("DELETE", f"users/{USER_ID}")]
)
async def test_users_are_no_administrators(auth: Auth, method: str, path: str) -> None:
    """Neither a user nor the publishable key may do what an administrator may."""
    session = await auth.sign_up()
    for token in (None, session["access_token"]):
        response = await auth.call(method, f"admin/{path}", {}, token=token)
        assert (response.status_code, response.json()["error_code"]) == (403, "not_admin")
