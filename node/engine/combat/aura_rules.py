"""Turns the auras of a spec into entities: one per target for those that targets have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.effects import Origin, bundle
from node.engine.combat.formulas import Notes, is_expression
from node.engine.combat.image import Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.world import TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

_REFRESH = {
    "reset": at.RESET,
    "rollover": at.ROLLOVER,
    "keep": at.KEEP,
    "extend": at.EXTEND,
}
_FIXED = {"power": at.POWER_FIXED, "crit": at.CRIT_FIXED, "haste": at.HASTE_FIXED}
_ALL_FIXED = sum(_FIXED.values())


def build_auras(world: World) -> None:
    """Fill the entities of every aura."""
    for name, aura in world.spec.get("auras", {}).items():
        _build_aura(world, name, aura)
    for effect, name, called, pointer in world.echoes:
        effect.ints[at.OTHER_BUNDLE] = _echo(world, name, called, pointer)
    _build_start(world)


def _build_aura(world: World, name: str, aura: Document) -> None:
    pointer = f"/spec/auras/{name}"
    places = (TARGET, *world.known("actor"))
    if aura["on"] not in places:
        world.report.unknown(f"{pointer}/on", "place", aura["on"], places)
    owner = world.find("actor", aura.get("by", "player"), f"{pointer}/by")
    columns = {
        at.MAX_STACKS: aura.get("stacks", 1),
        at.OWNER: owner,
        at.STRIDE: at.AURA_SIZE if len(world.instances[name]) > 1 else 0,
        at.MOST_AT_ONCE: aura.get("limit", 0),
        at.DURATION_FORMULA: at.NO_FORMULA,
        **_bundles(world, name, aura, pointer),
    }
    links, count = _tick(world, name, aura, columns, pointer)
    for number, instance in enumerate(world.instances[name]):
        instance.ints |= columns | {at.ENDED: at.LONG_AGO}
        instance.ints[at.ON_TARGET] = number if aura["on"] == TARGET else at.NO_TARGET
        instance.ints[at.EXPIRE_SLOT] = world.timer(at.EXPIRE, at.FIRST_OTHER, instance, pointer)
        instance.ints[at.TICK_SLOT] = world.timer(at.TICK, at.FIRST_TICK, instance, pointer)
        set_range(instance, at.FIRST_SNAPPED, at.END_SNAPPED, links)
        if count:
            snapshots = Entity(at.SNAPSHOT_SIZE * count)
            instance.ints[at.SNAPSHOTS] = snapshots
            world.snapshots.append(snapshots)
        _build_refresh(instance, aura.get("refresh", "reset"))
        _build_duration(world, instance, aura, pointer)


def _bundles(world: World, name: str, aura: Document, pointer: str) -> dict[int, Any]:
    return {
        column: bundle(world, aura[kind], Origin(name, f"{pointer}/{kind}", path=f"{kind}."))
        for kind, column in (("expires", at.END_BUNDLE), ("removed", at.REMOVED_BUNDLE))
        if kind in aura
    }


def _build_duration(world: World, instance: Entity, aura: Document, pointer: str) -> None:
    duration = aura.get("duration_ms", at.NEVER)
    if is_expression(duration):
        notes = Notes(world)
        notes.number(instance, at.DURATION_FORMULA, duration, f"{pointer}/duration_ms")
        duration = 1
    instance.ints[at.DURATION] = duration


def _build_refresh(entity: Entity, rule: str | Document) -> None:
    if isinstance(rule, str):
        entity.ints[at.REFRESH] = _REFRESH[rule]
        return
    entity.ints[at.REFRESH] = at.PANDEMIC_CARRY
    entity.ints[at.PANDEMIC_OF_BASE] = int(rule.get("of") == "base")
    entity.ints[at.WHOLE_TICKS] = int(rule.get("whole_ticks", False))
    entity.reals[at.PANDEMIC] = rule["pandemic"]


def _tick(
    world: World, name: str, aura: Document, columns: dict[int, Any], pointer: str
) -> tuple[list[Entity], int]:
    """Build the ticks of an aura, and give the links to the damage that it snapshots."""
    if "tick" not in aura:
        return [], 0
    tick, fixed = aura["tick"], _fixed(aura["tick"])
    origin = Origin(
        name,
        f"{pointer}/tick/effects",
        aura.get("by", "player"),
        is_tick=True,
        fixed=fixed & ~at.HASTE_FIXED,
    )
    columns |= {
        at.PERIOD: tick["period_ms"],
        at.TICK_HASTED: int(tick.get("hasted", False)),
        at.SNAPSHOT: fixed,
        at.PARTIAL_TICK: int(tick.get("partial", False)),
        at.TICKS_AT_START: int(tick.get("at_start", False)),
        at.TICK_BUNDLE: bundle(world, tick["effects"], origin),
    }
    links = [Entity(at.LINK_SIZE, {at.LISTENER: damage}) for damage in origin.snapped]
    world.links += links
    return links, len(links)


def _fixed(tick: Document) -> int:
    snapshot = tick.get("snapshot", False)
    if isinstance(snapshot, bool):
        return _ALL_FIXED if snapshot else 0
    return sum(_FIXED[what] for what in set(snapshot))


def _echo(world: World, name: str, called: str, pointer: str) -> Entity:
    """Build the damage of a tick once more, as hits of another name that roll only their crits."""
    aura = world.spec.get("auras", {}).get(name, {})
    tick = aura.get("tick", {"effects": []})
    effects = [
        {**effect, "damage": {**_certain(effect["damage"]), "name": called}}
        for effect in tick["effects"]
        if "damage" in effect
    ]
    fixed = _fixed(tick) & at.POWER_FIXED
    by = aura.get("by", "player")
    return bundle(world, effects, Origin(called, pointer, by, fixed=fixed))


def _certain(damage: Document) -> Document:
    """Give damage without what it rolls to land."""
    return {key: value for key, value in damage.items() if key != "attack"}


def _build_start(world: World) -> None:
    """Let auras be up from the first moment on."""
    start = [
        {"apply": {"aura": name, "stacks": aura["start"]}, "to": "all"}
        for name, aura in world.spec.get("auras", {}).items()
        if "start" in aura
    ]
    if start:
        world.fight.ints[at.START_BUNDLE] = bundle(world, start, Origin("start", "/spec/auras"))
