"""The answers that say no, as PostgREST words them: status, code, message, details, hint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ApiError(LocalError):
    """The request cannot be answered."""

    def __init__(  # noqa: PLR0913 - the five parts of an answer, by name
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON of the answer; every key is present, null where there is nothing to say."""
        payload = {
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "hint": self.hint,
        }
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def syntax_error(subject: str, text: str, column: int, expected: str) -> ApiError:
    """The text of a parameter does not follow the grammar at a column (counted from 1)."""
    found = f'"{text[column - 1]}"' if column <= len(text) else "end of input"
    return ApiError(
        400,
        "PGRST100",
        f'"failed to parse {subject} ({text})" (line 1, column {column})',
        details=f"unexpected {found} expecting {expected}",
    )


def invalid_parameter(message: str, details: str | None = None) -> ApiError:
    """A parameter of the URL is understood, but cannot be meant."""
    return ApiError(400, "PGRST100", message, details=details)


def unsupported(details: str) -> ApiError:
    """The request uses something this server does not do."""
    return ApiError(400, "PGRST127", "Feature not implemented", details=details)


def invalid_rpc_method(method: str) -> ApiError:
    """Functions are called with GET, HEAD or POST."""
    return ApiError(405, "PGRST101", f"Cannot use the {method} method on RPC")


def invalid_body(message: str) -> ApiError:
    """The body is not what the request needs."""
    return ApiError(400, "PGRST102", message)


def invalid_range(details: str) -> ApiError:
    """The rows asked for cannot exist."""
    return ApiError(416, "PGRST103", "Requested range not satisfiable", details=details)


def offset_out_of_bounds(offset: int, total: int) -> ApiError:
    """The offset lies behind the last row."""
    return invalid_range(
        f"An offset of {offset} was requested, but there are only {total} rows.",
    )


def schema_not_exposed(schema: str, exposed: Sequence[str]) -> ApiError:
    """The schema is not one of those that the API shows."""
    return ApiError(
        406,
        "PGRST106",
        f"Invalid schema: {schema}",
        hint=f"Only the following schemas are exposed: {', '.join(exposed)}",
    )


def media_type_not_available(accepted: Iterable[str]) -> ApiError:
    """None of the accepted media types can be produced."""
    return ApiError(
        406,
        "PGRST107",
        f"None of these media types are available: {', '.join(accepted)}",
    )


def not_embedded(name: str, label: str | None = None) -> ApiError:
    """A filter, order or limit names a resource that the selection does not embed."""
    details = "Target names are not allowed in filters if they have an alias" if label else None
    hint = (
        f"Change '{name}' to '{label}' in filters, orders or limits."
        if label
        else f"Verify that '{name}' is included in the 'select' query parameter."
    )
    message = f"'{name}' is not an embedded resource in this request"
    return ApiError(400, "PGRST108", message, details=details, hint=hint)


def invalid_response_headers() -> ApiError:
    """The setting `response.headers` is not a list of headers."""
    return ApiError(
        500,
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and a "
        "string value",
    )


def invalid_response_status() -> ApiError:
    """The setting `response.status` is not a status."""
    return ApiError(500, "PGRST112", "response.status guc must be a valid status code")


def not_single(rows: int) -> ApiError:
    """One object was asked for, and the result is not one row."""
    return ApiError(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        details=f"The result contains {rows} rows",
    )


def method_not_allowed(method: str) -> ApiError:
    """The resource has no such method."""
    return ApiError(405, "PGRST117", f"Unsupported HTTP method: {method}")


def order_not_to_one(origin: str, target: str) -> ApiError:
    """A row has many of the resource that its order should come from."""
    return ApiError(
        400,
        "PGRST118",
        f"A related order on '{target}' is not possible",
        details=f"'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship",
    )


def unacceptable_embed_filter(target: str) -> ApiError:
    """An embedded resource can be tested for existence only."""
    return ApiError(
        400,
        "PGRST120",
        f"Bad operator on the '{target}' embedded resource",
        details="Only is null or not is null filters are allowed on embedded resources",
    )


