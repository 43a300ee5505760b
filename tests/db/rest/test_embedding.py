"""Related resources inside each other, by foreign keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.db.rest.conftest import Api


async def select(api: Api, table: str, selection: str, query: str = "") -> Any:
    """The rows of a table with a selection."""
    return await api.rows(f"/{table}?select={selection}&order=id&{query}")


async def test_many_to_one(reading: Api) -> None:
    """A film has one producer, named by the constraint because it has a director as well."""
    rows = await select(reading, "films", "id,director:directors!director_id(name)", "id=in.(1,5)")
    assert rows == [{"id": 1, "director": {"name": "Lang"}}, {"id": 5, "director": None}]


async def test_by_the_column(reading: Api) -> None:
    """The column of the key names the resource as well, and then its key in the answer."""
    assert await select(reading, "films", "director_id(name)", "id=eq.1") == [
        {"director_id": {"name": "Lang"}}
    ]


async def test_by_the_constraint(reading: Api) -> None:
    """A constraint names one of two ways."""
    assert await select(reading, "films", "films_producer(name)", "id=eq.1") == [
        {"films_producer": {"name": "Kurosawa"}}
    ]


async def test_one_to_many(reading: Api) -> None:
    """A director has many films, or none."""
    rows = await select(reading, "directors", "name,made:films!films_director_id_fkey(title)")
    assert rows[0] == {"name": "Lang", "made": [{"title": "Metropolis"}, {"title": "M"}]}
    produced = await select(reading, "directors", "films!films_producer(title)", "id=eq.2")
    assert produced == [{"films": []}]


async def test_one_to_one(reading: Api) -> None:
    """A key that is unique leads to one row from both sides."""
    rows = await select(reading, "films", "id,posters(*)", "id=lte.2")
    assert rows == [
        {"id": 1, "posters": {"film_id": 1, "Main Color": "gold"}},
        {"id": 2, "posters": None},
    ]
    (row,) = await reading.rows('/posters?select="Main Color",films(title)&film_id=eq.1')
    assert row == {"Main Color": "gold", "films": {"title": "Metropolis"}}


async def test_many_to_many(reading: Api) -> None:
    """A junction is passed through."""
    rows = await select(reading, "films", "title,actors(name)", "id=eq.1&actors.order=name")
    assert rows == [{"title": "Metropolis", "actors": [{"name": "Helm"}, {"name": "Lorre"}]}]


async def test_a_table_that_refers_to_itself(reading: Api) -> None:
    """The name of the table means the children, the name of the column the parent."""
    rows = await select(reading, "family", "id,children:family(id),parent_id(id)", "id=eq.2")
    assert rows == [{"id": 2, "children": [{"id": 4}], "parent_id": {"id": 1}}]


async def test_nesting(reading: Api) -> None:
    """Resources nest."""
    rows = await select(
        reading, "directors", "name,films!director_id(title,roles(part,actors(name)))", "id=eq.2"
    )
    assert rows == [
        {
            "name": "Varda",
            "films": [
                {
                    "title": "Cleo from 5 to 7",
                    "roles": [{"part": "Cleo", "actors": {"name": "Marchand"}}],
                }
            ],
        }
    ]


async def test_filter_order_and_limit_inside(reading: Api) -> None:
    """What is embedded has its own filters, order and window."""
    rows = await select(
        reading,
        "directors",
        "id,films!director_id(title)",
        "id=eq.1&films.year=lt.1930",
    )
    assert rows == [{"id": 1, "films": [{"title": "Metropolis"}]}]
    rows = await select(
        reading,
        "directors",
        "id,f:films!director_id(id)",
        "id=eq.1&f.order=year.desc&f.limit=1&f.or=(id.eq.1,id.eq.2)",
    )
    assert rows == [{"id": 1, "f": [{"id": 2}]}]
    rows = await select(
        reading, "directors", "id,films!director_id(id)", "id=eq.1&films.offset=1&films.order=id"
    )
    assert rows == [{"id": 1, "films": [{"id": 2}]}]


async def test_inner(reading: Api) -> None:
    """An inner resource filters its parents, in the count as well."""
    response = await reading.get(
        "/films?select=id,roles!inner(part)&roles.part=eq.Extra", prefer="count=exact"
    )
    assert response.json() == [{"id": 1, "roles": [{"part": "Extra"}]}]
    assert response.headers["Content-Range"] == "0-0/1"
    rows = await select(reading, "films", "id,posters!inner()")
    assert rows == [{"id": 1}, {"id": 3}]


async def test_existence(reading: Api) -> None:
    """A resource can be tested for being there, in the count as well."""
    response = await reading.get(
        "/films?select=id,posters()&posters=is.null&order=id", prefer="count=exact"
    )
    assert [row["id"] for row in response.json()] == [2, 4, 5]
    assert response.headers["Content-Range"] == "0-2/3"
    rows = await select(reading, "films", "id,roles()", "roles=not.is.null")
    assert [row["id"] for row in rows] == [1, 2, 3]
    rows = await select(reading, "films", "id,roles(),posters()", "or=(roles=x,id.eq.1)"[:0])
    assert len(rows) == 5


async def test_existence_in_logic(reading: Api) -> None:
    """Existence takes part in logic."""
    response = await reading.get(
        "/films?select=id,posters()&or=(posters.not.is.null,id.eq.5)&order=id",
        prefer="count=exact",
    )
    assert [row["id"] for row in response.json()] == [1, 3, 5]
    assert response.headers["Content-Range"] == "0-2/3"


async def test_order_by_a_resource(reading: Api) -> None:
    """Rows can be ordered by what there is one of."""
    rows = await reading.rows(
        "/films?select=id,d:directors!director_id(name)&order=d(name).desc.nullslast,id"
    )
    assert [row["id"] for row in rows] == [3, 1, 2, 4, 5]


async def test_spread(reading: Api) -> None:
    """What there is one of can be spread into its parent."""
    rows = await select(
        reading, "films", "id,...directors!director_id(director:name)", "id=in.(1,5)"
    )
    assert rows == [{"id": 1, "director": "Lang"}, {"id": 5, "director": None}]
    rows = await reading.rows(
        "/roles?select=part,...films(title,...directors!director_id(name))&part=eq.Maria"
    )
    assert rows == [{"part": "Maria", "title": "Metropolis", "name": "Lang"}]


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("/films?select=directors(*)", 300, "PGRST201"),
        ("/films?select=logs(*)", 400, "PGRST200"),
        ("/films?select=directors!nothing(*)", 400, "PGRST200"),
        ("/directors?select=...films!director_id(title)", 400, "PGRST127"),
        ("/films?select=id,d:directors!director_id(*)&directors.id=eq.1", 400, "PGRST108"),
        ("/directors?select=films!director_id(id)&order=films(id)", 400, "PGRST118"),
        ("/films?select=id&order=posters(film_id)", 400, "PGRST108"),
        ("/films?select=id,roles(*)&roles=eq.1", 400, "PGRST120"),
    ],
)
async def test_refusal(reading: Api, url: str, status: int, code: str) -> None:
    """What cannot be embedded is refused with a code."""
    response = await reading.get(url)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


async def test_ambiguity_is_explained(reading: Api) -> None:
    """The answer names the ways there are, and how to choose one."""
    response = await reading.get("/films?select=directors(*)")
    body = response.json()
    assert body["details"][0] == {
        "cardinality": "many-to-one",
        "embedding": "films with directors",
        "relationship": ("films_director_id_fkey using films(director_id) and directors(id)"),
    }
    assert "'directors!films_producer'" in body["hint"]
    assert "PGRST201" in response.headers["Proxy-Status"]


async def test_after_a_change(api: Api) -> None:
    """Changed rows are answered with what is related to them."""
    response = await api.patch(
        "/films?id=eq.1&select=id,director:directors!director_id(name),roles(part)"
        "&roles.part=eq.Extra",
        {"year": 1926},
        prefer="return=representation",
    )
    assert response.json() == [
        {"id": 1, "director": {"name": "Lang"}, "roles": [{"part": "Extra"}]}
    ]


async def test_after_a_call(reading: Api) -> None:
    """Rows that a function returns are rows of their table."""
    rows = await reading.rows(
        "/rpc/films_by?director=1&select=title,directors!director_id(name)&year=gt.1930"
    )
    assert rows == [{"title": "M", "directors": {"name": "Lang"}}]
