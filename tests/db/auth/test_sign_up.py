"""POST /signup: users with a password, and anonymous ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.db.auth.support import EMAIL, NEW_API, ORIGIN, PASSWORD

if TYPE_CHECKING:
    from tests.db.auth.support import Auth


async def test_sign_up_gives_a_session(auth: Auth) -> None:
    """A new user is confirmed at once and gets a session."""
    session = await auth.sign_up(data={"nick": "Ada"})
    assert session["token_type"] == "bearer"
    assert session["expires_in"] == 3600
    assert session["expires_at"] == int(auth.clock()) + 3600
    user = session["user"]
    assert (user["email"], user["aud"], user["role"]) == (EMAIL, "authenticated", "authenticated")
    assert user["email_confirmed_at"] == "2027-01-15T08:00:00Z"
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert user["user_metadata"]["nick"] == "Ada"
    assert user["is_anonymous"] is False


async def test_access_token_carries_the_claims_of_the_platform(auth: Auth) -> None:
    """The access token is signed by the project's key and says who the user is."""
    session = await auth.sign_up()
    claims = auth.context.keyring.verify(session["access_token"], now=auth.clock())
    session_id = auth.rows("select id from auth.sessions")[0][0]
    assert claims == {
        "iss": f"{ORIGIN}/auth/v1",
        "sub": session["user"]["id"],
        "aud": "authenticated",
        "exp": int(auth.clock()) + 3600,
        "iat": int(auth.clock()),
        "email": EMAIL,
        "phone": "",
        "app_metadata": session["user"]["app_metadata"],
        "user_metadata": session["user"]["user_metadata"],
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": int(auth.clock())}],
        "session_id": str(session_id),
        "is_anonymous": False,
    }


async def test_identity_has_what_clients_parse(auth: Auth) -> None:
    """The user's e-mail identity is listed with both of its ids."""
    user = (await auth.sign_up())["user"]
    [identity] = user["identities"]
    assert identity["provider"] == "email"
    assert identity["id"] == identity["user_id"] == user["id"]
    assert identity["identity_id"] != user["id"]
    assert identity["identity_data"]["email"] == EMAIL


async def test_email_is_kept_in_lower_case(auth: Auth) -> None:
    """An address is the same in whatever case it is written."""
    session = await auth.sign_up("  Ada@Example.COM ")
    assert session["user"]["email"] == EMAIL
    assert (await auth.sign_in("ADA@example.com")).status_code == 200


async def test_password_is_kept_as_a_hash(auth: Auth) -> None:
    """The database holds an Argon2id hash, never the password."""
    await auth.sign_up()
    [(kept,)] = auth.rows("select encrypted_password from auth.users")
    assert kept.startswith("$argon2id$")


async def test_anonymous_sign_in(auth: Auth) -> None:
    """Without credentials the user is anonymous, and the token says so."""
    response = await auth.call("POST", "signup", {"data": {"a": 1}, "gotrue_meta_security": {}})
    session = response.json()
    assert response.status_code == 200
    assert session["user"]["is_anonymous"] is True
    assert session["user"]["user_metadata"] == {"a": 1}
    claims = auth.context.keyring.verify(session["access_token"], now=auth.clock())
    assert (claims["is_anonymous"], claims["amr"][0]["method"]) == (True, "anonymous")


async def test_second_sign_up_is_refused(auth: Auth) -> None:
    """An address signs up once."""
    await auth.sign_up()
    response = await auth.call("POST", "signup", {"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 422
    assert response.json() == {
        "code": 422,
        "error_code": "user_already_exists",
        "msg": "User already registered",
    }
    assert auth.rows("select count(*) from auth.users") == [(1,)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": EMAIL, "password": "short"}, 422, "weak_password"),
        ({"email": EMAIL, "password": "x" * 73}, 400, "validation_failed"),
        ({"email": EMAIL}, 400, "validation_failed"),
        ({"email": "nobody", "password": PASSWORD}, 400, "validation_failed"),
        ({"email": "a b@example.com", "password": PASSWORD}, 400, "validation_failed"),
        ({"email": "a@" + "x" * 300, "password": PASSWORD}, 400, "validation_failed"),
        ({"phone": "+123", "password": PASSWORD}, 400, "phone_provider_disabled"),
        ({"password": PASSWORD}, 422, "anonymous_provider_disabled"),
        ({"email": 7, "password": PASSWORD}, 400, "bad_json"),
        ({"email": EMAIL, "password": PASSWORD, "role": "admin"}, 501, "not_implemented"),
    ],
)
async def test_bad_sign_up_is_refused(
    auth: Auth, body: dict[str, Any], status: int, code: str
) -> None:
    """Each wrong sign-up gets its documented code, and makes no user."""
    response = await auth.call("POST", "signup", body, headers=NEW_API)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["x-sb-error-code"] == code
    assert auth.rows("select count(*) from auth.users") == [(0,)]


async def test_weak_password_names_its_reasons(auth: Auth) -> None:
    """A weak password is refused with reasons, in both versions of the API."""
    body = {"email": EMAIL, "password": "short"}
    old = (await auth.call("POST", "signup", body)).json()
    new = await auth.call("POST", "signup", body, headers=NEW_API)
    message = "Password should be at least 6 characters."
    reasons = {"reasons": ["length"]}
    assert old == {
        "code": 422,
        "error_code": "weak_password",
        "msg": message,
        "weak_password": reasons,
    }
    assert new.json() == {"code": "weak_password", "message": message, "weak_password": reasons}
    assert new.headers["x-supabase-api-version"] == "2024-01-01"


async def test_failing_trigger_is_a_server_error(auth: Auth) -> None:
    """When a trigger of the project fails, the answer is the one the real service gives."""
    auth.database.connect_as_admin().execute(
        """
        create function public.fail() returns trigger language plpgsql as
        $$ begin raise exception 'no'; end $$;
        create trigger fail after insert on auth.users for each row execute function public.fail();
        """
    )
    response = await auth.call("POST", "signup", {"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 500
    assert response.json()["error_code"] == "unexpected_failure"
    assert response.json()["msg"] == "Database error saving new user"


async def test_triggers_have_the_rights_they_will_have(auth: Auth) -> None:
    """A trigger runs as the service's own role, which may not write tables of the project."""
    auth.database.connect_as_admin().execute(
        """
        create table public.seen (user_id uuid);
        create function public.see() returns trigger language plpgsql as
        $$ begin insert into public.seen values (new.id); return new; end $$;
        create trigger see after insert on auth.users for each row execute function public.see();
        """
    )
    response = await auth.call("POST", "signup", {"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 500
    auth.database.connect_as_admin().execute("alter function public.see() security definer")
    await auth.sign_up()
    assert auth.rows("select count(*) from public.seen") == [(1,)]
