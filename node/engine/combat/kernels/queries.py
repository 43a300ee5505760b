"""What rotations and specs ask about a fight; times in seconds, as players say them.

Each answers a float, so that any of them can stand in any expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.actions import cast_time, castable_at, cost_of, gcd_of
from node.engine.combat.kernels.cooldowns import charge_ready_at, recharge_time, settle_charges
from node.engine.combat.kernels.decisions import NO_FLIP
from node.engine.combat.kernels.jit import query
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR_SIZE,
    CHANNEL_DONE,
    CHANNEL_PERIOD,
    CHANNEL_TICK_AT,
    CHANNEL_TICKS,
    CHANNELING,
    CHARGES,
    COPIES,
    DESPAWN_AT,
    END_ACTOR,
    EXPIRES,
    FIRST_ACTOR,
    LENGTH,
    MAX_CHARGES,
    MAXIMUM,
    NEVER,
    NEXT_TICK,
    NOW,
    PANDEMIC,
    PERIOD_NOW,
    RATE,
    RECHARGE_AT,
    SPAN,
    STACKS,
)
from node.engine.combat.kernels.resources import amount, time_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals

EPSILON = 1e-6  #: what separates two numbers in a comparison
SECOND = 1000.0


@query
def until(ints: Integers, time: int) -> float:
    """Give the seconds until a moment, 0 when it has passed."""
    return max(0, time - ints[NOW]) / SECOND


@query
def resource_now(ints: Integers, reals: Reals, resource: int) -> float:
    """Give the amount of a resource."""
    return amount(ints, reals, resource) / SECOND


@query
def resource_slope(ints: Integers, reals: Reals, resource: int) -> float:
    """Give how much of a resource comes back per second now."""
    full = amount(ints, reals, resource) >= ints[resource + MAXIMUM]
    return 0.0 if full else reals[resource + RATE]


@query
def resource_time(ints: Integers, reals: Reals, resource: int, wanted: float) -> float:
    """Give the seconds until a resource reaches an amount."""
    return until(ints, time_until(ints, reals, resource, int(np.rint(wanted * SECOND))))


@query
def cooldown_left(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds until the ability has a charge."""
    return until(ints, charge_ready_at(ints, reals, ability))


