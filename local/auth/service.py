"""What every endpoint works with: the context, the database, the time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg_pool import AsyncConnectionPool

from local.auth.passwords import Passwords

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psycopg
    from starlette.requests import Request

    from local.auth.users import Connection
    from local.context import Context

POOL_SIZE: Final = 4
WAIT_SECONDS: Final = 5.0


class Service:
    """The collaborators of the endpoints, for the life of the application."""

    def __init__(self, context: Context, passwords: Passwords | None = None) -> None:
        self.context = context
        self.passwords = passwords or Passwords()
        self._pool = AsyncConnectionPool(
            context.admin_dsn,
            kwargs={"autocommit": True, "application_name": "simpool-auth"},
            # As the real service, so that a trigger on its tables finds the rights it will have.
            configure=_become_auth_admin,
            min_size=0,
            max_size=POOL_SIZE,
            open=False,
            name="auth",
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            check=AsyncConnectionPool.check_connection,
        )

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.context.clock(), UTC)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the connections for as long as this is entered."""
        async with self._pool:
            yield

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run statements that all hold, or none."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection


async def _become_auth_admin(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute("set role supabase_auth_admin")


def service_of(request: Request) -> Service:
    """Return the service of the application that answers this request."""
    service: Service = request.app.state.service
    return service
