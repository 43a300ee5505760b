"""`doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node.commands import doctor
from node.commands.doctor import COMMAND
from node.doctor import Finding

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell


@pytest.fixture
def shell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell on a machine whose engine is known to be well."""
    monkeypatch.setattr(doctor, "check_engine", lambda _: Finding("engine", "ok", "fine"))
    return shell


def test_a_failure_fails_the_command(shell: Shell) -> None:
    """Each finding is a line, what to fix stands below it, and the exit code is 1."""
    shell.pool.silent = True
    outcome = shell.call(COMMAND)
    assert outcome.code == 1
    assert "ok    cores" in outcome.out
    assert "FAIL  server" in outcome.out
    assert "\n                      Check the address (--pool)" in outcome.out
    assert "To fix: server." in outcome.out


def test_a_warning_does_not(shell: Shell) -> None:
    """A pool without a signed-in user is good enough for a node."""
    shell.pool.on("GET", "/functions/v1/health", {"version": "1", "database": {"ok": True}})
    shell.pool.on("POST", "/rest/v1/rpc/get_network_stats", [{"active_nodes": 0}])
    outcome = shell.call(COMMAND, access_token=None)
    assert outcome.code == 0
    assert "warn  user" in outcome.out
    assert "can be a node" in outcome.out


def test_findings_for_programs(shell: Shell) -> None:
    """--json gives the same findings and the same exit code."""
    shell.pool.silent = True
    outcome = shell.call(COMMAND, as_json=True)
    assert outcome.code == 1
    assert outcome.json["ok"] is False
    server = next(one for one in outcome.json["checks"] if one["check"] == "server")
    assert server["health"] == "fail"
    assert server["fix"]
