"""Keys and tokens: what `supabase status` prints, made once and kept in the data directory."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from local.errors import LocalError, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jwt.types import Options

#: the fixed key of every local Supabase: knowing it gives nothing, and clients need no settings
PUBLISHABLE_KEY: Final = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
SECRETS_FILE: Final = "keys.json"
#: as `supabase gen signing-key --algorithm ES256` writes it, so that a real key can be put here
SIGNING_KEYS_FILE: Final = "signing_keys.json"
LEGACY_KEY_LIFETIME: Final = 10 * 365 * 24 * 3600
PRIVATE_MEMBERS: Final = frozenset({"d", "key_ops", "ext"})
#: the claims are checked here, against the clock of the caller
UNCHECKED: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True)
class Keyring:
    """The keys of one stand-in, and the tokens they sign and verify."""

    secret_key: str
    jwt_secret: str
    #: private ES256 JWKs; the first one signs, all of them verify
    signing_jwks: tuple[dict[str, Any], ...]
    created_at: int
    publishable_key: str = PUBLISHABLE_KEY

    @classmethod
    def load(cls, data_dir: Path) -> Keyring:
        """The keys of `data_dir`, made (mode 0600) when they are not there."""
        data_dir.mkdir(parents=True, exist_ok=True)
        kept = _load_or_create(data_dir / SECRETS_FILE, _create_secrets)
        signing = _load_or_create(data_dir / SIGNING_KEYS_FILE, lambda: [create_signing_jwk()])
        jwks = signing if isinstance(signing, list) else [signing]
        try:
            _check_signing_jwks(jwks)
            return cls(kept["secret_key"], kept["jwt_secret"], tuple(jwks), kept["created_at"])
        except (KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
            raise _unreadable(data_dir, error) from error

    @property
    def signing_jwk(self) -> dict[str, Any]:
        """The private JWK that signs new tokens."""
        return self.signing_jwks[0]

    @property
    def anon_key(self) -> str:
        """The legacy JWT key of role `anon`."""
        return self._legacy_key("anon")

    @property
    def service_role_key(self) -> str:
        """The legacy JWT key of role `service_role`."""
        return self._legacy_key("service_role")

    def jwks(self) -> dict[str, Any]:
        """The public keys, as `/auth/v1/.well-known/jwks.json` publishes them."""
        return {"keys": [_public(jwk) for jwk in self.signing_jwks]}

    def issue(self, claims: Mapping[str, Any], *, expires_in: int, now: float | None = None) -> str:
        """A token over `claims` that lives for `expires_in` seconds."""
        issued_at = int(time.time() if now is None else now)
        payload = {**claims, "iat": issued_at, "exp": issued_at + expires_in}
        key = jwt.PyJWK(self.signing_jwk)
        return jwt.encode(payload, key, "ES256", headers={"kid": self.signing_jwk["kid"]})

    def verify(self, token: str, *, now: float | None = None) -> dict[str, Any]:
        """The claims of a token that one of these keys signed and that has not expired."""
        algorithm, key = self._key_of(token)
        try:
            claims = jwt.decode(token, key, [algorithm], options=UNCHECKED)
        except jwt.InvalidSignatureError:
            raise TokenError("signature", "the signature of the token is wrong") from None
        except jwt.InvalidTokenError as error:
            raise TokenError("malformed", f"the token cannot be read: {error}") from None
        _check_expiry(claims, time.time() if now is None else now)
        return claims

    def _key_of(self, token: str) -> tuple[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise TokenError("malformed", f"the token cannot be read: {error}") from None
        match header.get("alg"):
            case "HS256":
                return "HS256", self.jwt_secret
            case "ES256":
                return "ES256", jwt.PyJWK(self._jwk_of(header.get("kid")))
            case other:
                raise TokenError("signature", f"tokens signed with {other} are not accepted")

    def _jwk_of(self, kid: str | None) -> dict[str, Any]:
        for jwk in self.signing_jwks:
            if jwk["kid"] == kid:
                return _public(jwk)
        raise TokenError("signature", f"no key with kid {kid!r} is known here")

    def _legacy_key(self, role: str) -> str:
        lifetime = {"iat": self.created_at, "exp": self.created_at + LEGACY_KEY_LIFETIME}
        claims = {"iss": "supabase", "ref": "local", "role": role, **lifetime}
        return jwt.encode(claims, self.jwt_secret, "HS256")


def create_signing_jwk() -> dict[str, Any]:
    """A new private ES256 key in the form of `supabase gen signing-key`."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "kid": str(uuid.uuid4()),
        "use": "sig",
        "key_ops": ["sign", "verify"],
        "alg": "ES256",
        "ext": True,
        "d": _coordinate(numbers.private_value),
        "crv": "P-256",
        "x": _coordinate(public.x),
        "y": _coordinate(public.y),
    }


def _create_secrets() -> dict[str, Any]:
    return {
        "secret_key": _create_secret_key(),
        "jwt_secret": secrets.token_hex(32),
        "created_at": int(time.time()),
    }


def _create_secret_key() -> str:
    body = secrets.token_urlsafe(16)
    checksum = base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest())[:8].decode()
    return f"sb_secret_{body}_{checksum}"


def _load_or_create(path: Path, create: Callable[[], Any]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _create(path, create())
    except ValueError as error:
        raise _unreadable(path, error) from error


def _create(path: Path, value: Any) -> Any:
    """Keeps `value` in `path` whole or not at all; the first of two writers wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
        os.link(draft, path)
    except FileExistsError:
        return json.loads(path.read_text(encoding="utf-8"))
    finally:
        draft.unlink()
    return value


def _check_signing_jwks(jwks: list[dict[str, Any]]) -> None:
    if not jwks:
        raise ValueError("there is no signing key")
    for jwk in jwks:
        if jwk["alg"] != "ES256" or "d" not in jwk or not jwk["kid"]:
            raise ValueError("a signing key must be a private ES256 JWK with a kid")
        jwt.PyJWK(jwk)


def _unreadable(path: Path, error: Exception) -> LocalError:
    return LocalError(
        f"the keys in {path} cannot be used ({error}). Put the right files back, or remove "
        f"{SECRETS_FILE} and {SIGNING_KEYS_FILE} to have new ones made; old tokens end with them."
    )


def _check_expiry(claims: Mapping[str, Any], now: float) -> None:
    expiry = claims.get("exp")
    if expiry is None:
        return
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        raise TokenError("claims", "the claim exp of the token is not a number")
    if expiry <= now:
        raise TokenError("expired", f"the token expired {int(now - expiry)} seconds ago")


def _public(jwk: Mapping[str, Any]) -> dict[str, Any]:
    shared = {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}
    return {**shared, "key_ops": ["verify"]}


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
