"""Whom a request speaks for: the key translation that the hosted gateway does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jwt

from local.context import Identity
from local.errors import ApiKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.context import Context
    from local.keys import Keyring

BEARER: Final = "bearer "
NEW_KEY: Final = "sb_"
KEY_ROLES: Final = frozenset({"anon", "service_role"})


def resolve_identity(
    context: Context, headers: Mapping[str, str], query: Mapping[str, str]
) -> Identity:
    """The identity behind the keys and tokens of a request; TokenError when there is none.

    A token of a user or a node in `Authorization` decides; without one, the API key does.
    """
    bearer = _bearer(headers)
    apikey = headers.get("apikey") or query.get("apikey") or _key_of_bearer(bearer)
    key_token = _token_of_key(context, apikey, headers) if apikey else None
    if bearer is None or bearer.startswith(NEW_KEY):
        _refuse_other_key(bearer, apikey)
        token = key_token
    else:
        token = bearer
    if token is None:
        raise ApiKeyError("No API key found in request: send the header apikey")
    claims = context.keyring.verify(token, now=context.clock())
    return Identity(_role(claims), claims, token)


def _bearer(headers: Mapping[str, str]) -> str | None:
    value = headers.get("authorization", "")
    if value[: len(BEARER)].lower() != BEARER:
        return None
    return value[len(BEARER) :].strip() or None


def _key_of_bearer(bearer: str | None) -> str | None:
    return bearer if bearer is not None and bearer.startswith(NEW_KEY) else None


def _refuse_other_key(bearer: str | None, apikey: str | None) -> None:
    if bearer is not None and bearer != apikey:
        raise ApiKeyError("Invalid API key: the keys in apikey and Authorization differ")


def _token_of_key(context: Context, apikey: str, headers: Mapping[str, str]) -> str:
    keyring = context.keyring
    if apikey == keyring.publishable_key:
        return keyring.anon_key
    if apikey == keyring.secret_key:
        _refuse_browser(headers)
        return keyring.service_role_key
    _check_legacy_key(keyring, apikey, context.clock())
    return apikey


def _refuse_browser(headers: Mapping[str, str]) -> None:
    """Whoever can read the page could read the secret as well."""
    if headers.get("user-agent", "").startswith("Mozilla/"):
        raise ApiKeyError("Forbidden use of secret API key in browser")


def _check_legacy_key(keyring: Keyring, apikey: str, now: float) -> None:
    """A token of a user or a node is no key, here as when hosted."""
    if apikey.startswith(NEW_KEY):
        raise ApiKeyError("Invalid API key")
    claims = keyring.verify(apikey, now=now)
    if jwt.get_unverified_header(apikey)["alg"] != "HS256" or claims.get("role") not in KEY_ROLES:
        raise ApiKeyError("Invalid API key: the token of a user or a node is not a key")


def _role(claims: Mapping[str, Any]) -> str:
    role = claims.get("role")
    return role if isinstance(role, str) and role else "anon"
