"""The combat engine behind the pool's seam."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.engine import results
from node.engine.combat import rotation
from node.engine.combat.counters import Counters, names
from node.engine.combat.fights import LARGEST_SLICE, CombatPlan, Fights
from node.engine.combat.journal import replay
from node.engine.combat.kernels.jit import is_checked
from node.engine.combat.loop import event_loop
from node.engine.combat.native import compiled
from node.engine.combat.pruning import prune
from node.engine.combat.schema import CONFIG
from node.engine.combat.shapes import Report
from node.engine.combat.spec import build
from node.engine.combat.special import Special
from node.engine.combat.world import World
from node.engine.configs import default_config
from node.engine.documents import read_json
from node.engine.protocol import ConfigError, Plan, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.completion import Entities
    from node.engine.combat.image import IntArray, RealArray
    from node.engine.protocol import Replay

NAME = "combat"
VERSION = "0.3.3"
SLICE_SECONDS = 0.05  #: how long kernels run before somebody may stop them
FIRST_SLICE = 8


class CombatEngine:
    """Simulates fights; see `node.engine.protocol.Engine`."""

    name = NAME
    version = VERSION

    def validate(self, config: Mapping[str, Any]) -> list[Problem]:
        """List all that is wrong with a config; a rotation named by checksum is left out."""
        problems = _wrong_shapes(config)
        if not problems:
            return _wrong_names(config)
        pruned = prune(config, _wrong_shapes, _instead())
        if pruned is None:
            return problems
        return problems + pruned.elsewhere(_wrong_names(pruned.document))

    def warnings(
        self, config: Mapping[str, Any], documents: Mapping[str, str] | None = None
    ) -> list[Problem]:
        """List what of a valid config is probably not meant, such as variables nobody uses."""
        if self.validate(config):
            return []
        report = Report()
        world = World(config, report)
        build(world)
        rotation.check_pets(world)
        rotation.check(world, _rotation(config, documents or {}), report, "/rotation")
        return sorted(report.warnings, key=str)

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
        evaluate = compiled(world.code.roots)
        return CombatPlan(
            ints,
            reals,
            event_loop(),
            special(ints, reals, evaluate, {**world.places(), "line": program.places()}),
            evaluate,
            Counters(world, program.lines),
            names(world, program.lines),
        )

    def run(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Simulate iterations [first, first + count); looks at `should_stop` every 50 ms or so."""
        return self._simulate(plan, seed, range(first, first + count), should_stop, lambda _: None)

    def sample(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Simulate as `run` does, and give the DPS of each iteration too, in thousandths."""
        values: list[int] = []
        iterations = range(first, first + count)
        result = self._simulate(plan, seed, iterations, should_stop, values.extend)
        return None if result is None else (result, values)

    def _simulate(
        self,
        plan: Plan,
        seed: int,
        iterations: range,
        should_stop: Callable[[], bool],
        keep: Callable[[list[int]], None],
    ) -> dict[str, Any] | None:
        fights = Fights(_own(plan), seed)
        total = results.empty(NAME, VERSION, "dps")
        size, done = FIRST_SLICE, 0
        while done < len(iterations):
            if should_stop():
                return None
            begun = time.perf_counter()
            size = min(size, len(iterations) - done)
            part, per_second = fights.simulate(iterations[done], size)
            total = results.merge(total, {**total, **part})
            keep(per_second)
            done += size
            taken = time.perf_counter() - begun
            fights.expect(taken, taken / size * (len(iterations) - done))
            size = _next_size(size, taken)
        return total

    def replay(self, plan: Plan, seed: int, iteration: int) -> Replay:
        """Simulate one iteration and keep its combat log."""
        return replay(_own(plan), seed, iteration)

    def benchmark(self, seconds: float) -> float:
        """Measure iterations per second on the built-in config with a warm kernel."""
        plan = self.prepare(default_config())
        self.run(plan, 1, 0, FIRST_SLICE, lambda: False)
        begun, done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begun) < seconds:
            self.run(plan, 1, done, LARGEST_SLICE, lambda: False)
            done += LARGEST_SLICE
        return done / elapsed


def special(ints: IntArray, reals: RealArray, evaluate: Any, entities: Entities) -> Special | None:
    """Make what builds the event loop of a document, where code is compiled for speed."""
    return None if is_checked() else Special(ints, reals, evaluate.code, entities)


def create() -> CombatEngine:
    """Make the engine."""
    return CombatEngine()


def _own(plan: Plan) -> CombatPlan:
    if not isinstance(plan, CombatPlan):
        raise TypeError("the plan belongs to another engine")
    return plan


def _instead() -> dict[str, Any]:
    """Give what may stand for all parts of a config but its spec, so that names can be checked."""
    return {
        **default_config(),
        "player": {"stats": {}},
        "target": {"armor": 0},
        "rotation": {"name": "none", "actions": [{"wait": 1}]},
        "spec": None,
    }


def _wrong_shapes(config: Any) -> list[Problem]:
    """List what has not the shape of a config, whatever names stand in it."""
    report = Report()
    CONFIG.check(config, "", report)
    if isinstance(config, dict) and "rotation" in config and not _is_reference(config["rotation"]):
        rotation.SHAPE.check(config["rotation"], "/rotation", report)
    return report.problems


def _wrong_names(config: Mapping[str, Any]) -> list[Problem]:
    """List what is wrong with a config of the right shape."""
    report = Report()
    world = World(config, report)
    build(world)
    rotation.check_pets(world)
    if not _is_reference(config["rotation"]):
        rotation.check(world, config["rotation"], report, "/rotation")
    return report.problems


def _next_size(size: int, seconds: float) -> int:
    return max(1, min(LARGEST_SLICE, 4 * size, int(size * SLICE_SECONDS / max(seconds, 1e-6))))


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
        rotation_document, problems = read_json(text)
    except ValueError as error:
        problem = Problem("/rotation", f"the rotation {checksum} is not JSON: {error}")
        raise ConfigError([problem]) from error
    if problems:
        raise ConfigError(
            [replace(problem, pointer=f"/rotation{problem.pointer}") for problem in problems]
        )
    return rotation_document
