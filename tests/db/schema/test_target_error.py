"""A job that stops at a target error stops at the same iteration, whatever happened on the way."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from node.engine import results
from tests.db.schema.pool import completed, failed, released, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool

ITERATIONS = 40_000
TARGETS = (0.02, 0.01, 0.006)


def _expected(target_error: float) -> Json:
    """The result at the first checkpoint that is precise enough, by one process alone."""
    distance = max(1000, (ITERATIONS + 19) // 20)
    for end in range(distance, ITERATIONS + 1, distance):
        whole = result({"seed_offset": 0, "iterations": end})
        metric = results.statistics(whole)["metrics"]["dps"]
        if metric["standard_error"] / metric["mean"] <= target_error:
            return whole
    return result({"seed_offset": 0, "iterations": ITERATIONS})


def _run(random: Random, pool: Pool, nodes: list[Node]) -> None:
    """Nodes take, finish, fail, give back and lose chunks in any order until nothing is left."""
    held: list[tuple[Node, Json]] = []
    for _ in range(1000):
        node = random.choice(nodes)
        size = random.choice((200, 450, 999, 2500))
        pool.configure(chunk_iterations_min=1, chunk_iterations_max=size)
        known = [chunk["chunk_id"] for holder, chunk in held if holder is node]
        answer = node.exchange(slots=random.randint(1, 6), running=known)
        held += [(node, chunk) for chunk in answer["chunks"]]
        if not held:
            return
        random.shuffle(held)
        for _ in range(random.randint(1, len(held))):
            node, chunk = held.pop()
            how = random.random()
            if how < 0.8:
                node.exchange([completed(chunk)] * random.randint(1, 2))
            elif how < 0.95:
                node.exchange([random.choice((failed, released))(chunk)])
            else:
                pool.advance("10 minutes")
                pool.scalar("select private.requeue_expired_leases()")


@pytest.mark.parametrize("seed", range(3))
def test_where_a_job_stops_does_not_depend_on_anything(pool: Pool, seed: int) -> None:
    """Not on who ran what, in which pieces, in which order, how often, or what failed."""
    random = Random(seed)  # noqa: S311  # a walk that can be repeated
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(retry_elsewhere_period="0 seconds", failures_max=1000, backoff_after=1000)
    user = pool.user()
    nodes = [pool.node(user, speed=speed) for speed in (1e6, 300.0, 5000.0)]
    for target_error in TARGETS:
        job = user.submit(ITERATIONS, seed=1, target_error=target_error)
        _run(random, pool, nodes)
        row, expected = user.job(job), _expected(target_error)
        assert row["status"] == "completed"
        assert row["completed_iterations"] == expected["iterations"]
        assert row["result"]["result"] == expected
        assert row["result"]["digest"] == results.digest(expected)
        shares = row["result"]["provenance"]["shares"]
        assert sum(share["iterations"] for share in shares) == expected["iterations"]
    assert pool.scalar("select count(*) from public.sim_chunks where status = 'running'") == 0
