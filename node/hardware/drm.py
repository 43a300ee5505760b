"""GPUs of Linux: the cards of the Direct Rendering Manager, in sysfs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from node.hardware.listing import PCI_VENDORS, Listed
from node.utils.probe import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.hardware.listing import Vendor
    from node.utils.probe import Probe

CARDS: Final = "/sys/class/drm"
PCI_IDS: Final = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")
MAKERS: Final[dict[Vendor, str]] = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": ""}
# The graphics inside an Intel processor are always this device of the first bus.
INTEL_INTEGRATED: Final = "0000:00:02.0"


def gpus(probe: Probe) -> Iterator[Listed]:
    """Every card by its number, connectors left out."""
    names = [name for name in probe.names(CARDS) if re.fullmatch(r"card\d+", name)]
    for name in sorted(names, key=lambda name: int(name.removeprefix("card"))):
        device = f"{CARDS}/{name}/device"
        vendor = PCI_VENDORS.get((probe.read(f"{device}/vendor") or "").removeprefix("0x"))
        if vendor is not None:
            yield Listed(
                name=_name(probe, device, vendor),
                vendor=vendor,
                vram=_vram(probe, device),
                vram_used=number(probe.read(f"{device}/mem_info_vram_used")),
                driver=_driver(probe, device),
                is_integrated=_is_integrated(probe, device, vendor),
                place=device,
            )


def _name(probe: Probe, device: str, vendor: Vendor) -> str:
    """The name on the box, or that of the chip, or at least its number."""
    if product := probe.read(f"{device}/product_name"):
        return product
    codes = [
        (probe.read(f"{device}/{file}") or "").removeprefix("0x") for file in ("vendor", "device")
    ]
    database = next(filter(None, map(probe.read, PCI_IDS)), "")
    if found := _of_database(database, *codes):
        return f"{MAKERS[vendor]} {found}"
    return f"{MAKERS[vendor]} GPU {':'.join(codes)}"


def _of_database(database: str, vendor: str, device: str) -> str | None:
    """The name in `pci.ids`: a line of the maker, then one for each of its devices, indented."""
    maker = re.search(rf"^{vendor}  .*\n((?:[\t#].*\n|\n)*)", database, re.MULTILINE)
    found = maker and re.search(rf"^\t{device}  (.+)$", maker[1], re.MULTILINE)
    if not found:
        return None
    marketed = re.search(r"\[(.+)\]", found[1])
    return marketed[1] if marketed else found[1]


def _vram(probe: Probe, device: str) -> int | None:
    """Memory of amdgpu, of xe (the sum of its tiles), or of i915."""
    tiles = [name for name in probe.names(device) if re.fullmatch(r"tile\d+", name)]
    sizes = [number(probe.read(f"{device}/{tile}/physical_vram_size_bytes")) for tile in tiles]
    return (
        number(probe.read(f"{device}/mem_info_vram_total"))
        or sum(filter(None, sizes))
        or number(probe.read(f"{device}/lmem_total_bytes"))
    )


def _driver(probe: Probe, device: str) -> str | None:
    """The driver with its version, that of the kernel where it has none of its own."""
    match = re.search(r"^DRIVER=(.+)$", probe.read(f"{device}/uevent") or "", re.MULTILINE)
    if match is None:
        return None
    version = probe.read(f"/sys/module/{match[1]}/version") or probe.read(
        "/proc/sys/kernel/osrelease"
    )
    return f"{match[1]} {version}" if version else match[1]


def _is_integrated(probe: Probe, device: str, vendor: Vendor) -> bool | None:
    if vendor == "intel":
        return f"PCI_SLOT_NAME={INTEL_INTEGRATED}" in (probe.read(f"{device}/uevent") or "")
    if vendor == "amd":
        # amdgpu measures memory of its own only, and names the maker of its chips
        has_own_memory = probe.read(f"{device}/mem_busy_percent") is not None
        maker = probe.read(f"{device}/mem_info_vram_vendor")
        return not has_own_memory and maker in {None, "unknown"}
    return None
