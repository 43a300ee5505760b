"""What a machine can be asked. All that detection knows comes this way, so it can be recorded."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import psutil

from node.utils.nvidia import load_nvml, nvidia_facts

if TYPE_CHECKING:
    from node.utils.nvidia import NvidiaFacts

# Windows PowerShell alone takes seconds to start on a slow disk.
PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of memory or of a disk."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery and whether the machine runs from it."""

    percent: float
    is_plugged: bool


class Probe(Protocol):
    """What detection may ask a machine."""

    system: str
    machine: str

    def hostname(self) -> str:
        """Name of the machine in its network."""

    def read(self, path: str) -> str | None:
        """Text of a file, None where it cannot be read."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder in their order, none where it cannot be read."""

    def output(self, *command: str) -> str | None:
        """What a command of the system says, None where it is missing or fails."""

    def allowed(self) -> frozenset[int] | None:
        """Numbers of the CPUs this process may run on, None where the system does not say."""

    def logical(self) -> int:
        """Number of logical CPUs."""

    def physical(self) -> int | None:
        """Number of physical cores, None where the system does not say."""

    def memory(self) -> Space:
        """The main memory."""

    def disk(self, path: str) -> Space:
        """The disk a path is on."""

    def battery(self) -> Battery | None:
        """The battery, None where there is none."""

    def mac(self) -> int:
        """An address of a network card as `uuid.getnode` gives it."""

    def cpu_load(self) -> float:
        """Percent of all CPUs in use since this was last asked."""

    def own_load(self) -> float:
        """Percent of all CPUs that this process used since this was last asked."""

    def nvidia(self) -> tuple[NvidiaFacts, ...]:
        """What NVML tells; nothing where there is no driver."""


class SystemProbe:
    """Asks the machine this process runs on."""

    def __init__(self) -> None:
        self.system = platform.system().lower()
        self.machine = platform.machine().lower()
        self._cpu_times = _busy_and_total()
        self._own_times = (time.process_time(), time.monotonic())

    def hostname(self) -> str:
        """Name of the machine in its network."""
        return socket.gethostname()

    def read(self, path: str) -> str | None:
        """Text of a file, None where it cannot be read."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder in their order, none where it cannot be read."""
        try:
            return tuple(sorted(os.listdir(folder)))  # noqa: PTH208  # names, not paths
        except OSError:
            return ()

    def output(self, *command: str) -> str | None:
        """What a command of the system says, None where it is missing or fails."""
        folders = (os.environ.get("PATH", ""), "/usr/sbin", "/sbin")
        name = shutil.which(command[0], path=os.pathsep.join(folders))
        if name is None:
            return None
        try:
            answer = subprocess.run(
                [name, *command[1:]],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=True,
                timeout=PATIENCE,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    def allowed(self) -> frozenset[int] | None:
        """Numbers of the CPUs this process may run on, None where the system does not say."""
        if hasattr(os, "sched_getaffinity"):
            return frozenset(os.sched_getaffinity(0))
        return None

    def logical(self) -> int:
        """Number of logical CPUs."""
        return os.cpu_count() or 1

    def physical(self) -> int | None:
        """Number of physical cores, None where the system does not say."""
        return psutil.cpu_count(logical=False)

    def memory(self) -> Space:
        """The main memory."""
        memory = psutil.virtual_memory()
        return Space(memory.total, memory.available)

    def disk(self, path: str) -> Space:
        """The disk a path is on."""
        try:
            usage = psutil.disk_usage(path)
        except OSError:
            return Space(0, 0)
        return Space(usage.total, usage.free)

    def battery(self) -> Battery | None:
        """The battery, None where there is none."""
        found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        # a battery that does not say is taken for one that is charged
        return None if found is None else Battery(found.percent, found.power_plugged is not False)

    def mac(self) -> int:
        """An address of a network card as `uuid.getnode` gives it."""
        return uuid.getnode()

    def cpu_load(self) -> float:
        """Percent of all CPUs in use since this was last asked."""
        before, self._cpu_times = self._cpu_times, _busy_and_total()
        return _percent(before, self._cpu_times)

    def own_load(self) -> float:
        """Percent of all CPUs that this process used since this was last asked."""
        before, self._own_times = self._own_times, (time.process_time(), time.monotonic())
        return _percent(before, self._own_times) / self.logical()

    def nvidia(self) -> tuple[NvidiaFacts, ...]:
        """What NVML tells; nothing where there is no driver."""
        return nvidia_facts(load_nvml())


def _busy_and_total() -> tuple[float, float]:
    """Seconds that all CPUs have worked, and all seconds they have had."""
    times = psutil.cpu_times()
    # what virtual machines have run is in `user` already
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _percent(before: tuple[float, float], now: tuple[float, float]) -> float:
    part, whole = now[0] - before[0], now[1] - before[1]
    return min(100.0, max(0.0, 100.0 * part / whole)) if whole > 0 else 0.0


def number(text: str | None) -> int | None:
    """The whole number in a text, in any base Python writes them in; None where it holds none."""
    try:
        return int(text or "", 0)
    except ValueError:
        return None
