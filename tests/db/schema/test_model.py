"""The SQL functions do what the model of leasing does, in whatever order they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.db.schema.pool import completed, failed, released, result
from tests.unit.scheduling.leases import Model, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.db.schema.pool import Pool

NODES, RANGES, SIZE = 3, 3, 10
ITERATIONS = RANGES * SIZE


class Leasing(RuleBasedStateMachine):
    """A job in a real database, beside the model of it."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.user = pool.user()
        self.nodes = [pool.node(self.user) for _ in range(NODES)]
        self.job = self.user.submit(ITERATIONS, seed=1)
        self.chunks: list[dict[str, Any]] = []
        self.model = Model(nodes=NODES, ranges=RANGES)
        self.state: State = self.model.start()

    def _token(self, data: st.DataObject) -> int:
        return data.draw(st.integers(0, len(self.chunks) - 1), label="lease")

    def _running(self, node: int) -> list[str]:
        leases = self.state.leases
        return [
            self.chunks[token]["chunk_id"]
            for token in self.state.active()
            if leases[token].node == node
        ]

    def _follow_leases(self) -> int:
        """Let the model give out what the database gave out, if the model may; how many it was."""
        leased = self.pool.rows(
            """
            select id::text, lease_token::text, seed_offset, iterations, purpose, node_id::text
            from public.sim_chunks
            where job_id = %s and status in ('pending', 'claimed', 'running')
              and id::text <> all(%s)
            order by purpose = 'speculation', seed_offset
            """,
            self.job["id"],
            [chunk["chunk_id"] for chunk in self.chunks],
        )
        names = [node.id for node in self.nodes]
        for *values, purpose, owner in leased:
            chunk = dict(
                zip(("chunk_id", "lease_token", "seed_offset", "iterations"), values, strict=True)
            )
            node, place = names.index(owner), chunk["seed_offset"] // SIZE
            self.chunks.append(chunk)
            if purpose == "speculation":
                assert self.model.may_speculate(self.state, node, place)
                self.state = self.model.speculate(self.state, node, place)
                continue
            assert self.state.job == "live"
            assert place in self.state.waiting
            assert not self.state.is_busy(node)
            self.state = self.model.lease(self.state, node, place)
        return len(leased)

    @rule(node=st.integers(0, NODES - 1))
    def take(self, node: int) -> None:
        """A free node is given a range that waits; if none does, it waits for a push."""
        if self.state.is_busy(node):
            return
        can_give = self.state.job == "live" and bool(self.state.waiting)
        self.nodes[node].exchange(slots=1)
        assert self._follow_leases() == can_give

    @rule(node=st.integers(0, NODES - 1))
    def straggle(self, node: int) -> None:
        """A node with nothing to do runs what another should have finished by now."""
        self.take(node)
        can_speculate = any(
            self.model.may_speculate(self.state, node, place) for place in range(RANGES)
        )
        self.pool.configure(straggler_factor=1, straggler_slack="0 seconds")
        self.pool.advance("1 second")
        given = self.pool.scalar("select private.speculate()")
        self.pool.configure(straggler_factor=1e6)
        assert self._follow_leases() == given
        assert given >= can_speculate

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), item=st.sampled_from([completed, released, failed]))
    def hand_in(self, data: st.DataObject, item: Callable[[Any], dict[str, Any]]) -> None:
        """Any lease there ever was, also one that ended long ago, once more."""
        token = self._token(data)
        settle = self.model.complete if item is completed else self.model.release
        node = self.nodes[self.state.leases[token].node]
        outcome = node.outcome(item(self.chunks[token]))
        self.state = settle(self.state, token)
        assert outcome == self.state.outcome
        self._follow_leases()

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), thief=st.integers(0, NODES - 1))
    def steal(self, data: st.DataObject, thief: int) -> None:
        """A node that hands in the lease of another is told that there is no such lease."""
        token = self._token(data)
        if self.state.leases[token].node != thief:
            outcome = self.nodes[thief].outcome(completed(self.chunks[token]))
            assert outcome == "rejected:unknown_lease"

    @rule()
    def fall_silent(self) -> None:
        """All nodes say nothing for ten minutes: every lease is lost."""
        self.pool.advance("10 minutes")
        self.pool.scalar("select private.requeue_expired_leases()")
        if self.state.job == "live":
            for token in self.state.active():
                self.state = self.model.expire(self.state, token)
        self._follow_leases()

    @rule()
    def stay_alive(self) -> None:
        """Nodes that say what they run lose nothing, however long it takes."""
        for _ in range(4):
            self.pool.advance("20 seconds")
            for number, node in enumerate(self.nodes):
                node.heartbeat(running=self._running(number))
        assert self.pool.scalar("select private.requeue_expired_leases()") == 0

    @precondition(lambda self: self.state.job != "completed")
    @rule()
    def cancel(self) -> None:
        """The user gives up; once more changes nothing."""
        self.user.call("cancel_job", id=self.job["id"])
        if self.state.job == "live":
            self.state = self.model.cancel(self.state)

    @precondition(lambda self: self.state.job == "live")
    @rule()
    def pause_and_resume(self) -> None:
        """The user lets nobody run it for a while; each once more changes nothing."""
        for function in ("pause_job", "pause_job", "resume_job", "resume_job"):
            self.user.call(function, id=self.job["id"])
        self.state = self.model.retry(self.model.cancel(self.state))
        self._follow_leases()

    @precondition(lambda self: self.state.job == "cancelled")
    @rule()
    def retry(self) -> None:
        """The user wants it after all; what is done is not done again."""
        self.user.call("retry_job", id=self.job["id"])
        self.state = self.model.retry(self.state)
        self._follow_leases()

    @invariant()
    def the_database_is_where_the_model_is(self) -> None:
        """Job, results, leases and waiting ranges are the same, and the books balance."""
        status = self.user.job(self.job)["status"]
        assert {"pending": "live", "running": "live"}.get(status, status) == self.state.job
        held = dict.fromkeys(range(RANGES), "waiting")
        leases = 0
        for offset, holder in self.pool.rows(
            "select seed_offset, status from public.sim_chunks"
            " where job_id = %s and status <> 'failed'",
            self.job["id"],
        ):
            leases += holder != "completed"
            held[offset // SIZE] = "counted" if holder == "completed" else "leased"
        for place, counted in enumerate(self.state.counted):
            expected = "leased" if self.state.holders(place) else "waiting"
            assert held[place] == ("counted" if counted else expected)
        assert leases == len(self.state.active())
        assert self.pool.database.broken_invariants() == []

    def teardown(self) -> None:
        """However it went, the job ends with the result of a single run."""
        if self.state.job == "cancelled":
            self.user.call("retry_job", id=self.job["id"])
        if self.state.job != "completed":
            self.pool.advance("10 minutes")
            self.pool.scalar("select private.requeue_expired_leases()")
            self.pool.node(self.user).work(slots=1)
        row = self.user.job(self.job)
        assert row["status"] == "completed"
        assert row["result"]["result"] == result({"seed_offset": 0, "iterations": ITERATIONS})


def test_the_database_follows_the_model_of_leasing(pool: Pool) -> None:
    """A dozen random walks of forty steps, with every outcome predicted."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(
        chunk_iterations_min=SIZE,
        chunk_iterations_max=SIZE,
        retry_elsewhere_period="0 seconds",
        failures_max=1000,
        backoff_after=1000,
        straggler_factor=1e6,
    )

    class LeasingHere(Leasing):
        def __init__(self) -> None:
            super().__init__(pool)

    run_state_machine_as_test(
        LeasingHere,
        settings=settings(max_examples=12, stateful_step_count=40, deadline=None, derandomize=True),
    )
