"""Procrastinate, by its own job manager: one job per call, whatever the batch."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import procrastinate
from procrastinate.jobs import Status

if TYPE_CHECKING:
    from tests.databases import TestDatabase


def _app(database: TestDatabase) -> procrastinate.App:
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    connector = procrastinate.PsycopgConnector(conninfo=database.dsn, min_size=1, max_size=1)
    app = procrastinate.App(connector=connector)
    app.task(name="nothing")(_nothing)
    return app


async def _nothing() -> None:
    """The task: it does nothing."""


def install(database: TestDatabase) -> None:
    """Its schema."""

    async def apply() -> None:
        async with (app := _app(database)).open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(apply())


def fill(database: TestDatabase, quantity: int) -> None:
    """Jobs deferred a thousand at a time."""

    async def defer() -> None:
        async with (app := _app(database)).open_async():
            task = app.tasks["nothing"]
            for first in range(0, quantity, 1000):
                await task.batch_defer_async(*[{}] * min(1000, quantity - first))

    asyncio.run(defer())


def drain(database: TestDatabase, worker: int, batch: int) -> int:
    """Fetch and finish, as its worker does."""
    del worker, batch  # its workers are all alike, and it takes one job per call

    async def work() -> int:
        done = 0
        async with (app := _app(database)).open_async():
            manager = app.job_manager
            number = await manager.register_worker()
            while (job := await manager.fetch_job(None, number)) is not None:
                await manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
                done += 1
        return done

    return asyncio.run(work())
