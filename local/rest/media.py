"""Media types: what `Accept` allows, and how an answer is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from local.rest.errors import media_type_not_available


@dataclass(frozen=True, slots=True)
class Media:
    """The form of an answer."""

    form: Literal["json", "object", "csv"]
    content_type: str
    strip_nulls: bool = False

    @property
    def single(self) -> bool:
        """Whether exactly one row is asked for."""
        return self.form == "object"


JSON = Media("json", "application/json; charset=utf-8")
CSV = Media("csv", "text/csv; charset=utf-8")

_OBJECT = "application/vnd.pgrst.object"
_ARRAY = "application/vnd.pgrst.array"
_PLAIN = frozenset({"*/*", "application/*", "application/json"})


def negotiate(accept: str | None) -> Media:
    """The first acceptable form, by quality, then in the caller's order."""
    if accept is None or accept == "*/*" or accept == "application/json":  # noqa: PLR1714 - hot
        return JSON
    ranges = [part.strip() for part in accept.split(",") if part.strip()]
    for text in sorted(ranges, key=_quality, reverse=True):
        media = _media(text)
        if media is not None:
            return media
    raise media_type_not_available(ranges)


def _quality(text: str) -> float:
    for parameter in text.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _media(text: str) -> Media | None:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    strip = "nulls=stripped" in parameters
    if name in _PLAIN:
        return JSON
    if name == "text/csv":
        return CSV
    for form, kind in (("object", _OBJECT), ("array", _ARRAY)):
        if name in {kind, f"{kind}+json"}:
            suffix = ";nulls=stripped" if strip else ""
            content_type = f"{kind}+json{suffix}; charset=utf-8"
            return Media("object" if form == "object" else "json", content_type, strip)
    return None
