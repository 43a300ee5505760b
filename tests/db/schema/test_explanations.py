"""Why a job waits and why a node is idle, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.db.schema.pool import completed, failed, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool, User


def _job(user: User, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = user.call("explain_job", id=job["id"])
    return answer


def _reasons(answer: dict[str, Any]) -> dict[str, str]:
    return {reason["code"]: reason["text"] for reason in answer["reasons"]}


def _bar(pool: Pool, job: dict[str, Any], node: Node) -> None:
    pool.admin.execute(
        "insert into private.barred_nodes values (%s, %s, now())", (job["id"], node.id)
    )


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
    """Ninety iterations are left for two workers that do ten a second each."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    node = pool.node(user, speed=10.0)
    job = user.submit(100)
    (chunk,) = node.take()
    node.exchange([completed(chunk)], slots=2)
    answer = _job(user, job)
    assert answer["seconds_to_finish"] == 4.5
    assert _reasons(answer) == {"working": "Nodes that run it now: 1 of 1."}
    assert answer["attempts"] == {"running": 2, "failed": 0, "lost": 0}
    (share,) = answer["shares"]
    assert (share["node_id"], share["iterations"]) == (node.id, 10)
    assert share["ranges"] == [[0, 10]]
    progress = user.progress(job)
    assert (progress["queue_position"], progress["seconds_to_finish"]) == (1, 4.5)


def test_a_job_with_a_target_error_is_done_when_that_is_reached(pool: Pool) -> None:
    """Half the error takes four times the iterations, up to the next checkpoint."""
    pool.configure(chunk_iterations_max=1000)
    user = pool.user()
    node = pool.node(user, speed=1000.0)
    job = user.submit(20_000, target_error=0.01)
    first, _ = node.take(2)
    node.outcome(completed(first))
    progress = user.progress(job)
    needed = 1000 * (progress["error"] / 0.01) ** 2
    checkpoint = math.ceil(needed / 1000) * 1000
    assert 1000 < checkpoint < 20_000
    assert progress["seconds_to_finish"] == (checkpoint - 1000) / 1000


@pytest.mark.parametrize("target_error", [1e-12, 1e-200, 5e-324])
def test_a_target_that_cannot_be_reached_takes_all_iterations(
    pool: Pool, target_error: float
) -> None:
    """However small it is."""
    pool.configure(chunk_iterations_max=1000)
    user = pool.user()
    node = pool.node(user, speed=1000.0)
    job = user.submit(20_000, target_error=target_error)
    first, _ = node.take(2)
    node.outcome(completed(first))
    assert user.progress(job)["seconds_to_finish"] == 19.0


def test_a_mean_of_zero_is_never_precise_enough(pool: Pool) -> None:
    """It has no relative error, so all iterations are run."""
    pool.configure(chunk_iterations_min=1000, chunk_iterations_max=1000)
    user = pool.user()
    node = pool.node(user, speed=1000.0)
    job = user.submit(20_000, target_error=0.1)
    first, _ = node.take(2)
    document = result(first)
    document["metrics"]["dps"] |= {
        **dict.fromkeys(("min", "max"), 0),
        **dict.fromkeys(("sum", "sum_squares"), "0"),
        "histogram": {"0": 1000},
    }
    assert node.outcome(completed(first, document)) == "accepted"
    progress = user.progress(job)
    assert (progress["error"], progress["seconds_to_finish"]) == (None, 19.0)


def test_a_paused_job_says_so_and_nothing_else(pool: Pool) -> None:
    """What its nodes do does not matter to it."""
    user = pool.user()
    node = pool.node(user)
    job = user.submit(100)
    node.take()
    user.call("pause_job", id=job["id"])
    answer = _job(user, job)
    assert list(_reasons(answer)) == ["paused"]
    assert answer["paused_at"] is not None
    assert (answer["seconds_to_finish"], answer["queue_position"]) == (None, None)


def test_nodes_with_the_wrong_release_or_engine_say_so(pool: Pool) -> None:
    """To the submitter and to the owner, with what they have and what is wanted."""
    user = pool.user()
    outdated, other = pool.node(user, version="0.9.0"), pool.node(user)
    other.heartbeat(engines={"combat": "1.4.0"})
    pool.configure(minimum_node_version="1.0.0")
    job = user.submit(100, engine_versions="1.5.0..")
    assert _job(user, job)["nodes"] == {"outdated": 1, "other_engine": 1}
    assert list(_reasons(_job(user, job))) == ["outdated", "other_engine"]
    assert "release 0.9.0" in _node(outdated)["outdated"]
    assert "it has combat 1.4.0." in _node(other)["other_engine"]


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


