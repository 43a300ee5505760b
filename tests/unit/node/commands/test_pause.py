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


# -- through the pool ------------------------------------------------------------------------------

NODE_ID = "00000000-0000-0000-0000-000000000001"


def unit(number: int, status: str) -> dict[str, Any]:
    """A device of the machine."""
    return {"id": f"unit-{number}", "status": status, "device_id": f"cpu-{number}"}


@pytest.fixture
def owner(shell: Shell) -> Shell:
    """A shell whose user has one machine, with a device that works and one that is paused."""
    shell.pool.on("GET", "/rest/v1/nodes", [{"id": NODE_ID, "name": "shed"}])
    shell.pool.on("GET", "/rest/v1/compute_units", [unit(1, "active"), unit(2, "paused")])
    shell.pool.on("POST", "/functions/v1/compute-units/unit-1/pause", {"success": True})
    shell.pool.on("POST", "/functions/v1/compute-units/unit-2/resume", {"success": True})
    return shell


def test_a_node_elsewhere_is_paused_by_its_owner(owner: Shell) -> None:
    """Each device that works, with the reason."""
    values = {"node": "shed", "reason": "maintenance"}
    assert "shed is paused" in owner.call(pause.COMMAND, values).out
    path = "/functions/v1/compute-units/unit-1/pause"
    assert owner.pool.bodies(path) == [{"reason": "maintenance"}]
    assert decided(owner) is None
    assert owner.call(pause.COMMAND, values, as_json=True).json == {
        "node_id": NODE_ID,
        "devices_paused": 1,
    }


def test_a_node_elsewhere_is_resumed_by_its_owner(owner: Shell) -> None:
    """Each device that is paused."""
    assert "shed works again" in owner.call(resume.COMMAND, {"node": NODE_ID}).out
    assert owner.call(resume.COMMAND, {"node": "shed"}, as_json=True).json == {
        "node_id": NODE_ID,
        "devices_resumed": 1,
    }
    owner.pool.on("GET", "/rest/v1/compute_units", [])
    assert "Nothing of shed is paused" in owner.call(resume.COMMAND, {"node": "shed"}).out
    assert "Nothing of shed works" in owner.call(pause.COMMAND, {"node": "shed"}).out


def test_a_node_that_is_not_theirs_is_reported(owner: Shell) -> None:
    """With where to look."""
    owner.pool.on("GET", "/rest/v1/nodes", [])
    with pytest.raises(CommandError, match="no machine 'barn'"):
        owner.call(pause.COMMAND, {"node": "barn"})
