"""What filters and logic say."""

from __future__ import annotations

import pytest

from local.rest.conditions import is_condition, parse_condition, parse_logic
from local.rest.errors import ApiError
from local.rest.syntax import Condition, Field, JsonStep, Logic

A = Field("a")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("eq.1", Condition(A, "eq", "1")),
        ("eq.", Condition(A, "eq", "")),
        ("eq.a.b,(c)", Condition(A, "eq", "a.b,(c)")),
        ('eq."quoted"', Condition(A, "eq", '"quoted"')),
        ("not.gte.5", Condition(A, "gte", "5", negated=True)),
        ("like(any).{x*,y}", Condition(A, "like", "{x*,y}", quantifier="any")),
        ("eq(all).{1}", Condition(A, "eq", "{1}", quantifier="all")),
        ("is.null", Condition(A, "is", "null")),
        ("is.NOT_NULL", Condition(A, "is", "not_null")),
        ("not.is.true", Condition(A, "is", "true", negated=True)),
        ("isdistinct.5", Condition(A, "isdistinct", "5")),
        ("fts.cat", Condition(A, "fts", "cat")),
        ("wfts(german).katze", Condition(A, "wfts", "katze", language="german")),
        ("in.(1,2)", Condition(A, "in", values=("1", "2"))),
        ("in.()", Condition(A, "in", values=())),
        ("in.(,)", Condition(A, "in", values=("", ""))),
        ('in.("a,b",c)', Condition(A, "in", values=("a,b", "c"))),
        (r'in.("a\"b","c\\d")', Condition(A, "in", values=('a"b', "c\\d"))),
        ('in.("a"b,c)', Condition(A, "in", values=('"a"b', "c"))),
        ("not.in.(x)", Condition(A, "in", values=("x",), negated=True)),
    ],
)
def test_condition(text: str, condition: Condition) -> None:
    """Every operator is understood."""
    assert parse_condition(A, text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "eq",
        "equals.1",
        "not.1",
        "is.maybe",
        "is.nullish",
        "in.1,2",
        "in.(1",
        "in.(1)2",
        "cs(any).1",
        "eq(some).1",
        "in(any).(1)",
    ],
)
def test_mistaken_condition(text: str) -> None:
    """What is no condition is refused."""
    with pytest.raises(ApiError) as error:
        parse_condition(A, text)
    assert error.value.code == "PGRST100"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("(a.eq.1)", (Condition(A, "eq", "1"),)),
        ("( a.eq.1 , b.lt.2 )", (Condition(A, "eq", "1 "), Condition(Field("b"), "lt", "2 "))),
        (
            '(a.eq."x,y)",b.is.null)',
            (Condition(A, "eq", "x,y)"), Condition(Field("b"), "is", "null")),
        ),
        ("(a.cs.{1,2})", (Condition(A, "cs", "{1,2}"),)),
        (
            "(a.in.(1,2),a.not.eq.3)",
            (
                Condition(A, "in", values=("1", "2")),
                Condition(A, "eq", "3", negated=True),
            ),
        ),
        ("(a->>b.eq.1)", (Condition(Field("a", (JsonStep("->>", "b"),)), "eq", "1"),)),
        (
            "(and(a.eq.1,a.eq.2),not.or(a.eq.3))",
            (
                Logic("and", (Condition(A, "eq", "1"), Condition(A, "eq", "2"))),
                Logic("or", (Condition(A, "eq", "3"),), negated=True),
            ),
        ),
        ("(and.eq.1)", (Condition(Field("and"), "eq", "1"),)),
    ],
)
def test_logic(text: str, terms: tuple[object, ...]) -> None:
    """Trees of conditions are understood."""
    assert parse_logic("or", text, negated=False) == Logic("or", terms)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "()", "a.eq.1", "(a.eq.1", "(a.eq.1)x", "(a)", "(xor(a.eq.1))", "(a.eq.1,)", "(" * 99],
)
def test_mistaken_logic(text: str) -> None:
    """What is no tree is refused."""
    with pytest.raises(ApiError) as error:
        parse_logic("and", text, negated=False)
    assert error.value.code == "PGRST100"


def test_depth() -> None:
    """Trees grow only so high, so that no text can exhaust the stack."""
    with pytest.raises(ApiError) as error:
        parse_logic("and", "(" + "and(" * 5000, negated=False)
    assert error.value.code == "PGRST100"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eq.1", True),
        ("not.eq.1", True),
        ("in.x", True),
        ("like(any).x", True),
        ("equal.1", False),
        ("not.quite", False),
        ("1.5", False),
        ("", False),
    ],
)
def test_arguments_are_told_from_conditions(text: str, *, expected: bool) -> None:
    """Only what begins with an operator is a condition."""
    assert is_condition(text) is expected
