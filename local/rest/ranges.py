"""Windows of rows: from `limit`, `offset` and `Range` to SQL, and back to `Content-Range`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.rest.errors import invalid_range

_RANGE = re.compile(r"(?:items=)?([0-9]{1,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Window:
    """The rows from `offset` on, `limit` of them at most."""

    offset: int = 0
    limit: int | None = None

    def capped(self, rows: int | None) -> Window:
        """The window with no more than this many rows."""
        if rows is None or (self.limit is not None and self.limit <= rows):
            return self
        return Window(self.offset, rows)

    def within(self, other: Window) -> Window:
        """The rows that lie in both windows."""
        offset = max(self.offset, other.offset)
        ends = [
            window.offset + window.limit for window in (self, other) if window.limit is not None
        ]
        if not ends:
            return Window(offset)
        if min(ends) <= offset and self.limit != 0:
            raise invalid_range("The range and the limit have no row in common.")
        return Window(offset, max(min(ends) - offset, 0))


EVERYTHING = Window()


def parse_range(header: str | None) -> Window:
    """The window of a `Range` header; one that is no range of rows is ignored, as HTTP demands."""
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None:
        return EVERYTHING
    first, last = int(found[1]), found[2]
    if not last:
        return Window(first)
    if int(last) < first:
        raise invalid_range(
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header.",
        )
    return Window(first, int(last) - first + 1)


def content_range(first: int, rows: int, total: int | None) -> str:
    """The `Content-Range` of so many rows from the first on."""
    shown = f"{first}-{first + rows - 1}" if rows and total != 0 else "*"
    return f"{shown}/{'*' if total is None else total}"


def status_of(rows: int, offset: int, total: int | None) -> int:
    """200 for everything there is, 206 for a part, 416 for an offset behind the end."""
    if total is None:
        return 200
    if offset > total:
        return 416
    return 206 if rows < total else 200
