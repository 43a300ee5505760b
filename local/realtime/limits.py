"""What one client, and all of them together, may ask of Realtime."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: seconds over which a rate is averaged, as the hosted service does
WINDOW: Final = 60


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of the larger hosted plans, with back-offs short enough for development."""

    connections: int = 10_000
    channels_per_connection: int = 100
    joins_per_second: int = 2_500
    messages_per_second: int = 2_500
    presence_messages_per_second: int = 1_000
    #: calls of track and untrack by one channel in `presence_window` seconds
    presence_calls: int = 5
    presence_window: float = 30.0
    #: bytes of one broadcast
    broadcast_size: int = 3_000_000
    #: bytes of one row in Postgres Changes; larger rows lose their large columns
    change_size: int = 1024 * 1024
    #: bytes of one frame
    frame_size: int = 5_000_000
    #: frames waiting for one slow client before it is cut off
    backlog: int = 10_000
    #: seconds without a word from the client
    idle_timeout: float = 60.0
    #: seconds between two checks of the token of a channel
    token_check: float = 300.0
    #: seconds a refused join waits for its answer (hosted: 5)
    join_backoff: float = 0.05
    #: seconds a refused handshake waits for its answer (hosted: 2)
    handshake_backoff: float = 0.05
    #: seconds before a failed Postgres Changes subscription is tried again
    resubscribe_after: float = 5.0
    #: whether channels without policies are open at all
    public_channels: bool = True


class Rate:
    """Events per second, averaged over the last minute."""

    def __init__(self, allowed: int, clock: Callable[[], float]) -> None:
        self._allowed = allowed
        self._clock = clock
        self._buckets: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, count: int = 1) -> None:
        """Count events that happen now."""
        second = int(self._clock())
        self._forget(second)
        if self._buckets and self._buckets[-1][0] == second:
            self._buckets.append((second, self._buckets.pop()[1] + count))
        else:
            self._buckets.append((second, count))
        self._total += count

    @property
    def exceeded(self) -> bool:
        """Whether more has happened than is allowed."""
        self._forget(int(self._clock()))
        return self._total > self._allowed * WINDOW

    def _forget(self, second: int) -> None:
        while self._buckets and self._buckets[0][0] <= second - WINDOW:
            self._total -= self._buckets.popleft()[1]


class Quota:
    """A number of calls in a window that opens with the first call."""

    def __init__(self, calls: int, window: float, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._window = window
        self._clock = clock
        self._closes_at = float("-inf")
        self._used = 0

    def take(self) -> bool:
        """Use one call; False when none is left in this window."""
        now = self._clock()
        if now > self._closes_at:
            self._closes_at = now + self._window
            self._used = 0
        if self._used >= self._calls:
            return False
        self._used += 1
        return True
