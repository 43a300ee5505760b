"""What the state machine tells its shell to do. Each is a verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.model import Chunk, Event, Finished, UnitReport
    from node.sharing import Share
    from node.steward import Terms


@dataclass(frozen=True, slots=True)
class Register:
    """Send node-register."""


@dataclass(frozen=True, slots=True)
class FetchToken:
    """Send node-token."""


@dataclass(frozen=True, slots=True)
class UseToken:
    """Use this token from now on, in requests and on an open subscription."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Join the node's Realtime topic; whatever subscription there was is closed first."""

    topic: str


@dataclass(frozen=True, slots=True)
class CheckClaim:
    """Look up whether the node has an owner."""

    node_id: str


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Measure the speed of one worker."""


@dataclass(frozen=True, slots=True)
class ResizePool:
    """Change the number of workers; running chunks finish."""

    size: int


@dataclass(frozen=True, slots=True)
class SetTerms:
    """Change how workers work, those that run included."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class StartChunk:
    """Give a chunk to a free worker."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class StopChunk:
    """Stop a running chunk."""

    chunk_id: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Send exchange_chunks."""

    finished: tuple[Finished, ...]
    slots: int
    running: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    """Send node_heartbeat; `iterations_per_second` is of one worker, `engines` are versions."""

    running: tuple[str, ...]
    free_workers: int
    iterations_per_second: float
    engines: Mapping[str, str]
    units: tuple[UnitReport, ...] = ()
    acknowledged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListUnits:
    """Look up what the pool knows of this machine's devices."""


@dataclass(frozen=True, slots=True)
class KeepShare:
    """Write down a decision on a device that was made in the pool."""

    device_id: str
    share: Share


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a finished result to disk: it must survive this process."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget a finished result on disk: the server has it, or does not want it."""

    chunk_id: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Show this to whoever watches, and log it."""

    event: Event


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process; `failure` says why when it was not asked for."""

    failure: str | None = None


Request = Register | FetchToken | CheckClaim | SendHeartbeat | Exchange | ListUnits
Instruction = (
    Request
    | UseToken
    | Subscribe
    | Calibrate
    | ResizePool
    | SetTerms
    | StartChunk
    | StopChunk
    | KeepShare
    | Keep
    | Discard
    | Tell
    | Shutdown
)
