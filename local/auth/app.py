"""The ASGI application under /auth/v1."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from local.auth import admin, endpoints
from local.auth.errors import AuthError, UnsupportedError, answer
from local.auth.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from local.auth.passwords import Passwords
    from local.context import Context

LOGGER: Final = logging.getLogger(__name__)

ROUTES: Final = (
    Route("/signup", endpoints.sign_up, methods=["POST"]),
    Route("/token", endpoints.token, methods=["POST"]),
    Route("/user", endpoints.get_user, methods=["GET"]),
    Route("/user", endpoints.update_user, methods=["PUT"]),
    Route("/logout", endpoints.log_out, methods=["POST"]),
    Route("/.well-known/jwks.json", endpoints.jwks, methods=["GET"]),
    Route("/health", endpoints.health, methods=["GET"]),
    Route("/settings", endpoints.settings, methods=["GET"]),
    Route("/admin/users", admin.create_user, methods=["POST"]),
    Route("/admin/users", admin.list_users, methods=["GET"]),
    Route("/admin/users/{user_id}", admin.get_user, methods=["GET"]),
    Route("/admin/users/{user_id}", admin.update_user, methods=["PUT"]),
    Route("/admin/users/{user_id}", admin.delete_user, methods=["DELETE"]),
)


def create_app(context: Context, passwords: Passwords | None = None) -> Starlette:
    """Return the application; its lifespan holds the database connections."""
    service = Service(context, passwords)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        exception_handlers={
            AuthError: _refuse,
            HTTPException: _unknown,
            psycopg.OperationalError: _wait,
            Exception: _fail,
        },
    )
    app.state.service = service
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, AuthError):
        raise error
    return answer(error, request.headers)


async def _unknown(request: Request, _error: Exception) -> Response:
    return answer(UnsupportedError(f"{request.method} {request.url.path}"), request.headers)


async def _wait(request: Request, error: Exception) -> Response:
    LOGGER.warning("%s %s: %s", request.method, request.url.path, error)
    message = "The database does not answer; try again shortly"
    return answer(AuthError(503, "unexpected_failure", message), request.headers)


async def _fail(request: Request, error: Exception) -> Response:
    LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "Unexpected failure, please check server logs for more information"
    return answer(AuthError(500, "unexpected_failure", message), request.headers)
