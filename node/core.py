"""The life of a node as a pure state machine: stimuli in, instructions out.

    registering -> claiming -> starting -> running -> draining -> stopped
         `------------------------^
    Any of the first four becomes `unavailable` while the pool does not answer, and comes back.

No input or output happens here, and no time passes but what the stimuli carry. A shell carries the
instructions out, reports what came of them as stimuli, and sends a `Tick` at `next_wake()`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import singledispatchmethod
from math import exp
from typing import TYPE_CHECKING, Any, Final

from node import instructions as do
from node import stimuli as on
from node.agenda import Activity, Agenda
from node.claim import Pairing
from node.errors import InvalidTransition
from node.ledger import Ledger
from node.model import (
    Chunk,
    Connection,
    Ended,
    Event,
    Finished,
    FinishedStatus,
    Level,
    NodeSettings,
    Outcome,
    Snapshot,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from random import Random

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

ACTIVITIES: Final[Mapping[Status, frozenset[Activity]]] = {
    "registering": frozenset({"register"}),
    "claiming": frozenset({"register", "token", "subscribe", "claim"}),
    "starting": frozenset({"token", "subscribe"}),
    "running": frozenset({"token", "subscribe", "heartbeat", "exchange"}),
    "draining": frozenset({"token", "heartbeat", "exchange", "give_up"}),
    "stopped": frozenset(),
}

TOKEN_AGE: Final = (0.70, 0.85)  # share of a token's life after which it is renewed
STABLE_AFTER: Final = 30.0  # seconds a subscription must last to count as a success
RATE_LIMITED_FOR: Final = 30.0  # seconds Realtime wants to be left alone
RELEASE_WITHIN: Final = 5.0  # seconds to hand leases back once draining has taken too long
SPEED_MEMORY: Final = 30.0  # seconds of running after which old measurements weigh 1/e
STORY_LENGTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How this node behaves; times in seconds."""

    poll_interval: float = 60.0
    heartbeat_interval: float = 15.0
    claim_poll_interval: float = 5.0
    drain_timeout: float = 30.0
    max_parallel: int | None = None  # what this machine's user allows, whatever the owner sets


