"""Random numbers are Philox4x32-10, one stream per call site."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.philox import philox, uniform

ALL_ONES = 0xFFFFFFFF
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL_ONES,) * 4, (ALL_ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
STREAM = 64


@numba.njit
def compiled_philox(words: Any) -> Any:
    """Call the kernel from compiled code, as the event loop does."""
    return philox(words[0], words[1], words[2], words[3], words[4], words[5])


@numba.njit
def draws(ints: Any, stream: int, count: int) -> Any:
    """Draw the next numbers of a stream."""
    found = np.zeros(count)
    for index in range(count):
        found[index] = uniform(ints, stream)
    return found


def stream(label: int, *, seed: int = 1, iteration: int = 0) -> Any:
    """Make the columns of a fight with one stream."""
    ints = np.zeros(STREAM + at.STREAM_SIZE, np.int64)
    ints[at.SEED], ints[at.ITERATION], ints[STREAM + at.LABEL] = seed, iteration, label
    return ints


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The published answers come out, compiled and interpreted."""
    words = np.array([*counter, *key], np.uint64)
    interpreted = getattr(philox, "py_func", philox)

    assert tuple(map(int, compiled_philox(words))) == expected
    assert tuple(map(int, interpreted(*words))) == expected


def test_a_stream_depends_on_seed_iteration_and_label_alone() -> None:
    """Each of the three changes every draw, and nothing else does."""
    reference = draws(stream(5), STREAM, 9).tolist()

    assert draws(stream(5), STREAM, 9).tolist() == reference
    for other in (stream(6), stream(5, seed=2), stream(5, iteration=1), stream(5, seed=1 << 32)):
        assert not set(draws(other, STREAM, 9).tolist()) & set(reference)


def test_draws_are_the_words_of_one_block_after_the_other() -> None:
    """However many blocks are made at once."""
    blocks = [np.array([block, 5, 3, 0, 1, 0], np.uint64) for block in range(6)]
    expected = [int(word) / 2**32 for block in blocks for word in compiled_philox(block)]

    assert draws(stream(5, iteration=3), STREAM, 24).tolist() == expected


def test_negative_seeds_are_as_good_as_any() -> None:
    """The whole range of a bigint seeds the generator."""
    assert draws(stream(5, seed=-1), STREAM, 4).tolist() != draws(stream(5), STREAM, 4).tolist()


def test_draws_are_uniform() -> None:
    """Mean, variance and range are those of numbers spread evenly over [0, 1)."""
    found = draws(stream(5), STREAM, 100_000)

    assert 0 <= found.min() < found.max() < 1
    assert found.mean() == pytest.approx(1 / 2, abs=4 * (1 / 12 / 100_000) ** 0.5)
    assert found.var() == pytest.approx(1 / 12, rel=0.02)
