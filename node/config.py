"""Settings of a node: flags, then `SIMPOOL_*` variables, then the settings file, then defaults."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import platformdirs

from node.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LOCAL_POOL = "http://127.0.0.1:54321"
# The fixed key of a pool on this machine: it grants what an anonymous visitor may do, nothing more.
LOCAL_KEY = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
ENVIRONMENT_PREFIX = "SIMPOOL_"
# Variables of the local stand-in and of the tests share our prefix and are not ours to judge.
FOREIGN_PREFIXES = ("SIMPOOL_LOCAL_", "SIMPOOL_TEST_", "SIMPOOL_DEMO_", "SIMPOOL_BENCH_")
MAX_WORKERS = 4096
MAX_NAME_LENGTH = 100
HIDDEN = "********"


def default_config_path() -> Path:
    """The settings file of this platform, on Linux `~/.config/simpool/node.toml`."""
    return Path(platformdirs.user_config_dir("simpool", appauthor=False)) / "node.toml"


def default_data_dir() -> Path:
    """Where keys, caches and spooled results live, on Linux `~/.local/share/simpool`."""
    return Path(platformdirs.user_data_dir("simpool", appauthor=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a node can be told. Durations are in seconds."""

    url: str = LOCAL_POOL
    publishable_key: str = LOCAL_KEY
    data_dir: Path = field(default_factory=default_data_dir)
    config_path: Path = field(default_factory=default_config_path)
    name: str | None = None
    max_parallel: int | None = None
    poll_interval: float = 60.0
    heartbeat_interval: float = 15.0
    claim_poll_interval: float = 5.0
    request_timeout: float = 30.0
    drain_timeout: float = 30.0
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
    def session_path(self) -> Path:
        """Where `login` keeps the session of the user."""
        return self.data_dir / "session.json"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its key, the field it fills, how it is read, and what it is for."""

    key: str
    field: str
    read: Callable[[object], object]
    wanted: str
    help: str
    metavar: str
    secret: bool = False

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"{ENVIRONMENT_PREFIX}{self.key.upper()}"


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _name(value: object) -> str:
    name = _text(value)
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise ValueError
    return name


def _url(value: object) -> str:
    text = _text(value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    _ = parts.port  # a port that is not one raises ValueError
    return text


def _path(value: object) -> Path:
    return Path(os.path.abspath(Path(_text(value)).expanduser()))  # noqa: PTH100  # keep links


def _workers(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    count = int(value)
    if not 1 <= count <= MAX_WORKERS:
        raise ValueError
    return count


def _seconds(low: float, high: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        seconds = float(value)
        if not low <= seconds <= high:
            raise ValueError
        return seconds

    return read


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value).lower()
        if text not in choices:
            raise ValueError
        return text

    return read


def _duration(key: str, low: float, high: float, purpose: str) -> Option:
    wanted = f"a number of seconds from {low:g} to {high:g}"
    return Option(key, key, _seconds(low, high), wanted, purpose, "SECONDS")


OPTIONS: tuple[Option, ...] = (
    Option(
        "pool",
        "url",
        _url,
        "an address such as https://abc.supabase.co",
        "address of the pool",
        "URL",
    ),
    Option(
        "key",
        "publishable_key",
        _text,
        "the publishable key of the pool",
        "publishable key of the pool",
        "KEY",
    ),
    Option(
        "data_dir",
        "data_dir",
        _path,
        "a directory",
        "where keys, caches and results waiting to be sent are kept",
        "DIR",
    ),
    Option(
        "name",
        "name",
        _name,
        f"1 to {MAX_NAME_LENGTH} printable characters",
        "name of this node, as its owner sees it",
        "NAME",
    ),
    Option(
        "max_parallel",
        "max_parallel",
        _workers,
        f"a whole number from 1 to {MAX_WORKERS}",
        "workers to run, at most the machine's cores",
        "N",
    ),
    _duration("poll_interval", 0.05, 3600, "longest time between two questions for work"),
    _duration("heartbeat_interval", 0.05, 300, "time between two signs of life"),
    _duration(
        "claim_poll_interval", 0.05, 300, "time between two looks whether the node is claimed"
    ),
    _duration("request_timeout", 0.1, 600, "longest wait for one answer of the pool"),
    _duration("drain_timeout", 0, 3600, "time for running chunks to end when the node stops"),
    Option(
        "log_level",
        "log_level",
        _one_of("debug", "info", "warning", "error"),
        "debug, info, warning or error",
        "least important message to log",
        "LEVEL",
    ),
    Option(
        "log_format",
        "log_format",
        _one_of("auto", "screen", "text", "json"),
        "auto, screen, text or json",
        "what `run` shows: a live screen, lines of text or lines of JSON",
        "FORMAT",
    ),
    Option(
        "access_token",
        "access_token",
        _text,
        "the access token of a user",
        "act as the user of this token instead of the one signed in",
        "TOKEN",
        secret=True,
    ),
)
BY_KEY: Mapping[str, Option] = MappingProxyType({option.key: option for option in OPTIONS})


@dataclass(frozen=True, slots=True)
class Given:
    """One value somebody gave, and where."""

    value: object
    source: str


def load_settings(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    now: Callable[[], float] = time.time,
) -> Settings:
    """The settings in force; raises ConfigurationError that names every wrong value at once.

    `flags` maps keys of settings to values, None meaning not given. The key `config` names the
    settings file, as the variable SIMPOOL_CONFIG does.
    """
    flags = {key: value for key, value in (flags or {}).items() if value is not None}
    environ = os.environ if environ is None else environ
    notices: list[str] = []
    problems: list[str] = []
    path = _config_path(flags, environ)
    given = {
        **_from_file(path, notices, problems, now),
        **_from_environment(environ, notices),
        **_from_flags(flags),
    }
    values = dict(_read_all(given, problems))
    if problems:
        raise ConfigurationError("\n".join(problems))
    sources = {BY_KEY[key].field: one.source for key, one in given.items()}
    return Settings(
        config_path=path,
        sources=MappingProxyType(sources),
        notices=tuple(notices),
        **values,
    )


def _config_path(flags: Mapping[str, object], environ: Mapping[str, str]) -> Path:
    for value, source in (
        (flags.get("config"), "--config"),
        (environ.get("SIMPOOL_CONFIG"), "SIMPOOL_CONFIG"),
    ):
        if not value:
            continue
        path = _path(value)
        if not path.is_file():
            raise ConfigurationError(
                f"{source}: there is no file {path}. Create it, or leave {source} out."
            )
        return path
    return default_config_path()


def _from_flags(flags: Mapping[str, object]) -> dict[str, Given]:
    return {
        key: Given(value, f"flag {BY_KEY[key].flag}")
        for key, value in flags.items()
        if key in BY_KEY
    }


def _from_environment(environ: Mapping[str, str], notices: list[str]) -> dict[str, Given]:
    given: dict[str, Given] = {}
    known = {option.variable: option for option in OPTIONS}
    for variable, value in environ.items():
        if option := known.get(variable):
            if value:
                given[option.key] = Given(value, f"environment variable {variable}")
        elif _is_stray(variable):
            notices.append(f"{variable} is not a setting{_suggestion(variable, known)}: ignored")
    return given


def _is_stray(variable: str) -> bool:
    return (
        variable.startswith(ENVIRONMENT_PREFIX)
        and variable != "SIMPOOL_CONFIG"
        and not variable.startswith(FOREIGN_PREFIXES)
    )


def _from_file(
    path: Path, notices: list[str], problems: list[str], now: Callable[[], float]
) -> dict[str, Given]:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(
            f"{path} cannot be read ({error.strerror}). Make it readable, or remove it."
        )
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        notices.append(_set_aside(path, error, now()))
        return {}
    given: dict[str, Given] = {}
    for key, value in document.items():
        source = f"{path}, line {_line_of(text, key)}"
        if key in BY_KEY:
            given[key] = Given(value, source)
        else:
            problems.append(
                f"{source}: {key!r} is not a setting{_suggestion(key, BY_KEY)}. "
                f"Remove the line, or use one of: {', '.join(BY_KEY)}."
            )
    return given


def _set_aside(path: Path, error: Exception, seconds: float) -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        path.rename(aside)
    except OSError as refusal:
        return f"{path} is not valid TOML ({error}) and cannot be moved ({refusal}): ignored"
    return f"{path} is not valid TOML ({error}): kept as {aside}, defaults are used"


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"""^\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)


