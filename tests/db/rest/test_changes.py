"""Changing tables: insert, upsert, update, delete, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.rest.conftest import Api

REPRESENTATION = "return=representation"
SINGLE = "application/vnd.pgrst.object+json"


def count(database: TestDatabase, table: str, condition: str = "true") -> int:
    """How many rows a table has."""
    query = psycopg.sql.SQL("select count(*) from public.{} where {}").format(
        psycopg.sql.Identifier(table), psycopg.sql.SQL(condition)
    )
    with database.connect_as_admin() as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def test_insert_one(api: Api, cinema: TestDatabase) -> None:
    """An insert answers 201 and nothing, unless more is asked for."""
    response = await api.post("/directors", {"id": 9, "name": "Ray"})
    assert (response.status_code, response.content) == (201, b"")
    assert response.headers["Content-Range"] == "*/*"
    assert count(cinema, "directors", "id = 9") == 1


async def test_insert_with_representation(api: Api) -> None:
    """The inserted row comes back as the database has it, as selected."""
    response = await api.post(
        "/films?select=title,year", {"title": "Pather Panchali"}, prefer=REPRESENTATION
    )
    assert response.status_code == 201
    assert response.json() == [{"title": "Pather Panchali", "year": 1999}]
    assert response.headers["Preference-Applied"] == REPRESENTATION


async def test_types_are_those_of_the_columns(api: Api) -> None:
    """JSON becomes arrays, documents, ranges and numbers."""
    film = {
        "title": "Tár",
        "rating": 7.4,
        "tags": ["a,b", 'q"'],
        "meta": {"box": [1, {"x": None}]},
        "released": "[2022-01-01,2022-02-01)",
        "code": "TAR ",
    }
    response = await api.post("/films", film, prefer=REPRESENTATION, accept=SINGLE)
    body = response.json()
    assert {key: body[key] for key in film} == film


async def test_bulk_insert(api: Api) -> None:
    """Many rows are one statement, and can be counted."""
    rows = [{"id": 10, "name": "A"}, {"id": 11, "name": "B"}]
    response = await api.post("/directors", rows, prefer=f"{REPRESENTATION},count=exact")
    assert response.json() == rows
    assert response.headers["Content-Range"] == "*/2"


async def test_columns_choose_what_is_used(api: Api) -> None:
    """With `columns` other keys are left out, and missing ones are null."""
    rows = [{"id": 10, "name": "A", "x": 1}, {"name": "B", "id": 11}]
    response = await api.post('/directors?columns="id","name"', rows, prefer=REPRESENTATION)
    assert response.json() == [{"id": 10, "name": "A"}, {"id": 11, "name": "B"}]
    film = [{"title": "X", "year": 2000}, {"title": "Y"}]
    response = await api.post("/films?columns=title,year&select=year", film, prefer=REPRESENTATION)
    assert response.json() == [{"year": 2000}, {"year": None}]


@pytest.mark.parametrize("many", [True, False])
async def test_missing_values_may_take_defaults(api: Api, *, many: bool) -> None:
    """`missing=default` fills in the defaults, identities included."""
    film = {"title": "X"}
    response = await api.post(
        "/films?columns=title,year,id,tags&select=id,title,year,tags",
        [film] if many else film,
        prefer=f"{REPRESENTATION},missing=default",
    )
    assert response.json() == [{"id": 101, "title": "X", "year": 1999, "tags": []}]
    assert "missing=default" in response.headers["Preference-Applied"]


@pytest.mark.parametrize("rows", [{}, [{}, {}]])
async def test_rows_of_defaults(api: Api, rows: Any) -> None:
    """Empty objects are rows of defaults."""
    response = await api.post("/logs", rows, prefer="count=exact")
    assert response.headers["Content-Range"] == f"*/{len(rows) or 1}"


async def test_nothing_inserted(api: Api) -> None:
    """No rows are no rows."""
    response = await api.post("/directors", [], prefer=REPRESENTATION)
    assert (response.status_code, response.json()) == (201, [])


async def test_write_only(api: Api, cinema: TestDatabase) -> None:
    """A role that may insert but not read does so; it gets nothing back."""
    response = await api.post("/logs", {"message": "hello"})
    assert response.status_code == 201
    refused = await api.post("/logs", {"message": "hello"}, prefer=REPRESENTATION)
    assert (refused.status_code, refused.json()["code"]) == (401, "42501")
    assert count(cinema, "logs") == 1


async def test_location(api: Api) -> None:
    """Headers only means the address of the new row."""
    response = await api.post("/films", {"title": "X"}, prefer="return=headers-only")
    assert response.status_code == 201, response.text
    assert response.content == b""
    assert response.headers["Location"] == "/films?id=eq.101"


async def test_merge(api: Api) -> None:
    """An upsert merges with what is there: 200 if nothing is new, else 201."""
    prefer = f"{REPRESENTATION},resolution=merge-duplicates"
    response = await api.post("/directors", {"id": 1, "name": "Fritz"}, prefer=prefer)
    assert (response.status_code, response.json()) == (200, [{"id": 1, "name": "Fritz"}])
    assert "resolution=merge-duplicates" in response.headers["Preference-Applied"]
    rows = [{"id": 1, "name": "Lang"}, {"id": 8, "name": "New"}]
    response = await api.post("/directors", rows, prefer=prefer)
    assert (response.status_code, response.json()) == (201, rows)


async def test_merge_on_other_columns(api: Api) -> None:
    """`on_conflict` names the key to compare."""
    response = await api.post(
        "/films?on_conflict=title&select=id,year",
        {"title": "Ran", "year": 1986},
        prefer=f"{REPRESENTATION},resolution=merge-duplicates",
    )
    assert (response.status_code, response.json()) == (200, [{"id": 4, "year": 1986}])


async def test_ignore_duplicates(api: Api) -> None:
    """What is there already can be left alone."""
    rows = [{"id": 1, "name": "X"}, {"id": 8, "name": "New"}]
    response = await api.post(
        "/directors", rows, prefer=f"{REPRESENTATION},resolution=ignore-duplicates"
    )
    assert (response.status_code, response.json()) == (201, rows[1:])


async def test_a_table_without_a_key_has_no_duplicates(api: Api) -> None:
    """Where nothing can conflict, the preference is not applied."""
    response = await api.post("/logs", {"message": "x"}, prefer="resolution=merge-duplicates")
    assert response.status_code == 201
    assert "Preference-Applied" not in response.headers


async def test_update(api: Api, cinema: TestDatabase) -> None:
    """An update changes the chosen rows and answers 204."""
    response = await api.patch("/films?year=lt.1950", {"rating": 9}, prefer="count=exact")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Content-Range"] == "0-1/2"
    assert count(cinema, "films", "rating = 9") == 2


async def test_update_with_representation(api: Api) -> None:
    """The changed rows come back, ordered, also if they are no longer what was chosen."""
    response = await api.patch(
        "/films?year=lt.1950&select=id,year&order=id.desc", {"year": 1951}, prefer=REPRESENTATION
    )
    assert response.json() == [{"id": 2, "year": 1951}, {"id": 1, "year": 1951}]
    assert response.headers["Content-Range"] == "0-1/*"


async def test_update_of_nothing(api: Api) -> None:
    """No row chosen, and no column given, are no errors."""
    response = await api.patch("/films?id=eq.999", {"year": 1951}, prefer=REPRESENTATION)
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["Content-Range"] == "*/*"
    response = await api.patch("/films?id=eq.1", {}, prefer=REPRESENTATION)
    assert (response.status_code, response.json()) == (200, [])


async def test_update_with_columns_and_defaults(api: Api) -> None:
    """`columns` and `missing=default` apply to updates too."""
    response = await api.patch(
        "/films?id=eq.1&columns=year&select=title,year",
        {"title": "no"},
        prefer=f"{REPRESENTATION},missing=default",
    )
    assert response.json() == [{"title": "Metropolis", "year": 1999}]


async def test_delete(api: Api) -> None:
    """A delete answers 204, or the rows that are gone."""
    await api.delete("/roles?film_id=eq.3")
    response = await api.delete("/family?id=eq.4", prefer="count=exact")
    assert (response.status_code, response.headers["Content-Range"]) == (204, "*/1")
    response = await api.delete("/family?or=(id.eq.3)&select=id", prefer=REPRESENTATION)
    assert (response.status_code, response.json()) == (200, [{"id": 3}])


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_of_every_row_is_refused(
    api: Api, cinema: TestDatabase, method: str
) -> None:
    """Without a condition neither update nor delete run, as on the platform."""
    response = await api.send(method, "/roles", json={"part": "x"})
    verb = "UPDATE" if method == "PATCH" else "DELETE"
    assert (response.status_code, response.json()["code"]) == (400, "21000")
    assert response.json()["message"] == f"{verb} requires a WHERE clause"
    assert count(cinema, "roles") == 4


async def test_single_object(api: Api, cinema: TestDatabase) -> None:
    """A change that should answer one object and does not is undone."""
    response = await api.patch(
        "/films?year=gt.0", {"rating": 1}, prefer=REPRESENTATION, accept=SINGLE
    )
    assert (response.status_code, response.json()["code"]) == (406, "PGRST116")
    assert count(cinema, "films", "rating = 1") == 0
    response = await api.patch(
        "/films?id=eq.1&select=id", {"rating": 1}, prefer=REPRESENTATION, accept=SINGLE
    )
    assert response.json() == {"id": 1}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_max_affected(api: Api, cinema: TestDatabase, method: str) -> None:
    """Under strict handling a change of too many rows is undone."""
    response = await api.send(
        method,
        "/roles?film_id=gt.0",
        json={"part": "x"},
        prefer="handling=strict,max-affected=3",
    )
    assert (response.status_code, response.json()["code"]) == (400, "PGRST124")
    assert response.json()["details"] == "The query affects 4 rows"
    assert count(cinema, "roles", "part <> 'x'") == 4
    response = await api.send(
        method, "/roles?film_id=gt.0", json={"part": "x"}, prefer="handling=strict,max-affected=4"
    )
    assert response.status_code == 204
    assert "max-affected=4" in response.headers["Preference-Applied"]


async def test_lenient_max_affected(api: Api) -> None:
    """Otherwise the limit does not bind, as HTTP says of preferences."""
    response = await api.patch("/roles?film_id=gt.0", {"part": "x"}, prefer="max-affected=1")
    assert response.status_code == 204


async def test_rollback(api: Api, cinema: TestDatabase) -> None:
    """A change can be tried and taken back."""
    response = await api.post(
        "/directors", {"id": 9, "name": "Ray"}, prefer=f"{REPRESENTATION},tx=rollback"
    )
    assert response.json() == [{"id": 9, "name": "Ray"}]
    assert "tx=rollback" in response.headers["Preference-Applied"]
    assert count(cinema, "directors") == 3


async def test_rows_under_row_level_security(api: Api) -> None:
    """Each user sees and changes their own rows."""
    first = await api.post(
        "/notes", {"text": "mine"}, role="authenticated", prefer=REPRESENTATION, accept=SINGLE
    )
    assert first.status_code == 201
    other = {"sub": "11111111-1111-4111-8111-111111111111"}
    assert await api.rows("/notes", role="authenticated", claims=other) == []
    assert len(await api.rows("/notes", role="authenticated")) == 1
    refused = await api.post(
        "/notes", {"text": "x", "owner_id": other["sub"]}, role="authenticated"
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "42501")
    anonymous = await api.get("/notes")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "42501")
    assert anonymous.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("url", "body", "status", "code"),
    [
        ("/directors", {"id": 1, "name": "X"}, 409, "23505"),
        ("/films", {"title": "X", "director_id": 99}, 409, "23503"),
        ("/films", {"title": None}, 400, "23502"),
        ("/films", {"title": "X", "year": 1700}, 400, "23514"),
        ("/films", {"title": "X", "year": "long ago"}, 400, "22P02"),
        ("/films", {"titel": "X"}, 400, "PGRST204"),
        ("/films?columns=titel", {"title": "X"}, 400, "PGRST204"),
        ("/notes", {"text": "x"}, 401, "42501"),
        ("/notes", {"id": 1, "text": "x"}, 400, "428C9"),
        ("/films", [{"title": "X"}, {"year": 1}], 400, "PGRST102"),
        ("/films", [1], 400, "PGRST102"),
        ("/films", 5, 400, "PGRST102"),
        ("/films?id=eq.1", {"title": "X"}, 400, "PGRST127"),
        ("/films?limit=1", {"title": "X"}, 400, "PGRST127"),
        ("/films?on_conflict=id", {"title": "X"}, 400, "PGRST127"),
        ("/films", {"title": "\0"}, 400, "22P05"),
        ("/titles", {"id": 8}, 401, "42501"),
    ],
)
async def test_refused_insert(reading: Api, url: str, body: Any, status: int, code: str) -> None:
    """What the database or the API refuses has a status and a code."""
    response = await reading.post(url, body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"title": "\xff"}', "application/json"),
        (b"title\nX", "text/csv"),
        (b"title=X", "application/x-www-form-urlencoded"),
    ],
)
async def test_refused_body(reading: Api, content: bytes, content_type: str) -> None:
    """A body that is no JSON is refused."""
    response = await reading.send("POST", "/films", content=content, content_type=content_type)
    assert (response.status_code, response.json()["code"]) == (400, "PGRST102")


async def test_refused_update(reading: Api) -> None:
    """An update has one object, and a window does not apply."""
    response = await reading.patch("/films?id=eq.1", [{"year": 1}, {"year": 2}])
    assert response.json()["code"] == "PGRST102"
    response = await reading.patch("/films?id=eq.1&limit=1", {"year": 1990})
    assert response.json()["code"] == "PGRST127"


async def test_strict_handling_of_unknown_preferences(api: Api) -> None:
    """Under strict handling an unknown preference is an error, else it is not."""
    response = await api.delete("/roles?film_id=eq.1", prefer="handling=strict,speed=high")
    assert (response.status_code, response.json()["code"]) == (400, "PGRST122")
    assert response.json()["details"] == "Invalid preferences: speed=high"
    assert (await api.delete("/roles?film_id=eq.1", prefer="speed=high")).status_code == 204
