"""How many workers a machine can feed: its fast cores, within what it may use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.utils.probe import SystemProbe, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from node.utils.probe import Probe

CPUS = "/sys/devices/system/cpu"
CGROUPS = "/sys/fs/cgroup"
ARM = frozenset({"arm64", "aarch64"})
X86 = frozenset({"x86_64", "amd64"})
# A core of the lowest tier still counts as fast when it is nearly as fast as the fastest one.
NEARLY_AS_FAST = 0.75


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores of a machine.

    `total` is the logical CPUs this process may use, `optimal` the workers to run unless the
    owner says otherwise, `physical` the cores the machine is built with.
    """

    total: int
    optimal: int
    physical: int


def detect_cores(probe: Probe | None = None) -> Cores:
    """Cores of this machine, within the affinity and the CPU quota of this process."""
    probe = probe or SystemProbe()
    usable = _usable(probe)
    logical = len(usable) if usable is not None else probe.logical()
    limit = _quota(probe) if probe.system == "linux" else None
    total = logical if limit is None else min(logical, limit)
    optimal = min(total, _optimal(probe, usable, logical))
    physical = probe.physical() or probe.logical()
    return Cores(total=total, optimal=max(1, optimal), physical=physical)


def cpus_for(cores: int, probe: Probe | None = None) -> frozenset[int] | None:
    """CPUs to run that many cores' worth of work on, None where CPUs cannot be chosen.

    Every worker gets a core of its own as long as there are some, the last ones first: the first
    CPU is where a system likes to do its own work.
    """
    probe = probe or SystemProbe()
    usable = _usable(probe)
    if usable is None:
        return None
    by_core: dict[object, list[int]] = {}
    for cpu in usable:
        by_core.setdefault(_core_of(probe, cpu) or cpu, []).append(cpu)
    # the first thread of every core before the second of any
    ranked = sorted((place, -cpu) for core in by_core.values() for place, cpu in enumerate(core))
    return frozenset(-cpu for _, cpu in ranked[:cores])


def _usable(probe: Probe) -> list[int] | None:
    allowed = probe.allowed()
    return sorted(allowed) if allowed else None


def _optimal(probe: Probe, usable: list[int] | None, logical: int) -> int:
    if probe.system == "darwin" and probe.machine in ARM:
        return _positive(probe.output("sysctl", "-n", "hw.perflevel0.logicalcpu")) or logical
    if probe.system == "linux" and probe.machine in ARM:
        return _big_cores(probe, _numbers(probe, usable)) or logical
    if probe.machine in X86:
        return _physical_cores(probe, usable) or logical
    return logical


def _numbers(probe: Probe, usable: list[int] | None) -> Iterable[int]:
    return range(probe.logical()) if usable is None else usable


def _big_cores(probe: Probe, cpus: Iterable[int]) -> int:
    """Cores above the slowest tier, 0 where the kernel does not publish capacities."""
    capacities = [
        capacity
        for cpu in cpus
        if (capacity := _positive(probe.read(f"{CPUS}/cpu{cpu}/cpu_capacity")))
    ]
    if not capacities:
        return 0
    slowest, fastest = min(capacities), max(capacities)
    return sum(
        capacity > slowest or capacity >= NEARLY_AS_FAST * fastest for capacity in capacities
    )


def _physical_cores(probe: Probe, usable: list[int] | None) -> int:
    """Distinct cores among the usable CPUs, so that hyper-threads of one core count once."""
    if probe.system != "linux":
        return probe.physical() or 0
    cores = {_core_of(probe, cpu) for cpu in _numbers(probe, usable)}
    return probe.physical() or 0 if None in cores else len(cores)


def _core_of(probe: Probe, cpu: int) -> tuple[str, str] | None:
    package = probe.read(f"{CPUS}/cpu{cpu}/topology/physical_package_id")
    siblings = probe.read(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list")
    return (package, siblings) if package is not None and siblings is not None else None


def _quota(probe: Probe) -> int | None:
    """Whole CPUs this process may burn at once under its cgroups, None without a limit."""
    shares = [share for share in _shares(probe) if share is not None]
    return max(1, int(min(shares))) if shares else None


def _shares(probe: Probe) -> Iterator[float | None]:
    for line in (probe.read("/proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") > 1 else ("", "none", "/")
        if not controllers:
            yield from (_share_v2(probe, f"{CGROUPS}{folder}") for folder in _upwards(path))
        elif "cpu" in controllers.split(","):
            yield from (_share_v1(probe, controllers, folder) for folder in _upwards(path))


def _upwards(path: str) -> Iterator[str]:
    """The folder and each above it: a quota of any of them binds; the last is the root, ''."""
    parts = [part for part in path.split("/") if part and part != ".."]
    for length in range(len(parts), -1, -1):
        yield "".join(f"/{part}" for part in parts[:length])


def _share_v2(probe: Probe, folder: str) -> float | None:
    match = re.fullmatch(r"(\d+) (\d+)", probe.read(f"{folder}/cpu.max") or "")
    return _ratio(match[1], match[2]) if match else None


def _share_v1(probe: Probe, controllers: str, folder: str) -> float | None:
    for mount in (controllers, "cpu"):
        base = f"{CGROUPS}/{mount}{folder}"
        quota = probe.read(f"{base}/cpu.cfs_quota_us")
        period = probe.read(f"{base}/cpu.cfs_period_us")
        if quota is not None and period is not None:
            return _ratio(quota, period)
    return None


def _ratio(quota: str, period: str) -> float | None:
    part, whole = _positive(quota), _positive(period)
    return part / whole if part and whole else None


def _positive(text: str | None) -> int | None:
    """The number in the text, None where it holds none or one below 1."""
    found = number(text)
    return found if found and found > 0 else None
