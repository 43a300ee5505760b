"""Fixtures of the handlers' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.functions.support import Pool, running_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Return handlers that run in memory."""
    async with running_pool() as running:
        yield running
