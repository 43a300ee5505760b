"""The event loop: whole fights, one after the other, in arrays that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.actions import finish_cast
from node.engine.combat.kernels.actors import arrive, despawn, swing
from node.engine.combat.kernels.agenda import TIME_SHIFT, cancel, next_event, schedule, slot_of
from node.engine.combat.kernels.auras import count_anywhere, count_time, expire_aura, tick_aura
from node.engine.combat.kernels.channels import tick_channel
from node.engine.combat.kernels.decisions import cast_queued, decide, look_again
from node.engine.combat.kernels.effects import carry_out_pending
from node.engine.combat.kernels.encounter import bury, happen, wait_for_happening
from node.engine.combat.kernels.inheritance import beat
from node.engine.combat.kernels.jit import columns, each, kernel
from node.engine.combat.kernels.later import resume
from node.engine.combat.kernels.layout import (
    ABILITY_SIZE,
    ACTIVE,
    ACTOR_SIZE,
    ARRIVED,
    AURA_SIZE,
    BEAT,
    BEAT_ROLL,
    BEAT_STREAM,
    CARRY_OUT_LATER,
    CAST_QUEUED,
    CHANGEABLE_END,
    CHANNEL_TICK,
    DAMAGE_DONE,
    DECIDE,
    DESPAWN,
    END_ABILITY,
    END_ACTOR,
    END_AURA,
    END_HAPPENING,
    END_RESOURCE,
    END_STATE,
    ENTITY,
    EVENTS,
    EXPIRE,
    FAILURE,
    FINE,
    FINISH_CAST,
    FIRST_ABILITY,
    FIRST_ACTOR,
    FIRST_AURA,
    FIRST_RESOURCE,
    FIRST_STATE,
    HANDLER,
    HAPPEN,
    HEALTH_BELOW,
    HEARD,
    ITERATION,
    LENGTH,
    LENGTH_STREAM,
    LENGTH_VARIATION,
    LOG_END,
    LONG_AGO,
    MAIN_TARGET,
    MEAN_LENGTH,
    NOTHING,
    NOW,
    ON_START,
    OPEN,
    OPENING,
    PRESENT,
    RESOURCE_SIZE,
    SEED,
    SOMEBODY_DIED,
    STACKS,
    STAGE,
    START_BUNDLE,
    START_SLOT,
    SWING,
    TICK,
    UP_ON,
    USABLE_FROM,
)
from node.engine.combat.kernels.openers import open_fight, wait_for_opener
from node.engine.combat.kernels.pending import announce, push
from node.engine.combat.kernels.philox import uniform
from node.engine.combat.kernels.resources import settle
from node.engine.combat.kernels.tallies import book_damage, follow_time

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


def simulate(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate,
    fresh_ints: Integers,
    fresh_reals: Reals,
    ints: Integers,
    reals: Reals,
    sums: Integers,
    seed: int,
    first: int,
    damage: Integers,
    length: Integers,
) -> int:
    """Simulate one fight per element of `damage`, and give how many were finished."""
    # every function that calls another is compiled with all of it, so that few lie above the rest
    i, r, s = columns(ints), columns(reals), columns(sums)
    for number in range(len(damage)):
        renew(columns(fresh_ints), columns(fresh_reals), i, r)
        i[LOG_END] = len(ints)
        i[SEED] = seed
        i[ITERATION] = first + number
        start(i, r, s)
        key = next_event(i)
        while (key >> TIME_SHIFT) <= i[LENGTH] and i[FAILURE] == FINE:
            i[NOW] = key >> TIME_SHIFT
            s[EVENTS] += 1
            follow_time(i, s)
            handle(evaluate, i, r, s, slot_of(i, key))
            carry_out_pending(evaluate, i, r, s)
            if i[SOMEBODY_DIED]:
                bury(i, r, s)
            look_again(i, r)
            key = next_event(i)
        if i[FAILURE] != FINE:
            return number
        end(i, r, s)
        damage[number] = i[DAMAGE_DONE]
        length[number] = i[LENGTH]
    return len(damage)


@kernel
def renew(fresh_ints: Integers, fresh_reals: Reals, ints: Integers, reals: Reals) -> None:
    """Let everything that a fight changes be as it was before."""
    for place in range(fresh_ints[CHANGEABLE_END]):
        ints[place] = fresh_ints[place]
        reals[place] = fresh_reals[place]
    for place in range(fresh_ints[FIRST_STATE], fresh_ints[END_STATE]):
        ints[place] = fresh_ints[place]
        reals[place] = fresh_reals[place]


@kernel
def start(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Roll the length of the fight and let everybody who is there begin, after the precombat."""
    roll = uniform(ints, ints[LENGTH_STREAM])
    spread = 1.0 + reals[LENGTH_VARIATION] * (2.0 * roll - 1.0)
    ints[LENGTH] = int(np.rint(ints[MEAN_LENGTH] * spread))
    ints[NOW] = ints[OPENING]
    if ints[BEAT_STREAM] != NOTHING:
        reals[BEAT_ROLL] = uniform(ints, ints[BEAT_STREAM])
    for ability in range(ints[FIRST_ABILITY], ints[END_ABILITY], ABILITY_SIZE):
        ints[ability + USABLE_FROM] = execute_phase(ints, reals[ability + HEALTH_BELOW])
    for actor in range(ints[FIRST_ACTOR], ints[END_ACTOR], ACTOR_SIZE):
        if ints[actor + ACTIVE]:
            arrive(ints, reals, sums, actor)
    wait_for_opener(ints)
    if ints[END_HAPPENING] != NOTHING:
        wait_for_happening(ints)
    if ints[START_BUNDLE] != NOTHING or ints[ints[STAGE] + HEARD]:
        schedule(ints, ints[START_SLOT], ints[OPENING])


