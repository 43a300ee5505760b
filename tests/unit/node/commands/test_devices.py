"""`devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from node.commands import devices
from node.commands.devices import COMMAND
from node.errors import AllocationError, ConfigurationError
from tests.unit.node.machines import recorded

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop with two GPUs, which needs not be watched for long."""
    monkeypatch.setattr(devices, "SystemProbe", lambda: recorded("linux_desktop_two_gpus"))
    monkeypatch.setattr(devices, "WATCHED_FOR", 0.0)


def test_everything_found_is_shown(shell: Shell) -> None:
    """Machine, memory, storage, and each device with how it feels."""
    outcome = shell.call(COMMAND)
    assert outcome.code == 0
    for words in (
        "a desktop with Ubuntu 24.04.1 LTS",
        "46.6 of 62.4 GB free",
        "400.0 of 1,000.0 GB free",
        "AMD Ryzen 9 7950X 16-Core Processor",
        "16 cores, 32 threads, 5.9 GHz",
        "62 °C",
        "NVIDIA GeForce RTX 4090",
        "24.0 GB, compute 8.9, driver 550.54.14",
        "37 % busy, 54 °C, 118 W, 1.2 GB in use",
        "AMD Raphael",
        "0.5 GB, integrated",
    ):
        assert words in outcome.out


def test_devices_for_programs(shell: Shell) -> None:
    """--json gives the same, in the words of the contract."""
    document = shell.call(COMMAND, as_json=True).json
    assert document["device_type"] == "desktop"
    assert [device["device_id"] for device in document["devices"]] == ["cpu-0", "gpu-0", "gpu-1"]
    assert document["devices"][1]["vram_mb"] == 24564
    assert document["devices"][1]["now"] == {
        "load_percent": 37.0,
        "temperature_celsius": 54.0,
        "power_draw_watts": 118.24,
        "vram_used_mb": 1205,
    }
    assert len(document["machine_id"]) == 64
    assert document["devices"][0]["is_shared"] is True
    assert document["devices"][0]["allocation"] is None


def share(shell: Shell, device: str = "cpu-0", **values: Any) -> str:
    """What is said of a device after it was shared so."""
    return shell.call(COMMAND, {"action": "share", "device": device, **values}).out


def test_a_decision_is_kept_and_shown(shell: Shell) -> None:
    """In words, with every condition."""
    words = share(
        shell,
        cores=4,
        keep=2,
        priority="low",
        max_power=80,
        when="overnight",
        ac_only=True,
        max_temperature=85,
    )
    assert " ".join(words.split()) == (
        "cpu-0 is shared: 4 cores, 2 kept, priority low, 80 % of the power, overnight only, "
        "not on battery, below 85 °C."
    )
    assert "overnight only" in shell.call(COMMAND).out
    device = shell.call(COMMAND, as_json=True).json["devices"][0]
    assert device["allocation"]["cores_allocated"] == 4
    assert device["allocation"]["temperature_limit_celsius"] == 85


def test_what_is_not_said_again_stays(shell: Shell) -> None:
    """Also over a time of being withheld."""
    share(shell, cores=4, keep=2, when="idle")
    shell.call(COMMAND, {"action": "withhold", "device": "cpu-0"})
    assert "withheld" in shell.call(COMMAND).out
    words = share(shell, cores=1)
    assert "1 core, 2 kept, while nobody uses the machine" in words
    assert "nobody" not in share(shell, when="always")


def test_a_device_is_shared_but_for_what_is_kept(shell: Shell) -> None:
    """Two cores or 2 GB of memory, unless somebody says otherwise."""
    assert "14 cores, 2 kept" in share(shell)
    assert "22,516 MB of memory, 2,048 MB kept" in share(shell, "gpu-0")
    assert "8,192 MB of memory" in share(shell, "gpu-0", vram=8192)


def test_more_than_there_is_changes_nothing(shell: Shell) -> None:
    """The error says how much there is."""
    with pytest.raises(AllocationError, match="has 16 cores"):
        share(shell, cores=15)
    assert shell.call(COMMAND, as_json=True).json["devices"][0]["allocation"] is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"action": "lend"}, "'lend'"),
        ({"action": "share"}, "no device is named"),
        ({"action": "share", "device": "gpu-7"}, "'gpu-7'"),
        ({"action": "withhold", "device": "cpu-0", "cores": 1}, "--cores"),
        ({"action": "withhold", "device": "cpu-0", "max_power": 1}, "--max-power"),
        ({"action": "share", "device": "cpu-0", "vram": 1}, "not by --vram"),
        ({"action": "share", "device": "gpu-0", "cores": 1}, "not by --cores"),
    ],
)
def test_what_makes_no_sense_is_refused(shell: Shell, values: dict[str, Any], problem: str) -> None:
    """With what there is to choose from."""
    with pytest.raises(ConfigurationError, match=problem):
        shell.call(COMMAND, values)


