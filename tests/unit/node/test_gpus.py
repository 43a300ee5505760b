"""GPUs of every maker on every system."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from node.hardware import Gpu, detect_hardware
from node.hardware.gpu import INTEGRATED
from node.utils import nvidia
from node.utils.nvidia import NvidiaFacts, load_nvml, nvidia_facts
from tests.unit.node.machines import recorded
from tests.unit.node.probes import RecordedProbe

GIBIBYTE = 1024**3


def found(name: str) -> tuple[Gpu, ...]:
    """GPUs of a recorded machine."""
    return detect_hardware(probe=recorded(name)).gpus


def test_a_card_and_the_graphics_of_the_processor_are_two_gpus() -> None:
    """NVML speaks for the card, sysfs for the other; the card's own entry there is no third."""
    card, inside = found("linux_desktop_two_gpus")
    assert card == Gpu(
        device_id="gpu-0",
        name="NVIDIA GeForce RTX 4090",
        vendor="nvidia",
        vram_mb=24564,
        vram_free_mb=23359,
        driver_version="550.54.14",
        compute_capability="8.9",
        place="GPU-00000000",
    )
    assert (inside.device_id, inside.name, inside.is_integrated) == ("gpu-1", "AMD Raphael", True)
    assert (inside.vram_mb, inside.vram_free_mb) == (512, 480)
    assert inside.driver_version == "amdgpu 6.8.0-45-generic"


def test_a_card_in_a_virtual_machine_is_found_as_its_driver_has_it() -> None:
    """Recorded where every figure was the one of `nvidia-smi`; sysfs lists nothing there."""
    (card,) = found("linux_h200")
    assert card == Gpu(
        device_id="gpu-0",
        name="NVIDIA H200",
        vendor="nvidia",
        vram_mb=143771,
        vram_free_mb=143771,
        driver_version="580.159.04",
        compute_capability="9.0",
        place="GPU-00000000",
    )


def test_cards_without_a_library_are_read_from_sysfs() -> None:
    """AMD and Intel, in the order of their numbers; the screen of the board's manager is none."""
    amd, intel = found("linux_server_two_sockets")
    assert (amd.name, amd.vram_mb) == ("AMD Radeon RX 6800/6800 XT / 6900 XT", 16368)
    assert (amd.vram_free_mb, amd.is_integrated) == (12272, False)
    assert (intel.name, intel.vram_mb, intel.is_integrated) == ("Intel Arc A770", 16304, False)


@pytest.mark.parametrize(
    ("told", "is_integrated"),
    [
        ({"mem_busy_percent": "30"}, False),
        ({"mem_info_vram_vendor": "hynix"}, False),
        ({"mem_info_vram_vendor": "unknown"}, True),
        ({}, True),
    ],
)
def test_a_card_of_amd_has_memory_of_its_own(
    told: dict[str, str],
    is_integrated: bool,  # noqa: FBT001  # a parameter of the case
) -> None:
    """Each release of the kernel shows it in its own way; either is enough."""
    device = "/sys/class/drm/card0/device"
    files = {"vendor": "0x1002", "device": "0x744c", "mem_info_vram_total": "8589934592", **told}
    listed = {f"{device}/{name}": text for name, text in files.items()}
    (gpu,) = detect_hardware(probe=RecordedProbe("linux", "x86_64", cpus=2, files=listed)).gpus
    assert gpu.is_integrated == is_integrated


def test_graphics_inside_an_intel_processor_have_no_memory_of_their_own() -> None:
    """They are always the second device of the first bus."""
    (gpu,) = found("linux_laptop")
    assert (gpu.name, gpu.vram_mb, gpu.is_integrated) == ("Intel Iris Xe Graphics", 0, True)


