"""Casting: what an ability costs and takes, when it can be begun, and what its end brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.channels import end_channel, start_channel
from node.engine.combat.kernels.cooldowns import charge_ready_at, use_charge
from node.engine.combat.kernels.jit import kernel, rare
from node.engine.combat.kernels.layout import (
    ACTIVE,
    BUNDLE,
    CAST_AT,
    CAST_BEGUN,
    CAST_CUT,
    CAST_DONE,
    CAST_ENDS,
    CAST_FACTOR,
    CAST_MS,
    CAST_SLOT,
    CAST_TARGET,
    CASTER,
    CASTING,
    CASTS,
    CASTS_NOW,
    CHANGED,
    CHANNEL_TICKS,
    CHANNELING,
    CHARGES,
    COST,
    COST_FACTOR,
    COST_RESOURCE,
    GCD_ENDS,
    GCD_FACTOR,
    GCD_FLOOR,
    GCD_HASTED,
    GCD_HISTORY,
    GCD_MS,
    HASTE,
    LAST_CAST,
    LAST_GCD_CASTS,
    MOVES_UNTIL,
    NEVER,
    NO_TARGET,
    NOT_BEFORE,
    NOTHING,
    NOW,
    OFF_GCD,
    ON_CAST,
    RECHARGE_AT,
    TARGET,
    USABLE_FROM,
    WAITS,
    WAITS_FOR_GCD,
    WHILE_MOVING,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import announce, push
from node.engine.combat.kernels.resources import amount, spend, time_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


ROUNDING_SLACK = 1e-3  #: milliseconds; without it a moment that rounding moved is seen late


@kernel
def cost_of(ints: Integers, reals: Reals, ability: int) -> int:
    """Give what the ability costs now."""
    return int(np.rint(ints[ability + COST] * reals[ability + COST_FACTOR]))


@kernel
def cast_time(ints: Integers, reals: Reals, ability: int) -> int:
    """Give how long the ability takes to cast now."""
    if ints[ability + CAST_MS] == 0:
        return 0
    base = ints[ability + CAST_MS] * reals[ability + CAST_FACTOR]
    return int(np.rint(base / reals[ints[ability + CASTER] + HASTE]))


@kernel
def gcd_of(ints: Integers, reals: Reals, ability: int) -> int:
    """Give the global cooldown that the ability sets off now."""
    if ints[ability + OFF_GCD]:
        return 0
    gcd = int(np.rint(ints[ability + GCD_MS] * reals[ability + GCD_FACTOR]))
    if not ints[ability + GCD_HASTED]:
        return gcd
    hasted = int(np.rint(gcd / reals[ints[ability + CASTER] + HASTE]))
    return max(hasted, min(gcd, ints[ints[ability + CASTER] + GCD_FLOOR]))


@kernel
def ready_at(ints: Integers, reals: Reals, ability: int) -> int:
    """Give when GCD, cooldown and the target's health let the ability be cast, now or later."""
    at, caster = ints[NOW], ints[ability + CASTER]
    if not ints[caster + ACTIVE]:
        return NEVER
    if ints[ability + WAITS_FOR_GCD]:
        at = max(at, ints[caster + GCD_ENDS])
    if ints[caster + MOVES_UNTIL] > at and is_held_by_moving(ints, reals, ability):
        at = ints[caster + MOVES_UNTIL]
    if not ints[ability + WAITS]:
        return at
    if ints[ability + CHARGES] == 0 or ints[ability + RECHARGE_AT] <= ints[NOW]:
        at = max(at, charge_ready_at(ints, reals, ability))
    return max(at, ints[ability + USABLE_FROM], ints[ability + NOT_BEFORE])


@kernel
def is_held_by_moving(ints: Integers, reals: Reals, ability: int) -> bool:
    """Tell whether one has to stand still to cast the ability."""
    return not ints[ability + WHILE_MOVING] and takes_time(ints, reals, ability)


@kernel
def takes_time(ints: Integers, reals: Reals, ability: int) -> bool:
    """Tell whether an ability is cast or channelled."""
    return cast_time(ints, reals, ability) > 0 or ints[ability + CHANNEL_TICKS] > 0


@kernel
def castable_at(ints: Integers, reals: Reals, ability: int) -> int:
    """Give now if the ability can be cast, else a later moment before which it cannot."""
    at = ready_at(ints, reals, ability)
    return at if at > ints[NOW] else affordable_at(ints, reals, ability)


