"""Applies migrations with the semantics of `supabase db push`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg

from local import statements
from local.errors import MigrationFailedError, MigrationHistoryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE_NAME: Final = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.sql")
LOCK_TIMEOUT: Final = "4s"
HISTORY: Final = """
set lock_timeout = '4s';
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
  version text not null primary key,
  statements text[],
  name text
);
"""
RECORD: Final = """
insert into supabase_migrations.schema_migrations (version, name, statements)
values (%s, %s, %s)
"""


@dataclass(frozen=True)
class Migration:
    """One file of the migrations directory."""

    path: Path
    version: str
    name: str

    @property
    def statements(self) -> list[str]:
        """What the file does, one statement each."""
        return statements.split(self.path.read_text(encoding="utf-8"))


def push(
    dsn: str,
    directory: Path,
    *,
    include_all: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> list[Migration]:
    """Applies what is pending as the user of `dsn`; what was applied.

    `include_all` also applies files that are older than the last applied one.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(HISTORY)
        pending = _pending(_applied(connection), find(directory, notice), include_all=include_all)
        for migration in pending:
            notice(f"applying migration {migration.path.name}")
            _apply(connection, migration)
    return pending


def find(directory: Path, notice: Callable[[str], None] = lambda _: None) -> list[Migration]:
    """The migrations of `directory` in the order of their versions."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match:
            found.append(Migration(path, match["version"], match["name"]))
        else:
            notice(f"skipping {path.name}: migrations are named <version>_name.sql")
    return found


def _applied(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "select version from supabase_migrations.schema_migrations order by version"
    ).fetchall()
    return [row[0] for row in rows]


def _pending(applied: list[str], local: list[Migration], *, include_all: bool) -> list[Migration]:
    missing = sorted(set(applied) - {migration.version for migration in local})
    if missing:
        raise MigrationHistoryError(
            "the database has migrations that the directory has not: "
            f"{', '.join(missing)}. Restore their files, or say that they are gone with "
            f"`supabase migration repair --status reverted {' '.join(missing)}`."
        )
    pending = [migration for migration in local if migration.version not in applied]
    early = [each.path.name for each in pending if applied and each.version < applied[-1]]
    if early and not include_all:
        raise MigrationHistoryError(
            "found local migration files to be inserted before the last migration of the "
            f"database: {', '.join(early)}. Give them later versions, apply them with "
            "`supabase db push --include-all`, or start over with `python -m local reset`."
        )
    return pending


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """One transaction for the file and its history row; settings end with it."""
    connection.execute("reset all")
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")
    script = migration.statements
    connection.execute("begin")
    for number, statement in enumerate(script, start=1):
        try:
            _execute(connection, statement)
        except psycopg.Error as error:
            connection.rollback()
            raise _failure(migration, number, statement, error) from error
    connection.execute(RECORD, (migration.version, migration.name, script))
    connection.execute("commit")


def _execute(connection: psycopg.Connection, statement: str) -> None:
    if not statements.needs_no_transaction(statement):
        connection.execute(statement.encode())
        return
    connection.execute("commit")
    connection.execute(statement.encode())
    connection.execute("begin")


def _failure(
    migration: Migration, number: int, statement: str, error: psycopg.Error
) -> MigrationFailedError:
    cause = f"ERROR: {error.diag.message_primary or error} (SQLSTATE {error.sqlstate})"
    for label, text in (("DETAIL", error.diag.message_detail), ("HINT", error.diag.message_hint)):
        cause += f"\n{label}: {text}" if text else ""
    return MigrationFailedError(migration.path.name, number, statement, cause)
