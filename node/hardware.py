"""The machine a node runs on, in the words of its registration."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from node.utils.cpu import ARM, X86, Cores, Probe, SystemProbe, detect_cores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIBIBYTE = 1024**3
# Identifiers of machines are hashed under this name, so that no other product's hash matches.
MACHINE_NAMESPACE = b"simpool machine id\x00"
MULTICAST_BIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Hardware:
    """What was found of a machine."""

    hostname: str
    platform: str
    machine_id: str | None
    cpu_name: str
    cores: Cores
    threads: int
    base_clock_mhz: int | None
    boost_clock_mhz: int | None
    ram_total_gb: float
    storage_total_gb: float

    def enabled_cores(self, max_parallel: int | None = None) -> int:
        """Workers to run: what the owner asked for, within what the machine has."""
        return min(max_parallel or self.cores.optimal, self.cores.total)

    def document(self) -> dict[str, Any]:
        """The machine as `hardware` of a registration holds it."""
        cpu = {
            "device_id": "cpu-0",
            "name": self.cpu_name,
            "cores": self.cores.physical,
            "threads": self.threads,
            "base_clock_mhz": self.base_clock_mhz,
            "boost_clock_mhz": self.boost_clock_mhz,
        }
        return {
            "cpus": [{key: value for key, value in cpu.items() if value is not None}],
            "gpus": [],
            "ram_total_gb": self.ram_total_gb,
            "storage_total_gb": self.storage_total_gb,
        }

    def registration(
        self, version: str, max_parallel: int | None = None, name: str | None = None
    ) -> dict[str, Any]:
        """The body of `node-register`; a node is called by its hostname unless it has a `name`."""
        body = {
            "hostname": name or self.hostname,
            "totalCores": self.cores.total,
            "enabledCores": self.enabled_cores(max_parallel),
            "version": version,
            "platform": self.platform,
            "machineId": self.machine_id,
            "hardware": self.document(),
        }
        return {key: value for key, value in body.items() if value is not None}


def detect_hardware(storage: Path | None = None, probe: Probe | None = None) -> Hardware:
    """Look at this machine; `storage` is on the disk that counts, by default the root's."""
    probe = probe or SystemProbe()
    base, boost = _clocks()
    return Hardware(
        hostname=socket.gethostname()[:255] or "localhost",
        platform=platform_name(probe),
        machine_id=machine_id(probe),
        cpu_name=_cpu_name(probe),
        cores=detect_cores(probe),
        threads=probe.logical(),
        base_clock_mhz=base,
        boost_clock_mhz=boost,
        ram_total_gb=_gibibytes(psutil.virtual_memory().total),
        storage_total_gb=_gibibytes(_storage_bytes(storage)),
    )


def platform_name(probe: Probe) -> str:
    """Operating system and architecture, such as `linux-x86_64` or `macos-arm64`."""
    system = {"darwin": "macos"}.get(probe.system, probe.system)
    machine = (
        "arm64" if probe.machine in ARM else "x86_64" if probe.machine in X86 else probe.machine
    )
    return f"{system}-{machine}"


def machine_id(probe: Probe, mac: Callable[[], int] = uuid.getnode) -> str | None:
    """A hash that stays with the machine and tells nothing about it, None where nothing stays."""
    raw = _system_identifier(probe) or _mac_identifier(mac())
    return hashlib.sha256(MACHINE_NAMESPACE + raw.encode()).hexdigest() if raw else None


def _system_identifier(probe: Probe) -> str | None:
    if probe.system == "linux":
        return probe.read("/etc/machine-id") or probe.read("/var/lib/dbus/machine-id") or None
    if probe.system == "darwin":
        return _apple_identifier()
    return _windows_identifier()


def _apple_identifier() -> str | None:
    command = shutil.which("ioreg")
    if command is None:
        return None
    answer = subprocess.run(
        [command, "-rd1", "-c", "IOPlatformExpertDevice"],
        capture_output=True,
        text=True,
        check=False,
        timeout=5,
    )
    match = re.search(r'"IOPlatformUUID" = "([^"]+)"', answer.stdout)
    return match[1] if match else None


def _windows_identifier() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg  # noqa: PLC0415  # exists on Windows alone

    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
        return str(winreg.QueryValueEx(key, "MachineGuid")[0])


def _mac_identifier(mac: int) -> str | None:
    # Python invents a random address, marked by the multicast bit, where the machine has none.
    return None if mac & MULTICAST_BIT else f"mac {mac:012x}"


def _cpu_name(probe: Probe) -> str:
    if probe.system == "darwin":
        name = probe.sysctl("machdep.cpu.brand_string")
    else:
        pattern = r"^(?:model name|Model|Hardware)\s*:\s*(.+)$"
        match = re.search(pattern, probe.read("/proc/cpuinfo") or "", re.MULTILINE)
        name = match[1].strip() if match else platform.processor()
    return " ".join((name or probe.machine or "unknown").split())


def _clocks() -> tuple[int | None, int | None]:
    """Base and boost clock in MHz; either is None where the system does not say."""
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):
        return None, None
    if frequency is None:
        return None, None
    base = round(frequency.min or frequency.current)
    boost = round(frequency.max)
    return base or None, boost if boost > base else None


def _storage_bytes(path: Path | None) -> int:
    while path is not None and not path.exists() and path != path.parent:
        path = path.parent
    try:
        return psutil.disk_usage(str(path) if path else "/").total
    except OSError:
        return 0


def _gibibytes(count: int) -> float:
    return round(count / GIBIBYTE, 1)
