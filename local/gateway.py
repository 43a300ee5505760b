"""One HTTP origin for everything, as the hosted gateway is."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from local.functions import PREFIX as FUNCTIONS
from local.functions import Functions
from local.identity import resolve_identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from local.context import Context

__all__ = ["create_gateway", "resolve_identity"]

PARTS: Final = {
    "/rest/v1": "local.rest.app",
    "/auth/v1": "local.auth.app",
    "/realtime/v1": "local.realtime.app",
}
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
    apps = {path: import_module(part).create_app(context) for path, part in _parts().items()}
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


def _parts() -> dict[str, str]:
    return {path: name for path, name in PARTS.items() if _exists(name)}


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


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
