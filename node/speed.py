"""How fast a simulation was, in the terms in which simulators are compared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node.engine.results import Result

_MILLI = 1000


class Stopwatch:
    """The time since it was made, of the clock and of all cores that worked for this process."""

    def __init__(self) -> None:
        self._started, self._used = time.perf_counter(), time.process_time()

    def speed(self, result: Result) -> dict[str, Any]:
        """What was simulated until now, and how fast."""
        seconds = max(time.perf_counter() - self._started, 1e-9)
        return speed(result, seconds, max(time.process_time() - self._used, 1e-9))

    def rate(self, done: int) -> str:
        """How many iterations a second were done until now, in words."""
        return f"{done / max(time.perf_counter() - self._started, 1e-9):,.0f}/s"


def speed(result: Result, seconds: float, cpu_seconds: float) -> dict[str, Any]:
    """The speed report of a simulation that took so long.

    A core is a second of work per second, so that figures per core are figures per CPU second.
    """
    iterations = int(result["iterations"])
    events = int(result["counters"].get("fight.events", 0))
    simulated = int(result["counters"].get("fight.length_ms", 0)) / _MILLI
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "iterations": iterations,
        "events": events,
        "iterations_per_second": round(iterations / seconds, 1),
        "iterations_per_second_per_core": round(iterations / cpu_seconds, 1),
        "events_per_second": round(events / seconds, 1),
        "simulated_seconds_per_cpu_second": round(simulated / cpu_seconds, 1),
    }


def told_apart(figures: dict[str, Any]) -> dict[str, str]:
    """Give the figures of a speed report by names for people."""
    return {
        "Time": f"{figures['seconds']:.1f} s",
        "Iterations per second": f"{figures['iterations_per_second']:,.0f}",
        "Iterations per second and core": f"{figures['iterations_per_second_per_core']:,.0f}",
        "Events per second": f"{figures['events_per_second']:,.0f}",
        "Simulated per CPU second": f"{figures['simulated_seconds_per_cpu_second']:,.0f} s",
    }


def told(figures: dict[str, Any]) -> str:
    """Give a speed report as a line for people."""
    return (
        f"{figures['seconds']:.1f} s, {figures['iterations_per_second']:,.0f} iterations/s "
        f"({figures['iterations_per_second_per_core']:,.0f} per core), "
        f"{figures['events_per_second']:,.0f} events/s, "
        f"{figures['simulated_seconds_per_cpu_second']:,.0f} s simulated per CPU second"
    )
