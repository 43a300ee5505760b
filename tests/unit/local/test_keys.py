"""Keys and tokens of the stand-in."""

from __future__ import annotations

import base64
import hmac
import json
import stat
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from local.errors import LocalError, TokenError
from local.keys import SECRETS_FILE, SIGNING_KEYS_FILE, Keyring, create_signing_jwk

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """Fresh keys."""
    return Keyring.load(tmp_path_factory.mktemp("keys"))


def reason(keyring: Keyring, token: str, now: float = NOW) -> str:
    """Why the token is refused."""
    with pytest.raises(TokenError) as caught:
        keyring.verify(token, now=now)
    return caught.value.reason


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token whose signature is empty."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims))
    return ".".join([*(part.rstrip(b"=").decode() for part in parts), ""])


def test_keys_are_made_once(tmp_path: Path) -> None:
    """A second start finds the keys of the first."""
    assert Keyring.load(tmp_path / "new") == Keyring.load(tmp_path / "new")


def test_two_data_directories_have_different_secrets(tmp_path: Path) -> None:
    """Secrets are random; only the publishable key is the known one."""
    one, other = Keyring.load(tmp_path / "one"), Keyring.load(tmp_path / "other")
    assert one.publishable_key == other.publishable_key
    assert one.secret_key != other.secret_key
    assert one.jwt_secret != other.jwt_secret
    assert one.signing_jwk["kid"] != other.signing_jwk["kid"]


def test_key_files_are_closed_to_others(tmp_path: Path) -> None:
    """Both files have mode 0600."""
    Keyring.load(tmp_path)
    modes = {
        name: stat.S_IMODE((tmp_path / name).stat().st_mode)
        for name in (SECRETS_FILE, SIGNING_KEYS_FILE)
    }
    assert modes == {SECRETS_FILE: 0o600, SIGNING_KEYS_FILE: 0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == [SECRETS_FILE, SIGNING_KEYS_FILE]


def test_a_signing_key_of_the_supabase_cli_is_taken(tmp_path: Path) -> None:
    """The file of `supabase gen signing-key`, an array of JWKs, can be put in place."""
    jwk = create_signing_jwk()
    (tmp_path / SIGNING_KEYS_FILE).write_text(json.dumps([jwk]))
    assert Keyring.load(tmp_path).signing_jwk == jwk


def test_an_earlier_signing_key_still_verifies(tmp_path: Path) -> None:
    """The first key signs, every key verifies: keys can be rotated."""
    old, new = create_signing_jwk(), create_signing_jwk()
    (tmp_path / SIGNING_KEYS_FILE).write_text(json.dumps([old]))
    token = Keyring.load(tmp_path).issue({"sub": "1"}, expires_in=60, now=NOW)
    (tmp_path / SIGNING_KEYS_FILE).write_text(json.dumps([new, old]))
    keyring = Keyring.load(tmp_path)
    assert keyring.verify(token, now=NOW)["sub"] == "1"
    assert keyring.signing_jwk == new


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (SECRETS_FILE, "{"),
        (SECRETS_FILE, "{}"),
        (SIGNING_KEYS_FILE, "[]"),
        (SIGNING_KEYS_FILE, '[{"alg": "ES256"}]'),
        (SIGNING_KEYS_FILE, "7"),
    ],
)
def test_a_broken_key_file_is_reported_and_kept(tmp_path: Path, name: str, text: str) -> None:
    """Keys are never replaced behind the back of who put them there."""
    Keyring.load(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(LocalError, match="cannot be used"):
        Keyring.load(tmp_path)
    assert (tmp_path / name).read_text() == text


def test_the_signing_key_has_the_members_of_the_supabase_cli() -> None:
    """Member names and fixed values of an ES256 signing key."""
    jwk = create_signing_jwk()
    assert " ".join(jwk) == "kty kid use key_ops alg ext d crv x y"
    fixed = {name: jwk[name] for name in ("kty", "use", "key_ops", "alg", "ext", "crv")}
    assert fixed == {
        "kty": "EC",
        "use": "sig",
        "key_ops": ["sign", "verify"],
        "alg": "ES256",
        "ext": True,
        "crv": "P-256",
    }


def test_published_keys_are_public(keyring: Keyring) -> None:
    """The JWKS verifies tokens and cannot sign them."""
    (published,) = keyring.jwks()["keys"]
    assert "d" not in published
    token = keyring.issue({"sub": "1"}, expires_in=60)
    assert jwt.decode(token, jwt.PyJWK(published), ["ES256"])["sub"] == "1"


def test_an_issued_token_carries_kid_and_times(keyring: Keyring) -> None:
    """Header and times are what any Supabase service needs."""
    token = keyring.issue({"role": "authenticated"}, expires_in=60, now=NOW)
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "typ": "JWT",
        "kid": keyring.signing_jwk["kid"],
    }
    claims = {"role": "authenticated", "iat": NOW, "exp": NOW + 60}
    assert keyring.verify(token, now=NOW) == claims


