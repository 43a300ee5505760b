"""Simulation engines behind one seam: a config and a range of iterations in, an exact result out.

An engine is a package beside this file that exposes `create() -> Engine`.  Its kernels are compiled
on first use, so call `configure_cache` before the first `get_engine`.
"""

from node.engine.cache import configure_cache
from node.engine.protocol import (
    ConfigError,
    Engine,
    EngineError,
    LogLine,
    Plan,
    Problem,
    Replay,
    SimulationError,
    UnknownEngineError,
)
from node.engine.registry import engine_names, get_engine

__all__ = [
    "ConfigError",
    "Engine",
    "EngineError",
    "LogLine",
    "Plan",
    "Problem",
    "Replay",
    "SimulationError",
    "UnknownEngineError",
    "configure_cache",
    "engine_names",
    "get_engine",
]
