"""What can be asked about talents, equipment, set bonuses and trinkets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.operands.abilities import COOLDOWNS
from node.engine.combat.operands.family import Family, Subject, amount, flag
from node.engine.combat.terms import Term, boolean, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.image import Entity


def _known(kind: str) -> Callable[[Subject], Mapping[str, Entity]]:
    return lambda asked: dict.fromkeys(asked.world.choices.known[kind], asked.me)


def _has(kind: str) -> Callable[[Subject], Term]:
    return lambda s: boolean(s.world.choices.rank(kind, s.name) > 0)


def _trinkets(asked: Subject) -> Mapping[str, Entity]:
    known = asked.world.abilities
    names = asked.world.config["player"].get("trinkets", [])
    return {str(slot): known[name] for slot, name in enumerate(names, 1) if name in known}


TALENTS = Family(
    "talent",
    "A talent that the spec declares.",
    {
        "enabled": flag("The player has it.", _has("talent")),
        "rank": amount(
            "count", "Its rank.", lambda s: number(s.world.choices.rank("talent", s.name))
        ),
        "max_rank": amount(
            "count", "Its highest rank.", lambda s: number(s.world.choices.most(s.name))
        ),
    },
    "talent",
    _known("talent"),
    default="enabled",
)
EQUIPMENT = Family(
    "equipped",
    "An item that the spec declares.",
    {"": flag("The player wears it.", _has("equipped"))},
    "item",
    _known("equipped"),
)
SET_BONUSES = Family(
    "set_bonus",
    "A set bonus that the spec declares.",
    {"": flag("The player has it.", _has("set_bonus"))},
    "set bonus",
    _known("set_bonus"),
)
TRINKETS = Family(
    "trinket",
    "The ability of a trinket, by the slot of the trinket.",
    {name: COOLDOWNS.operands[name] for name in ("ready", "remaining")},
    "slot",
    _trinkets,
)
