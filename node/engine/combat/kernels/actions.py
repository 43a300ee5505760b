"""The rotation: which line is next, casting it, and when to look again."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.cooldowns import charge_ready_at, use_charge
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIONS_AT_ONCE,
    ACTIONS_AT_ONCE_LIMIT,
    BUNDLE,
    CAST,
    CAST_AT,
    CAST_BEGUN,
    CAST_COST,
    CAST_DONE,
    CAST_ENDS,
    CAST_FACTOR,
    CAST_MS,
    CAST_SLOT,
    CASTING,
    CASTS,
    CASTS_NOW,
    CHANGED,
    CHARGES,
    CONDITION,
    COST,
    COST_FACTOR,
    COST_RESOURCE,
    DECIDE_SLOT,
    END,
    END_LINE,
    END_OFF_GCD,
    ENDLESS_ACTIONS,
    FAILED_AT,
    FAILURE,
    FIRED,
    FIRST_LINE,
    FIRST_OFF_GCD,
    GCD_ENDS,
    GCD_FLOOR,
    GCD_HASTED,
    GCD_HISTORY,
    GCD_MS,
    HASTE,
    JUMP,
    LAST_ACTION_AT,
    LAST_CAST,
    LAST_GCD_CASTS,
    LINE_ABILITY,
    LINE_SIZE,
    LINK_SIZE,
    LISTENER,
    NEVER,
    NO_TARGET,
    NOTHING,
    NOW,
    OFF_GCD,
    ON_CAST,
    OPERATION,
    PLAYER,
    RECHARGE_AT,
    USABLE_FROM,
    WAKE,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push
from node.engine.combat.kernels.procs import notify
from node.engine.combat.kernels.resources import amount, spend, time_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


ROUNDING_SLACK = 1e-3  #: milliseconds; without it a moment that rounding moved is seen late
NO_FLIP = 1e15  #: what an expression answers that time alone does not change


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
    return int(np.rint(base / reals[ints[PLAYER] + HASTE]))


@kernel
def gcd_of(ints: Integers, reals: Reals, ability: int) -> int:
    """Give the global cooldown that the ability sets off now."""
    if ints[ability + OFF_GCD]:
        return 0
    gcd = ints[ability + GCD_MS]
    if not ints[ability + GCD_HASTED]:
        return gcd
    hasted = int(np.rint(gcd / reals[ints[PLAYER] + HASTE]))
    return max(hasted, min(gcd, ints[GCD_FLOOR]))


@kernel
def castable_at(ints: Integers, reals: Reals, ability: int) -> int:
    """Give now if the ability can be cast, else a later moment before which it cannot."""
    now = ints[NOW]
    if ints[GCD_ENDS] > now and not ints[ability + OFF_GCD]:
        return ints[GCD_ENDS]
    if ints[ability + CHARGES] == 0 or ints[ability + RECHARGE_AT] <= now:
        at = charge_ready_at(ints, reals, ability)
        if at > now:
            return at
    if ints[ability + USABLE_FROM] > now:
        return ints[ability + USABLE_FROM]
    return affordable_at(ints, reals, ability)


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
def holds(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether the condition of a line is true."""
    return ints[line + CONDITION] < 0 or evaluate(ints[line + CONDITION], ints, reals) != 0.0


@kernel
def choose(evaluate: Evaluate, ints: Integers, reals: Reals) -> int:
    """Give the first eligible line, NOTHING when there is none."""
    line = ints[FIRST_LINE]
    while line < ints[END_LINE]:
        operation = ints[line + OPERATION]
        if operation == END:
            return NOTHING
        if operation == CAST:
            castable = castable_at(ints, reals, ints[line + LINE_ABILITY]) <= ints[NOW]
            if castable and holds(evaluate, ints, reals, line):
                return line
        elif not holds(evaluate, ints, reals, line):
            line = ints[line + JUMP]
            continue
        line += LINE_SIZE
    return NOTHING


@kernel
def next_look(evaluate: Evaluate, ints: Integers, reals: Reals) -> int:
    """Give the first moment at which time alone may make a line eligible, when none is."""
    line = ints[FIRST_LINE]
    wake = NEVER
    while line < ints[END_LINE]:
        operation = ints[line + OPERATION]
        if operation == END:
            return wake
        if operation == CAST:
            at = castable_at(ints, reals, ints[line + LINE_ABILITY])
            if at <= ints[NOW]:
                at = flips_at(evaluate, ints, reals, line)
            wake = min(wake, at)
        else:
            wake = min(wake, flips_at(evaluate, ints, reals, line))
            if not holds(evaluate, ints, reals, line):
                line = ints[line + JUMP]
                continue
        line += LINE_SIZE
    return wake


