"""What can go wrong in the node. The docstring of a class is its default message.

NodeError
├── ConfigurationError
│   └── AllocationError
├── CommandError
├── IdentityError
├── ContentError
├── InvalidTransition
├── DaemonError
├── EngineVersionError
├── PoolUnavailableError
│   └── RateLimitedError
└── PoolRefusalError
    ├── SignInError
    ├── UnauthorizedError
    ├── MissingError
    └── ProtocolError
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NodeError(Exception):
    """The node cannot go on."""

    exit_code: ClassVar[int] = 1
    #: What a person can do about it, unless the one who raises knows better.
    default_advice: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)))
        self.advice = advice or self.default_advice

    def diagnostics(self) -> str:
        """The message, and what a person can do about it."""
        return f"{self}\n{self.advice}" if self.advice else str(self)


class ConfigurationError(NodeError):
    """A setting has a value that cannot be used."""

    exit_code = 2


class AllocationError(ConfigurationError):
    """The hardware cannot give what was asked of it."""


class CommandError(NodeError):
    """The command failed."""


class IdentityError(NodeError):
    """The key of this node cannot be used."""

    default_advice = (
        "The key file holds 32 bytes in base64, belongs to you and has mode 0600. "
        "Restore it from a backup, or move it away to start as a new node."
    )


class ContentError(NodeError):
    """A document does not have the hash it is named by."""

    default_advice = (
        "The copy is dropped and fetched again; if it stays wrong, the pool's own is damaged."
    )


class InvalidTransition(NodeError):  # noqa: N818  # reads as the fact it reports
    """The node was about to make a move that its rules forbid."""

    default_advice = "This is a defect of the node: please report it with the story above."

    def __init__(self, move: str, story: Sequence[str]) -> None:
        super().__init__("\n".join((f"{move}; the story so far:", *story)))
        self.story = tuple(story)


class DaemonError(NodeError):
    """The node had to stop."""

    default_advice = "Run `python -m node doctor`: it checks each part and says what to fix."


class EngineVersionError(NodeError):
    """The job does not accept the version of the engine that this node has."""


class PoolUnavailableError(NodeError):
    """The pool does not answer."""

    exit_code = 3

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float = 0.0,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class RateLimitedError(PoolUnavailableError):
    """The pool asks to slow down."""


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


class UnauthorizedError(PoolRefusalError):
    """The pool does not accept this node's signature or token."""

    default_advice = (
        "Check this machine's clock, and that the pool is set to the address it calls itself by."
    )

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, status=401, code="UNAUTHORIZED", details=details, advice=advice)


class MissingError(PoolRefusalError):
    """The pool does not have it, or does not show it to this node."""

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        super().__init__(message, status=404, code="NOT_FOUND", advice=advice)


class ProtocolError(PoolRefusalError):
    """The pool's answer makes no sense to this node."""

    default_advice = "Check that the address is that of a Simpool server, and update the node."
