"""Columns that are facts never change, by whatever name their place goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from node.engine import get_engine
from node.engine.combat.fights import CombatPlan, Fights
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.facts import Fact
from node.engine.combat.kernels.jit import columns
from node.engine.configs import default_config, spec_names

EVENTS = [
    {"adds": {"count": 2, "seconds": 5}, "at": 2, "every": 12},
    {"move": {"seconds": 2}, "at": 9},
]
_njit: Any = njit


@pytest.mark.compiled
def test_a_kernel_cannot_write_a_fact() -> None:
    """The compiler refuses it, and reads it."""

    def read(ints: Any, ability: int) -> int:
        return int(columns(ints)[ability + at.CASTER])

    def write(ints: Any, ability: int) -> None:
        columns(ints)[ability + at.CASTER] = 1

    ints = np.arange(100)
    assert _njit(read)(ints, 20) == 20 + at.CASTER
    with pytest.raises(TypingError, match="setitem"):
        _njit(write)(ints, 20)


def test_no_place_of_a_fact_changes() -> None:
    """What is read as a fact is not changed under the name of another column either."""
    finished = subprocess.run(
        [sys.executable, "-c", "from tests.unit.engine.test_facts import watch; watch()"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(finished.stdout)

    assert set(seen) == set(spec_names())
    for name, (known, changed, both) in seen.items():
        assert known > 100, name
        assert changed > 100, name
        assert both == [], name


class _Place(int):
    """A place that was named by a fact."""

    __slots__ = ()


class _Watched(np.ndarray[Any, Any]):
    """Columns that note which places are read as facts, and which change."""

    def watch(self) -> None:
        """Begin with nothing noted."""
        self.known, self.changed = set[int](), set[int]()

    def __getitem__(self, place: Any) -> Any:
        value = super().__getitem__(place)
        if isinstance(place, _Place | Fact):
            self.known.add(int(place))
        return value.item() if isinstance(value, np.generic) else value  # so that offsets are int

    def __setitem__(self, place: Any, value: Any) -> None:
        if isinstance(place, int) and value != super().__getitem__(place):
            self.changed.add(place)
        super().__setitem__(place, value)


def watch() -> None:
    """Write, for each spec that ships, how many places are facts and change, and which both."""
    Fact.__radd__ = lambda self, offset: _Place(int(offset) + int(self))  # type: ignore[method-assign]
    engine = get_engine("combat")
    seen = {}
    for name in spec_names():
        document = default_config(name, duration=20, targets=3)
        plan = engine.prepare({**document, "events": EVENTS})
        assert isinstance(plan, CombatPlan)
        fights = Fights(plan, 3)
        arena = fights._arena
        arena.ints, arena._reals = arena.ints.view(_Watched), arena._reals.view(_Watched)
        arrays: Any = arena.ints, arena._reals
        for array in arrays:
            array.watch()
        fights.simulate(0, 1)
        known = sum(len(array.known) for array in arrays)
        changed = sum(len(array.changed) for array in arrays)
        both = [sorted(array.known & array.changed) for array in arrays]
        seen[name] = known, changed, [*both[0], *both[1]]
    sys.stdout.write(json.dumps(seen))
