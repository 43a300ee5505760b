"""Holds what is found of NVIDIA GPUs against `nvidia-smi`.

`python -m tests.unit.node.machines.compare` needs psutil and nvidia-ml-py alone, prints a line for
each figure, and ends with 1 when one is wrong.
Figures that move between two looks may differ a little.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.hardware import Gpu
    from node.hardware.sensors import Reading

QUERY: Final = (
    "uuid,name,driver_version,compute_cap,memory.total,memory.used,utilization.gpu,"
    "temperature.gpu,power.draw"
)
# How far two looks may differ: MiB, percent, degrees, watts.
MOVING: Final = {"memory.used": 256, "utilization.gpu": 25, "temperature.gpu": 5, "power.draw": 60}


def by_nvidia_smi() -> dict[str, dict[str, str]]:
    """What `nvidia-smi` says, by UUID."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = csv.reader(answer.stdout.splitlines(), skipinitialspace=True)
    return {row[0]: dict(zip(QUERY.split(","), row, strict=True)) for row in rows}


def by_detection(gpu: Gpu, reading: Reading) -> dict[str, Any]:
    """What we say, in the words of `nvidia-smi`."""
    return {
        "uuid": gpu.place,
        "name": gpu.name,
        "driver_version": gpu.driver_version,
        "compute_cap": gpu.compute_capability,
        "memory.total": gpu.vram_mb,
        "memory.used": reading.vram_used_mb,
        "utilization.gpu": reading.load_percent,
        "temperature.gpu": reading.temperature_celsius,
        "power.draw": reading.power_draw_watts,
    }


def differences() -> Iterator[tuple[str, str, object, str, bool]]:
    """Device, figure, ours, theirs, and whether they agree."""
    probe = SystemProbe()
    hardware = detect_hardware(probe=probe)
    readings = {reading.device_id: reading for reading in Sensors(probe, hardware).read()}
    theirs = by_nvidia_smi()
    ours = [gpu for gpu in hardware.gpus if gpu.vendor == "nvidia"]
    yield "all", "count", len(ours), str(len(theirs)), len(ours) == len(theirs)
    for gpu in ours:
        expected = theirs[gpu.place or ""]
        for key, value in by_detection(gpu, readings[gpu.device_id]).items():
            yield gpu.device_id, key, value, expected[key], _agree(key, value, expected[key])


def _agree(key: str, ours: Any, theirs: str) -> bool:
    if key in MOVING:
        return ours is not None and abs(float(ours) - float(theirs)) <= MOVING[key]
    return str(ours) == theirs


def main() -> int:
    """Print every figure; 1 when one is wrong."""
    failed = False
    for device, key, ours, theirs, agrees in differences():
        failed |= not agrees
        verdict = "same" if agrees else "DIFFERENT"
        sys.stdout.write(f"{device:<6} {key:<16} {ours!s:<44} {theirs:<44} {verdict}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
