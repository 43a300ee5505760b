"""Compute units: look at one, let it rest, let it work again."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from _shared.documents import Document, Empty, Record
from _shared.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
)
from _shared.identity import MachineOrUser, User, acting
from _shared.machines import Reason, Unit, UnitId
from _shared.openapi import refusals
from _shared.routing import router as make_router
from _shared.services import WithServices

ALIASES = ("/api/compute-units",)

router = make_router(UnauthorizedError, ForbiddenError, NotFoundError)


class Pause(Document):
    """Why a unit shall rest."""

    reason: Annotated[Reason, Field(description="Why the unit rests.")] = "user_requested"


class Paused(Record):
    """A unit that rests."""

    success: bool
    unit_id: str
    status: Literal["paused"]
    reason: Reason
    paused_at: datetime


class Resumed(Record):
    """A unit that works."""

    success: bool
    unit_id: str
    status: Literal["active"]
    resumed_at: datetime


@router.get("/{id}", name="read_unit", summary="Look at a compute unit", response_model=Unit)
async def read(
    id: UnitId,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Return a unit of the caller: its allocation, its state, what it does and earned."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.read_unit", unit_id=id)


@router.post(
    "/{id}/pause",
    name="pause_unit",
    summary="Pause a compute unit",
    response_model=Paused,
    responses=refusals((ConflictError, RateLimitedError)),
)
async def pause(
    id: UnitId,  # noqa: A002  # as the path says
    caller: MachineOrUser,
    services: WithServices,
    pause: Pause | None = None,
) -> Any:
    """Let an active unit rest until it is resumed; a paused unit stays as it is."""
    reason = (pause or Pause()).reason
    async with acting(services, caller, "unit_change") as transaction:
        return await transaction.call("public.pause_unit", unit_id=id, reason=reason)


@router.post(
    "/{id}/resume",
    name="resume_unit",
    summary="Resume a compute unit",
    response_model=Resumed,
    responses=refusals((ConflictError, RateLimitedError)),
)
async def resume(
    id: UnitId,  # noqa: A002  # as the path says
    caller: MachineOrUser,
    services: WithServices,
    _body: Empty | None = None,
) -> Any:
    """Let a paused unit work again; an active unit stays as it is."""
    async with acting(services, caller, "unit_change") as transaction:
        return await transaction.call("public.resume_unit", unit_id=id)
