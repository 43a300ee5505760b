"""Versions of engines and nodes: who runs what, and who is told to update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.db.schema.pool import completed, detail, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool, User

OLD, NEW = "1.4.0", "1.5.0"


def test_versions_are_ordered_as_numbers(pool: Pool) -> None:
    """A pre-release comes before its release; what is no version has no number."""
    rows = pool.rows(
        "select version from unnest(%s::text[]) as versions (version)"
        " order by private.version_number(version) nulls first",
        ["1.10.0", "1.9.12", "2.0.0", "2.0.0-rc.1", "1.9.2+build.7", "0.1", "v1.0.0"],
    )
    ordered = [version for (version,) in rows]
    assert set(ordered[:2]) == {"0.1", "v1.0.0"}
    assert ordered[2:] == ["1.9.2+build.7", "1.9.12", "1.10.0", "2.0.0-rc.1", "2.0.0"]


@pytest.mark.parametrize(
    ("versions", "inside", "outside"),
    [
        ("1.2.0..1.9.9", "1.2.0 1.2.1 1.9.9", "1.1.9 1.9.10 2.0.0"),
        ("1.2.0..", "1.2.0 99.0.0", "1.1.99"),
        ("..1.9.9", "0.0.1 1.9.9", "1.9.10"),
        ("1.2.0", "1.2.0", "1.2.1 1.1.9"),
    ],
)
def test_a_range_of_versions_has_both_its_ends(
    pool: Pool, versions: str, inside: str, outside: str
) -> None:
    """And may be open at one of them."""
    for version in inside.split() + outside.split():
        assert pool.scalar(
            "select private.version_range(%s) @> private.version_number(%s)", versions, version
        ) is (version in inside.split())


@pytest.mark.parametrize(
    "versions", ["", "..", "1.2", "a..b", "2.0.0..1.0.0", "1.0.0..2.0.0..", "1"]
)
def test_what_is_no_range_is_refused(pool: Pool, versions: str) -> None:
    """By the name of the field, with an example."""
    with pytest.raises(psycopg.Error) as refused:
        pool.user().submit(engine_versions=versions)
    assert list(detail(refused.value)["fields"]) == ["engine_versions"]


def test_a_job_is_leased_to_nodes_that_have_a_version_it_accepts(pool: Pool) -> None:
    """Whether they ask for work or wait for it."""
    user = pool.user()
    old, new = pool.node(user), pool.node(user)
    old.heartbeat(engines={"combat": OLD})
    new.heartbeat(engines={"combat": NEW})
    for node in (old, new):
        node.exchange(slots=1)
    user.submit(100, engine_versions=f"{NEW}..")
    assert pool.messages(f"node:{old.id}", "chunks") == []
    (push,) = pool.messages(f"node:{new.id}", "chunks")
    assert push["chunks"][0]["engine_versions"] == f"{NEW}.."
    new.exchange(slots=1, running=[push["chunks"][0]["chunk_id"]])
    user.submit(100, engine_versions=f"..{OLD}")
    assert len(pool.messages(f"node:{new.id}", "chunks")) == 1
    assert len(pool.messages(f"node:{old.id}", "chunks")) == 1


def test_a_node_that_asks_is_given_what_it_can_run(pool: Pool) -> None:
    """A job that it cannot run does not stand in the way of one that it can."""
    user = pool.user()
    user.submit(100, engine_versions=f"{NEW}..", priority="high")
    other = user.submit(100, engine_versions=f"..{OLD}")
    node = pool.node(user)
    node.heartbeat(engines={"combat": OLD})
    (chunk,) = node.take()
    assert chunk["job_id"] == other["id"]


def test_a_node_without_the_engine_gets_nothing(pool: Pool) -> None:
    """It may have others."""
    user = pool.user()
    node = pool.node(user)
    user.submit(100)
    node.heartbeat(engines={"pet_battle": "1.0.0"})
    assert node.take() == []
    node.heartbeat(engines={"pet_battle": "1.0.0", "combat": OLD})
    assert len(node.take()) == 1


def test_the_first_result_keeps_other_versions_away(pool: Pool) -> None:
    """What they would hand in could not be merged with it, so they are not even asked."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    job = user.submit(100)
    old, new = pool.node(user), pool.node(user)
    old.heartbeat(engines={"combat": OLD})
    new.heartbeat(engines={"combat": NEW})
    (chunk,) = new.take()
    (other,) = old.take()
    assert new.outcome(completed(chunk, result(chunk, engine_version=NEW))) == "accepted"
    assert user.job(job)["engine_version"] == NEW
    assert old.exchange(slots=1, running=[other["chunk_id"]])["chunks"] == []
    assert len(new.take()) == 1


def test_a_node_that_does_not_say_serves_jobs_that_do_not_ask(pool: Pool) -> None:
    """Nodes of the first release say nothing of their engines."""
    user = pool.user()
    node = pool.node(user)
    user.submit(100, engine_versions=f"{OLD}..")
    assert node.take() == []
    user.submit(100)
    assert len(node.take()) == 1


def test_a_result_of_a_version_that_the_job_does_not_accept_is_rejected(pool: Pool) -> None:
    """Whatever the node said that it has."""
    user = pool.user()
    job = user.submit(100, engine_versions=f"{NEW}..")
    node = pool.node(user)
    node.heartbeat(engines={"combat": NEW})
    (chunk,) = node.take()
    document = result(chunk, engine_version=OLD)
    assert node.outcome(completed(chunk, document)) == "rejected:engine_version"
    assert user.job(job)["engine_version"] is None


