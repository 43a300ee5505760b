"""Writes what is said about single rows as SQL: fields, conditions, and logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composed, Identifier

from local.rest.conditions import OPERATORS, TEXT_SEARCHES
from local.rest.statement import EMPTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.sql import Composable

    from local.rest.plan import Node
    from local.rest.statement import Statement
    from local.rest.syntax import Condition, Field

_IS = {
    "null": SQL("null"),
    "not_null": SQL("not null"),
    "true": SQL("true"),
    "false": SQL("false"),
    "unknown": SQL("unknown"),
}
_JSON_TYPES = frozenset({"json", "jsonb"})


def render_field(statement: Statement, node: Node, field: Field, alias: str) -> Composable:
    """The value of a field in the rows with this alias."""
    if field.name == "*":
        return SQL("{}.*").format(Identifier(alias))
    column: Composable = Identifier(alias, field.name)
    if not field.steps:
        return column
    if _type_of(node, field.name) not in _JSON_TYPES:
        column = SQL("to_jsonb({})").format(column)
    for step in field.steps:
        key = statement.bind(step.key)
        kind = SQL("::int") if step.is_index else SQL("::text")
        column = SQL("{}{}{}{}").format(column, SQL(step.arrow), key, kind)
    return column


def render_condition(statement: Statement, node: Node, test: Condition, alias: str) -> Composable:
    """A condition on the rows with this alias."""
    left = render_field(statement, node, test.field, alias)
    if test.operator in TEXT_SEARCHES:
        condition = _text_search(statement, node, test, left)
    else:
        condition = SQL("{} {}").format(left, _comparison(statement, test))
    return SQL("not ({})").format(condition) if test.negated else condition


def render_logic(operator: str, terms: Sequence[Composable], *, negated: bool) -> Composed:
    """Terms joined by `and` or `or`."""
    separator = SQL(" and ") if operator == "and" else SQL(" or ")
    return SQL("{}({})").format(SQL("not ") if negated else EMPTY, separator.join(terms))


def render_equality(left: str, left_column: str, right: str, right_column: str) -> Composed:
    """The condition that two columns are equal."""
    return SQL("{} = {}").format(Identifier(left, left_column), Identifier(right, right_column))


def _comparison(statement: Statement, test: Condition) -> Composable:
    if test.operator == "is":
        return SQL("is {}").format(_IS[test.value])
    if test.operator == "in":
        return SQL("= any({})").format(statement.bind_array(test.values))
    pattern = test.operator in {"like", "ilike"}
    value: Composable = statement.bind(test.value.replace("*", "%") if pattern else test.value)
    if test.quantifier is not None:
        value = SQL("{}({})").format(SQL(test.quantifier), value)
    return SQL("{} {}").format(SQL(OPERATORS[test.operator]), value)


def _text_search(
    statement: Statement,
    node: Node,
    test: Condition,
    document: Composable,
) -> Composable:
    def called(name: str, value: Composable) -> Composable:
        if test.language is None:
            return SQL("{}({})").format(SQL(name), value)
        return SQL("{}({}::regconfig, {})").format(SQL(name), statement.bind(test.language), value)

    if test.field.steps or _type_of(node, test.field.name) != "tsvector":
        document = called("to_tsvector", document)
    searched = called(TEXT_SEARCHES[test.operator], statement.bind(test.value))
    return SQL("{} @@ {}").format(document, searched)


def _type_of(node: Node, name: str) -> str | None:
    column = None if node.table is None else node.table.columns.get(name)
    return None if column is None else column.type
