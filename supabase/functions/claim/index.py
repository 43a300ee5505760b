"""GET and POST claim: an owner looks at the node behind a code, and makes it their own."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field, StringConstraints

from _shared.database import unwrap
from _shared.documents import Answer, Name, Request
from _shared.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    RateLimitedError,
    TokenRefusedError,
)
from _shared.identity import User
from _shared.routing import router as make_router
from _shared.services import WithServices

router = make_router(
    TokenRefusedError, ForbiddenError, NotFoundError, ConflictError, GoneError, RateLimitedError
)

Code = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_upper=True, pattern=r"^[A-HJ-NP-Za-hj-np-z2-9]{6}$"
    ),
    Field(description="The six characters that the node shows.", examples=["K7M2QX"]),
]


class Lookup(Request):
    """The code of the node to look at."""

    code: Code


class Claim(Request):
    """The code of the node to own, and how it shall start."""

    code: Code
    name: Name | None = None
    max_parallel: Annotated[int, Field(ge=0, le=4096)] | None = None


class Candidate(Answer):
    """What is being claimed."""

    id: str
    name: str | None
    platform: str | None
    total_cores: int
    max_parallel: int
    hardware: dict[str, Any] | None


class Node(Candidate):
    """A node as its owner sees it."""

    status: str
    hostname: str | None = None
    version: str | None = None
    iterations_per_second: float | None = None
    paused_at: datetime | None = None
    last_seen_at: datetime | None = None
    claimed_at: datetime | None = None
    created_at: datetime | None = None


@router.get("", name="verify_claim_code", summary="See what is claimed", response_model=Candidate)
async def verify(lookup: Annotated[Lookup, Query()], user: User, services: WithServices) -> Any:
    """Return the node that shows this code."""
    async with services.database.transaction(user) as transaction:
        answer = await transaction.call("public.verify_claim_code", code=lookup.code)
    return unwrap(answer)


@router.post("", name="claim_node", summary="Claim a node", response_model=Node)
async def claim(claim: Claim, user: User, services: WithServices) -> Any:
    """Make the caller the owner of the node that shows this code."""
    arguments = claim.model_dump(exclude_none=True)
    async with services.database.transaction(user) as transaction:
        answer = await transaction.call("public.claim_node", **arguments)
    return unwrap(answer)
