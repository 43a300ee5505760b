"""What nodes show of the speed they claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.db.schema.pool import completed, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool

NOON = "2026-11-21 12:00:00+00"


@pytest.fixture
def timed(pool: Pool) -> Pool:
    """A pool whose leases outlive slow nodes."""
    pool.set_clock(NOON)
    pool.configure(lease_duration="1 hour", node_offline_after="1 hour")
    return pool


def run_chunks(pool: Pool, node: Node, seconds: float, count: int = 5) -> None:
    """Runs chunks of 500 iterations, each in so many seconds."""
    pool.configure(chunk_iterations_min=500, chunk_iterations_max=500)
    node.owner.submit(500 * count)
    for _ in range(count):
        (chunk,) = node.take()
        pool.advance(f"{seconds} seconds")
        events: Json = result(chunk, **{"fight.events": 40 * chunk["iterations"]})
        assert node.outcome(completed(chunk, events)) == "accepted"


def speeds(node: Node) -> Json:
    """What the owner sees of the node."""
    row = node.owner.connection.execute(
        "select to_jsonb(speeds) from public.my_node_speeds() as speeds where node_id = %s",
        (node.id,),
    ).fetchone()
    assert row is not None
    document: Json = row[0]
    return document


def shown(pool: Pool, node: Node) -> tuple[Any, ...]:
    """The claim, what is shown, and whether it is believed, after a measurement."""
    pool.scalar("select private.measure_nodes()")
    seen = speeds(node)
    return (
        seen["claimed_iterations_per_second"],
        seen["shown_iterations_per_second"],
        seen["is_plausible"],
    )


def test_accepted_work_shows_the_speed(timed: Pool) -> None:
    """500 iterations in 5 seconds; the owner sees it beside the claim."""
    node = timed.node(speed=110.0)
    assert shown(timed, node) == (110, None, None)
    run_chunks(timed, node, 5)
    assert shown(timed, node) == (110, 100, True)
    assert (speeds(node)["chunks"], speeds(node)["shown_at"]) == (5, "2026-11-21T12:00:25+00:00")


def test_one_slow_result_does_not_change_the_median(timed: Pool) -> None:
    """A machine may sleep in between."""
    node = timed.node(speed=100.0)
    run_chunks(timed, node, 5, count=6)
    run_chunks(timed, node, 200, count=1)
    assert shown(timed, node) == (100, 100, True)


@pytest.mark.parametrize(
    ("claim", "is_plausible"), [(401, False), (399, True), (26, True), (24, False)]
)
def test_a_claim_far_from_what_is_shown_is_doubted(
    timed: Pool, claim: float, *, is_plausible: bool
) -> None:
    """Four times too much, or too little."""
    node = timed.node(speed=float(claim))
    run_chunks(timed, node, 5)
    assert shown(timed, node) == (claim, 100, is_plausible)
    assert timed.rows("select nodes, measured, doubted from private.network_capability()") == [
        (1, 1, int(not is_plausible))
    ]


def test_too_few_or_too_short_results_show_nothing(timed: Pool) -> None:
    """Nor do results of long ago."""
    few, short, old = timed.node(), timed.node(), timed.node()
    run_chunks(timed, old, 5)
    timed.advance("11 minutes")
    run_chunks(timed, few, 5, count=4)
    run_chunks(timed, short, 0.9)
    assert [shown(timed, node)[1:] for node in (few, short, old)] == [(None, None)] * 3


def test_events_compare_nodes_whatever_they_ran(timed: Pool) -> None:
    """Known when the cost of a config has been measured; it stays known."""
    node = timed.node(speed=100.0)
    run_chunks(timed, node, 5)
    timed.scalar("select private.measure_nodes()")
    assert speeds(node)["events_per_second"] is None
    timed.scalar("select private.reward_jobs()")
    timed.scalar("select private.measure_nodes()")
    assert speeds(node)["events_per_second"] == 4000
    timed.admin.execute("delete from private.config_costs")
    timed.scalar("select private.measure_nodes()")
    assert speeds(node)["events_per_second"] == 4000


def test_owners_see_their_own_nodes_only(timed: Pool) -> None:
    """And a node, or the signed-out, none."""
    node, other = timed.node(), timed.node()
    rows = other.owner.connection.execute("select node_id::text from public.my_node_speeds()")
    assert rows.fetchall() == [(other.id,)]
    for connection in (node.connection, timed.database.connect("anon")):
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("select * from public.my_node_speeds()")
        assert caught.value.sqlstate in {"PT403", "42501"}
