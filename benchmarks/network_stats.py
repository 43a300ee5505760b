"""What the statistics of a network of up to a million devices cost, to ask for and to keep.

Half of the registered devices are active. Three ways are timed from one Postgres on disk, with its
own settings, through its socket:

- plain: reading every device, as `get_network_stats()` would be written at first;
- ours: `get_network_stats()`, as anybody, while the network is idle and while it heartbeats;
- a heartbeat: the transaction of the REST API around `device_heartbeat()`, sent by pgbench at the
  rate of that many active devices (one each 90 s), each for a device drawn by lot; then as fast as
  they are answered.

Times are the client's, with all other work of the machine in them, so the best of some rounds is
taken. At random moments, idle and amid heartbeats, both ways are asked in one snapshot for a random
time: they must give equal figures, to the last digit. Then the HTTP endpoint on one core, by its
requests per second of processor time, with a body and as 304; its answers are a second old at most.

Targets, at 1,000,000 devices: a read within 5 ms and a heartbeat within 2 ms for 99 of 100, at the
full rate of heartbeats; every comparison equal; at least 1,000 requests per second on a core.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import psycopg

from benchmarks.fleets.records import percentile
from benchmarks.heartbeats import endpoint
from benchmarks.servers import durable_server
from local.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import DatabaseServer, TestDatabase

SIZES: Final = (1_000, 100_000, 1_000_000)
READ_TARGET_MS, HEARTBEAT_TARGET_MS, REQUESTS_TARGET = 5.0, 2.0, 1000.0
#: of the rate of heartbeats, that must have been held for the figures to count
RATE_HELD: Final = 0.95
PERIOD_SECONDS: Final = 90
CLIENTS: Final = 8
#: the first calls of each session only prepare it
WARM_UP: Final = 5
COMPARISONS: Final = 5
READ_PAUSE: Final = 0.005

LOAD: Final = """
insert into auth.users (id, aud, role, email, created_at, updated_at)
select md5('user' || n)::uuid, 'authenticated', 'authenticated', n || '@example.org', now(), now()
from generate_series(0, %(count)s / 100) as n;

alter table public.compute_devices disable trigger user;
insert into public.compute_devices (
  id, user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score, is_active,
  last_seen
)
select
  md5(n::text)::uuid, md5('user' || n / 100)::uuid, 'Device ' || n, 'phone',
  4 + n %% 13, 1 + n %% 16, n %% 1000 * 0.5,
  (4 + n %% 13) * 2 + (1 + n %% 16) * 5 + n %% 1000 * 0.025,
  n <= %(count)s / 2, date_trunc('second', now() - random() * interval '90 seconds')
from generate_series(1, %(count)s) as n;
alter table public.compute_devices enable trigger user;
select private.recount_devices();
"""
PLAIN: Final = """
select
  count(*), coalesce(sum(ram_gb), 0), coalesce(sum(cpu_cores), 0),
  coalesce(sum(storage_gb), 0), coalesce(sum(compute_score), 0)
from public.compute_devices
where is_active and last_seen > (select private.current_time()) - interval '5 minutes'
"""
OURS: Final = "select * from public.get_network_stats()"
HEARTBEAT: Final = """\
\\set device random(1, :active)
\\set user :device / 100
\\startpipeline
begin;
select
  set_config('role', 'authenticated', true),
  set_config(
    'request.jwt.claims', json_build_object('sub', md5('user' || :user)::uuid)::text, true
  );
select public.device_heartbeat(md5(:device::text)::uuid);
commit;
\\endpipeline
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of many calls."""

    middle: float
    high: float
    count: int
    #: of processor time each, where it was measured
    cost: float = 0.0

    @classmethod
    def of(cls, values: list[float]) -> Times:
        """The median and the 99th percentile."""
        return cls(percentile(values, 0.5), percentile(values, 0.99), len(values))

    def __str__(self) -> str:
        return f"{self.middle:>9.2f}{self.high:>9.2f}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured at one number of devices."""

    plain: Times
    idle: Times
    busy: Times
    heartbeat: Times
    rate: float
    wanted_rate: float
    most: float
    #: milliseconds of processor time of the database
    heartbeat_cost: float
    unequal: int


