"""Handing in chunks and taking others, in one call."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.db.schema.pool import completed, detail, failed, released, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.db.schema.pool import Json, Pool


def test_a_chunk_says_all_that_a_node_needs(pool: Pool) -> None:
    """The answer names the chunk, its config, its range, its seed and its lease."""
    user = pool.user()
    job = user.submit(1000, seed=7)
    (chunk,) = pool.node(user).take()
    assert set(chunk) == {
        "chunk_id",
        "job_id",
        "config_hash",
        "engine",
        "seed",
        "seed_offset",
        "iterations",
        "lease_token",
        "lease_expires_at",
    }
    assert chunk["job_id"] == job["id"]
    assert chunk["config_hash"] == job["config_hash"]
    assert (chunk["engine"], chunk["seed"], chunk["seed_offset"]) == ("combat", 7, 0)


def test_chunks_tile_the_job_without_gap_or_overlap(pool: Pool) -> None:
    """Whoever takes chunks in whatever number, each iteration is in exactly one."""
    user = pool.user()
    job = user.submit(5000)
    nodes = [pool.node(user, speed=speed) for speed in (10.0, 100.0, 1000.0)]
    while sum(node.work(slots, rounds=1) for slots, node in enumerate(nodes, 1)):
        pass
    ranges = pool.rows(
        "select seed_offset, iterations from public.sim_chunks where job_id = %s order by 1",
        job["id"],
    )
    end = 0
    for first, count in ranges:
        assert first == end
        end += count
    assert end == 5000


def test_a_chunk_is_some_seconds_of_the_speed_of_its_node(pool: Pool) -> None:
    """Of a large job, a fast node gets more iterations in a chunk than a slow one."""
    user = pool.user()
    user.submit(10**9)
    slow, fast = pool.node(user, speed=10.0), pool.node(user, speed=5000.0)
    assert slow.take()[0]["iterations"] == 50
    assert fast.take()[0]["iterations"] == 25_000


def test_the_tail_of_a_job_is_cut_finer(pool: Pool) -> None:
    """No worker gets more than half of its share of what is left."""
    user = pool.user()
    user.submit(1000)
    chunks = pool.node(user, speed=1000.0).take(2)
    assert [chunk["iterations"] for chunk in chunks] == [250, 250]


def test_an_exchange_with_nothing_to_do_says_when_to_ask_again(pool: Pool) -> None:
    """The first idle answer asks for one quick second look, the next for the slow rhythm."""
    node = pool.node()
    first, second = node.exchange(slots=1), node.exchange(slots=1)
    assert first == {"outcomes": [], "chunks": [], "cancelled": [], "next_poll_ms": 1000}
    assert second["next_poll_ms"] == 60_000


def test_a_result_is_accepted_once(pool: Pool) -> None:
    """A repeated completion is a duplicate, and counts nothing."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    assert node.outcome(completed(chunk)) == "accepted"
    assert node.outcome(completed(chunk)) == "duplicate"
    assert user.progress(job)["completed_iterations"] == chunk["iterations"]


def test_the_same_completion_twice_in_one_call_is_counted_once(pool: Pool) -> None:
    """The second of two equal items is the duplicate."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    outcomes = node.exchange([completed(chunk), completed(chunk)])["outcomes"]
    assert [outcome["outcome"] for outcome in outcomes] == ["accepted", "duplicate"]


def test_another_result_for_a_completed_chunk_is_rejected(pool: Pool) -> None:
    """A result that differs from the accepted one does not pass for its duplicate."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    node.outcome(completed(chunk))
    other = result(chunk, crits=1)
    assert node.outcome(completed(chunk, other)) == "rejected:different_result"


def test_an_unknown_lease_is_rejected(pool: Pool) -> None:
    """A chunk that never was is answered, not raised."""
    node = pool.node()
    for status in ("completed", "failed", "released"):
        assert node.outcome({**CHUNK, "status": status}) == "rejected:unknown_lease"


