"""What Realtime raises on purpose; the branch of `local.errors` that belongs to it.

LocalError
└── RealtimeError
    ├── MalformedReplicationMessageError
    ├── MalformedFrameError
    ├── ReplicationLostError
    ├── FilterError
    ├── SubscriptionError
    ├── AccessUnknownError
    ├── HandshakeRefusedError
    ├── JoinRefusedError
    └── TokenRefusedError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from local.errors import TokenReason


class RealtimeError(LocalError):
    """Realtime cannot do this."""


class MalformedReplicationMessageError(RealtimeError):
    """The replication stream holds bytes that pgoutput does not send."""


class ReplicationLostError(RealtimeError):
    """The replication stream ended."""


class MalformedFrameError(RealtimeError):
    """The frame is not one of the Phoenix protocol."""


class FilterError(RealtimeError):
    """The filter of a Postgres Changes subscription cannot be understood."""


class SubscriptionError(RealtimeError):
    """The Postgres Changes subscription cannot be served."""


class AccessUnknownError(RealtimeError):
    """The policies cannot be asked now."""


class HandshakeRefusedError(RealtimeError):
    """The WebSocket is refused before it opens."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class JoinRefusedError(RealtimeError):
    """The channel cannot be joined; clients read the reason's first word as a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class TokenRefusedError(RealtimeError):
    """The token opens nothing."""

    def __init__(self, reason: TokenReason, message: str) -> None:
        super().__init__(message)
        self.reason: TokenReason = reason
        self.message = message
