"""One fleet for all tests of this folder."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING

import pytest_asyncio

from local.config import Settings
from local.stack import Stack
from tests.databases import public_directory
from tests.e2e.fleet.members import Fleet
from tests.e2e.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

#: a fleet that notices within seconds, and that no bad luck alone brings down
QUICK = {
    "heartbeat_period": "1 second",
    "lease_duration": "3 seconds",
    "sweep_period": "1 second",
    "retry_elsewhere_period": "1 second",
    "failures_max": 1000,
    "backoff_after": 1000,
}
HOUR = "3600"


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def fleet(
    tmp_path_factory: pytest.TempPathFactory, engine_cache: Path
) -> AsyncIterator[Fleet]:
    """Three nodes for all tests of this folder; the clocks of two of them are wrong."""
    with public_directory() as directory:
        settings = Settings(data_dir=directory / "pool", api_port=0, db_port=0, seed=1)
        async with AsyncExitStack() as resources:
            stack = await resources.enter_async_context(Stack(settings))
            pool = await Pool.open(stack, resources, tmp_path_factory.mktemp("fleet"), engine_cache)
            pool.set(**QUICK)
            fleet = Fleet(pool, Random(1))  # noqa: S311  # trouble that can be repeated
            await asyncio.gather(
                fleet.add("right"),
                fleet.add("early", STRANGE_CLOCK=f"-{HOUR}"),
                fleet.add("late", STRANGE_CLOCK=HOUR),
            )
            yield fleet
