"""What the NVIDIA driver tells of its GPUs, through NVML, the library under `nvidia-smi`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MILLIWATTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NvidiaFacts:
    """One GPU as NVML has it: memory in bytes, load in percent. None is what it does not tell."""

    name: str
    uuid: str | None = None
    driver: str | None = None
    capability: tuple[int, int] | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    load_percent: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None


@cache
def load_nvml() -> Any:
    """The module `pynvml` once its driver answers, None on a machine without one."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def nvidia_facts(nvml: Any) -> tuple[NvidiaFacts, ...]:
    """Every GPU of the driver; one that fails to answer at all is left out."""
    if nvml is None:
        return ()
    count = _told(nvml, nvml.nvmlDeviceGetCount) or 0
    handles = (_told(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count))
    return tuple(_facts(nvml, handle) for handle in handles if handle is not None)


def _facts(nvml: Any, handle: Any) -> NvidiaFacts:
    memory = _memory(nvml, handle)
    rates = _told(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    power = _told(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    capability = _told(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    return NvidiaFacts(
        name=_told(nvml, nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
        uuid=_told(nvml, nvml.nvmlDeviceGetUUID, handle),
        driver=_told(nvml, nvml.nvmlSystemGetDriverVersion),
        capability=(int(capability[0]), int(capability[1])) if capability else None,
        memory_total=None if memory is None else int(memory.total),
        memory_used=None if memory is None else int(memory.used),
        load_percent=None if rates is None else float(rates.gpu),
        temperature_celsius=_told(
            nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU
        ),
        power_watts=None if power is None else power / MILLIWATTS,
    )


def _memory(nvml: Any, handle: Any) -> Any:
    """Version 2 keeps what the driver holds back out of `used`, as `nvidia-smi` does."""
    newer = _told(nvml, nvml.nvmlDeviceGetMemoryInfo, handle, nvml.nvmlMemory_v2)
    return newer or _told(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)


def _told(nvml: Any, ask: Callable[..., Any], *arguments: Any) -> Any:
    """An answer as text or number, None where this GPU or driver has none."""
    try:
        answer = ask(*arguments)
    except nvml.NVMLError:
        return None
    return answer.decode() if isinstance(answer, bytes) else answer
