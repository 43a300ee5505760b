"""The ASGI application: every handler folder, behind one set of rules."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from _shared import __version__, openapi, routing
from _shared.database import Database, PostgresDatabase
from _shared.errors import (
    HandlerError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    refusal,
)
from _shared.middleware import BodyLimit, LastNet, RequestLog, envelope, report
from _shared.services import Clock, Services
from _shared.tokens import FetchedKeys, GivenKeys, KeySource, NodeTokens, UserTokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from _shared.settings import Settings

EXPOSED_HEADERS: Final = ("ETag", "Date", "Retry-After", "X-Correlation-Id")


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    folder: Path = routing.FOLDER,
    clock: Clock = time.time,
    timer: Clock = time.monotonic,
) -> FastAPI:
    """Return the application; it connects to the database when its lifespan starts."""
    database = database or PostgresDatabase(settings.database_url, size=settings.pool_size)
    services = Services(
        settings=settings,
        database=database,
        user_tokens=UserTokens(_keys(settings, timer), settings.jwt_secret, clock),
        node_tokens=NodeTokens(settings, clock),
        clock=clock,
        timer=timer,
    )
    app = FastAPI(
        title=openapi.TITLE,
        version=__version__,
        openapi_url=openapi.PATH,
        # Their pages load scripts from elsewhere; the document itself is what tools need.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(database),
    )
    app.state.services = services
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # FastAPI's own way
    mounted = routing.discover(folder)
    for mount in mounted:
        app.include_router(mount.router, prefix=mount.prefix)
    _answer_errors(app, mounted)
    _wrap(app, settings)
    return app


def _keys(settings: Settings, timer: Clock) -> KeySource:
    if settings.jwks is not None:
        return GivenKeys(settings.jwks)
    return FetchedKeys(settings.jwks_url, timer)


def _lifespan(database: Database) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        try:
            yield
        finally:
            await database.close()

    return lifespan


def _wrap(app: FastAPI, settings: Settings) -> None:
    # The last one added is the outermost: a refused body and a caught error are logged too, and
    # browsers may read both.
    app.add_middleware(BodyLimit)
    app.add_middleware(LastNet)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=("*",),
        expose_headers=EXPOSED_HEADERS,
        max_age=3600,
    )
    app.add_middleware(RequestLog)


def _answer_errors(app: FastAPI, mounted: list[routing.Mounted]) -> None:
    @app.exception_handler(HandlerError)
    async def answer(request: Request, error: HandlerError) -> Response:
        if error.status == HandlerError.status:
            return envelope(report(request.scope, error))
        return envelope(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        return envelope(InvalidRequestError(details=explain(error)))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        return envelope(_unrouted(error, routing.allowed_methods(mounted, request.url.path)))


def _unrouted(error: HTTPException, methods: list[str]) -> HandlerError:
    if error.status_code == MethodNotAllowedError.status:
        headers: Mapping[str, str] = {"Allow": ", ".join(methods)}
        return MethodNotAllowedError(details={"allowed": methods}, headers=headers)
    if error.status_code == NotFoundError.status:
        return NotFoundError("There is no such path.")
    return refusal(error.status_code, str(error.detail))


def explain(error: RequestValidationError) -> dict[str, str]:
    """Return what is expected of each wrong field, by its path."""
    details: dict[str, str] = {}
    for problem in error.errors():
        where, *path = problem["loc"]
        prefix = [] if where == "body" and path else [str(where)]
        name = ".".join([*prefix, *(str(step) for step in path)])
        details[name] = _expectation(problem)
    return details


def _expectation(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "is not known"
    if problem["type"] == "missing":
        return "is missing"
    message: str = problem["msg"]
    return (
        message.removeprefix("Value error, ")[:1].lower()
        + message.removeprefix("Value error, ")[1:]
    )
