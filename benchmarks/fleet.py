"""A large fleet against one Postgres: how much it holds, and whether it stays as fast.

Ten thousand simulated nodes with one worker each heartbeat every 30 seconds and exchange a range of
about ten seconds, with results as large as those of a real fight: a thousand exchanges and 330
heartbeats a second are offered. A hundred owners submit jobs as the fleet works them off. Postgres,
its maintenance and the simulated fleet share this machine, so what is held is a lower bound; who
waits for a connection begins late, and works less.

Writes a chart (SVG) and the samples (JSON). Target: the exchanges' p95 of the last fifth of the run
is at most a quarter above that of the second fifth, however many chunks have finished in between,
and the pool's books balance.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from benchmarks.fleets import chart
from benchmarks.fleets.nodes import Fleet, Node
from benchmarks.fleets.records import Records, Sample, percentile
from benchmarks.servers import durable_server
from tests.db.schema.pool import CONFIG

if TYPE_CHECKING:
    from tests.databases import TestDatabase

OWNERS: Final = 100
SPEEDS: Final = (20.0, 2000.0)
JOB_ITERATIONS: Final = (1e6, 5e7)
CHUNK_SECONDS, HEARTBEAT_SECONDS, RAMP_SECONDS = 10.0, 30.0, 20.0
PERIOD: Final = 5.0
TARGET_GROWTH: Final = 1.25

STATE: Final = """
select
  pg_database_size(current_database()) as size,
  (
    select coalesce(sum(n_dead_tup), 0)::bigint
    from pg_stat_user_tables where schemaname in ('public', 'private')
  ) as dead_rows,
  (
    select coalesce(sum(completed_chunks), 0)::bigint from public.sim_jobs
  ) as finished_chunks
"""
MAINTENANCE: Final = (
    "requeue_expired_leases",
    "mark_stale_nodes_offline",
    "fail_overdue_jobs",
    "deactivate_stale_devices",
)


def build(
    database: TestDatabase, quantity: int, chance: random.Random
) -> tuple[list[str], list[Node]]:
    """Owners, and nodes of theirs that everybody may use; registered all at once."""
    owners = [database.create_user(f"owner{number}@example.org") for number in range(OWNERS)]
    low, high = SPEEDS
    speeds = [low * (high / low) ** chance.random() for _ in range(quantity)]
    with psycopg.connect(database.dsn) as connection:
        connection.execute(
            """
            update private.settings
            set
              heartbeat_period = make_interval(secs => %s),
              lease_duration = make_interval(secs => %s),
              node_offline_after = make_interval(secs => %s),
              chunk_duration = make_interval(secs => %s)
            """,
            (HEARTBEAT_SECONDS, 2 * HEARTBEAT_SECONDS, 3 * HEARTBEAT_SECONDS, CHUNK_SECONDS),
        )
        rows = connection.execute(
            """
            insert into public.nodes (
              user_id, name, public_key, hostname, version, status, total_cores, max_parallel,
              iterations_per_second, claimed_at
            )
            select
              (%(owners)s::uuid[])[1 + numbers.number %% cardinality(%(owners)s::uuid[])],
              'node', 'key ' || numbers.number, 'host', '1.0.0', 'offline', 8, 1, numbers.speed,
              now()
            from unnest(%(speeds)s::double precision[]) with ordinality as numbers (speed, number)
            returning id::text, iterations_per_second
            """,
            {"owners": owners, "speeds": speeds},
        ).fetchall()
        connection.execute(
            """
            insert into public.node_access (node_id, access_type)
            select nodes.id, kinds.kind
            from public.nodes cross join (values ('owner'), ('public')) as kinds (kind)
            """
        )
        # they have worked for long: one result in fifty is checked
        connection.execute(
            "insert into private.node_trust (node_id, agreements)"
            " select nodes.id, 2500 from public.nodes"
        )
    return owners, [Node(*row) for row in rows]


class Submitters:
    """Owners who keep two jobs each waiting."""

    def __init__(self, owners: list[str], chance: random.Random, records: Records) -> None:
        self._owners = owners
        self._random = chance
        self._records = records

    async def run(self, dsn: str, watcher: psycopg.AsyncConnection[Any]) -> None:
        """Submit whenever there is less; a few at a time."""
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            while True:
                cursor = await watcher.execute("select count(*) from private.open_jobs")
                row = await cursor.fetchone()
                missing = 2 * len(self._owners) - (row[0] if row else 0)
                for _ in range(max(0, missing)):
                    await self._submit(connection)
                await asyncio.sleep(0.5)

    async def _submit(self, connection: psycopg.AsyncConnection[Any]) -> None:
        owner = self._random.choice(self._owners)
        low, high = JOB_ITERATIONS
        claims = json.dumps({"role": "authenticated", "sub": owner})
        began = time.monotonic()
        async with connection.pipeline():
            await connection.execute(
                "select set_config('request.jwt.claims', %s, false),"
                " set_config('role', 'authenticated', false)",
                (claims,),
            )
            await connection.execute(
                "select public.submit_job(config_json => %s, iterations => %s, access_type => %s)",
                (CONFIG, int(low * (high / low) ** self._random.random()), "public"),
            )
        self._records.note("submit", 0.0, time.monotonic() - began)


def server_cpu() -> float:
    """Seconds of processor time of everything on this machine that is not this process."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    busy = sum(map(int, fields)) - int(fields[3]) - int(fields[4])
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()


