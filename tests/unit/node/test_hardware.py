"""The machine in the words of its registration."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from node.hardware import Cpu, Hardware, detect_hardware
from node.hardware.machine import machine_id, platform_name, platform_of
from node.utils.cpu import Cores
from tests.unit.node import probes
from tests.unit.node.machines import recorded
from tests.unit.node.probes import RecordedProbe

if TYPE_CHECKING:
    from pathlib import Path

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
    title="Linux",
    device_type="desktop",
    machine_id=None,
    cpu=Cpu(name="A CPU", sockets=1, cores=4, threads=8, base_clock_mhz=3000),
    gpus=(),
    cores=Cores(total=8, optimal=4, physical=4),
    ram_total_gb=31.2,
    ram_free_gb=20.0,
    storage_total_gb=512.0,
    storage_free_gb=100.0,
)


def known(name: str) -> Hardware:
    """What is found of a recorded machine."""
    return detect_hardware(probe=recorded(name))


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
    storage = tmp_path / "not" / "yet"
    body = detect_hardware(storage, recorded("linux_desktop_two_gpus")).registration(
        "1.2.3", max_parallel=6
    )
    assert body["totalCores"] == 32
    assert body["enabledCores"] == 6
    assert body["version"] == "1.2.3"
    assert body["platform"] == "linux-x86_64"
    assert body["hardware"]["cpus"][0]["name"] == "AMD Ryzen 9 7950X 16-Core Processor"
    assert body["hardware"]["cpus"][0]["cores"] == 16
    assert body["hardware"]["cpus"][0]["threads"] == 32
    assert body["hardware"]["ram_total_gb"] == 62.4
    assert body["hardware"]["storage_total_gb"] == 1000.0
    assert [gpu["vendor"] for gpu in body["hardware"]["gpus"]] == ["nvidia", "amd"]


def test_what_is_not_known_is_left_out() -> None:
    """No field of a registration is null."""
    body = HARDWARE.registration("1.2.3")
    assert "machineId" not in body
    assert body["hardware"] == {
        "device_type": "desktop",
        "os": "Linux",
        "cpus": [
            {
                "device_id": "cpu-0",
                "name": "A CPU",
                "sockets": 1,
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


def identity(probe: RecordedProbe) -> str | None:
    """The machine id of a probe."""
    return machine_id(probe, platform_of(probe))


def test_a_machine_id_stays_and_tells_nothing() -> None:
    """One machine has one id, and nobody can tell from it what it is made of."""
    first = identity(MACHINE)
    other = replace(MACHINE, files={**MACHINE.files, "/etc/machine-id": "0" * 32})
    assert first == identity(MACHINE)
    assert first != identity(other)
    assert first is not None
    assert len(first) == 64
    assert "3d1219c7" not in first


@pytest.mark.parametrize("name", ["macos_m3_pro_laptop", "windows_11_desktop"])
def test_every_system_has_an_identifier_of_its_own(name: str) -> None:
    """Other systems name their machines elsewhere; the address of a card does not count then."""
    probe = recorded(name)
    assert identity(probe) == identity(replace(probe, card_address=7))
    assert identity(probe) != identity(replace(probe, outputs={}))


def test_the_network_card_stands_in_for_a_missing_id() -> None:
    """A container without a machine id is known by its address, hashed as well."""
    known = identity(replace(MACHINE, files={}, card_address=0x001122334455))
    assert known is not None
    assert "001122334455" not in known


def test_an_invented_address_is_no_identity() -> None:
    """Where the system has to invent an address, there is no machine id at all."""
    assert identity(replace(MACHINE, files={}, card_address=(1 << 40) | 5)) is None


@pytest.mark.parametrize(
    ("name", "cpu"),
    [
        (
            "linux_desktop_two_gpus",
            Cpu(
                name="AMD Ryzen 9 7950X 16-Core Processor",
                sockets=1,
                cores=16,
                threads=32,
                boost_clock_mhz=5881,
            ),
        ),
        (
            "linux_server_two_sockets",
            Cpu(
                name="Intel(R) Xeon(R) Gold 6326 CPU @ 2.90GHz",
                sockets=2,
                cores=32,
                threads=64,
                base_clock_mhz=2900,
                boost_clock_mhz=3500,
            ),
        ),
        (
            "windows_server",
            Cpu(
                name="Intel(R) Xeon(R) Silver 4110 CPU @ 2.10GHz",
                sockets=2,
                cores=16,
                threads=32,
                base_clock_mhz=2101,
            ),
        ),
        ("macos_m3_pro_laptop", Cpu(name="Apple M3 Pro", sockets=1, cores=12, threads=12)),
        (
            "macos_intel_desktop",
            Cpu(
                name="Intel(R) Core(TM) i7-10700K CPU @ 3.80GHz",
                sockets=1,
                cores=8,
                threads=16,
                base_clock_mhz=3800,
            ),
        ),
        (
            "linux_virtual",
            Cpu(name="AMD EPYC", sockets=1, cores=2, threads=2, base_clock_mhz=2596),
        ),
    ],
)
def test_processors_are_found(name: str, cpu: Cpu) -> None:
    """Each system tells of them in its own way, none of them everything."""
    assert known(name).cpu == cpu


def test_a_container_offers_its_share_and_not_its_host() -> None:
    """A quota of two and a half CPUs is two cores, whatever the host has."""
    hardware = known("linux_container_quota")
    assert (hardware.cpu.cores, hardware.cpu.threads) == (2, 2)
    assert hardware.registration("1.2.3")["enabledCores"] == 2


@pytest.mark.parametrize(
    ("name", "device_type"),
    [
        ("linux_laptop", "laptop"),
        ("macos_m3_pro_laptop", "laptop"),
        ("linux_server_two_sockets", "server"),
        ("windows_server", "server"),
        ("linux_desktop_two_gpus", "desktop"),
        ("windows_11_desktop", "desktop"),
        ("macos_intel_desktop", "desktop"),
        ("linux_virtual", "desktop"),
    ],
)
def test_the_kind_of_a_machine_is_found(name: str, device_type: str) -> None:
    """A battery makes a laptop, a case for racks a server; anything else is a desktop."""
    assert known(name).device_type == device_type


def test_a_laptop_whose_battery_was_taken_out_is_a_laptop() -> None:
    """Its case says so."""
    assert (
        detect_hardware(probe=replace(recorded("linux_laptop"), power=None)).device_type == "laptop"
    )


def test_a_server_edition_in_any_case_is_a_server() -> None:
    """A virtual Windows Server has a case that says nothing."""
    probe = recorded("windows_server")
    answer = {**json.loads(probe.outputs["powershell"]), "chassis": [1]}
    virtual = replace(probe, outputs={"powershell": json.dumps(answer)})
    assert detect_hardware(probe=virtual).device_type == "server"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("linux_laptop", "Fedora Linux 40 (Workstation Edition)"),
        ("macos_m3_pro_laptop", "macOS 15.3.2"),
        ("windows_11_desktop", "Microsoft Windows 11 Pro"),
    ],
)
def test_a_system_says_what_it_is_called(name: str, title: str) -> None:
    """In the words of its maker."""
    assert known(name).title == title


@pytest.mark.parametrize("system", ["linux", "darwin", "windows", "freebsd"])
def test_a_machine_that_says_nothing_is_still_a_machine(system: str) -> None:
    """Whatever is missing is left out, and nothing fails."""
    mute = RecordedProbe(system, "riscv64", cpus=4, outputs={"powershell": "access denied"})
    hardware = detect_hardware(probe=mute)
    assert (hardware.cpu.cores, hardware.gpus, hardware.device_type) == (4, (), "desktop")
    assert hardware.cpu.sockets == 1


def test_this_machine_is_found() -> None:
    """The real probe gives figures that fit together."""
    hardware = detect_hardware()
    assert 1 <= hardware.cpu.cores <= hardware.cpu.threads
    assert 0.0 < hardware.ram_free_gb <= hardware.ram_total_gb
    assert 0.0 < hardware.storage_free_gb <= hardware.storage_total_gb