def test_a_card_of_nvidia_without_its_driver_is_still_seen() -> None:
    """The kernel lists it, by its number where no database has a name."""
    probe = recorded("linux_desktop_two_gpus")
    files = {key: text for key, text in probe.files.items() if not key.endswith("pci.ids")}
    card = detect_hardware(probe=replace(probe, files=files, nvidia_gpus=())).gpus[0]
    assert (card.name, card.vram_mb) == ("NVIDIA GPU 10de:2684", 0)
    assert card.driver_version == "nvidia 550.54.14"


def test_memory_above_4_gib_is_found_on_windows() -> None:
    """The registry knows it; the controller's own figure ends there. Remote screens are no GPUs."""
    inside, card = found("windows_11_desktop")
    assert (inside.vendor, inside.is_integrated) == ("intel", True)
    assert (card.name, card.vram_mb, card.is_integrated) == ("AMD Radeon RX 6800 XT", 16368, False)
    assert card.driver_version == "31.0.21921.1000"


def test_nvml_speaks_for_the_cards_of_windows_too() -> None:
    """And a lone controller is not in a list."""
    (gpu,) = found("windows_server")
    assert (gpu.name, gpu.vram_mb, gpu.compute_capability) == ("NVIDIA L4", 23034, "8.9")


def test_memory_in_bytes_of_the_registry_is_read() -> None:
    """Some drivers write the figure as bytes, the lowest first."""
    probe = replace(recorded("windows_server"), nvidia_gpus=())
    (gpu,) = detect_hardware(probe=probe).gpus
    assert gpu.vram_mb == 0x59FC00000 // 1024**2


def test_a_gpu_of_apple_is_shown_and_not_offered() -> None:
    """The pool counts no GPUs of Apple."""
    (gpu,) = found("macos_m3_pro_laptop")
    assert (gpu.name, gpu.vendor, gpu.is_integrated) == ("Apple M3 Pro", "apple", True)
    document = detect_hardware(probe=recorded("macos_m3_pro_laptop")).document()
    assert document["gpus"] == []


def test_a_mac_may_have_a_card() -> None:
    """Shared memory is no memory of its own."""
    inside, card = found("macos_intel_desktop")
    assert (inside.name, inside.is_integrated, inside.vram_mb) == (
        "Intel UHD Graphics 630",
        True,
        0,
    )
    assert (card.name, card.is_integrated, card.vram_mb) == ("AMD Radeon Pro 5500 XT", False, 8192)


def test_a_report_that_is_none_lists_nothing() -> None:
    """Neither system can break detection with its output."""
    for system in ("darwin", "windows"):
        for text in ("", "[]", "{", "7", '{"SPDisplaysDataType": [7], "video": [7]}'):
            probe = RecordedProbe(
                system,
                "x86_64",
                cpus=2,
                outputs={"system_profiler -json SPDisplaysDataType": text, "powershell": text},
            )
            assert detect_hardware(probe=probe).gpus == ()


@pytest.mark.parametrize(
    ("vendor", "name", "is_integrated"),
    [
        ("amd", "AMD Radeon(TM) Graphics", True),
        ("amd", "AMD Radeon(TM) Vega 8 Graphics", True),
        ("amd", "AMD Radeon 780M Graphics", True),
        ("amd", "AMD Radeon 780M", True),
        ("amd", "AMD Radeon RX 7900 XTX", False),
        ("amd", "Radeon RX Vega 64", False),
        ("intel", "Intel(R) Iris(R) Xe Graphics", True),
        ("intel", "Intel(R) Arc(TM) Graphics", True),
        ("intel", "Intel(R) Arc(TM) A770 Graphics", False),
        ("intel", "Intel(R) Arc(TM) B580 Graphics", False),
        ("intel", "Intel(R) Iris(R) Xe MAX Graphics", False),
        ("nvidia", "Orin (nvgpu)", True),
        ("nvidia", "NVIDIA GB10", True),
        ("nvidia", "NVIDIA H100 80GB HBM3", False),
    ],
)
def test_graphics_of_a_processor_are_known_by_name(
    vendor: Any,
    name: str,
    is_integrated: bool,  # noqa: FBT001  # a parameter of the case
) -> None:
    """Where a system does not tell whether a GPU has a board of its own, as on Windows."""
    assert bool(INTEGRATED[vendor].search(name)) == is_integrated


