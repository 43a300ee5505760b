"""An engine for tests: exact results of the real shape, at once or when a test lets it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from node.engine import Plan, Problem, Replay
from node.engine.results import Result, empty, metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = "1.0.0"


class GatedPlan(Plan):
    """A config that is ready to run."""

    def __init__(self, config: Mapping[str, Any], documents: Mapping[str, str]) -> None:
        self.config = dict(config)
        self.documents = dict(documents)


class GatedEngine:
    """Iteration i of seed s gives 1000 + (s + i) mod 97; nothing else can change a result."""

    name = "combat"
    version = VERSION

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Semaphore(0)
        self.prepared: list[str] = []
        self.ran: list[tuple[int, int]] = []

    def validate(self, config: Mapping[str, Any]) -> list[Problem]:
        """Everything goes."""
        del config
        return []

    def warnings(
        self, _config: Mapping[str, Any], _documents: Mapping[str, str] | None = None
    ) -> list[Problem]:
        """Everything is meant."""
        return []

    def documents(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The rotation, if it is named by checksum."""
        checksum = config.get("rotation", {}).get("checksum")
        return (checksum,) if checksum else ()

    def prepare(
        self, config: Mapping[str, Any], documents: Mapping[str, str] | None = None
    ) -> Plan:
        """Remember what it was asked to prepare."""
        self.prepared.append(threading.current_thread().name)
        return GatedPlan(config, documents or {})

    def run(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Wait for the gate, then count."""
        assert isinstance(plan, GatedPlan)
        self.running.release()
        while not self.gate.wait(0.005):
            if should_stop():
                return None
        self.ran.append((first, count))
        return counted(seed, first, count)

    def sample(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Nobody compares with it."""
        raise NotImplementedError

    def replay(self, plan: Plan, seed: int, iteration: int) -> Replay:
        """Nobody replays it."""
        raise NotImplementedError

    def benchmark(self, seconds: float) -> float:
        """Ten thousand a second."""
        del seconds
        return 10_000.0


def counted(seed: int, first: int, count: int) -> Result:
    """The one right result of a range."""
    values = [1000 + (seed + number) % 97 for number in range(first, first + count)]
    result = empty("combat", VERSION, "dps")
    return {**result, "iterations": count, "metrics": {"dps": metric("milli", values, first)}}
