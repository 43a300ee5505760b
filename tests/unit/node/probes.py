"""What detection would be told on other machines, as recorded or documented for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.utils.probe import Battery, Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.utils.nvidia import NvidiaFacts

CPUS = "/sys/devices/system/cpu"


GIBIBYTE = 1024**3
MEMORY = Space(32 * GIBIBYTE, 20 * GIBIBYTE)
DISK = Space(512 * GIBIBYTE, 100 * GIBIBYTE)


@dataclass
class RecordedProbe:
    """Answers of one machine. A folder holds what files are recorded below it."""

    system: str
    machine: str
    cpus: int
    physical_cores: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    affinity: frozenset[int] | None = None
    name: str = "desk"
    space: Space = MEMORY
    storage: Space = DISK
    power: Battery | None = None
    card_address: int = 0x001122334455
    load: float = 0.0
    own: float = 0.0
    nvidia_gpus: tuple[NvidiaFacts, ...] = ()

    def hostname(self) -> str:
        """The recorded name."""
        return self.name

    def read(self, path: str) -> str | None:
        """Text of a recorded file."""
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of recorded files and folders."""
        below = (path.removeprefix(f"{folder}/") for path in self.files)
        return tuple(sorted({path.partition("/")[0] for path in below if path[0] != "/"}))

    def output(self, *command: str) -> str | None:
        """What a recorded command said; a long one is recorded under its first word alone."""
        return self.outputs.get(" ".join(command), self.outputs.get(command[0]))

    def allowed(self) -> frozenset[int] | None:
        """The recorded affinity."""
        return self.affinity

    def logical(self) -> int:
        """The recorded number of logical CPUs."""
        return self.cpus

    def physical(self) -> int | None:
        """The recorded number of physical cores."""
        return self.physical_cores

    def memory(self) -> Space:
        """The recorded memory."""
        return self.space

    def disk(self, path: str) -> Space:
        """The recorded disk, whichever path is asked for."""
        del path
        return self.storage

    def battery(self) -> Battery | None:
        """The recorded battery."""
        return self.power

    def mac(self) -> int:
        """The recorded address."""
        return self.card_address

    def cpu_load(self) -> float:
        """The recorded load."""
        return self.load

    def own_load(self) -> float:
        """The recorded share of this process."""
        return self.own

    def nvidia(self) -> tuple[NvidiaFacts, ...]:
        """The recorded GPUs of NVIDIA."""
        return self.nvidia_gpus


def capacities(*values: int) -> dict[str, str]:
    """`cpu_capacity` of each CPU of an arm64 machine."""
    return {f"{CPUS}/cpu{cpu}/cpu_capacity": str(value) for cpu, value in enumerate(values)}


def hyper_threads(cores: int, packages: int = 1) -> dict[str, str]:
    """Topology of an x86_64 machine whose sibling threads are numbered after all cores."""
    files: dict[str, str] = {}
    total = cores * packages
    for cpu in range(2 * total):
        core = cpu % total
        files[f"{CPUS}/cpu{cpu}/topology/physical_package_id"] = str(core // cores)
        files[f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"] = f"{core},{core + total}"
    return files


def hybrid(fast: int, slow: int) -> dict[str, str]:
    """Topology of an x86_64 machine with two-threaded fast cores and one-threaded slow ones."""
    files: dict[str, str] = {}
    for core in range(fast):
        for cpu in (2 * core, 2 * core + 1):
            files[f"{CPUS}/cpu{cpu}/topology/physical_package_id"] = "0"
            files[f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"] = f"{2 * core}-{2 * core + 1}"
    for cpu in range(2 * fast, 2 * fast + slow):
        files[f"{CPUS}/cpu{cpu}/topology/physical_package_id"] = "0"
        files[f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"] = str(cpu)
    return files


APPLE_M1_PRO = RecordedProbe(
    "darwin",
    "arm64",
    cpus=10,
    physical_cores=10,
    outputs={
        "sysctl -n hw.perflevel0.logicalcpu": "8",
        "sysctl -n machdep.cpu.brand_string": "Apple M1 Pro",
    },
)
APPLE_INTEL = RecordedProbe("darwin", "x86_64", cpus=16, physical_cores=8)
# Rockchip RK3588: four Cortex-A55, then four Cortex-A76.
RK3588 = RecordedProbe(
    "linux", "aarch64", cpus=8, files=capacities(530, 530, 530, 530, 1024, 1024, 1024, 1024)
)
# Snapdragon 8 Gen 1: four small, three large, one largest.
SNAPDRAGON = RecordedProbe(
    "linux", "aarch64", cpus=8, files=capacities(270, 270, 270, 270, 870, 870, 870, 1024)
)
# Two clusters of the same core, one binned a little faster.
BINNED = RecordedProbe("linux", "aarch64", cpus=4, files=capacities(1000, 1000, 1024, 1024))
GRAVITON = RecordedProbe("linux", "aarch64", cpus=16, files=capacities(*[1024] * 16))
RASPBERRY_PI = RecordedProbe("linux", "aarch64", cpus=4)
RYZEN_7950X = RecordedProbe("linux", "x86_64", cpus=32, physical_cores=16, files=hyper_threads(16))
TWO_SOCKETS = RecordedProbe(
    "linux", "x86_64", cpus=64, physical_cores=32, files=hyper_threads(16, packages=2)
)
CORE_I9_13900K = RecordedProbe(
    "linux", "x86_64", cpus=32, physical_cores=24, files=hybrid(fast=8, slow=16)
)
WINDOWS = RecordedProbe("windows", "amd64", cpus=12, physical_cores=6)
RISCV = RecordedProbe("linux", "riscv64", cpus=64)
