"""The life of a node as a pure state machine: stimuli in, instructions out.

    registering -> claiming -> starting -> running -> draining -> stopped
         `------------------------^
    Any of the first four becomes `unavailable` while the pool does not answer, and comes back.

No input or output happens here, and no time passes but what the stimuli carry. A shell carries the
instructions out, reports what came of them as stimuli, and sends a `Tick` at `next_wake()`.
"""

from __future__ import annotations

from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from node import instructions as do
from node import stimuli as on
from node.agenda import Agenda
from node.claim import Pairing
from node.journal import Journal
from node.life import Life
from node.link import Link
from node.model import Event, Snapshot
from node.orders import Orders
from node.rules import RELEASE_WITHIN, STEP_ASIDE_AFTER, TOKEN_AGE, Policy
from node.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from random import Random

    from node.agenda import Activity
    from node.model import Connection, NodeSettings, Status


class NodeState:
    """Everything the node knows and decides."""

    def __init__(self, policy: Policy, random: Random) -> None:
        self.policy = policy
        self.journal = Journal()
        self.life = Life(self.journal)
        self.agenda = Agenda(random)
        self.link = Link(self.agenda, self.journal)
        self.workload = Workload(self.journal, policy.max_parallel)
        self.orders = Orders()
        self.node_id: str | None = None
        self.name: str | None = None
        self.pairing: Pairing | None = None
        self.claim_code_expires_at: datetime | None = None
        self.last_error: str | None = None
        self._random = random
        self._now = 0.0
        self._has_token = False
        self._settings_known = False
        self._was_forbidden = False
        self._acknowledging: tuple[str, ...] = ()
        self._heartbeat_interval = policy.heartbeat_interval
        self._begin: Mapping[Activity, Callable[[], None]] = {
            "register": lambda: self._ask("register", do.Register()),
            "token": lambda: self._ask("token", do.FetchToken()),
            "claim": lambda: self._ask("claim", do.CheckClaim(self.node_id or "")),
            "subscribe": self._subscribe,
            "heartbeat": self._heartbeat,
            "exchange": self._exchange,
            "units": self._list_units,
            "step_aside": self._step_aside,
            "give_up": self._give_up,
        }

    # -- the face ---------------------------------------------------------------------------

    def handle(self, stimulus: on.Stimulus) -> list[do.Instruction]:
        """Take in what happened; returns what to do about it, in order."""
        self._now = stimulus.at
        self.journal.note(self._now, f"{self.status}: {type(stimulus).__name__}")
        if self.status != "stopped":
            self._react(stimulus)
            self._settle()
        return self.journal.take()

    def next_wake(self) -> float | None:
        """When to send the next Tick; None while only answers and pushes are awaited."""
        return self.agenda.next_wake(self.life.allowed)

    @property
    def status(self) -> Status:
        """Where the node is in its life."""
        return self.life.status

    @property
    def connection(self) -> Connection:
        """How the pool can be reached."""
        is_cut_off = self.status in {"unavailable", "stopped"}
        return "offline" if is_cut_off else self.link.connection

    @property
    def is_guarded(self) -> bool:
        """Whether how the machine feels matters to what it does."""
        return self.workload.steward.is_guarded

    def snapshot(self) -> Snapshot:
        """The node at this moment."""
        work = self.workload
        return Snapshot(
            state=self.status,
            node_id=self.node_id,
            name=self.name,
            claim_code=self.pairing.code if self.pairing else None,
            claim_code_expires_at=self.claim_code_expires_at,
            workers_busy=work.ledger.busy,
            workers_size=work.size,
            chunks_completed=work.chunks_completed,
            iterations_completed=work.iterations_completed,
            iterations_per_second=work.iterations_per_second * work.ledger.busy,
            connection=self.connection,
            paused=work.paused,
            required_version=work.required_version,
            rests=work.rests,
            last_error=self.last_error,
        )

    # -- what happened ----------------------------------------------------------------------

    @singledispatchmethod
    def _react(self, stimulus: on.Stimulus) -> None:
        raise TypeError(f"no reaction to {type(stimulus).__name__}")

    @_react.register
    def _on_started(self, stimulus: on.Started) -> None:
        for finished in stimulus.undelivered:
            self.workload.ledger.finish(finished)
        self.journal.do(do.Calibrate())
        self.agenda.expedite("register", self._now)

    @_react.register
    def _on_tick(self, stimulus: on.Tick) -> None:
        """What is due is found in `_settle`."""

    @_react.register
    def _on_registered(self, stimulus: on.Registered) -> None:
        self._answered("register")
        answer = stimulus.answer
        self.node_id = answer.id
        self.workload.require(answer.required_version)
        if self.life.phase not in {"registering", "claiming"}:
            return
        if answer.claimed:
            self.name = answer.name
            self._become_claimed()
            self.workload.resize(answer.max_parallel or 0)
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
        self.journal.do(do.UseToken(stimulus.token))
        self.link.follow(stimulus.topic, self._now)
        if self.status == "claiming" and not self.agenda.is_planned("claim"):
            self._plan("claim", self.policy.claim_poll_interval)

    @_react.register
    def _on_claim_checked(self, stimulus: on.ClaimChecked) -> None:
        self._answered("claim")
        if self.life.phase != "claiming":
            return
        # an answer may be about who this node was before the pool forgot it
        if stimulus.claimed and stimulus.node_id == self.node_id:
            self._become_claimed()
        else:
            self._plan("claim", self.policy.claim_poll_interval)

    @_react.register
    def _on_claimed(self, _: on.Claimed) -> None:
        if self.life.phase == "claiming":
            self._become_claimed()

    @_react.register
    def _on_calibrated(self, stimulus: on.Calibrated) -> None:
        self.workload.engine = stimulus.engine
        self.workload.engine_versions = stimulus.versions
        self.workload.speeds[stimulus.engine] = stimulus.speed
        self.journal.tell(
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
        self._adopt(stimulus.answer.settings)
        self._plan("heartbeat", self._heartbeat_interval, spread=0.1)
        self.workload.lose(stimulus.answer.cancelled, self._now)
        self.orders.acknowledged(self._acknowledging)
        self._obey(stimulus.answer.commands)

    @_react.register
    def _on_exchanged(self, stimulus: on.Exchanged) -> None:
        self._answered("exchange")
        answer = stimulus.answer
        self.workload.settle(answer.outcomes, self._now)
        self.workload.lose(answer.cancelled, self._now)
        self.workload.take(answer.chunks, self._now)
        self.workload.require(answer.required_version)
        asked = self.policy.poll_interval
        if answer.next_poll_ms is not None:
            asked = min(asked, answer.next_poll_ms / 1000)
        self.agenda.expedite("exchange", self._now + self._jittered(asked))
        if (ready_at := self.workload.ledger.next_hand_in()) is not None:
            self.agenda.expedite("exchange", ready_at)

    @_react.register
    def _on_failure(self, stimulus: on.RequestFailed) -> None:
        self.agenda.end(stimulus.request)
        self.last_error = stimulus.message
        if stimulus.request == "exchange" and stimulus.kind not in {"refused", "invalid"}:
            self.workload.ledger.unanswered()
        match stimulus.kind:
            case "transient":
                self._suspend(stimulus.request, stimulus)
            case "unauthorized":
                self._renew_trust(stimulus)
            case "forbidden" if self._settings_known or self._was_forbidden:
                self._start_over(stimulus)
            case "invalid" if stimulus.request == "register":
                self._stop(failure=f"the pool does not take this node: {stimulus.message}")
            case _:
                self._accept_refusal(stimulus)

    @_react.register
    def _on_subscribed(self, _: on.Subscribed) -> None:
        self.link.up(self._now)
        # nothing says what was pushed before the join, so ask
        self.agenda.expedite("claim" if self.life.phase == "claiming" else "exchange", self._now)

    @_react.register
    def _on_subscription_lost(self, stimulus: on.SubscriptionLost) -> None:
        self.link.lost(stimulus)
        if stimulus.token_refused:
            self.agenda.expedite("token", self._now)

    @_react.register
    def _on_chunks(self, stimulus: on.ChunksPushed) -> None:
        self.workload.take(stimulus.chunks, self._now, is_push=True)

    @_react.register
    def _on_cancelled(self, stimulus: on.ChunksCancelled) -> None:
        self.workload.cancel(stimulus.chunk_ids)

    @_react.register
    def _on_settings(self, stimulus: on.SettingsPushed) -> None:
        if stimulus.settings is not None:
            self._adopt(stimulus.settings)
        self.agenda.expedite("heartbeat", self._now)

    @_react.register
    def _on_command(self, stimulus: on.CommandPushed) -> None:
        self._obey((stimulus.command,))

    @_react.register
    def _on_chunk_ended(self, stimulus: on.ChunkEnded) -> None:
        self.workload.end(stimulus.ended)

    @_react.register
    def _on_units(self, stimulus: on.UnitsListed) -> None:
        self._answered("units")
        steward, ordered = self.workload.steward, self.orders.read()
        for device_id, share in steward.compare(stimulus.units, ordered).items():
            steward.adopt(steward.sharing.decide(device_id, share))
            self.journal.do(do.KeepShare(device_id, share))
        if ordered:
            self.agenda.expedite("heartbeat", self._now)
        self._follow_steward()

    @_react.register
    def _on_sharing(self, stimulus: on.SharingDecided) -> None:
        self.workload.steward.adopt(stimulus.sharing)
        self._follow_steward()

    @_react.register
    def _on_conditions(self, stimulus: on.ConditionsFelt) -> None:
        self.workload.steward.feel(stimulus.conditions, self._now)
        self._follow_steward()

    @_react.register
    def _on_stop(self, _: on.StopRequested) -> None:
        if self.status == "draining":
            self._stop()
            return
        self._move("draining")
        self.agenda.cancel("register", "claim", "subscribe")
        self.agenda.schedule("give_up", self._now + self.policy.drain_timeout)
        self.agenda.expedite("exchange", self._now)
        self.journal.tell(
            "draining", "Finishing what runs and handing it in", running=self.workload.ledger.busy
        )

    @_react.register
    def _on_stop_now(self, _: on.StopNowRequested) -> None:
        self._stop()

    # -- what follows -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Do whatever the state asks for now."""
        if self.status == "starting" and self._is_ready:
            self._move("running")
            self.journal.tell("running", "Ready for work", workers=self.workload.size)
            self.agenda.expedite("heartbeat", self._now)
        if self.status == "draining":
            self.workload.release_held()
        elif self.life.phase == "running":
            self.workload.start_held()
        if self.workload.wants_exchange:
            self.workload.wants_exchange = False
            self.agenda.expedite("exchange", self._now)
        for activity in self.agenda.due(self._now, self.life.allowed):
            self._begin[activity]()
        if self.status == "draining" and self._is_drained:
            self._stop()

    @property
    def _is_ready(self) -> bool:
        # Realtime only has to be tried: without it the node polls
        is_measured = self.workload.engine is not None
        return self._has_token and is_measured and self.link.was_tried

    @property
    def _is_drained(self) -> bool:
        # without a token nothing can be handed in: results stay on disk for the next start
        ledger = self.workload.ledger
        return ledger.is_empty or not (ledger.assignments or self._has_token)

    def _ask(self, activity: Activity, instruction: do.Instruction) -> None:
        self.agenda.begin(activity)
        self.journal.do(instruction)

    def _subscribe(self) -> None:
        if self.link.topic is None:
            self.agenda.cancel("subscribe")  # the next token names the topic
        else:
            self._ask("subscribe", do.Subscribe(self.link.topic))

    def _heartbeat(self) -> None:
        self._acknowledging = self.orders.to_acknowledge
        self._ask("heartbeat", self.workload.heartbeat(self._acknowledging))

    def _list_units(self) -> None:
        self.orders.reading()
        self._ask("units", do.ListUnits())

    def _exchange(self) -> None:
        wants_more = self.life.phase == "running" and self._settings_known
        if (exchange := self.workload.exchange(self._now, wants_more=wants_more)) is not None:
            self._ask("exchange", exchange)
        else:
            self._plan("exchange", self.policy.poll_interval)

    def _obey(self, commands: tuple[Any, ...]) -> None:
        """Follow what is new among the commands, and let the pool know."""
        orders = [order for command in commands if (order := self.orders.hear(command))]
        for order in orders:
            self.journal.tell("command", order.message, kind=order.kind, command_id=order.id)
        if any(order.changes_sharing for order in orders):
            self.agenda.expedite("units", self._now)
        if any(not order.changes_sharing for order in orders):
            self.agenda.expedite("heartbeat", self._now)

    def _follow_steward(self) -> None:
        """Rest or work as the steward says; the pool learns of it at once."""
        if not self.workload.follow():
            return
        if self.workload.paused:
            self.agenda.schedule("step_aside", self._now + STEP_ASIDE_AFTER)
        else:
            self.agenda.cancel("step_aside")
        if self._settings_known:
            self.agenda.expedite("heartbeat", self._now)

    def _step_aside(self) -> None:
        """Chunks had their time to end: whoever wants the machine back gets it."""
        self.agenda.cancel("step_aside")
        self.workload.release_running()

    def _give_up(self) -> None:
        """Draining took too long: first give running chunks back, then leave."""
        self.agenda.cancel("give_up")
        if self.workload.release_running():
            self.agenda.schedule("give_up", self._now + RELEASE_WITHIN)
        else:
            self._stop()

    def _become_claimed(self) -> None:
        self.agenda.cancel("register", "claim")
        self._move("starting")
        self.journal.tell(
            "claimed", f"This node is claimed{f' as {self.name}' if self.name else ''}"
        )

    def _show_code(self, code: str, expires_in: float) -> None:
        self.pairing = Pairing.begin(
            code, now=self._now, expires_in=expires_in, random=self._random
        )
        self.agenda.schedule("register", self.pairing.renew_at)
        self._move("claiming")
        message = f"Waiting to be claimed; the code is good for {expires_in / 60:.0f} minutes"
        self.journal.do(do.Tell(Event("claim_code", message, claim_code=code)))

    def _adopt(self, settings: NodeSettings) -> None:
        """Apply what the owner has set."""
        if not self._settings_known:
            self._settings_known = True
            self.agenda.expedite("exchange", self._now)
            self.agenda.expedite("units", self._now)
        self.name = settings.name or self.name
        self.workload.resize(settings.max_parallel)
        self.workload.require(settings.required_version)
        self.workload.steward.paused_by_owner = settings.paused
        self._follow_steward()
        if settings.heartbeat_ms is not None:
            self._heartbeat_interval = min(
                self.policy.heartbeat_interval, settings.heartbeat_ms / 1000
            )

    # -- trouble ----------------------------------------------------------------------------

    def _answered(self, activity: Activity) -> None:
        """The pool serves: whatever waited for it need not wait longer."""
        self.agenda.answered(activity, self._now)
        self.last_error = None
        if self.life.resume(self._now):
            self.journal.tell("recovered", "The pool answers again")

    def _suspend(self, activity: Activity, stimulus: on.RequestFailed) -> None:
        """The pool does not serve: try again later, and later with every failure."""
        delay = self.agenda.suspend(activity, self._now, at_least=stimulus.retry_after)
        if self.life.interrupt(self._now):
            message = f"{stimulus.message}; trying again in {delay:.1f} s"
            self.journal.warn("unavailable", message, request=activity, advice=stimulus.advice)

    def _renew_trust(self, stimulus: on.RequestFailed) -> None:
        if stimulus.request == "register":
            self._suspend("register", stimulus)
        elif stimulus.request == "token":
            self._start_over(stimulus)
        else:
            self.agenda.retry(stimulus.request, self._now)
            self.agenda.expedite("token", self._now)

    def _start_over(self, stimulus: on.RequestFailed) -> None:
        """The pool does not know this key any more: its leases are gone, so is its owner."""
        self._has_token = False
        self._settings_known = False
        self._was_forbidden = False
        delay = self.agenda.retry("token", self._now)
        self.agenda.cancel("token", "claim", "heartbeat", "exchange", "units", "subscribe")
        self.workload.cancel(tuple(self.workload.ledger.assignments))
        if self.status == "draining":
            return
        self.link.topic = None
        self.agenda.schedule("register", self._now + delay)
        self._move("registering")
        self.journal.warn("forgotten", f"Registering again: {stimulus.message}")

    def _accept_refusal(self, stimulus: on.RequestFailed) -> None:
        # a claim may be pushed before it is visible, so one refusal is not believed yet
        self._was_forbidden = stimulus.kind == "forbidden"
        if stimulus.request in {"register", "token"}:
            self._suspend(stimulus.request, stimulus)
            return
        if stimulus.request == "exchange":
            self.workload.refused(stimulus.message, self._now)
        self.agenda.retry(stimulus.request, self._now, at_least=stimulus.retry_after)
        message = f"The pool refused a request: {stimulus.message}"
        self.journal.warn("refused", message, request=stimulus.request, advice=stimulus.advice)

    def _stop(self, failure: str | None = None) -> None:
        self.workload.abandon()
        self.last_error = failure or self.last_error
        self._move("stopped")
        self.journal.tell("stopped", failure or "Stopped", level="error" if failure else "info")
        self.journal.do(do.Shutdown(failure))

    # -- tools ------------------------------------------------------------------------------

    def _jittered(self, seconds: float, spread: float = 0.25) -> float:
        return seconds * self._random.uniform(1.0 - spread, 1.0 + spread)

    def _plan(self, activity: Activity, seconds: float, spread: float = 0.25) -> None:
        self.agenda.schedule(activity, self._now + self._jittered(seconds, spread))

    def _move(self, to: Status) -> None:
        self.life.move(to, self._now)
        if to not in {"claiming", "unavailable"}:
            self.pairing = None
            self.claim_code_expires_at = None

    def validate(self) -> None:
        """Raise AssertionError, with the story, when the state contradicts itself."""
        broken = [fact for fact, holds in self._invariants().items() if not holds]
        problems = self.workload.ledger.contradictions() + broken
        if problems:
            raise AssertionError("\n".join((*problems, *self.journal.story)))

    def _invariants(self) -> dict[str, bool]:
        """Facts that hold after every stimulus."""
        work, phase = self.workload, self.life.phase
        held = bool(work.ledger.ids("held"))
        is_alive = self.status != "stopped" and bool(self.journal.story)
        awaits = self.next_wake() is not None or bool(self.agenda.in_flight & self.life.allowed)
        return {
            "a stopped node runs nothing": is_alive or not work.ledger.assignments,
            "a code is shown exactly while claiming": (phase == "claiming") == bool(self.pairing),
            "a running node has a token and a speed": phase != "running"
            or (self._has_token and work.engine is not None),
            "a draining node holds no lease back": self.status != "draining" or not held,
            "no worker is free while a chunk is held": phase != "running"
            or not (held and work.free_workers),
            "a live node waits for something": awaits or not is_alive,
            "an unavailable node knows where it was": phase != "unavailable",
        }
