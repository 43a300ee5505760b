"""Turns the effects of a spec into bundles that kernels carry out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from node.engine.combat.attacks import aim
from node.engine.combat.choices import KINDS
from node.engine.combat.formulas import Notes, is_expression
from node.engine.combat.image import Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join
from node.engine.combat.slates import memory_effect
from node.engine.combat.strikes import strikes
from node.engine.combat.terms import times
from node.engine.combat.world import PLAYER, TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

ALL_TARGETS = 1 << 20
_THOUSANDTHS = 1000
_BESIDE = ("if", "to", "notes", *KINDS)


@dataclass(frozen=True)
class Origin:
    """Where a bundle of effects comes from."""

    name: str  #: what its damage is reported under
    pointer: str
    actor: str = PLAYER
    is_tick: bool = False
    fixed: int = 0  #: what of its damage the snapshot of an aura holds
    travel_ms: int = 0  #: how long its missiles fly
    missile: Entity | None = None  #: the ability that throws them
    path: str = ""  #: tells its call sites from those of other bundles of that name
    snapped: list[Entity] = field(default_factory=list)  #: the damage that a snapshot holds

    def inside(self, pointer: str, index: int) -> Origin:
        """Give the origin of effects within the effect at an index; no snapshot holds them."""
        path = f"{self.path}{index}."
        return replace(self, pointer=pointer, fixed=0, path=path, snapped=[])


class _Kind(NamedTuple):
    """A kind of effect that changes something by an amount."""

    code: int
    thing: str
    amount: str = ""
    default: int = 0
    unit: int = 1


_KINDS = {
    "apply": _Kind(at.APPLY, "aura", "stacks", 1),
    "remove": _Kind(at.REMOVE, "aura", "stacks"),
    "gain": _Kind(at.GAIN, "resource", "amount", unit=_THOUSANDTHS),
    "drain": _Kind(at.DRAIN, "resource", "amount", unit=_THOUSANDTHS),
    "reduce_cooldown": _Kind(at.REDUCE_COOLDOWN, "ability", "ms"),
    "reset_cooldown": _Kind(at.RESET_COOLDOWN, "ability"),
    "start_cooldown": _Kind(at.START_COOLDOWN, "ability"),
    "add_charges": _Kind(at.ADD_CHARGES, "ability", "charges", 1),
    "summon": _Kind(at.SUMMON, "pet", "ms", at.NEVER),
    "dismiss": _Kind(at.DISMISS, "pet"),
}


def bundle(world: World, effects: Sequence[Document], origin: Origin) -> Entity:
    """Build the effects of one owner; they are carried out in their order."""
    built = [
        entity
        for index, effect in enumerate(effects)
        for entity in _effect(world, effect, origin, index)
    ]
    entity = Entity(at.BUNDLE_SIZE)
    set_range(entity, at.FIRST_EFFECT, at.END_EFFECT, built)
    world.effects += built
    world.bundles.append(entity)
    return entity


def snapshots(world: World, damage: Sequence[Entity]) -> Entity:
    """Build what takes a snapshot of damage that no aura deals."""
    for dealt in damage:
        place = Entity(at.SNAPSHOT_SIZE)
        dealt.ints[at.SNAPSHOT_AT] = place
        world.snapshots.append(place)
    formulas = dict.fromkeys(at.FORMULAS, at.NO_FORMULA)
    built = [
        Entity(
            at.EFFECT_SIZE,
            {at.KIND: at.TAKE_SNAPSHOT, at.OBJECT: dealt, at.REACH: 1, **formulas},
        )
        for dealt in damage
    ]
    entity = Entity(at.BUNDLE_SIZE)
    set_range(entity, at.FIRST_EFFECT, at.END_EFFECT, built)
    world.effects += built
    world.bundles.append(entity)
    return entity


def _effect(world: World, effect: Document, origin: Origin, index: int) -> list[Entity]:
    (kind,) = (key for key in effect if key not in _BESIDE)
    pointer, about = join(origin.pointer, index), effect[kind]
    built = _built(world, kind, about, origin, index, join(pointer, kind))
    for entity in built:
        entity.ints = {**dict.fromkeys(at.FORMULAS, at.NO_FORMULA), **entity.ints}
        _reach(entity, effect.get("to", TARGET))
        if "if" in effect:
            notes = Notes(world, origin.actor)
            notes.condition(entity, at.EFFECT_CONDITION, effect["if"], join(pointer, "if"))
    return built if _counts(world, effect, about) else []


def _counts(world: World, effect: Document, about: Document) -> bool:
    """Tell whether the player has what an effect, and the aura that it applies, needs."""
    aura = world.spec.get("auras", {}).get(about.get("aura"), {})
    return world.choices.has(effect) and world.choices.has(aura)


def _built(  # noqa: PLR0913, PLR0917 - what an effect is made of
    world: World, kind: str, about: Document, origin: Origin, index: int, pointer: str
) -> list[Entity]:
    if kind == "damage":
        return strikes(world, about, origin, f"{origin.path}{index}", pointer)
    if kind == "tick":
        return [_extra_tick(world, about, origin, pointer)]
    if kind == "spread":
        return [
            _at_target(Entity(at.EFFECT_SIZE, {at.KIND: at.SPREAD, at.OBJECT: aura}))
            for aura in _debuffs(world, about["auras"], join(pointer, "auras"))
        ]
    if kind == "set":
        return [_number(world, about, origin, pointer)]
    if kind == "after":
        inner = origin.inside(join(pointer, "effects"), index)
        entity = Entity(at.EFFECT_SIZE, {at.KIND: at.AFTER})
        entity.ints[at.OBJECT] = bundle(world, about["effects"], inner)
        _amount(world, entity, about, _Kind(at.AFTER, "", "ms"), origin, pointer)
        return [entity]
    return [
        _attack(world, about, origin, index, pointer)
        if kind == "attack"
        else _change(world, kind, about, origin, pointer)
    ]


def roll(world: World, table: str, origin: Origin, place: str = "") -> Entity:
    """Build a roll against an attack table, for something that may fail as a whole."""
    source = world.source(origin.actor, origin.name, "physical")
    actor = world.actors[origin.actor]
    entity = Entity(at.EFFECT_SIZE, {at.KIND: at.ATTACK, at.ACTOR: actor, at.SOURCE: source})
    aim(world, entity, table, f"{origin.actor}.{origin.name}.{origin.path}{place}", origin.pointer)
    return entity


def _attack(world: World, about: Document, origin: Origin, index: int, pointer: str) -> Entity:
    name = about.get("name", origin.name)
    about_roll = replace(origin, name=name, pointer=join(pointer, "table"))
    entity = roll(world, about["table"], about_roll, str(index))
    for key, column in (("effects", at.OBJECT), ("missed", at.OTHER_BUNDLE)):
        inner = origin.inside(join(pointer, key), index)
        inner = replace(inner, path=f"{inner.path}{key}.")
        entity.ints[column] = bundle(world, about.get(key, ()), inner)
    return _at_target(entity)


def _change(world: World, kind: str, about: Document, origin: Origin, pointer: str) -> Entity:
    if kind == "think":
        actor = world.actors[origin.actor]
        return Entity(at.EFFECT_SIZE, {at.KIND: at.THINK, at.ACTOR: actor})
    if kind in ("save", "restore"):
        return memory_effect(world, kind, about, origin, pointer)
    rule = _KINDS[kind]
    place = join(pointer, rule.thing)
    thing = world.find(rule.thing, about[rule.thing], place, origin.actor)
    columns = {at.KIND: rule.code, at.OBJECT: thing, at.COUNT: about.get("count", 0)}
    entity = Entity(at.EFFECT_SIZE, columns)
    _amount(world, entity, about, rule, origin, pointer)
    if rule.thing == "aura" and _is_debuff(world, about["aura"]):
        _at_target(entity)
    if kind == "apply":
        entity.ints[at.STACKS_ONLY] = int(not about.get("refresh", True))
        entity.ints[at.ANEW] = int(about.get("restart", False))
        notes = Notes(world, origin.actor)
        for name, column in (("amount", at.KEPT_FORMULA), ("duration_ms", at.SPAN_FORMULA)):
            if name in about:
                notes.number(entity, column, about[name], join(pointer, name))
    return entity


def _amount(  # noqa: PLR0913, PLR0917 - what an amount depends on
    world: World, entity: Entity, about: Document, rule: _Kind, origin: Origin, pointer: str
) -> None:
    value = about.get(rule.amount, rule.default / rule.unit)
    if not is_expression(value):
        entity.ints[at.AMOUNT] = round(value * rule.unit)
        return
    notes, unit = Notes(world, origin.actor), float(rule.unit)
    place = join(pointer, rule.amount)
    notes.wrapped(entity, at.FORMULA, value, place, lambda node: times(node, unit))


def _extra_tick(world: World, about: Document, origin: Origin, pointer: str) -> Entity:
    name = about["aura"]
    aura = world.find("aura", name, join(pointer, "aura"))
    entity = Entity(at.EFFECT_SIZE, {at.KIND: at.EXTRA_TICK, at.OBJECT: aura})
    scale = about.get("scale", 1)
    if is_expression(scale):
        Notes(world, origin.actor).number(entity, at.FORMULA, scale, join(pointer, "scale"))
    else:
        entity.reals[at.FLAT] = scale
    if "tick" not in world.spec.get("auras", {}).get(name, {"tick": {}}):
        world.report.add(join(pointer, "aura"), f"the aura {name!r} does not tick")
    elif "name" in about:
        world.echoes.append((entity, name, about["name"], pointer))
    return _at_target(entity) if _is_debuff(world, name) else entity


def _number(world: World, about: Document, origin: Origin, pointer: str) -> Entity:
    number = world.find("number", about["number"], join(pointer, "number"))
    if ("value" in about) == ("add" in about):
        world.report.add(pointer, "a number is set to a 'value' or gets something to 'add'")
    kind, name = (at.ADD, "add") if "add" in about else (at.SET, "value")
    entity = Entity(at.EFFECT_SIZE, {at.KIND: kind, at.OBJECT: number})
    value = about.get(name, 0)
    if is_expression(value):
        Notes(world, origin.actor).number(entity, at.FORMULA, value, join(pointer, name))
    else:
        entity.reals[at.FLAT] = value
    return entity


def _debuffs(world: World, names: Sequence[str], pointer: str) -> list[Entity]:
    for index, name in enumerate(names):
        place = join(pointer, index)
        world.find("aura", name, place)
        if name in world.auras and not _is_debuff(world, name):
            world.report.add(place, f"{name!r} is not on targets, and cannot spread to others")
    return [world.auras[name] for name in names if name in world.auras]


def _is_debuff(world: World, name: str) -> bool:
    return bool(world.spec.get("auras", {}).get(name, {}).get("on") == TARGET)


def _at_target(entity: Entity) -> Entity:
    entity.ints[at.NEEDS_TARGET] = 1
    return entity


def _reach(entity: Entity, to: str | Document) -> None:
    """Let an effect reach the targets that `to` names."""
    if isinstance(to, str):
        entity.ints[at.REACH] = 1 if to == TARGET else ALL_TARGETS
        entity.ints[at.SPARES_OWN] = int(to == "others")
    else:
        entity.ints[at.REACH] = to.get("most", to.get("others"))
        entity.ints[at.SPARES_OWN] = int("others" in to)
