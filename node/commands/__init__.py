"""The commands of `python -m node`, one module each."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.commands.command import Command

DEFAULT = "run"
# A table rather than the modules, because some of them load the engine, and `--help` need not.
SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "run": "run this machine as a node of the pool (the default)",
        "claim": "make a node yours, with the code it shows",
        "devices": "show the devices of this machine, share or withhold them",
        "pause": "let the node of this machine rest",
        "resume": "let the node of this machine work again",
        "status": "show the node on this machine, and your nodes in the pool",
        "network": "show what all devices of the pool offer together",
        "unregister": "take this node out of the pool",
        "earnings": "show what your machines earned",
        "login": "sign in to the pool, or sign up",
        "submit": "send a simulation to the pool",
        "jobs": "list your jobs, or show one",
        "result": "show the result of a job, and check it",
        "sim": "run a simulation on this machine alone",
        "import-simc": "make a config of a SimulationCraft character",
        "replay": "print the combat log of one fight",
        "validate": "say everything that is wrong with a config, a spec or a rotation",
        "bench": "measure how fast this machine simulates",
        "doctor": "check everything a node needs, and say what to fix",
    }
)


def load(name: str) -> Command:
    """The command of that name."""
    return cast(
        "Command", importlib.import_module(f"node.commands.{name.replace('-', '_')}").COMMAND
    )
