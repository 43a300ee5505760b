"""`jobs`: list your jobs, show one, pause, resume or cancel it, or run what is missing of it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from node.amounts import age, duration, unix_seconds
from node.commands.command import Argument, Command, Context, signed_in
from node.commands.wait import show_job_result
from node.errors import CommandError, ConfigurationError
from node.jobs import read_job, short_id
from node.options import Option, switch, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.client import PoolClient

LIST_COLUMNS = (
    "id,status,total_iterations,completed_iterations,priority,error,created_at,completed_at,"
    "paused_at"
)
COLORS = {
    "completed": "green",
    "running": "cyan",
    "pending": "yellow",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "dim",
}
VERBS = ("cancel", "pause", "resume", "retry")
LONGEST_LIST = 1000
NIL = UUID(int=0)
IDENTIFIER = re.compile(r"[0-9a-f-]{4,36}")


def run(context: Context) -> int:
    """Show the newest jobs, or one of them."""
    return asyncio.run(_jobs(context))


async def _jobs(context: Context) -> int:
    values = context.values
    async with signed_in(context) as client:
        if not values["id"]:
            if values["why"] or any(values[verb] for verb in VERBS):
                raise ConfigurationError("which job? Give its id behind `jobs`")
            _show_list(context, await _newest(client, values["limit"]))
            return 0
        if values["why"]:
            _show_reasons(context, await _explanation(client, values["id"]))
            return 0
        job_id = await find_job(client, values["id"])
        for verb in VERBS:
            if values[verb]:
                await client.rpc(f"{verb}_job", {"id": job_id})
        job = await read_job(client, job_id)
        _show_one(context, job, await client.rpc("explain_job", {"id": job_id}))
    return 0


async def find_job(client: PoolClient, words: str) -> str:
    """The whole id of a job of the user; its first characters are enough, and so is `last`."""
    wanted = words.lower()
    if wanted == "last":
        newest = await _newest(client, 1)
        if not newest:
            raise CommandError("you have no jobs", advice="Send one: python -m node submit")
        return str(newest[0]["id"])
    if not IDENTIFIER.fullmatch(wanted):
        raise ConfigurationError(f"{words!r} is not the id of a job")
    if len(wanted) == len(str(NIL)):
        return wanted
    known = [str(job["id"]) for job in await _newest(client, LONGEST_LIST)]
    matches = [one for one in known if one.startswith(wanted)]
    if len(matches) != 1:
        found = "no job of yours begins" if not matches else f"{len(matches)} jobs of yours begin"
        raise CommandError(f"{found} with {wanted}", advice="See: python -m node jobs")
    return matches[0]


async def _explanation(client: PoolClient, words: str) -> dict[str, Any]:
    """Why a node with this name or id, or a job, is where it is."""
    nodes = await client.rows("nodes", select="id,name")
    found = [node["id"] for node in nodes if words in {node["name"], node["id"]}]
    if len(found) == 1:
        answer = await client.rpc("explain_node", {"id": found[0]})
    else:
        answer = await client.rpc("explain_job", {"id": await find_job(client, words)})
    return cast("dict[str, Any]", answer)


async def _newest(client: PoolClient, limit: int) -> list[dict[str, Any]]:
    return await client.rows(
        "sim_jobs", select=LIST_COLUMNS, order="created_at.desc", limit=str(limit)
    )


def _show_list(context: Context, jobs: list[dict[str, Any]]) -> None:
    if context.as_json:
        context.print_json(jobs)
    elif not jobs:
        context.out.print("You have no jobs. Send one with: python -m node submit --wait")
    else:
        context.out.print(jobs_table(jobs, context.clock()))


def jobs_table(jobs: list[dict[str, Any]], now: float) -> Table:
    """The jobs as a table, the newest first."""
    table = Table()
    table.add_column("job", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("iterations", justify="right", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("sent", no_wrap=True)
    for job in jobs:
        total, done = int(job["total_iterations"]), int(job["completed_iterations"])
        table.add_row(
            short_id(job),
            _state(job),
            f"{total:,}",
            f"{done / max(total, 1):.0%}",
            age(job["created_at"], now),
        )
    return table


def _state(job: Mapping[str, Any]) -> str:
    status = job["status"]
    words = "paused" if job.get("paused_at") else status
    return f"[{COLORS.get(words, 'default')}]{words}[/]"


def _show_one(context: Context, job: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """A job and what is known of it `now`."""
    if context.as_json:
        # `error` is that of a failed job, as in its row
        context.print_json({**now, "relative_error": now.get("error"), **job})
        return
    table = Table.grid(padding=(0, 2))
    for label, value in _details(job, now, context.clock()).items():
        if value:
            table.add_row(f"[dim]{label}[/]", value)
    context.out.print(table)
    if now.get("shares"):
        context.out.print(_shares_table(now))
    if job.get("result"):
        show_job_result(context, dict(job))
    elif job["status"] == "completed":
        context.say(f"See its result with: python -m node result {short_id(job)}")


def _show_reasons(context: Context, answer: Mapping[str, Any]) -> None:
    if context.as_json:
        context.print_json(answer)
        return
    title = f"node {answer['name']}" if "name" in answer else f"job {short_id(answer)}"
    context.out.print(f"[bold]{escape(title)}[/]  {_state(answer)}")
    for reason in answer["reasons"]:
        context.out.print(f"  - {escape(reason['text'])}")
    if (seconds := answer.get("seconds_to_finish")) is not None:
        context.out.print(f"  - At this speed it is done in {duration(seconds)}.")
    if answer.get("failures"):
        context.out.print(_failures_table(answer["failures"], context.clock()))


def _shares_table(now: Mapping[str, Any]) -> Table:
    """Who did how much of the job."""
    table = Table(title="who ran it", title_justify="left")
    for heading in ("node", "iterations", "share", "ranges"):
        table.add_column(heading, justify="left" if heading == "node" else "right")
    done = max(int(now["completed_iterations"]), 1)
    for one in now["shares"]:
        ranges = one.get("ranges")
        table.add_row(
            escape(str(one.get("node") or one["node_id"])),
            f"{int(one['iterations']):,}",
            f"{int(one['iterations']) / done:.0%}",
            "many" if ranges is None else f"{len(ranges):,}",
        )
    return table


def _failures_table(failures: list[dict[str, Any]], now: float) -> Table:
    """What went wrong, the latest first."""
    table = Table(title="what went wrong", title_justify="left")
    for heading in ("iterations", "try", "node", "failure", "when", "error"):
        table.add_column(heading, overflow="fold")
    for one in failures:
        last = int(one["seed_offset"]) + int(one["iterations"]) - 1
        table.add_row(
            f"{one['seed_offset']:,} to {last:,}",
            str(one["attempt"]),
            escape(str(one["node"] or one["node_id"])),
            one["failure"],
            age(one["failed_at"], now),
            escape(str(one["error"] or "")),
        )
    return table


def _details(job: Mapping[str, Any], now: Mapping[str, Any], moment: float) -> dict[str, str]:
    total, done = int(job["total_iterations"]), int(now["completed_iterations"])
    started, completed = unix_seconds(job.get("started_at")), unix_seconds(job.get("completed_at"))
    took = duration((completed or moment) - started) if started else ""
    return {
        "job": str(job["id"]),
        "state": _state(job),
        "queue": _place(now.get("queue_position")),
        "iterations": f"{done:,} of {total:,}",
        "chunks": f"{now.get('completed_chunks')} of {now.get('total_chunks')}",
        "mean": _mean(now),
        "to go": _to_go(now),
        "attempts": _attempts(now.get("attempts")),
        "seed": str(job.get("seed")),
        "config": str(job.get("config_hash")),
        "priority": str(job.get("priority")),
        "access": str(job.get("access_type")),
        "target error": str(job.get("target_error") or ""),
        "engine": _versions(job),
        "deadline": _deadline(job, moment),
        "agreement": _agreement(job.get("replication")),
        "distrusted": _distrusted(job.get("distrusted_iterations")),
        "sent": age(job.get("created_at"), moment),
        "time": took,
        "error": escape(str(job.get("error") or "")),
    }


def _agreement(replication: int | None) -> str:
    wanted = replication or 1
    return f"of nodes of {wanted} owners on each part" if wanted > 1 else ""


def _distrusted(iterations: int | None) -> str:
    if not iterations:
        return ""
    return (
        f"[red]{iterations:,} iterations[/] were run by nodes found to be wrong since: "
        "submit it again"
    )


def _place(position: int | None) -> str:
    waits = position is not None and position > 1
    return f"number {position} of your jobs that wait for nodes" if waits else ""


def _versions(job: Mapping[str, Any]) -> str:
    """The version of the engine that runs it, and those that its user accepts."""
    accepted = job.get("engine_versions")
    words = (job.get("engine_version"), accepted and f"accepts {accepted}")
    return ", ".join(str(word) for word in words if word)


def _deadline(job: Mapping[str, Any], moment: float) -> str:
    deadline = unix_seconds(job.get("deadline_at"))
    if deadline is None or job.get("completed_at"):
        return ""
    return f"in {duration(deadline - moment)}"


def _mean(job: Mapping[str, Any]) -> str:
    if job.get("mean") is None:
        return ""
    error = job.get("error")
    return f"{float(job['mean']):,.0f}" + ("" if error is None else f" ±{float(error):.2%}")


def _to_go(job: Mapping[str, Any]) -> str:
    seconds = job.get("seconds_to_finish")
    return "" if seconds is None else f"about {duration(seconds)}"


def _attempts(attempts: Mapping[str, int] | None) -> str:
    """How many tries at parts of the job there are, and how many went wrong."""
    words = (f"{count:,} {word}" for word, count in (attempts or {}).items() if count)
    return ", ".join(words)


COMMAND = Command(
    name="jobs",
    summary="list your jobs, or show one",
    run=run,
    examples=("jobs", "jobs --limit 100 --json", "jobs 3f2a --pause", "jobs last --why"),
    settings=("access_token",),
    arguments=(
        Argument(
            key="id",
            metavar="ID",
            help="a job: its id or the first characters of it, or `last`",
            optional=True,
        ),
    ),
    options=(
        Option(
            key="limit",
            group="jobs",
            read=whole(1, LONGEST_LIST),
            wanted=f"a whole number from 1 to {LONGEST_LIST}",
            default=20,
            help="jobs to list, the newest first",
            metavar="N",
        ),
        Option(
            key="cancel",
            group="jobs",
            read=switch,
            wanted="yes or no",
            default=False,
            help="cancel the job",
        ),
        Option(
            key="pause",
            group="jobs",
            read=switch,
            wanted="yes or no",
            default=False,
            help="let no node run the job until it is resumed; what is done stays done",
        ),
        Option(
            key="resume",
            group="jobs",
            read=switch,
            wanted="yes or no",
            default=False,
            help="let nodes run a paused job again",
        ),
        Option(
            key="retry",
            group="jobs",
            read=switch,
            wanted="yes or no",
            default=False,
            help="run on a failed or cancelled job: only what is missing is run",
        ),
        Option(
            key="why",
            group="jobs",
            read=switch,
            wanted="yes or no",
            default=False,
            help="say why the job, or the node of that name, waits or runs as it does",
        ),
    ),
)
