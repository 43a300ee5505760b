"""`earnings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from node.commands.earnings import COMMAND
from node.errors import PoolRefusalError

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

PATH: Final = "/rest/v1/rpc/my_earnings"
EARNED: Final[dict[str, Any]] = {
    "earnings_today": 0.1,
    "earnings_this_week": 1.25,
    "earnings_this_month": 20.000001,
    "total_earnings": 1234.5,
    "ledger": 1234.4,
    "days": [
        {
            "unit_id": "3f2a0000-0000-4000-8000-000000000001",
            "device_type": "cpu",
            "device_id": "cpu-0",
            "machine": "den [1]",
            "date": "2027-01-15",
            "tasks_completed": 1234,
            "task_earnings": 0.04,
            "uptime_seconds": 7260.0,
            "uptime_earnings": 0.06,
            "total_earnings": 0.1,
        },
        {
            "unit_id": "3f2a0000-0000-4000-8000-000000000002",
            "device_type": "gpu",
            "device_id": "gpu-0",
            "machine": None,
            "date": "2027-01-14",
            "tasks_completed": 0,
            "task_earnings": 0,
            "uptime_seconds": 30,
            "uptime_earnings": 1.15,
            "total_earnings": 1.15,
        },
    ],
}


def test_sums_and_days_are_shown(shell: Shell) -> None:
    """Credits to the millionth, and a line for each device and day."""
    shell.pool.on("POST", PATH, EARNED)
    out = shell.call(COMMAND, {"days": 31}).out
    assert shell.pool.bodies(PATH) == [{"days": 31}]
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1:6] == [
        "today 0.100000",
        "this week 1.250000",
        "this month 20.000001",
        "ever 1,234.500000",
        "in the ledger 1,234.400000",
    ]
    assert "2027-01-15 den [1] cpu-0 1,234 0.040000 2 h 01 min 0.060000 0.100000" in lines
    assert "2027-01-14 (gone) gpu-0 0 0.000000 30 s 1.150000 1.150000" in lines


def test_programs_get_what_the_pool_answers(shell: Shell) -> None:
    """--json has all of it."""
    shell.pool.on("POST", PATH, EARNED)
    assert shell.call(COMMAND, as_json=True).json == EARNED


def test_nothing_earned_says_how_to_begin(shell: Shell) -> None:
    """An empty table would say nothing."""
    nothing = {**dict.fromkeys(EARNED, 0), "days": []}
    shell.pool.on("POST", PATH, nothing)
    assert "python -m node" in shell.call(COMMAND).out


def test_a_refusal_is_told(shell: Shell) -> None:
    """What the pool says goes to the person."""
    refusal = {"code": "PT403", "message": "Only a signed-in user may do this, not a node."}
    shell.pool.on("POST", PATH, refusal, 403)
    with pytest.raises(PoolRefusalError, match="not a node"):
        shell.call(COMMAND)
