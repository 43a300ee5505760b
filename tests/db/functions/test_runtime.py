"""The handlers and a database that comes, goes, and misbehaves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from psycopg import sql

from _shared.app import create_app
from _shared.database import SERVICE, Actor, PostgresDatabase
from _shared.errors import ServerError, UnavailableError
from tests.unit.functions.support import ORIGIN, USER_ID, Handlers, make_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.databases import TestDatabase

STATS = "/functions/v1/network-stats"
HEALTH = "/functions/v1/health"


@pytest.fixture
async def postgres(database: TestDatabase) -> AsyncIterator[PostgresDatabase]:
    """Return the handlers' view of a fresh database."""
    opened = PostgresDatabase(database.dsn, size=2)
    await opened.open()
    yield opened
    await opened.close()


async def test_statistics(handlers: Handlers, database: TestDatabase) -> None:
    """The statistics come from the database's one function, at both paths."""
    user = database.create_user("ada@example.com")
    database.connect_as_admin().execute(
        "insert into public.compute_devices"
        " (user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb)"
        " values (%s, 'desk', 'desktop', 32, 8, 500)",
        (user,),
    )
    for path in (STATS, "/api/v1/network/stats"):
        response = await handlers.client.get(path)
        assert response.status_code == 200
        assert response.json() == {
            "success": True,
            "data": {
                "active_nodes": 1,
                "total_ram_gb": 32.0,
                "total_cpu_cores": 8,
                "total_storage_gb": 500.0,
                "total_compute_score": 129.0,
            },
        }


async def test_health(handlers: Handlers) -> None:
    """A database that answers is healthy."""
    response = await handlers.client.get(HEALTH)
    assert response.status_code == 200
    assert response.json()["database"]["ok"] is True
    assert response.json()["database"]["latency_ms"] > 0


async def test_connections_that_died_are_replaced(
    handlers: Handlers, database: TestDatabase
) -> None:
    """When the server has cut all connections, the next request does not notice."""
    assert (await handlers.client.get(HEALTH)).status_code == 200
    database.connect_as_admin().execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'simpool-functions' and datname = current_database()"
    )
    assert (await handlers.client.get(HEALTH)).status_code == 200


async def test_server_that_is_not_there() -> None:
    """Handlers start without their database, answer 503, and say so in the envelope."""
    settings = make_settings(database_url="postgresql://127.0.0.1:1/none?connect_timeout=1")
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        handlers = Handlers(client, time.time)
        answers = [
            await client.get(HEALTH),
            await client.get(STATS),
            await handlers.signed("/functions/v1/node-token"),
        ]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert {answer.json()["code"] for answer in answers} == {"UNAVAILABLE"}


async def test_actor_is_what_policies_see(
    postgres: PostgresDatabase, database: TestDatabase
) -> None:
    """Within a transaction the role and the claims are the caller's, as with PostgREST."""
    define(database, "who", "jsonb", "jsonb_build_array(current_user, auth.uid())")
    actor = Actor("authenticated", {"sub": USER_ID, "role": "authenticated"})
    async with postgres.transaction(actor) as transaction:
        assert await transaction.call("public.who") == ["authenticated", USER_ID]
    async with postgres.transaction(SERVICE) as transaction:
        assert await transaction.call("public.who") == ["service_role", None]


async def test_raised_error_rolls_back(postgres: PostgresDatabase, database: TestDatabase) -> None:
    """Whatever a handler raises, what it did before is undone."""

    async def fail() -> None:
        async with postgres.transaction(SERVICE) as transaction:
            await transaction.call("private.take_token", bucket="claim", subject="me")
            raise ServerError

    with pytest.raises(ServerError):
        await fail()
    [row] = database.connect_as_admin().execute("select count(*) from private.rate_uses").fetchall()
    assert row == (0,)


async def test_statement_is_bounded(
    postgres: PostgresDatabase, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that takes too long is cut off: 503, not a request that hangs."""
    define(database, "wait", "text", "pg_catalog.pg_sleep(60)::text")
    monkeypatch.setattr("_shared.database.STATEMENT_TIMEOUT_MS", 20)
    with pytest.raises(UnavailableError):
        async with postgres.transaction(SERVICE) as transaction:
            await transaction.call("public.wait")


async def test_missing_function_is_a_defect(postgres: PostgresDatabase) -> None:
    """A schema that does not fit the handlers is a server error."""
    with pytest.raises(ServerError) as caught:
        async with postgres.transaction(SERVICE) as transaction:
            await transaction.call("private.nothing")
    assert isinstance(caught.value.__cause__, psycopg.errors.UndefinedFunction)


def define(database: TestDatabase, name: str, kind: str, expression: str) -> None:
    """Define a function that anybody may call."""
    function = sql.Identifier("public", name)
    body = sql.Literal(f"select {expression}")
    database.connect_as_admin().execute(
        sql.SQL(
            "create function {}() returns {} language sql set search_path = '' as {};"
            "grant execute on function {}() to public"
        ).format(function, sql.Identifier(kind), body, function)
    )
