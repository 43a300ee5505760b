"""Who is calling: a node by its signature, a machine by its API key, a user by an access token."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from _shared import signatures
from _shared.database import SERVICE, Actor, Transaction
from _shared.errors import (
    ForbiddenError,
    RateLimitedError,
    SignatureRefusedError,
    TokenRefusedError,
    UnauthorizedError,
)
from _shared.logs import Record, record_of
from _shared.services import Services, WithServices, services_of
from _shared.settings import authority
from _shared.signatures import Message, Signed
from _shared.tokens import ROLE

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


KEY_SCHEME = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKey",
    auto_error=False,
    description="The API key of a machine, as its registration showed it.",
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


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that has shown who it is, by a signature or by an API key."""

    services: Services
    node: Node | None
    key_hash: str | None
    record: Record

    @asynccontextmanager
    async def transaction(
        self, bucket: str, node_id: str | None = None
    ) -> AsyncIterator[Transaction]:
        """Run calls as the machine, one more of this rate limit.

        Raises ForbiddenError where it is not the node that is meant. What fails is not counted:
        it changed nothing, and the caller is known.
        """
        async with self._known() as (transaction, known_id):
            self.record.node_id = known_id
            if node_id is not None and known_id != node_id:
                raise ForbiddenError("A machine speaks for itself only.")
            wait = await transaction.call("private.take_token", bucket=bucket, subject=known_id)
            _check_wait(wait, "of this machine")
            await transaction.become(node_actor(known_id))
            yield transaction

    @asynccontextmanager
    async def _known(self) -> AsyncIterator[tuple[Transaction, str]]:
        if self.node is not None:
            async with self.node.transaction() as transaction:
                known = await transaction.call(
                    "private.node_token", public_key=self.node.public_key
                )
                yield transaction, str(known["id"])
            return
        async with self.services.database.transaction(SERVICE) as transaction:
            node_id = await transaction.call("private.api_key_node", key_hash=self.key_hash)
            yield transaction, str(node_id)


def node_actor(node_id: str) -> Actor:
    """Return whom the token of a node speaks for."""
    return Actor(ROLE, {"sub": node_id, "role": ROLE, "node_id": node_id})


def new_api_key() -> str:
    """Return an API key that nobody has yet."""
    return f"spk_{secrets.token_urlsafe(32)}"


def hash_api_key(key: str) -> str:
    """Return what is kept of an API key: it is as random as its hash is long."""
    return hashlib.sha256(key.encode()).hexdigest()


async def known_machine(
    request: Request,
    services: WithServices,
    api_key: Annotated[str | None, Security(KEY_SCHEME)] = None,
    signature: Annotated[str | None, Security(NODE_SCHEME)] = None,
) -> Machine:
    """Return the machine that calls, by its API key or else by its signature."""
    record = record_of(request.scope)
    if api_key is not None:
        return Machine(services, None, hash_api_key(api_key), record)
    if signature is None:
        raise UnauthorizedError("Send the machine's API key, or sign the request.")
    return Machine(services, await signed_node(request, services), None, record)


async def machine_or_user(
    request: Request,
    services: WithServices,
    api_key: Annotated[str | None, Security(KEY_SCHEME)] = None,
    signature: Annotated[str | None, Security(NODE_SCHEME)] = None,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(USER_SCHEME)] = None,
) -> Machine | Actor:
    """Return the user that calls, or else the machine."""
    if credentials is not None:
        return await signed_in_user(request, services, credentials)
    return await known_machine(request, services, api_key, signature)


@asynccontextmanager
async def acting(
    services: Services, caller: Machine | Actor, bucket: str
) -> AsyncIterator[Transaction]:
    """Run calls as whoever is calling, one more of this rate limit."""
    if isinstance(caller, Machine):
        async with caller.transaction(bucket) as transaction:
            yield transaction
    else:
        await limit_by_user(services, caller, bucket)
        async with services.database.transaction(caller) as transaction:
            yield transaction


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
    await _limit(services_of(request), bucket, subject, "from this address")


async def limit_by_user(services: Services, user: Actor, bucket: str) -> None:
    """Count a request of this user; raises RateLimitedError when there were too many."""
    await _limit(services, bucket, str(user.claims["sub"]), "of this user")


async def _limit(services: Services, bucket: str, subject: str, whose: str) -> None:
    async with services.database.transaction(SERVICE) as transaction:
        wait = await transaction.call("private.take_token", bucket=bucket, subject=subject)
    _check_wait(wait, whose)


def _check_wait(wait: Any, whose: str) -> None:
    if wait:
        raise RateLimitedError(
            f"Too many requests {whose}; try again later.", retry_after=int(wait)
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
KnownMachine = Annotated[Machine, Depends(known_machine)]
MachineOrUser = Annotated[Machine | Actor, Depends(machine_or_user)]
User = Annotated[Actor, Depends(signed_in_user)]
