"""The combat engine behind the pool's seam."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from node.engine import results
from node.engine.combat import rotation
from node.engine.combat.counters import Counters, names
from node.engine.combat.expressions import compile_source
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.fight import simulate
from node.engine.combat.kernels.jit import SIMULATE, entry
from node.engine.combat.schema import CONFIG
from node.engine.combat.shapes import Report
from node.engine.combat.spec import build
from node.engine.combat.world import World
from node.engine.configs import default_config
from node.engine.protocol import ConfigError, Plan, Problem, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.image import IntArray, RealArray
    from node.engine.combat.kernels.jit import Evaluate

NAME = "combat"
VERSION = "0.2.0"
SLICE_SECONDS = 0.05  #: how long kernels run before somebody may stop them
FIRST_SLICE = 8
LARGEST_SLICE = 512  #: more could make the sum of damage pass 63 bits
_compiling = threading.Lock()
_MILLISECONDS = 1000  #: per second


@dataclass(frozen=True)
class CombatPlan(Plan):
    """A fight laid out and compiled; nothing in it is written to."""

    ints: IntArray
    reals: RealArray
    simulate: Callable[..., int]
    evaluate: Evaluate
    counters: Counters
    names: Mapping[int, str]  #: of abilities, lines and all else, by offset


class CombatEngine:
    """Simulates fights; see `node.engine.protocol.Engine`."""

    name = NAME
    version = VERSION

    def validate(self, config: Mapping[str, Any]) -> list[Problem]:
        """List all that is wrong with a config; a rotation named by checksum is left out."""
        report = Report()
        CONFIG.check(config, "", report)
        if report.problems:
            return report.problems
        world = World(config, report)
        build(world)
        rotation.check_pets(world)
        if not _is_reference(config["rotation"]):
            rotation.check(world, config["rotation"], report, "/rotation")
        return report.problems

    def documents(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Name the checksum of the rotation, unless it stands in the config itself."""
        document: Any = config.get("rotation")
        return (document["checksum"],) if _is_reference(document) else ()

    def prepare(
        self, config: Mapping[str, Any], documents: Mapping[str, str] | None = None
    ) -> CombatPlan:
        """Compile a config and the rotation it names; raises ConfigError."""
        if problems := self.validate(config):
            raise ConfigError(problems)
        document = _rotation(config, documents or {})
        report = Report()
        world = World(config, report)
        image = build(world)
        if _is_reference(config["rotation"]):
            rotation.check(world, document, report, "/rotation")
        if report.problems:
            raise ConfigError(report.problems)
        program = rotation.Program(world, document)
        program.place(image)
        ints, reals = image.arrays()
        return CombatPlan(
            ints,
            reals,
            kernel(),
            compile_source(world.code.source()),
            Counters(world, program.lines),
            names(world, program.lines),
        )

    def run(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Simulate iterations [first, first + count); looks at `should_stop` every 50 ms or so."""
        if not isinstance(plan, CombatPlan):
            raise TypeError("the plan belongs to another engine")
        fights = _Fights(plan, seed)
        total = results.empty(NAME, VERSION, "dps")
        size, done = FIRST_SLICE, 0
        while done < count:
            if should_stop():
                return None
            begun = time.perf_counter()
            size = min(size, count - done)
            total = results.merge(total, fights.simulate(first + done, size))
            done += size
            size = _next_size(size, time.perf_counter() - begun)
        return total

    def benchmark(self, seconds: float) -> float:
        """Measure iterations per second on the built-in config with a warm kernel."""
        plan = self.prepare(default_config())
        self.run(plan, 1, 0, FIRST_SLICE, lambda: False)
        begun, done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begun) < seconds:
            self.run(plan, 1, done, LARGEST_SLICE, lambda: False)
            done += LARGEST_SLICE
        return done / elapsed


class _Fights:
    """The arrays of one run."""

    def __init__(self, plan: CombatPlan, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._ints, self._reals = plan.ints.copy(), plan.reals.copy()
        self._sums = np.zeros(len(plan.ints), np.int64)
        self._damage = np.zeros(LARGEST_SLICE, np.int64)
        self._length = np.zeros(LARGEST_SLICE, np.int64)

    def simulate(self, first: int, size: int) -> results.Result:
        """Simulate some iterations and give their result."""
        plan = self._plan
        self._sums.fill(0)
        finished = plan.simulate(
            plan.evaluate,
            plan.ints,
            plan.reals,
            self._ints,
            self._reals,
            self._sums,
            self._seed,
            first,
            self._damage[:size],
            self._length[:size],
        )
        if finished < size:
            raise SimulationError(self._failure(first + finished))
        return self._result(first, self._damage[:size], self._length[:size])

    def _result(self, first: int, damage: IntArray, lengths: IntArray) -> results.Result:
        counters = self._plan.counters
        per_second = [
            _rounded_quotient(dealt * _MILLISECONDS, lasted)
            for dealt, lasted in zip(damage.tolist(), lengths.tolist(), strict=True)
        ]
        return {
            **results.empty(NAME, VERSION, "dps"),
            "iterations": len(damage),
            "metrics": {
                "dps": results.metric("milli", per_second, first),
                "fight_length": results.metric("milli", lengths.tolist(), first),
            },
            "counters": counters.read(self._sums, damage, lengths),
            "extremes": counters.extremes(self._sums),
        }

    def _failure(self, iteration: int) -> str:
        line = self._plan.names.get(int(self._ints[at.FAILED_AT]), "")
        reasons = {
            at.ENDLESS_ACTIONS: f"the rotation acts without end in one moment, at line {line}",
            at.ENDLESS_PROCS: "procs set each other off without end in one moment",
            at.TOO_MANY_EVENTS: "too many events",
            at.TOO_MUCH_DAMAGE: "more damage than can be counted",
        }
        moment = self._ints[at.NOW] / _MILLISECONDS
        reason = reasons[int(self._ints[at.FAILURE])]
        return f"iteration {iteration} failed at {moment:.3f} s: {reason}"


def kernel() -> Callable[..., int]:
    """Compile the event loop, or load it from the cache, once for all threads."""
    with _compiling:
        return _kernel()


@cache
def _kernel() -> Callable[..., int]:
    return entry(SIMULATE, simulate, cached=True)


def create() -> CombatEngine:
    """Make the engine."""
    return CombatEngine()


def _next_size(size: int, seconds: float) -> int:
    return max(1, min(LARGEST_SLICE, 4 * size, int(size * SLICE_SECONDS / max(seconds, 1e-6))))


def _rounded_quotient(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)


def _is_reference(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and document.keys() == {"checksum"}
        and isinstance(document["checksum"], str)
    )


def _rotation(config: Mapping[str, Any], documents: Mapping[str, str]) -> Any:
    document = config["rotation"]
    if not _is_reference(document):
        return document
    checksum = document["checksum"]
    text = documents.get(checksum)
    if text is None or hashlib.sha256(text.encode()).hexdigest() != checksum:
        problem = Problem("/rotation/checksum", f"the rotation {checksum} is not at hand")
        raise ConfigError([problem])
    try:
        return json.loads(text)
    except ValueError as error:
        problem = Problem("/rotation", f"the rotation {checksum} is not JSON: {error}")
        raise ConfigError([problem]) from error
