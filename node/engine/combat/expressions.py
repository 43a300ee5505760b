"""Compiles expressions of the rotation language to native code.

An expression is a number, a boolean, a string (an operand or a variable) or an object with one key,
the operator.  Each becomes a branch of one small generated function per document, which the generic
event loop calls; its source is made of literals and offsets only, never of the document's text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from node.engine.combat.kernels import queries
from node.engine.combat.kernels.jit import EVALUATE, entry
from node.engine.combat.operands import CONSTANT, Kind, Term, UnknownOperandError, number, operand
from node.engine.combat.shapes import Report, join, json_type
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from node.engine.combat.kernels.jit import Evaluate
    from node.engine.combat.world import World

DEEPEST = 100
LARGEST_EXPONENT = 64
LARGEST_LITERAL = 1e15
LARGEST_SOURCE = 60_000  #: characters; compiling more would take many seconds
POLL_MS = "100.0"  #: how often to look at what does not change linearly with time
NOT_AN_EXPRESSION = -1
_UNKNOWN = Term("unknown", "0.0")
_COMPARISONS = {
    ">": "({0} > {1} + EPSILON)",
    ">=": "({0} >= {1} - EPSILON)",
    "<": "({0} < {1} - EPSILON)",
    "<=": "({0} <= {1} + EPSILON)",
    "==": "(abs({0} - {1}) <= EPSILON)",
    "!=": "(abs({0} - {1}) > EPSILON)",
}
_LOGIC = {"and": " and ", "or": " or ", "xor": " != "}
_ROUNDING = {"floor": "floor({0})", "ceil": "ceil({0})", "round": "rint({0})", "abs": "abs({0})"}


class Expressions:
    """The expressions of one rotation, as the actor who follows it sees them."""

    def __init__(
        self, world: World, variables: Mapping[str, Any], report: Report, actor: str = PLAYER
    ) -> None:
        self._world = world
        self._actor = actor
        self._variables = variables
        self._report = report
        self._circles = report
        self._open: list[str] = []
        self._known: dict[str, Term] = {}

    def condition(self, value: Any, pointer: str) -> tuple[int, int]:
        """Add a condition, and what tells when time alone may change it; give their numbers."""
        term = self._typed("boolean", value, pointer, 0)
        code = self._world.code
        test = code.add(f"1.0 if {term.source} else 0.0")
        return test, code.add(_earliest(term.flips)) if term.flips else NOT_AN_EXPRESSION

    def check_variable(self, name: str, pointer: str) -> None:
        """Report what is wrong with a variable of any type."""
        # what is known of others may be wrong if they lie on a circle that was cut elsewhere
        self._open, self._known = [name], {}
        self._term(self._variables[name], pointer, 0)
        self._open = []

    def _typed(self, kind: Kind, value: Any, pointer: str, depth: int) -> Term:
        term = self._term(value, pointer, depth)
        if "unknown" not in (kind, term.kind) and kind != term.kind:
            hint = "compare it with a number" if kind == "boolean" else ""
            self._report.add(pointer, f"expected a {kind}, got a {term.kind}", hint)
            return _UNKNOWN
        return term

    def _term(self, value: Any, pointer: str, depth: int) -> Term:
        if depth > DEEPEST:
            self._report.add(pointer, f"the expression is nested deeper than {DEEPEST}")
            return _UNKNOWN
        match value:
            case bool():
                return Term("boolean", repr(value))
            case int() | float() if abs(value) <= LARGEST_LITERAL:
                return number(repr(float(value)))
            case str():
                return self._name(value, pointer, depth)
            case dict() if len(value) == 1:
                (name, arguments), *_ = value.items()
                return self._operator(name, arguments, join(pointer, name), depth + 1)
        expected = "a number, true, false, a name or an object with one key, the operator"
        self._report.add(pointer, f"expected {expected}, got {json_type(value)}")
        return _UNKNOWN

    def _name(self, name: str, pointer: str, depth: int) -> Term:
        variable = name.removeprefix("variable.")
        if variable in self._variables:
            return self._variable(variable, pointer, depth)
        try:
            return operand(self._world, name, self._actor)
        except UnknownOperandError as error:
            if "." in name and not name.startswith("variable."):
                self._report.add(pointer, str(error), error.hint)
            else:
                self._report.unknown(pointer, "variable", variable, self._variables)
            return _UNKNOWN

    def _variable(self, name: str, pointer: str, depth: int) -> Term:
        if name in self._open:
            self._report_circle(name, pointer)
            return _UNKNOWN
        if name in self._known:
            return self._known[name]
        self._open.append(name)
        # what is wrong inside a variable is reported once, when the variable is checked
        report, self._report = self._report, Report()
        term = self._term(self._variables[name], pointer, depth + 1)
        self._report = report
        self._open.pop()
        self._known[name] = term
        return term

    def _report_circle(self, name: str, pointer: str) -> None:
        """Report a circle once: where its first name in the alphabet begins it."""
        if name == self._open[0] == min(self._open):
            text = " -> ".join((*self._open, name))
            self._circles.add(pointer, f"the variable refers to itself: {text}")

    def _operator(self, name: str, arguments: Any, pointer: str, depth: int) -> Term:
        if name not in _OPERATORS:
            self._report.unknown(pointer, "operator", name, _OPERATORS)
            return _UNKNOWN
        kinds, build = _OPERATORS[name]
        given = arguments if isinstance(arguments, list) else [arguments]
        wanted = kinds(len(given))
        if wanted is None:
            self._report.add(pointer, f"{name!r} does not take {len(given)} arguments")
            return _UNKNOWN
        terms = [
            self._typed(kind, given[i], join(pointer, i) if given is arguments else pointer, depth)
            for i, kind in enumerate(wanted)
        ]
        if any(term.kind == "unknown" for term in terms):
            return _UNKNOWN
        try:
            term = build(name, terms)
        except ValueError as error:
            self._report.add(pointer, str(error))
            return _UNKNOWN
        if len(term.source) + len(term.slope or "") + sum(map(len, term.flips)) > LARGEST_SOURCE:
            self._report.add(pointer, "the expression is too large", "use fewer or smaller terms")
            return _UNKNOWN
        return term


def _earliest(flips: Sequence[str]) -> str:
    first, *others = dict.fromkeys(flips)
    for other in others:
        first = f"min({first}, {other})"
    return first


def _flips(terms: Sequence[Term]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flip for term in terms for flip in term.flips))


def _leaping(source: str, terms: Sequence[Term]) -> Term:
    """Make a number of terms that may not be linear in time."""
    steady = all(term.slope == CONSTANT for term in terms)
    return number(source, CONSTANT if steady else None, _flips(terms))


def _logic(name: str, terms: Sequence[Term]) -> Term:
    joined = _LOGIC[name].join(f"({term.source})" for term in terms)
    return Term("boolean", f"({joined})", CONSTANT, _flips(terms))


def _not(_name: str, terms: Sequence[Term]) -> Term:
    return Term("boolean", f"(not {terms[0].source})", CONSTANT, terms[0].flips)


def _compare(name: str, terms: Sequence[Term]) -> Term:
    a, b = terms
    source = _COMPARISONS[name].format(a.source, b.source)
    slope = _sum_slopes(" - ", terms)
    if slope == CONSTANT:
        return Term("boolean", source, CONSTANT, _flips(terms))
    flip = POLL_MS if slope is None else f"crossing({a.source} - {b.source}, {slope})"
    return Term("boolean", source, CONSTANT, (flip, *_flips(terms)))


def _sum_slopes(sign: str, terms: Sequence[Term]) -> str | None:
    slopes = [term.slope for term in terms]
    if None in slopes:
        return None
    if all(slope == CONSTANT for slope in slopes):
        return CONSTANT
    return f"({sign.join(str(slope) for slope in slopes)})"


def _sum(name: str, terms: Sequence[Term]) -> Term:
    sign = f" {name} "
    if len(terms) == 1:
        terms = [number("0.0"), *terms]
    source = sign.join(term.source for term in terms)
    return number(f"({source})", _sum_slopes(sign, terms), _flips(terms))


def _product(_name: str, terms: Sequence[Term]) -> Term:
    source = f"({' * '.join(term.source for term in terms)})"
    moving = [term for term in terms if term.slope != CONSTANT]
    if len(moving) != 1 or moving[0].slope is None:
        return _leaping(source, terms)
    factors = [term.source for term in terms if term is not moving[0]]
    return number(source, f"({' * '.join([moving[0].slope, *factors])})", _flips(terms))


def _quotient(_name: str, terms: Sequence[Term]) -> Term:
    a, b = terms
    source = f"divide({a.source}, {b.source})"
    if a.slope is None or b.slope != CONSTANT:
        return _leaping(source, terms)
    slope = CONSTANT if a.slope == CONSTANT else f"divide({a.slope}, {b.source})"
    return number(source, slope, _flips(terms))


def _remainder(_name: str, terms: Sequence[Term]) -> Term:
    return _leaping(f"modulo({terms[0].source}, {terms[1].source})", terms)


def _rounding(name: str, terms: Sequence[Term]) -> Term:
    return _leaping(_ROUNDING[name].format(terms[0].source), terms)


def _extreme(name: str, terms: Sequence[Term]) -> Term:
    source = terms[0].source
    for term in terms[1:]:
        source = f"{name}({source}, {term.source})"
    return _leaping(source, terms)


def _clamp(_name: str, terms: Sequence[Term]) -> Term:
    value, low, high = (term.source for term in terms)
    return _leaping(f"min(max({value}, {low}), {high})", terms)


def _power(_name: str, terms: Sequence[Term]) -> Term:
    base, exponent = terms
    try:
        whole = float(exponent.source)
    except ValueError:
        whole = -1.0
    if whole not in range(LARGEST_EXPONENT + 1):
        raise ValueError(f"the exponent must be a whole number from 0 to {LARGEST_EXPONENT}")
    return _leaping(f"power({base.source}, {int(whole)})", [base])


def _choice(_name: str, terms: Sequence[Term]) -> Term:
    test, yes, no = terms
    if yes.kind != no.kind:
        raise ValueError(f"the two cases are a {yes.kind} and a {no.kind}")
    source = f"({yes.source} if {test.source} else {no.source})"
    if yes.kind == "boolean":
        return Term("boolean", source, CONSTANT, _flips(terms))
    return _leaping(source, terms)


def _exactly(*kinds: Kind) -> Callable[[int], tuple[Kind, ...] | None]:
    return lambda count: kinds if count == len(kinds) else None


def _at_least(least: int, kind: Kind) -> Callable[[int], tuple[Kind, ...] | None]:
    return lambda count: (kind,) * count if least <= count <= _MOST_ARGUMENTS else None


_MOST_ARGUMENTS = 100
_OPERATORS: dict[
    str,
    tuple[Callable[[int], tuple[Kind, ...] | None], Callable[[str, Sequence[Term]], Term]],
] = {
    "and": (_at_least(1, "boolean"), _logic),
    "or": (_at_least(1, "boolean"), _logic),
    "xor": (_exactly("boolean", "boolean"), _logic),
    "not": (_exactly("boolean"), _not),
    **dict.fromkeys(_COMPARISONS, (_exactly("number", "number"), _compare)),
    "+": (_at_least(1, "number"), _sum),
    "-": (_at_least(1, "number"), _sum),
    "*": (_at_least(1, "number"), _product),
    "/": (_exactly("number", "number"), _quotient),
    "%": (_exactly("number", "number"), _remainder),
    "pow": (_exactly("number", "number"), _power),
    **dict.fromkeys(_ROUNDING, (_exactly("number"), _rounding)),
    "min": (_at_least(1, "number"), _extreme),
    "max": (_at_least(1, "number"), _extreme),
    "clamp": (_exactly("number", "number", "number"), _clamp),
    "if": (_exactly("boolean", "unknown", "unknown"), _choice),
}


@lru_cache(maxsize=256)
def compile_source(source: str) -> Evaluate:
    """Compile the function of `Code.source`; the same source is compiled once."""
    names: dict[str, Any] = {**_NAMES}
    exec(compile(source, "<rotation>", "exec"), names)  # noqa: S102 - literals and offsets only
    evaluate: Evaluate = names["evaluate"]
    return entry(EVALUATE, evaluate, cached=False)


_NAMES = {
    **{name: function for name, function in vars(queries).items() if not name.startswith("_")},
    "ceil": np.ceil,
    "floor": np.floor,
    "rint": np.rint,
}
