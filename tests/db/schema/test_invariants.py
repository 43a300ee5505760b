"""`private.check_invariants()` finds every kind of book that does not balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.db.schema.pool import completed

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool

#: a kind of damage to a running job (a result, two leases, uncut work), and what is said of it
DAMAGE = {
    "a result is lost": (
        "delete from public.sim_chunks where status = 'completed'",
        ["iterations from 10, of a lease, do not follow on 0", "0 iterations in 0 results"],
    ),
    "a result is merged twice": (
        """
        insert into private.job_partials
          (job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_ids)
        select job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_ids
        from private.job_partials
        """,
        ["10 iterations in 1 results, but 20 in 2 are counted"],
    ),
    "a result is not merged": (
        "delete from private.job_partials",
        ["10 iterations in 1 results, but 0 in 0 are counted"],
    ),
    "a lease is lost": (
        (
            "update public.sim_chunks "
            "set status = 'failed', failure = 'expired', failed_at = now() where seed_offset = 10"
        ),
        ["iterations from 20, of a lease, do not follow on 10"],
    ),
    "a range is leased and waits": (
        (
            "insert into private.reopened_ranges (job_id, seed_offset, iterations, reopened_at) "
            "select job_id, seed_offset, iterations, now() from public.sim_chunks "
            "where seed_offset = 20"
        ),
        ["iterations from 20, of a reopened range, are held twice"],
    ),
    "what is uncut is lost": (
        "delete from private.uncut_ranges; delete from private.open_jobs",
        ["ends at 30 of 1000 iterations"],
    ),
    "a job is not offered": (
        "delete from private.open_jobs",
        ["has work for nodes, but is not offered to them"],
    ),
    "a paused job goes on": (
        "update public.sim_jobs set paused_at = now()",
        ["is paused, but leased or offered to nodes"],
    ),
    "a node is gone": (
        "delete from public.nodes",
        ["is leased to a node that is gone", "is leased to a node that is gone"],
    ),
    "a second lease is without a first": (
        (
            "update public.sim_chunks set purpose = 'speculation', rival_id = id "
            "where seed_offset = 20"
        ),
        ["has no rival as it says", "iterations from 30, of a uncut range, do not follow on 20"],
    ),
    "a rival does not know of it": (
        (
            "update public.sim_chunks set rival_id = (select id from public.sim_chunks "
            "where seed_offset = 20) where seed_offset = 10"
        ),
        ["has no rival as it says"],
    ),
    "a job that waits for nodes is listed as at its end": (
        "insert into private.tail_jobs select id from public.sim_jobs",
        ["is running, but listed as at its end"],
    ),
    "an ended job goes on": (
        "update public.sim_jobs set status = 'failed', error = 'broken', completed_at = now()",
        ["is failed, but chunk", "is failed, but chunk", "is failed, but offered to nodes"],
    ),
}

#: a kind of damage to a completed job
LATE_DAMAGE = {
    "the result is another": (
        "update public.sim_jobs set result = jsonb_set(result, '{result,counters,casts}', '1')",
        ["the final result is not of its completed iterations, or has another digest"],
    ),
    "the result is of fewer iterations": (
        "update public.sim_jobs set completed_iterations = completed_iterations - 1",
        ["the final result is not of its completed iterations, or has another digest"],
    ),
    "a result is lost": (
        "delete from public.sim_chunks where seed_offset = 0",
        ["do not follow on 0"],
    ),
    "work is kept": (
        (
            "insert into private.reopened_ranges (job_id, seed_offset, iterations, reopened_at) "
            "select id, total_iterations, 1, now() from public.sim_jobs"
        ),
        ["is completed, but work of it is kept"],
    ),
}


#: a kind of damage to a job with a confirmed result and one that is held, and what is said of it
CHECK_DAMAGE = {
    "a check is lost": (
        "delete from private.checks",
        [
            "iterations from 20, of a uncut range, do not follow on 10",
            "is held, but its range is not checked",
        ],
    ),
    "a held result is lost": (
        "delete from public.sim_chunks where status = 'held'",
        [
            "iterations from 10 are checked, but no result of them is held",
            "iterations from 10, of a uncut range, are held twice",
        ],
    ),
    "a check is offered to nobody": (
        "update private.checks set open = 0",
        ["iterations from 10 are checked, but nobody runs them again or may"],
    ),
    "a confirmed result is not that which counts": (
        "update public.sim_chunks set result_digest = 'x' where status = 'confirmed'",
        ["is confirmed, but no result like it counts"],
    ),
    "a liar is believed": (
        (
            "update public.sim_chunks set node_id = gen_random_uuid() where status = 'held';"
            "insert into private.node_trust (node_id, quarantined_at, purged_at)"
            " select node_id, now(), now() from public.sim_chunks where status = 'held'"
        ),
        ["is held of node"],
    ),
}


def problems(pool: Pool, damage: str) -> list[str]:
    """What is wrong after the damage; nothing was before it."""
    assert pool.database.broken_invariants() == []
    pool.database.connect_as_admin().execute(damage)
    return sorted(problem for _, problem in pool.database.broken_invariants())


def matches(found: list[str], expected: list[str]) -> bool:
    """Whether each problem found holds one of the texts expected, and the other way around."""
    texts = sorted(expected)
    return len(found) == len(texts) and all(
        any(text in problem for problem in found) for text in texts
    )


@pytest.mark.cooks_the_books
@pytest.mark.parametrize(("damage", "expected"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_to_a_running_job_is_found(pool: Pool, damage: str, expected: list[str]) -> None:
    """Each kind says what is wrong, and nothing else."""
    user = pool.user()
    user.submit(1000)
    node = pool.node(user, speed=2)
    chunks: list[dict[str, Any]] = node.take(3)
    assert [chunk["iterations"] for chunk in chunks] == [10, 10, 10]
    assert node.outcome(completed(chunks[0])) == "accepted"
    found = problems(pool, damage)
    assert matches(found, expected), found


@pytest.mark.cooks_the_books
@pytest.mark.parametrize(("damage", "expected"), CHECK_DAMAGE.values(), ids=CHECK_DAMAGE.keys())
def test_damage_to_checks_is_found(pool: Pool, damage: str, expected: list[str]) -> None:
    """Each kind says what is wrong, and nothing else."""
    pool.configure(chunk_iterations_max=10, checks_to_trust=3)
    new, other = pool.node(), pool.node()
    for node in (new, other):
        pool.share_with_everybody(node)
    pool.user().submit(1000, access_type="public")
    new.exchange([completed(chunk) for chunk in new.take(2)])
    other.exchange([completed(chunk) for chunk in other.take(1)])
    found = problems(pool, damage)
    assert matches(found, expected), found


@pytest.mark.cooks_the_books
@pytest.mark.parametrize(("damage", "expected"), LATE_DAMAGE.values(), ids=LATE_DAMAGE.keys())
def test_damage_to_a_completed_job_is_found(pool: Pool, damage: str, expected: list[str]) -> None:
    """Each kind says what is wrong, and nothing else."""
    user = pool.user()
    user.submit(1000)
    pool.node(user).work()
    found = problems(pool, damage)
    assert matches(found, expected), found


@pytest.mark.cooks_the_books
def test_a_job_that_nothing_can_finish_is_found(pool: Pool) -> None:
    """All is leased, no lease is left, and the end was not written."""
    user = pool.user()
    user.submit(10)
    node = pool.node(user)
    (chunk,) = node.take()
    assert node.outcome(completed(chunk)) == "accepted"
    found = problems(
        pool,
        """
        insert into private.job_partials
          (job_id, segment, level, chunks, iterations, samples, total, total_squares, chunk_ids)
        select job_id, 0, 0, 1, iterations, 1, 1, 1, array[id] from public.sim_chunks;
        update public.sim_jobs
        set status = 'running', completed_at = null, result = null
        """,
    )
    assert found == ["runs, but nothing of it is leased and nothing waits"]
