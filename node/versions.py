"""Ranges of versions, as jobs name them: `1.2.0..1.9.9`, `1.2.0..`, `..1.9.9` or `1.2.0`.

Both ends are included. Versions are MAJOR.MINOR.PATCH of https://semver.org; the pool reads them
the same way, in `private.version_range()`.
"""

from __future__ import annotations

import re
from typing import Final

Version = tuple[int, int, int, bool]

VERSION: Final = re.compile(
    r"(\d{1,5})\.(\d{1,6})\.(\d{1,6})(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)


def accepts(versions: str, version: str) -> bool:
    """Whether a version is in a range; nothing is in what is no range."""
    try:
        lowest, highest = bounds(versions)
        number = parse(version)
    except ValueError:
        return False
    return (lowest is None or lowest <= number) and (highest is None or number <= highest)


def bounds(versions: str) -> tuple[Version | None, Version | None]:
    """The ends of a range, None where it is open; raises ValueError for what is no range."""
    first, *rest = versions.split("..")
    last = rest[0] if rest else first
    if len(rest) > 1 or not (first or last):
        raise ValueError(versions)
    lowest = parse(first) if first else None
    highest = parse(last) if last else None
    if lowest and highest and lowest > highest:
        raise ValueError(versions)
    return lowest, highest


def parse(version: str) -> Version:
    """A version as numbers that order it, a pre-release before its release; raises ValueError."""
    found = VERSION.fullmatch(version)
    if found is None:
        raise ValueError(version)
    major, minor, patch, before = found.groups()
    return int(major), int(minor), int(patch), before is None
