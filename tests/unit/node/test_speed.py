"""The speed of a simulation, in the terms in which simulators are compared."""

from __future__ import annotations

from node.engine.results import empty
from node.speed import Stopwatch, speed, told

RESULT = {
    **empty("combat", "1.0.0", "dps"),
    "iterations": 2000,
    "counters": {"fight.events": 5_000_000, "fight.length_ms": 600_000_000},
}


def test_figures_are_per_second_and_per_cpu_second() -> None:
    """Two cores that work for half a second are a second of work."""
    figures = speed(RESULT, seconds=0.5, cpu_seconds=1.0)

    assert figures == {
        "seconds": 0.5,
        "cpu_seconds": 1.0,
        "iterations": 2000,
        "events": 5_000_000,
        "iterations_per_second": 4000.0,
        "iterations_per_second_per_core": 2000.0,
        "events_per_second": 10_000_000.0,
        "simulated_seconds_per_cpu_second": 600_000.0,
    }
    assert told(figures) == (
        "0.5 s, 4,000 iterations/s (2,000 per core), 10,000,000 events/s, "
        "600,000 s simulated per CPU second"
    )


def test_a_stopwatch_measures_until_now() -> None:
    """No time at all is no division by zero."""
    figures = Stopwatch().speed(RESULT)

    assert figures["seconds"] >= 0
    assert figures["iterations_per_second"] > 0
