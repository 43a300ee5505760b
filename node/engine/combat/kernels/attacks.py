"""Attacks that may fail: one roll against a table, for misses, dodges and glances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR,
    ATTACK_STREAM,
    ATTACK_TABLE,
    AVOIDED,
    FRAME,
    FRAME_AURA,
    GLANCED,
    MISSED,
    MISSES,
    NOTHING,
    OBJECT,
    ON_MISS,
    OTHER_BUNDLE,
    SOURCE,
    TARGET,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import announce, push_in_turn
from node.engine.combat.kernels.philox import uniform
from node.engine.combat.kernels.tallies import tally

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals

LANDS = 1.0  #: a roll that no table takes for a failure, as every roll is below it


@kernel
def roll_attack(ints: Integers, effect: int) -> float:
    """Roll for an effect against its table, if it has one."""
    if ints[effect + ATTACK_TABLE] == NOTHING:
        return LANDS
    return uniform(ints, ints[effect + ATTACK_STREAM])


@kernel
def fails(ints: Integers, reals: Reals, effect: int, roll: float) -> bool:
    """Tell whether a roll is a miss or a dodge."""
    table = ints[effect + ATTACK_TABLE]
    return table != NOTHING and roll < reals[table + AVOIDED]


@kernel
def glances(ints: Integers, reals: Reals, effect: int, roll: float) -> bool:
    """Tell whether a roll that is no failure is a glancing blow."""
    table = ints[effect + ATTACK_TABLE]
    return table != NOTHING and roll < reals[table + GLANCED]


@kernel
def miss(ints: Integers, reals: Reals, sums: Integers, effect: int) -> None:
    """Count a failed attack on the target in question, and let others hear."""
    source, target = ints[effect + SOURCE], ints[TARGET]
    sums[tally(ints, source, target) + MISSES] += 1
    record(ints, MISSED, source, target, 0, 0)
    announce(ints, reals, source, ON_MISS, target, ints[ints[FRAME] + FRAME_AURA])


@kernel
def attack(ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int) -> None:
    """Carry out what an attack does when it lands, or what it does when not."""
    if not ints[ints[effect + ACTOR] + ACTIVE]:
        return
    if fails(ints, reals, effect, roll_attack(ints, effect)):
        push_in_turn(ints, reals, ints[effect + OTHER_BUNDLE], frame)
        miss(ints, reals, sums, effect)
    else:
        push_in_turn(ints, reals, ints[effect + OBJECT], frame)
