"""Turns requests into operations, with what the database offers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Identifier

from local.rest import changes
from local.rest.answer import SOURCE, Answer, body, location
from local.rest.call_planner import CallPlanner
from local.rest.changes import Change
from local.rest.errors import method_not_allowed, unsupported
from local.rest.operation import MAX_ROWS, Command, Operation
from local.rest.payload import read_payload
from local.rest.plan import plan_rows
from local.rest.query import parse_query
from local.rest.render import render_count, render_rows
from local.rest.statement import Statement, qualified
from local.rest.wishes import refuse, window, wishes

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from local.rest.answer import Shape
    from local.rest.media import Media
    from local.rest.plan import Node
    from local.rest.preferences import Kind, Preferences
    from local.rest.query import Query
    from local.rest.request import Request
    from local.rest.schema import Schema


class Planner:
    """Plans with one state of the schema; calls that come again and again are planned once."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._calls = CallPlanner(schema)

    def plan(self, request: Request) -> Operation:
        """The operation that a request asks for."""
        if request.calls_function:
            return self._calls.plan(request)
        return _plan_table(self.schema, request)


def _plan_table(schema: Schema, request: Request) -> Operation:
    match request.method:
        case "GET" | "HEAD":
            return _read(schema, request)
        case "POST":
            return _insert(schema, request)
        case "PATCH":
            return _update(schema, request)
        case "DELETE":
            return _delete(schema, request)
        case method:
            raise method_not_allowed(method)


def _read(schema: Schema, request: Request) -> Operation:
    table = schema.table(request.name)
    media, preferences = wishes(request)
    query = parse_query(request.query)
    refuse(query, "columns", "on_conflict")
    node = plan_rows(schema, table.name, query, within=window(request), max_rows=MAX_ROWS)
    source, alias = qualified(table.name), table.name.name
    statement = Statement()
    rows = render_rows(statement, node, source, alias)
    counted = None
    if preferences.count in {"exact", "estimated"}:
        counted = render_count(statement, node, source, alias)
        if preferences.count == "estimated":
            counted += SQL(" limit {}").format(statement.bind(str(MAX_ROWS + 1)))
    shape: Shape = "nothing" if request.method == "HEAD" else "rows"
    answer = Answer(rows=rows, body=body(media, shape, rows), counted=counted)
    return Operation(
        kind="read",
        resource=alias,
        command=Command.of(statement, answer.render()),
        media=media,
        preferences=preferences,
        window=node.window,
        read_only=True,
        explain=_explain(node, source, alias, preferences),
    )


def _explain(
    node: Node,
    source: Composable,
    alias: str,
    preferences: Preferences,
) -> Command | None:
    if preferences.count not in {"planned", "estimated"}:
        return None
    statement = Statement()
    counted = render_count(statement, node, source, alias)
    return Command.of(statement, SQL("explain (format json) ") + counted)


def _insert(schema: Schema, request: Request) -> Operation:
    change, query, media = _change(schema, request)
    if change.terms:
        raise unsupported("Filters do not apply to an insert.")
    if query.on_conflict is not None and change.preferences.resolution is None:
        raise unsupported("'on_conflict' needs a 'resolution' in the Prefer header.")
    conflict = change.table.primary_key if query.on_conflict is None else query.on_conflict
    if change.preferences.resolution is None or not conflict:
        # Without a key there is nothing to resolve: the preference is not applied.
        change = replace(change, preferences=replace(change.preferences, resolution=None))
        conflict = ()
    payload = read_payload(request.body, request.headers.get("content-type"), query.columns)
    return _changed(change, "insert", changes.insert(change, payload, conflict), media)


def _update(schema: Schema, request: Request) -> Operation:
    change, query, media = _change(schema, request)
    refuse(query, "on_conflict")
    payload = read_payload(request.body, request.headers.get("content-type"), query.columns)
    return _changed(change, "update", changes.update(change, payload), media)


def _delete(schema: Schema, request: Request) -> Operation:
    change, query, media = _change(schema, request)
    refuse(query, "columns", "on_conflict")
    return _changed(change, "delete", changes.delete(change), media)


def _change(schema: Schema, request: Request) -> tuple[Change, Query, Media]:
    table = schema.table(request.name)
    media, preferences = wishes(request)
    query = parse_query(request.query)
    if () in query.limits or () in query.offsets:
        raise unsupported("'limit' and 'offset' do not apply to a change of rows.")
    # What chooses the rows to change does not choose again among the changed ones.
    answered = replace(query, terms=[(path, term) for path, term in query.terms if path])
    node = plan_rows(schema, table.name, answered)
    return Change(Statement(), node, table, preferences, query.root_terms()), query, media


def _changed(change: Change, kind: Kind, source: Composable, media: Media) -> Operation:
    preferences, statement = change.preferences, change.statement
    answer = Answer(rows=SQL("select from {}").format(Identifier(SOURCE)), body=SQL("''"))
    if preferences.represents:
        rows = render_rows(statement, change.node, Identifier(SOURCE), change.alias)
        answer = Answer(rows=rows, body=body(media, "rows", rows))
    answer = replace(answer, source=source)
    if kind == "insert" and preferences.resolution == "merge-duplicates":
        answer = replace(answer, inserted=changes.INSERTED_ROWS)
    if kind == "insert" and preferences.returns == "headers-only" and change.table.primary_key:
        answer = replace(answer, location=location(statement, change.table.primary_key))
    return Operation(
        kind=kind,
        resource=change.alias,
        command=Command.of(statement, answer.render()),
        media=media,
        preferences=preferences,
    )
