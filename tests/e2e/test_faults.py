"""Whatever breaks, the job ends, and its result is bit for bit that of a single process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.e2e.pool import assert_exact

if TYPE_CHECKING:
    from tests.e2e.pool import Pool

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(600)]

#: leases this short let a dead node be noticed within the patience of a test
QUICK = {"heartbeat_period": "1 second", "lease_duration": "3 seconds"}
QUICK_FLAGS = ("--heartbeat-interval", "1", "--poll-interval", "2")


async def test_a_node_killed_in_mid_chunk_loses_nothing(pool: Pool) -> None:
    """A node that dies without a word has its ranges run by another."""
    pool.set(**QUICK, chunk_duration="2 seconds")
    victim, _survivor = await pool.start_nodes("victim", "survivor", flags=QUICK_FLAGS)
    job = await pool.submit(iterations=pool.work(seconds=5))
    await victim.wait_for_event("chunk_started")
    victim.process.kill()
    row = await pool.finished(job)
    assert_exact(job, row)
    assert pool.query("select count(*) from public.sim_chunks where attempt > 1")[0][0] >= 1


async def test_a_cut_realtime_connection_costs_time_only(pool: Pool) -> None:
    """While Realtime refuses every connection for a minute, the nodes poll."""
    await pool.start_nodes("alder", "birch", flags=QUICK_FLAGS)
    await pool.make_trouble(refuse_seconds=60)
    job = await pool.submit(iterations=pool.work(seconds=3))
    assert_exact(job, await pool.finished(job))


async def test_dropped_wake_ups_cost_time_only(pool: Pool) -> None:
    """A pool whose every push is lost still runs the job."""
    await pool.make_trouble(drop_messages=1.0)
    await pool.start_nodes("alder", "birch", flags=QUICK_FLAGS)
    job = await pool.submit(iterations=pool.work(seconds=3))
    assert_exact(job, await pool.finished(job))


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_postgres_restart_in_mid_job_loses_nothing(pool: Pool, mode: str) -> None:
    """Nodes keep what they have finished until the database is back."""
    pool.set(**QUICK, chunk_duration="1 second")
    await pool.start_nodes("alder", "birch", flags=QUICK_FLAGS)
    job = await pool.submit(iterations=pool.work(seconds=5))
    await pool.until(job, completed_iterations=1)
    await pool.stack.restart_postgres(mode)  # type: ignore[arg-type]
    assert_exact(job, await pool.finished(job))


async def test_a_drained_node_hands_its_work_back(pool: Pool) -> None:
    """A node asked to stop ends by itself with exit code 0, and another finishes the job."""
    leaver, _stayer = await pool.start_nodes("leaver", "stayer", flags=QUICK_FLAGS)
    job = await pool.submit(iterations=pool.work(seconds=6))
    await leaver.wait_for_event("chunk_started")
    code, row = await asyncio.gather(leaver.stop(), pool.finished(job))
    assert code == 0
    assert_exact(job, row)


async def test_a_completion_sent_twice_counts_once(pool: Pool) -> None:
    """What a node has handed in is sent again over the wire, with the node's own key."""
    pool.set(chunk_duration="1 second")
    node = await pool.start_node("alder")
    job = await pool.submit(iterations=pool.work(seconds=4))
    await node.wait_for_event("chunk_accepted")
    assert await pool.hand_in_again(node) == "duplicate"
    row = await pool.finished(job)
    assert await pool.hand_in_again(node) == "duplicate"
    assert_exact(job, row)
    assert (await pool.finished(job))["result"] == row["result"]