def test_a_node_that_is_barred_from_a_job_is_counted(pool: Pool) -> None:
    """It failed what others can run; and what is left is with those who run it."""
    pool.configure(chunk_iterations_max=10, retry_elsewhere_period="0 seconds", backoff_after=99)
    user = pool.user()
    good, bad = pool.node(user), pool.node(user)
    job = user.submit(1000)
    good.outcome(completed(good.take()[0]))
    for _ in range(3):
        bad.outcome(failed(bad.take()[0], "no memory"))
    assert _job(user, job)["nodes"] == {"barred": 1, "free": 1}
    good.take(1000)
    assert list(_reasons(_job(user, job))) == ["working", "barred", "fully_leased"]


def test_what_went_wrong_is_listed(pool: Pool) -> None:
    """With the node, the attempt and the error, the last first."""
    user = pool.user()
    node = pool.node(user)
    job = user.submit(10)
    (chunk,) = node.take()
    node.exchange([failed(chunk, "no memory")])
    answer = _job(user, job)
    (failure,) = answer["failures"]
    assert answer["attempts"] == {"running": 0, "failed": 1, "lost": 0}
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
    assert _node(node) == {"working": "It has 1 part of a job."}
    node.exchange([completed(chunk)])
    node.owner.call("update_node_settings", node_id=node.id, paused=True)
    pool.advance("2 minutes")
    assert list(_node(node)) == ["offline", "paused"]


def test_a_node_that_gets_no_work_is_not_told_that_there_is_some(pool: Pool) -> None:
    """Its owner or the pool keeps it from all of it, or from what there is."""
    user = pool.user()
    node = pool.node(user)
    job = user.submit(10)
    assert list(_node(node)) == ["offered"]
    user.call("update_node_settings", node_id=node.id, paused=True)
    assert list(_node(node)) == ["paused"]
    user.call("update_node_settings", node_id=node.id, paused=False, max_parallel=0)
    assert list(_node(node)) == ["without_workers"]
    user.call("update_node_settings", node_id=node.id, max_parallel=1)
    pool.configure(minimum_node_version="9.0.0")
    assert list(_node(node)) == ["outdated"]
    pool.configure(minimum_node_version=None, running_chunks_max=0)
    assert list(_node(node)) == ["quota"]
    pool.configure(running_chunks_max=None)
    _bar(pool, job, node)
    assert list(_node(node)) == ["barred"]


def test_work_that_a_node_may_not_serve_is_no_reason(pool: Pool) -> None:
    """What strangers keep private is not its business, whatever engine that asks for."""
    node, stranger = pool.node(), pool.user()
    pool.share_with_everybody(node)
    node.heartbeat(engines={"combat": "1.4.0"})
    stranger.submit(10, engine_versions="1.5.0..")
    public = stranger.submit(10, access_type="public")
    _bar(pool, public, node)
    assert list(_node(node)) == ["barred"]


def test_free_nodes_are_promised_parts_only_where_there_are_some(pool: Pool) -> None:
    """Not of a job that is all with nodes, nor beyond a quota."""
    user = pool.user()
    node, _ = pool.node(user), pool.node(user)
    job = user.submit(10)
    assert "get a part" in _reasons(_job(user, job))["free"]
    node.take()
    assert _reasons(_job(user, job))["free"] == "Nodes that are free: 1 of 2."
    pool.configure(running_chunks_max=0)
    other = user.submit(10)
    assert _reasons(_job(user, other))["free"] == "Nodes that are free: 1 of 2."


def test_nobody_explains_what_is_not_theirs(pool: Pool) -> None:
    """Another's job or node is as absent as one that never was."""
    node, stranger = pool.node(), pool.user()
    job = node.owner.submit(10)
    for function, one in (("explain_job", job["id"]), ("explain_node", node.id)):
        with pytest.raises(psycopg.Error) as refused:
            stranger.call(function, id=one)
        assert refused.value.sqlstate == "PT404"
