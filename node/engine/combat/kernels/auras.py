"""Buffs, debuffs and damage over time: apply, refresh, tick, expire.

An aura is up until its expiry event, the last thing of its millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.damage import take_snapshot
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    APPLICATIONS,
    APPLIED,
    AURA_APPLIED,
    AURA_LOST_STACKS,
    AURA_REFRESHED,
    AURA_REMOVED,
    CHANGED,
    COUNTED,
    DEAL,
    DURATION,
    EFFECT_SIZE,
    END_BUNDLE,
    END_EFFECT,
    END_STAT,
    EXPIRE_SLOT,
    EXPIRES,
    FIRST_EFFECT,
    FIRST_STAT,
    HASTE,
    KIND,
    LAST_TICK,
    LINK_SIZE,
    LISTENER,
    MAX_STACKS,
    NEVER,
    NEXT_TICK,
    NO_TARGET,
    NOTHING,
    NOW,
    OWNER,
    PANDEMIC,
    PANDEMIC_CARRY,
    PANDEMIC_OF_BASE,
    PARTIAL_TICK,
    PERIOD,
    PERIOD_NOW,
    REFRESH,
    REFRESHES,
    ROLLOVER,
    SNAPSHOT,
    SPAN,
    STACK_TIME,
    STACKS,
    TICK_BUNDLE,
    TICK_HASTED,
    TICK_SLOT,
    UPTIME,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push
from node.engine.combat.kernels.stats import refresh_stat

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def tick_period(ints: Integers, reals: Reals, aura: int) -> int:
    """Give the time between two ticks at the present haste."""
    if ints[aura + TICK_HASTED]:
        return max(1, int(np.rint(ints[aura + PERIOD] / reals[ints[aura + OWNER] + HASTE])))
    return ints[aura + PERIOD]


@kernel
def natural_duration(ints: Integers, period: int, aura: int) -> int:
    """Give how long an application lasts: whole ticks, unless the last one may be partial."""
    duration = ints[aura + DURATION]
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
def set_stacks(ints: Integers, reals: Reals, sums: Integers, aura: int, stacks: int) -> None:
    """Change the stacks and every stat that depends on them."""
    ints[CHANGED] = 1
    if stacks == ints[aura + STACKS]:
        return
    ints[aura + STACKS] = stacks
    for link in range(ints[aura + FIRST_STAT], ints[aura + END_STAT], LINK_SIZE):
        refresh_stat(ints, reals, sums, ints[link + LISTENER])


@kernel
def apply_aura(ints: Integers, reals: Reals, sums: Integers, aura: int, stacks: int) -> None:
    """Apply an aura anew, or refresh it and add to its stacks."""
    now = ints[NOW]
    period = tick_period(ints, reals, aura)
    span = natural_duration(ints, period, aura)
    if ints[aura + STACKS] == 0:
        sums[aura + APPLICATIONS] += 1
        ints[aura + APPLIED] = now
        ints[aura + COUNTED] = max(now, 0)
        ints[aura + EXPIRES] = now + span
        start_ticks(ints, aura, period)
    else:
        sums[aura + REFRESHES] += 1
        count_time(ints, sums, aura)
        ints[aura + EXPIRES] = refreshed_expiry(ints, reals, aura, span)
    ints[aura + SPAN] = span
    if ints[aura + DURATION] != NEVER:
        schedule(ints, ints[aura + EXPIRE_SLOT], ints[aura + EXPIRES])
    kind = AURA_REFRESHED if ints[aura + STACKS] else AURA_APPLIED
    stacks = min(ints[aura + STACKS] + stacks, ints[aura + MAX_STACKS])
    record(ints, kind, aura, NO_TARGET, stacks, ints[aura + EXPIRES])
    set_stacks(ints, reals, sums, aura, stacks)
    if ints[aura + SNAPSHOT]:
        snapshot_ticks(ints, reals, aura, period)


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
def refreshed_expiry(ints: Integers, reals: Reals, aura: int, span: int) -> int:
    """Give when a refreshed aura expires."""
    now = ints[NOW]
    if ints[aura + REFRESH] == ROLLOVER:
        return ints[aura + NEXT_TICK] + span
    if ints[aura + REFRESH] == PANDEMIC_CARRY:
        base = ints[aura + DURATION] if ints[aura + PANDEMIC_OF_BASE] else span
        most = int(np.rint(reals[aura + PANDEMIC] * base))
        return now + span + min(ints[aura + EXPIRES] - now, most)
    return now + span


@kernel
def snapshot_ticks(ints: Integers, reals: Reals, aura: int, period: int) -> None:
    """Fix power, crit chance and period of the ticks as they are now."""
    ints[aura + PERIOD_NOW] = period
    snapshot_effects(ints, reals, ints[aura + TICK_BUNDLE])


@kernel
def snapshot_effects(ints: Integers, reals: Reals, bundle: int) -> None:
    """Fix power and crit chance of what a bundle deals as they are now."""
    if bundle == NOTHING:
        return
    for effect in range(ints[bundle + FIRST_EFFECT], ints[bundle + END_EFFECT], EFFECT_SIZE):
        if ints[effect + KIND] == DEAL:
            take_snapshot(ints, reals, effect)


@kernel
def tick_aura(ints: Integers, reals: Reals, aura: int) -> None:
    """Carry out a tick and set the next one, unless the aura ends before it."""
    if not ints[aura + SNAPSHOT]:
        ints[aura + PERIOD_NOW] = tick_period(ints, reals, aura)
    ints[aura + LAST_TICK] = ints[NOW]
    ints[aura + NEXT_TICK] = ints[NOW] + ints[aura + PERIOD_NOW]
    schedule(ints, ints[aura + TICK_SLOT], ints[aura + NEXT_TICK])
    push(ints, reals, ints[aura + TICK_BUNDLE], 1.0)
    ints[CHANGED] = 1


@kernel
def expire_aura(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """End an aura whose time has come; what is left of its last tick still counts, if it may."""
    period = ints[aura + PERIOD_NOW]
    since = ints[NOW] - ints[aura + LAST_TICK]
    if ints[aura + PARTIAL_TICK] and 0 < since < period:
        push(ints, reals, ints[aura + TICK_BUNDLE], since / period)
    push(ints, reals, ints[aura + END_BUNDLE], 1.0)
    remove_aura(ints, reals, sums, aura)


@kernel
def remove_aura(ints: Integers, reals: Reals, sums: Integers, aura: int) -> None:
    """Take an aura away at once."""
    if ints[aura + STACKS] == 0:
        return
    count_time(ints, sums, aura)
    cancel(ints, ints[aura + EXPIRE_SLOT])
    cancel(ints, ints[aura + TICK_SLOT])
    record(ints, AURA_REMOVED, aura, NO_TARGET, 0, 0)
    set_stacks(ints, reals, sums, aura, 0)


@kernel
def remove_stacks(ints: Integers, reals: Reals, sums: Integers, aura: int, stacks: int) -> None:
    """Take stacks away, and the aura with its last one; 0 takes all."""
    left = ints[aura + STACKS] - stacks
    if stacks == 0 or left <= 0:
        remove_aura(ints, reals, sums, aura)
        return
    count_time(ints, sums, aura)
    record(ints, AURA_LOST_STACKS, aura, NO_TARGET, left, ints[aura + EXPIRES])
    set_stacks(ints, reals, sums, aura, left)
