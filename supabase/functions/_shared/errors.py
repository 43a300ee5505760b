"""Errors of the handlers; each knows its status and code, its docstring is the default message.

HandlerError
  InvalidRequestError 400
  UnauthorizedError 401
    SignatureRefusedError
    TokenRefusedError
  ForbiddenError 403
  NotFoundError 404
  MethodNotAllowedError 405
  ConflictError 409
  GoneError 410
  TooLargeError 413
  InvalidAllocationError 422
  RateLimitedError 429
  ServerError 500
  UnavailableError 503
SettingsError
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class HandlerError(Exception):
    """The request could not be answered."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "SERVER_ERROR"
    default_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or str(type(self).__doc__)
        self.details = dict(details or {})
        self.headers = {**self.default_headers, **(headers or {})}
        super().__init__(self.message)

    def envelope(self) -> dict[str, Any]:
        """Return the body every refused request is answered with."""
        return {
            "success": False,
            "error": self.message,
            "code": self.code,
            "details": self.details,
        }


class InvalidRequestError(HandlerError):
    """The request is not valid; details name each wrong field."""

    status = 400
    code = "INVALID_REQUEST"


class UnauthorizedError(HandlerError):
    """Who sent this request is not known."""

    status = 401
    code = "UNAUTHORIZED"
    default_headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Signature, Bearer"}


class SignatureRefusedError(UnauthorizedError):
    """The request must be signed with the node's key."""

    default_headers: ClassVar[Mapping[str, str]] = {
        "WWW-Authenticate": "Signature",
        "Accept-Signature": (
            'node=("@method" "@authority" "@path" "@query" "content-digest")'
            ';created;nonce;keyid;alg="ed25519"'
        ),
    }


class TokenRefusedError(UnauthorizedError):
    """Sign in: this call needs the access token of a user."""

    default_headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(HandlerError):
    """This caller may not do that."""

    status = 403
    code = "FORBIDDEN"


class NotFoundError(HandlerError):
    """There is nothing here."""

    status = 404
    code = "NOT_FOUND"


class MethodNotAllowedError(HandlerError):
    """This path does not answer that method; the Allow header lists those it answers."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


class ConflictError(HandlerError):
    """The request does not fit the present state."""

    status = 409
    code = "CONFLICT"


class GoneError(HandlerError):
    """What was asked for is no longer there."""

    status = 410
    code = "GONE"


class TooLargeError(HandlerError):
    """The body is larger than this server reads."""

    status = 413
    code = "TOO_LARGE"
    # The rest of the body is never read, so the connection cannot carry another request.
    default_headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class InvalidAllocationError(HandlerError):
    """The hardware cannot give what was asked of it."""

    status = 422
    code = "INVALID_ALLOCATION"


class RateLimitedError(HandlerError):
    """Too many requests; the Retry-After header says how many seconds to wait."""

    status = 429
    code = "RATE_LIMITED"

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: int = 60,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        seconds = max(1, retry_after)
        super().__init__(
            message,
            details={"retry_after": seconds, **(details or {})},
            headers={"Retry-After": str(seconds)},
        )


class ServerError(HandlerError):
    """Something went wrong on the server; the correlation id finds it in the log."""


class UnavailableError(HandlerError):
    """The server cannot answer right now; try again shortly."""

    status = 503
    code = "UNAVAILABLE"
    default_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class SettingsError(Exception):
    """The environment does not configure the handlers."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


BY_STATUS: dict[int, type[HandlerError]] = {
    error.status: error
    for error in (
        InvalidRequestError,
        UnauthorizedError,
        ForbiddenError,
        NotFoundError,
        MethodNotAllowedError,
        ConflictError,
        GoneError,
        TooLargeError,
        InvalidAllocationError,
        ServerError,
        UnavailableError,
    )
}


def refusal(
    status: int, message: str | None = None, details: Mapping[str, Any] | None = None
) -> HandlerError:
    """Return the error of a status, with its own code; a status without one is a server error."""
    if status == RateLimitedError.status:
        wait = (details or {}).get("retry_after")
        seconds = int(wait) if isinstance(wait, int | float) else 60
        return RateLimitedError(message, retry_after=seconds, details=details)
    return BY_STATUS.get(status, ServerError)(message, details=details)


def status_of(code: object) -> int:
    """Return the status that belongs to a code of the error envelope."""
    known = {error.code: status for status, error in BY_STATUS.items()}
    known[RateLimitedError.code] = RateLimitedError.status
    return known.get(str(code), ServerError.status)
