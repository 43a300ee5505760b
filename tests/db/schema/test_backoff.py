"""A node that keeps failing gets no work for a while, longer each time, and its owner is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.schema.pool import completed, failed

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool


@pytest.fixture
def node(pool: Pool) -> Node:
    """A node with plenty to fail, at noon."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(failures_max=1000)
    node = pool.node(pool.user())
    node.owner.submit(100_000)
    return node


def _fail(node: Node, times: int, slots: int = 1) -> None:
    for _ in range(times):
        chunks = node.take(slots)
        assert len(chunks) == slots
        node.exchange([failed(chunk, "no memory") for chunk in chunks])


def _trouble(node: Node) -> list[Json]:
    """What the owner was told of the node's troubles."""
    told = node.pool.messages(f"user:{node.owner.id}", "node")
    return [message for message in told if message["status"] == "backed_off"]


def test_a_node_that_keeps_failing_gets_no_work_for_a_while(node: Node) -> None:
    """Three failures in a row, then half a minute without."""
    _fail(node, 3)
    assert node.take() == []
    node.pool.advance("29 seconds")
    assert node.take() == []
    node.pool.advance("1 second")
    assert len(node.take()) == 1


def test_it_is_longer_each_time_up_to_a_limit(node: Node) -> None:
    """Twice as long, until an hour."""
    node.pool.configure(backoff_period_max="3 minutes")
    _fail(node, 2)
    for seconds in (30, 60, 120, 180, 180):
        _fail(node, 1)
        node.pool.advance(f"{seconds - 1} seconds")
        node.heartbeat()
        assert node.take() == []
        node.pool.advance("1 second")


def test_one_result_clears_it(node: Node) -> None:
    """Also one of a lease that it had before."""
    (kept,) = node.take()
    _fail(node, 3)
    assert node.take() == []
    assert node.outcome(completed(kept)) == "accepted"
    _fail(node, 2)
    assert len(node.take()) == 1


def test_leases_that_fail_together_are_one_failure(node: Node) -> None:
    """A machine with eight workers is not eight times as bad."""
    _fail(node, 2, slots=8)
    assert len(node.take()) == 1


def test_leases_that_failed_meanwhile_do_not_add_to_it(node: Node) -> None:
    """They were taken before it was backed off."""
    kept = node.take(2)
    _fail(node, 3)
    for chunk in kept:
        node.exchange([failed(chunk)])
    node.pool.advance("30 seconds")
    assert len(node.take()) == 1


def test_giving_back_and_bad_configs_are_not_its_fault(node: Node) -> None:
    """A user who submits nonsense puts no node to sleep."""
    for number in range(4):
        job = node.owner.submit(10, config_json=f'{{"engine":"{number}"}}', priority="high")
        (chunk,) = node.take()
        assert chunk["job_id"] == job["id"]
        node.exchange([failed(chunk, "no such engine", retryable=False)])
        assert node.owner.job(job)["status"] == "failed"
    assert len(node.take()) == 1


def test_going_silent_is_a_failure(node: Node) -> None:
    """Three times in a row, however many leases it lost each time."""
    for _ in range(3):
        node.heartbeat()
        assert len(node.take(4)) == 4
        node.pool.advance("1 minute")
        assert node.pool.scalar("select private.requeue_expired_leases()") == 4
        node.pool.advance("29 seconds")
    node.heartbeat()
    assert node.take() == []


def test_the_owner_is_told_once_and_may_ask(node: Node) -> None:
    """By a push, and in the words of the node and of the job."""
    _fail(node, 3, slots=2)
    assert [sorted(message) for message in _trouble(node)] == [["status", "until"]]
    told = node.owner.call("explain_node", id=node.id)["reasons"]
    assert [reason["code"] for reason in told] == ["backed_off"]
    assert told[0]["text"] == (
        "It failed 3 times in a row, and gets no work until 2026-11-21 12:00:30 UTC. "
        "The last error was: no memory"
    )
    (job,) = node.pool.rows("select id from public.sim_jobs")
    answer = node.owner.call("explain_job", id=job[0])
    assert answer["nodes"] == {"backed_off": 1}
    assert answer["reasons"][0]["text"].startswith("Nodes that fail again and again")


def test_nothing_is_pushed_to_it(node: Node) -> None:
    """It is off the list of those that wait."""
    _fail(node, 2)
    (chunk,) = node.take()
    node.exchange([failed(chunk)], slots=1)
    node.owner.submit(100, priority="high")
    assert node.pool.messages(f"node:{node.id}", "chunks") == []
