"""Finding the cores that simulate fastest, on machines we do not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.utils.cpu import Cores, cpus_for, detect_cores
from node.utils.probe import SystemProbe
from tests.unit.node import probes
from tests.unit.node.probes import RecordedProbe


@pytest.mark.parametrize(
    ("probe", "cores"),
    [
        (probes.APPLE_M1_PRO, Cores(total=10, optimal=8, physical=10)),
        (probes.APPLE_INTEL, Cores(total=16, optimal=8, physical=8)),
        (probes.RK3588, Cores(total=8, optimal=4, physical=8)),
        (probes.SNAPDRAGON, Cores(total=8, optimal=4, physical=8)),
        (probes.BINNED, Cores(total=4, optimal=4, physical=4)),
        (probes.GRAVITON, Cores(total=16, optimal=16, physical=16)),
        (probes.RASPBERRY_PI, Cores(total=4, optimal=4, physical=4)),
        (probes.RYZEN_7950X, Cores(total=32, optimal=16, physical=16)),
        (probes.TWO_SOCKETS, Cores(total=64, optimal=32, physical=32)),
        (probes.CORE_I9_13900K, Cores(total=32, optimal=24, physical=24)),
        (probes.WINDOWS, Cores(total=12, optimal=6, physical=6)),
        (probes.RISCV, Cores(total=64, optimal=64, physical=64)),
    ],
)
def test_fast_cores_are_found(probe: RecordedProbe, cores: Cores) -> None:
    """Each kind of machine runs as many workers as it has fast cores."""
    assert detect_cores(probe) == cores


def test_a_mac_that_does_not_say_uses_all() -> None:
    """Without the kernel value an Apple machine falls back to its logical CPUs."""
    assert detect_cores(replace(probes.APPLE_M1_PRO, outputs={})).optimal == 10


def test_affinity_bounds_both() -> None:
    """Two threads of one core are one core, and CPUs outside the affinity do not count."""
    bound = replace(probes.RYZEN_7950X, affinity=frozenset({0, 16, 1}))
    assert detect_cores(bound) == Cores(total=3, optimal=2, physical=16)


def test_affinity_to_small_cores_uses_those() -> None:
    """A process that is bound to the small cores runs on them."""
    bound = replace(probes.RK3588, affinity=frozenset({0, 1}))
    assert detect_cores(bound).optimal == 2


def test_without_topology_the_physical_count_is_used() -> None:
    """A container that hides the topology leaves what the system says of its cores."""
    assert detect_cores(replace(probes.RYZEN_7950X, files={})).optimal == 16


def test_nothing_known_uses_the_logical_cpus() -> None:
    """An x86_64 machine that says nothing but its CPUs runs on all of them."""
    bare = RecordedProbe("linux", "x86_64", cpus=4)
    assert detect_cores(bare) == Cores(total=4, optimal=4, physical=4)


def quota(files: dict[str, str], group: str) -> Cores:
    """The cores of the 16-core machine in a control group."""
    probe = probes.RYZEN_7950X
    return detect_cores(replace(probe, files={**probe.files, "/proc/self/cgroup": group, **files}))


def test_a_quota_of_version_2_bounds_the_workers() -> None:
    """400 ms of CPU in each 100 ms are four CPUs."""
    cores = quota({"/sys/fs/cgroup/job/cpu.max": "400000 100000"}, "0::/job")
    assert (cores.total, cores.optimal) == (4, 4)


def test_the_tightest_quota_above_binds() -> None:
    """A parent's quota holds for its children, the root of a container among them."""
    files = {
        "/sys/fs/cgroup/a/b/cpu.max": "max 100000",
        "/sys/fs/cgroup/a/cpu.max": "800000 100000",
        "/sys/fs/cgroup/cpu.max": "250000 100000",
    }
    assert quota(files, "0::/a/b").optimal == 2


def test_a_quota_of_version_1_bounds_the_workers() -> None:
    """The older control groups count in microseconds, under a folder of their controllers."""
    files = {
        "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "600000",
        "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
    }
    assert quota(files, "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x").optimal == 6


def test_a_container_sees_its_quota_at_the_root() -> None:
    """Where the path of version 1 is that of the host, the container's own is the mount's root."""
    files = {
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert quota(files, "4:cpu,cpuacct:/docker/x").optimal == 1


@pytest.mark.parametrize("text", ["max 100000", "", "0 100000", "many 100000", "100000 0"])
def test_no_quota_is_no_limit(text: str) -> None:
    """Unlimited, empty and senseless files leave all fast cores."""
    assert quota({"/sys/fs/cgroup/cpu.max": text}, "0::/").optimal == 16


def test_version_1_without_limit_is_no_limit() -> None:
    """-1 is how version 1 says unlimited."""
    files = {
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert quota(files, "4:cpu:/").optimal == 16


def test_half_a_cpu_still_runs_one_worker() -> None:
    """There is always one worker."""
    cores = quota({"/sys/fs/cgroup/cpu.max": "50000 100000"}, "0::/")
    assert (cores.total, cores.optimal) == (1, 1)


def test_strange_lines_are_skipped() -> None:
    """A control group file that is not one tells nothing."""
    assert quota({}, "nonsense\n::\n0:").optimal == 16


def test_this_machine_has_sensible_cores() -> None:
    """The real probe gives numbers that fit together."""
    cores = detect_cores(SystemProbe())
    assert 1 <= cores.optimal <= cores.total <= SystemProbe().logical()


def bound(probe: RecordedProbe) -> RecordedProbe:
    """The machine whose system lets CPUs be chosen."""
    return replace(probe, affinity=frozenset(range(probe.cpus)))


@pytest.mark.parametrize(
    ("probe", "cores", "cpus"),
    [
        (probes.RYZEN_7950X, 1, {15}),
        (probes.RYZEN_7950X, 3, {13, 14, 15}),
        (probes.RYZEN_7950X, 17, {*range(16), 31}),
        (probes.CORE_I9_13900K, 2, {30, 31}),
        (probes.RASPBERRY_PI, 2, {2, 3}),
        (probes.RASPBERRY_PI, 9, {0, 1, 2, 3}),
    ],
)
def test_shared_cores_are_the_last_ones(probe: RecordedProbe, cores: int, cpus: set[int]) -> None:
    """One thread of each before a second of any, and the first CPU is left to the system."""
    assert cpus_for(cores, bound(probe)) == frozenset(cpus)


def test_cpus_outside_the_affinity_are_not_chosen() -> None:
    """A process that may use two of them shares no others."""
    narrow = replace(probes.RYZEN_7950X, affinity=frozenset({2, 18, 3}))
    assert cpus_for(2, narrow) == frozenset({2, 3})


def test_where_cpus_cannot_be_chosen_nobody_tries() -> None:
    """Elsewhere the number of workers is the limit."""
    assert cpus_for(1, probes.APPLE_M1_PRO) is None
