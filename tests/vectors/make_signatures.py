"""Makes signatures.json: signed requests that both sides of the contract must agree on.

Run `python tests/vectors/make_signatures.py` to write the file again. The signatures are put
together here from RFC 9421 by string formatting alone, so that neither the handlers' verifier nor
the node's signer is its own judge.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nacl.signing import SigningKey

PATH = Path(__file__).with_name("signatures.json")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Request:
    """One request of a node, before it is signed."""

    name: str
    method: str
    url: str
    body: str
    created: int
    nonce: str
    seed: str


REQUESTS = (
    Request(
        "register on this machine",
        "POST",
        "http://127.0.0.1:54321/functions/v1/node-register",
        '{"hostname":"atlas","totalCores":8,"enabledCores":4,"version":"0.1.0"}',
        1767225600,
        "AAECAwQFBgcICQoLDA0ODw",
        "00" * 31 + "01",
    ),
    Request(
        "token behind the default port of https",
        "POST",
        "https://pool.example:443/functions/v1/node-token",
        "{}",
        1767225601,
        "8PHy8_T19vf4-fr7_P3-_w",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    ),
    Request(
        "upper-case host and a query",
        "POST",
        "https://Pool.Example/functions/v1/node-unregister?b=2&a=1%202",
        "{}",
        1767225602,
        "kKGyw9Tl9gcYKTpLXG1-jw",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    ),
    Request(
        "text outside ASCII in the body, escapes in the path",
        "POST",
        "http://127.0.0.1:8000/functions/v1/a%20b%2Fc",
        '{"hostname":"Größe \u2713"}',
        1767225603,
        "EjRWeJCrze8SNFZ4kKvN7w",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    ),
    Request(
        "no body",
        "GET",
        "http://127.0.0.1:54321/functions/v1/health",
        "",
        1767225604,
        "_____________________w",
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    ),
)


def vector(request: Request) -> dict[str, Any]:
    """Return a request with the headers that sign it."""
    key = SigningKey(bytes.fromhex(request.seed))
    keyid = base64.urlsafe_b64encode(bytes(key.verify_key)).decode().rstrip("=")
    digest = base64.b64encode(hashlib.sha256(request.body.encode()).digest()).decode()
    parameters = (
        '("@method" "@authority" "@path" "@query" "content-digest")'
        f';created={request.created};nonce="{request.nonce}";keyid="{keyid}";alg="ed25519"'
    )
    base = signature_base(request, digest, parameters)
    signature = base64.b64encode(key.sign(base.encode()).signature).decode()
    return {
        "name": request.name,
        "seed": request.seed,
        "keyid": keyid,
        "method": request.method,
        "url": request.url,
        "body": request.body,
        "created": request.created,
        "nonce": request.nonce,
        "signature_base": base,
        "headers": {
            "Content-Digest": f"sha-256=:{digest}:",
            "Signature-Input": f"node={parameters}",
            "Signature": f"node=:{signature}:",
        },
    }


def signature_base(request: Request, digest: str, parameters: str) -> str:
    """Return the text that is signed."""
    url = urlsplit(request.url)
    port = "" if url.port in {None, DEFAULT_PORTS[url.scheme]} else f":{url.port}"
    return "\n".join(
        (
            f'"@method": {request.method}',
            f'"@authority": {url.hostname}{port}',
            f'"@path": {url.path}',
            f'"@query": ?{url.query}',
            f'"content-digest": sha-256=:{digest}:',
            f'"@signature-params": {parameters}',
        )
    )


def document() -> str:
    """Return the text of signatures.json."""
    vectors = [vector(request) for request in REQUESTS]
    return json.dumps(vectors, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
