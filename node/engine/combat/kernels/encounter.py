"""What befalls a fight: enemies come, lose their health and go, and the player has to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.actions import break_off, interrupt
from node.engine.combat.kernels.actors import look_at, start_moving
from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.auras import end_aura
from node.engine.combat.kernels.channels import end_channel
from node.engine.combat.kernels.health import place_of
from node.engine.combat.kernels.jit import kernel, rare
from node.engine.combat.kernels.layout import (
    ACTOR_SIZE,
    ARRIVAL,
    AURA_SIZE,
    CAME_AT,
    CAST_TARGET,
    CASTING,
    CHANGED,
    CHANNEL_TARGET,
    CHANNELING,
    DEPARTURE,
    END_ACTOR,
    END_AURA,
    END_HAPPENING,
    END_TARGET_NUMBER,
    ENDS_WITH_DEATH,
    FIRST_ACTOR,
    FIRST_AURA,
    FIRST_TARGET_NUMBER,
    HAPPENING_SIZE,
    HAPPENING_SLOT,
    HAPPENS,
    HAPPENS_AT,
    HAPPENS_HEALTH,
    HAPPENS_TO,
    HAPPENS_UNTIL,
    HEALTH,
    LEAVES_AT,
    LENGTH,
    LINK_SIZE,
    LISTENER,
    MAIN_TARGET,
    MOST_HEALTH,
    MOVES,
    NEXT_HAPPENING,
    NO_TARGET,
    NOTHING,
    NOW,
    NUMBER_START,
    NUMBER_VALUE,
    ON_TARGET,
    PLAYER,
    PRESENT_NOW,
    REACTION,
    SOMEBODY_DIED,
    STACKS,
    TARGET_CAME,
    TARGET_DIED,
    TARGET_LEFT,
    TARGETS,
    TARGETS_THERE,
)
from node.engine.combat.kernels.log import record

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers, Reals


@kernel
def wait_for_happening(ints: Integers) -> None:
    """Set the timer to what befalls the fight next."""
    if ints[NEXT_HAPPENING] == ints[END_HAPPENING]:
        cancel(ints, ints[HAPPENING_SLOT])
    else:
        schedule(ints, ints[HAPPENING_SLOT], ints[ints[NEXT_HAPPENING] + HAPPENS_AT])


@rare
def happen(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Let the next thing of the timetable happen."""
    happening = ints[NEXT_HAPPENING]
    about = ints[happening + HAPPENS_TO]
    if ints[happening + HAPPENS] == ARRIVAL:
        let_come(ints, reals, happening, about)
    elif ints[happening + HAPPENS] == DEPARTURE:
        if ints[place_of(ints, about) + PRESENT_NOW]:
            let_go(ints, reals, sums, about, TARGET_LEFT)
    else:
        run(ints, about)
    ints[NEXT_HAPPENING] = happening + HAPPENING_SIZE
    wait_for_happening(ints)


@kernel
def let_come(ints: Integers, reals: Reals, happening: int, number: int) -> None:
    """Let an enemy arrive, unhurt."""
    enemy = place_of(ints, number)
    ints[enemy + PRESENT_NOW] = 1
    ints[enemy + CAME_AT] = ints[NOW]
    ints[enemy + LEAVES_AT] = ints[happening + HAPPENS_UNTIL]
    ints[enemy + HEALTH] = ints[happening + HAPPENS_HEALTH]
    ints[enemy + MOST_HEALTH] = ints[happening + HAPPENS_HEALTH]
    for link in range(ints[FIRST_TARGET_NUMBER], ints[END_TARGET_NUMBER], LINK_SIZE):
        own = ints[link + LISTENER]
        reals[own + NUMBER_VALUE + number] = reals[own + NUMBER_START]
    ints[TARGETS_THERE] += 1
    ints[CHANGED] = 1
    record(ints, TARGET_CAME, enemy, number, 0, 0)


@kernel
def let_go(ints: Integers, reals: Reals, sums: Integers, number: int, how: int) -> None:
    """Let an enemy be gone, and with it all that it has."""
    enemy = place_of(ints, number)
    ints[enemy + PRESENT_NOW] = 0
    ints[TARGETS_THERE] -= 1
    record(ints, how, enemy, number, 0, 0)
    for aura in range(ints[FIRST_AURA], ints[END_AURA], AURA_SIZE):
        if ints[aura + ON_TARGET] == number and ints[aura + STACKS] > 0:
            end_aura(ints, reals, sums, aura)
    lose_sight(ints, number)
    ints[CHANGED] = 1


@kernel
def lose_sight(ints: Integers, number: int) -> None:
    """Break off what is cast or channelled at an enemy that is gone."""
    for actor in range(ints[FIRST_ACTOR], ints[END_ACTOR], ACTOR_SIZE):
        casts = ints[actor + CASTING] != NOTHING and ints[actor + CAST_TARGET] == number
        channels = ints[actor + CHANNELING] != NOTHING and ints[actor + CHANNEL_TARGET] == number
        if casts:
            interrupt(ints, actor)
        if channels:
            end_channel(ints, actor)
        if (casts or channels) and ints[actor + REACTION] > 0:
            look_at(ints, actor, ints[NOW] + ints[actor + REACTION])


@kernel
def run(ints: Integers, duration: int) -> None:
    """Let the player move, whatever he casts; what may be cast on the way goes on."""
    player = ints[PLAYER]
    record(ints, MOVES, player, NO_TARGET, duration, 0)
    start_moving(ints, player, duration)
    if break_off(ints, player) and ints[player + REACTION] > 0:
        look_at(ints, player, ints[NOW] + ints[player + REACTION])


@rare
def bury(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Let everybody be gone whose health is; the main target ends the fight, or stays."""
    ints[SOMEBODY_DIED] = 0
    for number in range(ints[TARGETS]):
        enemy = place_of(ints, number)
        alive = ints[enemy + HEALTH] > 0 or ints[enemy + MOST_HEALTH] == 0
        if alive or not ints[enemy + PRESENT_NOW]:
            continue
        if number != ints[MAIN_TARGET]:
            let_go(ints, reals, sums, number, TARGET_DIED)
        elif ints[ENDS_WITH_DEATH]:
            record(ints, TARGET_DIED, enemy, number, 0, 0)
            ints[LENGTH] = max(1, ints[NOW])
