"""The attack tables of a game profile, as the player and each pet face them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.engine.combat.world import World

    Document = Mapping[str, Any]


def aim(world: World, entity: Entity, name: str, label: str, pointer: str) -> None:
    """Let an effect roll against a table of the profile."""
    tables = world.profile.get("attacks", {})
    if name not in tables:
        world.report.unknown(pointer, "attack table", name, tables)
        return
    if name not in world.tables:
        world.tables[name] = _table(world, tables[name])
    entity.ints[at.ATTACK_TABLE] = world.tables[name]
    entity.ints[at.ATTACK_STREAM] = world.stream(f"{label}.attack", pointer)


def check(world: World) -> None:
    """Report stats that a table counts on and the profile does not know the worth of."""
    rated = world.profile["rating_per_percent"]
    for stat in ("hit", "expertise"):
        for name in (f"{stat}_rating", f"{stat}_percent"):
            if name in world.config["player"]["stats"] and stat not in rated:
                hint = "no attack of this profile can fail"
                world.report.add(f"/player/stats/{name}", f"{stat} is worth nothing here", hint)
    for name, table in world.profile.get("attacks", {}).items():
        for key in ("less_miss", "less_dodge"):
            for stat in table.get(key, ()):
                if stat not in rated:
                    pointer = join(f"/profile/attacks/{name}", key)
                    hint = f"say in /profile/rating_per_percent what {stat!r} costs"
                    world.report.add(pointer, f"nobody knows what {stat!r} is worth", hint)


def _table(world: World, table: Document) -> Entity:
    missed = _left(world, table.get("miss_percent", 0), table.get("less_miss", ()))
    dodged = _left(world, table.get("dodge_percent", 0), table.get("less_dodge", ()))
    avoided = missed + dodged
    return Entity(
        at.TABLE_SIZE,
        {at.ONE_ROLL: int(table.get("one_roll", False))},
        {
            at.AVOIDED: avoided / 100,
            at.GLANCED: (avoided + table.get("glance_percent", 0)) / 100,
            at.GLANCE_FACTOR: table.get("glance_factor", 1),
        },
    )


def _left(world: World, chance: float, less: Sequence[str]) -> float:
    """Give what is left of a chance in percent when stats have lowered it."""
    lowered = chance - sum(world.character.aim.get(stat, 0.0) for stat in less)
    return max(0.0, lowered)
