"""Realtime as an ASGI application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from local.realtime.broadcasts import BroadcastApi
from local.realtime.chaos import ChaosApi
from local.realtime.limits import Limits
from local.realtime.realtime import Realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from local.context import Context


def create_app(context: Context, limits: Limits | None = None) -> Starlette:
    """Build the application; `app.state.realtime` is the hook for tests that cause trouble."""
    realtime = Realtime(context, limits or Limits())
    broadcasts = BroadcastApi(context, realtime.services)
    chaos = ChaosApi(context, realtime)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with realtime:
            yield

    app = Starlette(
        routes=[
            WebSocketRoute("/websocket", realtime.connect),
            Route("/api/broadcast", broadcasts.send_batch, methods=["POST"]),
            Route(
                "/api/broadcast/{topic:path}/events/{event:path}",
                broadcasts.send_one,
                methods=["POST"],
            ),
            Route("/chaos", chaos.order, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _say},
    )
    app.state.realtime = realtime
    return app


def _say(_: Request, error: Exception) -> JSONResponse:
    """Answer what is not served in the form of the other errors."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"message": error.detail}, error.status_code, headers=error.headers)
