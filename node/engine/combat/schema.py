"""The shape of a config and of the documents in it; what is not named here is refused."""

from __future__ import annotations

from node.engine.combat.kernels.agenda import LATEST
from node.engine.combat.shapes import (
    Action,
    Amount,
    AnyOf,
    Anything,
    Choice,
    Either,
    Expression,
    Flag,
    Integer,
    Kinds,
    Later,
    ListOf,
    MapOf,
    Name,
    Number,
    Object,
    OneKey,
    Reference,
    Shape,
    Text,
)

LONGEST_FIGHT = 3 * 3600 * 1000  #: milliseconds
MOST_TARGETS = 100
MOST_COPIES = 20  #: of one pet
SCHOOLS = ("physical", "arcane", "fire", "frost", "holy", "nature", "shadow")
ATTRIBUTES = ("agility", "strength", "intellect")
EVENTS = (
    "cast",
    *("hit", "crit", "miss", "tick", "crit_tick"),
    *("apply", "refresh", "expire", "remove"),
    "start",
)
STATS = (
    *("damage", "crit", "crit_damage", "haste", "swing_speed", "attack_power", "spell_power"),
    *("cost", "cast_time", "gcd"),
    *("haste_rating", "crit_rating"),
    *ATTRIBUTES,
    *("regen", "armor"),
)
AIM = ("hit", "expertise")
INHERITED = ("attack_power", "spell_power", "crit", "haste", "versatility")
RATINGS = ("crit", "haste", "mastery", "versatility")

_DURATION = Integer(1, LATEST - 1)
_SHORT = Integer(1, 3_600_000)
_POSITIVE = Number(0, 1e9)
_FRACTION = Number(0, 1)
_PERCENT = Number(0, 100)
_TARGETS = Integer(1, MOST_TARGETS)
_NOTES: dict[str, Shape] = {"notes": Text()}
#: what a player must have for a part of a spec to count
GATES: dict[str, Shape] = {"talent": Name(), "equipped": Name(), "set_bonus": Name()}


def _per_attribute(most: float) -> Object:
    return Object(optional={**dict.fromkeys(ATTRIBUTES, Number(0, most)), **_NOTES})


_FACTOR = Amount(0, 1e6)
_NAMES = ListOf(Name(), 100)
_RANGE = Object({"min": _POSITIVE, "max": _POSITIVE})
_BASE = Either(_RANGE, Amount(0, 1e9), lambda value: isinstance(value, dict) and len(value) > 1)
_MILLISECONDS = Amount(1, LATEST - 1)
_EFFECTS = ListOf(Later(lambda: EFFECT), 100)
EFFECT: Shape = Kinds(
    "effect",
    {
        "damage": Object(
            optional={
                "by": Name(),
                "name": Name(),
                "base": _BASE,
                "attack_power": _FACTOR,
                "spell_power": _FACTOR,
                "times": _FACTOR,
                "variance": _FRACTION,
                "school": Choice(SCHOOLS),
                "ignores_armor": Flag(),
                "can_crit": Flag(),
                "crit_percent": Amount(-1000, 1000),
                "crit_chance_percent": _PERCENT,
                "modifiers": Choice(("all", "taken", "none")),
                "attack": Name(),
                "travel": Flag(),
                **_NOTES,
            }
        ),
        "apply": Object(
            {"aura": Name()},
            {
                "stacks": Amount(1, 1000),
                "amount": Amount(0, 1e12),
                "duration_ms": _MILLISECONDS,
                "refresh": Flag(),
                "restart": Flag(),
            },
        ),
        "remove": Object({"aura": Name()}, {"stacks": Amount(1, 1000)}),
        "gain": Object({"resource": Reference(), "amount": Amount(0, 1e6)}),
        "drain": Object({"resource": Reference(), "amount": Amount(0, 1e6)}),
        "reduce_cooldown": Object({"ability": Reference(), "ms": _MILLISECONDS}),
        "reset_cooldown": Object({"ability": Reference()}),
        "add_charges": Object({"ability": Reference()}, {"charges": Amount(1, 100)}),
        "summon": Object({"pet": Name()}, {"ms": _MILLISECONDS, "count": Integer(1, MOST_COPIES)}),
        "dismiss": Object({"pet": Name()}),
        "tick": Object({"aura": Name()}, {"scale": _FACTOR, "name": Name()}),
        "spread": Object({"auras": ListOf(Name(), 100)}),
        "set": Object(
            {"number": Name()}, {"value": Amount(-1e12, 1e12), "add": Amount(-1e12, 1e12)}
        ),
        "attack": Object(
            {"table": Name(), "effects": _EFFECTS}, {"name": Name(), "missed": _EFFECTS}
        ),
        "save": Object(
            {"slot": Name()},
            {"auras": _NAMES, "resources": ListOf(Reference(), 100), "numbers": _NAMES},
        ),
        "restore": Object({"slot": Name()}),
        "start_cooldown": Object({"ability": Reference()}),
        "think": Object(),
        "after": Object({"ms": _MILLISECONDS, "effects": _EFFECTS}),
    },
    {
        "if": Expression(),
        "to": AnyOf(
            (
                (str, Choice(("target", "all", "others"))),
                (dict, OneKey("reach", {"most": _TARGETS, "others": _TARGETS})),
            ),
            'targets like "all" or {"most": 3}',
        ),
        **GATES,
        **_NOTES,
    },
)

