"""Fixtures of the sign-in service's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.auth.support import Auth, running_auth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.databases import TestDatabase


@pytest.fixture
async def auth(platform_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Auth]:
    """Return a sign-in service over a fresh database."""
    async with running_auth(platform_database, tmp_path) as running:
        yield running
