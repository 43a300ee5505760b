"""What `select=` says."""

from __future__ import annotations

import pytest

from local.rest.errors import ApiError
from local.rest.selection import parse_select
from local.rest.syntax import STAR, Field, JsonStep, SelectField, SelectRelation


def column(name: str, *steps: JsonStep) -> SelectField:
    """A selected field without alias or cast."""
    return SelectField(Field(name, steps))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("*", (STAR,)),
        ("", (STAR,)),
        ("a,b", (column("a"), column("b"))),
        (" a , b ", (column("a"), column("b"))),
        ("full name", (column("full name"),)),
        ("a-b,c", (column("a-b"), column("c"))),
        ('"a,b(c)"', (column("a,b(c)"),)),
        (r'"a\"b\\"', (column('a"b\\'),)),
        ("größe", (column("größe"),)),
        ("x:a", (SelectField(Field("a"), alias="x"),)),
        ('"x:y":a', (SelectField(Field("a"), alias="x:y"),)),
        ("a::text", (SelectField(Field("a"), cast="text"),)),
        ("x:a::double precision", (SelectField(Field("a"), "x", "double precision"),)),
        ("a->b", (column("a", JsonStep("->", "b")),)),
        ("a->>b", (column("a", JsonStep("->>", "b")),)),
        ("a-b->c", (column("a-b", JsonStep("->", "c")),)),
        ("a->0", (column("a", JsonStep("->", "0", is_index=True)),)),
        ("a->-1", (column("a", JsonStep("->", "-1", is_index=True)),)),
        ("a->1st", (column("a", JsonStep("->", "1st")),)),
        ('a->"b.c"->>d-e', (column("a", JsonStep("->", "b.c"), JsonStep("->>", "d-e")),)),
        (
            "x:a->b::int",
            (SelectField(Field("a", (JsonStep("->", "b"),)), alias="x", cast="int"),),
        ),
        ("r(*)", (SelectRelation("r", (STAR,)),)),
        ("r()", (SelectRelation("r", ()),)),
        ("x:r(a)", (SelectRelation("r", (column("a"),), alias="x"),)),
        ("r!hint(a)", (SelectRelation("r", (column("a"),), hint="hint"),)),
        ("r!inner(a)", (SelectRelation("r", (column("a"),), inner=True),)),
        ("r!left(a)", (SelectRelation("r", (column("a"),)),)),
        ("r!h!inner(a)", (SelectRelation("r", (column("a"),), hint="h", inner=True),)),
        ("r!inner!h(a)", (SelectRelation("r", (column("a"),), hint="h", inner=True),)),
        ("...r(a)", (SelectRelation("r", (column("a"),), spread=True),)),
        (
            "a,r(b,s(c)),d",
            (
                column("a"),
                SelectRelation("r", (column("b"), SelectRelation("s", (column("c"),)))),
                column("d"),
            ),
        ),
    ],
)
def test_items(text: str, items: tuple[object, ...]) -> None:
    """Every form of an item is understood."""
    assert parse_select(text) == items


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a,", 3),
        (",a", 1),
        ("a(", 3),
        ("a(b", 4),
        ("a)", 2),
        ("a b!x", 6),
        ("a::", 4),
        ("a::1", 4),
        ("a->", 4),
        ("a->>b)x", 6),
        ('"a', 1),
        ("a:b:c", 4),
        ("...a", 5),
        ("r!a!b(c)", 6),
        ("a;b", 2),
        ("a::text;", 8),
        ("a::$1", 4),
    ],
)
def test_mistakes(text: str, column: int) -> None:
    """A mistake is pointed at."""
    with pytest.raises(ApiError) as error:
        parse_select(text)
    assert error.value.code == "PGRST100"
    assert error.value.message == (
        f'"failed to parse select parameter ({text})" (line 1, column {column})'
    )


@pytest.mark.parametrize(
    "text", ["count()", "x:count()", "a.sum()", "a.count()::text", "r(a.max())"]
)
def test_aggregates(text: str) -> None:
    """Aggregates are off."""
    with pytest.raises(ApiError) as error:
        parse_select(text)
    assert error.value.code == "PGRST123"


def test_depth() -> None:
    """Resources nest only so deep, so that no text can exhaust the stack."""
    with pytest.raises(ApiError) as error:
        parse_select("a(" * 5000)
    assert error.value.code == "PGRST100"
