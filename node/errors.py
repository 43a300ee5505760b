"""What can go wrong in the node. The docstring of a class is its default message.

NodeError
├── ConfigurationError
├── PoolUnavailableError
├── PoolRefusalError
│   └── SignInError
└── CommandError
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class NodeError(Exception):
    """The node cannot go on."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)))
        self.advice = advice


class ConfigurationError(NodeError):
    """A setting has a value that cannot be used."""

    exit_code = 2


class PoolUnavailableError(NodeError):
    """The pool does not answer."""

    exit_code = 3


class PoolRefusalError(NodeError):
    """The pool refused the request."""

    def __init__(
        self,
        message: str | None = None,
        *,
        status: int = 400,
        code: str = "INVALID_REQUEST",
        details: Mapping[str, Any] | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.status = status
        self.code = code
        self.details = dict(details or {})


class SignInError(PoolRefusalError):
    """You are not signed in."""

    exit_code = 4


class CommandError(NodeError):
    """The command failed."""
