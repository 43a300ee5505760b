"""The rules of a node's life: which state may follow which, and what is done in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.agenda import Activity
    from node.model import Status

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    "registering": frozenset({"claiming", "starting", "unavailable", "draining", "stopped"}),
    "claiming": frozenset({"registering", "starting", "unavailable", "draining", "stopped"}),
    "starting": frozenset({"registering", "running", "unavailable", "draining", "stopped"}),
    "running": frozenset({"registering", "unavailable", "draining", "stopped"}),
    "unavailable": frozenset(
        {"registering", "claiming", "starting", "running", "draining", "stopped"}
    ),
    "draining": frozenset({"stopped"}),
    "stopped": frozenset(),
}

#: What may be begun in each state; `unavailable` goes on with what it interrupted.
ACTIVITIES: Final[Mapping[Status, frozenset[Activity]]] = {
    "registering": frozenset({"register"}),
    "claiming": frozenset({"register", "token", "subscribe", "claim"}),
    "starting": frozenset({"token", "subscribe"}),
    "running": frozenset({"token", "subscribe", "heartbeat", "exchange", "units", "step_aside"}),
    "draining": frozenset({"token", "heartbeat", "exchange", "give_up"}),
    "stopped": frozenset(),
}

TOKEN_AGE: Final = (0.70, 0.85)  # share of a token's life after which it is renewed
STABLE_AFTER: Final = 30.0  # seconds a subscription must last to count as a success
RATE_LIMITED_FOR: Final = 30.0  # seconds Realtime wants to be left alone
RELEASE_WITHIN: Final = 5.0  # seconds to hand leases back once draining has taken too long
STEP_ASIDE_AFTER: Final = 2.0  # seconds that running chunks have to end once the machine rests
SPEED_MEMORY: Final = 30.0  # seconds of running after which old measurements weigh 1/e


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How this node behaves; times in seconds."""

    poll_interval: float = 60.0
    heartbeat_interval: float = 15.0
    claim_poll_interval: float = 5.0
    drain_timeout: float = 30.0
    max_parallel: int | None = None  # what this machine's user allows, whatever the owner sets
