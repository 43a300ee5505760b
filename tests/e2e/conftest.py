"""A whole pool for each test: a stand-in, nodes in processes of their own, one owner."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from local.config import Settings
from local.stack import Stack
from node.engine import configure_cache, get_engine
from tests.e2e.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(scope="session")
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of nodes whose kernels are compiled: with those of the other tests of this clone."""
    path = tmp_path_factory.mktemp("cache")
    kernels = Path(__file__).parents[2] / ".cache" / "kernels"
    configure_cache(kernels)
    get_engine("combat").benchmark(0.1)
    (path / "kernels").symlink_to(kernels, target_is_directory=True)
    return path


@pytest_asyncio.fixture
async def pool(public_path: Path, tmp_path: Path, engine_cache: Path) -> AsyncIterator[Pool]:
    """A pool without nodes; what a test starts in it is stopped after the test."""
    settings = Settings(data_dir=public_path / "pool", api_port=0, db_port=0, seed=1)
    async with AsyncExitStack() as resources:
        stack = await resources.enter_async_context(Stack(settings))
        yield await Pool.open(stack, resources, tmp_path, engine_cache)
