"""The operators of the rotation language: what they take, what they mean, how time changes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.engine.combat import nodes
from node.engine.combat.kernels.waking import NO_FLIP
from node.engine.combat.nodes import EPSILON, Node, compare, crossing, real
from node.engine.combat.terms import STEADY, Kind, Term, flips_of, minus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_ARGUMENTS = 100
LARGEST_EXPONENT = 64
POLL_MS = 100.0  #: how often to look at what does not change linearly with time
_ROUNDING = {"floor": "floor", "ceil": "ceil", "round": "rint", "abs": "abs"}


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator takes and gives; `least` arguments or, with `most`, up to that many."""

    takes_kinds: tuple[Kind, ...]
    gives: Kind
    about: str
    build: Callable[[str, Sequence[Term]], Term]
    is_open: bool = False  #: takes any number of the first kind

    def takes(self, count: int) -> tuple[Kind, ...] | None:
        """Give the kinds of so many arguments, None if there cannot be so many."""
        if self.is_open:
            return self.takes_kinds * count if 1 <= count <= MOST_ARGUMENTS else None
        return self.takes_kinds if count == len(self.takes_kinds) else None

    @property
    def usage(self) -> str:
        """Say how many arguments it takes."""
        if self.is_open:
            return f"it takes 1 to {MOST_ARGUMENTS}"
        return f"it takes {len(self.takes_kinds)}"


def earliest(flips: Sequence[Node]) -> Node:
    """Give the first of several moments."""
    return nodes.extreme("min", flips)


def _number(node: Node, slope: Node | None, terms: Sequence[Term]) -> Term:
    return Term("number", node, slope, flips_of(terms))


def _boolean(node: Node, terms: Sequence[Term], *flips: Node) -> Term:
    moving = tuple(flip for flip in flips if not flip.is_constant or flip.value < NO_FLIP)
    return Term("boolean", node, STEADY, (*moving, *flips_of(terms)))


def _leaping(node: Node, terms: Sequence[Term]) -> Term:
    """Make a number of terms that may not be linear in time."""
    return _number(node, STEADY if all(_is_steady(term) for term in terms) else None, terms)


def _is_steady(term: Term) -> bool:
    return term.slope is STEADY


def _all(_name: str, terms: Sequence[Term]) -> Term:
    return _boolean(nodes.both([term.node for term in terms]), terms)


def _any(_name: str, terms: Sequence[Term]) -> Term:
    return _boolean(nodes.either([term.node for term in terms]), terms)


def _xor(_name: str, terms: Sequence[Term]) -> Term:
    return _boolean(nodes.differ(terms[0].node, terms[1].node), terms)


def _not(_name: str, terms: Sequence[Term]) -> Term:
    return _boolean(nodes.opposite(terms[0].node), terms)


def _compare(name: str, terms: Sequence[Term]) -> Term:
    a, b = (term.node for term in terms)
    test = _comparison(name, a, b)
    slope = _slopes("-", terms)
    if slope is STEADY:
        return _boolean(test, terms)
    return _boolean(test, terms, real(POLL_MS) if slope is None else crossing(minus(a, b), slope))


def _comparison(name: str, a: Node, b: Node) -> Node:
    """Compare numbers that are equal when they are closer than a millionth."""
    if name in {"==", "!="}:
        apart = nodes.function("abs", minus(a, b))
        return compare("<=" if name == "==" else ">", apart, real(EPSILON))
    sign = "+" if name in {">", "<="} else "-"
    return compare(name, a, nodes.arithmetic(sign, [b, real(EPSILON)]))


def _slopes(sign: str, terms: Sequence[Term]) -> Node | None:
    slopes = [term.slope for term in terms if term.slope is not None]
    if len(slopes) < len(terms):
        return None
    return STEADY if all(map(_is_steady, terms)) else nodes.arithmetic(sign, slopes)


def _sum(name: str, terms: Sequence[Term]) -> Term:
    if len(terms) == 1 and name == "-":
        terms = [Term("number", real(0.0)), *terms]
    total = nodes.arithmetic(name, [term.node for term in terms])
    return _number(total, _slopes(name, terms), terms)


def _product(_name: str, terms: Sequence[Term]) -> Term:
    product = nodes.arithmetic("*", [term.node for term in terms])
    moving = [term for term in terms if not _is_steady(term)]
    if len(moving) != 1 or moving[0].slope is None:
        return _leaping(product, terms)
    factors = [term.node for term in terms if term is not moving[0]]
    return _number(product, nodes.arithmetic("*", [moving[0].slope, *factors]), terms)


