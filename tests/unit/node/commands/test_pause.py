"""`pause` and `resume`."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from node.commands import local, pause, resume
from node.errors import CommandError
from node.hardware import detect_hardware
from node.sharing_file import SharingFile
from node.status_file import StatusFile
from tests.unit.node.machines import recorded
from tests.unit.node.test_screen import RUNNING

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is found at once, and a node that is not waited for for long."""
    monkeypatch.setattr(local, "SystemProbe", lambda: recorded("linux_laptop"))
    monkeypatch.setattr(local, "LOOK_EVERY", 0.001)


def decided(shell: Shell) -> str | None:
    """The pause that was decided."""
    devices = detect_hardware(probe=recorded("linux_laptop")).devices()
    return SharingFile(shell.settings.data_dir, devices).read().pause


def node(shell: Shell, **fields: Any) -> None:
    """The node of this machine is like this now."""
    StatusFile(shell.settings).write(replace(RUNNING, **fields))


def test_a_pause_waits_for_a_node_that_is_to_come(shell: Shell) -> None:
    """Without one running it is decided all the same."""
    assert "one that is started rests" in shell.call(pause.COMMAND).out
    assert decided(shell) == "user_requested"
    assert "No node runs here" in shell.call(resume.COMMAND).out
    assert decided(shell) is None


def test_a_pause_is_over_when_the_node_does_nothing(shell: Shell) -> None:
    """Not when it has merely heard of it."""
    node(shell, paused=True, rests=("maintenance",), workers_busy=1)
    later = threading.Timer(
        0.2,
        lambda: node(shell, paused=True, rests=("maintenance",), workers_busy=0),
    )
    later.start()
    began = time.monotonic()
    outcome = shell.call(pause.COMMAND, {"reason": "maintenance"})
    assert "does nothing until it is resumed" in outcome.out
    assert time.monotonic() - began > 0.1
    later.join()


def test_a_node_that_does_not_follow_is_reported(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision stands."""
    monkeypatch.setattr(local, "FOLLOWS_WITHIN", 0.0)
    node(shell)
    with pytest.raises(CommandError, match="does not follow"):
        shell.call(pause.COMMAND)
    assert decided(shell) == "user_requested"


def test_a_resume_tells_what_else_holds_the_node(shell: Shell) -> None:
    """A pause by the owner is not ended here."""
    node(shell, paused=True, rests=("by_owner", "daytime"))
    out = shell.call(resume.COMMAND).out
    assert "still paused by its owner and until the night" in out
    node(shell)
    assert "takes work again" in shell.call(resume.COMMAND).out


def test_both_for_programs(shell: Shell) -> None:
    """--json says what was decided and whether a node runs."""
    assert shell.call(pause.COMMAND, as_json=True).json == {
        "paused": True,
        "reason": "user_requested",
        "running": False,
    }
    node(shell, paused=True, rests=("overheating",))
    assert shell.call(resume.COMMAND, as_json=True).json == {
        "paused": True,
        "reasons": ["overheating"],
        "running": True,
    }
