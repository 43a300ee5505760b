"""How the devices of a machine feel at this moment: load, temperature, power, memory in use."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.guards import Conditions
from node.utils.probe import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node.hardware.gpu import Gpu
    from node.hardware.machine import Hardware
    from node.utils.nvidia import NvidiaFacts
    from node.utils.probe import Probe

HWMON: Final = "/sys/class/hwmon"
# Drivers of the sensors inside processors: Intel, AMD (the last from outside the kernel), ARM.
CPU_SENSORS: Final = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal"})
RAPL: Final = "/sys/class/powercap"
MILLI: Final = 1000
MICRO: Final = 1_000_000
MEBIBYTE: Final = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One device now. None is what nobody measures there."""

    device_id: str
    load_percent: float | None = None
    temperature_celsius: float | None = None
    power_draw_watts: float | None = None
    vram_used_mb: int | None = None


class Sensors:
    """Reads the devices of one machine; load and power of a CPU are since the last reading."""

    def __init__(
        self,
        probe: Probe,
        hardware: Hardware,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._probe = probe
        self._hardware = hardware
        self._clock = clock
        self._wall = wall
        self._energy = self._joules()

    def read(self) -> tuple[Reading, ...]:
        """Every device, in the order of the hardware."""
        nvidia = {facts.uuid: facts for facts in self._nvidia()}
        gpus = (self._gpu(gpu, nvidia.get(gpu.place)) for gpu in self._hardware.gpus)
        return (self._cpu(), *gpus)

    def conditions(self, readings: tuple[Reading, ...]) -> Conditions:
        """What guards want to know of the machine whose readings these are."""
        battery = self._probe.battery()
        moment = time.localtime(self._wall())
        ours = self._probe.own_load()
        return Conditions(
            minute_of_day=60 * moment.tm_hour + moment.tm_min,
            on_battery=None if battery is None else not battery.is_plugged,
            temperature_celsius=readings[0].temperature_celsius,
            others_percent=max(0.0, (readings[0].load_percent or 0.0) - ours),
        )

    def _nvidia(self) -> tuple[NvidiaFacts, ...]:
        has_any = any(gpu.vendor == "nvidia" for gpu in self._hardware.gpus)
        return self._probe.nvidia() if has_any else ()

    def _cpu(self) -> Reading:
        return Reading(
            device_id=self._hardware.cpu.device_id,
            load_percent=self._probe.cpu_load(),
            temperature_celsius=self._cpu_temperature(),
            power_draw_watts=self._watts(),
        )

    def _cpu_temperature(self) -> float | None:
        """The hottest sensor of any socket."""
        folders = (f"{HWMON}/{name}" for name in self._probe.names(HWMON))
        ours = (one for one in folders if self._probe.read(f"{one}/name") in CPU_SENSORS)
        return max((heat for folder in ours for heat in self._temperatures(folder)), default=None)

    def _temperatures(self, folder: str) -> Iterator[float]:
        for name in self._probe.names(folder):
            if re.fullmatch(r"temp\d+_input", name):
                heat = number(self._probe.read(f"{folder}/{name}"))
                if heat is not None:
                    yield heat / MILLI

    def _watts(self) -> float | None:
        """Mean power of all sockets since the last reading; a counter that began anew says none."""
        before, self._energy = self._energy, self._joules()
        if before is None or self._energy is None:
            return None
        joules, seconds = (now - then for now, then in zip(self._energy, before, strict=True))
        return joules / seconds if seconds > 0 and joules >= 0 else None

    def _joules(self) -> tuple[float, float] | None:
        """Energy that all sockets have used and the moment of it; only root may know on most."""
        sockets = [one for one in self._probe.names(RAPL) if re.fullmatch(r"intel-rapl:\d+", one)]
        counters = [number(self._probe.read(f"{RAPL}/{one}/energy_uj")) for one in sockets]
        known = [counter for counter in counters if counter is not None]
        return (sum(known) / MICRO, self._clock()) if known else None

    def _gpu(self, gpu: Gpu, facts: NvidiaFacts | None) -> Reading:
        if facts is not None:
            return Reading(
                device_id=gpu.device_id,
                load_percent=facts.load_percent,
                temperature_celsius=facts.temperature_celsius,
                power_draw_watts=facts.power_watts,
                vram_used_mb=None if facts.memory_used is None else facts.memory_used // MEBIBYTE,
            )
        if gpu.place is None or not gpu.place.startswith("/"):
            return Reading(device_id=gpu.device_id)
        return self._card(gpu.device_id, gpu.place)

    def _card(self, device_id: str, device: str) -> Reading:
        """A card in sysfs."""
        busy = number(self._probe.read(f"{device}/gpu_busy_percent"))
        used = number(self._probe.read(f"{device}/mem_info_vram_used"))
        monitors = [f"{device}/hwmon/{name}" for name in self._probe.names(f"{device}/hwmon")]
        powers = (
            number(self._probe.read(f"{monitor}/{name}"))
            for monitor in monitors
            for name in ("power1_average", "power1_input")
        )
        heats = (heat for monitor in monitors for heat in self._temperatures(monitor))
        power = next((one for one in powers if one is not None), None)
        return Reading(
            device_id=device_id,
            load_percent=None if busy is None else float(busy),
            temperature_celsius=max(heats, default=None),
            power_draw_watts=None if power is None else power / MICRO,
            vram_used_mb=None if used is None else used // MEBIBYTE,
        )
