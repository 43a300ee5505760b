"""Reads expressions of the rotation language.

An expression is a number, a boolean, a string (an operand or a variable) or an object with one key,
the operator.  Each becomes a graph of nodes; those of one document are compiled together, and the
generic event loop calls them by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at
from node.engine.combat.operands import UnknownOperandError, operand
from node.engine.combat.operators import OPERATORS, earliest
from node.engine.combat.shapes import Report, join, json_type
from node.engine.combat.terms import UNKNOWN, Term, boolean, number
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.image import Entity
    from node.engine.combat.terms import Kind
    from node.engine.combat.world import World

DEEPEST = 100
LARGEST_LITERAL = 1e15
NOT_AN_EXPRESSION = -1
_EXPECTED = "a number, true, false, a name or an object with one key, the operator"


class Expressions:
    """The expressions that may use the same variables, as an actor sees them."""

    def __init__(
        self,
        world: World,
        variables: Mapping[str, Any],
        report: Report,
        actor: str = PLAYER,
        *,
        in_spec: bool = False,
    ) -> None:
        self._world = world
        self.numbers: Mapping[str, Entity] = {}  #: variables that lines of the rotation assign
        self._actor = actor
        self._in_spec = in_spec
        self._variables = variables
        self._report = report
        self._circles = report
        self._open: list[str] = []
        self._known: dict[str, Term] = {}
        self._uses: dict[str, set[str]] = {}
        self._asked: set[str] = set()

    def condition(self, value: Any, pointer: str) -> tuple[int, int]:
        """Add a condition, and what tells when time alone may change it; give their numbers."""
        term = self.check("boolean", value, pointer)
        test = self._world.code.add(term.node)
        if not term.flips:
            return test, NOT_AN_EXPRESSION
        return test, self._world.code.add(earliest(term.flips))

    def number(self, value: Any, pointer: str) -> int:
        """Add an expression that gives a number, and give its own."""
        return self._world.code.add(self.check("number", value, pointer).node)

    def check(self, kind: Kind, value: Any, pointer: str) -> Term:
        """Read an expression and report what is wrong with it."""
        term = self._typed(kind, value, pointer, 0)
        self._warn_of_constant(term, pointer)
        return term

    def used(self) -> set[str]:
        """Name the variables that an expression needs."""
        used, found = set[str](), self._asked
        while found:
            used |= found
            found = {name for user in found for name in self._uses.get(user, ())} - used
        return used

    def warn_of_unused(self, pointer: str, *others: Expressions) -> None:
        """Warn of each variable that no expression needs, nor one of other actors."""
        used = self.used().union(*(other.used() for other in others))
        for name in self._variables.keys() - used:
            self._report.warn(join(pointer, name), f"the variable {name!r} is never used")

    def _warn_of_constant(self, term: Term, pointer: str) -> None:
        if term.kind == "boolean" and term.literal and term.node.is_constant:
            always = "true" if term.node.value else "false"
            self._report.warn(pointer, f"this is always {always}")

    def check_variable(self, name: str, pointer: str) -> Term:
        """Read a variable of any type and report what is wrong with it."""
        # what is known of others may be wrong if they lie on a circle that was cut elsewhere
        self._open, self._known = [name], {}
        term = self._term(self._variables[name], pointer, 0)
        self._open = []
        return term

    def _typed(self, kind: Kind, value: Any, pointer: str, depth: int) -> Term:
        term = self._term(value, pointer, depth)
        if "unknown" not in {kind, term.kind} and kind != term.kind:
            hint = "compare it with a number" if kind == "boolean" else ""
            self._report.add(pointer, f"expected a {kind}, got a {term.kind}", hint)
            return UNKNOWN
        return term

    def _term(self, value: Any, pointer: str, depth: int) -> Term:
        if depth > DEEPEST:
            self._report.add(pointer, f"the expression is nested deeper than {DEEPEST}")
            return UNKNOWN
        match value:
            case bool():
                return _literal(boolean(value))
            case int() | float() if abs(value) <= LARGEST_LITERAL:
                return _literal(number(float(value)))
            case str():
                return self._name(value, pointer, depth)
            case dict() if len(value) == 1:
                (name, arguments), *_ = value.items()
                return self._operator(name, arguments, join(pointer, name), depth + 1)
            case int() | float():
                self._report.add(pointer, f"the number is not within {LARGEST_LITERAL:.0e} of zero")
            case _:
                self._report.add(pointer, f"expected {_EXPECTED}, got {json_type(value)}")
        return UNKNOWN

    def _name(self, name: str, pointer: str, depth: int) -> Term:
        variable = name.removeprefix("variable.")
        if variable in self._variables:
            return self._variable(variable, pointer, depth)
        try:
            return operand(self._world, name, self._actor, in_spec=self._in_spec)
        except UnknownOperandError as error:
            if "." in name and not name.startswith("variable."):
                self._report.add(pointer, str(error), error.hint)
            else:
                self._report.unknown(pointer, "variable", variable, self._variables)
            return UNKNOWN

    def _variable(self, name: str, pointer: str, depth: int) -> Term:
        (self._uses.setdefault(self._open[-1], set()) if self._open else self._asked).add(name)
        if name in self._open:
            self._report_circle(name, pointer)
            return UNKNOWN
        if name in self._known:
            return self._known[name]
        if name in self.numbers:
            value = nodes.real_of(self.numbers[name], at.NUMBER)
            if isinstance(self._variables[name], bool):
                return boolean(nodes.compare(">", value, nodes.real(0.5)))
            return number(value)
        self._open.append(name)
        # what is wrong inside a variable is reported once, when the variable is checked
        report, self._report = self._report, Report()
        term = self._term(self._variables[name], pointer, depth + 1)
        found, self._report = self._report, report
        self._open.pop()
        if any("deeper" in problem.message for problem in found.problems):
            report.add(pointer, f"with its variables, the expression is deeper than {DEEPEST}")
        self._known[name] = term
        return term

    def _report_circle(self, name: str, pointer: str) -> None:
        """Report a circle once: where its first name in the alphabet begins it."""
        if name == self._open[0] == min(self._open):
            text = " -> ".join((*self._open, name))
            self._circles.add(pointer, f"the variable refers to itself: {text}")

    def _operator(self, name: str, arguments: Any, pointer: str, depth: int) -> Term:
        if name not in OPERATORS:
            self._report.unknown(pointer, "operator", name, OPERATORS)
            return UNKNOWN
        operator = OPERATORS[name]
        given = arguments if isinstance(arguments, list) else [arguments]
        wanted = operator.takes(len(given))
        if wanted is None:
            self._report.add(
                pointer, f"{name!r} does not take {len(given)} arguments", operator.usage
            )
            return UNKNOWN
        terms = [
            self._typed(kind, given[i], join(pointer, i) if given is arguments else pointer, depth)
            for i, kind in enumerate(wanted)
        ]
        if any(term.kind == "unknown" for term in terms):
            return UNKNOWN
        try:
            term = operator.build(name, terms)
        except ValueError as error:
            self._report.add(pointer, str(error))
            return UNKNOWN
        if all(part.literal for part in terms):
            return _literal(term)
        for i, part in enumerate(terms):
            self._warn_of_constant(part, join(pointer, i) if given is arguments else pointer)
        return term


def _literal(term: Term) -> Term:
    return Term(term.kind, term.node, term.slope, term.flips, literal=True)
