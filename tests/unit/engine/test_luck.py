"""Chances that remember: accumulated ones and shuffled decks, in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.engine.fights import config, counters, strike

#: chance that is added by each failure, then the mean tries to a success
ACCUMULATED = [(0.01, 12.209960630), (0.05, 5.293584586), (0.1, 3.660215680)]


def attempts(count: int, **rule: Any) -> dict[str, Any]:
    """Attempt a trigger with every swing, one per second."""
    return config(
        max(1, (count - 1) * 1000),
        swing={"name": "swing", "period_ms": 1000, "effects": [strike()]},
        triggers={"luck": {"on": {"swing": ["hit"]}, "effects": [], **rule}},
    )


def tries(chance: float) -> tuple[float, float]:
    """Give the mean and variance of the tries to a success whose chance grows by itself."""
    mean = squares = 0.0
    left = 1.0
    for number in range(1, math.ceil(1 / chance) + 1):
        success = left * min(1.0, chance * number)
        mean += number * success
        squares += number * number * success
        left -= success
    return mean, squares - mean * mean


@pytest.mark.compiled
@pytest.mark.parametrize(("chance", "published"), ACCUMULATED)
def test_an_accumulated_chance(chance: float, published: float) -> None:
    """The mean tries are the published ones, and the kernel's rate is that of the renewals."""
    mean, variance = tries(chance)
    assert mean == pytest.approx(published, abs=1e-9)

    found = counters(attempts(5000, accumulate=chance), 100)

    # n renewals in t tries: mean t / m, variance t v / m^3
    total = 100 * 5000
    assert found["proc.luck.attempts"] == total
    error = math.sqrt(total * variance / mean**3)
    # each fight begins with a fresh chance, which is worth less than one success
    assert found["proc.luck.procs"] == pytest.approx(total / mean, abs=4 * error + 100)


@pytest.mark.parametrize(("successes", "cards"), [(2, 20), (1, 3), (7, 7), (0, 5)])
def test_a_deck_holds_exactly_what_it_says(successes: int, cards: int) -> None:
    """Of every n attempts exactly k succeed, whatever the seed."""
    for decks in (1, 2, 9):
        document = attempts(decks * cards, deck={"successes": successes, "of": cards})
        for seed in (1, 2):
            found = counters(document, seed=seed)
            assert found["proc.luck.procs"] == decks * successes


@pytest.mark.compiled
def test_every_card_of_a_deck_is_as_likely() -> None:
    """The first of three cards is the one success in a third of the fights."""
    found = counters(attempts(1, deck={"successes": 1, "of": 3}), 9000)

    assert found["proc.luck.procs"] == pytest.approx(3000, abs=4 * math.sqrt(9000 * 2 / 9))
