"""Signing up, in and out through supabase-js."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conformance.javascript import Node
    from tests.conformance.targets import Target


def test_auth(scratch: Target, node: Node) -> None:
    """The JavaScript client signs up, in and out, and administers users."""
    node.run("auth.mjs", scratch)
