"""Decisions: doing what the rotation says, and when to look again.

An actor without a reaction time looks again whenever something changes, and when time alone may
make a line eligible.  One with a reaction time looks at the end of a cast and of its GCD, a
reaction time after each of its swings, and as long as it finds nothing to do, again and again; of
these looks only those are carried out before which anything happened that could matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.actions import begin, break_off, interrupt
from node.engine.combat.kernels.actors import free_at, is_busy, look_at, look_later, start_moving
from node.engine.combat.kernels.agenda import cancel, schedule
from node.engine.combat.kernels.auras import remove_aura
from node.engine.combat.kernels.channels import end_channel, is_over
from node.engine.combat.kernels.cooldowns import charge_ready_at
from node.engine.combat.kernels.jit import each, kernel, rare
from node.engine.combat.kernels.layout import (
    ACTIONS_AT_ONCE,
    ACTIONS_AT_ONCE_LIMIT,
    ACTIVE,
    ACTS_IN_GCD,
    CANCEL_BUFF,
    CANCEL_CAST,
    CAST,
    CASTING,
    CHAINS,
    CHANGED,
    CHANNEL_LINE,
    CHANNEL_LOOK,
    CHANNEL_TICKS,
    CHANNELING,
    CONTROL,
    DECIDE_SLOT,
    DONE_AT,
    END_OFF_GCD,
    END_WATCHER,
    ENDLESS_ACTIONS,
    FAILED_AT,
    FAILURE,
    FIRED,
    FIRST_OFF_GCD,
    FIRST_WATCHER,
    GCD_ENDS,
    INTERRUPT,
    LAST_ACTION_AT,
    LINE_ACTOR,
    LINE_CHOSEN,
    LINE_HEADER,
    LINE_OBJECT,
    LINE_STATE,
    LINK_SIZE,
    LISTENER,
    LOOKS_AT,
    MOVE,
    MULTITASKS,
    NEVER,
    NO_TARGET,
    NOTHING,
    NOW,
    OPERATION,
    PARTS,
    POSITION,
    QUEUE_SLOT,
    QUEUED,
    QUEUED_TARGET,
    REACTION,
    RESET_SEQUENCE,
    STRICT_SEQUENCE,
    TARGET,
    WAIT,
    WAIT_UNTIL,
    WAITS_UNTIL,
)
from node.engine.combat.kernels.lines import choose, is_castable, line_castable_from, value_of
from node.engine.combat.kernels.log import record
from node.engine.combat.kernels.waking import next_look, quiet_until

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


@kernel
def decide(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int) -> None:
    """Do what the rotation says, or nothing, and set when to look again."""
    cancel(ints, ints[actor + DECIDE_SLOT])
    if ints[actor + CHANNEL_LOOK] and is_cut(evaluate, ints, reals, sums, actor):
        end_channel(ints, actor)
        if ints[actor + REACTION] > 0 and ints[actor + GCD_ENDS] > ints[NOW]:
            look_at(ints, actor, ints[actor + GCD_ENDS])
            return
    line = NOTHING
    if is_able(ints, actor):
        line = choose(evaluate, ints, reals, sums, actor)
    if line == NOTHING:
        look_later(ints, actor, quiet_until(ints, reals, actor))
        if ints[actor + REACTION] == 0 and is_able(ints, actor):
            schedule(ints, ints[actor + DECIDE_SLOT], next_look(evaluate, ints, reals, actor))
        return
    guard(ints, line)
    if ints[line + OPERATION] == CAST:
        at = line_castable_from(ints, reals, actor, line)
        if at > ints[NOW]:
            ints[actor + QUEUED] = line
            ints[actor + QUEUED_TARGET] = ints[TARGET]
            schedule(ints, ints[actor + QUEUE_SLOT], at)
            look_later(ints, actor, ints[NOW])
            return
    perform(evaluate, ints, reals, sums, line)


@kernel
def is_able(ints: Integers, actor: int) -> bool:
    """Tell whether an actor can do anything besides what it casts or channels."""
    return ints[actor + MULTITASKS] != 0 or not is_busy(ints, actor)


@rare
def is_cut(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int) -> bool:
    """Tell whether a channel ends here: it is over, or its line lets go and there is more to do."""
    if is_over(ints, actor):
        return True
    line = ints[actor + CHANNEL_LINE]
    cut = False
    if lets_go(evaluate, ints, reals, line):
        chosen = choose(evaluate, ints, reals, sums, actor)
        same = chosen != NOTHING and ints[chosen + LINE_OBJECT] == ints[actor + CHANNELING]
        cut = chosen != NOTHING and (not same or ints[line + CHAINS] != 0)
    ints[actor + CHANNEL_LOOK] = 0
    return cut


@each("line")
def lets_go(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether a line lets go of its channel for what else there is to do."""
    test = ints[line + INTERRUPT]
    return test >= 0 and evaluate(test, ints, reals) != 0.0


