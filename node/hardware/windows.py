"""What Windows tells of itself: one PowerShell, as each takes about a second to start."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.hardware.listing import PCI_VENDORS, Listed, case_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.hardware.listing import Case, Clocks
    from node.utils.probe import Probe

# The controller's own AdapterRAM has 32 bits and ends at 4 GiB; the registry of its class does not.
QUERY: Final = r"""
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$display = 'HKLM:\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0*'
$bytes = @{ n = 'Bytes'; e = { $_.'HardwareInformation.qwMemorySize' } }
@{
  processors = @(Get-CimInstance Win32_Processor |
    Select-Object Name, NumberOfCores, NumberOfLogicalProcessors, MaxClockSpeed)
  video = @(Get-CimInstance Win32_VideoController |
    Select-Object Name, AdapterRAM, DriverVersion, PNPDeviceID)
  memory = @(Get-ItemProperty $display | Select-Object DriverDesc, $bytes)
  chassis = @((Get-CimInstance Win32_SystemEnclosure).ChassisTypes)
  system = @(Get-CimInstance Win32_OperatingSystem | Select-Object Caption, ProductType)
  machine = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
} | ConvertTo-Json -Depth 4 -Compress
"""
COMMAND: Final = ("powershell", "-NoProfile", "-NonInteractive", "-Command", QUERY)
WORKSTATION: Final = 1


@dataclass(frozen=True, slots=True)
class Windows:
    """The answer of one question to Windows; whatever is missing from it is empty."""

    answer: dict[str, Any]

    @classmethod
    def ask(cls, probe: Probe) -> Windows:
        """Ask the machine."""
        try:
            answer = json.loads(probe.output(*COMMAND) or "{}")
        except ValueError:
            answer = {}
        return cls(answer if isinstance(answer, dict) else {})

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Objects of one kind; ConvertTo-Json gives a lone one without its list."""
        value = self.answer.get(key)
        rows = value if isinstance(value, list) else [value]
        return [row for row in rows if isinstance(row, dict)]

    def title(self) -> str:
        """Name of the edition."""
        captions = (row.get("Caption") for row in self.rows("system"))
        return next((str(caption) for caption in captions if caption), "Windows")

    def identifier(self) -> str | None:
        """The identifier of this installation."""
        value = self.answer.get("machine")
        return value if isinstance(value, str) and value else None

    def cpu_name(self) -> str | None:
        """Name of the processor."""
        names = (row.get("Name") for row in self.rows("processors"))
        return next((str(name) for name in names if name), None)

    def sockets(self) -> int:
        """Processors of their own."""
        return len(self.rows("processors")) or 1

    def clocks(self) -> Clocks:
        """The base clock, which Windows calls the highest; it does not know of any boost."""
        speeds = (row.get("MaxClockSpeed") for row in self.rows("processors"))
        return next((speed for speed in speeds if isinstance(speed, int)), None), None

    def case(self) -> Case | None:
        """By its case, and by an edition that is for servers alone."""
        value = self.answer.get("chassis")
        numbers = value if isinstance(value, list) else [value]
        by_case = case_of(number for number in numbers if isinstance(number, int))
        editions = {row.get("ProductType", WORKSTATION) for row in self.rows("system")}
        return by_case or ("server" if editions - {WORKSTATION} else None)

    def gpus(self) -> Iterator[Listed]:
        """Every video controller of a maker we know; those of screens over the network are none."""
        for row in self.rows("video"):
            match = re.search(r"VEN_([0-9A-F]{4})", str(row.get("PNPDeviceID")), re.IGNORECASE)
            vendor = PCI_VENDORS.get(match[1].lower()) if match else None
            if vendor is not None:
                name = str(row.get("Name") or "GPU")
                yield Listed(
                    name=name,
                    vendor=vendor,
                    vram=self._registered(name) or _whole(row.get("AdapterRAM")),
                    driver=row.get("DriverVersion") or None,
                )

    def _registered(self, name: str) -> int | None:
        """Bytes of memory that the driver of this GPU wrote to the registry."""
        rows = self.rows("memory")
        sizes = (_whole(row.get("Bytes")) for row in rows if row.get("DriverDesc") == name)
        return next(filter(None, sizes), None)


def _whole(value: object) -> int | None:
    """A number, or the bytes of one, the lowest first."""
    if isinstance(value, list):
        return int.from_bytes(bytes(value), "little")
    return value if isinstance(value, int) else None
