"""The filters of Postgres Changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.realtime.errors import FilterError
from local.realtime.filters import OPERATORS, Filter, parse_filters


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", ()),
        ("   ", ()),
        ("id=eq.1", (Filter("id", "eq", "1"),)),
        (" id=eq.1 , name=neq.x ", (Filter("id", "eq", "1"), Filter("name", "neq", "x"))),
        ("id=not.in.(1,2)", (Filter("id", "in", "{1,2}", negated=True),)),
        ("id=in.(1,2),x=is.null", (Filter("id", "in", "{1,2}"), Filter("x", "is", "null"))),
        ('name=eq."a,b"', (Filter("name", "eq", "a,b"),)),
        ('name=eq."a\\"b\\\\"', (Filter("name", "eq", 'a"b\\'),)),
        ('name=in.("a,b",c)', (Filter("name", "in", '{"a,b",c}'),)),
        ('name=eq.5"', (Filter("name", "eq", '5"'),)),
        ('name=eq."a"b', (Filter("name", "eq", '"a"b'),)),
        ("name=eq.a=b.c", (Filter("name", "eq", "a=b.c"),)),
        ("name=eq.", (Filter("name", "eq", ""),)),
        ("name=like.(%),id=eq.1", (Filter("name", "like", "(%)"), Filter("id", "eq", "1"))),
    ],
)
def test_filters_are_read(text: str, filters: tuple[Filter, ...]) -> None:
    """Commas join, quotes and parentheses protect, `not.` negates."""
    assert parse_filters(text) == filters


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("undefined", '["undefined"]'),
        ("id=1", '["id=1"]'),
        ("id=foo.1", '["foo", "1"]'),
        ("id=eq.1,,x=eq.2", "empty segments"),
        ("id=in.1", "wrapped by parentheses"),
        ("id=in.)", "wrapped by parentheses"),
        ("id=is.maybe", "must be null, true, false, or unknown"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, words: str) -> None:
    """The error quotes what it could not read."""
    with pytest.raises(FilterError) as caught:
        parse_filters(text)
    assert words in str(caught.value)


@given(st.sampled_from(sorted(OPERATORS - {"in", "is"})), st.text(), st.booleans())
def test_every_value_can_be_quoted(operator: str, value: str, negated: bool) -> None:  # noqa: FBT001
    """Quoting with backslashes brings any text through."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    text = f'c={"not." if negated else ""}{operator}."{quoted}"'
    assert parse_filters(text) == (Filter("c", operator, value, negated),)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Whatever a client writes, there are filters or the domain's error."""
    try:
        parse_filters(text)
    except FilterError:
        return


def test_a_filter_is_written_as_it_was_read() -> None:
    """For error messages."""
    assert str(Filter("id", "eq", "1", negated=True)) == "id=not.eq.1"
