"""Reading the rotation: which line is next, and on which target.

The rotation is read from its top; lists that are called lie where they are called.  While it is
read, the numbers that lines assign take their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.actions import affordable_at, cost_of, ready_at, takes_time
from node.engine.combat.kernels.actors import is_busy
from node.engine.combat.kernels.health import is_there
from node.engine.combat.kernels.jit import apart, each, kernel, rare
from node.engine.combat.kernels.layout import (
    AIM,
    AIM_AT,
    AIM_VALUE,
    ASSIGN,
    AT_FIRST,
    AT_GREATEST,
    AT_LEAST,
    AT_MAIN,
    AT_NUMBER,
    CALL,
    CANCEL_BUFF,
    CANCEL_CAST,
    CAST,
    CASTER,
    CONDITION,
    CONTROL,
    DONE_AT,
    END,
    END_LINE,
    FIRED,
    FIRST_LINE,
    FOR_NEXT,
    GCD_ENDS,
    JUMP,
    LINE_ACTOR,
    LINE_CD,
    LINE_NEEDS_GCD,
    LINE_OBJECT,
    LINE_SIZE,
    LINE_STATE,
    LINE_VALUE,
    MAIN_TARGET,
    MOVE,
    MOVES_UNTIL,
    MULTITASKED,
    NO_FORMULA,
    NO_TARGET,
    NOTHING,
    NOW,
    NUMBER,
    OPERATION,
    PARTS,
    POOL,
    POSITION,
    QUEUE_WINDOW,
    RESET_SEQUENCE,
    SEQUENCE,
    STACKS,
    STRICT_SEQUENCE,
    TARGET,
    TARGETS,
    USABLE_TEST,
    WAIT,
    WAIT_UNTIL,
    WAITS_UNTIL,
)
from node.engine.combat.kernels.resources import amount

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals

THOUSANDTHS = 1000.0
LONGEST = 1e12  #: milliseconds, or thousandths of a resource


@apart
def choose(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, actor: int) -> int:
    """Give the first eligible line with its target in `TARGET`, NOTHING when there is none."""
    if ints[actor + CONTROL] != NOTHING and not is_released(evaluate, ints, reals, actor):
        return controlled(evaluate, ints, reals, actor)
    ints[TARGET] = ints[MAIN_TARGET]
    line = onward(ints, actor, ints[actor + FIRST_LINE])
    while line > NOTHING:
        line = consider(evaluate, ints, reals, sums, line)
    if line < 0:
        return -line
    ints[TARGET] = ints[MAIN_TARGET]
    return NOTHING


@each("line")
def consider(  # noqa: PLR0911 - one way out per kind of line
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, line: int
) -> int:
    """Give minus the line that is chosen here, else where to go on, NOTHING to choose none."""
    operation, actor = ints[line + OPERATION], ints[line + LINE_ACTOR]
    if operation < CALL:
        if is_eligible(evaluate, ints, reals, actor, line):
            return -line
        return onward(ints, actor, line + LINE_SIZE)
    if operation == END:
        return NOTHING
    if not holds(evaluate, ints, reals, line):
        return onward(ints, actor, ints[line + JUMP])
    if operation == CALL:
        return onward(ints, actor, line + LINE_SIZE)
    if pools(evaluate, ints, reals, actor, line):
        return NOTHING
    assign(evaluate, ints, reals, sums, line)
    part = part_of(ints, reals, actor, line)
    if part != NOTHING and is_eligible(evaluate, ints, reals, actor, part):
        return -part
    return onward(ints, actor, ints[line + JUMP])


@kernel
def onward(ints: Integers, actor: int, line: int) -> int:
    """Give where to go on, NOTHING behind the last line of an actor."""
    return line if line < ints[actor + END_LINE] else NOTHING


@kernel
def holds(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether the condition of a line is true."""
    return ints[line + CONDITION] < 0 or evaluate(ints[line + CONDITION], ints, reals) != 0.0


