"""Turns a result into a response: status, headers, body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

from local.rest.errors import (
    invalid_response_headers,
    invalid_response_status,
    offset_out_of_bounds,
)
from local.rest.preferences import applied
from local.rest.ranges import content_range, status_of

if TYPE_CHECKING:
    from local.rest.errors import ApiError
    from local.rest.operation import Operation
    from local.rest.transaction import Result

_STATUS = range(200, 600)
_WITHOUT_BODY = frozenset({204, 205, 304})
_JSON = "application/json; charset=utf-8"


def respond(operation: Operation, result: Result) -> Response:
    """The response of an operation that succeeded; the database may change status and headers."""
    status, headers = _status(operation, result), _headers(operation, result)
    body = result.body if _has_body(operation) else b""
    if body:
        headers["Content-Type"] = operation.media.content_type
    return _overridden(result, status, headers, body)


def refuse(error: ApiError) -> Response:
    """The response of an error."""
    response = Response(error.body(), error.status, media_type=None)
    response.headers["Content-Type"] = _JSON
    response.headers["Proxy-Status"] = f"PostgREST; error={error.code}"
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def _status(operation: Operation, result: Result) -> int:
    if operation.returns_void:
        return 204
    if operation.kind in {"read", "call"}:
        offset = operation.window.offset
        status = status_of(result.rows, offset, result.total)
        if status == 416:  # noqa: PLR2004
            raise offset_out_of_bounds(offset, result.total or 0)
        return status
    if operation.kind == "insert":
        merged_only = operation.preferences.resolution == "merge-duplicates" and not result.inserted
        return 200 if merged_only else 201
    return 200 if operation.preferences.represents else 204


def _has_body(operation: Operation) -> bool:
    if operation.kind in {"read", "call"}:
        return not operation.returns_void
    return operation.preferences.represents


def _headers(operation: Operation, result: Result) -> dict[str, str]:
    headers = {"Content-Range": _content_range(operation, result)}
    preferences = applied(operation.preferences, operation.kind)
    if preferences:
        headers["Preference-Applied"] = preferences
    if result.location is not None:
        headers["Location"] = _location(operation.resource, result.location)
    return headers


def _content_range(operation: Operation, result: Result) -> str:
    counted = operation.preferences.count is not None
    if operation.kind in {"read", "call"}:
        return content_range(operation.window.offset, result.rows, result.total)
    total = result.rows if counted else None
    if operation.kind == "update":
        return content_range(0, result.rows, total)
    return content_range(0, 0, total)


def _location(resource: str, primary_key: bytes) -> str:
    values = json.loads(primary_key)
    filters = {key: "is.null" if value is None else f"eq.{value}" for key, value in values.items()}
    return f"/{resource}?{urlencode(filters)}"


def _overridden(result: Result, status: int, headers: dict[str, str], body: bytes) -> Response:
    if result.status is not None:
        status = _chosen_status(result.status)
    response = Response(b"" if status in _WITHOUT_BODY else body, status, headers)
    if result.headers is not None:
        _choose_headers(response, result.headers)
    return response


def _chosen_status(text: bytes) -> int:
    if not text.isdigit() or int(text) not in _STATUS:
        raise invalid_response_status()
    return int(text)


def _choose_headers(response: Response, text: bytes) -> None:
    """Headers of the database replace ours; among themselves the same name may come twice."""
    try:
        chosen = [pair for header in json.loads(text) for pair in _single(header)]
    except (ValueError, TypeError, AttributeError):
        raise invalid_response_headers() from None
    for name, _ in chosen:
        while name in response.headers:
            del response.headers[name]
    for name, value in chosen:
        response.headers.append(name, value)


def _single(header: dict[str, str]) -> list[tuple[str, str]]:
    ((name, value),) = header.items()
    if not isinstance(value, str):
        raise TypeError(value)
    return [(name, value)]
