"""Signatures of requests: RFC 9421's vector, the shared vectors, every way to be refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from nacl.signing import SigningKey

from _shared import signatures
from _shared.errors import SignatureRefusedError
from _shared.signatures import Message
from tests.vectors import make_signatures

VECTORS: list[dict[str, Any]] = json.loads(make_signatures.PATH.read_text(encoding="utf-8"))
KEY = SigningKey(bytes(range(32)))
KEYID = base64.urlsafe_b64encode(bytes(KEY.verify_key)).decode().rstrip("=")
NOW = 1767225600
BODY = b'{"a":1}'
COVERED = '("@method" "@authority" "@path" "@query" "content-digest")'

RFC_COMPONENTS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)
RFC_MESSAGE = Message(
    "POST",
    "example.com",
    "/foo",
    "param=Value&Pet=dog",
    {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-length": "18",
        "signature-input": f"sig-b26={RFC_COMPONENTS}",
        "signature": f"sig-b26=:{RFC_SIGNATURE}:",
    },
)
RFC_PUBLIC_KEY = base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")


def parameters(**changes: str | None) -> str:
    """Return signature parameters, with some changed (None leaves one out)."""
    values: dict[str, str | None] = {
        "created": str(NOW),
        "nonce": '"AAECAwQFBgcICQoLDA0ODw"',
        "keyid": f'"{KEYID}"',
        "alg": '"ed25519"',
        **changes,
    }
    return "".join(f";{name}={value}" for name, value in values.items() if value is not None)


def signed(signature_params: str = "", covered: str = COVERED, **headers: str) -> Message:
    """Return a message that was really signed with these parameters."""
    text = covered + (signature_params or parameters())
    message = Message(
        "POST",
        "pool.example",
        "/functions/v1/claim",
        "",
        {
            "content-digest": signatures.content_digest(BODY),
            "signature-input": f"node={text}",
            "signature": "node=:AA==:",
            **headers,
        },
    )
    signature_input, _ = signatures.parse(message.headers, "node")
    signature = KEY.sign(signature_input.base(message)).signature
    return with_header(message, "signature", f"node=:{base64.b64encode(signature).decode()}:")


def with_header(message: Message, name: str, value: str | None) -> Message:
    """Return the message with one header changed, or left out."""
    headers = {**message.headers, name: value}
    return replace(message, headers={k: v for k, v in headers.items() if v is not None})


def refusal(message: Message, body: bytes = BODY, now: float = NOW) -> str:
    """Return the sentence with which the message is refused."""
    with pytest.raises(SignatureRefusedError) as caught:
        signatures.verify(message, body, now=now)
    return caught.value.message


def test_rfc_vector_b_2_6_verifies() -> None:
    """The Ed25519 example of RFC 9421 passes the verification."""
    signature_input, signature = signatures.parse(RFC_MESSAGE.headers, "sig-b26")
    assert signature == base64.b64decode(RFC_SIGNATURE)
    signatures.check_signature(signature_input.base(RFC_MESSAGE), signature, RFC_PUBLIC_KEY)


def test_rfc_vector_b_2_6_base_is_the_rfc_s_text() -> None:
    """The signature base of the RFC's example is, byte for byte, what the RFC prints."""
    signature_input, _ = signatures.parse(RFC_MESSAGE.headers, "sig-b26")
    assert signature_input.base(RFC_MESSAGE).decode() == "\n".join(
        (
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@method": POST',
            '"@path": /foo',
            '"@authority": example.com',
            '"content-type": application/json',
            '"content-length": 18',
            f'"@signature-params": {RFC_COMPONENTS}',
        )
    )


