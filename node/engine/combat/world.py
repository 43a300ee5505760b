"""The entities of one config, by kind and name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from node.engine.combat.character import character
from node.engine.combat.image import Entity
from node.engine.combat.kernels import agenda
from node.engine.combat.kernels import layout as at
from node.engine.combat.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.shapes import Report

    Document = Mapping[str, Any]

PLAYER = "player"
MOST_ROWS = 8  #: of a tally; the targets from the eighth on are counted together


class World:
    """What the parts of a config know of each other."""

    def __init__(self, config: Document, report: Report) -> None:
        self.config = config
        self.report = report
        self.spec: Document = config["spec"]
        self.profile: Document = config["profile"]
        self.character = character(self.profile, self.spec, config["player"])
        self.fight = Entity(at.FIGHT_SIZE)
        self.actors = {name: Entity(at.ACTOR_SIZE) for name in (PLAYER, *self.pets)}
        self.abilities = {name: Entity(at.ABILITY_SIZE) for name in self.spec["abilities"]}
        self.auras = {name: Entity(at.AURA_SIZE) for name in self.spec.get("auras", {})}
        self.resources = {name: Entity(at.RESOURCE_SIZE) for name in self.spec["resources"]}
        self.procs = {name: Entity(at.PROC_SIZE) for name in self.spec.get("procs", {})}
        self.sources: dict[tuple[str, str], Entity] = {}
        self.tallies: dict[tuple[str, str], Entity] = {}
        self.timeline = Timeline(config)
        self.rows = min(config["target"].get("count", 1), MOST_ROWS)
        self.streams: dict[str, Entity] = {}
        self.effects: list[Entity] = []
        self.bundles: list[Entity] = []
        self.links: list[Entity] = []
        self.stats: list[Entity] = []
        self.modifiers: list[Entity] = []
        self.slots: list[Entity] = []

    @property
    def pets(self) -> Document:
        """The pets of the spec, by name."""
        pets: Document = self.spec.get("pets", {})
        return pets

    def find(self, kind: str, name: str, pointer: str) -> Entity:
        """Give an entity by name, or report that there is none and give one that is not used."""
        known: dict[str, Entity] = {
            "ability": self.abilities,
            "actor": self.actors,
            "aura": self.auras,
            "pet": {name: self.actors[name] for name in self.pets},
            "resource": self.resources,
        }[kind]
        if name not in known:
            self.report.unknown(pointer, kind, name, known)
        return known.get(name, Entity(at.AURA_SIZE))

    def source(self, actor: str, name: str) -> Entity:
        """Give what the damage of an actor is reported under."""
        if (actor, name) not in self.sources:
            tally = Entity(at.TALLY_SIZE * self.rows)
            source = Entity(at.SOURCE_SIZE, {at.TALLY: tally}, {at.MULTIPLIER: 1.0})
            self.tallies[actor, name], self.sources[actor, name] = tally, source
        return self.sources[actor, name]

    def stream(self, label: str, pointer: str) -> Entity:
        """Give the random numbers of a call site; its label alone decides which they are."""
        number = int.from_bytes(hashlib.sha256(label.encode()).digest()[:4], "big")
        for other, stream in self.streams.items():
            if stream.ints[at.LABEL] == number and other != label:
                hint = f"its random numbers would be those of {other!r}"
                self.report.add(pointer, f"the name {label!r} cannot be used", hint)
        return self.streams.setdefault(label, Entity(at.STREAM_SIZE, {at.LABEL: number}))

    def timer(self, handler: int, priority: int, entity: Entity, pointer: str = "") -> int:
        """Give an entity a timer, and the number of it."""
        if len(self.slots) == agenda.MOST_TIMERS:
            self.report.add(pointer, f"there are more than {agenda.MOST_TIMERS} timers")
        columns = {at.HANDLER: handler, at.PRIORITY: priority}
        self.slots.append(Entity(at.SLOT_SIZE, {**columns, at.ENTITY: entity}))
        return len(self.slots) - 1
