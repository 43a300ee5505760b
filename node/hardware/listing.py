"""What every operating system is asked, and a GPU as it lists one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Vendor = Literal["nvidia", "amd", "intel", "apple"]
Case = Literal["laptop", "desktop", "server"]
#: Base and boost clock of a processor in MHz; either is None where the system does not say.
Clocks = tuple[int | None, int | None]

PCI_VENDORS: Final[Mapping[str, Vendor]] = {"10de": "nvidia", "1002": "amd", "8086": "intel"}
# Kinds of cases as System Management BIOS numbers them (DMTF DSP0134, table 17).
PORTABLE: Final = frozenset({8, 9, 10, 11, 14, 30, 31, 32})
RACK: Final = frozenset({17, 23, 25, 28, 29})


def case_of(chassis: Iterable[int]) -> Case | None:
    """What kind of machine sits in such a case, None where the case does not tell."""
    kinds = frozenset(chassis)
    if kinds & PORTABLE:
        return "laptop"
    return "server" if kinds & RACK else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the system says of one GPU, memory in bytes. None is what it does not say."""

    name: str
    vendor: Vendor
    vram: int | None = None
    vram_used: int | None = None
    driver: str | None = None
    is_integrated: bool | None = None
    place: str | None = None


class Platform(Protocol):
    """An operating system: what it says of its machine. None is what it does not say."""

    def title(self) -> str:
        """Name and version of the system, for people."""

    def identifier(self) -> str | None:
        """What the system calls this machine and no other."""

    def cpu_name(self) -> str | None:
        """Name of the processor."""

    def sockets(self) -> int:
        """Processors of their own."""

    def clocks(self) -> Clocks:
        """Base and boost clock."""

    def case(self) -> Case | None:
        """What kind of machine its case makes it."""

    def gpus(self) -> Iterable[Listed]:
        """GPUs that the system lists."""
