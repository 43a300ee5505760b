"""The `Prefer` header: how a request wants to be handled, and what of it was honoured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from local.rest.errors import invalid_preferences

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHOICES = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
}
_FREE = ("timezone", "max-affected")
_Value = TypeVar("_Value")

Kind = Literal["read", "insert", "update", "delete", "call"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers; None where nothing was said."""

    resolution: Literal["merge-duplicates", "ignore-duplicates"] | None = None
    returns: Literal["representation", "minimal", "headers-only"] | None = None
    count: Literal["exact", "planned", "estimated"] | None = None
    transaction: Literal["commit", "rollback"] | None = None
    missing: Literal["default", "null"] | None = None
    handling: Literal["strict", "lenient"] | None = None
    timezone: str | None = None
    max_affected: int | None = None

    @property
    def strict_limit(self) -> int | None:
        """How many rows may be affected; a limit binds under strict handling only."""
        return self.max_affected if self.handling == "strict" else None

    @property
    def represents(self) -> bool:
        """Whether a change is answered with the changed rows."""
        return self.returns == "representation"


def parse_preferences(headers: Iterable[str]) -> Preferences:
    """Read every `Prefer` header; the first of two contradicting preferences counts."""
    known: dict[str, str] = {}
    unknown = []
    for preference in _split(headers):
        name, _, value = preference.partition("=")
        if _is_known(name, value):
            known.setdefault(name, value)
        else:
            unknown.append(preference)
    if unknown and known.get("handling") == "strict":
        raise invalid_preferences(unknown)
    limit = known.pop("max-affected", None)
    return Preferences(
        resolution=_choice(known, "resolution"),
        returns=_choice(known, "return"),
        count=_choice(known, "count"),
        transaction=_choice(known, "tx"),
        missing=_choice(known, "missing"),
        handling=_choice(known, "handling"),
        timezone=known.get("timezone"),
        max_affected=None if limit is None else int(limit),
    )


def applied(preferences: Preferences, kind: Kind) -> str:
    """The `Preference-Applied` header of an answer of this kind; empty when none was."""
    changes = kind in {"insert", "update", "delete"}
    named = (
        ("resolution", preferences.resolution if kind == "insert" else None),
        ("missing", preferences.missing if kind in {"insert", "update"} else None),
        ("return", preferences.returns if changes else None),
        ("count", preferences.count),
        ("tx", preferences.transaction),
        ("handling", preferences.handling),
        ("timezone", preferences.timezone),
        ("max-affected", None if kind in {"read", "insert"} else preferences.strict_limit),
    )
    return ", ".join(f"{name}={value}" for name, value in named if value is not None)


def _split(headers: Iterable[str]) -> list[str]:
    return [part.strip() for header in headers for part in header.split(",") if part.strip()]


def _is_known(name: str, value: str) -> bool:
    if name == "max-affected":
        return value.isascii() and value.isdigit()
    return value in _CHOICES[name] if name in _CHOICES else name in _FREE and bool(value)


def _choice(known: dict[str, str], name: str) -> _Value | None:
    return cast("_Value | None", known.get(name))
