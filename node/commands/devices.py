"""`devices`: the devices of this machine, how they feel, and what of them is shared."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from node.allocation import MOST, PRIORITIES, TEMPERATURES, WORDS, read_allocation
from node.commands.command import Argument, Command, Context, signed_in
from node.commands.local import node_option, sharing_file
from node.device_report import (
    FULL_POWER,
    about,
    device_table,
    machine_document,
    share_words,
    unit_table,
)
from node.errors import AllocationError, CommandError, ConfigurationError, NodeError
from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.machines import OwnedMachine
from node.options import Option, megabytes, one_of, switch, whole
from node.sharing import Share, Sharing, share_document
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.allocation import Device
    from node.hardware import Hardware
    from node.hardware.sensors import Reading

WATCHED_FOR: Final = 0.5  # seconds over which load and power are measured


def run(context: Context) -> int:
    """Show the devices, after a decision on one of them if there is one."""
    action, name = context.values["action"], context.values["node"]
    if action not in {None, "share", "withhold"}:
        raise ConfigurationError(
            f"there is nothing to do called {action!r}",
            advice="Use: devices, devices share DEVICE, or devices withhold DEVICE.",
        )
    if name is not None:
        return asyncio.run(_run_remote(context, name))
    probe = SystemProbe()
    hardware = detect_hardware(context.settings.data_dir, probe)
    file = sharing_file(context, hardware)
    if action is None:
        _show(context, hardware, file.read(), _readings(Sensors(probe, hardware)))
        return 0
    device = _device(hardware.devices(), context.values["device"])
    sharing = file.change(
        lambda before: before.decide(
            device.device_id, _decision(context, device, before.of(device.device_id))
        )
    )
    share = sharing.of(device.device_id)
    _tell(context, device, share)
    context.say("A node that runs here follows at once.")
    if hardware.machine_id is not None:
        asyncio.run(_tell_pool(context, hardware.machine_id, device.device_id, share))
    return 0


async def _run_remote(context: Context, name: str) -> int:
    """The same for a machine that is known to the pool."""
    async with signed_in(context) as client:
        machine = await OwnedMachine.find(client, name)
        devices = machine.devices()
        sharing = _sharing_of(machine, devices)
        if context.values["action"] is None:
            if context.as_json:
                context.print_json({"node": machine.node, "compute_units": machine.units})
            else:
                context.out.print(f"{escape(machine.node['name'])}, {machine.node['status']}")
                context.out.print(unit_table(machine, sharing))
            return 0
        device = _device(devices, context.values["device"])
        share = _decision(context, device, sharing.of(device.device_id))
        await machine.share(device.device_id, share)
    _tell(context, device, share)
    return 0


async def _tell_pool(context: Context, machine_id: str, device_id: str, share: Share) -> None:
    """Let the pool know, where this machine is known to it and its owner is here."""
    try:
        async with signed_in(context) as client:
            await (await OwnedMachine.find(client, machine_id)).share(device_id, share)
    except CommandError:
        return  # it is told when the machine joins
    except NodeError as error:
        context.say(f"[yellow]The pool does not know yet:[/] {escape(str(error))}")


def _tell(context: Context, device: Device, share: Share) -> None:
    if context.as_json:
        context.print_json(share_document(device.device_id, share))
    else:
        context.out.print(f"{device.device_id} is {share_words(device.device_id, share)}.")


def _sharing_of(machine: OwnedMachine, devices: Mapping[str, Device]) -> Sharing:
    """What the pool has of a machine; an allocation of nothing is none."""
    sharing = Sharing()
    for unit in machine.units:
        is_shared = unit["status"] not in {"not_shared", "inactive"}
        allocation = None
        with contextlib.suppress(AllocationError):
            allocation = read_allocation(unit["allocation"], devices[unit["device_id"]])
        sharing = sharing.decide(unit["device_id"], Share(is_shared, allocation))
    return sharing


def _show(
    context: Context, hardware: Hardware, sharing: Sharing, readings: Mapping[str, Reading]
) -> None:
    if context.as_json:
        context.print_json(machine_document(hardware, sharing, readings))
    else:
        context.out.print(about(hardware, sharing))
        context.out.print(device_table(hardware, sharing, readings))


def _readings(sensors: Sensors) -> dict[str, Reading]:
    time.sleep(WATCHED_FOR)
    return {reading.device_id: reading for reading in sensors.read()}


def _device(devices: Mapping[str, Device], device_id: str | None) -> Device:
    if device_id is not None and device_id in devices:
        return devices[device_id]
    shown = (
        "no device is named" if device_id is None else f"there is no device {device_id!r} to share"
    )
    raise ConfigurationError(shown, advice=f"The machine has: {', '.join(devices)}.")


def _decision(context: Context, device: Device, before: Share) -> Share:
    """The decision that the options make of the one before: what is not given stays."""
    given = {key: context.values[key] for key in KEYS if context.values[key] is not None}
    if context.values["action"] == "withhold":
        if given:
            raise ConfigurationError(
                f"a device that is withheld has no --{next(iter(given)).replace('_', '-')}",
                advice="Leave it out, or share the device.",
            )
        return replace(before, is_shared=False)
    known = before.allocation.document(device.device_type) if before.allocation else {}
    document = {**known, **_asked(device, given)}
    words = WORDS[device.device_type]
    kept = document.setdefault(words.reserved, words.kept)
    document.setdefault(words.allocated, max(1, device.capacity - kept))
    return Share(True, read_allocation(document, device), before.decided_at)  # noqa: FBT003  # named by its place


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
        "devices share cpu-0 --cores 2 --node shed",
    ),
    arguments=(
        Argument(key="action", metavar="ACTION", help="share or withhold", optional=True),
        Argument(key="device", metavar="DEVICE", help="its id, such as cpu-0", optional=True),
    ),
    settings=("access_token",),
    options=(*OPTIONS, node_option("devices")),
)
