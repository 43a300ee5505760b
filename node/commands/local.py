"""What commands that steer the node of this machine have in common."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from node.errors import CommandError
from node.hardware import detect_hardware
from node.options import Option, text
from node.sharing_file import SharingFile
from node.status_file import StatusFile
from node.utils.probe import SystemProbe

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.commands.command import Context
    from node.hardware import Hardware
    from node.model import Snapshot

FOLLOWS_WITHIN: Final = 5.0  # seconds that a running node needs at most to do as it is told
LOOK_EVERY: Final = 0.1


def node_option(command: str) -> Option:
    """The flag that names another node than the one here."""
    return Option(
        key="node",
        group=command,
        read=text,
        wanted="the name or id of a node of yours",
        help="a node of yours anywhere, through the pool, instead of the one on this machine",
        metavar="NAME",
    )


def this_machine(context: Context) -> Hardware:
    """The machine that the command runs on."""
    return detect_hardware(context.settings.data_dir, SystemProbe())


def sharing_file(context: Context, hardware: Hardware) -> SharingFile:
    """What this machine shares."""
    return SharingFile(context.settings.data_dir, hardware.devices())


def followed(context: Context, has_followed: Callable[[Snapshot], bool]) -> Snapshot | None:
    """The running node once it has done as it was told, None where none runs."""
    status = StatusFile(context.settings)
    deadline = time.monotonic() + FOLLOWS_WITHIN
    while (local := status.read()) is not None:
        if has_followed(local.snapshot):
            return local.snapshot
        if time.monotonic() >= deadline:
            raise CommandError(
                f"the node does not follow within {FOLLOWS_WITHIN:.0f} s (process {local.pid})",
                advice="It will when it can. Look at it with: python -m node status",
            )
        time.sleep(LOOK_EVERY)
    return None
