"""The node's key, and what it signs."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from node.auth import NodeKey, Parameters, content_digest, sign_request, signature_base
from node.errors import IdentityError

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signatures.json").read_text(encoding="utf-8")
)

# RFC 9421, appendix B.1.4: the seed inside the PKCS#8 of test-key-ed25519
B14_SEED = base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
# RFC 9421, appendix B.2.6
B26_COMPONENTS = [
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("@method", "POST"),
    ("@path", "/foo"),
    ("@authority", "example.com"),
    ("content-type", "application/json"),
    ("content-length", "18"),
]
B26_PARAMETERS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
B26_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)


def test_rfc_9421_b_2_6_is_signed_as_the_rfc_says() -> None:
    """The RFC's own key and request give the RFC's own signature."""
    base = signature_base(B26_COMPONENTS, B26_PARAMETERS)
    assert base64.b64encode(NodeKey(B14_SEED).sign(base)).decode() == B26_SIGNATURE


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_requests_are_signed_as_the_handlers_expect(vector: dict[str, Any]) -> None:
    """Both sides of the contract share these vectors."""
    key = NodeKey(bytes.fromhex(vector["seed"]))
    assert key.public_key == vector["keyid"]
    headers = sign_request(
        key,
        vector["method"],
        vector["url"],
        vector["body"].encode(),
        Parameters(vector["created"], vector["nonce"], key.public_key),
    )
    expected = {name.lower(): value for name, value in vector["headers"].items()}
    assert headers == expected


def test_an_ipv6_authority_keeps_its_brackets() -> None:
    """RFC 9110, section 7.2: the host field has them."""
    key = NodeKey(bytes(32))
    headers = sign_request(key, "post", "http://[::1]:8000", b"", Parameters(1, "n", "k"))
    base = signature_base(
        [
            ("@method", "POST"),
            ("@authority", "[::1]:8000"),
            ("@path", "/"),
            ("@query", "?"),
            ("content-digest", content_digest(b"")),
        ],
        headers["signature-input"].removeprefix("node="),
    )
    signature = base64.b64decode(headers["signature"].removeprefix("node=:").removesuffix(":"))
    SigningKey(bytes(32)).verify_key.verify(base, signature)


def test_every_request_has_a_nonce_of_its_own() -> None:
    """At least 128 random bits, so that the server can refuse a replay."""
    key = NodeKey(bytes(32))
    nonces = {Parameters.fresh(key, 1).nonce for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(base64.urlsafe_b64decode(nonce + "==")) >= 16 for nonce in nonces)


def test_a_first_start_makes_a_key_only_its_owner_can_read(tmp_path: Path) -> None:
    """Mode 0600 from the first moment, in a directory of mode 0700."""
    path = tmp_path / "data" / "node.key"
    key = NodeKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert NodeKey.load_or_create(path).public_key == key.public_key
    assert [entry.name for entry in path.parent.iterdir()] == ["node.key"]


def test_a_key_made_meanwhile_by_another_process_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two first starts at once end with one key for both."""
    path = tmp_path / "node.key"
    link, other = os.link, NodeKey(b"\x01" * 32)

    def late_link(source: Path, target: Path) -> None:
        target.write_bytes(base64.b64encode(b"\x01" * 32))
        target.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", late_link)
    assert NodeKey.load_or_create(path).public_key == other.public_key
    assert [entry.name for entry in tmp_path.iterdir()] == ["node.key"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "0 bytes"), (b"no base64!", "base64"), (base64.b64encode(b"short"), "5 bytes")],
)
def test_a_damaged_key_is_named_and_kept(tmp_path: Path, content: bytes, reason: str) -> None:
    """A key is an identity: it is never replaced without being told to."""
    path = tmp_path / "node.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError, match=reason) as caught:
        NodeKey.load_or_create(path)
    assert path.read_bytes() == content
    assert "move it away" in caught.value.diagnostics()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The advice is the command that mends it."""
    path = tmp_path / "node.key"
    NodeKey.load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(IdentityError) as caught:
        NodeKey.load_or_create(path)
    assert f"chmod 600 {path}" in caught.value.diagnostics()


def test_a_place_without_a_key_is_an_identity_error(tmp_path: Path) -> None:
    """Not an error of the operating system."""
    (tmp_path / "file").write_text("")
    with pytest.raises(IdentityError, match="cannot be used"):
        NodeKey.load_or_create(tmp_path / "file" / "node.key")


def test_a_key_does_not_show_its_secret() -> None:
    """Not in a traceback, not in a log."""
    seed = b"\x07" * 32
    shown = repr(NodeKey(seed))
    assert base64.b64encode(seed).decode() not in shown
    assert NodeKey(seed).public_key in shown
