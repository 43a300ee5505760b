"""From an empty machine to an exact result, across every seam."""

from __future__ import annotations

import pytest

from tests.e2e.pool import Pool, assert_exact

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(600)]


async def test_register_claim_run_result(pool: Pool) -> None:
    """Two nodes of one owner run one job together, each doing a part of it."""
    pool.set(chunk_duration="500 milliseconds")
    nodes = await pool.start_nodes("alder", "birch")
    job = await pool.submit(iterations=pool.work(seconds=3))
    row = await pool.finished(job)
    assert_exact(job, row)
    workers = {node for (node,) in pool.query("select node_id::text from public.sim_chunks")}
    assert workers == {node.events[-1]["node_id"] for node in nodes}


async def test_the_result_holds_what_a_reader_needs(pool: Pool) -> None:
    """Statistics in presented units, and where the result comes from."""
    await pool.start_node("alder")
    job = await pool.submit(iterations=2_000, duration=60.0)
    row = await pool.finished(job)
    dps = row["result"]["statistics"]["metrics"]["dps"]
    assert dps["confidence_low"] < dps["mean"] < dps["confidence_high"]
    assert dps["minimum"] <= dps["percentiles"]["50"] <= dps["maximum"]
    provenance = row["result"]["provenance"]
    assert provenance["engine"] == "combat"
    assert provenance["seed"] == job.seed
    assert provenance["config_hash"] == row["config_hash"]


async def test_a_repeated_submit_is_one_job(pool: Pool) -> None:
    """An idempotency key makes the second submit return the first job."""
    first = await pool.submit(iterations=1_000, idempotency_key="once")
    again = await pool.submit(iterations=1_000, idempotency_key="once")
    assert again.id == first.id
    assert pool.query("select count(*) from public.sim_jobs")[0][0] == 1


async def test_a_job_waits_for_its_first_node(pool: Pool) -> None:
    """A job submitted to an empty pool runs when a node appears."""
    job = await pool.submit(iterations=2_000)
    assert (await pool.progress(job))["status"] == "pending"
    await pool.start_node("late")
    assert_exact(job, await pool.finished(job))
