"""What is left of a document when all that has the wrong shape is cut out.

Names can only be checked in a document of the right shape. So that one wrong field does not hide
what is wrong elsewhere, that is looked for in what is left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from node.engine.combat.shapes import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from node.engine.protocol import Problem

    Path = tuple[str, ...]

_WORD = re.compile(r"[\w.]+")
_NAMED = 2  #: how deep the names lie that a document gives to its parts: /spec/auras/NAME


@dataclass(frozen=True)
class Pruned:
    """A document of the right shape, and what was cut out of the one that was given."""

    document: dict[str, Any]
    given: Any
    cuts: frozenset[Path]

    def elsewhere(self, problems: Sequence[Problem]) -> list[Problem]:
        """Give the problems that do not come of the cuts, by their places in what was given."""
        lost = {name for cut in self.cuts for name in _names(self.given, cut)}
        return [
            replace(problem, pointer=_pointer(self.place(problem.pointer)))
            for problem in problems
            if lost.isdisjoint(_WORD.findall(problem.message))
        ]

    def place(self, pointer: str) -> Path:
        """Give where in what was given something of the document stands."""
        place: Path = ()
        for token in _path(pointer):
            place = (*place, self._counted(place, token))
        return place

    def _counted(self, place: Path, token: str) -> str:
        """Count the items of a list with those that were cut."""
        value = _at(self.given, place)
        if not isinstance(value, list):
            return token
        left = [str(i) for i in range(len(value)) if (*place, str(i)) not in self.cuts]
        return left[int(token)] if token.isdigit() and int(token) < len(left) else token


def prune(
    given: Any, check: Callable[[Any], Sequence[Problem]], instead: Mapping[str, Any]
) -> Pruned | None:
    """Cut until nothing has the wrong shape; None where too little is left, or all too deep.

    `instead` takes the place of parts that are missing then, though there must be one.
    """
    cuts: frozenset[Path] = frozenset()
    try:
        while isinstance(left := _without(given, (), cuts), dict):
            pruned = Pruned({**instead, **left}, given, cuts)
            problems = check(pruned.document)
            if not problems:
                return pruned
            found = {pruned.place(problem.pointer) for problem in problems}
            if () in found or found <= cuts:
                break
            cuts |= found
    except RecursionError:
        pass
    return None


def _without(value: Any, place: Path, cuts: frozenset[Path]) -> Any:
    if isinstance(value, dict):
        parts = ((name, (*place, name)) for name in value)
        return {name: _without(value[name], at, cuts) for name, at in parts if at not in cuts}
    if isinstance(value, list):
        items = ((item, (*place, str(index))) for index, item in enumerate(value))
        return [_without(item, at, cuts) for item, at in items if at not in cuts]
    return value


def _names(given: Any, cut: Path) -> Iterator[str]:
    """Give what a problem that comes of a cut names: all that stood there, and whose it was."""
    yield from (*cut[_NAMED:], cut[-1])
    yield from _texts(_at(given, cut))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _at(value: Any, place: Path) -> Any:
    """Give what stands at a place, None where there is nothing."""
    for token in place:
        if isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            value = value.get(token) if isinstance(value, dict) else None
    return value


def _path(pointer: str) -> Path:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _pointer(place: Path) -> str:
    return "".join(join("", token) for token in place)
