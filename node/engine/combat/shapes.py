"""Checks the shape of JSON documents and reports everything that is wrong, each with its place."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from node.engine import documents
from node.engine.protocol import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

join = documents.join
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Report:
    """Collects problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def add(self, pointer: str, message: str, hint: str = "") -> None:
        """Report a problem at a place."""
        self.problems.append(Problem(pointer, message, hint))

    def warn(self, pointer: str, message: str, hint: str = "") -> None:
        """Report what is probably not meant."""
        self.warnings.append(Problem(pointer, message, hint, "warning"))

    def unknown(self, pointer: str, what: str, name: str, known: Collection[str]) -> None:
        """Report a name that means nothing, with the nearest one that does."""
        self.add(pointer, f"there is no {what} {shown(name)}", suggestion(name, known))

    def wrong_type(self, pointer: str, expected: str, value: object) -> None:
        """Report a value of the wrong type."""
        self.add(pointer, f"expected {expected}, got {json_type(value)}")


def suggestion(name: str, known: Collection[str]) -> str:
    """Name what was probably meant, else all that there is."""
    if close := difflib.get_close_matches(name, known, n=1):
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(sorted(known))}" if known else "there are none"


def json_type(value: object) -> str:
    """Name the JSON type of a value."""
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


def shown(value: object) -> str:
    """Show a value of any size in a few characters."""
    if isinstance(value, int) and abs(value) >= _LARGE:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LARGE = 10**30
_LONGEST = 60


class Shape(Protocol):
    """What a value must look like."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report every difference between the value and this shape."""


@dataclass(frozen=True)
class Number:
    """A finite number within limits."""

    least: float
    most: float

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is no number or out of range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            report.wrong_type(pointer, "a number", value)
        elif not self.least <= value <= self.most:  # so is no infinity, and nothing is with NaN
            report.add(pointer, f"{shown(value)} is not between {self.least} and {self.most}")


@dataclass(frozen=True)
class Integer:
    """A whole number within limits."""

    least: int
    most: int

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is no whole number or out of range."""
        if isinstance(value, bool) or not isinstance(value, int):
            report.wrong_type(pointer, "a whole number", value)
        elif not self.least <= value <= self.most:
            report.add(pointer, f"{shown(value)} is not between {self.least} and {self.most}")


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is no boolean."""
        if not isinstance(value, bool):
            report.wrong_type(pointer, "true or false", value)


@dataclass(frozen=True)
class Text:
    """Any string."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is no string."""
        if not isinstance(value, str):
            report.wrong_type(pointer, "a string", value)


@dataclass(frozen=True)
class Name:
    """An identifier."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what cannot be a name."""
        if not isinstance(value, str):
            report.wrong_type(pointer, "a name", value)
        elif not IDENTIFIER.fullmatch(value):
            hint = "lower-case letters, digits and underscores, a letter first"
            report.add(pointer, f"{shown(value)} is not a name", hint)


@dataclass(frozen=True)
class Reference:
    """An identifier, or that of a pet and its own: `wolf.focus`."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what cannot be a name of the spec or of a pet's."""
        if not isinstance(value, str) or value.count(".") > 1:
            Name().check(value, pointer, report)
            return
        for part in value.split("."):
            Name().check(part, pointer, report)


@dataclass(frozen=True)
class Choice:
    """One of several strings."""

    options: tuple[str, ...]

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is not among the options."""
        if value not in self.options:
            report.unknown(
                pointer, "option", value if isinstance(value, str) else shown(value), self.options
            )


@dataclass(frozen=True)
class ListOf:
    """A list of one shape."""

    item: Shape
    most: int = 1000

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is wrong with any item."""
        if not isinstance(value, list):
            report.wrong_type(pointer, "a list", value)
            return
        if len(value) > self.most:
            report.add(pointer, f"{len(value)} items are more than {self.most}")
        for index, item in enumerate(value):
            self.item.check(item, join(pointer, index), report)


