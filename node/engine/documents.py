"""Reads documents of JSON, and finds what JSON readers pass over in silence."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from node.engine.protocol import Problem

DEEPEST = 500  #: levels of lists and objects


class _Object(dict[str, Any]):
    """An object that remembers the names that it was given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = tuple(name for name, count in counts.items() if count > 1)


def read_json(text: str) -> tuple[Any, list[Problem]]:
    """Read a document, and list the names that stand twice in one object.

    Raises ValueError for what is not JSON or nested too deeply.
    """
    problems: list[Problem] = []
    try:
        document = json.loads(text, object_pairs_hook=_Object, parse_constant=_refuse)
        plain = _plain(document, "", problems, 0)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from error
    return plain, problems


def join(pointer: str, part: str | int) -> str:
    """Extend a JSON pointer."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _plain(value: Any, pointer: str, problems: list[Problem], depth: int) -> Any:
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, _Object):
        problems += [
            Problem(join(pointer, name), f"{name!r} stands twice", "give each a name of its own")
            for name in value.repeated
        ]
        return {
            name: _plain(item, join(pointer, name), problems, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [
            _plain(item, join(pointer, index), problems, depth + 1)
            for index, item in enumerate(value)
        ]
    return value
