"""Submitting, pausing, cancelling, retrying."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.pool import CONFIG, completed, detail, released

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool


def test_a_submit_answers_the_job(pool: Pool) -> None:
    """With the hash of the exact text, and the seed that it will run with."""
    user = pool.user()
    job = user.submit(1000, seed=5)
    assert job["config_hash"] == hashlib.sha256(CONFIG.encode()).hexdigest()
    assert (job["status"], job["total_iterations"], job["seed"]) == ("pending", 1000, 5)
    assert job["repeated"] is False


def test_a_job_without_a_seed_gets_a_random_one(pool: Pool) -> None:
    """Not negative, different each time, and exact in every JSON reader."""
    user = pool.user()
    seeds = {user.submit()["seed"] for _ in range(10)}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**53 for seed in seeds)


def test_a_submit_is_one_row_whatever_its_iterations(pool: Pool) -> None:
    """No chunk exists before a node takes it."""
    user = pool.user()
    user.submit(10**9)
    assert pool.scalar("select count(*) from public.sim_chunks") == 0
    assert pool.scalar("select count(*) from private.uncut_ranges") == 16
    assert pool.scalar("select sum(end_iteration - first_iteration) from private.uncut_ranges") == (
        10**9
    )


def test_a_repeated_submit_answers_the_first_job(pool: Pool) -> None:
    """The key is the user's own: another user's is another job."""
    one, other = pool.user(), pool.user()
    first = one.submit(idempotency_key="a")
    assert one.submit(idempotency_key="a") == {**first, "repeated": True}
    assert other.submit(idempotency_key="a")["id"] != first["id"]
    assert one.submit(idempotency_key="b")["id"] != first["id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("config_json", '{"engine":"combat","schema":2}'),
        ("iterations", 2000),
        ("seed", 8),
        ("priority", "high"),
        ("access_type", "public"),
        ("target_error", 0.5),
        ("engine_versions", "1.0.0.."),
        ("replication", 3),
    ],
)
def test_a_key_is_not_reused_for_another_job(pool: Pool, field: str, value: Any) -> None:
    """The refusal names the job that has it."""
    user = pool.user()
    job = user.submit(1000, idempotency_key="a", seed=7)
    with pytest.raises(psycopg.Error, match="another job") as caught:
        user.submit(**{"iterations": 1000, "idempotency_key": "a", "seed": 7, field: value})
    assert caught.value.sqlstate == "PT409"
    assert detail(caught.value) == {"code": "CONFLICT", "job_id": job["id"]}


#: a field of a submit, and what it must not be
WRONG: Final[tuple[tuple[str, Any], ...]] = (
    ("iterations", 0),
    ("iterations", 10**9 + 1),
    ("iterations", None),
    ("config_json", "{"),
    ("config_json", "[]"),
    ("config_json", "{}"),
    ("config_json", None),
    ("config_json", '{"engine":1}'),
    ("config_json", '{"engine":""}'),
    ("config_json", '{"engine":"a\\u0000"}'),
    ("config_json", '{"engine":"' + "a" * (1 << 20) + '"}'),
    ("config_json", '{"engine":"a","deep":' + "[" * 100_000 + "]" * 100_000 + "}"),
    ("seed", -1),
    ("priority", "urgent"),
    ("access_type", "everybody"),
    ("target_error", 0.0),
    ("target_error", 1.0),
    ("target_error", "NaN"),
    ("deadline_at", "2020-01-01"),
    ("idempotency_key", ""),
)


def test_a_submit_out_of_bounds_is_refused(pool: Pool) -> None:
    """The refusal names the field, and nothing is stored."""
    user = pool.user()
    for field, value in WRONG:
        with pytest.raises(psycopg.Error) as caught:
            user.submit(**{field: value})
        assert caught.value.sqlstate == "PT400"
        assert list(detail(caught.value)["fields"]) == [field]
    assert pool.scalar("select count(*) from public.sim_configs") == 0
    assert pool.scalar("select count(*) from public.sim_jobs") == 0


def test_a_config_may_name_a_rotation_that_its_user_may_read(pool: Pool) -> None:
    """Own or public; a stranger's private one is as absent as none."""
    owner, stranger = pool.user(), pool.user()
    saved = owner.call("save_rotation", slug="st", name="Single target", script="{}")
    config = '{"engine":"combat","rotation":{"checksum":"' + saved["checksum"] + '"}}'
    assert owner.submit(config_json=config)["status"] == "pending"
    with pytest.raises(psycopg.Error, match="rotation") as caught:
        stranger.submit(config_json=config)
    assert caught.value.sqlstate == "PT404"
    owner.call("save_rotation", slug="st", name="Single target", script="{}", is_public=True)
    assert stranger.submit(config_json=config)["status"] == "pending"


