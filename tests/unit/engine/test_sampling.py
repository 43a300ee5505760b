"""How many iterations an error needs, and how often an interval holds the truth."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest

from node.engine import results
from tests.unit.engine.fights import config, run, strike

NORMAL = {0.90: 1.6448536, 0.95: 1.9599640, 0.99: 2.5758293}
CRIT, CASTS, HIT = 0.3, 21, 1000.0
SECONDS = (CASTS - 1) * 1.5
#: in closed form: n hits that are twice as large with the chance of a crit
MEAN = CASTS * HIT * (1 + CRIT) / SECONDS
DEVIATION = HIT * math.sqrt(CASTS * CRIT * (1 - CRIT)) / SECONDS


@functools.cache
def fight() -> dict[str, Any]:
    """Cast an instant for half a minute."""
    return config(
        round(SECONDS * 1000),
        stats={"crit_percent": 100 * CRIT},
        abilities={"spell": {"effects": [strike()]}},
        rotation=[{"cast": "spell"}],
    )


def dps(iterations: int, seed: int) -> dict[str, float]:
    """Simulate and describe."""
    found: dict[str, float] = results.statistics(run(fight(), iterations, seed=seed))["metrics"][
        "dps"
    ]
    return found


@pytest.mark.compiled
@pytest.mark.parametrize("confidence", NORMAL)
@pytest.mark.parametrize("part", [0.01, 0.002])
def test_the_sample_size_for_an_error(confidence: float, part: float) -> None:
    """N = (z CV / e)^2 iterations have the error e at confidence z."""
    z, wanted = NORMAL[confidence], part * MEAN
    n = math.ceil((z * DEVIATION / wanted) ** 2)

    found = dps(n, seed=3)

    # the sample's own deviation is within 4 of its standard errors of the closed form
    assert z * found["standard_error"] == pytest.approx(wanted, rel=4 / math.sqrt(2 * n))


@pytest.mark.compiled
def test_the_interval_holds_the_closed_form_as_often_as_it_says() -> None:
    """Over 400 seeds the 95 % interval covers the mean 92 to 98 % of the time."""
    held = sum(
        found["confidence_low"] <= MEAN <= found["confidence_high"]
        for found in (dps(200, seed) for seed in range(400))
    )

    assert 0.92 * 400 <= held <= 0.98 * 400
