"""GPUs of any maker."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.hardware.listing import Listed, Vendor
    from node.utils.nvidia import NvidiaFacts

MEBIBYTE: Final = 1024**2
# What the pool can count; a GPU of Apple is shown to its owner and not offered.
OFFERED: Final = frozenset({"nvidia", "amd", "intel"})
# Graphics inside a processor go by family names; cards have model numbers.
INTEGRATED: Final = {
    "amd": re.compile(
        r"radeon(\(tm\))?( (vega \d+|r[2-7]|\d{3}m))?( mobile)? graphics$|\d{3}m$", re.IGNORECASE
    ),
    "intel": re.compile(
        r"^(?!.*\b(arc\(?(tm|r)?\)? (pro )?[ab]\d|iris\(r\) xe max|data center))", re.IGNORECASE
    ),
    "nvidia": re.compile(r"\b(tegra|orin|thor|gb10)\b", re.IGNORECASE),
    "apple": re.compile(""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU. `vram_mb` is in MiB, 0 where it has no memory of its own or does not say.

    `place` is how its system names it, for later questions: a UUID or a folder.
    """

    device_id: str
    name: str
    vendor: Vendor
    vram_mb: int
    vram_free_mb: int | None = None
    driver_version: str | None = None
    compute_capability: str | None = None
    is_integrated: bool = False
    place: str | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the pool knows GPUs of this maker."""
        return self.vendor in OFFERED

    def document(self) -> dict[str, Any]:
        """The GPU as `hardware` of a registration holds it."""
        fields = {
            "device_id": self.device_id,
            "name": self.name,
            "vendor": self.vendor,
            "vram_mb": self.vram_mb,
            "driver_version": self.driver_version,
            "compute_capability": self.compute_capability,
            "is_integrated": self.is_integrated,
        }
        return {key: value for key, value in fields.items() if value is not None}


def all_gpus(nvidia: Iterable[NvidiaFacts], listed: Iterable[Listed]) -> tuple[Gpu, ...]:
    """Every GPU once, those of NVIDIA first: what NVML says of them is the better word."""
    by_nvml = [_from_nvml(facts) for facts in nvidia]
    others = [_from_listing(one) for one in listed if not (by_nvml and one.vendor == "nvidia")]
    numbered = enumerate([*by_nvml, *others])
    return tuple(replace(gpu, device_id=f"gpu-{index}") for index, gpu in numbered)


def _from_nvml(facts: NvidiaFacts) -> Gpu:
    total = facts.memory_total
    free = None if total is None or facts.memory_used is None else total - facts.memory_used
    return Gpu(
        device_id="",
        name=facts.name,
        vendor="nvidia",
        vram_mb=(total or 0) // MEBIBYTE,
        vram_free_mb=None if free is None else free // MEBIBYTE,
        driver_version=facts.driver,
        compute_capability=".".join(map(str, facts.capability)) if facts.capability else None,
        # a chip that shares the memory of its processor has none to tell of
        is_integrated=total is None or bool(INTEGRATED["nvidia"].search(facts.name)),
        place=facts.uuid,
    )


def _from_listing(one: Listed) -> Gpu:
    is_integrated = one.is_integrated
    if is_integrated is None:
        is_integrated = bool(INTEGRATED[one.vendor].search(one.name))
    free = None if one.vram_used is None else (one.vram or 0) - one.vram_used
    return Gpu(
        device_id="",
        name=one.name,
        vendor=one.vendor,
        vram_mb=(one.vram or 0) // MEBIBYTE,
        vram_free_mb=None if free is None else free // MEBIBYTE,
        driver_version=one.driver,
        is_integrated=is_integrated,
        place=one.place,
    )
