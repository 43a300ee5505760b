"""Durations and moments in words."""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def duration(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = max(0, round(seconds))
    if whole >= DAY:
        return f"{whole // DAY} d {whole % DAY // HOUR} h"
    if whole >= HOUR:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02} min"
    return f"{whole // MINUTE} min {whole % MINUTE:02} s" if whole >= MINUTE else f"{whole} s"


def age(moment: object, now: float) -> str:
    """How long ago a moment of the pool was; nothing where there is none."""
    seconds = unix_seconds(moment)
    return "" if seconds is None else f"{duration(now - seconds)} ago"


def unix_seconds(moment: object) -> float | None:
    """A moment of the pool in seconds since 1970, None where there is none."""
    if not isinstance(moment, str):
        return None
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
