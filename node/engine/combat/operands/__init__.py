"""The operands of the rotation language, by family: what they mean and what they are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from node.engine.combat.operands.abilities import COOLDOWNS, LAST, LAST_ON_GCD, SINCE, SPELLS
from node.engine.combat.operands.auras import BUFFS, DEBUFFS, DOTS
from node.engine.combat.operands.events import EVENT, FROM, NUMBERS, ORIGIN
from node.engine.combat.operands.family import Family, Subject, UnknownOperandError, find_operand
from node.engine.combat.operands.fight import (
    CHANNEL,
    COMBAT,
    ENEMIES,
    GCD,
    SWING,
    TARGET,
    TARGETS_HIT,
)
from node.engine.combat.operands.gear import EQUIPMENT, SET_BONUSES, TALENTS, TRINKETS
from node.engine.combat.operands.player import (
    PET,
    PET_BUFFS,
    PETS,
    PLAYERS,
    PROCS,
    RESOURCES,
    STATS,
)
from node.engine.combat.shapes import suggestion

if TYPE_CHECKING:
    from node.engine.combat.terms import Term
    from node.engine.combat.world import World

__all__ = ["FAMILIES", "UnknownOperandError", "operand"]

FAMILIES = (
    RESOURCES,
    COOLDOWNS,
    SPELLS,
    LAST,
    LAST_ON_GCD,
    SINCE,
    BUFFS,
    DEBUFFS,
    DOTS,
    PLAYERS,
    STATS,
    TALENTS,
    EQUIPMENT,
    SET_BONUSES,
    TRINKETS,
    SWING,
    GCD,
    CHANNEL,
    PETS,
    PET,
    PET_BUFFS,
    PROCS,
    TARGET,
    ENEMIES,
    TARGETS_HIT,
    COMBAT,
    NUMBERS,
    EVENT,
    FROM,
)  #: in the order of the reference
_BY_NAME = {family.name: family for family in reversed(FAMILIES)}


def operand(world: World, path: str, actor: str, *, in_spec: bool = False) -> Term:
    """Give the term for a path like `cd.kill_command.remaining`, as an actor sees it.

    What happens can be asked about in effects and triggers alone.  Raises UnknownOperandError.
    """
    asked = Subject(world, actor)
    name, *parts = path.split(".")
    if name not in _BY_NAME:
        known = [family for family in _BY_NAME if "." not in family]
        raise UnknownOperandError(f"there is no operand {path!r}", suggestion(name, known))
    family = _BY_NAME[name]
    if family is ENEMIES and parts[:1] == ["spell_targets_hit"]:
        family, parts = TARGETS_HIT, parts[1:]
    if family is PETS:
        family, parts = _pets(world, parts)
    if family.in_spec:
        if not in_spec:
            raise UnknownOperandError(f"{path!r} means nothing in a rotation", _IN_SPEC)
        if family is FROM:
            return _from(asked, path, parts)
    return find_operand(family, asked, path, parts)


_IN_SPEC = "effects and triggers of a spec can ask for it"


def _from(asked: Subject, path: str, parts: list[str]) -> Term:
    """Ask about the target where an effect began, not about the one that it reaches."""
    families = {"debuff": DEBUFFS, "dot": DOTS}
    if parts[:1] not in (["debuff"], ["dot"]):
        hint = "'from' goes before 'dot' or 'debuff'"
        raise UnknownOperandError(f"there is no operand {path!r}", hint)
    return find_operand(families[parts[0]], replace(asked, target=ORIGIN), path, parts[1:])


def _pets(world: World, parts: list[str]) -> tuple[Family, list[str]]:
    """Tell `pet.count`, `pet.wolf.active` and `pet.buff.frenzy.stacks` apart."""
    if parts[:1] == ["buff"]:
        return PET_BUFFS, parts[1:]
    return (PET if parts[:1] and parts[0] in world.pets else PETS), parts
