"""Comparisons pair iterations, whatever the partition."""

from __future__ import annotations

import math
import random
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from node.comparison import Compared, Comparison, Difference, names_of, verdict
from node.engine.results import empty, metric
from tests.unit.node.engines import CONFIG, CountingEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine import Plan

N = 400


class LuckyEngine(CountingEngine):
    """Iteration i of a config does its duration and some luck, which all configs share."""

    def sample(
        self, plan: Plan, seed: int, first: int, count: int, should_stop: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Deal damage by the length of the fight, by luck, and by a little luck of its own."""
        assert not should_stop()
        duration: int = plan.duration  # type: ignore[attr-defined]
        values = [
            duration + shared(seed, i) + own(duration, i) for i in range(first, first + count)
        ]
        result = {**empty(self.name, self.version, "dps"), "iterations": count}
        return {**result, "metrics": {"dps": metric("milli", values, first)}}, values


def shared(seed: int, iteration: int) -> int:
    """Draw luck that all configs share."""
    return random.Random(f"{seed} {iteration}").randrange(100_000)  # noqa: S311 - test data


def own(duration: int, iteration: int) -> int:
    """Draw luck that a config has alone."""
    return random.Random(f"{duration} {iteration}").randrange(1000)  # noqa: S311 - test data


def compared(*durations: int, workers: int = 1, iterations: int = N) -> Compared:
    """Compare fights of these lengths with the first."""
    engine = LuckyEngine()
    plans = [engine.prepare(CONFIG | {"duration_ms": duration}) for duration in durations]
    pairs = [(number, 0) for number in range(1, len(plans))]
    return Comparison(engine, plans, pairs, 7, iterations).run(workers, lambda _: None)


def figures(found: Compared, number: int = 1) -> dict[str, Any]:
    """Give the figures of the difference of a config from the first."""
    one = Difference(found.differences[number - 1], found.results[number], found.results[0])
    return one.figures


def test_a_difference_is_that_of_the_paired_iterations() -> None:
    """Mean, error and interval are those of the differences, as a textbook has them."""
    differences = [(10 + own(60_010, i) - own(60_000, i)) / 1000 for i in range(N)]
    error = statistics.stdev(differences) / math.sqrt(N)

    found = figures(compared(60_000, 60_010))

    assert found["mean"] == pytest.approx(statistics.fmean(differences), abs=1e-6)
    assert found["standard_error"] == pytest.approx(error, abs=1e-6)
    assert found["confidence_low"] == pytest.approx(found["mean"] - 1.959964 * error, abs=2e-6)
    assert found["confidence_high"] == pytest.approx(found["mean"] + 1.959964 * error, abs=2e-6)


def test_the_same_luck_saves_iterations() -> None:
    """Shared luck cancels out: fights of their own would have to be thousands of times as many."""
    found = figures(compared(60_000, 60_100))

    assert found["saved"] > 1000
    assert found["significant"]
    assert found["relative_mean"] == pytest.approx(0.1 / 110, rel=0.1)


def test_a_config_does_not_differ_from_itself() -> None:
    """Every fight is the same, so there is neither a difference nor a spread."""
    found = figures(compared(60_000, 60_000))

    assert not found["significant"]
    assert (found["mean"], found["p_value"], found["saved"]) == (0.0, 1.0, None)


def test_the_p_value_is_that_of_the_normal_distribution() -> None:
    """1.959964 standard errors are one chance in twenty, and one iteration proves nothing."""
    found = compared(60_000, 60_010)
    one = Difference(found.differences[0], *found.results)
    alone = compared(60_000, 60_010, iterations=1)

    assert one.p_value(1.959964, 1.0) == pytest.approx(0.05, abs=1e-6)
    assert one.p_value(-1.0, 1.0) == pytest.approx(0.317311, abs=1e-6)
    assert one.p_value(1.0, 0.0) == 0.0
    assert not figures(alone)["significant"]


@pytest.mark.parametrize(
    ("mean", "error", "significant", "word"),
    [
        (5.0, 1.0, True, "better"),
        (-5.0, 1.0, True, "worse"),
        (1.0, 1.0, False, "could be luck"),
        (0.0, 1.0, False, "could be luck"),
        (0.0, 0.0, False, "the same"),
    ],
)
def test_a_verdict_says_what_a_difference_means(
    mean: float, error: float, word: str, *, significant: bool
) -> None:
    """Only what luck seldom makes is called better or worse."""
    assert verdict({"mean": mean, "standard_error": error, "significant": significant}) == word


def test_configs_whose_files_have_one_name_are_told_apart() -> None:
    """Others are called by the names of their files alone."""
    assert names_of(["old/fire.json", "new.json", "new/fire.json"]) == [
        "old/fire.json",
        "new.json",
        "new/fire.json",
    ]
    assert names_of(["mine/fire.json", "new/frost.json"]) == ["fire.json", "frost.json"]


@pytest.mark.parametrize("workers", [2, 5])
def test_any_number_of_workers_gives_one_comparison(workers: int) -> None:
    """Results and differences add up in any order."""
    assert compared(60_000, 61_000, 62_000, workers=workers) == compared(60_000, 61_000, 62_000)
