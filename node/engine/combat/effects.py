"""Turns the effects of a spec into bundles that kernels carry out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.engine.combat.image import Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

_ALL_TARGETS = 1 << 20
_THOUSANDTHS = 1000


@dataclass(frozen=True)
class Origin:
    """Where a bundle of effects comes from."""

    name: str  #: what its damage is reported under
    pointer: str
    actor: str = PLAYER
    is_tick: bool = False
    snapshot: bool = False


def bundle(world: World, effects: Sequence[Document], origin: Origin) -> Entity:
    """Build the effects of one owner; they are carried out in their order."""
    built = [
        entity
        for index, effect in enumerate(effects)
        for entity in _effect(world, effect, origin, join(origin.pointer, index))
    ]
    entity = Entity(at.BUNDLE_SIZE)
    set_range(entity, at.FIRST_EFFECT, at.END_EFFECT, built)
    world.effects += built
    world.bundles.append(entity)
    return entity


def _effect(world: World, effect: Document, origin: Origin, pointer: str) -> list[Entity]:
    (kind, about), *_ = effect.items()
    pointer = join(pointer, kind)
    if kind == "damage":
        return _damage(world, about, origin, pointer)
    build = {
        "apply": (at.APPLY, "aura", about.get("stacks", 1)),
        "remove": (at.REMOVE, "aura", about.get("stacks", 0)),
        "gain": (at.GAIN, "resource", round(about.get("amount", 0) * _THOUSANDTHS)),
        "reduce_cooldown": (at.REDUCE_COOLDOWN, "ability", about.get("ms", 0)),
        "add_charges": (at.ADD_CHARGES, "ability", about.get("charges", 1)),
        "summon": (at.SUMMON, "pet", about.get("ms", at.NEVER)),
    }
    code, kind_of_thing, amount = build[kind]
    place = join(pointer, kind_of_thing)
    thing = world.find(kind_of_thing, about[kind_of_thing], place, origin.actor)
    columns = {at.KIND: code, at.OBJECT: thing, at.AMOUNT: amount, at.COUNT: about.get("count", 0)}
    return [Entity(at.EFFECT_SIZE, columns)]


def _damage(world: World, about: Document, origin: Origin, pointer: str) -> list[Entity]:
    """Build the damage of one actor; what a pet deals is dealt by each of its copies."""
    if "by" not in about:
        return [_strike(world, about, origin, origin.actor, pointer)]
    world.find("actor", about["by"], join(pointer, "by"))
    return [_strike(world, about, origin, unit.name, pointer) for unit in world.copies(about["by"])]


def _strike(world: World, about: Document, origin: Origin, actor: str, pointer: str) -> Entity:
    entity = Entity(
        at.EFFECT_SIZE,
        {
            at.KIND: at.DEAL,
            at.ACTOR: world.actors[actor],
            at.SOURCE: world.source(actor, about.get("name", origin.name)),
            at.PHYSICAL: _is_physical(about),
            at.AREA: _area(about),
            at.IS_TICK: int(origin.is_tick),
            at.USES_SNAPSHOT: int(origin.snapshot),
        },
        {
            at.FLAT: about.get("base", 0),
            at.PER_ATTACK_POWER: about.get("attack_power", 0),
            at.PER_SPELL_POWER: about.get("spell_power", 0),
            at.VARIANCE: about.get("variance", 0),
        },
    )
    _give_streams(world, entity, about, f"{actor}.{_label(about, origin, pointer)}", pointer)
    return entity


def _is_physical(about: Document) -> int:
    return int(about.get("school", "physical") == "physical" and not about.get("ignores_armor"))


def _area(about: Document) -> int:
    area = about.get("area", False)
    if isinstance(area, bool):
        return _ALL_TARGETS if area else 1
    return int(area)


def _label(about: Document, origin: Origin, pointer: str) -> str:
    """Name a call site so that effects of other names can come and go beside it."""
    index = pointer.rsplit("/", 2)[-2]
    name = about.get("name", f"{origin.name}.{index}")
    return f"{name}.{'tick' if origin.is_tick else 'hit'}"


def _give_streams(world: World, entity: Entity, about: Document, label: str, pointer: str) -> None:
    if about.get("can_crit", True):
        entity.ints[at.CRIT_STREAM] = world.stream(f"{label}.crit", pointer)
    if about.get("variance", 0):
        entity.ints[at.VARIANCE_STREAM] = world.stream(f"{label}.variance", pointer)
