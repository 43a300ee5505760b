"""The settings of the stand-in: what is said nowhere else, read once, never changed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
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
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - named in order to be refused
DSN_SCHEMES: Final = ("postgresql://", "postgres://")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one stand-in runs; every field can be overridden by `SIMPOOL_LOCAL_<FIELD>`."""

    #: database files, keys and logs; a second start finds them here
    data_dir: Path = REPOSITORY / ".local"
    host: str = "127.0.0.1"
    #: allow a host that other machines can reach
    exposed: bool = False
    #: how clients reach the API, where that is not `host`
    public_url: str | None = None
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
        _check(
            self.is_loopback or self.exposed,
            f"{self.host} can be reached from other machines, and this stand-in is for "
            "development: its keys and passwords are known. If you want that, say so with "
            "--i-know-this-is-for-development.",
        )
        _check(
            self.host not in WILDCARDS or self.public_url is not None,
            f"{self.host} is no address that clients can use: say with --public-url which one is",
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach the stand-in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], given: Mapping[str, Any] | None = None
    ) -> Settings:
        """What is `given` and not None, else the `SIMPOOL_LOCAL_*` variables, else defaults."""
        values = {
            field.name: parse_value(field.name, environ[variable])
            for field in fields(cls)
            if (variable := variable_of(field.name)) in environ
        }
        said = {name: value for name, value in (given or {}).items() if value is not None}
        return cls(**{**values, **said})


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
    "exposed": _boolean,
    "public_url": lambda text: text.rstrip("/"),
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


def parse_value(name: str, text: str) -> Any:
    """The value of field `name` that `text` stands for; SettingsError when it stands for none."""
    try:
        return _PARSERS[name](text)
    except (ValueError, KeyError):
        raise SettingsError(f"{text!r} cannot be understood as {name}") from None


def _check(holds: bool, message: str) -> None:  # noqa: FBT001
    if not holds:
        raise SettingsError(message)
