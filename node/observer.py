"""Watches the machine for the state machine: what its people decide here, and how it feels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from node import stimuli as on
from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.sharing_file import SharingFile
from node.utils.probe import SystemProbe
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.config import Settings
    from node.hardware.sensors import Reading
    from node.sharing import Share
    from node.utils.probe import Probe

LOOK_EVERY: Final = 0.5  # seconds between two looks at the file of what is shared
FEEL_EVERY: Final = 4  # looks between two readings of the sensors


class Observer:
    """Eyes on one machine and on its file of decisions; `post` gets what they see."""

    def __init__(
        self,
        settings: Settings,
        post: Callable[[on.Stimulus], None],
        now: Callable[[], float],
        *,
        registration: Mapping[str, Any] | None = None,
        probe: Probe | None = None,
    ) -> None:
        self._settings = settings
        self._post = post
        self._now = now
        self._registration = registration
        self._probe = probe or SystemProbe()
        self._seen: tuple[int, int] | None = None
        self.readings: tuple[Reading, ...] = ()

    async def open(self) -> None:
        """Find out what machine this is; nothing else works before."""
        data_dir = self._settings.data_dir
        self.hardware = await asyncio.to_thread(detect_hardware, data_dir, self._probe)
        self._sensors = Sensors(self._probe, self.hardware)
        self._file = SharingFile(data_dir, self.hardware.devices())

    def registration(self) -> Mapping[str, Any]:
        """The body of node-register: what somebody set for it, or this machine."""
        if self._registration is not None:
            return self._registration
        settings = self._settings
        return self.hardware.registration(VERSION, settings.max_parallel, settings.name)

    def reading(self, device_id: str) -> Reading | None:
        """How a device felt when it was looked at last."""
        return next((one for one in self.readings if one.device_id == device_id), None)

    def keep(self, device_id: str, share: Share) -> None:
        """Write down what was decided in the pool on one device."""
        self._file.change(lambda sharing: sharing.decide(device_id, share))

    async def watch(self, is_guarded: Callable[[], bool]) -> None:
        """Look again and again; how the machine feels is told only where that matters."""
        looks = 0
        while True:
            self.look()
            if looks % FEEL_EVERY == 0:
                await self._feel(is_guarded)
            looks += 1
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """See what was decided, if that is news."""
        stamp = self._file.stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._post(on.SharingDecided(at=self._now(), sharing=self._file.read()))

    async def _feel(self, is_guarded: Callable[[], bool]) -> None:
        self.readings = await asyncio.to_thread(self._sensors.read)
        conditions = self._sensors.conditions(self.readings)
        if is_guarded():
            self._post(on.ConditionsFelt(at=self._now(), conditions=conditions))
