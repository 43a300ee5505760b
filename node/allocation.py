"""What an owner shares of one device, and under which conditions. Checked against the hardware."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from node.errors import AllocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DeviceType = Literal["cpu", "gpu"]
Priority = Literal["low", "normal", "high"]

PRIORITIES: Final[tuple[Priority, ...]] = ("low", "normal", "high")
TEMPERATURES: Final = (30, 120)  # degrees Celsius that a limit may lie between
MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Words:
    """How the fields of one kind of device are called, and what it keeps unless told otherwise."""

    allocated: str
    reserved: str
    unit: str
    kept: int


WORDS: Final[Mapping[DeviceType, Words]] = MappingProxyType(
    {
        "cpu": Words("cores_allocated", "cores_reserved", "cores", 2),
        "gpu": Words("vram_allocated_mb", "vram_reserved_mb", "MB of memory", 2048),
    }
)


@dataclass(frozen=True, slots=True)
class Device:
    """One device to share: `capacity` is its cores, or its memory in MiB."""

    device_id: str
    device_type: DeviceType
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Cores or MiB for the pool and for others, and when the pool may use them."""

    allocated: int
    reserved: int
    priority: Priority = "normal"
    max_power_percent: int = 100
    overnight_only: bool = False
    idle_only: bool = False
    ac_power_only: bool = False
    temperature_limit_celsius: int | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether anything but a person can make the device rest."""
        has_limit = self.temperature_limit_celsius is not None
        return self.overnight_only or self.idle_only or self.ac_power_only or has_limit

    def document(self, device_type: DeviceType) -> dict[str, Any]:
        """The allocation as the pool has it."""
        words = WORDS[device_type]
        conditions = {name: getattr(self, name) for name in CONDITIONS}
        return {words.allocated: self.allocated, words.reserved: self.reserved, **conditions}


CONDITIONS: Final = tuple(
    field.name for field in fields(Allocation) if field.name not in {"allocated", "reserved"}
)


def read_allocation(document: Mapping[str, Any], device: Device) -> Allocation:
    """The allocation in a document; raises AllocationError that names every wrong field at once."""
    words = WORDS[device.device_type]
    problems = _foreign(document, words)
    kept = document.get(words.reserved)
    reserved = words.kept if kept is None else kept
    given = document.get(words.allocated)
    problems += _amount(words.allocated, given, least=1)
    problems += _amount(words.reserved, reserved, least=0)
    problems += _conditions(document)
    if not problems:
        problems += _excess(device, words, given, reserved)
    if problems:
        raise AllocationError("\n".join(problems))
    conditions = {name: document[name] for name in CONDITIONS if document.get(name) is not None}
    return Allocation(allocated=int(given or 0), reserved=int(reserved), **conditions)


def _foreign(document: Mapping[str, Any], words: Words) -> list[str]:
    known = (words.allocated, words.reserved, *CONDITIONS)
    return [
        f"{name} is nothing this device has. Leave it out, or use one of: {', '.join(known)}."
        for name, value in document.items()
        if name not in known and value is not None
    ]


def _amount(name: str, value: object, *, least: int) -> list[str]:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST:
        return []
    return [f"{name} is {value!r}, but must be a whole number of at least {least}."]


def _excess(device: Device, words: Words, allocated: Any, reserved: Any) -> list[str]:
    total = allocated + reserved
    if total <= device.capacity:
        return []
    has = f"{device.device_id} has {device.capacity} {words.unit}"
    parts = f"{allocated} shared ({words.allocated}) and {reserved} kept ({words.reserved})"
    return [f"{has}: {parts} are {total}. Share or keep less."]


def _conditions(document: Mapping[str, Any]) -> list[str]:
    given = {name: document[name] for name in CONDITIONS if document.get(name) is not None}
    wrong = (
        f"{name} is {value!r}, but must be {wanted}."
        for name, value in given.items()
        for wanted in _wanted(name, value)
    )
    return list(wrong)


def _wanted(name: str, value: object) -> list[str]:
    """What a condition must be, where it is not."""
    match name:
        case "priority":
            return [] if value in PRIORITIES else ["low, normal or high"]
        case "max_power_percent":
            return _within(value, 1, 100)
        case "temperature_limit_celsius":
            return _within(value, *TEMPERATURES)
    return [] if isinstance(value, bool) else ["true or false"]


def _within(value: object, low: int, high: int) -> list[str]:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return [] if is_whole and low <= int(str(value)) <= high else [f"from {low} to {high}"]
