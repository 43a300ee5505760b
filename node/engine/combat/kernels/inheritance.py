"""Changes of an owner that reach a pet late: with the next beat of a clock that all pets share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.agenda import cancel
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    BEAT_SLOT,
    END_LATE,
    EVENT_MASK,
    FIRST_LATE,
    LINK_SIZE,
    LISTENER,
    MODIFIER_AURA,
    STACKS,
    STACKS_SEEN,
)
from node.engine.combat.kernels.stats import refresh_stat

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def catch_up(ints: Integers, reals: Reals, sums: Integers, pet: int) -> None:
    """Let a pet have what its owner is by now."""
    for link in range(ints[pet + FIRST_LATE], ints[pet + END_LATE], LINK_SIZE):
        modifier = ints[link + LISTENER]
        stacks = ints[ints[modifier + MODIFIER_AURA] + STACKS]
        if ints[modifier + STACKS_SEEN] != stacks:
            ints[modifier + STACKS_SEEN] = stacks
            refresh_stat(ints, reals, sums, ints[link + EVENT_MASK])


@kernel
def beat(ints: Integers, reals: Reals, sums: Integers, pet: int) -> None:
    """Let what changed since the last beat reach a pet."""
    cancel(ints, ints[pet + BEAT_SLOT])
    catch_up(ints, reals, sums, pet)
