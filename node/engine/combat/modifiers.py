"""What changes stats: passives and mastery for good, auras while they are up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from node.engine.combat.cells import Change, Modifying, changes
from node.engine.combat.formulas import Notes
from node.engine.combat.image import Cell, Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.terms import minus, times
from node.engine.combat.world import PLAYER, TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.world import Unit, World

    Document = Mapping[str, Any]

_PACE = (at.HASTE, at.SWING_SPEED)


class _Use(NamedTuple):
    """A change of a cell that is made while an aura is up, or always."""

    aura: Entity
    change: Change
    on_player: bool = False


def modify(world: World) -> None:
    """Apply what is always on, and let each aura know what it changes."""
    cells: dict[tuple[int, int], list[_Use]] = {}
    for use in (*_permanent(world), *_temporary(world)):
        cells.setdefault((id(use.change.entity), use.change.column), []).append(use)
    listeners: dict[int, list[Entity]] = {}
    reappraised: dict[int, list[Entity]] = {}
    for uses in cells.values():
        uses.sort(key=lambda use: not use.change.adds)
        if all(use.aura is world.always for use in uses):
            uses[0].change.entity.reals[uses[0].change.column] = _value(uses)
            continue
        stat, modifiers = _stat(world, uses)
        for use, modifier in zip(uses, modifiers, strict=True):
            stats = listeners.setdefault(id(use.aura), [])
            if stat not in stats:
                stats.append(stat)
            if use.change.formula:
                reappraised.setdefault(id(use.aura), []).append(modifier)
    for instance in (entity for entities in world.instances.values() for entity in entities):
        _link(world, instance, (at.FIRST_STAT, at.END_STAT), listeners)
        _link(world, instance, (at.FIRST_REAPPRAISED, at.END_REAPPRAISED), reappraised)
    _let_beat(world)


def _let_beat(world: World) -> None:
    """Give pets that learn late of their owner's changes a clock, and what it brings them."""
    for name, late in world.late.items():
        unit = world.units[name]
        links = [
            Entity(at.LINK_SIZE, {at.LISTENER: modifier, at.EVENT_MASK: stat})
            for modifier, stat in late
        ]
        set_range(unit.entity, at.FIRST_LATE, at.END_LATE, links)
        world.links += links
        unit.entity.ints |= {
            at.BEAT_MS: unit.document["inherits"]["every_ms"],
            at.BEAT_SLOT: world.timer(at.BEAT, at.FIRST_TICK, unit.entity, unit.pointer),
        }
        world.fight.ints[at.BEAT_STREAM] = world.stream("pets.beat", unit.pointer)


def _permanent(world: World) -> Iterator[_Use]:
    mastery = world.spec.get("mastery", {})
    lists = (
        ("/spec/passives", world.spec.get("passives", ()), None),
        ("/spec/mastery/modifies", mastery.get("modifies", ()), world.character.mastery),
    )
    for pointer, modifiers, by in lists:
        for index, modifier in enumerate(modifiers):
            how = Modifying(modifier, f"{pointer}/{index}", by=by)
            found = list(changes(world, how))
            for change in found if world.choices.has(modifier) else ():
                yield _Use(world.always, change)


def _temporary(world: World) -> Iterator[_Use]:
    for name, aura in world.spec.get("auras", {}).items():
        for index, modifier in enumerate(aura.get("modifies", ())):
            pointer = f"/spec/auras/{name}/modifies/{index}"
            for number, instance in enumerate(world.instances[name]):
                target = number if aura["on"] == TARGET else None
                made = list(changes(world, Modifying(modifier, pointer, target=target)))
                for change in made if world.choices.has(modifier) else ():
                    yield _Use(instance, change, aura["on"] == PLAYER)


def _value(uses: list[_Use]) -> float:
    """Give what a cell comes to by what is always on."""
    value = uses[0].change.entity.reals.get(uses[0].change.column, 0.0)
    for use in uses:
        if use.change.adds:
            value += use.change.by
        else:
            value *= 1.0 + use.change.by
    return value


def _stat(world: World, uses: list[_Use]) -> tuple[Entity, list[Entity]]:
    change = uses[0].change
    built = [_modifier(world, use) for use in uses]
    stat = Entity(
        at.STAT_SIZE,
        {at.CELL: Cell(change.entity, change.column)},
        {at.BASE: change.entity.reals.get(change.column, 0.0)},
    )
    always = [use for use in uses if use.aura is world.always]
    if always:
        change.entity.reals[change.column] = _value(always)
    if any(change.entity is actor for actor in world.actors.values()) and change.column in _PACE:
        stat.ints[at.PACE_OF] = change.entity
    if any(change.entity is target for target in world.targets):
        stat.ints[at.CURVE] = at.ARMOR_CURVE
        stat.reals |= {
            at.BASE: world.config["target"]["armor"],
            at.CURVE_CONSTANT: world.profile["armor"]["constant"],
            at.CURVE_LIMIT: world.profile["armor"]["most_reduced"],
        }
    elif change.column == at.BASE_RATE and change.is_regen:
        stat.ints[at.REGEN_OF] = change.entity
    for use, modifier in zip(uses, built, strict=True):
        if use.on_player and (pet := _late_pet(world, change, inherited=use.change.inherited)):
            modifier.ints[at.LATE_TO] = pet.entity
            world.late.setdefault(pet.name, []).append((modifier, stat))
    set_range(stat, at.FIRST_MODIFIER, at.END_MODIFIER, built)
    world.modifiers += built
    world.stats.append(stat)
    return stat, built


def _late_pet(world: World, change: Change, *, inherited: bool) -> Unit | None:
    """Give the pet that a change of its owner's reaches late: what it inherits, and its regen."""
    for unit in world.units.values():
        own = (
            change.entity is unit.entity if inherited else change.entity in unit.resources.values()
        )
        if own and "every_ms" in unit.document.get("inherits", {}):
            return unit
    return None


def _modifier(world: World, use: _Use) -> Entity:
    change = use.change
    entity = Entity(
        at.MODIFIER_SIZE,
        {
            at.MODIFIER_AURA: use.aura,
            at.ADDED: int(change.adds),
            at.MODIFIER_FORMULA: at.NO_FORMULA,
        },
        {at.MODIFIER_VALUE: change.by},
    )
    if change.formula:
        unit, less = change.unit, change.less
        Notes(world).wrapped(
            entity,
            at.MODIFIER_FORMULA,
            change.formula.value,
            change.formula.pointer,
            lambda node: minus(times(node, unit), less),
        )
    return entity


def _link(
    world: World, aura: Entity, columns: tuple[int, int], listeners: dict[int, list[Entity]]
) -> None:
    links = [Entity(at.LINK_SIZE, {at.LISTENER: entity}) for entity in listeners.get(id(aura), ())]
    set_range(aura, *columns, links)
    world.links += links
