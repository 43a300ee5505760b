"""Who a request speaks for, by its keys and tokens."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, cast

import jwt
import pytest

from local.config import Settings
from local.context import Context
from local.errors import ApiKeyError, TokenError
from local.gateway import resolve_identity
from local.keys import Keyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg_pool import AsyncConnectionPool

    from local.context import Identity

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A stand-in that has keys and nothing else."""
    return Context(
        settings=Settings(),
        keyring=Keyring.load(tmp_path_factory.mktemp("keys")),
        pool=cast("AsyncConnectionPool", None),
        admin_dsn="",
        dsn="",
        url="http://127.0.0.1:54321",
        random=random.Random(0),  # noqa: S311 - nothing here is random
        clock=time.time,
    )


def resolve(context: Context, headers: Mapping[str, str], **query: str) -> Identity:
    """The identity of a request."""
    return resolve_identity(context, headers, query)


def user_token(context: Context, **claims: Any) -> str:
    """A token as the authentication server gives it."""
    return context.keyring.issue({"role": "authenticated", "sub": "1", **claims}, expires_in=60)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def test_the_publishable_key_is_anon(context: Context) -> None:
    """A signed-out client sends the key twice."""
    key = context.keyring.publishable_key
    assert resolve(context, {"apikey": key}).role == "anon"
    assert resolve(context, {"apikey": key, **bearer(key)}).role == "anon"
    assert resolve(context, bearer(key)).role == "anon"


def test_the_secret_key_is_service_role(context: Context) -> None:
    """The secret key passes row level security."""
    key = context.keyring.secret_key
    assert resolve(context, {"apikey": key}).role == "service_role"
    assert resolve(context, {"apikey": key, **bearer(key)}).role == "service_role"


def test_a_key_is_translated_to_a_token(context: Context) -> None:
    """Services behind the gateway only ever see JWTs."""
    identity = resolve(context, {"apikey": context.keyring.publishable_key})
    assert identity.token == context.keyring.anon_key
    assert identity.claims["role"] == "anon"


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_legacy_keys_are_accepted(context: Context, role: str) -> None:
    """JWT keys work in both headers."""
    key = getattr(context.keyring, f"{role}_key")
    assert resolve(context, {"apikey": key}).role == role
    assert resolve(context, {"apikey": key, **bearer(key)}).role == role


def test_a_token_decides_over_the_key(context: Context) -> None:
    """A signed-in client sends the key and its token."""
    token = user_token(context, node_id="n1")
    headers = {"apikey": context.keyring.publishable_key, **bearer(token)}
    identity = resolve(context, headers)
    assert (identity.role, identity.claims["node_id"]) == ("authenticated", "n1")
    assert identity.token == token


def test_a_token_alone_is_enough(context: Context) -> None:
    """As in a local Supabase, the key may be left out."""
    assert resolve(context, bearer(user_token(context))).role == "authenticated"


def test_a_websocket_sends_its_key_in_the_query(context: Context) -> None:
    """Browsers cannot set headers of a WebSocket."""
    assert resolve(context, {}, apikey=context.keyring.publishable_key).role == "anon"


def test_a_token_without_a_role_is_anon(context: Context) -> None:
    """What has no role gets the one of strangers."""
    assert resolve(context, bearer(context.keyring.issue({}, expires_in=60))).role == "anon"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_read_in_any_case(context: Context, scheme: str) -> None:
    """HTTP authentication schemes ignore case."""
    headers = {"authorization": f"{scheme} {user_token(context)}"}
    assert resolve(context, headers).role == "authenticated"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": ""}, {"authorization": "Basic eDp5"}, {"apikey": ""}]
)
def test_a_request_without_any_key_is_refused(context: Context, headers: dict[str, str]) -> None:
    """Nobody in particular is not anon."""
    with pytest.raises(ApiKeyError, match="No API key found"):
        resolve(context, headers)


def test_an_unknown_key_is_refused(context: Context) -> None:
    """Also when a good token comes with it."""
    with pytest.raises(ApiKeyError, match="Invalid API key"):
        resolve(context, {"apikey": "sb_publishable_x", **bearer(user_token(context))})


def test_two_different_keys_are_refused(context: Context) -> None:
    """A key in Authorization must be the one in apikey."""
    keyring = context.keyring
    with pytest.raises(ApiKeyError, match="differ"):
        resolve(context, {"apikey": keyring.publishable_key, **bearer(keyring.secret_key)})


def test_a_minted_token_is_no_key(context: Context) -> None:
    """The token of a user in apikey is refused, here as when hosted."""
    with pytest.raises(ApiKeyError, match="not a key"):
        resolve(context, {"apikey": user_token(context)})


def test_a_secret_token_of_a_user_is_no_key(context: Context) -> None:
    """Also when it is signed with the secret of the legacy keys."""
    token = jwt.encode({"role": "authenticated"}, context.keyring.jwt_secret, "HS256")
    with pytest.raises(ApiKeyError, match="not a key"):
        resolve(context, {"apikey": token})


def test_the_secret_key_is_refused_from_browsers(context: Context) -> None:
    """Whoever can read the page could read the key."""
    with pytest.raises(ApiKeyError, match="in browser"):
        resolve(context, {"apikey": context.keyring.secret_key, "user-agent": CHROME})


def test_an_expired_token_is_refused_beside_a_good_key(context: Context) -> None:
    """An expired user does not become anon."""
    token = context.keyring.issue({"role": "authenticated"}, expires_in=60, now=0)
    with pytest.raises(TokenError) as caught:
        resolve(context, {"apikey": context.keyring.publishable_key, **bearer(token)})
    assert caught.value.reason == "expired"
