"""How to reach a Postgres server as any of its roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

SUPERUSER: Final = "supabase_admin"
#: the password that `supabase start` and the CLI's local target use as well
PASSWORD: Final = "postgres"  # noqa: S105 - published, for development only


class Server(Protocol):
    """A Postgres server on which this program may be any role."""

    def dsn(self, role: str, database: str = "postgres") -> str:
        """The DSN of `database` for `role`."""

    def network_dsn(self, role: str, database: str = "postgres") -> str:
        """The same for programs of other users: through TCP, with a password."""


@dataclass(frozen=True)
class ExternalServer:
    """A server that somebody else runs, known by the DSN of a superuser."""

    admin_dsn: str

    @property
    def database(self) -> str:
        """The database that the DSN names."""
        return urlsplit(self.admin_dsn).path.lstrip("/")

    def dsn(self, role: str, database: str = "postgres") -> str:
        """The DSN of `database` for `role`, with the password that the platform gives it."""
        parts = urlsplit(self.admin_dsn)
        credentials, _, address = parts.netloc.rpartition("@")
        if role != SUPERUSER:
            credentials = f"{quote(role, safe='')}:{PASSWORD}"
        netloc = f"{credentials}@{address}" if credentials else address
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))

    def network_dsn(self, role: str, database: str = "postgres") -> str:
        """The same as `dsn`."""
        return self.dsn(role, database)