_OF: dict[str, Shape] = {
    "op": Choice(("multiply", "add", "factor")),
    "of": Name(),
    "abilities": AnyOf(((str, Choice(("all",))), (list, _NAMES)), '"all" or a list of names'),
    "schools": ListOf(Choice(SCHOOLS), len(SCHOOLS)),
    "resources": ListOf(Reference(), 20),
    **GATES,
    **_NOTES,
}
MODIFIER = Object({"stat": Choice(STATS), "by": Amount(-1e9, 1e9)}, _OF)
_PASSIVE = Object({"stat": Choice(STATS), "by": Number(-1e9, 1e9)}, _OF)
_MASTERY_MODIFIER = Object({"stat": Choice(STATS)}, _OF)

TRAVEL = Object(
    optional={"ms": _SHORT, "yards_per_second": Number(0.001, 1e6), "most_ms": _SHORT, **_NOTES}
)
SWING = Object(
    {"name": Name(), "period_ms": _SHORT, "effects": _EFFECTS},
    {"first_ms": Integer(0, 3_600_000), "stretches": Flag(), "travel": TRAVEL, **_NOTES},
)

ABILITY = Object(
    {"effects": _EFFECTS},
    {
        "id": Integer(1, 2**31),
        "cost": MapOf(Number(0, 1e6), 1),
        "cast_ms": Integer(0, 3_600_000),
        "gcd_ms": _SHORT,
        "gcd_hasted": Flag(),
        "off_gcd": Flag(),
        "needs_gcd": Flag(),
        "travel": TRAVEL,
        "while_moving": Flag(),
        "item": Flag(),
        "cooldown": Object(
            {"ms": _DURATION},
            {"hasted": Flag(), "charges": Integer(1, 100), "between_ms": _DURATION, **_NOTES},
        ),
        "channel": Object(
            {"ticks": Integer(1, 1000), "period_ms": _SHORT, "effects": _EFFECTS},
            {
                "hasted": Flag(),
                "snapshot": Flag(),
                "at_start": Flag(),
                "attack": Name(),
                **_NOTES,
            },
        ),
        "usable": Anything(),
        "target_health_below_percent": _PERCENT,
        "range_yards": Number(0, 1000),
        **GATES,
        **_NOTES,
    },
)