@each("line")
def perform(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, line: int) -> None:
    """Do what a line says; what needs no time lets an actor look again at once."""
    actor = ints[line + LINE_ACTOR]
    sums[line + FIRED] += 1
    record(ints, LINE_CHOSEN, line, NO_TARGET, ints[line + OPERATION], 0)
    ints[actor + LOOKS_AT] = ints[NOW]
    if ints[line + LINE_STATE] != NOTHING:
        ints[ints[line + LINE_STATE] + DONE_AT] = ints[NOW]
    if ints[line + LINE_HEADER] != NOTHING:
        advance(ints, actor, ints[line + LINE_HEADER])
    if ints[line + OPERATION] != CAST:
        act(evaluate, ints, reals, sums, actor, line)
        look_at(ints, actor, ints[actor + LOOKS_AT])
        return
    ability = ints[line + LINE_OBJECT]
    if ints[ability + CHANNEL_TICKS] > 0:
        ints[actor + CHANNEL_LINE] = line
    begin(ints, reals, sums, ability)
    began = ints[actor + CASTING] == ability
    if began and ints[actor + MULTITASKS]:
        look_at(ints, actor, ints[NOW])
    elif ints[actor + REACTION] > 0 and ints[actor + CHANNELING] != ability:
        look_at(ints, actor, free_at(ints, actor) if began else ints[NOW])


@rare
def advance(ints: Integers, actor: int, header: int) -> None:
    """Go on in a sequence or schedule; an actor keeps to a strict one until its end."""
    state = ints[header + LINE_STATE]
    ints[state + POSITION] += 1
    if ints[header + OPERATION] == STRICT_SEQUENCE:
        ints[actor + CONTROL] = header
        if ints[state + POSITION] == ints[header + PARTS]:
            ints[state + POSITION] = 0
            ints[actor + CONTROL] = NOTHING


@rare
def act(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int, line: int
) -> None:
    """Do what a line says that is no cast."""
    operation, thing = ints[line + OPERATION], ints[line + LINE_OBJECT]
    if operation == WAIT:
        ints[actor + CONTROL] = line
        ints[actor + WAITS_UNTIL] = ints[NOW] + value_of(evaluate, ints, reals, line)
        ints[actor + LOOKS_AT] = ints[actor + WAITS_UNTIL]
    elif operation == WAIT_UNTIL:
        ints[actor + CONTROL] = line
    elif operation == CANCEL_BUFF:
        remove_aura(ints, reals, sums, thing)
    elif operation == CANCEL_CAST:
        interrupt(ints, actor)
        if ints[actor + CHANNELING] != NOTHING:
            end_channel(ints, actor)
    elif operation == MOVE:
        start_moving(ints, actor, value_of(evaluate, ints, reals, line))
        break_off(ints, actor)
    elif operation == RESET_SEQUENCE:
        ints[thing + POSITION] = 0


@rare
def cast_queued(
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int
) -> None:
    """Cast what waited to be ready, if nothing came in between."""
    cancel(ints, ints[actor + QUEUE_SLOT])
    line = ints[actor + QUEUED]
    ready = line_castable_from(ints, reals, actor, line) <= ints[NOW]
    if ready and not is_busy(ints, actor) and is_castable(ints, reals, actor, line):
        ints[TARGET] = ints[actor + QUEUED_TARGET]
        perform(evaluate, ints, reals, sums, line)


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
        if not ints[actor + ACTIVE] or ints[actor + CHANNEL_LOOK] or not is_able(ints, actor):
            continue  # who looks up from a channel does so in this very moment
        at = ints[actor + GCD_ENDS]
        if ints[actor + ACTS_IN_GCD]:
            at = ints[NOW]
        elif at > ints[NOW]:
            at = min(at, off_gcd_ready_at(ints, reals, actor))
        schedule(ints, ints[actor + DECIDE_SLOT], max(at, ints[NOW], 0))


@kernel
def off_gcd_ready_at(ints: Integers, reals: Reals, actor: int) -> int:
    """Give the first moment at which an ability without GCD has a charge."""
    at = NEVER
    for link in range(ints[actor + FIRST_OFF_GCD], ints[actor + END_OFF_GCD], LINK_SIZE):
        at = min(at, charge_ready_at(ints, reals, ints[link + LISTENER]))
    return at
