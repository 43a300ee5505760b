"""Turns requests into operations, with what the database offers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Identifier

from local.rest import calls, changes
from local.rest.answer import SOURCE, Answer, body, location
from local.rest.changes import Change
from local.rest.errors import (
    invalid_body,
    invalid_rpc_method,
    max_affected_needs_set,
    method_not_allowed,
    unsupported,
)
from local.rest.media import negotiate
from local.rest.operation import MAX_ROWS, Command, Operation
from local.rest.payload import Payload, decode, parse, read_payload
from local.rest.plan import plan_rows
from local.rest.preferences import parse_preferences
from local.rest.query import parse_query
from local.rest.ranges import EVERYTHING, parse_range
from local.rest.render import render_count, render_rows
from local.rest.statement import Statement, qualified

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from local.rest.answer import Shape
    from local.rest.media import Media
    from local.rest.plan import Node
    from local.rest.preferences import Kind, Preferences
    from local.rest.query import Query
    from local.rest.ranges import Window
    from local.rest.request import Request
    from local.rest.schema import Function, Schema

_EMPTY_OBJECT = Payload("{}", is_array=False, keys=())


def plan_operation(schema: Schema, request: Request) -> Operation:
    """The operation that a request asks for."""
    if request.calls_function:
        return _call(schema, request)
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
    media, preferences = _wishes(request)
    query = parse_query(request.query)
    _refuse(query, "columns", "on_conflict")
    node = plan_rows(schema, table.name, query, within=_range(request), max_rows=MAX_ROWS)
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
    _refuse(query, "on_conflict")
    payload = read_payload(request.body, request.headers.get("content-type"), query.columns)
    return _changed(change, "update", changes.update(change, payload), media)


def _delete(schema: Schema, request: Request) -> Operation:
    change, query, media = _change(schema, request)
    _refuse(query, "columns", "on_conflict")
    return _changed(change, "delete", changes.delete(change), media)


def _change(schema: Schema, request: Request) -> tuple[Change, Query, Media]:
    table = schema.table(request.name)
    media, preferences = _wishes(request)
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


def _call(schema: Schema, request: Request) -> Operation:
    if request.method not in {"GET", "HEAD", "POST"}:
        raise invalid_rpc_method(request.method)
    posted = request.method == "POST"
    media, preferences = _wishes(request)
    query = parse_query(request.query, calls_function=not posted)
    _refuse(query, "on_conflict", *(() if posted else ("columns",)))
    statement = Statement()
    if posted:
        function, source = _posted_call(schema, request, query, statement)
    else:
        function = calls.choose_function(schema, request.name, list(query.arguments))
        source = calls.call_with_texts(statement, function, query.arguments)
    if preferences.strict_limit is not None and not function.returns_set:
        raise max_affected_needs_set()
    name = function.row_type or function.name
    node = plan_rows(schema, name, query, within=_range(request), max_rows=MAX_ROWS)
    alias = node.name.name
    rows = render_rows(statement, node, Identifier(SOURCE), alias)
    counted = None
    if preferences.count is not None:
        counted = render_count(statement, node, Identifier(SOURCE), alias)
    answer = Answer(
        rows=rows,
        body=body(media, _shape(function, request.method), rows),
        source=source,
        counted=counted,
        is_one_row=not function.returns_set,
    )
    return Operation(
        kind="call",
        resource=function.name.name,
        command=Command.of(statement, answer.render()),
        media=media,
        preferences=preferences,
        window=node.window,
        read_only=not posted or function.volatility != "volatile",
        settings=function.settings,
        returns_void=function.returns == "void",
    )


def _shape(function: Function, method: str) -> Shape:
    if method == "HEAD" or function.returns == "void":
        return "nothing"
    if function.returns == "record":
        return "rows" if function.returns_set else "one"
    return "scalars" if function.returns_set else "scalar"


def _posted_call(
    schema: Schema,
    request: Request,
    query: Query,
    statement: Statement,
) -> tuple[Function, Composable]:
    content_type = request.headers.get("content-type") or "application/json"
    if not calls.is_body_type(content_type):
        raise invalid_body(f"Content-Type not acceptable: {content_type}")
    payload, keys = _EMPTY_OBJECT, query.columns or ()
    if calls.takes_named(content_type) and request.body.strip():
        payload, keys = _arguments(request.body, query.columns)
    function = calls.choose_function(schema, request.name, keys, body_type=content_type)
    if calls.takes_body(function, content_type):
        text = decode(request.body) if request.body or content_type != "application/json" else "{}"
        return function, calls.call_with_body(statement, function, text)
    if payload.is_array:
        raise unsupported(
            "An array of arguments: only a function with one unnamed json parameter takes one.",
        )
    return function, calls.call_with_payload(statement, function, payload)


def _arguments(body: bytes, columns: tuple[str, ...] | None) -> tuple[Payload, tuple[str, ...]]:
    text = decode(body)
    document = parse(text)
    if not isinstance(document, dict):
        return Payload(text, is_array=True, keys=()), ()
    keys = tuple(document) if columns is None else columns
    return Payload(text, is_array=False, keys=keys), keys


def _wishes(request: Request) -> tuple[Media, Preferences]:
    return negotiate(request.headers.get("accept")), parse_preferences(request.prefer)


def _range(request: Request) -> Window:
    """Only GET has ranges, as HTTP defines it."""
    return parse_range(request.headers.get("range")) if request.method == "GET" else EVERYTHING


def _refuse(query: Query, *names: str) -> None:
    for name in names:
        if getattr(query, name) is not None:
            raise unsupported(f"'{name}' does not apply to this request.")
