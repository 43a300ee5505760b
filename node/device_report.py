"""The devices of a machine as people read them, and as programs do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

from node.rests import rest_words
from node.sharing import CPU, share_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.hardware import Hardware
    from node.hardware.sensors import Reading
    from node.machines import OwnedMachine
    from node.sharing import Share, Sharing

FULL_POWER: Final = 100
MEBIBYTES: Final = 1024  # of a gibibyte
MEGAHERTZ: Final = 1000  # of a gigahertz


def share_words(device_id: str, share: Share) -> str:
    """What of a device is shared and when, for people."""
    if not share.is_shared:
        return "withheld"
    if share.allocation is None:
        return "shared as its owner set in the pool"
    one = share.allocation
    amounts = (
        f"{_cores(one.allocated)}, {one.reserved} kept"
        if device_id == CPU
        else f"{one.allocated:,} MB of memory, {one.reserved:,} MB kept"
    )
    conditions = (
        (one.priority != "normal", f"priority {one.priority}"),
        (one.max_power_percent < FULL_POWER, f"{one.max_power_percent} % of the power"),
        (one.overnight_only, "overnight only"),
        (one.idle_only, "while nobody uses the machine"),
        (one.ac_power_only, "not on battery"),
        (one.temperature_limit_celsius is not None, f"below {one.temperature_limit_celsius} °C"),
    )
    return ", ".join([f"shared: {amounts}", *(words for holds, words in conditions if holds)])


def machine_document(
    hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]
) -> dict[str, Any]:
    """All that is known of a machine and its devices, in the words of the contract."""
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
        "pause": sharing.pause,
        "devices": [
            {
                **device,
                **share_document(device["device_id"], sharing.of(device["device_id"])),
                "now": _now(readings[device["device_id"]]),
            }
            for device in devices
        ],
    }


def _now(reading: Reading) -> dict[str, Any]:
    return {key: value for key, value in asdict(reading).items() if key != "device_id"}


def about(hardware: Hardware, sharing: Sharing) -> Table:
    """The machine as a whole."""
    table = Table.grid(padding=(0, 2))
    rows = {
        "machine": f"{hardware.hostname}, a {hardware.device_type} with {hardware.title}",
        "memory": _space(hardware.ram_free_gb, hardware.ram_total_gb),
        "storage": _space(hardware.storage_free_gb, hardware.storage_total_gb),
        "machine id": hardware.machine_id or "none: nothing on this machine stays the same",
    }
    for label, value in rows.items():
        table.add_row(f"[dim]{label}[/]", escape(value))
    if sharing.pause:
        table.add_row("[dim]paused[/]", f"[yellow]{rest_words([sharing.pause])}[/]")
    return table


def _space(free: float, total: float) -> str:
    return f"{free:,.1f} of {total:,.1f} GB free"


def device_table(hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]) -> Table:
    """Each device in a few lines, as its name alone may fill one."""
    table = Table.grid(padding=(0, 2))
    for device_id, name, size in _found(hardware):
        table.add_row()
        table.add_row(f"[bold]{device_id}[/]", f"[bold]{escape(name)}[/]")
        table.add_row("", ", ".join(size))
        if figures := _figures(readings[device_id]):
            table.add_row("", f"[dim]now[/] {', '.join(figures)}")
        if device_id in hardware.devices():
            table.add_row("", share_words(device_id, sharing.of(device_id)))
    return table


def _found(hardware: Hardware) -> Iterator[tuple[str, str, list[str]]]:
    """Id, name and size of each device."""
    cpu = hardware.cpu
    size = [_cores(cpu.cores), f"{cpu.threads} threads"]
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


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _figures(reading: Reading) -> list[str]:
    memory = reading.vram_used_mb
    figures = (
        (reading.load_percent, "% busy", 0),
        (reading.temperature_celsius, "°C", 0),
        (reading.power_draw_watts, "W", 0),
        (None if memory is None else memory / MEBIBYTES, "GB in use", 1),
    )
    return [f"{value:,.{digits}f} {unit}" for value, unit, digits in figures if value is not None]


def unit_table(machine: OwnedMachine, sharing: Sharing) -> Table:
    """The devices of a machine elsewhere, as the pool has them."""
    table = Table.grid(padding=(0, 2))
    for unit in machine.units:
        device_id = unit["device_id"]
        words = share_words(device_id, sharing.of(device_id))
        state = (
            f"{unit['status']}, {unit['pause_reason']}" if unit["pause_reason"] else unit["status"]
        )
        table.add_row(f"[bold]{device_id}[/]", f"[bold]{escape(unit['name'] or '')}[/]")
        table.add_row("", state)
        table.add_row("", words)
    return table
