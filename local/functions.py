"""Serves the handlers of `supabase/functions` in process, and loads them again when they change."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse

from local.tasks import in_own_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from local.context import Context

logger = logging.getLogger(__name__)

SHARED: Final = "_shared"
PREFIX: Final = "/functions/v1"

Fingerprint = frozenset[tuple[str, int, int]]


@dataclass
class Generation:
    """The handlers as they were loaded once."""

    app: ASGIApp
    fingerprint: Fingerprint
    resources: AsyncExitStack
    _requests: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        self._requests += 1
        self._idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def retire(self) -> None:
        """Gives its resources back when the last request is answered."""
        if self._requests:
            await self._idle.wait()
        await self.resources.aclose()


class Functions:
    """An ASGI application over the newest generation of handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._directory = context.settings.functions_dir
        self._current: Generation | None = None
        self._loading = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Loads the handlers; broken ones keep the stand-in from starting."""
        self._current = await self._load()
        try:
            yield
        finally:
            await asyncio.gather(*self._retired)
            await self._current.retire()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the handlers as their files are now, where reloading is on."""
        try:
            generation = await self._newest()
        except Exception as error:
            logger.exception("the handlers cannot be loaded", extra={"action": "reload_functions"})
            await _broken(error)(scope, receive, send)
            return
        await generation.serve(scope, receive, send)

    async def _newest(self) -> Generation:
        if self._current is None:
            raise RuntimeError("the lifespan of the handlers has not started")
        if not self._context.settings.reload:
            return self._current
        async with self._loading:
            if fingerprint(self._directory) != self._current.fingerprint:
                await self._replace(self._current)
        return self._current

    async def _replace(self, old: Generation) -> None:
        _forget_modules(self._directory)
        self._current = await self._load()
        retirement = asyncio.create_task(old.retire(), name="retire old handlers")
        self._retired.add(retirement)
        retirement.add_done_callback(self._retired.discard)
        logger.info("handlers loaded again", extra={"action": "reload_functions"})

    async def _load(self) -> Generation:
        seen = fingerprint(self._directory)
        app = _create_app(self._context)
        resources = AsyncExitStack()
        manager = app.router.lifespan_context(app)
        await resources.enter_async_context(in_own_task(manager, "handlers"))
        return Generation(app, seen, resources)


def fingerprint(directory: Path) -> Fingerprint:
    """What changes when a file of the handlers does."""
    files = ((path, path.stat()) for path in directory.rglob("*.py"))
    return frozenset((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in files)


def _create_app(context: Context) -> Any:
    """The application of the handlers, configured by values, not by the environment."""
    directory = str(context.settings.functions_dir)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    importlib.invalidate_caches()
    settings = importlib.import_module(f"{SHARED}.settings").Settings(
        database_url=context.dsn,
        supabase_url=context.url,
        public_origin=context.url,
        jwks=context.keyring.jwks(),
        jwt_secret=context.keyring.jwt_secret,
        signing_key=context.keyring.signing_jwk,
    )
    return importlib.import_module(f"{SHARED}.app").create_app(settings)


def _forget_modules(directory: Path) -> None:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(directory):
            del sys.modules[name]


def _broken(error: Exception) -> JSONResponse:
    body = {
        "success": False,
        "error": f"The handlers cannot be loaded: {type(error).__name__}: {error}",
        "code": "SERVER_ERROR",
        "details": {},
    }
    return JSONResponse(body, status_code=500)
