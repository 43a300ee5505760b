"""The terms on which workers work, and how a system is made to hold a thread to them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTerms:
    """CPUs to stay on (None for any), how far to stand back for others, and how hard to work."""

    cpus: frozenset[int] | None = None
    niceness: int = 0
    power_percent: int = 100


UNRESTRICTED: Final = WorkTerms()
NICEST: Final = 19


def impose(terms: WorkTerms, thread_id: int) -> bool:
    """Hold a thread of this process to the terms; False when only a new thread can follow them.

    Linux alone can do that for one thread, and lets only root take niceness back. Elsewhere the
    number of workers is what limits them. Standing back is from where the process itself stands.
    """
    if sys.platform != "linux":
        return True
    # the main thread, whose number is that of the process, is never held to terms
    niceness = min(NICEST, os.getpriority(os.PRIO_PROCESS, os.getpid()) + terms.niceness)
    try:
        os.sched_setaffinity(thread_id, terms.cpus or os.sched_getaffinity(os.getpid()))
        if os.getpriority(os.PRIO_PROCESS, thread_id) != niceness:
            os.setpriority(os.PRIO_PROCESS, thread_id, niceness)
    except ProcessLookupError:
        return True  # it went home just now
    except PermissionError:
        return False
    return True
