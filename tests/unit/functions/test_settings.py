"""Settings from the environment."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from _shared import __version__
from _shared.errors import SettingsError
from _shared.settings import Settings, authority
from tests.unit.functions.support import SECRET, SIGNING_KEY, make_signing_key

ENVIRONMENT = {
    "SUPABASE_URL": "https://abc.supabase.example/",
    "SUPABASE_DB_URL": "postgresql://postgres:secret@db.example/postgres",
    "SUPABASE_JWT_SECRET": SECRET,
}


def test_three_variables_are_enough() -> None:
    """A database, a project and one key configure the handlers."""
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.public_origin == "https://abc.supabase.example"
    assert settings.authority == "abc.supabase.example"
    assert settings.jwks_url == "https://abc.supabase.example/auth/v1/.well-known/jwks.json"
    assert settings.token_issuer == "https://abc.supabase.example/functions/v1/node-token"
    assert (settings.jwt_secret, settings.signing_key, settings.jwks) == (SECRET, None, None)


def test_everything_can_be_set() -> None:
    """Each variable reaches its setting."""
    settings = Settings.from_environment(
        ENVIRONMENT
        | {
            "SIMPOOL_PUBLIC_ORIGIN": "https://pool.example:8443",
            "SIMPOOL_SIGNING_KEY": json.dumps(SIGNING_KEY),
            "SIMPOOL_TOKEN_SECONDS": "600",
            "SIMPOOL_TOKEN_ISSUER": "https://issuer.example",
            "SIMPOOL_CORS_ORIGINS": "https://a.example, https://b.example",
            "SIMPOOL_DB_POOL_SIZE": "3",
            "SIMPOOL_LOG_LEVEL": "debug",
            "SUPABASE_JWKS": '{"keys": []}',
        }
    )
    assert settings.authority == "pool.example:8443"
    assert settings.signing_key == SIGNING_KEY
    assert settings.token_lifetime == 600
    assert settings.token_issuer == "https://issuer.example"
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert (settings.pool_size, settings.log_level) == (3, "DEBUG")
    assert settings.jwks == {"keys": []}


def test_signing_key_as_the_cli_writes_it() -> None:
    """The first key of the file that `supabase gen signing-key` keeps can be given as it is."""
    keys = json.dumps([SIGNING_KEY, make_signing_key("key-2")])
    settings = Settings.from_environment(ENVIRONMENT | {"SIMPOOL_SIGNING_KEY": keys})
    assert settings.signing_key == SIGNING_KEY


def test_every_missing_variable_is_named_at_once() -> None:
    """An empty environment is refused with all that it lacks."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({})
    assert caught.value.problems == ("SUPABASE_URL is not set.", "SUPABASE_DB_URL is not set.")


def without(key: dict[str, str], name: str) -> str:
    """Return a JWK that lacks a member, as text."""
    return json.dumps({k: v for k, v in key.items() if k != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "abc.supabase.example"),
        ("SUPABASE_URL", "ftp://abc.supabase.example"),
        ("SUPABASE_DB_URL", "mysql://db.example"),
        ("SIMPOOL_PUBLIC_ORIGIN", "https://pool.example/path"),
        ("SIMPOOL_PUBLIC_ORIGIN", "pool.example"),
        ("SIMPOOL_SIGNING_KEY", "{"),
        ("SIMPOOL_SIGNING_KEY", "[]"),
        ("SIMPOOL_SIGNING_KEY", without(SIGNING_KEY, "d")),
        ("SIMPOOL_SIGNING_KEY", without(SIGNING_KEY, "kid")),
        ("SIMPOOL_SIGNING_KEY", without(SIGNING_KEY, "crv")),
        ("SIMPOOL_SIGNING_KEY", json.dumps({**SIGNING_KEY, "x": "AAAA"})),
        ("SIMPOOL_TOKEN_SECONDS", "3601"),
        ("SIMPOOL_TOKEN_SECONDS", "59"),
        ("SIMPOOL_TOKEN_SECONDS", "ten"),
        ("SIMPOOL_DB_POOL_SIZE", "0"),
        ("SIMPOOL_LOG_LEVEL", "LOUD"),
        ("SUPABASE_JWKS", "[]"),
        ("SUPABASE_JWKS", '{"keys": {}}'),
        ("SUPABASE_JWT_SECRET", "short"),
        ("SUPABASE_JWT_SECRET", ""),
    ],
)
def test_wrong_variable_is_named(name: str, value: str) -> None:
    """A wrong variable is refused in a sentence that names it, and never repeats a secret."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(ENVIRONMENT | {name: value})
    [problem] = caught.value.problems
    assert name in problem
    assert SIGNING_KEY["d"] not in problem


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:54321", "127.0.0.1:54321"),
        ("https://Pool.Example:443", "pool.example"),
        ("http://pool.example:80", "pool.example"),
        ("http://pool.example:443", "pool.example:443"),
        ("https://[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_authority_is_normalised(url: str, expected: str) -> None:
    """An authority is in lower case and without the default port of its scheme."""
    assert authority(url) == expected


def test_version_is_the_project_s() -> None:
    """The handlers, which are deployed without the package, carry its version."""
    root = Path(__file__).resolve().parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == __version__
