"""What a fleet measures: each call's duration, and the database every few seconds."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

SHARES: Final = (0.50, 0.95, 0.99)


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile; not a number for no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Sample:
    """The database at a moment, and what happened since the one before; times in seconds."""

    at: float
    exchanges: float  # a second
    lateness: float  # 95 of 100 calls began at most so late
    calls: dict[str, tuple[float, ...]]  # p50, p95 and p99 by kind
    size: int  # bytes
    dead_rows: int
    finished_chunks: int
    server_cpu: float  # processors


@dataclass
class Records:
    """Durations of calls by kind, of the whole run and since the last sample."""

    all: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    recent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    late: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def note(self, kind: str, late: float, seconds: float) -> None:
        """A call of the kind began so late and took so long."""
        self.all[kind].append(seconds)
        self.recent[kind].append(seconds)
        self.late.append(late)

    def sample(self, at: float, period: float, *, server_cpu: float, **database: int) -> Sample:
        """Close the period that ends now."""
        one = Sample(
            at=at,
            exchanges=len(self.recent["exchange"]) / period,
            lateness=percentile(self.late, 0.95),
            calls={
                kind: tuple(percentile(values, share) for share in SHARES)
                for kind, values in self.recent.items()
            },
            server_cpu=server_cpu,
            **database,
        )
        self.samples.append(one)
        self.recent.clear()
        self.late.clear()
        return one
