"""The benchmark of cheaters, with a fleet that is small enough for every run of the tests."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from benchmarks import cheaters

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool


def test_a_shameless_cheater_gets_nothing_accepted(pool: Pool) -> None:
    """Its first results are checked, all of them, and no honest node suffers for it."""
    pool.database.connect().execute("update private.settings set checks_to_trust = default")
    figures = cheaters.simulate(
        pool.database, Namespace(nodes=10, jobs=2, chunks=150, batch=5, seed=1)
    )
    assert (figures.wrong, figures.caught, figures.innocent) == (0, 1, 0)
    assert (figures.counted, figures.handed_in > 300) == (300, True)


def test_the_verdict_is_on_all_that_counts() -> None:
    """Too many lies, too much work, or an honest node that was caught: each misses the target."""
    good = cheaters.Figures(counted=20_000, wrong=1, handed_in=22_000, caught=1, innocent=0)
    assert cheaters.verdict(good, 1)
    for worse in (
        cheaters.Figures(counted=20_000, wrong=2, handed_in=22_000, caught=1, innocent=0),
        cheaters.Figures(counted=20_000, wrong=1, handed_in=23_001, caught=1, innocent=0),
        cheaters.Figures(counted=20_000, wrong=1, handed_in=22_000, caught=1, innocent=1),
    ):
        assert not cheaters.verdict(worse, 1)
