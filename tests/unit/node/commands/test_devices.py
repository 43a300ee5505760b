"""`devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node.commands import devices
from node.commands.devices import COMMAND
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
