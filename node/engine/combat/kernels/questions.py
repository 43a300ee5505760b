"""What expressions ask kernels about a fight; times in seconds, as players say them.

One compiled function answers every question, by its number, so that the code of expressions needs
nothing but its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.actions import (
    cast_time,
    castable_at,
    cost_of,
    gcd_of,
)
from node.engine.combat.kernels.cooldowns import charge_ready_at, recharge_time, settle_charges
from node.engine.combat.kernels.health import falls_in, first_dies_in, percent, place_of, slope
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR_SIZE,
    AURA_SIZE,
    CHARGES,
    COPIES,
    DESPAWN_AT,
    END_ACTOR,
    FIRST_ACTOR,
    HEALTH,
    LENGTH,
    MAX_CHARGES,
    MAXIMUM,
    MOST_HEALTH,
    NEVER,
    NOW,
    RATE,
    READY_AT,
    RECHARGE_AT,
    STACKS,
    TARGET,
)
from node.engine.combat.kernels.procs import rppm_chance
from node.engine.combat.kernels.prospects import percent_increase
from node.engine.combat.kernels.resources import amount, time_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals

SECOND = 1000.0

(
    RESOURCE_NOW,
    RESOURCE_SLOPE,
    RESOURCE_TIME,
    COOLDOWN_LEFT,
    RECHARGE_LEFT,
    RECHARGE_SECONDS,
    FULL_RECHARGE_LEFT,
    CHARGES_NOW,
    CHARGES_FRACTIONAL,
    CHARGES_SLOPE,
    SPELL_COST,
    SPELL_CAST_TIME,
    SPELL_EXECUTE_TIME,
    SPELL_USABLE_IN,
    PET_COUNT,
    COPIES_THERE,
    PET_LEFT,
    RPPM_CHANCE,
    PERCENT_INCREASE,
    ACTIVE_COUNT,
    TARGET_HEALTH,
    TARGET_MOST_HEALTH,
    TARGET_PERCENT,
    TARGET_SLOPE,
    TARGET_FALLS_IN,
    FIRST_DIES_IN,
) = range(26)
_RESOURCES, _CHARGES, _SPELLS = RESOURCE_TIME, CHARGES_SLOPE, SPELL_USABLE_IN
_PETS = PET_LEFT


def ask(question: int, about: int, more: float, ints: Integers, reals: Reals) -> float:
    """Answer a question about an entity."""
    if question <= _RESOURCES:
        return ask_resource(question, about, more, ints, reals)
    if question <= _CHARGES:
        return ask_cooldown(question, about, ints, reals)
    if question <= _SPELLS:
        return ask_spell(question, about, ints, reals)
    if question <= _PETS:
        return ask_pets(question, about, ints)
    if question < TARGET_HEALTH:
        return ask_aura_or_proc(question, about, more, ints, reals)
    return ask_target(question, more, ints)


@kernel
def ask_aura_or_proc(question: int, about: int, more: float, ints: Integers, reals: Reals) -> float:
    """Answer a question about an aura on targets or about a proc."""
    if question == PERCENT_INCREASE:
        return percent_increase(ints, reals, about)
    if question == ACTIVE_COUNT:
        return active_count(ints, about, int(more))
    return rppm_chance(ints, reals, about) if ints[about + READY_AT] <= ints[NOW] else 0.0


@kernel
def ask_target(question: int, more: float, ints: Integers) -> float:
    """Answer a question about the health of the target in question, or of all."""
    enemy = place_of(ints, ints[TARGET])
    if question == FIRST_DIES_IN:
        return first_dies_in(ints) / SECOND
    if question == TARGET_FALLS_IN:
        return falls_in(ints, enemy, more) / SECOND
    if question == TARGET_PERCENT:
        return percent(ints, enemy)
    if question == TARGET_SLOPE:
        return slope(ints, enemy) * SECOND
    return ints[enemy + (HEALTH if question == TARGET_HEALTH else MOST_HEALTH)] / SECOND


@kernel
def ask_resource(question: int, about: int, more: float, ints: Integers, reals: Reals) -> float:
    """Answer a question about a resource."""
    if question == RESOURCE_NOW:
        return amount(ints, reals, about) / SECOND
    if question == RESOURCE_SLOPE:
        full = amount(ints, reals, about) >= ints[about + MAXIMUM]
        return 0.0 if full else reals[about + RATE]
    return until(ints, time_until(ints, reals, about, int(np.rint(more * SECOND))))


@kernel
def ask_cooldown(question: int, about: int, ints: Integers, reals: Reals) -> float:  # noqa: PLR0911
    """Answer a question about the charges of an ability."""
    settle_charges(ints, reals, about)
    whole, left = recharge_time(ints, reals, about) / SECOND, recharge_left(ints, about)
    is_full = ints[about + RECHARGE_AT] == NEVER
    if question == COOLDOWN_LEFT:
        return until(ints, charge_ready_at(ints, reals, about))
    if question == RECHARGE_LEFT:
        return left
    if question == RECHARGE_SECONDS:
        return whole
    if question == FULL_RECHARGE_LEFT:
        missing = ints[about + MAX_CHARGES] - ints[about + CHARGES]
        return left + max(0, missing - 1) * whole
    if question == CHARGES_NOW or is_full:
        return float(ints[about + CHARGES]) if question != CHARGES_SLOPE else 0.0
    if question == CHARGES_SLOPE:
        return 1.0 / whole
    return ints[about + CHARGES] + max(0.0, 1.0 - left / whole)


@kernel
def ask_spell(question: int, about: int, ints: Integers, reals: Reals) -> float:
    """Answer a question about casting an ability now."""
    if question == SPELL_COST:
        return cost_of(ints, reals, about) / SECOND
    if question == SPELL_USABLE_IN:
        return until(ints, castable_at(ints, reals, about))
    duration = cast_time(ints, reals, about)
    if question == SPELL_EXECUTE_TIME:
        duration = max(duration, gcd_of(ints, reals, about))
    return duration / SECOND


@kernel
def until(ints: Integers, time: int) -> float:
    """Give the seconds until a moment, 0 when it has passed."""
    return max(0, time - ints[NOW]) / SECOND


@kernel
def recharge_left(ints: Integers, ability: int) -> float:
    """Give the seconds until the next charge returns, 0 when none is missing."""
    at = ints[ability + RECHARGE_AT]
    return 0.0 if at == NEVER else until(ints, at)


@kernel
def active_count(ints: Integers, aura: int, instances: int) -> float:
    """Give on how many targets an aura is up."""
    found = 0
    for instance in range(aura, aura + instances * AURA_SIZE, AURA_SIZE):
        found += int(ints[instance + STACKS] > 0)
    return float(found)


@kernel
def ask_pets(question: int, about: int, ints: Integers) -> float:
    """Answer a question about all pets or about the copies of one."""
    if question == PET_COUNT:
        return pet_count(ints)
    there, last = 0, 0
    for copy in range(about, about + ints[about + COPIES] * ACTOR_SIZE, ACTOR_SIZE):
        if ints[copy + ACTIVE]:
            there += 1
            last = max(last, min(ints[copy + DESPAWN_AT], ints[LENGTH]))
    return float(there) if question == COPIES_THERE else until(ints, last)


@kernel
def pet_count(ints: Integers) -> float:
    """Give how many pets are there."""
    found = 0
    for actor in range(ints[FIRST_ACTOR] + ACTOR_SIZE, ints[END_ACTOR], ACTOR_SIZE):
        found += ints[actor + ACTIVE]
    return float(found)
