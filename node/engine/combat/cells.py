"""Which numbers a modifier of a document changes, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from node.engine.combat.formulas import Part, is_expression
from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

DAMAGE_STATS = {"damage": at.MULTIPLIER, "crit": at.CRIT_BONUS, "crit_damage": at.CRIT_DAMAGE}
CAST_STATS = {"cost": at.COST_FACTOR, "cast_time": at.CAST_FACTOR, "gcd": at.GCD_FACTOR}
TAKEN_STATS = {"damage": at.TAKEN_FACTOR, "crit": at.TAKEN_CRIT}
ACTOR_STATS = {
    "damage": at.DAMAGE,
    "crit": at.CRIT,
    "crit_damage": at.CRIT_MULTIPLIER,
    "haste": at.HASTE,
    "swing_speed": at.SWING_SPEED,
    "attack_power": at.ATTACK_POWER,
    "spell_power": at.SPELL_POWER,
}
RATING_STATS = {"haste_rating": "haste", "crit_rating": "crit"}
ATTRIBUTE_STATS = ("agility", "strength", "intellect")
REGEN, ARMOR = "regen", "armor"
_ADDED = ("crit", *RATING_STATS, *ATTRIBUTE_STATS)
_INHERITED = ("attack_power", "spell_power", "crit", "haste")
EVERY = "all"


@dataclass(frozen=True)
class Change:
    """One number that a modifier changes, and by how much per stack."""

    entity: Entity
    column: int
    adds: bool
    by: float
    formula: Part | None = None  #: what gives `by` when the aura is applied:
    unit: float = 1.0  #: what it is multiplied with
    less: float = 0.0  #: what is then taken off
    is_regen: bool = False
    inherited: bool = False  #: whether a pet has it of its owner


@dataclass(frozen=True)
class Modifying:
    """A modifier of a document, as somebody makes it."""

    document: Document
    pointer: str
    target: int | None = None  #: whose aura makes it
    by: float | None = None  #: instead of its own

    @property
    def stat(self) -> str:
        """What it changes."""
        stat: str = self.document["stat"]
        return stat

    @property
    def adds(self) -> bool:
        """Whether it adds, and does not multiply."""
        default = "add" if self.stat in _ADDED else "multiply"
        return bool(self.document.get("op", default) == "add")

    def change(self, entity: Entity, column: int, share: float = 1.0) -> Change:
        """Make the change of one number; a share of it where somebody inherits."""
        by = self.document.get("by", 0) if self.by is None else self.by
        less = 1.0 if self.document.get("op") == "factor" else 0.0
        unit = share if self.adds else 1.0
        if is_expression(by):
            formula = Part(by, join(self.pointer, "by"))
            return Change(entity, column, self.adds, 0.0, formula, unit, less)
        return Change(entity, column, self.adds, by * unit - less)


def changes(world: World, how: Modifying) -> Iterator[Change]:
    """Give every number that a modifier changes."""
    if how.target is not None:
        yield from _taken(world, how)
    elif how.stat == REGEN:
        yield from _regen(world, how)
    elif how.stat in CAST_STATS:
        yield from _casts(world, how)
    elif "abilities" in how.document or "schools" in how.document:
        yield from _damage(world, how)
    elif how.stat in ACTOR_STATS:
        yield from _actors(world, how, how.stat, 1.0)
    elif how.stat in RATING_STATS:
        yield from _ratings(world, how)
    elif how.stat in ATTRIBUTE_STATS:
        yield from _attributes(world, how)
    else:
        hint = "an aura on the target does"
        world.report.add(how.pointer, f"{how.stat!r} is not changed by this", hint)


def _actors(world: World, how: Modifying, stat: str, worth: float) -> Iterator[Change]:
    of = how.document.get("of", PLAYER)
    for name, share in _shares(world, how, stat):
        change = how.change(world.actors[name], ACTOR_STATS[stat], share * worth)
        yield replace(change, inherited=of == PLAYER != name)


def _shares(world: World, how: Modifying, stat: str) -> list[tuple[str, float]]:
    """Name the actors that a modifier reaches; a pet inherits a share of the player's."""
    of = how.document.get("of", PLAYER)
    if of != PLAYER or stat not in _INHERITED:
        return [(name, 1.0) for name in _reached(world, how, PLAYER)]
    pets = [unit for unit in world.units.values() if unit.pet]
    inherited = {unit.name: _inherited(unit.document.get("inherits", {}), stat) for unit in pets}
    return [(PLAYER, 1.0), *((name, share) for name, share in inherited.items() if share)]


def _inherited(inherits: Document, stat: str) -> float:
    """Give the share of the owner's changes that reaches a pet."""
    share: float = inherits.get(stat, 0)
    return 0.0 if stat in inherits.get("fixed", ()) else share