@query
def recharge_left(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds until the next charge returns, 0 when none is missing."""
    settle_charges(ints, reals, ability)
    at = ints[ability + RECHARGE_AT]
    return 0.0 if at == NEVER else until(ints, at)


@query
def full_recharge_left(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds until every charge is back."""
    left = recharge_left(ints, reals, ability)
    missing = ints[ability + MAX_CHARGES] - ints[ability + CHARGES]
    return left + max(0, missing - 1) * (recharge_time(ints, reals, ability) / SECOND)


@query
def charges(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the charges that are there."""
    settle_charges(ints, reals, ability)
    return float(ints[ability + CHARGES])


@query
def charges_fractional(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the charges with the part that has come back of the next one."""
    left = recharge_left(ints, reals, ability)
    if ints[ability + RECHARGE_AT] == NEVER:
        return float(ints[ability + CHARGES])
    whole = recharge_time(ints, reals, ability) / SECOND
    return ints[ability + CHARGES] + max(0.0, 1.0 - left / whole)


@query
def charges_slope(ints: Integers, reals: Reals, ability: int) -> float:
    """Give how much of a charge comes back per second now."""
    settle_charges(ints, reals, ability)
    if ints[ability + RECHARGE_AT] == NEVER:
        return 0.0
    return SECOND / recharge_time(ints, reals, ability)


@query
def aura_left(ints: Integers, aura: int) -> float:
    """Give the seconds until an aura expires, 0 when it is not up."""
    return until(ints, ints[aura + EXPIRES]) if ints[aura + STACKS] > 0 else 0.0


@query
def aura_slope(ints: Integers, aura: int) -> float:
    """Give how the seconds left of an aura change per second."""
    return -1.0 if ints[aura + STACKS] > 0 else 0.0


@query
def refresh_margin(ints: Integers, reals: Reals, aura: int) -> float:
    """Give the seconds until a refresh would lose nothing of what is left."""
    return aura_left(ints, aura) - reals[aura + PANDEMIC] * ints[aura + SPAN] / SECOND


@query
def ticks_left(ints: Integers, aura: int) -> float:
    """Give how many ticks an aura still has if nobody refreshes it."""
    period = ints[aura + PERIOD_NOW]
    if ints[aura + STACKS] == 0 or period == 0 or ints[aura + NEXT_TICK] > ints[aura + EXPIRES]:
        return 0.0
    return float((ints[aura + EXPIRES] - ints[aura + NEXT_TICK]) // period + 1)


@query
def next_tick(ints: Integers, aura: int) -> float:
    """Give the seconds until the next tick, 0 when the aura is not up."""
    return until(ints, ints[aura + NEXT_TICK]) if ints[aura + STACKS] > 0 else 0.0


@query
def channel_ticks_left(ints: Integers, actor: int) -> float:
    """Give how many ticks of what an actor channels are still to come."""
    ability = ints[actor + CHANNELING]
    return float(ints[ability + CHANNEL_TICKS] - ints[actor + CHANNEL_DONE]) if ability else 0.0


@query
def channel_left(ints: Integers, actor: int) -> float:
    """Give the seconds until the last tick of what an actor channels."""
    after = channel_ticks_left(ints, actor) - 1.0
    if after < 0.0:
        return 0.0
    return (
        until(ints, ints[actor + CHANNEL_TICK_AT]) + after * ints[actor + CHANNEL_PERIOD] / SECOND
    )


@query
def health_percent(ints: Integers) -> float:
    """Give the health of a target that dies evenly over the fight."""
    return 100.0 * (ints[LENGTH] - ints[NOW]) / ints[LENGTH]


@query
def time_to_percent(ints: Integers, percent: float) -> float:
    """Give the seconds until the target's health reaches a percentage."""
    return max(0.0, (ints[LENGTH] * (1.0 - percent / 100.0) - ints[NOW]) / SECOND)


@query
def pet_count(ints: Integers) -> float:
    """Give how many pets are there."""
    found = 0
    for actor in range(ints[FIRST_ACTOR] + ACTOR_SIZE, ints[END_ACTOR], ACTOR_SIZE):
        found += ints[actor + ACTIVE]
    return float(found)


@query
def copies_there(ints: Integers, pet: int) -> float:
    """Give how many copies of a pet are there."""
    found = 0
    for copy in range(pet, pet + ints[pet + COPIES] * ACTOR_SIZE, ACTOR_SIZE):
        found += ints[copy + ACTIVE]
    return float(found)


@query
def pet_left(ints: Integers, pet: int) -> float:
    """Give the seconds until the last copy of a pet leaves; one that stays, stays to the end."""
    last = 0
    for copy in range(pet, pet + ints[pet + COPIES] * ACTOR_SIZE, ACTOR_SIZE):
        if ints[copy + ACTIVE]:
            last = max(last, min(ints[copy + DESPAWN_AT], ints[LENGTH]))
    return until(ints, last)


@query
def divide(a: float, b: float) -> float:
    """Divide; by zero gives 0."""
    return 0.0 if b == 0.0 else a / b


@query
def modulo(a: float, b: float) -> float:
    """Give the remainder with the sign of the divisor; by zero gives 0."""
    return 0.0 if b == 0.0 else a - b * np.floor(a / b)


@query
def power(base: float, exponent: int) -> float:
    """Multiply a number with itself; unlike libm's, the same bits everywhere."""
    result = 1.0
    for _ in range(exponent):
        result *= base
    return result


@query
def crossing(difference: float, slope: float) -> float:
    """Give the milliseconds until a difference that grows by `slope` per second crosses zero."""
    if slope == 0.0:
        return NO_FLIP
    if abs(difference) <= 2.0 * EPSILON:
        return 1.0
    if difference * slope > 0.0:
        return NO_FLIP
    return -difference / slope * SECOND


@query
def flip_in(seconds: float) -> float:
    """Give the milliseconds until something that is due in some seconds happens."""
    return seconds * SECOND if seconds > 0.0 else NO_FLIP


@query
def spell_cost(ints: Integers, reals: Reals, ability: int) -> float:
    """Give what an ability costs now."""
    return cost_of(ints, reals, ability) / SECOND


@query
def spell_cast_time(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds that an ability takes to cast now."""
    return cast_time(ints, reals, ability) / SECOND


@query
def spell_execute_time(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds from a cast to the next one that the GCD allows."""
    return max(cast_time(ints, reals, ability), gcd_of(ints, reals, ability)) / SECOND


@query
def spell_usable_in(ints: Integers, reals: Reals, ability: int) -> float:
    """Give the seconds before which an ability cannot be cast, 0 when it can."""
    return until(ints, castable_at(ints, reals, ability))


@query
def recharge_seconds(ints: Integers, reals: Reals, ability: int) -> float:
    """Give how long a charge takes to return at the present haste."""
    return recharge_time(ints, reals, ability) / SECOND