async def watch(records: Records, watcher: psycopg.AsyncConnection[Any]) -> None:
    """Sample the database, and do each minute what cron does."""
    began = last = time.monotonic()
    cpu = server_cpu()
    maintained = began
    while True:
        await asyncio.sleep(PERIOD)
        cursor = await watcher.execute(STATE)
        row = await cursor.fetchone()
        assert row is not None
        now, spent = time.monotonic(), server_cpu()
        sample = records.sample(
            now - began,
            now - last,
            server_cpu=(spent - cpu) / (now - last),
            **dict(zip(("size", "dead_rows", "finished_chunks"), row, strict=True)),
        )
        last, cpu = now, spent
        show(sample)
        if now - maintained >= 60:  # noqa: PLR2004 - the minute of cron
            maintained = now
            for routine in MAINTENANCE:
                await watcher.execute(f"select private.{routine}()")


def show(sample: Sample) -> None:
    """Print a line."""
    p50, p95, p99 = (1000 * value for value in sample.calls.get("exchange", (0.0,) * 3))
    print(
        f"{sample.at:>6.0f} s {sample.exchanges:>8,.0f}/s {p50:>8.1f}{p95:>8.1f}{p99:>8.1f}"
        f"{1000 * sample.lateness:>10,.0f}{sample.server_cpu:>7.2f}"
        f"{sample.size / 1e6:>9,.0f}{sample.dead_rows:>10,}{sample.finished_chunks:>11,}",
        flush=True,
    )


async def simulate(database: TestDatabase, options: argparse.Namespace, records: Records) -> None:
    """The whole run."""
    chance = random.Random(options.seed)  # noqa: S311 - not for secrets
    owners, nodes = build(database, options.nodes, chance)
    fleet = Fleet(nodes, chance, records, HEARTBEAT_SECONDS, RAMP_SECONDS)
    submitters = Submitters(owners, chance, records)
    dsn = database.authenticator_dsn
    print(
        f"{'':>8}{'exchanges':>10}{'p50':>9}{'p95':>8}{'p99 ms':>8}"
        f"{'late ms':>10}{'cpu':>7}{'MB':>9}{'dead':>10}{'finished':>11}"
    )
    async with contextlib.AsyncExitStack() as stack:
        watchers = [
            await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(database.dsn, autocommit=True)
            )
            for _ in range(2)
        ]
        async with asyncio.TaskGroup() as tasks:
            sides = [
                tasks.create_task(submitters.run(dsn, watchers[0]), name="submitters"),
                tasks.create_task(watch(records, watchers[1]), name="watch"),
            ]
            await fleet.run(dsn, options.connections, 60 * options.minutes)
            for side in sides:
                side.cancel()


def growth(samples: list[Sample]) -> float:
    """By how much the exchanges' p95 of the last fifth is above that of the second fifth."""
    fifth = max(1, len(samples) // 5)
    parts = (samples[fifth : 2 * fifth], samples[-fifth:])
    early, late = (
        statistics.median(sample.calls["exchange"][1] for sample in part) for part in parts
    )
    return late / early


def verdict(options: argparse.Namespace, records: Records, broken: list[Any]) -> bool:
    """Print what was held, how long calls took, and whether that stayed so."""
    for kind, values in records.all.items():
        p50, p95, p99 = (1000 * percentile(values, share) for share in (0.5, 0.95, 0.99))
        print(f"{kind}: {len(values):,} calls, p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms")
    held = statistics.median(sample.exchanges for sample in records.samples)
    offered = options.nodes / CHUNK_SECONDS
    print(
        f"held {held:,.0f} of {offered:,.0f} exchanges a second that were offered,"
        f" the work of {held * CHUNK_SECONDS:,.0f} nodes"
    )
    by = growth(records.samples)
    is_met = by <= TARGET_GROWTH and not broken
    print(f"books: {'balanced' if not broken else broken[:3]}")
    print(
        f"target p95 of the last fifth <= {TARGET_GROWTH} times the second's: "
        f"{'met' if is_met else 'MISSED'}, {by:.2f} times"
    )
    return is_met


def main() -> int:
    """Print a line every few seconds and the verdict; write the chart."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=10_000, metavar="N")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N")
    parser.add_argument("--connections", type=int, default=8, metavar="N", help="as of a pooler")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--chart", type=Path, default=Path("fleet.svg"), metavar="FILE")
    options = parser.parse_args()
    records = Records()
    with durable_server() as server, server.database() as database:
        asyncio.run(simulate(database, options, records))
        broken = database.broken_invariants()
    title = f"{options.nodes:,} nodes on one Postgres, {os.cpu_count()} processors"
    options.chart.write_text(
        chart.draw(title, records.samples, options.nodes / CHUNK_SECONDS), encoding="utf-8"
    )
    data = options.chart.with_suffix(".json")
    data.write_text(json.dumps([asdict(sample) for sample in records.samples]), encoding="utf-8")
    print(f"wrote {options.chart} and {data}")
    return 0 if verdict(options, records, broken) else 1


if __name__ == "__main__":
    sys.exit(main())
