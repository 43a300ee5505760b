"""What can be asked about the fight, its targets and the global cooldown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels import questions as q
from node.engine.combat.nodes import Node, ask, compare, flip_in, real, real_of, whole_at, whole_of
from node.engine.combat.nodes import number as as_real
from node.engine.combat.nodes import whole as whole_number
from node.engine.combat.operands.abilities import document_of
from node.engine.combat.operands.family import Family, Subject, UnknownOperandError, amount, flag
from node.engine.combat.schema import MOST_TARGETS
from node.engine.combat.terms import (
    NO,
    NOW,
    Term,
    boolean,
    falling,
    minus,
    number,
    seconds,
    times,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EXECUTE = 20.0  #: percent of health


def _fight(column: int) -> Node:
    return whole_at(whole_number(column))


def _time_left(_subject: Subject) -> Term:
    return falling(until(_fight(at.LENGTH)))


def _asked(question: int, more: float = 0.0) -> Node:
    return ask(question, whole_number(0), real(more))


def _health_percent(subject: Subject) -> Term:
    """Give the health of a target; one without health of its own dies evenly over the fight."""
    if subject.world.encounter.keeps_health:
        return number(_asked(q.TARGET_PERCENT), _asked(q.TARGET_SLOPE))
    length = as_real(_fight(at.LENGTH))
    left = as_real(minus(_fight(at.LENGTH), NOW))
    slope = nodes.divide(real(-100.0 * nodes.SECOND), length)
    return number(nodes.divide(times(100.0, left), length), slope)


def _execute(subject: Subject) -> Term:
    health = _health_percent(subject)
    above = minus(health.node, real(_EXECUTE))
    slope = health.slope or real(0.0)
    return boolean(compare("<=", above, real(nodes.EPSILON)), nodes.crossing(above, slope))


def _health(question: int) -> Callable[[Subject], Term]:
    def build(subject: Subject) -> Term:
        return number(_asked(question) if subject.world.encounter.keeps_health else 0.0)

    return build


def _time_to_die(subject: Subject) -> Term:
    if subject.world.encounter.keeps_health:
        return number(_asked(q.TARGET_FALLS_IN), None)
    return _time_left(subject)


def _first_dies_in(subject: Subject) -> Term:
    if subject.world.encounter.keeps_health:
        return number(_asked(q.FIRST_DIES_IN), None)
    return _time_left(subject)


def _time_to_percent(subject: Subject) -> Term:
    if subject.world.encounter.keeps_health:
        return number(_asked(q.TARGET_FALLS_IN, float(subject.number)), None)
    gone = 1.0 - subject.number / 100.0
    left = minus(times(as_real(_fight(at.LENGTH)), gone), as_real(NOW))
    return falling(nodes.extreme("max", [real(0.0), nodes.divide(left, real(nodes.SECOND))]))


def _gcd_left(subject: Subject) -> Node:
    return until(whole_of(subject.me, at.GCD_ENDS))


def _gcd_active(subject: Subject) -> Term:
    left = _gcd_left(subject)
    return boolean(compare(">", left, real(0.0)), flip_in(left))


def _gcd_duration(subject: Subject) -> Term:
    haste = real_of(subject.me, at.HASTE)
    profile = subject.world.profile
    hasted = nodes.divide(real(profile["gcd_ms"] / 1000), haste)
    return number(nodes.extreme("max", [real(profile["gcd_floor_ms"] / 1000), hasted]))


def _swing_left(subject: Subject) -> Term:
    if "swing" not in subject.world.units[subject.actor].document:
        raise UnknownOperandError(f"'swing' means nothing: the {subject.actor} does not swing")
    left = until(whole_of(subject.me, at.SWING_AT))
    return falling(left, flip_in(left))


def _enemies(_subject: Subject) -> Term:
    return number(as_real(_fight(at.TARGETS_THERE)))


def _reach(effect: Mapping[str, Any]) -> int:
    """Give how many targets an effect reaches at most, those of effects inside it counted."""
    to = effect.get("to", "target")
    reach = 1
    if "damage" in effect or "apply" in effect:
        reach = (to.get("most") or to["others"] + 1) if isinstance(to, dict) else 1
        reach = MOST_TARGETS if to in ("all", "others") else reach
    inside = effect.get("after", {}).get("effects", ())
    return max([reach, *(_reach(other) for other in inside)])


def _targets_hit(subject: Subject) -> Term:
    effects = document_of(subject)["effects"]
    reach = max((_reach(effect) for effect in effects), default=0)
    return number(nodes.extreme("min", [real(reach), _enemies(subject).node]))


TARGET = Family(
    "target",
    "The target.",
    {
        "health": amount(
            "", "Its health, 0 where the config gives it none.", _health(q.TARGET_HEALTH)
        ),
        "health_max": amount("", "Its health when it came, or 0.", _health(q.TARGET_MOST_HEALTH)),
        "health_percent": amount(
            "percent",
            "Its health of the most; without health of its own it dies evenly while it is there.",
            _health_percent,
        ),
        "execute": flag("It has no more than 20 percent of its health.", _execute),
        "time_to_die": amount(
            "seconds", "Until it dies, as it lost health so far, or leaves.", _time_to_die
        ),
        "distance": amount(
            "yards", "How far the player is from it.", lambda s: number(s.world.distance)
        ),
        "casting": flag("Never.", lambda _: NO),
        "moving": flag("Never.", lambda _: NO),
        "time_to_percent.N": amount(
            "seconds", "Until its health falls to N percent.", _time_to_percent
        ),
    },
)
ENEMIES = Family(
    "enemy",
    "All targets.",
    {
        "count": amount("count", "How many are there.", _enemies),
        "min_ttd": amount("seconds", "Until the first of them dies.", _first_dies_in),
    },
)
TARGETS_HIT = Family(
    "enemy.spell_targets_hit",
    "How many targets an ability reaches.",
    {"": amount("count", "Those that its effects go to, as far as they are there.", _targets_hit)},
    "ability",
    lambda asked: asked.world.known("ability", asked.actor),
)
COMBAT = Family(
    "combat",
    "The fight.",
    {
        "time": amount("seconds", "Since it began.", lambda _: number(seconds(NOW), real(1.0))),
        "remaining": amount("seconds", "Until it ends at the latest.", _time_left),
    },
)
GCD = Family(
    "gcd",
    "The global cooldown of who acts.",
    {
        "active": flag("It is running.", _gcd_active),
        "remaining": amount("seconds", "Until it is over.", lambda s: falling(_gcd_left(s))),
        "duration": amount("seconds", "How long it would be at the present haste.", _gcd_duration),
    },
)


def _channelled(subject: Subject) -> Node:
    return compare("!=", whole_of(subject.me, at.CHANNELING), whole_number(0))


def _ticks_left(subject: Subject) -> Node:
    """Count the ticks that what is channelled still has."""
    ability = whole_of(subject.me, at.CHANNELING)
    ticks = whole_at(nodes.arithmetic("+", [ability, whole_number(at.CHANNEL_TICKS)]))
    left = as_real(minus(ticks, whole_of(subject.me, at.CHANNEL_DONE)))
    return nodes.choose(_channelled(subject), left, real(0.0))


def _channel_left(subject: Subject) -> Term:
    after = minus(_ticks_left(subject), 1.0)
    periods = times(after, seconds(whole_of(subject.me, at.CHANNEL_PERIOD)))
    left = nodes.arithmetic("+", [until(whole_of(subject.me, at.CHANNEL_TICK_AT)), periods])
    return falling(nodes.choose(compare("<", after, real(0.0)), real(0.0), left))


CHANNEL = Family(
    "channel",
    "What who acts channels.",
    {
        "active": flag("Something is channelled.", lambda s: boolean(_channelled(s))),
        "ticks": amount(
            "count",
            "Its ticks so far.",
            lambda s: number(as_real(whole_of(s.me, at.CHANNEL_DONE))),
        ),
        "ticks_left": amount("count", "Its ticks still to come.", lambda s: number(_ticks_left(s))),
        "remaining": amount("seconds", "Until its last tick.", _channel_left),
    },
)
SWING = Family(
    "swing",
    "The swing of who acts.",
    {"remaining": amount("seconds", "Until the next one.", _swing_left)},
)