@kernel
def affordable_at(ints: Integers, reals: Reals, ability: int) -> int:
    """Give the first moment at which there is enough of the resource if nothing else happens."""
    resource = ints[ability + COST_RESOURCE]
    if resource == NOTHING:
        return ints[NOW]
    cost = cost_of(ints, reals, ability)
    if amount(ints, reals, resource) >= cost:
        return ints[NOW]
    return max(time_until(ints, reals, resource, cost), ints[NOW] + 1)


@kernel
def begin(ints: Integers, reals: Reals, sums: Integers, ability: int) -> None:
    """Start a cast, or finish it at once when it takes no time."""
    caster = ints[ability + CASTER]
    duration = cast_time(ints, reals, ability)
    if not ints[ability + OFF_GCD]:
        ints[caster + GCD_ENDS] = ints[NOW] + gcd_of(ints, reals, ability)
    if duration > 0:
        ints[caster + CAST_TARGET] = ints[TARGET]
        ints[caster + CASTING] = ability
        ints[caster + CAST_ENDS] = ints[NOW] + duration
        record(ints, CAST_BEGUN, ability, NO_TARGET, duration, 0)
        schedule(ints, ints[caster + CAST_SLOT], ints[caster + CAST_ENDS])
    else:
        finish(ints, reals, sums, ability)


@kernel
def finish_cast(ints: Integers, reals: Reals, sums: Integers, caster: int) -> None:
    """Let a cast that took time take effect, if it can still be paid for."""
    cancel(ints, ints[caster + CAST_SLOT])
    ability = ints[caster + CASTING]
    ints[caster + CASTING] = NOTHING
    ints[TARGET] = ints[caster + CAST_TARGET]
    if affordable_at(ints, reals, ability) <= ints[NOW]:
        finish(ints, reals, sums, ability)
    ints[CHANGED] = 1


@rare
def interrupt(ints: Integers, caster: int) -> None:
    """Let a cast come to nothing; the GCD goes on."""
    cancel(ints, ints[caster + CAST_SLOT])
    if ints[caster + CASTING] != NOTHING:
        record(ints, CAST_CUT, ints[caster + CASTING], NO_TARGET, 0, 0)
    ints[caster + CASTING] = NOTHING
    ints[caster + CAST_ENDS] = ints[NOW]
    ints[CHANGED] = 1


@rare
def break_off(ints: Integers, caster: int) -> bool:
    """Break off what cannot be cast on the way, and tell whether there was anything."""
    cast, channelled = ints[caster + CASTING], ints[caster + CHANNELING]
    stands_still = False
    if cast != NOTHING and not ints[cast + WHILE_MOVING]:
        interrupt(ints, caster)
        stands_still = True
    if channelled != NOTHING and not ints[channelled + WHILE_MOVING]:
        end_channel(ints, caster)
        stands_still = True
    return stands_still


@kernel
def finish(ints: Integers, reals: Reals, sums: Integers, ability: int) -> None:
    """Pay for a cast and let it take effect."""
    caster = ints[ability + CASTER]
    ints[CHANGED] = 1
    if ints[ability + COST_RESOURCE] != NOTHING:
        cost = cost_of(ints, reals, ability)
        spend(ints, reals, sums, ints[ability + COST_RESOURCE], cost)
    use_charge(ints, reals, ability)
    remember(ints, caster, ability)
    sums[ability + CASTS] += 1
    record(ints, CAST_DONE, ability, NO_TARGET, 0, 0)
    push(ints, reals, ints[ability + BUNDLE], 1.0)
    announce(ints, reals, ability, ON_CAST, ints[TARGET], NOTHING)
    if ints[ability + CHANNEL_TICKS] > 0:
        start_channel(ints, reals, sums, ability)


@kernel
def remember(ints: Integers, caster: int, ability: int) -> None:
    """Keep what was cast for conditions on the past."""
    ints[ability + CAST_AT] = ints[NOW]
    ints[ability + CASTS_NOW] += 1
    ints[caster + LAST_CAST] = ability
    if not ints[ability + OFF_GCD]:
        history = caster + LAST_GCD_CASTS
        for back in range(GCD_HISTORY - 1, 0, -1):
            ints[history + back] = ints[history + back - 1]
        ints[history] = ability
