"""What effects and triggers can ask about what they react to, and the numbers of a spec."""

from __future__ import annotations

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
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
from node.engine.combat.operands.family import Family, Subject, amount, flag
from node.engine.combat.terms import NOW, Term, boolean, minus, number, seconds, until

_FRAME = whole_at(whole(at.FRAME))
_CRITICAL = (at.ON_HIT | at.ON_CRIT, at.ON_TICK | at.ON_CRIT_TICK)
_TICKS = (at.ON_TICK, at.ON_TICK | at.ON_CRIT_TICK)
_LANDED = (at.ON_HIT, at.ON_HIT | at.ON_CRIT, *_TICKS)


def _column(column: int) -> Node:
    """Read a column of what is being carried out."""
    return whole_at(arithmetic("+", [_FRAME, whole(column)]))


ORIGIN = _column(at.FRAME_TARGET)  #: the number of the target where an effect began
_AURA = _column(at.FRAME_AURA)


def _of_aura(node: Node) -> Node:
    return choose(compare("!=", _AURA, whole(at.NOTHING)), node, real(0.0))


def _aura_column(column: int) -> Node:
    return whole_at(arithmetic("+", [_AURA, whole(column)]))


def _happened(*events: int) -> Term:
    event = _column(at.EVENT)
    return boolean(nodes.either([compare("==", event, whole(what)) for what in events]))


def _ticks_left() -> Node:
    last, following = _aura_column(at.EXPIRES), _aura_column(at.NEXT_TICK)
    period = as_real(_aura_column(at.PERIOD_NOW))
    ticks = arithmetic(
        "+",
        [nodes.function("floor", nodes.divide(as_real(minus(last, following)), period)), real(1.0)],
    )
    return _of_aura(choose(compare("<=", following, last), ticks, real(0.0)))


def _number(subject: Subject) -> Term:
    where = place(subject.entity, at.NUMBER_VALUE)
    if subject.entity.ints.get(at.PER_TARGET):
        where = arithmetic("+", [where, subject.target])
    return number(real_at(where))


EVENT = Family(
    "event",
    "What an effect or trigger reacts to; in effects and triggers alone.",
    {
        "damage": amount(
            "", "The damage dealt.", lambda _: number(seconds(_column(at.EVENT_DAMAGE)))
        ),
        "raw": amount(
            "",
            "The damage before crit and armour.",
            lambda _: number(real_at(arithmetic("+", [_FRAME, whole(at.EVENT_RAW)]))),
        ),
        "hit": flag("It landed.", lambda _: _happened(*_LANDED)),
        "crit": flag("It was critical.", lambda _: _happened(*_CRITICAL)),
        "tick": flag("It was a tick.", lambda _: _happened(*_TICKS)),
        "target": amount(
            "count",
            "The number of the target, the first is 1.",
            lambda _: number(arithmetic("+", [as_real(ORIGIN), real(1.0)])),
        ),
        "stacks": amount(
            "count",
            "The stacks that the aura had.",
            lambda _: number(as_real(_column(at.EVENT_STACKS))),
        ),
        "amount": amount(
            "",
            "The number that the aura keeps.",
            lambda _: number(_of_aura(real_at(arithmetic("+", [_AURA, whole(at.KEPT)])))),
        ),
        "remaining": amount(
            "seconds",
            "Until the aura expires.",
            lambda _: number(_of_aura(until(_aura_column(at.EXPIRES)))),
        ),
        "duration": amount(
            "seconds",
            "How long the application of the aura lasts.",
            lambda _: number(_of_aura(seconds(_aura_column(at.LASTS)))),
        ),
        "elapsed": amount(
            "seconds",
            "Since the aura was applied.",
            lambda _: number(_of_aura(seconds(minus(NOW, _aura_column(at.APPLIED))))),
        ),
        "tick_time": amount(
            "seconds",
            "The time between two ticks of the aura.",
            lambda _: number(_of_aura(seconds(_aura_column(at.PERIOD_NOW)))),
        ),
        "ticks_left": amount("count", "The ticks that follow.", lambda _: number(_ticks_left())),
    },
    in_spec=True,
)
FROM = Family(
    "from",
    "Before `dot` or `debuff`: of the target where an effect began; in effects and triggers alone.",
    {},
    in_spec=True,
)
NUMBERS = Family(
    "number",
    "A number of the spec.",
    {"value": amount("", "What it is.", _number)},
    "number",
    lambda asked: asked.world.numbers,
    "value",
)
