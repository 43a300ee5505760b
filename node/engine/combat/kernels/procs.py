"""Procs: what may happen when something else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ATTEMPTS,
    CHANCE,
    END_LINK,
    EVENT_MASK,
    FIRST_LINK,
    HASTE,
    ICD,
    LAST_ATTEMPT,
    LAST_SUCCESS,
    LINK_SIZE,
    LISTENER,
    MAX_INTERVAL,
    NO_TARGET,
    NOW,
    PLAYER,
    PROC_BUNDLE,
    PROC_HAPPENED,
    PROC_HASTED,
    PROC_KIND,
    PROC_STREAM,
    PROCS,
    PROTECTED,
    READY_AT,
    RPPM,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push
from node.engine.combat.kernels.philox import uniform

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def notify(ints: Integers, reals: Reals, sums: Integers, entity: int, event: int) -> None:
    """Tell the procs that listen to an ability or a source of damage what happened."""
    for link in range(ints[entity + FIRST_LINK], ints[entity + END_LINK], LINK_SIZE):
        if ints[link + EVENT_MASK] & event:
            attempt(ints, reals, sums, ints[link + LISTENER])


@kernel
def attempt(ints: Integers, reals: Reals, sums: Integers, proc: int) -> None:
    """Roll for a proc that is not on its internal cooldown."""
    now = ints[NOW]
    if now < ints[proc + READY_AT]:
        return
    sums[proc + ATTEMPTS] += 1
    chance = reals[proc + CHANCE]
    if ints[proc + PROC_KIND] == RPPM:
        chance = rppm_chance(ints, reals, proc)
        ints[proc + LAST_ATTEMPT] = now
    if uniform(ints, ints[proc + PROC_STREAM]) >= chance:
        return
    sums[proc + PROCS] += 1
    record(ints, PROC_HAPPENED, proc, NO_TARGET, 0, 0)
    ints[proc + LAST_SUCCESS] = now
    ints[proc + READY_AT] = now + ints[proc + ICD]
    push(ints, reals, ints[proc + PROC_BUNDLE], 1.0)


@kernel
def rppm_chance(ints: Integers, reals: Reals, proc: int) -> float:
    """Give the chance of a proc with a rate: it grows with the time since the last attempt.

    A second attempt at the same moment has none.  Protection raises it when the last success is
    more than one and a half mean intervals ago.
    """
    rate = reals[proc + CHANCE] / 60_000.0  # per millisecond
    if ints[proc + PROC_HASTED]:
        rate *= reals[ints[PLAYER] + HASTE]
    chance = rate * min(ints[NOW] - ints[proc + LAST_ATTEMPT], ints[proc + MAX_INTERVAL])
    if ints[proc + PROTECTED]:
        missed = (ints[NOW] - ints[proc + LAST_SUCCESS]) * rate
        chance *= max(1.0, 1.0 + 3.0 * (missed - 1.5))
    return chance
