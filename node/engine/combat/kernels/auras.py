"""Buffs, debuffs and damage over time: apply, refresh, tick, expire.

An aura is up until its expiry event, the last thing of its millisecond.  An aura of targets is one
instance per target, each with its own timers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.amounts import whole
from node.engine.combat.kernels.damage import snapshot_of, take_snapshot
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ANEW,
    APPLICATIONS,
    APPLIED,
    AURA_APPLIED,
    AURA_LOST_STACKS,
    AURA_REFRESHED,
    AURA_REMOVED,
    CHANGED,
    COUNTED,
    DURATION,
    DURATION_FORMULA,
    EARS,
    END_BUNDLE,
    END_REAPPRAISED,
    END_SNAPPED,
    END_STAT,
    ENDED,
    EXPIRE_SLOT,
    EXPIRES,
    EXTEND,
    FIRST_REAPPRAISED,
    FIRST_SNAPPED,
    FIRST_STAT,
    HASTE,
    HASTE_FIXED,
    KEEP,
    KEPT,
    KEPT_FORMULA,
    LAST_TICK,
    LASTS,
    LINK_SIZE,
    LISTENER,
    MAIN_TARGET,
    MAX_STACKS,
    MODIFIER_FORMULA,
    MODIFIER_VALUE,
    MOST_AT_ONCE,
    NEVER,
    NEXT_TICK,
    NO_FORMULA,
    NO_TARGET,
    NOTHING,
    NOW,
    ON_APPLY,
    ON_EXPIRE,
    ON_REFRESH,
    ON_REMOVE,
    ON_TARGET,
    OWNER,
    PANDEMIC,
    PANDEMIC_CARRY,
    PANDEMIC_OF_BASE,
    PARTIAL_TICK,
    PERIOD,
    PERIOD_NOW,
    REFRESH,
    REFRESHES,
    REMOVED_BUNDLE,
    ROLLOVER,
    SNAPSHOT,
    SNAPSHOT_SIZE,
    SNAPSHOTS,
    SPAN,
    SPAN_FORMULA,
    STACK_TIME,
    STACKS,
    STACKS_ONLY,
    STRIDE,
    TARGET,
    TARGETS,
    TICK_BUNDLE,
    TICK_HASTED,
    TICK_SLOT,
    TICKS_AT_START,
    UP_ON,
    UP_SINCE,
    UPTIME,
    UPTIME_ANYWHERE,
    WHOLE_TICKS,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import announce, push_of
from node.engine.combat.kernels.stats import refresh_stat

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


LONGEST = 1e9  #: milliseconds; longer than any fight


@kernel
def tick_period(ints: Integers, reals: Reals, aura: int) -> int:
    """Give the time between two ticks at the present haste."""
    if ints[aura + TICK_HASTED]:
        return max(1, int(np.rint(ints[aura + PERIOD] / reals[ints[aura + OWNER] + HASTE])))
    return ints[aura + PERIOD]


@kernel
def natural_duration(ints: Integers, duration: int, period: int, aura: int) -> int:
    """Give how long an application lasts: whole ticks, unless the last one may be partial."""
    if period == 0 or duration == NEVER or ints[aura + PARTIAL_TICK]:
        return duration
    return max(1, int(np.rint(duration / period))) * period


@kernel
def count_time(ints: Integers, sums: Integers, aura: int) -> None:
    """Add the time of the fight since the last count to the sums."""
    now = max(ints[NOW], 0)
    elapsed = now - ints[aura + COUNTED]
    ints[aura + COUNTED] = now
    sums[aura + UPTIME] += elapsed
    sums[aura + STACK_TIME] += elapsed * ints[aura + STACKS]


@kernel
def count_anywhere(ints: Integers, sums: Integers, aura: int, change: int) -> None:
    """Add the time that any of several targets had the aura, when one more or less has it."""
    first = aura - ints[aura + ON_TARGET] * ints[aura + STRIDE]
    now = max(ints[NOW], 0)
    if ints[first + UP_ON] > 0:
        sums[first + UPTIME_ANYWHERE] += now - ints[first + UP_SINCE]
    ints[first + UP_SINCE] = now
    ints[first + UP_ON] += change


@kernel
def set_stacks(ints: Integers, reals: Reals, sums: Integers, aura: int, stacks: int) -> None:
    """Change the stacks and every stat that depends on them."""
    ints[CHANGED] = 1
    if stacks == ints[aura + STACKS] and ints[aura + FIRST_REAPPRAISED] == NOTHING:
        return
    if ints[aura + STRIDE] and (stacks == 0) != (ints[aura + STACKS] == 0):
        count_anywhere(ints, sums, aura, 1 if stacks else -1)
    ints[aura + STACKS] = stacks
    for link in range(ints[aura + FIRST_STAT], ints[aura + END_STAT], LINK_SIZE):
        refresh_stat(ints, reals, sums, ints[link + LISTENER])


@kernel
def reappraise(evaluate: Evaluate, ints: Integers, reals: Reals, aura: int) -> None:
    """Evaluate what the aura changes by, where that is an expression."""
    for link in range(ints[aura + FIRST_REAPPRAISED], ints[aura + END_REAPPRAISED], LINK_SIZE):
        modifier = ints[link + LISTENER]
        value = evaluate(ints[modifier + MODIFIER_FORMULA], ints, reals)
        reals[modifier + MODIFIER_VALUE] = value


@kernel
def apply_aura(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate,
    ints: Integers,
    reals: Reals,
    sums: Integers,
    aura: int,
    effect: int,
    stacks: int,
) -> None:
    """Apply an aura as an effect says: anew, or refresh it and add to its stacks."""
    if not ints[effect + STACKS_ONLY] and ends_now(ints, aura):
        expire_aura(ints, reals, sums, aura)
    before = ints[aura + STACKS]
    if before == 0 and ints[aura + MOST_AT_ONCE] > 0:
        make_room(ints, reals, sums, aura)
    if ints[effect + KEPT_FORMULA] != NO_FORMULA:
        reals[aura + KEPT] = evaluate(ints[effect + KEPT_FORMULA], ints, reals)
    reappraise(evaluate, ints, reals, aura)
    if before > 0 and ints[effect + STACKS_ONLY]:
        count_time(ints, sums, aura)
        set_stacks(ints, reals, sums, aura, min(before + stacks, ints[aura + MAX_STACKS]))
        return
    set_time(evaluate, ints, reals, sums, aura, effect)
    event = ON_APPLY if before == 0 else ON_REFRESH
    stacks = min(before + stacks, ints[aura + MAX_STACKS])
    kind = AURA_REFRESHED if before else AURA_APPLIED
    record(ints, kind, aura, ints[aura + ON_TARGET], stacks, ints[aura + EXPIRES])
    set_stacks(ints, reals, sums, aura, stacks)
    snapshot_ticks(evaluate, ints, reals, aura)
    if ints[aura + TICKS_AT_START] and before == 0:
        push_of(ints, reals, ints[aura + TICK_BUNDLE], 1.0, target_of(ints, aura), aura)
    announce(ints, reals, aura + EARS, event, target_of(ints, aura), aura)


@kernel
def ends_now(ints: Integers, aura: int) -> bool:
    """Tell whether this is the end of an aura, and a refresh would keep a tick that never comes."""
    if ints[aura + STACKS] == 0 or ints[aura + EXPIRES] > ints[NOW]:
        return False
    return ints[aura + REFRESH] == ROLLOVER or ints[aura + WHOLE_TICKS] != 0


@kernel
def set_time(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, aura: int, effect: int
) -> None:
    """Set when an aura that is applied expires and ticks."""
    now = ints[NOW]
    duration = full_duration(evaluate, ints, reals, aura, effect)
    period = tick_period(ints, reals, aura)
    span = natural_duration(ints, duration, period, aura)
    if ints[aura + STACKS] == 0:
        sums[aura + APPLICATIONS] += 1
        ints[aura + APPLIED] = now
        ints[aura + COUNTED] = max(now, 0)
        ints[aura + EXPIRES] = now + span
        start_ticks(ints, aura, period)
    else:
        sums[aura + REFRESHES] += 1
        count_time(ints, sums, aura)
        if ints[effect + ANEW]:
            ints[aura + EXPIRES] = now + span
            start_ticks(ints, aura, period)
        else:
            ints[aura + EXPIRES] = refreshed_expiry(ints, reals, aura, span, duration, period)
    ints[aura + SPAN] = span
    ints[aura + LASTS] = ints[aura + EXPIRES] - now
    if duration != NEVER:
        schedule(ints, ints[aura + EXPIRE_SLOT], ints[aura + EXPIRES])


@kernel
def full_duration(evaluate: Evaluate, ints: Integers, reals: Reals, aura: int, effect: int) -> int:
    """Give how long an application is meant to last, before it is fitted to its ticks."""
    formula = ints[effect + SPAN_FORMULA]
    if formula == NO_FORMULA:
        formula = ints[aura + DURATION_FORMULA]
    if formula == NO_FORMULA:
        return ints[aura + DURATION]
    return max(1, whole(min(evaluate(formula, ints, reals), LONGEST)))


@kernel
def make_room(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """Take the aura from the target where it lasts longest, if as many as may have it do."""
    first = aura - ints[aura + ON_TARGET] * ints[aura + STRIDE]
    found, longest = 0, NOTHING
    for number in range(ints[TARGETS]):
        other = first + number * ints[aura + STRIDE]
        if ints[other + STACKS] > 0:
            found += 1
            if longest == NOTHING or ints[other + EXPIRES] > ints[longest + EXPIRES]:
                longest = other
    if found >= ints[aura + MOST_AT_ONCE]:
        remove_aura(ints, reals, sums, longest)


@kernel
def target_of(ints: Integers, aura: int) -> int:
    """Give the target that has an aura, for others that of the player."""
    return ints[MAIN_TARGET] if ints[aura + ON_TARGET] == NO_TARGET else ints[aura + ON_TARGET]


@kernel
def start_ticks(ints: Integers, aura: int, period: int) -> None:
    """Set the first tick, one period from now."""
    if period == 0:
        return
    ints[aura + PERIOD_NOW] = period
    ints[aura + LAST_TICK] = ints[NOW]
    ints[aura + NEXT_TICK] = ints[NOW] + period
    schedule(ints, ints[aura + TICK_SLOT], ints[aura + NEXT_TICK])


@kernel
def refreshed_expiry(  # noqa: PLR0913, PLR0917 - all that the rules look at
    ints: Integers, reals: Reals, aura: int, span: int, duration: int, period: int
) -> int:
    """Give when a refreshed aura expires."""
    now, rule, left = ints[NOW], ints[aura + REFRESH], ints[aura + EXPIRES] - ints[NOW]
    if rule == KEEP or duration == NEVER:
        return ints[aura + EXPIRES]
    if rule == EXTEND:
        return ints[aura + EXPIRES] + span
    if rule == ROLLOVER:
        return ints[aura + NEXT_TICK] + span
    if rule == PANDEMIC_CARRY:
        base = duration if ints[aura + PANDEMIC_OF_BASE] else span
        kept = min(left, int(np.rint(reals[aura + PANDEMIC] * base)))
        if ints[aura + WHOLE_TICKS]:
            return ints[aura + NEXT_TICK] + max(span, (base + kept) // period * period)
        return now + span + kept
    return now + span


@kernel
def snapshot_ticks(evaluate: Evaluate, ints: Integers, reals: Reals, aura: int) -> None:
    """Fix what of the ticks is as it was at their application."""
    if ints[aura + SNAPSHOT] & HASTE_FIXED:
        ints[aura + PERIOD_NOW] = tick_period(ints, reals, aura)
    for link in range(ints[aura + FIRST_SNAPPED], ints[aura + END_SNAPPED], LINK_SIZE):
        effect = ints[link + LISTENER]
        take_snapshot(evaluate, ints, reals, snapshot_of(ints, effect, aura), effect)


@kernel
def tick_aura(ints: Integers, reals: Reals, aura: int) -> None:
    """Carry out a tick and set the next one, unless the aura ends before it."""
    if not ints[aura + SNAPSHOT] & HASTE_FIXED:
        ints[aura + PERIOD_NOW] = tick_period(ints, reals, aura)
    ints[aura + LAST_TICK] = ints[NOW]
    ints[aura + NEXT_TICK] = ints[NOW] + ints[aura + PERIOD_NOW]
    schedule(ints, ints[aura + TICK_SLOT], ints[aura + NEXT_TICK])
    push_of(ints, reals, ints[aura + TICK_BUNDLE], 1.0, target_of(ints, aura), aura)
    ints[CHANGED] = 1


@kernel
def expire_aura(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """End an aura whose time has come; what is left of its last tick still counts, if it may."""
    period, target = ints[aura + PERIOD_NOW], target_of(ints, aura)
    since = ints[NOW] - ints[aura + LAST_TICK]
    if ints[aura + PARTIAL_TICK] and 0 < since < period:
        push_of(ints, reals, ints[aura + TICK_BUNDLE], since / period, target, aura)
    push_of(ints, reals, ints[aura + END_BUNDLE], 1.0, target, aura)
    announce(ints, reals, aura + EARS, ON_EXPIRE, target, aura)
    end_aura(ints, reals, sums, aura)


@kernel
def end_aura(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """Let an aura be up no more."""
    count_time(ints, sums, aura)
    ints[aura + ENDED] = ints[NOW]
    cancel(ints, ints[aura + EXPIRE_SLOT])
    cancel(ints, ints[aura + TICK_SLOT])
    record(ints, AURA_REMOVED, aura, ints[aura + ON_TARGET], 0, 0)
    set_stacks(ints, reals, sums, aura, 0)


@kernel
def remove_aura(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """Take an aura away before its time."""
    if ints[aura + STACKS] == 0:
        return
    target = target_of(ints, aura)
    push_of(ints, reals, ints[aura + REMOVED_BUNDLE], 1.0, target, aura)
    announce(ints, reals, aura + EARS, ON_REMOVE, target, aura)
    end_aura(ints, reals, sums, aura)


@kernel
def remove_stacks(ints: Integers, reals: Reals, sums: Integers, aura: int, stacks: int) -> None:
    """Take stacks away, and the aura with its last one; 0 takes all."""
    left = ints[aura + STACKS] - stacks
    if stacks == 0 or left <= 0:
        remove_aura(ints, reals, sums, aura)
        return
    count_time(ints, sums, aura)
    record(ints, AURA_LOST_STACKS, aura, ints[aura + ON_TARGET], left, ints[aura + EXPIRES])
    set_stacks(ints, reals, sums, aura, left)


@kernel
def copy_aura(ints: Integers, reals: Reals, sums: Integers, aura: int, copy: int) -> None:
    """Let one target have an aura exactly as another has it."""
    before = ints[copy + STACKS]
    sums[copy + REFRESHES] += int(before > 0)
    take_over(ints, reals, sums, aura, copy, 0)
    event = ON_REFRESH if before > 0 else ON_APPLY
    announce(ints, reals, copy + EARS, event, target_of(ints, copy), copy)


@kernel
def bring_back(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate,
    ints: Integers,
    reals: Reals,
    sums: Integers,
    copy: int,
    aura: int,
    shift: int,
) -> None:
    """Let an aura be as its copy is, but for the time that has passed."""
    before = ints[aura + STACKS]
    if before == 0:
        reappraise(evaluate, ints, reals, aura)
    take_over(ints, reals, sums, copy, aura, shift)
    kind = AURA_REFRESHED if before else AURA_APPLIED
    left = ints[aura + EXPIRES]
    record(ints, kind, aura, ints[aura + ON_TARGET], ints[aura + STACKS], left)
    if before == 0:
        announce(ints, reals, aura + EARS, ON_APPLY, target_of(ints, aura), aura)


@kernel
def take_over(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, reals: Reals, sums: Integers, aura: int, copy: int, shift: int
) -> None:
    """Let an aura have the stacks, ticks and time of another."""
    if ints[copy + STACKS] > 0:
        count_time(ints, sums, copy)
    else:
        sums[copy + APPLICATIONS] += 1
        ints[copy + APPLIED] = ints[NOW]
        ints[copy + COUNTED] = max(ints[NOW], 0)
    transfer(ints, reals, aura, copy, shift)
    ints[copy + LASTS] = ints[copy + EXPIRES] - ints[NOW]
    if ints[copy + DURATION] != NEVER:
        schedule(ints, ints[copy + EXPIRE_SLOT], ints[copy + EXPIRES])
    if ints[copy + PERIOD] > 0:
        schedule(ints, ints[copy + TICK_SLOT], ints[copy + NEXT_TICK])
    set_stacks(ints, reals, sums, copy, ints[aura + STACKS])


@kernel
def transfer(ints: Integers, reals: Reals, aura: int, copy: int, shift: int) -> None:
    """Copy what an application of an aura is made of, its times moved by `shift`."""
    for column in (EXPIRES, LAST_TICK, NEXT_TICK):
        ints[copy + column] = ints[aura + column] + shift
    for column in (SPAN, PERIOD_NOW):
        ints[copy + column] = ints[aura + column]
    reals[copy + KEPT] = reals[aura + KEPT]
    links = (ints[aura + END_SNAPPED] - ints[aura + FIRST_SNAPPED]) // LINK_SIZE
    for place in range(links * SNAPSHOT_SIZE):
        reals[ints[copy + SNAPSHOTS] + place] = reals[ints[aura + SNAPSHOTS] + place]


@kernel
def instance(ints: Integers, aura: int) -> int:
    """Give the aura of the target in question, or the only one there is."""
    return aura + ints[TARGET] * ints[aura + STRIDE]
