"""Fixtures: the handlers over a real database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from _shared.app import create_app
from tests.unit.functions.support import ORIGIN, Handlers, make_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.databases import TestDatabase


@pytest.fixture
async def handlers(database: TestDatabase) -> AsyncIterator[Handlers]:
    """Return handlers that talk to a fresh database."""
    app = create_app(make_settings(database_url=database.dsn))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        yield Handlers(client, time.time)
