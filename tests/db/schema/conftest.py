"""Fixtures of the schema's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.schema.pool import Pool

if TYPE_CHECKING:
    from tests.databases import TestDatabase


@pytest.fixture
def pool(database: TestDatabase) -> Pool:
    """A pool with nobody in it, that believes its nodes: no result is checked by chance."""
    pool = Pool(database, database.connect())
    pool.configure(checks_to_trust=0, check_probability_min=0)
    return pool
