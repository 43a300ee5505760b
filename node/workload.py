"""What the node does with chunks: takes, starts, stops and hands them in. Decides, acts nowhere."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from node import instructions as do
from node.ledger import Ledger
from node.model import Finished
from node.rests import rest_words
from node.rules import SPEED_MEMORY
from node.steward import Steward, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from node.journal import Journal
    from node.model import Chunk, Ended, FinishedStatus, Outcome
    from node.steward import RestReason


class Workload:
    """Leases, workers and results of one node."""

    def __init__(self, journal: Journal, limit: int | None) -> None:
        self.ledger = Ledger()
        self.size = 0
        self.required_version: str | None = None
        self.steward = Steward()
        self.rests: tuple[RestReason, ...] = ()
        self.engine: str | None = None
        self.engine_versions: Mapping[str, str] = {}
        self.speeds: dict[str, float] = {}
        self.chunks_completed = 0
        self.iterations_completed = 0
        #: There is something to hand in or room for more: the server should be asked now.
        self.wants_exchange = False
        self._journal = journal
        self._limit = limit
        self._wanted = 0
        self._terms = Terms()

    @property
    def iterations_per_second(self) -> float:
        """Measured speed of one worker."""
        return self.speeds.get(self.engine or "", 0.0)

    @property
    def paused(self) -> bool:
        """Whether nothing new is begun."""
        return bool(self.rests)

    @property
    def free_workers(self) -> int:
        """Workers that could take a chunk now."""
        return 0 if self.is_resting else max(0, self.size - self.ledger.busy)

    @property
    def slots(self) -> int:
        """Chunks the node has room for."""
        return 0 if self.is_resting else max(0, self.size - len(self.ledger.assignments))

    @property
    def is_resting(self) -> bool:
        """The node is not to begin anything."""
        return self.paused or self.required_version is not None or self.size == 0

    # -- what the owner wants ---------------------------------------------------------------

    def resize(self, wanted: int) -> None:
        """Run this many workers, within what this machine's user and its owner allow."""
        self._wanted = wanted
        allowed = self.steward.workers(wanted)
        size = allowed if self._limit is None else min(allowed, self._limit)
        if size == self.size:
            return
        self.wants_exchange |= size > self.size
        self.size = size
        self._journal.do(do.ResizePool(size))
        self._journal.tell("resized", f"Running {size} workers", workers=size)

    def follow(self) -> bool:
        """Do as the steward says; True when that begins or ends a rest."""
        self.resize(self._wanted)
        if self.steward.terms != self._terms:
            self._terms = self.steward.terms
            self._journal.do(do.SetTerms(self._terms))
        return self._rest(self.steward.rests)

    def _rest(self, reasons: tuple[RestReason, ...]) -> bool:
        """Take nothing new for these reasons, or take it again where there are none."""
        if reasons == self.rests:
            return False
        was_paused, self.rests = self.paused, reasons
        if self.paused:
            self._journal.tell("paused", f"Paused {rest_words(reasons)}", reasons=list(reasons))
        else:
            self._journal.tell("resumed", "Working again")
        self.wants_exchange |= was_paused != self.paused
        return was_paused != self.paused

    def require(self, version: str | None) -> None:
        """Take nothing new while the pool wants a later release than this one."""
        if version == self.required_version:
            return
        self.required_version = version
        self.wants_exchange = True
        if version is None:
            self._journal.tell("recent_enough", "The pool takes this release again")
        else:
            self._journal.warn(
                "outdated",
                f"This node is too old for the pool: it gets no work until it is updated to "
                f"{version} or newer",
                required_version=version,
            )

    # -- leases -----------------------------------------------------------------------------

    def take(self, chunks: Iterable[Chunk], now: float, *, is_push: bool = False) -> None:
        """Hold leases that are new here."""
        for chunk in chunks:
            self.ledger.take(chunk, now, is_push=is_push)

    def start_held(self) -> None:
        """Give held chunks to free workers, oldest first; give them back where nobody works."""
        for chunk_id in self.ledger.ids("held"):
            if self.is_resting:
                self._release(chunk_id)
            elif self.free_workers:
                self._start(self.ledger.start(chunk_id))

    def _start(self, chunk: Chunk) -> None:
        self._journal.do(do.StartChunk(chunk))
        self._journal.tell(
            "chunk_started",
            f"Running {chunk.iterations:,} iterations",
            level="debug",
            chunk_id=chunk.chunk_id,
            job_id=chunk.job_id,
        )

    def release_held(self) -> None:
        """Give back what has not been started."""
        for chunk_id in self.ledger.ids("held"):
            self._release(chunk_id)

    def release_running(self) -> bool:
        """Stop what runs, to give it back; False when nothing runs."""
        running = self.ledger.ids("running")
        for chunk_id in running:
            self.ledger.stop(chunk_id, release=True)
            self._journal.do(do.StopChunk(chunk_id))
        return bool(running)

    def cancel(self, chunk_ids: Iterable[str]) -> None:
        """Forget leases that are not this node's any more."""
        for chunk_id in chunk_ids:
            item = self.ledger.assignments.get(chunk_id)
            if item is not None and item.phase != "held":
                if item.phase == "running":
                    self._journal.do(do.StopChunk(chunk_id))
                self.ledger.stop(chunk_id, release=False)
                continue
            if chunk_id in self.ledger.outbox:
                self._journal.do(do.Discard(chunk_id))
            self.ledger.forget(chunk_id)

    def lose(self, chunk_ids: Iterable[str], now: float) -> None:
        """The server does not find these leases: forget them, unless it may not see them yet."""
        self.cancel(key for key in chunk_ids if not self.ledger.may_be_invisible(key, now))

    def abandon(self) -> None:
        """Stop everything and care no more."""
        for chunk_id in self.ledger.ids("running"):
            self._journal.do(do.StopChunk(chunk_id))
        self.ledger.assignments.clear()

    # -- results ----------------------------------------------------------------------------

    def end(self, ended: Ended) -> None:
        """A started chunk is over."""
        item = self.ledger.assignments.get(ended.chunk_id)
        if item is None or item.phase == "held":
            return
        self.wants_exchange = True
        if ended.end == "completed":
            self._measure(item.chunk, ended.seconds)
        if item.phase == "stopping" and not item.release:
            self.ledger.forget(ended.chunk_id)
        elif ended.end == "stopped":
            self._release(ended.chunk_id)
        else:
            self._finish(item.chunk, ended, ended.end)

    def exchange(self, now: float, *, wants_more: bool) -> do.Exchange | None:
        """The next call of the server; None when there is nothing to say."""
        finished = self.ledger.hand_in(now)
        slots = self.slots if wants_more else 0
        if not finished and not slots:
            return None
        return do.Exchange(finished, slots, self.ledger.keeps())

    def heartbeat(self, acknowledged: tuple[str, ...]) -> do.SendHeartbeat:
        """What runs, how fast, and which commands were obeyed."""
        return do.SendHeartbeat(
            self.ledger.ids("held", "running"),
            self.free_workers,
            self.iterations_per_second,
            self.engine_versions,
            self.steward.reports(next(iter(self.ledger.ids("running")), None)),
            acknowledged,
        )

    def settle(self, outcomes: Iterable[Outcome], now: float) -> None:
        """The server has answered for what was handed in."""
        for finished, outcome in self.ledger.settle(outcomes, now):
            self._close(finished, outcome)

    def refused(self, reason: str, now: float) -> None:
        """The server has refused the call as a whole."""
        for finished, outcome in self.ledger.refused(reason, now):
            self._close(finished, outcome)

    # -- tools ------------------------------------------------------------------------------

    def _release(self, chunk_id: str) -> None:
        self.ledger.release(chunk_id)
        self.wants_exchange = True

    def _measure(self, chunk: Chunk, seconds: float) -> None:
        """Move the known speed towards this chunk's, the further the longer it ran."""
        if seconds <= 0.0:
            return
        weight = 1.0 - exp(-seconds / SPEED_MEMORY)
        measured = chunk.iterations / seconds
        known = self.speeds.get(chunk.engine, measured)
        self.speeds[chunk.engine] = known + weight * (measured - known)

    def _finish(self, chunk: Chunk, ended: Ended, status: FinishedStatus) -> None:
        finished = Finished(
            chunk.chunk_id, chunk.lease_token, status, ended.result, ended.error, ended.retryable
        )
        self.ledger.finish(finished)
        if status == "completed":
            self._journal.do(do.Keep(finished))
        elif status == "failed":
            self._journal.warn(
                "chunk_failed",
                f"A chunk failed: {ended.error}",
                chunk_id=chunk.chunk_id,
                job_id=chunk.job_id,
            )

    def _close(self, finished: Finished, outcome: Outcome) -> None:
        """The server has spoken on this result."""
        chunk_id = finished.chunk_id
        if finished.status == "completed":
            self._journal.do(do.Discard(chunk_id))
        if outcome.outcome == "rejected":
            message = f"The pool rejected a {finished.status} chunk: {outcome.reason}"
            self._journal.warn("chunk_rejected", message, chunk_id=chunk_id)
        elif finished.status == "completed":
            if outcome.outcome == "accepted":
                self.chunks_completed += 1
                self.iterations_completed += finished.iterations
            message = f"A chunk of {finished.iterations:,} iterations was {outcome.outcome}"
            self._journal.tell(f"chunk_{outcome.outcome}", message, chunk_id=chunk_id)
