"""Working less than all the time: short rests between short pieces of work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

ALL: Final = 100
LONGEST_REST: Final = 1.0  # seconds; a piece of work that takes long is no reason to sleep long


class Pacer:
    """Tells an engine whether to stop, and rests on the way there.

    An engine asks every few dozen milliseconds; at p percent it rests (100 - p) / p of the time
    that it has worked since it asked last, so that a processor draws about p percent of the power.
    """

    def __init__(
        self,
        stop: threading.Event,
        percent: Callable[[], int],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._stop = stop
        self._percent = percent
        self._clock = clock
        self._worked_since = clock()

    def __call__(self) -> bool:
        """Whether to stop; before it answers it may rest."""
        percent = self._percent()
        if percent < ALL:
            worked = self._clock() - self._worked_since
            self._stop.wait(min(LONGEST_REST, worked * (ALL - percent) / percent))
            self._worked_since = self._clock()
        return self._stop.is_set()
