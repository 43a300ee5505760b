"""Merging while a job runs, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from node.engine import results
from tests.db.schema.pool import completed, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Pool, User


def _small_chunks(pool: Pool) -> None:
    pool.configure(chunk_iterations_max=10, fold_size=4, progress_period="1 hour")


def _is_exact(user: User, job: Json, iterations: int) -> bool:
    row = user.job(job)["result"]
    whole = result({"seed_offset": 0, "iterations": iterations})
    return bool(row["result"] == whole and row["digest"] == results.digest(whole))


def test_results_are_merged_in_batches_while_the_job_runs(pool: Pool) -> None:
    """However many chunks there are, only a handful of rows wait for the end."""
    _small_chunks(pool)
    user = pool.user()
    job = user.submit(1280, seed=1)
    node = pool.node(user)
    chunks = node.take(1)
    waiting = []
    for _ in range(100):
        chunks = node.exchange([completed(chunk) for chunk in chunks], 1)["chunks"]
        waiting.append(pool.scalar("select count(*) from private.job_partials"))
    assert max(waiting) <= 4 * 4
    node.exchange([completed(chunk) for chunk in chunks])
    node.work()
    assert _is_exact(user, job, 1280)


def test_the_result_does_not_depend_on_order(pool: Pool) -> None:
    """Handing in the last chunk first gives the same digest."""
    _small_chunks(pool)
    user = pool.user()
    job = user.submit(400, seed=1)
    node = pool.node(user)
    chunks = node.take(100)
    assert sum(chunk["iterations"] for chunk in chunks) == 400
    for chunk in reversed(chunks):
        assert node.outcome(completed(chunk)) == "accepted"
    assert _is_exact(user, job, 400)


def test_a_finished_job_leaves_no_work_behind(pool: Pool) -> None:
    """All that it needed while it ran is gone; chunks, result and who contributed stay."""
    user = pool.user()
    job = user.submit(1000)
    pool.node(user).work()
    for table in (
        "open_jobs",
        "uncut_ranges",
        "reopened_ranges",
        "job_partials",
        "barred_nodes",
        "checks",
    ):
        assert pool.scalar(f"select count(*) from private.{table}") == 0  # noqa: S608
    assert user.job(job)["result"]["provenance"]["nodes"] == 1


def test_a_finished_job_says_where_its_result_comes_from(pool: Pool) -> None:
    """Engine, version, config, seed, chunks, and which node did which iterations."""
    user = pool.user()
    job = user.submit(1000, seed=11)
    one, other = pool.node(user), pool.node(user)
    chunks = one.take(2), other.take(2)
    one.exchange([completed(chunk) for chunk in chunks[0]])
    other.exchange([completed(chunk) for chunk in chunks[1]])
    one.work()
    row = user.job(job)
    provenance = row["result"]["provenance"]
    shares = provenance.pop("shares")
    assert provenance == {
        "engine": "combat",
        "engine_version": "1.0.0",
        "config_hash": job["config_hash"],
        "seed": 11,
        "chunks": row["completed_chunks"],
        "nodes": 2,
    }
    assert [share["node_id"] for share in shares] == [one.id, other.id]
    begin, end = chunks[1][0]["seed_offset"], chunks[1][1]["seed_offset"]
    end += chunks[1][1]["iterations"]
    assert shares[0]["ranges"] == [[0, begin], [end, 1000]]
    assert shares[1]["ranges"] == [[begin, end]]
    assert [share["iterations"] for share in shares] == [1000 - (end - begin), end - begin]


def test_ranges_that_touch_are_one_however_they_were_merged(pool: Pool) -> None:
    """A job of a hundred and twenty-eight chunks by one node was done from end to end by it."""
    _small_chunks(pool)
    user = pool.user()
    job = user.submit(1280)
    node = pool.node(user)
    node.work(slots=3)
    (share,) = user.job(job)["result"]["provenance"]["shares"]
    assert share == {"node_id": node.id, "iterations": 1280, "ranges": [[0, 1280]]}


def test_shares_stay_small(pool: Pool) -> None:
    """Of a node with too many gaps, the count is left; of too many nodes, those that did most."""
    gaps = pool.scalar(
        "select private.merge_shares(array_agg(jsonb_build_array(jsonb_build_object("
        "'node_id', node, 'iterations', 1, 'ranges', int8multirange(int8range(i, i + 1))))))"
        " from generate_series(0, 8000, 2) as i"
        " cross join lateral (select case when i < 100 then 'few' else 'many' end) as nodes (node)"
    )
    many, few = pool.scalar("select private.presented_shares(%s)", Jsonb(gaps))
    assert (many["node_id"], many["iterations"], many["ranges"]) == ("many", 3951, None)
    assert (few["node_id"], len(few["ranges"])) == ("few", 50)
    again = pool.scalar("select private.merge_shares(array[%s, %s])", Jsonb(gaps), Jsonb(gaps))
    assert (again[0]["iterations"], again[0]["ranges"]) == (7902, None)
    nodes = pool.scalar(
        "select private.presented_shares(jsonb_agg(jsonb_build_object('node_id', i)))"
        " from generate_series(1, 1500) as i"
    )
    assert len(nodes) == 1000


def test_progress_is_pushed_once_per_period_and_at_the_end(pool: Pool) -> None:
    """A thousand chunks in a second are one message, and the last one says that all is done."""
    pool.configure(chunk_iterations_max=10)
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job = user.submit(200)
    node = pool.node(user)
    node.work()
    progress = pool.messages(f"job:{job['id']}", "progress")
    assert len(progress) == 2
    assert progress[-1]["completed_iterations"] == 200
    assert progress[-1]["completed_chunks"] == progress[-1]["total_chunks"] == 20
    assert pool.messages(f"job:{job['id']}", "finished") == [{"status": "completed"}]


def test_progress_has_the_mean_and_its_error(pool: Pool) -> None:
    """Before the first result there is none; at the end it is that of the result."""
    user = pool.user()
    job = user.submit(1000)
    before = user.progress(job)
    assert (before["mean"], before["error"], before["status"]) == (None, None, "pending")
    node = pool.node(user)
    (chunk,) = node.take()
    node.outcome(completed(chunk))
    during = user.progress(job)
    statistics = results.statistics(result(chunk))["metrics"]["dps"]
    assert during["mean"] == statistics["mean"]
    assert abs(during["error"] * during["mean"] - statistics["standard_error"]) < 1e-6
    node.work()
    after = user.progress(job)
    assert after["mean"] == user.job(job)["result"]["statistics"]["metrics"]["dps"]["mean"]
    assert after["total_chunks"] == after["completed_chunks"]


def test_a_user_hears_what_becomes_of_a_job(pool: Pool) -> None:
    """Each status once, on the topic of the user."""
    user = pool.user()
    job = user.submit(100)
    pool.node(user).work()
    assert [m["status"] for m in pool.messages(f"user:{user.id}", "job")] == [
        "running",
        "completed",
    ]
    assert job["status"] == "pending"


def _stopped(pool: Pool, *, backwards: bool) -> Json:
    pool.configure(chunk_iterations_max=500)
    user = pool.user()
    job = user.submit(20_000, seed=1, target_error=0.01)
    node = pool.node(user, speed=1e6)
    for _ in range(100):
        chunks = node.take(8)
        if not chunks:
            break
        for chunk in reversed(chunks) if backwards else chunks:
            node.outcome(completed(chunk))
    return user.job(job)


def test_a_job_stops_at_the_first_checkpoint_that_is_precise_enough(pool: Pool) -> None:
    """Where it stops, and with what result, does not depend on who finished what first."""
    forwards, backwards = _stopped(pool, backwards=False), _stopped(pool, backwards=True)
    assert forwards["status"] == "completed"
    assert forwards["completed_iterations"] < 20_000
    assert forwards["completed_iterations"] % forwards["segment_iterations"] == 0
    assert forwards["result"]["digest"] == backwards["result"]["digest"]
    whole = result({"seed_offset": 0, "iterations": forwards["completed_iterations"]})
    assert forwards["result"]["result"] == whole


def test_a_job_that_never_gets_precise_enough_runs_to_its_end(pool: Pool) -> None:
    """The target is a reason to stop early, not a promise."""
    user = pool.user()
    job = user.submit(3000, target_error=1e-9)
    pool.node(user, speed=1e6).work()
    assert user.job(job)["completed_iterations"] == 3000


def test_no_chunk_crosses_a_checkpoint(pool: Pool) -> None:
    """Else a checkpoint's prefix could not be told from what comes after it."""
    user = pool.user()
    job = user.submit(50_000, target_error=0.5)
    pool.node(user, speed=700.0).take(60)
    size = user.job(job)["segment_iterations"]
    assert (
        pool.scalar(
            "select count(*) from public.sim_chunks"
            " where seed_offset / %s <> (seed_offset + iterations - 1) / %s",
            size,
            size,
        )
        == 0
    )


def test_results_past_the_end_of_a_job_may_have_gaps(pool: Pool) -> None:
    """What was out past the checkpoint is called back; what was handed in does not count."""
    pool.configure(chunk_iterations_min=500, chunk_iterations_max=500)
    user = pool.user()
    job = user.submit(3000, target_error=0.5)
    node = pool.node(user)
    chunks = node.take(2) + node.take(4)[2:]
    assert [chunk["seed_offset"] for chunk in chunks] == [0, 500, 1000, 1500]
    for chunk in (chunks[3], chunks[0], chunks[1]):
        assert node.outcome(completed(chunk)) == "accepted"
    assert user.job(job)["completed_iterations"] == 1000
    assert node.outcome(completed(chunks[2])) == "stale"
