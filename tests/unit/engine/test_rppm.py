"""Procs with a rate: the published expectations, and the kernel against an exact calculation."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.engine.fights import config, counters, strike

#: rate per minute, haste, milliseconds between attempts,
#: then procs expected in 300 s: without protection, with it, with a head start of 120 s too
EXPECTATIONS = [
    (1, 1.0, 1500, 5.0, 5.469944647, 6.125857232),
    (2, 1.2, 1500, 12.0, 13.343503413, 14.242674291),
    (2, 1.2, 1000, 12.0, 13.360356997, 14.259361256),
    (1.5, 1.25, 500, 9.375, 10.413028344, 11.273707706),
    (20, 1.0, 1500, 100, 106.591111111, 107.057777778),
]


def expected_procs(
    rate: float, haste: float, gap: int, *, protected: bool, head_start: int = 0
) -> float:
    """Follow the chance of every possible time since the last success, attempt by attempt."""
    per_ms = rate * haste / 60_000
    since = {head_start: 1.0}
    procs = 0.0
    for _ in range(300_000 // gap):
        following: dict[int, float] = {}
        for before, likelihood in since.items():
            elapsed = before + gap
            bonus = max(1.0, 1 + 3 * (elapsed * per_ms - 1.5)) if protected else 1.0
            chance = min(1.0, per_ms * gap * bonus)
            procs += likelihood * chance
            following[0] = following.get(0, 0.0) + likelihood * chance
            following[elapsed] = following.get(elapsed, 0.0) + likelihood * (1 - chance)
        since = following
    return procs


def document(rate: float, haste: float, gap: int, **rule: Any) -> dict[str, Any]:
    """Attempt a proc with every swing; the first swing only starts the clock."""
    return config(
        stats={"haste_percent": 100 * (haste - 1)},
        swing={
            "name": "swing",
            "period_ms": round(gap * haste),
            "first_ms": gap,
            "effects": [strike()],
        },
        triggers={
            "luck": {
                "on": {"swing": ["hit"]},
                "rppm": {"rate": rate, "hasted": True, **rule},
                "effects": [],
            }
        },
    )


@pytest.mark.parametrize(("rate", "haste", "gap", "plain", "safe", "ahead"), EXPECTATIONS)
def test_expected_procs(
    rate: float, haste: float, gap: int, plain: float, safe: float, ahead: float
) -> None:
    """The formula gives the published expectations, and the kernel's mean agrees with them."""
    exact = [
        expected_procs(rate, haste, gap, protected=False),
        expected_procs(rate, haste, gap, protected=True),
        expected_procs(rate, haste, gap, protected=True, head_start=120_000),
    ]
    assert exact == pytest.approx([plain, safe, ahead], abs=1e-9)

    rules: list[dict[str, Any]] = [{"protected": False}, {}, {"head_start_ms": 120_000}]
    for rule, expectation in zip(rules, exact, strict=True):
        found = counters(document(rate, haste, gap, **rule), 2000)
        assert found["proc.luck.attempts"] == 2000 * (300_000 // gap)
        mean = found["proc.luck.procs"] / 2000
        assert mean == pytest.approx(expectation, abs=4 * math.sqrt(expectation / 2000))


@pytest.mark.compiled
def test_dense_attempts() -> None:
    """With protection and no gap between attempts, the rate is 1.130722764 times what is stated.

    In units of the mean interval the hazard is 1 up to 1.5 and then grows by 3 per unit; the mean
    time between procs is the integral of what survives it.
    """
    early = 1 - math.exp(-1.5)
    late = math.sqrt(math.pi / 6) * math.exp(1 / 6) * math.erfc(1 / math.sqrt(6))
    factor = 1 / (early + math.exp(-1.5) * late)
    assert factor == pytest.approx(1.130722764, abs=1e-9)

    dense = document(30, 1.0, 10)
    dense["duration_ms"] = 3_600_000
    found = counters(dense, 10)

    expected = 10 * 60 * 30 * factor
    # the gaps are more even than those of a Poisson process, so this is more than 4 deviations
    assert found["proc.luck.procs"] == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_a_second_attempt_at_the_same_moment_never_procs() -> None:
    """However high the rate, the chance grows from the last attempt."""
    several = document(1000, 1.0, 1000)
    several["spec"]["swing"]["effects"] *= 5

    found = counters(several)

    assert found["proc.luck.attempts"] == 5 * 300
    assert found["proc.luck.procs"] == 300


def test_the_interval_between_attempts_is_capped() -> None:
    """Attempts 60 s apart count as the longest interval only."""
    capped = document(1, 1.0, 60_000, protected=False, longest_interval_ms=3000)

    found = counters(capped, 4000)

    expected = 4000 * 5 * 3 / 60
    assert found["proc.luck.procs"] == pytest.approx(expected, abs=4 * math.sqrt(expected))
