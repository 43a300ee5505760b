"""The damage of a fight by the time into it, in a bounded number of equal parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from node.engine.combat.image import Cell, Entity
from node.engine.combat.kernels import layout as at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.image import IntArray

MOST_BUCKETS = 150
_SECOND = 1000


class Timeline:
    """Parts of whole seconds, as short as a fight of the greatest length allows."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        longest = round(config["duration_ms"] * (1 + config.get("duration_variation", 0)))
        self.width = -(-longest // (MOST_BUCKETS * _SECOND)) * _SECOND
        self.buckets = -(-longest // self.width)
        self.entity = Entity(self.buckets)

    def columns(self) -> dict[int, int | Cell]:
        """Give what the fight knows of it at the start."""
        return {
            at.BUCKET: Cell(self.entity, 0),
            at.LAST_BUCKET: Cell(self.entity, self.buckets - 1),
            at.BUCKET_MS: self.width,
            at.BUCKET_ENDS: self.width if self.buckets > 1 else at.NEVER,
        }

    def places(self) -> Iterator[tuple[str, int]]:
        """Give the counter of each part and where it lies."""
        for number in range(self.buckets):
            yield f"{self._name(number)}.damage_milli", self.entity.offset + number

    def times(self, lengths: IntArray) -> dict[str, int]:
        """Count the milliseconds that fights of these lengths spend in each part."""
        starts = np.arange(self.buckets, dtype=np.int64) * self.width
        ends = starts + self.width
        ends[-1] = at.NEVER
        same, fights = np.unique(lengths, return_counts=True)
        spent = np.clip(np.minimum(same[:, None], ends) - starts, 0, None)
        totals = fights @ spent
        return {f"{self._name(number)}.ms": int(total) for number, total in enumerate(totals)}

    def _name(self, number: int) -> str:
        return f"timeline.{number * self.width // _SECOND}"
