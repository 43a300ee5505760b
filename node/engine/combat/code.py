"""The expressions of a document, which are compiled into one function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.engine.combat.nodes import Node


class Code:
    """Numbers expressions in the order in which they are added; equal ones are kept once."""

    def __init__(self) -> None:
        self._numbers: dict[Node, int] = {}

    def add(self, node: Node) -> int:
        """Add an expression, and give its number."""
        return self._numbers.setdefault(node, len(self._numbers))

    @property
    def roots(self) -> list[Node]:
        """The expressions in the order of their numbers."""
        return list(self._numbers)
