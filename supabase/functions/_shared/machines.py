"""Machines, units and devices as the handlers read and answer them (snake_case on the wire)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from _shared.documents import Document, Record, ShortText, Text, printable

MOST_UNITS = 256

DeviceType = Literal["cpu", "gpu"]
Reason = Literal["user_requested", "maintenance", "overheating"]
UnitStatus = Literal[
    "not_shared", "inactive", "registering", "active", "paused", "offline", "error"
]

MachineName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=255,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        description="The id of a node of yours, or the machine id it was registered with.",
    ),
]
NodeId = Annotated[UUID, Path(description="The id of the node.")]
UnitId = Annotated[UUID, Path(description="The id of the compute unit.")]
UserId = Annotated[UUID, Path(description="The id of the signed-in user.")]
DeviceId = Annotated[UUID, Path(description="The id of the device.")]

MachineId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.:-]+$"),
    Field(description="A stable hash that names the hardware, and tells nothing about it."),
]
DeviceName = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(printable)
]
# The largest that Postgres keeps as an integer would be believed of no device.
Amount = Annotated[int, Field(ge=0, le=1_000_000_000)]
Megahertz = Annotated[float, Field(ge=0, le=1_000_000)]
Gigabytes = Annotated[float, Field(ge=0, le=10_000_000)]


class Cpu(Document):
    """A processor, as its machine found it."""

    device_id: DeviceName
    name: Text
    cores: Annotated[int, Field(ge=1, le=4096)]
    threads: Annotated[int, Field(ge=1, le=65536)]
    base_clock_mhz: Megahertz | None = None
    boost_clock_mhz: Megahertz | None = None


class Gpu(Document):
    """A graphics card, as its machine found it."""

    device_id: DeviceName
    name: Text
    vendor: Literal["nvidia", "amd", "intel"]
    vram_mb: Amount
    driver_version: ShortText | None = None
    compute_capability: ShortText | None = None
    is_integrated: bool | None = None


class Hardware(Document):
    """What a machine has."""

    cpus: Annotated[list[Cpu], Field(max_length=MOST_UNITS)]
    gpus: Annotated[list[Gpu], Field(max_length=MOST_UNITS)]
    ram_total_gb: Gigabytes
    storage_total_gb: Gigabytes


class Allocation(Document):
    """What of a device is shared and what is kept, and when."""

    vram_allocated_mb: Amount | None = None
    vram_reserved_mb: Annotated[Amount | None, Field(description="2048 where it is left out.")] = (
        None
    )
    cores_allocated: Amount | None = None
    cores_reserved: Annotated[Amount | None, Field(description="2 where it is left out.")] = None
    priority: Literal["low", "normal", "high"] = "normal"
    max_power_percent: Annotated[int, Field(ge=1, le=100)] = 100
    overnight_only: bool = False
    idle_only: bool = False
    ac_power_only: bool = False
    temperature_limit_celsius: Annotated[int, Field(ge=30, le=120)] | None = None


class Figures(Record):
    """What a unit did and earned."""

    uptime_seconds: float
    tasks_completed: int
    total_earnings: float
    earnings_today: float


class Unit(Record):
    """A compute unit: what is shared of a device, and what it does."""

    unit_id: str
    node_id: str
    device_type: DeviceType
    device_id: str
    name: str | None
    capacity: Annotated[int, Field(description="Cores of a CPU; megabytes of VRAM of a GPU.")]
    status: UnitStatus
    pause_reason: Reason | None
    paused_at: datetime | None
    allocation: dict[str, Any]
    current_task_id: str | None
    current_load_percent: float | None
    temperature_celsius: float | None
    power_draw_watts: float | None
    vram_used_mb: float | None
    stats: Figures
    registered_at: datetime
    last_heartbeat: datetime | None


class Device(Record):
    """A device as its machine reported it, with its compute unit where it has one."""

    model_config = ConfigDict(extra="allow", frozen=True)

    device_id: str
    name: str | None
    is_shared: bool
    compute_unit: Unit | None


class Devices(Record):
    """What a machine has, and what of it is shared."""

    cpus: list[Device]
    gpus: list[Device]
    ram_total_gb: float
    storage_total_gb: float


class Machine(Record):
    """A machine of a user."""

    node_id: str
    machine_id: str | None
    name: str
    hostname: str
    os: str | None
    version: str
    status: Literal["online", "offline"]
    last_seen: datetime
    registered_at: datetime
    has_agent: Annotated[bool, Field(description="Whether `python -m node` runs it.")]
    has_api_key: bool
    hardware: Devices


class Earnings(Record):
    """What was earned, in credits; days are those of UTC, weeks begin on Monday."""

    total_earnings: float
    earnings_today: float
    earnings_this_week: float
    earnings_this_month: float
