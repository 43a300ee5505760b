"""Numbers that auras modify, and what has to follow when a speed changes.

A stat is always computed anew from its base and its modifiers in their order, never by undoing a
change, so its bits do not depend on history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import schedule
from node.engine.combat.kernels.cooldowns import rescale_cooldown, settle_charges
from node.engine.combat.kernels.jit import each, kernel
from node.engine.combat.kernels.layout import (
    ABILITY_SIZE,
    ACTIVE,
    ADDED,
    ARMOR_CURVE,
    BASE,
    BASE_RATE,
    BEAT_MS,
    BEAT_ROLL,
    BEAT_SLOT,
    CELL,
    CURVE,
    CURVE_CONSTANT,
    CURVE_LIMIT,
    END_MODIFIER,
    END_OWN_ABILITY,
    FIRST_MODIFIER,
    FIRST_OWN_ABILITY,
    HASTE,
    HASTE_SEEN,
    KEEPS_SWING,
    LATE_TO,
    MODIFIER_AURA,
    MODIFIER_SIZE,
    MODIFIER_VALUE,
    NOTHING,
    NOW,
    PACE_OF,
    PACE_SEEN,
    RATE,
    REGEN_HASTED,
    REGEN_OF,
    RESOURCE_OF,
    STACKS,
    STACKS_SEEN,
    SWING_AT,
    SWING_SLOT,
    SWING_SPEED,
)
from node.engine.combat.kernels.resources import own_resources, set_haste, settle

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@each("stat")
def refresh_stat(ints: Integers, reals: Reals, sums: Integers, stat: int) -> None:
    """Compute a stat from its base and the auras that are up."""
    value = reals[stat + BASE]
    for modifier in range(ints[stat + FIRST_MODIFIER], ints[stat + END_MODIFIER], MODIFIER_SIZE):
        change = reals[modifier + MODIFIER_VALUE] * stacks_for(ints, reals, modifier)
        if ints[modifier + ADDED]:
            value += change
        else:
            value *= 1.0 + change
    if ints[stat + CURVE] == ARMOR_CURVE:
        value = let_through(reals, stat, value)
    actor, resource = ints[stat + PACE_OF], ints[stat + REGEN_OF]
    if actor == NOTHING and resource == NOTHING:
        reals[ints[stat + CELL]] = value
        return
    if resource != NOTHING:
        settle(ints, reals, sums, resource)
        reals[ints[stat + CELL]] = value
        follow_regen(ints, reals, resource)
        return
    settle_own_charges(ints, reals, actor)
    reals[ints[stat + CELL]] = value
    follow_pace(ints, reals, actor)
    follow_haste(ints, reals, sums, actor)


@kernel
def stacks_for(ints: Integers, reals: Reals, modifier: int) -> int:
    """Give the stacks that a modifier counts: those of its aura, or what a pet knows of them."""
    stacks, pet = ints[ints[modifier + MODIFIER_AURA] + STACKS], ints[modifier + LATE_TO]
    if pet == NOTHING:
        return stacks
    if ints[modifier + STACKS_SEEN] != stacks and ints[pet + ACTIVE]:
        schedule(ints, ints[pet + BEAT_SLOT], next_beat(ints, reals, ints[pet + BEAT_MS]))
    return ints[modifier + STACKS_SEEN]


@kernel
def next_beat(ints: Integers, reals: Reals, period: int) -> int:
    """Give the first beat after this moment."""
    return ints[NOW] + period - (ints[NOW] - int(reals[BEAT_ROLL] * period)) % period


@kernel
def let_through(reals: Reals, stat: int, armor: float) -> float:
    """Give the part of physical damage that an armour lets through."""
    armor = max(armor, 0.0)
    reduced = armor / (armor + reals[stat + CURVE_CONSTANT])
    return 1.0 - min(reduced, reals[stat + CURVE_LIMIT])


@kernel
def follow_regen(ints: Integers, reals: Reals, resource: int) -> None:
    """Let a resource regenerate at its present rate."""
    haste = reals[ints[resource + RESOURCE_OF] + HASTE] if ints[resource + REGEN_HASTED] else 1.0
    reals[resource + RATE] = reals[resource + BASE_RATE] * haste


@kernel
def settle_own_charges(ints: Integers, reals: Reals, actor: int) -> None:
    """Book every returned charge at the haste under which it returned."""
    for ability in own_abilities(ints, actor):
        settle_charges(ints, reals, ability)


@kernel
def own_abilities(ints: Integers, actor: int) -> range:
    """Give the offsets of the abilities of an actor."""
    return range(ints[actor + FIRST_OWN_ABILITY], ints[actor + END_OWN_ABILITY], ABILITY_SIZE)


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
def follow_haste(ints: Integers, reals: Reals, sums: Integers, actor: int) -> None:
    """Let cooldowns and regeneration follow the haste of an actor."""
    haste = reals[actor + HASTE]
    factor = reals[actor + HASTE_SEEN] / haste
    reals[actor + HASTE_SEEN] = haste
    if factor == 1.0:
        return
    for ability in own_abilities(ints, actor):
        rescale_cooldown(ints, ability, factor)
    for resource in own_resources(ints, actor):
        set_haste(ints, reals, sums, resource, haste)
