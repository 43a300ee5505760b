"""Writes the outer query: the whole answer as one row, body included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from psycopg.sql import SQL, Composed, Identifier

from local.rest.calls import SCALAR
from local.rest.statement import COMMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.sql import Composable

    from local.rest.media import Media
    from local.rest.statement import Statement

SOURCE = "rest_source"
_COUNT = "rest_count"
_ROW = "rest_row"
Shape = Literal["rows", "one", "scalar", "scalars", "nothing"]

_NOTHING = SQL("''")
_NO_NUMBER = SQL("null::bigint")
_NO_TEXT = SQL("null::text")
_CSV = SQL(
    "coalesce((select string_agg(keys.name, ',') from (select json_object_keys(first.document) as "
    "name from (select row_to_json({row}) as document from ({rows}) as {row} limit 1) as first) "
    "as keys) || e'\\n', '') || coalesce(string_agg("
    "substr({row}::text, 2, length({row}::text) - 2), e'\\n'), '')",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of the outer query.

    `source` runs first and once (a change, a call); `rows` selects from it what is answered.
    """

    rows: Composable
    body: Composable
    source: Composable | None = None
    counted: Composable | None = None
    is_one_row: bool = False
    inserted: Composable | None = None
    location: Composable | None = None

    def render(self) -> Composed:
        """The statement whose single row the response is made of."""
        total = SQL("(select count(*) from {})").format(Identifier(_COUNT))
        return SQL(
            "{with_}select {total}, {count}, {body}, "
            "nullif(current_setting('response.headers', true), ''), "
            "nullif(current_setting('response.status', true), ''), "
            "{inserted}, {location} from ({rows}) as {row}",
        ).format(
            with_=self._with(),
            total=_NO_NUMBER if self.counted is None else total,
            count=SQL("1") if self.is_one_row else SQL("count(*)"),
            body=self.body,
            inserted=_NO_NUMBER if self.inserted is None else self.inserted,
            location=_NO_TEXT if self.location is None else self.location,
            rows=self.rows,
            row=Identifier(_ROW),
        )

    def _with(self) -> Composed:
        parts: list[Composable] = []
        if self.source is not None:
            parts.append(SQL("{} as ({})").format(Identifier(SOURCE), self.source))
        if self.counted is not None:
            parts.append(SQL("{} as ({})").format(Identifier(_COUNT), self.counted))
        return SQL("with {} ").format(COMMA.join(parts)) if parts else Composed([])


def body(media: Media, shape: Shape, rows: Composable) -> Composable:
    """The expression of the body of the answer."""
    if shape == "nothing":
        return _NOTHING
    if media.form == "csv":
        return _CSV.format(row=Identifier(_ROW), rows=rows)
    row: Composable = Identifier(_ROW)
    if shape in {"scalar", "scalars"}:
        row = Identifier(_ROW, SCALAR)
    if shape in {"one", "scalar"} or media.single:
        one = _stripped(media, SQL("to_json({})").format(row))
        return SQL("coalesce((array_agg({}))[1]::text, 'null')").format(one)
    every = _stripped(media, SQL("json_agg({})").format(row))
    return SQL("coalesce({}::text, '[]')").format(every)


def location(statement: Statement, primary_key: Sequence[str]) -> Composable:
    """The primary key of the only row, as a JSON object; null if there are other than one."""
    return SQL(
        "case when count(*) = 1 then (select json_object_agg(pairs.key, pairs.value)::text from "
        "(select row_to_json(found) as document from {} as found) as first, "
        "json_each_text(first.document) as pairs where pairs.key = any({}::text[])) end",
    ).format(Identifier(SOURCE), statement.bind_array(primary_key))


def _stripped(media: Media, value: Composable) -> Composable:
    return SQL("json_strip_nulls({})").format(value) if media.strip_nulls else value
