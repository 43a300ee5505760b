"""`devices`: the devices of this machine, what they are and how they feel."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

from node.commands.command import Command, Context
from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.hardware import Hardware
    from node.hardware.sensors import Reading

WATCHED_FOR: Final = 0.5  # seconds over which load and power are measured
MEBIBYTES: Final = 1024  # of a gibibyte
MEGAHERTZ: Final = 1000  # of a gigahertz


def run(context: Context) -> int:
    """Show what was found of this machine."""
    probe = SystemProbe()
    hardware = detect_hardware(context.settings.data_dir, probe)
    readings = _readings(Sensors(probe, hardware))
    if context.as_json:
        context.print_json(_document(hardware, readings))
    else:
        context.out.print(_about(hardware))
        context.out.print(_table(hardware, readings))
    return 0


def _readings(sensors: Sensors) -> dict[str, Reading]:
    time.sleep(WATCHED_FOR)
    return {reading.device_id: reading for reading in sensors.read()}


def _document(hardware: Hardware, readings: Mapping[str, Reading]) -> dict[str, Any]:
    devices = [
        {"device_type": "cpu", **hardware.cpu.document()},
        *({"device_type": "gpu", **gpu.document()} for gpu in hardware.gpus),
    ]
    return {
        "hostname": hardware.hostname,
        "platform": hardware.platform,
        "os": hardware.title,
        "device_type": hardware.device_type,
        "machine_id": hardware.machine_id,
        "ram_total_gb": hardware.ram_total_gb,
        "ram_free_gb": hardware.ram_free_gb,
        "storage_total_gb": hardware.storage_total_gb,
        "storage_free_gb": hardware.storage_free_gb,
        "devices": [{**device, "now": _now(readings[device["device_id"]])} for device in devices],
    }


def _now(reading: Reading) -> dict[str, Any]:
    return {key: value for key, value in asdict(reading).items() if key != "device_id"}


def _about(hardware: Hardware) -> Table:
    table = Table.grid(padding=(0, 2))
    rows = {
        "machine": f"{hardware.hostname}, a {hardware.device_type} with {hardware.title}",
        "memory": _space(hardware.ram_free_gb, hardware.ram_total_gb),
        "storage": _space(hardware.storage_free_gb, hardware.storage_total_gb),
        "machine id": hardware.machine_id or "none: nothing on this machine stays the same",
    }
    for label, value in rows.items():
        table.add_row(f"[dim]{label}[/]", escape(value))
    return table


def _space(free: float, total: float) -> str:
    return f"{free:,.1f} of {total:,.1f} GB free"


def _table(hardware: Hardware, readings: Mapping[str, Reading]) -> Table:
    """Each device in a few lines, as its name alone may fill one."""
    table = Table.grid(padding=(0, 2))
    for device_id, name, size in _found(hardware):
        table.add_row()
        table.add_row(f"[bold]{device_id}[/]", f"[bold]{escape(name)}[/]")
        table.add_row("", ", ".join(size))
        if figures := _figures(readings[device_id]):
            table.add_row("", f"[dim]now[/] {', '.join(figures)}")
    return table


def _found(hardware: Hardware) -> Iterator[tuple[str, str, list[str]]]:
    """Id, name and size of each device."""
    cpu = hardware.cpu
    size = [f"{cpu.cores} cores", f"{cpu.threads} threads"]
    if cpu.sockets > 1:
        size.insert(0, f"{cpu.sockets} sockets")
    if cpu.base_clock_mhz or cpu.boost_clock_mhz:
        size.append(f"{(cpu.boost_clock_mhz or cpu.base_clock_mhz or 0) / MEGAHERTZ:.1f} GHz")
    yield cpu.device_id, cpu.name, size
    for gpu in hardware.gpus:
        memory = f"{gpu.vram_mb / MEBIBYTES:,.1f} GB" if gpu.vram_mb else ""
        compute = f"compute {gpu.compute_capability}" if gpu.compute_capability else ""
        driver = f"driver {gpu.driver_version}" if gpu.driver_version else ""
        kind = "integrated" if gpu.is_integrated else ""
        yield gpu.device_id, gpu.name, list(filter(None, (memory, kind, compute, driver)))


def _figures(reading: Reading) -> list[str]:
    memory = reading.vram_used_mb
    figures = (
        (reading.load_percent, "% busy", 0),
        (reading.temperature_celsius, "°C", 0),
        (reading.power_draw_watts, "W", 0),
        (None if memory is None else memory / MEBIBYTES, "GB in use", 1),
    )
    return [f"{value:,.{digits}f} {unit}" for value, unit, digits in figures if value is not None]


COMMAND = Command(
    name="devices",
    summary="show the devices of this machine",
    run=run,
    examples=("devices", "devices --json"),
)
