"""What can be asked about the player, resources, pets and procs."""

from __future__ import annotations

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels import questions as q
from node.engine.combat.nodes import (
    Node,
    ask,
    compare,
    place,
    real,
    real_of,
    whole,
    whole_of,
)
from node.engine.combat.operands.auras import BUFFS
from node.engine.combat.operands.family import (
    Family,
    Subject,
    amount,
    flag,
)
from node.engine.combat.schema import ATTRIBUTES, STAT_NAMES
from node.engine.combat.terms import (
    NO,
    NOW,
    YES,
    Term,
    boolean,
    falling,
    minus,
    number,
    seconds,
    times,
    until,
)
from node.engine.combat.world import PLAYER


def _now(subject: Subject) -> Node:
    return ask(q.RESOURCE_NOW, place(subject.entity, 0))


def _most(subject: Subject) -> Node:
    return seconds(whole_of(subject.entity, at.MAXIMUM))


def _grows(subject: Subject) -> Node:
    return ask(q.RESOURCE_SLOPE, place(subject.entity, 0))


def _percent_of(subject: Subject, part: Node) -> Node:
    return nodes.divide(times(100.0, part), _most(subject))


def _deficit_percent(subject: Subject) -> Term:
    return number(
        minus(100.0, _percent_of(subject, _now(subject))),
        nodes.negative(_percent_of(subject, _grows(subject))),
    )


def _time_to(subject: Subject, wanted: Node) -> Term:
    return falling(ask(q.RESOURCE_TIME, place(subject.entity, 0), wanted))


RESOURCES = Family(
    "resource",
    "A resource of who acts, or `wolf.focus`: of a certain pet.",
    {
        "current": amount("", "What there is.", lambda s: number(_now(s), _grows(s))),
        "max": amount("", "The most there can be.", lambda s: number(_most(s))),
        "deficit": amount(
            "",
            "What is missing.",
            lambda s: number(minus(_most(s), _now(s)), nodes.negative(_grows(s))),
        ),
        "percent": amount(
            "percent",
            "What there is, of the most.",
            lambda s: number(_percent_of(s, _now(s)), _percent_of(s, _grows(s))),
        ),
        "deficit_percent": amount("percent", "What is missing, of the most.", _deficit_percent),
        "regen": amount(
            "", "What comes back per second.", lambda s: number(real_of(s.entity, at.RATE))
        ),
        "time_to_max": amount("seconds", "Until it is full.", lambda s: _time_to(s, _most(s))),
        "time_to.N": amount("seconds", "Until there is N.", lambda s: _time_to(s, real(s.number))),
    },
    "resource",
    lambda asked: asked.world.known("resource", asked.actor),
    default="current",
)


def _player(subject: Subject, column: int) -> Node:
    return real_of(subject.world.actors[PLAYER], column)


def _given(subject: Subject, stat: str) -> float:
    return float(subject.world.config["player"]["stats"].get(stat, 0))


def _primary(subject: Subject) -> Term:
    return number(max(_given(subject, attribute) for attribute in ATTRIBUTES))


def _casting(subject: Subject) -> Term:
    casting = whole_of(subject.world.actors[PLAYER], at.CASTING)
    return boolean(compare("!=", casting, whole(at.NOTHING)))


def _moves_for(subject: Subject) -> Node:
    return until(whole_of(subject.world.actors[PLAYER], at.MOVES_UNTIL))


def _moving(subject: Subject) -> Term:
    left = _moves_for(subject)
    return boolean(compare(">", left, real(0.0)), nodes.flip_in(left))


