"""What is shared of a machine, decided by its owner and at the machine itself."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.config import Settings
from node.hardware import detect_hardware
from node.machines import OwnedMachine
from node.sharing_file import SharingFile
from node.status_file import StatusFile
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.model import Snapshot
    from tests.e2e.pool import Pool


class Desk:
    """Somebody at the machine, who sees what its node says of itself."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.directory = pool.directory / name
        self.file = SharingFile(self.directory, detect_hardware().devices())
        self._status = StatusFile(Settings(data_dir=self.directory))

    def snapshot(self) -> Snapshot:
        """The node now."""
        status = self._status.read()
        assert status is not None
        return status.snapshot

    async def sees(self, holds: Callable[[Snapshot], bool]) -> None:
        """Return once the node is so."""
        await until(lambda: holds(self.snapshot()), "the node did not follow")


async def until(holds: Callable[[], Any], what: str) -> None:
    """Return once it is so."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def test_owner_and_machine_decide_together(pool: Pool) -> None:
    """By API, from afar and on the spot; the pool hears what was done, and each command once."""
    pool.set(allocation_cooldown="0 seconds")
    await pool.start_node("desk", "--heartbeat-interval", "0.5")
    desk = Desk(pool, "desk")
    machine = await OwnedMachine.find(pool.owner, "desk")
    (cpu,) = machine.units
    job = await pool.submit(iterations=10_000_000)
    await desk.sees(lambda node: node.workers_busy == 1)

    # an allocation by the API reaches the machine and is written down there
    allocation = {"cores_allocated": 1, "cores_reserved": 0, "priority": "low"}
    change = {"unit_id": cpu["id"], "allocation": allocation}
    path = f"nodes/{machine.node['id']}/allocations"
    await pool.owner.handler("PUT", path, body={"compute_units": [change]})
    await until(lambda: desk.file.read().of("cpu-0").allocation, "the allocation did not arrive")
    decided = desk.file.read().of("cpu-0")
    assert decided.allocation is not None
    assert (decided.allocation.allocated, decided.allocation.priority) == (1, "low")
    assert desk.file.path.stat().st_mode & 0o777 == 0o600

    # a pause from afar, and its end
    working = "select count(*) from public.compute_units where status = 'active'"
    await until(lambda: pool.query(working) == [(1,)], "the unit did not become active")
    machine = await OwnedMachine.find(pool.owner, "desk")
    assert await machine.pause("maintenance") == 1
    await desk.sees(lambda node: node.rests == ("by_owner",) and not node.workers_busy)
    machine = await OwnedMachine.find(pool.owner, "desk")
    assert machine.units[0]["status"] == "paused"
    assert await machine.resume() == 1
    await desk.sees(lambda node: not node.rests and node.workers_busy == 1)
    waiting = "select count(*) from private.node_commands where acknowledged_at is null"
    await until(lambda: pool.query(waiting) == [(0,)], "a command was not acknowledged")

    # a pause on the spot: the pool hears that the unit rests, and pays nothing for that
    desk.file.change(lambda sharing: replace(sharing, pause="user_requested"))
    await desk.sees(lambda node: node.rests == ("user_requested",) and not node.workers_busy)
    unpaid = "select count(*) from private.unit_heartbeats where accrued_until is null"
    await until(lambda: pool.query(unpaid) == [(1,)], "a resting unit is paid")
    desk.file.change(lambda sharing: replace(sharing, pause=None))
    await desk.sees(lambda node: not node.rests and node.workers_busy == 1)
    await pool.owner.rpc("cancel_job", {"id": job.id})


async def test_a_pause_outlives_a_restart(pool: Pool) -> None:
    """What was decided at the machine is there before any work is taken."""
    desk = Desk(pool, "shed")
    desk.file.change(lambda sharing: replace(sharing, pause="maintenance"))
    node = await pool.start_node("shed", "--heartbeat-interval", "0.5")
    paused = await node.wait_for_event("paused")
    assert paused["reasons"] == ["maintenance"]
    states = [event["event"] for event in node.events]
    assert states.index("paused") < states.index("claim_code")
    assert json.loads(desk.file.path.read_text())["pause"] == "maintenance"
