"""`replay`: the combat log of one fight of a simulation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rich.text import Text

from node.commands.command import Command, Context, signed_in
from node.commands.inputs import (
    DEFAULT_CONFIG,
    SOURCE,
    inputs,
    seed_option,
    simulation_options,
    workers_of,
    workers_option,
)
from node.commands.jobs import find_job
from node.commands.show import progress_bar
from node.errors import CommandError, ConfigurationError
from node.jobs import read_job
from node.options import Option, text, whole
from node.simulation import (
    MAX_ITERATIONS,
    Simulation,
    check_config,
    load_engine,
    read_config,
    stored_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine import Engine, Plan, Replay

BEST, WORST = "best", "worst"
_SECOND = 1000


def run(context: Context) -> int:
    """Simulate one iteration again and print what happened in it."""
    if context.values["job"]:
        return asyncio.run(_of_job(context))
    values = context.values
    config = read_config(values["source"] or DEFAULT_CONFIG, inputs(values))
    engine = load_engine(context.settings, config)
    check_config(engine, config)
    plan = engine.prepare(config)
    which = values["iteration"]
    if isinstance(which, str):
        which = _named(_simulated(context, engine, plan), which)
    _show(context, engine.replay(plan, values["seed"], which), engine)
    return 0


async def _of_job(context: Context) -> int:
    """Replay a fight of a job of the pool, with its own config and seed."""
    if context.values["source"]:
        raise ConfigurationError("--job has a config of its own: leave out the other")
    async with signed_in(context) as client:
        job = await read_job(client, await find_job(client, context.values["job"]))
        config, documents = await stored_config(client, job["config_hash"])
    which = context.values["iteration"]
    if isinstance(which, str):
        if not job.get("result"):
            raise CommandError(f"the job has no result yet: it is {job['status']}")
        which = _named(job["result"]["result"], which)
    engine = load_engine(context.settings, config)
    plan = engine.prepare(config, documents)
    _show(context, engine.replay(plan, int(job["seed"]), which), engine)
    return 0


def _simulated(context: Context, engine: Engine, plan: Plan) -> Mapping[str, Any]:
    values = context.values
    simulation = Simulation(engine, plan, values["seed"], values["iterations"])
    with progress_bar(context, "searching", values["iterations"]) as show:
        return simulation.run(workers_of(values), lambda done: show(done, ""))


def _named(result: Mapping[str, Any], which: str) -> int:
    """The best or the worst iteration of a result."""
    metric = result["metrics"][result["primary"]]
    return int(metric["max_iteration" if which == BEST else "min_iteration"])


def _show(context: Context, replay: Replay, engine: Engine) -> None:
    if context.as_json:
        context.print_json(
            {
                "engine": engine.name,
                "engine_version": engine.version,
                "seed": replay.seed,
                "iteration": replay.iteration,
                "metrics": replay.metrics,
                "log": [
                    {"ms": line.ms, "event": line.event, **line.about, "text": line.text}
                    for line in replay.lines
                ],
            }
        )
        return
    for line in replay.lines:
        moment = Text(f"{line.ms / _SECOND:10.3f}  ", style="dim")
        context.out.print(moment.append(line.text, _style(line.event)), soft_wrap=True)
    figures = {name: int(metric["sum"]) / _SECOND for name, metric in replay.metrics.items()}
    told = ", ".join(f"{name.replace('_', ' ')} {value:,.1f}" for name, value in figures.items())
    context.say(f"[dim]iteration {replay.iteration} of seed {replay.seed}: {told}[/]")


def _style(event: str) -> str:
    styles = {"cast": "bold", "cast_start": "bold", "hit": "red", "tick": "red", "proc": "yellow"}
    return styles.get(event, "green" if event in {"apply", "refresh"} else "default")


def _iteration(value: object) -> int | str:
    if isinstance(value, str) and value.lower() in {BEST, WORST}:
        return value.lower()
    read: Callable[[object], int] = whole(0, MAX_ITERATIONS - 1)
    return read(value)


COMMAND = Command(
    name="replay",
    summary="print the combat log of one fight",
    run=run,
    examples=(
        "replay modern/beast_mastery",
        "replay my_hunter.json --iteration best -n 20000 --seed 7",
        "replay my_hunter.json --iteration 4711 --json",
        "replay --job last --iteration worst",
    ),
    settings=("access_token",),
    arguments=(SOURCE,),
    options=(
        *simulation_options("replay"),
        seed_option("replay"),
        workers_option("replay"),
        Option(
            key="iteration",
            short="-i",
            group="replay",
            read=_iteration,
            wanted="best, worst or the number of an iteration",
            default=0,
            help="which fight: its number, or the best or worst of all iterations",
            metavar="WHICH",
        ),
        Option(
            key="job",
            group="replay",
            read=text,
            wanted="the id of a job",
            help="a fight of this job of the pool: its id, the first characters of it, or last",
            metavar="ID",
        ),
    ),
)
