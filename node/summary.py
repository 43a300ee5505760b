"""What a result comes to, per fight and per second: the figures behind every report of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from node.engine.results import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.engine.results import Result

_MILLI = 1000
_BUCKET_BITS = 8


@dataclass(frozen=True, slots=True)
class Source:
    """What one ability of the player or of a pet did; counts are per fight."""

    name: str
    pet: str
    share: float  #: of all damage
    dps: float
    casts: float
    hits: float
    ticks: float
    crits: float  #: the part of hits and ticks that was critical
    misses: float  #: the part of attempts that missed
    glances: float  #: the part of hits that glanced
    average: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Target:
    """What one of several targets suffered."""

    name: str
    share: float
    dps: float


@dataclass(frozen=True, slots=True)
class Aura:
    """How a buff or debuff was kept up; counts are per fight."""

    name: str
    uptime: float  #: the part of the time that it was there
    stacks: float  #: while it was there, on average
    applied: float
    refreshed: float


@dataclass(frozen=True, slots=True)
class Resource:
    """What became of a resource, per fight."""

    name: str
    gained: float
    spent: float
    wasted: float
    capped: float  #: the part of the time that it was at its maximum


@dataclass(frozen=True, slots=True)
class Proc:
    """How often a proc had its chance and took it, per fight."""

    name: str
    attempts: float
    procs: float
    per_minute: float


@dataclass(frozen=True, slots=True)
class Pet:
    """When a pet was there, and what it did; summons are per fight."""

    name: str
    uptime: float
    summons: float
    share: float
    dps: float


@dataclass(frozen=True, slots=True)
class Line:
    """How often a line of the rotation was followed, per fight."""

    name: str
    fired: float
    share: float  #: of all lines that were followed


@dataclass(frozen=True, slots=True)
class Moment:
    """A part of the fight: DPS of the fights that were still going on."""

    second: int
    dps: float
    fights: float  #: the part of all fights that had not ended


@dataclass(frozen=True, slots=True)
class Bin:
    """A range of DPS and how many fights came out in it."""

    low: float
    high: float
    fights: int


class Summary:
    """The figures of a result, sorted as people read them."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._counters = {name: int(value) for name, value in result["counters"].items()}
        self.iterations = max(1, int(result["iterations"]))
        self._seconds = max(1, self._total("fight.length_ms")) / _MILLI
        self._damage = max(1, self._total("fight.damage_milli"))

    def document(self) -> dict[str, Any]:
        """Give every figure, for programs."""
        parts: dict[str, Sequence[Any]] = {
            "sources": self.sources,
            "pets": self.pets,
            "targets": self.targets,
            "auras": self.auras,
            "resources": self.resources,
            "procs": self.procs,
            "lines": self.lines,
            "timeline": self.timeline,
        }
        return {name: [asdict(row) for row in rows] for name, rows in parts.items()}

    @cached_property
    def primary(self) -> dict[str, Any]:
        """The statistics of the metric that counts."""
        return describe(self._metric)

    @property
    def _metric(self) -> dict[str, Any]:
        metric: dict[str, Any] = self._result["metrics"][self._result["primary"]]
        return metric

    @property
    def best(self) -> int:
        """The iteration with the greatest value."""
        return int(self._metric["max_iteration"])

    @property
    def worst(self) -> int:
        """The iteration with the least value."""
        return int(self._metric["min_iteration"])

    @cached_property
    def fight_seconds(self) -> float:
        """How long a fight was on average."""
        return self._seconds / self.iterations

    @cached_property
    def sources(self) -> list[Source]:
        """All that did damage, the most first."""
        found = [self._source(prefix) for prefix in self._prefixes()]
        return sorted((one for one in found if one.hits or one.ticks), key=lambda one: -one.dps)

    def _prefixes(self) -> Iterator[str]:
        for kind in ("ability", "pet"):
            for name in self._names(kind, "damage_milli"):
                yield f"{kind}.{name}"

    def _source(self, prefix: str) -> Source:
        kind, _, name = prefix.partition(".")
        pet, _, ability = name.rpartition(".")
        damage = self._total(f"{prefix}.damage_milli")
        hits, ticks = self._total(f"{prefix}.hits"), self._total(f"{prefix}.ticks")
        crits = self._total(f"{prefix}.crits") + self._total(f"{prefix}.crit_ticks")
        misses = self._total(f"{prefix}.misses")
        extreme = self._result["extremes"].get(prefix, {"min": 0, "max": 0})
        casts = self._total(f"{prefix}.casts") or self._total(f"ability.{ability}.casts")
        return Source(
            name=ability,
            pet=pet if kind == "pet" else "",
            share=damage / self._damage,
            dps=damage / _MILLI / self._seconds,
            casts=casts / self.iterations,
            hits=hits / self.iterations,
            ticks=ticks / self.iterations,
            crits=crits / max(1, hits + ticks),
            misses=misses / max(1, hits + ticks + misses),
            glances=self._total(f"{prefix}.glances") / max(1, hits),
            average=damage / _MILLI / max(1, hits + ticks),
            least=int(extreme["min"]) / _MILLI,
            most=int(extreme["max"]) / _MILLI,
        )

    @cached_property
    def pets(self) -> list[Pet]:
        """The pets that were there, the most damage first."""
        found = [self._pet(name) for name in self._names("pet", "uptime_ms")]
        return sorted((pet for pet in found if pet.uptime), key=lambda pet: -pet.dps)

    def _pet(self, name: str) -> Pet:
        own = [source for source in self.sources if source.pet == name]
        return Pet(
            name=name,
            uptime=self._part_of_time(f"pet.{name}.uptime_ms"),
            summons=self._per_fight(f"pet.{name}.summons"),
            share=sum(source.share for source in own),
            dps=sum(source.dps for source in own),
        )

    @cached_property
    def targets(self) -> list[Target]:
        """The targets in their order; nothing where there is only one."""
        suffered: dict[str, int] = {}
        for name, value in self._counters.items():
            if name.startswith("target.") and name.endswith(".damage_milli"):
                target = name.split(".")[1]
                suffered[target] = suffered.get(target, 0) + value
        order = sorted(suffered, key=lambda name: (not name.isdigit(), name.zfill(9)))
        return [
            Target(name, suffered[name] / self._damage, suffered[name] / _MILLI / self._seconds)
            for name in order
        ]

    def dps_on(self, target: str, source: Source) -> float:
        """What a source did to one of several targets."""
        kind = f"pet.{source.pet}" if source.pet else "ability"
        damage = self._total(f"target.{target}.{kind}.{source.name}.damage_milli")
        return damage / _MILLI / self._seconds

    @cached_property
    def auras(self) -> list[Aura]:
        """The buffs and debuffs that were ever there, the longest first."""
        found = [self._aura(f"aura.{name}", name) for name in self._names("aura", "uptime_ms")]
        return sorted((aura for aura in found if aura.applied), key=lambda aura: -aura.uptime)

    def _aura(self, prefix: str, name: str) -> Aura:
        uptime = self._total(f"{prefix}.uptime_ms")
        return Aura(
            name=name,
            uptime=self._part_of_time(f"{prefix}.uptime_ms"),
            stacks=self._total(f"{prefix}.stack_ms") / max(1, uptime),
            applied=self._per_fight(f"{prefix}.applications"),
            refreshed=self._per_fight(f"{prefix}.refreshes"),
        )

    @cached_property
    def resources(self) -> list[Resource]:
        """The resources of the player, then those of pets."""
        own = [("resource.", name) for name in self._names("resource", "gained_milli")]
        of_pets = [
            ("pet.", name) for name in self._names("pet", "gained_milli") if ".resource." in name
        ]
        return [self._resource(kind + name, name) for kind, name in own + of_pets]

    def _resource(self, prefix: str, name: str) -> Resource:
        return Resource(
            name=name.replace(".resource.", "."),
            gained=self._per_fight(f"{prefix}.gained_milli") / _MILLI,
            spent=self._per_fight(f"{prefix}.spent_milli") / _MILLI,
            wasted=self._per_fight(f"{prefix}.overflow_milli") / _MILLI,
            capped=self._part_of_time(f"{prefix}.capped_ms"),
        )

    @cached_property
    def procs(self) -> list[Proc]:
        """What happened by chance, the most frequent first."""
        found = [self._proc(name) for name in self._names("proc", "procs")]
        return sorted((proc for proc in found if proc.attempts), key=lambda proc: -proc.procs)

    def _proc(self, name: str) -> Proc:
        procs = self._total(f"proc.{name}.procs")
        return Proc(
            name=name,
            attempts=self._per_fight(f"proc.{name}.attempts"),
            procs=procs / self.iterations,
            per_minute=60 * procs / self._seconds,
        )

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of the rotation in their order."""
        names = sorted(self._names("line", "fired"), key=_place)
        whole = max(1, sum(self._total(f"line.{name}.fired") for name in names))
        return [
            Line(
                name,
                self._per_fight(f"line.{name}.fired"),
                self._total(f"line.{name}.fired") / whole,
            )
            for name in names
        ]

    @cached_property
    def timeline(self) -> list[Moment]:
        """The parts of the fight in their order."""
        seconds = sorted(int(name) for name in self._names("timeline", "ms"))
        width = self._total("timeline.0.ms")
        return [
            Moment(
                second,
                self._total(f"timeline.{second}.damage_milli") / lived,
                lived / max(1, width),
            )
            for second in seconds
            if (lived := self._total(f"timeline.{second}.ms"))
        ]

    @cached_property
    def distribution(self) -> list[Bin]:
        """How many fights came out in which range of the metric that counts."""
        buckets = sorted((int(low), int(n)) for low, n in self._metric["histogram"].items())
        return [Bin(low / _MILLI, (low + _width(low)) / _MILLI, fights) for low, fights in buckets]

    def _names(self, kind: str, column: str) -> list[str]:
        """Name what a kind of counter is kept for."""
        return [
            name.removeprefix(f"{kind}.").removesuffix(f".{column}")
            for name in self._counters
            if name.startswith(f"{kind}.") and name.endswith(f".{column}")
        ]

    def _total(self, name: str) -> int:
        return self._counters.get(name, 0)

    def _per_fight(self, name: str) -> float:
        return self._total(name) / self.iterations

    def _part_of_time(self, name: str) -> float:
        return self._total(name) / _MILLI / self._seconds


def spoken(name: str) -> str:
    """Give a name as people write it."""
    words = name.replace("_", " ").replace(".", " ")
    return words if any(letter.isupper() for letter in words) else words.title()


def _place(label: str) -> tuple[str, int, str]:
    """Sort the labels of lines by list and by number in it."""
    parts = label.split(".")
    number = next((index for index, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[:number]), int(parts[number]) if parts[number].isdigit() else 0, label


def _width(low: int) -> int:
    return 1 << max(0, low.bit_length() - _BUCKET_BITS)