def test_a_decision_for_programs(shell: Shell) -> None:
    """--json gives the record of the device."""
    values = {"action": "withhold", "device": "gpu-0"}
    document = shell.call(COMMAND, values, as_json=True).json
    assert document == {"is_shared": False, "allocation": None, "decided_at": None}


# -- through the pool ------------------------------------------------------------------------------

NODE = {"id": "00000000-0000-0000-0000-000000000001", "name": "shed [1]", "status": "online"}
UNIT = {
    "id": "unit-1",
    "device_type": "cpu",
    "device_id": "cpu-0",
    "name": "A CPU",
    "capacity": 8,
    "status": "paused",
    "pause_reason": "maintenance",
    "allocation": {"cores_allocated": 4, "cores_reserved": 2, "priority": "low"},
    "allocated_at": None,
}
IDLE = {**UNIT, "id": "unit-2", "device_id": "gpu-0", "device_type": "gpu", "status": "not_shared"}
ALLOCATIONS = f"/functions/v1/nodes/{NODE['id']}/allocations"


@pytest.fixture
def owner(shell: Shell) -> Shell:
    """A shell whose user has one machine, with a GPU too small to share."""
    idle = {**IDLE, "allocation": {"vram_allocated_mb": 0}, "pause_reason": None, "capacity": 512}
    shell.pool.on("GET", "/rest/v1/nodes", [NODE])
    shell.pool.on("GET", "/rest/v1/compute_units", [UNIT, idle])
    shell.pool.on("PUT", ALLOCATIONS, {"success": True, "updated_units": []})
    return shell


def test_a_machine_elsewhere_is_shown(owner: Shell) -> None:
    """With what each device does and what of it is shared."""
    out = owner.call(COMMAND, {"node": "shed"}).out
    for words in ("shed [1], online", "paused, maintenance", "4 cores, 2 kept, priority low"):
        assert words in out
    assert out.rstrip().endswith("withheld")
    document = owner.call(COMMAND, {"node": "shed"}, as_json=True).json
    assert document["compute_units"][0]["id"] == "unit-1"


def test_a_machine_elsewhere_is_told_what_to_share(owner: Shell) -> None:
    """What is not said stays as it is there."""
    owner.call(COMMAND, {"action": "share", "device": "cpu-0", "node": "shed", "cores": 3})
    owner.call(COMMAND, {"action": "withhold", "device": "cpu-0", "node": "shed"})
    shared, withheld = (body["compute_units"][0] for body in owner.pool.bodies(ALLOCATIONS))
    assert (shared["unit_id"], shared["is_shared"]) == ("unit-1", True)
    assert shared["allocation"]["cores_allocated"] == 3
    assert shared["allocation"]["priority"] == "low"
    assert withheld["is_shared"] is False


def test_more_than_a_machine_elsewhere_has_is_not_even_asked_for(owner: Shell) -> None:
    """The pool would refuse it with the same words."""
    values = {"action": "share", "device": "cpu-0", "node": "shed", "cores": 7}
    with pytest.raises(AllocationError, match="cpu-0 has 8 cores"):
        owner.call(COMMAND, values)
    assert owner.pool.bodies(ALLOCATIONS) == []


def test_a_decision_here_is_told_to_the_pool(owner: Shell) -> None:
    """It is found by its machine id."""
    outcome = owner.call(COMMAND, {"action": "share", "device": "cpu-0", "cores": 2})
    (change,) = owner.pool.bodies(ALLOCATIONS)[0]["compute_units"]
    assert change["allocation"]["cores_allocated"] == 2
    assert "does not know" not in outcome.err
    asked = [one for one in owner.pool.requests if one.url.path == "/rest/v1/nodes"]
    assert len(asked[0].url.params["machine_id"].removeprefix("eq.")) == 64


def test_a_pool_that_cannot_be_told_is_no_failure(shell: Shell) -> None:
    """The decision holds on this machine; a machine that is in no pool needs no word of it."""
    shell.pool.silent = True
    outcome = shell.call(COMMAND, {"action": "withhold", "device": "cpu-0"})
    assert outcome.code == 0
    assert "The pool does not know yet" in outcome.err
    shell.pool.silent = False
    shell.pool.on("GET", "/rest/v1/nodes", [])
    outcome = shell.call(COMMAND, {"action": "withhold", "device": "cpu-0"})
    assert "does not know" not in outcome.err
