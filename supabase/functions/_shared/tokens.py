"""Access tokens: checked when a user sends one, made when a node asks for one."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.request import urlopen

import jwt
from jwt import PyJWK

from _shared.database import Actor
from _shared.errors import ForbiddenError, TokenRefusedError, UnavailableError
from _shared.logs import LOGGER

if TYPE_CHECKING:
    from _shared.settings import Settings

ROLE: Final = "authenticated"
ASYMMETRIC: Final = ("ES256", "RS256", "EdDSA")
LEEWAY_SECONDS: Final = 30
KEYS_LIVE_SECONDS: Final = 600.0
KEYS_ASKED_EVERY_SECONDS: Final = 30.0
RETRIED_AFTER_SECONDS: Final = 2.0
FETCH_TIMEOUT_SECONDS: Final = 5.0

Clock = Callable[[], float]
Fetch = Callable[[str], Any]


def fetch_json(url: str) -> Any:
    """Return the JSON document at an http or https URL; raises OSError or ValueError."""
    with urlopen(url, timeout=FETCH_TIMEOUT_SECONDS) as response:  # noqa: S310  # checked setting
        return json.load(response)


class KeySource(Protocol):
    """Where the public keys of the sign-in service come from."""

    async def find(self, kid: str) -> PyJWK | None:
        """Return the key of this id, or None when there is none."""


class GivenKeys:
    """A key set that the operator configured."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._known = _keys(jwks)

    async def find(self, kid: str) -> PyJWK | None:
        """Return the key of this id, or None when there is none."""
        return self._known.get(kid)


@dataclass
class FetchedKeys:
    """The key set that the sign-in service publishes, kept for ten minutes.

    An unknown key id makes it ask again, at most every half minute: keys rotate. When the service
    does not answer, the keys it gave before stay good; when it never has, callers wait for one
    attempt, not each for their own.
    """

    url: str
    clock: Clock
    fetch: Fetch = fetch_json
    _known: dict[str, PyJWK] | None = None
    _asked_at: float | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, kid: str) -> PyJWK | None:
        """Return the key of this id, or None when there is none."""
        async with self._lock:
            if self._is_due(kid):
                await self._ask()
        if self._known is None:
            raise UnavailableError("The sign-in service does not answer.")
        return self._known.get(kid)

    def _is_due(self, kid: str) -> bool:
        if self._asked_at is None:
            return True
        age = self.clock() - self._asked_at
        if self._known is None:
            return age >= RETRIED_AFTER_SECONDS
        return age >= (KEYS_LIVE_SECONDS if kid in self._known else KEYS_ASKED_EVERY_SECONDS)

    async def _ask(self) -> None:
        try:
            self._known = _keys(await asyncio.to_thread(self.fetch, self.url))
        except (OSError, HTTPException, ValueError) as error:
            LOGGER.warning("the keys of the sign-in service cannot be read: %s", error)
        self._asked_at = self.clock()


def _keys(jwks: Any) -> dict[str, PyJWK]:
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError("a key set has a list of keys")  # noqa: TRY004  # its content, not its use
    usable = {}
    for key in keys:
        try:
            usable[str(key["kid"])] = PyJWK.from_dict(key)
        except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError):
            continue  # one key we cannot read must not shut out the users of the others
    return usable


@dataclass(frozen=True)
class UserTokens:
    """Checks the access tokens of users."""

    keys: KeySource
    secret: str | None
    clock: Clock

    async def check(self, token: str) -> Actor:
        """Return whom the token speaks for; raises TokenRefusedError or ForbiddenError."""
        claims = self._decode(token, *await self._key(token))
        if "node_id" in claims:
            raise ForbiddenError("This call is for users; a node cannot make it.")
        if claims.get("role") != ROLE or not _is_uuid(claims["sub"]):
            raise TokenRefusedError("The token does not belong to a signed-in user.")
        return Actor(ROLE, claims)

    async def _key(self, token: str) -> tuple[Any, str]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenRefusedError("The token is not a JWT.") from error
        algorithm, kid = str(header.get("alg")), header.get("kid")
        if algorithm == "HS256" and self.secret:
            return self.secret, algorithm
        key = (
            await self.keys.find(kid) if isinstance(kid, str) and algorithm in ASYMMETRIC else None
        )
        if key is None:
            raise TokenRefusedError("The token is signed with an unknown key.")
        return key, algorithm

    def _decode(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=ROLE,
                options={
                    "require": ["exp", "sub", "role"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise TokenRefusedError("The token is not valid.") from error
        expires = claims["exp"]
        if not isinstance(expires, int | float) or expires + LEEWAY_SECONDS <= self.clock():
            raise TokenRefusedError("The token has expired; sign in again.")
        return claims


@dataclass(frozen=True)
class NodeTokens:
    """Makes the short-lived tokens with which nodes reach the pool's tables and topics."""

    settings: Settings
    clock: Clock

    def issue(self, node_id: str) -> tuple[str, int]:
        """Return a token for this node, and when it expires in unix seconds."""
        now = int(self.clock())
        expires = now + self.settings.token_lifetime
        claims = {
            "iss": self.settings.token_issuer,
            "sub": node_id,
            "aud": ROLE,
            "role": ROLE,
            "node_id": node_id,
            "iat": now,
            "exp": expires,
        }
        return self._sign(claims), expires

    def _sign(self, claims: dict[str, Any]) -> str:
        key = self.settings.signing_key
        if key is None:
            return jwt.encode(claims, self.settings.jwt_secret or "", algorithm="HS256")
        private = PyJWK.from_dict(dict(key), algorithm="ES256")
        return jwt.encode(claims, private, algorithm="ES256", headers={"kid": key["kid"]})


def _is_uuid(text: Any) -> bool:
    try:
        uuid.UUID(text)
    except (ValueError, TypeError, AttributeError):
        return False
    return True
