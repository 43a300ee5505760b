"""The node's identity: an Ed25519 key on disk, and requests signed with it (RFC 9421)."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NewType
from urllib.parse import urlsplit

from nacl.signing import SigningKey

from node.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PublicKey = NewType("PublicKey", str)  # base64url of 32 bytes, no padding: a `keyid`

LABEL: Final = "node"
COMPONENTS: Final = ("@method", "@authority", "@path", "@query", "content-digest")
SEED_BYTES: Final = 32
NONCE_BYTES: Final = 18
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class NodeKey:
    """The key that names a node and speaks for it."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)

    @classmethod
    def load_or_create(cls, path: Path) -> NodeKey:
        """The key in this file; a new one is made where there is none. Raises IdentityError."""
        try:
            if not path.exists():
                _create(path, secrets.token_bytes(SEED_BYTES))
            return cls(_read(path))
        except OSError as error:
            raise IdentityError(f"{path} cannot be used: {error.strerror}") from error

    @property
    def public_key(self) -> PublicKey:
        """The public key as requests name it."""
        return PublicKey(_base64url(bytes(self._key.verify_key)))

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 signature."""
        return self._key.sign(message).signature

    def __repr__(self) -> str:
        return f"NodeKey({self.public_key})"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Signature parameters in the order in which they are serialised."""

    created: int
    nonce: str
    keyid: str

    @classmethod
    def fresh(cls, key: NodeKey, created: int) -> Parameters:
        """Parameters for one request; the nonce has 144 random bits."""
        return cls(created, _base64url(secrets.token_bytes(NONCE_BYTES)), key.public_key)

    def __str__(self) -> str:
        return f'created={self.created};nonce="{self.nonce}";keyid="{self.keyid}";alg="ed25519"'


def sign_request(
    key: NodeKey, method: str, url: str, body: bytes, parameters: Parameters
) -> dict[str, str]:
    """The headers that make this request this node's own."""
    digest = content_digest(body)
    covered = {**derived_components(method, url), "content-digest": digest}
    names = " ".join(f'"{name}"' for name in COMPONENTS)
    signed_parameters = f"({names});{parameters}"
    base = signature_base([(name, covered[name]) for name in COMPONENTS], signed_parameters)
    signature = base64.b64encode(key.sign(base)).decode()
    return {
        "content-digest": digest,
        "signature-input": f"{LABEL}={signed_parameters}",
        "signature": f"{LABEL}=:{signature}:",
    }


def derived_components(method: str, url: str) -> Mapping[str, str]:
    """The parts of a request that have no header (RFC 9421, section 2.2)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    has_port = parts.port is not None and parts.port != DEFAULT_PORTS.get(parts.scheme)
    return {
        "@method": method.upper(),
        "@authority": f"{host}:{parts.port}" if has_port else host,
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
    }


def signature_base(components: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join((*lines, f'"@signature-params": {parameters}')).encode()


def content_digest(body: bytes) -> str:
    """Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _create(path: Path, seed: bytes) -> None:
    """Write the key so that no other reader, crash or second process ever sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(seed) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # a link fails where a rename would replace the key another process has just made
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise IdentityError(f"{path} can be read by others", advice=f"Run: chmod 600 {path}")
    try:
        seed = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError as error:
        raise IdentityError(f"{path} is not a key: it is not base64") from error
    if len(seed) != SEED_BYTES:
        raise IdentityError(f"{path} is not a key: it holds {len(seed)} bytes, not {SEED_BYTES}")
    return seed


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
