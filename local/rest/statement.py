"""One SQL statement in the making: its parameters, and the names it has given out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.rest.schema import Name

_NAME_LIMIT = 48
COMMA = SQL(", ")
AND = SQL(" and ")
EMPTY = SQL("")


class Statement:
    """Values become parameters here, and nowhere are they written into the text."""

    def __init__(self) -> None:
        self.parameters: list[str | None] = []
        self._aliases = 0

    def bind(self, value: str | None) -> SQL:
        """The placeholder of a new parameter; Postgres infers its type from where it stands."""
        self.parameters.append(value)
        return SQL(f"${len(self.parameters)}")  # type: ignore[arg-type,unused-ignore]

    def bind_array(self, values: Iterable[str]) -> SQL:
        """The placeholder of an array, whose element type Postgres infers."""
        return self.bind(array_literal(values))

    def alias(self, name: str) -> str:
        """A new name for rows, that reminds of what they are."""
        self._aliases += 1
        start = name.encode()[:_NAME_LIMIT].decode(errors="ignore")
        return f"{start}_{self._aliases}"


def array_literal(values: Iterable[str]) -> str:
    """The text of an array of texts."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def qualified(name: Name) -> Identifier:
    """The quoted name of a table or function."""
    return Identifier(name.schema, name.name)
