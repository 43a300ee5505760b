"""The filters of Postgres Changes: `id=eq.1,status=not.in.(draft,archived)`. Pure parsing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from local.realtime.errors import FilterError

OPERATORS: Final = frozenset(
    {
        "eq",
        "neq",
        "lt",
        "lte",
        "gt",
        "gte",
        "in",
        "like",
        "ilike",
        "is",
        "match",
        "imatch",
        "isdistinct",
    }
)
TRUTH_VALUES: Final = frozenset({"null", "true", "false", "unknown"})
#: after these characters a quote opens a quoted value
_BEFORE_QUOTE: Final = frozenset(".(,")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column; the value of `in` is written as a Postgres array."""

    column: str
    operator: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        prefix = "not." if self.negated else ""
        return f"{self.column}={prefix}{self.operator}.{self.value}"


def parse_filters(text: str) -> tuple[Filter, ...]:
    """Read filters joined by commas; all of them must hold."""
    return tuple(map(_parse, _split(text))) if text.strip() else ()


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside of quotes and parentheses."""
    segments, start, depth, position = [], 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == '"' and text[position - 1 : position] in _BEFORE_QUOTE:
            position = _end_of_quoted(text, position)
        elif character == "(":
            depth += 1
        elif character == ")":
            depth = max(0, depth - 1)
        elif character == "," and depth == 0:
            segments.append(text[start:position])
            start = position + 1
        position += 1
    return [*segments, text[start:]]


def _end_of_quoted(text: str, start: int) -> int:
    """The position of the closing quote, or of the end."""
    position = start + 1
    while position < len(text) and text[position] != '"':
        position += 2 if text[position] == "\\" else 1
    return position


def _parse(segment: str) -> Filter:
    if not segment.strip():
        raise FilterError("filter must not contain empty segments (check for extra commas)")
    column, equals, condition = segment.strip().partition("=")
    negated = condition.startswith("not.")
    operator, dot, value = condition.removeprefix("not.").partition(".")
    if not equals or not dot:
        raise FilterError(f'["{segment.strip()}"]')
    if operator not in OPERATORS:
        raise FilterError(f'["{operator}", "{value}"]')
    return Filter(column, operator, _value(operator, value), negated)


def _value(operator: str, value: str) -> str:
    if operator == "in":
        if not (value.startswith("(") and value.endswith(")")) or len(value) < len("()"):
            raise FilterError("`in` filter value must be wrapped by parentheses")
        return "{" + value[1:-1] + "}"
    if operator == "is" and value not in TRUTH_VALUES:
        raise FilterError("invalid value for is filter: must be null, true, false, or unknown")
    return _unquote(value)


def _unquote(value: str) -> str:
    """Take the quotes off a value that is quoted as a whole."""
    if not value.startswith('"') or _end_of_quoted(value, 0) != len(value) - 1:
        return value
    return _without_escapes(value[1:-1])


def _without_escapes(text: str) -> str:
    characters = iter(text)
    return "".join(
        next(characters, "") if character == "\\" else character for character in characters
    )
