"""What a request may say about rows, as values: fields, conditions, orders, selections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: The names of the embedded resources between the root and what is meant; the root is ().
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One arrow into a JSON document: by key, or by position."""

    arrow: Literal["->", "->>"]
    key: str
    is_index: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a place inside one."""

    name: str
    steps: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one field, such as `age=not.gte.18`."""

    field: Field
    operator: str
    value: str = ""
    values: tuple[str, ...] = ()
    negated: bool = False
    quantifier: Literal["any", "all"] | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Logic:
    """Terms joined by `and` or `or`."""

    operator: Literal["and", "or"]
    terms: tuple[Term, ...]
    negated: bool = False


Term: TypeAlias = Condition | Logic


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order; `relation` names a to-one resource to order by."""

    field: Field
    relation: str | None = None
    direction: Literal["asc", "desc"] | None = None
    nulls: Literal["nullsfirst", "nullslast"] | None = None


@dataclass(frozen=True, slots=True)
class SelectField:
    """A field of the answer; the field `*` is every column."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class SelectRelation:
    """A related resource in the answer, nested, or spread into its parent."""

    name: str
    items: tuple[SelectItem, ...]
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False

    @property
    def label(self) -> str:
        """The key of the resource in the answer, and its name in filters and orders."""
        return self.alias or self.name


SelectItem: TypeAlias = SelectField | SelectRelation

STAR = SelectField(Field("*"))
