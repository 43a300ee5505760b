"""One hit: (flat + attack power + spell power) * multipliers * crit * armour, in thousandths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTOR,
    ARMOR_FACTOR,
    ATTACK_POWER,
    CRIT,
    CRIT_BONUS,
    CRIT_HIT,
    CRIT_MULTIPLIER,
    CRIT_STREAM,
    CRIT_TICKED,
    CRIT_TICKS,
    CRITS,
    DAMAGE,
    DAMAGE_DONE,
    DAMAGE_LIMIT,
    FAILURE,
    FLAT,
    HIT,
    HITS,
    IS_TICK,
    MULTIPLIER,
    NOTHING,
    NOW,
    ON_CRIT,
    ON_CRIT_TICK,
    ON_HIT,
    ON_TICK,
    PER_ATTACK_POWER,
    PER_SPELL_POWER,
    PHYSICAL,
    SNAPSHOT_CRIT,
    SNAPSHOT_POWER,
    SOURCE,
    SPELL_POWER,
    TICKED,
    TICKS,
    TOO_MUCH_DAMAGE,
    USES_SNAPSHOT,
    VARIANCE,
    VARIANCE_STREAM,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.philox import uniform
from node.engine.combat.kernels.procs import notify
from node.engine.combat.kernels.tallies import count_damage, tally

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def power(ints: Integers, reals: Reals, effect: int) -> float:
    """Give the damage of a hit before crit, variance and armour."""
    actor = ints[effect + ACTOR]
    return (
        (
            reals[effect + FLAT]
            + reals[effect + PER_ATTACK_POWER] * reals[actor + ATTACK_POWER]
            + reals[effect + PER_SPELL_POWER] * reals[actor + SPELL_POWER]
        )
        * reals[actor + DAMAGE]
        * reals[ints[effect + SOURCE] + MULTIPLIER]
    )


@kernel
def crit_chance(ints: Integers, reals: Reals, effect: int) -> float:
    """Give the chance of a hit to be critical."""
    return reals[ints[effect + ACTOR] + CRIT] + reals[ints[effect + SOURCE] + CRIT_BONUS]


@kernel
def take_snapshot(ints: Integers, reals: Reals, effect: int) -> None:
    """Keep the power and crit chance of this moment for later ticks."""
    reals[effect + SNAPSHOT_POWER] = power(ints, reals, effect)
    reals[effect + SNAPSHOT_CRIT] = crit_chance(ints, reals, effect)


@kernel
def hit(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, reals: Reals, sums: Integers, effect: int, target: int, scale: float
) -> None:
    """Deal the damage of an effect to a target, count it, and tell the procs.

    Nobody is hurt before the fight has begun.
    """
    if ints[NOW] < 0:
        return
    if ints[effect + USES_SNAPSHOT]:
        dealt = reals[effect + SNAPSHOT_POWER] * scale
        chance = reals[effect + SNAPSHOT_CRIT]
    else:
        dealt = power(ints, reals, effect) * scale
        chance = crit_chance(ints, reals, effect)
    if ints[effect + PHYSICAL]:
        dealt *= reals[ARMOR_FACTOR]
    if ints[effect + VARIANCE_STREAM] != NOTHING:
        roll = uniform(ints, ints[effect + VARIANCE_STREAM])
        dealt *= 1.0 + reals[effect + VARIANCE] * (roll - 0.5)
    stream = ints[effect + CRIT_STREAM]
    is_crit = int(stream != NOTHING and uniform(ints, stream) < chance)
    if is_crit:
        dealt *= reals[ints[effect + ACTOR] + CRIT_MULTIPLIER]
    event = count_hit(ints, sums, effect, target, dealt * 1000.0, is_crit)
    notify(ints, reals, sums, ints[effect + SOURCE], event)


@kernel
def count_hit(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, sums: Integers, effect: int, target: int, thousandths: float, is_crit: int
) -> int:
    """Book a hit in whole thousandths, and give what procs may listen to."""
    if thousandths > DAMAGE_LIMIT - ints[DAMAGE_DONE]:
        ints[FAILURE] = TOO_MUCH_DAMAGE
        return 0
    source = ints[effect + SOURCE]
    row = tally(ints, source, target)
    dealt = int(np.rint(thousandths))
    count_damage(ints, sums, row, dealt)
    if ints[effect + IS_TICK]:
        sums[row + TICKS] += 1
        sums[row + CRIT_TICKS] += is_crit
        record(ints, CRIT_TICKED if is_crit else TICKED, source, target, dealt, 0)
        return ON_TICK + ON_CRIT_TICK * is_crit
    sums[row + HITS] += 1
    sums[row + CRITS] += is_crit
    record(ints, CRIT_HIT if is_crit else HIT, source, target, dealt, 0)
    return ON_HIT + ON_CRIT * is_crit
