"""What a user decides reaches the kernels that run; what they have done is not done again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from local.node_process import NODE_COMMAND, environment
from node.engine import get_engine
from node.engine.results import digest, merge, statistics
from tests.e2e.fleet.members import seen
from tests.e2e.pool import SPEC, Job, assert_exact

if TYPE_CHECKING:
    from tests.e2e.fleet.members import Fleet

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="package"),
]

#: chunks this long do not end by themselves while a test waits
ENDLESS: Final[dict[str, Any]] = {"iterations": 50_000_000, "duration": 600.0}
SECONDS = 8.0


async def _command(fleet: Fleet, *words: str) -> Any:
    """Run a command of the command line as the owner; its JSON."""
    pool = fleet.pool
    process = await asyncio.create_subprocess_exec(
        *NODE_COMMAND,
        *words,
        "--json",
        env=environment(pool.stack, pool.directory, pool.cache),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


async def _is_running(fleet: Fleet) -> None:
    await seen(lambda: all(member.is_busy for member in fleet.members), "all nodes at work")


async def _has_stopped(fleet: Fleet) -> None:
    idle = "kernels stopped long before their chunks end"
    await seen(lambda: not any(member.is_busy for member in fleet.members), idle, SECONDS)
    assert fleet.leases() == 0


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (0.0, ("pause_job", "resume_job", "cancel_job", "retry_job", "cancel_job")),
        (1.0, ("pause_job", "resume_job", "cancel_job")),
    ],
    ids=["by push", "by heartbeat"],
)
async def test_a_users_word_reaches_running_kernels_within_seconds(
    fleet: Fleet, lost: float, words: tuple[str, ...]
) -> None:
    """By push, and where every push is lost by the next heartbeat."""
    fleet.pool.set(chunk_duration="60 seconds")
    await fleet.pool.make_trouble(drop_messages=lost)
    job = await fleet.pool.submit(**ENDLESS)
    await _is_running(fleet)
    for word in words:
        await fleet.pool.owner.rpc(word, {"id": job.id})
        await (_is_running if word in {"resume_job", "retry_job"} else _has_stopped)(fleet)
    await fleet.pool.make_trouble(drop_messages=0.0)


async def test_a_deadline_stops_running_kernels_within_seconds(fleet: Fleet) -> None:
    """Nobody has to say it: the nodes' own signs of life find it."""
    fleet.pool.set(chunk_duration="60 seconds")
    deadline = datetime.now(UTC) + timedelta(seconds=3)
    job = await fleet.pool.submit(**ENDLESS, deadline_at=deadline.isoformat())
    await _is_running(fleet)
    await asyncio.sleep(max(0.0, (deadline - datetime.now(UTC)).total_seconds()))
    await _has_stopped(fleet)
    assert (await fleet.pool.finished(job))["error"] == "the deadline passed"


async def test_a_job_that_was_stopped_runs_only_what_is_missing(fleet: Fleet) -> None:
    """Cancelled and rerun from the command line; what was completed before stays as it is."""
    fleet.pool.set(chunk_duration="300 milliseconds")
    job = await fleet.pool.submit(iterations=20_000, duration=120.0)
    await fleet.pool.until(job, completed_iterations=1)
    await fleet.pool.owner.rpc("pause_job", {"id": job.id})
    kept = set(_completed(fleet, job))
    assert kept
    assert (await _command(fleet, "jobs", job.id[:8], "--pause"))["paused_at"]
    assert (await _command(fleet, "jobs", "last", "--cancel"))["status"] == "cancelled"
    assert (await _command(fleet, "jobs", job.id, "--retry"))["status"] != "cancelled"
    row = await fleet.pool.finished(job)
    assert_exact(job, row)
    assert kept <= set(_completed(fleet, job))
    shares = row["result"]["provenance"]["shares"]
    assert {share["node_id"] for share in shares} <= {member.id for member in fleet.members}
    assert sum(share["iterations"] for share in shares) == job.iterations
    fleet.assert_that_the_books_balance()


def _completed(fleet: Fleet, job: Job) -> list[str]:
    rows = fleet.pool.query(
        "select id::text from public.sim_chunks where job_id = %s and status = 'completed'", job.id
    )
    return [chunk_id for (chunk_id,) in rows]


async def test_a_job_stops_at_its_target_error_wherever_it_is_run(fleet: Fleet) -> None:
    """Twice from the command line, in pieces of other sizes: the digest of one process alone."""
    target, iterations, seed = 0.004, 20_000, 5
    options = ("--duration", "60", "-n", str(iterations), "--seed", str(seed))
    found = []
    for size in ("300 milliseconds", "1200 milliseconds"):
        fleet.pool.set(chunk_duration=size)
        words = ("submit", SPEC, *options, "--target-error", str(target), "--wait")
        found.append(await _command(fleet, *words))
    rows = await fleet.pool.owner.rows(
        "sim_jobs", target_error="not.is.null", select="config_hash,result"
    )
    assert len(rows) == 2
    (config,) = fleet.pool.query(
        "select config from public.sim_configs where hash = %s", rows[0]["config_hash"]
    )
    expected = _first_checkpoint(config[0], iterations, seed, target)
    assert {row["result"]["digest"] for row in rows} == {digest(expected)}
    assert expected["iterations"] < iterations
    for document in found:
        assert document["provenance"]["nodes"] >= 1
    fleet.assert_that_the_books_balance()


def _first_checkpoint(
    config: dict[str, Any], iterations: int, seed: int, target: float
) -> dict[str, Any]:
    """The result up to the first twentieth at which the error is small enough, by this process."""
    engine = get_engine("combat")
    plan = engine.prepare(config)
    distance = max(1000, (iterations + 19) // 20)
    total: dict[str, Any] | None = None
    for first in range(0, iterations, distance):
        piece = engine.run(plan, seed, first, min(distance, iterations - first), lambda: False)
        assert piece is not None
        total = piece if total is None else merge(total, piece)
        metric = statistics(total)["metrics"][total["primary"]]
        if metric["standard_error"] / metric["mean"] <= target:
            break
    assert total is not None
    return total
