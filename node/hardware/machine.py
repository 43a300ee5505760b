"""A machine in the words of its registration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.allocation import Device
from node.hardware.apple import MacOS
from node.hardware.gpu import Gpu, all_gpus
from node.hardware.linux import Linux
from node.hardware.windows import Windows
from node.sharing import CPU
from node.utils.cpu import ARM, X86, Cores, detect_cores
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from pathlib import Path

    from node.hardware.listing import Case, Platform
    from node.utils.probe import Probe

GIBIBYTE: Final = 1024**3
# Identifiers of machines are hashed under this name, so that no other product's hash matches.
MACHINE_NAMESPACE: Final = b"simpool machine id\x00"
MULTICAST_BIT: Final = 1 << 40
LONGEST_HOSTNAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """The processors of a machine, all sockets together, so far as this process may use them."""

    name: str
    sockets: int
    cores: int
    threads: int
    base_clock_mhz: int | None = None
    boost_clock_mhz: int | None = None
    device_id: str = CPU

    def document(self) -> dict[str, Any]:
        """The processors as `hardware` of a registration holds them."""
        fields = {
            "device_id": self.device_id,
            "name": self.name,
            "sockets": self.sockets,
            "cores": self.cores,
            "threads": self.threads,
            "base_clock_mhz": self.base_clock_mhz,
            "boost_clock_mhz": self.boost_clock_mhz,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What was found of a machine. Memory and storage are in GiB."""

    hostname: str
    platform: str
    title: str
    device_type: Case
    machine_id: str | None
    cpu: Cpu
    gpus: tuple[Gpu, ...]
    cores: Cores
    ram_total_gb: float
    ram_free_gb: float
    storage_total_gb: float
    storage_free_gb: float

    def enabled_cores(self, max_parallel: int | None = None) -> int:
        """Workers to run: what the owner asked for, within what the machine has."""
        return min(max_parallel or self.cores.optimal, self.cores.total)

    def devices(self) -> dict[str, Device]:
        """What can be shared, by id."""
        cpu = Device(self.cpu.device_id, "cpu", self.cpu.cores)
        gpus = (Device(gpu.device_id, "gpu", gpu.vram_mb) for gpu in self.gpus if gpu.is_offered)
        return {device.device_id: device for device in (cpu, *gpus)}

    def document(self) -> dict[str, Any]:
        """The machine as `hardware` of a registration holds it."""
        return {
            "device_type": self.device_type,
            "os": self.title,
            "cpus": [self.cpu.document()],
            "gpus": [gpu.document() for gpu in self.gpus if gpu.is_offered],
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
    platform = platform_of(probe)
    cores = detect_cores(probe)
    memory, disk = probe.memory(), probe.disk(_existing(storage))
    return Hardware(
        hostname=probe.hostname()[:LONGEST_HOSTNAME] or "localhost",
        platform=platform_name(probe),
        title=platform.title(),
        device_type=_device_type(probe, platform),
        machine_id=machine_id(probe, platform),
        cpu=_cpu(probe, platform, cores),
        gpus=all_gpus(probe.nvidia(), platform.gpus()),
        cores=cores,
        ram_total_gb=_gibibytes(memory.total),
        ram_free_gb=_gibibytes(memory.free),
        storage_total_gb=_gibibytes(disk.total),
        storage_free_gb=_gibibytes(disk.free),
    )


def platform_of(probe: Probe) -> Platform:
    """The operating system of the machine; an unknown one is asked as Linux is."""
    if probe.system == "darwin":
        return MacOS(probe)
    return Windows.ask(probe) if probe.system == "windows" else Linux(probe)


def platform_name(probe: Probe) -> str:
    """Operating system and architecture, such as `linux-x86_64` or `macos-arm64`."""
    system = {"darwin": "macos"}.get(probe.system, probe.system)
    machine = (
        "arm64" if probe.machine in ARM else "x86_64" if probe.machine in X86 else probe.machine
    )
    return f"{system}-{machine}"


def machine_id(probe: Probe, platform: Platform) -> str | None:
    """A hash that stays with the machine and tells nothing about it, None where nothing stays."""
    raw = platform.identifier() or _mac_identifier(probe.mac())
    return hashlib.sha256(MACHINE_NAMESPACE + raw.encode()).hexdigest() if raw else None


def _mac_identifier(mac: int) -> str | None:
    # Python invents a random address, marked by the multicast bit, where the machine has none.
    return None if mac & MULTICAST_BIT else f"mac {mac:012x}"


def _device_type(probe: Probe, platform: Platform) -> Case:
    return "laptop" if probe.battery() is not None else platform.case() or "desktop"


def _cpu(probe: Probe, platform: Platform, cores: Cores) -> Cpu:
    base, boost = platform.clocks()
    return Cpu(
        name=" ".join((platform.cpu_name() or probe.machine or "unknown").split()),
        sockets=platform.sockets(),
        # a container is as large as its share, not as its host
        cores=min(cores.physical, cores.total),
        threads=min(probe.logical(), cores.total),
        base_clock_mhz=base,
        boost_clock_mhz=boost,
    )


def _existing(path: Path | None) -> str:
    """The path, or the nearest one above it that is there."""
    while path is not None and not path.exists() and path != path.parent:
        path = path.parent
    return str(path) if path else "/"


def _gibibytes(count: int) -> float:
    return round(count / GIBIBYTE, 1)
