"""Fights of a plan: the arrays that kernels work in, and what comes out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from node.engine import results
from node.engine.combat.kernels import layout as at
from node.engine.protocol import Plan, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.counters import Counters, Name
    from node.engine.combat.image import IntArray, RealArray
    from node.engine.combat.kernels.jit import Evaluate
    from node.engine.combat.special import Special

    Records = np.ndarray[tuple[int, int], np.dtype[np.int64]]

LARGEST_SLICE = 512  #: more could make the sum of damage pass 63 bits
_MILLISECONDS = 1000  #: per second


@dataclass(frozen=True)
class CombatPlan(Plan):
    """A fight laid out and compiled; nothing in it is written to."""

    ints: IntArray
    reals: RealArray
    simulate: Callable[..., int]
    special: Special | None  #: does the same sooner, but keeps no log
    evaluate: Evaluate
    counters: Counters
    names: Mapping[int, Name]  #: of all that a log can be about, by offset


class Fights:
    """The arrays of one run, with room for the records of a combat log if there is to be one."""

    def __init__(self, plan: CombatPlan, seed: int, room: int = 0) -> None:
        self._plan = plan
        self._seed = seed
        self._fresh = plan.ints.copy()
        self._fresh[at.KEEPS_LOG] = int(room > 0)
        self._fresh[at.LOG] = len(plan.ints)
        self._ints = np.concatenate([self._fresh, np.zeros(room * at.RECORD_SIZE, np.int64)])
        self._reals = plan.reals.copy()
        self._sums = np.zeros(len(plan.ints), np.int64)
        self._damage = np.zeros(LARGEST_SLICE, np.int64)
        self._length = np.zeros(LARGEST_SLICE, np.int64)

    def simulate(self, first: int, size: int) -> tuple[results.Result, list[int]]:
        """Simulate some iterations; give what a result has of them, and the DPS of each."""
        plan = self._plan
        self._sums.fill(0)
        finished = self._simulate()(
            plan.evaluate,
            self._fresh,
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

    def expect(self, spent: float, left: float) -> None:
        """Tell how many seconds were simulated, and how many are to come."""
        if self._plan.special is not None:
            self._plan.special.expect(spent, left)

    def _simulate(self) -> Callable[..., int]:
        """Give what simulates a slice soonest."""
        special = None if self._fresh[at.KEEPS_LOG] else self._plan.special
        return (special and special.loop()) or self._plan.simulate

    def log(self) -> tuple[Records, int]:
        """Give the records of the last fight that there was room for, and how many there were."""
        start = len(self._fresh)
        records = self._ints[start:].reshape(-1, at.RECORD_SIZE)
        count = (int(self._ints[at.LOG]) - start) // at.RECORD_SIZE
        return records[:count], count

    def _result(
        self, first: int, damage: IntArray, lengths: IntArray
    ) -> tuple[results.Result, list[int]]:
        counters = self._plan.counters
        per_second = [
            _rounded_quotient(dealt * _MILLISECONDS, lasted)
            for dealt, lasted in zip(damage.tolist(), lengths.tolist(), strict=True)
        ]
        part = {
            "iterations": len(damage),
            "metrics": {
                "dps": results.metric("milli", per_second, first),
                "fight_length": results.metric("milli", lengths.tolist(), first),
            },
            "counters": counters.read(self._sums, damage, lengths),
            "extremes": counters.extremes(self._sums),
        }
        return part, per_second

    def _failure(self, iteration: int) -> str:
        place = int(self._ints[at.FAILED_AT])
        line = self._plan.names[place].text if place in self._plan.names else ""
        reasons = {
            at.ENDLESS_ACTIONS: f"the rotation acts without end in one moment, at line {line}",
            at.ENDLESS_PROCS: "procs set each other off without end in one moment",
            at.TOO_MANY_EVENTS: "too many events",
            at.TOO_MUCH_DAMAGE: "more damage than can be counted",
        }
        moment = self._ints[at.NOW] / _MILLISECONDS
        reason = reasons[int(self._ints[at.FAILURE])]
        return f"iteration {iteration} failed at {moment:.3f} s: {reason}"


def _rounded_quotient(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)
