"""Hits that are decided when they are cast and land later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.health import place_of
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.later import postpone
from node.engine.combat.kernels.layout import (
    CAME_AT,
    EFFECT_SIZE,
    EVENT,
    EVENT_DAMAGE,
    EVENT_RAW,
    EVENT_STACKS,
    FRAME,
    FRAME_AURA,
    HEARING,
    IN_FLIGHT,
    LANDS,
    MISSILE,
    NOTHING,
    SCALE,
    TARGET,
    TRAVEL_MS,
)
from node.engine.combat.kernels.pending import begin

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def depart(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, reals: Reals, effect: int, thousandths: float, raw: float, outcome: int
) -> None:
    """Let a hit whose outcome and damage are known be on its way to the target in question."""
    frame = begin(ints, effect, effect + EFFECT_SIZE, ints[TARGET])
    ints[frame + HEARING] = LANDS
    ints[frame + FRAME_AURA] = ints[ints[FRAME] + FRAME_AURA]
    ints[frame + EVENT] = outcome
    ints[frame + EVENT_DAMAGE] = ints[place_of(ints, ints[TARGET]) + CAME_AT]  # who it is for
    ints[frame + EVENT_STACKS] = 0
    reals[frame + SCALE] = thousandths
    reals[frame + EVENT_RAW] = raw
    if ints[effect + MISSILE] != NOTHING:
        ints[ints[effect + MISSILE] + IN_FLIGHT] += 1
    postpone(ints, reals, ints[effect + TRAVEL_MS])
