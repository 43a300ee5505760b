"""When a device rests by itself, and when it works again."""

from __future__ import annotations

from typing import Any

import pytest

from node.allocation import Allocation
from node.guards import Conditions, Guard, is_night

NOON = 12 * 60


class Watch:
    """A guard with an allocation and a clock."""

    def __init__(self, **allocation: Any) -> None:
        self.allocation = Allocation(allocated=1, reserved=0, **allocation)
        self.guard = Guard()
        self.now = 0.0

    def feel(self, *, after: float = 2.0, **conditions: Any) -> tuple[str, ...]:
        """The reasons to rest when it feels like this a while later."""
        self.now += after
        felt = Conditions(**{"minute_of_day": NOON, **conditions})
        return self.guard.reasons(self.allocation, felt, self.now)


def test_a_hot_device_rests_until_it_is_clearly_cooler() -> None:
    """At the limit it stops, a little below it does not start again."""
    watch = Watch(temperature_limit_celsius=80)
    assert watch.feel(temperature_celsius=79.9) == ()
    assert watch.feel(temperature_celsius=80.0) == ("overheating",)
    assert watch.feel(temperature_celsius=72.0) == ("overheating",)
    assert watch.feel(temperature_celsius=71.9) == ()
    assert watch.feel(temperature_celsius=79.9) == ()


def test_heat_that_is_not_measured_holds_nothing_up() -> None:
    """Nor does heat where nobody set a limit."""
    assert Watch(temperature_limit_celsius=80).feel() == ()
    assert Watch().feel(temperature_celsius=120.0) == ()


def test_a_machine_on_battery_rests_until_it_has_been_plugged_in_for_a_while() -> None:
    """A plug that is loose is none."""
    watch = Watch(ac_power_only=True)
    assert watch.feel(on_battery=False) == ()
    assert watch.feel(on_battery=True) == ("on_battery",)
    assert watch.feel(on_battery=False) == ("on_battery",)
    assert watch.feel(on_battery=False, after=9.0) == ("on_battery",)
    assert watch.feel(on_battery=True) == ("on_battery",)
    assert watch.feel(on_battery=False) == ("on_battery",)
    assert watch.feel(on_battery=False, after=10.0) == ()


def test_a_machine_without_a_battery_is_on_power() -> None:
    """And one that may use its battery does not care."""
    assert Watch(ac_power_only=True).feel(on_battery=None) == ()
    assert Watch().feel(on_battery=True) == ()


def test_a_machine_in_use_rests_until_it_has_been_quiet() -> None:
    """It starts with waiting; a little use does not break the quiet once it works."""
    watch = Watch(idle_only=True)
    assert watch.feel(others_percent=0.0) == ("in_use",)
    assert watch.feel(others_percent=9.0, after=119.0) == ("in_use",)
    assert watch.feel(others_percent=9.0) == ()
    assert watch.feel(others_percent=24.0) == ()
    assert watch.feel(others_percent=25.0) == ("in_use",)
    assert watch.feel(others_percent=10.0, after=1000.0) == ("in_use",)
    assert watch.feel(others_percent=9.0) == ("in_use",)
    assert watch.feel(others_percent=9.0, after=120.0) == ()


def test_use_that_is_not_measured_holds_nothing_up() -> None:
    """Nor does use where nobody minds."""
    assert Watch(idle_only=True).feel() == ()
    assert Watch().feel(others_percent=100.0) == ()


@pytest.mark.parametrize(
    ("clock", "night"),
    [("21:59", False), ("22:00", True), ("00:00", True), ("06:59", True), ("07:00", False)],
)
def test_the_night_has_an_hour_to_begin_and_one_to_end(
    clock: str,
    night: bool,  # noqa: FBT001  # a parameter of the case
) -> None:
    """By the clock of the machine."""
    minute = 60 * int(clock[:2]) + int(clock[3:])
    assert is_night(minute) == night
    assert Watch(overnight_only=True).feel(minute_of_day=minute) == (() if night else ("daytime",))


def test_all_reasons_are_given() -> None:
    """Each goes away by itself."""
    watch = Watch(
        temperature_limit_celsius=60, ac_power_only=True, idle_only=True, overnight_only=True
    )
    felt = {"temperature_celsius": 61.0, "on_battery": True, "others_percent": 50.0}
    assert watch.feel(**felt) == ("overheating", "on_battery", "in_use", "daytime")
    assert watch.feel(**{**felt, "temperature_celsius": 40.0}) == (
        "on_battery",
        "in_use",
        "daytime",
    )
