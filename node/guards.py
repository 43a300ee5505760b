"""When a shared device rests by itself: by the hour, by what else the machine does, by its heat.

Pure: readings come in, reasons come out. What makes a device rest and what lets it work again lie
apart, so that it does not flutter between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from node.allocation import Allocation

Rest = Literal["overheating", "on_battery", "in_use", "daytime"]

NIGHT: Final = (22 * 60, 7 * 60)  # minutes of the day by the clock of the machine: from, until
COOLER_BY: Final = 8.0  # degrees Celsius below the limit before work goes on
BUSY_PERCENT: Final = 25.0  # of all CPUs by other programs: somebody uses the machine
QUIET_PERCENT: Final = 10.0  # of all CPUs by other programs: nobody does
QUIET_FOR: Final = 120.0  # seconds of quiet before work goes on
PLUGGED_FOR: Final = 10.0  # seconds on power before work goes on: a loose plug is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The machine at one moment. None is what its system does not tell."""

    minute_of_day: int
    on_battery: bool | None = None
    temperature_celsius: float | None = None
    others_percent: float | None = None


class Guard:
    """Watches one device under its allocation."""

    def __init__(self) -> None:
        self._is_hot = False
        self._quiet_since: float | None = None
        self._plugged_since: float | None = None
        self._was_in_use = True
        self._was_on_battery = False

    def reasons(
        self, allocation: Allocation, conditions: Conditions, now: float
    ) -> tuple[Rest, ...]:
        """Why the device should rest at `now` (seconds); nothing when it may work."""
        is_hot = self._heat(allocation.temperature_limit_celsius, conditions.temperature_celsius)
        on_battery = self._battery(now, on_battery=conditions.on_battery is True)
        in_use = self._use(conditions.others_percent, now)
        found: tuple[tuple[Rest, bool], ...] = (
            ("overheating", is_hot),
            ("on_battery", allocation.ac_power_only and on_battery),
            ("in_use", allocation.idle_only and in_use),
            ("daytime", allocation.overnight_only and not is_night(conditions.minute_of_day)),
        )
        return tuple(reason for reason, holds in found if holds)

    def _heat(self, limit: float | None, heat: float | None) -> bool:
        if limit is None or heat is None:
            self._is_hot = False
        else:
            self._is_hot = heat >= (limit - COOLER_BY if self._is_hot else limit)
        return self._is_hot

    def _battery(self, now: float, *, on_battery: bool) -> bool:
        if on_battery:
            self._was_on_battery, self._plugged_since = True, None
        elif self._was_on_battery:
            self._plugged_since = now if self._plugged_since is None else self._plugged_since
            self._was_on_battery = now - self._plugged_since < PLUGGED_FOR
        return self._was_on_battery

    def _use(self, percent: float | None, now: float) -> bool:
        """A machine counts as used until it has been quiet for a while."""
        if percent is None:
            return False
        if percent >= BUSY_PERCENT or (self._was_in_use and percent >= QUIET_PERCENT):
            self._was_in_use, self._quiet_since = True, None
        elif self._was_in_use:
            self._quiet_since = now if self._quiet_since is None else self._quiet_since
            self._was_in_use = now - self._quiet_since < QUIET_FOR
        return self._was_in_use


def is_night(minute_of_day: int) -> bool:
    """Whether a minute of the day lies in the night."""
    begins, ends = NIGHT
    return minute_of_day >= begins or minute_of_day < ends
