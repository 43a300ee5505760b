"""What wraps every request: a correlation id, one log line, a last net for errors, a size limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from _shared import logs
from _shared.errors import HandlerError, InvalidRequestError, ServerError, TooLargeError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 1024 * 1024
ABANDONED: Final = 499  # in the log only: the caller went away before there was an answer
LONGEST_LENGTH: Final = 18  # digits; more is no length of anything


def envelope(error: HandlerError) -> JSONResponse:
    """Return the answer that tells of an error."""
    return JSONResponse(error.envelope(), error.status, headers=error.headers)


class RequestLog:
    """Gives each request a correlation id and one line in the log, each answer a caching rule."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request and log it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(logs.CORRELATION_HEADER)
        record = scope[logs.SCOPE_KEY] = logs.Record(logs.correlation_id(given))
        status, started = ABANDONED, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[logs.CORRELATION_HEADER] = record.correlation_id
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            _log_request(scope, status, (time.perf_counter() - started) * 1000)


def _log_request(scope: Scope, status: int, duration_ms: float) -> None:
    record = logs.record_of(scope)
    action = getattr(scope.get("route"), "name", None) or "none"
    # The path only: a query can hold a claim code.
    fields: dict[str, Any] = {
        "action": action,
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "duration_ms": round(duration_ms, 1),
        "correlation_id": record.correlation_id,
        **record.fields(),
    }
    message = f"{scope['method']} {scope['path']} {status}"
    logs.LOGGER.info(message, extra={"fields": fields})


class LastNet:
    """Answers what nobody caught with a 500 that leaks nothing but the correlation id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; log and answer an unexpected error."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            if started:
                raise
            answer = error if isinstance(error, HandlerError) else report(scope, error)
            await envelope(answer)(scope, receive, send)


def report(scope: Scope, error: Exception) -> ServerError:
    """Log an error with its traceback; return what the caller may know of it."""
    identity = {"correlation_id": logs.record_of(scope).correlation_id}
    fields = {"action": "server_error", "path": scope["path"], **identity}
    logs.LOGGER.error("unexpected error", exc_info=error, extra={"fields": fields})
    return ServerError(details=identity)


class BodyLimit:
    """Refuses a body over 1 MiB: by its announced length, else as soon as too much has come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request with a counted body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _check_length(Headers(scope=scope).get("content-length"))
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise _too_large()
            return message

        await self.app(scope, counted, send)


def _check_length(announced: str | None) -> None:
    if announced is None:
        return
    if not announced.isascii() or not announced.isdecimal():
        raise InvalidRequestError(details={"content-length": "expected a whole number"})
    if len(announced) > LONGEST_LENGTH or int(announced) > LARGEST_BODY:
        raise _too_large()


def _too_large() -> TooLargeError:
    return TooLargeError(details={"largest_body_bytes": LARGEST_BODY})
