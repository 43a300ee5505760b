"""The entities of one config, by kind and name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.engine.combat.character import character
from node.engine.combat.choices import Choices
from node.engine.combat.code import Code
from node.engine.combat.encounter import Encounter
from node.engine.combat.image import Entity
from node.engine.combat.kernels import agenda
from node.engine.combat.kernels import layout as at
from node.engine.combat.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.formulas import Formula
    from node.engine.combat.shapes import Report

    Document = Mapping[str, Any]

PLAYER = "player"
TARGET = "target"
MOST_ROWS = 8  #: of a tally; the targets from the eighth on are counted together


@dataclass(eq=False)
class Unit:
    """Who acts: the player, a pet, or one of several copies of a pet."""

    name: str
    pet: str  #: what it is called in the spec and reported under; empty for the player
    document: Document  #: with its abilities, resources, swing and, for a pet, rotation
    pointer: str
    entity: Entity
    abilities: dict[str, Entity]
    resources: dict[str, Entity]


class World:
    """What the parts of a config know of each other."""

    def __init__(self, config: Document, report: Report) -> None:
        self.config = config
        self.report = report
        self.spec: Document = config["spec"]
        self.profile: Document = config["profile"]
        self.character = character(self.profile, self.spec, config["player"])
        self.choices = Choices(self.spec, config["player"])
        self.code = Code()
        self.fight = Entity(at.FIGHT_SIZE)
        self.units = {unit.name: unit for unit in self._units()}
        self.actors = {name: unit.entity for name, unit in self.units.items()}
        self.abilities = self.units[PLAYER].abilities
        self.encounter = Encounter(config)
        self.targets = [Entity(at.TARGET_SIZE) for _ in range(self.encounter.enemies)]
        self.instances = {
            name: [Entity(at.AURA_SIZE) for _ in (self.targets if aura["on"] == TARGET else "1")]
            for name, aura in self.spec.get("auras", {}).items()
        }  #: one per target for what targets have
        self.auras = {name: instances[0] for name, instances in self.instances.items()}
        self.resources = self.units[PLAYER].resources
        self.procs = {name: Entity(at.PROC_SIZE) for name in self.spec.get("triggers", {})}
        self.numbers = {
            name: Entity(at.NUMBER_SIZE + len(self.targets if "of" in number else "1"))
            for name, number in self.spec.get("numbers", {}).items()
        }
        self.formulas: list[Formula] = []
        #: extra ticks that are reported apart: effect, aura, what it is called, place
        self.echoes: list[tuple[Entity, str, str, str]] = []
        self.always = Entity(1, {at.STACKS: 1})  #: an aura that is always up
        self.stage = Entity(at.EARS_SIZE)  #: tells of the fight itself
        self.sources: dict[tuple[str, str, str], Entity] = {}
        self.tallies: dict[tuple[str, str], Entity] = {}
        self.timeline = Timeline(config)
        self.rows = min(len(self.targets), MOST_ROWS)
        self.streams: dict[str, Entity] = {}
        self.effects: list[Entity] = []
        self.bundles: list[Entity] = []
        self.links: list[Entity] = []
        self.snapshots: list[Entity] = []
        self.slates: dict[str, Entity] = {}  #: what effects save and restore, by name
        self.memories: list[Entity] = []
        self.restored: list[tuple[str, str]] = []  #: slot, place
        self.copied: list[tuple[Entity, str]] = []  #: a copy of an aura, its name
        self.taken: list[Entity] = []
        self.tables: dict[str, Entity] = {}
        self.late: dict[str, list[tuple[Entity, Entity]]] = {}
        self.rows_taken: dict[int, list[Entity]] = {}  #: by the id of a source, one per target
        self.stats: list[Entity] = []
        self.modifiers: list[Entity] = []
        self.slots: list[Entity] = []
        self.happenings: list[Entity] = []
        self.own_numbers: list[Entity] = []  #: links to what every target has of its own

    @property
    def distance(self) -> float:
        """How far the player is from the target, in yards."""
        yards: float = self.config["player"].get("distance_yards", 0.0)
        return yards

    @property
    def trinkets(self) -> dict[int, str]:
        """The abilities of the player's trinkets by slot."""
        return dict(enumerate(self.config["player"].get("trinkets", ()), 1))

    @property
    def pets(self) -> Document:
        """The pets of the spec, by name."""
        pets: Document = self.spec.get("pets", {})
        return pets

    def _units(self) -> Iterator[Unit]:
        yield _unit(PLAYER, "", self.spec, "/spec")
        for pet, document in self.pets.items():
            for number in range(1, document.get("count", 1) + 1):
                name = pet if number == 1 else f"{pet}.{number}"
                yield _unit(name, pet, document, f"/spec/pets/{pet}")

    def copies(self, actor: str) -> list[Unit]:
        """Give the player, or every copy of a pet."""
        if actor == PLAYER:
            return [self.units[PLAYER]]
        return [unit for unit in self.units.values() if unit.pet == actor]

    def known(self, kind: str, actor: str = PLAYER) -> dict[str, Entity]:
        """Give the entities of a kind by the names that an actor's document may use.

        What is its own goes before what is the player's; `wolf.focus` is a certain pet's.
        Pets cast only what is their own; the player may let a pet cast.
        """
        if kind == "spell" and actor != PLAYER:
            return self.units[actor].abilities
        if kind in ("ability", "spell", "resource"):
            found: dict[str, Entity] = {}
            for pet in self.pets:
                own = _own(self.units[pet], kind)
                found |= {f"{pet}.{name}": entity for name, entity in own.items()}
            return found | _own(self.units[PLAYER], kind) | _own(self.units[actor], kind)
        return {
            "actor": {PLAYER: self.actors[PLAYER], **{pet: self.actors[pet] for pet in self.pets}},
            "aura": self.auras,
            "number": self.numbers,
            "pet": {pet: self.actors[pet] for pet in self.pets},
        }[kind]

    def find(self, kind: str, name: str, pointer: str, actor: str = PLAYER) -> Entity:
        """Give an entity by name, or report that there is none and give one that is not used."""
        known = self.known(kind, actor)
        if name not in known:
            self.report.unknown(pointer, "ability" if kind == "spell" else kind, name, known)
        return known.get(name, Entity(at.AURA_SIZE))

    def about(self, ability: Entity) -> Document:
        """Give what the spec says of an ability."""
        found: Document = next(
            unit.document["abilities"][name]
            for unit in self.units.values()
            for name, entity in unit.abilities.items()
            if entity is ability
        )
        return found

    def source(self, actor: str, name: str, school: str) -> Entity:
        """Give what the damage of an actor is reported under; its schools are counted together."""
        if (actor, name) not in self.tallies:
            self.tallies[actor, name] = Entity(at.TALLY_SIZE * self.rows)
        if (actor, name, school) not in self.sources:
            self.sources[actor, name, school] = Entity(
                at.SOURCE_SIZE,
                {at.TALLY: self.tallies[actor, name]},
                {at.MULTIPLIER: 1.0, at.CRIT_DAMAGE: 1.0},
            )
        return self.sources[actor, name, school]

    def stream(self, label: str, pointer: str) -> Entity:
        """Give the random numbers of a call site; its label alone decides which they are."""
        number = int.from_bytes(hashlib.sha256(label.encode()).digest()[:4], "big")
        for other, stream in self.streams.items():
            if stream.ints[at.LABEL] == number and other != label:
                hint = f"its random numbers would be those of {other!r}"
                self.report.add(pointer, f"the name {label!r} cannot be used", hint)
        return self.streams.setdefault(label, Entity(at.STREAM_SIZE, {at.LABEL: number}))

    def places(self) -> dict[str, list[int]]:
        """Give where the entities lie that kernels act on one by one."""
        kinds = {
            "slot": self.slots,
            "effect": self.effects,
            "proc": self.procs.values(),
            "stat": self.stats,
        }
        return {kind: [entity.offset for entity in of_kind] for kind, of_kind in kinds.items()}

    def timer(self, handler: int, priority: int, entity: Entity, pointer: str = "") -> int:
        """Give an entity a timer, and the number of it."""
        if len(self.slots) == agenda.MOST_TIMERS:
            self.report.add(pointer, f"there are more than {agenda.MOST_TIMERS} timers")
        columns = {at.HANDLER: handler, at.PRIORITY: priority}
        self.slots.append(Entity(at.SLOT_SIZE, {**columns, at.ENTITY: entity}))
        return len(self.slots) - 1


def _unit(name: str, pet: str, document: Document, pointer: str) -> Unit:
    abilities = {name: Entity(at.ABILITY_SIZE) for name in document.get("abilities", {})}
    resources = {name: Entity(at.RESOURCE_SIZE) for name in document.get("resources", {})}
    return Unit(name, pet, document, pointer, Entity(at.ACTOR_SIZE), abilities, resources)


def _own(unit: Unit, kind: str) -> dict[str, Entity]:
    return unit.resources if kind == "resource" else unit.abilities
