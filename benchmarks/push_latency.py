"""How soon a submitted job starts to run on a node that polls once a minute.

Us: from just before `submit_job` is sent to the node's start of the pushed chunk; on the way lie
HTTP, the dispatch in SQL, the commit, logical replication, the Realtime socket and the node itself.
Peer: procrastinate, from just before its job is deferred to the first line of the task; on the way
lie one insert, LISTEN/NOTIFY and the fetch, over local database connections, without HTTP, accounts
or access checks. Both run on the same Postgres, in one run, 50 jobs each, one after the other.

Target: 95 of 100 jobs start within 250 ms, at a polling interval of 60 s.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import procrastinate

from local.config import Settings
from local.stack import Stack
from tests.e2e.pool import Pool

JOBS = 50
TARGET_SECONDS = 0.250
PAUSE = 0.2
#: kernels compiled by whoever came first: compiling is no part of what is measured
CACHE = Path(__file__).parents[1] / ".cache"


async def ours(stack: Stack, directory: Path) -> list[float]:
    """Seconds from submit to start, for each job."""
    async with AsyncExitStack() as resources:
        pool = await Pool.open(stack, resources, directory, CACHE)
        node = await pool.start_node("alder", "--poll-interval", "60")
        latencies = []
        for seed in range(JOBS):
            submitted = time.time()
            job = await pool.submit(iterations=10, duration=30.0, seed=seed)
            event = await node.wait_for(
                lambda event, wanted=job.id: (
                    event.get("event") == "chunk_started"  # type: ignore[misc]
                    and event["job_id"] == wanted
                ),
                f"start job {job.id}",
            )
            latencies.append(datetime.fromisoformat(event["time"]).timestamp() - submitted)
            await pool.finished(job)
            await asyncio.sleep(PAUSE)
        return latencies


async def procrastinates(dsn: str) -> list[float]:
    """The same for the peer, with its own worker and its default settings."""
    # it warns that an application lives in a script, and says at each job what it does
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
    started: asyncio.Queue[float] = asyncio.Queue()

    @app.task
    async def note_start() -> None:
        await started.put(time.time())

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False), name="procrastinate worker"
        )
        latencies = []
        await asyncio.sleep(1.0)
        for _ in range(JOBS):
            deferred = time.time()
            await note_start.defer_async()
            latencies.append(await asyncio.wait_for(started.get(), 30.0) - deferred)
            await asyncio.sleep(PAUSE)
        worker.cancel()
        await asyncio.wait({worker})
        return latencies


async def measure(directory: Path) -> tuple[list[float], list[float]]:
    """Both, on one Postgres."""
    settings = Settings(data_dir=directory / "pool", api_port=0, db_port=0)
    async with Stack(settings) as stack:
        with_us = await ours(stack, directory)
        return with_us, await procrastinates(stack.db_url)


def show(name: str, latencies: list[float]) -> tuple[float, float]:
    """Print a row; median and 95th percentile in seconds."""
    ordered = sorted(latencies)
    median, high = statistics.median(ordered), ordered[-(-95 * len(ordered) // 100) - 1]
    figures = "".join(f"{seconds * 1000:>9.1f}" for seconds in (median, high, ordered[-1]))
    print(f"{name:<16}{figures}  (n = {len(ordered)})")
    return median, high


def main() -> int:
    """Print the table and the verdict."""
    with tempfile.TemporaryDirectory(prefix="simpool-bench-") as directory:
        Path(directory).chmod(0o711)  # Postgres runs as another user when we are root
        with_us, with_peer = asyncio.run(measure(Path(directory)))
    print(f"{'submit to start':<16}{'median':>9}{'p95':>9}{'max':>9}  in ms")
    median, high = show("simpool", with_us)
    peer_median, peer_high = show("procrastinate", with_peer)
    print(f"ratio to the peer: median {median / peer_median:.1f}, p95 {high / peer_high:.1f}")
    verdict = "met" if high <= TARGET_SECONDS else "MISSED"
    print(f"target p95 <= {TARGET_SECONDS * 1000:.0f} ms: {verdict}, {high * 1000:.1f} ms")
    return 0 if high <= TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
