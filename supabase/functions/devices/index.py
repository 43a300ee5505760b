"""Compute devices of users without a node: registered, heard of, deactivated, listed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from _shared.documents import Document, Empty, Id, Record, Text
from _shared.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    TokenRefusedError,
)
from _shared.identity import User, limit_by_user
from _shared.machines import DeviceId
from _shared.openapi import refusals
from _shared.routing import router as make_router
from _shared.services import WithServices

ALIASES = ("/api/v1/network/devices",)

router = make_router(TokenRefusedError, ForbiddenError)

Kind = Literal["phone", "laptop", "desktop", "server"]


class DeviceRegistration(Document):
    """A device, and the id that it has chosen for itself."""

    device_name: Text
    device_type: Kind
    ram_gb: Annotated[float, Field(ge=0, le=65536)]
    cpu_cores: Annotated[int, Field(ge=0, le=4096)]
    storage_gb: Annotated[float, Field(ge=0, le=10_000_000)]
    device_id: Annotated[
        Id | None,
        Field(description="Chosen and kept by the device; else the one of its name is meant."),
    ] = None


class ComputeDevice(Record):
    """A compute device."""

    id: str
    node_id: str | None
    device_name: str
    device_type: Kind
    ram_gb: float
    cpu_cores: int
    storage_gb: float
    compute_score: Annotated[float, Field(description="Always computed by the pool.")]
    is_active: bool
    last_seen: datetime
    created_at: datetime
    updated_at: datetime


class KeptDevice(ComputeDevice):
    """A compute device, and how often it is to be heard of."""

    heartbeat_seconds: int


class Answer(Record):
    """A device."""

    success: bool = True
    data: KeptDevice


class Listed(Record):
    """All devices of a user."""

    success: bool = True
    data: list[ComputeDevice]


@router.post(
    "/register",
    name="register_device",
    summary="Register a device",
    response_model=Answer,
    responses=refusals((ConflictError, RateLimitedError, NotFoundError)),
)
async def register(registration: DeviceRegistration, user: User, services: WithServices) -> Any:
    """Register a device of the caller, active as of now; a known one is brought up to date."""
    await limit_by_user(services, user, "device_register")
    arguments = registration.model_dump(mode="json")
    async with services.database.transaction(user) as transaction:
        return {"data": await transaction.call("public.register_device", **arguments)}


@router.post(
    "/{id}/heartbeat",
    name="device_heartbeat",
    summary="Say that a device is there",
    response_model=Answer,
    responses=refusals((ConflictError, RateLimitedError, NotFoundError)),
)
async def heartbeat(
    id: DeviceId,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
    _body: Empty | None = None,
) -> Any:
    """Keep a device of the caller active, or make it so again."""
    await limit_by_user(services, user, "device_heartbeat")
    async with services.database.transaction(user) as transaction:
        return {"data": await transaction.call("public.device_heartbeat", device_id=id)}


@router.post(
    "/{id}/deactivate",
    name="deactivate_device",
    summary="Stop sharing a device",
    response_model=Answer,
    responses=refusals((ConflictError, NotFoundError)),
)
async def deactivate(
    id: DeviceId,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
    _body: Empty | None = None,
) -> Any:
    """Count a device of the caller no longer, until its next heartbeat."""
    async with services.database.transaction(user) as transaction:
        return {"data": await transaction.call("public.deactivate_device", device_id=id)}


@router.get("", name="list_devices", summary="List your devices", response_model=Listed)
async def list_devices(user: User, services: WithServices) -> Any:
    """Return the devices of the caller, those that their nodes keep too."""
    async with services.database.transaction(user) as transaction:
        return {"data": await transaction.call("private.my_devices")}
