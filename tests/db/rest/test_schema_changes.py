"""The schema changes while requests come in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.rest.conftest import Api


def apply(database: TestDatabase, *statements: str) -> None:
    """Change the schema as a migration would."""
    with psycopg.connect(database.dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def apply_unheard(database: TestDatabase, *statements: str) -> None:
    """Change the schema where nobody announces it: triggers of events are off."""
    with psycopg.connect(database.admin_dsn) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


async def test_new_objects_are_found_at_once(api: Api, cinema: TestDatabase) -> None:
    """A table, a column, a function and a key that are new are used by the next request."""
    assert (await api.get("/studios")).status_code == 404
    apply(
        cinema,
        "create table public.studios (id integer primary key)",
        "grant select, insert on public.studios to anon",
    )
    assert await api.rows("/studios") == []
    apply(
        cinema,
        "alter table public.studios add column name text",
        "alter table public.films add column studio_id integer references public.studios (id)",
        "create function public.hello() returns text language sql as $$ select 'hi' $$",
        "grant execute on function public.hello() to anon",
    )
    response = await api.post(
        "/studios?select=name,films(id)", {"id": 1, "name": "UFA"}, prefer="return=representation"
    )
    assert response.json() == [{"name": "UFA", "films": []}]
    assert (await api.post("/rpc/hello", {})).json() == "hi"


async def test_dropped_objects_are_gone(api: Api, cinema: TestDatabase) -> None:
    """A table that is dropped is not found, whether Postgres says so or we."""
    assert len(await api.rows("/posters")) == 2
    apply(cinema, "drop table public.posters")
    response = await api.get("/posters")
    assert (response.status_code, response.json()["code"]) == (404, "PGRST205")


async def test_notifications_make_the_schema_be_read_again(api: Api, cinema: TestDatabase) -> None:
    """A function that returns something else now is answered in its new shape."""
    assert (await api.post("/rpc/nothing", {})).json() is None
    apply(
        cinema,
        "drop function public.nothing()",
        "create function public.nothing() returns setof integer language sql as 'select 7'",
        "grant execute on function public.nothing() to anon",
    )
    async with asyncio.timeout(PATIENCE):
        while (answer := (await api.post("/rpc/nothing", {})).json()) != [7]:
            assert answer in (None, 7)
            await asyncio.sleep(0)


async def test_what_was_not_announced_is_found(api: Api, cinema: TestDatabase) -> None:
    """What is missing, or fails in Postgres, is looked for in a newer schema."""
    assert (await api.get("/films?select=title&limit=1")).status_code == 200
    apply_unheard(
        cinema,
        "create table public.studios (id integer primary key)",
        "grant select on public.studios to anon",
    )
    assert await api.rows("/studios") == []
    apply_unheard(
        cinema,
        "drop function public.nothing()",
        "create function public.nothing(a integer default 3) returns setof integer "
        "language sql as 'select a'",
        "grant execute on function public.nothing(integer) to anon",
        "alter function public.add(integer, integer) rename to plus",
    )
    assert (await api.post("/rpc/nothing", {"a": 5})).json() == [5]
    response = await api.post("/rpc/add", {"a": 1})
    assert response.json()["code"] == "PGRST202"
