"""What expressions are made of: a graph in which equal parts are one.

A node is of one of three types and is built by the functions below, which fold constants with the
arithmetic that the compiled code uses.  Places are kept as entities, so that expressions can be
built before an image is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

import numpy as np

from node.engine.combat.kernels.waking import NO_FLIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.engine.combat.image import Entity

Type = Literal["truth", "whole", "real"]
EPSILON = 1e-6  #: what separates two numbers in a comparison
SECOND = 1000.0


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Node:
    """An operation and what it is done to; equal nodes are the same object."""

    type: Type
    operation: str
    parts: tuple[Any, ...]

    @property
    def value(self) -> float:
        """Give the value of a constant."""
        value: float = self.parts[0]
        return value

    @property
    def is_constant(self) -> bool:
        """Tell whether this is a number or a truth value known now."""
        return self.operation == "constant"


_nodes: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()


def _node(kind: Type, operation: str, *parts: Any) -> Node:
    key = (kind, operation, *(id(part) if isinstance(part, Node) else part for part in parts))
    node = _nodes.get(key)
    if node is None:
        node = _nodes[key] = Node(kind, operation, parts)
    return node


def real(value: float) -> Node:
    """Make a number; the text of its bits keeps zeros of either sign apart."""
    node = _nodes.get(("real", "constant", text := float(value).hex()))
    if node is None:
        node = _nodes["real", "constant", text] = Node("real", "constant", (float(value),))
    return node


def whole(value: int) -> Node:
    """Make a whole number."""
    return _node("whole", "constant", value)


def truth(value: bool) -> Node:  # noqa: FBT001 - the value is all there is
    """Make a truth value."""
    return _node("truth", "constant", bool(value))


def place(entity: Entity, column: int) -> Node:
    """Give where a column of an entity lies."""
    return _node("whole", "place", _Placed(entity), column)


class _Placed:
    """An entity as a part of a node; two of the same entity are equal."""

    __slots__ = ("entity",)

    def __init__(self, entity: Entity) -> None:
        self.entity = entity

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Placed) and other.entity is self.entity

    def __hash__(self) -> int:
        return id(self.entity)


def whole_at(where: Node) -> Node:
    """Read a column of whole numbers."""
    return _node("whole", "whole_at", where)


def real_at(where: Node) -> Node:
    """Read a column of reals."""
    return _node("real", "real_at", where)


def whole_of(entity: Entity, column: int) -> Node:
    """Read a whole number of an entity."""
    return whole_at(place(entity, column))


def real_of(entity: Entity, column: int) -> Node:
    """Read a real of an entity."""
    return real_at(place(entity, column))


def number(node: Node) -> Node:
    """Make a real of a whole number."""
    return real(node.value) if node.is_constant else _node("real", "number", node)


def ask(question: int, about: Node, more: Node | None = None) -> Node:
    """Ask a kernel, as `kernels.questions.ask` answers."""
    return _node("real", "ask", question, about, more or real(0.0))


def arithmetic(sign: str, parts: Sequence[Node]) -> Node:
    """Add, subtract or multiply from the left, all reals or all whole numbers."""
    if all(part.is_constant for part in parts) and parts[0].type == "real":
        total = np.float64(parts[0].value)
        with np.errstate(all="ignore"):
            for part in parts[1:]:
                total = _ARITHMETIC[sign](total, part.value)
        return real(float(total))
    return _node(parts[0].type, sign, *parts) if len(parts) > 1 else parts[0]


_ARITHMETIC: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def negative(node: Node) -> Node:
    """Turn the sign."""
    return arithmetic("-", [real(0.0), node])


def divide(a: Node, b: Node) -> Node:
    """Divide; by zero gives 0."""
    if a.is_constant and b.is_constant:
        with np.errstate(all="ignore"):
            return real(0.0 if b.value == 0.0 else float(np.float64(a.value) / b.value))
    return _node("real", "divide", a, b)


def modulo(a: Node, b: Node) -> Node:
    """Give the remainder with the sign of the divisor; by zero gives 0."""
    if b.is_constant and b.value == 0.0:
        return real(0.0)
    if a.is_constant and b.is_constant:
        product = arithmetic("*", [b, function("floor", divide(a, b))])
        return arithmetic("-", [a, product])
    return _node("real", "modulo", a, b)


def function(name: str, node: Node) -> Node:
    """Give `floor`, `ceil`, `rint` or `abs` of a number."""
    if node.is_constant:
        return real(float(getattr(np, name)(np.float64(node.value))))
    return _node("real", name, node)


def extreme(name: str, parts: Sequence[Node]) -> Node:
    """Give the `min` or `max`, the earlier one of two equals."""
    found = list(dict.fromkeys(parts))
    if all(part.is_constant for part in found) and found[0].type == "real":
        pick = min if name == "min" else max
        return real(pick(part.value for part in found))
    return _node(found[0].type, name, *found) if len(found) > 1 else found[0]


def power(base: Node, exponent: int) -> Node:
    """Multiply a number with itself; unlike libm's, the same bits everywhere."""
    return arithmetic("*", [real(1.0), *[base] * exponent])


def compare(sign: str, a: Node, b: Node) -> Node:
    """Compare two reals or two whole numbers exactly."""
    if a.is_constant and b.is_constant:
        return truth(_COMPARE[sign](a.value, b.value))
    return _node("truth", sign, a, b)


_COMPARE: dict[str, Any] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def both(parts: Sequence[Node]) -> Node:
    """Give whether all are true; those behind the first that is not are left alone."""
    return _logic("and", parts, deciding=False)


def either(parts: Sequence[Node]) -> Node:
    """Give whether one is true; those behind the first that is are left alone."""
    return _logic("or", parts, deciding=True)


def _logic(name: str, parts: Sequence[Node], *, deciding: bool) -> Node:
    open_parts: list[Node] = []
    for part in dict.fromkeys(parts):
        if not part.is_constant:
            open_parts.append(part)
        elif bool(part.value) is deciding:
            open_parts.append(part)
            break
    if not open_parts:
        return truth(not deciding)
    if open_parts[0].is_constant or len(open_parts) == 1:
        return open_parts[0]
    return _node("truth", name, *open_parts)


def differ(a: Node, b: Node) -> Node:
    """Give whether exactly one is true."""
    if a.is_constant and b.is_constant:
        return truth(a.value != b.value)
    return _node("truth", "xor", a, b)


def opposite(node: Node) -> Node:
    """Give whether something is not true."""
    return truth(not node.value) if node.is_constant else _node("truth", "not", node)


def choose(test: Node, yes: Node, no: Node) -> Node:
    """Give one of two; the other is left alone."""
    if test.is_constant:
        return yes if test.value else no
    return yes if yes is no else _node(yes.type, "choose", test, yes, no)


def crossing(difference: Node, slope: Node) -> Node:
    """Give the milliseconds until a difference that grows by `slope` per second crosses zero."""
    if slope.is_constant and slope.value == 0.0:
        return real(NO_FLIP)
    return _node("real", "crossing", difference, slope)


def flip_in(seconds: Node) -> Node:
    """Give the milliseconds until something that is due in some seconds happens."""
    return choose(
        compare(">", seconds, real(0.0)), arithmetic("*", [seconds, real(SECOND)]), real(NO_FLIP)
    )
