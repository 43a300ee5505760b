"""Migrations are applied as `supabase db push` applies them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import MigrationFailedError, MigrationHistoryError
from local.migrations import push

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from tests.databases import TestDatabase


def write(directory: Path, **files: str) -> Path:
    """Migrations by version: v1="..." is the file 1_step.sql."""
    for version, text in files.items():
        (directory / f"{version.removeprefix('v')}_step.sql").write_text(text)
    return directory


def history(connection: psycopg.Connection) -> list[tuple[str, str, list[str]]]:
    """What the database says was applied."""
    return connection.execute(
        "select version, name, statements from supabase_migrations.schema_migrations order by 1"
    ).fetchall()


def tables(connection: psycopg.Connection) -> list[str]:
    """The tables of schema public."""
    rows = connection.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = "
        "'public'::regnamespace order by 1"
    )
    return [row[0] for row in rows]


def test_files_are_applied_in_order_and_recorded(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """The history row holds version, name and statements."""
    write(tmp_path, v20="create table b (a_id int references a);")
    write(tmp_path, v10="-- first\ncreate table a (id int primary key); select 1;")
    applied = push(platform_database.dsn, tmp_path)
    assert [migration.version for migration in applied] == ["10", "20"]
    assert history(platform_database.connect()) == [
        ("10", "step", ["-- first\ncreate table a (id int primary key)", "select 1"]),
        ("20", "step", ["create table b (a_id int references a)"]),
    ]


def test_what_was_applied_is_not_applied_again(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """A second push finds nothing to do."""
    write(tmp_path, v1="create table a (id int);")
    assert len(push(platform_database.dsn, tmp_path)) == 1
    assert push(platform_database.dsn, tmp_path) == []


def test_a_failure_rolls_the_whole_file_back(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """Files before the failing one stay, the failing one leaves nothing."""
    write(tmp_path, v1="create table a (id int);")
    write(tmp_path, v2="create table b (id int); create table c (id nonsense);")
    with pytest.raises(MigrationFailedError) as caught:
        push(platform_database.dsn, tmp_path)
    assert (caught.value.file, caught.value.number) == ("2_step.sql", 2)
    assert caught.value.statement == "create table c (id nonsense)"
    assert 'type "nonsense" does not exist (SQLSTATE 42704)' in str(caught.value)
    connection = platform_database.connect()
    assert tables(connection) == ["a"]
    assert [row[0] for row in history(connection)] == ["1"]


def test_a_file_can_be_mended_and_pushed_again(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """After a failure the next push goes on where the last one stopped."""
    write(tmp_path, v1="create table a (id nonsense);")
    with pytest.raises(MigrationFailedError):
        push(platform_database.dsn, tmp_path)
    write(tmp_path, v1="create table a (id int);")
    push(platform_database.dsn, tmp_path)
    assert tables(platform_database.connect()) == ["a"]


def test_a_migration_runs_as_a_role_without_privileges_of_the_platform(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """What fails on the hosted platform fails here."""
    write(tmp_path, v1="create table auth.mine (id int);")
    with pytest.raises(MigrationFailedError, match="permission denied for schema auth"):
        push(platform_database.dsn, tmp_path)


def test_a_late_file_is_refused(platform_database: TestDatabase, tmp_path: Path) -> None:
    """A version before the last applied one needs a decision."""
    push(platform_database.dsn, write(tmp_path, v20="create table a (id int);"))
    write(tmp_path, v10="create table b (id int);")
    with pytest.raises(MigrationHistoryError, match=r"inserted before the last.*10_step\.sql"):
        push(platform_database.dsn, tmp_path)
    assert tables(platform_database.connect()) == ["a"]


def test_a_late_file_can_be_applied_on_purpose(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """include_all applies it after the others."""
    push(platform_database.dsn, write(tmp_path, v20="create table a (id int);"))
    write(tmp_path, v10="create table b (id int);")
    push(platform_database.dsn, tmp_path, include_all=True)
    assert tables(platform_database.connect()) == ["a", "b"]


def test_an_applied_version_without_its_file_is_refused(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """The message says how to repair the history."""
    push(platform_database.dsn, write(tmp_path, v1="select 1;", v2="select 2;"))
    (tmp_path / "1_step.sql").unlink()
    with pytest.raises(MigrationHistoryError, match="migration repair --status reverted 1`"):
        push(platform_database.dsn, tmp_path)


def test_other_files_are_skipped_with_a_notice(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """Only <version>_name.sql is a migration."""
    (tmp_path / "draft.sql").write_text("create table a (id int);")
    notices: list[str] = []
    assert push(platform_database.dsn, tmp_path, notice=notices.append) == []
    assert notices == ["skipping draft.sql: migrations are named <version>_name.sql"]


def test_settings_of_a_file_end_with_it(platform_database: TestDatabase, tmp_path: Path) -> None:
    """A search_path set in one file does not reach the next."""
    write(tmp_path, v1="create schema other; set search_path = other;")
    write(tmp_path, v2="create table a (id int);")
    push(platform_database.dsn, tmp_path)
    assert tables(platform_database.connect()) == ["a"]


def test_a_commit_inside_a_file_breaks_its_atomicity(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """As with the real command: what was committed stays, and is not in the history."""
    write(tmp_path, v1="create table a (id int); commit; create table b (id nonsense);")
    with pytest.raises(MigrationFailedError):
        push(platform_database.dsn, tmp_path)
    connection = platform_database.connect()
    assert (tables(connection), history(connection)) == (["a"], [])


def test_an_index_can_be_built_concurrently(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """The statement runs outside the transaction of its file."""
    write(tmp_path, v1="create table a (id int);")
    write(tmp_path, v2="-- no lock\ncreate index concurrently a_id on a (id); select 1;")
    push(platform_database.dsn, tmp_path)
    connection = platform_database.connect()
    assert connection.execute("select to_regclass('a_id')::text").fetchone() == ("a_id",)
    assert [row[0] for row in history(connection)] == ["1", "2"]


def test_a_new_enum_value_cannot_be_used_in_its_file(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """One transaction per file: the same refusal as when hosted."""
    write(tmp_path, v1="create type mood as enum ('ok');")
    write(tmp_path, v2="alter type mood add value 'sad'; select 'sad'::mood;")
    with pytest.raises(MigrationFailedError, match="55P04"):
        push(platform_database.dsn, tmp_path)


def test_a_lock_that_is_held_stops_the_push_soon(
    platform_database: TestDatabase, tmp_path: Path
) -> None:
    """lock_timeout is set while migrations run."""
    write(tmp_path, v1="create table seen as select current_setting('lock_timeout') as value;")
    push(platform_database.dsn, tmp_path)
    row = platform_database.connect().execute("select value from seen").fetchone()
    assert row == ("4s",)
