"""What the pool knows of an engine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a config, where it is, and what to do about it."""

    pointer: str  #: RFC 6901 JSON pointer into the config, "" for the whole
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"  #: a warning does not refuse a config

    def __str__(self) -> str:
        """Give the problem as one line."""
        line = f"{self.pointer or '/'}: {self.message}"
        return f"{line} ({self.hint})" if self.hint else line


class EngineError(NodeError):
    """The engine could not do its work."""


class UnknownEngineError(EngineError):
    """No engine has that name."""


class ConfigError(EngineError):
    """The config cannot be simulated."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def details(self) -> list[dict[str, str]]:
        """Give the problems as JSON."""
        return [asdict(problem) for problem in self.problems]


class SimulationError(EngineError):
    """An iteration of a valid config could not be finished."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that happened in a fight."""

    ms: int
    event: str  #: which kind of thing, a word for programs
    text: str
    about: Mapping[str, Any]  #: what it was done by and to, and how much; for programs


@dataclass(frozen=True, slots=True)
class Replay:
    """One iteration with its combat log."""

    iteration: int
    seed: int
    metrics: Mapping[str, Any]  #: its result's, of one iteration
    lines: Sequence[LogLine]


class Plan:
    """A config made ready to run; may be used by several threads at once."""


@runtime_checkable
class Engine(Protocol):
    """A pure function from a config and a range of iterations to a mergeable result."""

    @property
    def name(self) -> str:
        """The name that a config gives in `engine`."""

    @property
    def version(self) -> str:
        """Changes whenever the same config could give another result."""

    def validate(self, config: Mapping[str, Any]) -> list[Problem]:
        """List all that is wrong with a config, as far as it shows without documents."""

    def warnings(
        self, config: Mapping[str, Any], documents: Mapping[str, str] = ...
    ) -> list[Problem]:
        """List what of a valid config is probably not meant; none of it refuses the config."""

    def documents(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Name the checksums of the rotations that the config refers to."""

    def prepare(self, config: Mapping[str, Any], documents: Mapping[str, str] = ...) -> Plan:
        """Compile a config, given the text of each document by checksum; raises ConfigError."""

    def run(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Simulate iterations [first, first + count), or give None once `should_stop()` is true."""

    def sample(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Simulate as `run` does, and give the primary metric of each iteration too."""

    def replay(self, plan: Plan, seed: int, iteration: int) -> Replay:
        """Simulate one iteration and keep its combat log."""

    def benchmark(self, seconds: float) -> float:
        """Measure the iterations per second of one worker on the built-in config."""
