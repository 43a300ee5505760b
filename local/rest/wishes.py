"""What the headers of a request ask for, whatever it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.rest.errors import unsupported
from local.rest.media import negotiate
from local.rest.preferences import parse_preferences
from local.rest.ranges import EVERYTHING, parse_range

if TYPE_CHECKING:
    from local.rest.media import Media
    from local.rest.preferences import Preferences
    from local.rest.query import Query
    from local.rest.ranges import Window
    from local.rest.request import Request


def wishes(request: Request) -> tuple[Media, Preferences]:
    """The form of the answer, and how to handle the request."""
    return negotiate(request.headers.get("accept")), parse_preferences(request.prefer)


def window(request: Request) -> Window:
    """The rows in `Range`; only GET has ranges, as HTTP defines it."""
    return parse_range(request.headers.get("range")) if request.method == "GET" else EVERYTHING


def refuse(query: Query, *names: str) -> None:
    """Refuse parameters that the request has no use for."""
    for name in names:
        if getattr(query, name) is not None:
            raise unsupported(f"'{name}' does not apply to this request.")
