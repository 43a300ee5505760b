"""What macOS tells of itself, through `system_profiler`, `sysctl` and `ioreg`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from node.hardware.listing import Listed
from node.utils.probe import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.hardware.listing import Case, Clocks, Vendor
    from node.utils.probe import Probe

HERTZ: Final = 1_000_000  # to a megahertz
UNITS: Final = {"MB": 1024**2, "GB": 1024**3}
VENDORS: Final[Mapping[str, Vendor]] = {
    "apple": "apple",
    "amd": "amd",
    "ati": "amd",
    "intel": "intel",
    "nvidia": "nvidia",
}


class MacOS:
    """A Mac."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def title(self) -> str:
        """Name and version of the system."""
        return f"macOS {self._probe.output('sw_vers', '-productVersion') or ''}".strip()

    def identifier(self) -> str | None:
        """The identifier of the board."""
        answer = self._probe.output("ioreg", "-rd1", "-c", "IOPlatformExpertDevice") or ""
        match = re.search(r'"IOPlatformUUID" = "([^"]+)"', answer)
        return match[1] if match else None

    def cpu_name(self) -> str | None:
        """Name of the processor."""
        return self._kernel_value("machdep.cpu.brand_string")

    def sockets(self) -> int:
        """Processors of their own."""
        return number(self._kernel_value("hw.packages")) or 1

    def clocks(self) -> Clocks:
        """The clock of a Mac with an Intel processor; the others keep theirs to themselves."""
        base = number(self._kernel_value("hw.cpufrequency"))
        return base and base // HERTZ, None

    def case(self) -> Case | None:
        """Nothing: a MacBook shows by its battery, and no Mac is made for a rack."""
        return None

    def gpus(self) -> Iterator[Listed]:
        """Every GPU that `system_profiler` lists."""
        for entry in _profile(self._probe, "SPDisplaysDataType"):
            vendor = _vendor(entry)
            if vendor is not None:
                has_own_memory = "spdisplays_vram" in entry
                yield Listed(
                    name=str(entry.get("sppci_model") or entry.get("_name") or "GPU"),
                    vendor=vendor,
                    vram=_bytes(entry.get("spdisplays_vram")),
                    is_integrated=vendor == "apple" or not has_own_memory,
                )

    def _kernel_value(self, name: str) -> str | None:
        return self._probe.output("sysctl", "-n", name)


def _profile(probe: Probe, kind: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(probe.output("system_profiler", "-json", kind) or "{}")
    except ValueError:
        return []
    entries = document.get(kind) if isinstance(document, dict) else None
    return [entry for entry in entries or [] if isinstance(entry, dict)]


def _vendor(entry: Mapping[str, Any]) -> Vendor | None:
    """Written as `sppci_vendor_Apple`, or as `AMD (0x1002)`."""
    words = re.findall(r"[a-z]+", str(entry.get("spdisplays_vendor")).lower())
    return next((VENDORS[word] for word in words if word in VENDORS), None)


def _bytes(text: object) -> int | None:
    match = re.fullmatch(r"(\d+) (MB|GB)", str(text))
    return int(match[1]) * UNITS[match[2]] if match else None
