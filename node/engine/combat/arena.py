"""The arrays that fights take place in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from node.engine.combat.kernels import layout as at

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine.combat.image import IntArray, RealArray


class Arena:
    """How fights begin, how the present one stands, and what was counted; room for a log if any."""

    def __init__(self, ints: IntArray, reals: RealArray, room: int = 0) -> None:
        self._fresh_ints, self._fresh_reals = ints.copy(), reals
        self._fresh_ints[at.KEEPS_LOG] = int(room > 0)
        self._fresh_ints[at.LOG] = len(ints)
        self.ints = np.concatenate([self._fresh_ints, np.zeros(room, np.int64)])
        self._reals = reals.copy()
        self.sums = np.zeros(len(ints), np.int64)
        self._kept = self.sums.copy()

    def simulate(  # noqa: PLR0913, PLR0917 - the plain-array wall
        self,
        loop: Callable[..., int],
        evaluate: Any,
        seed: int,
        first: int,
        damage: IntArray,
        length: IntArray,
    ) -> int:
        """Simulate one fight per element of `damage`, and give how many were finished."""
        return loop(
            evaluate,
            self._fresh_ints,
            self._fresh_reals,
            self.ints,
            self._reals,
            self.sums,
            seed,
            first,
            damage,
            length,
        )

    def keep(self) -> None:
        """Remember what was counted so far."""
        np.copyto(self._kept, self.sums)

    def go_back(self) -> None:
        """Forget what was counted since then."""
        np.copyto(self.sums, self._kept)
