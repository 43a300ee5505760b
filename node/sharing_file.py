"""Where a machine keeps what it shares: a file that commands write and the running node follows.

It needs no network, survives a restart, and is the same on every system. It is for its owner's
eyes alone, and whoever changes it holds a lock for that moment.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from node.errors import AllocationError, CommandError
from node.lock import locked
from node.settings_file import write_private
from node.sharing import Sharing, read_sharing
from node.utils.logging import context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from node.allocation import Device

NAME: Final = "sharing.json"
PATIENCE: Final = 2.0  # seconds to wait for another one who changes it
BREATH: Final = 0.02

logger = logging.getLogger(__name__)


class SharingFile:
    """The file of one data directory, for the devices of this machine."""

    def __init__(self, data_dir: Path, devices: Mapping[str, Device]) -> None:
        self.path = data_dir / NAME
        self._devices = devices

    def stamp(self) -> tuple[int, int] | None:
        """Something that differs once the file was written anew, None where there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def read(self) -> Sharing:
        """What is shared; a machine whose file makes no sense rests until it is resumed."""
        try:
            return read_sharing(json.loads(self.path.read_text(encoding="utf-8")), self._devices)
        except FileNotFoundError:
            return Sharing()
        except (OSError, ValueError, AllocationError) as error:
            logger.warning(
                "What this machine shares cannot be read, so it rests: %s",
                error,
                extra=context("sharing_unreadable", path=str(self.path)),
            )
            return Sharing(pause="maintenance")

    def change(self, decide: Callable[[Sharing], Sharing]) -> Sharing:
        """Write what `decide` makes of what is there; returns it."""
        with self._alone():
            sharing = decide(self.read())
            write_private(self.path, json.dumps(sharing.document(), indent=2) + "\n")
        return sharing

    def _alone(self) -> ExitStack:
        """The lock, once whoever holds it has let go."""
        refusal = "somebody else is changing what this machine shares"
        deadline = time.monotonic() + PATIENCE
        stack = ExitStack()
        while True:
            try:
                stack.enter_context(locked(self.path.with_suffix(".lock"), refusal, "Try again."))
            except CommandError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(BREATH)
            else:
                return stack
