"""Comparisons: configs that fight the same fights, iteration by iteration.

Iteration i of each config has the same random numbers at each call site, so what differs between
two configs is what they do with the same luck. The difference of two means is therefore taken from
the differences of the iterations, which spread far less than the iterations themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import erfc, sqrt
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from node.engine.results import describe, merge, merge_metric, metric
from node.simulation import run_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from node.engine import Engine, Plan
    from node.engine.results import Metric, Result

SIGNIFICANT = 0.05  #: the chance of so great a difference by luck alone, where there is none
UNIT = "milli"
BETTER, WORSE, LUCK, SAME = "better", "worse", "could be luck", "the same"


@dataclass(frozen=True, slots=True)
class Compared:
    """The results of several configs, and the differences of some of them."""

    results: tuple[Result, ...]
    differences: tuple[Metric, ...]

    def __add__(self, other: Compared) -> Compared:
        """Add what other iterations gave."""
        return Compared(
            tuple(map(merge, self.results, other.results)),
            tuple(map(merge_metric, self.differences, other.differences)),
        )


class Comparison:
    """A range `[0, iterations)` of several plans; of each pair, the first less the second."""

    def __init__(
        self,
        engine: Engine,
        plans: Sequence[Plan],
        pairs: Sequence[tuple[int, int]],
        seed: int,
        iterations: int,
    ) -> None:
        self._engine = engine
        self._plans = plans
        self._pairs = pairs
        self._seed = seed
        self._iterations = iterations

    def run(self, workers: int, show: Callable[[int], None]) -> Compared:
        """The results and differences; `show` is told how many iterations are done."""
        return run_ranges(self._iterations, workers, self._work, Compared.__add__, show)

    def _work(self, first: int, count: int, should_stop: Callable[[], bool]) -> Compared | None:
        results: list[Result] = []
        values: list[list[int]] = []
        for plan in self._plans:
            sampled = self._engine.sample(plan, self._seed, first, count, should_stop)
            if sampled is None:
                return None
            results.append(sampled[0])
            values.append(sampled[1])
        differences = tuple(
            metric(UNIT, [a - b for a, b in zip(values[one], values[two], strict=True)], first)
            for one, two in self._pairs
        )
        return Compared(tuple(results), differences)


@dataclass(frozen=True)
class Difference:
    """How much more one config does than another, and how sure that is."""

    metric: Metric
    one: Result
    other: Result

    @cached_property
    def figures(self) -> dict[str, Any]:
        """What programs read of it; `relative` figures are parts of the other's mean."""
        figures = describe(self.metric)
        whole = self._mean(self.other)
        names = ("mean", "standard_error", "confidence_low", "confidence_high")
        return {
            **{name: figures[name] for name in names},
            **{f"relative_{name}": _ratio(figures[name], whole) for name in names},
            "p_value": self.p_value(figures["mean"], figures["standard_error"]),
            "significant": self.is_significant(figures["mean"], figures["standard_error"]),
            "saved": self._saved(figures["standard_deviation"]),
        }

    def _mean(self, result: Result) -> float:
        mean: float = describe(result["metrics"][result["primary"]])["mean"]
        return mean

    def p_value(self, mean: float, error: float) -> float:
        """The chance of at least so great a difference where in truth there is none."""
        if int(self.metric["n"]) < 2 or mean == 0:  # noqa: PLR2004 - one value has no spread
            return 1.0
        return round(erfc(abs(mean) / error / sqrt(2)), 6) if error else 0.0

    def is_significant(self, mean: float, error: float) -> bool:
        """Whether luck alone seldom makes such a difference."""
        return self.p_value(mean, error) < SIGNIFICANT

    def _saved(self, spread: float) -> float | None:
        """How many times the iterations it would take to be as sure with fights of their own."""
        apart = sum(
            describe(result["metrics"][result["primary"]])["standard_deviation"] ** 2
            for result in (self.one, self.other)
        )
        return round(apart / spread**2, 2) if spread else None


def verdict(figures: Mapping[str, Any]) -> str:
    """Say in a few words what a difference means."""
    if figures["significant"]:
        return BETTER if figures["mean"] > 0 else WORSE
    return LUCK if figures["mean"] or figures["standard_error"] else SAME


def names_of(sources: Sequence[str]) -> list[str]:
    """Name configs by their files, but those whose files have one name by all of their paths."""
    names = [PurePath(source).name for source in sources]
    return [
        name if names.count(name) == 1 else source
        for name, source in zip(names, sources, strict=True)
    ]


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 8) if whole else 0.0
