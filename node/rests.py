"""Why a machine rests, as a person reads it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REST_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "by_owner": "by its owner",
        "user_requested": "at this machine",
        "maintenance": "for maintenance",
        "withheld": "as its processors are withheld",
        "overheating": "until it is cooler",
        "on_battery": "while it runs on battery",
        "in_use": "while somebody uses it",
        "daytime": "until the night",
    }
)


def rest_words(reasons: Iterable[str]) -> str:
    """The reasons as the end of a sentence that begins with `Paused`."""
    return " and ".join(REST_WORDS.get(reason, reason) for reason in reasons)
