"""The one OpenAPI document of all handlers, with the answers they really give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from _shared import __version__
from _shared.documents import Refusal
from _shared.errors import (
    HandlerError,
    InvalidRequestError,
    RateLimitedError,
    ServerError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import FastAPI

PATH: Final = "/functions/v1/openapi.json"
TITLE: Final = "Simpool"
SUMMARY: Final = "The HTTP handlers of a simulation pool."
EVERYWHERE: Final[tuple[type[HandlerError], ...]] = (
    InvalidRequestError,
    ServerError,
    UnavailableError,
    TooLargeError,
)


def refusals(errors: Iterable[type[HandlerError]]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for these errors, and for those that any route can answer."""
    return {error.status: _response(error) for error in (*EVERYWHERE, *errors)}


def _response(error: type[HandlerError]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "model": Refusal,
        "description": f"{error.code}: {error.__doc__}",
        "content": {"application/json": {"example": error().envelope()}},
    }
    if error is RateLimitedError:
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return response


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; made once per application."""
    if app.openapi_schema is None:
        schema = get_openapi(title=TITLE, version=__version__, summary=SUMMARY, routes=app.routes)
        app.openapi_schema = _without_foreign_errors(schema)
    return app.openapi_schema


def _without_foreign_errors(schema: dict[str, Any]) -> dict[str, Any]:
    # FastAPI documents its own 422; ours for a wrong field is 400.
    for operations in schema["paths"].values():
        for operation in operations.values():
            answer = operation["responses"].get("422", {})
            if "HTTPValidationError" in str(answer):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    return schema
