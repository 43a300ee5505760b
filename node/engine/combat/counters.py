"""Names what kernels have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels import layout as at
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.engine.combat.image import Entity
    from node.engine.combat.rotation import Line
    from node.engine.combat.world import World

_SOURCE = {
    "hits": at.HITS,
    "crits": at.CRITS,
    "ticks": at.TICKS,
    "crit_ticks": at.CRIT_TICKS,
    "damage_milli": at.DEALT,
}
_AURA = {
    "uptime_ms": at.UPTIME,
    "stack_ms": at.STACK_TIME,
    "applications": at.APPLICATIONS,
    "refreshes": at.REFRESHES,
}
_RESOURCE = {
    "gained_milli": at.GAINED,
    "overflow_milli": at.OVERFLOW,
    "spent_milli": at.SPENT,
    "capped_ms": at.CAPPED,
}
_PROC = {"attempts": at.ATTEMPTS, "procs": at.PROCS}
_PET = {"uptime_ms": at.PRESENT, "summons": at.SUMMONS}


def counter_places(world: World, lines: list[Line]) -> dict[str, list[int]]:
    """Give where the numbers lie that add up to each counter of a result."""
    places: dict[str, list[int]] = {}
    for name, place in _places(world, lines):
        places.setdefault(name, []).append(place)
    return places


def _places(world: World, lines: list[Line]) -> Iterator[tuple[str, int]]:
    yield "fight.events", world.fight.offset + at.EVENTS
    for name, ability in world.abilities.items():
        yield f"ability.{name}.casts", ability.offset + at.CASTS
    for (actor, name), source in world.sources.items():
        owner = "ability" if actor == PLAYER else f"pet.{actor}"
        yield from _columns(f"{owner}.{name}", source, _SOURCE)
    for name in world.pets:
        yield from _columns(f"pet.{name}", world.actors[name], _PET)
    for kind, entities, columns in (
        ("aura", world.auras, _AURA),
        ("resource", world.resources, _RESOURCE),
        ("proc", world.procs, _PROC),
    ):
        for name, entity in entities.items():
            yield from _columns(f"{kind}.{name}", entity, columns)
    for line in lines:
        if line.entity.ints[at.OPERATION] == at.CAST:
            yield f"line.{line.label}.fired", line.entity.offset + at.FIRED


def _columns(prefix: str, entity: Entity, columns: dict[str, int]) -> Iterator[tuple[str, int]]:
    for name, column in columns.items():
        yield f"{prefix}.{name}", entity.offset + column
