"""What a whole query string says."""

from __future__ import annotations

import contextlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.rest.errors import ApiError
from local.rest.query import parse_query
from local.rest.syntax import STAR, Condition, Field, JsonStep, Logic, Order


def test_everything() -> None:
    """Each parameter finds its place, and its resource."""
    query = parse_query(
        "select=*&a=eq.1&b.c=lt.2&or=(d.eq.3)&b.not.and=(e.eq.4)&order=f.desc"
        "&b.order=g&limit=5&offset=6&b.limit=7&columns=h,%22i%20j%22&on_conflict=k"
    )
    assert query.select == (STAR,)
    assert query.terms == [
        ((), Condition(Field("a"), "eq", "1")),
        (("b",), Condition(Field("c"), "lt", "2")),
        ((), Logic("or", (Condition(Field("d"), "eq", "3"),))),
        (("b",), Logic("and", (Condition(Field("e"), "eq", "4"),), negated=True)),
    ]
    assert query.orders == {
        (): (Order(Field("f"), direction="desc"),),
        ("b",): (Order(Field("g")),),
    }
    assert (query.limits, query.offsets) == ({(): 5, ("b",): 7}, {(): 6})
    assert (query.columns, query.on_conflict) == (("h", "i j"), ("k",))
    assert query.root_terms() == [query.terms[0][1], query.terms[2][1]]


def test_the_same_column_twice() -> None:
    """Two conditions on one column both hold."""
    assert len(parse_query("a=gt.1&a=lt.5").terms) == 2


def test_names_with_dots_and_paths() -> None:
    """A quoted name keeps its dots; a path into JSON ends a key."""
    (first, second) = parse_query('"a.b"=eq.1&c.d->"e.f"=eq.2').terms
    assert first == ((), Condition(Field("a.b"), "eq", "1"))
    assert second == (("c",), Condition(Field("d", (JsonStep("->", "e.f"),)), "eq", "2"))


def test_arguments() -> None:
    """A call by URL has arguments among its conditions."""
    query = parse_query("a=1&b=x&b=y&c=eq.2&select=d", calls_function=True)
    assert query.arguments == {"a": ["1"], "b": ["x", "y"]}
    assert query.terms == [((), Condition(Field("c"), "eq", "2"))]


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("a", (Order(Field("a")),)),
        ("a.asc", (Order(Field("a"), direction="asc"),)),
        ("a.nullslast", (Order(Field("a"), nulls="nullslast"),)),
        (
            "a.desc.nullsfirst,b",
            (Order(Field("a"), direction="desc", nulls="nullsfirst"), Order(Field("b"))),
        ),
        ("a->>b.desc", (Order(Field("a", (JsonStep("->>", "b"),)), direction="desc"),)),
        ("r(a).desc", (Order(Field("a"), relation="r", direction="desc"),)),
        ("a , b", (Order(Field("a")), Order(Field("b")))),
    ],
)
def test_order(text: str, orders: tuple[Order, ...]) -> None:
    """Every form of an order is understood."""
    assert parse_query(f"order={text}").orders == {(): orders}


@pytest.mark.parametrize(
    "text",
    [
        "order=a.up",
        "order=a.desc.asc",
        "order=a.nullsfirst.desc",
        "order=",
        "order=a,",
        "limit=x",
        "limit=1.5",
        "offset=",
        "a=b",
        "=eq.1",
        "a..b=eq.1",
        "columns=",
        "columns=a,",
        "select=a&select=b",
        "limit=1&limit=1",
        "order=a&order=b",
        "on_conflict=a&on_conflict=b",
        "a=eq.%00",
        "%00=eq.1",
        "a=eq.%ff",
        "&".join(["a=eq.1"] * 1001),
    ],
)
def test_mistakes(text: str) -> None:
    """What cannot be understood is refused, never left out."""
    with pytest.raises(ApiError) as error:
        parse_query(text)
    assert (error.value.status, error.value.code) == (400, "PGRST100")


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["select", "order", "or", "a", "r.and", "columns", "limit", "a->b"])
            | st.text(max_size=8),
            st.text(alphabet='abc.,()"\\!:->{}* in eq not and or 12\x00é', max_size=24),
        ),
        max_size=4,
    ),
    calls_function=st.booleans(),
)
def test_any_text_is_understood_or_refused(
    pairs: list[tuple[str, str]], *, calls_function: bool
) -> None:
    """Whatever is sent, the answer is a query or one of our errors."""
    text = urlencode([(key, value) for key, value in pairs], errors="ignore")
    with contextlib.suppress(ApiError):
        parse_query(text, calls_function=calls_function)
