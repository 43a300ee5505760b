"""PgQueuer, by its own queries: dequeue a batch, log it as done."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from pgqueuer.db import PsycopgDriver
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from pgqueuer.types import QueueEntrypoint, QueueManagerId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.databases import TestDatabase

ENTRYPOINTS = {QueueEntrypoint("nothing"): EntrypointExecutionParameter(concurrency_limit=0)}
HEARTBEAT = timedelta(seconds=30)


@asynccontextmanager
async def _queries(database: TestDatabase) -> AsyncIterator[Queries]:
    connection = await psycopg.AsyncConnection.connect(database.dsn, autocommit=True)
    async with connection:
        yield Queries(PsycopgDriver(connection))


def install(database: TestDatabase) -> None:
    """Its schema."""

    async def apply() -> None:
        async with _queries(database) as queries:
            await queries.install()

    asyncio.run(apply())


def fill(database: TestDatabase, quantity: int) -> None:
    """Jobs enqueued a thousand at a time."""

    async def enqueue() -> None:
        async with _queries(database) as queries:
            for first in range(0, quantity, 1000):
                size = min(1000, quantity - first)
                await queries.enqueue(["nothing"] * size, [None] * size, [0] * size)

    asyncio.run(enqueue())


def drain(database: TestDatabase, worker: int, batch: int) -> int:
    """Dequeue and log, as its worker does."""
    del worker  # its workers are all alike

    async def work() -> int:
        done, manager = 0, QueueManagerId(uuid4())
        async with _queries(database) as queries:
            while jobs := await queries.dequeue(batch, ENTRYPOINTS, manager, None, HEARTBEAT):
                await queries.log_jobs([(job, "successful", None) for job in jobs])
                done += len(jobs)
        return done

    return asyncio.run(work())
