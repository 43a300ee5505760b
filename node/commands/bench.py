"""`bench`: measure how fast this machine simulates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich.table import Table

from node.commands.command import Command, Context
from node.config import MAX_WORKERS
from node.hardware import detect_hardware
from node.options import Option, decimal, whole
from node.simulation import load_engine

if TYPE_CHECKING:
    from node.engine import Engine
    from node.hardware import Hardware

ENGINE = "combat"


def run(context: Context) -> int:
    """Measure one worker, then all of them at once."""
    hardware = detect_hardware(context.settings.data_dir)
    workers = context.values["workers"] or hardware.cores.optimal
    seconds = context.values["seconds"]
    engine = load_engine(context.settings, {"engine": ENGINE})
    context.say("[dim]compiling, warming up and measuring…[/]")
    alone = engine.benchmark(seconds)
    together = _together(engine, workers, seconds) if workers > 1 else alone
    if context.as_json:
        context.print_json(
            {
                "engine": engine.name,
                "engine_version": engine.version,
                "workers": workers,
                "iterations_per_second_one_worker": round(alone, 1),
                "iterations_per_second_all_workers": round(together, 1),
                "hardware": hardware.document(),
            }
        )
    else:
        context.out.print(_table(engine, hardware, workers, alone, together))
    return 0


def _together(engine: Engine, workers: int, seconds: float) -> float:
    with ThreadPoolExecutor(workers, thread_name_prefix="benchmark") as pool:
        return sum(pool.map(engine.benchmark, [seconds] * workers))


def _table(
    engine: Engine, hardware: Hardware, workers: int, alone: float, together: float
) -> Table:
    table = Table(title=f"{engine.name} {engine.version}, {hardware.cpu.name}", min_width=50)
    table.add_column("workers", justify="right")
    table.add_column("iterations/s", justify="right")
    table.add_column("per worker", justify="right")
    for count, speed in dict.fromkeys([(1, alone), (workers, together)]):
        table.add_row(str(count), f"{speed:,.0f}", f"{speed / count:,.0f}")
    return table


COMMAND = Command(
    name="bench",
    summary="measure how fast this machine simulates",
    run=run,
    examples=("bench", "bench --seconds 10 --workers 4 --json"),
    options=(
        Option(
            key="seconds",
            group="bench",
            read=decimal(0.05, 600),
            wanted="a number from 0.05 to 600",
            default=2.0,
            help="how long to measure",
            metavar="SECONDS",
        ),
        Option(
            key="workers",
            group="bench",
            read=whole(1, MAX_WORKERS),
            wanted=f"a whole number from 1 to {MAX_WORKERS}",
            help="workers to measure together (default: the fast cores of this machine)",
            metavar="N",
        ),
    ),
)
