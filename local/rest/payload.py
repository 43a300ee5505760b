"""The body of a request: what it is, which columns it names, and how SQL reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Identifier, Literal

from local.rest.errors import column_not_found, invalid_body
from local.rest.schema import Column
from local.rest.statement import COMMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg.sql import Composable

    from local.rest.schema import Parameter, Table
    from local.rest.statement import Statement

BODY = "rest_body"
_JSON_TYPES = frozenset({"", "application/json"})


@dataclass(frozen=True, slots=True)
class Payload:
    """A JSON document as it came, and the keys of its objects."""

    text: str
    is_array: bool
    keys: tuple[str, ...]


def media_type(content_type: str | None) -> str:
    """The bare type in a `Content-Type`."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(content_type: str | None) -> bool:
    """Whether a body of this type is JSON; nothing said means JSON."""
    return media_type(content_type) in _JSON_TYPES


def read_payload(
    body: bytes,
    content_type: str | None,
    columns: Sequence[str] | None = None,
) -> Payload:
    """Understand the body of a change; `columns` names what to use of it."""
    if not is_json(content_type):
        raise invalid_body(f"Content-Type not acceptable: {media_type(content_type)}")
    text = decode(body)
    first = text.lstrip(" \t\r\n")[:1]
    if columns is not None and first in {"{", "["}:
        return Payload(text, first == "[", tuple(columns))
    document = parse(text)
    if isinstance(document, list):
        return Payload(text, is_array=True, keys=_uniform_keys(document))
    if isinstance(document, dict):
        return Payload(text, is_array=False, keys=tuple(document))
    raise invalid_body("The body must be a JSON object or an array of JSON objects")


def decode(body: bytes) -> str:
    """The text of a body."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise invalid_body("Empty or invalid json") from None


def parse(text: str) -> Any:
    """The JSON document in a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise invalid_body("Empty or invalid json") from None


def _uniform_keys(rows: Sequence[object]) -> tuple[str, ...]:
    first = rows[0] if rows else {}
    if not isinstance(first, dict) or not all(
        isinstance(row, dict) and row.keys() == first.keys() for row in rows
    ):
        raise invalid_body("All object keys must match")
    return tuple(first)


def columns_of(table: Table, names: Iterable[str]) -> list[Column]:
    """The columns of these names, every one of which the table must have."""
    found = []
    for name in names:
        column = table.columns.get(name)
        if column is None:
            raise column_not_found(table.name.name, name)
        found.append(column)
    return found


def records(
    statement: Statement,
    payload: Payload,
    columns: Sequence[Column | Parameter],
    *,
    complete: bool = False,
) -> Composable:
    """The source of the rows in a payload; complete ones have defaults for what is missing."""
    kind = SQL("jsonb" if complete else "json")
    data: Composable = SQL("{}::{}").format(statement.bind(payload.text), kind)
    if not columns:
        return _bare_rows(payload, kind, data)
    if complete:
        data = _completed(payload, data, columns)
    function = "to_recordset" if payload.is_array else "to_record"
    return SQL("{}_{}({}) as {}({})").format(
        kind,
        SQL(function),
        data,
        Identifier(BODY),
        # The types come from the catalog, where they are written with their schemas.
        COMMA.join(
            [SQL("{} {}").format(Identifier(each.name), SQL(each.type)) for each in columns]
        ),
    )


def _bare_rows(payload: Payload, kind: SQL, data: Composable) -> Composable:
    if payload.is_array:
        return SQL("{}_array_elements({}) as {}").format(kind, data, Identifier(BODY))
    return SQL("(select {}) as {}").format(data, Identifier(BODY))


def _completed(
    payload: Payload,
    data: Composable,
    columns: Sequence[Column | Parameter],
) -> Composable:
    pairs = [
        SQL("{}::text, {}").format(Literal(each.name), SQL(each.default))
        for each in columns
        if isinstance(each, Column) and each.default is not None
    ]
    defaults = SQL("jsonb_build_object({})").format(COMMA.join(pairs))
    if not payload.is_array:
        return SQL("{} || {}").format(defaults, data)
    return SQL(
        "(select coalesce(jsonb_agg({} || rest_element), '[]') "
        "from jsonb_array_elements({}) as rest_element)",
    ).format(defaults, data)
