"""The parts of the stand-in run together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import psycopg

if TYPE_CHECKING:
    from local.stack import Stack


async def test_the_origin_says_what_it_is(stack: Stack) -> None:
    """GET / names the stand-in and its paths."""
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.json()["development_only"] is True


async def test_what_is_missing_is_said_to_be_missing(stack: Stack) -> None:
    """Storage is answered with 501, not with silence."""
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.get("/storage/v1/bucket")
    assert answer.status_code == 501
    assert answer.json()["code"] == "NOT_IMPLEMENTED"


async def test_handlers_answer(stack: Stack) -> None:
    """The handlers are served in process and reach the database."""
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.get("/functions/v1/health")
    assert answer.status_code == 200
    assert answer.json()["database"]["ok"] is True


async def test_browsers_are_answered(stack: Stack) -> None:
    """A preflight request needs no key."""
    async with httpx.AsyncClient(base_url=stack.url) as client:
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
