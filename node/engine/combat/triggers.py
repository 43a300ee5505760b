"""Turns the triggers of a spec into entities, and tells those they listen to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from node.engine.combat.effects import Origin, bundle
from node.engine.combat.formulas import Notes, is_expression
from node.engine.combat.image import Entity, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from node.engine.combat.world import World

    Document = Mapping[str, Any]

ANY, FIGHT = "any", "fight"
CAST_EVENTS = {"cast": at.ON_CAST}
DAMAGE_EVENTS = {
    "hit": at.ON_HIT,
    "crit": at.ON_CRIT,
    "miss": at.ON_MISS,
    "tick": at.ON_TICK,
    "crit_tick": at.ON_CRIT_TICK,
}
AURA_EVENTS = {
    "apply": at.ON_APPLY,
    "refresh": at.ON_REFRESH,
    "expire": at.ON_EXPIRE,
    "remove": at.ON_REMOVE,
}
FIGHT_EVENTS = {"start": at.ON_START}
LUCK = ("chance", "rppm", "deck", "accumulate")


class _Emitter(NamedTuple):
    """Something that can be heard."""

    entity: Entity
    ears: int
    events: Mapping[str, int]


def build_triggers(world: World) -> None:
    """Fill the entities of every trigger, and let them listen."""
    heard: dict[tuple[int, int], tuple[_Emitter, list[Entity]]] = {}
    for name, trigger in world.spec.get("triggers", {}).items():
        _build_trigger(world, name, trigger)
    for name, trigger in world.spec.get("triggers", {}).items():
        for source, events in trigger["on"].items():
            pointer = f"/spec/triggers/{name}/on/{source}"
            emitters = _emitters(world, source, events, trigger, pointer)
            for emitter in emitters if world.choices.has(trigger) else ():
                mask = sum({emitter.events.get(event, 0) for event in events})
                link = Entity(at.LINK_SIZE, {at.LISTENER: world.procs[name], at.EVENT_MASK: mask})
                key = (id(emitter.entity), emitter.ears)
                heard.setdefault(key, (emitter, []))[1].append(link)
    for emitter, links in heard.values():
        set_range(emitter.entity, emitter.ears + at.FIRST_LINK, emitter.ears + at.END_LINK, links)
        emitter.entity.ints[emitter.ears + at.HEARD] = _any_of(links)
        world.links += links


def _any_of(links: Sequence[Entity]) -> int:
    heard = 0
    for link in links:
        mask = link.ints[at.EVENT_MASK]
        heard |= mask if isinstance(mask, int) else 0
    return heard


def _build_trigger(world: World, name: str, trigger: Document) -> None:
    entity, pointer, notes = world.procs[name], f"/spec/triggers/{name}", Notes(world)
    kinds = [kind for kind in LUCK if kind in trigger]
    if len(kinds) > 1:
        world.report.add(pointer, f"a trigger has at most one of {', '.join(LUCK)}")
    origin = Origin(name, f"{pointer}/effects", path="trigger.")
    entity.ints |= {
        at.PROC_BUNDLE: bundle(world, trigger["effects"], origin),
        at.PROC_KIND: at.ALWAYS,
        at.PROC_CONDITION: at.NO_FORMULA,
        at.CHANCE_FORMULA: at.NO_FORMULA,
        at.READY_AT: at.LONG_AGO,
        at.ICD: trigger.get("icd_ms", 0),
        at.DELAY: trigger.get("delay_ms", 0),
        at.MAX_INTERVAL: at.NEVER,
    }
    if "if" in trigger:
        notes.condition(entity, at.PROC_CONDITION, trigger["if"], f"{pointer}/if")
    if kinds:
        entity.ints[at.PROC_STREAM] = world.stream(f"proc.{name}", pointer)
        _LUCK[kinds[0]](world, entity, trigger[kinds[0]], f"{pointer}/{kinds[0]}")


def _chance(world: World, entity: Entity, chance: Any, pointer: str) -> None:
    entity.ints[at.PROC_KIND] = at.FIXED_CHANCE
    if is_expression(chance):
        Notes(world).number(entity, at.CHANCE_FORMULA, chance, pointer)
    else:
        entity.reals[at.CHANCE] = chance


def _rppm(_world: World, entity: Entity, rppm: Document, _pointer: str) -> None:
    entity.ints |= {
        at.PROC_KIND: at.RPPM,
        at.LAST_SUCCESS: -rppm.get("head_start_ms", 0),
        at.MAX_INTERVAL: rppm.get("longest_interval_ms", at.NEVER),
        at.PROTECTED: int(rppm.get("protected", True)),
        at.PROC_HASTED: int(rppm.get("hasted", False)),
    }
    entity.reals[at.CHANCE] = rppm["rate"]


def _deck(world: World, entity: Entity, deck: Document, pointer: str) -> None:
    entity.ints |= {
        at.PROC_KIND: at.DECK,
        at.DECK_CARDS: deck["of"],
        at.DECK_SUCCESSES: deck["successes"],
    }
    if deck["successes"] > deck["of"]:
        world.report.add(pointer, "the deck has more successes than cards")


def _accumulate(_world: World, entity: Entity, chance: float, _pointer: str) -> None:
    entity.ints[at.PROC_KIND] = at.ACCUMULATED
    entity.reals[at.CHANCE] = chance


_LUCK: dict[str, Callable[[World, Entity, Any, str], None]] = {
    "chance": _chance,
    "rppm": _rppm,
    "deck": _deck,
    "accumulate": _accumulate,
}


def _emitters(
    world: World, source: str, events: Sequence[str], trigger: Document, pointer: str
) -> list[_Emitter]:
    """Give what a trigger hears by a name, and report events that cannot happen to it."""
    found = list(_named(world, source, trigger, pointer))
    if not found:
        known = {*world.known("ability"), *(called for _, called, _ in world.sources)}
        world.report.unknown(pointer, "source", source, {*known, *world.auras, ANY, FIGHT})
        return []
    possible = {event for emitter in found for event in emitter.events}
    for index, event in enumerate(events):
        if event not in possible:
            hint = f"there are: {', '.join(sorted(possible))}"
            world.report.add(join(pointer, index), f"{event!r} never happens to {source!r}", hint)
    return found


def _named(world: World, source: str, trigger: Document, pointer: str) -> Iterator[_Emitter]:
    if source == FIGHT:
        yield _Emitter(world.stage, 0, FIGHT_EVENTS)
    schools = trigger.get("schools")
    actors = _actors(world, trigger, pointer)
    for (actor, called, school), entity in world.sources.items():
        is_meant = source in (ANY, called) and (schools is None or school in schools)
        if is_meant and (actors is None or actor in actors):
            yield _Emitter(entity, 0, DAMAGE_EVENTS)
    for unit in world.units.values():
        for name, ability in unit.abilities.items():
            if source in (ANY, name) and (actors is None or unit.name in actors):
                yield _Emitter(ability, 0, CAST_EVENTS)
    for instance in world.instances.get(source, ()):
        yield _Emitter(instance, at.EARS, AURA_EVENTS)


def _actors(world: World, trigger: Document, pointer: str) -> set[str] | None:
    if "by" not in trigger:
        return None
    place = join(pointer.rsplit("/", 2)[0], "by")
    for index, name in enumerate(trigger["by"]):
        world.find("actor", name, join(place, index))
    pets = set(trigger["by"])
    return {unit.name for unit in world.units.values() if (unit.pet or unit.name) in pets}
