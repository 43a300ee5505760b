"""The ways from one table to another, and the choice of the one that a request means."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from local.rest.errors import ambiguous_relationship, no_relationship
from local.rest.schema import Junction, Relationship, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from local.rest.schema import Name, Schema, Table


def relate(
    tables: Mapping[Name, Table],
    foreign_keys: Iterable[Relationship],
) -> dict[Name, tuple[Relationship, ...]]:
    """Every way between two tables: along a foreign key, against it, and through a junction."""
    ways = defaultdict(list)
    leaving = defaultdict(list)
    for key in foreign_keys:
        leaving[key.origin].append(key)
        for way in (key, _inverse(key)):
            ways[way.origin].append(way)
    for table, keys in leaving.items():
        for way in _through(tables.get(table), keys):
            ways[way.origin].append(way)
    return {origin: tuple(found) for origin, found in ways.items()}


def _inverse(key: Relationship) -> Relationship:
    return Relationship(
        origin=key.target,
        target=key.origin,
        cardinality="one-to-one" if key.cardinality == "one-to-one" else "one-to-many",
        constraint=key.constraint,
        columns=tuple((theirs, mine) for mine, theirs in key.columns),
    )


def _through(table: Table | None, keys: Sequence[Relationship]) -> Iterator[Relationship]:
    """A table is a junction where the columns of two foreign keys are part of its primary key."""
    if table is None:
        return
    primary = set(table.primary_key)
    for first in keys:
        for second in keys:
            used = {mine for key in (first, second) for mine, _ in key.columns}
            if first is second or not used <= primary:
                continue
            if "one-to-one" in {first.cardinality, second.cardinality}:
                continue
            junction = Junction(
                table.name,
                (first.constraint, second.constraint),
                tuple((theirs, mine) for mine, theirs in first.columns),
                tuple((theirs, mine) for mine, theirs in second.columns),
            )
            yield Relationship(
                first.target,
                second.target,
                "many-to-many",
                junction=junction,
            )


def choose(
    schema: Schema,
    origin: Name,
    target: str,
    hint: str | None,
) -> Relationship:
    """The one relationship that a target and a hint name, seen from the origin."""
    ways = schema.relationships.get(origin, ())
    found = [way for way in ways if _is_meant(way, target, hint)]
    if not found:
        raise no_relationship(
            origin.name,
            target,
            hint,
            origin.schema,
            _suggestion(schema, origin, target),
        )
    if len(found) > 1:
        hints = [way.junction.table.name if way.junction else way.constraint for way in found]
        raise ambiguous_relationship(origin.name, target, [_describe(way) for way in found], hints)
    return found[0]


def _is_meant(way: Relationship, target: str, hint: str | None) -> bool:
    if way.origin == way.target:
        return _is_meant_of_itself(way, target, hint)
    if hint is not None:
        return target == way.target.name and hint in _names(way)
    return target == way.target.name or target in {way.constraint, _only_column(way, 0)} - {""}


def _is_meant_of_itself(way: Relationship, target: str, hint: str | None) -> bool:
    """In a table that refers to itself the name of the table means the many, the column the one."""
    if hint is None and way.cardinality == "many-to-one":
        return target == _only_column(way, 0)
    if target != way.target.name or way.cardinality != "one-to-many":
        return False
    return hint is None or hint == _only_column(way, 1)


def _names(way: Relationship) -> set[str]:
    if way.junction is not None:
        return {way.junction.table.name}
    return {way.constraint, _only_column(way, 0), _only_column(way, 1)} - {""}


def _only_column(way: Relationship, side: int) -> str:
    return way.columns[0][side] if len(way.columns) == 1 else ""


def _describe(way: Relationship) -> dict[str, str]:
    if way.junction is not None:
        first, second = way.junction.constraints
        origin_columns = ", ".join(mine for _, mine in way.junction.to_origin)
        target_columns = ", ".join(mine for _, mine in way.junction.to_target)
        detail = (
            f"{way.junction.table.name} using {first}({origin_columns}) "
            f"and {second}({target_columns})"
        )
    else:
        mine = ", ".join(pair[0] for pair in way.columns)
        theirs = ", ".join(pair[1] for pair in way.columns)
        detail = f"{way.constraint} using {way.origin.name}({mine}) and {way.target.name}({theirs})"
    return {
        "cardinality": way.cardinality,
        "embedding": f"{way.origin.name} with {way.target.name}",
        "relationship": detail,
    }


def _suggestion(schema: Schema, origin: Name, target: str) -> str | None:
    ways = schema.relationships.get(origin, ())
    if ways:
        similar = suggest(target, {way.target.name for way in ways} - {target})
        return similar and f"Perhaps you meant '{similar}' instead of '{target}'."
    origins = {name.name for name in schema.relationships if name.schema == origin.schema}
    similar = suggest(origin.name, origins)
    return similar and f"Perhaps you meant '{similar}' instead of '{origin.name}'."