def test_a_document_holds_the_words_of_the_contract_alone() -> None:
    """Free memory and places are not for the pool."""
    document = json.loads(json.dumps(found("linux_desktop_two_gpus")[0].document()))
    assert document == {
        "device_id": "gpu-0",
        "name": "NVIDIA GeForce RTX 4090",
        "vendor": "nvidia",
        "vram_mb": 24564,
        "driver_version": "550.54.14",
        "compute_capability": "8.9",
        "is_integrated": False,
    }


class Nvml:
    """The library with one full GPU, one that knows little, and one that fell off its bus."""

    NVML_TEMPERATURE_GPU = 0
    nvmlMemory_v2 = 2  # noqa: N815

    class NVMLError(Exception):
        """Any refusal."""

    def __init__(self, *, has_version_2: bool = True) -> None:
        self.has_version_2 = has_version_2

    def _of(self, handle: int, answer: Any) -> Any:
        if handle != 0:
            raise self.NVMLError
        return answer

    def __getattr__(self, name: str) -> Any:
        answers = {
            "nvmlDeviceGetName": b"NVIDIA H100 80GB HBM3",
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetCudaComputeCapability": (9, 0),
            "nvmlDeviceGetUtilizationRates": type("Rates", (), {"gpu": 12}),
            "nvmlDeviceGetPowerUsage": 71_250,
        }
        return lambda handle: self._of(handle, answers[name])

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """How many there are."""
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        """The last one is gone."""
        if index == 2:
            raise self.NVMLError
        return index

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        """Of all GPUs."""
        return "570.124.06"

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:  # noqa: N802
        """In degrees."""
        assert sensor == self.NVML_TEMPERATURE_GPU
        return int(self._of(handle, 38))

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int = 1) -> Any:  # noqa: N802
        """The older version counts what is held back as used."""
        if version == self.nvmlMemory_v2 and not self.has_version_2:
            raise self.NVMLError
        used = GIBIBYTE if version == self.nvmlMemory_v2 else 2 * GIBIBYTE
        return self._of(handle, type("Memory", (), {"total": 80 * GIBIBYTE, "used": used}))


def test_nvml_is_asked_for_everything_and_may_refuse_anything() -> None:
    """A GPU that does not know is listed with what it knows; one that is gone is not."""
    assert nvidia_facts(Nvml()) == (
        NvidiaFacts(
            name="NVIDIA H100 80GB HBM3",
            uuid="GPU-1",
            driver="570.124.06",
            capability=(9, 0),
            memory_total=80 * GIBIBYTE,
            memory_used=GIBIBYTE,
            load_percent=12.0,
            temperature_celsius=38,
            power_watts=71.25,
        ),
        NvidiaFacts(name="NVIDIA GPU", driver="570.124.06"),
    )


def test_an_older_driver_counts_memory_as_it_can() -> None:
    """It includes what the driver keeps for itself."""
    assert nvidia_facts(Nvml(has_version_2=False))[0].memory_used == 2 * GIBIBYTE


class Absent(Nvml):
    """The binding without a driver below it."""

    def nvmlInit(self) -> None:  # noqa: N802
        """Nothing to talk to."""
        raise self.NVMLError


def missing(name: str) -> Any:
    """No such module."""
    raise ImportError(name)


@pytest.mark.parametrize("load", [lambda _: Absent(), missing])
def test_a_machine_without_a_driver_has_no_gpus_of_nvidia(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor needs it the binding to be installed."""
    monkeypatch.setattr(nvidia, "import_module", load)
    load_nvml.cache_clear()
    try:
        assert nvidia_facts(load_nvml()) == ()
    finally:
        load_nvml.cache_clear()
