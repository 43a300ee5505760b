"""Results as large as those of a real fight, for ranges that nobody ran."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKETS: Final = [1000 + 16 * place for place in range(60)]
COUNTERS: Final = [f"ability.spell_{number}.casts" for number in range(100)]


def result(chunk: Mapping[str, Any]) -> str:
    """JSON text of a valid result, about five kilobytes: sixty buckets, a hundred counters."""
    first, count = chunk["seed_offset"], chunk["iterations"]
    share, rest = divmod(count, len(BUCKETS))
    counts = {
        value: share + (place < rest)
        for place, value in enumerate(BUCKETS)
        if share or place < rest
    }
    return json.dumps(
        {
            "schema": 1,
            "engine": "combat",
            "engine_version": "1.0.0",
            "iterations": count,
            "primary": "dps",
            "metrics": {
                "dps": {
                    "unit": "milli",
                    "n": count,
                    "sum": str(sum(value * n for value, n in counts.items())),
                    "sum_squares": str(sum(value * value * n for value, n in counts.items())),
                    "min": min(counts),
                    "max": max(counts),
                    "min_iteration": first,
                    "max_iteration": first + count - 1,
                    "histogram": counts,
                }
            },
            "counters": {name: count * (place + 1) for place, name in enumerate(COUNTERS)},
            "extremes": {},
        }
    )
