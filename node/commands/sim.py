"""`sim`: run a simulation on this machine alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from node.commands.command import Argument, Command, Context
from node.commands.show import print_result, progress_bar
from node.config import MAX_WORKERS
from node.options import Option, decimal, whole
from node.simulation import (
    MAX_ITERATIONS,
    MAX_SEED,
    Simulation,
    check_config,
    load_engine,
    read_config,
)
from node.utils.cpu import detect_cores

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CONFIG = "modern/beast_mastery"
DEFAULT_ITERATIONS = 10_000
# A fixed seed, so that two rotations are compared on the same rolls.
DEFAULT_SEED = 1


def run(context: Context) -> int:
    """Simulate with all workers, and show the result with its digest."""
    values = context.values
    config = read_config(values["source"] or DEFAULT_CONFIG, values["duration"], values["targets"])
    engine = load_engine(context.settings, config)
    check_config(engine, config)
    context.say("[dim]compiling…[/]")
    plan = engine.prepare(config)
    workers = values["workers"] or detect_cores().optimal
    simulation = Simulation(engine, plan, values["seed"], values["iterations"])
    started = time.perf_counter()
    with progress_bar(context, "simulating", values["iterations"]) as show:
        result = simulation.run(workers, lambda done: show(done, _speed(done, started)))
    took = time.perf_counter() - started
    about: Mapping[str, object] = {
        "seed": values["seed"],
        "workers": workers,
        "seconds": round(took, 3),
    }
    print_result(context, result, about)
    context.say(
        f"[dim]seed {values['seed']}, {workers} workers, {took:.1f} s, {_speed_of(result, took)}[/]"
    )
    return 0


def _speed(done: int, started: float) -> str:
    return f"{done / max(time.perf_counter() - started, 1e-9):,.0f}/s"


def _speed_of(result: Mapping[str, int], took: float) -> str:
    return f"{int(result['iterations']) / max(took, 1e-9):,.0f} iterations/s"


def simulation_options(group: str) -> tuple[Option, ...]:
    """The options that describe a simulation, for a command that sends or runs one."""
    return (
        Option(
            key="iterations",
            short="-n",
            group=group,
            read=whole(1, MAX_ITERATIONS),
            wanted=f"a whole number from 1 to {MAX_ITERATIONS:,}",
            default=DEFAULT_ITERATIONS,
            help="fights to simulate",
            metavar="N",
        ),
        Option(
            key="duration",
            group=group,
            read=decimal(1, 3600),
            wanted="a number of seconds from 1 to 3600",
            help="length of the fight in seconds (default: that of the config)",
            metavar="SECONDS",
        ),
        Option(
            key="targets",
            group=group,
            read=whole(1, 50),
            wanted="a whole number from 1 to 50",
            help="enemies to fight (default: those of the config)",
            metavar="N",
        ),
    )


SOURCE = Argument(
    key="source",
    metavar="CONFIG",
    help=f"a file of JSON, or a built-in config (default: {DEFAULT_CONFIG})",
    optional=True,
)
COMMAND = Command(
    name="sim",
    summary="run a simulation on this machine alone",
    run=run,
    examples=(
        "sim",
        "sim modern/beast_mastery -n 20000 --targets 3",
        "sim my_hunter.json --seed 7 --json",
    ),
    arguments=(SOURCE,),
    options=(
        *simulation_options("sim"),
        Option(
            key="seed",
            group="sim",
            read=whole(0, MAX_SEED),
            wanted=f"a whole number from 0 to {MAX_SEED}",
            default=DEFAULT_SEED,
            help="start of the random numbers: the same seed gives the same result",
            metavar="N",
        ),
        Option(
            key="workers",
            group="sim",
            read=whole(1, MAX_WORKERS),
            wanted=f"a whole number from 1 to {MAX_WORKERS}",
            help="workers to use (default: the fast cores of this machine)",
            metavar="N",
        ),
    ),
)
