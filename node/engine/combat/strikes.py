"""Turns the damage of a spec into what kernels deal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.attacks import aim
from node.engine.combat.formulas import Notes, Part, is_expression
from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.nodes import arithmetic, real_of
from node.engine.combat.shapes import join
from node.engine.combat.terms import times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.effects import Origin
    from node.engine.combat.nodes import Node
    from node.engine.combat.world import World

    Document = Mapping[str, Any]

_POWERS = (
    ("attack_power", at.PER_ATTACK_POWER, at.ATTACK_POWER),
    ("spell_power", at.PER_SPELL_POWER, at.SPELL_POWER),
)
_MODIFIED = {"all": at.BY_ALL, "taken": at.BY_TARGET, "none": at.BY_NOTHING}
_NO_CHANCE = -1.0


def strikes(
    world: World, about: Document, origin: Origin, place: str, pointer: str
) -> list[Entity]:
    """Build the damage of one actor; what a pet deals is dealt by each of its copies."""
    if "by" not in about:
        return [_strike(world, about, origin, origin.actor, place, pointer)]
    world.find("actor", about["by"], join(pointer, "by"))
    return [
        _strike(world, about, origin, unit.name, place, pointer)
        for unit in world.copies(about["by"])
    ]


def _strike(  # noqa: PLR0913, PLR0917 - what damage depends on
    world: World, about: Document, origin: Origin, actor: str, place: str, pointer: str
) -> Entity:
    added = about.get("crit_percent", 0)
    suppressed = world.profile.get("crit_suppressed_percent", 0)
    name, school = about.get("name", origin.name), about.get("school", "physical")
    entity = Entity(
        at.EFFECT_SIZE,
        {
            at.KIND: at.DEAL,
            at.ACTOR: world.actors[actor],
            at.SOURCE: world.source(actor, name, school),
            at.PHYSICAL: int(school == "physical" and not about.get("ignores_armor")),
            at.IS_TICK: int(origin.is_tick),
            at.FIXED: origin.fixed,
            at.SNAPSHOT_INDEX: len(origin.snapped),
            at.MODIFIED: _MODIFIED[about.get("modifiers", "all")],
            at.NEEDS_TARGET: 1,
        },
        {
            at.VARIANCE: about.get("variance", 0),
            at.CRIT_ADDED: ((0 if is_expression(added) else added) - suppressed) / 100,
            at.CRIT_CHANCE: about.get("crit_chance_percent", 100 * _NO_CHANCE) / 100,
        },
    )
    if about.get("travel", False):
        _let_travel(world, entity, origin, pointer)
    if origin.fixed:
        origin.snapped.append(entity)
    label = f"{actor}.{about.get('name', f'{origin.name}.{place}')}"
    _give_streams(world, entity, about, f"{label}.{'tick' if origin.is_tick else 'hit'}", pointer)
    if "attack" in about:
        aim(world, entity, about["attack"], label, join(pointer, "attack"))
    _give_power(world, entity, about, actor, pointer)
    if is_expression(added):
        Notes(world, actor).number(entity, at.CRIT_FORMULA, added, join(pointer, "crit_percent"))
    return entity


def _let_travel(world: World, entity: Entity, origin: Origin, pointer: str) -> None:
    if not origin.travel_ms:
        message = f"{origin.name!r} does not say how it travels"
        world.report.add(join(pointer, "travel"), message, 'give it "travel": {"ms": 500}')
    entity.ints[at.TRAVEL_MS] = origin.travel_ms
    if origin.missile:
        entity.ints[at.MISSILE] = origin.missile


def _give_streams(world: World, entity: Entity, about: Document, label: str, pointer: str) -> None:
    if about.get("can_crit", True):
        entity.ints[at.CRIT_STREAM] = world.stream(f"{label}.crit", pointer)
    if about.get("variance", 0):
        entity.ints[at.VARIANCE_STREAM] = world.stream(f"{label}.variance", pointer)
    if _is_range(about.get("base")):
        entity.ints[at.BASE_STREAM] = world.stream(f"{label}.base", pointer)


def _give_power(world: World, entity: Entity, about: Document, actor: str, pointer: str) -> None:
    """Let damage have its base and its part of power, which may be expressions."""
    base, notes = about.get("base", 0), Notes(world, actor)
    if _is_range(base):
        entity.reals[at.BASE_SPREAD] = base["max"] - base["min"]
        if base["max"] < base["min"]:
            world.report.add(join(pointer, "base"), "its 'max' is less than its 'min'")
        base = base["min"]
    values = {"base": base, **{name: about.get(name, 0) for name, _, _ in _POWERS}}
    if any(is_expression(value) for value in values.values()):
        parts = [Part(value, join(pointer, name)) for name, value in values.items()]
        power = world.actors[actor]
        notes.parts(entity, at.FORMULA, parts, lambda *terms: _sum(power, *terms))
    else:
        entity.reals[at.FLAT] = base
        entity.reals |= {column: about.get(name, 0) for name, column, _ in _POWERS}
    if "times" in about:
        notes.number(entity, at.TIMES_FORMULA, about["times"], join(pointer, "times"))


def _sum(actor: Entity, base: Node, *shares: Node) -> Node:
    terms = [
        times(share, real_of(actor, column))
        for share, (_, _, column) in zip(shares, _POWERS, strict=True)
    ]
    return arithmetic("+", [base, *terms])


def _is_range(base: Any) -> bool:
    return isinstance(base, dict) and "min" in base and "max" in base
