"""Channels through supabase-js."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.test_realtime import realtime

if TYPE_CHECKING:
    from tests.conformance.javascript import Node
    from tests.conformance.targets import Target

__all__ = ["realtime"]


def test_realtime(realtime: Target, node: Node) -> None:
    """The JavaScript client joins, talks and listens."""
    node.run("realtime.mjs", realtime)