def test_a_token_signed_with_the_secret_is_accepted(keyring: Keyring) -> None:
    """HS256 tokens of older projects verify."""
    token = jwt.encode({"sub": "1", "exp": NOW + 1}, keyring.jwt_secret, "HS256")
    assert keyring.verify(token, now=NOW)["sub"] == "1"


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_legacy_keys_name_their_role_for_ten_years(keyring: Keyring, role: str) -> None:
    """The legacy keys are HS256 tokens."""
    claims = keyring.verify(getattr(keyring, f"{role}_key"), now=time.time())
    assert (claims["role"], claims["iss"]) == (role, "supabase")
    assert claims["exp"] - claims["iat"] == 10 * 365 * 24 * 3600


def test_a_token_ends_at_its_expiry(keyring: Keyring) -> None:
    """At exp the token has expired, a moment before it has not."""
    token = keyring.issue({}, expires_in=60, now=NOW)
    assert keyring.verify(token, now=NOW + 59.9)
    assert reason(keyring, token, NOW + 60) == "expired"


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "....", "é.é.é", "eyJhbGciOiJIUzI1NiJ9.e30"]
)
def test_what_is_no_token_is_malformed(keyring: Keyring, token: str) -> None:
    """Whatever the bytes, only TokenError comes out."""
    assert reason(keyring, token) == "malformed"


def test_a_foreign_signature_is_refused(keyring: Keyring, tmp_path: Path) -> None:
    """A token of another stand-in names a key that is unknown here."""
    token = Keyring.load(tmp_path).issue({}, expires_in=60, now=NOW)
    assert reason(keyring, token) == "signature"


def test_a_changed_token_is_refused(keyring: Keyring) -> None:
    """The claims are what was signed."""
    header, _, signature = keyring.issue({}, expires_in=60, now=NOW).split(".")
    claims = base64.urlsafe_b64encode(b'{"role":"service_role"}').rstrip(b"=").decode()
    assert reason(keyring, f"{header}.{claims}.{signature}") == "signature"


def test_an_unsigned_token_is_refused(keyring: Keyring) -> None:
    """The algorithm `none` is none."""
    assert reason(keyring, unsigned({"alg": "none"}, {"role": "service_role"})) == "signature"


def test_the_public_key_is_no_secret(keyring: Keyring) -> None:
    """A token signed with the published key as an HS256 secret is refused."""
    secret = json.dumps(keyring.jwks()["keys"][0]).encode()
    signed = unsigned({"alg": "HS256"}, {"role": "service_role"}).removesuffix(".")
    mac = hmac.digest(secret, signed.encode(), "sha256")
    token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert reason(keyring, token) == "signature"


@pytest.mark.parametrize("expiry", ["tomorrow", True, [1]])
def test_an_expiry_that_is_no_number_is_refused(keyring: Keyring, expiry: object) -> None:
    """A claim of the wrong type is not a missing claim."""
    header, secret = {"typ": "JWT"}, keyring.jwt_secret
    payload = json.dumps({"exp": expiry}).encode()
    token = jwt.api_jws.encode(payload, secret, "HS256", headers=header)
    assert reason(keyring, token) == "claims"
