"""What can go wrong in the node. The docstring of a class is its default message.

NodeError
└── ConfigurationError
"""

from __future__ import annotations

import inspect


class NodeError(Exception):
    """The node cannot go on."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class ConfigurationError(NodeError):
    """A setting has a value that cannot be used."""
