"""Tokens as Realtime judges them: which ones open a socket or a channel, and why others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt

from local.errors import TokenError
from local.realtime.errors import (
    HandshakeRefusedError,
    JoinRefusedError,
    TokenRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.errors import TokenReason
    from local.keys import Keyring

API_KEY_PREFIX: Final = "sb_"

_CODES: Final[dict[TokenReason, str]] = {
    "expired": "InvalidJWTToken",
    "claims": "InvalidJWTToken",
    "malformed": "MalformedJWT",
    "signature": "JwtSignatureError",
}
_MESSAGES: Final[dict[TokenReason, str]] = {
    "expired": "Token has expired",
    "claims": "Fields `role` and `exp` are required in JWT",
    "malformed": "The token provided is not a valid JWT",
    "signature": "Failed to validate JWT signature",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A verified token."""

    token: str
    claims: dict[str, Any]
    expires_at: float

    @property
    def role(self) -> str:
        """The Postgres role it speaks for."""
        return str(self.claims["role"])


class Tokens:
    """Verifies tokens against the keys of the stand-in."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float]) -> None:
        self._keyring = keyring
        self._clock = clock

    def verify(self, token: str) -> Credentials:
        """Check signature, expiry and the two claims that Realtime needs."""
        now = self._clock()
        try:
            claims = self._keyring.verify(token, now=now)
        except TokenError as error:
            raise self._refusal(error, token, now) from None
        expires_at = claims.get("exp")
        if not isinstance(claims.get("role"), str) or not isinstance(expires_at, int | float):
            raise TokenRefusedError("claims", _MESSAGES["claims"])
        return Credentials(token, claims, expires_at)

    @staticmethod
    def _refusal(error: TokenError, token: str, now: float) -> TokenRefusedError:
        message = _MESSAGES[error.reason]
        if error.reason == "expired":
            claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
            message = f"{message} {int(now - claims['exp'])} seconds ago"
        return TokenRefusedError(error.reason, message)


def refused_handshake(reason: TokenReason) -> HandshakeRefusedError:
    """What a token that is no good gets as HTTP answer."""
    return HandshakeRefusedError(401, _MESSAGES[reason])


def refused_join(refusal: TokenRefusedError) -> JoinRefusedError:
    """What a token that is no good gets as reason of a refused join."""
    return JoinRefusedError(_CODES[refusal.reason], refusal.message)


def is_api_key(token: object) -> bool:
    """Whether this is one of the keys that stand for the socket's own token."""
    return isinstance(token, str) and token.startswith(API_KEY_PREFIX)
