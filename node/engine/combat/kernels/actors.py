"""The player and the pets: arriving, swinging, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ARRIVED,
    CHANGED,
    DESPAWN_AT,
    DESPAWN_SLOT,
    FIRST_SWING,
    NEVER,
    NO_TARGET,
    NOTHING,
    NOW,
    PACE_SEEN,
    PET_ARRIVED,
    PET_LEFT,
    PRESENT,
    SUMMONS,
    SWING_AT,
    SWING_BUNDLE,
    SWING_MS,
    SWING_SLOT,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def arrive(ints: Integers, actor: int) -> None:
    """Start to fight; the first swing follows after `FIRST_SWING`."""
    ints[actor + ACTIVE] = 1
    ints[actor + ARRIVED] = ints[NOW]
    record(ints, PET_ARRIVED, actor, NO_TARGET, 0, 0)
    if ints[actor + SWING_BUNDLE] != NOTHING:
        ints[actor + SWING_AT] = ints[NOW] + ints[actor + FIRST_SWING]
        schedule(ints, ints[actor + SWING_SLOT], ints[actor + SWING_AT])


@kernel
def swing(ints: Integers, reals: Reals, actor: int) -> None:
    """Strike, and set the next swing at the present speed."""
    period = int(np.rint(ints[actor + SWING_MS] / reals[actor + PACE_SEEN]))
    ints[actor + SWING_AT] = ints[NOW] + max(1, period)
    schedule(ints, ints[actor + SWING_SLOT], ints[actor + SWING_AT])
    push(ints, reals, ints[actor + SWING_BUNDLE], 1.0)


@kernel
def summon(ints: Integers, sums: Integers, pet: int, duration: int) -> None:
    """Call a pet for a time; one that is there stays for the new time."""
    sums[pet + SUMMONS] += 1
    if not ints[pet + ACTIVE]:
        arrive(ints, pet)
    ints[pet + DESPAWN_AT] = ints[NOW] + duration
    schedule(ints, ints[pet + DESPAWN_SLOT], ints[pet + DESPAWN_AT])
    ints[CHANGED] = 1


@kernel
def despawn(ints: Integers, sums: Integers, pet: int) -> None:
    """Let a pet leave."""
    sums[pet + PRESENT] += ints[NOW] - ints[pet + ARRIVED]
    record(ints, PET_LEFT, pet, NO_TARGET, 0, 0)
    ints[pet + ACTIVE] = 0
    ints[pet + SWING_AT] = NEVER
    cancel(ints, ints[pet + SWING_SLOT])
    cancel(ints, ints[pet + DESPAWN_SLOT])
    ints[CHANGED] = 1
