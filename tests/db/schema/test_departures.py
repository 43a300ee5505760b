"""Users who leave, and what becomes of their jobs and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.db.schema.pool import completed

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool, User


def _leave(user: User) -> None:
    """Deletes the user as the sign-in service does."""
    with psycopg.connect(user.pool.database.admin_dsn) as connection:
        connection.execute("delete from auth.users where id = %s", (user.id,))


def test_what_a_node_of_who_leaves_ran_is_run_by_others_at_once(pool: Pool) -> None:
    """Its lease is given back before it is gone, and it hears that it is not registered."""
    submitter, owner = pool.user(), pool.user()
    node, waiting = pool.node(owner), pool.node(submitter)
    pool.share_with_everybody(node)
    job = submitter.submit(10, access_type="public")
    (chunk,) = node.take()
    waiting.exchange(slots=1)
    _leave(owner)
    assert len(pool.messages(f"node:{waiting.id}", "chunks")) == 1
    assert waiting.work() == 1
    assert submitter.progress(job)["status"] == "completed"
    with pytest.raises(psycopg.Error) as refused:
        node.exchange([completed(chunk)])
    assert refused.value.sqlstate == "PT401"


def test_jobs_of_who_leaves_are_dropped_by_their_nodes_at_once(pool: Pool) -> None:
    """They are told, and what they hand in of them is a lease that nobody knows."""
    submitter, owner = pool.user(), pool.user()
    node = pool.node(owner)
    pool.share_with_everybody(node)
    submitter.submit(10, access_type="public")
    (chunk,) = node.take()
    _leave(submitter)
    (cancelled,) = pool.messages(f"node:{node.id}", "cancel")
    assert cancelled == {"chunk_ids": [chunk["chunk_id"]]}
    assert node.outcome(completed(chunk)) == "rejected:unknown_lease"
    assert pool.scalar("select count(*) from public.sim_chunks") == 0


def test_who_had_many_jobs_can_leave(pool: Pool) -> None:
    """One lock for each job that has ended would be more than the server has."""
    user = pool.user()
    user.submit(10)
    pool.admin.execute(
        "insert into public.sim_jobs"
        " (user_id, config_hash, total_iterations, status, seed, result, completed_at)"
        " select user_id, config_hash, 10, 'completed', 1, '{}', now()"
        " from public.sim_jobs cross join generate_series(1, 15000)"
    )
    _leave(user)
    assert pool.scalar("select count(*) from public.sim_jobs") == 0
