"""How one table leads to another."""

from __future__ import annotations

import pytest

from local.rest.errors import ApiError
from local.rest.relationships import choose, relate
from local.rest.schema import Column, Name, Relationship, Schema, Table


def name(text: str) -> Name:
    """A name in the exposed schema."""
    return Name("public", text)


def table(text: str, *primary_key: str) -> Table:
    """A table with a primary key."""
    return Table(name(text), {"id": Column("id", "int")}, primary_key=primary_key)


def key(origin: str, column: str, target: str, *, unique: bool = False) -> Relationship:
    """A foreign key with one column."""
    return Relationship(
        name(origin),
        name(target),
        "one-to-one" if unique else "many-to-one",
        f"{origin}_{column}_fkey",
        ((column, "id"),),
    )


TABLES = {
    each.name: each
    for each in (
        table("films", "id"),
        table("people", "id"),
        table("posters", "film_id"),
        table("roles", "film_id", "person_id"),
        table("awards", "id"),
        table("nodes", "id"),
    )
}
KEYS = [
    key("films", "director", "people"),
    key("films", "writer", "people"),
    key("posters", "film_id", "films", unique=True),
    key("roles", "film_id", "films"),
    key("roles", "person_id", "people"),
    key("awards", "film_id", "films"),
    key("awards", "person_id", "people"),
    key("nodes", "parent", "nodes"),
]
SCHEMA = Schema(TABLES, relate(TABLES, KEYS))


@pytest.mark.parametrize(
    ("origin", "target", "hint", "cardinality", "constraint"),
    [
        ("films", "director", None, "many-to-one", "films_director_fkey"),
        ("films", "films_writer_fkey", None, "many-to-one", "films_writer_fkey"),
        ("films", "people", "writer", "many-to-one", "films_writer_fkey"),
        ("films", "people", "films_director_fkey", "many-to-one", "films_director_fkey"),
        ("films", "people", "roles", "many-to-many", ""),
        ("films", "posters", None, "one-to-one", "posters_film_id_fkey"),
        ("posters", "films", None, "one-to-one", "posters_film_id_fkey"),
        ("films", "awards", None, "one-to-many", "awards_film_id_fkey"),
        ("films", "awards", "film_id", "one-to-many", "awards_film_id_fkey"),
        ("people", "films", "director", "one-to-many", "films_director_fkey"),
        ("nodes", "nodes", None, "one-to-many", "nodes_parent_fkey"),
        ("nodes", "nodes", "parent", "one-to-many", "nodes_parent_fkey"),
        ("nodes", "parent", None, "many-to-one", "nodes_parent_fkey"),
    ],
)
def test_choice(
    origin: str, target: str, hint: str | None, cardinality: str, constraint: str
) -> None:
    """Table, column, constraint and junction each name a way."""
    way = choose(SCHEMA, name(origin), target, hint)
    assert (way.cardinality, way.constraint) == (cardinality, constraint)


def test_a_junction_needs_its_key() -> None:
    """A table with two keys is a junction only if they identify its rows."""
    ways = SCHEMA.relationships[name("films")]
    junctions = [way.junction.table.name for way in ways if way.junction]
    assert junctions == ["roles"]


@pytest.mark.parametrize(
    ("origin", "target", "hint", "suggestion"),
    [
        ("films", "poster", None, "Perhaps you meant 'posters' instead of 'poster'."),
        ("film", "posters", None, "Perhaps you meant 'films' instead of 'film'."),
        ("films", "posters", "nothing", None),
        ("posters", "people", None, None),
    ],
)
def test_no_way(origin: str, target: str, hint: str | None, suggestion: str | None) -> None:
    """Where no way leads, a similar name is suggested."""
    with pytest.raises(ApiError) as error:
        choose(SCHEMA, name(origin), target, hint)
    assert (error.value.code, error.value.hint) == ("PGRST200", suggestion)


def test_two_ways() -> None:
    """Where two ways lead, both are described."""
    with pytest.raises(ApiError) as error:
        choose(SCHEMA, name("films"), "people", None)
    assert error.value.code == "PGRST201"
    assert [each["relationship"] for each in error.value.details] == [
        "films_director_fkey using films(director) and people(id)",
        "films_writer_fkey using films(writer) and people(id)",
        "roles using roles_film_id_fkey(film_id) and roles_person_id_fkey(person_id)",
    ]
    assert "'people!roles'" in str(error.value.hint)
