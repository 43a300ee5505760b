"""`result`: the result of a job, as a table, as JSON or CSV, and checked on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from node.commands.command import Argument, Command, Context, signed_in
from node.commands.jobs import find_job
from node.commands.show import check_output, output_options, progress_bar
from node.commands.wait import finish, show_job_result
from node.engine.results import digest
from node.errors import CommandError
from node.jobs import read_job
from node.options import Option, switch
from node.simulation import Simulation, load_engine, stored_config

if TYPE_CHECKING:
    from node.client import PoolClient


def run(context: Context) -> int:
    """Show the result, or simulate it again here and compare."""
    return asyncio.run(_result(context))


async def _result(context: Context) -> int:
    check_output(context)
    async with signed_in(context) as client:
        job_id = await find_job(client, context.values["id"] or "last")
        if context.values["wait"]:
            await finish(context, client, job_id)
        job = await read_job(client, job_id)
        if not context.values["wait"] and not context.values["verify"]:
            show_job_result(context, job)
        if context.values["verify"]:
            await _verify(context, client, job)
    return 0


def _final(job: dict[str, Any]) -> dict[str, Any]:
    document = job.get("result")
    if not document:
        raise CommandError(f"the job has no result yet: it is {job['status']}")
    return dict(document)


async def _verify(context: Context, client: PoolClient, job: dict[str, Any]) -> None:
    """Simulate the job again in this process alone; raises CommandError on any difference."""
    document = _final(job)
    config, documents = await stored_config(client, job["config_hash"])
    engine = load_engine(context.settings, config)
    plan = engine.prepare(config, documents)
    iterations = int(document["result"]["iterations"])
    simulation = Simulation(engine, plan, int(job["seed"]), iterations)
    with progress_bar(context, "checking", iterations) as show:
        own = simulation.run(1, lambda done: show(done, ""))
    expected, found = document["digest"], digest(own)
    if context.as_json:
        context.print_json(
            {"job_id": job["id"], "digest": expected, "own": found, "equal": expected == found}
        )
    if expected != found:
        raise CommandError(
            f"the pool's result has digest {expected}, but one process alone gives {found}",
            advice="Compare the versions: the pool ran "
            f"{document.get('provenance', {}).get('engine_version')}, this is {engine.version}.",
        )
    context.say(f"[bold green]Equal:[/] one process alone gives the same digest, {found}.")


COMMAND = Command(
    name="result",
    summary="show the result of a job, and check it",
    run=run,
    examples=(
        "result",
        "result 3f2a --json",
        "result last --verify",
        "result 3f2a --csv > out.csv",
        "result 3f2a --html report.html",
    ),
    settings=("access_token",),
    arguments=(
        Argument(
            key="id",
            metavar="ID",
            help="a job: its id or the first characters of it (default: the last one)",
            optional=True,
        ),
    ),
    options=(
        Option(
            key="wait",
            short="-w",
            group="result",
            read=switch,
            wanted="yes or no",
            default=False,
            help="wait until the job has ended",
        ),
        *output_options("result"),
        Option(
            key="verify",
            group="result",
            read=switch,
            wanted="yes or no",
            default=False,
            help="simulate it again in one process here, and compare the digests",
        ),
    ),
)
