"""Fixtures that every test may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from local.config import Settings
from local.stack import Stack
from tests.databases import DatabaseServer, TestDatabase, open_server, public_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """The Postgres server of this session."""
    with open_server() as server:
        yield server


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A temporary directory that the user of Postgres can enter, also when we are root."""
    with public_directory() as directory:
        yield directory


@pytest.fixture
def database(
    request: pytest.FixtureRequest, database_server: DatabaseServer
) -> Iterator[TestDatabase]:
    """A fresh database with the platform and our migrations, whose books balance at the end."""
    with database_server.database() as database:
        yield database
        if request.node.get_closest_marker("cooks_the_books") is None:
            assert database.broken_invariants() == []


@pytest.fixture
def platform_database(database_server: DatabaseServer) -> Iterator[TestDatabase]:
    """A fresh database with the platform only, as a new project has it."""
    with database_server.platform_database() as database:
        yield database


@pytest_asyncio.fixture
async def stack(
    database_server: DatabaseServer, database: TestDatabase, tmp_path: Path
) -> AsyncIterator[Stack]:
    """A running stand-in on free ports, over a fresh database."""
    settings = Settings(data_dir=tmp_path / "local", api_port=0, db_port=0)
    async with Stack(settings, server=database_server.server, database=database.name) as stack:
        yield stack
