"""Filters bound to the columns of a table.

What can be decided by comparing text is decided here; the rest is asked of Postgres, with the real
types and operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Composed, Literal

from local.realtime.errors import SubscriptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import AsyncConnection
    from psycopg.sql import Composable

    from local.realtime.filters import Filter
    from local.realtime.tables import Table, TableColumn

LONGEST_LIST: Final = 100
#: questions in one statement
_BATCH: Final = 200
#: types with exactly one text for each value
_CANONICAL: Final = frozenset({"int2", "int4", "int8", "uuid", "text", "varchar", "bool", "date"})
_SYMBOLS: Final = {
    "eq": "=",
    "neq": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A valid filter of a table."""

    filter: Filter
    column: TableColumn
    #: the texts one of which the value must equal; None when Postgres has to compare
    texts: frozenset[str] | None

    def decide(self, value: str | None) -> bool | None:
        """Whether the condition holds; None when Postgres must be asked."""
        if self.texts is None:
            return None
        if value is None:
            return False
        is_inverted = (self.filter.operator == "neq") != self.filter.negated
        return (value in self.texts) != is_inverted

    def question(self, value: str | None) -> Composed:
        """The condition on a value as an SQL expression."""
        return _expression(self.filter, self.column.sql_type, Literal(value))


async def bind(
    connection: AsyncConnection, table: Table, filters: Sequence[Filter], readable: frozenset[str]
) -> tuple[Condition, ...]:
    """Check the filters against the table, as one subscriber may see it."""
    return tuple([await _bind(connection, table, entry, readable) for entry in filters])


async def ask(
    connection: AsyncConnection, questions: Iterable[tuple[Condition, str | None]]
) -> dict[tuple[Condition, str | None], bool]:
    """Have Postgres decide conditions on values."""
    answers: dict[tuple[Condition, str | None], bool] = {}
    open_questions = list(dict.fromkeys(questions))
    for start in range(0, len(open_questions), _BATCH):
        batch = open_questions[start : start + _BATCH]
        expressions = [condition.question(value) for condition, value in batch]
        cursor = await connection.execute(SQL("select {}").format(SQL(", ").join(expressions)))
        row = await cursor.fetchone()
        answers.update(zip(batch, map(bool, row or ()), strict=True))
    return answers


async def _bind(
    connection: AsyncConnection, table: Table, entry: Filter, readable: frozenset[str]
) -> Condition:
    column = table.column(entry.column)
    if column is None or column.name not in readable:
        raise SubscriptionError(f"invalid column for filter {entry.column}")
    try:
        return await _check(connection, entry, column)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise SubscriptionError(error.diag.message_primary or str(error)) from None


async def _check(connection: AsyncConnection, entry: Filter, column: TableColumn) -> Condition:
    """Let Postgres read the filter once, so that it cannot fail on a change later."""
    value = "" if entry.operator in {"match", "imatch"} else None
    question = _expression(entry, column.sql_type, Literal(value))
    await connection.execute(SQL("select {}").format(question))
    texts = await _texts(connection, entry, column.sql_type)
    if texts is not None and len(texts) > LONGEST_LIST:
        raise SubscriptionError(f"too many values for `in` filter. Maximum {LONGEST_LIST}")
    is_canonical = column.type_name in _CANONICAL
    return Condition(entry, column, texts if is_canonical else None)


async def _texts(
    connection: AsyncConnection, entry: Filter, sql_type: str
) -> frozenset[str] | None:
    """The value or values of an equality as Postgres writes them."""
    if entry.operator not in {"eq", "neq", "in"}:
        return None
    written = entry.value if entry.operator == "in" else None
    values = _cast(Literal(written if written is not None else [entry.value]), f"{sql_type}[]")
    query = SQL("select entries.entry::text from unnest({}) as entries (entry)").format(values)
    cursor = await connection.execute(query)
    return frozenset(row[0] for row in await cursor.fetchall() if row[0] is not None)


def _expression(entry: Filter, sql_type: str, value: Composable) -> Composed:
    negation = SQL("not " if entry.negated else "")
    left = _cast(value, sql_type)
    if entry.operator == "is":
        return SQL("({}({} is {}))").format(negation, left, SQL(entry.value))
    if entry.operator == "in":
        right = _cast(Literal(entry.value), f"{sql_type}[]")
        return SQL("({}({} = any({})))").format(negation, left, right)
    right = _cast(Literal(entry.value), sql_type)
    symbol = SQL(_SYMBOLS[entry.operator])
    return SQL("({}({} {} {}))").format(negation, left, symbol, right)


def _cast(value: Composable, sql_type: str) -> Composed:
    return SQL("{}::{}").format(value, SQL(sql_type))
