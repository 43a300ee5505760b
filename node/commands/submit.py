"""`submit`: send a simulation to the pool, and watch it if wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import rfc8785

from node.commands.command import Command, Context, signed_in
from node.commands.inputs import DEFAULT_CONFIG, SOURCE, inputs, simulation_options
from node.commands.wait import finish
from node.jobs import short_id
from node.options import Option, decimal, one_of, printable, seconds, switch, text, whole
from node.simulation import MAX_SEED, check_config, load_engine, read_config
from node.versions import bounds

LONGEST_KEY = 200
LONGEST_DEADLINE = 366 * 86_400
MOST_REPLICAS = 3


def run(context: Context) -> int:
    """Check the config here, send it, and say how to follow the job."""
    return asyncio.run(_submit(context))


async def _submit(context: Context) -> int:
    request = _request(context)
    async with signed_in(context) as client:
        job = await client.rpc("submit_job", request)
        if context.values["wait"]:
            _announce(context, job)
            return await finish(context, client, str(job["id"]))
    if context.as_json:
        context.print_json(job)
    else:
        _announce(context, job)
        context.say(f"Watch it with: python -m node result {short_id(job)} --wait")
    return 0


def _request(context: Context) -> dict[str, Any]:
    """The arguments of `submit_job`; what was not given is left to the pool."""
    values = context.values
    config = read_config(values["source"] or DEFAULT_CONFIG, inputs(values))
    check_config(load_engine(context.settings, config), config)
    request = {
        "config_json": rfc8785.dumps(config).decode(),
        "iterations": values["iterations"],
        "seed": values["seed"],
        "priority": values["priority"],
        "access_type": values["access"],
        "target_error": values["target_error"],
        "idempotency_key": values["idempotency_key"],
        "engine_versions": values["engine_versions"],
        "deadline_at": _deadline(context),
        "replication": values["replication"],
    }
    return {key: value for key, value in request.items() if value is not None}


def _deadline(context: Context) -> str | None:
    """The moment of the deadline, by the clock of this machine."""
    seconds = context.values["deadline"]
    if seconds is None:
        return None
    return datetime.fromtimestamp(context.clock() + seconds, UTC).isoformat()


def _announce(context: Context, job: dict[str, Any]) -> None:
    verb = "is the job you sent before" if job.get("repeated") else "is sent"
    context.say(
        f"Job [bold]{short_id(job)}[/] {verb}: {int(job['total_iterations']):,} iterations, "
        f"seed {job['seed']}."
    )


def engine_versions(value: object) -> str:
    """A range of versions."""
    versions = text(value)
    bounds(versions)
    return versions


COMMAND = Command(
    name="submit",
    summary="send a simulation to the pool",
    run=run,
    examples=(
        "submit modern/beast_mastery --iterations 20000 --wait",
        "submit my_hunter.json --seed 7 --priority high",
        "submit my_hunter.json -n 1e6 --target-error 0.001 --wait --json",
    ),
    settings=("access_token",),
    arguments=(SOURCE,),
    options=(
        *simulation_options("submit"),
        Option(
            key="seed",
            group="submit",
            read=whole(0, MAX_SEED),
            wanted=f"a whole number from 0 to {MAX_SEED}",
            help="start of the random numbers (default: the pool draws one)",
            metavar="N",
        ),
        Option(
            key="priority",
            group="submit",
            read=one_of("low", "normal", "high"),
            wanted="low, normal or high",
            default="normal",
            help="low, normal or high: who goes first among your own jobs",
            metavar="WORD",
        ),
        Option(
            key="access",
            group="submit",
            read=one_of("private", "guild", "public"),
            wanted="private, guild or public",
            default="private",
            help="whose nodes may run it: private (yours and those shared with you), guild, public",
            metavar="WORD",
        ),
        Option(
            key="target_error",
            group="submit",
            read=decimal(1e-6, 1),
            wanted="a number from 0.000001 to 1",
            help="stop when the relative standard error of the mean is this low",
            metavar="SHARE",
        ),
        Option(
            key="deadline",
            group="submit",
            read=seconds(LONGEST_DEADLINE),
            wanted="a duration like 90s, 30m, 2h or 7d",
            help="fail the job if it is not done within this time",
            metavar="TIME",
        ),
        Option(
            key="engine_versions",
            group="submit",
            read=engine_versions,
            wanted="a range of versions like 1.2.0..1.9.9, 1.2.0.. or 1.2.0",
            help="versions of the engine that may run it (default: any, but one for all of it)",
            metavar="RANGE",
        ),
        Option(
            key="replication",
            group="submit",
            read=whole(1, MOST_REPLICAS),
            wanted=f"a whole number from 1 to {MOST_REPLICAS}",
            help="have each part run by nodes of so many owners, who must agree (default: 1)",
            metavar="N",
        ),
        Option(
            key="idempotency_key",
            group="submit",
            read=printable(LONGEST_KEY),
            wanted=f"1 to {LONGEST_KEY} printable characters",
            help="a second submit with the same key gives the first job",
            metavar="KEY",
        ),
        Option(
            key="wait",
            short="-w",
            group="submit",
            read=switch,
            wanted="yes or no",
            default=False,
            help="show the progress, and the result when it is there",
        ),
    ),
)
