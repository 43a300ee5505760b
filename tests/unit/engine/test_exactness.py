"""A result is the same, bit for bit, whoever computed it and in which pieces."""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.engine import get_engine, results
from node.engine.configs import default_config
from tests.unit.engine.fights import never, run

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

ITERATIONS = 60
GOLDEN = "4722fcac3932900fbff8f7c5c1c0caeb963fc062307b90f1a447c268172061f4"
ROOT = Path(__file__).parents[3]


@functools.cache
def whole() -> dict[str, Any]:
    """Simulate a job in one piece."""
    return run(beast_mastery(), ITERATIONS)


def beast_mastery() -> dict[str, Any]:
    """Build a fight with everything in it, of varying length."""
    return {**default_config(duration=60, targets=3), "duration_variation": 0.2}


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(1, ITERATIONS - 1), max_size=5), st.randoms(use_true_random=False))
def test_any_partition_in_any_order_gives_the_same_digest(
    cuts: set[int], order: random.Random
) -> None:
    """Chunks of any size, merged in any order, equal the job run in one piece."""
    bounds = [0, *sorted(cuts), ITERATIONS]
    chunks = [
        run(beast_mastery(), last - first, first=first)
        for first, last in itertools.pairwise(bounds)
    ]
    order.shuffle(chunks)

    assert results.digest(functools.reduce(results.merge, chunks)) == results.digest(whole())


def test_the_digest_is_the_same_on_every_machine() -> None:
    """Twenty fights have the digest written here; a change of it needs a new engine version."""
    assert get_engine("combat").version == "0.3.3"
    assert results.digest(run(beast_mastery(), 20)) == GOLDEN


def test_another_seed_gives_another_result() -> None:
    """The seed matters."""
    assert run(beast_mastery(), 2, seed=1) != run(beast_mastery(), 2, seed=2)


def test_a_chunk_of_nothing_is_the_identity() -> None:
    """No iterations merge with any result and change nothing."""
    nothing = run(beast_mastery(), 0)

    assert nothing["iterations"] == 0
    assert results.merge(whole(), nothing) == whole()


def test_two_threads_find_the_same_as_one() -> None:
    """One plan may be run by several threads at once."""
    engine = get_engine("combat")
    plan = engine.prepare(beast_mastery())
    halves: dict[int, Any] = {}

    def simulate(first: int) -> None:
        halves[first] = engine.run(plan, 7, first, ITERATIONS // 2, never)

    threads = [threading.Thread(target=simulate, args=[first]) for first in (0, ITERATIONS // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results.merge(*halves.values()) == whole()


def interpreted(document: dict[str, Any], iterations: int) -> str:
    """Give the digest that a process finds whose kernels are not compiled."""
    program = (
        "import json, sys\n"
        "from node.engine import results\n"
        "from tests.unit.engine.fights import run\n"
        "print(results.digest(run(json.load(sys.stdin), int(sys.argv[1]))))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(iterations)],
        input=json.dumps(document),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_compiled_and_interpreted_kernels_agree() -> None:
    """With the JIT off the same code finds the same bits."""
    assert interpreted(beast_mastery(), 5) == results.digest(run(beast_mastery(), 5))


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_a_run_stops_when_it_is_told_to(stop_after: int) -> None:
    """A stopped run gives nothing, and was asked again and again."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop_after

    engine = get_engine("combat")
    stop: Callable[[], bool] = should_stop

    assert engine.run(engine.prepare(beast_mastery()), 7, 0, 10**9, stop) is None
    assert asked == stop_after + 1


def test_the_rules_hold_with_the_jit_off() -> None:
    """The laws, the rules of the model and the expressions are the same, interpreted."""
    files = [f"tests/unit/engine/test_{name}.py" for name in ("laws", "model", "expressions")]
    options = ["-q", "-p", "no:cacheprovider", "-m", "not compiled"]
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout
