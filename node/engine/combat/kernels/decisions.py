"""The rotation: which line is next, doing it, and when to look again.

An actor without a reaction time looks again whenever something changes, and when time alone may
make a line eligible.  One with a reaction time looks at the end of a cast and of its GCD, a
reaction time after each of its swings, and as long as it finds nothing to do, again and again.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from node.engine.combat.kernels.actions import affordable_at, begin, castable_at, ready_at
from node.engine.combat.kernels.actors import free_at, look_at, look_later
from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.channels import end_channel, is_over
from node.engine.combat.kernels.cooldowns import charge_ready_at
from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import (
    ACTIONS_AT_ONCE,
    ACTIONS_AT_ONCE_LIMIT,
    ACTIVE,
    CAST,
    CASTING,
    CHAINS,
    CHANGED,
    CHANNEL_LINE,
    CHANNEL_LOOK,
    CHANNEL_TICKS,
    CHANNELING,
    CONDITION,
    DECIDE_SLOT,
    END,
    END_LINE,
    END_OFF_GCD,
    END_WATCHER,
    ENDLESS_ACTIONS,
    FAILED_AT,
    FAILURE,
    FIRED,
    FIRST_LINE,
    FIRST_OFF_GCD,
    FIRST_WATCHER,
    GCD_ENDS,
    INTERRUPT,
    JUMP,
    LAST_ACTION_AT,
    LINE_ABILITY,
    LINE_CHOSEN,
    LINE_SIZE,
    LINK_SIZE,
    LISTENER,
    NEVER,
    NO_TARGET,
    NOTHING,
    NOW,
    OPERATION,
    QUEUE_SLOT,
    QUEUE_WINDOW,
    QUEUED,
    REACTION,
    WAKE,
)
from node.engine.combat.kernels.log import record

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


ROUNDING_SLACK = 1e-3  #: milliseconds; without it a moment that rounding moved is seen late
NO_FLIP = 1e15  #: what an expression answers that time alone does not change


@kernel
def holds(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether the condition of a line is true."""
    return ints[line + CONDITION] < 0 or evaluate(ints[line + CONDITION], ints, reals) != 0.0


@kernel
def is_castable(ints: Integers, reals: Reals, actor: int, ability: int) -> bool:
    """Tell whether an ability can be cast now, or soon enough to wait for it."""
    if ready_at(ints, reals, ability) > ints[NOW] + ints[actor + QUEUE_WINDOW]:
        return False
    return affordable_at(ints, reals, ability) <= ints[NOW]