def test_a_lease_of_another_node_is_unknown(pool: Pool) -> None:
    """Knowing the token of a lease is not enough: the node has to be the one it belongs to."""
    user = pool.user()
    job = user.submit()
    (chunk,) = pool.node(user).take()
    assert pool.node(user).outcome(completed(chunk)) == "rejected:unknown_lease"
    assert user.progress(job)["completed_iterations"] == 0


def test_a_wrong_token_is_an_unknown_lease(pool: Pool) -> None:
    """A lease is fenced by its token."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    assert node.outcome(completed({**chunk, "lease_token": str(uuid4())})) == (
        "rejected:unknown_lease"
    )


def _set(path: str, value: Any) -> Callable[[Json], None]:
    *parents, last = path.split(".")

    def change(document: Json) -> None:
        for name in parents:
            document = document[name]
        document[last] = value

    return change


def _drop(path: str) -> Callable[[Json], None]:
    *parents, last = path.split(".")

    def change(document: Json) -> None:
        for name in parents:
            document = document[name]
        del document[last]

    return change


DPS = "metrics.dps"


#: what is changed in a right result, and the reason for which it is then rejected
WRONG: Final = (
    (_set("schema", 2), "schema"),
    (_set("engine", "other"), "engine"),
    (_drop("engine_version"), "engine_version"),
    (_set("iterations", 1), "iterations"),
    (_set("iterations", "all"), "iterations"),
    (_set("iterations", "50"), "iterations"),
    (_set("schema", "1"), "schema"),
    (_set("surprise", 1), "unknown_field"),
    (_drop("metrics"), "metrics"),
    (_set("metrics", []), "metrics"),
    (_set("primary", "hps"), "metrics"),
    (_drop("primary"), "metrics"),
    (_set(f"{DPS}.n", 1), "metrics"),
    (_set(f"{DPS}.unit", "furlong"), "metrics"),
    (_set(f"{DPS}.sum", 1), "metrics"),
    (_set(f"{DPS}.sum", "-1"), "metrics"),
    (_set(f"{DPS}.sum", "1e3"), "metrics"),
    (_set(f"{DPS}.sum_squares", "0"), "metrics"),
    (_set(f"{DPS}.sum_squares", str(50 * 6000**2)), "metrics"),
    (_set(f"{DPS}.min", 7000), "metrics"),
    (_set(f"{DPS}.min", str(-(10**30))), "metrics"),
    (_set(f"{DPS}.min", 0.5), "metrics"),
    (_set(f"{DPS}.surprise", 1), "metrics"),
    (_set(f"{DPS}.min_iteration", -1), "range"),
    (_set(f"{DPS}.max_iteration", 10**6), "range"),
    (_set(f"{DPS}.histogram", {}), "histogram"),
    (_set(f"{DPS}.histogram.0", 10**6), "histogram"),
    (_set(f"{DPS}.histogram.0", -1), "histogram"),
    (_set(f"{DPS}.histogram.0", "1"), "histogram"),
    (_set(f"{DPS}.histogram.zero", 1), "histogram"),
    (_set(f"{DPS}.histogram", {str(-(10**30)): 50}), "histogram"),
    (_set("counters", None), "counters"),
    (_set("counters.casts", -1), "counters"),
    (_set("counters.casts", 1.5), "counters"),
    (_set("counters.casts", "12"), "counters"),
    (_set("counters.casts", str(10**30)), "counters"),
    (_set("counters.casts", {}), "counters"),
    (_set("counters", {f"ability.{number}.casts": 1 for number in range(50_000)}), "size"),
    (_set("extremes", None), "extremes"),
    (_set("extremes.shot", 1), "extremes"),
    (_set("extremes.shot.min", -1), "extremes"),
    (_set("extremes.shot.min", 0.5), "extremes"),
    (_set("extremes.shot.min", 10**6), "extremes"),
    (_set("extremes.shot.max", None), "extremes"),
    (_set("extremes.shot.max", str(10**30)), "extremes"),
    (_set("extremes.shot.surprise", 1), "extremes"),
)


def test_a_result_that_cannot_be_right_is_known_by_its_reason(pool: Pool) -> None:
    """Every rule of a result is checked."""
    chunk = {"seed_offset": 0, "iterations": 50}
    for change, reason in WRONG:
        document: Json = copy.deepcopy(result(chunk))
        change(document)
        assert _problem(pool, document) == reason, document
    assert _problem(pool, result(chunk)) is None


def test_results_are_judged_together_as_one_by_one(pool: Pool) -> None:
    """No result that has a problem passes for plain, and none that has none is looked at twice."""
    pool.configure(chunk_iterations_min=50, chunk_iterations_max=50)
    user = pool.user()
    user.submit(1000)
    node = pool.node(user)
    (chunk,) = node.take()
    for change, reason in ((lambda _: None, None), *WRONG):
        document: Json = copy.deepcopy(result(chunk))
        change(document)
        assert pool.rows(
            "select handed_in.is_plain, items.problem"
            " from private.read_finished(%s, %s, true) as handed_in"
            " cross join lateral unnest(handed_in.items) as items",
            node.id,
            Jsonb([completed(chunk, document)]),
        ) == [(reason is None, reason)], document


def test_a_result_that_is_no_object_is_malformed(pool: Pool) -> None:
    """Whatever is handed in as a result, the answer is a reason."""
    documents: tuple[Any, ...] = ([], "text", None, 5)
    assert {_problem(pool, document) for document in documents} == {"malformed"}


def _problem(pool: Pool, document: Any) -> Any:
    return pool.scalar("select private.result_problem(%s, 50, 0, 'combat')", Jsonb(document))


def test_a_rejected_result_counts_nothing_and_costs_the_lease(pool: Pool) -> None:
    """The range is open again, and the chunk says why."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    document = {**result(chunk), "iterations": 1}
    assert node.outcome(completed(chunk, document)) == "rejected:iterations"
    assert user.progress(job)["completed_iterations"] == 0
    assert pool.rows("select failure, error from public.sim_chunks") == [
        ("rejected", "the result was rejected: iterations")
    ]
    assert pool.scalar("select count(*) from private.reopened_ranges") == 1


