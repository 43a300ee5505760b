"""Exponential backoff with full jitter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(slots=True)
class Backoff:
    """Delays drawn uniformly below a bound that doubles with every attempt.

    Full jitter spreads a fleet that lost its server at one moment over the whole interval.
    """

    random: Random
    initial: float = 1.0
    limit: float = 60.0
    attempts: int = field(default=0, init=False)

    def next(self, at_least: float = 0.0) -> float:
        """Seconds to wait before the next attempt, added to what the server asked for."""
        # the exponent is bounded so that a node offline for a week does not overflow a float
        bound = min(self.limit, self.initial * 2.0 ** min(self.attempts, 32))
        self.attempts += 1
        return at_least + self.random.uniform(0.0, bound)

    def reset(self) -> None:
        """Start again from the shortest bound."""
        self.attempts = 0