@kernel
def is_eligible(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> bool:
    """Tell whether a line can be done now."""
    if not ints[line + MULTITASKED] and is_busy(ints, actor):
        return False
    if rests(ints, line):
        return False
    if ints[line + OPERATION] != CAST:
        return is_wanted(evaluate, ints, reals, actor, line)
    return is_castable(ints, reals, actor, line) and is_apt(evaluate, ints, reals, line)


@kernel
def rests(ints: Integers, line: int) -> bool:
    """Tell whether the cooldown of its own keeps a line from being done."""
    return ints[line + LINE_CD] > 0 and ints[NOW] < line_ready_at(ints, line)


@kernel
def is_apt(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether conditions let a line cast, and in `TARGET` at whom.

    If they do not, what is read behind the line asks about the main target.
    """
    ints[TARGET] = ints[MAIN_TARGET]
    if not is_usable(evaluate, ints, reals, line):
        return False
    if ints[line + AIM] == AT_MAIN:
        return holds(evaluate, ints, reals, line)
    if finds_target(evaluate, ints, reals, line):
        return True
    ints[TARGET] = ints[MAIN_TARGET]
    return False


@kernel
def is_usable(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Tell whether the ability of a line has what it asks for itself."""
    usable = ints[ints[line + LINE_OBJECT] + USABLE_TEST]
    return usable == NO_FORMULA or evaluate(usable, ints, reals) != 0.0


@kernel
def line_ready_at(ints: Integers, line: int) -> int:
    """Give when a line with a cooldown of its own can be done again."""
    return ints[ints[line + LINE_STATE] + DONE_AT] + ints[line + LINE_CD]


@kernel
def is_castable(ints: Integers, reals: Reals, actor: int, line: int) -> bool:
    """Tell whether the ability of a line can be cast now, or soon enough to wait for it."""
    ability = ints[line + LINE_OBJECT]
    if line_castable_from(ints, reals, actor, line) > ints[NOW] + ints[actor + QUEUE_WINDOW]:
        return False
    if is_busy(ints, actor) and takes_time(ints, reals, ability):
        return False
    return affordable_at(ints, reals, ability) <= ints[NOW]


@kernel
def line_castable_from(ints: Integers, reals: Reals, actor: int, line: int) -> int:
    """Give when the ability of a line is ready, whatever it costs."""
    at = ready_at(ints, reals, ints[line + LINE_OBJECT])
    if ints[line + LINE_NEEDS_GCD]:
        at = max(at, ints[actor + GCD_ENDS])
    return at


@rare
def is_wanted(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> bool:
    """Tell whether a line that is no cast has something to do, and may."""
    if not holds(evaluate, ints, reals, line):
        return False
    operation, thing = ints[line + OPERATION], ints[line + LINE_OBJECT]
    if operation == WAIT_UNTIL:
        return evaluate(ints[line + LINE_VALUE], ints, reals) == 0.0
    if operation == CANCEL_BUFF:
        return ints[thing + STACKS] > 0
    if operation == CANCEL_CAST:
        return is_busy(ints, actor)
    if operation == RESET_SEQUENCE:
        return ints[thing + POSITION] != 0
    moves = operation == MOVE and ints[actor + MOVES_UNTIL] > ints[NOW]
    return not moves and value_of(evaluate, ints, reals, line) > 0


@kernel
def value_of(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give the time or amount that a line asks for, in thousandths."""
    value = evaluate(ints[line + LINE_VALUE], ints, reals) * THOUSANDTHS
    return int(np.rint(min(max(value, 0.0), LONGEST)))


@rare
def finds_target(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> bool:
    """Look for the target of a line, which is told in `TARGET`."""
    if ints[line + AIM] == AT_NUMBER:
        if ints[line + AIM_AT] >= ints[TARGETS]:
            return False
        ints[TARGET] = ints[line + AIM_AT]
        return is_there(ints, ints[TARGET]) and holds(evaluate, ints, reals, line)
    if ints[line + AIM] >= AT_LEAST:
        target = best_target(evaluate, ints, reals, line)
        if target == NO_TARGET:
            return False
        ints[TARGET] = target
        return holds(evaluate, ints, reals, line)
    for back in range(min(ints[line + AIM_AT], ints[TARGETS])):
        ints[TARGET] = (ints[MAIN_TARGET] + back) % ints[TARGETS]
        first = ints[line + AIM] == AT_FIRST
        if not is_there(ints, ints[TARGET]):
            continue
        if first and evaluate(ints[line + AIM_VALUE], ints, reals) == 0.0:
            continue
        if holds(evaluate, ints, reals, line):
            return True
    return False


@kernel
def best_target(evaluate: Evaluate, ints: Integers, reals: Reals, line: int) -> int:
    """Give the target for which an expression is least or greatest, the first of equal ones."""
    sign = 1.0 if ints[line + AIM] == AT_GREATEST else -1.0
    best, found = 0.0, NO_TARGET
    for back in range(min(ints[line + AIM_AT], ints[TARGETS])):
        target = (ints[MAIN_TARGET] + back) % ints[TARGETS]
        ints[TARGET] = target
        if not is_there(ints, ints[TARGET]):
            continue
        value = sign * evaluate(ints[line + AIM_VALUE], ints, reals)
        if found == NO_TARGET or value > best:
            best, found = value, target
    return found


@rare
def pools(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> bool:
    """Tell whether an actor should do nothing now so that a resource grows."""
    if ints[line + OPERATION] != POOL:
        return False
    return amount(ints, reals, ints[line + LINE_OBJECT]) < pooled(
        evaluate, ints, reals, actor, line
    )


@rare
def pooled(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int) -> int:
    """Give the amount of the resource that a line waits for, 0 when there is no reason to."""
    wanted = value_of(evaluate, ints, reals, line)
    if not ints[line + FOR_NEXT]:
        return wanted
    following = line + LINE_SIZE
    if rests(ints, following) or line_castable_from(ints, reals, actor, following) > ints[NOW]:
        return 0
    is_meant = is_apt(evaluate, ints, reals, following)
    ints[TARGET] = ints[MAIN_TARGET]
    if not is_meant:
        return 0
    return wanted + cost_of(ints, reals, ints[following + LINE_OBJECT])


@rare
def assign(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, line: int) -> None:
    """Let a number of the rotation take a value."""
    if ints[line + OPERATION] == ASSIGN:
        value = evaluate(ints[line + LINE_VALUE], ints, reals)
        reals[ints[line + LINE_OBJECT] + NUMBER] = value
        sums[line + FIRED] += 1


@rare
def part_of(ints: Integers, reals: Reals, actor: int, line: int) -> int:
    """Give the line of a sequence or schedule whose turn it is, NOTHING when there is none."""
    operation = ints[line + OPERATION]
    if operation < SEQUENCE:
        return NOTHING
    position = ints[ints[line + LINE_STATE] + POSITION]
    if operation == STRICT_SEQUENCE:
        return line + LINE_SIZE if is_strictly_ready(ints, reals, actor, line) else NOTHING
    if position >= ints[line + PARTS]:
        return NOTHING
    if operation == SEQUENCE:
        return line + (1 + position) * LINE_SIZE
    due = value_of_schedule(ints, line, position)
    return line + LINE_SIZE if due <= ints[NOW] else NOTHING


@kernel
def value_of_schedule(ints: Integers, line: int, position: int) -> int:
    """Give when a scheduled line is to be done for the n-th time."""
    return ints[ints[line + LINE_OBJECT] + position]


@kernel
def is_strictly_ready(ints: Integers, reals: Reals, actor: int, line: int) -> bool:
    """Tell whether every ability of a strict sequence is ready, the GCD between them aside."""
    latest = ints[NOW] + ints[actor + QUEUE_WINDOW]
    for part in range(line + LINE_SIZE, ints[line + JUMP], LINE_SIZE):
        if ints[part + OPERATION] == CAST and off_cooldown_at(ints, reals, part) > latest:
            return False
    return True


@kernel
def off_cooldown_at(ints: Integers, reals: Reals, line: int) -> int:
    """Give when the ability of a line is ready, not counting the GCD."""
    ability = ints[line + LINE_OBJECT]
    caster = ints[ability + CASTER]
    held = ints[caster + GCD_ENDS]
    ints[caster + GCD_ENDS] = ints[NOW]
    at = ready_at(ints, reals, ability)
    ints[caster + GCD_ENDS] = held
    return at


@rare
def is_released(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> bool:
    """Tell whether an actor that keeps to a line may look at the whole rotation again."""
    line = ints[actor + CONTROL]
    if ints[line + OPERATION] == WAIT:
        done = ints[NOW] >= ints[actor + WAITS_UNTIL]
    elif ints[line + OPERATION] == WAIT_UNTIL:
        done = evaluate(ints[line + LINE_VALUE], ints, reals) != 0.0
    else:
        free = ints[NOW] + ints[actor + QUEUE_WINDOW] >= ints[actor + GCD_ENDS]
        done = free and not part_is_eligible(evaluate, ints, reals, actor, line)
        if done:
            ints[ints[line + LINE_STATE] + POSITION] = 0
    if done:
        ints[actor + CONTROL] = NOTHING
    return done


@rare
def part_is_eligible(
    evaluate: Evaluate, ints: Integers, reals: Reals, actor: int, line: int
) -> bool:
    """Tell whether the next line of a strict sequence can be done now."""
    return is_eligible(evaluate, ints, reals, actor, next_part(ints, line))


@kernel
def next_part(ints: Integers, line: int) -> int:
    """Give the line of a strict sequence whose turn it is."""
    return line + (1 + ints[ints[line + LINE_STATE] + POSITION]) * LINE_SIZE


@rare
def controlled(evaluate: Evaluate, ints: Integers, reals: Reals, actor: int) -> int:
    """Give the next line for an actor that keeps to one, NOTHING as long as it has to wait."""
    line = ints[actor + CONTROL]
    strict = ints[line + OPERATION] == STRICT_SEQUENCE
    if strict and part_is_eligible(evaluate, ints, reals, actor, line):
        return next_part(ints, line)
    ints[TARGET] = ints[MAIN_TARGET]
    return NOTHING
