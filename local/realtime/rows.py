"""Changes of rows as subscribers see them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.realtime.pgoutput import UNCHANGED, Delete, Insert, Update
from local.realtime.values import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from local.realtime.pgoutput import Relation, Row
    from local.realtime.tables import Table, TableColumn

#: columns whose JSON is longer are left out of a row that is too large
LONGEST_KEPT: Final = 64
NO_KEY: Final = "Error 400: Bad Request, no primary key"
UNAUTHORIZED: Final = "Error 401: Unauthorized"
TOO_LARGE: Final = "Error 413: Payload Too Large"

Texts = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class RowChange:
    """A change with its values by column name."""

    type: str
    new: Texts
    old: Texts

    @property
    def visible(self) -> Texts:
        """The values that filters look at."""
        return self.old if self.type == "DELETE" else self.new

    @property
    def size(self) -> int:
        """The values in bytes."""
        texts = (*self.new.values(), *self.old.values())
        return sum(len(text.encode()) for text in texts if text is not None)


def row_change(relation: Relation, table: Table, change: Insert | Update | Delete) -> RowChange:
    """Name the values of a change; what Postgres did not log is filled in where it is known."""
    match change:
        case Insert(new=new):
            return RowChange("INSERT", _texts(relation, new), {})
        case Delete(old=old):
            return RowChange("DELETE", {}, _identity(relation, old))
        case Update(old=None, new=new):
            values = _texts(relation, new)
            key = {column.name for column in table.key}
            before = {name: text for name, text in values.items() if name in key}
            return RowChange("UPDATE", values, before)
        case Update(old=old, new=new):
            before = _identity(relation, old or ())
            return RowChange("UPDATE", _untouched(relation, new, before), before)


def payload(
    change: RowChange,
    table: Table,
    committed_at: datetime,
    is_readable: Callable[[TableColumn], bool],
    largest: int,
) -> dict[str, Any]:
    """Build the `data` of a `postgres_changes` message for whoever may read some columns."""
    columns = [column for column in table.columns if is_readable(column)]
    is_too_large = change.size > largest
    data: dict[str, Any] = {
        **_head(change, table, committed_at),
        "columns": [{"name": column.name, "type": column.type_name} for column in columns],
        "errors": [TOO_LARGE] if is_too_large else None,
    }
    if change.type != "DELETE":
        data["record"] = _record(columns, change.new, is_cut=is_too_large)
    if change.type != "INSERT":
        # the policies cannot be asked about values that are gone
        known = [column for column in columns if column.is_key or not table.has_policies]
        data["old_record"] = _record(known, change.old, is_cut=is_too_large)
    return data


def refusal(change: RowChange, table: Table, committed_at: datetime, error: str) -> dict[str, Any]:
    """Build the `data` that says why a change cannot be shown."""
    head = _head(change, table, committed_at)
    return {**head, "columns": [], "record": {}, "errors": [error]}


def _head(change: RowChange, table: Table, committed_at: datetime) -> dict[str, Any]:
    moment = committed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "schema": table.schema,
        "table": table.name,
        "type": change.type,
        "commit_timestamp": moment,
    }


def _record(columns: list[TableColumn], texts: Mapping[str, str | None], *, is_cut: bool) -> Any:
    values = {
        column.name: to_json(texts[column.name], column.shape)
        for column in columns
        if column.name in texts
    }
    if not is_cut:
        return values
    return {name: value for name, value in values.items() if len(json.dumps(value)) <= LONGEST_KEPT}


def _texts(relation: Relation, row: Row) -> Texts:
    return {
        column.name: value
        for column, value in zip(relation.columns, row, strict=True)
        if value is not UNCHANGED
    }


def _identity(relation: Relation, row: Row) -> Texts:
    """The values of the replica identity; the others are sent as nulls that mean nothing."""
    identity = {column.name for column in relation.columns if column.is_identity}
    return {name: text for name, text in _texts(relation, row).items() if name in identity}


def _untouched(relation: Relation, new: Row, before: Texts) -> Texts:
    """The new values, and the old ones of large columns that were not touched."""
    values = _texts(relation, new)
    return {
        column.name: values.get(column.name, before.get(column.name))
        for column in relation.columns
        if column.name in values or column.name in before
    }
