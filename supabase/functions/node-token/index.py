"""POST node-token: a registered node gets the short-lived token it reaches the pool with."""

from datetime import UTC, datetime

from fastapi import Request

from _shared.documents import Answer, Empty
from _shared.errors import SignatureRefusedError
from _shared.identity import SignedNode
from _shared.logs import record_of
from _shared.routing import router as make_router
from _shared.services import WithServices

router = make_router(SignatureRefusedError)


class Token(Answer):
    """A token for tables, functions and Realtime; `topic` is the node's own."""

    access_token: str
    expires_at: datetime
    node_id: str
    topic: str


@router.post("", name="node_token", summary="Get a token", response_model=Token)
async def token(_body: Empty, node: SignedNode, services: WithServices, request: Request) -> Token:
    """Return a token for the node whose key signed the request."""
    async with node.transaction() as transaction:
        known = await transaction.call("private.node_token", public_key=node.public_key)
    record_of(request.scope).node_id = known["id"]
    access_token, expires = services.node_tokens.issue(known["id"])
    return Token(
        access_token=access_token,
        expires_at=datetime.fromtimestamp(expires, UTC),
        node_id=known["id"],
        topic=known["topic"],
    )
