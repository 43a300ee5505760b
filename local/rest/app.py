"""`/rest/v1` as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from functools import cache
from typing import TYPE_CHECKING

import psycopg
from psycopg.sql import Identifier
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.routing import Mount

from local.rest.cache import SchemaCache
from local.rest.errors import ApiError
from local.rest.identities import Identities
from local.rest.planner import Planner
from local.rest.request import Request, target_of, without_api_key
from local.rest.respond import refuse, respond
from local.rest.sqlstates import from_postgres
from local.rest.transaction import run, transaction_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from local.context import Context, Identity
    from local.rest.operation import Operation
    from local.rest.schema import Schema
    from local.rest.transaction import Result

EXPOSED_SCHEMAS = ("public",)
EXTRA_SEARCH_PATH = ("public", "extensions")
ANONYMOUS = "anon"

#: What a request meets if the schema has changed since it was read.
_STALE_CODES = frozenset({"PGRST200", "PGRST201", "PGRST202", "PGRST203", "PGRST204", "PGRST205"})
_STALE_STATES = frozenset({"42703", "42883", "42P01", "42P13", "42804", "42601", "42809"})


def create_app(context: Context, schemas: Sequence[str] = EXPOSED_SCHEMAS) -> Starlette:
    """Build the application; the first of the schemas is the one that is used by default."""
    rest = Rest(context, schemas)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with rest.listening():
            yield

    return Starlette(
        routes=[Mount("/", app=rest)], exception_handlers={Exception: _fail}, lifespan=lifespan
    )


class Rest:
    """Answers the requests for tables and functions."""

    def __init__(self, context: Context, schemas: Sequence[str] = EXPOSED_SCHEMAS) -> None:
        self._context = context
        self._schemas = tuple(schemas)
        self._identities = Identities(context)
        self._last_planner: Planner | None = None
        self.cache = SchemaCache(context.pool, schemas)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        http = HttpRequest(scope, receive)
        try:
            response = await self._respond(http)
        except ApiError as error:
            response = refuse(error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear of changes of the schema while this lasts."""
        listener = asyncio.create_task(
            self.cache.listen(self._context.dsn),
            name="rest schema listener",
        )
        try:
            yield
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def _respond(self, http: HttpRequest) -> Response:
        identity = self._identities.resolve(http)
        request = await self._understand(http)
        try:
            operation, result = await self._answer(request, identity)
        except psycopg.Error as error:
            raise from_postgres(error, anonymous=identity.role == ANONYMOUS) from error
        return respond(operation, result)

    async def _understand(self, http: HttpRequest) -> Request:
        headers = dict(http.headers.items())
        path = http.scope["path"].removeprefix(http.scope.get("root_path", "")) or "/"
        name, calls_function = target_of(path, http.method, headers, self._schemas)
        return Request(
            method=http.method,
            path=path,
            query=without_api_key(http.url.query),
            headers=headers,
            prefer=http.headers.getlist("prefer"),
            body=await http.body(),
            name=name,
            calls_function=calls_function,
        )

    async def _answer(self, request: Request, identity: Identity) -> tuple[Operation, Result]:
        schema = await self.cache.current()
        try:
            return await self._attempt(schema, request, identity)
        except (ApiError, psycopg.Error) as error:
            # Nothing was committed: what failed on an old schema may be tried on the new one.
            if not _may_be_stale(error) or not await self.cache.changed_since(schema):
                raise
        return await self._attempt(await self.cache.current(), request, identity)

    async def _attempt(
        self,
        schema: Schema,
        request: Request,
        identity: Identity,
    ) -> tuple[Operation, Result]:
        operation = self._planner(schema).plan(request)
        search_path = _search_path(request.name.schema)
        transaction = transaction_for(schema, request, identity, operation, search_path)
        async with self._context.pool.connection() as connection:
            return operation, await run(connection, transaction, operation)

    def _planner(self, schema: Schema) -> Planner:
        planner = self._last_planner
        if planner is None or planner.schema is not schema:
            planner = self._last_planner = Planner(schema)
        return planner


async def _fail(_: HttpRequest, __: Exception) -> Response:
    """The answer to a defect of ours; the server logs the exception."""
    return refuse(ApiError(500, "PGRSTX00", "Unexpected error, see the log of the server"))


@cache
def _search_path(schema: str) -> str:
    names = (schema, *EXTRA_SEARCH_PATH)
    return ", ".join(Identifier(name).as_string() for name in names)


def _may_be_stale(error: ApiError | psycopg.Error) -> bool:
    if isinstance(error, ApiError):
        return error.code in _STALE_CODES
    return error.sqlstate in _STALE_STATES
