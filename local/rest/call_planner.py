"""Turns calls of functions into operations."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg.sql import Identifier

from local.rest import calls
from local.rest.answer import SOURCE, Answer, body
from local.rest.errors import (
    invalid_body,
    invalid_rpc_method,
    max_affected_needs_set,
    unsupported,
)
from local.rest.operation import BODY_TEXT, MAX_ROWS, Command, Operation
from local.rest.payload import Payload, decode, parse
from local.rest.plan import plan_rows
from local.rest.query import parse_query
from local.rest.render import render_count, render_rows
from local.rest.statement import Statement
from local.rest.wishes import refuse, window, wishes

if TYPE_CHECKING:
    from collections.abc import Hashable

    from psycopg.sql import Composable

    from local.rest.answer import Shape
    from local.rest.media import Media
    from local.rest.plan import Node
    from local.rest.query import Query
    from local.rest.request import Request
    from local.rest.schema import Function, Schema

_JSON = "application/json"
_CAPACITY = 256


@dataclass(frozen=True, slots=True)
class _Body:
    """What a posted call hands over; without named arguments the whole text is one."""

    text: str
    content_type: str
    keys: tuple[str, ...] = ()
    named: bool = True


@dataclass(frozen=True, slots=True)
class _Call:
    """A call in the making: the query of what the function returns, before anything else."""

    statement: Statement
    function: Function
    source: Composable


class CallPlanner:
    """Plans calls with one state of the schema.

    Nodes call the same few functions with other arguments, thousands of times a second: how that
    is done depends on the names of the arguments only, and is remembered.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._plans: OrderedDict[Hashable, Operation] = OrderedDict()

    def plan(self, request: Request) -> Operation:
        """The operation that a call asks for."""
        match request.method:
            case "GET" | "HEAD":
                return _plan_read(self._schema, request)
            case "POST":
                return self._plan_posted(request)
            case method:
                raise invalid_rpc_method(method)

    def _plan_posted(self, request: Request) -> Operation:
        posted = _read_body(request)
        key = (
            request.name,
            request.query,
            request.headers.get("accept"),
            tuple(request.prefer),
            posted.content_type,
            posted.keys,
            posted.named,
        )
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan_post(
                self._schema, request, replace(posted, text=BODY_TEXT)
            )
            if len(self._plans) > _CAPACITY:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        return replace(plan, command=plan.command.with_body(posted.text))


def _read_body(request: Request) -> _Body:
    content_type = request.headers.get("content-type") or _JSON
    if not calls.is_body_type(content_type):
        raise invalid_body(f"Content-Type not acceptable: {content_type}")
    text = decode(request.body)
    if not calls.takes_named(content_type):
        return _Body(text, content_type)
    if not text.strip():
        return _Body("{}", content_type)
    document = parse(text)
    if isinstance(document, dict):
        return _Body(text, content_type, tuple(document))
    return _Body(text, content_type, named=False)


def _plan_read(schema: Schema, request: Request) -> Operation:
    query = parse_query(request.query, calls_function=True)
    refuse(query, "columns", "on_conflict")
    statement = Statement()
    function = calls.choose_function(schema, request.name, list(query.arguments))
    source = calls.call_with_texts(statement, function, query.arguments)
    return _operation(schema, request, query, _Call(statement, function, source))


def _plan_post(schema: Schema, request: Request, posted: _Body) -> Operation:
    query = parse_query(request.query)
    refuse(query, "on_conflict")
    keys = posted.keys if query.columns is None else query.columns
    function = calls.choose_function(schema, request.name, keys, body_type=posted.content_type)
    statement = Statement()
    if calls.takes_body(function, posted.content_type):
        source = calls.call_with_body(statement, function, posted.text)
    elif posted.named:
        payload = Payload(posted.text, is_array=False, keys=keys)
        source = calls.call_with_payload(statement, function, payload)
    else:
        raise unsupported(
            "Arguments are the keys of a JSON object; only a function with one unnamed json "
            "parameter takes another document.",
        )
    return _operation(schema, request, query, _Call(statement, function, source))


def _operation(schema: Schema, request: Request, query: Query, call: _Call) -> Operation:
    media, preferences = wishes(request)
    function = call.function
    if preferences.strict_limit is not None and not function.returns_set:
        raise max_affected_needs_set()
    name = function.row_type or function.name
    node = plan_rows(schema, name, query, within=window(request), max_rows=MAX_ROWS)
    shape = _shape(function, request.method)
    answer = _answer(call, node, media, shape, counts=preferences.count is not None)
    return Operation(
        kind="call",
        resource=function.name.name,
        command=Command.of(call.statement, answer.render()),
        media=media,
        preferences=preferences,
        window=node.window,
        read_only=request.method != "POST" or function.volatility != "volatile",
        settings=function.settings,
        returns_void=function.returns == "void",
    )


def _answer(call: _Call, node: Node, media: Media, shape: Shape, *, counts: bool) -> Answer:
    alias, source = node.name.name, Identifier(SOURCE)
    rows = render_rows(call.statement, node, source, alias)
    return Answer(
        rows=rows,
        body=body(media, shape, rows),
        source=call.source,
        counted=render_count(call.statement, node, source, alias) if counts else None,
        is_one_row=not call.function.returns_set,
    )


def _shape(function: Function, method: str) -> Shape:
    if method == "HEAD" or function.returns == "void":
        return "nothing"
    if function.returns == "record":
        return "rows" if function.returns_set else "one"
    return "scalars" if function.returns_set else "scalar"
