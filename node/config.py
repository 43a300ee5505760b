"""Settings of a node: flags, then `SIMPOOL_*` variables, then the settings file, then defaults."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import platformdirs

from node.errors import ConfigurationError
from node.options import (
    ENVIRONMENT_PREFIX,
    Option,
    address,
    decimal,
    from_environment,
    from_flags,
    one_of,
    path,
    printable,
    read_given,
    suggestion,
    text,
    whole,
)
from node.settings_file import from_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

LOCAL_POOL = "http://127.0.0.1:54321"
# The fixed key of a pool on this machine: it grants what an anonymous visitor may do, nothing more.
LOCAL_KEY = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
CONFIG_VARIABLE = "SIMPOOL_CONFIG"
# Variables of the local stand-in and of the tests share our prefix and are not ours to judge.
FOREIGN_PREFIXES = ("SIMPOOL_LOCAL_", "SIMPOOL_TEST_", "SIMPOOL_DEMO_", "SIMPOOL_BENCH_")
MAX_WORKERS = 4096
MAX_NAME_LENGTH = 80
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "screen", "text", "json")


def default_config_path() -> Path:
    """The settings file of this platform, on Linux `~/.config/simpool/node.toml`."""
    return Path(platformdirs.user_config_dir("simpool", appauthor=False)) / "node.toml"


def default_data_dir() -> Path:
    """Where keys, caches and spooled results live, on Linux `~/.local/share/simpool`."""
    return Path(platformdirs.user_data_dir("simpool", appauthor=False))


def default_cache_dir() -> Path:
    """Where compiled kernels live, on Linux `~/.cache/simpool`."""
    return Path(platformdirs.user_cache_dir("simpool", appauthor=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a node can be told. Durations are in seconds."""

    url: str = LOCAL_POOL
    handlers: str | None = None
    publishable_key: str = LOCAL_KEY
    data_dir: Path = field(default_factory=default_data_dir)
    cache_dir: Path = field(default_factory=default_cache_dir)
    config_path: Path = field(default_factory=default_config_path)
    name: str | None = None
    max_parallel: int | None = None
    poll_interval: float = 60.0
    heartbeat_interval: float = 15.0
    claim_poll_interval: float = 5.0
    request_timeout: float = 30.0
    drain_timeout: float = 30.0
    niceness: int = 0
    log_level: str = "info"
    log_format: str = "auto"
    access_token: str | None = field(default=None, repr=False)
    sources: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), repr=False, compare=False
    )
    notices: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def pool_is_configured(self) -> bool:
        """Whether somebody named the pool, rather than the default of this machine."""
        return "url" in self.sources

    @property
    def handlers_url(self) -> str:
        """Where the handlers answer, below /functions/v1."""
        return self.handlers or self.url

    @property
    def session_path(self) -> Path:
        """Where `login` keeps the session of the user."""
        return self.data_dir / "session.json"


def _duration(key: str, low: float, high: float, purpose: str) -> Option:
    return Option(
        key=key,
        field=key,
        read=decimal(low, high),
        wanted=f"a number of seconds from {low:g} to {high:g}",
        help=purpose,
        metavar="SECONDS",
    )


