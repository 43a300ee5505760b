"""An engine for tests of what uses engines: as exact as the real one, and done at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine import LogLine, Plan, Problem, Replay
from node.engine.results import empty, metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

CONFIG = {"schema": 1, "engine": "combat", "duration_ms": 300_000, "target": {"count": 1}}


class CountingPlan(Plan):
    """A config made ready."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.duration = int(config["duration_ms"])


class CountingEngine:
    """Iteration i does seed + i damage."""

    name = "combat"
    version = "1.0.0"

    def __init__(self) -> None:
        self.prepared: list[tuple[Mapping[str, Any], Mapping[str, str]]] = []

    def validate(self, config: Mapping[str, Any]) -> list[Problem]:
        """Refuse fights shorter than ten seconds."""
        if int(config.get("duration_ms", 0)) >= 10_000:
            return []
        return [Problem("/duration_ms", "too short", "at least 10000")]

    def warnings(
        self, _config: Mapping[str, Any], _documents: Mapping[str, str] | None = None
    ) -> list[Problem]:
        """Everything is meant."""
        return []

    def documents(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The checksum of the rotation, if the config names one."""
        checksum = config.get("rotation", {}).get("checksum")
        return (checksum,) if checksum else ()

    def prepare(
        self, config: Mapping[str, Any], documents: Mapping[str, str] | None = None
    ) -> Plan:
        """Remember what was prepared."""
        self.prepared.append((config, documents or {}))
        return CountingPlan(config)

    def run(
        self, _plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Count, unless stopped."""
        if should_stop():
            return None
        result = empty(self.name, self.version, "dps")
        result["iterations"] = count
        values = [1000 * (seed + i) for i in range(first, first + count)]
        result["metrics"] = {
            "dps": metric("milli", values, first),
            "fight_length": metric("milli", [300_000] * count, first),
        }
        result["counters"] = {"ability.shot.casts": count}
        return result

    def sample(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Count, and give what was counted."""
        result = self.run(plan, seed, first, count, should_stop)
        values = [1000 * (seed + i) for i in range(first, first + count)]
        return None if result is None else (result, values)

    def replay(self, plan: Plan, seed: int, iteration: int) -> Replay:
        """Shoot once."""
        result = self.run(plan, seed, iteration, 1, lambda: False) or {}
        line = LogLine(1500, "cast", "casts Shot", {"name": "shot"})
        return Replay(iteration, seed, result["metrics"], [line])

    def benchmark(self, seconds: float) -> float:
        """A fixed speed."""
        return 1000.0 * seconds


def install(monkeypatch: pytest.MonkeyPatch) -> CountingEngine:
    """Make the commands use a counting engine, and a config without a file."""
    engine = CountingEngine()
    monkeypatch.setattr("node.simulation.get_engine", lambda _: engine)
    monkeypatch.setattr("node.simulation.configure_cache", lambda _: None)
    monkeypatch.setattr("node.simulation.default_config", lambda _: dict(CONFIG))
    return engine
