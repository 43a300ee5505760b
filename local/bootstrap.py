"""Makes a database what the hosted platform gives: roles, schemas, publications, cron."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from local.errors import PlatformError
from local.servers import SUPERUSER

if TYPE_CHECKING:
    from local.servers import Server

PLATFORM: Final = Path(__file__).parent / "platform"
#: applied once per server
ROLES: Final = "roles.sql"
#: applied once per database, in this order
OBJECTS: Final = (
    "schemas.sql",
    "auth.sql",
    "realtime.sql",
    "partitions.sql",
    "publications.sql",
    "guards.sql",
)
PARTITIONS: Final = "partitions.sql"
REAL_CRON: Final = "pg_cron.sql"
OWN_CRON: Final = "cron.sql"
#: any number: it keeps two bootstraps of one server apart
ROLES_LOCK: Final = 7_462_001


def prepare_server(server: Server, database: str = "postgres") -> None:
    """Creates the roles, through any database of the server."""
    with psycopg.connect(server.dsn(SUPERUSER, database), autocommit=True) as connection:
        _refuse_superuser_postgres(connection)
        connection.execute("select pg_catalog.pg_advisory_lock(%s)", (ROLES_LOCK,))
        _apply(connection, ROLES)


def prepare_database(server: Server, database: str) -> None:
    """Gives `database` to role postgres and creates the objects of the platform in it."""
    with psycopg.connect(server.dsn(SUPERUSER, database), autocommit=True) as connection:
        owner = psycopg.sql.SQL("alter database {} owner to postgres")
        connection.execute(owner.format(psycopg.sql.Identifier(database)))
        for name in OBJECTS:
            _apply(connection, name)
        _apply(connection, REAL_CRON if has_real_cron(connection) else OWN_CRON)


def keep_partitions(server: Server, database: str) -> None:
    """Makes the daily partitions of realtime.messages that are due, and drops the old ones."""
    with psycopg.connect(server.dsn(SUPERUSER, database), autocommit=True) as connection:
        _apply(connection, PARTITIONS)


def has_real_cron(connection: psycopg.Connection) -> bool:
    """Whether pg_cron runs the jobs of this database: it serves one database of its server."""
    row = connection.execute("""
        select pg_catalog.current_setting('cron.database_name', true)
          = pg_catalog.current_database()::text
    """).fetchone()
    return bool(row and row[0])


def _refuse_superuser_postgres(connection: psycopg.Connection) -> None:
    row = connection.execute("""
        select roles.rolsuper from pg_catalog.pg_roles as roles where roles.rolname = 'postgres'
    """).fetchone()
    if row and row[0]:
        raise PlatformError(
            "the role postgres of this server is a superuser, so migrations would be allowed more "
            "than the hosted platform allows. Use a server that was initialised with another "
            "superuser (initdb --username=supabase_admin)."
        )


def _apply(connection: psycopg.Connection, name: str) -> None:
    script = (PLATFORM / name).read_bytes()
    with connection.transaction():
        connection.execute("set local client_min_messages to warning")
        connection.execute("set local search_path to public")
        connection.execute(script)
