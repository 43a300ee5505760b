"""Cooldowns and charges: a charge returns at `RECHARGE_AT`, and only then the next one starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    BETWEEN,
    CASTER,
    CHANGED,
    CHARGES,
    COOLDOWN,
    COOLDOWN_HASTED,
    HASTE,
    MAX_CHARGES,
    NEVER,
    NOT_BEFORE,
    NOW,
    RECHARGE_AT,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def recharge_time(ints: Integers, reals: Reals, ability: int) -> int:
    """Give how long a charge takes to return at the present haste."""
    if ints[ability + COOLDOWN_HASTED]:
        return int(np.rint(ints[ability + COOLDOWN] / reals[ints[ability + CASTER] + HASTE]))
    return ints[ability + COOLDOWN]


@kernel
def settle_charges(ints: Integers, reals: Reals, ability: int) -> None:
    """Book the charges that have returned until this moment."""
    while ints[ability + RECHARGE_AT] <= ints[NOW]:
        ints[ability + CHARGES] += 1
        if ints[ability + CHARGES] >= ints[ability + MAX_CHARGES]:
            ints[ability + RECHARGE_AT] = NEVER
        else:
            ints[ability + RECHARGE_AT] += recharge_time(ints, reals, ability)


@kernel
def charge_ready_at(ints: Integers, reals: Reals, ability: int) -> int:
    """Give the first moment at which the ability has a charge that can be used."""
    settle_charges(ints, reals, ability)
    at = ints[NOW] if ints[ability + CHARGES] > 0 else ints[ability + RECHARGE_AT]
    return max(at, ints[ability + NOT_BEFORE])


@kernel
def use_charge(ints: Integers, reals: Reals, ability: int) -> None:
    """Spend a charge; if it went during the cast, the next takes its full time from now on."""
    if ints[ability + COOLDOWN] == 0:
        return
    settle_charges(ints, reals, ability)
    ints[ability + NOT_BEFORE] = ints[NOW] + ints[ability + BETWEEN]
    if ints[ability + CHARGES] == 0 or ints[ability + RECHARGE_AT] == NEVER:
        ints[ability + RECHARGE_AT] = ints[NOW] + recharge_time(ints, reals, ability)
    ints[ability + CHARGES] = max(0, ints[ability + CHARGES] - 1)


@kernel
def start_cooldown(ints: Integers, reals: Reals, ability: int) -> None:
    """Spend a charge without a cast; without one, the next takes its full time from now on."""
    settle_charges(ints, reals, ability)
    if ints[ability + CHARGES] > 0:
        use_charge(ints, reals, ability)
    elif ints[ability + RECHARGE_AT] != NEVER:
        ints[ability + RECHARGE_AT] = ints[NOW] + recharge_time(ints, reals, ability)


@kernel
def reduce_cooldown(ints: Integers, reals: Reals, ability: int, by: int) -> None:
    """Bring the next charge nearer; what is left over counts for the one after it."""
    settle_charges(ints, reals, ability)
    if ints[ability + RECHARGE_AT] != NEVER:
        ints[ability + RECHARGE_AT] -= by
        ints[CHANGED] = 1


@kernel
def add_charges(ints: Integers, reals: Reals, ability: int, added: int) -> None:
    """Return charges at once; a charge that is on its way keeps its time."""
    settle_charges(ints, reals, ability)
    ints[ability + CHARGES] = min(ints[ability + CHARGES] + added, ints[ability + MAX_CHARGES])
    if ints[ability + CHARGES] == ints[ability + MAX_CHARGES]:
        ints[ability + RECHARGE_AT] = NEVER
    ints[CHANGED] = 1


@kernel
def rescale_cooldown(ints: Integers, ability: int, factor: float) -> None:
    """Stretch what is left of a hasted cooldown when haste changes."""
    if ints[ability + COOLDOWN_HASTED] and ints[ability + RECHARGE_AT] != NEVER:
        left = ints[ability + RECHARGE_AT] - ints[NOW]
        ints[ability + RECHARGE_AT] = ints[NOW] + int(np.rint(left * factor))
