"""How long what somebody throws is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.world import World

    Document = Mapping[str, Any]


def flight(world: World, document: Document, pointer: str) -> int:
    """Give the milliseconds between a throw and its landing, 0 for what does not travel."""
    if "travel" not in document:
        return 0
    travel, place = document["travel"], f"{pointer}/travel"
    if ("ms" in travel) == ("yards_per_second" in travel):
        world.report.add(place, "a flight has either 'ms' or 'yards_per_second'")
        return 1
    distance = world.config["player"].get("distance_yards", 0)
    speed = travel.get("yards_per_second", 1)
    found: int = travel.get("ms", round(1000 * distance / speed))
    most: int = travel.get("most_ms", found)
    return max(1, min(found, most))
