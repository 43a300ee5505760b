"""The machine in the words of its registration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from node.hardware import Hardware, detect_hardware, machine_id, platform_name
from node.utils.cpu import Cores
from tests.unit.node import probes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.probes import RecordedProbe

MACHINE = replace(
    probes.RYZEN_7950X,
    files={
        **probes.RYZEN_7950X.files,
        "/etc/machine-id": "3d1219c7c4c5404aaa1f6d2a48adfda4",
        "/proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD  Ryzen 9 7950X 16-Core Processor\n",
    },
)
HARDWARE = Hardware(
    hostname="desk",
    platform="linux-x86_64",
    machine_id=None,
    cpu_name="A CPU",
    cores=Cores(total=8, optimal=4, physical=4),
    threads=8,
    base_clock_mhz=3000,
    boost_clock_mhz=None,
    ram_total_gb=31.2,
    storage_total_gb=512.0,
)


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        (probes.RYZEN_7950X, "linux-x86_64"),
        (probes.RK3588, "linux-arm64"),
        (probes.APPLE_M1_PRO, "macos-arm64"),
        (probes.WINDOWS, "windows-x86_64"),
        (probes.RISCV, "linux-riscv64"),
    ],
)
def test_a_platform_has_one_name(probe: RecordedProbe, name: str) -> None:
    """Systems and architectures are named the same wherever they name themselves otherwise."""
    assert platform_name(probe) == name


def test_detection_fills_a_registration(tmp_path: Path) -> None:
    """A registration holds what was found, in the names the handlers know."""
    body = detect_hardware(tmp_path / "not" / "yet", MACHINE).registration("1.2.3", max_parallel=6)
    assert body["totalCores"] == 32
    assert body["enabledCores"] == 6
    assert body["version"] == "1.2.3"
    assert body["platform"] == "linux-x86_64"
    assert body["hardware"]["cpus"][0]["name"] == "AMD Ryzen 9 7950X 16-Core Processor"
    assert body["hardware"]["cpus"][0]["cores"] == 16
    assert body["hardware"]["cpus"][0]["threads"] == 32
    assert body["hardware"]["ram_total_gb"] > 0
    assert body["hardware"]["storage_total_gb"] > 0


def test_what_is_not_known_is_left_out() -> None:
    """No field of a registration is null."""
    body = HARDWARE.registration("1.2.3")
    assert "machineId" not in body
    assert body["hardware"] == {
        "cpus": [
            {
                "device_id": "cpu-0",
                "name": "A CPU",
                "cores": 4,
                "threads": 8,
                "base_clock_mhz": 3000,
            }
        ],
        "gpus": [],
        "ram_total_gb": 31.2,
        "storage_total_gb": 512.0,
    }


def test_a_node_may_have_a_name_of_its_own() -> None:
    """A name takes the place of the hostname."""
    assert HARDWARE.registration("1.2.3")["hostname"] == "desk"
    assert HARDWARE.registration("1.2.3", name="shed")["hostname"] == "shed"


@pytest.mark.parametrize(("wanted", "enabled"), [(None, 4), (2, 2), (8, 8), (99, 8)])
def test_workers_stay_within_the_machine(wanted: int | None, enabled: int) -> None:
    """The owner may go above the fast cores, but not above what the machine has."""
    assert HARDWARE.enabled_cores(wanted) == enabled


def test_a_machine_id_stays_and_tells_nothing() -> None:
    """One machine has one id, and nobody can tell from it what it is made of."""
    first = machine_id(MACHINE)
    other = replace(MACHINE, files={**MACHINE.files, "/etc/machine-id": "0" * 32})
    assert first == machine_id(MACHINE)
    assert first != machine_id(other)
    assert first is not None
    assert len(first) == 64
    assert "3d1219c7" not in first


def test_a_mac_tells_its_processor() -> None:
    """On an Apple machine the name comes from the kernel."""
    assert detect_hardware(probe=probes.APPLE_M1_PRO).cpu_name == "Apple M1 Pro"


def test_the_network_card_stands_in_for_a_missing_id() -> None:
    """A container without a machine id is known by its address, hashed as well."""
    bare = replace(MACHINE, files={})
    known = machine_id(bare, mac=lambda: 0x001122334455)
    assert known is not None
    assert "001122334455" not in known


def test_an_invented_address_is_no_identity() -> None:
    """Where the system has to invent an address, there is no machine id at all."""
    assert machine_id(replace(MACHINE, files={}), mac=lambda: (1 << 40) | 5) is None
