"""When the node wants to do what next: due times by activity, one try in flight for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from node.utils.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

Activity = Literal[
    "register",
    "token",
    "subscribe",
    "claim",
    "heartbeat",
    "exchange",
    "units",
    "step_aside",
    "give_up",
]

#: The longest wait between two tries. Realtime has its own, as each try costs the pool a join.
LIMITS: dict[Activity, float] = {"subscribe": 30.0, "register": 120.0}
DEFAULT_LIMIT = 60.0


class Agenda:
    """Due times. An activity in flight waits for its answer however long it is overdue."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._due: dict[Activity, float] = {}
        self._in_flight: set[Activity] = set()
        self._backoffs: dict[Activity, Backoff] = {}
        self._suspended: set[Activity] = set()

    @property
    def in_flight(self) -> frozenset[Activity]:
        """Activities that wait for an answer."""
        return frozenset(self._in_flight)

    def schedule(self, activity: Activity, at: float) -> None:
        """Do it at `at`, whatever was planned before."""
        self._due[activity] = at

    def expedite(self, activity: Activity, now: float) -> None:
        """Do it now, or sooner if it was due already."""
        self._due[activity] = min(now, self._due.get(activity, now))

    def retry(self, activity: Activity, now: float, *, at_least: float = 0.0) -> float:
        """Do it again after a delay that grows with every try; returns the delay."""
        delay = self._backoff(activity).next(at_least)
        self._due[activity] = now + delay
        return delay

    def suspend(self, activity: Activity, now: float, *, at_least: float = 0.0) -> float:
        """The pool did not answer: retry later, or as soon as it answers anything else."""
        self._suspended.add(activity)
        return self.retry(activity, now, at_least=at_least)

    def succeeded(self, activity: Activity) -> None:
        """The next failure starts from the shortest delay again."""
        self._backoff(activity).reset()

    def answered(self, activity: Activity, now: float) -> None:
        """The pool serves: whatever was suspended need not wait longer."""
        self.end(activity)
        self.succeeded(activity)
        self._suspended.discard(activity)
        for other in self._suspended:
            self.succeeded(other)
            self.expedite(other, now)
        self._suspended.clear()

    def cancel(self, *activities: Activity) -> None:
        """Plan nothing of these."""
        for activity in activities:
            self._due.pop(activity, None)

    def begin(self, activity: Activity) -> None:
        """It is being done: not due again until planned anew."""
        self._due.pop(activity, None)
        self._in_flight.add(activity)

    def end(self, activity: Activity) -> None:
        """Its answer is in."""
        self._in_flight.discard(activity)

    def is_planned(self, activity: Activity) -> bool:
        """It is in flight or has a due time."""
        return activity in self._in_flight or activity in self._due

    def due(self, now: float, allowed: Collection[Activity]) -> list[Activity]:
        """What should be done now, the longest overdue first."""
        ready = (key for key in self._open(allowed) if self._due[key] <= now)
        return sorted(ready, key=self._due.__getitem__)

    def next_wake(self, allowed: Collection[Activity]) -> float | None:
        """When the next activity is due; None while only answers are awaited."""
        return min((self._due[key] for key in self._open(allowed)), default=None)

    def _open(self, allowed: Collection[Activity]) -> list[Activity]:
        return [key for key in self._due if key in allowed and key not in self._in_flight]

    def _backoff(self, activity: Activity) -> Backoff:
        if activity not in self._backoffs:
            limit = LIMITS.get(activity, DEFAULT_LIMIT)
            self._backoffs[activity] = Backoff(self._random, limit=limit)
        return self._backoffs[activity]
