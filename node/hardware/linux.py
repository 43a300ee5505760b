"""What Linux tells of its machine, in /proc, /etc and sysfs."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, Final

from node.hardware import drm
from node.hardware.listing import case_of
from node.utils.cpu import CPUS
from node.utils.probe import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.hardware.listing import Case, Clocks, Listed
    from node.utils.probe import Probe

CHASSIS: Final = "/sys/class/dmi/id/chassis_type"
KILOHERTZ: Final = 1000  # to a megahertz


class Linux:
    """A Linux machine, or a container on one."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def title(self) -> str:
        """Name and version of the distribution."""
        release = self._probe.read("/etc/os-release") or ""
        match = re.search(r'^PRETTY_NAME="?([^"\n]+)"?$', release, re.MULTILINE)
        return match[1] if match else "Linux"

    def identifier(self) -> str | None:
        """The identifier that the first boot gave to this installation."""
        paths = ("/etc/machine-id", "/var/lib/dbus/machine-id")
        return next(filter(None, map(self._probe.read, paths)), None)

    def cpu_name(self) -> str | None:
        """Name of the processor."""
        pattern = r"^(?:model name|Model|Hardware)\s*:\s*(.+)$"
        match = re.search(pattern, self._probe.read("/proc/cpuinfo") or "", re.MULTILINE)
        return match[1] if match else platform.processor() or None

    def sockets(self) -> int:
        """Processors of their own."""
        cpus = range(self._probe.logical())
        packages = {
            self._probe.read(f"{CPUS}/cpu{cpu}/topology/physical_package_id") for cpu in cpus
        }
        return len(packages - {None}) or 1

    def clocks(self) -> Clocks:
        """As the driver of the clock has them, which a virtual machine has none of."""
        base, boost = (
            number(self._probe.read(f"{CPUS}/cpu0/cpufreq/{name}"))
            for name in ("base_frequency", "cpuinfo_max_freq")
        )
        if base is None and boost is None:
            pattern = r"^cpu MHz\s*:\s*(\d+)"
            match = re.search(pattern, self._probe.read("/proc/cpuinfo") or "", re.MULTILINE)
            return (int(match[1]) if match else None), None
        return base and base // KILOHERTZ, boost and boost // KILOHERTZ

    def case(self) -> Case | None:
        """By the number of its case; a virtual machine has none, or one that says nothing."""
        kind = number(self._probe.read(CHASSIS))
        return None if kind is None else case_of([kind])

    def gpus(self) -> Iterator[Listed]:
        """Cards in sysfs."""
        return drm.gpus(self._probe)