def test_results_of_one_job_come_from_one_engine_version(pool: Pool) -> None:
    """The first accepted result decides; what another version computed is not merged with it."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    first, second = node.take(2)
    assert node.outcome(completed(first)) == "accepted"
    other = result(second, engine_version="2.0.0")
    assert node.outcome(completed(second, other)) == "rejected:engine_version"


CHUNK: Final = {"chunk_id": str(uuid4()), "lease_token": str(uuid4())}
#: what is not a list of finished chunks, and the field that the refusal names
MALFORMED: Final[tuple[tuple[Any, str], ...]] = (
    ("nothing", "finished"),
    ([1], "finished"),
    ([{**CHUNK, "status": "failed", "surprise": 1}], "finished"),
    ([{**CHUNK, "chunk_id": "x"}], "finished.chunk_id"),
    ([{**CHUNK, "lease_token": 1}], "finished.lease_token"),
    ([CHUNK], "finished.status"),
    ([{**CHUNK, "status": "done"}], "finished.status"),
    ([{**CHUNK, "status": "failed", "retryable": "no"}], "finished.retryable"),
)


def test_a_malformed_exchange_is_refused_whole(pool: Pool) -> None:
    """The refusal names the field, and nothing of the call has happened."""
    node = pool.node()
    before = pool.rows("select * from private.node_heartbeats")
    for finished, field in MALFORMED:
        with pytest.raises(psycopg.Error) as caught:
            node.exchange(finished)
        assert caught.value.sqlstate == "PT400"
        assert detail(caught.value)["code"] == "INVALID_REQUEST"
        assert list(detail(caught.value)["fields"]) == [field]
    for slots in (-1, 1001):
        with pytest.raises(psycopg.Error, match="slots"):
            node.exchange(slots=slots)
    assert pool.rows("select * from private.node_heartbeats") == before


def test_a_lost_push_is_healed_by_the_next_exchange(pool: Pool) -> None:
    """A lease that the node does not know of comes first, within its slots, without a new one."""
    user = pool.user()
    node = pool.node(user)
    node.exchange(slots=2)
    user.submit()
    answer = node.exchange(slots=2)
    pushed = pool.messages(f"node:{node.id}", "chunks")[0]["chunks"]
    assert answer["chunks"] == pushed
    assert pool.scalar("select count(*) from public.sim_chunks") == len(pushed)


def test_a_chunk_that_runs_is_not_sent_again(pool: Pool) -> None:
    """What the node says it holds is marked as running and left alone."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    answer = node.exchange(slots=1, running=[chunk["chunk_id"]])
    assert chunk["chunk_id"] not in [other["chunk_id"] for other in answer["chunks"]]
    assert pool.scalar("select status from public.sim_chunks where id = %s", chunk["chunk_id"]) == (
        "running"
    )


