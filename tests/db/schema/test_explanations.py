"""Why a job waits and why a node is idle, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.db.schema.pool import completed, failed

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool, User


def _job(user: User, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = user.call("explain_job", id=job["id"])
    return answer


def _reasons(answer: dict[str, Any]) -> dict[str, str]:
    return {reason["code"]: reason["text"] for reason in answer["reasons"]}


def _node(node: Node) -> dict[str, str]:
    return _reasons(node.owner.call("explain_node", id=node.id))


@pytest.mark.parametrize("access_type", ["private", "guild", "public"])
def test_a_job_without_any_node_says_so(pool: Pool, access_type: str) -> None:
    """And nothing is promised."""
    user = pool.user()
    pool.node()
    answer = _job(user, user.submit(access_type=access_type))
    assert list(_reasons(answer)) == ["no_nodes"]
    assert (answer["nodes"], answer["seconds_to_finish"]) == ({}, None)


def test_every_node_that_may_serve_the_job_is_accounted_for(pool: Pool) -> None:
    """By what it does instead, the useful first."""
    user = pool.user()
    _silent, paused, unused, busy, free = (pool.node(user) for _ in range(5))
    other = user.submit(10, priority="high")
    (chunk,) = busy.take()
    assert chunk["job_id"] == other["id"]
    busy.heartbeat(running=[chunk["chunk_id"]])
    user.call("update_node_settings", node_id=paused.id, paused=True)
    user.call("update_node_settings", node_id=unused.id, max_parallel=0)
    pool.advance("2 minutes")
    busy.heartbeat(running=[chunk["chunk_id"]])
    for node in (paused, unused, free):
        node.heartbeat()
    job = user.submit(10)
    answer = _job(user, job)
    assert answer["nodes"] == {
        "busy": 1,
        "free": 1,
        "offline": 1,
        "paused": 1,
        "without_workers": 1,
    }
    assert list(_reasons(answer)) == ["free", "busy", "offline", "paused", "without_workers"]
    assert _reasons(answer)["busy"] == "Nodes that are busy with other jobs: 1 of 5."


def test_a_running_job_says_who_runs_it_and_when_it_is_done(pool: Pool) -> None:
    """A tenth done in ten seconds leaves ninety."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    node = pool.node(user)
    job = user.submit(100)
    (chunk,) = node.take()
    pool.advance("10 seconds")
    node.exchange([completed(chunk)], slots=1)
    answer = _job(user, job)
    assert answer["seconds_to_finish"] == 90
    assert _reasons(answer) == {"working": "Nodes that run it now: 1 of 1."}


def test_a_job_behind_others_of_its_user_says_how_many(pool: Pool) -> None:
    """Those of others do not count."""
    user = pool.user()
    pool.node(user)
    pool.user().submit(10, priority="high", access_type="public")
    user.submit(10)
    user.submit(10, priority="high")
    last = user.submit(10, priority="low")
    answer = _job(user, last)
    assert answer["jobs_ahead"] == 2
    assert _reasons(answer)["behind"] == "2 of your jobs are served before it."


def test_a_used_up_quota_is_a_reason(pool: Pool) -> None:
    """With the words that say what to wait for."""
    pool.configure(running_chunks_max=0)
    user = pool.user()
    pool.node(user)
    assert "quota" in _reasons(_job(user, user.submit(10)))


def test_what_went_wrong_is_listed(pool: Pool) -> None:
    """With the node, the attempt and the error, the last first."""
    user = pool.user()
    node = pool.node(user)
    job = user.submit(10)
    (chunk,) = node.take()
    node.exchange([failed(chunk, "no memory")])
    (failure,) = _job(user, job)["failures"]
    assert (failure["error"], failure["failure"], failure["attempt"]) == ("no memory", "error", 1)
    assert failure["node_id"] == node.id


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_an_ended_job_says_how_it_ended(pool: Pool, status: str) -> None:
    """The error of a failed one is part of the sentence."""
    user = pool.user()
    node = pool.node(user)
    job = user.submit(10)
    if status == "cancelled":
        user.call("cancel_job", id=job["id"])
    elif status == "completed":
        node.work()
    else:
        node.exchange([failed(node.take()[0], "bad config", retryable=False)])
    ((code, text),) = _reasons(_job(user, job)).items()
    assert code == status
    assert text.startswith(f"The job is {status}.")
    assert ("bad config" in text) == (status == "failed")


def test_a_node_says_why_it_is_idle(pool: Pool) -> None:
    """Nothing to do, work that waits for it to ask, work that it has, silence and pause."""
    pool.set_clock("2026-11-21 12:00:00+00")
    node = pool.node(pool.user())
    assert "share_node" in _node(node)["no_work"]
    pool.share_with_everybody(node)
    assert "public one" in _node(node)["no_work"]
    node.owner.submit(10)
    assert list(_node(node)) == ["offered"]
    (chunk,) = node.take()
    assert _node(node) == {"working": "It holds 1 parts of jobs."}
    node.exchange([completed(chunk)])
    node.owner.call("update_node_settings", node_id=node.id, paused=True)
    pool.advance("2 minutes")
    assert list(_node(node)) == ["offline", "paused", "no_work"]


def test_nobody_explains_what_is_not_theirs(pool: Pool) -> None:
    """Another's job or node is as absent as one that never was."""
    node, stranger = pool.node(), pool.user()
    job = node.owner.submit(10)
    for function, one in (("explain_job", job["id"]), ("explain_node", node.id)):
        with pytest.raises(psycopg.Error) as refused:
            stranger.call(function, id=one)
        assert refused.value.sqlstate == "PT404"