def test_rfc_vector_b_2_6_signs() -> None:
    """Signing the RFC's example with its private key gives its signature."""
    key = SigningKey(base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU="))
    signature_input, signature = signatures.parse(RFC_MESSAGE.headers, "sig-b26")
    assert key.sign(signature_input.base(RFC_MESSAGE)).signature == signature


def test_rfc_vector_altered_is_refused() -> None:
    """The RFC's signature does not hold for another path."""
    signature_input, signature = signatures.parse(RFC_MESSAGE.headers, "sig-b26")
    base = signature_input.base(replace(RFC_MESSAGE, path="/bar"))
    with pytest.raises(SignatureRefusedError):
        signatures.check_signature(base, signature, RFC_PUBLIC_KEY)


def test_vectors_file_is_what_the_script_makes() -> None:
    """Running the script again changes nothing in the vectors checked in."""
    assert make_signatures.PATH.read_text(encoding="utf-8") == make_signatures.document()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_shared_vectors_verify(vector: dict[str, Any]) -> None:
    """Each shared vector verifies, and names its key and nonce."""
    url = urlsplit(vector["url"])
    message = Message(
        vector["method"],
        vector["signature_base"].split("\n")[1].removeprefix('"@authority": '),
        url.path,
        url.query,
        {name.lower(): value for name, value in vector["headers"].items()},
    )
    result = signatures.verify(message, vector["body"].encode(), now=vector["created"] + 5)
    assert result == signatures.Signed(vector["keyid"], vector["nonce"], vector["created"])


def test_signed_message_is_accepted() -> None:
    """A message signed as the contract says is accepted."""
    assert signatures.verify(signed(), BODY, now=NOW).public_key == KEYID


def test_more_may_be_covered() -> None:
    """A signature may cover headers beyond what it must, and they count."""
    covered = COVERED.replace(")", ' "idempotency-key")')
    message = signed(covered=covered, **{"idempotency-key": "one"})
    assert signatures.verify(message, BODY, now=NOW).public_key == KEYID
    assert "does not match" in refusal(with_header(message, "idempotency-key", "two"))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"authority": "other.example"},
        {"path": "/functions/v1/other"},
        {"query": "a=1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_tampered_request_is_refused(changes: dict[str, str]) -> None:
    """A change of method, authority, path or query breaks the signature."""
    message = replace(signed(), **changes)  # type: ignore[arg-type]  # one field at a time
    assert refusal(message) == "The signature does not match the request."


def test_tampered_body_is_refused() -> None:
    """A body other than the one digested is refused."""
    assert refusal(signed(), b'{"a":2}') == "Content-Digest does not match the body."


def test_tampered_body_with_its_own_digest_is_refused() -> None:
    """A new body with a new digest breaks the signature over the digest."""
    digest = signatures.content_digest(b"{}")
    message = with_header(signed(), "content-digest", digest)
    assert refusal(message, b"{}") == "The signature does not match the request."


@pytest.mark.parametrize("component", signatures.COVERED)
def test_missing_component_is_refused(component: str) -> None:
    """A signature that leaves out one of the required components is refused, and told which."""
    names = [name for name in signatures.COVERED if name != component]
    message = signed(covered="(" + " ".join(f'"{name}"' for name in names) + ")")
    with pytest.raises(SignatureRefusedError) as caught:
        signatures.verify(message, BODY, now=NOW)
    assert caught.value.details == {"missing": [component]}


@pytest.mark.parametrize("skew", [-301, 301])
def test_skewed_clock_is_refused_with_the_server_s_time(skew: int) -> None:
    """A signature made over 300 s away is refused, and the answer carries the server's time."""
    with pytest.raises(SignatureRefusedError) as caught:
        signatures.verify(signed(), BODY, now=NOW + skew)
    assert caught.value.details == {"created": NOW, "server_time": NOW + skew}


@pytest.mark.parametrize("skew", [-300, 300])
def test_clock_may_be_off_by_the_window(skew: int) -> None:
    """A signature made exactly 300 s away is accepted."""
    assert signatures.verify(signed(), BODY, now=NOW + skew).created == NOW


def test_expired_signature_is_refused() -> None:
    """A signature past its own `expires` is refused."""
    message = signed(parameters(expires=str(NOW + 5)))
    assert "300 seconds" in refusal(message, now=NOW + 6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"alg": '"hmac-sha256"'}, "The signature algorithm must be ed25519."),
        ({"alg": "ed25519"}, "The signature algorithm must be ed25519."),
        ({"alg": None}, "The signature algorithm must be ed25519."),
        ({"created": None}, "created must be the time of signing, in unix seconds."),
        ({"created": "?1"}, "created must be the time of signing, in unix seconds."),
        ({"created": '"1"'}, "created must be the time of signing, in unix seconds."),
        ({"expires": '"soon"'}, "created must be the time of signing, in unix seconds."),
        ({"nonce": None}, "nonce must be at least 128 random bits, as base64url."),
        ({"nonce": '"short"'}, "nonce must be at least 128 random bits, as base64url."),
        ({"nonce": f'"{"a" * 129}"'}, "nonce must be at least 128 random bits, as base64url."),
        ({"keyid": None}, "keyid is missing."),
        ({"keyid": '"abc"'}, "keyid is not the base64url of a 32-byte public key."),
        ({"keyid": f'"{KEYID}="'}, "keyid is not the base64url of a 32-byte public key."),
        ({"tag": '"x"'}, "Unknown signature parameters: tag."),
    ],
)
def test_wrong_parameter_is_refused(changes: dict[str, str | None], sentence: str) -> None:
    """Each wrong parameter is refused with a sentence that names it."""
    assert refusal(signed(parameters(**changes))) == sentence


