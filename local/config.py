"""The settings of the stand-in: what is said nowhere else, read once, never changed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPOSITORY: Final = Path(__file__).resolve().parent.parent
ENVIRONMENT_PREFIX: Final = "SIMPOOL_LOCAL_"
HIGHEST_PORT: Final = 65535
EMBEDDED: Final = "embedded"
SYSTEM: Final = "system"
DSN_SCHEMES: Final = ("postgresql://", "postgres://")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one stand-in runs; every field can be overridden by `SIMPOOL_LOCAL_<FIELD>`."""

    #: database files, keys and logs; a second start finds them here
    data_dir: Path = REPOSITORY / ".local"
    host: str = "127.0.0.1"
    #: 0 takes any free port
    api_port: int = 54321
    db_port: int = 54322
    #: `embedded`, `system`, or the DSN of a superuser
    database: str = EMBEDDED
    migrations_dir: Path = REPOSITORY / "supabase" / "migrations"
    functions_dir: Path = REPOSITORY / "supabase" / "functions"
    #: probability that Realtime loses a message, for tests
    drop_messages: float = 0.0
    #: probability, per message, that Realtime cuts the connection, for tests
    drop_connections: float = 0.0
    #: makes the random losses repeatable
    seed: int | None = None
    #: load the handlers again when their files change
    reload: bool = False
    #: seconds an access token of a user lives
    jwt_expiry: int = 3600

    def __post_init__(self) -> None:
        for port in ("api_port", "db_port"):
            _check(
                0 <= getattr(self, port) <= HIGHEST_PORT,
                f"{port} must lie between 0 and {HIGHEST_PORT}",
            )
        for chance in ("drop_messages", "drop_connections"):
            _check(0.0 <= getattr(self, chance) <= 1.0, f"{chance} must lie between 0 and 1")
        _check(self.jwt_expiry > 0, "jwt_expiry must be positive")
        _check(
            self.database in {EMBEDDED, SYSTEM} or self.database.startswith(DSN_SCHEMES),
            f"database must be {EMBEDDED}, {SYSTEM} or a DSN such as postgresql://user@host/name",
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach the stand-in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def override(self, values: Mapping[str, Any]) -> Settings:
        """The same settings with those of `values` that are not None."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """The defaults, overridden by the `SIMPOOL_LOCAL_*` variables of `environ`."""
        return cls(
            **{
                field.name: _parse(field.name, environ[variable])
                for field in fields(cls)
                if (variable := variable_of(field.name)) in environ
            }
        )


def variable_of(name: str) -> str:
    """The environment variable that sets the field `name`."""
    return ENVIRONMENT_PREFIX + name.upper()


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _boolean(text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    return values[text.lower()]


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "data_dir": _path,
    "host": str,
    "api_port": int,
    "db_port": int,
    "database": str,
    "migrations_dir": _path,
    "functions_dir": _path,
    "drop_messages": float,
    "drop_connections": float,
    "seed": int,
    "reload": _boolean,
    "jwt_expiry": int,
}


def _parse(name: str, text: str) -> Any:
    try:
        return _PARSERS[name](text)
    except (ValueError, KeyError):
        raise SettingsError(f"{variable_of(name)}={text!r} cannot be understood") from None


def _check(holds: bool, message: str) -> None:  # noqa: FBT001
    if not holds:
        raise SettingsError(message)
