"""Remembers whom a token speaks for, until it expires: signatures are dear, requests many."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from local.errors import TokenError
from local.identity import resolve_identity
from local.rest.errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from local.context import Context, Identity

_CAPACITY = 1024
#: All that the identity of a request depends on, besides a key in its URL.
_HEADERS = ("authorization", "apikey", "user-agent")


class Identities:
    """The identities of the requests of late."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: OrderedDict[tuple[str | None, ...], Identity] = OrderedDict()

    def resolve(self, http: HTTPConnection) -> Identity:
        """Whom a request speaks for."""
        key = (*map(http.headers.get, _HEADERS), http.query_params.get("apikey"))
        known = self._known.get(key)
        if known is not None and self._is_valid(known):
            self._known.move_to_end(key)
            return known
        try:
            identity = resolve_identity(self._context, http.headers, http.query_params)
        except TokenError as error:
            raise unauthorized(error) from error
        self._known[key] = identity
        if len(self._known) > _CAPACITY:
            self._known.popitem(last=False)
        return identity

    def _is_valid(self, identity: Identity) -> bool:
        expiry = identity.claims.get("exp")
        return expiry is None or self._context.clock() < expiry


def unauthorized(error: TokenError) -> ApiError:
    """The answer to a token that cannot be accepted."""
    code = "PGRST303" if error.reason in {"expired", "claims"} else "PGRST301"
    message = "JWT expired" if error.reason == "expired" else str(error)
    description = message.replace("\\", "\\\\").replace('"', '\\"')
    challenge = f'Bearer error="invalid_token", error_description="{description}"'
    return ApiError(401, code, message, headers={"WWW-Authenticate": challenge})
