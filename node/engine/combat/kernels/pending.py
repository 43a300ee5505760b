"""What is being carried out: a stack of frames, the one on top first.

A frame is a run of effects, or of links to those who hear of an event, and what was known when it
began: target, aura, event.  What an effect sets off lies above it and is carried out before the
next effect, as if it were called; but there is no recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    CURSOR,
    CURSOR_END,
    DEEPEST_FRAME,
    DEPTH,
    END_EFFECT,
    END_LINK,
    ENDLESS_PROCS,
    EVENT,
    EVENT_DAMAGE,
    EVENT_RAW,
    EVENT_STACKS,
    FAILURE,
    FIRST_EFFECT,
    FIRST_LINK,
    FRAME,
    FRAME_AURA,
    FRAME_SIZE,
    FRAME_TARGET,
    HEARD,
    HEARING,
    NOTHING,
    PENDING,
    SCALE,
    STACKS,
    STEPS,
    STEPS_LIMIT,
    TARGET,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def begin(ints: Integers, first: int, end: int, target: int) -> int:
    """Lay a frame on top and give its place; what it knows of an event is not written."""
    depth = ints[DEPTH] + 1
    ints[STEPS] += 1
    if depth == DEEPEST_FRAME or ints[STEPS] == STEPS_LIMIT:
        ints[FAILURE] = ENDLESS_PROCS
        depth = ints[DEPTH]
    ints[DEPTH] = depth
    frame = ints[PENDING] + depth * FRAME_SIZE
    ints[frame + CURSOR] = first
    ints[frame + CURSOR_END] = end
    ints[frame + FRAME_TARGET] = target
    return frame


@kernel
def push(ints: Integers, reals: Reals, bundle: int, scale: float) -> None:
    """Have a bundle carried out on the target in question, its damage multiplied by `scale`."""
    push_of(ints, reals, bundle, scale, ints[TARGET], NOTHING)


@kernel
def push_of(  # noqa: PLR0913, PLR0917 - all that a frame knows
    ints: Integers, reals: Reals, bundle: int, scale: float, target: int, aura: int
) -> None:
    """Have a bundle of an aura carried out on a target."""
    if bundle == NOTHING:
        return
    frame = begin(ints, ints[bundle + FIRST_EFFECT], ints[bundle + END_EFFECT], target)
    ints[frame + HEARING] = 0
    ints[frame + FRAME_AURA] = aura
    ints[frame + EVENT] = 0
    ints[frame + EVENT_DAMAGE] = 0
    ints[frame + EVENT_STACKS] = ints[aura + STACKS] if aura != NOTHING else 0
    reals[frame + SCALE] = scale
    reals[frame + EVENT_RAW] = 0.0


@kernel
def push_in_turn(ints: Integers, reals: Reals, bundle: int, about: int) -> None:
    """Have a bundle carried out on the target in question, with what the frame `about` knows."""
    if bundle == NOTHING:
        return
    first, end = ints[bundle + FIRST_EFFECT], ints[bundle + END_EFFECT]
    frame = begin(ints, first, end, ints[TARGET])
    ints[frame + HEARING] = 0
    for column in range(FRAME_AURA, FRAME_SIZE):
        ints[frame + column] = ints[about + column]
    reals[frame + SCALE] = 1.0
    reals[frame + EVENT_RAW] = reals[about + EVENT_RAW]


@kernel
def announce(  # noqa: PLR0913, PLR0917 - all that an event knows
    ints: Integers, reals: Reals, ears: int, event: int, target: int, aura: int
) -> int:
    """Let those who listen hear of an event; give the frame that knows of it, else NOTHING."""
    if not ints[ears + HEARD] & event:
        return NOTHING
    frame = begin(ints, ints[ears + FIRST_LINK], ints[ears + END_LINK], target)
    ints[frame + HEARING] = event
    ints[frame + FRAME_AURA] = aura
    ints[frame + EVENT] = event
    ints[frame + EVENT_DAMAGE] = 0
    ints[frame + EVENT_STACKS] = ints[aura + STACKS] if aura != NOTHING else 0
    reals[frame + SCALE] = 1.0
    reals[frame + EVENT_RAW] = 0.0
    return frame


@kernel
def put_in_order(ints: Integers, reals: Reals, depth: int) -> None:
    """Turn round what was laid above a depth, so that what came first is carried out first."""
    low = ints[PENDING] + (depth + 1) * FRAME_SIZE
    high = ints[PENDING] + ints[DEPTH] * FRAME_SIZE
    while low < high:
        for column in range(FRAME_SIZE):
            ints[low + column], ints[high + column] = ints[high + column], ints[low + column]
        for column in range(EVENT_RAW + 1):
            reals[low + column], reals[high + column] = reals[high + column], reals[low + column]
        low += FRAME_SIZE
        high -= FRAME_SIZE


@kernel
def top(ints: Integers) -> int:
    """Give the frame on top that is not done, NOTHING when all are."""
    while ints[DEPTH] > 0:
        frame = ints[PENDING] + ints[DEPTH] * FRAME_SIZE
        if ints[frame + CURSOR] < ints[frame + CURSOR_END]:
            ints[FRAME] = frame
            return frame
        ints[DEPTH] -= 1
    ints[FRAME] = ints[PENDING]
    return NOTHING