def invalid_preferences(names: Iterable[str]) -> ApiError:
    """Strict handling was asked for, and a preference is unknown."""
    return ApiError(
        400,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        details=f"Invalid preferences: {', '.join(names)}",
    )


def aggregates_not_allowed() -> ApiError:
    """Aggregates are off, as they are on the platform by default."""
    return ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")


def max_affected_exceeded(rows: int) -> ApiError:
    """The request would touch more rows than its caller allowed."""
    return ApiError(
        400,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        details=f"The query affects {rows} rows",
    )


def invalid_path() -> ApiError:
    """The URL names nothing that can exist."""
    return ApiError(404, "PGRST125", "Invalid path specified in request URL")


def root_disabled() -> ApiError:
    """The description of the whole API is not served."""
    return ApiError(404, "PGRST126", "Root endpoint metadata is disabled")


def max_affected_needs_set() -> ApiError:
    """The limit on affected rows needs a function that returns rows."""
    return ApiError(
        400,
        "PGRST128",
        "Function must return SETOF or TABLE when max-affected preference is used with "
        "handling=strict",
    )


def no_relationship(
    origin: str,
    target: str,
    hint_used: str | None,
    schema: str,
    suggestion: str | None,
) -> ApiError:
    """No foreign key leads from one table to the other."""
    using = f" using the hint '{hint_used}'" if hint_used else ""
    return ApiError(
        400,
        "PGRST200",
        f"Could not find a relationship between '{origin}' and '{target}' in the schema cache",
        details=(
            f"Searched for a foreign key relationship between '{origin}' and '{target}'{using} "
            f"in the schema '{schema}', but no matches were found."
        ),
        hint=suggestion,
    )


def ambiguous_relationship(
    origin: str,
    target: str,
    candidates: Sequence[Mapping[str, str]],
    hints: Iterable[str],
) -> ApiError:
    """More than one foreign key leads from one table to the other."""
    options = ", ".join(f"'{target}!{hint}'" for hint in hints)
    return ApiError(
        300,
        "PGRST201",
        "Could not embed because more than one relationship was found for "
        f"'{origin}' and '{target}'",
        details=list(candidates),
        hint=(
            f"Try changing '{target}' to one of the following: {options}. "
            "Find the desired relationship in the 'details' key."
        ),
    )


def function_not_found(
    function: str,
    arguments: Sequence[str],
    fallback: str | None,
    suggestion: str | None,
) -> ApiError:
    """No function takes these arguments; `fallback` names the unnamed parameter tried as well."""
    listed = ", ".join(arguments)
    called = f"{function}({listed})" if arguments else f"{function} without parameters"
    plural = "s" if len(arguments) > 1 else ""
    searched = f" with parameter{plural} {listed}" if arguments else " without parameters"
    instead = f" or with a single unnamed {fallback} parameter" if fallback else ""
    return ApiError(
        404,
        "PGRST202",
        f"Could not find the function {called} in the schema cache",
        details=(
            f"Searched for the function {function}{searched}{instead}, but no matches were "
            "found in the schema cache."
        ),
        hint=suggestion,
    )


def ambiguous_function(signatures: Iterable[str]) -> ApiError:
    """More than one function takes these arguments."""
    return ApiError(
        300,
        "PGRST203",
        f"Could not choose the best candidate function between: {', '.join(signatures)}",
        hint=(
            "Try renaming the parameters or the function itself in the database so function "
            "overloading can be resolved"
        ),
    )


def column_not_found(table: str, column: str) -> ApiError:
    """The table has no such column."""
    return ApiError(
        400,
        "PGRST204",
        f"Could not find the '{column}' column of '{table}' in the schema cache",
    )


def table_not_found(schema: str, table: str, suggestion: str | None) -> ApiError:
    """The schema has no such table."""
    return ApiError(
        404,
        "PGRST205",
        f"Could not find the table '{schema}.{table}' in the schema cache",
        hint=suggestion,
    )
