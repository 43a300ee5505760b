"""What happens next: a tournament tree with one leaf per timer.

A leaf is one number, `time << 39 | priority << 36 | order of writing << 12 | timer`, so that the
least number is the next event, with equal times by priority and then by order of writing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    AGENDA,
    FAILURE,
    FIRST_SLOT,
    LEAVES,
    LENGTH,
    PRIORITY,
    SLOT_SIZE,
    TOO_MANY_EVENTS,
    WRITES,
    WRITES_LIMIT,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers

TIME_SHIFT = 39
_PRIORITY_SHIFT = 36
_ORDER_SHIFT = 12
EMPTY = (1 << 63) - 1  #: a leaf later than any time
_TIMER_MASK = (1 << _ORDER_SHIFT) - 1
LATEST = 1 << 24  #: times are below this, about 4.6 hours
MOST_TIMERS = 1 << _ORDER_SHIFT


@kernel
def schedule(ints: Integers, timer: int, time: int) -> None:
    """Set a timer; one past the end of the fight never rings."""
    if time > ints[LENGTH]:
        cancel(ints, timer)
        return
    writes = ints[WRITES]
    ints[WRITES] = writes + 1
    if writes >= WRITES_LIMIT:
        ints[FAILURE] = TOO_MANY_EVENTS
        return
    priority = ints[ints[FIRST_SLOT] + timer * SLOT_SIZE + PRIORITY]
    key = (time << TIME_SHIFT) | (priority << _PRIORITY_SHIFT) | (writes << _ORDER_SHIFT) | timer
    _put(ints, timer, key)


@kernel
def cancel(ints: Integers, timer: int) -> None:
    """Stop a timer."""
    if ints[ints[AGENDA] + ints[LEAVES] + timer] != EMPTY:
        _put(ints, timer, EMPTY)


@kernel
def next_event(ints: Integers) -> int:
    """Give the least leaf, EMPTY when no timer is set."""
    return ints[ints[AGENDA] + 1]


@kernel
def slot_of(ints: Integers, key: int) -> int:
    """Give the entity of the timer that rings."""
    return ints[FIRST_SLOT] + (key & _TIMER_MASK) * SLOT_SIZE


@kernel
def _put(ints: Integers, timer: int, key: int) -> None:
    """Write a leaf and every node above it.

    All siblings on the way up are known from the start, so no load waits for a store; to stop where
    nothing changes would save steps, but cost more in branches that are guessed wrong.
    """
    tree = ints[AGENDA]
    node = ints[LEAVES] + timer
    ints[tree + node] = key
    while node > 1:
        key = min(key, ints[tree + (node ^ 1)])
        node >>= 1
        ints[tree + node] = key
