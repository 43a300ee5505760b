"""The parts of the stand-in run together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx
import psycopg
import pytest

from local.config import Settings
from local.errors import PlatformError, PostgresError
from local.postgres import Cluster
from local.servers import SUPERUSER
from local.stack import Stack
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from local.postgres import StopMode
    from tests.databases import DatabaseServer, TestDatabase

RESTARTS: Final[tuple[StopMode, ...]] = ("fast", "immediate")


def client_of(stack: Stack) -> httpx.AsyncClient:
    """A client of the running stand-in."""
    return httpx.AsyncClient(base_url=stack.url, timeout=PATIENCE)


async def test_the_origin_says_what_it_is(stack: Stack) -> None:
    """GET / names the stand-in and its paths."""
    async with client_of(stack) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.json()["development_only"] is True


async def test_what_is_missing_is_said_to_be_missing(stack: Stack) -> None:
    """Storage is answered with 501, not with silence."""
    async with client_of(stack) as client:
        answer = await client.get("/storage/v1/bucket")
    assert answer.status_code == 501
    assert answer.json()["code"] == "NOT_IMPLEMENTED"


async def test_handlers_answer(stack: Stack) -> None:
    """The handlers are served in process and reach the database."""
    async with client_of(stack) as client:
        answer = await client.get("/functions/v1/health")
    assert answer.status_code == 200
    assert answer.json()["database"]["ok"] is True


async def test_browsers_are_answered(stack: Stack) -> None:
    """A preflight request needs no key."""
    async with client_of(stack) as client:
        answer = await client.options(
            "/rest/v1/nodes",
            headers={
                "Origin": "http://localhost:3000",
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "apikey,prefer",
            },
        )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_the_database_is_reachable_for_role_postgres(stack: Stack) -> None:
    """db_url logs in as the role of migrations."""
    async with await psycopg.AsyncConnection.connect(stack.db_url) as connection:
        cursor = await connection.execute("select current_user")
        assert await cursor.fetchone() == ("postgres",)


async def test_a_postgres_of_somebody_else_can_be_used(
    database_server: DatabaseServer, platform_database: TestDatabase, tmp_path: Path
) -> None:
    """With a DSN, platform and migrations go into the database that it names."""
    dsn = database_server.server.dsn(SUPERUSER, platform_database.name)
    settings = Settings(data_dir=tmp_path / "data", api_port=0, database=dsn)
    async with (
        Stack(settings) as stack,
        client_of(stack) as client,
    ):
        answer = await client.get("/functions/v1/health")
        assert answer.json()["database"]["ok"] is True
        with pytest.raises(PostgresError, match="did not start"):
            await stack.restart_postgres()
    connection = platform_database.connect()
    row = connection.execute("select count(*) > 0 from supabase_migrations.schema_migrations")
    assert row.fetchone() == (True,)


async def test_a_server_whose_postgres_is_a_superuser_is_refused(
    public_path: Path, tmp_path: Path
) -> None:
    """Migrations would be allowed more there than the hosted platform allows."""
    with Cluster(public_path, durable=False) as cluster:
        dsn = cluster.dsn(SUPERUSER)
        with psycopg.connect(dsn) as connection:
            connection.execute("create role postgres superuser login")
        settings = Settings(data_dir=tmp_path / "data", api_port=0, database=dsn)
        with pytest.raises(PlatformError, match="is a superuser"):
            async with Stack(settings):
                pass


async def test_an_address_for_clients_can_be_given(
    database_server: DatabaseServer, database: TestDatabase, tmp_path: Path
) -> None:
    """Behind a proxy the stand-in names itself as clients see it."""
    settings = Settings(data_dir=tmp_path, api_port=0, public_url="http://pool.lan:8000")
    async with Stack(settings, server=database_server.server, database=database.name) as stack:
        assert stack.url == "http://pool.lan:8000"


async def test_postgres_can_be_restarted_under_the_stand_in(public_path: Path) -> None:
    """Everything reconnects by itself."""
    settings = Settings(data_dir=public_path / "data", api_port=0, db_port=0)
    async with (
        Stack(settings) as stack,
        client_of(stack) as client,
    ):
        for mode in RESTARTS:
            await stack.restart_postgres(mode)
            answer = await client.get("/functions/v1/health")
            assert answer.json()["database"]["ok"] is True
            rest = await client.get("/rest/v1/nodes", headers={"apikey": stack.secret_key})
            assert rest.status_code == 200