def _quotient(_name: str, terms: Sequence[Term]) -> Term:
    a, b = terms
    quotient = nodes.divide(a.node, b.node)
    if a.slope is None or not _is_steady(b) or _is_steady(a):
        return _leaping(quotient, terms)
    return _number(quotient, nodes.divide(a.slope, b.node), terms)


def _remainder(_name: str, terms: Sequence[Term]) -> Term:
    return _leaping(nodes.modulo(terms[0].node, terms[1].node), terms)


def _power(_name: str, terms: Sequence[Term]) -> Term:
    base, exponent = terms
    if not exponent.node.is_constant or exponent.node.value not in range(LARGEST_EXPONENT + 1):
        raise ValueError(f"the exponent must be a whole number from 0 to {LARGEST_EXPONENT}")
    return _leaping(nodes.power(base.node, int(exponent.node.value)), [base])


def _rounding(name: str, terms: Sequence[Term]) -> Term:
    return _leaping(nodes.function(_ROUNDING[name], terms[0].node), terms)


def _extreme(name: str, terms: Sequence[Term]) -> Term:
    return _leaping(nodes.extreme(name, [term.node for term in terms]), terms)


def _clamp(_name: str, terms: Sequence[Term]) -> Term:
    value, low, high = (term.node for term in terms)
    raised = nodes.extreme("max", [value, low])
    return _leaping(nodes.extreme("min", [raised, high]), terms)


def _choice(_name: str, terms: Sequence[Term]) -> Term:
    test, yes, no = terms
    if yes.kind != no.kind:
        raise ValueError(f"the two cases are a {yes.kind} and a {no.kind}")
    node = nodes.choose(test.node, yes.node, no.node)
    return _boolean(node, terms) if yes.kind == "boolean" else _leaping(node, terms)


_N: tuple[Kind, ...] = ("number",)
_B: tuple[Kind, ...] = ("boolean",)
OPERATORS: Mapping[str, Operator] = {
    "and": Operator(_B, "boolean", "All are true.", _all, is_open=True),
    "or": Operator(_B, "boolean", "One is true.", _any, is_open=True),
    "xor": Operator(_B * 2, "boolean", "Exactly one is true.", _xor),
    "not": Operator(_B, "boolean", "It is not true.", _not),
    ">": Operator(_N * 2, "boolean", "Greater, by more than a millionth.", _compare),
    ">=": Operator(_N * 2, "boolean", "Greater or equal.", _compare),
    "<": Operator(_N * 2, "boolean", "Less, by more than a millionth.", _compare),
    "<=": Operator(_N * 2, "boolean", "Less or equal.", _compare),
    "==": Operator(_N * 2, "boolean", "Equal: no more than a millionth apart.", _compare),
    "!=": Operator(_N * 2, "boolean", "Not equal.", _compare),
    "+": Operator(_N, "number", "The sum.", _sum, is_open=True),
    "-": Operator(
        _N, "number", "The first less the others; of one number, its negative.", _sum, is_open=True
    ),
    "*": Operator(_N, "number", "The product.", _product, is_open=True),
    "/": Operator(_N * 2, "number", "The quotient; by zero it is 0.", _quotient),
    "%": Operator(
        _N * 2,
        "number",
        "The remainder, with the sign of the divisor; by zero it is 0.",
        _remainder,
    ),
    "pow": Operator(
        _N * 2, "number", f"The power; the exponent is 0 to {LARGEST_EXPONENT}.", _power
    ),
    "floor": Operator(_N, "number", "The next whole number below.", _rounding),
    "ceil": Operator(_N, "number", "The next whole number above.", _rounding),
    "round": Operator(_N, "number", "The nearest whole number, halves to even.", _rounding),
    "abs": Operator(_N, "number", "Without its sign.", _rounding),
    "min": Operator(_N, "number", "The least.", _extreme, is_open=True),
    "max": Operator(_N, "number", "The greatest.", _extreme, is_open=True),
    "clamp": Operator(
        _N * 3, "number", "The first, no less than the second, no more than the third.", _clamp
    ),
    "if": Operator(
        ("boolean", "unknown", "unknown"),
        "unknown",
        "The second if the first is true, else the third.",
        _choice,
    ),
}
