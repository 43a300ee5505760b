"""What can happen to a node: the inputs of the state machine. Each carries its moment.

`at` is a monotonic time in seconds; the state machine knows no other clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.guards import Conditions
    from node.model import (
        Chunk,
        Ended,
        ExchangeAnswer,
        Finished,
        HeartbeatAnswer,
        NodeSettings,
        RegistrationAnswer,
        Unit,
    )
    from node.sharing import Sharing

Request = Literal["register", "token", "claim", "heartbeat", "exchange", "units"]
FailureKind = Literal["transient", "unauthorized", "forbidden", "invalid", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stimulus:
    """Something happened at `at`."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Stimulus):
    """The process is up; `undelivered` are results of an earlier run."""

    undelivered: tuple[Finished, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Stimulus):
    """The time asked for by `next_wake` has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Stimulus):
    """node-register answered; `code_expires_in` is in seconds from now."""

    answer: RegistrationAnswer
    code_expires_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReceived(Stimulus):
    """node-token answered."""

    token: str = field(repr=False)
    topic: str
    expires_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChecked(Stimulus):
    """The node looked up whether it has an owner."""

    node_id: str
    claimed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Stimulus):
    """A push says that the node has an owner now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged(Stimulus):
    """exchange_chunks answered."""

    answer: ExchangeAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswered(Stimulus):
    """node_heartbeat answered."""

    answer: HeartbeatAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsListed(Stimulus):
    """The pool's copy of what this machine shares."""

    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFailed(Stimulus):
    """A request got no answer, or a refusal."""

    request: Request
    kind: FailureKind
    message: str
    advice: str | None = None
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated(Stimulus):
    """The benchmark of an engine ended; `speed` is iterations per second of one worker.

    `versions` are those of all engines of this node, by name.
    """

    engine: str
    speed: float
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFailed(Stimulus):
    """The engine does not run on this machine."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed(Stimulus):
    """The Realtime topic is joined: pushes arrive from now on, none from before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLost(Stimulus):
    """The Realtime topic could not be joined, or is gone."""

    reason: str
    token_refused: bool = False
    rate_limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksPushed(Stimulus):
    """Leases arrived by push."""

    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksCancelled(Stimulus):
    """Leases ended by push."""

    chunk_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPushed(Stimulus):
    """The owner changed something; None when the push did not say what."""

    settings: NodeSettings | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPushed(Stimulus):
    """The owner asks for something to be done."""

    command: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkEnded(Stimulus):
    """A chunk that was started is over."""

    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingDecided(Stimulus):
    """Somebody at this machine decided what it shares, or whether it rests."""

    sharing: Sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionsFelt(Stimulus):
    """How the machine feels, for the guards of what it shares."""

    conditions: Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested(Stimulus):
    """Drain: take nothing new, finish what runs, hand in everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNowRequested(Stimulus):
    """Stop at once; leases expire by themselves."""
