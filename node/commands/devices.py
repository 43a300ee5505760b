"""`devices`: the devices of this machine, how they feel, and what of them is shared."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

from node.allocation import MOST, PRIORITIES, TEMPERATURES, WORDS, read_allocation
from node.commands.command import Argument, Command, Context
from node.commands.local import sharing_file
from node.errors import ConfigurationError
from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.options import Option, megabytes, one_of, switch, whole
from node.rests import rest_words
from node.sharing import CPU, Share, share_document
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.allocation import Device
    from node.hardware import Hardware
    from node.hardware.sensors import Reading
    from node.sharing import Sharing

WATCHED_FOR: Final = 0.5  # seconds over which load and power are measured
FULL_POWER: Final = 100
MEBIBYTES: Final = 1024  # of a gibibyte
MEGAHERTZ: Final = 1000  # of a gigahertz


def run(context: Context) -> int:
    """Show what was found of this machine, after a decision on one device if there is one."""
    action, device_id = context.values["action"], context.values["device"]
    probe = SystemProbe()
    hardware = detect_hardware(context.settings.data_dir, probe)
    file = sharing_file(context, hardware)
    if action is None:
        _show(context, hardware, file.read(), _readings(Sensors(probe, hardware)))
        return 0
    if action not in {"share", "withhold"}:
        raise ConfigurationError(
            f"there is nothing to do called {action!r}",
            advice="Use: devices, devices share DEVICE, or devices withhold DEVICE.",
        )
    device = _device(hardware, device_id)
    sharing = file.change(
        lambda before: before.decide(
            device.device_id, _decision(context, device, before.of(device.device_id))
        )
    )
    if context.as_json:
        context.print_json(sharing.document()["devices"][device.device_id])
    else:
        context.out.print(f"{device.device_id} is {_shared_words(device.device_id, sharing)}.")
        context.say("A node that runs here follows at once.")
    return 0


def _device(hardware: Hardware, device_id: str | None) -> Device:
    devices = hardware.devices()
    if device_id is not None and device_id in devices:
        return devices[device_id]
    shown = (
        "no device is named" if device_id is None else f"there is no device {device_id!r} to share"
    )
    raise ConfigurationError(shown, advice=f"This machine has: {', '.join(devices)}.")


def _decision(context: Context, device: Device, before: Share) -> Share:
    """The decision that the options make of the one before: what is not given stays."""
    given = {key: context.values[key] for key in KEYS if context.values[key] is not None}
    if context.values["action"] == "withhold":
        if given:
            raise ConfigurationError(
                f"a device that is withheld has no --{next(iter(given)).replace('_', '-')}",
                advice="Leave it out, or share the device.",
            )
        return Share(is_shared=False, allocation=before.allocation)
    known = before.allocation.document(device.device_type) if before.allocation else {}
    document = {**known, **_asked(device, given)}
    words = WORDS[device.device_type]
    kept = document.setdefault(words.reserved, words.kept)
    document.setdefault(words.allocated, max(1, device.capacity - kept))
    return Share(is_shared=True, allocation=read_allocation(document, device))


def _asked(device: Device, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the options ask for, in the words of an allocation."""
    words = WORDS[device.device_type]
    when = given.get("when")
    asked = {
        words.reserved: given.get("keep"),
        "priority": given.get("priority"),
        "max_power_percent": given.get("max_power"),
        "overnight_only": None if when is None else when == "overnight",
        "idle_only": None if when is None else when == "idle",
        "ac_power_only": given.get("ac_only"),
        "temperature_limit_celsius": given.get("max_temperature"),
    }
    foreign, own = ("vram", "cores") if device.device_type == "cpu" else ("cores", "vram")
    if foreign in given:
        raise ConfigurationError(f"{device.device_id} is shared by --{own}, not by --{foreign}")
    asked[words.allocated] = given.get(own)
    return {key: value for key, value in asked.items() if value is not None}


def _show(
    context: Context, hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]
) -> None:
    if context.as_json:
        context.print_json(_document(hardware, sharing, readings))
    else:
        context.out.print(_about(hardware, sharing))
        context.out.print(_table(hardware, sharing, readings))


def _shared_words(device_id: str, sharing: Sharing) -> str:
    """What of a device is shared and when, for people."""
    share = sharing.of(device_id)
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


def _readings(sensors: Sensors) -> dict[str, Reading]:
    time.sleep(WATCHED_FOR)
    return {reading.device_id: reading for reading in sensors.read()}


def _document(
    hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]
) -> dict[str, Any]:
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


def _about(hardware: Hardware, sharing: Sharing) -> Table:
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


def _table(hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]) -> Table:
    """Each device in a few lines, as its name alone may fill one."""
    table = Table.grid(padding=(0, 2))
    for device_id, name, size in _found(hardware):
        table.add_row()
        table.add_row(f"[bold]{device_id}[/]", f"[bold]{escape(name)}[/]")
        table.add_row("", ", ".join(size))
        if figures := _figures(readings[device_id]):
            table.add_row("", f"[dim]now[/] {', '.join(figures)}")
        if device_id in hardware.devices():
            table.add_row("", _shared_words(device_id, sharing))
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


def _decided(
    key: str, read: Callable[[object], object], wanted: str, about: str, metavar: str
) -> Option:
    return Option(key=key, group="devices", read=read, wanted=wanted, help=about, metavar=metavar)


OPTIONS = (
    _decided("cores", whole(1, MOST), "a whole number", "cores to share", "N"),
    _decided("vram", megabytes, "an amount such as 8GB", "memory of a GPU to share", "AMOUNT"),
    _decided(
        "keep",
        megabytes,
        "a number of cores, or an amount of memory",
        "cores or memory that stay free for others (default: 2 cores, 2 GB)",
        "AMOUNT",
    ),
    _decided(
        "priority",
        one_of(*PRIORITIES),
        "low, normal or high",
        "how far work stands back for other programs: low, normal or high",
        "PRIORITY",
    ),
    _decided(
        "max_power",
        whole(1, FULL_POWER),
        "a whole number from 1 to 100",
        "share of the time to work at most, and so about of the power",
        "PERCENT",
    ),
    _decided(
        "when",
        one_of("always", "overnight", "idle"),
        "always, overnight or idle",
        "always, overnight (22 to 7 o'clock), or idle: while nobody uses the machine",
        "WHEN",
    ),
    _decided("ac_only", switch, "yes or no", "rest while the machine runs on battery", "YES"),
    _decided(
        "max_temperature",
        whole(*TEMPERATURES),
        "a whole number of degrees Celsius, 30 to 120",
        "rest when the device gets this hot",
        "CELSIUS",
    ),
)
KEYS = tuple(option.key for option in OPTIONS)

COMMAND = Command(
    name="devices",
    summary="show the devices of this machine, share or withhold them",
    run=run,
    examples=(
        "devices",
        "devices share cpu-0 --cores 4 --keep 2 --priority low",
        "devices share cpu-0 --when overnight --max-temperature 85 --ac-only yes",
        "devices share gpu-0 --vram 8GB",
        "devices withhold cpu-0",
    ),
    arguments=(
        Argument(key="action", metavar="ACTION", help="share or withhold", optional=True),
        Argument(key="device", metavar="DEVICE", help="its id, such as cpu-0", optional=True),
    ),
    options=OPTIONS,
)
