"""The machines of a user in the pool and what they share: asked and told as their owner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from node.allocation import Device
from node.errors import CommandError

if TYPE_CHECKING:
    from node.client import PoolClient
    from node.sharing import Share

UNIT_COLUMNS: Final = (
    "id,device_type,device_id,name,capacity,status,pause_reason,allocation,allocated_at"
)


class OwnedMachine:
    """One machine of the user who is signed in."""

    def __init__(
        self, client: PoolClient, node: dict[str, Any], units: list[dict[str, Any]]
    ) -> None:
        self._client = client
        self.node = node
        self.units = units

    @classmethod
    async def find(cls, client: PoolClient, name: str) -> OwnedMachine:
        """The machine whose node has this name, id or machine id; raises CommandError without."""
        columns = ("id", "machine_id", "name") if _is_uuid(name) else ("machine_id", "name")
        for column in columns:
            nodes = await client.rows(
                "nodes",
                select="id,name,hostname,status",
                order="last_seen_at.desc",
                **{column: f"eq.{name}"},
            )
            if nodes:
                units = await client.rows(
                    "compute_units",
                    select=UNIT_COLUMNS,
                    order="device_type,device_id",
                    node_id=f"eq.{nodes[0]['id']}",
                )
                return cls(client, nodes[0], units)
        raise CommandError(
            f"you have no machine {name!r} in this pool",
            advice="Your machines are listed by: python -m node status",
        )

    def devices(self) -> dict[str, Device]:
        """What the pool knows that can be shared, by id."""
        return {
            unit["device_id"]: Device(unit["device_id"], unit["device_type"], unit["capacity"])
            for unit in self.units
        }

    async def share(self, device_id: str, share: Share) -> None:
        """Decide what of a device is shared; its machine is told."""
        unit = next(unit for unit in self.units if unit["device_id"] == device_id)
        allocation = share.allocation and share.allocation.document(unit["device_type"])
        change = {"unit_id": unit["id"], "is_shared": share.is_shared, "allocation": allocation}
        body = {"compute_units": [change]}
        await self._client.handler("PUT", f"nodes/{self.node['id']}/allocations", body=body)

    async def pause(self, reason: str) -> int:
        """Let every device that works rest; returns how many."""
        return await self._each("active", "pause", {"reason": reason})

    async def resume(self) -> int:
        """Let every device that was paused work again; returns how many."""
        return await self._each("paused", "resume", None)

    async def _each(self, status: str, action: str, body: dict[str, Any] | None) -> int:
        ids = [unit["id"] for unit in self.units if unit["status"] == status]
        await asyncio.gather(
            *(
                self._client.handler("POST", f"compute-units/{one}/{action}", body=body)
                for one in ids
            )
        )
        return len(ids)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
