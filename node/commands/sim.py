"""`sim`: run a simulation on this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from node.commands.show import check_output, output_options, print_result, progress_bar
from node.errors import ConfigurationError
from node.options import Option, switch, words
from node.simulation import Simulation, check_config, load_engine, read_config
from node.speed import Stopwatch, told

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(context: Context) -> int:
    """Simulate with all workers, and show the result with its digest."""
    check_output(context)
    values = context.values
    sources = values["source"] or [DEFAULT_CONFIG]
    _check_combination(values)
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


def _check_combination(values: Mapping[str, Any]) -> None:
    if values["compare"] and values["stat_weights"]:
        raise ConfigurationError("--compare and --stat-weights are two questions: ask one")
    if values["stats"] and not values["stat_weights"]:
        raise ConfigurationError("--stats names what --stat-weights weighs: say that too")


def _simulate(context: Context, source: str) -> None:
    values = context.values
    config = read_config(source, inputs(values))
    engine = load_engine(context.settings, config)
    check_config(engine, config)
    context.say("[dim]compiling…[/]")
    plan = engine.prepare(config)
    workers = workers_of(values)
    simulation = Simulation(engine, plan, values["seed"], values["iterations"])
    watch = Stopwatch()
    with progress_bar(context, "simulating", values["iterations"]) as show:
        result = simulation.run(workers, lambda done: show(done, watch.rate(done)))
    speed = watch.speed(result)
    about = {"config": source, "seed": values["seed"], "workers": workers, "speed": speed}
    print_result(context, result, about, _title(config, source))
    context.say(f"[dim]seed {values['seed']}, {workers} workers, {told(speed)}[/]")


def _title(config: Mapping[str, Any], source: str) -> str:
    """What a page of the result is called: the character and the spec."""
    names = (config.get(part, {}).get("name") for part in ("player", "spec"))
    return ", ".join(name for name in names if name) or source


COMMAND = Command(
    name="sim",
    summary="run a simulation on this machine alone",
    run=run,
    examples=(
        "sim",
        "sim modern/beast_mastery -n 20000 --targets 3",
        "sim modern/beast_mastery --character my_hunter.json --seed 7 --json",
        "sim my_hunter.json --html report.html",
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
        *output_options("sim"),
    ),
)
