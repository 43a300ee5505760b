"""Two sessions at once: who waits for whom, and that nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from node.engine import results
from tests.db.schema.machines import register_machine
from tests.db.schema.pool import call, completed, failed, released, result
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.db.schema.pool import Json, Node, Pool


def _wait_until_blocked(pool: Pool, *futures: Future[Any]) -> None:
    """Waits until as many sessions wait for a lock."""
    deadline = time.monotonic() + PATIENCE
    # a connection of its own: within a transaction, activity looks as it did at first
    watcher = pool.database.connect()
    waiting = (
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and datname = current_database()"
    )
    while watcher.execute(waiting).fetchone() != (len(futures),):
        for future in futures:
            assert not future.done(), future.result()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_completions_of_one_job_do_not_wait_for_each_other(pool: Pool) -> None:
    """While ranges are left, an uncommitted completion is in nobody's way."""
    user = pool.user()
    user.submit(100_000)
    one, other = pool.node(user), pool.node(user)
    (first, second), (third,) = one.take(2), other.take()
    one.outcome(completed(first))
    with one.connection.transaction():
        assert one.outcome(completed(second)) == "accepted"
        other.connection.execute("set lock_timeout to '1s'")
        assert other.outcome(completed(third)) == "accepted"
        assert other.outcome(completed(third)) == "duplicate"


def test_cutting_one_job_at_once_does_not_give_a_range_twice(pool: Pool) -> None:
    """The second cutter takes another stripe."""
    user = pool.user()
    user.submit(10_000_000)
    one, other = pool.node(user), pool.node(user)
    with one.connection.transaction():
        (first,) = one.take()
        other.connection.execute("set lock_timeout to '1s'")
        (second,) = other.take()
    stripe = 10_000_000 // 16
    assert first["seed_offset"] % stripe == second["seed_offset"] % stripe == 0
    assert first["seed_offset"] != second["seed_offset"]


