"""Connections are lost, and requests come all at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message

    from tests.databases import TestDatabase
    from tests.db.rest.conftest import Api


ENDING = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
and %s::text in (usename, wait_event, query)
"""


def end_connections(database: TestDatabase, mark: str) -> int:
    """End the connections to the database with this user, wait event or query."""
    with psycopg.connect(database.admin_dsn) as connection:
        row = connection.execute(ENDING, [mark]).fetchone()
    assert row is not None
    return int(row[0])


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as the condition holds, which it must soon."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)


async def end_some_connection(database: TestDatabase, mark: str) -> None:
    """End a connection as soon as it is there."""

    async def ended() -> bool:
        return end_connections(database, mark) > 0

    await eventually(ended)


async def test_a_connection_that_was_lost_is_replaced(api: Api, cinema: TestDatabase) -> None:
    """A restart between requests is not noticed."""
    assert len(await api.rows("/films")) == 5
    assert end_connections(cinema, "authenticator") > 0
    assert len(await api.rows("/films")) == 5


async def test_a_connection_that_is_lost_under_a_request(api: Api, cinema: TestDatabase) -> None:
    """A request that Postgres gave up is answered 503, which clients try again."""
    napping = asyncio.create_task(api.post("/rpc/nap", {"seconds": 60}), name="nap")
    await end_some_connection(cinema, "PgSleep")
    response = await napping
    assert (response.status_code, response.json()["code"]) == (503, "PGRST001")
    assert len(await api.rows("/films")) == 5


async def test_changes_are_heard_again_after_the_connection_was_lost(
    api: Api, cinema: TestDatabase
) -> None:
    """Who listens for changes of the schema begins again."""
    assert len(await api.rows("/films")) == 5
    await end_some_connection(cinema, "listen pgrst")
    with psycopg.connect(cinema.dsn) as connection:
        connection.execute("drop function public.nothing()")
        connection.execute(
            "create function public.nothing() returns integer language sql as 'select 7'"
        )
        connection.execute("grant execute on function public.nothing() to anon")

    async def heard() -> bool:
        return bool((await api.post("/rpc/nothing", {})).json() == 7)

    await eventually(heard)


async def test_requests_at_the_same_time(api: Api) -> None:
    """More requests than connections wait for each other, and each is its own."""
    calls = [
        api.post("/rpc/whoami", {}, role="authenticated", claims={"n": number})
        for number in range(30)
    ]
    answers = [response.json() for response in await asyncio.gather(*calls)]
    assert [answer["claims"]["n"] for answer in answers] == list(range(30))


async def test_errors_in_between(api: Api) -> None:
    """A failed request leaves nothing behind in its connection."""
    for _ in range(8):
        assert (await api.get("/films?nothing=eq.1")).status_code == 400
        assert (await api.patch("/films?id=eq.1", {"year": 1})).status_code == 400
        assert len(await api.rows("/films?select=id")) == 5


async def test_a_large_body(api: Api) -> None:
    """A few megabytes go in and come out."""
    document = {"job": {"text": "ä" * 2_000_000}}
    response = await api.post("/rpc/document", document)
    assert response.json()["job"] == document["job"]


async def test_a_defect(api: Api) -> None:
    """What we did not foresee is an error that tells nothing of our insides."""
    api.clock.ahead = "no number"  # type: ignore[assignment]
    response = await api.get("/films")
    assert (response.status_code, response.json()["code"]) == (500, "PGRSTX00")
    assert "number" not in response.text


async def test_a_caller_who_leaves(api: Api) -> None:
    """Nobody is answered who has gone before their request was whole."""
    scope = api.scope("POST", "/rpc/nothing")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await api.app(scope, receive, send)
    assert sent == []
