"""What configures the handlers: one frozen object, read once from the environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWTError

from _shared.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LONGEST_TOKEN_SECONDS: Final = 3600
SHORTEST_TOKEN_SECONDS: Final = 60
SHORTEST_SECRET: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the database and the sign-in service are, and the keys for tokens."""

    database_url: str
    supabase_url: str
    public_origin: str
    jwks: Mapping[str, Any] | None = None
    jwt_secret: str | None = None
    signing_key: Mapping[str, Any] | None = None
    token_lifetime: int = LONGEST_TOKEN_SECONDS
    issuer: str | None = None
    cors_origins: tuple[str, ...] = ("*",)
    pool_size: int = 8
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        problems = [problem for problem in _problems(self) if problem]
        if problems:
            raise SettingsError(problems)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; raises SettingsError, which names each wrong variable."""
        reader = _Reader(environ)
        supabase_url = reader.text("SUPABASE_URL", required=True)
        values: dict[str, Any] = {
            "database_url": reader.text("SUPABASE_DB_URL", required=True),
            "supabase_url": supabase_url,
            "public_origin": reader.text("SIMPOOL_PUBLIC_ORIGIN", origin(supabase_url)),
            "jwks": reader.document("SUPABASE_JWKS"),
            "jwt_secret": reader.text("SUPABASE_JWT_SECRET") or None,
            "signing_key": reader.key("SIMPOOL_SIGNING_KEY"),
            "token_lifetime": reader.number("SIMPOOL_TOKEN_SECONDS", LONGEST_TOKEN_SECONDS),
            "issuer": reader.text("SIMPOOL_TOKEN_ISSUER") or None,
            "cors_origins": reader.words("SIMPOOL_CORS_ORIGINS", "*"),
            "pool_size": reader.number("SIMPOOL_DB_POOL_SIZE", 8),
            "log_level": reader.text("SIMPOOL_LOG_LEVEL", "INFO").upper(),
        }
        if reader.problems:
            raise SettingsError(reader.problems)
        return cls(**values)

    @property
    def authority(self) -> str:
        """The host (and port) that nodes sign requests for."""
        return authority(self.public_origin)

    @property
    def token_issuer(self) -> str:
        """The `iss` of the tokens given to nodes."""
        return self.issuer or f"{self.public_origin}/functions/v1/node-token"

    @property
    def jwks_url(self) -> str:
        """Where the sign-in service publishes its keys."""
        return f"{self.supabase_url.rstrip('/')}/auth/v1/.well-known/jwks.json"


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL, as they are written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def authority(url: str) -> str:
    """Return the normalised authority of a URL (RFC 9421, section 2.2.3)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = f":{DEFAULT_PORTS.get(parts.scheme, '')}"
    return host.removesuffix(default)


class _Reader:
    """Reads variables, and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        value = self._environ.get(name, "").strip()
        if required and not value:
            self.problems.append(f"{name} is not set.")
        return value or default

    def words(self, name: str, default: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name, default).split(",") if word.strip())

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdecimal():
            self.problems.append(f"{name} must be a whole number.")
            return default
        return int(value)

    def document(self, name: str) -> dict[str, Any] | None:
        return self._object(name, self._json(name))

    def key(self, name: str) -> dict[str, Any] | None:
        value = self._json(name)
        # `supabase gen signing-key` keeps keys in a list; the first one signs.
        return self._object(name, value[0] if isinstance(value, list) and value else value)

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self.text(name) or "null")
        except ValueError:
            return name  # neither an object nor absent

    def _object(self, name: str, value: Any) -> dict[str, Any] | None:
        if value is None or isinstance(value, dict):
            return value
        self.problems.append(f"{name} must be a JSON object.")
        return None


def _problems(settings: Settings) -> list[str | None]:
    return [
        _check_url("SUPABASE_URL", settings.supabase_url),
        _check_origin(settings),
        _check_database(settings.database_url),
        _check_keys(settings),
        _check_signing_key(settings.signing_key),
        _check_jwks(settings.jwks),
        _check_secret(settings.jwt_secret),
        _check_range(
            "SIMPOOL_TOKEN_SECONDS",
            settings.token_lifetime,
            SHORTEST_TOKEN_SECONDS,
            LONGEST_TOKEN_SECONDS,
        ),
        _check_range("SIMPOOL_DB_POOL_SIZE", settings.pool_size, 1, 100),
        _check_level(settings.log_level),
    ]


def _check_url(name: str, value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return f"{name} must be an http or https URL, not {value!r}."
    return None


def _check_origin(settings: Settings) -> str | None:
    value = settings.public_origin
    if value == origin(settings.supabase_url):
        return None  # the default, which is as good as what it comes from
    problem = _check_url("SIMPOOL_PUBLIC_ORIGIN", value)
    if problem is None and value != origin(value):
        return f"SIMPOOL_PUBLIC_ORIGIN must be an origin without a path, not {value!r}."
    return problem


def _check_database(value: str) -> str | None:
    # Either form that libpq reads; the value holds a password, so it is not repeated.
    if value.startswith(("postgresql://", "postgres://")) or "=" in value:
        return None
    return "SUPABASE_DB_URL must be a postgresql:// URL."


def _check_keys(settings: Settings) -> str | None:
    if settings.signing_key or settings.jwt_secret:
        return None
    return "SIMPOOL_SIGNING_KEY (or the older SUPABASE_JWT_SECRET) must be set."


def _check_signing_key(key: Mapping[str, Any] | None) -> str | None:
    if key is None:
        return None
    problem = "SIMPOOL_SIGNING_KEY must be a private ES256 key as a JWK with a kid."
    if key.get("crv") != "P-256" or not key.get("d") or not isinstance(key.get("kid"), str):
        return problem
    try:
        PyJWK.from_dict(dict(key), algorithm="ES256")
    except (PyJWTError, ValueError, TypeError):
        return problem
    return None


def _check_jwks(jwks: Mapping[str, Any] | None) -> str | None:
    if jwks is None or isinstance(jwks.get("keys"), list):
        return None
    return 'SUPABASE_JWKS must be a JSON object {"keys": [...]}.'


def _check_secret(secret: str | None) -> str | None:
    if secret is None or len(secret) >= SHORTEST_SECRET:
        return None
    return f"SUPABASE_JWT_SECRET must have at least {SHORTEST_SECRET} characters."


def _check_range(name: str, value: int, lowest: int, highest: int) -> str | None:
    if lowest <= value <= highest:
        return None
    return f"{name} must be between {lowest} and {highest}, not {value}."


def _check_level(level: str) -> str | None:
    if level in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        return None
    return "SIMPOOL_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR."
