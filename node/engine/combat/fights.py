"""Fights of a plan: the arrays that kernels work in, and what comes out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from node.engine import results
from node.engine.combat.arena import Arena
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
VENTURED = 32  #: fights at once that may be left; one that is costs half as many
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
    """Fights of one run, with room for the records of a combat log if there is to be one."""

    def __init__(self, plan: CombatPlan, seed: int, room: int = 0) -> None:
        self._plan = plan
        self._seed = seed
        self._keeps_log = room > 0
        self._arena = Arena(plan.ints, plan.reals, room * at.RECORD_SIZE)
        self._damage = np.zeros(LARGEST_SLICE, np.int64)
        self._length = np.zeros(LARGEST_SLICE, np.int64)

    def simulate(self, first: int, size: int) -> tuple[results.Result, list[int]]:
        """Simulate some iterations; give what a result has of them, and the DPS of each."""
        self._arena.sums.fill(0)
        special = None if self._keeps_log else self._plan.special
        if special and (loop := special.loop()):
            finished = self._venture(special, loop, first, size)
        else:
            finished = self._play(self._plan.simulate, first, 0, size)
        if finished < size:
            raise SimulationError(self._failure(first + finished))
        return self._result(first, self._damage[:size], self._length[:size])

    def expect(self, spent: float, left: float) -> None:
        """Tell how many seconds were simulated, and how many are to come."""
        if self._plan.special is not None:
            self._plan.special.expect(spent, left)

    def _play(self, loop: Callable[..., int], first: int, begin: int, end: int) -> int:
        """Simulate a part of a slice; give how many of its iterations were finished."""
        return self._arena.simulate(
            loop,
            self._plan.evaluate,
            self._seed,
            first + begin,
            self._damage[begin:end],
            self._length[begin:end],
        )

    def _venture(self, special: Special, loop: Callable[..., int], first: int, size: int) -> int:
        """Simulate a slice with a loop that may leave a fight to the loop of all documents.

        What it has counted of such a fight is forgotten.
        """
        done = left = 0
        while done < size:
            end = min(done + VENTURED, size)
            self._arena.keep()
            if self._play(loop, first, done, end) == end - done:
                done = end
                continue
            end = int(self._arena.ints[at.ITERATION]) - first
            self._arena.go_back()
            self._play(loop, first, done, end)
            if self._play(self._plan.simulate, first, end, end + 1) == 0:
                return end
            done = end + 1
            left += 1
        special.judge(size, left)
        return size

    def log(self) -> tuple[Records, int]:
        """Give the records of the last fight that there was room for, and how many there were."""
        start = len(self._arena.sums)
        records = self._arena.ints[start:].reshape(-1, at.RECORD_SIZE)
        count = (int(self._arena.ints[at.LOG]) - start) // at.RECORD_SIZE
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
            "counters": counters.read(self._arena.sums, damage, lengths),
            "extremes": counters.extremes(self._arena.sums),
        }
        return part, per_second

    def _failure(self, iteration: int) -> str:
        place = int(self._arena.ints[at.FAILED_AT])
        line = self._plan.names[place].text if place in self._plan.names else ""
        reasons = {
            at.ENDLESS_ACTIONS: f"the rotation acts without end in one moment, at line {line}",
            at.ENDLESS_PROCS: "procs set each other off without end in one moment",
            at.TOO_MANY_EVENTS: "too many events",
            at.TOO_MUCH_DAMAGE: "more damage than can be counted",
        }
        moment = self._arena.ints[at.NOW] / _MILLISECONDS
        reason = reasons[int(self._arena.ints[at.FAILURE])]
        return f"iteration {iteration} failed at {moment:.3f} s: {reason}"


def _rounded_quotient(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)
