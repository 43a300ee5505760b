"""The expressions of a spec: noted while it is built, compiled when everything has its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from node.engine.combat.expressions import Expressions
from node.engine.combat.kernels.layout import NOTHING
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.engine.combat.image import Entity
    from node.engine.combat.nodes import Node
    from node.engine.combat.terms import Kind
    from node.engine.combat.world import World


class Part(NamedTuple):
    """An expression in a document."""

    value: Any
    pointer: str


class Formula(NamedTuple):
    """A column of an entity that holds the number of an expression."""

    entity: Entity
    column: int
    kind: Kind
    parts: tuple[Part, ...]
    compose: Callable[..., Node]  #: makes one node of those of the parts
    actor: str
    wake: int = NOTHING  #: the column that tells when time alone may change a condition


class Notes:
    """Notes the expressions of one actor."""

    def __init__(self, world: World, actor: str = PLAYER) -> None:
        self._world = world
        self._actor = actor

    def number(self, entity: Entity, column: int, value: Any, pointer: str) -> None:
        """Let a column hold the number of a numeric expression."""
        self.wrapped(entity, column, value, pointer, _itself)

    def wrapped(
        self, entity: Entity, column: int, value: Any, pointer: str, compose: Callable[[Node], Node]
    ) -> None:
        """Let a column hold the number of what a numeric expression is turned into."""
        self.parts(entity, column, [Part(value, pointer)], compose)

    def condition(
        self, entity: Entity, column: int, value: Any, pointer: str, wake: int = NOTHING
    ) -> None:
        """Let a column hold the number of a condition, and one when time alone may change it."""
        parts = (Part(value, pointer),)
        formula = Formula(entity, column, "boolean", parts, _itself, self._actor, wake)
        self._world.formulas.append(formula)

    def parts(
        self, entity: Entity, column: int, parts: Sequence[Part], compose: Callable[..., Node]
    ) -> None:
        """Let a column hold the number of an expression that is made of several."""
        formula = Formula(entity, column, "number", tuple(parts), compose, self._actor)
        self._world.formulas.append(formula)


def _itself(node: Node) -> Node:
    return node


def is_expression(value: Any) -> bool:
    """Tell whether a value of a document has to be evaluated during the fight."""
    return isinstance(value, dict | str)


def compile_all(world: World) -> None:
    """Number the expressions of a spec, let the entities know, and report what is wrong."""
    variables = world.spec.get("variables", {})
    expressions = {
        actor: Expressions(world, variables, world.report, actor, in_spec=True)
        for actor in world.units
    }
    for name in variables:
        expressions[PLAYER].check_variable(name, f"/spec/variables/{name}")
    for entity, column, kind, parts, compose, actor, wake in world.formulas:
        if wake != NOTHING:
            entity.ints[column], entity.ints[wake] = expressions[actor].condition(*parts[0])
            continue
        terms = [expressions[actor].check(kind, part.value, part.pointer) for part in parts]
        entity.ints[column] = world.code.add(compose(*(term.node for term in terms)))
    expressions[PLAYER].warn_of_unused("/spec/variables", *expressions.values())