@pytest.mark.parametrize("version", ["latest", "1.0", 1.5, {"major": 1}])
def test_a_result_of_what_is_no_version_is_rejected(pool: Pool, version: Any) -> None:
    """It would bind the job: every result of a node that says its version would be wrong."""
    node = pool.node()
    node.owner.submit(1000)
    bad, good = node.take(2)
    document = {**result(bad), "engine_version": version}
    assert node.outcome(completed(bad, document)) == "rejected:engine_version"
    assert node.outcome(completed(good)) == "accepted"


def _two_owners(pool: Pool) -> tuple[User, Node, Node]:
    """A submitter, and nodes of strangers that nobody believes yet, with different versions."""
    pool.configure(checks_to_trust=10, chunk_iterations_max=10)
    old, new = pool.node(), pool.node()
    for node, version in ((old, OLD), (new, NEW)):
        pool.share_with_everybody(node)
        node.heartbeat(engines={"combat": version}, iterations_per_second=100.0)
    return pool.user(), old, new


def test_nobody_escapes_checks_by_a_version_that_only_they_have(pool: Pool) -> None:
    """They get no more of the job, others run it, and nobody is to blame."""
    user, good, liar = _two_owners(pool)
    job = user.submit(100, access_type="public")
    first, second = liar.take(2)
    (other,) = good.take()
    lie = result(first, engine_version=NEW, lies=1)
    assert liar.outcome(completed(first, lie)) == "rejected:engine_version"
    assert liar.exchange(slots=4, running=[second["chunk_id"]])["chunks"] == []
    assert good.outcome(completed(other, result(other, engine_version=OLD))) == "accepted"
    assert user.job(job)["engine_version"] == OLD
    late = result(second, engine_version=NEW)
    assert liar.outcome(completed(second, late)) == "rejected:engine_version"
    assert pool.scalar("select sum(failures) from private.node_trust") in (None, 0)


def test_a_version_that_another_owner_has_may_decide(pool: Pool) -> None:
    """And so may any where nobody else could run the job, or whoever is believed."""
    user, old, new = _two_owners(pool)
    other = pool.node()
    pool.share_with_everybody(other)
    other.heartbeat(engines={"combat": NEW}, iterations_per_second=100.0)
    job = user.submit(100, access_type="public")
    (chunk,) = new.take()
    assert new.outcome(completed(chunk, result(chunk, engine_version=NEW))) == "accepted"
    assert user.job(job)["engine_version"] == NEW
    own = old.owner.submit(100, access_type="public")
    (chunk,) = old.take()
    assert old.outcome(completed(chunk, result(chunk, engine_version=OLD))) == "accepted"
    assert old.owner.job(own)["engine_version"] == OLD


def test_who_has_another_version_than_the_first_is_not_to_blame(pool: Pool) -> None:
    """It took the range before there was a first result; who says it has that version is."""
    pool.configure(chunk_iterations_max=10)
    user = pool.user()
    user.submit(100)
    new, old, liar = (pool.node(user) for _ in range(3))
    for node, version in ((new, NEW), (old, OLD), (liar, NEW)):
        node.heartbeat(engines={"combat": version})
    chunks = [node.take()[0] for node in (new, old, liar)]
    assert new.outcome(completed(chunks[0], result(chunks[0], engine_version=NEW))) == "accepted"
    for node, chunk in ((old, chunks[1]), (liar, chunks[2])):
        document = result(chunk, engine_version=OLD)
        assert node.outcome(completed(chunk, document)) == "rejected:engine_version"
    assert pool.rows("select node_id::text, failures from private.node_trust") == [(liar.id, 1)]
    assert new.work() > 0


@pytest.mark.parametrize("engines", ["combat", {"combat": 1}, {"combat": "1" * 2000}])
def test_engines_that_are_no_versions_are_refused(pool: Pool, engines: object) -> None:
    """By the name of the field."""
    with pytest.raises(psycopg.Error) as refused:
        pool.node().heartbeat(engines=engines)
    assert list(detail(refused.value)["fields"]) == ["status.engines"]


def test_a_node_that_is_too_old_is_told_and_gets_no_work(pool: Pool) -> None:
    """When it registers, beats or asks; what it has finished already counts."""
    user = pool.user()
    user.submit(1000)
    node = pool.node(user)
    (chunk,) = node.take()
    pool.configure(minimum_node_version="1.0.1")
    assert node.heartbeat(version="1.0.0")["settings"]["required_version"] == "1.0.1"
    answer = node.exchange([completed(chunk)], slots=1)
    assert answer["outcomes"][0]["outcome"] == "accepted"
    assert (answer["chunks"], answer["required_version"]) == ([], "1.0.1")
    assert pool.scalar("select count(*) from private.idle_nodes") == 0
    assert pool.register("key-x", version="0.9.9")["required_version"] == "1.0.1"
    assert pool.register("key-x", version="main")["required_version"] == "1.0.1"
    assert node.heartbeat(version="1.0.1")["settings"]["required_version"] is None
    answer = node.exchange(slots=1)
    assert "required_version" not in answer
    assert len(answer["chunks"]) == 1


def test_a_minimum_that_is_no_version_is_refused(pool: Pool) -> None:
    """When it is written, not when it locks everybody out."""
    with pytest.raises(psycopg.errors.CheckViolation, match="minimum_node_version_is_a_version"):
        pool.configure(minimum_node_version="latest")
