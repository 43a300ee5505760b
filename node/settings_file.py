"""The settings file: a flat TOML document that a person may edit."""

from __future__ import annotations

import os
import re
import time
import tomllib
from typing import TYPE_CHECKING

from node.options import Given, Option, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


def from_file(
    options: Iterable[Option],
    path: Path,
    notices: list[str],
    problems: list[str],
    now: Callable[[], float] = time.time,
) -> dict[str, Given]:
    """What the file gives, by key of the option; a file that is not there gives nothing.

    A file that is not TOML is moved aside and goes to `notices`; a key that is none of the
    options goes to `problems`.
    """
    try:
        content = path.read_text(encoding="utf-8")
        document = tomllib.loads(content)
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
    known = [option.key for option in options]
    given = {key: Given(one, _place(path, content, key)) for key, one in document.items()}
    problems.extend(_unknown(key, given[key], known) for key in given if key not in known)
    return {key: one for key, one in given.items() if key in known}


def _unknown(key: str, given: Given, known: list[str]) -> str:
    return (
        f"{given.source}: {key!r} is not a setting{suggestion(key, known)}. "
        f"Remove the line, or use one of: {', '.join(known)}."
    )


def _place(path: Path, content: str, key: str) -> str:
    lines = enumerate(content.splitlines(), start=1)
    number = next((number for number, line in lines if _sets(line, key)), 1)
    return f"{path}, line {number}"


def _sets(line: str, key: str) -> bool:
    return bool(re.match(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""", line))


def _set_aside(path: Path, error: Exception, seconds: float) -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        path.rename(aside)
    except OSError as refusal:
        return f"{path} is not valid TOML ({error}) and cannot be moved ({refusal}): ignored"
    return f"{path} is not valid TOML ({error}): kept as {aside}, defaults are used"


def save_settings(path: Path, values: Mapping[str, str | float]) -> None:
    """Set `values` in the file and keep its other lines; the file is mode 0600."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for key, value in values.items():
        line = f"{key} = {_toml(value)}"
        place = next((index for index, old in enumerate(lines) if _sets(old, key)), len(lines))
        lines[place : place + 1] = [line]
    write_private(path, "\n".join(lines) + "\n")


def _toml(value: str | float) -> str:
    if not isinstance(value, str):
        return str(value)
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def write_private(path: Path, content: str, *, lasting: bool = True) -> None:
    """Replace the file in one step with `content`, readable by its owner alone.

    What is not `lasting` may be gone after a power cut, and costs no wait for the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
