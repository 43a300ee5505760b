"""Options: what a person may set, by which flag and variable, and how a value is read."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ENVIRONMENT_PREFIX = "SIMPOOL_"
HIDDEN = "********"
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to set: how it is called, how it is read, and what it is for.

    `read` raises ValueError or TypeError for what is not `wanted`. `group` is the command an
    option belongs to, empty for a setting of the node. An option without `metavar` is a switch.
    """

    key: str
    read: Callable[[object], object]
    wanted: str
    help: str
    metavar: str | None = None
    default: object = None
    field: str = ""
    group: str = ""
    short: str = ""
    secret: bool = False

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        words = [self.group, self.key] if self.group else [self.key]
        return ENVIRONMENT_PREFIX + "_".join(words).upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Given:
    """One value somebody gave, and where."""

    value: object
    source: str


def from_flags(options: Iterable[Option], flags: Mapping[str, object]) -> dict[str, Given]:
    """What was given on the command line, by key of the option."""
    return {
        option.key: Given(value, f"flag {option.flag}")
        for option in options
        if (value := flags.get(option.key)) is not None
    }


def from_environment(options: Iterable[Option], environ: Mapping[str, str]) -> dict[str, Given]:
    """What was given in the environment, by key of the option; empty means not given."""
    return {
        option.key: Given(value, f"environment variable {option.variable}")
        for option in options
        if (value := environ.get(option.variable))
    }


def read_given(
    options: Mapping[str, Option], given: Mapping[str, Given], problems: list[str]
) -> Iterator[tuple[str, Any]]:
    """Each key with its value as read; a sentence goes to `problems` for each wrong one."""
    for key, one in given.items():
        option = options[key]
        try:
            yield key, option.read(one.value)
        except (TypeError, ValueError):
            shown = HIDDEN if option.secret else repr(one.value)
            problems.append(
                f"{one.source}: {key} is {shown}, but must be {option.wanted}. "
                f"Correct it, or leave it out."
            )


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that was probably meant, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def text(value: object) -> str:
    """Text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def words(value: object) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(text(word) for word in text(value).split(","))


def printable(longest: int) -> Callable[[object], str]:
    """A reader of text for people, `longest` characters at most."""

    def read(value: object) -> str:
        word = text(value)
        if len(word) > longest or not word.isprintable():
            raise ValueError
        return word

    return read


def address(value: object) -> str:
    """An http or https address without query, fragment or trailing slash."""
    url = text(value).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    _ = parts.port  # a port that is not one raises ValueError
    return url


def path(value: object) -> Path:
    """An absolute path; `~` is the home of the user."""
    return Path(text(value)).expanduser().absolute()


def whole(low: int, high: int) -> Callable[[object], int]:
    """A reader of whole numbers; `20_000` is one, and so is `2e6`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        number = int(value) if isinstance(value, int) else _integer(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def megabytes(value: object) -> int:
    """A number as it is, or an amount of memory such as `8GB` or `512MB`, in megabytes."""
    match = re.fullmatch(r"(\d+)\s*(gb?|mb?)?", text(value), re.IGNORECASE)
    if match is None:
        raise ValueError
    return int(match[1]) * (1024 if (match[2] or "m")[0] in "gG" else 1)


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        number = float(digits)
        if not number.is_integer():
            raise
        return int(number)


def decimal(low: float, high: float) -> Callable[[object], float]:
    """A reader of numbers."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        number = float(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def seconds(longest: float) -> Callable[[object], float]:
    """A reader of durations: `90s`, `30m`, `2h` or `7d`."""

    def read(value: object) -> float:
        word = text(value).lower()
        number = float(word[:-1]) * UNITS.get(word[-1], math.nan)
        if not 0 < number <= longest:
            raise ValueError
        return number

    return read


def one_of(*choices: str) -> Callable[[object], str]:
    """A reader of one word of a few."""

    def read(value: object) -> str:
        word = text(value).lower()
        if word not in choices:
            raise ValueError
        return word

    return read


def switch(value: object) -> bool:
    """A yes or no."""
    if isinstance(value, bool):
        return value
    word = text(value).lower()
    if word not in TRUE | FALSE:
        raise ValueError
    return word in TRUE