class NodeState:
    """Everything the node knows and decides."""

    def __init__(self, policy: Policy, random: Random) -> None:
        self.policy = policy
        self.status: Status = "registering"
        self.ledger = Ledger()
        self.agenda = Agenda(random)
        self.node_id: str | None = None
        self.name: str | None = None
        self.pairing: Pairing | None = None
        self.claim_code_expires_at: datetime | None = None
        self.paused = False
        self.size = 0
        self.engine: str | None = None
        self.speeds: dict[str, float] = {}
        self.chunks_completed = 0
        self.iterations_completed = 0
        self.last_error: str | None = None
        self._random = random
        self._now = 0.0
        self._resume: Status = "registering"
        self._topic: str | None = None
        self._has_token = False
        self._subscription: Connection = "offline"
        self._subscribed_at = 0.0
        self._settings_known = False
        self._suspended: set[Activity] = set()
        self._story: deque[str] = deque(maxlen=STORY_LENGTH)
        self._instructions: list[do.Instruction] = []
        self._begin: Mapping[Activity, Callable[[], None]] = {
            "register": lambda: self._ask("register", do.Register()),
            "token": lambda: self._ask("token", do.FetchToken()),
            "claim": lambda: self._ask("claim", do.CheckClaim(self.node_id or "")),
            "subscribe": self._subscribe,
            "heartbeat": self._heartbeat,
            "exchange": self._exchange,
            "give_up": self._give_up,
        }

    # -- the face ---------------------------------------------------------------------------

    def handle(self, stimulus: on.Stimulus) -> list[do.Instruction]:
        """Take in what happened; returns what to do about it, in order."""
        self._now = stimulus.at
        self._story.append(f"{stimulus.at:.3f} {self.status}: {type(stimulus).__name__}")
        if self.status != "stopped":
            self._react(stimulus)
            self._settle()
        instructions, self._instructions = self._instructions, []
        return instructions

    def next_wake(self) -> float | None:
        """When to send the next Tick; None while only answers and pushes are awaited."""
        return self.agenda.next_wake(self._allowed)

    @property
    def connection(self) -> Connection:
        """How the pool can be reached."""
        return "offline" if self.status in {"unavailable", "stopped"} else self._subscription

    @property
    def iterations_per_second(self) -> float:
        """Measured speed of one worker."""
        return self.speeds.get(self.engine or "", 0.0)

    def snapshot(self) -> Snapshot:
        """The node at this moment."""
        return Snapshot(
            state=self.status,
            node_id=self.node_id,
            name=self.name,
            claim_code=self.pairing.code if self.pairing else None,
            claim_code_expires_at=self.claim_code_expires_at,
            workers_busy=self.ledger.busy,
            workers_size=self.size,
            chunks_completed=self.chunks_completed,
            iterations_completed=self.iterations_completed,
            iterations_per_second=self.iterations_per_second * self.ledger.busy,
            connection=self.connection,
            paused=self.paused,
            last_error=self.last_error,
        )

    # -- what happened ----------------------------------------------------------------------

    @singledispatchmethod
    def _react(self, stimulus: on.Stimulus) -> None:
        raise TypeError(f"no reaction to {type(stimulus).__name__}")

    @_react.register
    def _on_started(self, stimulus: on.Started) -> None:
        for finished in stimulus.undelivered:
            self.ledger.finish(finished)
        self._do(do.Calibrate())
        self.agenda.expedite("register", self._now)

    @_react.register
    def _on_tick(self, stimulus: on.Tick) -> None:
        """What is due is found in `_settle`."""

    @_react.register
    def _on_registered(self, stimulus: on.Registered) -> None:
        self._answered("register")
        answer = stimulus.answer
        self.node_id = answer.id
        if self._phase not in {"registering", "claiming"}:
            return
        if answer.claimed:
            self.name = answer.name
            self._become_claimed()
            self._resize(answer.max_parallel or 0)
        elif answer.claim_code and stimulus.code_expires_in is not None:
            self.claim_code_expires_at = answer.claim_code_expires_at
            self._show_code(answer.claim_code, stimulus.code_expires_in)
        if not self._has_token:
            self.agenda.expedite("token", self._now)

    @_react.register
    def _on_token(self, stimulus: on.TokenReceived) -> None:
        self._answered("token")
        self._has_token = True
        self.agenda.schedule(
            "token", self._now + stimulus.expires_in * self._random.uniform(*TOKEN_AGE)
        )
        self._do(do.UseToken(stimulus.token))
        self._follow(stimulus.topic)
        if self.status == "claiming" and not self.agenda.is_planned("claim"):
            self._plan("claim", self.policy.claim_poll_interval)

    @_react.register
    def _on_claim_checked(self, stimulus: on.ClaimChecked) -> None:
        self._answered("claim")
        if stimulus.claimed:
            self._become_claimed()
        else:
            self._plan("claim", self.policy.claim_poll_interval)

    @_react.register
    def _on_claimed(self, _: on.Claimed) -> None:
        self._become_claimed()

    @_react.register
    def _on_calibrated(self, stimulus: on.Calibrated) -> None:
        self.engine = stimulus.engine
        self.speeds[stimulus.engine] = stimulus.speed
        self._tell(
            "calibrated",
            f"One worker runs {stimulus.speed:,.0f} iterations per second",
            engine=stimulus.engine,
            iterations_per_second=stimulus.speed,
        )

    @_react.register
    def _on_calibration_failed(self, stimulus: on.CalibrationFailed) -> None:
        self._stop(failure=f"the engine does not run on this machine: {stimulus.message}")

    @_react.register
    def _on_heartbeat(self, stimulus: on.HeartbeatAnswered) -> None:
        self._answered("heartbeat")
        self._plan("heartbeat", self.policy.heartbeat_interval, spread=0.1)
        self._adopt(stimulus.answer.settings)
        self._cancel(stimulus.answer.cancelled)
        for command in stimulus.answer.commands:
            self._tell("command", "The owner asks for something", command=command)

    @_react.register
    def _on_exchanged(self, stimulus: on.Exchanged) -> None:
        self._answered("exchange")
        answer = stimulus.answer
        for finished, outcome in self.ledger.settle(answer.outcomes):
            self._close(finished, outcome)
        self._cancel(answer.cancelled)
        self._take(answer.chunks)
        asked = self.policy.poll_interval
        if answer.next_poll_ms is not None:
            asked = min(asked, answer.next_poll_ms / 1000)
        wait = 0.0 if self.ledger.outbox else self._jittered(asked)
        self.agenda.expedite("exchange", self._now + wait)

    @_react.register
    def _on_failure(self, stimulus: on.RequestFailed) -> None:
        self.agenda.end(stimulus.request)
        self.last_error = stimulus.message
        match stimulus.kind:
            case "transient":
                self._suspend(stimulus.request, stimulus)
            case "unauthorized":
                self._renew_trust(stimulus)
            case "invalid" if stimulus.request == "register":
                self._stop(failure=f"the pool does not take this node: {stimulus.message}")
            case _:
                self._accept_refusal(stimulus)

    @_react.register
    def _on_subscribed(self, _: on.Subscribed) -> None:
        self.agenda.end("subscribe")
        self._subscription = "live"
        self._subscribed_at = self._now
        self._tell("subscribed", "Live connection is up")
        # nothing says what was pushed before the join, so ask
        self.agenda.expedite("claim" if self._phase == "claiming" else "exchange", self._now)

    @_react.register
    def _on_subscription_lost(self, stimulus: on.SubscriptionLost) -> None:
        self.agenda.end("subscribe")
        if self._subscription == "live" and self._now - self._subscribed_at >= STABLE_AFTER:
            self.agenda.succeeded("subscribe")
        self._subscription = "polling"
        pause = RATE_LIMITED_FOR if stimulus.rate_limited else 0.0
        delay = self.agenda.retry("subscribe", self._now, at_least=pause)
        if stimulus.token_refused:
            self.agenda.expedite("token", self._now)
        self._tell(
            "subscription_lost",
            f"Live connection is down, trying again in {delay:.1f} s: {stimulus.reason}",
            level="warning",
            reason=stimulus.reason,
        )

    @_react.register
    def _on_chunks(self, stimulus: on.ChunksPushed) -> None:
        self._take(stimulus.chunks)

    @_react.register
    def _on_cancelled(self, stimulus: on.ChunksCancelled) -> None:
        self._cancel(stimulus.chunk_ids)

    @_react.register
    def _on_settings(self, stimulus: on.SettingsPushed) -> None:
        if stimulus.settings is not None:
            self._adopt(stimulus.settings)
        self.agenda.expedite("heartbeat", self._now)

    @_react.register
    def _on_command(self, stimulus: on.CommandPushed) -> None:
        self._tell("command", "The owner asks for something", command=stimulus.command)

    @_react.register
    def _on_chunk_ended(self, stimulus: on.ChunkEnded) -> None:
        ended = stimulus.ended
        item = self.ledger.assignments.get(ended.chunk_id)
        if item is None or item.phase == "held":
            return
        if ended.end == "completed":
            self._measure(item.chunk, ended.seconds)
        if item.phase == "stopping" and not item.release:
            self.ledger.forget(ended.chunk_id)
        elif ended.end == "stopped":
            self.ledger.release(ended.chunk_id)
        else:
            self._finish(item.chunk, ended, ended.end)
        self.agenda.expedite("exchange", self._now)

    @_react.register
    def _on_stop(self, _: on.StopRequested) -> None:
        if self.status == "draining":
            self._stop()
            return
        self._move("draining")
        self.agenda.cancel("register", "claim", "subscribe")
        for chunk_id in self.ledger.ids("held"):
            self._release(chunk_id)
        self.agenda.schedule("give_up", self._now + self.policy.drain_timeout)
        self.agenda.expedite("exchange", self._now)
        self._tell("draining", "Finishing what runs and handing it in", running=self.ledger.busy)

    @_react.register
    def _on_stop_now(self, _: on.StopNowRequested) -> None:
        self._stop()

    # -- what follows -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Do whatever the state asks for now."""
        if self.status == "starting" and self._is_ready:
            self._move("running")
            self._tell("running", "Ready for work", workers=self.size)
            self.agenda.expedite("heartbeat", self._now)
        self._fill_workers()
        for activity in self.agenda.due(self._now, self._allowed):
            self._begin[activity]()
        if self.status == "draining" and self._is_drained:
            self._stop()

    @property
    def _phase(self) -> Status:
        """The status, or the one to come back to from `unavailable`."""
        return self._resume if self.status == "unavailable" else self.status

    @property
    def _allowed(self) -> frozenset[Activity]:
        return ACTIVITIES[self._phase]

    @property
    def _is_ready(self) -> bool:
        # Realtime only has to be tried: without it the node polls
        return self._has_token and self.engine is not None and self._subscription != "offline"

    @property
    def _is_drained(self) -> bool:
        # without a token nothing can be handed in: results stay on disk for the next start
        return self.ledger.is_empty or not (self.ledger.assignments or self._has_token)

    @property
    def _slots(self) -> int:
        if self._phase != "running" or self.paused or not self._settings_known:
            return 0
        return max(0, self.size - len(self.ledger.assignments))

    def _fill_workers(self) -> None:
        if self._phase != "running":
            return
        for chunk_id in self.ledger.ids("held"):
            if self.paused or self.size == 0:
                self._release(chunk_id)
            elif self.ledger.busy < self.size:
                self._do(do.StartChunk(self.ledger.start(chunk_id)))

    def _ask(self, activity: Activity, instruction: do.Instruction) -> None:
        self.agenda.begin(activity)
        self._do(instruction)

    def _subscribe(self) -> None:
        if self._topic is None:
            self.agenda.cancel("subscribe")  # the next token names the topic
        else:
            self._ask("subscribe", do.Subscribe(self._topic))

    def _heartbeat(self) -> None:
        free = max(0, self.size - self.ledger.busy)
        running = self.ledger.ids("held", "running")
        self._ask("heartbeat", do.SendHeartbeat(running, free, self.iterations_per_second))

    def _exchange(self) -> None:
        finished, slots = self.ledger.hand_in(), self._slots
        if finished or slots:
            self._ask("exchange", do.Exchange(finished, slots, self.ledger.keeps()))
        else:
            self._plan("exchange", self.policy.poll_interval)

    def _give_up(self) -> None:
        """Draining took too long: first give running chunks back, then leave."""
        running = self.ledger.ids("running")
        self.agenda.cancel("give_up")
        if not running:
            self._stop()
            return
        for chunk_id in running:
            self.ledger.stop(chunk_id, release=True)
            self._do(do.StopChunk(chunk_id))
        self.agenda.schedule("give_up", self._now + RELEASE_WITHIN)

    def _become_claimed(self) -> None:
        if self._phase not in {"registering", "claiming"}:
            return
        self.agenda.cancel("register", "claim")
        self._move("starting")
        self._tell("claimed", f"This node is claimed{f' as {self.name}' if self.name else ''}")

    def _show_code(self, code: str, expires_in: float) -> None:
        self.pairing = Pairing.begin(
            code, now=self._now, expires_in=expires_in, random=self._random
        )
        self.agenda.schedule("register", self.pairing.renew_at)
        self._move("claiming")
        message = f"Waiting to be claimed; the code is good for {expires_in / 60:.0f} minutes"
        self._do(do.Tell(Event("claim_code", message, claim_code=code)))

    def _follow(self, topic: str) -> None:
        is_new, self._topic = topic != self._topic, topic
        if is_new or not (self._subscription == "live" or self.agenda.is_planned("subscribe")):
            self.agenda.expedite("subscribe", self._now)

    def _adopt(self, settings: NodeSettings) -> None:
        """Apply what the owner has set."""
        if not self._settings_known:
            self._settings_known = True
            self.agenda.expedite("exchange", self._now)
        self.name = settings.name or self.name
        self._resize(settings.max_parallel)
        if settings.paused != self.paused:
            self.paused = settings.paused
            self.agenda.expedite("exchange", self._now)
            self._tell("paused" if self.paused else "resumed", "The owner paused or resumed work")

    def _resize(self, wanted: int) -> None:
        limit = self.policy.max_parallel
        size = wanted if limit is None else min(wanted, limit)
        if size == self.size:
            return
        if size > self.size:
            self.agenda.expedite("exchange", self._now)
        self.size = size
        self._do(do.ResizePool(size))
        self._tell("resized", f"Running {size} workers", workers=size)

    def _take(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            if self.ledger.take(chunk) and self.status == "draining":
                self._release(chunk.chunk_id)

    def _release(self, chunk_id: str) -> None:
        self.ledger.release(chunk_id)
        self.agenda.expedite("exchange", self._now)

    def _cancel(self, chunk_ids: Iterable[str]) -> None:
        for chunk_id in chunk_ids:
            item = self.ledger.assignments.get(chunk_id)
            if item is not None and item.phase != "held":
                if item.phase == "running":
                    self._do(do.StopChunk(chunk_id))
                self.ledger.stop(chunk_id, release=False)
                continue
            if chunk_id in self.ledger.outbox:
                self._do(do.Discard(chunk_id))
            self.ledger.forget(chunk_id)

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
        if finished.status == "completed":
            self._do(do.Keep(finished))
        elif finished.status == "failed":
            self._tell(
                "chunk_failed",
                f"A chunk failed: {finished.error}",
                level="warning",
                chunk_id=chunk.chunk_id,
                job_id=chunk.job_id,
            )

    def _close(self, finished: Finished, outcome: Outcome) -> None:
        """The server has spoken on this result."""
        if finished.status == "completed":
            self._do(do.Discard(finished.chunk_id))
        if outcome.outcome == "rejected":
            self._tell(
                "chunk_rejected",
                f"The pool rejected a {finished.status} chunk: {outcome.reason}",
                level="warning",
                chunk_id=finished.chunk_id,
            )
        elif finished.status == "completed":
            if outcome.outcome == "accepted":
                self.chunks_completed += 1
                self.iterations_completed += finished.iterations
            self._tell(
                f"chunk_{outcome.outcome}",
                f"A chunk of {finished.iterations:,} iterations was {outcome.outcome}",
                chunk_id=finished.chunk_id,
            )

    # -- trouble ----------------------------------------------------------------------------

    def _answered(self, activity: Activity) -> None:
        """The pool serves: whatever waited for it need not wait longer."""
        self.agenda.end(activity)
        self.agenda.succeeded(activity)
        self._suspended.discard(activity)
        self.last_error = None
        if self.status == "unavailable":
            self._move(self._resume)
            self._tell("recovered", "The pool answers again")
        for other in self._suspended:
            self.agenda.succeeded(other)
            self.agenda.expedite(other, self._now)
        self._suspended.clear()

    def _suspend(self, activity: Activity, stimulus: on.RequestFailed) -> None:
        """The pool does not serve: try again later, and later with every failure."""
        if activity == "exchange":
            self.ledger.unanswered()
        delay = self.agenda.retry(activity, self._now, at_least=stimulus.retry_after)
        self._suspended.add(activity)
        if self.status in {"unavailable", "draining"}:
            return
        self._resume = self.status
        self._move("unavailable")
        self._tell(
            "unavailable",
            f"{stimulus.message}; trying again in {delay:.1f} s",
            level="warning",
            request=activity,
        )

    def _renew_trust(self, stimulus: on.RequestFailed) -> None:
        if stimulus.request == "register":
            self._suspend("register", stimulus)
        elif stimulus.request == "token":
            self._start_over(stimulus)
        else:
            if stimulus.request == "exchange":
                self.ledger.unanswered()
            self.agenda.retry(stimulus.request, self._now)
            self.agenda.expedite("token", self._now)

    def _start_over(self, stimulus: on.RequestFailed) -> None:
        """The pool does not know this key any more: its leases are gone, so is its owner."""
        self._has_token = False
        self._settings_known = False
        delay = self.agenda.retry("token", self._now)
        self.agenda.cancel("token", "claim", "heartbeat", "exchange", "subscribe")
        self._cancel(tuple(self.ledger.assignments))
        if self.status == "draining":
            return
        self._topic = None
        self.agenda.schedule("register", self._now + delay)
        self._move("registering")
        self._tell("forgotten", f"Registering again: {stimulus.message}", level="warning")

    def _accept_refusal(self, stimulus: on.RequestFailed) -> None:
        if stimulus.request in {"register", "token"}:
            self._suspend(stimulus.request, stimulus)
            return
        if stimulus.request == "exchange":
            for finished, outcome in self.ledger.refused(stimulus.message):
                self._close(finished, outcome)
        self.agenda.retry(stimulus.request, self._now, at_least=stimulus.retry_after)
        self._tell(
            "refused",
            f"The pool refused a request: {stimulus.message}",
            level="warning",
            request=stimulus.request,
        )

    def _stop(self, failure: str | None = None) -> None:
        for chunk_id in self.ledger.ids("running"):
            self._do(do.StopChunk(chunk_id))
        self.ledger.assignments.clear()
        self.last_error = failure or self.last_error
        self._move("stopped")
        self._tell("stopped", failure or "Stopped", level="error" if failure else "info")
        self._do(do.Shutdown(failure))

    # -- tools ------------------------------------------------------------------------------

    def _do(self, instruction: do.Instruction) -> None:
        self._instructions.append(instruction)

    def _tell(self, action: str, message: str, level: Level = "info", **context: Any) -> None:
        self._do(do.Tell(Event(action, message, level, context)))

    def _jittered(self, seconds: float, spread: float = 0.25) -> float:
        return seconds * self._random.uniform(1.0 - spread, 1.0 + spread)

    def _plan(self, activity: Activity, seconds: float, spread: float = 0.25) -> None:
        self.agenda.schedule(activity, self._now + self._jittered(seconds, spread))

    def _move(self, to: Status) -> None:
        if to == self.status:
            return
        if to not in TRANSITIONS[self.status]:
            raise InvalidTransition(f"{self.status} -> {to}", self._story)
        self._story.append(f"{self._now:.3f} {self.status} -> {to}")
        self.status = to
        if to not in {"claiming", "unavailable"}:
            self.pairing = None
            self.claim_code_expires_at = None

    def validate(self) -> None:
        """Raise AssertionError, with the story, when the state contradicts itself."""
        problems = self.ledger.contradictions() + [
            problem for problem, is_so in self._invariants().items() if not is_so
        ]
        if problems:
            raise AssertionError("\n".join((*problems, *self._story)))

    def _invariants(self) -> dict[str, bool]:
        """Facts that hold after every stimulus."""
        held = self.ledger.ids("held")
        is_alive = self.status != "stopped" and bool(self._story)
        return {
            "a stopped node runs nothing": self.status != "stopped" or not self.ledger.assignments,
            "a code is shown exactly while claiming": (self.pairing is not None)
            == (self._phase == "claiming"),
            "a running node has a token and a speed": self._phase != "running"
            or (self._has_token and self.engine is not None),
            "a draining node holds no lease back": self.status != "draining" or not held,
            "no worker is free while a chunk is held": self._phase != "running"
            or not held
            or self.ledger.busy >= self.size,
            "a live node waits for something": not is_alive
            or self.next_wake() is not None
            or bool(self.agenda.in_flight & self._allowed),
            "an unavailable node knows where it was": self.status != "unavailable"
            or self._resume not in {"unavailable", "stopped", "draining"},
        }
