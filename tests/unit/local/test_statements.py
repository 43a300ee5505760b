"""Scripts are split where their statements end, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.statements import needs_no_transaction, split

WHOLE = (
    "select 'a;b'",
    "select 'it''s; fine'",
    r"select E'it\'s; fine'",
    'select 1 as "a;b"',
    "select $$a;b$$",
    "select $tag$a;$$;b$tag$",
    "select 1 -- not; here\n",
    "select /* not; /* here; */ either; */ 1",
    "create rule r as on insert to t do also (select 1; select 2)",
    "create function f() returns int language sql begin atomic select 1; select 2; end",
    "create function f(a int) returns int begin atomic select case when a = 1 then 2 end; end",
    "create function f() returns trigger language plpgsql as $$ begin return new; end; $$",
    "select $1, $2 from t$x where a$b = 1",
    "select 'unterminated; string",
)


@pytest.mark.parametrize("statement", WHOLE)
def test_a_semicolon_inside_does_not_end_a_statement(statement: str) -> None:
    """Quotes, comments, brackets and bodies are passed over."""
    assert split(f"{statement}\n") == [statement.strip()]


def test_statements_end_at_their_semicolons() -> None:
    """Each comes without its semicolon and without space around it."""
    assert split("select 1;\n\n select 2 ;select 3") == ["select 1", "select 2", "select 3"]


def test_a_comment_stays_with_the_statement_after_it() -> None:
    """The history shows what the author wrote."""
    assert split("-- why\nselect 1; /* how */ select 2;") == [
        "-- why\nselect 1",
        "/* how */ select 2",
    ]


@pytest.mark.parametrize("script", ["", ";", " ; ;\n", "-- nothing", "/* nothing */;", "-- a;\n;"])
def test_what_does_nothing_is_no_statement(script: str) -> None:
    """Comments and empty statements are left out."""
    assert split(script) == []


def test_a_transaction_body_is_not_an_atomic_body() -> None:
    """`begin; ... end;` are statements of their own."""
    assert split("begin; select 1; end; select 2;") == ["begin", "select 1", "end", "select 2"]


@pytest.mark.parametrize(
    "statement",
    [
        "create index concurrently i on t (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY i on t (a)",
        "-- why\ndrop index concurrently i",
        "reindex index concurrently i",
    ],
)
def test_concurrent_index_builds_are_found(statement: str) -> None:
    """Postgres refuses them inside a transaction."""
    assert needs_no_transaction(statement)


@pytest.mark.parametrize(
    "statement",
    ["create index i on t (a)", "select 'create index concurrently i'", "create table t (a int)"],
)
def test_other_statements_stay_in_the_transaction(statement: str) -> None:
    """Only concurrent index statements leave it."""
    assert not needs_no_transaction(statement)


@given(
    st.lists(
        st.sampled_from([each for each in WHOLE if "--" not in each and "unterminated" not in each])
    )
)
def test_a_script_of_statements_is_split_into_them(statements: list[str]) -> None:
    """Joining and splitting gives the same statements."""
    assert split(";\n".join(statements)) == statements


@given(st.text(alphabet="ab'\"$;-/*()\\ \nEe", max_size=60))
def test_splitting_never_loses_a_character(script: str) -> None:
    """Whatever the text, the statements are parts of it in their order."""
    position = 0
    for statement in split(script):
        position = script.index(statement, position) + len(statement)
