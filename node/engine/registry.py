"""Finds engines by name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import cast

from node.engine.protocol import Engine, UnknownEngineError


def engine_names() -> tuple[str, ...]:
    """Name every engine of this installation."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(module.name for module in modules if module.ispkg))


@cache
def get_engine(name: str) -> Engine:
    """Load an engine once; raises UnknownEngineError."""
    if name not in engine_names():
        known = ", ".join(engine_names())
        raise UnknownEngineError(f"there is no engine {name!r}; this node has: {known}")
    return cast("Engine", importlib.import_module(f"node.engine.{name}").create())
