"""How auras, resources and numbers were, kept and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.auras import bring_back, instance, remove_aura, transfer
from node.engine.combat.kernels.health import is_there
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    CHANGED,
    END_MEMORY,
    FIRST_MEMORY,
    IS_REMEMBERED,
    MEMORY_AMOUNT,
    MEMORY_COPY,
    MEMORY_KIND,
    MEMORY_OF,
    MEMORY_SIZE,
    MEMORY_VALUE,
    NO_TARGET,
    NOW,
    NUMBER_VALUE,
    OF_AURA,
    OF_RESOURCE,
    ON_TARGET,
    PER_TARGET,
    REMEMBERED_AT,
    STACKS,
    TARGET,
)
from node.engine.combat.kernels.resources import amount, drain, gain

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


@kernel
def save(ints: Integers, reals: Reals, slate: int) -> None:
    """Remember how everything on a slate is at this moment."""
    ints[slate + IS_REMEMBERED] = 1
    ints[slate + REMEMBERED_AT] = ints[NOW]
    for memory in range(ints[slate + FIRST_MEMORY], ints[slate + END_MEMORY], MEMORY_SIZE):
        kind, thing = ints[memory + MEMORY_KIND], ints[memory + MEMORY_OF]
        if kind == OF_AURA:
            copy, aura = ints[memory + MEMORY_COPY], instance(ints, thing)
            transfer(ints, reals, aura, copy, 0)
            ints[copy + STACKS] = ints[aura + STACKS]
        elif kind == OF_RESOURCE:
            ints[memory + MEMORY_AMOUNT] = amount(ints, reals, thing)
        else:
            reals[memory + MEMORY_VALUE] = reals[number_place(ints, thing)]


@kernel
def restore(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, slate: int) -> None:
    """Let everything on a slate be as it was, if it was remembered."""
    if not ints[slate + IS_REMEMBERED]:
        return
    ints[CHANGED] = 1
    shift = ints[NOW] - ints[slate + REMEMBERED_AT]
    for memory in range(ints[slate + FIRST_MEMORY], ints[slate + END_MEMORY], MEMORY_SIZE):
        kind, thing = ints[memory + MEMORY_KIND], ints[memory + MEMORY_OF]
        if kind == OF_AURA:
            copy, aura = ints[memory + MEMORY_COPY], instance(ints, thing)
            if ints[aura + ON_TARGET] != NO_TARGET and not is_there(ints, ints[TARGET]):
                continue
            if ints[copy + STACKS] > 0:
                bring_back(evaluate, ints, reals, sums, copy, aura, shift)
            else:
                remove_aura(ints, reals, sums, aura)
        elif kind == OF_RESOURCE:
            missing = ints[memory + MEMORY_AMOUNT] - amount(ints, reals, thing)
            if missing >= 0:
                gain(ints, reals, sums, thing, missing)
            else:
                drain(ints, reals, sums, thing, -missing)
        else:
            reals[number_place(ints, thing)] = reals[memory + MEMORY_VALUE]


@kernel
def number_place(ints: Integers, number: int) -> int:
    """Give where the value of a number lies, for the target in question."""
    return number + NUMBER_VALUE + ints[TARGET] * ints[number + PER_TARGET]