def test_a_rotation_keeps_every_version(pool: Pool) -> None:
    """The same script again is no new version."""
    user = pool.user()
    versions = [
        user.call("save_rotation", slug="st", name="Single target", script=script)
        for script in ("one", "two", "two")
    ]
    assert [version["current_version"] for version in versions] == [1, 2, 2]
    assert versions[1]["checksum"] == hashlib.sha256(b"two").hexdigest()
    assert pool.scalar("select count(*) from public.rotation_versions") == 2


def test_a_config_never_changes(pool: Pool) -> None:
    """Not even for the owner of the database."""
    pool.user().submit()
    with pytest.raises(psycopg.Error, match="never changes"):
        pool.admin.execute("update public.sim_configs set config_json = '{}'")


def test_a_hash_is_that_of_its_text(pool: Pool) -> None:
    """A row that lies about its hash cannot exist."""
    with pytest.raises(psycopg.errors.CheckViolation, match="hash_is_the_sha256"):
        pool.admin.execute(
            "insert into public.sim_configs (hash, config_json) values ('0', %s)", (CONFIG,)
        )


def test_cancelling_stops_the_nodes(pool: Pool) -> None:
    """They are told which chunks to drop; cancelling again changes nothing."""
    user = pool.user()
    job = user.submit()
    node = pool.node(user)
    chunks = node.take(2)
    answer = user.call("cancel_job", id=job["id"])
    assert answer["status"] == "cancelled"
    (message,) = pool.messages(f"node:{node.id}", "cancel")
    assert sorted(message["chunk_ids"]) == sorted(chunk["chunk_id"] for chunk in chunks)
    assert user.call("cancel_job", id=job["id"]) == answer
    assert node.take() == []


def test_a_cancelled_job_can_be_run_on(pool: Pool) -> None:
    """Its completed chunks are not run again."""
    user = pool.user()
    job = user.submit(1000)
    node = pool.node(user)
    first, _ = node.take(2)
    node.outcome(completed(first))
    user.call("cancel_job", id=job["id"])
    user.call("retry_job", id=job["id"])
    node.work()
    assert user.job(job)["status"] == "completed"
    assert pool.scalar("select count(*) from public.sim_chunks where seed_offset = 0") == 1


def test_a_retry_may_be_repeated(pool: Pool) -> None:
    """Whoever lost the first answer gets the job as it is; a job that never stopped is refused."""
    user = pool.user()
    job = user.submit(1000)
    with pytest.raises(psycopg.Error, match="only a failed or cancelled one"):
        user.call("retry_job", id=job["id"])
    user.call("cancel_job", id=job["id"])
    first = user.call("retry_job", id=job["id"])
    assert user.call("retry_job", id=job["id"]) == first
    assert pool.scalar("select count(*) from private.open_jobs") == 1


def test_a_pause_stops_the_nodes_at_once(pool: Pool) -> None:
    """They are told which chunks to drop, and none gets more of the job; what is done counts."""
    user = pool.user()
    job = user.submit(1000)
    node = pool.node(user)
    first, second = node.take(2)
    node.outcome(completed(first))
    answer = user.call("pause_job", id=job["id"])
    assert answer["status"] == "running"
    assert answer["paused_at"] is not None
    assert answer["completed_iterations"] == first["iterations"]
    assert pool.messages(f"node:{node.id}", "cancel") == [{"chunk_ids": [second["chunk_id"]]}]
    assert node.heartbeat(running=[second["chunk_id"]])["cancelled"] == [second["chunk_id"]]
    assert node.take() == []


