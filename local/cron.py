"""Runs the jobs of `cron.job` where the server has no pg_cron, and records each run as it does."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg

from local import cron_schedule
from local.cron_schedule import Interval
from local.errors import ScheduleError
from local.servers import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.servers import Server

logger = logging.getLogger(__name__)

MAX_CONCURRENT_JOBS: Final = 8
#: seconds between two looks at the clock and the table
TICK: Final = 1.0
READ_JOBS: Final = """
select job.jobid, job.schedule, job.command, job.database, job.username
from cron.job
where job.active
order by job.jobid
"""
START_RUN: Final = """
insert into cron.job_run_details (jobid, job_pid, database, username, command, status, start_time)
values (%s, %s, %s, %s, %s, 'running', %s)
returning runid
"""
END_RUN: Final = """
update cron.job_run_details
set status = %s, return_message = %s, end_time = %s
where runid = %s
"""
#: as pg_cron does when it starts, since nobody will end these runs
CLOSE_INTERRUPTED: Final = """
update cron.job_run_details
set status = 'failed', return_message = 'server restarted'
where status in ('starting', 'running')
"""


@dataclass(frozen=True)
class Job:
    """One row of `cron.job`."""

    jobid: int
    schedule: str
    command: str
    database: str
    username: str


@dataclass
class Agenda:
    """Decides which jobs are due. It does nothing itself and reads no clock."""

    #: the minute up to which calendars were served
    served_until: datetime
    _waiting: dict[int, Job] = field(default_factory=dict)
    _running: set[int] = field(default_factory=set)
    _last_start: dict[int, datetime] = field(default_factory=dict)

    def due(self, jobs: Iterable[Job], now: datetime) -> list[Job]:
        """The jobs to start now, at most as many as may run beside those that run."""
        known = {job.jobid: job for job in jobs}
        for job in known.values():
            if self._falls_due(job, now):
                self._waiting[job.jobid] = job
        self.served_until = max(self.served_until, now)
        self._forget_all_but(known)
        ready = [job for jobid, job in self._waiting.items() if jobid not in self._running]
        started = ready[: MAX_CONCURRENT_JOBS - len(self._running)]
        for job in started:
            self._start(job, now)
        return started

    def end(self, jobid: int) -> None:
        """The run of a job is over."""
        self._running.discard(jobid)

    def _falls_due(self, job: Job, now: datetime) -> bool:
        try:
            schedule = cron_schedule.parse(job.schedule)
        except ScheduleError:
            return False
        if isinstance(schedule, Interval):
            first = self._last_start.setdefault(job.jobid, now)
            return job.jobid not in self._running and schedule.after(first) <= now
        following = schedule.after(self.served_until)
        return following is not None and following <= now

    def _start(self, job: Job, now: datetime) -> None:
        del self._waiting[job.jobid]
        self._running.add(job.jobid)
        self._last_start[job.jobid] = now

    def _forget_all_but(self, known: dict[int, Job]) -> None:
        for gone in self._waiting.keys() - known.keys():
            del self._waiting[gone]
        for gone in self._last_start.keys() - known.keys():
            del self._last_start[gone]


class CronRunner:
    """Runs what is due in one database until it is cancelled."""

    def __init__(self, server: Server, database: str, clock: Callable[[], float]) -> None:
        self._server = server
        self._database = database
        self._clock = clock
        self._agenda = Agenda(self._now())
        self._runs: set[asyncio.Task[None]] = set()
        self._connection: psycopg.AsyncConnection | None = None

    async def run(self) -> None:
        """Looks at the clock every second; a database that is away is asked again."""
        try:
            while True:
                try:
                    await self.tick()
                except psycopg.OperationalError as error:
                    logger.warning("cron waits for the database: %s", error)
                await asyncio.sleep(TICK)
        finally:
            await self.close()

    async def tick(self) -> None:
        """Starts what is due now."""
        jobs = [Job(*row) for row in await self._execute(READ_JOBS)]
        for job in self._agenda.due(jobs, self._now()):
            task = asyncio.create_task(self._run(job), name=f"cron job {job.jobid}")
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def drain(self) -> None:
        """Waits until nothing runs."""
        await asyncio.gather(*self._runs)

    async def close(self) -> None:
        """Cancels what runs."""
        for task in self._runs:
            task.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _run(self, job: Job) -> None:
        """One run: always recorded, never raising."""
        try:
            await self._perform(job)
        except psycopg.Error:
            logger.exception("a run of cron job %d was not recorded", job.jobid)
        finally:
            self._agenda.end(job.jobid)

    async def _perform(self, job: Job) -> None:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._server.dsn(job.username, job.database), autocommit=True
            )
        except psycopg.OperationalError as error:
            runid = await self._record_start(job, None)
            await self._record_end(runid, "failed", f"connection failed: {error}")
            return
        async with connection:
            runid = await self._record_start(job, connection.info.backend_pid)
            await self._record_end(runid, *await _outcome(connection, job.command))

    async def _record_start(self, job: Job, pid: int | None) -> int:
        values = (job.jobid, pid, job.database, job.username, job.command, self._now())
        rows = await self._execute(START_RUN, values)
        return int(rows[0][0])

    async def _record_end(self, runid: int, status: str, message: str) -> None:
        await self._execute(END_RUN, (status, message, self._now(), runid))

    async def _execute(self, query: LiteralString, values: tuple[Any, ...] = ()) -> list[Any]:
        connection = await self._connected()
        cursor = await connection.execute(query, values)
        return await cursor.fetchall() if cursor.description else []

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._server.dsn(SUPERUSER, self._database), autocommit=True
            )
            await self._connection.execute(CLOSE_INTERRUPTED)
        return self._connection

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


async def _outcome(connection: psycopg.AsyncConnection, command: str) -> tuple[str, str]:
    """Status and message of a command, in the words of pg_cron."""
    try:
        cursor = await connection.execute(command.encode())
    except psycopg.Error as error:
        return "failed", f"ERROR: {error.diag.message_primary or error}"
    while cursor.nextset():
        pass
    if cursor.description is None:
        return "succeeded", cursor.statusmessage or ""
    return "succeeded", f"{cursor.rowcount} row{'' if cursor.rowcount == 1 else 's'}"
