"""A node that is not as it should be: `-m tests.e2e.fleet.strange_node` in place of `-m node`.

What is wrong with it is said in its environment:

    STRANGE_CLOCK    seconds that its clock is ahead of the right time, or behind it
    STRANGE_RESULTS  how many casts it invents in every result
"""

from __future__ import annotations

import os
import runpy
import time
from typing import TYPE_CHECKING, Any

import node.engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine import Engine


def ahead(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    """A clock that is so many seconds ahead."""
    return lambda: clock() + seconds


class Liar:
    """An engine whose results look right and are wrong."""

    def __init__(self, engine: Engine, invented: int) -> None:
        self._engine = engine
        self._invented = invented

    def __getattr__(self, name: str) -> Any:
        """Be honest in everything else."""
        return getattr(self._engine, name)

    def run(self, *arguments: Any) -> dict[str, Any] | None:
        """Simulate, and add what never happened."""
        result = self._engine.run(*arguments)
        if result is not None:
            result["counters"][min(result["counters"])] += self._invented
        return result


def lying(find: Callable[[str], Engine], invented: int) -> Callable[[str], Any]:
    """What finds engines that lie."""
    return lambda name: Liar(find(name), invented)


if __name__ == "__main__":
    time.time = ahead(time.time, float(os.environ.get("STRANGE_CLOCK", "0")))
    if (invented := int(os.environ.get("STRANGE_RESULTS", "0"))) > 0:
        node.engine.get_engine = lying(node.engine.get_engine, invented)  # type: ignore[assignment]
    runpy.run_module("node", run_name="__main__", alter_sys=True)
