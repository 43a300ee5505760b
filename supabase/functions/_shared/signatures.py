"""HTTP message signatures of nodes: RFC 9421 with ed25519, and RFC 9530 content digests.

A node signs `"@method" "@authority" "@path" "@query" "content-digest"` under the label `node`, with
the parameters `created`, `nonce`, `keyid` and `alg`. Whether a nonce was seen before only the
database knows; everything else is decided here, from the bytes of the request alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import http_sf
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from _shared.errors import SignatureRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL: Final = "node"
ALGORITHM: Final = "ed25519"
COVERED: Final = ("@method", "@authority", "@path", "@query", "content-digest")
PARAMETERS: Final = frozenset({"created", "expires", "nonce", "keyid", "alg"})
WINDOW_SECONDS: Final = 300

# 22 characters of base64url carry 132 bits; a nonce must have 128.
_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of a request that a signature can cover, as they came over the wire."""

    method: str
    authority: str
    path: str
    query: str
    headers: Mapping[str, str]

    def component(self, name: str) -> str:
        """Return the value of a covered component (RFC 9421, sections 2.1 and 2.2)."""
        derived = {
            "@method": self.method,
            "@authority": self.authority,
            "@path": self.path or "/",
            "@query": f"?{self.query}",
        }
        if name in derived:
            return derived[name]
        if name.startswith("@"):
            raise SignatureRefusedError(f"The component {name} is not supported.")
        if name not in self.headers:
            raise SignatureRefusedError(f"The signature covers a missing header: {name}.")
        return self.headers[name].strip()


@dataclass(frozen=True, slots=True)
class SignatureInput:
    """One member of Signature-Input: what is covered, and the parameters."""

    components: tuple[str, ...]
    parameters: Mapping[str, Any]

    def base(self, message: Message) -> bytes:
        """Return the signature base (RFC 9421, section 2.5)."""
        lines = [f'"{name}": {message.component(name)}' for name in self.components]
        lines.append(f'"@signature-params": {self._parameters_text()}')
        return "\n".join(lines).encode("ascii", errors="backslashreplace")

    def _parameters_text(self) -> str:
        items: list[Any] = [(name, {}) for name in self.components]
        return http_sf.ser([(items, dict(self.parameters))])


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature holds; its nonce is still to be checked."""

    public_key: str
    nonce: str
    created: int


def content_digest(body: bytes) -> str:
    """Return the Content-Digest of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def verify(message: Message, body: bytes, *, now: float) -> Signed:
    """Return who signed the request; raises SignatureRefusedError with the reason."""
    signature_input, signature = parse(message.headers, LABEL)
    _check_covered(signature_input)
    signed = _check_parameters(signature_input.parameters, now)
    _check_digest(message.headers, body)
    check_signature(signature_input.base(message), signature, decode_key(signed.public_key))
    return signed


def parse(headers: Mapping[str, str], label: str) -> tuple[SignatureInput, bytes]:
    """Return the member of Signature-Input with this label, and its signature."""
    entry = _member(headers, "signature-input", label)
    signature = _member(headers, "signature", label)
    if not isinstance(entry[0], list):
        raise SignatureRefusedError(f"Signature-Input {label} is not a list of components.")
    if not isinstance(signature[0], bytes):
        raise SignatureRefusedError(f"Signature {label} is not a byte sequence.")
    return SignatureInput(_components(entry[0]), entry[1]), signature[0]


def check_signature(base: bytes, signature: bytes, public_key: bytes) -> None:
    """Raise SignatureRefusedError unless the signature is the key's own over this base."""
    try:
        VerifyKey(public_key).verify(base, signature)
    except (CryptoError, ValueError, TypeError) as error:
        raise SignatureRefusedError("The signature does not match the request.") from error


def decode_key(keyid: str) -> bytes:
    """Return the 32 bytes of a public key written as base64url without padding."""
    try:
        key = base64.b64decode(keyid + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES or encode_key(key) != keyid:
        raise SignatureRefusedError("keyid is not the base64url of a 32-byte public key.")
    return key


def encode_key(key: bytes) -> str:
    """Return a public key as base64url without padding: the name of a node."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _member(headers: Mapping[str, str], field: str, label: str) -> tuple[Any, Mapping[str, Any]]:
    value = headers.get(field)
    if value is None:
        raise SignatureRefusedError(f"The request is not signed: {field} is missing.")
    try:
        members = http_sf.parse(value.encode("ascii"), tltype="dictionary")
    except (http_sf.StructuredFieldError, UnicodeEncodeError) as error:
        raise SignatureRefusedError(f"{field} is not a structured field.") from error
    member = members.get(label) if isinstance(members, dict) else None
    if not isinstance(member, tuple):
        raise SignatureRefusedError(f"{field} has no member {label}.")
    return member[0], member[1]


def _components(items: list[Any]) -> tuple[str, ...]:
    names: list[str] = []
    for name, parameters in items:
        if not isinstance(name, str) or parameters:
            raise SignatureRefusedError("A covered component must be a name without parameters.")
        names.append(name)
    if len(set(names)) != len(names):
        raise SignatureRefusedError("A component is covered twice.")
    return tuple(names)


def _check_covered(signature_input: SignatureInput) -> None:
    missing = [name for name in COVERED if name not in signature_input.components]
    if missing:
        raise SignatureRefusedError(
            "The signature does not cover everything it must.", details={"missing": missing}
        )


def _check_parameters(parameters: Mapping[str, Any], now: float) -> Signed:
    unknown = sorted(set(parameters) - PARAMETERS)
    if unknown:
        raise SignatureRefusedError(f"Unknown signature parameters: {', '.join(unknown)}.")
    if parameters.get("alg") != ALGORITHM or not isinstance(parameters["alg"], str):
        raise SignatureRefusedError(f"The signature algorithm must be {ALGORITHM}.")
    created = _check_window(parameters, now)
    nonce, keyid = parameters.get("nonce"), parameters.get("keyid")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise SignatureRefusedError("nonce must be at least 128 random bits, as base64url.")
    if not isinstance(keyid, str):
        raise SignatureRefusedError("keyid is missing.")
    decode_key(keyid)
    return Signed(keyid, nonce, created)


def _check_window(parameters: Mapping[str, Any], now: float) -> int:
    created, expires = parameters.get("created"), parameters.get("expires", now)
    # A boolean is an integer in Python, but not in a structured field.
    if type(created) is not int or type(expires) not in {int, float}:
        raise SignatureRefusedError("created must be the time of signing, in unix seconds.")
    if abs(now - created) > WINDOW_SECONDS or expires < now:
        raise SignatureRefusedError(
            f"The request was signed more than {WINDOW_SECONDS} seconds from the server's time.",
            details={"created": created, "server_time": int(now)},
        )
    return created


def _check_digest(headers: Mapping[str, str], body: bytes) -> None:
    digest, _ = _member(headers, "content-digest", "sha-256")
    expected = hashlib.sha256(body).digest()
    if not isinstance(digest, bytes) or not hmac.compare_digest(digest, expected):
        raise SignatureRefusedError("Content-Digest does not match the body.")
