"""Changes as subscribers see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.realtime.pgoutput import UNCHANGED, Column, Delete, Insert, Relation, Update
from local.realtime.rows import RowChange, payload, refusal, row_change
from local.realtime.tables import Table, TableColumn
from local.realtime.values import shape_of

RELATION = Relation(
    7,
    "public",
    "notes",
    "d",
    (Column("id", 23, is_identity=True), Column("body", 25, is_identity=False)),
)
FULL = Relation(
    7,
    "public",
    "notes",
    "f",
    tuple(Column(entry.name, entry.type_oid, is_identity=True) for entry in RELATION.columns),
)
COLUMNS = (
    TableColumn("id", "int4", "integer", shape_of(23, None), is_key=True),
    TableColumn("body", "text", "text", shape_of(25, None), is_key=False),
)
OPEN = Table(7, "public", "notes", has_policies=False, columns=COLUMNS)
GUARDED = Table(7, "public", "notes", has_policies=True, columns=COLUMNS)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def data_of(change: RowChange, table: Table = OPEN, largest: int = 10_000) -> dict[str, Any]:
    """The message for somebody who may read everything."""
    return payload(change, table, MOMENT, lambda _: True, largest)


def test_an_insert_has_a_record_only() -> None:
    """With the commit's time in milliseconds."""
    assert data_of(row_change(RELATION, OPEN, Insert(7, ("1", "a")))) == {
        "schema": "public",
        "table": "notes",
        "type": "INSERT",
        "commit_timestamp": "2026-01-02T03:04:05.678Z",
        "columns": [{"name": "id", "type": "int4"}, {"name": "body", "type": "text"}],
        "errors": None,
        "record": {"id": 1, "body": "a"},
    }


@pytest.mark.parametrize(
    ("relation", "change", "table", "old"),
    [
        (RELATION, Update(7, None, ("1", "b")), OPEN, {"id": 1}),
        (RELATION, Update(7, ("0", None), ("1", "b")), OPEN, {"id": 0}),
        (FULL, Update(7, ("0", "a"), ("1", "b")), OPEN, {"id": 0, "body": "a"}),
        (FULL, Update(7, ("0", "a"), ("1", "b")), GUARDED, {"id": 0}),
        (RELATION, Delete(7, ("0", None)), OPEN, {"id": 0}),
        (FULL, Delete(7, ("0", "a")), OPEN, {"id": 0, "body": "a"}),
        (FULL, Delete(7, ("0", "a")), GUARDED, {"id": 0}),
    ],
)
def test_the_old_record_follows_identity_and_policies(
    relation: Relation, change: Update | Delete, table: Table, old: dict[str, Any]
) -> None:
    """Only the key, unless everything was logged and nobody has to be asked."""
    data = data_of(row_change(relation, table, change), table)
    assert data["old_record"] == old
    assert ("record" in data) is isinstance(change, Update)


def test_an_untouched_large_column_comes_from_the_old_row() -> None:
    """Where that was logged; otherwise it is absent."""
    full = row_change(FULL, OPEN, Update(7, ("1", "long"), ("1", UNCHANGED)))
    assert data_of(full)["record"] == {"id": 1, "body": "long"}
    short = row_change(RELATION, OPEN, Update(7, None, ("1", UNCHANGED)))
    assert data_of(short)["record"] == {"id": 1}


def test_a_large_row_keeps_its_short_columns() -> None:
    """And says why."""
    data = data_of(row_change(RELATION, OPEN, Insert(7, ("1", "x" * 100))), largest=50)
    assert data["record"] == {"id": 1}
    assert data["errors"] == ["Error 413: Payload Too Large"]


def test_unreadable_columns_are_left_out() -> None:
    """Of the record and of the list."""
    change = row_change(RELATION, OPEN, Insert(7, ("1", "a")))
    data = payload(change, OPEN, MOMENT, lambda column: column.name == "id", 10_000)
    assert data["record"] == {"id": 1}
    assert data["columns"] == [{"name": "id", "type": "int4"}]


def test_a_refusal_tells_nothing_else() -> None:
    """Not even which row it was."""
    change = row_change(RELATION, OPEN, Insert(7, ("1", "a")))
    data = refusal(change, OPEN, MOMENT, "Error 401: Unauthorized")
    assert (data["columns"], data["record"]) == ([], {})
    assert data["errors"] == ["Error 401: Unauthorized"]
