"""Fixtures of the schema's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.schema.pool import Pool

if TYPE_CHECKING:
    from tests.databases import TestDatabase


@pytest.fixture
def pool(database: TestDatabase) -> Pool:
    """A pool with nobody in it."""
    return Pool(database, database.connect())