class Bench:
    """One database with so many devices, half of them active."""

    def __init__(self, database: TestDatabase, count: int, seconds: float) -> None:
        assert isinstance(database.server, Cluster)
        self.database = database
        self.cluster = database.server
        self.count = count
        self.seconds = seconds
        self.random = random.Random(count)  # noqa: S311 - of moments, not of secrets

    def load(self) -> None:
        """Register the devices, as if the active ones were just heartbeating."""
        with psycopg.connect(self.database.admin_dsn, autocommit=True) as admin:
            admin.execute("set statement_timeout = 0")
            for statement in LOAD.split(";\n"):
                if statement.strip():
                    admin.execute(statement, {"count": self.count})
            admin.execute("vacuum analyze")
            admin.execute("checkpoint")

    def sizes(self) -> str:
        """What lies on disk."""
        tables = ("public.compute_devices", "private.device_seconds", "private.device_moves")
        with psycopg.connect(self.database.dsn) as connection:
            values = [_scalar(connection, f"pg_total_relation_size('{name}')") for name in tables]
            wal = _scalar(connection, "pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        devices, counts, moves = (value / 2**20 for value in values)
        return (
            f"devices {devices:,.1f} MiB, counts {counts:,.2f} MiB, moves {moves:,.1f} MiB; "
            f"{wal / 2**30:,.1f} GiB of log written"
        )

    def plain(self) -> Times:
        """Reading every device, as its owner."""
        with psycopg.connect(self.database.dsn, autocommit=True) as connection:
            return Times.of([_timed(connection, PLAIN) for _ in range(12)])

    def read(self, seconds: float) -> Times:
        """Reads of anybody, one after the other with pauses."""
        end, values = time.monotonic() + seconds, []
        connection = self.database.connect("anon")
        for _ in range(WARM_UP):
            _timed(connection, OURS)
        backend = psutil.Process(connection.info.backend_pid)
        before = sum(backend.cpu_times()[:2])
        while time.monotonic() < end:
            values.append(_timed(connection, OURS))
            time.sleep(READ_PAUSE)
        used = sum(backend.cpu_times()[:2]) - before
        connection.close()
        return replace(Times.of(values), cost=used * 1000 / len(values))

    def unequal(self) -> int:
        """How often the two ways differ, for random times in one snapshot each."""
        with psycopg.connect(self.database.dsn) as connection:
            return sum(not self._is_equal(connection) for _ in range(COMPARISONS))

    def _is_equal(self, connection: psycopg.Connection) -> bool:
        time.sleep(self.random.random())
        with connection.transaction(force_rollback=True):
            # the clock of this transaction only: it is never committed
            connection.execute(
                "insert into private.clock (fake_now) select now() + %s * interval '1 second'",
                (self.random.uniform(-60, 300),),
            )
            row = connection.execute(
                f"select row(ours.*) = row(plain.*) from ({OURS}) as ours, ({PLAIN}) as plain"  # noqa: S608 - ours
            ).fetchone()
        return row == (True,)

    @contextlib.contextmanager
    def heartbeats(self, seconds: float, rate: float | None) -> Iterator[list[float]]:
        """Lets devices heartbeat meanwhile, at a rate or as often as can be.

        The list holds the milliseconds of every heartbeat in the end.
        """
        with tempfile.TemporaryDirectory(prefix="simpool-bench-") as name:
            script = Path(name, "heartbeat.sql")
            script.write_text(HEARTBEAT)
            command = [
                str(self.cluster.installation.bin_dir / "pgbench"),
                "--no-vacuum",
                "--protocol=prepared",
                f"--file={script}",
                f"--define=active={max(self.count // 2, 1)}",
                f"--client={max(1, min(CLIENTS, self.count // 10_000))}",
                f"--time={seconds:.0f}",
                "--log",
                f"--log-prefix={name}/log",
                *([f"--rate={rate}"] if rate else []),
                self.database.authenticator_dsn,
            ]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            values: list[float] = []
            try:
                yield values
            finally:
                _, said = process.communicate()
            if process.returncode != 0:
                raise RuntimeError(said)
            for log in Path(name).glob("log*"):
                values += _milliseconds(log.read_text())

    def processor_ms(self) -> float:
        """The processor time that the database has used so far."""
        first_line, *_ = (self.cluster.directory / "postmaster.pid").read_text().splitlines()
        postmaster = psutil.Process(int(first_line))
        times = postmaster.cpu_times()
        used = times.children_user + times.children_system
        for child in postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                used += sum(child.cpu_times()[:2])
        return used * 1000

    def measure(self, rounds: int) -> Figures:
        """Idle first, then amid heartbeats; the best of some rounds."""
        plain, unequal = self.plain(), self.unequal()
        idle = [self.read(self.seconds / 3) for _ in range(rounds)]

        rate = self.count / 2 / PERIOD_SECONDS
        busy, heartbeats = [], []
        for _ in range(rounds):
            with self.heartbeats(self.seconds, rate) as values:
                busy.append(self.read(self.seconds - 1))
            heartbeats.append(Times.of(values))
        with self.heartbeats(2 * COMPARISONS, rate):
            unequal += self.unequal()

        before = self.processor_ms()
        with self.heartbeats(self.seconds, None) as values:
            pass
        heartbeat_cost = (self.processor_ms() - before) / len(values)
        return Figures(
            plain,
            idle=min(idle, key=_high),
            busy=min(busy, key=_high),
            heartbeat=min(heartbeats, key=_high),
            rate=max(times.count for times in heartbeats) / self.seconds,
            wanted_rate=rate,
            most=len(values) / self.seconds,
            heartbeat_cost=heartbeat_cost,
            unequal=unequal,
        )


def _high(times: Times) -> float:
    return times.high


def _milliseconds(log: str) -> Iterator[float]:
    for line in log.splitlines():
        # client, number, time, script, seconds, microseconds, and with a rate how late it began
        _, number, elapsed, _, _, _, *late = map(int, line.split())
        if number > WARM_UP:
            yield (elapsed - sum(late)) / 1000


def _timed(connection: psycopg.Connection, query: Any) -> float:
    began = time.perf_counter()
    connection.execute(query).fetchone()
    return (time.perf_counter() - began) * 1000


def _scalar(connection: psycopg.Connection, expression: str) -> Any:
    row = connection.execute(f"select {expression}").fetchone()
    assert row is not None
    return row[0]


def show(count: int, figures: Figures, sizes: str) -> None:
    """Print a row."""
    print(
        f"{count:>9,}{figures.plain}{figures.idle}{figures.busy}{figures.heartbeat}"
        f"{figures.rate:>9,.0f}{figures.most:>9,.0f}"
        f"{figures.busy.cost:>9.3f}{figures.heartbeat_cost:>9.3f}"
        f"{'  equal' if figures.unequal == 0 else f'  {figures.unequal} DIFFER'}"
    )
    print(f"{'':>9}  {sizes}", flush=True)


def verdict(figures: Figures, requests: float) -> bool:
    """Print whether the largest network and the endpoint met their targets."""
    reached = {
        f"read p99 {figures.busy.high:.2f} ms (< {READ_TARGET_MS:g})": (
            max(figures.busy.high, figures.idle.high) < READ_TARGET_MS
        ),
        f"heartbeat p99 {figures.heartbeat.high:.2f} ms (< {HEARTBEAT_TARGET_MS:g})": (
            figures.heartbeat.high < HEARTBEAT_TARGET_MS
        ),
        f"{figures.rate:,.0f} heartbeats/s (of {figures.wanted_rate:,.0f})": (
            figures.rate >= RATE_HELD * figures.wanted_rate
        ),
        f"{figures.unequal} comparisons differ": figures.unequal == 0,
        f"{requests:,.0f} requests/s on a core (>= {REQUESTS_TARGET:,.0f})": (
            requests >= REQUESTS_TARGET
        ),
    }
    is_met = all(reached.values())
    words = "; ".join(text if is_right else f"{text} MISSED" for text, is_right in reached.items())
    print(f"targets {'met' if is_met else 'MISSED'}: {words}")
    return is_met


def run(server: DatabaseServer, options: argparse.Namespace) -> bool:
    """Measure each size, and the endpoint over the largest."""
    *smaller, largest = sorted(options.sizes)
    for count in smaller:
        with server.database() as database:
            measure(Bench(database, count, options.seconds), options.rounds)
    with server.database() as database:
        figures = measure(Bench(database, largest, options.seconds), options.rounds)
        served = endpoint.measure(database, options.seconds)
    for name, rate in served.items():
        print(f"HTTP {name}: {rate.per_second:,.0f}/s here, {rate.per_core:,.0f}/s of a whole core")
    return verdict(figures, min(rate.per_core for rate in served.values()))


def measure(bench: Bench, rounds: int) -> Figures:
    """Load, measure and show one size."""
    bench.load()
    figures = bench.measure(rounds)
    show(bench.count, figures, bench.sizes())
    return figures


def main() -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="DEVICES")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{'':>9}{'plain':>18}{'ours, idle':>18}{'ours, busy':>18}{'heartbeat':>18}"
        f"{'per s':>9}{'at most':>9}{'CPU ms of':>18}"
    )
    print(
        f"{'devices':>9}{'p50 ms':>9}{'p99 ms':>9}" + f"{'p50':>9}{'p99':>9}" * 3 + f"{'':>18}"
        f"{'a read':>9}{'a beat':>9}",
        flush=True,
    )
    with durable_server() as server:
        return 0 if run(server, options) else 1


if __name__ == "__main__":
    sys.exit(main())
