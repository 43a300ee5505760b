"""Values of the log as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from local.realtime.values import Kind, Shape, parse_array, shape_of, to_json

TEXT = Shape(Kind.TEXT)
NUMBER = Shape(Kind.NUMBER)
MOMENT = Shape(Kind.MOMENT)


@pytest.mark.parametrize(
    ("text", "shape", "value"),
    [
        (None, NUMBER, None),
        ("t", Shape(Kind.BOOLEAN), True),
        ("f", Shape(Kind.BOOLEAN), False),
        ("9007199254740993", NUMBER, 9007199254740993),
        ("-1.50", NUMBER, -1.5),
        ("1e+20", NUMBER, 1e20),
        ("NaN", NUMBER, "NaN"),
        ("-Infinity", NUMBER, "-Infinity"),
        ('{"a": [1]}', Shape(Kind.JSON), {"a": [1]}),
        ("null", Shape(Kind.JSON), None),
        ("2026-01-02", MOMENT, "2026-01-02"),
        ("2026-01-02 03:04:05.6", MOMENT, "2026-01-02T03:04:05.6"),
        ("2026-01-02 03:04:05+00", MOMENT, "2026-01-02T03:04:05+00:00"),
        ("0044-03-15 12:00:00+00 BC", MOMENT, "0044-03-15T12:00:00+00:00 BC"),
        ("infinity", MOMENT, "infinity"),
        ("\\xff", TEXT, "\\xff"),
        ("{1,NULL,3}", Shape(Kind.NUMBER, is_array=True), [1, None, 3]),
        ("{{1,2},{3,4}}", Shape(Kind.NUMBER, is_array=True), [[1, 2], [3, 4]]),
        ("{t,f}", Shape(Kind.BOOLEAN, is_array=True), [True, False]),
        ("{}", Shape(Kind.TEXT, is_array=True), []),
    ],
)
def test_values_have_the_form_of_to_jsonb(text: str | None, shape: Shape, value: Any) -> None:
    """Numbers, moments and arrays are not just quoted."""
    assert to_json(text, shape) == value


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (
            '{a,"b c","d\\"e","f\\\\g",NULL,"NULL",""}',
            ["a", "b c", 'd"e', "f\\g", None, "NULL", ""],
        ),
        ("[0:1]={a,b}", ["a", "b"]),
        ('{{"a,b"},{"{c}"}}', [["a,b"], ["{c}"]]),
    ],
)
def test_array_literals_are_read(text: str, elements: list[Any]) -> None:
    """Quotes, escapes, nulls, bounds and dimensions."""
    assert parse_array(text) == elements


@pytest.mark.parametrize("text", ["", "{", "{a", '{"a', "{a}b"])
def test_a_broken_array_is_an_error(text: str) -> None:
    """It never comes from Postgres, so it is loud."""
    with pytest.raises((ValueError, IndexError)):
        parse_array(text)


def test_types_have_shapes() -> None:
    """Unknown types are text; arrays have the shape of their elements."""
    assert shape_of(3802, None) == Shape(Kind.JSON)
    assert shape_of(2950, None) == TEXT
    assert shape_of(1007, 23) == Shape(Kind.NUMBER, is_array=True)
