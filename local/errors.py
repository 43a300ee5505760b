"""Everything the stand-in raises on purpose, in one tree.

LocalError
├── SettingsError
├── PostgresError
│   ├── PostgresMissingError
│   ├── PostgresStartError
│   └── DataDirectoryInUseError
├── PortTakenError
├── PlatformError
├── MigrationError
│   ├── MigrationFailedError
│   └── MigrationHistoryError
├── ScheduleError
└── TokenError
    └── ApiKeyError
"""

from __future__ import annotations

from typing import Literal

TokenReason = Literal["expired", "malformed", "signature", "claims"]


class LocalError(Exception):
    """The local stand-in cannot do this."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SettingsError(LocalError):
    """A setting of the stand-in has a value that makes no sense."""


class PostgresError(LocalError):
    """Postgres cannot be used."""


class PostgresMissingError(PostgresError):
    """No Postgres installation was found."""


class PostgresStartError(PostgresError):
    """Postgres did not start."""


class DataDirectoryInUseError(PostgresError):
    """Another stand-in is using this data directory."""


class PortTakenError(LocalError):
    """The port is taken by another program."""

    def __init__(self, host: str, port: int, flag: str) -> None:
        super().__init__(
            f"port {port} on {host} is taken by another program. Stop that program, or give "
            f"another port with {flag}. If it is another stand-in, `python -m local status` "
            f"in its directory shows it."
        )
        self.port = port


class PlatformError(LocalError):
    """The server cannot become the platform that migrations expect."""


class MigrationError(LocalError):
    """The migrations cannot be applied."""


class MigrationFailedError(MigrationError):
    """A statement of a migration failed; nothing of its file was kept."""

    def __init__(self, file: str, number: int, statement: str, cause: str) -> None:
        super().__init__(f"{file}: {cause}\nat statement {number}:\n{statement}")
        self.file = file
        self.number = number
        self.statement = statement


class MigrationHistoryError(MigrationError):
    """The files and the history of the database do not fit together."""


class ScheduleError(LocalError):
    """The text is not a schedule that pg_cron understands."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid schedule: {text}")
        self.text = text


class DemoError(LocalError):
    """The demonstration did not show what it promises."""


class NodeProcessError(LocalError):
    """A node did not do what it was started for."""


class TokenError(LocalError):
    """The token cannot be accepted."""

    def __init__(self, reason: TokenReason, message: str) -> None:
        super().__init__(message)
        self.reason: TokenReason = reason


class ApiKeyError(TokenError):
    """The API key is missing or unknown."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)