_FIXED = AnyOf(
    ((bool, Flag()), (list, ListOf(Choice(("power", "crit", "haste")), 3))),
    'true, or a list of "power", "crit", "haste"',
)
AURA = Object(
    {"on": Name()},
    {
        "by": Name(),
        "duration_ms": _MILLISECONDS,
        "stacks": Integer(1, 1_000_000),
        "start": Integer(1, 1_000_000),
        "limit": _TARGETS,
        "refresh": AnyOf(
            (
                (str, Choice(("reset", "rollover", "keep", "extend"))),
                (
                    dict,
                    Object(
                        {"pandemic": _FRACTION},
                        {"of": Choice(("new", "base")), "whole_ticks": Flag()},
                    ),
                ),
            ),
            'a rule like "reset" or {"pandemic": 0.3}',
        ),
        "tick": Object(
            {"period_ms": _SHORT, "effects": _EFFECTS},
            {
                "hasted": Flag(),
                "snapshot": _FIXED,
                "partial": Flag(),
                "at_start": Flag(),
                **_NOTES,
            },
        ),
        "expires": _EFFECTS,
        "removed": _EFFECTS,
        "modifies": ListOf(MODIFIER, 100),
        **GATES,
        **_NOTES,
    },
)

TRIGGER = Object(
    {"on": MapOf(ListOf(Choice(EVENTS), len(EVENTS))), "effects": _EFFECTS},
    {
        "if": Expression(),
        "by": _NAMES,
        "schools": ListOf(Choice(SCHOOLS), len(SCHOOLS)),
        "chance": Amount(0, 1),
        "rppm": Object(
            {"rate": Number(0, 1000)},
            {
                "hasted": Flag(),
                "longest_interval_ms": _DURATION,
                "head_start_ms": Integer(0, LATEST - 1),
                "protected": Flag(),
                **_NOTES,
            },
        ),
        "deck": Object({"successes": Integer(0, 10_000), "of": Integer(1, 10_000)}),
        "accumulate": _FRACTION,
        "icd_ms": _DURATION,
        "delay_ms": _DURATION,
        **GATES,
        **_NOTES,
    },
)
_ANY_NUMBER = Number(-1e12, 1e12)
NUMBER = Object(
    optional={
        "start": _ANY_NUMBER,
        "least": _ANY_NUMBER,
        "most": _ANY_NUMBER,
        "of": Choice(("target",)),
        **_NOTES,
    }
)

RESOURCE = Object(
    {"maximum": Number(0, 1e9)},
    {"start": _POSITIVE, "per_second": _POSITIVE, "hasted": Flag(), **_NOTES},
)
_LOOKS: dict[str, Shape] = {"reaction_ms": Integer(0, 60_000), "queue_ms": Integer(0, 60_000)}

PET = Object(
    optional={
        **GATES,
        "permanent": Flag(),
        "count": Integer(1, MOST_COPIES),
        "inherits": Object(
            optional={name: Number(0, 100) for name in INHERITED}
            | {"fixed": ListOf(Choice(INHERITED), len(INHERITED)), "every_ms": _SHORT, **_NOTES}
        ),
        "swing": SWING,
        "resources": MapOf(RESOURCE, 20),
        "abilities": MapOf(ABILITY, 50),
        "actions": ListOf(Action(), 1000),
        "lists": MapOf(ListOf(Action()), 100),
        "variables": MapOf(Expression(), 100),
        "first_look_ms": Integer(0, 60_000),
        **_LOOKS,
        **_NOTES,
    }
)

SPEC = Object(
    {
        "name": Text(),
        "resources": MapOf(RESOURCE, 20),
        "abilities": MapOf(ABILITY),
    },
    {
        "class": Text(),
        "base_stats": Object(
            optional={
                **dict.fromkeys((*ATTRIBUTES, "attack_power", "spell_power"), Number(-1e9, 1e9)),
                "crit_percent": Number(-100, 100),
                **_NOTES,
            }
        ),
        "crit_from": _per_attribute(100),
        "attack_power_from": _per_attribute(1000),
        "spell_power_from": _per_attribute(1000),
        "mastery": Object(
            {"points": Number(0, 1000), "percent_per_point": Number(0, 1000)},
            {"modifies": ListOf(_MASTERY_MODIFIER, 100), **_NOTES},
        ),
        "passives": ListOf(MODIFIER, 100),
        "swing": SWING,
        "pets": MapOf(PET, 50),
        "auras": MapOf(AURA),
        "triggers": MapOf(TRIGGER),
        "numbers": MapOf(NUMBER),
        "variables": MapOf(Expression()),
        "talents": MapOf(Object(optional={"max_rank": Integer(1, 100), **_NOTES})),
        "equipment": MapOf(Object(optional=_NOTES)),
        "set_bonuses": MapOf(Object(optional=_NOTES)),
        "provenance": Text(),
        **_NOTES,
    },
)

