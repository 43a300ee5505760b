"""One hit: (flat + attack power + spell power) * multipliers * crit * armour, in thousandths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.attacks import fails, glances, miss, roll_attack
from node.engine.combat.kernels.health import suffer
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTOR,
    ARMOR_FACTOR,
    ATTACK_POWER,
    ATTACK_TABLE,
    BASE_SPREAD,
    BASE_STREAM,
    BY_ALL,
    BY_NOTHING,
    CRIT,
    CRIT_ADDED,
    CRIT_BONUS,
    CRIT_CHANCE,
    CRIT_DAMAGE,
    CRIT_FIXED,
    CRIT_FORMULA,
    CRIT_HIT,
    CRIT_MULTIPLIER,
    CRIT_STREAM,
    CRIT_TICKED,
    CRIT_TICKS,
    CRITS,
    DAMAGE,
    DAMAGE_DONE,
    DAMAGE_LIMIT,
    EVENT_DAMAGE,
    EVENT_RAW,
    FAILS,
    FAILURE,
    FIRST_TARGET,
    FIXED,
    FLAT,
    FORMULA,
    FRAME,
    FRAME_AURA,
    GLANCE_FACTOR,
    GLANCED,
    GLANCES,
    HIT,
    HITS,
    IS_TICK,
    KEEPS_HEALTH,
    MODIFIED,
    MULTIPLIER,
    NO_FORMULA,
    NOTHING,
    NOW,
    ON_CRIT,
    ON_CRIT_TICK,
    ON_HIT,
    ON_TICK,
    ONE_ROLL,
    PER_ATTACK_POWER,
    PER_SPELL_POWER,
    PHYSICAL,
    POWER_FIXED,
    SCALE,
    SNAPSHOT_AT,
    SNAPSHOT_CRIT,
    SNAPSHOT_INDEX,
    SNAPSHOT_POWER,
    SNAPSHOT_SIZE,
    SNAPSHOTS,
    SOURCE,
    SPELL_POWER,
    TAKEN,
    TAKEN_CRIT,
    TAKEN_FACTOR,
    TAKEN_SIZE,
    TARGET,
    TARGET_SIZE,
    TICKED,
    TICKS,
    TIMES_FORMULA,
    TOO_MUCH_DAMAGE,
    TRAVEL_MS,
    VARIANCE,
    VARIANCE_STREAM,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.missiles import depart
from node.engine.combat.kernels.pending import announce
from node.engine.combat.kernels.philox import uniform
from node.engine.combat.kernels.tallies import count_damage, tally

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


PERCENT = 100.0


@kernel
def power(evaluate: Evaluate, ints: Integers, reals: Reals, effect: int) -> float:
    """Give the damage of a hit before what the target makes of it, variance, armour and crit."""
    if ints[effect + FORMULA] == NO_FORMULA and ints[effect + BASE_STREAM] == NOTHING:
        return plain_power(ints, reals, effect)
    if ints[effect + FORMULA] != NO_FORMULA:
        dealt = evaluate(ints[effect + FORMULA], ints, reals)
    else:
        dealt = unmodified_power(ints, reals, effect)
    if ints[effect + BASE_STREAM] != NOTHING:
        dealt += reals[effect + BASE_SPREAD] * uniform(ints, ints[effect + BASE_STREAM])
    return modified_power(ints, reals, effect, dealt)


@kernel
def plain_power(ints: Integers, reals: Reals, effect: int) -> float:
    """Give the same for a hit whose power is neither an expression nor rolled."""
    return modified_power(ints, reals, effect, unmodified_power(ints, reals, effect))


@kernel
def unmodified_power(ints: Integers, reals: Reals, effect: int) -> float:
    """Give what base and power of who deals it come to."""
    actor = ints[effect + ACTOR]
    return (
        reals[effect + FLAT]
        + reals[effect + PER_ATTACK_POWER] * reals[actor + ATTACK_POWER]
        + reals[effect + PER_SPELL_POWER] * reals[actor + SPELL_POWER]
    )


@kernel
def modified_power(ints: Integers, reals: Reals, effect: int, dealt: float) -> float:
    """Give what the modifiers of who deals it make of a hit."""
    if ints[effect + MODIFIED] != BY_ALL:
        return dealt
    actor = ints[effect + ACTOR]
    return dealt * reals[actor + DAMAGE] * reals[ints[effect + SOURCE] + MULTIPLIER]


@kernel
def crit_chance(ints: Integers, reals: Reals, effect: int) -> float:
    """Give the chance of a hit to be critical, whoever is hit."""
    if reals[effect + CRIT_CHANCE] >= 0.0:
        return reals[effect + CRIT_CHANCE]
    chance = reals[ints[effect + ACTOR] + CRIT] + reals[ints[effect + SOURCE] + CRIT_BONUS]
    return chance + reals[effect + CRIT_ADDED]


@kernel
def take_snapshot(
    evaluate: Evaluate, ints: Integers, reals: Reals, place: int, effect: int
) -> None:
    """Keep the power and crit chance of this moment for later ticks."""
    reals[place + SNAPSHOT_POWER] = power(evaluate, ints, reals, effect)
    reals[place + SNAPSHOT_CRIT] = crit_chance(ints, reals, effect)


@kernel
def snapshot_of(ints: Integers, effect: int, aura: int) -> int:
    """Give where the snapshot of an effect lies: its own, or one of those of the aura."""
    if ints[effect + SNAPSHOT_AT] != NOTHING:
        return ints[effect + SNAPSHOT_AT]
    return ints[aura + SNAPSHOTS] + ints[effect + SNAPSHOT_INDEX] * SNAPSHOT_SIZE


@kernel
def strength(
    evaluate: Evaluate, ints: Integers, reals: Reals, effect: int, aura: int
) -> tuple[float, float]:
    """Give the damage and the crit chance of a hit, as a snapshot holds them or as they are."""
    fixed = ints[effect + FIXED]
    snapshot = snapshot_of(ints, effect, aura) if fixed else NOTHING
    if fixed & POWER_FIXED:
        dealt = reals[snapshot + SNAPSHOT_POWER]
    else:
        dealt = power(evaluate, ints, reals, effect)
    if fixed & CRIT_FIXED:
        return dealt, reals[snapshot + SNAPSHOT_CRIT]
    return dealt, crit_chance(ints, reals, effect)


@kernel
def hit(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int
) -> None:
    """Deal the damage of an effect to the target in question, count it, and let others hear."""
    roll = roll_attack(ints, effect)
    if fails(ints, reals, effect, roll):
        conclude(ints, reals, sums, effect, 0.0, 0.0, FAILS)
        return
    source = ints[effect + SOURCE]
    dealt, chance = strength(evaluate, ints, reals, effect, ints[frame + FRAME_AURA])
    if ints[effect + CRIT_FORMULA] != NO_FORMULA:
        chance += evaluate(ints[effect + CRIT_FORMULA], ints, reals) / PERCENT
    dealt *= reals[frame + SCALE]
    if ints[effect + TIMES_FORMULA] != NO_FORMULA:
        dealt *= evaluate(ints[effect + TIMES_FORMULA], ints, reals)
    if ints[source + TAKEN] != NOTHING and ints[effect + MODIFIED] != BY_NOTHING:
        taken = ints[source + TAKEN] + ints[TARGET] * TAKEN_SIZE
        dealt *= reals[taken + TAKEN_FACTOR]
        chance += reals[taken + TAKEN_CRIT]
    if ints[effect + VARIANCE_STREAM] != NOTHING:
        spread = uniform(ints, ints[effect + VARIANCE_STREAM]) - 0.5
        dealt *= 1.0 + reals[effect + VARIANCE] * spread
    raw = dealt
    if ints[effect + PHYSICAL]:
        dealt *= reals[ints[FIRST_TARGET] + ints[TARGET] * TARGET_SIZE + ARMOR_FACTOR]
    if glances(ints, reals, effect, roll):
        sums[tally(ints, source, ints[TARGET]) + GLANCES] += 1
        dealt *= reals[ints[effect + ATTACK_TABLE] + GLANCE_FACTOR]
        conclude(ints, reals, sums, effect, dealt * 1000.0, raw, 0)
        return
    is_crit = int(is_critical(ints, reals, effect, chance, roll))
    if is_crit:
        dealt *= reals[ints[effect + ACTOR] + CRIT_MULTIPLIER] * reals[source + CRIT_DAMAGE]
    conclude(ints, reals, sums, effect, dealt * 1000.0, raw, is_crit)


@kernel
def conclude(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers,
    reals: Reals,
    sums: Integers,
    effect: int,
    thousandths: float,
    raw: float,
    outcome: int,
) -> None:
    """Let what is decided happen now, or when its missile lands; not before the fight."""
    if ints[effect + TRAVEL_MS] > 0:
        depart(ints, reals, effect, thousandths, raw, outcome)
    elif ints[NOW] < 0:
        return
    elif outcome == FAILS:
        miss(ints, reals, sums, effect)
    else:
        land(ints, reals, sums, effect, thousandths, raw, outcome)


@kernel
def is_critical(ints: Integers, reals: Reals, effect: int, chance: float, roll: float) -> bool:
    """Tell whether a hit is critical: by what is left of the attack roll, or by a roll apart."""
    stream, table = ints[effect + CRIT_STREAM], ints[effect + ATTACK_TABLE]
    if stream == NOTHING:
        return False
    if table != NOTHING and ints[table + ONE_ROLL]:
        return roll < reals[table + GLANCED] + chance
    return uniform(ints, stream) < chance


@kernel
def land(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers,
    reals: Reals,
    sums: Integers,
    effect: int,
    thousandths: float,
    raw: float,
    is_crit: int,
) -> None:
    """Book a hit in whole thousandths, and let those hear of it who listen."""
    if not thousandths <= DAMAGE_LIMIT - ints[DAMAGE_DONE]:  # so is what is no number
        ints[FAILURE] = TOO_MUCH_DAMAGE
        return
    dealt = max(0, int(np.rint(thousandths)))
    event = count_hit(ints, sums, effect, dealt, is_crit)
    aura = ints[ints[FRAME] + FRAME_AURA]
    frame = announce(ints, reals, ints[effect + SOURCE], event, ints[TARGET], aura)
    if frame != NOTHING:
        ints[frame + EVENT_DAMAGE] = dealt
        reals[frame + EVENT_RAW] = raw


@kernel
def count_hit(ints: Integers, sums: Integers, effect: int, dealt: int, is_crit: int) -> int:
    """Count a hit, and give what others may hear of it."""
    source, target = ints[effect + SOURCE], ints[TARGET]
    row = tally(ints, source, target)
    count_damage(ints, sums, row, dealt)
    if ints[KEEPS_HEALTH]:
        suffer(ints, target, dealt)
    if ints[effect + IS_TICK]:
        sums[row + TICKS] += 1
        sums[row + CRIT_TICKS] += is_crit
        record(ints, CRIT_TICKED if is_crit else TICKED, source, target, dealt, 0)
        return ON_TICK + ON_CRIT_TICK * is_crit
    sums[row + HITS] += 1
    sums[row + CRITS] += is_crit
    record(ints, CRIT_HIT if is_crit else HIT, source, target, dealt, 0)
    return ON_HIT + ON_CRIT * is_crit
