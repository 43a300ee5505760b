"""POST node-register: a node shows its key and its machine, and gets an id and a claim code."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Request as HttpRequest
from fastapi import Response
from pydantic import Field, ValidationInfo, field_validator

from _shared.documents import Answer, Request, ShortText, Text
from _shared.errors import RateLimitedError, SignatureRefusedError
from _shared.identity import SignedNode, limit_by_address
from _shared.routing import router as make_router

router = make_router(SignatureRefusedError, RateLimitedError)

MOST_CORES = 4096

Cores = Annotated[int, Field(ge=1, le=MOST_CORES)]


class Registration(Request):
    """What a node says of its machine."""

    hostname: Text
    total_cores: Cores
    enabled_cores: Annotated[int, Field(ge=0, le=MOST_CORES)]
    version: ShortText
    platform: ShortText | None = None
    machine_id: Text | None = None
    hardware: dict[str, Any] | None = None

    @field_validator("enabled_cores")
    @classmethod
    def fits(cls, value: int, info: ValidationInfo) -> int:
        """Return the enabled cores; refuses more than the machine has."""
        if value > info.data.get("total_cores", value):
            raise ValueError("must not be more than totalCores")
        return value


class Registered(Answer):
    """A node that waits for its owner to enter the code, and must be updated if it is told so."""

    id: str
    claim_code: str
    claim_code_expires_at: datetime
    required_version: str | None


class Claimed(Answer):
    """A node that already has an owner."""

    id: str
    claimed: bool = True
    name: str | None
    max_parallel: int
    required_version: str | None


@router.post(
    "",
    name="register_node",
    summary="Register a node, or renew its claim code",
    status_code=201,
    response_model=Registered | Claimed,
    responses={
        200: {"model": Registered | Claimed, "description": "The key was known already."},
        201: {"model": Registered, "description": "The key is new."},
    },
)
async def register(
    registration: Registration, node: SignedNode, request: HttpRequest, response: Response
) -> Any:
    """Register the key that signed the request; a known key keeps its id."""
    await limit_by_address(request, "node_register")
    async with node.transaction() as transaction:
        answer = await transaction.call(
            "private.register_node",
            public_key=node.public_key,
            registration=registration.model_dump(exclude_none=True),
        )
    if answer["outcome"] != "created":
        response.status_code = 200
    return (Claimed if answer["outcome"] == "claimed" else Registered).model_validate(answer)
