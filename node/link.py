"""The node's Realtime topic: whether pushes arrive, and when to try for them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.rules import RATE_LIMITED_FOR, STABLE_AFTER

if TYPE_CHECKING:
    from node.agenda import Agenda
    from node.journal import Journal
    from node.model import Connection
    from node.stimuli import SubscriptionLost


class Link:
    """The subscription, as the state machine sees it. A node without one polls."""

    def __init__(self, agenda: Agenda, journal: Journal) -> None:
        self.topic: str | None = None
        self.connection: Connection = "offline"
        self._agenda = agenda
        self._journal = journal
        self._since = 0.0

    @property
    def was_tried(self) -> bool:
        """Whether the first try has ended, well or badly."""
        return self.connection != "offline"

    def follow(self, topic: str, now: float) -> None:
        """Be subscribed to this topic; a subscription that is up or on its way is left alone."""
        is_new, self.topic = topic != self.topic, topic
        if is_new or not (self.connection == "live" or self._agenda.is_planned("subscribe")):
            self._agenda.expedite("subscribe", now)

    def up(self, now: float) -> None:
        """The topic is joined."""
        self._agenda.end("subscribe")
        self.connection = "live"
        self._since = now
        self._journal.tell("subscribed", "Live connection is up")

    def lost(self, stimulus: SubscriptionLost) -> None:
        """The topic could not be joined, or is gone: plan the next try."""
        self._agenda.end("subscribe")
        if self.connection == "live" and stimulus.at - self._since >= STABLE_AFTER:
            self._agenda.succeeded("subscribe")
        self.connection = "polling"
        pause = RATE_LIMITED_FOR if stimulus.rate_limited else 0.0
        delay = self._agenda.retry("subscribe", stimulus.at, at_least=pause)
        self._journal.warn(
            "subscription_lost",
            f"Live connection is down, trying again in {delay:.1f} s: {stimulus.reason}",
            reason=stimulus.reason,
        )