ATTACK = Object(
    optional={
        "miss_percent": _PERCENT,
        "less_miss": ListOf(Choice(AIM), len(AIM)),
        "dodge_percent": _PERCENT,
        "less_dodge": ListOf(Choice(AIM), len(AIM)),
        "glance_percent": _PERCENT,
        "glance_factor": _FRACTION,
        "one_roll": Flag(),
        **_NOTES,
    }
)

PROFILE = Object(
    {
        "name": Text(),
        "gcd_ms": _SHORT,
        "gcd_floor_ms": _SHORT,
        "crit_percent": _PERCENT,
        "crit_multiplier": Number(1, 100),
        "rating_per_percent": Object(
            {name: Number(1e-6, 1e9) for name in RATINGS},
            {name: Number(1e-6, 1e9) for name in AIM},
        ),
        "armor": Object({"constant": Number(1e-6, 1e9), "most_reduced": _FRACTION}),
    },
    {
        "diminishing": Object({"above_percent": _PERCENT, "factor": _FRACTION}),
        "crit_suppressed_percent": _PERCENT,
        "attacks": MapOf(ATTACK, 50),
        "provenance": Text(),
        **_NOTES,
    },
)

_PLAYER_STATS: dict[str, Shape] = {
    **dict.fromkeys((*ATTRIBUTES, "attack_power", "spell_power"), _POSITIVE),
    **dict.fromkeys(("stamina", "spirit", "armor", "health"), _POSITIVE),
    **{f"{name}_rating": _POSITIVE for name in (*RATINGS, *AIM)},
    **{f"{name}_percent": Number(0, 1000) for name in (*RATINGS, *AIM)},
}
STAT_NAMES = tuple(_PLAYER_STATS)  #: what a player may be given
PLAYER = Object(
    {"stats": Object(optional=_PLAYER_STATS)},
    {
        "name": Text(),
        "level": Integer(1, 1000),
        "talents": AnyOf(
            ((list, ListOf(Name(), 200)), (dict, MapOf(Integer(0, 100)))),
            "a list of talents, or an object of their ranks",
        ),
        "equipment": ListOf(Name(), 50),
        "set_bonuses": ListOf(Name(), 50),
        "trinkets": ListOf(Name(), 2),
        "distance_yards": Number(0, 1000),
        **_LOOKS,
        **_NOTES,
    },
)

_HEALTH = Number(1, 1e12)
TARGET = Object(
    {"armor": _POSITIVE},
    {"count": _TARGETS, "level": Integer(1, 1000), "health": _HEALTH, **_NOTES},
)

_LATEST_SECOND = LONGEST_FIGHT / 1000
_LASTING = Number(0.001, _LATEST_SECOND)
HAPPENING = Kinds(
    "event",
    {
        "adds": Object(optional={"count": _TARGETS, "seconds": _LASTING, "health": _HEALTH}),
        "move": Object({"seconds": _LASTING}),
    },
    {
        "at": Number(0, _LATEST_SECOND),
        "every": Number(0.1, _LATEST_SECOND),
        "until": Number(0, _LATEST_SECOND),
        **_NOTES,
    },
)

CONFIG = Object(
    {
        "schema": Integer(1, 1),
        "engine": Choice(("combat",)),
        "duration_ms": Integer(1, LONGEST_FIGHT),
        "profile": PROFILE,
        "spec": SPEC,
        "player": PLAYER,
        "target": TARGET,
        "rotation": Anything(),
    },
    {
        "duration_variation": Number(0, 0.5),
        "fight_ends": Choice(("time", "death")),
        "events": ListOf(HAPPENING, 100),
        **_NOTES,
    },
)