def test_nodes_cut_the_stripes_of_a_job_evenly(pool: Pool) -> None:
    """Each begins with a stripe of its own, and stays with it: the stripes end together."""
    user = pool.user()
    user.submit(10_000_000)
    nodes = [pool.node(user) for _ in range(16)]
    firsts = [node.take()[0] for node in nodes]
    # by chance; fewer than four of sixteen happens once in a hundred million times
    assert len({chunk["seed_offset"] // 625_000 for chunk in firsts}) >= 4
    for node, first in zip(nodes, firsts, strict=True):
        (second,) = node.take()
        assert second["seed_offset"] // 625_000 == first["seed_offset"] // 625_000


def test_a_job_has_stripes_for_the_chunks_that_it_will_have(pool: Pool) -> None:
    """Few iterations that are many chunks are cut by several nodes at once all the same."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    small, large = user.submit(1000), user.submit(100_000)
    stripes = "select count(*) from private.uncut_ranges where job_id = %s"
    assert pool.scalar(stripes, small["id"]) == 1
    assert pool.scalar(stripes, large["id"]) == 16


def test_a_deletion_waits_for_who_leases(pool: Pool) -> None:
    """Chunks have no foreign key to their job: none may stay behind when it goes."""
    user = pool.user()
    job, node = user.submit(100_000), pool.node(user)
    node.outcome(completed(node.take(2)[0]))
    leasing = pool.database.connect_as_admin()
    with ThreadPoolExecutor() as executor:
        with leasing.transaction():
            leasing.execute("select private.share_job(%s)", (job["id"],))
            leasing.execute(
                "insert into public.sim_chunks (job_id, node_id, config_hash, seed_offset,"
                " iterations, status, attempt, lease_expires_at)"
                " select job_id, node_id, config_hash, seed_offset, iterations, 'pending', 2,"
                " lease_expires_at from public.sim_chunks where status = 'claimed'"
            )
            future = executor.submit(
                pool.admin.execute, "delete from public.sim_jobs where id = %s", (job["id"],)
            )
            _wait_until_blocked(pool, future)
        future.result(PATIENCE)
    for table in ("public.sim_chunks", "private.job_partials", "private.uncut_ranges"):
        assert pool.scalar(f"select count(*) from {table}") == 0  # noqa: S608
    assert node.take() == []


UNCUT = "select from private.uncut_ranges where job_id = %s for update"


def test_who_has_cut_one_job_does_not_wait_for_another(pool: Pool) -> None:
    """Two nodes that are served two jobs in different orders would else wait in a circle."""
    pool.configure(chunk_iterations_max=10, chunk_iterations_min=10)
    user = pool.user()
    first, second = user.submit(20, priority="high"), user.submit(20)
    node = pool.node(user)
    node.connection.execute("set lock_timeout to '1s'")
    with pool.admin.transaction():
        pool.admin.execute(UNCUT, (second["id"],))
        chunks = node.take(4)
    assert [chunk["job_id"] for chunk in chunks] == [first["id"]] * 2


def test_who_has_swept_does_not_wait_for_a_cutter(pool: Pool) -> None:
    """It may hold nodes that it woke, and the cutter may be one of them."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    job, node = user.submit(100_000), pool.node(user)
    pool.configure(sweep_period="0 seconds")
    with ThreadPoolExecutor() as executor:
        with pool.admin.transaction():
            pool.admin.execute(UNCUT, (job["id"],))
            assert node.take() == []
            pool.database.connect().execute("update private.settings set sweep_period = '1 hour'")
            future = executor.submit(node.take)
            _wait_until_blocked(pool, future)
        assert len(future.result()) == 1


def test_the_last_two_results_finish_the_job_whoever_commits_first(pool: Pool) -> None:
    """With nothing left to lease, the second completion waits for the first and sees it."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    job = user.submit(20)
    one, other = pool.node(user), pool.node(user)
    (mine,) = one.take()
    (theirs,) = other.take()
    with ThreadPoolExecutor() as executor, one.connection.transaction():
        assert one.outcome(completed(mine)) == "accepted"
        future = executor.submit(other.exchange, [completed(theirs)])
        _wait_until_blocked(pool, future)
    assert future.result()["outcomes"][0]["outcome"] == "accepted"
    assert user.job(job)["status"] == "completed"


def test_two_rivals_that_hand_in_at_once_come_one_after_the_other(pool: Pool) -> None:
    """Though work of the job waits, so that other results would not wait for each other."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(chunk_iterations_min=100, straggler_factor=1, straggler_slack="0 seconds")
    user = pool.user()
    job = user.submit(300)
    slow, idle = pool.node(user), pool.node(user)
    first, other, done = slow.take(3)
    assert slow.outcome(completed(done)) == "accepted"
    idle.exchange(slots=1)
    pool.advance("3 seconds")
    assert pool.scalar("select private.speculate(1)") == 1
    (second,) = pool.messages(f"node:{idle.id}", "chunks")[0]["chunks"]
    assert slow.outcome(released(other)) == "accepted"
    with ThreadPoolExecutor() as executor, slow.connection.transaction():
        assert slow.outcome(completed(first)) == "accepted"
        future = executor.submit(idle.outcome, completed(second))
        _wait_until_blocked(pool, future)
    assert future.result() == "stale"
    assert user.progress(job)["completed_iterations"] == 200


def test_two_jobs_handed_in_crosswise_do_not_deadlock(pool: Pool) -> None:
    """Whatever the order of the items, jobs are locked in one order."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    one, other = pool.node(user), pool.node(user)
    for _ in range(10):
        jobs = [user.submit(20, priority=priority) for priority in ("high", "low")]
        chunks = one.take(1) + other.take(2) + one.take(2)[1:]
        mine, theirs = (
            {c["job_id"]: completed(c) for c in taken}
            for taken in ((chunks[0], chunks[3]), (chunks[1], chunks[2]))
        )
        barrier = threading.Barrier(2)

        def hand_in(node: Node, items: list[Json], barrier: threading.Barrier = barrier) -> Json:
            barrier.wait()
            return node.exchange(items)

        with ThreadPoolExecutor() as executor:
            futures = [
                executor.submit(hand_in, one, [mine[job["id"]] for job in jobs]),
                executor.submit(hand_in, other, [theirs[job["id"]] for job in reversed(jobs)]),
            ]
        for future in futures:
            outcomes = [item["outcome"] for item in future.result()["outcomes"]]
            assert outcomes == ["accepted", "accepted"]
        assert {user.job(job)["status"] for job in jobs} == {"completed"}


def test_cancelling_waits_for_completions_and_then_wins(pool: Pool) -> None:
    """A completion that was first counts; one that comes after is stale."""
    user = pool.user()
    job = user.submit(100_000)
    node, other = pool.node(user), pool.node(user)
    first, second = node.take(2)
    (third,) = other.take()
    node.outcome(completed(first))
    with ThreadPoolExecutor() as executor, node.connection.transaction():
        node.outcome(completed(second))
        future = executor.submit(user.call, "cancel_job", id=job["id"])
        _wait_until_blocked(pool, future)
    assert future.result()["status"] == "cancelled"
    assert future.result()["completed_chunks"] == 2
    assert other.outcome(completed(third)) == "stale"


def test_a_job_that_is_being_cancelled_is_not_leased(pool: Pool) -> None:
    """A cutter skips it instead of waiting."""
    user = pool.user()
    job = user.submit(100_000)
    node = pool.node(user)
    with user.connection.transaction():
        user.call("cancel_job", id=job["id"])
        node.connection.execute("set lock_timeout to '1s'")
        assert node.take() == []


def test_calls_of_one_node_come_one_after_the_other(pool: Pool) -> None:
    """A node that hands in the same result on two connections is counted once."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    twin = pool.connect_node(node.id, user)
    (chunk,) = node.take()
    with ThreadPoolExecutor() as executor:
        futures = [executor.submit(n.outcome, completed(chunk)) for n in (node, twin)]
    assert sorted(future.result() for future in futures) == ["accepted", "duplicate"]
    assert user.progress(job)["completed_iterations"] == chunk["iterations"]


def test_a_heartbeat_knows_what_came_of_the_call_that_it_waited_for(pool: Pool) -> None:
    """It looks when its turn has come: what was handed in runs no more."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    twin = pool.connect_node(node.id, user)
    (chunk,) = node.take()
    running = [chunk["chunk_id"]]
    with ThreadPoolExecutor() as executor:
        with node.connection.transaction():
            node.outcome(completed(chunk))
            node.heartbeat()
            future = executor.submit(twin.heartbeat, running=running)
            _wait_until_blocked(pool, future)
        assert future.result()["cancelled"] == running


def test_a_crowd_of_nodes_finishes_every_job_exactly(pool: Pool) -> None:
    """Eight sessions, failures, and jobs that share nodes: every result is that of one run."""
    pool.configure(chunk_iterations_max=40, fold_size=4, retry_elsewhere_period="0 seconds")
    user = pool.user()
    jobs = [user.submit(3000, seed=i, priority=p) for i, p in enumerate(("low", "normal", "high"))]
    jobs.append(user.submit(3000, target_error=0.04))
    nodes = [pool.node(user) for _ in range(8)]

    def work(index: int) -> None:
        node, calls = nodes[index], 0
        finished: list[Json] = []
        while True:
            chunks = node.exchange(finished, 3)["chunks"]
            calls += 1
            if not chunks and calls > 20:
                return
            finished = [
                failed(chunk) if (calls + index) % 9 == 0 else completed(chunk) for chunk in chunks
            ]

    pool.configure(failures_max=1000, backoff_after=1000)
    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(work, index) for index in range(8)]:
            future.result(PATIENCE)
    for node in nodes:
        node.work()
    for job in jobs:
        row = user.job(job)
        assert row["status"] == "completed"
        whole = result({"seed_offset": 0, "iterations": row["completed_iterations"]})
        assert row["result"]["digest"] == results.digest(whole)
    assert (
        pool.scalar(
            "select count(*) from public.sim_chunks"
            " where status in ('pending', 'claimed', 'running')"
        )
        == 0
    )


def test_a_node_settles_its_own_place_before_it_wakes_others(pool: Pool) -> None:
    """Two waiting nodes that wake each other would else wait for each other."""
    pool.configure(dispatch_nodes_max=0)
    user = pool.user()
    one, other = pool.node(user), pool.node(user)
    for node in (one, other):
        node.exchange(slots=1)
    user.submit(100_000)
    lock = "select from private.idle_nodes where node_id = %s for update nowait"
    with ThreadPoolExecutor() as executor:
        with pool.admin.transaction():
            pool.admin.execute(lock, (one.id,))
            future = executor.submit(one.exchange, [], 1)
            _wait_until_blocked(pool, future)
            pool.database.connect().execute(lock, (other.id,))
        assert len(future.result()["chunks"]) == 1
    assert len(pool.messages(f"node:{other.id}", "chunks")) == 1


def _unregister(pool: Pool) -> Json:
    """Removes the node whose key is `leaving`, in a session of its own."""
    connection = pool.database.connect()
    answer: Json = call(connection, "private.unregister_node", {"public_key": "leaving"})
    return answer


def test_unregistering_waits_for_what_the_node_is_doing(pool: Pool) -> None:
    """A transaction of the node can still change all rows of the node."""
    user = pool.user()
    user.submit(100_000)
    node = pool.node(user, public_key="leaving")
    with ThreadPoolExecutor() as executor:
        with node.connection.transaction():
            assert len(node.take()) == 1
            future = executor.submit(_unregister, pool)
            _wait_until_blocked(pool, future)
            node.heartbeat(version="2.0.0")
        assert future.result() == {"id": node.id}
    assert pool.rows("select from public.nodes where id = %s", node.id) == []


def test_a_heartbeat_takes_the_rows_of_a_node_in_the_order_of_unregistering(pool: Pool) -> None:
    """While its news wait for the row that others see, the node is not removed under it."""
    node = pool.node(public_key="leaving")
    with ThreadPoolExecutor() as executor:
        with pool.admin.transaction():
            pool.admin.execute("select from public.nodes where id = %s for share", (node.id,))
            heartbeat = executor.submit(node.heartbeat, version="2.0.0")
            _wait_until_blocked(pool, heartbeat)
            removal = executor.submit(_unregister, pool)
            _wait_until_blocked(pool, heartbeat, removal)
        assert heartbeat.result()["cancelled"] == []
        assert removal.result() == {"id": node.id}


def test_a_node_that_calls_is_not_abandoned(pool: Pool) -> None:
    """Maintenance leaves it alone instead of waiting for it."""
    node = pool.node()
    pool.advance("1 hour")
    assert pool.scalar("select private.mark_stale_nodes_offline()") == 1
    pool.advance("10 years")
    maintenance = pool.database.connect()
    maintenance.execute("set lock_timeout to '1s'")
    with pool.admin.transaction():
        pool.admin.execute(
            "select from private.node_heartbeats where node_id = %s for update", (node.id,)
        )
        row = maintenance.execute("select private.delete_abandoned_nodes()").fetchone()
        assert row == (0,)
    assert pool.scalar("select private.delete_abandoned_nodes()") == 1


# -- checks ---------------------------------------------------------------------------------


def _checked_pool(pool: Pool) -> tuple[Node, Node, Node]:
    """Three nodes of different owners, each new, so that all of their results are checked."""
    pool.configure(chunk_iterations_max=10, checks_to_trust=1000)
    nodes = pool.node(), pool.node(), pool.node()
    for node in nodes:
        pool.share_with_everybody(node)
    return nodes


def test_opinions_handed_in_crosswise_do_not_deadlock(pool: Pool) -> None:
    """Whatever the order of the items, checks are locked in one order."""
    one, other, third = _checked_pool(pool)
    user = pool.user()
    # with ranges left to lease, so that the job is shared
    job = user.submit(100_000, access_type="public", replication=3)
    one.exchange([completed(chunk) for chunk in one.take(2)])
    first, second = (completed(chunk) for chunk in other.take(2))
    backwards = [completed(chunk) for chunk in reversed(third.take(2))]
    with ThreadPoolExecutor() as executor:
        with other.connection.transaction():
            assert other.outcome(first) == "accepted"
            future = executor.submit(third.exchange, backwards)
            _wait_until_blocked(pool, future)
            assert other.outcome(second) == "accepted"
        assert {item["outcome"] for item in future.result()["outcomes"]} == {"accepted"}
    assert user.progress(job)["completed_chunks"] == 2


def test_one_check_is_leased_once(pool: Pool) -> None:
    """A node that asks while another takes it gets something else, and does not wait."""
    one, other, third = _checked_pool(pool)
    pool.user().submit(10, access_type="public")
    one.outcome(completed(one.take()[0]))
    with other.connection.transaction():
        assert len(other.take()) == 1
        third.connection.execute("set lock_timeout to '1s'")
        assert third.take() == []
    assert third.take() == []


def test_a_result_and_its_opinions_wait_for_each_other_and_count_once(pool: Pool) -> None:
    """The second of three opinions that are handed in at once sees the first."""
    nodes = _checked_pool(pool)
    user = pool.user()
    job = user.submit(10, access_type="public", replication=3)
    one, other, third = nodes
    one.outcome(completed(one.take()[0]))
    (mine,), (theirs,) = other.take(), third.take()
    with ThreadPoolExecutor() as executor, other.connection.transaction():
        assert other.outcome(completed(mine)) == "accepted"
        future = executor.submit(third.exchange, [completed(theirs)])
        _wait_until_blocked(pool, future)
    assert future.result()["outcomes"][0]["outcome"] == "accepted"
    assert user.job(job)["status"] == "completed"


def test_a_crowd_with_a_liar_finishes_every_job_exactly(pool: Pool) -> None:
    """Eight sessions at once, of which one lies: every result is that of one run."""
    pool.configure(
        chunk_iterations_max=40, fold_size=4, checks_to_trust=4, check_probability_min=0.1
    )
    nodes = [pool.node() for _ in range(8)]
    for node in nodes:
        pool.share_with_everybody(node)
    user = pool.user()
    jobs = [user.submit(3000, seed=seed, access_type="public") for seed in range(3)]

    def work(index: int) -> None:
        node, idle = nodes[index], 0
        finished: list[Json] = []
        while idle < 60:
            chunks = node.exchange(finished, 3)["chunks"]
            idle = 0 if chunks or finished else idle + 1
            if idle:
                time.sleep(0.02)
            finished = [
                completed(chunk, result(chunk, invented=1 + chunk["seed_offset"]))
                if index == 0 and chunk["seed_offset"] % 3 == 0
                else completed(chunk)
                for chunk in chunks
            ]

    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(work, index) for index in range(8)]:
            future.result(PATIENCE * 3)
    pool.scalar("select private.purge_distrusted_nodes()")
    for _ in range(20):
        for node in nodes[1:]:
            node.work()
    for job in jobs:
        row = user.job(job)
        assert row["status"] == "completed"
        whole = result({"seed_offset": 0, "iterations": 3000})
        assert row["result"]["digest"] == results.digest(whole)
    assert pool.rows(
        "select node_id::text from private.node_trust where quarantined_at > '-infinity'"
    ) == [(nodes[0].id,)]


def test_two_who_reward_a_job_at_once_reward_it_once(pool: Pool) -> None:
    """The second waits for the first, and finds nothing left to reward."""
    user = pool.user()
    node = pool.node(user)
    # the cost of the config is known, or the second would wait for that
    user.submit(10)
    before = node.work()
    pool.scalar("select private.reward_jobs()")
    job = user.submit(1000)
    done = node.work()
    first, second = pool.database.connect(), pool.database.connect()
    with ThreadPoolExecutor(1) as threads:
        with first.transaction():
            assert call(first, "private.reward_job", {"job_id": job["id"]}) == done
            waiting = threads.submit(call, second, "private.reward_job", {"job_id": job["id"]})
            _wait_until_blocked(pool, waiting)
        assert waiting.result() == 0
    assert pool.scalar("select sum(tasks) from private.unit_tasks") == before + done


def test_two_owners_who_register_a_machine_at_once_do_not_both_get_it(pool: Pool) -> None:
    """The second waits for the first, and is told that the machine is taken."""
    first, second = pool.user(), pool.user()
    with ThreadPoolExecutor(1) as threads:
        with first.connection.transaction():
            register_machine(first)
            waiting = threads.submit(register_machine, second, api_key="key 2")
            _wait_until_blocked(pool, waiting)
        with pytest.raises(psycopg.Error, match="registered elsewhere"):
            waiting.result()
    assert pool.rows("select user_id::text from public.nodes") == [(first.id,)]
