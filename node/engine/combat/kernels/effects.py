"""What abilities, ticks, swings and procs do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.actors import summon
from node.engine.combat.kernels.auras import apply_aura, remove_stacks
from node.engine.combat.kernels.cooldowns import add_charges, reduce_cooldown
from node.engine.combat.kernels.damage import hit
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR,
    ADD_CHARGES,
    AMOUNT,
    APPLY,
    AREA,
    COUNT,
    DEAL,
    EFFECT_SIZE,
    END_EFFECT,
    FIRST_EFFECT,
    GAIN,
    KIND,
    NOTHING,
    OBJECT,
    REDUCE_COOLDOWN,
    REMOVE,
    SUMMON,
    TARGETS,
)
from node.engine.combat.kernels.pending import pop
from node.engine.combat.kernels.resources import gain

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def carry_out_pending(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Carry out every waiting bundle and what it sets off."""
    place = pop(ints)
    while place != NOTHING:
        bundle, scale = ints[place], reals[place]
        for effect in range(ints[bundle + FIRST_EFFECT], ints[bundle + END_EFFECT], EFFECT_SIZE):
            if ints[effect + KIND] == DEAL:
                strike(ints, reals, sums, effect, scale)
            else:
                carry_out(ints, reals, sums, effect)
        place = pop(ints)


@kernel
def strike(ints: Integers, reals: Reals, sums: Integers, effect: int, scale: float) -> None:
    """Hit one target, or as many as an area holds, if the one who hits is there."""
    if not ints[ints[effect + ACTOR] + ACTIVE]:
        return
    for target in range(min(ints[effect + AREA], ints[TARGETS])):
        hit(ints, reals, sums, effect, target, scale)


@kernel
def carry_out(ints: Integers, reals: Reals, sums: Integers, effect: int) -> None:
    """Carry out an effect that is not damage."""
    kind, thing, amount = ints[effect + KIND], ints[effect + OBJECT], ints[effect + AMOUNT]
    if kind == APPLY:
        apply_aura(ints, reals, sums, thing, amount)
    elif kind == GAIN:
        gain(ints, reals, sums, thing, amount)
    elif kind == REDUCE_COOLDOWN:
        reduce_cooldown(ints, reals, thing, amount)
    elif kind == ADD_CHARGES:
        add_charges(ints, reals, thing, amount)
    elif kind == REMOVE:
        remove_stacks(ints, reals, sums, thing, amount)
    elif kind == SUMMON:
        summon(ints, reals, sums, thing, ints[effect + COUNT], amount)
