"""One HTTP origin for everything, as the hosted gateway is."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from local.auth import app as auth
from local.functions import PREFIX as FUNCTIONS
from local.functions import Functions
from local.identity import resolve_identity
from local.realtime import app as realtime
from local.rest import app as rest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from local.context import Context

__all__ = ["create_gateway", "resolve_identity"]

PARTS: Final = {"/rest/v1": rest, "/auth/v1": auth, "/realtime/v1": realtime}
#: what the hosted platform serves and this stand-in does not
ABSENT: Final = ("/storage/v1", "/graphql/v1", "/pg")
EXPOSED_HEADERS: Final = (
    "Content-Range",
    "Content-Location",
    "Location",
    "Preference-Applied",
    "Proxy-Status",
    "Range-Unit",
    "Retry-After",
    "WWW-Authenticate",
    "X-Sb-Error-Code",
    "X-Supabase-Api-Version",
    "X-Total-Count",
    "Link",
)
CORS: Final = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    allow_headers=["*"],
    expose_headers=EXPOSED_HEADERS,
    max_age=3600,
)


def create_gateway(context: Context) -> Starlette:
    """The application that answers for the whole stand-in."""
    apps = {path: part.create_app(context) for path, part in PARTS.items()}
    functions = Functions(context)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as parts:
            for app in apps.values():
                await parts.enter_async_context(app.router.lifespan_context(app))
            await parts.enter_async_context(functions.lifespan())
            yield

    routes: list[BaseRoute] = [
        Route("/", _describe),
        *(Mount(path, app=app, middleware=[CORS]) for path, app in apps.items()),
        *(Mount(path, app=_answer_absent) for path in ABSENT),
        # the handlers route their own prefix and aliases, and answer browsers themselves
        Mount("/", app=functions),
    ]
    gateway = Starlette(routes=routes, lifespan=lifespan)
    gateway.state.context = context
    gateway.state.parts = apps
    return gateway


def _describe(_: Request) -> JSONResponse:
    return JSONResponse(
        {
            "name": "Simpool's local stand-in for Supabase",
            "development_only": True,
            "paths": [*PARTS, FUNCTIONS],
        }
    )


async def _answer_absent(scope: Scope, receive: Receive, send: Send) -> None:
    body = {
        "code": "NOT_IMPLEMENTED",
        "message": f"{scope['root_path']} is not part of this local stand-in",
        "details": None,
        "hint": "Use a hosted or self-hosted Supabase for it.",
    }
    await JSONResponse(body, status_code=501)(scope, receive, send)