def _suggestion(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _read_all(given: Mapping[str, Given], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for key, one in given.items():
        option = BY_KEY[key]
        try:
            yield option.field, option.read(one.value)
        except (TypeError, ValueError):
            shown = HIDDEN if option.secret else repr(one.value)
            problems.append(
                f"{one.source}: {key} is {shown}, but must be {option.wanted}. "
                f"Correct it, or leave it out."
            )


def save_settings(path: Path, values: Mapping[str, str | int | float]) -> None:
    """Set `values` in the settings file and keep its other lines; the file is mode 0600."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for key, value in values.items():
        line = f"{key} = {_toml(value)}"
        pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*=""")
        found = next((index for index, old in enumerate(lines) if pattern.match(old)), None)
        if found is None:
            lines.append(line)
        else:
            lines[found] = line
    write_private(path, "\n".join(lines) + "\n")


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        escaped = "".join(
            character
            if character.isprintable() and character not in '"\\'
            else f"\\U{ord(character):08X}"
            for character in value
        )
        return f'"{escaped}"'
    return str(value)


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step with `text`, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Each setting as key, value in force and where it comes from; secrets are hidden."""
    rows = []
    for option in OPTIONS:
        value = getattr(settings, option.field)
        shown = HIDDEN if option.secret and value else "" if value is None else str(value)
        rows.append((option.key, shown, settings.sources.get(option.field, "default")))
    return rows


def with_changes(settings: Settings, **changes: Any) -> Settings:
    """A copy of the settings with some fields replaced."""
    return dataclasses.replace(settings, **changes)
