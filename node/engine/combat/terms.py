"""Typed parts of expressions, and how time changes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from node.engine.combat import nodes
from node.engine.combat.kernels import layout as at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.engine.combat.nodes import Node

Kind = Literal["boolean", "number", "unknown"]
STEADY = nodes.real(0.0)  #: the slope of what time alone does not change
NOW = nodes.whole_at(nodes.whole(at.NOW))  #: the fight lies at offset 0


@dataclass(frozen=True, slots=True)
class Term:
    """A typed part of an expression.

    `slope` is its change per second while nothing happens, None if it is not linear.  `flips` are
    the milliseconds until it may change by leaps.  `literal` says that a document says it all.
    """

    kind: Kind
    node: Node
    slope: Node | None = STEADY
    flips: tuple[Node, ...] = ()
    literal: bool = False


UNKNOWN = Term("unknown", nodes.real(0.0))
YES = Term("boolean", nodes.truth(value=True))
NO = Term("boolean", nodes.truth(value=False))


def number(node: Node | float, slope: Node | None = STEADY, *flips: Node) -> Term:
    """Make a number."""
    node = node if isinstance(node, nodes.Node) else nodes.real(node)
    return Term("number", node, slope, tuple(flip for flip in flips if not flip.is_constant))


def boolean(node: Node | bool, *flips: Node) -> Term:  # noqa: FBT001 - what it is made of
    """Make a truth value."""
    node = node if isinstance(node, nodes.Node) else nodes.truth(node)
    return Term("boolean", node, STEADY, tuple(flip for flip in flips if not flip.is_constant))


def falling(node: Node, *flips: Node) -> Term:
    """Make a number of seconds that runs down to zero and stays there."""
    is_running = nodes.compare(">", node, nodes.real(0.0))
    return number(node, nodes.choose(is_running, nodes.real(-1.0), nodes.real(0.0)), *flips)


def seconds(milliseconds: Node) -> Node:
    """Give a whole number of milliseconds in seconds."""
    return nodes.divide(nodes.number(milliseconds), nodes.real(nodes.SECOND))


def until(moment: Node) -> Node:
    """Give the seconds until a moment, 0 when it has passed."""
    left = nodes.arithmetic("-", [moment, NOW])
    return seconds(nodes.extreme("max", [nodes.whole(0), left]))


def flips_of(terms: Sequence[Term]) -> tuple[Node, ...]:
    """Give when any of some terms may change by leaps."""
    return tuple(dict.fromkeys(flip for term in terms for flip in term.flips))


def times(*parts: Node | float) -> Node:
    """Multiply."""
    return nodes.arithmetic("*", [_node(part) for part in parts])


def minus(*parts: Node | float) -> Node:
    """Subtract."""
    return nodes.arithmetic("-", [_node(part) for part in parts])


def _node(part: Node | float) -> Node:
    return part if isinstance(part, nodes.Node) else nodes.real(part)
