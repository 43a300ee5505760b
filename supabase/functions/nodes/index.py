"""Machines of a user: registered with what they share, changed, looked at, heard of, removed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from _shared.documents import Document, Id, Moment, Record, ShortText, Text
from _shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidAllocationError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
)
from _shared.identity import (
    KnownMachine,
    User,
    hash_api_key,
    limit_by_user,
    new_api_key,
)
from _shared.machines import (
    MOST_UNITS,
    Allocation,
    DeviceName,
    DeviceType,
    Hardware,
    Machine,
    MachineId,
    MachineName,
    NodeId,
    Unit,
    UnitStatus,
)
from _shared.openapi import refusals
from _shared.routing import router as make_router
from _shared.services import WithServices

ALIASES = ("/api/nodes",)

router = make_router(UnauthorizedError, ForbiddenError, NotFoundError, RateLimitedError)

Percent = Annotated[float, Field(ge=0, le=100)]


class SharedDevice(Document):
    """A device that is to be shared."""

    device_type: DeviceType
    device_id: DeviceName
    allocation: Allocation


class MachineRegistration(Document):
    """A machine, and what it shares."""

    machine_id: MachineId
    hostname: Text
    os: ShortText
    ip_address: ShortText | None = None
    hardware: Hardware
    compute_units: Annotated[list[SharedDevice], Field(max_length=MOST_UNITS)]


class RegisteredUnit(Record):
    """A unit of a machine that was just registered."""

    unit_id: str
    device_type: DeviceType
    device_id: str
    status: UnitStatus


class RegisteredMachine(Record):
    """A registered machine; its API key is shown here and never again."""

    success: bool
    machine_id: str
    node_id: str
    api_key: str
    compute_units: list[RegisteredUnit]


class UnitChange(Document):
    """What shall be shared of a unit, and whether anything shall."""

    unit_id: Id
    allocation: Allocation | None = None
    is_shared: bool = True


class Allocations(Document):
    """Changes of units, all of which are made or none."""

    compute_units: Annotated[list[UnitChange], Field(min_length=1, max_length=MOST_UNITS)]


class Allocated(Record):
    """The units that were changed, as they are now."""

    success: bool
    updated_units: list[Unit]


class UnitReport(Document):
    """What a unit does."""

    unit_id: Id
    status: Literal["active", "paused", "error"]
    current_load_percent: Percent | None = None
    current_task_id: Id | None = None
    temperature_celsius: Annotated[float, Field(ge=-100, le=1000)] | None = None
    power_draw_watts: Annotated[float, Field(ge=0, le=100_000)] | None = None
    vram_used_mb: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None


class Heartbeat(Document):
    """What all units of a machine do, and which commands it has carried out."""

    timestamp: Moment
    compute_units: Annotated[list[UnitReport], Field(max_length=MOST_UNITS)]
    acknowledged: Annotated[
        list[Id],
        Field(
            default_factory=list,
            max_length=1000,
            description="Ids of commands that were carried out.",
        ),
    ]


class Command(Record):
    """What a machine is to do; it comes again until its id is acknowledged."""

    id: str
    kind: Literal["pause", "resume", "allocate", "withhold"]
    unit_id: str | None
    device_type: DeviceType | None
    device_id: str | None
    created_at: datetime
    reason: Annotated[str | None, Field(description="Why, of `pause`.")] = None
    allocation: Annotated[dict[str, Any] | None, Field(description="What, of `allocate`.")] = None


class Heard(Record):
    """The commands that wait for the machine."""

    success: bool
    commands: list[Command]


class Key(Record):
    """A new API key, shown here and never again; the last one is void."""

    success: bool
    node_id: str
    api_key: str


class Revoked(Record):
    """How many keys are void now."""

    success: bool
    node_id: str
    keys_revoked: int


class RemovedMachine(Record):
    """A machine that is gone."""

    success: bool
    machine_id: str
    compute_units_removed: int
    message: str


@router.post(
    "/register",
    name="register_machine",
    summary="Register a machine and what it shares",
    status_code=201,
    response_model=RegisteredMachine,
    responses=refusals((ConflictError, InvalidAllocationError)),
)
async def register(registration: MachineRegistration, user: User, services: WithServices) -> Any:
    """Register a machine; the same machine again keeps its node and gets a new API key."""
    await limit_by_user(services, user, "machine_register")
    api_key = new_api_key()
    async with services.database.transaction(user) as transaction:
        answer = await transaction.call(
            "private.register_machine",
            machine=registration.model_dump(mode="json", exclude_none=True),
            key_hash=hash_api_key(api_key),
        )
    return {**answer, "api_key": api_key}


@router.put(
    "/{id}/allocations",
    name="allocate_units",
    summary="Change what a machine shares",
    response_model=Allocated,
    responses=refusals((ConflictError, InvalidAllocationError)),
)
async def allocate(
    id: MachineName,  # noqa: A002  # as the path says
    allocations: Allocations,
    user: User,
    services: WithServices,
) -> Any:
    """Change allocations of units, share them or withhold them; the machine is told."""
    await limit_by_user(services, user, "unit_change")
    async with services.database.transaction(user) as transaction:
        return await transaction.call(
            "private.allocate_machine",
            id=id,
            compute_units=allocations.model_dump(mode="json")["compute_units"],
        )


@router.get("/{id}", name="read_machine", summary="Look at a machine", response_model=Machine)
async def read(
    id: MachineName,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Return a machine of the caller with its devices and units."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.read_machine", id=id)


@router.delete(
    "/{id}",
    name="unregister_machine",
    summary="Take a machine out of the pool",
    response_model=RemovedMachine,
)
async def unregister(
    id: MachineName,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Remove a machine with its units and keys; its leases go back, what it earned stays."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.unregister_machine", id=id)


@router.post(
    "/{id}/heartbeat",
    name="machine_heartbeat",
    summary="Say what the units of this machine do",
    response_model=Heard,
)
async def heartbeat(
    id: NodeId,  # noqa: A002  # as the path says
    heartbeat: Heartbeat,
    machine: KnownMachine,
) -> Any:
    """Keep the units of the machine that calls alive, and return the commands for it."""
    async with machine.transaction("machine_heartbeat", str(id)) as transaction:
        return await transaction.call(
            "private.machine_heartbeat",
            status=heartbeat.model_dump(mode="json", exclude={"timestamp"}, exclude_none=True),
        )


@router.post("/{id}/keys", name="rotate_api_key", summary="Get a new API key", response_model=Key)
async def rotate_key(
    id: MachineName,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Return a new API key of a machine of the caller; the last one is void at once."""
    await limit_by_user(services, user, "machine_register")
    api_key = new_api_key()
    async with services.database.transaction(user) as transaction:
        answer = await transaction.call(
            "private.rotate_api_key", id=id, key_hash=hash_api_key(api_key)
        )
    return {**answer, "api_key": api_key}


@router.delete(
    "/{id}/keys", name="revoke_api_key", summary="Revoke the API key", response_model=Revoked
)
async def revoke_key(
    id: MachineName,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Leave a machine of the caller without an API key."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.revoke_api_key", id=id)
