"""Who may use the machine and how hard: weighs what its people decided and how it feels. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from node.guards import Guard, Rest
from node.sharing import CPU, PauseReason, Sharing

if TYPE_CHECKING:
    from node.allocation import Priority
    from node.guards import Conditions

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

    def feel(self, conditions: Conditions, now: float) -> None:
        """Take in how the machine feels."""
        allocation = self.sharing.of(CPU).allocation
        if allocation is not None:
            self._guarded = self._guard.reasons(allocation, conditions, now)
