"""What a request comes down to: one statement, and the transaction it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.rest.ranges import EVERYTHING

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from local.rest.media import Media
    from local.rest.preferences import Kind, Preferences
    from local.rest.ranges import Window
    from local.rest.statement import Statement

#: The most rows that one answer has, as on the platform.
MAX_ROWS = 1000


#: Stands for the body among the parameters of a plan that is used for many bodies.
BODY_TEXT = "(the body of the request)"


@dataclass(frozen=True, slots=True)
class Command:
    """A statement with its parameters."""

    text: bytes
    parameters: tuple[str | None, ...]

    @classmethod
    def of(cls, statement: Statement, sql: Composable) -> Command:
        """The command of a finished statement."""
        return cls(sql.as_bytes(), tuple(statement.parameters))

    def with_body(self, text: str) -> Command:
        """The command for one body."""
        return Command(
            self.text,
            tuple(text if each is BODY_TEXT else each for each in self.parameters),
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """What to run, and how its result becomes a response."""

    kind: Kind
    resource: str
    command: Command
    media: Media
    preferences: Preferences
    window: Window = EVERYTHING
    read_only: bool = False
    explain: Command | None = None
    settings: tuple[tuple[str, str], ...] = ()
    returns_void: bool = False

    @property
    def checks_result(self) -> bool:
        """Whether only the result tells if the transaction is to be committed."""
        return (
            self.media.single
            or self.preferences.strict_limit is not None
            or self.preferences.transaction == "rollback"
        )
