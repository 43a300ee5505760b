"""Jobs as their submitter sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.client import PoolClient
from node.config import Settings
from node.errors import CommandError
from node.jobs import Progress, job_progress, read_job
from tests.unit.node.terminal import POOL, FakePool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RUNNING = Progress("j1", "running", total_iterations=1000, completed_iterations=500, mean=10.0)


@pytest.fixture
def pool() -> FakePool:
    """The pool that is asked."""
    return FakePool()


@pytest.fixture
async def client(pool: FakePool, tmp_path: Path) -> AsyncIterator[PoolClient]:
    """A client of the fake pool."""
    settings = Settings(url=POOL, data_dir=tmp_path)
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        yield client


def answer(**changes: Any) -> dict[str, Any]:
    """What `job_progress` answers."""
    return {
        "id": "j1",
        "status": "running",
        "total_iterations": 1000,
        "completed_iterations": 250,
        "total_chunks": 4,
        "completed_chunks": 1,
        "mean": 91040.5,
        "error": 0.001,
        "failure": None,
    } | changes


async def test_progress_is_read(pool: FakePool, client: PoolClient) -> None:
    """The answer of the pool becomes a progress."""
    pool.on("POST", "/rest/v1/rpc/job_progress", answer())
    assert await job_progress(client, "j1") == Progress(
        job_id="j1",
        status="running",
        total_iterations=1000,
        completed_iterations=250,
        total_chunks=4,
        completed_chunks=1,
        mean=91040.5,
        error=0.001,
    )
    assert pool.bodies("/rest/v1/rpc/job_progress") == [{"id": "j1"}]


@pytest.mark.parametrize(
    ("failure", "words"),
    [(None, None), ("it broke", "it broke"), ({"message": "it broke", "chunk": 3}, "it broke")],
)
async def test_a_failure_is_told_in_words(
    pool: FakePool, client: PoolClient, failure: Any, words: str | None
) -> None:
    """The reason of a failed job is a sentence, however the pool keeps it."""
    pool.on("POST", "/rest/v1/rpc/job_progress", answer(status="failed", failure=failure))
    progress = await job_progress(client, "j1")
    assert progress.failure == words
    assert progress.ended


def test_a_push_moves_the_progress() -> None:
    """News of a job replace what was known."""
    news = {"completed_iterations": 750, "completed_chunks": 3, "total_chunks": 4, "mean": 11.0}
    assert RUNNING.merged(news) == Progress(
        "j1", "running", 1000, 750, total_chunks=4, completed_chunks=3, mean=11.0
    )


def test_a_late_push_changes_nothing() -> None:
    """Messages may overtake each other: progress never goes back, and an end stays an end."""
    ended = Progress("j1", "completed", 1000, 1000)
    assert RUNNING.merged({"completed_iterations": 400}) is RUNNING
    assert ended.merged({"completed_iterations": 1000}) is ended


async def test_a_job_that_is_not_ours_is_not_there(pool: FakePool, client: PoolClient) -> None:
    """A row that the user may not read is the same as none."""
    pool.on("GET", "/rest/v1/sim_jobs", [])
    with pytest.raises(CommandError, match="you have no job j1"):
        await read_job(client, "j1")
