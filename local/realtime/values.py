"""Values of the log as JSON, the way `to_jsonb` writes them. Pure.

Composite types stay in their text form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Kind(Enum):
    """How a type looks in JSON."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    JSON = "json"
    MOMENT = "moment"
    TEXT = "text"


_KINDS: Final = {
    16: Kind.BOOLEAN,
    20: Kind.NUMBER,  # int8
    21: Kind.NUMBER,  # int2
    23: Kind.NUMBER,  # int4
    700: Kind.NUMBER,  # float4
    701: Kind.NUMBER,  # float8
    1700: Kind.NUMBER,  # numeric
    114: Kind.JSON,
    3802: Kind.JSON,  # jsonb
    1082: Kind.MOMENT,  # date
    1114: Kind.MOMENT,  # timestamp
    1184: Kind.MOMENT,  # timestamptz
}
_NOT_JSON_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_OFFSET_HOURS: Final = len("+00")


@dataclass(frozen=True, slots=True)
class Shape:
    """A type: of a value, or of the elements of an array."""

    kind: Kind
    is_array: bool = False


def shape_of(base_type: int, element_type: int | None) -> Shape:
    """The shape of a type by its object identifiers, domains resolved."""
    if element_type is not None:
        return Shape(_KINDS.get(element_type, Kind.TEXT), is_array=True)
    return Shape(_KINDS.get(base_type, Kind.TEXT))


def to_json(text: str | None, shape: Shape) -> Any:
    """Read the text form of a value."""
    if text is None:
        return None
    if shape.is_array:
        return _map(parse_array(text), shape.kind)
    return _scalar(text, shape.kind)


def parse_array(text: str) -> list[Any]:
    """Read an array literal into nested lists of texts and None."""
    start = text.index("{")
    elements, end = _elements(text, start + 1)
    if end != len(text):
        raise ValueError(f"not an array: {text!r}")
    return elements


def _map(elements: list[Any], kind: Kind) -> list[Any]:
    return [
        _map(element, kind)
        if isinstance(element, list)
        else None
        if element is None
        else _scalar(element, kind)
        for element in elements
    ]


def _scalar(text: str, kind: Kind) -> Any:
    match kind:
        case Kind.BOOLEAN:
            return text == "t"
        case Kind.NUMBER:
            return text if text in _NOT_JSON_NUMBERS else json.loads(text)
        case Kind.JSON:
            return json.loads(text)
        case Kind.MOMENT:
            return _iso(text)
        case Kind.TEXT:
            return text


def _iso(text: str) -> str:
    """Write a date or timestamp of DateStyle ISO as XML Schema does."""
    moment, era, _ = text.partition(" BC")
    moment = moment.replace(" ", "T", 1)
    has_short_offset = "T" in moment and moment[-_OFFSET_HOURS] in "+-"
    return moment + (":00" if has_short_offset else "") + era


def _elements(text: str, position: int) -> tuple[list[Any], int]:
    elements: list[Any] = []
    while text[position] != "}":
        element, position = _element(text, position)
        elements.append(element)
        if text[position] == ",":
            position += 1
    return elements, position + 1


def _element(text: str, position: int) -> tuple[Any, int]:
    if text[position] == "{":
        return _elements(text, position + 1)
    if text[position] == '"':
        return _quoted(text, position + 1)
    end = position
    while text[end] not in ",}":
        end += 1
    word = text[position:end]
    return (None if word == "NULL" else word), end


def _quoted(text: str, position: int) -> tuple[str, int]:
    characters = []
    while text[position] != '"':
        if text[position] == "\\":
            position += 1
        characters.append(text[position])
        position += 1
    return "".join(characters), position + 1
