"""What can be asked about abilities: cooldowns, costs and times, and what was cast before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels import questions as q
from node.engine.combat.nodes import (
    Node,
    ask,
    compare,
    flip_in,
    place,
    real,
    whole,
    whole_of,
)
from node.engine.combat.nodes import number as as_real
from node.engine.combat.operands.family import Family, Subject, amount, flag
from node.engine.combat.terms import NOW, Term, boolean, falling, minus, number, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.image import Entity


def _ask(subject: Subject, question: int) -> Node:
    return ask(question, place(subject.entity, 0))


def _abilities(asked: Subject) -> Mapping[str, Entity]:
    return asked.world.known("ability", asked.actor)


def _is_ready(subject: Subject) -> Term:
    left = _ask(subject, q.COOLDOWN_LEFT)
    return boolean(compare("==", left, real(0.0)), flip_in(left))


def _charges(subject: Subject) -> Term:
    returns = flip_in(_ask(subject, q.RECHARGE_LEFT))
    return number(_ask(subject, q.CHARGES_NOW), real(0.0), returns)


def _fractional(subject: Subject) -> Term:
    return number(_ask(subject, q.CHARGES_FRACTIONAL), _ask(subject, q.CHARGES_SLOPE))


def _recharge(subject: Subject) -> Term:
    left = _ask(subject, q.RECHARGE_LEFT)
    return falling(left, flip_in(left))


def _usable(subject: Subject) -> Term:
    left = _ask(subject, q.SPELL_USABLE_IN)
    is_ready = compare("==", left, real(0.0))
    below = document_of(subject).get("target_health_below_percent")
    if below is None or not subject.world.encounter.keeps_health:
        return boolean(is_ready, flip_in(left))
    health = ask(q.TARGET_PERCENT, whole(0))
    above, slope = minus(health, float(below)), ask(q.TARGET_SLOPE, whole(0))
    is_low = compare("<", health, real(float(below)))
    return boolean(nodes.both([is_ready, is_low]), flip_in(left), nodes.crossing(above, slope))


def document_of(subject: Subject) -> Mapping[str, Any]:
    """Give what the spec says of an ability."""
    return subject.world.about(subject.entity)


def _range(subject: Subject) -> Term:
    return number(float(document_of(subject).get("range_yards", 0)))


def _in_range(subject: Subject) -> Term:
    distance = subject.world.distance
    return boolean(document_of(subject).get("range_yards", distance) >= distance)


def _was_last(subject: Subject) -> Term:
    return boolean(compare("==", whole_of(subject.me, at.LAST_CAST), place(subject.entity, 0)))


def _was_last_on_gcd(subject: Subject) -> Term:
    cast = whole_of(subject.me, at.LAST_GCD_CASTS + subject.number - 1)
    return boolean(compare("==", cast, place(subject.entity, 0)))


def _since(subject: Subject) -> Term:
    return number(seconds(minus(NOW, whole_of(subject.entity, at.CAST_AT))), real(1.0))


COOLDOWNS = Family(
    "cd",
    "The cooldown and the charges of an ability.",
    {
        "ready": flag("It has a charge.", _is_ready),
        "remaining": amount(
            "seconds", "Until it has a charge.", lambda s: falling(_ask(s, q.COOLDOWN_LEFT))
        ),
        "duration": amount(
            "seconds",
            "How long a charge takes to return, at the present haste.",
            lambda s: number(_ask(s, q.RECHARGE_SECONDS)),
        ),
        "base_duration": amount(
            "seconds",
            "The same without haste.",
            lambda s: number(seconds(whole_of(s.entity, at.COOLDOWN))),
        ),
        "charges": amount("count", "The charges that are there.", _charges),
        "charges_max": amount(
            "count",
            "The most charges.",
            lambda s: number(as_real(whole_of(s.entity, at.MAX_CHARGES))),
        ),
        "charges_fractional": amount(
            "count", "The charges, with the part that has returned of the next one.", _fractional
        ),
        "recharge_time": amount(
            "seconds", "Until the next charge returns, 0 when none is missing.", _recharge
        ),
        "full_recharge": amount(
            "seconds",
            "Until every charge is back.",
            lambda s: falling(_ask(s, q.FULL_RECHARGE_LEFT)),
        ),
    },
    "ability",
    _abilities,
)

SPELLS = Family(
    "spell",
    "What an ability costs, takes and does.",
    {
        "cost": amount("", "What it costs now.", lambda s: number(_ask(s, q.SPELL_COST))),
        "cast_time": amount(
            "seconds",
            "How long it takes to cast now.",
            lambda s: number(_ask(s, q.SPELL_CAST_TIME)),
        ),
        "execute_time": amount(
            "seconds",
            "The same, but no less than its global cooldown.",
            lambda s: number(_ask(s, q.SPELL_EXECUTE_TIME)),
        ),
        "usable": flag(
            "It could be cast now; what it asks for itself (`usable`) is not looked at.", _usable
        ),
        "range": amount("yards", "How far it reaches, 0 when its spec does not say.", _range),
        "in_range": flag("It reaches the target.", _in_range),
        "travel_time": amount(
            "seconds",
            "How long its missiles fly, 0 when it throws none.",
            lambda s: number(seconds(whole_of(s.entity, at.TRAVELS))),
        ),
        "in_flight": amount(
            "count",
            "Its missiles that are on their way.",
            lambda s: number(as_real(whole_of(s.entity, at.IN_FLIGHT))),
        ),
        "casts": amount(
            "count",
            "How often it was cast in this fight.",
            lambda s: number(as_real(whole_of(s.entity, at.CASTS_NOW))),
        ),
    },
    "ability",
    _abilities,
)

LAST = Family(
    "prev",
    "What was cast last.",
    {"": flag("It was this ability.", _was_last)},
    "ability",
    _abilities,
)

LAST_ON_GCD = Family(
    "prev_gcd",
    "What was cast N casts ago, of those that set off the global cooldown.",
    {"": flag("It was this ability.", _was_last_on_gcd)},
    "ability",
    _abilities,
    numbered=at.GCD_HISTORY,
)

SINCE = Family(
    "time_since_cast",
    "How long ago an ability was cast.",
    {"": amount("seconds", "Since the cast; very long when there was none.", _since)},
    "ability",
    _abilities,
)
