"""The figures of the benchmark of the network statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.network_stats import WARM_UP, Figures, Times, _milliseconds, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

FAST = Times(0.5, 1.5, 1000)
GOOD = Figures(
    plain=Times(800.0, 900.0, 12),
    idle=FAST,
    busy=FAST,
    heartbeat=FAST,
    rate=5500.0,
    wanted_rate=5556.0,
    most=9000.0,
    heartbeat_cost=0.2,
    unequal=0,
)


def test_99_of_100_times_are_at_most_the_high_one() -> None:
    """In whatever order they came."""
    assert Times.of([float(n) for n in range(100, 0, -1)]) == Times(50.0, 99.0, 100)


def test_a_heartbeat_lasts_from_its_start_and_not_from_when_it_was_due() -> None:
    """The log counts from when it was due, and says how late it began; first calls are left out."""
    warm_up = "".join(f"0 {n} 99000 0 1 2 0\n" for n in range(1, WARM_UP + 1))
    log = f"{warm_up}0 6 2500 0 1764248400 12 1000\n1 7 800 0 1764248400 99\n"
    assert list(_milliseconds(log)) == [1.5, 0.8]


@pytest.mark.parametrize(
    "change",
    [
        {"busy": Times(0.5, 5.0, 1000)},
        {"idle": Times(0.5, 5.0, 1000)},
        {"heartbeat": Times(0.5, 2.0, 1000)},
        {"rate": 5200.0},
        {"unequal": 1},
    ],
)
def test_every_target_can_be_missed(
    capsys: pytest.CaptureFixture[str], change: Mapping[str, object]
) -> None:
    """Alone, and the last line says which one."""
    assert verdict(GOOD, 1000.0)
    assert "MISSED" not in capsys.readouterr().out
    assert not verdict(replace(GOOD, **change), 1000.0)  # type: ignore[arg-type]
    assert capsys.readouterr().out.count("MISSED") == 2
    assert not verdict(GOOD, 999.0)
