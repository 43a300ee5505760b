"""Fixtures: Realtime over a real database, and a client that speaks the bare protocol."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg_pool import AsyncConnectionPool

from local.config import Settings
from local.context import Context
from local.keys import Keyring
from local.realtime.app import create_app
from local.realtime.limits import Limits
from tests.db.realtime.client import RealtimeServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.databases import TestDatabase


class Clock:
    """The wall clock, which a test may push forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """The time now, in seconds."""
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    """The clock of the stand-in."""
    return Clock()


@pytest.fixture
def limits() -> Limits:
    """The limits of the stand-in; tests override them."""
    return Limits(join_backoff=0.0, handshake_backoff=0.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of the stand-in; tests override them."""
    return Settings(data_dir=tmp_path, api_port=0, seed=7)


@pytest.fixture
def policies(platform_database: TestDatabase) -> None:
    """The policies of `policies.sql`."""
    script = Path(__file__).with_name("policies.sql").read_text(encoding="utf-8")
    platform_database.connect().execute(script)


@pytest.fixture
async def context(
    platform_database: TestDatabase, settings: Settings, clock: Clock
) -> AsyncIterator[Context]:
    """A stand-in without its other parts."""
    pool = AsyncConnectionPool(
        platform_database.authenticator_dsn, min_size=0, max_size=1, open=False
    )
    async with pool:
        yield Context(
            settings=settings,
            keyring=Keyring.load(settings.data_dir),
            pool=pool,
            admin_dsn=platform_database.admin_dsn,
            dsn=platform_database.dsn,
            url="http://127.0.0.1",
            random=random.Random(settings.seed),  # noqa: S311 - trouble, not secrets
            clock=clock,
        )


@pytest.fixture
async def server(context: Context, limits: Limits) -> AsyncIterator[RealtimeServer]:
    """Realtime, listening on a free port at the path the clients expect."""
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(RealtimeServer(context, create_app(context, limits)))
