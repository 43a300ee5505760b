"""A node that hands in wrong results, real process and all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.fleet.members import seen
from tests.e2e.pool import assert_exact

if TYPE_CHECKING:
    from tests.e2e.fleet.members import Fleet

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="package"),
]


async def test_a_liar_is_found_out_and_nothing_of_it_counts(fleet: Fleet) -> None:
    """Its results look right; those who run its ranges too outvote it, and it gets no more work."""
    fleet.pool.set(chunk_duration="300 milliseconds", trusts_own_nodes=False)
    liar = await fleet.add("liar", STRANGE_RESULTS="1")
    waiting = "select from private.idle_nodes where node_id = %s"
    await seen(lambda: bool(fleet.pool.query(waiting, liar.id)), "a liar that waits for work")
    job = await fleet.pool.submit(iterations=6_000, duration=120.0)
    row = await fleet.pool.finished(job)
    assert_exact(job, row)
    ((handed_in, counted),) = fleet.pool.query(
        "select count(*), count(*) filter (where status = 'completed')"
        " from public.sim_chunks where node_id = %s",
        liar.id,
    )
    assert handed_in > 0
    assert counted == 0
    assert liar.id not in {share["node_id"] for share in row["result"]["provenance"]["shares"]}
    quarantined = fleet.pool.query(
        "select node_id::text from private.node_trust where quarantined_at is not null"
    )
    assert quarantined == [(liar.id,)]
    reasons = (await fleet.pool.owner.rpc("explain_node", {"id": liar.id}))["reasons"]
    assert [reason["code"] for reason in reasons] == ["quarantined"]
    await seen(lambda: not liar.is_busy, "an idle liar")
    fleet.members.remove(liar)
    fleet.pool.set(trusts_own_nodes=True)
    fleet.assert_that_the_books_balance()
