"""The health of enemies: what hits leave of it, or time where they have none of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    CAME_AT,
    CHANGED,
    FIRST_TARGET,
    HEALTH,
    LEAVES_AT,
    LENGTH,
    MOST_HEALTH,
    NOW,
    PRESENT_NOW,
    SOMEBODY_DIED,
    TARGET_SIZE,
    TARGETS,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers

PERCENT = 100.0


@kernel
def place_of(ints: Integers, number: int) -> int:
    """Give the enemy of a number."""
    return ints[FIRST_TARGET] + number * TARGET_SIZE


@kernel
def is_there(ints: Integers, number: int) -> bool:
    """Tell whether an enemy can be reached."""
    return ints[place_of(ints, number) + PRESENT_NOW] != 0


@kernel
def is_still_there(ints: Integers, number: int, came_at: int) -> bool:
    """Tell whether the enemy that came at that time can be reached, and no later one."""
    return is_there(ints, number) and ints[place_of(ints, number) + CAME_AT] == came_at


@kernel
def suffer(ints: Integers, number: int, dealt: int) -> None:
    """Take a hit from the health of an enemy."""
    enemy = place_of(ints, number)
    before = ints[enemy + HEALTH]
    if before == 0:
        return
    ints[enemy + HEALTH] = max(0, before - dealt)
    ints[CHANGED] = 1
    if ints[enemy + HEALTH] == 0:
        ints[SOMEBODY_DIED] = 1


@kernel
def is_gone_at(ints: Integers, enemy: int) -> int:
    """Give when an enemy leaves, whatever happens to it."""
    return min(ints[enemy + LEAVES_AT], ints[LENGTH])


@kernel
def percent(ints: Integers, enemy: int) -> float:
    """Give the health of an enemy; one that has none of its own dies evenly while it is there."""
    if ints[enemy + MOST_HEALTH] > 0:
        return PERCENT * ints[enemy + HEALTH] / ints[enemy + MOST_HEALTH]
    gone = is_gone_at(ints, enemy)
    return PERCENT * max(0, gone - ints[NOW]) / max(1, gone - ints[enemy + CAME_AT])


@kernel
def slope(ints: Integers, enemy: int) -> float:
    """Give how fast that changes by time alone, in percent per millisecond."""
    gone = is_gone_at(ints, enemy)
    if ints[enemy + MOST_HEALTH] > 0 or gone <= ints[NOW]:
        return 0.0
    return -PERCENT / max(1, gone - ints[enemy + CAME_AT])


@kernel
def falls_in(ints: Integers, enemy: int, part: float) -> float:
    """Give the milliseconds until the health is no more than so many percent, as it went so far."""
    gone, came = is_gone_at(ints, enemy), ints[enemy + CAME_AT]
    left = float(max(0, gone - ints[NOW]))
    if ints[enemy + MOST_HEALTH] == 0:
        return max(0.0, left - part / PERCENT * (gone - came))
    lost = ints[enemy + MOST_HEALTH] - ints[enemy + HEALTH]
    excess = ints[enemy + HEALTH] - part / PERCENT * ints[enemy + MOST_HEALTH]
    if excess <= 0.0 or lost == 0:
        return left if lost == 0 else 0.0
    return min(left, excess * (ints[NOW] - came) / lost)


@kernel
def first_dies_in(ints: Integers) -> float:
    """Give the milliseconds until the first of those who are there is dead."""
    soonest = float(ints[LENGTH] - ints[NOW])
    for number in range(ints[TARGETS]):
        enemy = place_of(ints, number)
        if ints[enemy + PRESENT_NOW]:
            soonest = min(soonest, falls_in(ints, enemy, 0.0))
    return max(0.0, soonest)
