"""Fixtures that every test may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import DatabaseServer, TestDatabase, open_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """The Postgres server of this session."""
    with open_server() as server:
        yield server


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[TestDatabase]:
    """A fresh database with the platform and our migrations."""
    with database_server.database() as database:
        yield database


@pytest.fixture
def platform_database(database_server: DatabaseServer) -> Iterator[TestDatabase]:
    """A fresh database with the platform only, as a new project has it."""
    with database_server.platform_database() as database:
        yield database
