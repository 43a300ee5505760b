"""Who may use the machine and how hard: weighs what its people decided and how it feels. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from node.allocation import Device, read_allocation
from node.errors import AllocationError
from node.guards import Guard, Rest
from node.model import UnitReport
from node.sharing import CPU, PauseReason, Share, Sharing

if TYPE_CHECKING:
    from node.allocation import Allocation, Priority
    from node.guards import Conditions
    from node.model import Unit

RestReason = Literal["by_owner", "withheld"] | PauseReason | Rest


@dataclass(frozen=True, slots=True)
class Terms:
    """How workers work: on how many cores (None for any), how far they stand back, how hard."""

    cores: int | None = None
    priority: Priority | None = None
    max_power_percent: int = 100


class Steward:
    """The decisions on the processors, where all work of today runs."""

    def __init__(self) -> None:
        self.sharing = Sharing()
        self.units: tuple[Unit, ...] = ()
        self.paused_by_owner = False
        self._guard = Guard()
        self._guarded: tuple[Rest, ...] = ()

    @property
    def is_guarded(self) -> bool:
        """Whether conditions matter."""
        allocation = self.sharing.of(CPU).allocation
        return allocation is not None and allocation.is_guarded

    @property
    def rests(self) -> tuple[RestReason, ...]:
        """Why nothing new is begun; nothing when the machine works."""
        by_owner: tuple[RestReason, ...] = ("by_owner",) if self.paused_by_owner else ()
        here: tuple[RestReason, ...] = (self.sharing.pause,) if self.sharing.pause else ()
        withheld: tuple[RestReason, ...] = () if self.sharing.of(CPU).is_shared else ("withheld",)
        return (*by_owner, *here, *withheld, *self._guarded)

    @property
    def terms(self) -> Terms:
        """How workers work now."""
        allocation = self.sharing.of(CPU).allocation
        if allocation is None:
            return Terms()
        return Terms(allocation.allocated, allocation.priority, allocation.max_power_percent)

    def workers(self, wanted: int) -> int:
        """How many of the wanted workers the decisions leave."""
        allocation = self.sharing.of(CPU).allocation
        return wanted if allocation is None else min(wanted, allocation.allocated)

    def adopt(self, sharing: Sharing) -> None:
        """Follow new decisions; a condition that nobody asks for any more holds nothing up."""
        self.sharing = sharing
        if not self.is_guarded:
            self._guarded = ()

    def compare(
        self, units: tuple[Unit, ...], ordered: frozenset[str] = frozenset()
    ) -> dict[str, Share]:
        """Decisions of the pool's copy that are newer than ours, by device: they win.

        Those on `ordered` devices were just made; the others may have been made while we slept.
        """
        self.units = units
        return {
            unit.device_id: Share(unit.is_shared, _allocation_of(unit), unit.allocated_at)
            for unit in units
            if unit.device_id in ordered
            or unit.allocated_at not in {None, self.sharing.of(unit.device_id).decided_at}
        }

    def reports(self, chunk_id: str | None) -> tuple[UnitReport, ...]:
        """What each shared device does; `chunk_id` is what the processors run."""
        status: Literal["active", "paused"] = "paused" if self.rests else "active"
        return tuple(
            UnitReport(unit.id, unit.device_id, status, chunk_id if unit.device_id == CPU else None)
            for unit in self.units
            if unit.is_shared
        )

    def feel(self, conditions: Conditions, now: float) -> None:
        """Take in how the machine feels."""
        allocation = self.sharing.of(CPU).allocation
        if allocation is not None:
            self._guarded = self._guard.reasons(allocation, conditions, now)


def _allocation_of(unit: Unit) -> Allocation | None:
    """The pool has checked it; what only a later release understands is left to that."""
    device = Device(unit.device_id, unit.device_type, unit.capacity)
    try:
        return read_allocation(unit.allocation, device)
    except AllocationError:
        return None
