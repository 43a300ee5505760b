"""What a line of a rotation may say: its kinds, what each holds, and the options beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.schema import MOST_TARGETS
from node.engine.combat.shapes import (
    Action,
    Choice,
    Expression,
    Flag,
    Integer,
    ListOf,
    Name,
    Number,
    Object,
    OneKey,
    Reference,
    Shape,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, Any]

EARLIEST = 3600  #: seconds before the fight
LATEST = 3 * 3600  #: seconds into it
MOST_PARTS = 100  #: of a sequence
OPERATORS = ("set", "add", "sub", "mul", "div", "min", "max", "reset")
_EXPRESSION = Expression()
_PARTS = ListOf(Action(), MOST_PARTS)

KINDS: dict[str, Shape] = {
    "cast": Reference(),
    "call": Text(),
    "run": Text(),
    "set": Object({"variable": Name(), "to": _EXPRESSION}),
    "modify": Object({"variable": Name(), "operator": Choice(OPERATORS)}, {"by": _EXPRESSION}),
    "wait": _EXPRESSION,
    "wait_until": _EXPRESSION,
    "pool": Object(
        {"resource": Reference()}, {"amount": _EXPRESSION, "extra": _EXPRESSION, "for_next": Flag()}
    ),
    "sequence": _PARTS,
    "strict_sequence": _PARTS,
    "reset_sequence": Text(),
    "multidot": Object(
        {"ability": Reference()},
        {"aura": Name(), "max_targets": Integer(1, MOST_TARGETS), "overlap": _EXPRESSION},
    ),
    "schedule": Object({"at": ListOf(Number(0, LATEST), 1000), "action": Action()}),
    "cancel_buff": Name(),
    "cancel_cast": Flag(),
    "use_trinket": Integer(1, 2),
    "use_item": Name(),
    "move": _EXPRESSION,
}
CASTS = frozenset({"cast", "multidot", "use_item", "use_trinket"})
STRICT_PARTS = CASTS | {"cancel_buff", "cancel_cast"}
PARTS = STRICT_PARTS | {"wait", "wait_until", "move"}
DONE = PARTS | {"reset_sequence"}  #: a line of these kinds is done; others are read
LISTS = frozenset({"call", "run"})
SEQUENCES = frozenset({"sequence", "strict_sequence"})

_COMMON: dict[str, Shape] = {"if": _EXPRESSION, "name": Text(), "notes": Text()}
_OF_DONE: dict[str, Shape] = {"line_cd": Number(0, LATEST), "while_casting": Flag()}
_OF_CASTS: dict[str, Shape] = {
    "at": Number(-EARLIEST, 0),
    "off_gcd": Flag(),
    "target": Integer(1, MOST_TARGETS),
    "target_if": OneKey("choice", dict.fromkeys(("min", "max", "first"), _EXPRESSION)),
    "cycle": Flag(),
    "max_targets": Integer(1, MOST_TARGETS),
    "interrupt_if": _EXPRESSION,
    "chain": Flag(),
}
OPTIONS: dict[str, Shape] = {**_COMMON, **_OF_DONE, **_OF_CASTS}


def options_of(kind: str) -> dict[str, Shape]:
    """Give the options that an action of a kind may have."""
    casts = _OF_CASTS if kind in CASTS else {}
    return {**_COMMON, **(_OF_DONE if kind in DONE else {}), **casts}


def kind_of(action: Document) -> str:
    """Give the kind of an action that has one."""
    return next(key for key in action if key in KINDS)


def parts_of(action: Document) -> list[Any]:
    """Give the actions inside an action."""
    kind = kind_of(action)
    if kind in SEQUENCES:
        parts: list[Any] = action[kind]
        return parts
    return [action["schedule"]["action"]] if kind == "schedule" else []


def assigned_by(actions: list[Any]) -> set[str]:
    """Name the variables that actions give values."""
    kinds = ((action, key) for action in actions for key in ("set", "modify") if key in action)
    return {action[key]["variable"] for action, key in kinds}


def plain(action: Document) -> Document:
    """Say with `cast` alone what a multidot is."""
    if "multidot" not in action:
        return action
    about = action["multidot"]
    aura = about.get("aura", about["ability"])
    left = f"debuff.{aura}.remaining"  # 0 when it is not up, and in the last moment of its time
    condition: Any = {"or": [{"<=": [left, 0]}, {"<": [left, about.get("overlap", 0)]}]}
    if "if" in action:
        condition = {"and": [action["if"], condition]}
    others = {key: value for key, value in action.items() if key not in ("multidot", "if")}
    most = {"max_targets": about["max_targets"]} if "max_targets" in about else {}
    return {"cast": about["ability"], "if": condition, "cycle": True, **most, **others}
