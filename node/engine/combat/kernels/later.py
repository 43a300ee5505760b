"""What is carried out later: frames that wait, ordered by when they are due.

The next one is the last of the array; of those that are due at once, the one that came first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    CURSOR,
    CURSOR_END,
    DEPTH,
    DUE,
    ENDLESS_PROCS,
    EVENT_RAW,
    FAILURE,
    FRAME_SIZE,
    LATER,
    LATER_CAPACITY,
    LATER_COUNT,
    LATER_SLOT,
    LENGTH,
    NOTHING,
    NOW,
    PENDING,
    WAITING_SIZE,
)
from node.engine.combat.kernels.pending import begin

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def postpone(ints: Integers, reals: Reals, delay: int) -> None:
    """Take the frame on top away until some time has passed."""
    frame = ints[PENDING] + ints[DEPTH] * FRAME_SIZE
    ints[DEPTH] -= 1
    due = ints[NOW] + delay
    if due > ints[LENGTH]:
        return
    if ints[LATER_COUNT] == LATER_CAPACITY:
        ints[FAILURE] = ENDLESS_PROCS
        return
    place = ints[LATER] + ints[LATER_COUNT] * WAITING_SIZE
    ints[LATER_COUNT] += 1
    while place > ints[LATER] and ints[place - WAITING_SIZE + DUE] <= due:
        _copy(ints, reals, place - WAITING_SIZE, place)
        ints[place + DUE] = ints[place - WAITING_SIZE + DUE]
        place -= WAITING_SIZE
    _copy(ints, reals, frame, place)
    ints[place + DUE] = due
    wait(ints)


@kernel
def wait(ints: Integers) -> None:
    """Set the timer to what is due next."""
    if ints[LATER_COUNT] == 0:
        cancel(ints, ints[LATER_SLOT])
        return
    following = ints[LATER] + (ints[LATER_COUNT] - 1) * WAITING_SIZE
    schedule(ints, ints[LATER_SLOT], ints[following + DUE])


@kernel
def resume(ints: Integers, reals: Reals) -> None:
    """Let everything that is due be carried out, in the order in which it came."""
    while ints[LATER_COUNT] > 0:
        place = ints[LATER] + (ints[LATER_COUNT] - 1) * WAITING_SIZE
        if ints[place + DUE] > ints[NOW]:
            break
        ints[LATER_COUNT] -= 1
        frame = begin(ints, ints[place + CURSOR], ints[place + CURSOR_END], NOTHING)
        _copy(ints, reals, place, frame)
    wait(ints)


@kernel
def _copy(ints: Integers, reals: Reals, source: int, place: int) -> None:
    for column in range(FRAME_SIZE):
        ints[place + column] = ints[source + column]
    for column in range(EVENT_RAW + 1):
        reals[place + column] = reals[source + column]
