"""Resources regenerate lazily: nothing happens until somebody asks.

value(t) = min(maximum, value + rate * (t - since)), in whole thousandths; what does not fill a
thousandth is carried on, so that settling often changes nothing.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    BASE_RATE,
    CAPPED,
    CARRY,
    CHANGED,
    END_OWN_RESOURCE,
    FIRST_OWN_RESOURCE,
    GAINED,
    MAXIMUM,
    NEVER,
    NO_TARGET,
    NOW,
    OVERFLOW,
    RATE,
    REGEN_HASTED,
    RESOURCE_GAINED,
    RESOURCE_OF,
    RESOURCE_SIZE,
    RESOURCE_SPENT,
    SINCE,
    SPENT,
    START,
    VALUE,
)
from node.engine.combat.kernels.log import record

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def own_resources(ints: Integers, actor: int) -> range:
    """Give the offsets of the resources of an actor."""
    return range(ints[actor + FIRST_OWN_RESOURCE], ints[actor + END_OWN_RESOURCE], RESOURCE_SIZE)


@kernel
def amount(ints: Integers, reals: Reals, resource: int) -> int:
    """Give the resource at this moment."""
    grown = reals[resource + RATE] * (ints[NOW] - ints[resource + SINCE]) + reals[resource + CARRY]
    return min(ints[resource + MAXIMUM], ints[resource + VALUE] + floor(grown))


@kernel
def time_until(ints: Integers, reals: Reals, resource: int, wanted: int) -> int:
    """Give the first moment at which regeneration reaches an amount."""
    missing = wanted - ints[resource + VALUE] - reals[resource + CARRY]
    if missing <= 0.0:
        return ints[resource + SINCE]
    if wanted > ints[resource + MAXIMUM] or reals[resource + RATE] <= 0.0:
        return NEVER
    return ints[resource + SINCE] + ceil(missing / reals[resource + RATE])


@kernel
def settle(ints: Integers, reals: Reals, sums: Integers, resource: int) -> None:
    """Book what has regenerated until this moment."""
    elapsed = ints[NOW] - ints[resource + SINCE]
    if elapsed == 0:
        return
    if not ints[ints[resource + RESOURCE_OF] + ACTIVE]:
        ints[resource + SINCE] = ints[NOW]
        return
    full_at = time_until(ints, reals, resource, ints[resource + MAXIMUM])
    grown = reals[resource + RATE] * elapsed + reals[resource + CARRY]
    whole = floor(grown)
    reals[resource + CARRY] = grown - whole
    ints[resource + SINCE] = ints[NOW]
    if full_at < ints[NOW]:
        sums[resource + CAPPED] += max(0, min(elapsed, ints[NOW] - full_at, ints[NOW]))
    _add(ints, sums, resource, whole)


@kernel
def _add(ints: Integers, sums: Integers, resource: int, added: int) -> None:
    room = ints[resource + MAXIMUM] - ints[resource + VALUE]
    ints[resource + VALUE] += min(added, room)
    sums[resource + GAINED] += added
    sums[resource + OVERFLOW] += max(0, added - room)


@kernel
def refill(ints: Integers, reals: Reals, resource: int) -> None:
    """Let the one who arrives begin with what it starts with."""
    ints[resource + VALUE] = ints[resource + START]
    ints[resource + SINCE] = ints[NOW]
    reals[resource + CARRY] = 0.0


@kernel
def gain(ints: Integers, reals: Reals, sums: Integers, resource: int, added: int) -> None:
    """Add to a resource; what exceeds its maximum is lost and counted."""
    settle(ints, reals, sums, resource)
    _add(ints, sums, resource, added)
    record(ints, RESOURCE_GAINED, resource, NO_TARGET, added, ints[resource + VALUE])
    ints[CHANGED] = 1


@kernel
def spend(ints: Integers, reals: Reals, sums: Integers, resource: int, cost: int) -> None:
    """Take from a resource what it was checked to hold."""
    settle(ints, reals, sums, resource)
    ints[resource + VALUE] -= cost
    sums[resource + SPENT] += cost
    record(ints, RESOURCE_SPENT, resource, NO_TARGET, cost, ints[resource + VALUE])


@kernel
def drain(ints: Integers, reals: Reals, sums: Integers, resource: int, wanted: int) -> None:
    """Take as much of a resource as is there, at most what is wanted."""
    settle(ints, reals, sums, resource)
    spend(ints, reals, sums, resource, min(wanted, ints[resource + VALUE]))
    ints[CHANGED] = 1


@kernel
def set_haste(ints: Integers, reals: Reals, sums: Integers, resource: int, haste: float) -> None:
    """Let regeneration follow a new haste from this moment on."""
    if ints[resource + REGEN_HASTED]:
        settle(ints, reals, sums, resource)
        reals[resource + RATE] = reals[resource + BASE_RATE] * haste