@kernel
def choose(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> int:
    """Give the first eligible line, NOTHING when there is none."""
    line = ints[actor + FIRST_LINE]
    while line < ints[actor + END_LINE]:
        operation = ints[line + OPERATION]
        if operation == END:
            return NOTHING
        if operation == CAST:
            castable = is_castable(ints, reals, actor, ints[line + LINE_ABILITY])
            if castable and holds(evaluate, ints, reals, line):
                return line
        elif not holds(evaluate, ints, reals, line):
            line = ints[line + JUMP]
            continue
        line += LINE_SIZE
    return NOTHING


@kernel
def next_look(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> int:
    """Give the first moment at which time alone may make a line eligible, when none is."""
    line = ints[actor + FIRST_LINE]
    wake = NEVER
    while line < ints[actor + END_LINE]:
        operation = ints[line + OPERATION]
        if operation == END:
            return wake
        if operation == CAST:
            at = castable_at(ints, reals, ints[line + LINE_ABILITY])
            if at <= ints[NOW]:
                at = flips_at(evaluate, ints, reals, line)
            wake = min(wake, at)
        else:
            wake = min(wake, flips_at(evaluate, ints, reals, line))
            if not holds(evaluate, ints, reals, line):
                line = ints[line + JUMP]
                continue
        line += LINE_SIZE
    return wake


@kernel
def flips_at(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give when a condition may change by the passing of time alone."""
    if ints[line + WAKE] < 0:
        return NEVER
    left = evaluate(ints[line + WAKE], ints, reals)
    if left >= NO_FLIP:
        return NEVER
    return ints[NOW] + max(1, ceil(left - ROUNDING_SLACK))


@kernel
def decide(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int) -> None:
    """Do what the rotation says, or nothing, and set when to look again."""
    cancel(ints, ints[actor + DECIDE_SLOT])
    if ints[actor + CASTING] != NOTHING:
        look_later(ints, actor)
        return
    if ints[actor + CHANNELING] != NOTHING:
        if not is_cut(evaluate, ints, reals, actor):
            return
        end_channel(ints, actor)
        if ints[actor + REACTION] > 0 and ints[actor + GCD_ENDS] > ints[NOW]:
            look_at(ints, actor, ints[actor + GCD_ENDS])
            return
    line = choose(evaluate, ints, reals, actor)
    if line == NOTHING:
        if ints[actor + REACTION] == 0:
            schedule(ints, ints[actor + DECIDE_SLOT], next_look(evaluate, ints, reals, actor))
        look_later(ints, actor)
        return
    guard(ints, line)
    at = ready_at(ints, reals, ints[line + LINE_ABILITY])
    if at > ints[NOW]:
        ints[actor + QUEUED] = line
        schedule(ints, ints[actor + QUEUE_SLOT], at)
        look_later(ints, actor)
    else:
        perform(ints, reals, sums, actor, line)


@kernel
def is_cut(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> bool:
    """Tell whether a channel ends here: it is over, or its line lets go and there is more to do."""
    if not ints[actor + CHANNEL_LOOK]:
        return False
    ints[actor + CHANNEL_LOOK] = 0
    if is_over(ints, actor):
        return True
    line = ints[actor + CHANNEL_LINE]
    test = ints[line + INTERRUPT]
    if test < 0 or evaluate(test, ints, reals) == 0.0:
        return False
    chosen = choose(evaluate, ints, reals, actor)
    if chosen == NOTHING:
        return False
    is_same = ints[chosen + LINE_ABILITY] == ints[actor + CHANNELING]
    return not is_same or ints[line + CHAINS] != 0


@kernel
def perform(ints: Integers, reals: Reals, sums: Integers, actor: int, line: int) -> None:
    """Do what a line says; what needs no time lets an actor look again at once."""
    sums[line + FIRED] += 1
    record(ints, LINE_CHOSEN, line, NO_TARGET, 0, 0)
    if ints[ints[line + LINE_ABILITY] + CHANNEL_TICKS] > 0:
        ints[actor + CHANNEL_LINE] = line
    begin(ints, reals, sums, ints[line + LINE_ABILITY])
    if ints[actor + CHANNELING] == NOTHING and ints[actor + REACTION] > 0:
        busy = ints[actor + CASTING] != NOTHING
        look_at(ints, actor, free_at(ints, actor) if busy else ints[NOW])


@kernel
def cast_queued(ints: Integers, reals: Reals, sums: Integers, actor: int) -> None:
    """Cast what waited to be ready, if nothing came in between."""
    cancel(ints, ints[actor + QUEUE_SLOT])
    line = ints[actor + QUEUED]
    castable = castable_at(ints, reals, ints[line + LINE_ABILITY]) <= ints[NOW]
    if castable and is_free(ints, actor):
        perform(ints, reals, sums, actor, line)


@kernel
def is_free(ints: Integers, actor: int) -> bool:
    """Tell whether neither a cast nor a channel holds an actor."""
    return ints[actor + CASTING] == NOTHING and ints[actor + CHANNELING] == NOTHING


@kernel
def guard(ints: Integers, line: int) -> None:
    """Give up on a rotation that acts without end in one moment."""
    if ints[LAST_ACTION_AT] != ints[NOW]:
        ints[LAST_ACTION_AT] = ints[NOW]
        ints[ACTIONS_AT_ONCE] = 0
    ints[ACTIONS_AT_ONCE] += 1
    if ints[ACTIONS_AT_ONCE] > ACTIONS_AT_ONCE_LIMIT:
        ints[FAILURE] = ENDLESS_ACTIONS
        ints[FAILED_AT] = line


@kernel
def look_again(ints: Integers, reals: Reals) -> None:
    """Let everybody who looks at what changes decide, once free to act."""
    if not ints[CHANGED]:
        return
    ints[CHANGED] = 0
    for link in range(ints[FIRST_WATCHER], ints[END_WATCHER], LINK_SIZE):
        actor = ints[link + LISTENER]
        if ints[actor + ACTIVE] and is_free(ints, actor):
            at = ints[actor + GCD_ENDS]
            if at > ints[NOW]:
                at = min(at, off_gcd_ready_at(ints, reals, actor))
            schedule(ints, ints[actor + DECIDE_SLOT], max(at, ints[NOW], 0))


@kernel
def off_gcd_ready_at(ints: Integers, reals: Reals, actor: int) -> int:
    """Give the first moment at which an ability without GCD has a charge."""
    at = NEVER
    for link in range(ints[actor + FIRST_OFF_GCD], ints[actor + END_OFF_GCD], LINK_SIZE):
        at = min(at, charge_ready_at(ints, reals, ints[link + LISTENER]))
    return at
