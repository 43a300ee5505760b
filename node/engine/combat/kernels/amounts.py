"""Whole amounts of what expressions give."""

from __future__ import annotations

import numpy as np

from node.engine.combat.kernels.jit import kernel

MOST = 1e15


@kernel
def whole(value: float) -> int:
    """Round to a whole amount: 0 for what is less or no number, never beyond any use."""
    if not value > 0.0:
        return 0
    return int(np.rint(min(value, MOST)))
