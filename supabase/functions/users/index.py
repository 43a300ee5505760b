"""The machines of a user: all of them, and in sums."""

from typing import Any

from _shared.documents import Record
from _shared.errors import ForbiddenError, TokenRefusedError
from _shared.identity import User
from _shared.machines import Earnings, Machine, UserId
from _shared.routing import router as make_router
from _shared.services import WithServices

ALIASES = ("/api/users",)

router = make_router(TokenRefusedError, ForbiddenError)


class DevicesSummary(Earnings):
    """The machines in a few figures."""

    total_machines: int
    online_machines: int
    active_gpus: int
    active_cpus: int


class UserDevices(Record):
    """All machines of a user."""

    user_id: str
    machines: list[Machine]
    summary: DevicesSummary


class MachineTotals(Earnings):
    """Machines and shared units, by state, and what they earned."""

    total_machines: int
    online_machines: int
    offline_machines: int
    total_compute_units: int
    active_compute_units: int
    paused_compute_units: int
    offline_compute_units: int
    units_by_status: dict[str, int]
    total_vram_shared_gb: float
    total_cores_shared: float


class Gpus(Record):
    """The GPUs of a user."""

    count: int
    active: int
    total_vram_gb: float
    shared_vram_gb: float
    total_earnings: float


class Cpus(Record):
    """The CPUs of a user."""

    count: int
    active: int
    total_cores: float
    shared_cores: float
    total_earnings: float


class ByType(Record):
    """Devices by their type."""

    gpu: Gpus
    cpu: Cpus


class UserSummary(Record):
    """What a user shares and earned."""

    user_id: str
    summary: MachineTotals
    by_device_type: ByType


@router.get(
    "/{id}/devices",
    name="user_devices",
    summary="List your machines",
    response_model=UserDevices,
)
async def devices(
    id: UserId,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Return the machines of the caller with their devices, units and earnings."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.user_devices", user_id=id)


@router.get(
    "/{id}/devices/summary",
    name="user_summary",
    summary="See what you share and earned",
    response_model=UserSummary,
)
async def summary(
    id: UserId,  # noqa: A002  # as the path says
    user: User,
    services: WithServices,
) -> Any:
    """Return the machines and earnings of the caller in sums, by state and by type."""
    async with services.database.transaction(user) as transaction:
        return await transaction.call("private.user_summary", user_id=id)
