"""When an actor who finds nothing to do looks again, if nothing happens before."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from node.engine.combat.kernels.actions import affordable_at
from node.engine.combat.kernels.actors import is_busy
from node.engine.combat.kernels.agenda import TIME_SHIFT, next_event
from node.engine.combat.kernels.jit import apart, each, kernel, rare
from node.engine.combat.kernels.layout import (
    AIM,
    ASSIGN,
    AT_MAIN,
    CALL,
    CAST,
    CHANGED,
    CONTROL,
    END,
    END_LINE,
    FIRST_LINE,
    FOR_NEXT,
    GCD_ENDS,
    JUMP,
    LINE_ACTOR,
    LINE_CD,
    LINE_OBJECT,
    LINE_SIZE,
    LINE_STATE,
    MAIN_TARGET,
    MOVES_UNTIL,
    MULTITASKED,
    NEVER,
    NOTHING,
    NOW,
    OPERATION,
    PARTS,
    POOL,
    POSITION,
    QUEUE_WINDOW,
    REACTION,
    SCHEDULE,
    STRICT_SEQUENCE,
    TARGET,
    TARGETS,
    USABLE_WAKE,
    VALUE_WAKE,
    WAIT,
    WAIT_UNTIL,
    WAITS_UNTIL,
    WAKE,
)
from node.engine.combat.kernels.lines import (
    holds,
    line_castable_from,
    line_ready_at,
    next_part,
    off_cooldown_at,
    pooled,
    value_of_schedule,
)
from node.engine.combat.kernels.resources import amount, time_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals

ROUNDING_SLACK = 1e-3  #: milliseconds; without it a moment that rounding moved is seen late
NO_FLIP = 1e15  #: what an expression answers that time alone does not change


@apart
def next_look(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> int:
    """Give the first moment at which time alone may make a line eligible, when none is."""
    wake = NEVER
    if ints[actor + MOVES_UNTIL] > ints[NOW]:
        wake = ints[actor + MOVES_UNTIL]
    if ints[actor + CONTROL] != NOTHING:
        return min(wake, release_at(evaluate, ints, reals, actor))
    line = ints[actor + FIRST_LINE]
    while line < ints[actor + END_LINE]:
        operation = ints[line + OPERATION]
        if operation < CALL:
            wake = min(wake, eligible_at(evaluate, ints, reals, line))
            line += LINE_SIZE
            continue
        if operation == END:
            return wake
        wake = min(wake, flips_at(evaluate, ints, reals, ints[line + WAKE]))
        if not holds(evaluate, ints, reals, line):
            line = ints[line + JUMP]
            continue
        line += LINE_SIZE
        if operation > END:
            at = special_at(evaluate, ints, reals, actor, line - LINE_SIZE)
            wake = min(wake, at)
            if operation == POOL and at != NEVER:
                return wake
            line = ints[line - LINE_SIZE + JUMP]
    return wake


@kernel
def quiet_until(ints: Integers, reals: Reals, actor: int) -> int:
    """Give a moment before which an actor with a reaction time finds nothing to do, or now.

    Until the next event only time goes by, and that does not bring what costs or cooldowns hold
    back.  Events of one moment keep their order: none lies between this look and those left out.
    """
    quiet = next_event(ints) >> TIME_SHIFT
    is_soon = quiet <= ints[NOW] + ints[actor + REACTION]
    if is_soon or ints[actor + REACTION] == 0 or is_busy(ints, actor):
        return ints[NOW]
    return held_until(ints, reals, actor, quiet)


@apart
def held_until(ints: Integers, reals: Reals, actor: int, quiet: int) -> int:
    """Give a moment, at most `quiet`, before which costs or cooldowns hold back every line."""
    if ints[CHANGED] or ints[actor + CONTROL] != NOTHING:
        return ints[NOW]
    for line in range(ints[actor + FIRST_LINE], ints[actor + END_LINE], LINE_SIZE):
        quiet = min(quiet, line_held_until(ints, reals, line))
        if quiet <= ints[NOW] + ints[actor + REACTION]:
            return ints[NOW]
    return quiet


@each("line")
def line_held_until(ints: Integers, reals: Reals, line: int) -> int:
    """Give a moment before which costs or cooldowns hold back a line, or now."""
    if ints[line + OPERATION] != CAST:
        return ints[NOW]
    actor, ability = ints[line + LINE_ACTOR], ints[line + LINE_OBJECT]
    at = line_castable_from(ints, reals, actor, line) - ints[actor + QUEUE_WINDOW]
    # division may have moved the moment, by less than a millisecond
    return max(at, affordable_at(ints, reals, ability) - 1)


@kernel
def flips_at(evaluate: Evaluate, ints: Integers, reals: Reals, wake: int) -> int:
    """Give when what an expression watches may change by the passing of time alone."""
    if wake < 0:
        return NEVER
    left = evaluate(wake, ints, reals)
    if left >= NO_FLIP:
        return NEVER
    return ints[NOW] + max(1, ceil(left - ROUNDING_SLACK))


@each("line")
def eligible_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give a moment before which a line that is done is not eligible."""
    actor = ints[line + LINE_ACTOR]
    if not ints[line + MULTITASKED] and is_busy(ints, actor):
        return NEVER
    if ints[line + LINE_CD] > 0 and line_ready_at(ints, line) > ints[NOW]:
        return line_ready_at(ints, line)
    if ints[line + OPERATION] != CAST:
        at = flips_at(evaluate, ints, reals, ints[line + VALUE_WAKE])
        return min(at, flips_at(evaluate, ints, reals, ints[line + WAKE]))
    at = line_castable_from(ints, reals, actor, line)
    if at <= ints[NOW]:
        at = affordable_at(ints, reals, ints[line + LINE_OBJECT])
    return at if at > ints[NOW] else turns_at(evaluate, ints, reals, line)


