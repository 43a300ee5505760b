"""A running sign-in service: its database, its time, and a client with the project's keys."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from argon2 import PasswordHasher
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.routing import Mount

from local.auth.app import create_app
from local.auth.passwords import Passwords
from local.config import Settings
from local.context import Context
from local.keys import Keyring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.databases import TestDatabase

ORIGIN = "http://pool.example"
EMAIL = "ada@example.com"
PASSWORD = "correct horse"
NEW_API = {"x-supabase-api-version": "2024-01-01"}


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Auth:
    """The service and its client."""

    client: httpx.AsyncClient
    context: Context
    clock: Clock
    database: TestDatabase

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send a request with the publishable key, and the token of a user where one is given."""
        headers = {"apikey": self.context.keyring.publishable_key, **more.pop("headers", {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        url = f"/auth/v1/{path}"
        return await self.client.request(method, url, json=body, headers=headers, **more)

    async def admin(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a request with the secret key."""
        headers = {"apikey": self.context.keyring.secret_key}
        url = f"/auth/v1/admin/{path}"
        return await self.client.request(method, url, json=body, headers=headers, **more)

    async def sign_up(self, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Any:
        """Sign a user up; returns the session."""
        response = await self.call("POST", "signup", {"email": email, "password": password, **more})
        assert response.status_code == 200, response.text
        return response.json()

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        """Sign a user in."""
        body = {"email": email, "password": password}
        return await self.call("POST", "token?grant_type=password", body)

    async def refresh(self, token: str) -> httpx.Response:
        """Use a refresh token."""
        return await self.call("POST", "token?grant_type=refresh_token", {"refresh_token": token})

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database holds."""
        return self.database.connect_as_admin().execute(query.encode(), values).fetchall()


@asynccontextmanager
async def running_auth(
    database: TestDatabase, data_dir: Path, admin_dsn: str | None = None
) -> AsyncIterator[Auth]:
    """Run the service over a database, mounted as the gateway mounts it."""
    clock = Clock()
    context = Context(
        settings=Settings(data_dir=data_dir),
        keyring=Keyring.load(data_dir),
        pool=AsyncConnectionPool(database.authenticator_dsn, open=False),
        admin_dsn=admin_dsn or database.admin_dsn,
        dsn=database.dsn,
        url=ORIGIN,
        random=random.Random(0),  # noqa: S311  # repeatable on purpose
        clock=clock,
    )
    app = create_app(context, Passwords(PasswordHasher(time_cost=1, memory_cost=64)))
    gateway = Starlette(routes=[Mount("/auth/v1", app=app)])
    transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        yield Auth(client, context, clock, database)
