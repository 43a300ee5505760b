"""The topics of the stand-in and who listens to them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from local.realtime.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.realtime.frames import Broadcast
    from local.realtime.presence import Diff, Metas


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; the public and the private one of the same name share nothing."""

    name: str
    private: bool


class Listener(Protocol):
    """A joined channel."""

    def deliver(self, broadcast: Broadcast) -> None:
        """Pass a broadcast to the client."""

    def deliver_presence(self, diff: Diff) -> None:
        """Pass a presence difference to the client."""


class Hub:
    """Routes messages to the channels of a topic and keeps its presences."""

    def __init__(self, drops_message: Callable[[], bool]) -> None:
        self._drops_message = drops_message
        self._listeners: dict[Topic, dict[int, Listener]] = {}
        self._presences: dict[Topic, Presence] = {}
        self._refs = itertools.count(1)

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    def subscribe(self, topic: Topic, listener: Listener) -> None:
        """Add a channel to a topic."""
        self._listeners.setdefault(topic, {})[id(listener)] = listener

    def unsubscribe(self, topic: Topic, listener: Listener) -> None:
        """Remove a channel from a topic."""
        listeners = self._listeners.get(topic, {})
        listeners.pop(id(listener), None)
        if not listeners:
            self._listeners.pop(topic, None)

    def publish(
        self, topic: Topic, broadcast: Broadcast, *, sender: Listener | None = None
    ) -> None:
        """Deliver a broadcast to every channel of the topic but the sender's."""
        for listener in tuple(self._listeners.get(topic, {}).values()):
            if listener is not sender and not self._drops_message():
                listener.deliver(broadcast)

    def presence_state(self, topic: Topic) -> Metas:
        """Who is present on the topic."""
        presence = self._presences.get(topic)
        return {} if presence is None else presence.state()

    def track(self, topic: Topic, member: Listener, key: str, payload: dict[str, Any]) -> None:
        """Announce a channel under a key."""
        presence = self._presences.setdefault(topic, Presence(self._new_ref))
        self._announce(topic, presence.track(id(member), key, payload))

    def untrack(self, topic: Topic, member: Listener, key: str) -> None:
        """Take a channel's announcement back."""
        presence = self._presences.get(topic)
        if presence is None:
            return
        diff = presence.untrack(id(member), key)
        if not presence:
            del self._presences[topic]
        if diff is not None:
            self._announce(topic, diff)

    def _announce(self, topic: Topic, diff: Diff) -> None:
        for listener in tuple(self._listeners.get(topic, {}).values()):
            listener.deliver_presence(diff)

    def _new_ref(self) -> str:
        return f"{next(self._refs):016x}"
