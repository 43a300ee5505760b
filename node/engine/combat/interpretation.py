"""Evaluates expressions without compiling them: the twin of `emission`, for runs with the JIT off.

Every operation does here what its compiled form does, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from node.engine.combat.kernels.waking import NO_FLIP
from node.engine.combat.nodes import EPSILON, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.engine.combat.kernels.jit import Evaluate, Integers, Reals
    from node.engine.combat.nodes import Node


Ask = Callable[[int, int, float, Any, Any], float]


def interpreter(roots: Sequence[Node], ask: Ask) -> Evaluate:
    """Make the function that answers each expression by its number."""

    def evaluate(number: int, ints: Integers, reals: Reals) -> float:
        with np.errstate(all="ignore"):
            return float(_Look(ints, reals, ask).value(roots[number]))

    return evaluate


class _Look:
    """One look at a fight, which computes every part at most once."""

    def __init__(self, ints: Integers, reals: Reals, ask: Ask) -> None:
        self._ints, self._reals, self._ask = ints, reals, ask
        self._known: dict[Node, Any] = {}

    def value(self, node: Node) -> Any:
        """Evaluate a node."""
        if node not in self._known:
            self._known[node] = self._evaluate(node)
        return self._known[node]

    def _evaluate(self, node: Node) -> Any:  # noqa: PLR0911 - one per operation
        match node.operation:
            case "constant":
                return node.value
            case "place":
                return node.parts[0].entity.offset + node.parts[1]
            case "choose":
                test, yes, no = node.parts
                return self.value(yes if self.value(test) else no)
            case "and":
                return all(self.value(part) for part in node.parts)
            case "or":
                return any(self.value(part) for part in node.parts)
            case "ask":
                question, about, more = node.parts
                where, number = self.value(about), self.value(more)
                return float(self._ask(question, where, number, self._ints, self._reals))
            case "whole_at":
                return int(self._ints[self.value(node.parts[0])])
            case "real_at":
                return np.float64(self._reals[self.value(node.parts[0])])
        return _OPERATIONS[node.operation](*(self.value(part) for part in node.parts))


def crossing(difference: float, slope: float) -> float:
    """Give the milliseconds until a difference that grows by `slope` per second crosses zero."""
    if slope == 0.0:
        return NO_FLIP
    if abs(difference) <= 2.0 * EPSILON:
        return 1.0
    if difference * slope > 0.0:
        return NO_FLIP
    return (0.0 - difference) / slope * SECOND


def _sum(first: Any, *others: Any) -> Any:
    for other in others:
        first = first + other
    return first


def _difference(first: Any, *others: Any) -> Any:
    for other in others:
        first = first - other
    return first


def _product(first: Any, *others: Any) -> Any:
    for other in others:
        first = first * other
    return first


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "number": np.float64,
    "+": _sum,
    "-": _difference,
    "*": _product,
    "divide": lambda a, b: 0.0 if b == 0.0 else np.float64(a) / b,
    "modulo": lambda a, b: 0.0 if b == 0.0 else a - b * np.floor(np.float64(a) / b),
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
    "abs": np.abs,
    "min": min,
    "max": max,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "not": lambda a: not a,
    "xor": lambda a, b: bool(a) != bool(b),
    "crossing": crossing,
}
