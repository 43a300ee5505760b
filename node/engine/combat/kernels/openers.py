"""What the player does before the fight begins, at times that the rotation states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.decisions import perform
from node.engine.combat.kernels.jit import kernel, rare
from node.engine.combat.kernels.layout import (
    END_OPENER,
    LINE_AT,
    LINE_SIZE,
    NEXT_OPENER,
    NOW,
    OPENER_SLOT,
    PLAYER,
)
from node.engine.combat.kernels.lines import is_eligible, line_castable_from

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


@kernel
def wait_for_opener(ints: Integers) -> None:
    """Set the timer to the next line of the precombat."""
    if ints[NEXT_OPENER] == ints[END_OPENER]:
        cancel(ints, ints[OPENER_SLOT])
    else:
        schedule(ints, ints[OPENER_SLOT], ints[ints[NEXT_OPENER] + LINE_AT])


@rare
def open_fight(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers) -> None:
    """Do what a line of the precombat says, if it can be done at its time; else it is left out."""
    line, player = ints[NEXT_OPENER], ints[PLAYER]
    at = line_castable_from(ints, reals, player, line)
    if at <= ints[NOW] and is_eligible(evaluate, ints, reals, player, line):
        perform(evaluate, ints, reals, sums, line)
    ints[NEXT_OPENER] = line + LINE_SIZE
    wait_for_opener(ints)
