"""One job from submit to result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.db.schema.pool import completed, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool


def test_a_job_runs_to_its_result(pool: Pool) -> None:
    """One node runs a job in chunks, and the result equals that of a single run."""
    user = pool.user()
    job = user.submit(1000, seed=7)
    node = pool.node(user)
    assert node.work() > 1

    row = user.job(job)
    assert row["status"] == "completed"
    whole = result({"seed_offset": 0, "iterations": 1000})
    assert row["result"]["result"] == whole
    assert row["completed_iterations"] == 1000
    assert row["completed_chunks"] == row["total_chunks"]


def test_a_result_is_counted_once(pool: Pool) -> None:
    """The same completion sent twice is answered and changes nothing."""
    user = pool.user()
    user.submit(1000)
    node = pool.node(user)
    (chunk,) = node.take()
    assert node.outcome(completed(chunk)) == "accepted"
    assert node.outcome(completed(chunk)) == "duplicate"
    assert pool.scalar("select count(*) from private.job_partials") == 1
