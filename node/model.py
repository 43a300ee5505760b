"""The words the modules of the node share: plain immutable records, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads these when it decodes
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003  # likewise
from typing import Any, Literal

Status = Literal[
    "registering", "claiming", "starting", "running", "unavailable", "draining", "stopped"
]
Connection = Literal["live", "polling", "offline"]
FinishedStatus = Literal["completed", "failed", "released"]
ChunkEnd = Literal["completed", "failed", "released", "stopped"]
OutcomeName = Literal["accepted", "duplicate", "stale", "rejected"]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A leased range `[seed_offset, seed_offset + iterations)` of a job's iterations."""

    chunk_id: str
    job_id: str
    config_hash: str
    engine: str
    seed: int
    seed_offset: int
    iterations: int
    lease_token: str
    lease_expires_at: datetime | None = None
    engine_versions: str | None = None  # those that the job accepts, as `node.versions` reads them


@dataclass(frozen=True, slots=True)
class Finished:
    """What the node hands in for one lease."""

    chunk_id: str
    lease_token: str
    status: FinishedStatus
    result: Mapping[str, Any] | None = None
    error: str | None = None
    retryable: bool | None = None

    @property
    def iterations(self) -> int:
        """Iterations this result stands for; 0 when there is no result."""
        return int(self.result.get("iterations", 0)) if self.result else 0

    def to_json(self) -> dict[str, Any]:
        """The record as `exchange_chunks` takes it: absent fields stay away."""
        fields = {
            "chunk_id": self.chunk_id,
            "lease_token": self.lease_token,
            "status": self.status,
            "result": self.result,
            "error": self.error,
            "retryable": self.retryable,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a started chunk; `seconds` is the time its engine ran."""

    chunk_id: str
    end: ChunkEnd
    result: dict[str, Any] | None = None
    error: str | None = None
    retryable: bool | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The server's word on one finished chunk."""

    chunk_id: str
    outcome: OutcomeName
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ExchangeAnswer:
    """What `exchange_chunks` gave back."""

    outcomes: tuple[Outcome, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    cancelled: tuple[str, ...] = ()
    next_poll_ms: int | None = None
    required_version: str | None = None  # the release to update to, where this one is too old


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the owner has set for this node."""

    max_parallel: int
    name: str | None = None
    paused: bool = False
    heartbeat_ms: int | None = None  # the longest interval that keeps leases alive
    required_version: str | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """What `node_heartbeat` gave back."""

    settings: NodeSettings
    cancelled: tuple[str, ...] = ()
    commands: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A device of this machine as the pool knows it; `allocated_at` is when its owner decided."""

    id: str
    device_type: Literal["cpu", "gpu"]
    device_id: str
    capacity: int
    status: str
    allocation: Mapping[str, Any]
    allocated_at: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether the pool counts on it."""
        return self.status not in {"not_shared", "inactive"}


@dataclass(frozen=True, slots=True)
class UnitReport:
    """What a unit does: `current_task_id` is the chunk it runs."""

    unit_id: str
    device_id: str
    status: Literal["active", "paused"]
    current_task_id: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """What node-register gave back: a claim code, or the word that the node is claimed."""

    id: str
    claimed: bool = False
    claim_code: str | None = None
    claim_code_expires_at: datetime | None = None
    name: str | None = None
    max_parallel: int | None = None
    required_version: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A short-lived access token of the node, and the Realtime topic it may read."""

    access_token: str = field(repr=False)
    expires_at: datetime
    node_id: str
    topic: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person may want to see; `action` is the machine's key for it.

    The claim code is kept out of `message` and `context`, so that a log of events never holds it.
    """

    action: str
    message: str
    level: Level = "info"
    context: Mapping[str, object] = field(default_factory=dict)
    claim_code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The node at one moment, for a screen or a status command.

    `iterations_per_second` is of all busy workers together.
    """

    state: Status
    node_id: str | None
    name: str | None
    claim_code: str | None = field(repr=False)
    claim_code_expires_at: datetime | None
    workers_busy: int
    workers_size: int
    chunks_completed: int
    iterations_completed: int
    iterations_per_second: float
    connection: Connection
    paused: bool
    required_version: str | None
    last_error: str | None
    rests: tuple[str, ...] = ()  # why it is paused
