"""Triggers: what may happen when something else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import each, kernel
from node.engine.combat.kernels.later import postpone
from node.engine.combat.kernels.layout import (
    ACCUMULATED,
    ALWAYS,
    ATTEMPTS,
    CARDS,
    CHANCE,
    CHANCE_FORMULA,
    DECK,
    DECK_CARDS,
    DECK_SUCCESSES,
    DELAY,
    FAILURES,
    HASTE,
    ICD,
    LAST_ATTEMPT,
    LAST_SUCCESS,
    MAX_INTERVAL,
    NO_FORMULA,
    NOW,
    PLAYER,
    PROC_BUNDLE,
    PROC_CONDITION,
    PROC_HAPPENED,
    PROC_HASTED,
    PROC_KIND,
    PROC_STREAM,
    PROCS,
    PROTECTED,
    READY_AT,
    RPPM,
    SUCCESSES,
    TARGET,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push_in_turn
from node.engine.combat.kernels.philox import uniform

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


@each("proc")
def attempt(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, proc: int, frame: int
) -> None:
    """Let a trigger act on the event that a frame knows, if it may and its luck holds."""
    now = ints[NOW]
    if now < ints[proc + READY_AT]:
        return
    condition = ints[proc + PROC_CONDITION]
    if condition != NO_FORMULA and evaluate(condition, ints, reals) == 0.0:
        return
    sums[proc + ATTEMPTS] += 1
    if ints[proc + PROC_KIND] != ALWAYS and not succeeds(evaluate, ints, reals, proc):
        return
    sums[proc + PROCS] += 1
    record(ints, PROC_HAPPENED, proc, ints[TARGET], 0, 0)
    ints[proc + LAST_SUCCESS] = now
    ints[proc + READY_AT] = now + ints[proc + ICD]
    push_in_turn(ints, reals, ints[proc + PROC_BUNDLE], frame)
    if ints[proc + DELAY] > 0:
        postpone(ints, reals, ints[proc + DELAY])


@kernel
def succeeds(evaluate: Evaluate, ints: Integers, reals: Reals, proc: int) -> bool:
    """Roll for a trigger that does not always act."""
    kind = ints[proc + PROC_KIND]
    if kind == DECK:
        return draws_success(ints, proc)
    chance = reals[proc + CHANCE]
    if ints[proc + CHANCE_FORMULA] != NO_FORMULA:
        chance = evaluate(ints[proc + CHANCE_FORMULA], ints, reals)
    if kind == RPPM:
        chance = rppm_chance(ints, reals, proc)
        ints[proc + LAST_ATTEMPT] = ints[NOW]
    elif kind == ACCUMULATED:
        chance *= ints[proc + FAILURES] + 1
    success = uniform(ints, ints[proc + PROC_STREAM]) < chance
    ints[proc + FAILURES] = 0 if success else ints[proc + FAILURES] + 1
    return success


@kernel
def draws_success(ints: Integers, proc: int) -> bool:
    """Draw a card of a shuffled deck; an empty one is shuffled anew."""
    if ints[proc + CARDS] == 0:
        ints[proc + CARDS] = ints[proc + DECK_CARDS]
        ints[proc + SUCCESSES] = ints[proc + DECK_SUCCESSES]
    roll = uniform(ints, ints[proc + PROC_STREAM]) * ints[proc + CARDS]
    success = roll < ints[proc + SUCCESSES]
    ints[proc + CARDS] -= 1
    ints[proc + SUCCESSES] -= int(success)
    return success


@kernel
def rppm_chance(ints: Integers, reals: Reals, proc: int) -> float:
    """Give the chance of a trigger with a rate: it grows with the time since the last attempt.

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
