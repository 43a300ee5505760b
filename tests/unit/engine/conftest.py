"""Compiled kernels are kept between test runs, where version control does not look."""

from __future__ import annotations

from pathlib import Path

from node.engine import configure_cache

configure_cache(Path(__file__).parents[3] / ".cache" / "kernels")
