"""What a DoT would do if it were applied now, beside what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.auras import tick_period
from node.engine.combat.kernels.damage import crit_chance, plain_power, snapshot_of
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTOR,
    CRIT_DAMAGE,
    CRIT_MULTIPLIER,
    CRIT_STREAM,
    END_SNAPPED,
    EXPIRES,
    FIRST_SNAPPED,
    LINK_SIZE,
    LISTENER,
    NOTHING,
    NOW,
    PERIOD_NOW,
    SNAPSHOT_CRIT,
    SNAPSHOT_POWER,
    SOURCE,
    STACKS,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals

PERCENT = 100.0


@kernel
def percent_increase(ints: Integers, reals: Reals, aura: int) -> float:
    """Give how much more a DoT would deal per second if it were applied now.

    That is all of it, 100, when it is not up, or in the last moment of its time.

    Stacks, and what auras on the target change, count the same for both.
    """
    if ints[aura + STACKS] == 0 or ints[aura + EXPIRES] <= ints[NOW]:
        return PERCENT
    was, would_be = 0.0, 0.0
    for link in range(ints[aura + FIRST_SNAPPED], ints[aura + END_SNAPPED], LINK_SIZE):
        effect = ints[link + LISTENER]
        place = snapshot_of(ints, effect, aura)
        power, chance = reals[place + SNAPSHOT_POWER], reals[place + SNAPSHOT_CRIT]
        was += power * crit_factor(ints, reals, effect, chance)
        chance = crit_chance(ints, reals, effect)
        would_be += plain_power(ints, reals, effect) * crit_factor(ints, reals, effect, chance)
    was *= tick_period(ints, reals, aura)
    would_be *= ints[aura + PERIOD_NOW]
    return PERCENT * (would_be / was - 1.0) if was > 0.0 else 0.0


@kernel
def crit_factor(ints: Integers, reals: Reals, effect: int, chance: float) -> float:
    """Give what crits make of a hit on average."""
    if ints[effect + CRIT_STREAM] == NOTHING:
        return 1.0
    more = (
        reals[ints[effect + ACTOR] + CRIT_MULTIPLIER] * reals[ints[effect + SOURCE] + CRIT_DAMAGE]
    )
    return 1.0 + min(max(chance, 0.0), 1.0) * (more - 1.0)