OPTIONS: tuple[Option, ...] = (
    Option(
        key="pool",
        field="url",
        read=address,
        wanted="an address such as https://abc.supabase.co",
        help="address of the pool",
        metavar="URL",
        default=LOCAL_POOL,
    ),
    Option(
        key="handlers",
        field="handlers",
        read=address,
        wanted="an address such as https://pool.example.org",
        help="address of the pool's handlers where they are hosted apart (default: the pool's)",
        metavar="URL",
    ),
    Option(
        key="key",
        field="publishable_key",
        read=text,
        wanted="the publishable key of the pool",
        help="publishable key of the pool (default: that of a pool on this machine)",
        metavar="KEY",
    ),
    Option(
        key="data_dir",
        field="data_dir",
        read=path,
        wanted="a directory",
        help="where keys, caches and results waiting to be sent are kept",
        metavar="DIR",
    ),
    Option(
        key="cache_dir",
        field="cache_dir",
        read=path,
        wanted="a directory",
        help="where compiled kernels are kept; nodes of one machine may share it",
        metavar="DIR",
    ),
    Option(
        key="name",
        field="name",
        read=printable(MAX_NAME_LENGTH),
        wanted=f"1 to {MAX_NAME_LENGTH} printable characters",
        help="name to register under (default: the hostname); its owner may change it later",
        metavar="NAME",
    ),
    Option(
        key="max_parallel",
        field="max_parallel",
        read=whole(1, MAX_WORKERS),
        wanted=f"a whole number from 1 to {MAX_WORKERS}",
        help="workers to run (default: the fast cores of this machine)",
        metavar="N",
    ),
    _duration("poll_interval", 0.05, 3600, "longest time between two questions for work"),
    _duration("heartbeat_interval", 0.05, 300, "time between two signs of life"),
    _duration("claim_poll_interval", 0.05, 300, "time between two looks whether it is claimed"),
    _duration("request_timeout", 0.1, 600, "longest wait for one answer of the pool"),
    _duration("drain_timeout", 0, 3600, "time for running chunks to end when the node stops"),
    Option(
        key="niceness",
        field="niceness",
        read=whole(0, 19),
        wanted="a whole number from 0 to 19",
        help="how far workers stand back for other programs, on Linux (default: 0, not at all)",
        metavar="N",
    ),
    Option(
        key="log_level",
        field="log_level",
        read=one_of(*LOG_LEVELS),
        wanted="debug, info, warning or error",
        help="least important message to log: debug, info, warning or error",
        metavar="LEVEL",
    ),
    Option(
        key="log_format",
        field="log_format",
        read=one_of(*LOG_FORMATS),
        wanted="auto, screen, text or json",
        help="a live screen, lines of text or of JSON; auto is the screen on a terminal",
        metavar="FORMAT",
    ),
    Option(
        key="access_token",
        field="access_token",
        read=text,
        wanted="the access token of a user",
        help="act as the user of this token, not as the one signed in",
        metavar="TOKEN",
        secret=True,
    ),
)
BY_KEY: Mapping[str, Option] = MappingProxyType({option.key: option for option in OPTIONS})


def load_settings(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    known: Collection[str] = (),
    now: Callable[[], float] = time.time,
) -> Settings:
    """The settings in force; raises ConfigurationError that names every wrong value at once.

    `flags` maps keys of settings to values, None meaning not given. The key `config` names the
    settings file, as the variable SIMPOOL_CONFIG does. `known` are further variables that belong
    to somebody; any other one of ours is reported.
    """
    flags = flags or {}
    environ = os.environ if environ is None else environ
    notices = list(_stray(environ, known))
    problems: list[str] = []
    location = _config_path(flags, environ)
    given = {
        **from_file(OPTIONS, location, notices, problems, now),
        **from_environment(OPTIONS, environ),
        **from_flags(OPTIONS, flags),
    }
    values = {BY_KEY[key].field: value for key, value in read_given(BY_KEY, given, problems)}
    if problems:
        raise ConfigurationError("\n".join(problems))
    sources = {BY_KEY[key].field: one.source for key, one in given.items()}
    return Settings(
        config_path=location,
        sources=MappingProxyType(sources),
        notices=tuple(notices),
        **values,
    )


def _config_path(flags: Mapping[str, object], environ: Mapping[str, str]) -> Path:
    """Where the settings file is: a flag must name one, a variable may say where it will be."""
    if flag := flags.get("config"):
        location = path(flag)
        if not location.is_file():
            raise ConfigurationError(
                f"--config: there is no file {location}. Create it, or leave --config out."
            )
        return location
    variable = environ.get(CONFIG_VARIABLE)
    return path(variable) if variable else default_config_path()


def _stray(environ: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    ours = {option.variable for option in OPTIONS} | {CONFIG_VARIABLE, *known}
    for variable in environ:
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable.startswith(FOREIGN_PREFIXES):
            continue
        if variable not in ours:
            yield f"{variable} is not a setting{suggestion(variable, ours)}: ignored"
