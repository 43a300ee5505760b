"""Bundles of effects that wait to be carried out, first in, first out.

What an effect sets off waits here until the effects before it are done: there is no recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ENDLESS_PROCS,
    FAILURE,
    NOTHING,
    PENDING,
    PENDING_CAPACITY,
    PENDING_HEAD,
    PENDING_TAIL,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def push(ints: Integers, reals: Reals, bundle: int, scale: float) -> None:
    """Queue a bundle whose damage is multiplied by `scale`."""
    if bundle == NOTHING:
        return
    tail = ints[PENDING_TAIL]
    if tail == PENDING_CAPACITY:
        ints[FAILURE] = ENDLESS_PROCS
        return
    ints[ints[PENDING] + tail] = bundle
    reals[ints[PENDING] + tail] = scale
    ints[PENDING_TAIL] = tail + 1


@kernel
def pop(ints: Integers) -> int:
    """Take the place of the next bundle, NOTHING when all are done."""
    head = ints[PENDING_HEAD]
    if head == ints[PENDING_TAIL]:
        ints[PENDING_HEAD] = 0
        ints[PENDING_TAIL] = 0
        return NOTHING
    ints[PENDING_HEAD] = head + 1
    return ints[PENDING] + head
