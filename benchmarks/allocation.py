"""How closely a node keeps to what is shared of its processors, and how soon it lets go of them.

One node with two workers runs a long job. Its CPU time is read from the system, over a few seconds
each: with nothing decided, with one core shared, and with half the power of that core. Then it is
paused and resumed by commands of their own, as from another terminal, without the pool's help. The
load of others on the same machine can only make the figures smaller, not larger: on a busy one the
first row says how much could be had.

Targets: one shared core is at most 1.1 cores of CPU time, half of its power at most 0.6; a pause
leaves at most 0.1 cores; pause and resume take effect within five seconds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

from local.config import REPOSITORY, Settings
from local.node_process import NODE_COMMAND, environment
from local.stack import Stack
from tests.e2e.pool import Pool

# kept between two runs, so that only the first has to compile the engine
CACHE = REPOSITORY / ".cache" / "bench"
SECONDS = 6.0
SETTLE = 1.0
ONE_CORE, HALF_A_CORE, NOTHING = 1.1, 0.6, 0.1
FOLLOWS_WITHIN = 5.0


class Bench:
    """A pool, its one node, and somebody in another terminal."""

    def __init__(self, pool: Pool, stack: Stack) -> None:
        self._pool = pool
        self._variables = environment(stack, pool.directory, pool.cache)

    async def start(self) -> None:
        """A node that runs a job longer than this benchmark."""
        node = await self._pool.start_node("alder", "--max-parallel", "2")
        self._process = psutil.Process(node.process.pid)
        await self._pool.submit(iterations=100_000_000)
        await node.wait_for_event("chunk_started")

    async def command(self, *words: str) -> float:
        """Run a command of the node in a process of its own; seconds it took."""
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *NODE_COMMAND,
            *words,
            cwd=REPOSITORY,
            env={**self._variables, "SIMPOOL_DATA_DIR": str(self._pool.directory / "alder")},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0, words
        return time.monotonic() - began

    async def cores(self) -> float:
        """Cores' worth of CPU time that the node uses."""
        await asyncio.sleep(SETTLE)
        began, before = time.monotonic(), self._cpu_seconds()
        await asyncio.sleep(SECONDS)
        return (self._cpu_seconds() - before) / (time.monotonic() - began)

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


class Verdicts:
    """Rows of the table, and whether all of them are within their bounds."""

    def __init__(self) -> None:
        self.met = True

    def row(self, name: str, value: float, bound: float | None, unit: str) -> None:
        """Print one figure with its bound."""
        within = bound is None or value <= bound
        self.met &= within
        shown = (
            "" if bound is None else f"at most {bound:.1f} {unit}: {'met' if within else 'MISSED'}"
        )
        print(f"{name:<34}{value:>7.2f} {unit:<6} {shown}", flush=True)


async def measure(directory: Path) -> bool:
    """Print the table; whether every target is met."""
    verdicts = Verdicts()
    settings = Settings(data_dir=directory / "pool", api_port=0, db_port=0)
    async with Stack(settings) as stack, AsyncExitStack() as resources:
        pool = await Pool.open(stack, resources, directory, CACHE)
        bench = Bench(pool, stack)
        await bench.start()
        verdicts.row("nothing decided, two workers", await bench.cores(), None, "cores")
        one = ("devices", "share", "cpu-0", "--cores", "1", "--keep", "1", "--priority", "high")
        await bench.command(*one)
        verdicts.row("one core shared", await bench.cores(), ONE_CORE, "cores")
        await bench.command(*one, "--max-power", "50")
        verdicts.row("half the power of one core", await bench.cores(), HALF_A_CORE, "cores")
        await bench.command(*one, "--max-power", "100")
        verdicts.row(
            "pause, until the command ends", await bench.command("pause"), FOLLOWS_WITHIN, "s"
        )
        verdicts.row("paused", await bench.cores(), NOTHING, "cores")
        verdicts.row(
            "resume, until the command ends", await bench.command("resume"), FOLLOWS_WITHIN, "s"
        )
        verdicts.row("resumed, one core shared", await bench.cores(), ONE_CORE, "cores")
    return verdicts.met


def main() -> int:
    """Print the table; 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="simpool-bench-") as directory:
        Path(directory).chmod(0o711)  # Postgres runs as another user when we are root
        return 0 if asyncio.run(measure(Path(directory))) else 1


if __name__ == "__main__":
    sys.exit(main())
