"""Durations and moments in words."""

from __future__ import annotations

import pytest

from node.amounts import age, duration, unix_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3_600, "1 h 00 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    """People are told what matters at that length."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("1970-01-01T00:01:00+00:00", 60.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        ("1970-01-01T01:01:00.5+01:00", 60.5),
        ("yesterday", None),
        (None, None),
        (60, None),
    ],
)
def test_moments_of_the_pool_are_read(moment: object, seconds: float | None) -> None:
    """With or without a zone; what is no moment is none."""
    assert unix_seconds(moment) == seconds


def test_an_age_counts_from_now() -> None:
    """A moment is so long ago; none is nothing."""
    assert age("1970-01-01T00:01:00Z", now=125.0) == "1 min 05 s ago"
    assert not age(None, now=125.0)
