"""Tables and functions through supabase-js."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conformance.javascript import Node
    from tests.conformance.targets import Target


def test_rest(scratch: Target, node: Node) -> None:
    """The JavaScript client reads, changes and calls."""
    node.run("rest.mjs", scratch)
