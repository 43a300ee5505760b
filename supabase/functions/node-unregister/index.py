"""POST node-unregister: a node leaves the pool; its leases go back and its row goes away."""

from typing import Any

from _shared.documents import Answer, Empty
from _shared.errors import SignatureRefusedError
from _shared.identity import SignedNode
from _shared.routing import router as make_router

router = make_router(SignatureRefusedError)


class Unregistered(Answer):
    """The id that the node had."""

    id: str


@router.post("", name="unregister_node", summary="Leave the pool", response_model=Unregistered)
async def unregister(_body: Empty, node: SignedNode) -> Any:
    """Remove the node whose key signed the request."""
    async with node.transaction() as transaction:
        return await transaction.call("private.unregister_node", public_key=node.public_key)
