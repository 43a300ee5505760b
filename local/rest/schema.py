"""What the database offers, as far as requests are planned with it: tables, links, functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, NamedTuple

from local.rest.errors import table_not_found

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Name(NamedTuple):
    """The qualified name of a table or function."""

    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the type its values are read as, and the expression of its default."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    name: Name
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Junction:
    """The table in the middle of a many-to-many relationship."""

    table: Name
    constraints: tuple[str, str]
    to_origin: tuple[tuple[str, str], ...]
    to_target: tuple[tuple[str, str], ...]


Cardinality = Literal["many-to-one", "one-to-one", "one-to-many", "many-to-many"]


@dataclass(frozen=True, slots=True)
class Relationship:
    """A way from the rows of one table to those of another.

    `columns` pairs the columns of the origin with those of the target.
    """

    origin: Name
    target: Name
    cardinality: Cardinality
    constraint: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    junction: Junction | None = None

    @property
    def to_one(self) -> bool:
        """Whether a row of the origin has at most one row of the target."""
        return self.cardinality in {"many-to-one", "one-to-one"}

    @property
    def origin_columns(self) -> tuple[str, ...]:
        """The columns of the origin that the way begins with."""
        pairs = self.junction.to_origin if self.junction else self.columns
        return tuple(mine for mine, _ in pairs)


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input of a function; the name is empty if it has none."""

    name: str
    type: str
    required: bool = True
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function; a record is a row with columns, a scalar anything else."""

    name: Name
    parameters: tuple[Parameter, ...] = ()
    returns: Literal["void", "scalar", "record"] = "scalar"
    returns_set: bool = False
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    row_type: Name | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> str:
        """The function as people write it."""
        listed = ", ".join(f"{each.name} => {each.type}" for each in self.parameters)
        return f"{self.name.schema}.{self.name.name}({listed})"


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that requests are planned with, as of one moment."""

    tables: Mapping[Name, Table] = field(default_factory=dict)
    relationships: Mapping[Name, tuple[Relationship, ...]] = field(default_factory=dict)
    functions: Mapping[Name, tuple[Function, ...]] = field(default_factory=dict)
    role_settings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    fingerprint: str = ""

    def table(self, name: Name) -> Table:
        """The table of this name, or an error that suggests a similar one."""
        found = self.tables.get(name)
        if found is None:
            similar = suggest(
                name.name, (each.name for each in self.tables if each.schema == name.schema)
            )
            hint = similar and f"Perhaps you meant the table '{name.schema}.{similar}'"
            raise table_not_found(name.schema, name.name, hint)
        return found


def suggest(name: str, known: Iterable[str], *, likeness: float = 0.75) -> str | None:
    """The known name that is most like this one, if one is like it enough."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
