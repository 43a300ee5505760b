"""Chooses the function that a call means, and writes the call as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composed, Identifier

from local.rest.errors import ambiguous_function, function_not_found, invalid_parameter
from local.rest.payload import BODY, Payload, media_type, records
from local.rest.schema import suggest
from local.rest.statement import COMMA, array_literal, qualified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg.sql import Composable

    from local.rest.schema import Function, Name, Parameter, Schema
    from local.rest.statement import Statement

#: The column of a function that returns no record.
SCALAR = "rest_scalar"
_CALL = "rest_call"
_UNNAMED_TYPES = {
    "": ("json", "jsonb"),
    "application/json": ("json", "jsonb"),
    "text/plain": ("text",),
    "text/xml": ("xml",),
    "application/octet-stream": ("bytea",),
}


def choose_function(
    schema: Schema,
    name: Name,
    arguments: Sequence[str],
    *,
    body_type: str | None = None,
) -> Function:
    """The overload that takes these arguments; else the one that takes the whole body."""
    overloads = schema.functions.get(name, ())
    found = [each for each in overloads if _takes(each, arguments)]
    if not found and body_type is not None:
        found = [each for each in overloads if takes_body(each, body_type)]
    if not found:
        raise _not_found(schema, name, arguments, body_type)
    if len(found) > 1:
        raise ambiguous_function(each.signature for each in found)
    return found[0]


def takes_body(function: Function, body_type: str) -> bool:
    """Whether the only parameter has no name, and a type for a whole body of this type."""
    if len(function.parameters) != 1 or function.parameters[0].name:
        return False
    return function.parameters[0].type in _UNNAMED_TYPES.get(media_type(body_type), ())


def takes_named(content_type: str | None) -> bool:
    """Whether a body of this type can hold named arguments."""
    return "json" in _UNNAMED_TYPES.get(media_type(content_type), ())


def is_body_type(content_type: str | None) -> bool:
    """Whether some function could take a body of this type."""
    return media_type(content_type) in _UNNAMED_TYPES


def call_with_payload(statement: Statement, function: Function, payload: Payload) -> Composed:
    """The call with the named arguments in a JSON object."""
    given = [each for each in function.parameters if each.name in payload.keys]
    if not given:
        return _selected(function, [], None)
    arguments = [_argument(each, Identifier(BODY, each.name)) for each in given]
    return _selected(function, arguments, records(statement, payload, given))


def call_with_body(statement: Statement, function: Function, body: str) -> Composed:
    """The call with a whole body as the only argument."""
    kind = SQL(function.parameters[0].type)
    return _selected(function, [SQL("{}::{}").format(statement.bind(body), kind)], None)


def call_with_texts(
    statement: Statement,
    function: Function,
    texts: Mapping[str, Sequence[str]],
) -> Composed:
    """The call with named arguments from a query string."""
    arguments = []
    for parameter in function.parameters:
        if parameter.name in texts:
            text = _text(parameter, texts[parameter.name])
            value = SQL("{}::{}").format(statement.bind(text), SQL(parameter.type))
            arguments.append(_argument(parameter, value))
    return _selected(function, arguments, None)


def _takes(function: Function, arguments: Sequence[str]) -> bool:
    given = set(arguments)
    if any(not each.name for each in function.parameters):
        return False
    required = {each.name for each in function.parameters if each.required}
    return required <= given <= {each.name for each in function.parameters}


def _text(parameter: Parameter, values: Sequence[str]) -> str:
    if parameter.variadic and not (len(values) == 1 and values[0].startswith("{")):
        return array_literal(values)
    if len(values) > 1:
        raise invalid_parameter(f"The argument '{parameter.name}' is given more than once")
    return values[0]


def _argument(parameter: Parameter, value: Composable) -> Composed:
    template = SQL("variadic {} => {}") if parameter.variadic else SQL("{} => {}")
    return template.format(Identifier(parameter.name), value)


def _selected(
    function: Function,
    arguments: Sequence[Composable],
    source: Composable | None,
) -> Composed:
    call = SQL("{}({})").format(qualified(function.name), COMMA.join(arguments))
    if function.returns == "record":
        columns: Composable = SQL("{}.*").format(Identifier(_CALL))
        rows = SQL("{} as {}").format(call, Identifier(_CALL))
    else:
        columns = Identifier(_CALL, SCALAR)
        rows = SQL("(select {} as {}) as {}").format(call, Identifier(SCALAR), Identifier(_CALL))
    if source is not None:
        rows = SQL("{}, lateral {}").format(source, rows)
    return SQL("select {} from {}").format(columns, rows)


def _not_found(
    schema: Schema,
    name: Name,
    arguments: Sequence[str],
    body_type: str | None,
) -> Exception:
    listed = sorted(arguments)
    fallback = None
    if body_type is not None:
        fallback = "/".join(_UNNAMED_TYPES.get(media_type(body_type), ()))
    return function_not_found(
        f"{name.schema}.{name.name}",
        listed,
        fallback,
        _suggestion(schema, name, listed),
    )


def _suggestion(schema: Schema, name: Name, arguments: Sequence[str]) -> str | None:
    overloads = schema.functions.get(name, ())
    if not overloads:
        known = (each.name for each in schema.functions if each.schema == name.schema)
        similar = suggest(name.name, known)
        return similar and f"Perhaps you meant to call the function {name.schema}.{similar}"
    listed = [", ".join(sorted(each.name for each in one.parameters)) for one in overloads]
    similar = suggest(", ".join(arguments), listed, likeness=0.33)
    return (
        similar and f"Perhaps you meant to call the function {name.schema}.{name.name}({similar})"
    )
