"""What the headers of a request say."""

from __future__ import annotations

import pytest

from local.rest.errors import ApiError
from local.rest.media import CSV, JSON, Media, negotiate
from local.rest.preferences import Preferences, applied, parse_preferences
from local.rest.ranges import EVERYTHING, Window, content_range, parse_range, status_of

OBJECT = Media("object", "application/vnd.pgrst.object+json; charset=utf-8")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/*", JSON),
        ("text/csv", CSV),
        ("application/vnd.pgrst.object+json", OBJECT),
        ("application/vnd.pgrst.object", OBJECT),
        (
            "application/vnd.pgrst.object+json;nulls=stripped",
            Media(
                "object",
                "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
                strip_nulls=True,
            ),
        ),
        (
            "application/vnd.pgrst.array+json; nulls=stripped",
            Media(
                "json",
                "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
                strip_nulls=True,
            ),
        ),
        ("text/html, text/csv;q=0.5, application/json;q=0.4", CSV),
        ("text/csv;q=0.1, application/json", JSON),
        ("text/csv;q=x, */*;q=0.1", JSON),
    ],
)
def test_accept(accept: str | None, media: Media) -> None:
    """The first acceptable form by quality is taken."""
    assert negotiate(accept) == media


def test_unacceptable() -> None:
    """What cannot be produced is refused."""
    with pytest.raises(ApiError) as error:
        negotiate("text/html, image/png")
    assert error.value.message == ("None of these media types are available: text/html, image/png")


def test_preferences() -> None:
    """Preferences may be spread over headers; the first of two counts."""
    headers = [
        "return=representation, count=exact",
        "count=planned,resolution=merge-duplicates, missing=default",
        "handling=strict, max-affected=5, timezone=UTC, tx=commit",
    ]
    assert parse_preferences(headers) == Preferences(
        resolution="merge-duplicates",
        returns="representation",
        count="exact",
        transaction="commit",
        missing="default",
        handling="strict",
        timezone="UTC",
        max_affected=5,
    )


@pytest.mark.parametrize(
    "header", ["return=all", "count=some", "max-affected=-1", "max-affected=x", "wait=10", "x"]
)
def test_unknown_preferences(header: str) -> None:
    """An unknown preference is ignored, as HTTP says, unless handling is strict."""
    assert parse_preferences([header]) == Preferences()
    with pytest.raises(ApiError) as error:
        parse_preferences([header, "handling=strict"])
    assert error.value.details == f"Invalid preferences: {header}"


def test_applied_preferences() -> None:
    """Only what made a difference is named."""
    preferences = parse_preferences(
        [
            "return=minimal, count=exact, missing=default, resolution=merge-duplicates",
            "max-affected=3, handling=strict",
        ]
    )
    assert applied(preferences, "read") == "count=exact, handling=strict"
    assert applied(preferences, "insert") == (
        "resolution=merge-duplicates, missing=default, return=minimal, count=exact, handling=strict"
    )
    assert applied(preferences, "delete") == (
        "return=minimal, count=exact, handling=strict, max-affected=3"
    )
    assert applied(Preferences(max_affected=3), "delete") == ""


@pytest.mark.parametrize(
    ("header", "window"),
    [
        (None, EVERYTHING),
        ("0-9", Window(0, 10)),
        ("items=5-5", Window(5, 1)),
        ("7-", Window(7)),
        ("bytes=0-9", EVERYTHING),
        ("-5", EVERYTHING),
        ("0-9,20-29", EVERYTHING),
    ],
)
def test_range(header: str | None, window: Window) -> None:
    """A range of rows is understood; any other is ignored."""
    assert parse_range(header) == window


def test_backward_range() -> None:
    """A range that ends before it begins is refused."""
    with pytest.raises(ApiError) as error:
        parse_range("5-4")
    assert (error.value.status, error.value.code) == (416, "PGRST103")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (EVERYTHING, EVERYTHING, EVERYTHING),
        (Window(0, 10), EVERYTHING, Window(0, 10)),
        (Window(5), Window(0, 10), Window(5, 5)),
        (Window(2, 3), Window(3, 9), Window(3, 2)),
        (Window(0, 0), EVERYTHING, Window(0, 0)),
        (Window(0, 0), Window(3, 9), Window(3, 0)),
    ],
)
def test_common_rows(one: Window, other: Window, both: Window) -> None:
    """Limit and range both hold."""
    assert one.within(other) == both


def test_nothing_in_common() -> None:
    """A range outside of the limit is refused."""
    with pytest.raises(ApiError):
        Window(0, 5).within(Window(5, 5))


@pytest.mark.parametrize(
    ("rows", "offset", "total", "status", "header"),
    [
        (5, 0, None, 200, "0-4/*"),
        (5, 0, 5, 200, "0-4/5"),
        (5, 0, 9, 206, "0-4/9"),
        (0, 0, 0, 200, "*/0"),
        (0, 0, None, 200, "*/*"),
        (0, 5, 5, 206, "*/5"),
        (0, 6, 5, 416, "*/5"),
    ],
)
def test_content_range(rows: int, offset: int, total: int | None, status: int, header: str) -> None:
    """The answer says which rows of how many it has."""
    assert status_of(rows, offset, total) == status
    assert content_range(offset, rows, total) == header
