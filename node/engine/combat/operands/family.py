"""What a family of operands is made of, and how a path finds one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.nodes import whole, whole_at
from node.engine.combat.shapes import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.nodes import Node
    from node.engine.combat.terms import Term
    from node.engine.combat.world import World

Unit = Literal["", "seconds", "percent", "count", "yards"]
_NUMBER = "N"  #: stands for a whole number in the name of an operand
LARGEST_NUMBER = 10**9


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks, and what about."""

    world: World
    actor: str
    name: str = ""
    entity: Entity = field(default_factory=lambda: Entity(0))
    number: int = 0  #: the one in the path
    target: Node = field(default_factory=lambda: whole_at(whole(at.TARGET)))  #: its number

    @property
    def me(self) -> Entity:
        """The actor who asks."""
        return self.world.actors[self.actor]


@dataclass(frozen=True, slots=True)
class Operand:
    """One thing to ask, for the reference as well as for the compiler."""

    kind: Literal["boolean", "number"]
    unit: Unit
    about: str
    build: Callable[[Subject], Term]


@dataclass(frozen=True, slots=True)
class Family:
    """Operands that begin with the same word.

    `subject` is what the path names next, if anything, and `find` the ways to find one.
    """

    name: str
    about: str
    operands: Mapping[str, Operand]
    subject: str = ""
    find: Callable[[Subject], Mapping[str, Entity]] = lambda _: {}
    default: str = ""
    numbered: int = 0  #: the largest number that stands before the subject, 0 for none
    in_spec: bool = False  #: whether only effects and triggers can ask


class UnknownOperandError(ValueError):
    """No operand has that name."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def flag(about: str, build: Callable[[Subject], Term]) -> Operand:
    """Describe a truth value."""
    return Operand("boolean", "", about, build)


def amount(unit: Unit, about: str, build: Callable[[Subject], Term]) -> Operand:
    """Describe a number."""
    return Operand("number", unit, about, build)


def find_operand(family: Family, asked: Subject, path: str, parts: list[str]) -> Term:
    """Give the term that a path means; raises UnknownOperandError."""
    if family.numbered:
        number = _whole(parts.pop(0) if parts else "", path, family.numbered)
        if number == 0:
            raise UnknownOperandError(f"{path!r} needs a number from 1 to {family.numbered}")
        asked = replace(asked, number=number)
    if family.subject:
        name = _name(family, asked, path, parts)
        parts = parts[name.count(".") + 1 :]
        asked = replace(asked, name=name, entity=family.find(asked)[name])
    return _build(family, asked, ".".join(parts) or family.default, path)


def _name(family: Family, asked: Subject, path: str, parts: list[str]) -> str:
    """Give the name at the head of a path; `wolf.focus` is one if there is one like it."""
    known = family.find(asked)
    for name in (".".join(parts[:2]), *parts[:1]):
        if name in known:
            return name
    if not parts:
        raise UnknownOperandError(f"{path!r} needs the name of the {family.subject}")
    hint = suggestion(parts[0], known)
    raise UnknownOperandError(f"there is no {family.subject} {parts[0]!r}", hint)


def _build(family: Family, subject: Subject, rest: str, path: str) -> Term:
    if rest in family.operands:
        return family.operands[rest].build(subject)
    head, _, last = rest.rpartition(".")
    pattern = f"{head}.{_NUMBER}"
    if pattern in family.operands:
        number = _whole(last, path, LARGEST_NUMBER)
        return family.operands[pattern].build(replace(subject, number=number))
    raise UnknownOperandError(
        f"there is no operand {path!r}", suggestion(rest, [n for n in family.operands if n])
    )


def _whole(text: str, path: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise UnknownOperandError(f"{path!r} needs a whole number, not {text!r}")
    if len(text) > len(str(most)) or int(text) > most:
        raise UnknownOperandError(f"{text} in {path!r} is more than {most}")
    return int(text)
