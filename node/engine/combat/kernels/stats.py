"""Numbers that auras modify, and what has to follow when a speed changes.

A stat is always computed anew from its base and its modifiers in their order, never by undoing a
change, so its bits do not depend on history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import schedule
from node.engine.combat.kernels.cooldowns import rescale_cooldown, settle_charges
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ABILITY_SIZE,
    ADDS,
    BASE,
    CELL,
    END_ABILITY,
    END_MODIFIER,
    END_RESOURCE,
    FIRST_ABILITY,
    FIRST_MODIFIER,
    FIRST_RESOURCE,
    HASTE,
    HASTE_SEEN,
    KEEPS_SWING,
    MODIFIER_AURA,
    MODIFIER_SIZE,
    MODIFIER_VALUE,
    NOTHING,
    NOW,
    PACE_OF,
    PACE_SEEN,
    PLAYER,
    RESOURCE_SIZE,
    STACKS,
    SWING_AT,
    SWING_SLOT,
    SWING_SPEED,
)
from node.engine.combat.kernels.resources import set_haste

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def refresh_stat(ints: Integers, reals: Reals, sums: Integers, stat: int) -> None:
    """Compute a stat from its base and the auras that are up."""
    value = reals[stat + BASE]
    for modifier in range(ints[stat + FIRST_MODIFIER], ints[stat + END_MODIFIER], MODIFIER_SIZE):
        change = reals[modifier + MODIFIER_VALUE] * ints[ints[modifier + MODIFIER_AURA] + STACKS]
        if ints[stat + ADDS]:
            value += change
        else:
            value *= 1.0 + change
    actor = ints[stat + PACE_OF]
    if actor == NOTHING:
        reals[ints[stat + CELL]] = value
        return
    settle_all_charges(ints, reals)
    reals[ints[stat + CELL]] = value
    follow_pace(ints, reals, actor)
    if actor == ints[PLAYER]:
        follow_haste(ints, reals, sums, actor)


@kernel
def settle_all_charges(ints: Integers, reals: Reals) -> None:
    """Book every returned charge at the haste under which it returned."""
    for ability in range(ints[FIRST_ABILITY], ints[END_ABILITY], ABILITY_SIZE):
        settle_charges(ints, reals, ability)


@kernel
def follow_pace(ints: Integers, reals: Reals, actor: int) -> None:
    """Stretch what is left of a swing to the present attack speed."""
    pace = reals[actor + HASTE] * reals[actor + SWING_SPEED]
    factor = reals[actor + PACE_SEEN] / pace
    reals[actor + PACE_SEEN] = pace
    if factor == 1.0 or ints[actor + KEEPS_SWING]:
        return
    if ints[actor + SWING_AT] > ints[NOW]:
        left = int(np.rint((ints[actor + SWING_AT] - ints[NOW]) * factor))
        ints[actor + SWING_AT] = ints[NOW] + left
        schedule(ints, ints[actor + SWING_SLOT], ints[actor + SWING_AT])


@kernel
def follow_haste(ints: Integers, reals: Reals, sums: Integers, player: int) -> None:
    """Let cooldowns and regeneration follow the player's haste."""
    haste = reals[player + HASTE]
    factor = reals[player + HASTE_SEEN] / haste
    reals[player + HASTE_SEEN] = haste
    if factor == 1.0:
        return
    for ability in range(ints[FIRST_ABILITY], ints[END_ABILITY], ABILITY_SIZE):
        rescale_cooldown(ints, ability, factor)
    for resource in range(ints[FIRST_RESOURCE], ints[END_RESOURCE], RESOURCE_SIZE):
        set_haste(ints, reals, sums, resource, haste)
