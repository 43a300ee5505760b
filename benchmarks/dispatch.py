"""How much work the pool hands out and takes back per second, beside the queues people use.

Each queue does the same: a backlog of work that does nothing, workers with one connection each that
take a batch and finish it, on one durable Postgres with synchronous commit, one after the other in
one run.
Ours leaves nothing out (see `queues/simpool.py`); the peers run through their own packages:
PgQueuer and Procrastinate on Python, Graphile Worker and pg-boss on Node, pgmq when PGMQ_SQL names
its SQL file. "submit" is what it takes to make the backlog, per piece of work.

Then again while another session holds an old snapshot, and, ours only, after many finished chunks.
Everything is measured several times, each time in a fresh database, turn by turn, and the median
counts: what a disk takes for a commit changes from second to second.

"bare" is no queue but a bound: the least that handing over a lease and a result for each piece can
be, without any check (see `queues/bare.py`).

Target: at every batch size and number of workers at least 1.5 times the best peer; at most 10 %
slower under the snapshot and after the finished chunks.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from benchmarks.queues import packages, simpool
from benchmarks.servers import durable_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import DatabaseServer, TestDatabase

OURS: Final = "simpool"
BOUND: Final = "bare"
PEERS: Final = ("procrastinate", "pgqueuer", "pgmq", *packages.PEERS)
TARGET_RATIO, TARGET_LOSS = 1.5, 0.10
PATIENCE = 600.0
#: how much work there is, by batch size: some seconds of it
BACKLOG: Final = {1: 3000, 10: 15_000, 100: 40_000}

Fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement of one queue."""

    queue: str
    workers: int
    batch: int
    backlog: int
    snapshot: bool = False
    history: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: pieces of work per second, and bytes of log per piece."""

    submitted: float
    drained: float
    wal: float


class PythonQueue:
    """A queue whose workers are processes of ours."""

    def __init__(self, name: str) -> None:
        self._module: Any = importlib.import_module(f"benchmarks.queues.{name}")

    def install(self, database: TestDatabase) -> None:
        """Prepare a fresh database."""
        self._module.install(database)

    def fill(self, database: TestDatabase, quantity: int) -> None:
        """Make the backlog."""
        self._module.fill(database, quantity)

    def drain(self, database: TestDatabase, case: Case) -> tuple[int, float]:
        """Work it off; how much it was, and the seconds from the start to the last worker's end."""
        answers, start = Fork.Queue(), Fork.Barrier(case.workers + 1)
        workers = [
            Fork.Process(target=self._work, args=(database, number, case.batch, start, answers))
            for number in range(case.workers)
        ]
        for worker in workers:
            worker.start()
        start.wait(PATIENCE)
        began = time.monotonic()
        ended = [answers.get(timeout=PATIENCE) for _ in workers]
        for worker in workers:
            worker.join(PATIENCE)
        return sum(done for done, _ in ended), max(at for _, at in ended) - began

    def _work(
        self, database: TestDatabase, number: int, batch: int, start: Any, answers: Any
    ) -> None:
        start.wait(PATIENCE)
        done = self._module.drain(database, number, batch)
        answers.put((done, time.monotonic()))


class NodeQueue:
    """A queue whose workers are connections of one Node process."""

    def __init__(self, name: str, directory: Path) -> None:
        self._call = partial(packages.call, directory, name)

    def install(self, database: TestDatabase) -> None:
        """Nothing: its first start installs it."""

    def fill(self, database: TestDatabase, quantity: int) -> None:
        """Make the backlog."""
        self._call(database, "fill", quantity)

    def drain(self, database: TestDatabase, case: Case) -> tuple[int, float]:
        """Work it off; how much it was, and the seconds by its own clock."""
        drained = self._call(database, "drain", case.backlog, case.workers, case.batch)
        assert drained is not None
        return drained.done, drained.seconds


Queue = PythonQueue | NodeQueue


def queues(directory: Path, peers: list[str]) -> dict[str, Queue]:
    """Ours and the peers that are named and can run here."""
    found: dict[str, Queue] = {name: PythonQueue(name) for name in (OURS, BOUND)}
    if not set(peers).isdisjoint(packages.PEERS):
        packages.prepare_scripts(directory)
    for name in peers:
        if name in packages.PEERS:
            found[name] = NodeQueue(name, directory)
        elif name != "pgmq" or "PGMQ_SQL" in os.environ:
            found[name] = PythonQueue(name)
    return found


