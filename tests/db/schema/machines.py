"""Machines that users register by the API, and what their units report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb

from tests.db.schema.pool import call

if TYPE_CHECKING:
    import psycopg

    from tests.db.schema.pool import Json, Pool, User

CPU: Final[Json] = {"device_id": "cpu-0", "name": "Fast", "cores": 16, "threads": 32}
GPU: Final[Json] = {"device_id": "gpu-0", "name": "Big", "vendor": "nvidia", "vram_mb": 24576}
HARDWARE: Final[Json] = {
    "cpus": [CPU],
    "gpus": [GPU],
    "ram_total_gb": 64,
    "storage_total_gb": 1000,
}
SHARED_CPU: Final[Json] = {
    "device_type": "cpu",
    "device_id": "cpu-0",
    "allocation": {"cores_allocated": 8},
}
SHARED_GPU: Final[Json] = {
    "device_type": "gpu",
    "device_id": "gpu-0",
    "allocation": {"vram_allocated_mb": 22528},
}


@dataclass
class Machine:
    """A registered machine, which calls with its API key."""

    pool: Pool
    owner: User
    answer: Json
    api_key: str

    @property
    def id(self) -> str:
        """The id of its node."""
        return str(self.answer["node_id"])

    def unit(self, device_type: str = "cpu") -> str:
        """The id of its unit of this type."""
        (unit_id,) = (
            unit["unit_id"]
            for unit in self.answer["compute_units"]
            if unit["device_type"] == device_type
        )
        return str(unit_id)

    def connect(self) -> psycopg.Connection:
        """A session as the handlers open it, once they know the key."""
        known = call(self.pool.admin, "private.api_key_node", {"key_hash": digest(self.api_key)})
        claims = {"sub": str(known), "node_id": str(known)}
        return self.pool.database.connect("authenticated", claims)

    def heartbeat(self, *units: Json, acknowledged: list[str] | None = None) -> list[Json]:
        """Sends a heartbeat; answers the commands."""
        with self.connect() as connection:
            status = {"compute_units": list(units), "acknowledged": acknowledged or []}
            answer = call(connection, "private.machine_heartbeat", {"status": Jsonb(status)})
        commands: list[Json] = answer["commands"]
        return commands

    def beat(self, status: str = "active", **figures: Any) -> list[Json]:
        """Says the same of all its units."""
        return self.heartbeat(
            *(
                {"unit_id": unit["unit_id"], "status": status, **figures}
                for unit in self.answer["compute_units"]
            )
        )

    def states(self) -> dict[str, str]:
        """The state of each unit, by its device."""
        return dict(
            self.pool.rows(
                "select device_id, status from public.compute_units where node_id = %s", self.id
            )
        )


def digest(api_key: str) -> str:
    """What is kept of an API key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def register_machine(owner: User, *units: Json, api_key: str = "key 1", **changes: Any) -> Machine:
    """Registers a machine as the handler does."""
    machine = {
        "machine_id": "machine-1",
        "hostname": "tower",
        "os": "linux-x86_64",
        "hardware": HARDWARE,
        "compute_units": list(units or (SHARED_CPU, SHARED_GPU)),
        **changes,
    }
    answer = call(
        owner.connection,
        "private.register_machine",
        {"machine": Jsonb(machine), "key_hash": digest(api_key)},
    )
    return Machine(owner.pool, owner, answer, api_key)


def allocate(owner: User, machine_id: str, *changes: Json) -> list[Json]:
    """Changes what a machine shares; answers the units."""
    answer = call(
        owner.connection,
        "private.allocate_machine",
        {"id": machine_id, "compute_units": Jsonb(list(changes))},
    )
    units: list[Json] = answer["updated_units"]
    return units
