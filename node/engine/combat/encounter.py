"""What befalls a fight from outside: enemies that come and go, and moments when the player runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.schema import MOST_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.shapes import Report

    Document = Mapping[str, Any]

MOST_HAPPENINGS = 10_000
_MILLI = 1000


@dataclass(frozen=True, order=True, slots=True)
class Happening:
    """One thing at one moment; of those of one moment, who leaves makes room for who comes."""

    time: int
    kind: int
    about: int  #: the number of an enemy, or how long the player moves
    leaves: int = at.NEVER
    health: int = 0  #: thousandths; 0: dies evenly while it is there

    def entity(self) -> Entity:
        """Lay it out for kernels."""
        return Entity(
            at.HAPPENING_SIZE,
            {
                at.HAPPENS_AT: self.time,
                at.HAPPENS: self.kind,
                at.HAPPENS_TO: self.about,
                at.HAPPENS_UNTIL: self.leaves,
                at.HAPPENS_HEALTH: self.health,
            },
        )


class Encounter:
    """The enemies of a config and the timetable of its events."""

    def __init__(self, config: Document) -> None:
        target = config["target"]
        self.health = round(target.get("health", 0) * _MILLI)
        self.ends_with_death = config.get("fight_ends", "time") == "death"
        self._count: int = target.get("count", 1)
        self._ends = round(config["duration_ms"] * (1 + config.get("duration_variation", 0)))
        self._events: list[Document] = config.get("events", [])
        self.happenings: list[Happening] = []
        self.enemies = self._count  #: how many places for enemies there are
        self._is_too_long = False
        self._fill()
        has_adds = self.enemies > self._count
        self.keeps_health = has_adds or self.health > 0  #: whether each enemy has health of its own

    def check(self, report: Report) -> None:
        """Report events that are more than a fight can hold, or that mean nothing."""
        if self._is_too_long:
            hint = "let them come less often, or end sooner"
            report.add("/events", f"more than {MOST_HAPPENINGS:,} things happen", hint)
        elif self.enemies > MOST_TARGETS:
            hint = "let fewer come, or leave sooner"
            report.add("/events", f"more than {MOST_TARGETS} enemies are there at once", hint)
        for index, event in enumerate(self._events):
            if "until" in event and event["until"] < event.get("at", 0):
                report.add(f"/events/{index}/until", "it is over before it begins")
            if "until" in event and "every" not in event:
                hint = "say how often with 'every'"
                report.add(f"/events/{index}/until", "it happens only once", hint)
        if self.ends_with_death and not self.health:
            hint = "give target.health"
            report.add("/fight_ends", "an enemy without health does not die", hint)

    def _fill(self) -> None:
        """Give every add the first place that is free, and write the timetable."""
        free_from: list[int] = []  #: when each place beyond the enemies of the start is free
        for time, event in sorted(self._moments(), key=lambda moment: moment[0]):
            if len(self.happenings) > MOST_HAPPENINGS:
                self._is_too_long = True
            if self._is_too_long or self.enemies > MOST_TARGETS:
                break
            if "move" in event:
                lasts = round(event["move"]["seconds"] * _MILLI)
                self.happenings.append(Happening(time, at.MOVEMENT, lasts))
                continue
            self._let_come(time, event["adds"], free_from)
        self.happenings.sort()

    def _let_come(self, time: int, adds: Document, free_from: list[int]) -> None:
        leaves = time + round(adds["seconds"] * _MILLI) if "seconds" in adds else at.NEVER
        for _ in range(adds.get("count", 1)):
            place = next((n for n, free in enumerate(free_from) if free <= time), len(free_from))
            free_from[place : place + 1] = [leaves]
            self.enemies = self._count + len(free_from)
            number, health = self._count + place, round(adds.get("health", 0) * _MILLI)
            self.happenings.append(Happening(time, at.ARRIVAL, number, leaves, health))
            if leaves <= self._ends:
                self.happenings.append(Happening(leaves, at.DEPARTURE, number))

    def _moments(self) -> Iterator[tuple[int, Document]]:
        """Give every moment of every event in the longest fight there may be."""
        left = MOST_HAPPENINGS
        for event in self._events:
            first = round(event.get("at", 0) * _MILLI)
            last = min(self._ends, round(event.get("until", self._ends) * _MILLI))
            step = round(event["every"] * _MILLI) if "every" in event else self._ends + 1
            moments = range(first, last + 1, step)
            left -= len(moments)
            self._is_too_long = self._is_too_long or left < 0
            yield from ((time, event) for time in moments[: max(0, left)])
