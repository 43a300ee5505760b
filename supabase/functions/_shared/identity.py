"""Who is calling: a node by its signature, or a user by an access token."""

from __future__ import annotations

import ipaddress
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from _shared import signatures
from _shared.database import SERVICE, Actor, Transaction
from _shared.errors import RateLimitedError, SignatureRefusedError, TokenRefusedError
from _shared.logs import record_of
from _shared.services import Services, WithServices, services_of
from _shared.settings import authority
from _shared.signatures import Message, Signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NODE_SCHEME = APIKeyHeader(
    name="Signature",
    scheme_name="nodeSignature",
    auto_error=False,
    description=(
        "HTTP message signature (RFC 9421), label `node`, algorithm `ed25519`, over"
        ' `"@method" "@authority" "@path" "@query" "content-digest"` with `created`, `nonce`,'
        " `keyid` and `alg`."
    ),
)
USER_SCHEME = HTTPBearer(
    scheme_name="userToken",
    bearerFormat="JWT",
    auto_error=False,
    description="The access token of a signed-in user.",
)


@dataclass(frozen=True, slots=True)
class Node:
    """A node that has signed its request, and what it may ask of the database."""

    signed: Signed
    services: Services

    @property
    def public_key(self) -> str:
        """The key that names the node."""
        return self.signed.public_key

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run calls on the node's behalf; the first of them spends the nonce.

        A nonce is spent only by a request that succeeds, so that one whose answer was an error
        of the server can be sent again as it is.
        """
        async with self.services.database.transaction(SERVICE) as transaction:
            fresh = await transaction.call(
                "private.use_nonce",
                public_key=self.public_key,
                nonce=self.signed.nonce,
                created_at=datetime.fromtimestamp(self.signed.created, UTC),
            )
            if fresh is not True:
                raise SignatureRefusedError("This request was already sent: its nonce is spent.")
            yield transaction


async def signed_node(
    request: Request,
    services: WithServices,
    _scheme: Annotated[str | None, Security(NODE_SCHEME)] = None,
) -> Node:
    """Return the node whose signature the request carries."""
    message = _message(request, services.settings.authority)
    try:
        signed = signatures.verify(message, await request.body(), now=services.clock())
    except SignatureRefusedError as error:
        raise _with_authority(error, request, services) from error
    record_of(request.scope).node_key = signed.public_key
    return Node(signed, services)


async def signed_in_user(
    request: Request,
    services: WithServices,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(USER_SCHEME)] = None,
) -> Actor:
    """Return the user whose access token the request carries."""
    if credentials is None:
        raise TokenRefusedError
    actor = await services.user_tokens.check(credentials.credentials)
    record_of(request.scope).user_id = str(actor.claims["sub"])
    return actor


async def limit_by_address(request: Request, bucket: str) -> None:
    """Count a request of this address; raises RateLimitedError when there were too many.

    The count has its own transaction: it must stand whatever becomes of the request.
    """
    subject = network(request.client.host if request.client else "unknown")
    async with services_of(request).database.transaction(SERVICE) as transaction:
        wait = await transaction.call("private.take_token", bucket=bucket, subject=subject)
    if wait:
        raise RateLimitedError(
            "Too many requests from this address; try again later.", retry_after=int(wait)
        )


def network(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 that one host holds."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed, 64), strict=False))


def _message(request: Request, authority: str) -> Message:
    scope = request.scope
    # Servers give the path as it was sent; a test client may give only the decoded one.
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return Message(
        method=request.method,
        authority=authority,
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
    )


def _with_authority(
    error: SignatureRefusedError, request: Request, services: Services
) -> SignatureRefusedError:
    """Say so when the request went to another name than the one nodes must sign for."""
    sent_to = authority(f"{request.url.scheme}://{request.headers.get('host', '')}")
    expected = services.settings.authority
    if sent_to == expected:
        return error
    details = {**error.details, "authority": {"expected": expected, "received": sent_to}}
    return SignatureRefusedError(error.message, details=details)


SignedNode = Annotated[Node, Depends(signed_node)]
User = Annotated[Actor, Depends(signed_in_user)]
