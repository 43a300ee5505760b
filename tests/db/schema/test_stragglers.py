"""Ranges of stragglers run a second time on a node that is idle; the first result counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.schema.pool import completed, failed, released, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.db.schema.pool import Json, Node, Pool, User


class Race:
    """A job of one range that its first node runs too long, while a second one waits."""

    def __init__(self, pool: Pool) -> None:
        pool.set_clock("2026-11-21 12:00:00+00")
        pool.configure(chunk_iterations_min=100)
        self.pool = pool
        self.user: User = pool.user()
        self.job = self.user.submit(100, seed=5)
        self.slow, self.idle = pool.node(self.user, speed=100.0), pool.node(self.user)
        (self.chunk,) = self.slow.take()
        self.idle.exchange(slots=1)

    def pushed(self) -> list[Json]:
        """The second leases, as the waiting node was pushed them."""
        return [
            chunk
            for message in self.pool.messages(f"node:{self.idle.id}", "chunks")
            for chunk in message["chunks"]
        ]

    def last(self, seconds: int) -> list[Json]:
        """Let the first node run on, and both beat; the second leases then."""
        for _ in range(0, seconds, 2):
            self.pool.advance("2 seconds")
            self.slow.heartbeat(running=[self.chunk["chunk_id"]])
            self.idle.heartbeat()
        return self.pushed()

    def cancelled(self, node: Node) -> list[list[str]]:
        """What a node was told to drop."""
        return [message["chunk_ids"] for message in self.pool.messages(f"node:{node.id}", "cancel")]

    def assert_that_it_counted_once(self) -> None:
        """The job is done with the result of one run, and nothing is left over."""
        row = self.user.job(self.job)
        assert row["status"] == "completed"
        assert row["completed_iterations"] == 100
        assert row["result"]["result"] == result({"seed_offset": 0, "iterations": 100})
        assert self.pool.database.broken_invariants() == []


@pytest.fixture
def race(pool: Pool) -> Race:
    """A straggler and an idle node."""
    return Race(pool)


def test_a_straggler_is_leased_to_an_idle_node_as_well(race: Race) -> None:
    """One second is expected: twice that and the slack of five have to pass, and a sweep."""
    assert race.last(6) == []
    (second,) = race.last(8)
    assert second["chunk_id"] != race.chunk["chunk_id"]
    assert (second["seed_offset"], second["iterations"]) == (0, 100)
    assert race.user.progress(race.job)["total_chunks"] == 1
    assert race.pool.database.broken_invariants() == []


def test_the_second_node_may_be_first(race: Race) -> None:
    """The straggler is told to stop, and its result is stale."""
    (second,) = race.last(14)
    assert race.idle.outcome(completed(second)) == "accepted"
    assert race.cancelled(race.slow) == [[race.chunk["chunk_id"]]]
    assert race.slow.heartbeat(running=[race.chunk["chunk_id"]])["cancelled"] == [
        race.chunk["chunk_id"]
    ]
    assert race.slow.outcome(completed(race.chunk)) == "stale"
    assert race.idle.outcome(completed(second)) == "duplicate"
    race.assert_that_it_counted_once()


def test_the_straggler_may_be_first_after_all(race: Race) -> None:
    """Then the second node is the one that is told."""
    (second,) = race.last(14)
    assert race.slow.outcome(completed(race.chunk)) == "accepted"
    assert race.cancelled(race.idle) == [[second["chunk_id"]]]
    assert race.idle.outcome(completed(second)) == "stale"
    race.assert_that_it_counted_once()


@pytest.mark.parametrize("item", [failed, released])
@pytest.mark.parametrize("who", ["first", "second"])
def test_when_one_of_two_ends_without_a_result_the_other_goes_on(
    race: Race, who: str, item: Callable[[Json], Json]
) -> None:
    """The range is not opened a third time, and the one that is left is like any lease."""
    (second,) = race.last(14)
    leases = {"first": (race.slow, race.chunk), "second": (race.idle, second)}
    node, chunk = leases.pop(who)
    assert node.outcome(item(chunk)) == "accepted"
    assert race.pool.scalar("select count(*) from private.reopened_ranges") == 0
    assert race.pool.database.broken_invariants() == []
    ((other, left),) = leases.values()
    assert other.outcome(completed(left)) == "accepted"
    assert node.outcome(completed(chunk)) == "stale"
    race.assert_that_it_counted_once()


def test_a_dead_straggler_leaves_its_range_to_the_second_node(race: Race) -> None:
    """Its lease expires; the other one is alone then, and may be a straggler itself."""
    (second,) = race.last(14)
    third = race.pool.node(race.user)
    third.exchange(slots=1)
    for _ in range(20):
        race.pool.advance("2 seconds")
        race.idle.heartbeat(running=[second["chunk_id"]])
        third.heartbeat()
    assert race.pool.rows("select failure from public.sim_chunks order by attempt") == [
        ("expired",),
        (None,),
        (None,),
    ]
    assert len(race.pool.messages(f"node:{third.id}", "chunks")) == 1
    assert race.slow.outcome(completed(race.chunk)) == "accepted"
    assert race.cancelled(race.idle) == [[second["chunk_id"]]]
    race.assert_that_it_counted_once()


def test_both_may_die(race: Race) -> None:
    """Then the range is open again, once."""
    race.last(14)
    race.pool.advance("1 minute")
    assert race.pool.scalar("select private.requeue_expired_leases()") == 2
    assert race.pool.scalar("select count(*) from private.reopened_ranges") == 1
    assert race.pool.database.broken_invariants() == []
    assert race.pool.node(race.user).work() == 1
    race.assert_that_it_counted_once()


def test_cancelling_stops_both_and_a_retry_runs_the_range_once(race: Race) -> None:
    """Two leases of one range are one range to come back to."""
    (second,) = race.last(14)
    race.user.call("cancel_job", id=race.job["id"])
    assert race.cancelled(race.slow) == [[race.chunk["chunk_id"]]]
    assert race.cancelled(race.idle) == [[second["chunk_id"]]]
    assert race.pool.database.broken_invariants() == []
    race.user.call("retry_job", id=race.job["id"])
    assert race.pool.node(race.user).work() <= 1
    assert race.pool.database.broken_invariants() == []


def test_a_lease_is_doubled_once_and_on_another_node(race: Race) -> None:
    """A third node that waits gets nothing, nor does the straggler itself."""
    third = race.pool.node(race.user)
    third.exchange(slots=1)
    race.slow.exchange(slots=1, running=[race.chunk["chunk_id"]])
    race.last(14)
    race.pool.advance("2 seconds")
    assert race.pool.scalar("select private.speculate()") == 0
    assert race.pool.scalar("select count(*) from public.sim_chunks") == 2
    assert race.pool.messages(f"node:{race.slow.id}", "chunks") == []


@pytest.mark.cooks_the_books
def test_while_a_job_has_work_left_nothing_is_run_twice(pool: Pool) -> None:
    """A slow lease in the midst of a job holds nobody up, whatever nodes wait for."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(chunk_iterations_min=100, dispatch_nodes_max=0)
    user = pool.user()
    slow, idle = pool.node(user), pool.node(user)
    idle.exchange(slots=1)
    user.submit(100_000)
    (chunk,) = slow.take()
    pool.admin.execute("insert into private.tail_jobs select id from public.sim_jobs")
    pool.configure(dispatch_nodes_per_exchange=0)
    for _ in range(10):
        pool.advance("2 seconds")
        slow.heartbeat(running=[chunk["chunk_id"]])
    assert pool.scalar("select count(*) from public.sim_chunks where purpose <> 'work'") == 0


