"""Databases for tests: one server per session, a fresh database per test, from a template."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from local import bootstrap
from local.config import DSN_SCHEMES, EMBEDDED, SYSTEM, Settings
from local.migrations import push
from local.postgres import CRON_DATABASE, CRON_SETTINGS, Cluster
from local.servers import SUPERUSER, ExternalServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.servers import Server

VARIABLE: Final = "SIMPOOL_TEST_DATABASE"
CONTAINER: Final = "container"
#: bytes; with less left, files stay on disk
MEMORY_NEEDED: Final = 4 << 30
#: waits, in milliseconds, until each of them has ended
READER_PATIENCE: Final = 5000
END_READERS: Final = """
select pg_catalog.pg_terminate_backend(slots.active_pid, %s)
from pg_catalog.pg_replication_slots as slots
where slots.database = %s and slots.active_pid is not null
"""


@dataclass
class TestDatabase:
    """One database, and who can be in it."""

    __test__ = False  # pytest shall not take it for a test class

    server: Server
    name: str
    _connections: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def admin_dsn(self) -> str:
        """The DSN of the superuser."""
        return self.server.dsn(SUPERUSER, self.name)

    @property
    def dsn(self) -> str:
        """The DSN of role postgres, as migrations and handlers use it."""
        return self.server.dsn("postgres", self.name)

    @property
    def authenticator_dsn(self) -> str:
        """The DSN of the role that the REST API logs in as."""
        return self.server.dsn("authenticator", self.name)

    def connect(
        self, role: str | None = None, claims: Mapping[str, Any] | None = None
    ) -> psycopg.Connection:
        """A connection as `postgres`, or as `role` with `claims` as the REST API sets them."""
        dsn = self.dsn if role is None else self.authenticator_dsn
        connection = self._open(dsn)
        if role is not None:
            payload = json.dumps({"role": role, **(claims or {})})
            connection.execute(
                "select set_config('request.jwt.claims', %s, false), set_config('role', %s, false)",
                (payload, role),
            )
        return connection

    def connect_as_admin(self) -> psycopg.Connection:
        """A connection as the superuser."""
        return self._open(self.admin_dsn)

    def create_user(self, email: str) -> str:
        """A user who could sign in, were there a password."""
        with psycopg.connect(self.admin_dsn) as connection:
            row = connection.execute(
                """
                insert into auth.users (
                  id, aud, role, email, email_confirmed_at, raw_app_meta_data,
                  raw_user_meta_data, created_at, updated_at
                )
                values (
                  gen_random_uuid(), 'authenticated', 'authenticated', %s, now(),
                  '{"provider": "email", "providers": ["email"]}', '{}', now(), now()
                )
                returning id
                """,
                (email,),
            ).fetchone()
        assert row is not None
        return str(row[0])

    def broken_invariants(self) -> list[tuple[Any, ...]]:
        """What is wrong with the pool's books, as `private.check_invariants()` finds it."""
        with psycopg.connect(self.admin_dsn) as connection:
            return connection.execute("select * from private.check_invariants()").fetchall()

    def close(self) -> None:
        """Closes every connection that was opened here."""
        self._connections.close()

    def _open(self, dsn: str) -> psycopg.Connection:
        return self._connections.enter_context(
            contextlib.closing(psycopg.connect(dsn, autocommit=True))
        )


