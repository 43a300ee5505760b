"""Compiled kernels are kept between test runs, where version control does not look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from node.engine import configure_cache

if TYPE_CHECKING:
    import pytest

configure_cache(Path(__file__).parents[3] / ".cache" / "kernels")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests say that they need compiled kernels to be done in time."""
    config.addinivalue_line("markers", "compiled: takes too long with the JIT off")