PLAYERS = Family(
    "player",
    "The player, as he is now.",
    {
        "haste": amount(
            "percent",
            "Haste.",
            lambda s: number(times(100.0, minus(_player(s, at.HASTE), 1.0))),
        ),
        "crit": amount(
            "percent", "Chance to crit.", lambda s: number(times(100.0, _player(s, at.CRIT)))
        ),
        "mastery": amount(
            "percent", "Mastery.", lambda s: number(100.0 * s.world.character.mastery)
        ),
        "versatility": amount(
            "percent", "Versatility.", lambda s: number(100.0 * s.world.character.versatility)
        ),
        "attack_power": amount("", "Attack power.", lambda s: number(_player(s, at.ATTACK_POWER))),
        "spell_power": amount("", "Spell power.", lambda s: number(_player(s, at.SPELL_POWER))),
        "primary_stat": amount("", "The greatest of its attributes.", _primary),
        "stamina": amount("", "Stamina.", lambda s: number(_given(s, "stamina"))),
        "armor": amount("", "Armour.", lambda s: number(_given(s, "armor"))),
        "level": amount("", "Level.", lambda s: number(s.world.config["player"].get("level", 0))),
        "health": amount(
            "", "Health; nothing attacks the player.", lambda s: number(_given(s, "health"))
        ),
        "health.max": amount("", "The most health.", lambda s: number(_given(s, "health"))),
        "health.deficit": amount("", "Missing health: none.", lambda _: number(0.0)),
        "health.percent": amount("percent", "Health of the most.", lambda _: number(100.0)),
        "health.deficit_percent": amount("percent", "Missing health.", lambda _: number(0.0)),
        "alive": flag("Always.", lambda _: YES),
        "in_combat": flag("The fight has begun.", lambda _: boolean(compare(">=", NOW, whole(0)))),
        "stealthed": flag("Never.", lambda _: NO),
        "mounted": flag("Never.", lambda _: NO),
        "casting": flag("A cast is on its way.", _casting),
        "moving": flag("The player moves.", _moving),
        "movement_remaining": amount(
            "seconds", "Until the player stands still.", lambda s: falling(_moves_for(s))
        ),
    },
)


def _stat(subject: Subject) -> Term:
    base = subject.world.spec.get("base_stats", {}).get(subject.name, 0)
    return number(_given(subject, subject.name) + base)


STATS = Family(
    "stat",
    "A stat as the config gives it, with what class and race bring along; 0 when it is not given.",
    {"": amount("", "Its worth.", _stat)},
    "stat",
    lambda asked: dict.fromkeys(STAT_NAMES, asked.me),
)


def _count(_subject: Subject) -> Node:
    return ask(q.PET_COUNT, whole(0))


def _copies(subject: Subject) -> Node:
    return ask(q.COPIES_THERE, place(subject.entity, 0))


def _pet_left(subject: Subject) -> Term:
    return falling(ask(q.PET_LEFT, place(subject.entity, 0)))


def _pets_left(subject: Subject) -> Term:
    pets = subject.world.known("pet").values()
    left = [ask(q.PET_LEFT, place(pet, 0)) for pet in pets]
    return falling(nodes.extreme("max", [real(0.0), *left]))


PET = Family(
    "pet",
    "One pet.",
    {
        "active": flag(
            "It is there, or a copy of it.", lambda s: boolean(compare(">", _copies(s), real(0.0)))
        ),
        "count": amount("count", "How many copies are there.", lambda s: number(_copies(s))),
        "remaining": amount(
            "seconds", "Until the last copy leaves; one that stays, stays to the end.", _pet_left
        ),
    },
    "pet",
    lambda asked: asked.world.known("pet"),
)
PETS = Family(
    "pet",
    "All pets.",
    {
        "active": flag("One is there.", lambda s: boolean(compare(">", _count(s), real(0.0)))),
        "count": amount("count", "How many are there.", lambda s: number(_count(s))),
        "remaining": amount("seconds", "Until the last of them leaves.", _pets_left),
    },
)
PET_BUFFS = Family("pet.buff", "The same as `buff.A`.", BUFFS.operands, "buff", BUFFS.find)

PROCS = Family(
    "proc",
    "A proc.",
    {
        "icd_remaining": amount(
            "seconds",
            "Until its internal cooldown is over.",
            lambda s: falling(until(whole_of(s.entity, at.READY_AT))),
        ),
        "rppm_chance": amount(
            "percent",
            "The chance that an attempt would have now.",
            lambda s: number(times(100.0, ask(q.RPPM_CHANCE, place(s.entity, 0))), None),
        ),
    },
    "proc",
    lambda asked: asked.world.procs,
)