@dataclass(frozen=True)
class MapOf:
    """An object whose keys are names of the document's own choice."""

    item: Shape
    most: int = 200

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is wrong with any key or item."""
        if not isinstance(value, dict):
            report.wrong_type(pointer, "an object", value)
            return
        if len(value) > self.most:
            report.add(pointer, f"{len(value)} entries are more than {self.most}")
        for key, item in value.items():
            Name().check(key, join(pointer, key), report)
            self.item.check(item, join(pointer, key), report)


@dataclass(frozen=True)
class Object:
    """An object with known fields."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report missing, unknown and wrong fields."""
        if not isinstance(value, dict):
            report.wrong_type(pointer, "an object", value)
            return
        shapes = {**self.required, **self.optional}
        for name in self.required:
            if name not in value:
                report.add(pointer, f"{name!r} is missing")
        for name, item in value.items():
            if name in shapes:
                shapes[name].check(item, join(pointer, name), report)
            else:
                report.unknown(join(pointer, name), "field", name, shapes)


@dataclass(frozen=True)
class OneKey:
    """An object with exactly one key, which says what the value is."""

    what: str
    kinds: Mapping[str, Shape]

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report an unknown kind or what is wrong with its value."""
        if not isinstance(value, dict) or len(value) != 1:
            report.add(pointer, f"expected an object with one key, the kind of {self.what}")
            return
        (kind, item), *_ = value.items()
        if kind in self.kinds:
            self.kinds[kind].check(item, join(pointer, kind), report)
        else:
            report.unknown(join(pointer, kind), self.what, kind, self.kinds)


@dataclass(frozen=True)
class AnyOf:
    """A value of the first shape whose type fits."""

    options: tuple[tuple[type, Shape], ...]
    expected: str

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Check against the shape for the value's type."""
        for kind, shape in self.options:
            if isinstance(value, kind):
                shape.check(value, pointer, report)
                return
        report.wrong_type(pointer, self.expected, value)


@dataclass(frozen=True)
class Anything:
    """A value that is checked elsewhere."""

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Accept it."""


class Expression(Anything):
    """An expression of the rotation language, which is checked where names are known."""


class Action(Anything):
    """A line of a rotation, which is checked where names are known."""


@dataclass(frozen=True)
class Amount:
    """A number within limits, or an expression that is checked elsewhere."""

    least: float
    most: float

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report what is neither."""
        if isinstance(value, dict | str):
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            report.wrong_type(pointer, "a number or an expression", value)
        else:
            Number(self.least, self.most).check(value, pointer, report)


@dataclass(frozen=True)
class Either:
    """A value of the first shape if it looks like it, else of the second."""

    first: Shape
    second: Shape
    is_first: Callable[[Any], bool]

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Check against the shape that is meant."""
        (self.first if self.is_first(value) else self.second).check(value, pointer, report)


@dataclass(frozen=True)
class Later:
    """A shape that is named before it is made, so that it can hold itself."""

    shape: Callable[[], Shape]

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Check against it."""
        self.shape().check(value, pointer, report)


@dataclass(frozen=True)
class Kinds:
    """An object with exactly one key that says its kind, and others that any kind may have."""

    what: str
    kinds: Mapping[str, Shape]
    beside: Mapping[str, Shape]

    def check(self, value: Any, pointer: str, report: Report) -> None:
        """Report a missing or unknown kind, and what is wrong with any part."""
        if not isinstance(value, dict):
            report.wrong_type(pointer, f"an object with the kind of {self.what}", value)
            return
        kinds = [key for key in value if key not in self.beside]
        if len(kinds) != 1:
            report.add(pointer, f"expected one key that is the kind of {self.what}")
        for kind in kinds:
            if kind in self.kinds:
                self.kinds[kind].check(value[kind], join(pointer, kind), report)
            else:
                report.unknown(join(pointer, kind), self.what, kind, self.kinds)
        for key in [key for key in value if key in self.beside]:
            self.beside[key].check(value[key], join(pointer, key), report)