def test_keyid_has_one_spelling() -> None:
    """A second base64url spelling of the same key (unused last bits set) is refused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = KEYID[:-1] + alphabet[alphabet.index(KEYID[-1]) + 1]
    message = signed(parameters(keyid=f'"{twin}"'))
    assert refusal(message) == "keyid is not the base64url of a 32-byte public key."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("signature", None, "The request is not signed: signature is missing."),
        ("signature-input", None, "The request is not signed: signature-input is missing."),
        ("signature", "node=:AA==", "signature is not a structured field."),
        ("signature", "nöde=1", "signature is not a structured field."),
        ("signature", "other=:AA==:", "signature has no member node."),
        ("signature", 'node="text"', "Signature node is not a byte sequence."),
        ("signature", "node=:AA==:", "The signature does not match the request."),
        ("signature-input", "node=1", "Signature-Input node is not a list of components."),
        ("signature-input", "node=(1)", "A covered component must be a name without parameters."),
        (
            "signature-input",
            'node=("@path";req)',
            "A covered component must be a name without parameters.",
        ),
        ("signature-input", 'node=("@path" "@path")', "A component is covered twice."),
        ("content-digest", "sha-512=:AA==:", "content-digest has no member sha-256."),
        ("content-digest", "sha-256=1", "Content-Digest does not match the body."),
        ("content-digest", None, "The request is not signed: content-digest is missing."),
    ],
)
def test_malformed_header_is_refused(name: str, value: str | None, sentence: str) -> None:
    """Whatever the signature headers hold, the answer is a refusal that says what is wrong."""
    assert refusal(with_header(signed(), name, value)) == sentence


@pytest.mark.parametrize("component", ["@status", "@target-uri", "x-absent"])
def test_unknown_component_is_refused(component: str) -> None:
    """A covered component that the request does not have, or we do not support, is refused."""
    message = signed()
    covered = COVERED.replace(")", f' "{component}")')
    message = with_header(message, "signature-input", f"node={covered}{parameters()}")
    assert component in refusal(message)


def test_another_key_s_signature_is_refused() -> None:
    """A signature by another key than the one named is refused."""
    other = base64.urlsafe_b64encode(bytes(SigningKey(bytes(32)).verify_key)).decode().rstrip("=")
    message = signed(parameters(keyid=f'"{other}"'))
    assert refusal(message) == "The signature does not match the request."


def test_degenerate_key_is_refused() -> None:
    """A key of small order, for which anybody can make signatures, is refused."""
    weak = base64.urlsafe_b64encode(bytes([1]) + bytes(31)).decode().rstrip("=")
    message = signed(parameters(keyid=f'"{weak}"'))
    forged = base64.b64encode(bytes([1]) + bytes(63)).decode()
    assert "does not match" in refusal(with_header(message, "signature", f"node=:{forged}:"))
