"""`network`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from node.commands.network import COMMAND, WIDTH, bars
from tests.unit.node.terminal import NOW

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

STATS, HISTORY = "/rest/v1/rpc/get_network_stats", "/rest/v1/rpc/network_history"
SUMS = {
    "active_nodes": 1234,
    "total_ram_gb": 9876.5,
    "total_cpu_cores": 5678,
    "total_storage_gb": 1000000,
    "total_compute_score": 98143.0,
}


def sample(seconds_ago: float, devices: int) -> dict[str, Any]:
    """What was recorded then."""
    moment = datetime.fromtimestamp(NOW - seconds_ago, UTC)
    return {**SUMS, "sampled_at": moment.isoformat(), "active_nodes": devices}


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell whose pool was recorded three times today."""
    shell.pool.on("POST", STATS, [SUMS])
    shell.pool.on("POST", HISTORY, [sample(86_399, 500), sample(43_200, 0), sample(0, 1000)])
    return shell


def test_the_sums_are_shown_with_a_chart(shell: Shell) -> None:
    """For anybody: no token is sent."""
    outcome = shell.call(COMMAND)
    assert outcome.code == 0
    for words in ("1,234", "5,678", "9,876 GB", "1,000,000 GB", "98,143", "last day: 0 to 1,000"):
        assert words in outcome.out
    (chart,) = (line for line in outcome.out.splitlines() if "█" in line)
    assert (len(chart), chart.replace(" ", "")) == (WIDTH, "▅▁█")
    assert chart.index("▁") == WIDTH // 2
    assert all("authorization" not in request.headers for request in shell.pool.requests)


def test_the_period_is_asked_for(shell: Shell) -> None:
    """What was not recorded is no chart."""
    shell.pool.on("POST", HISTORY, [])
    outcome = shell.call(COMMAND, {"period": "week"})
    assert "Nothing was recorded in the last week." in outcome.out
    assert shell.pool.bodies(HISTORY) == [{"period": "week"}]


def test_programs_get_everything(shell: Shell) -> None:
    """The sums, and each sample."""
    document = shell.call(COMMAND, as_json=True).json
    assert (document["now"], document["period"]) == (SUMS, "day")
    assert [one["active_nodes"] for one in document["history"]] == [500, 0, 1000]


def test_bars_reach_from_nothing_to_the_largest() -> None:
    """Also where there is nothing at all."""
    assert bars([0, 7, None, 14]) == "▁▅ █"
    assert bars([0, 0]) == "▁▁"
    assert bars([]) == ""
