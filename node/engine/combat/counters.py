"""Names what kernels have counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels import layout as at
from node.engine.combat.world import PLAYER
from node.engine.results import json_integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from node.engine.combat.image import Entity, IntArray
    from node.engine.combat.script import Line
    from node.engine.combat.world import Unit, World

    Places = dict[str, list[int]]

_SOURCE = {
    "hits": at.HITS,
    "crits": at.CRITS,
    "ticks": at.TICKS,
    "crit_ticks": at.CRIT_TICKS,
    "misses": at.MISSES,
    "glances": at.GLANCES,
    "damage_milli": at.DEALT,
}
_AURA_COUNTS = {"applications": at.APPLICATIONS, "refreshes": at.REFRESHES}
_AURA = {"uptime_ms": at.UPTIME, "stack_ms": at.STACK_TIME, **_AURA_COUNTS}
_REST = "target.rest"
_RESOURCE = {
    "gained_milli": at.GAINED,
    "overflow_milli": at.OVERFLOW,
    "spent_milli": at.SPENT,
    "capped_ms": at.CAPPED,
}
#: operations of a rotation that are done or carried out, not only read
_COUNTED = (*range(at.CALL), at.ASSIGN)
_PROC = {"attempts": at.ATTEMPTS, "procs": at.PROCS}


class Counters:
    """Where the numbers lie that add up to the counters of a result."""

    def __init__(self, world: World, lines: list[Line]) -> None:
        self._timeline = world.timeline
        self._sums = _Groups(_places(world, lines))
        self._of_targets = _Groups(_places_of_targets(world))
        self._most = _Groups(_extremes(world, at.MOST))
        self._least = _Groups(_extremes(world, at.LEAST))

    def read(self, sums: IntArray, damage: IntArray, lengths: IntArray) -> dict[str, int | str]:
        """Name the counters of fights that did this damage in these times.

        What a source never did to one of several targets is left out.
        """
        counters = {
            **self._sums.totals(sums),
            **{name: count for name, count in self._of_targets.totals(sums).items() if count},
            **self._timeline.times(lengths),
            "fight.length_ms": sum(lengths.tolist()),
            "fight.damage_milli": sum(damage.tolist()),
        }
        return {name: json_integer(count) for name, count in counters.items()}

    def extremes(self, sums: IntArray) -> dict[str, dict[str, int | str]]:
        """Name the least and the most damage that anything did at once."""
        least, most = self._least.greatest(sums), self._most.greatest(sums)
        return {
            name: {
                "min": json_integer(at.DAMAGE_LIMIT - missing),
                "max": json_integer(most[name]),
            }
            for name, missing in least.items()
            if missing
        }


class _Groups:
    """Named groups of places in the sums."""

    def __init__(self, places: Iterable[tuple[str, int]]) -> None:
        groups: Places = {}
        for name, place in places:
            groups.setdefault(name, []).append(place)
        sizes = [len(group) for group in groups.values()]
        self._names = tuple(groups)
        self._places = np.array([place for group in groups.values() for place in group], np.int64)
        self._starts = np.cumsum([0, *sizes])[:-1]

    def totals(self, sums: IntArray) -> dict[str, int]:
        """Add up each group."""
        return self._reduced(np.add, sums)

    def greatest(self, sums: IntArray) -> dict[str, int]:
        """Give the greatest of each group."""
        return self._reduced(np.maximum, sums)

    def _reduced(self, operation: np.ufunc, sums: IntArray) -> dict[str, int]:
        if not self._names:
            return {}
        reduced = operation.reduceat(sums[self._places], self._starts)
        return dict(zip(self._names, reduced.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Name:
    """Whose something is, and what it is called."""

    owner: str
    text: str


def names(world: World, lines: list[Line]) -> dict[int, Name]:
    """Name every entity that the log of a fight can be about, by its offset."""
    named = {line.entity.offset: Name(PLAYER, line.label) for line in lines}
    for name, instances in world.instances.items():
        named |= {entity.offset: Name(PLAYER, name) for entity in instances}
    named |= {entity.offset: Name(PLAYER, name) for name, entity in world.procs.items()}
    named |= {
        entity.offset: Name(PLAYER, f"target.{number}")
        for number, entity in enumerate(world.targets, 1)
    }
    for unit in world.units.values():
        owned = {unit.name: unit.entity, **unit.abilities, **unit.resources}
        named |= {entity.offset: Name(unit.name, name) for name, entity in owned.items()}
    for (actor, name, _), source in world.sources.items():
        named[source.offset] = Name(actor, name)
    return named


def _places(world: World, lines: list[Line]) -> Iterator[tuple[str, int]]:
    yield "fight.events", world.fight.offset + at.EVENTS
    for name, tally in _tallies(world):
        for row in range(world.rows):
            yield from _columns(name, tally, _SOURCE, row * at.TALLY_SIZE)
    for unit in world.units.values():
        yield from _unit_places(unit)
    for name, instances in world.instances.items():
        yield from _aura_places(f"aura.{name}", instances)
    for name, proc in world.procs.items():
        yield from _columns(f"proc.{name}", proc, _PROC)
    for line in lines:
        if line.entity.ints[at.OPERATION] in _COUNTED:
            yield f"line.{line.label}.fired", line.entity.offset + at.FIRED
    yield from world.timeline.places()


def _aura_places(prefix: str, instances: list[Entity]) -> Iterator[tuple[str, int]]:
    """Add up the aura over its targets, but not the time that it was up on several at once."""
    uptime = at.UPTIME_ANYWHERE if len(instances) > 1 else at.UPTIME
    yield f"{prefix}.uptime_ms", instances[0].offset + uptime
    for instance in instances:
        yield f"{prefix}.stack_ms", instance.offset + at.STACK_TIME
        yield from _columns(prefix, instance, _AURA_COUNTS)


def _unit_places(unit: Unit) -> Iterator[tuple[str, int]]:
    for name, ability in unit.abilities.items():
        yield f"{_owner(unit)}.{name}.casts", ability.offset + at.CASTS
    pet = f"pet.{unit.pet}." if unit.pet else ""
    for name, resource in unit.resources.items():
        yield from _columns(f"{pet}resource.{name}", resource, _RESOURCE)
    if unit.pet:
        yield f"pet.{unit.pet}.summons", unit.entity.offset + at.SUMMONS
        yield f"pet.{unit.pet}.copy_ms", unit.entity.offset + at.PRESENT
    if unit.pet == unit.name:  # of copies the first: together they are there longer than the fight
        yield f"pet.{unit.pet}.uptime_ms", unit.entity.offset + at.PRESENT


def _owner(unit: Unit) -> str:
    return f"pet.{unit.pet}" if unit.pet else "ability"


def _places_of_targets(world: World) -> Iterator[tuple[str, int]]:
    for row, target in enumerate(_targets(world)):
        for name, tally in _tallies(world):
            yield from _columns(f"{target}.{name}", tally, _SOURCE, row * at.TALLY_SIZE)
        for name, instances in world.instances.items():
            for number, instance in enumerate(instances[1:] and instances):
                if min(number, world.rows - 1) == row:
                    columns = _AURA_COUNTS if target == _REST else _AURA
                    yield from _columns(f"{target}.aura.{name}", instance, columns)


def _extremes(world: World, column: int) -> Iterator[tuple[str, int]]:
    for name, tally in _tallies(world):
        for row in range(world.rows):
            yield name, tally.offset + row * at.TALLY_SIZE + column
        for row, target in enumerate(_targets(world)):
            yield f"{target}.{name}", tally.offset + row * at.TALLY_SIZE + column


def _tallies(world: World) -> Iterator[tuple[str, Entity]]:
    for (actor, name), tally in world.tallies.items():
        yield f"{_owner(world.units[actor])}.{name}", tally


def _targets(world: World) -> list[str]:
    """Name the rows of a tally; one target alone needs no rows of its own."""
    count = len(world.targets)
    if count == 1:
        return []
    last = _REST if count > world.rows else f"target.{world.rows}"
    return [*(f"target.{number}" for number in range(1, world.rows)), last]


def _columns(
    prefix: str, entity: Entity, columns: dict[str, int], skipped: int = 0
) -> Iterator[tuple[str, int]]:
    for name, column in columns.items():
        yield f"{prefix}.{name}", entity.offset + skipped + column
