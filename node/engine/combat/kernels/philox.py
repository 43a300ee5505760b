"""Counter-based random numbers: Philox4x32-10 (Salmon et al., SC11).

The key is the seed of the job; the counter is (block, label of the call site, iteration).  So a
draw depends on nothing but its seed, iteration, call site and number: a new call site shifts no
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.engine.combat.kernels.jit import kernel
from node.engine.combat.kernels.layout import DRAWS, ITERATION, LABEL, SEED, WORDS

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers

ROUNDS = 10
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_WORDS_PER_BLOCK, _LAST_WORD = 4, 7  #: of two blocks
_TO_UNIT = 2.0**-32


@kernel
def philox(  # noqa: PLR0913, PLR0917 - the words of a counter and a key
    c0: np.uint64,
    c1: np.uint64,
    c2: np.uint64,
    c3: np.uint64,
    k0: np.uint64,
    k1: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Turn a counter of four 32-bit words and a key of two into four random words."""
    for _ in range(ROUNDS):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@kernel
def _refill(ints: Integers, stream: int, block: int) -> None:
    """Make the words of two blocks at once: processors make the second beside the first."""
    _make(ints, stream + WORDS, block, ints[stream + LABEL])
    _make(ints, stream + WORDS + _WORDS_PER_BLOCK, block + 1, ints[stream + LABEL])


@kernel
def _make(ints: Integers, place: int, block: int, label: int) -> None:
    seed, iteration = np.uint64(ints[SEED]), np.uint64(ints[ITERATION])
    words = philox(
        np.uint64(block),
        np.uint64(label),
        iteration & _LOW,
        iteration >> _HALF,
        seed & _LOW,
        seed >> _HALF,
    )
    ints[place] = int(words[0])
    ints[place + 1] = int(words[1])
    ints[place + 2] = int(words[2])
    ints[place + 3] = int(words[3])


@kernel
def uniform(ints: Integers, stream: int) -> float:
    """Draw the next number of a stream, at least 0 and below 1."""
    number = ints[stream + DRAWS]
    ints[stream + DRAWS] = number + 1
    if number & _LAST_WORD == 0:
        _refill(ints, stream, number // _WORDS_PER_BLOCK)
    return ints[stream + WORDS + (number & _LAST_WORD)] * _TO_UNIT
