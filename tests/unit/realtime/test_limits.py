"""Rates and quotas under a clock that stands still until it is moved."""

from __future__ import annotations

from local.realtime.limits import Quota, Rate


class Clock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


def test_a_rate_is_averaged_over_a_minute() -> None:
    """A burst is fine as long as the minute is."""
    clock = Clock()
    rate = Rate(2, clock)
    rate.add(120)
    assert not rate.exceeded
    rate.add()
    assert rate.exceeded


def test_a_rate_forgets() -> None:
    """What is older than a minute no longer counts."""
    clock = Clock()
    rate = Rate(1, clock)
    rate.add(40)
    clock.now += 30
    rate.add(40)
    assert rate.exceeded
    clock.now += 31
    assert not rate.exceeded


def test_a_quota_opens_with_the_first_call() -> None:
    """So many calls, then none until the window has passed."""
    clock = Clock()
    quota = Quota(2, 30.0, clock)
    assert [quota.take() for _ in range(3)] == [True, True, False]
    clock.now += 30.5
    assert quota.take()