@kernel
def flips_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give when a condition may change by the passing of time alone."""
    if ints[line + WAKE] < 0:
        return NEVER
    left = evaluate(ints[line + WAKE], ints, reals)
    if left >= NO_FLIP:
        return NEVER
    return ints[NOW] + max(1, ceil(left - ROUNDING_SLACK))


@kernel
def decide(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers) -> None:
    """Do what the rotation says, or nothing."""
    ints[CHANGED] = 0
    line = choose(evaluate, ints, reals)
    if line == NOTHING:
        schedule(ints, ints[DECIDE_SLOT], next_look(evaluate, ints, reals))
        return
    cancel(ints, ints[DECIDE_SLOT])
    guard(ints, line)
    sums[line + FIRED] += 1
    begin(ints, reals, sums, ints[line + LINE_ABILITY])


@kernel
def guard(ints: Integers, line: int) -> None:
    """Give up on a rotation that acts without end in one moment."""
    if ints[LAST_ACTION_AT] != ints[NOW]:
        ints[LAST_ACTION_AT] = ints[NOW]
        ints[ACTIONS_AT_ONCE] = 0
    ints[ACTIONS_AT_ONCE] += 1
    if ints[ACTIONS_AT_ONCE] > ACTIONS_AT_ONCE_LIMIT:
        ints[FAILURE] = ENDLESS_ACTIONS
        ints[FAILED_AT] = line


@kernel
def begin(ints: Integers, reals: Reals, sums: Integers, ability: int) -> None:
    """Start a cast, or finish it at once when it takes no time."""
    duration = cast_time(ints, reals, ability)
    ints[CAST_COST] = cost_of(ints, reals, ability)
    if not ints[ability + OFF_GCD]:
        ints[GCD_ENDS] = ints[NOW] + gcd_of(ints, reals, ability)
    if duration > 0:
        ints[CASTING] = ability
        ints[CAST_ENDS] = ints[NOW] + duration
        record(ints, CAST_BEGUN, ability, NO_TARGET, duration, 0)
        schedule(ints, ints[CAST_SLOT], ints[CAST_ENDS])
    else:
        finish(ints, reals, sums, ability)


@kernel
def finish_cast(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Let a cast that took time take effect."""
    cancel(ints, ints[CAST_SLOT])
    finish(ints, reals, sums, ints[CASTING])


@kernel
def finish(ints: Integers, reals: Reals, sums: Integers, ability: int) -> None:
    """Pay for a cast and let it take effect."""
    ints[CASTING] = NOTHING
    ints[CHANGED] = 1
    if ints[ability + COST_RESOURCE] != NOTHING:
        spend(ints, reals, sums, ints[ability + COST_RESOURCE], ints[CAST_COST])
    use_charge(ints, reals, ability)
    remember(ints, ability)
    sums[ability + CASTS] += 1
    record(ints, CAST_DONE, ability, NO_TARGET, 0, 0)
    push(ints, reals, ints[ability + BUNDLE], 1.0)
    notify(ints, reals, sums, ability, ON_CAST)


@kernel
def remember(ints: Integers, ability: int) -> None:
    """Keep what was cast for conditions on the past."""
    ints[ability + CAST_AT] = ints[NOW]
    ints[ability + CASTS_NOW] += 1
    ints[LAST_CAST] = ability
    if not ints[ability + OFF_GCD]:
        for back in range(GCD_HISTORY - 1, 0, -1):
            ints[LAST_GCD_CASTS + back] = ints[LAST_GCD_CASTS + back - 1]
        ints[LAST_GCD_CASTS] = ability


@kernel
def look_again(ints: Integers, reals: Reals) -> None:
    """Set a decision for this moment if something changed and the player is free to act on it."""
    if not ints[CHANGED] or ints[CASTING] != NOTHING:
        return
    at = ints[GCD_ENDS]
    if at > ints[NOW]:
        at = min(at, off_gcd_ready_at(ints, reals))
    schedule(ints, ints[DECIDE_SLOT], max(at, ints[NOW]))
    ints[CHANGED] = 0


@kernel
def off_gcd_ready_at(ints: Integers, reals: Reals) -> int:
    """Give the first moment at which an ability without GCD has a charge."""
    at = NEVER
    for link in range(ints[FIRST_OFF_GCD], ints[END_OFF_GCD], LINK_SIZE):
        at = min(at, charge_ready_at(ints, reals, ints[link + LISTENER]))
    return at
