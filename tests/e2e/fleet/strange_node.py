"""A node that is not as it should be: `-m tests.e2e.fleet.strange_node` in place of `-m node`.

What is wrong with it is said in its environment:

    STRANGE_CLOCK   seconds that its clock is ahead of the right time, or behind it
"""

from __future__ import annotations

import os
import runpy
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def ahead(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    """A clock that is so many seconds ahead."""
    return lambda: clock() + seconds


if __name__ == "__main__":
    time.time = ahead(time.time, float(os.environ.get("STRANGE_CLOCK", "0")))
    runpy.run_module("node", run_name="__main__", alter_sys=True)
