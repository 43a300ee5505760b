"""Jobs as their submitter sees them: progress, words for states, and following one to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from node.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.client import PoolClient

JobStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"completed", "failed", "cancelled"})
COLUMNS = (
    "id,status,config_hash,total_iterations,completed_iterations,total_chunks,completed_chunks,"
    "priority,access_type,seed,target_error,result,error,created_at,started_at,completed_at,"
    "paused_at,deadline_at,engine_version,engine_versions,replication,distrusted_iterations"
)


# Enough to name a job of one user to a person; commands take it, and --json has the whole.
SHORT_ID = 8


def short_id(job: Mapping[str, Any]) -> str:
    """The first characters of a job's id."""
    return str(job["id"])[:SHORT_ID]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `error` is the relative standard error of `mean`, both None at first."""

    job_id: str
    status: JobStatus
    total_iterations: int
    completed_iterations: int = 0
    total_chunks: int = 0
    completed_chunks: int = 0
    mean: float | None = None
    error: float | None = None
    failure: str | None = None
    queue_position: int | None = None  # among the jobs of its user that wait for nodes

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self.status in ENDED

    def merged(self, news: Mapping[str, Any]) -> Progress:
        """This progress with what a push tells; a push that comes late changes nothing."""
        done = int(news.get("completed_iterations") or 0)
        if self.ended or done < self.completed_iterations:
            return self
        return Progress(
            job_id=self.job_id,
            status="running",
            total_iterations=self.total_iterations,
            completed_iterations=done,
            total_chunks=int(news.get("total_chunks") or self.total_chunks),
            completed_chunks=int(news.get("completed_chunks") or self.completed_chunks),
            mean=_number(news.get("mean"), self.mean),
            error=_number(news.get("error"), self.error),
        )


async def job_progress(client: PoolClient, job_id: str) -> Progress:
    """Ask the pool how far a job is."""
    answer = await client.rpc("job_progress", {"id": job_id})
    return Progress(
        job_id=str(answer["id"]),
        status=cast("JobStatus", answer["status"]),
        total_iterations=int(answer["total_iterations"]),
        completed_iterations=int(answer.get("completed_iterations") or 0),
        total_chunks=int(answer.get("total_chunks") or 0),
        completed_chunks=int(answer.get("completed_chunks") or 0),
        mean=_number(answer.get("mean"), None),
        error=_number(answer.get("error"), None),
        failure=_failure(answer.get("failure")),
        queue_position=answer.get("queue_position"),
    )


async def read_job(client: PoolClient, job_id: str) -> dict[str, Any]:
    """The row of a job; raises CommandError where the user has no such job."""
    rows = await client.rows("sim_jobs", id=f"eq.{job_id}", select=COLUMNS)
    if not rows:
        raise CommandError(f"you have no job {job_id}", advice="See: python -m node jobs")
    return rows[0]


def _number(value: Any, otherwise: float | None) -> float | None:
    return otherwise if value is None else float(value)


def _failure(value: Any) -> str | None:
    if isinstance(value, dict):
        return str(value.get("message") or value.get("error") or value)
    return str(value) if value else None