@kernel
def raise_curtain(ints: Integers, reals: Reals) -> None:
    """Carry out what is meant for the first moment; the fight itself starts at 0."""
    if ints[NOW] == ints[OPENING]:
        push(ints, reals, ints[START_BUNDLE], 1.0)
    if ints[NOW] < 0 and ints[ints[STAGE] + HEARD]:
        schedule(ints, ints[START_SLOT], 0)
        return
    cancel(ints, ints[START_SLOT])
    announce(ints, reals, ints[STAGE], ON_START, ints[MAIN_TARGET], NOTHING)


@kernel
def execute_phase(ints: Integers, below: float) -> int:
    """Give the first moment at which the target, dying evenly, has less than a part of its life."""
    if below > 1.0:
        return LONG_AGO
    return int(np.floor((1.0 - below) * ints[LENGTH])) + 1


@each("slot")
def handle(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, slot: int) -> None:
    """Let a timer ring; each handler sets its timer again or stops it."""
    handler, entity = ints[slot + HANDLER], ints[slot + ENTITY]
    if handler == DECIDE:
        decide(evaluate, ints, reals, sums, entity)
    elif handler == SWING:
        swing(ints, reals, entity)
    elif handler == TICK:
        tick_aura(ints, reals, entity)
    elif handler == EXPIRE:
        expire_aura(ints, reals, sums, entity)
    elif handler == FINISH_CAST:
        finish_cast(ints, reals, sums, entity)
    elif handler == CAST_QUEUED:
        cast_queued(evaluate, ints, reals, sums, entity)
    elif handler == OPEN:
        open_fight(evaluate, ints, reals, sums)
    elif handler == DESPAWN:
        despawn(ints, reals, sums, entity)
    elif handler == CHANNEL_TICK:
        tick_channel(ints, reals, entity)
    else:
        handle_waiting(ints, reals, sums, handler, entity)


@kernel
def handle_waiting(ints: Integers, reals: Reals, sums: Integers, handler: int, entity: int) -> None:
    """Carry out what was put off to this moment."""
    if handler == CARRY_OUT_LATER:
        resume(ints, reals)
    elif handler == BEAT:
        beat(ints, reals, sums, entity)
    elif handler == HAPPEN:
        happen(ints, reals, sums)
    else:
        raise_curtain(ints, reals)


@kernel
def end(ints: Integers, reals: Reals, sums: Integers) -> None:
    """Count what was still going on at the end."""
    ints[NOW] = ints[LENGTH]
    book_damage(ints, sums)
    for aura in range(ints[FIRST_AURA], ints[END_AURA], AURA_SIZE):
        if ints[aura + STACKS] > 0:
            count_time(ints, sums, aura)
        if ints[aura + UP_ON] > 0:
            count_anywhere(ints, sums, aura, 0)
    for resource in range(ints[FIRST_RESOURCE], ints[END_RESOURCE], RESOURCE_SIZE):
        settle(ints, reals, sums, resource)
    for actor in range(ints[FIRST_ACTOR], ints[END_ACTOR], ACTOR_SIZE):
        if ints[actor + ACTIVE]:
            sums[actor + PRESENT] += ints[NOW] - ints[actor + ARRIVED]
