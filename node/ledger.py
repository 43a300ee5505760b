"""The books of the node: which chunks it holds, which it runs, which it has to hand in.

A chunk is in one place at a time:

    (lease) -> held -> running -> outbox -> the server has it
                |         `-> stopping -> forgotten, or outbox as released
                `-> forgotten, or outbox as released
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from node.model import Chunk, Finished, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

Phase = Literal["held", "running", "stopping"]

REMEMBERED: Final = 4096  # ended leases that a late push must not start again
BATCH: Final = 50  # results in one exchange
ATTEMPTS: Final = 6  # refusals of one result before it is given up
FIRST_DELAY: Final = 0.05  # seconds until a refused result is handed in again; then ever later
DELAY_GROWTH: Final = 3.0
#: A push can arrive before the transaction that sent it is visible to other sessions. Until then
#: the server does not know the lease, and what it says of it does not count.
UNKNOWN_LEASE: Final = "unknown_lease"
VISIBLE_AFTER: Final = 5.0


@dataclass(slots=True)
class Assignment:
    """A lease that this node has not ended yet."""

    chunk: Chunk
    taken_at: float
    phase: Phase = "held"
    release: bool = False  # after a stop: give the lease back instead of forgetting it


class Ledger:
    """Leases from their arrival until the server has taken what came of them."""

    def __init__(self) -> None:
        self.assignments: dict[str, Assignment] = {}
        self.outbox: dict[str, Finished] = {}
        self._handed_in: tuple[Finished, ...] = ()
        self._refusals: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._batch = BATCH
        self._ended: OrderedDict[str, None] = OrderedDict()

    @property
    def busy(self) -> int:
        """Workers in use, those being stopped included."""
        return len(self.ids("running", "stopping"))

    @property
    def is_empty(self) -> bool:
        """Nothing is held, run or waiting to be handed in."""
        return not self.assignments and not self.outbox

    def ids(self, *phases: Phase) -> tuple[str, ...]:
        """Chunks in these phases, oldest lease first."""
        return tuple(key for key, item in self.assignments.items() if item.phase in phases)

    def take(self, chunk: Chunk, now: float, *, is_push: bool) -> bool:
        """Hold a lease; False when the chunk is known: then only a newer lease token is kept.

        A push may come late, after its lease has ended here; an answer of the server never does.
        """
        if is_push and chunk.lease_token in self._ended:
            return False
        if (item := self.assignments.get(chunk.chunk_id)) is not None:
            item.chunk = item.chunk if item.phase == "stopping" else chunk
            return False
        if (finished := self.outbox.get(chunk.chunk_id)) is not None:
            self.outbox[chunk.chunk_id] = replace(finished, lease_token=chunk.lease_token)
            return False
        self.assignments[chunk.chunk_id] = Assignment(chunk, now)
        return True

    def may_be_invisible(self, chunk_id: str, now: float) -> bool:
        """Whether the server may not see this lease yet."""
        item = self.assignments.get(chunk_id)
        is_new = item is not None and now - item.taken_at < VISIBLE_AFTER
        return is_new or (chunk_id in self.outbox and self._refusals[chunk_id] > 0)

    def start(self, chunk_id: str) -> Chunk:
        """A worker takes a held chunk."""
        item = self.assignments[chunk_id]
        item.phase = "running"
        return item.chunk

    def stop(self, chunk_id: str, *, release: bool) -> None:
        """A running chunk is being stopped; its worker is busy until it says so."""
        item = self.assignments[chunk_id]
        item.phase = "stopping"
        item.release = release

    def release(self, chunk_id: str) -> None:
        """Give a lease back."""
        chunk = self.assignments[chunk_id].chunk
        self.finish(Finished(chunk_id, chunk.lease_token, "released"))

    def finish(self, finished: Finished) -> None:
        """Something is to be handed in."""
        self.assignments.pop(finished.chunk_id, None)
        self.outbox[finished.chunk_id] = finished

    def forget(self, chunk_id: str) -> None:
        """The lease is not this node's any more."""
        if (item := self.assignments.pop(chunk_id, None)) is not None:
            self._remember(item.chunk.lease_token)
        if (finished := self.outbox.pop(chunk_id, None)) is not None:
            self._remember(finished.lease_token)
        self._refusals.pop(chunk_id, None)
        self._not_before.pop(chunk_id, None)

    def hand_in(self, now: float) -> tuple[Finished, ...]:
        """The next results for the server; they stay here until it has answered for them."""
        ready = (item for key, item in self.outbox.items() if self._due(key) <= now)
        self._handed_in = tuple(islice(ready, self._batch))
        return self._handed_in

    def next_hand_in(self) -> float | None:
        """When the next result may be handed in; None when there is none."""
        return min(map(self._due, self.outbox), default=None)

    def keeps(self) -> tuple[str, ...]:
        """Leases this node still answers for, besides those it is handing in."""
        leaving = {finished.chunk_id for finished in self._handed_in}
        waiting = (key for key in self.outbox if key not in leaving)
        return (*self.ids("held", "running"), *waiting)

    def settle(self, outcomes: Iterable[Outcome], now: float) -> list[tuple[Finished, Outcome]]:
        """Take the server's answer; returns what is done with, the rest is handed in again."""
        by_chunk = {outcome.chunk_id: outcome for outcome in outcomes}
        self._batch = BATCH
        settled = []
        for handed_in in self._close_batch():
            outcome = by_chunk.get(handed_in.chunk_id)
            if outcome is None or outcome.reason == UNKNOWN_LEASE:
                outcome = self._refuse(handed_in, UNKNOWN_LEASE if outcome else "no outcome", now)
            if outcome is not None and not self._has_newer_lease(handed_in, outcome):
                self.forget(handed_in.chunk_id)
                settled.append((handed_in, outcome))
        return settled

    def refused(self, reason: str, now: float) -> list[tuple[Finished, Outcome]]:
        """The server refused the whole call; returns what is given up for it.

        From now on results go one by one, and the refused ones last, so that one that the server
        cannot take does not hold up the others.
        """
        batch = self._close_batch()
        self._batch = 1
        settled = []
        for handed_in in batch:
            if (kept := self.outbox.pop(handed_in.chunk_id, None)) is not None:
                self.outbox[handed_in.chunk_id] = kept
            if len(batch) == 1 and (outcome := self._refuse(handed_in, reason, now)) is not None:
                self.forget(handed_in.chunk_id)
                settled.append((handed_in, outcome))
        return settled

    def unanswered(self) -> None:
        """Nobody knows whether the server took the results: they are handed in again."""
        self._close_batch()

    def _close_batch(self) -> tuple[Finished, ...]:
        batch, self._handed_in = self._handed_in, ()
        return batch

    def _has_newer_lease(self, handed_in: Finished, outcome: Outcome) -> bool:
        current = self.outbox.get(handed_in.chunk_id)
        return (
            outcome.outcome in {"stale", "rejected"}
            and current is not None
            and current.lease_token != handed_in.lease_token
        )

    def _refuse(self, handed_in: Finished, reason: str, now: float) -> Outcome | None:
        """Count a refusal of one result; the outcome once it is hopeless."""
        key = handed_in.chunk_id
        self._refusals[key] += 1
        if self._refusals[key] >= ATTEMPTS:
            return Outcome(key, "rejected", f"{reason}, {ATTEMPTS} times")
        self._not_before[key] = now + FIRST_DELAY * DELAY_GROWTH ** (self._refusals[key] - 1)
        return None

    def _due(self, chunk_id: str) -> float:
        return self._not_before.get(chunk_id, 0.0)

    def _remember(self, lease_token: str) -> None:
        self._ended[lease_token] = None
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def contradictions(self) -> list[str]:
        """What cannot be true at once; empty in a sound state."""
        both = self.assignments.keys() & self.outbox.keys()
        misfiled = [key for key, item in self.assignments.items() if item.chunk.chunk_id != key]
        misfiled += [key for key, finished in self.outbox.items() if finished.chunk_id != key]
        found = [f"{key} is run and handed in at once" for key in sorted(both)]
        return found + [f"{key} is filed under a wrong name" for key in misfiled]