def test_tail_jobs_are_looked_at_from_a_random_place(pool: Pool) -> None:
    """Each once, and with a bound not always the same."""
    pool.configure(chunk_iterations_min=100)
    user = pool.user()
    jobs = {user.submit(100)["id"] for _ in range(12)}
    assert [len(pool.node(user).take(6)) for _ in range(2)] == [6, 6]
    for quantity in (5, 12, 50):
        found = [
            [str(job) for job in pool.scalar("select private.some_tail_jobs(%s)", quantity)]
            for _ in range(400)  # a job is missed by all of them once in a hundred million runs
        ]
        assert all(len(set(some)) == len(some) == min(12, quantity) for some in found)
        assert {job for some in found for job in some} == jobs


def test_a_pause_takes_both_leases(race: Race) -> None:
    """The range comes back once, and runs once when the job is resumed."""
    (second,) = race.last(14)
    race.user.call("pause_job", id=race.job["id"])
    assert race.cancelled(race.idle) == [[second["chunk_id"]]]
    assert race.cancelled(race.slow) == [[race.chunk["chunk_id"]]]
    assert race.pool.rows("select seed_offset, iterations from private.reopened_ranges") == [
        (0, 100)
    ]
    race.user.call("resume_job", id=race.job["id"])
    race.slow.work()
    race.assert_that_it_counted_once()
