"""The player and the pets: arriving, swinging, looking, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.inheritance import catch_up
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR_SIZE,
    ARRIVED,
    CAST_ENDS,
    CAST_SLOT,
    CASTING,
    CHANGED,
    CHANNEL_LOOK,
    CHANNEL_SLOT,
    CHANNELING,
    COPIES,
    DECIDE_SLOT,
    DESPAWN_AT,
    DESPAWN_SLOT,
    END_LINE,
    FIRST_LINE,
    FIRST_LOOK,
    FIRST_SWING,
    GCD_ENDS,
    LOOKS_AT,
    MOVES_UNTIL,
    MULTITASKS,
    NEVER,
    NO_TARGET,
    NOTHING,
    NOW,
    PACE_SEEN,
    PET_ARRIVED,
    PET_LEFT,
    PRESENT,
    QUEUE_SLOT,
    REACTION,
    SUMMONS,
    SWING_AT,
    SWING_BUNDLE,
    SWING_MS,
    SWING_SLOT,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push
from node.engine.combat.kernels.resources import own_resources, refill, settle

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def arrive(ints: Integers, reals: Reals, sums: Integers, actor: int) -> None:
    """Start to fight; the first swing follows after `FIRST_SWING`, the first look alike."""
    ints[actor + ACTIVE] = 1
    begun = max(ints[NOW], 0)
    ints[actor + ARRIVED] = begun
    record(ints, PET_ARRIVED, actor, NO_TARGET, 0, 0)
    catch_up(ints, reals, sums, actor)
    for resource in own_resources(ints, actor):
        refill(ints, reals, resource)
    if ints[actor + SWING_BUNDLE] != NOTHING:
        ints[actor + SWING_AT] = begun + ints[actor + FIRST_SWING]
        schedule(ints, ints[actor + SWING_SLOT], ints[actor + SWING_AT])
    if ints[actor + FIRST_LINE] != ints[actor + END_LINE]:
        look_at(ints, actor, begun + ints[actor + FIRST_LOOK])


@kernel
def swing(ints: Integers, reals: Reals, actor: int) -> None:
    """Strike, and set the next swing at the present speed."""
    period = int(np.rint(ints[actor + SWING_MS] / reals[actor + PACE_SEEN]))
    ints[actor + SWING_AT] = ints[NOW] + max(1, period)
    schedule(ints, ints[actor + SWING_SLOT], ints[actor + SWING_AT])
    push(ints, reals, ints[actor + SWING_BUNDLE], 1.0)
    react(ints, actor)


@kernel
def look_at(ints: Integers, actor: int, at: int) -> None:
    """Set when an actor looks at the rotation, not before the fight has begun."""
    ints[actor + LOOKS_AT] = max(at, 0)
    schedule(ints, ints[actor + DECIDE_SLOT], ints[actor + LOOKS_AT])


@kernel
def free_at(ints: Integers, actor: int) -> int:
    """Give when neither a cast nor the GCD holds an actor, now or later."""
    return max(ints[NOW], ints[actor + GCD_ENDS], ints[actor + CAST_ENDS])


@kernel
def is_busy(ints: Integers, actor: int) -> bool:
    """Tell whether a cast or a channel holds an actor, and no tick lets it look up."""
    if ints[actor + CASTING] != NOTHING:
        return True
    return ints[actor + CHANNELING] != NOTHING and not ints[actor + CHANNEL_LOOK]


@kernel
def look_later(ints: Integers, actor: int, quiet: int) -> None:
    """Let an actor with a reaction time that has nothing to do look again after it, once free.

    The looks that it would have before the moment `quiet` would find nothing either: they are
    passed over, and the one after them comes when it would have come.
    """
    reaction = ints[actor + REACTION]
    if reaction == 0:
        return
    at = ints[NOW] + reaction
    if not is_busy(ints, actor):
        at = max(at, free_at(ints, actor))
        if quiet > at:
            at += (quiet - at + reaction - 1) // reaction * reaction
        look_at(ints, actor, at)
    elif ints[actor + MULTITASKS]:
        look_at(ints, actor, at)
    elif ints[actor + CASTING] != NOTHING:
        look_at(ints, actor, free_at(ints, actor))


@kernel
def react(ints: Integers, actor: int) -> None:
    """Let an actor with a reaction time look again that much later, if not sooner."""
    at = ints[NOW] + ints[actor + REACTION]
    if ints[actor + REACTION] > 0 and ints[actor + LOOKS_AT] > at:
        look_at(ints, actor, at)


@kernel
def think(ints: Integers, actor: int) -> None:
    """Let an actor with a reaction time look that much later, whatever was planned."""
    if ints[actor + REACTION] > 0:
        look_at(ints, actor, ints[NOW] + ints[actor + REACTION])


@kernel
def start_moving(ints: Integers, actor: int, duration: int) -> None:
    """Begin to move, or move on longer."""
    ints[actor + MOVES_UNTIL] = max(ints[actor + MOVES_UNTIL], ints[NOW] + duration)
    ints[CHANGED] = 1


@kernel
def summon(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, reals: Reals, sums: Integers, pet: int, count: int, duration: int
) -> None:
    """Call copies of a pet for a time; 0 calls all, and those who are there stay for the new time.

    When more are called than are away, those who would leave first stay on instead.
    """
    for _ in range(count if count > 0 else ints[pet + COPIES]):
        copy = next_copy(ints, pet)
        sums[copy + SUMMONS] += 1
        if not ints[copy + ACTIVE]:
            arrive(ints, reals, sums, copy)
        ints[copy + DESPAWN_AT] = ints[NOW] + duration
        schedule(ints, ints[copy + DESPAWN_SLOT], ints[copy + DESPAWN_AT])
    ints[CHANGED] = 1


@kernel
def next_copy(ints: Integers, pet: int) -> int:
    """Give the first copy of a pet that is away, else the one who leaves first."""
    found = pet
    for copy in range(pet, pet + ints[pet + COPIES] * ACTOR_SIZE, ACTOR_SIZE):
        if not ints[copy + ACTIVE]:
            return copy
        if ints[copy + DESPAWN_AT] < ints[found + DESPAWN_AT]:
            found = copy
    return found


@kernel
def despawn(ints: Integers, reals: Reals, sums: Integers, pet: int) -> None:
    """Let a pet leave, in the middle of what it does."""
    for resource in own_resources(ints, pet):
        settle(ints, reals, sums, resource)
    sums[pet + PRESENT] += max(ints[NOW], 0) - ints[pet + ARRIVED]
    record(ints, PET_LEFT, pet, NO_TARGET, 0, 0)
    ints[pet + ACTIVE] = 0
    ints[pet + SWING_AT] = NEVER
    ints[pet + LOOKS_AT] = NEVER
    ints[pet + CASTING] = NOTHING
    ints[pet + CHANNELING] = NOTHING
    ints[pet + CAST_ENDS] = ints[NOW]
    ints[pet + GCD_ENDS] = ints[NOW]
    cancel(ints, ints[pet + SWING_SLOT])
    cancel(ints, ints[pet + DESPAWN_SLOT])
    cancel(ints, ints[pet + DECIDE_SLOT])
    cancel(ints, ints[pet + CAST_SLOT])
    cancel(ints, ints[pet + CHANNEL_SLOT])
    cancel(ints, ints[pet + QUEUE_SLOT])
    ints[CHANGED] = 1
