"""The stand-in runs the jobs of a database that has no pg_cron."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from local.cron import CronRunner
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import psycopg

    from tests.databases import TestDatabase

MINUTE = 60.0


class Clock:
    """Shows what it was told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The moment."""
        return self.now


@asynccontextmanager
async def running(database: TestDatabase, clock: Clock) -> AsyncIterator[CronRunner]:
    """A runner whose ticks the test makes."""
    runner = CronRunner(database.server, database.name, clock)
    try:
        yield runner
    finally:
        await runner.close()


def details(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """What was recorded about runs."""
    return connection.execute("""
        select command, status, return_message, username, end_time >= start_time
        from cron.job_run_details order by runid
    """).fetchall()


async def minute(runner: CronRunner, clock: Clock) -> None:
    """One minute passes, and what starts in it ends."""
    clock.now += MINUTE
    await runner.tick()
    await runner.drain()


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("select 1", "succeeded", "1 row"),
        ("select generate_series(1, 3)", "succeeded", "3 rows"),
        (
            "create table public.t (id int); insert into public.t values (1), (2)",
            "succeeded",
            "INSERT 0 2",
        ),
        ("select 1 / 0", "failed", "ERROR: division by zero"),
        ("select * from auth.nothing", "failed", 'ERROR: relation "auth.nothing" does not exist'),
    ],
)
async def test_a_run_is_recorded(
    platform_database: TestDatabase, command: str, status: str, message: str
) -> None:
    """Status and message are those of pg_cron; the role is the one that scheduled it."""
    connection, clock = platform_database.connect(), Clock()
    connection.execute("select cron.schedule('* * * * *', %s)", (command,))
    async with running(platform_database, clock) as runner:
        await minute(runner, clock)
    assert details(connection) == [(command, status, message, "postgres", True)]


async def test_a_job_runs_as_the_role_that_scheduled_it(platform_database: TestDatabase) -> None:
    """It is no superuser, and cannot become one."""
    connection, clock = platform_database.connect(), Clock()
    connection.execute("create table public.seen (who text)")
    connection.execute("""
        select cron.schedule(
          '* * * * *',
          'reset session authorization; insert into public.seen values (current_user)'
        )
    """)
    async with running(platform_database, clock) as runner:
        await minute(runner, clock)
    assert connection.execute("select who from public.seen").fetchall() == [("postgres",)]


async def test_a_job_runs_each_time_it_is_due(platform_database: TestDatabase) -> None:
    """Two minutes, two runs."""
    connection, clock = platform_database.connect(), Clock()
    connection.execute("select cron.schedule('* * * * *', 'select 1')")
    async with running(platform_database, clock) as runner:
        await minute(runner, clock)
        await minute(runner, clock)
    assert len(details(connection)) == 2


async def test_an_inactive_job_does_not_run(platform_database: TestDatabase) -> None:
    """alter_job can pause a job."""
    connection, clock = platform_database.connect(), Clock()
    connection.execute("""
        select cron.alter_job(cron.schedule('* * * * *', 'select 1'), active => false)
    """)
    async with running(platform_database, clock) as runner:
        await minute(runner, clock)
    assert details(connection) == []


async def test_a_role_that_cannot_log_in_fails_its_run(platform_database: TestDatabase) -> None:
    """The run is recorded as failed; others go on."""
    admin, clock = platform_database.connect_as_admin(), Clock()
    admin.execute(
        "insert into cron.job (schedule, command, username) values "
        "('* * * * *', 'select 1', 'anon'), ('* * * * *', 'select 2', 'postgres')"
    )
    async with running(platform_database, clock) as runner:
        await minute(runner, clock)
    found = {row[0]: (row[1], row[2]) for row in details(admin)}
    assert found["select 2"] == ("succeeded", "1 row")
    assert found["select 1"][0] == "failed"
    assert found["select 1"][1].startswith("connection failed: ")


async def test_what_an_end_interrupted_is_closed(platform_database: TestDatabase) -> None:
    """A run that was running when the stand-in ended counts as failed."""
    admin, clock = platform_database.connect_as_admin(), Clock()
    admin.execute("insert into cron.job_run_details (command, status) values ('x', 'running')")
    async with running(platform_database, clock) as runner:
        await runner.tick()
    assert [row[1:3] for row in details(admin)] == [("failed", "server restarted")]


async def test_closing_ends_what_runs(platform_database: TestDatabase) -> None:
    """No job outlives the stand-in."""
    connection, clock = platform_database.connect(), Clock()
    connection.execute("select cron.schedule('* * * * *', 'select pg_sleep(600)')")
    async with running(platform_database, clock) as runner:
        clock.now += MINUTE
        await runner.tick()
        await until(lambda: sleepers(connection) == 1)
    await until(lambda: sleepers(connection) == 0)


def sleepers(connection: psycopg.Connection) -> int:
    """How many sessions sleep."""
    row = connection.execute(
        "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)'"
        " and state = 'active'"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another process does."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
