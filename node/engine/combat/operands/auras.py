"""What can be asked about buffs, debuffs and damage over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels import questions
from node.engine.combat.nodes import (
    Node,
    arithmetic,
    choose,
    compare,
    place,
    real,
    real_at,
    whole,
    whole_at,
)
from node.engine.combat.nodes import number as as_real
from node.engine.combat.operands.family import Family, Subject, UnknownOperandError, amount, flag
from node.engine.combat.terms import NOW, Term, boolean, minus, number, seconds, times, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.image import Entity
    from node.engine.combat.world import World


_POWER = ("base", "attack_power", "spell_power")


def _place(subject: Subject, column: int) -> Node:
    """Give where a column of the aura lies, of the target in question if targets have it."""
    if len(subject.world.instances[subject.name]) == 1:
        return place(subject.entity, column)
    further = arithmetic("*", [whole(at.AURA_SIZE), subject.target])
    return arithmetic("+", [place(subject.entity, column), further])


def _whole(subject: Subject, column: int) -> Node:
    return whole_at(_place(subject, column))


def _kept(subject: Subject) -> Node:
    return _while_up(subject, real_at(_place(subject, at.KEPT)))


def _is_up(subject: Subject) -> Node:
    return compare(">", _whole(subject, at.STACKS), whole(0))


def _while_up(subject: Subject, node: Node) -> Node:
    return choose(_is_up(subject), node, real(0.0))


def _left(subject: Subject) -> Node:
    return _while_up(subject, until(_whole(subject, at.EXPIRES)))


def _slope(subject: Subject) -> Node:
    return _while_up(subject, real(-1.0))


def _active(subject: Subject) -> Term:
    return boolean(_is_up(subject))


def _inactive(subject: Subject) -> Term:
    return boolean(nodes.opposite(_is_up(subject)))


def _remaining(subject: Subject) -> Term:
    return number(_left(subject), _slope(subject))


def _elapsed(subject: Subject) -> Term:
    since = seconds(minus(NOW, _whole(subject, at.APPLIED)))
    return number(_while_up(subject, since), _while_up(subject, real(1.0)))


def _inactive_for(subject: Subject) -> Term:
    since = seconds(minus(NOW, _whole(subject, at.ENDED)))
    return number(
        choose(_is_up(subject), real(0.0), since), choose(_is_up(subject), real(0.0), real(1.0))
    )


def _refreshable(subject: Subject) -> Term:
    kept = times(real_at(_place(subject, at.PANDEMIC)), seconds(_whole(subject, at.SPAN)))
    margin = minus(_left(subject), kept)
    loses_nothing = compare("<=", margin, real(nodes.EPSILON))
    return boolean(
        nodes.either([nodes.opposite(_is_up(subject)), loses_nothing]),
        nodes.crossing(margin, _slope(subject)),
    )


def _ticks(subject: Subject) -> Node:
    """Count the ticks that follow if nobody refreshes it."""
    last, following = _whole(subject, at.EXPIRES), _whole(subject, at.NEXT_TICK)
    periods = nodes.divide(as_real(minus(last, following)), as_real(_whole(subject, at.PERIOD_NOW)))
    ticks = arithmetic("+", [nodes.function("floor", periods), real(1.0)])
    has_more = nodes.both([_is_up(subject), compare("<=", following, last)])
    return choose(has_more, ticks, real(0.0))


def _tick_damage(subject: Subject) -> Term:
    if at.SNAPSHOTS not in subject.entity.ints:
        hint = "its ticks need a snapshot of 'power'"
        raise UnknownOperandError(f"the damage of {subject.name!r} is not fixed", hint)
    snapshot = arithmetic("+", [_whole(subject, at.SNAPSHOTS), whole(at.SNAPSHOT_POWER)])
    return number(_while_up(subject, real_at(snapshot)))


def _next_tick(subject: Subject) -> Term:
    return number(_while_up(subject, until(_whole(subject, at.NEXT_TICK))), _slope(subject))


_AURA = {
    "active": flag("It is up.", _active),
    "inactive": flag("It is not up.", _inactive),
    "remaining": amount("seconds", "Until it expires, 0 when it is not up.", _remaining),
    "stacks": amount("count", "Its stacks.", lambda s: number(as_real(_whole(s, at.STACKS)))),
    "stacks_max": amount(
        "count", "The most stacks.", lambda s: number(as_real(_whole(s, at.MAX_STACKS)))
    ),
    "duration": amount(
        "seconds",
        "How long the present application lasts, with what was carried over.",
        lambda s: number(_while_up(s, seconds(_whole(s, at.LASTS)))),
    ),
    "elapsed": amount("seconds", "Since it was applied.", _elapsed),
    "inactive_for": amount(
        "seconds",
        "Since it was lost, 0 while it is up; very long when it never was.",
        _inactive_for,
    ),
    "amount": amount("", "The number that its application gave it.", lambda s: number(_kept(s))),
    "at_max_stacks": flag(
        "It has the most stacks.",
        lambda s: boolean(compare("==", _whole(s, at.STACKS), _whole(s, at.MAX_STACKS))),
    ),
}


def _active_count(subject: Subject) -> Term:
    instances = len(subject.world.instances[subject.name])
    return number(nodes.ask(questions.ACTIVE_COUNT, place(subject.entity, 0), real(instances)))


_COUNTED = {"active_count": amount("count", "On how many targets it is up.", _active_count)}
_REFRESHABLE = {
    "refreshable": flag("It is not up, or a refresh loses nothing of what is left.", _refreshable)
}


def _auras(world: World, *, on_target: bool, ticking: bool = False) -> Mapping[str, Entity]:
    auras = world.spec.get("auras", {})
    return {
        name: entity
        for name, entity in world.auras.items()
        if (auras[name]["on"] == "target") is on_target and ("tick" in auras[name] or not ticking)
    }


def _percent_increase(subject: Subject) -> Term:
    """Compare a snapshot with the present; what is no snapshot is the present."""
    effects = subject.world.spec["auras"][subject.name]["tick"]["effects"]
    for damage in (effect["damage"] for effect in effects if "damage" in effect):
        if any(isinstance(damage.get(part), dict | str) for part in _POWER):
            hint = "'percent_increase' needs numbers there"
            raise UnknownOperandError(f"the damage of {subject.name!r} is an expression", hint)
    return number(nodes.ask(questions.PERCENT_INCREASE, _place(subject, 0)))


BUFFS = Family(
    "buff",
    "An aura on the player or a pet.",
    _AURA,
    "buff",
    lambda asked: _auras(asked.world, on_target=False),
)
DEBUFFS = Family(
    "debuff",
    "An aura on the target.",
    {**_AURA, **_REFRESHABLE, **_COUNTED},
    "debuff",
    lambda asked: _auras(asked.world, on_target=True),
)
DOTS = Family(
    "dot",
    "An aura on the target that ticks.",
    {
        "ticking": flag("It is up.", _active),
        **_COUNTED,
        "remaining": _AURA["remaining"],
        **_REFRESHABLE,
        "ticks_remaining": amount(
            "count",
            "The ticks that follow if nobody refreshes it.",
            lambda s: number(_ticks(s)),
        ),
        "stacks": _AURA["stacks"],
        "duration": _AURA["duration"],
        "elapsed": _AURA["elapsed"],
        "amount": _AURA["amount"],
        "outstanding": amount(
            "",
            "Its amount times the ticks that follow.",
            lambda s: number(times(_kept(s), _ticks(s))),
        ),
        "tick_damage": amount(
            "", "What a snapshot deals per tick, before crit and the target.", _tick_damage
        ),
        "percent_increase": amount(
            "percent",
            "How much more it would deal per second if it were applied now, 100 when it is not up.",
            _percent_increase,
        ),
        "tick_time": amount(
            "seconds",
            "The time between two ticks, 0 before the first application.",
            lambda s: number(seconds(_whole(s, at.PERIOD_NOW))),
        ),
        "next_tick": amount("seconds", "Until the next tick, 0 when it is not up.", _next_tick),
    },
    "dot",
    lambda asked: _auras(asked.world, on_target=True, ticking=True),
)
