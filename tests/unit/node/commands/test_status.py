"""`status`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from node.commands.status import COMMAND
from node.status_file import StatusFile
from tests.unit.node.terminal import NOW
from tests.unit.node.test_screen import CLAIMING, RUNNING

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

NODES, EXPLAIN = "/rest/v1/nodes", "/rest/v1/rpc/explain_node"
NODE = {
    "id": "n1",
    "name": "desk [1]",
    "status": "online",
    "hostname": "vm",
    "platform": "linux-x86_64",
    "version": "0.1.0",
    "total_cores": 8,
    "max_parallel": 4,
    "iterations_per_second": 3210.5,
    "paused_at": None,
    "last_seen_at": "2027-01-15T07:59:30+00:00",
}


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell whose user has one node."""
    shell.pool.on("GET", NODES, [NODE])
    shell.pool.on("POST", EXPLAIN, explained("no_work", "No job has work."))
    return shell


def explained(code: str, text: str) -> dict[str, Any]:
    """What `explain_node` answers."""
    return {"id": "n1", "name": "desk [1]", "reasons": [{"code": code, "text": text}]}


def test_nothing_running_says_how_to_start(shell: Shell) -> None:
    """Without a node here there is a hint, and the user's nodes elsewhere."""
    outcome = shell.call(COMMAND)
    assert outcome.code == 0
    assert "No node runs here" in outcome.out
    for words in ("desk [1]", "online", "linux-x86_64", "4 of 8", "3,210", "30 s ago"):
        assert words in outcome.out


def test_a_running_node_is_shown(shell: Shell) -> None:
    """The node of this machine tells how it is."""
    StatusFile(shell.settings, clock=lambda: NOW - 65).write(RUNNING)
    outcome = shell.call(COMMAND)
    for words in ("running", "3 of 4 busy", "1,234 chunks", "43,210 iterations/s", "up 1 min 05 s"):
        assert words in outcome.out


def test_an_unclaimed_node_shows_its_code(shell: Shell) -> None:
    """Whoever missed the screen finds the code here."""
    StatusFile(shell.settings).write(CLAIMING)
    assert "K7WQ2M" in shell.call(COMMAND).out


def test_trouble_and_pause_are_shown(shell: Shell) -> None:
    """The last error, and that the owner paused the node."""
    StatusFile(shell.settings).write(
        replace(RUNNING, paused=True, rests=("by_owner",), last_error="it [broke]")
    )
    outcome = shell.call(COMMAND)
    assert "paused by its owner" in outcome.out
    assert "it [broke]" in outcome.out


def test_what_keeps_a_node_from_work_is_told(shell: Shell) -> None:
    """That it is backed off or quarantined, in the words of the pool; not that there is no work."""
    assert "No job has work" not in shell.call(COMMAND).out
    for code in ("backed_off", "quarantined"):
        shell.pool.on("POST", EXPLAIN, explained(code, "It failed [3] times in a row."))
        assert "desk [1]: It failed [3] times in a row." in shell.call(COMMAND).out


def test_no_nodes_yet(shell: Shell) -> None:
    """A user without nodes is told how to get one."""
    shell.pool.on("GET", NODES, [])
    assert "python -m node claim CODE" in shell.call(COMMAND).out


def test_not_signed_in_is_no_failure(shell: Shell) -> None:
    """The node here can be looked at by who is nobody in the pool."""
    outcome = shell.call(COMMAND, access_token=None)
    assert outcome.code == 0
    assert "you are not signed in" in outcome.out
    assert "python -m node login" in outcome.out


def test_a_silent_pool_is_an_exit_code(shell: Shell) -> None:
    """The node here is shown, and scripts see that the pool does not answer."""
    shell.pool.silent = True
    StatusFile(shell.settings).write(RUNNING)
    outcome = shell.call(COMMAND)
    assert outcome.code == 3
    assert "3 of 4 busy" in outcome.out
    assert "does not answer" in outcome.out


def test_status_for_programs(shell: Shell) -> None:
    """--json gives both views."""
    StatusFile(shell.settings).write(RUNNING)
    document = shell.call(COMMAND, as_json=True).json
    assert document["local"]["snapshot"]["state"] == "running"
    assert document["nodes"] == [NODE | {"troubles": []}]
    assert document["pool"] == {"url": "http://pool.test", "error": None}