def _reached(world: World, how: Modifying, default: str) -> list[str]:
    """Name the actors that `of` means."""
    of = how.document.get("of", default)
    groups = {
        EVERY: list(world.units),
        "pets": [unit.name for unit in world.units.values() if unit.pet],
    }
    known = world.known("actor")
    if of not in groups and of not in known:
        world.report.unknown(join(how.pointer, "of"), "actor", of, {*known, *groups})
        return []
    return groups[of] if of in groups else [unit.name for unit in world.copies(of)]


def _ratings(world: World, how: Modifying) -> Iterator[Change]:
    stat = RATING_STATS[how.stat]
    if "diminishing" in world.profile:
        hint = f"change {stat!r}, as a fraction"
        world.report.add(how.pointer, "ratings that diminish do not change in a fight", hint)
    worth = 1 / world.profile["rating_per_percent"][stat] / 100
    yield from _actors(world, how, stat, worth)


def _attributes(world: World, how: Modifying) -> Iterator[Change]:
    """Change what an attribute is worth: power and crit."""
    for stat, source, unit in (
        ("attack_power", "attack_power_from", 1.0),
        ("spell_power", "spell_power_from", 1.0),
        ("crit", "crit_from", 0.01),
    ):
        if worth := world.spec.get(source, {}).get(how.stat, 0):
            yield from _actors(world, how, stat, worth * unit)


def _regen(world: World, how: Modifying) -> Iterator[Change]:
    if not how.document.get("resources"):
        world.report.add(how.pointer, "'regen' needs 'resources'", "name what comes back faster")
    for index, name in enumerate(how.document.get("resources", ())):
        place = join(join(how.pointer, "resources"), index)
        resource = world.find("resource", name, place)
        change = how.change(resource, at.BASE_RATE)
        yield Change(resource, at.BASE_RATE, how.adds, change.by, change.formula, is_regen=True)


def _casts(world: World, how: Modifying) -> Iterator[Change]:
    named = how.document.get("abilities")
    if named is None:
        hint = "name the abilities that it changes, or 'all'"
        world.report.add(how.pointer, f"{how.stat!r} needs 'abilities'", hint)
        return
    reached = set(_reached(world, how, EVERY)) if "of" in how.document else set(world.units)
    if named == EVERY:
        reached = set(_reached(world, how, PLAYER))
    for unit in world.units.values():
        for name, ability in unit.abilities.items():
            if unit.name in reached and (named == EVERY or name in named):
                yield how.change(ability, CAST_STATS[how.stat])
    known = {name for unit in world.units.values() for name in unit.abilities}
    _refuse_unknown(world, how, "ability", known)


def _damage(world: World, how: Modifying) -> Iterator[Change]:
    if how.stat not in DAMAGE_STATS:
        hint = f"these can: {', '.join((*DAMAGE_STATS, *CAST_STATS))}"
        text = f"{how.stat!r} cannot be changed for abilities or schools"
        world.report.add(how.pointer, text, hint)
        return
    for source in _sources(world, how):
        yield how.change(source, DAMAGE_STATS[how.stat])


def _sources(world: World, how: Modifying) -> list[Entity]:
    """Give the damage that `of`, `abilities` and `schools` mean."""
    named, schools = how.document.get("abilities", EVERY), how.document.get("schools")
    _refuse_unknown(world, how, "damage called", {name for _, name, _ in world.sources})
    default = EVERY if named != EVERY or how.target is not None else PLAYER
    reached = _reached(world, how, default)
    return [
        source
        for (actor, name, school), source in world.sources.items()
        if actor in reached
        and (named == EVERY or name in named)
        and (schools is None or school in schools)
    ]


def _refuse_unknown(world: World, how: Modifying, what: str, known: set[str]) -> None:
    named = how.document.get("abilities", EVERY)
    for index, name in enumerate(named if named != EVERY else ()):
        if name not in known:
            place = join(join(how.pointer, "abilities"), index)
            world.report.unknown(place, what, name, known)


def _taken(world: World, how: Modifying) -> Iterator[Change]:
    """Give what an aura on a target changes: its armour, and the damage that it takes."""
    target = how.target or 0
    if how.stat == ARMOR:
        yield how.change(world.targets[target], at.ARMOR_FACTOR)
    elif how.stat in TAKEN_STATS:
        for source in _sources(world, how):
            yield how.change(_taken_from(world, source, target), TAKEN_STATS[how.stat])
    else:
        hint = f"it changes {', '.join((*TAKEN_STATS, ARMOR))}"
        world.report.add(how.pointer, f"an aura on the target does not change {how.stat!r}", hint)


def _taken_from(world: World, source: Entity, target: int) -> Entity:
    """Give what a target makes of the damage of a source."""
    if at.TAKEN not in source.ints:
        row = [Entity(at.TAKEN_SIZE, {}, {at.TAKEN_FACTOR: 1.0}) for _ in world.targets]
        world.rows_taken[id(source)] = row
        world.taken += row
        source.ints[at.TAKEN] = row[0]
    return world.rows_taken[id(source)][target]
