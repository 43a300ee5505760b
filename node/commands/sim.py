"""`sim`: run a simulation on this machine alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from node.commands.command import Argument, Command, Context
from node.commands.compare import compare, stat_weights
from node.commands.inputs import (
    DEFAULT_CONFIG,
    SOURCE_HELP,
    inputs,
    seed_option,
    simulation_options,
    workers_of,
    workers_option,
)
from node.commands.show import check_output, csv_option, print_result, progress_bar, rate
from node.errors import ConfigurationError
from node.options import Option, switch, words
from node.simulation import Simulation, check_config, load_engine, read_config

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(context: Context) -> int:
    """Simulate with all workers, and show the result with its digest."""
    check_output(context)
    values = context.values
    sources = values["source"] or [DEFAULT_CONFIG]
    if values["compare"]:
        return compare(context, sources)
    if len(sources) > 1:
        raise ConfigurationError(
            f"there are {len(sources)} configs", advice="Give one, or say --compare."
        )
    if values["stat_weights"]:
        return stat_weights(context, sources[0])
    _simulate(context, sources[0])
    return 0


def _simulate(context: Context, source: str) -> None:
    values = context.values
    config = read_config(source, inputs(values))
    engine = load_engine(context.settings, config)
    check_config(engine, config)
    context.say("[dim]compiling…[/]")
    plan = engine.prepare(config)
    workers = workers_of(values)
    simulation = Simulation(engine, plan, values["seed"], values["iterations"])
    started = time.perf_counter()
    with progress_bar(context, "simulating", values["iterations"]) as show:
        result = simulation.run(workers, lambda done: show(done, rate(done, started)))
    took = time.perf_counter() - started
    about: Mapping[str, object] = {
        "seed": values["seed"],
        "workers": workers,
        "seconds": round(took, 3),
    }
    print_result(context, result, about)
    speed = f"{int(result['iterations']) / max(took, 1e-9):,.0f} iterations/s"
    context.say(f"[dim]seed {values['seed']}, {workers} workers, {took:.1f} s, {speed}[/]")


COMMAND = Command(
    name="sim",
    summary="run a simulation on this machine alone",
    run=run,
    examples=(
        "sim",
        "sim modern/beast_mastery -n 20000 --targets 3",
        "sim modern/beast_mastery --character my_hunter.json --seed 7 --json",
        "sim --compare old.json new.json",
        "sim my_hunter.json --stat-weights",
    ),
    arguments=(Argument(key="source", metavar="CONFIG", help=SOURCE_HELP, many=True),),
    options=(
        *simulation_options("sim"),
        seed_option("sim"),
        workers_option("sim"),
        Option(
            key="compare",
            group="sim",
            read=switch,
            wanted="yes or no",
            default=False,
            help="compare the configs with the first, each fight with the same luck",
        ),
        Option(
            key="stat_weights",
            group="sim",
            read=switch,
            wanted="yes or no",
            default=False,
            help="measure what a little more of each stat is worth",
        ),
        Option(
            key="stats",
            group="sim",
            read=words,
            wanted="names of stats with commas between them",
            help="the stats to weigh (default: all that the player has)",
            metavar="NAMES",
        ),
        csv_option("sim"),
    ),
)
