"""Channels: what an actor keeps up tick by tick, and cannot act beside.

A channel ends with its last tick, or at a tick at which its line says that it may be cut and the
rotation knows something else to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.actors import look_at
from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.attacks import fails, miss, roll_attack
from node.engine.combat.kernels.jit import kernel, rare
from node.engine.combat.kernels.layout import (
    CASTER,
    CHANGED,
    CHANNEL_AT_START,
    CHANNEL_ATTACK,
    CHANNEL_BEGUN,
    CHANNEL_BUNDLE,
    CHANNEL_DONE,
    CHANNEL_ENDED,
    CHANNEL_HASTED,
    CHANNEL_LOOK,
    CHANNEL_MS,
    CHANNEL_PERIOD,
    CHANNEL_SLOT,
    CHANNEL_TARGET,
    CHANNEL_TICK_AT,
    CHANNEL_TICKS,
    CHANNELING,
    HASTE,
    NO_TARGET,
    NOTHING,
    NOW,
    SNAPSHOT_BUNDLE,
    TARGET,
)
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.pending import push

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@rare
def start_channel(ints: Integers, reals: Reals, sums: Integers, ability: int) -> None:
    """Begin to channel, if it does not miss.

    Haste and, if it is said so, power are those of this moment to the end.
    """
    attack = ints[ability + CHANNEL_ATTACK]
    if attack != NOTHING and fails(ints, reals, attack, roll_attack(ints, attack)):
        miss(ints, reals, sums, attack)
        return
    caster = ints[ability + CASTER]
    period = ints[ability + CHANNEL_MS]
    if ints[ability + CHANNEL_HASTED]:
        period = max(1, int(np.rint(period / reals[caster + HASTE])))
    ints[caster + CHANNELING] = ability
    ints[caster + CHANNEL_TARGET] = ints[TARGET]
    ints[caster + CHANNEL_PERIOD] = period
    ints[caster + CHANNEL_DONE] = 0
    ints[caster + CHANNEL_LOOK] = 0
    push(ints, reals, ints[ability + SNAPSHOT_BUNDLE], 1.0)
    first = 0 if ints[ability + CHANNEL_AT_START] else period
    ints[caster + CHANNEL_TICK_AT] = ints[NOW] + first
    record(ints, CHANNEL_BEGUN, ability, NO_TARGET, ints[ability + CHANNEL_TICKS], period)
    schedule(ints, ints[caster + CHANNEL_SLOT], ints[caster + CHANNEL_TICK_AT])


@kernel
def tick_channel(ints: Integers, reals: Reals, caster: int) -> None:
    """Carry out a tick, and let the caster look at once whether that was all."""
    ability = ints[caster + CHANNELING]
    ints[caster + CHANNEL_DONE] += 1
    ints[caster + CHANNEL_TICK_AT] = ints[NOW] + ints[caster + CHANNEL_PERIOD]
    if is_over(ints, caster):
        cancel(ints, ints[caster + CHANNEL_SLOT])
    else:
        schedule(ints, ints[caster + CHANNEL_SLOT], ints[caster + CHANNEL_TICK_AT])
    ints[TARGET] = ints[caster + CHANNEL_TARGET]
    push(ints, reals, ints[ability + CHANNEL_BUNDLE], 1.0)
    ints[caster + CHANNEL_LOOK] = 1
    look_at(ints, caster, ints[NOW])


@kernel
def is_over(ints: Integers, caster: int) -> bool:
    """Tell whether the last tick of what is channelled has come."""
    return ints[caster + CHANNEL_DONE] >= ints[ints[caster + CHANNELING] + CHANNEL_TICKS]


@kernel
def end_channel(ints: Integers, caster: int) -> None:
    """Stop to channel, in the middle or at the end."""
    ability = ints[caster + CHANNELING]
    done = ints[caster + CHANNEL_DONE]
    record(ints, CHANNEL_ENDED, ability, NO_TARGET, done, ints[ability + CHANNEL_TICKS])
    ints[caster + CHANNELING] = NOTHING
    ints[caster + CHANNEL_DONE] = 0
    ints[caster + CHANNEL_LOOK] = 0
    cancel(ints, ints[caster + CHANNEL_SLOT])
    ints[CHANGED] = 1