def middle(runs: list[Figures]) -> Figures:
    """The median of several runs, of each figure by itself."""
    return Figures(
        *(statistics.median(getattr(run, field.name) for run in runs) for field in fields(Figures))
    )


def measure(server: DatabaseServer, queue: Queue, case: Case) -> Figures:
    """Fill and drain a queue in a database of its own. Raises RuntimeError when work is lost."""
    with server.database() as database:
        queue.install(database)
        if case.history:
            simpool.remember(database, case.history)
        before = _log_position(database)
        began = time.monotonic()
        queue.fill(database, case.backlog)
        submitting = time.monotonic() - began
        with _old_snapshot(database) if case.snapshot else contextlib.nullcontext():
            done, seconds = queue.drain(database, case)
        if done != case.backlog:
            raise RuntimeError(f"{case}: {done} of {case.backlog} were done")
        wal = (_log_position(database) - before) / case.backlog
        return Figures(case.backlog / submitting, done / seconds, wal)


def _log_position(database: TestDatabase) -> int:
    with psycopg.connect(database.dsn) as connection:
        row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def _old_snapshot(database: TestDatabase) -> Iterator[None]:
    with psycopg.connect(database.dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("select count(*) from pg_class")
        yield


def show(case: Case, figures: Figures) -> None:
    """Print a row."""
    print(
        f"{case.queue:<16}{case.workers:>8}{case.batch:>7}"
        f"{figures.submitted:>12,.0f}{figures.drained:>12,.0f}{figures.wal:>10,.0f}"
        f"  {'old snapshot' if case.snapshot else ''}"
        f"{f'after {case.history:,}' if case.history else ''}",
        flush=True,
    )


def groups(options: argparse.Namespace, names: list[str]) -> Iterator[list[Case]]:
    """Everything to measure; what is compared is measured side by side."""
    for batch in options.batches:
        backlog = BACKLOG[batch]
        for workers in options.workers[1:]:
            yield [Case(name, workers, batch, backlog) for name in names]
        fewest = options.workers[0]
        yield [
            *(Case(name, fewest, batch, backlog) for name in names),
            *(Case(name, fewest, batch, backlog, snapshot=True) for name in names if name != BOUND),
            Case(OURS, fewest, batch, backlog, history=options.history),
        ]


def verdict(figures: dict[Case, Figures]) -> bool:
    """Print the ratios and whether the targets are met."""
    ratios, losses = {}, {}
    for case, measured in figures.items():
        if case.queue != OURS:
            continue
        clean = Case(OURS, case.workers, case.batch, case.backlog)
        if case != clean:
            losses[case] = 1 - measured.drained / figures[clean].drained
            continue
        best = max(
            (other.drained, peer.queue)
            for peer, other in figures.items()
            if peer.queue not in {OURS, BOUND}
            and (peer.workers, peer.batch, peer.snapshot)
            == (case.workers, case.batch, case.snapshot)
        )
        ratios[case] = measured.drained / best[0]
        bound = figures[replace(case, queue=BOUND)].drained
        print(
            f"{case.workers} workers, batch {case.batch}: {ratios[case]:.2f} times {best[1]},"
            f" {measured.drained / bound:.2f} of the bound, which is {bound / best[0]:.2f} times"
        )
    for case, loss in losses.items():
        what = "an old snapshot" if case.snapshot else f"{case.history:,} finished chunks"
        print(f"batch {case.batch}, {what}: {loss:+.0%} slower")
    least, most = min(ratios.values()), max(losses.values())
    is_met = least >= TARGET_RATIO and most <= TARGET_LOSS
    print(
        f"target >= {TARGET_RATIO} times the best peer, <= {TARGET_LOSS:.0%} slower: "
        f"{'met' if is_met else 'MISSED'}, {least:.2f} times, {most:.0%} slower"
    )
    return is_met


def main() -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8, 16], metavar="N")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 100], choices=BACKLOG)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS, metavar="NAME")
    parser.add_argument("--history", type=int, default=1_000_000, help="finished chunks")
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="of which the median counts"
    )
    options = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="simpool-bench-") as directory:
        found = queues(Path(directory), options.peers)
        print(f"{'':<16}{'workers':>8}{'batch':>7}{'submit/s':>12}{'done/s':>12}{'WAL B':>10}")
        with durable_server() as server:
            for group in groups(options, list(found)):
                runs = [
                    {case: measure(server, found[case.queue], case) for case in group}
                    for _ in range(options.runs)
                ]
                for case in group:
                    figures[case] = middle([run[case] for run in runs])
                    show(case, figures[case])
    return 0 if verdict(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