@kernel
def turns_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give when time alone may change what the conditions of a line that casts come to."""
    at = flips_at(evaluate, ints, reals, ints[ints[line + LINE_OBJECT] + USABLE_WAKE])
    if ints[line + AIM] == AT_MAIN:
        return min(at, flips_at(evaluate, ints, reals, ints[line + WAKE]))
    return min(at, any_flips_at(evaluate, ints, reals, line))


@rare
def any_flips_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give when a condition may change for any target."""
    wake = NEVER
    for target in range(ints[TARGETS]):
        ints[TARGET] = target
        wake = min(wake, flips_at(evaluate, ints, reals, ints[line + WAKE]))
        wake = min(wake, flips_at(evaluate, ints, reals, ints[line + VALUE_WAKE]))
    ints[TARGET] = ints[MAIN_TARGET]
    return wake


@rare
def special_at(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> int:
    """Give when pooling ends, or the turn of a line in a sequence or schedule may come."""
    operation = ints[line + OPERATION]
    if operation == POOL:
        return pooled_at(evaluate, ints, reals, actor, line)
    if operation == STRICT_SEQUENCE:
        return strictly_at(evaluate, ints, reals, line)
    if operation == ASSIGN or ints[ints[line + LINE_STATE] + POSITION] >= ints[line + PARTS]:
        return NEVER
    position, part = ints[ints[line + LINE_STATE] + POSITION], line + LINE_SIZE
    if operation == SCHEDULE:
        at = value_of_schedule(ints, line, position)
        if at > ints[NOW]:
            return at
    else:
        part += position * LINE_SIZE
    return eligible_at(evaluate, ints, reals, part)


@rare
def pooled_at(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> int:
    """Give when there is enough of a resource that is pooled, NEVER when nothing waits for it."""
    resource = ints[line + LINE_OBJECT]
    wanted = pooled(evaluate, ints, reals, actor, line)
    if amount(ints, reals, resource) >= wanted:
        return NEVER
    at = time_until(ints, reals, resource, wanted)
    # what is wanted is rounded to thousandths, which may move the moment
    at = min(at, flips_at(evaluate, ints, reals, ints[line + VALUE_WAKE]) - 1)
    if ints[line + FOR_NEXT]:
        at = min(at, turns_at(evaluate, ints, reals, line + LINE_SIZE))
    return max(at, ints[NOW] + 1)


@rare
def strictly_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give a moment before which a strict sequence cannot begin."""
    at = ints[NOW]
    for part in range(line + LINE_SIZE, ints[line + JUMP], LINE_SIZE):
        if ints[part + OPERATION] == CAST:
            at = max(at, off_cooldown_at(ints, reals, part))
    return at if at > ints[NOW] else eligible_at(evaluate, ints, reals, line + LINE_SIZE)


@rare
def release_at(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> int:
    """Give when an actor that keeps to a line may go on."""
    line = ints[actor + CONTROL]
    if ints[line + OPERATION] == WAIT:
        return ints[actor + WAITS_UNTIL]
    if ints[line + OPERATION] == WAIT_UNTIL:
        return flips_at(evaluate, ints, reals, ints[line + VALUE_WAKE])
    at = eligible_at(evaluate, ints, reals, next_part(ints, line))
    return min(at, max(ints[NOW] + 1, ints[actor + GCD_ENDS]))
