"""What the sign-in service answers when it refuses, in the words and shapes of GoTrue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION_HEADER: Final = "x-supabase-api-version"
CODE_HEADER: Final = "x-sb-error-code"
CODES_SINCE: Final = "2024-01-01"


class AuthError(LocalError):
    """The sign-in service refuses the request."""

    def __init__(
        self, status: int, code: str, message: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.extra = dict(extra or {})


class UnsupportedError(AuthError):
    """The real service may know this; the stand-in says that it does not."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "not_implemented", f"The local stand-in does not support {what}.")


def invalid(message: str) -> AuthError:
    """Return the refusal of a value that makes no sense."""
    return AuthError(400, "validation_failed", message)


def bad_token(message: str) -> AuthError:
    """Return the refusal of an access token."""
    return AuthError(403, "bad_jwt", message)


def weak_password(messages: list[str], reasons: list[str]) -> AuthError:
    """Return the refusal of a password, with the reasons a client can show."""
    extra = {"weak_password": {"reasons": reasons}}
    return AuthError(422, "weak_password", " ".join(messages), extra)


def answer(error: AuthError, headers: Mapping[str, str]) -> JSONResponse:
    """Return the error in the API version that the caller asked for."""
    version = headers.get(VERSION_HEADER, "")
    if version < CODES_SINCE:
        body = {"code": error.status, "error_code": error.code, "msg": str(error)}
        sent = {CODE_HEADER: error.code}
    else:
        body = {"code": error.code, "message": str(error)}
        sent = {CODE_HEADER: error.code, VERSION_HEADER: CODES_SINCE}
    return JSONResponse({**body, **error.extra}, error.status, sent)
