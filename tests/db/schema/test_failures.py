"""Leases that end without a result, and jobs that end with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.db.schema.pool import completed, failed, released, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool


def _take_first_range(pool: Pool, node: Node) -> Json:
    """Takes the range that came back, once the node may have it again."""
    pool.advance("20 seconds")
    node.heartbeat()
    (chunk,) = node.take()
    assert chunk["seed_offset"] == 0
    return chunk


def test_a_failed_range_goes_to_another_node_first(pool: Pool) -> None:
    """The node that failed it gets something else for a while."""
    user = pool.user()
    user.submit()
    one, other = pool.node(user), pool.node(user)
    (chunk,) = one.take()
    assert one.outcome(failed(chunk)) == "accepted"
    assert one.take()[0]["seed_offset"] > 0
    assert other.take()[0]["seed_offset"] == 0


def test_a_range_that_fails_on_two_nodes_fails_the_job(pool: Pool) -> None:
    """The third failure ends the job; its error and the last one are visible."""
    user = pool.user()
    job = user.submit()
    one, other = pool.node(user), pool.node(user)
    for node, error in ((one, "first"), (other, "second"), (one, "third")):
        assert user.job(job)["status"] != "failed"
        node.outcome(failed(_take_first_range(pool, node), error))
    row = user.job(job)
    assert row["status"] == "failed"
    assert row["error"] == (
        "iterations from 0 failed 3 times on 2 node(s); the last error was: third"
    )


def test_one_node_alone_must_fail_twice_as_often(pool: Pool) -> None:
    """A pool of one node does not give up on its own word alone."""
    pool.configure(backoff_after=100)
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    for _ in range(5):
        node.outcome(failed(_take_first_range(pool, node)))
    assert user.job(job)["status"] == "running"
    node.outcome(failed(_take_first_range(pool, node)))
    assert user.job(job)["status"] == "failed"


def test_an_error_that_will_not_go_away_fails_the_job_at_once(pool: Pool) -> None:
    """A node says so with retryable: false."""
    user = pool.user()
    job = user.submit()
    one, other = pool.node(user), pool.node(user)
    (running,) = other.take()
    one.outcome(failed(one.take()[0], "no such spell", retryable=False))
    assert (user.job(job)["status"], user.job(job)["error"]) == ("failed", "no such spell")
    assert pool.messages(f"node:{other.id}", "cancel") == [{"chunk_ids": [running["chunk_id"]]}]


def test_releasing_never_fails_a_job(pool: Pool) -> None:
    """A lease may be given back any number of times."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    for _ in range(12):
        node.outcome(released(node.take()[0]))
    assert user.job(job)["status"] == "running"


def test_a_node_that_keeps_failing_is_barred_from_the_job(pool: Pool) -> None:
    """A black hole does not eat a job that another node can run."""
    user = pool.user()
    job = user.submit(100_000)
    good, bad = pool.node(user), pool.node(user)
    good.outcome(completed(good.take()[0]))
    for _ in range(3):
        bad.outcome(failed(bad.take()[0]))
    assert bad.take() == []
    assert good.take() != []
    assert user.job(job)["status"] == "running"


def test_a_silent_node_loses_its_leases(pool: Pool) -> None:
    """After the lease's time without a heartbeat, another node's heartbeat finds it out."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job = user.submit()
    silent, other = pool.node(user), pool.node(user)
    (chunk,) = silent.take()
    pool.advance("29 seconds")
    other.heartbeat()
    assert pool.scalar("select count(*) from private.reopened_ranges") == 0
    pool.advance("6 seconds")
    other.heartbeat()
    assert pool.rows("select failure from public.sim_chunks where id = %s", chunk["chunk_id"]) == [
        ("expired",)
    ]
    assert other.take()[0]["seed_offset"] == 0
    assert user.job(job)["status"] == "running"


def test_a_heartbeat_renews_every_lease_of_its_node(pool: Pool) -> None:
    """One row is written, whatever the number of leases."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    user.submit()
    node, other = pool.node(user), pool.node(user)
    chunks = node.take(4)
    for _ in range(8):
        pool.advance("15 seconds")
        node.heartbeat(running=[chunk["chunk_id"] for chunk in chunks])
        other.heartbeat()
    assert pool.scalar("select count(*) from public.sim_chunks where status = 'running'") == 4


def test_a_push_that_was_never_confirmed_is_not_kept_alive(pool: Pool) -> None:
    """A node that heartbeats but does not know of its lease loses it to another."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    node, other = pool.node(user), pool.node(user)
    node.exchange(slots=1)
    user.submit()
    assert pool.scalar("select status from public.sim_chunks") == "pending"
    for _ in range(3):
        pool.advance("15 seconds")
        node.heartbeat()
        other.heartbeat()
    assert pool.scalar("select failure from public.sim_chunks") == "expired"


def test_a_late_result_counts_if_nobody_was_faster(pool: Pool) -> None:
    """The range is finished, and whoever has it now is told to drop it."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job = user.submit()
    late, other = pool.node(user), pool.node(user)
    (chunk,) = late.take()
    pool.advance("1 minute")
    other.heartbeat()
    (again,) = other.take()
    assert again["seed_offset"] == 0
    assert late.outcome(completed(chunk)) == "accepted"
    assert pool.messages(f"node:{other.id}", "cancel") == [{"chunk_ids": [again["chunk_id"]]}]
    assert other.outcome(completed(again)) == "stale"
    assert user.progress(job)["completed_iterations"] == chunk["iterations"]


