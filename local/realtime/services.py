"""What all connections of one Realtime share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local.realtime.limits import Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.realtime.authorization import Authorizer
    from local.realtime.channel import Channel
    from local.realtime.chaos import Chaos
    from local.realtime.frames import Broadcast
    from local.realtime.hub import Hub
    from local.realtime.joins import Replay
    from local.realtime.limits import Limits
    from local.realtime.tokens import Tokens


class Cancellable(Protocol):
    """A call that has been planned."""

    def cancel(self) -> None:
        """Do not make the call."""


class Timers(Protocol):
    """Makes calls later; an event loop does."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Plan a call."""


class LoopTimers:
    """Makes calls later on the running event loop."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Plan a call."""
        return asyncio.get_running_loop().call_later(delay, callback)


class Archive(Protocol):
    """The messages of the last days."""

    async def recent(self, topic: str, replay: Replay) -> Sequence[Broadcast]:
        """The messages of a private topic, oldest first."""


class Changes(Protocol):
    """Postgres Changes."""

    async def subscribe(self, channel: Channel) -> None:
        """Serve the channel's bindings with its claims, and tell the client."""

    def unsubscribe(self, channel: Channel) -> None:
        """Stop serving the channel."""


class Feed(Protocol):
    """The stream of the database's log."""

    async def wait_connected(self) -> None:
        """Return once the stream flows."""


class Meters:
    """Rates over all connections."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.joins = Rate(limits.joins_per_second, clock)
        self.messages = Rate(limits.messages_per_second, clock)
        self.presence = Rate(limits.presence_messages_per_second, clock)


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of a session."""

    hub: Hub
    tokens: Tokens
    authorizer: Authorizer
    archive: Archive
    changes: Changes
    feed: Feed
    chaos: Chaos
    limits: Limits
    meters: Meters
    timers: Timers
    clock: Callable[[], float]
