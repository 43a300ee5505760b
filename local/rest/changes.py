"""Writes insert, update and delete as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composed, Identifier

from local.rest.errors import ApiError, invalid_body
from local.rest.payload import BODY, columns_of, records
from local.rest.render import render_where
from local.rest.statement import COMMA, EMPTY, qualified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.sql import Composable

    from local.rest.payload import Payload
    from local.rest.plan import Node
    from local.rest.preferences import Preferences
    from local.rest.schema import Column, Table
    from local.rest.statement import Statement
    from local.rest.syntax import Term

# An upsert counts here the rows that it inserted and did not merge into existing ones.
_COUNTER = SQL("nullif(current_setting('rest.inserted', true), '')::int")
INSERTED_ROWS = SQL("coalesce({}, 0)").format(_COUNTER)


@dataclass(frozen=True, slots=True)
class Change:
    """A change in the making: of which table, how it is wanted, and what it gives back."""

    statement: Statement
    node: Node
    table: Table
    preferences: Preferences
    terms: Sequence[Term] = ()

    @property
    def complete(self) -> bool:
        """Whether missing values take the defaults of their columns."""
        return self.preferences.missing == "default"

    @property
    def alias(self) -> str:
        """The name of the rows in the statement."""
        return self.table.name.name

    def target(self) -> Composed:
        """The table under its alias."""
        return SQL("{} as {}").format(qualified(self.table.name), Identifier(self.alias))

    def where(self) -> Composed:
        """The clause that chooses the rows."""
        return render_where(self.statement, self.node, self.terms, self.alias)

    def returned(self) -> Composable:
        """The columns to give back: none that the answer has no need of."""
        names: set[str] = set()
        if self.preferences.returns not in {None, "minimal"}:
            names.update(self.table.primary_key)
        if self.preferences.represents:
            names.update(each.field.name for each in self.node.fields)
            names.update(name for each in self.node.children for name in each.way.origin_columns)
        if "*" in names:
            return SQL("{}.*").format(Identifier(self.alias))
        if not names:
            return SQL("1")
        return COMMA.join([Identifier(self.alias, name) for name in sorted(names)])


def insert(change: Change, payload: Payload, conflict: Sequence[str]) -> Composed:
    """The insert of the rows of a payload, or the upsert on the columns of a conflict."""
    columns = columns_of(change.table, payload.keys)
    merges = bool(conflict) and change.preferences.resolution == "merge-duplicates"
    names = [Identifier(each.name) for each in columns]
    return SQL(
        "insert into {target}{names} select {values} from {source}{where}{conflict} "
        "returning {returned}",
    ).format(
        target=change.target(),
        names=SQL(" ({})").format(COMMA.join(names)) if names else EMPTY,
        values=COMMA.join([Identifier(BODY, each.name) for each in columns]),
        source=records(change.statement, payload, columns, complete=change.complete),
        where=SQL(" where {}").format(_counted("+")) if merges else EMPTY,
        conflict=_on_conflict(conflict, columns, merges=merges),
        returned=change.returned(),
    )


def update(change: Change, payload: Payload) -> Composed:
    """The update of the chosen rows with the values of a payload."""
    if payload.is_array:
        raise invalid_body("An update takes one JSON object, not an array")
    columns = columns_of(change.table, payload.keys)
    if not columns:
        return SQL("select {} from {} where false").format(change.returned(), change.target())
    _require_conditions("UPDATE", change.terms)
    values = [
        SQL("{} = {}").format(Identifier(each.name), Identifier(BODY, each.name))
        for each in columns
    ]
    return SQL(
        "update {target} set {values} from {source}{where} returning {returned}",
    ).format(
        target=change.target(),
        values=COMMA.join(values),
        source=records(change.statement, payload, columns, complete=change.complete),
        where=change.where(),
        returned=change.returned(),
    )


def delete(change: Change) -> Composed:
    """The deletion of the chosen rows."""
    _require_conditions("DELETE", change.terms)
    return SQL("delete from {target}{where} returning {returned}").format(
        target=change.target(),
        where=change.where(),
        returned=change.returned(),
    )


def _on_conflict(names: Sequence[str], columns: Sequence[Column], *, merges: bool) -> Composable:
    if not names:
        return EMPTY
    clause = SQL(" on conflict ({})").format(COMMA.join([Identifier(name) for name in names]))
    if not merges or not columns:
        return clause + SQL(" do nothing")
    values = [
        SQL("{} = excluded.{}").format(Identifier(each.name), Identifier(each.name))
        for each in columns
    ]
    return clause + SQL(" do update set {} where {}").format(COMMA.join(values), _counted("-"))


def _counted(sign: str) -> Composed:
    """A condition that always holds, and counts how often it was asked."""
    return SQL(
        "set_config('rest.inserted', (coalesce({}, 0) {} 1)::text, true) is not null"
    ).format(
        _COUNTER,
        SQL(sign),
    )


def _require_conditions(command: str, terms: Sequence[Term]) -> None:
    """Refuse what the extension safeupdate refuses on the platform."""
    if not terms:
        raise ApiError(400, "21000", f"{command} requires a WHERE clause")
