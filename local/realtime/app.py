"""Realtime as an ASGI application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from local.realtime.broadcasts import BroadcastApi
from local.realtime.chaos import ChaosApi
from local.realtime.limits import Limits
from local.realtime.realtime import Realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
    )
    app.state.realtime = realtime
    return app
