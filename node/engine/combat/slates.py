"""Turns what effects save and restore into entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.image import Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.effects import Origin
    from node.engine.combat.world import World

    Document = Mapping[str, Any]


def memory_effect(world: World, kind: str, about: Document, origin: Origin, pointer: str) -> Entity:
    """Build an effect that saves a slot or restores it."""
    slate = world.slates.setdefault(about["slot"], Entity(at.SLATE_SIZE))
    if kind == "restore":
        world.restored.append((about["slot"], join(pointer, "slot")))
        return Entity(at.EFFECT_SIZE, {at.KIND: at.RESTORE, at.OBJECT: slate})
    if at.FIRST_MEMORY in slate.ints:
        hint = "give one of them another slot"
        world.report.add(join(pointer, "slot"), "two effects save in this slot", hint)
    memories = list(_memories(world, about, origin, pointer))
    if not memories:
        world.report.add(pointer, "nothing is saved", "name auras, resources or numbers")
    set_range(slate, at.FIRST_MEMORY, at.END_MEMORY, memories)
    world.memories += memories
    return Entity(at.EFFECT_SIZE, {at.KIND: at.SAVE, at.OBJECT: slate})


def check_slates(world: World) -> None:
    """Report what is restored and never saved."""
    saved = [name for name, slate in world.slates.items() if at.FIRST_MEMORY in slate.ints]
    for name, pointer in world.restored:
        if name not in saved:
            world.report.unknown(pointer, "saved slot", name, saved)


def _memories(world: World, about: Document, origin: Origin, pointer: str) -> Iterator[Entity]:
    kinds = (
        ("auras", "aura", at.OF_AURA),
        ("resources", "resource", at.OF_RESOURCE),
        ("numbers", "number", at.OF_NUMBER),
    )
    for key, kind, code in kinds:
        for index, name in enumerate(about.get(key, ())):
            thing = world.find(kind, name, join(join(pointer, key), index), origin.actor)
            memory = Entity(at.MEMORY_SIZE, {at.MEMORY_KIND: code, at.MEMORY_OF: thing})
            if kind == "aura":
                memory.ints[at.MEMORY_COPY] = _copy(world, name)
            yield memory


def _copy(world: World, name: str) -> Entity:
    """Give a place for how an aura is; its snapshots are laid out when those of the aura are."""
    copy = Entity(at.AURA_SIZE)
    world.copied.append((copy, name))
    return copy


def build_copies(world: World) -> None:
    """Let the copies of auras have room for what their ticks snapshot."""
    for copy, name in world.copied:
        aura = world.auras.get(name, copy)
        original = aura.ints.get(at.SNAPSHOTS)
        if isinstance(original, Entity):
            snapshots = Entity(original.size)
            copy.ints |= {
                at.SNAPSHOTS: snapshots,
                at.FIRST_SNAPPED: aura.ints[at.FIRST_SNAPPED],
                at.END_SNAPPED: aura.ints[at.END_SNAPPED],
            }
            world.snapshots.append(snapshots)
