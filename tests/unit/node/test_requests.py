"""What a heartbeat says of the devices of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from node import instructions as do
from node import stimuli as on
from node.hardware.sensors import Reading
from node.model import HeartbeatAnswer, NodeSettings, Unit, UnitReport
from node.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.queries import Queries
    from node.sentinel import Sentinel

HEARTBEAT = do.SendHeartbeat((), 1, 5.0, {})


class Machine:
    """A machine whose processor was looked at."""

    def registration(self) -> Mapping[str, Any]:
        """It needs not register."""
        raise NotImplementedError

    def reading(self, device_id: str) -> Reading | None:
        """Half loaded and warm."""
        if device_id != "cpu-0":
            return None
        return Reading(device_id="cpu-0", load_percent=50.0, temperature_celsius=61.5)


class Pool:
    """Remembers heartbeats."""

    def __init__(self) -> None:
        self.status: Mapping[str, Any] = {}

    async def node_heartbeat(self, status: Mapping[str, Any]) -> HeartbeatAnswer:
        """Hear one."""
        self.status = status
        return HeartbeatAnswer(NodeSettings(max_parallel=1))

    async def units(self) -> tuple[Unit, ...]:
        """One of them."""
        return (Unit("u", "cpu", "cpu-0", 4, "active", {}),)


def requests(pool: Pool) -> Requests:
    """Requests of that machine."""
    sentinel = cast("Sentinel", None)
    return Requests(Machine(), sentinel, cast("Queries", pool), lambda: 7.0)


async def test_a_heartbeat_tells_of_devices_what_their_sensors_say() -> None:
    """What nobody measured is left out, and so is what nobody asked for."""
    pool = Pool()
    units = (
        UnitReport("unit-1", "cpu-0", "active", "chunk-1"),
        UnitReport("unit-2", "gpu-0", "paused"),
    )
    instruction = do.SendHeartbeat((), 1, 5.0, {}, units, ("command-1",))
    assert isinstance(await requests(pool).answer(instruction), on.HeartbeatAnswered)
    assert pool.status["units"] == [
        {
            "unit_id": "unit-1",
            "status": "active",
            "current_task_id": "chunk-1",
            "current_load_percent": 50.0,
            "temperature_celsius": 61.5,
        },
        {"unit_id": "unit-2", "status": "paused"},
    ]
    assert pool.status["acknowledged"] == ("command-1",)


async def test_a_heartbeat_without_devices_is_as_short_as_ever() -> None:
    """The pool then counts on the processors."""
    pool = Pool()
    await requests(pool).answer(HEARTBEAT)
    assert not {"units", "acknowledged"} & set(pool.status)


async def test_the_devices_of_the_pool_are_looked_up() -> None:
    """All of them at once."""
    answer = await requests(Pool()).answer(do.ListUnits())
    assert isinstance(answer, on.UnitsListed)
    assert answer.units[0].is_shared
