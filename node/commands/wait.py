"""Waiting for a job: its progress live, and its result at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.commands.show import print_result, progress_bar
from node.errors import CommandError
from node.jobs import SHORT_ID, Progress, job_progress, read_job, short_id
from node.watch import follow

if TYPE_CHECKING:
    from node.client import PoolClient
    from node.commands.command import Context


async def finish(context: Context, client: PoolClient, job_id: str) -> int:
    """Show the job until it ends, then its result; raises CommandError where it has none."""
    first = await job_progress(client, job_id)
    with progress_bar(context, "simulating", first.total_iterations) as show:
        last = await follow(client, job_id, lambda now: show(now.completed_iterations, note(now)))
    if last.status == "completed":
        show_job_result(context, await read_job(client, job_id))
        return 0
    raise CommandError(
        f"the job is {last.status}{f': {last.failure}' if last.failure else ''}",
        advice=f"See it with: python -m node jobs {job_id[:SHORT_ID]}",
    )


def note(progress: Progress) -> str:
    """What stands behind the bar: the mean so far and how sure it is."""
    if progress.mean is None:
        return _waits(progress) if progress.status == "pending" else ""
    error = "" if progress.error is None else f" ±{progress.error:.2%}"
    return f"mean {progress.mean:,.0f}{error}"


def _waits(progress: Progress) -> str:
    ahead = (progress.queue_position or 1) - 1
    return f"behind {ahead} of your jobs" if ahead else "waiting for a node"


def show_job_result(context: Context, job: dict[str, Any]) -> None:
    """The result of a job; raises CommandError where it has none yet."""
    document = job.get("result")
    if not document:
        raise CommandError(
            f"the job has no result yet: it is {job['status']}",
            advice=f"Wait for it with: python -m node result {short_id(job)} --wait",
        )
    about = {"job_id": job["id"], "provenance": document.get("provenance")}
    print_result(context, document["result"], about, f"Job {short_id(job)}")
