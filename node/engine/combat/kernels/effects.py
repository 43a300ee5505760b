"""What abilities, ticks, swings and triggers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.actors import despawn, summon, think
from node.engine.combat.kernels.amounts import whole
from node.engine.combat.kernels.attacks import attack, miss
from node.engine.combat.kernels.auras import apply_aura, copy_aura, instance, remove_stacks
from node.engine.combat.kernels.cooldowns import add_charges, reduce_cooldown, start_cooldown
from node.engine.combat.kernels.damage import hit, land, snapshot_of, take_snapshot
from node.engine.combat.kernels.health import is_still_there, is_there
from node.engine.combat.kernels.jit import each, kernel
from node.engine.combat.kernels.later import postpone
from node.engine.combat.kernels.layout import (
    ACTIVE,
    ACTOR,
    ADD,
    ADD_CHARGES,
    AFTER,
    AMOUNT,
    APPLY,
    ATTACK,
    CHANGED,
    COUNT,
    CURSOR,
    DEAL,
    DEPTH,
    DISMISS,
    DRAIN,
    EFFECT_CONDITION,
    EFFECT_SIZE,
    EVENT,
    EVENT_DAMAGE,
    EVENT_MASK,
    EVENT_RAW,
    EXTRA_TICK,
    FAILS,
    FAILURE,
    FINE,
    FIRST_WITH_REAL,
    FLAT,
    FORMULA,
    FRAME_TARGET,
    GAIN,
    HEARING,
    IN_FLIGHT,
    KIND,
    LANDS,
    LINK_SIZE,
    LISTENER,
    MAIN_TARGET,
    MAX_CHARGES,
    MISSILE,
    NEEDS_TARGET,
    NO_FORMULA,
    NOTHING,
    NOW,
    NUMBER_LEAST,
    NUMBER_MOST,
    OBJECT,
    OTHER_BUNDLE,
    REACH,
    REDUCE_COOLDOWN,
    REMOVE,
    RESET_COOLDOWN,
    RESTORE,
    SAVE,
    SCALE,
    SPARES_OWN,
    SPREAD,
    STACKS,
    START_COOLDOWN,
    STRIDE,
    SUMMON,
    TAKE_SNAPSHOT,
    TARGET,
    TARGETS,
    THINK,
    TICK_BUNDLE,
)
from node.engine.combat.kernels.memory import number_place, restore, save
from node.engine.combat.kernels.pending import push_in_turn, push_of, put_in_order, top
from node.engine.combat.kernels.procs import attempt
from node.engine.combat.kernels.resources import drain, gain

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals


@kernel
def carry_out_pending(evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers) -> None:
    """Carry out all that is pending and what it sets off."""
    if ints[DEPTH] > 1:
        put_in_order(ints, reals, 0)
    frame = top(ints)
    while frame != NOTHING and ints[FAILURE] == FINE:
        depth, cursor = ints[DEPTH], ints[frame + CURSOR]
        ints[TARGET] = ints[frame + FRAME_TARGET]
        if ints[frame + HEARING] == LANDS:
            ints[frame + CURSOR] = cursor + EFFECT_SIZE
            touch_down(ints, reals, sums, cursor, frame)
            put_in_order(ints, reals, depth)
        elif ints[frame + HEARING]:
            ints[frame + CURSOR] = cursor + LINK_SIZE
            if ints[cursor + EVENT_MASK] & ints[frame + HEARING]:
                attempt(evaluate, ints, reals, sums, ints[cursor + LISTENER], frame)
        else:
            ints[frame + CURSOR] = cursor + EFFECT_SIZE
            reach_out(evaluate, ints, reals, sums, cursor, frame)
            if ints[DEPTH] > depth + 1:
                put_in_order(ints, reals, depth)
        frame = top(ints)
    ints[TARGET] = ints[MAIN_TARGET]


@each("effect")
def touch_down(ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int) -> None:
    """Let a hit land that was on its way, if whom it is for is still there."""
    if ints[effect + MISSILE] != NOTHING:
        ints[ints[effect + MISSILE] + IN_FLIGHT] -= 1
        ints[CHANGED] = 1
    if ints[NOW] < 0:
        return
    if ints[frame + EVENT] == FAILS:
        miss(ints, reals, sums, effect)
    elif is_still_there(ints, ints[TARGET], ints[frame + EVENT_DAMAGE]):
        raw = reals[frame + EVENT_RAW]
        land(ints, reals, sums, effect, reals[frame + SCALE], raw, ints[frame + EVENT])


@each("effect")
def reach_out(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int
) -> None:
    """Carry out an effect on every target that it reaches and whose condition holds."""
    count, left = ints[TARGETS], ints[effect + REACH]
    own = ints[TARGET] if count > 1 else ints[MAIN_TARGET]  # then it is known
    condition, first = ints[effect + EFFECT_CONDITION], ints[effect + SPARES_OWN]
    for back in range(first, count if left > 1 or first else 1):
        target = own + back
        if target >= count:
            target -= count
        ints[TARGET] = target
        if ints[effect + NEEDS_TARGET] and not is_there(ints, target):
            continue
        if condition != NO_FORMULA and evaluate(condition, ints, reals) == 0.0:
            continue
        carry_out(evaluate, ints, reals, sums, effect, frame)
        left -= 1
        if left == 0:
            return


@kernel
def carry_out(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int
) -> None:
    """Carry out an effect on the target in question."""
    kind = ints[effect + KIND]
    if kind == DEAL:
        if ints[ints[effect + ACTOR] + ACTIVE]:
            hit(evaluate, ints, reals, sums, effect, frame)
    elif kind >= FIRST_WITH_REAL:
        carry_out_real(evaluate, ints, reals, effect)
    else:
        carry_out_whole(evaluate, ints, reals, sums, effect, frame)


@kernel
def carry_out_whole(  # noqa: PLR0913, PLR0917 - the plain-array wall
    evaluate: Evaluate, ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int
) -> None:
    """Carry out an effect with a whole amount."""
    kind, thing, amount = ints[effect + KIND], ints[effect + OBJECT], ints[effect + AMOUNT]
    if ints[effect + FORMULA] != NO_FORMULA:
        amount = whole(evaluate(ints[effect + FORMULA], ints, reals))
    if kind == APPLY:
        if amount > 0:
            apply_aura(evaluate, ints, reals, sums, instance(ints, thing), effect, amount)
    elif kind == REMOVE:
        remove_stacks(ints, reals, sums, instance(ints, thing), amount)
    elif kind == SPREAD:
        spread(ints, reals, sums, thing, ints[frame + FRAME_TARGET])
    elif kind == TAKE_SNAPSHOT:
        take_snapshot(evaluate, ints, reals, snapshot_of(ints, thing, NOTHING), thing)
    else:
        change(evaluate, ints, reals, sums, effect, amount, frame)


@kernel
def carry_out_real(evaluate: Evaluate, ints: Integers, reals: Reals, effect: int) -> None:
    """Carry out an effect whose amount is not whole."""
    value = reals[effect + FLAT]
    if ints[effect + FORMULA] != NO_FORMULA:
        value = evaluate(ints[effect + FORMULA], ints, reals)
    if ints[effect + KIND] == EXTRA_TICK:
        tick_once(ints, reals, effect, value)
    else:
        set_number(ints, reals, effect, value)


@kernel
def carry_out_within(  # noqa: PLR0913, PLR0917 - the plain-array wall
    ints: Integers, reals: Reals, sums: Integers, effect: int, frame: int, amount: int
) -> None:
    """Carry out the effects within an effect: if they land, or later."""
    if ints[effect + KIND] == ATTACK:
        attack(ints, reals, sums, effect, frame)
    else:
        push_in_turn(ints, reals, ints[effect + OBJECT], frame)
        postpone(ints, reals, amount)


@kernel
def change(  # noqa: C901, PLR0913, PLR0917 - one branch per kind
    evaluate: Evaluate,
    ints: Integers,
    reals: Reals,
    sums: Integers,
    effect: int,
    amount: int,
    frame: int,
) -> None:
    """Change a resource, a cooldown, a pet or what is remembered, or wait."""
    kind, thing = ints[effect + KIND], ints[effect + OBJECT]
    if kind == GAIN:
        gain(ints, reals, sums, thing, amount)
    elif kind == DRAIN:
        drain(ints, reals, sums, thing, amount)
    elif kind == REDUCE_COOLDOWN:
        reduce_cooldown(ints, reals, thing, amount)
    elif kind == ADD_CHARGES:
        add_charges(ints, reals, thing, amount)
    elif kind == RESET_COOLDOWN:
        add_charges(ints, reals, thing, ints[thing + MAX_CHARGES])
    elif kind == START_COOLDOWN:
        start_cooldown(ints, reals, thing)
    elif kind == SAVE:
        save(ints, reals, thing)
    elif kind == RESTORE:
        restore(evaluate, ints, reals, sums, thing)
    elif kind == THINK:
        think(ints, ints[effect + ACTOR])
    elif kind == SUMMON:
        summon(ints, reals, sums, thing, ints[effect + COUNT], amount)
    elif kind in (AFTER, ATTACK):
        carry_out_within(ints, reals, sums, effect, frame, amount)
    elif kind == DISMISS and ints[thing + ACTIVE]:
        despawn(ints, reals, sums, thing)


@kernel
def spread(ints: Integers, reals: Reals, sums: Integers, aura: int, origin: int) -> None:
    """Copy an aura from the target where the effect began to the one in question."""
    original = aura + origin * ints[aura + STRIDE]
    copy = instance(ints, aura)
    if ints[original + STACKS] > 0 and copy != original:
        copy_aura(ints, reals, sums, original, copy)


@kernel
def tick_once(ints: Integers, reals: Reals, effect: int, scale: float) -> None:
    """Let an aura that is up tick once more; its timers stay."""
    aura = instance(ints, ints[effect + OBJECT])
    if ints[aura + STACKS] == 0:
        return
    bundle = ints[effect + OTHER_BUNDLE]
    if bundle == NOTHING:
        bundle = ints[aura + TICK_BUNDLE]
    push_of(ints, reals, bundle, scale, ints[TARGET], aura)


@kernel
def set_number(ints: Integers, reals: Reals, effect: int, value: float) -> None:
    """Set a number of the spec, or add to it."""
    number = ints[effect + OBJECT]
    place = number_place(ints, number)
    if ints[effect + KIND] == ADD:
        value += reals[place]
    value = min(max(value, reals[number + NUMBER_LEAST]), reals[number + NUMBER_MOST])
    reals[place] = value
    ints[CHANGED] = 1