def test_a_resumed_job_runs_on(pool: Pool) -> None:
    """Waiting nodes get it by push, and only what is missing is run."""
    user = pool.user()
    job = user.submit(1000)
    node = pool.node(user)
    first, second = node.take(2)
    node.outcome(completed(first))
    user.call("pause_job", id=job["id"])
    node.exchange(slots=1)
    answer = user.call("resume_job", id=job["id"])
    assert answer["paused_at"] is None
    (push,) = pool.messages(f"node:{node.id}", "chunks")
    assert push["chunks"][0]["seed_offset"] == second["seed_offset"]
    node.exchange([completed(chunk) for chunk in push["chunks"]])
    node.work()
    assert user.job(job)["status"] == "completed"
    assert pool.scalar("select count(*) from public.sim_chunks where seed_offset = 0") == 1


def test_pausing_and_resuming_may_be_repeated(pool: Pool) -> None:
    """The second call of each changes nothing and answers the same."""
    user = pool.user()
    job = user.submit(1000)
    for function, jobs in (("pause_job", 0), ("resume_job", 1)):
        first = user.call(function, id=job["id"])
        assert user.call(function, id=job["id"]) == first
        assert pool.scalar("select count(*) from private.open_jobs") == jobs


def test_what_a_node_finished_before_the_pause_counts(pool: Pool) -> None:
    """Even when it hands it in later, and even when that is the end of the job."""
    user = pool.user()
    job = user.submit(10)
    node = pool.node(user)
    (chunk,) = node.take()
    user.call("pause_job", id=job["id"])
    assert node.outcome(completed(chunk)) == "accepted"
    row = user.job(job)
    assert (row["status"], row["paused_at"]) == ("completed", None)


def test_a_lease_that_ends_does_not_offer_a_paused_job(pool: Pool) -> None:
    """A node that gives back what it never heard was taken from it changes nothing."""
    user = pool.user()
    job = user.submit(1000)
    node = pool.node(user)
    (chunk,) = node.take()
    user.call("pause_job", id=job["id"])
    assert node.outcome(released(chunk)) == "duplicate"
    assert node.take() == []
    # as when results of a node that is no longer believed are taken back
    pool.admin.execute("select private.open_job(%s)", (job["id"],))
    assert node.take() == []
    user.call("cancel_job", id=job["id"])
    assert user.job(job)["paused_at"] is None


def test_a_passed_deadline_stops_the_nodes_within_seconds(pool: Pool) -> None:
    """The next sign of life of any node finds it, paused or not; cron is not waited for."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    jobs = [user.submit(1000, deadline_at="2026-11-21 12:01:00+00") for _ in range(2)]
    node = pool.node(user)
    (chunk,) = node.take()
    user.call("pause_job", id=jobs[1]["id"])
    pool.advance("61 seconds")
    pool.node().heartbeat()
    for job in jobs:
        assert user.job(job)["error"] == "the deadline passed"
    assert pool.messages(f"node:{node.id}", "cancel") == [{"chunk_ids": [chunk["chunk_id"]]}]


def test_who_finds_a_passed_deadline_is_told_at_once(pool: Pool) -> None:
    """The heartbeat that ends the job answers what its own node may drop."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    user.submit(1000, deadline_at="2026-11-21 12:01:00+00")
    node = pool.node(user)
    running = [chunk["chunk_id"] for chunk in node.take()]
    assert node.heartbeat(running=running)["cancelled"] == []
    pool.advance("61 seconds")
    assert node.heartbeat(running=running)["cancelled"] == running


def test_a_finished_job_is_final(pool: Pool) -> None:
    """It is not cancelled, paused, resumed or retried."""
    user = pool.user()
    job = user.submit(10)
    pool.node(user).work()
    for function in ("cancel_job", "pause_job", "resume_job", "retry_job"):
        with pytest.raises(psycopg.Error, match="completed") as caught:
            user.call(function, id=job["id"])
        assert caught.value.sqlstate == "PT409"


def test_a_job_of_another_user_does_not_exist(pool: Pool) -> None:
    """Not even to be refused."""
    job, other = pool.user().submit(), pool.user()
    for function in ("cancel_job", "pause_job", "resume_job", "retry_job", "job_progress"):
        with pytest.raises(psycopg.Error, match="no such job") as caught:
            other.call(function, id=job["id"])
        assert caught.value.sqlstate == "PT404"


def test_a_node_cannot_act_as_a_user(pool: Pool) -> None:
    """Its token names a node."""
    node = pool.node()
    with pytest.raises(psycopg.Error, match="not a node") as caught:
        node.connection.execute('select public.submit_job(\'{"engine":"x"}\', 1)')
    assert caught.value.sqlstate == "PT403"