def test_a_late_result_is_stale_once_the_range_is_finished(pool: Pool) -> None:
    """Two nodes computed it; one of them counts."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job = user.submit()
    late, other = pool.node(user), pool.node(user)
    (chunk,) = late.take()
    pool.advance("1 minute")
    other.heartbeat()
    other.outcome(completed(other.take()[0]))
    assert late.outcome(completed(chunk)) == "stale"
    assert user.progress(job)["completed_iterations"] == chunk["iterations"]


def test_a_late_result_withdraws_a_range_that_waits(pool: Pool) -> None:
    """A range that nobody took again is not leased any more."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    user.submit(10)
    late, other = pool.node(user, speed=1.0), pool.node(user)
    (chunk,) = late.take()
    pool.advance("1 minute")
    other.heartbeat()
    assert late.outcome(completed(chunk)) == "accepted"
    assert other.take() == []


def _lose(pool: Pool, node: Node) -> None:
    """Takes the first range, and is not heard of again."""
    _take_first_range(pool, node)
    pool.advance("2 minutes")
    assert pool.scalar("select private.requeue_expired_leases()") == 1


def test_a_range_that_keeps_killing_its_nodes_fails_the_job(pool: Pool) -> None:
    """Silence counts like an error: after the third loss, on two nodes, nobody else is lost."""
    user = pool.user()
    job = user.submit(10)
    one, other = pool.node(user), pool.node(user)
    for node in (one, other, one):
        assert user.job(job)["status"] != "failed"
        _lose(pool, node)
    row = user.job(job)
    assert row["status"] == "failed"
    assert row["error"] == (
        "iterations from 0 failed 3 times on 2 node(s), 3 of them by going silent; "
        "the last error was: none given"
    )


def test_losses_and_errors_count_together(pool: Pool) -> None:
    """However a range goes wrong, it is the same range."""
    user = pool.user()
    job = user.submit(10)
    one, other = pool.node(user), pool.node(user)
    _lose(pool, one)
    other.outcome(failed(_take_first_range(pool, other), "out of memory"))
    assert user.job(job)["status"] == "running"
    _lose(pool, one)
    assert user.job(job)["error"] == (
        "iterations from 0 failed 3 times on 2 node(s), 2 of them by going silent; "
        "the last error was: out of memory"
    )


def test_one_node_cannot_call_a_job_hopeless_that_others_run(pool: Pool) -> None:
    """What it says of the config is not true: the range is run elsewhere."""
    user = pool.user()
    job = user.submit()
    good, bad = pool.node(user), pool.node(user)
    good.outcome(completed(good.take()[0]))
    assert bad.outcome(failed(bad.take()[0], "bad config", retryable=False)) == "accepted"
    assert user.job(job)["status"] == "running"


def test_a_retry_continues_where_the_job_failed(pool: Pool) -> None:
    """What was completed counts; the rest is leased again, and the old failures are forgotten."""
    user = pool.user()
    job = user.submit(1000, seed=3)
    node = pool.node(user)
    first, second = node.take(2)
    node.exchange([completed(first), failed(second, retryable=False)])
    assert user.job(job)["status"] == "failed"
    answer = user.call("retry_job", id=job["id"])
    assert (answer["status"], answer["completed_iterations"]) == ("pending", first["iterations"])
    node.work()
    assert user.job(job)["status"] == "completed"
    assert user.job(job)["result"]["result"] == result({"seed_offset": 0, "iterations": 1000})


def test_a_job_ends_at_its_deadline(pool: Pool) -> None:
    """Cron fails it, with the reason."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job = user.submit(deadline_at="2026-11-21 12:05:00+00")
    node = pool.node(user)
    node.take()
    assert pool.scalar("select private.fail_overdue_jobs()") == 0
    pool.advance("5 minutes")
    assert pool.scalar("select private.fail_overdue_jobs()") == 1
    assert user.job(job)["error"] == "the deadline passed"


def test_a_chunk_that_its_node_forgot_goes_back(pool: Pool) -> None:
    """A node that restarted, or is paused, does not keep alive what it does not hold."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    user.submit(10)
    node, other = pool.node(user), pool.node(user)
    (chunk,) = node.take()
    node.heartbeat(running=[chunk["chunk_id"]])
    user.call("update_node_settings", node_id=node.id, paused=True)
    for _ in range(3):
        pool.advance("15 seconds")
        node.heartbeat(running=[])
        other.heartbeat()
    assert other.take()[0]["seed_offset"] == 0
