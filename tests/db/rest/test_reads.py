"""Reading tables: selection, filters, order, windows and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.db.rest.conftest import Api


async def titles(api: Api, query: str) -> list[str]:
    """The titles that a query finds, in its order, or in that of their years."""
    order = "" if "order=" in query else "&order=year"
    return [row["title"] for row in await api.rows(f"/films?select=title&{query}{order}")]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("title,year", {"title": "Metropolis", "year": 1927}),
        ("name:title", {"name": "Metropolis"}),
        ("year::text", {"year": "1927"}),
        ("y:year::text", {"y": "1927"}),
        ("meta->box", {"box": {"usd": 75}}),
        ("meta->box->>usd", {"usd": "75"}),
        ("usd:meta->box->usd::int", {"usd": 75}),
        ("meta->ids->1", {"ids": 6}),
        ("meta->ids->-2", {"ids": 5}),
        ("tags->0", {"tags": "silent"}),
        ("shout", {"shout": "METROPOLIS"}),
        (' title , "year" ', {"title": "Metropolis", "year": 1927}),
        ("rating::double precision", {"rating": 8.3}),
        ("code", {"code": "METR"}),
    ],
)
async def test_selection(reading: Api, select: str, expected: Any) -> None:
    """A selection has columns, aliases, casts, JSON paths and computed columns."""
    assert await reading.rows("/films?id=eq.1", params={"select": select}) == [expected]


async def test_everything_is_selected_by_default(reading: Api) -> None:
    """Without a selection every column is there."""
    (row,) = await reading.rows("/films?id=eq.2")
    assert row["title"] == "M"
    assert row["tags"] == ["classic"]
    assert "producer_id" in row


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("year=eq.1931", ["M"]),
        ("year=neq.1931&year=lt.1970", ["Metropolis", "Cleo from 5 to 7"]),
        ("year=gt.1962", ["Ran", "Untitled"]),
        ("year=gte.1985", ["Ran", "Untitled"]),
        ("year=lte.1931", ["Metropolis", "M"]),
        ("title=like.M*", ["Metropolis", "M"]),
        ("title=ilike.*O*&year=lt.1970", ["Metropolis", "Cleo from 5 to 7"]),
        ("title=like(any).{M,R*}", ["M", "Ran"]),
        ("title=ilike(all).{*e*,*o*}", ["Metropolis", "Cleo from 5 to 7"]),
        ("title=match.^M$", ["M"]),
        ("title=imatch.^ran", ["Ran"]),
        ("year=eq(any).{1931,1985}", ["M", "Ran"]),
        ("rating=is.null", ["Ran", "Untitled"]),
        ("rating=not.is.null&year=gt.1950", ["Cleo from 5 to 7"]),
        ("rating=is.not_null&year=gt.1950", ["Cleo from 5 to 7"]),
        ("director_id=isdistinct.1", ["Cleo from 5 to 7", "Ran", "Untitled"]),
        ("id=in.(1,4)", ["Metropolis", "Ran"]),
        ("id=in.()", []),
        ('title=in.("M","Cleo from 5 to 7")', ["M", "Cleo from 5 to 7"]),
        ("id=not.in.(1,2,3)", ["Ran", "Untitled"]),
        ("tags=cs.{classic,silent}", ["Metropolis"]),
        ('tags=cs.{"new wave"}', ["Cleo from 5 to 7"]),
        ("tags=cd.{classic}&tags=neq.{}", ["M"]),
        ("tags=ov.{silent,nothing}", ["Metropolis"]),
        ('meta=cs.{"box": {"usd": 35}}', ["M"]),
        ("released=cs.[1927-05-05,1927-05-06)", ["Metropolis"]),
        ("released=sl.[1930-01-01,1931-01-01)", ["Metropolis"]),
        ("released=adj.[1927-12-31,1928-01-01)", ["Metropolis"]),
        ("meta->box->>usd=eq.35", ["M"]),
        ("meta->box->usd=gt.40", ["Metropolis"]),
        ("meta->ids->0=eq.5", ["Metropolis"]),
        ("or=(year.eq.1927,year.eq.1985)", ["Metropolis", "Ran"]),
        ("not.or=(year.lt.1980,title.eq.Ran)", ["Untitled"]),
        ("and=(year.gt.1930,or(title.eq.M,not.and(year.lt.2000,id.lt.9)))", ["M", "Untitled"]),
        ("or=(title.in.(M,Ran),tags.cs.{silent,classic})", ["Metropolis", "M", "Ran"]),
        ('or=(title.eq."Cleo from 5 to 7",id.eq.5)', ["Cleo from 5 to 7", "Untitled"]),
        ("or=(meta->box->>usd.eq.35,year.not.lt.2000)", ["M", "Untitled"]),
        ("title=fts.metropolis", ["Metropolis"]),
        ("title=plfts(english).the cleos", ["Cleo from 5 to 7"]),
        ("title=not.wfts.metropolis&year=lt.1950", ["M"]),
    ],
)
async def test_filter(reading: Api, query: str, expected: list[str]) -> None:
    """A filter finds the rows that Postgres says it finds."""
    assert await titles(reading, query) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("year.desc", [5, 4, 3, 2, 1]),
        ("rating.desc.nullslast,title", [2, 1, 3, 4, 5]),
        ("rating.asc.nullsfirst,title.desc", [5, 4, 3, 1, 2]),
        ("meta->box->usd.asc.nullslast,id", [2, 1, 3, 4, 5]),
        ("rating.nullsfirst,id", [4, 5, 3, 1, 2]),
    ],
)
async def test_order(reading: Api, order: str, expected: list[int]) -> None:
    """An order has directions, places for nulls, and JSON paths."""
    rows = await reading.rows(f"/films?select=id&order={order}")
    assert [row["id"] for row in rows] == expected


@pytest.mark.parametrize(
    ("url", "headers", "status", "content_range", "ids"),
    [
        ("/films?", {}, 200, "0-4/*", [1, 2, 3, 4, 5]),
        ("/films?limit=2", {}, 200, "0-1/*", [1, 2]),
        ("/films?limit=2&offset=3", {}, 200, "3-4/*", [4, 5]),
        ("/films?limit=0", {}, 200, "*/*", []),
        ("/films?limit=2", {"prefer": "count=exact"}, 206, "0-1/5", [1, 2]),
        ("/films?limit=9", {"prefer": "count=exact"}, 200, "0-4/5", [1, 2, 3, 4, 5]),
        ("/films?year=lt.1930", {"prefer": "count=exact"}, 200, "0-0/1", [1]),
        ("/films?year=lt.1900", {"prefer": "count=exact"}, 200, "*/0", []),
        ("/films?year=lt.1930", {"prefer": "count=estimated"}, 200, "0-0/1", [1]),
        ("/films?", {"range": "1-2"}, 200, "1-2/*", [2, 3]),
        ("/films?", {"range": "3-", "prefer": "count=exact"}, 206, "3-4/5", [4, 5]),
        ("/films?offset=1", {"range": "0-2"}, 200, "1-2/*", [2, 3]),
        ("/films?offset=5", {"prefer": "count=exact"}, 206, "*/5", []),
        ("/films?", {"range": "a-b"}, 200, "0-4/*", [1, 2, 3, 4, 5]),
    ],
)
async def test_window(
    reading: Api,
    url: str,
    headers: dict[str, str],
    status: int,
    content_range: str,
    ids: list[int],
) -> None:
    """Windows come from the URL and from Range; 206 says that there is more."""
    response = await reading.get(f"{url}&order=id&select=id", **headers)
    assert response.status_code == status
    assert response.headers["Content-Range"] == content_range
    assert [row["id"] for row in response.json()] == ids


async def test_planned_count(reading: Api) -> None:
    """A planned count is what the planner expects."""
    response = await reading.get("/films?limit=1", prefer="count=planned")
    total = response.headers["Content-Range"].split("/")[1]
    assert total.isdigit()
    assert response.headers["Preference-Applied"] == "count=planned"


async def test_offset_behind_the_end(reading: Api) -> None:
    """With a count an offset behind the end is refused."""
    response = await reading.get("/films?offset=6", prefer="count=exact")
    assert response.status_code == 416
    assert response.json()["code"] == "PGRST103"
    assert response.json()["details"] == (
        "An offset of 6 was requested, but there are only 5 rows."
    )


async def test_head(reading: Api) -> None:
    """HEAD tells the count and no more."""
    response = await reading.send("HEAD", "/films?limit=1", prefer="count=exact")
    assert response.status_code == 206
    assert response.headers["Content-Range"] == "0-0/5"
    assert response.content == b""


async def test_no_answer_has_more_than_a_thousand_rows(reading: Api) -> None:
    """The limit of the platform holds whatever was asked for."""
    response = await reading.get("/rpc/counting?n=1500&limit=1200", prefer="count=exact")
    assert response.status_code == 206
    assert response.headers["Content-Range"] == "0-999/1500"
    assert len(response.json()) == 1000


SINGLE = "application/vnd.pgrst.object+json"


async def test_single_object(reading: Api) -> None:
    """One row may be asked for as an object."""
    response = await reading.get("/films?select=id&id=eq.1", accept=SINGLE)
    assert response.json() == {"id": 1}
    assert response.headers["Content-Type"] == f"{SINGLE}; charset=utf-8"


@pytest.mark.parametrize(("query", "rows"), [("id=gt.0", 5), ("id=gt.99", 0)])
async def test_single_object_of_other_than_one_row(reading: Api, query: str, rows: int) -> None:
    """No row and many rows are no object."""
    response = await reading.get(f"/films?{query}", accept=SINGLE)
    assert response.status_code == 406
    assert response.json() == {
        "code": "PGRST116",
        "message": "Cannot coerce the result to a single JSON object",
        "details": f"The result contains {rows} rows",
        "hint": None,
    }


async def test_stripped_nulls(reading: Api) -> None:
    """Keys without a value can be left out."""
    accept = "application/vnd.pgrst.array+json;nulls=stripped"
    response = await reading.get("/films?select=id,rating&id=eq.4", accept=accept)
    assert response.json() == [{"id": 4}]


async def test_csv(reading: Api) -> None:
    """Rows can be had as CSV."""
    response = await reading.get("/directors?order=id&limit=2", accept="text/csv")
    assert response.text == "id,name\n1,Lang\n2,Varda"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_views_are_read_like_tables(reading: Api) -> None:
    """A view is a table to its readers."""
    assert await reading.rows("/titles?id=eq.2") == [{"id": 2, "title": "M"}]


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("/films?year=1927", 400, "PGRST100"),
        ("/films?year=like", 400, "PGRST100"),
        ("/films?year=eq(some).1", 400, "PGRST100"),
        ("/films?select=title,", 400, "PGRST100"),
        ("/films?select=a(", 400, "PGRST100"),
        ("/films?order=year.up", 400, "PGRST100"),
        ("/films?limit=many", 400, "PGRST100"),
        ("/films?limit=-1", 416, "PGRST103"),
        ("/films?or=year.eq.1", 400, "PGRST100"),
        ("/films?year", 400, "PGRST100"),
        ("/films?limit=1&limit=2", 400, "PGRST100"),
        ("/films?columns=id", 400, "PGRST127"),
        ("/films?on_conflict=id", 400, "PGRST127"),
        ("/films?select=count()", 400, "PGRST123"),
        ("/films?select=year.sum()", 400, "PGRST123"),
        ("/films?actors.name=eq.x", 400, "PGRST108"),
        ("/films?year=eq.abc", 400, "22P02"),
        ("/films?nothing=eq.1", 400, "42703"),
        ("/films?select=title::integer", 400, "22P02"),
        ("/films?select=year::nothing", 400, "42704"),
        ("/film", 404, "PGRST205"),
        ("/a/b", 404, "PGRST125"),
        ("/", 404, "PGRST126"),
        ("/films?title=eq.%00", 400, "PGRST100"),
        ("/films?title=eq.%ff", 400, "PGRST100"),
    ],
)
async def test_refusal(reading: Api, url: str, status: int, code: str) -> None:
    """What cannot be understood is refused with a code, never ignored."""
    response = await reading.get(url)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["Proxy-Status"] == f"PostgREST; error={code}"
    assert set(response.json()) == {"code", "message", "details", "hint"}


async def test_a_similar_table_is_suggested(reading: Api) -> None:
    """A name that is almost right gets a hint."""
    response = await reading.get("/film")
    assert response.json()["message"] == (
        "Could not find the table 'public.film' in the schema cache"
    )
    assert response.json()["hint"] == "Perhaps you meant the table 'public.films'"


async def test_a_media_type_that_cannot_be_produced(reading: Api) -> None:
    """An unknown media type is not acceptable."""
    response = await reading.get("/films", accept="application/vnd.pgrst.plan+json")
    assert response.status_code == 406
    assert response.json()["code"] == "PGRST107"


async def test_a_schema_that_is_not_exposed(reading: Api) -> None:
    """Other schemas are not shown, and the hint says which are."""
    response = await reading.get("/users", **{"accept-profile": "auth"})
    assert response.status_code == 406
    assert response.json()["code"] == "PGRST106"
    assert response.json()["hint"] == "Only the following schemas are exposed: public"


@pytest.mark.parametrize("method", ["PUT", "OPTIONS"])
async def test_an_unknown_method(reading: Api, method: str) -> None:
    """A method that tables do not have is refused."""
    response = await reading.send(method, "/films")
    assert (response.status_code, response.json()["code"]) == (405, "PGRST117")


@pytest.mark.parametrize(
    "url",
    [
        "/films?title=eq.x'); drop table public.films; --",
        '/films?select="title""; drop table public.films; --"',
        "/films?select=title::text); drop table public.films; --",
        '/films?order="title; drop table public.films"',
        "/films?meta->>'; drop table public.films; --=eq.1",
        '/films?title=in.("a\'); drop table public.films; --")',
        "/films?title=fts(english'); drop table public.films; --).x",
        '/films?select=id,"a%25s":title',
    ],
)
async def test_nothing_can_be_injected(reading: Api, url: str) -> None:
    """Names and values stay names and values."""
    await reading.get(url)
    assert len(await reading.rows("/films")) == 5