@dataclass
class DatabaseServer:
    """The server of a test session; makes and drops databases on it."""

    server: Server
    migrations_dir: Path = Settings().migrations_dir
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _templates: dict[str, str] = field(default_factory=dict)
    _prepared: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def database(self) -> Iterator[TestDatabase]:
        """A fresh database with the platform and our migrations."""
        with self._copy_of(self._migrated_template()) as database:
            # jobs keep the name of the database that they were scheduled in
            with psycopg.connect(database.admin_dsn) as connection:
                connection.execute("update cron.job set database = current_database()")
            yield database

    @contextlib.contextmanager
    def platform_database(self) -> Iterator[TestDatabase]:
        """A fresh database with the platform only, as a new project has it."""
        with self._copy_of(self._platform_template()) as database:
            yield database

    @contextlib.contextmanager
    def cron_database(self) -> Iterator[TestDatabase]:
        """A database with the platform whose jobs real pg_cron runs; else its stand-in.

        pg_cron serves one database of a server, so that one is shared by the tests that ask.
        """
        if not self._has_real_cron():
            with self.platform_database() as database:
                yield database
            return
        if CRON_DATABASE not in self._prepared:
            bootstrap.prepare_database(self.server, CRON_DATABASE)
            self._prepared.add(CRON_DATABASE)
        with contextlib.closing(TestDatabase(self.server, CRON_DATABASE)) as database:
            yield database
            database.connect_as_admin().execute("select cron.unschedule(jobid) from cron.job")

    def _has_real_cron(self) -> bool:
        with psycopg.connect(self.server.dsn(SUPERUSER, CRON_DATABASE)) as connection:
            return bootstrap.has_real_cron(connection)

    def close(self) -> None:
        """Drops what is left: the templates."""
        for name in self._templates.values():
            self._drop(name)
        self._templates.clear()

    def _platform_template(self) -> str:
        if "platform" not in self._templates:
            name = self._create("template0")
            self._templates["platform"] = name
            bootstrap.prepare_database(self.server, name)
        return self._templates["platform"]

    def _migrated_template(self) -> str:
        if "migrated" not in self._templates:
            name = self._create(self._platform_template())
            self._templates["migrated"] = name
            push(self.server.dsn("postgres", name), self.migrations_dir)
        return self._templates["migrated"]

    @contextlib.contextmanager
    def _copy_of(self, template: str) -> Iterator[TestDatabase]:
        database = TestDatabase(self.server, self._create(template))
        try:
            yield database
        finally:
            database.close()
            self._drop(database.name)

    def _create(self, template: str) -> str:
        name = f"simpool_test_{os.getpid()}_{next(self._numbers)}"
        command = sql.SQL("create database {} template {} owner postgres encoding 'UTF8'")
        with psycopg.connect(self.server.dsn(SUPERUSER), autocommit=True) as connection:
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def _drop(self, name: str) -> None:
        """Drops a database, after the readers of its log: `force` does not end those."""
        drop = sql.SQL("drop database {} with (force)")
        with psycopg.connect(self.server.dsn(SUPERUSER), autocommit=True) as connection:
            connection.execute(END_READERS, (READER_PATIENCE, name))
            connection.execute(drop.format(sql.Identifier(name)))


@contextlib.contextmanager
def open_server(choice: str | None = None) -> Iterator[DatabaseServer]:
    """The server that `SIMPOOL_TEST_DATABASE` chooses; what was started is stopped."""
    with (
        public_directory() as directory,
        _start(choice or os.environ.get(VARIABLE, EMBEDDED), directory) as server,
    ):
        bootstrap.prepare_server(server)
        with contextlib.closing(DatabaseServer(server)) as databases:
            yield databases


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """A temporary directory that the user of Postgres can enter, also when we are root."""
    with tempfile.TemporaryDirectory(prefix="simpool-test-", dir=_memory()) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def _memory() -> Path | None:
    """Where files live in memory: copying a template there takes a tenth of the time."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= MEMORY_NEEDED:
        return memory
    return None


@contextlib.contextmanager
def _start(choice: str, directory: Path) -> Iterator[Server]:
    if choice == EMBEDDED:
        with Cluster(directory, durable=False) as cluster:
            yield cluster
    elif choice == SYSTEM:
        with Cluster.of_system(directory, durable=False) as cluster:
            yield cluster
    elif choice == CONTAINER:
        from tests.container.server import container_server  # noqa: PLC0415 - needs an engine

        with container_server(CRON_SETTINGS) as server:
            yield server
    elif choice.startswith(DSN_SCHEMES):
        yield ExternalServer(choice)
    else:
        raise ValueError(f"{VARIABLE}={choice!r}: use embedded, system, container or a DSN")
