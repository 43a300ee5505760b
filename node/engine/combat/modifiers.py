"""What changes stats: passives and mastery for good, auras while they are up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from node.engine.combat.image import Cell, Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.schema import ABILITY_STATS, STATS
from node.engine.combat.shapes import join
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

_ACTOR_COLUMNS = {
    "damage": at.DAMAGE,
    "crit": at.CRIT,
    "haste": at.HASTE,
    "swing_speed": at.SWING_SPEED,
    "attack_power": at.ATTACK_POWER,
    "spell_power": at.SPELL_POWER,
}
_ABILITY_COLUMNS = {"cost": at.COST_FACTOR, "cast_time": at.CAST_FACTOR}
_SOURCE_COLUMNS = {"damage": at.MULTIPLIER, "crit": at.CRIT_BONUS}
_ADDED = ("crit",)
_INHERITED = ("attack_power", "spell_power", "crit", "haste")
_PACE = (at.HASTE, at.SWING_SPEED)


class Change(NamedTuple):
    """One number that a modifier changes, and by how much per stack."""

    entity: Entity
    column: int
    adds: bool
    by: float


def modify(world: World) -> None:
    """Apply what is always on, and let each aura know what it changes."""
    _apply_for_good(world)
    targets: dict[tuple[int, int], tuple[Change, list[tuple[Entity, float]]]] = {}
    for name, aura in world.spec.get("auras", {}).items():
        for index, modifier in enumerate(aura.get("modifies", ())):
            pointer = f"/spec/auras/{name}/modifies/{index}"
            changes = list(_changes(world, modifier, modifier["by"], pointer))
            for change in changes if world.choices.has(modifier) else ():
                key = (id(change.entity), change.column)
                targets.setdefault(key, (change, []))[1].append((world.auras[name], change.by))
    listeners: dict[int, list[Entity]] = {}
    for change, modifiers in targets.values():
        stat = _stat(world, change, modifiers)
        for aura_entity, _ in modifiers:
            stats = listeners.setdefault(id(aura_entity), [])
            if stat not in stats:
                stats.append(stat)
    for entity in world.auras.values():
        _link(world, entity, listeners.get(id(entity), []))


def _apply_for_good(world: World) -> None:
    mastery = world.spec.get("mastery", {})
    lists = (
        ("/spec/passives", world.spec.get("passives", ()), None),
        ("/spec/mastery/modifies", mastery.get("modifies", ()), world.character.mastery),
    )
    for pointer, modifiers, by in lists:
        for index, modifier in enumerate(modifiers):
            amount = modifier["by"] if by is None else by
            changes = list(_changes(world, modifier, amount, join(pointer, index)))
            for change in changes if world.choices.has(modifier) else ():
                value = change.entity.reals.get(change.column, 0.0)
                changed = value + change.by if change.adds else value * (1.0 + change.by)
                change.entity.reals[change.column] = changed


def _changes(world: World, modifier: Document, by: float, pointer: str) -> Iterator[Change]:
    stat = modifier["stat"]
    if "abilities" in modifier:
        yield from _ability_changes(world, modifier, by, pointer)
    elif stat not in STATS:
        world.report.add(pointer, f"{stat!r} needs 'abilities'", "name the abilities it changes")
    else:
        for name, share in _shares(world, modifier, pointer):
            column = _ACTOR_COLUMNS[stat]
            yield Change(world.actors[name], column, stat in _ADDED, by * share)


def _shares(world: World, modifier: Document, pointer: str) -> list[tuple[str, float]]:
    """Name the actors that a modifier reaches; a pet inherits a share of the player's."""
    of = modifier.get("of", PLAYER)
    pets = [unit for unit in world.units.values() if unit.pet]
    groups = {"all": list(world.units), "pets": [unit.name for unit in pets]}
    if of in groups:
        return [(name, 1.0) for name in groups[of]]
    known = world.known("actor")
    if of not in known:
        world.report.unknown(join(pointer, "of"), "actor", of, {*known, *groups})
        return []
    if of != PLAYER or modifier["stat"] not in _INHERITED:
        return [(unit.name, 1.0) for unit in world.copies(of)]
    inherited = {
        unit.name: unit.document.get("inherits", {}).get(modifier["stat"], 0) for unit in pets
    }
    return [(PLAYER, 1.0), *((name, share) for name, share in inherited.items() if share)]


def _ability_changes(world: World, modifier: Document, by: float, pointer: str) -> Iterator[Change]:
    stat = modifier["stat"]
    if stat not in ABILITY_STATS:
        hint = f"these can: {', '.join(ABILITY_STATS)}"
        world.report.add(pointer, f"{stat!r} cannot be changed for abilities", hint)
        return
    for index, name in enumerate(modifier["abilities"]):
        place = join(join(pointer, "abilities"), index)
        if stat in _ABILITY_COLUMNS:
            cast = [unit.abilities[name] for unit in world.units.values() if name in unit.abilities]
            for ability in cast or [world.find("ability", name, place)]:
                yield Change(ability, _ABILITY_COLUMNS[stat], adds=False, by=by)
            continue
        sources = [entity for key, entity in world.sources.items() if key[1] == name]
        if not sources:
            world.report.unknown(place, "damage called", name, {key[1] for key in world.sources})
        for source in sources:
            yield Change(source, _SOURCE_COLUMNS[stat], stat in _ADDED, by)


def _stat(world: World, change: Change, modifiers: list[tuple[Entity, float]]) -> Entity:
    built = [
        Entity(at.MODIFIER_SIZE, {at.MODIFIER_AURA: aura}, {at.MODIFIER_VALUE: by})
        for aura, by in modifiers
    ]
    stat = Entity(
        at.STAT_SIZE,
        {at.CELL: Cell(change.entity, change.column), at.ADDS: int(change.adds)},
        {at.BASE: change.entity.reals.get(change.column, 0.0)},
    )
    is_actor = any(change.entity is actor for actor in world.actors.values())
    if is_actor and change.column in _PACE:
        stat.ints[at.PACE_OF] = change.entity
    set_range(stat, at.FIRST_MODIFIER, at.END_MODIFIER, built)
    world.modifiers += built
    world.stats.append(stat)
    return stat


def _link(world: World, aura: Entity, stats: list[Entity]) -> None:
    links = [Entity(at.LINK_SIZE, {at.LISTENER: stat}) for stat in stats]
    set_range(aura, at.FIRST_STAT, at.END_STAT, links)
    world.links += links
