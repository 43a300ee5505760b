"""What is counted of damage: by source and target, and by the time into the fight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    BUCKET,
    BUCKET_ENDS,
    BUCKET_MS,
    DAMAGE_BOOKED,
    DAMAGE_DONE,
    DAMAGE_LIMIT,
    DEALT,
    LAST_BUCKET,
    LAST_ROW,
    LEAST,
    MOST,
    NEVER,
    NOW,
    TALLY,
    TALLY_SIZE,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers


@kernel
def tally(ints: Integers, source: int, target: int) -> int:
    """Give where it is counted what a source does to a target."""
    return ints[source + TALLY] + min(target, ints[LAST_ROW]) * TALLY_SIZE


@kernel
def count_damage(ints: Integers, sums: Integers, row: int, dealt: int) -> None:
    """Add damage to a row of a tally and to the fight."""
    ints[DAMAGE_DONE] += dealt
    sums[row + DEALT] += dealt
    sums[row + MOST] = max(sums[row + MOST], dealt)
    sums[row + LEAST] = max(sums[row + LEAST], DAMAGE_LIMIT - dealt)


@kernel
def follow_time(ints: Integers, sums: Integers) -> None:
    """Go on to the part of the fight that holds this moment."""
    while ints[BUCKET_ENDS] <= ints[NOW]:
        book_damage(ints, sums)
        ints[BUCKET] += 1
        ints[BUCKET_ENDS] += ints[BUCKET_MS]
        if ints[BUCKET] == ints[LAST_BUCKET]:
            ints[BUCKET_ENDS] = NEVER


@kernel
def book_damage(ints: Integers, sums: Integers) -> None:
    """Add the damage since the last time to this part of the fight."""
    sums[ints[BUCKET]] += ints[DAMAGE_DONE] - ints[DAMAGE_BOOKED]
    ints[DAMAGE_BOOKED] = ints[DAMAGE_DONE]
