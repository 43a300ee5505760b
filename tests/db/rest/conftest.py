"""The REST API over a small world of films, in process."""

from __future__ import annotations

import random
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from psycopg_pool import AsyncConnectionPool

from local.config import Settings
from local.context import Context
from local.keys import Keyring
from local.rest.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.applications import Starlette
    from starlette.types import Scope

    from tests.databases import DatabaseServer, TestDatabase

CINEMA = Path(__file__).with_name("cinema.sql")
USER = "6f1c1f6e-6d0f-4a4e-9d6c-0a3b8a3f0a01"


@dataclass
class Clock:
    """The time, which a test can let pass."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead


@dataclass
class Api:
    """A client of the API that speaks for whom it is told."""

    app: Starlette
    http: httpx.AsyncClient
    context: Context
    clock: Clock

    def scope(self, method: str, path: str) -> Scope:
        """What a server hands over for a request as anon."""
        return {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(b"apikey", self.context.keyring.publishable_key.encode())],
        }

    async def send(
        self,
        method: str,
        url: str,
        *,
        role: str | None = None,
        claims: dict[str, Any] | None = None,
        prefer: str | None = None,
        json: Any = None,
        content: bytes | None = None,
        params: dict[str, str] | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Send a request as anon, as a role, or as a user with claims."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("apikey", self.context.keyring.publishable_key)
        if role is not None:
            sent["Authorization"] = f"Bearer {self.token(role, claims)}"
        if prefer is not None:
            sent["Prefer"] = prefer
        whole = httpx.URL(url).copy_merge_params(params) if params else url
        return await self.http.request(method, whole, json=json, content=content, headers=sent)

    def token(self, role: str, claims: dict[str, Any] | None = None) -> str:
        """A token that this server believes."""
        payload = {"role": role, "sub": USER, **(claims or {})}
        return self.context.keyring.issue(payload, expires_in=60)

    async def get(self, url: str, **options: Any) -> httpx.Response:
        """Send GET."""
        return await self.send("GET", url, **options)

    async def post(self, url: str, json: Any = None, **options: Any) -> httpx.Response:
        """Send POST."""
        return await self.send("POST", url, json=json, **options)

    async def patch(self, url: str, json: Any = None, **options: Any) -> httpx.Response:
        """Send PATCH."""
        return await self.send("PATCH", url, json=json, **options)

    async def delete(self, url: str, **options: Any) -> httpx.Response:
        """Send DELETE."""
        return await self.send("DELETE", url, **options)

    async def rows(self, url: str, **options: Any) -> Any:
        """The JSON of a read that succeeds."""
        response = await self.get(url, **options)
        assert response.status_code < 300, response.text
        return response.json()


@asynccontextmanager
async def open_api(database: TestDatabase, directory: Path) -> AsyncIterator[Api]:
    """The API over a database."""
    clock = Clock()
    async with AsyncConnectionPool(
        database.authenticator_dsn,
        min_size=1,
        max_size=4,
        open=False,
        check=AsyncConnectionPool.check_connection,
    ) as pool:
        context = Context(
            settings=Settings(data_dir=directory, api_port=0, db_port=0),
            keyring=Keyring.load(directory),
            pool=pool,
            admin_dsn=database.admin_dsn,
            dsn=database.dsn,
            url="http://rest",
            random=random.Random(0),  # noqa: S311 - nothing here depends on chance
            clock=clock,
        )
        app = create_app(context)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://rest") as http,
        ):
            yield Api(app, http, context, clock)


@pytest.fixture(scope="module")
def shared_cinema(database_server: DatabaseServer) -> Iterator[TestDatabase]:
    """A world that the tests of one module only read."""
    with database_server.platform_database() as database:
        _furnish(database)
        yield database


@pytest.fixture
def cinema(platform_database: TestDatabase) -> TestDatabase:
    """A world that one test may change."""
    _furnish(platform_database)
    return platform_database


@pytest_asyncio.fixture
async def reading(shared_cinema: TestDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    """The API for tests that read."""
    async with open_api(shared_cinema, tmp_path) as api:
        yield api


@pytest_asyncio.fixture
async def api(cinema: TestDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    """The API for tests that change something."""
    async with open_api(cinema, tmp_path) as api:
        yield api


def _furnish(database: TestDatabase) -> None:
    with psycopg.connect(database.dsn) as connection:
        connection.execute(CINEMA.read_text(encoding="utf-8"))
