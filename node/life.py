"""Where a node is in its life, and the moves it may make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.errors import InvalidTransition
from node.rules import ACTIVITIES, TRANSITIONS

if TYPE_CHECKING:
    from node.agenda import Activity
    from node.journal import Journal
    from node.model import Status


class Life:
    """The status of a node; while it is `unavailable`, also the one to come back to."""

    def __init__(self, journal: Journal) -> None:
        self.status: Status = "registering"
        self._journal = journal
        self._interrupted: Status = "registering"

    @property
    def phase(self) -> Status:
        """What the node is at, whether or not the pool answers just now."""
        return self._interrupted if self.status == "unavailable" else self.status

    @property
    def allowed(self) -> frozenset[Activity]:
        """What may be begun now."""
        return ACTIVITIES[self.phase]

    def move(self, to: Status, now: float) -> None:
        """Become `to`; raises InvalidTransition with the story when the rules forbid it."""
        if to == self.status:
            return
        if to not in TRANSITIONS[self.status]:
            raise InvalidTransition(f"{self.status} -> {to}", self._journal.story)
        self._journal.note(now, f"{self.status} -> {to}")
        self.status = to

    def interrupt(self, now: float) -> bool:
        """The pool does not answer; False when that is known, or of no matter any more."""
        if self.status in {"unavailable", "draining", "stopped"}:
            return False
        self._interrupted = self.status
        self.move("unavailable", now)
        return True

    def resume(self, now: float) -> bool:
        """The pool answers; False when it has never stopped to."""
        if self.status != "unavailable":
            return False
        self.move(self._interrupted, now)
        return True