def test_a_restarted_node_gets_its_leases_back(pool: Pool) -> None:
    """A node that remembers nothing is sent what it holds."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    chunks = node.take(2)
    answer = node.exchange(slots=2)
    assert answer["chunks"] == chunks


def test_chunks_that_are_no_longer_its_own_come_back_as_cancelled(pool: Pool) -> None:
    """A node that still runs a chunk of a cancelled job is told to drop it."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    user.call("cancel_job", id=job["id"])
    assert node.exchange(running=[chunk["chunk_id"]])["cancelled"] == [chunk["chunk_id"]]
    assert node.heartbeat(running=[chunk["chunk_id"]])["cancelled"] == [chunk["chunk_id"]]


def test_a_heartbeat_tells_what_is_lost_from_what_runs(pool: Pool) -> None:
    """However often its node says either."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    first, second = node.take(2)
    node.outcome(completed(first))
    lost, held = first["chunk_id"], second["chunk_id"]
    assert node.heartbeat(running=[held, held])["cancelled"] == []
    assert node.heartbeat(running=[held, lost])["cancelled"] == [lost]


def test_a_paused_node_gets_nothing_new(pool: Pool) -> None:
    """A paused node may still hand in what it has."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    user.call("update_node_settings", node_id=node.id, paused=True)
    answer = node.exchange([completed(chunk)], slots=4)
    assert answer["outcomes"][0]["outcome"] == "accepted"
    assert answer["chunks"] == []


def test_a_released_chunk_is_leased_again_at_once(pool: Pool) -> None:
    """Giving back is nobody's fault: the same node may take it again."""
    user = pool.user()
    user.submit()
    node = pool.node(user)
    (chunk,) = node.take()
    assert node.outcome(released(chunk)) == "accepted"
    assert node.outcome(released(chunk)) == "duplicate"
    (again,) = node.take()
    assert (again["seed_offset"], again["iterations"]) == (0, chunk["iterations"])
    assert again["chunk_id"] != chunk["chunk_id"]


def test_a_result_of_an_ended_job_is_stale(pool: Pool) -> None:
    """Nothing is left to do with it, and nothing is wrong with it."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    first, second = node.take(2)
    user.call("cancel_job", id=job["id"])
    assert node.outcome(completed(first)) == "stale"
    assert node.outcome(failed(second)) == "stale"


def test_an_unclaimed_node_is_refused(pool: Pool) -> None:
    """A pending node has a token, but no work."""
    node = pool.connect_node(pool.register()["id"], pool.user())
    for call in (node.exchange, node.heartbeat):
        with pytest.raises(psycopg.Error, match="not claimed") as caught:
            call()
        assert caught.value.sqlstate == "PT403"


def test_a_node_that_was_removed_is_refused(pool: Pool) -> None:
    """A token outlives its node, its rights do not."""
    node = pool.connect_node(str(uuid4()), pool.user())
    for call in (node.exchange, node.heartbeat):
        with pytest.raises(psycopg.Error, match="not registered") as caught:
            call()
        assert caught.value.sqlstate == "PT401"


def test_a_user_is_no_node(pool: Pool) -> None:
    """The functions of nodes refuse users."""
    user = pool.user()
    with pytest.raises(psycopg.Error, match="Only a node") as caught:
        user.connection.execute("select public.exchange_chunks('[]', 1)")
    assert caught.value.sqlstate == "PT403"
