"""What callers may send: everything the clients do send, and nothing we would not honour."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from local.auth.errors import AuthError, UnsupportedError, invalid

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

LONGEST_EMAIL: Final = 255
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]{1,64}@[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

Metadata = dict[str, Any]
Model = TypeVar("Model", bound="Parameters")


def _email(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    normal = value.strip().lower()
    if len(normal) > LONGEST_EMAIL or not _EMAIL.fullmatch(normal):
        raise invalid("Unable to validate email address: invalid format")
    return normal


Email = Annotated[str, BeforeValidator(_email)]


class Parameters(BaseModel):
    """A JSON body; an unknown member is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Secured(Parameters):
    """A body with what clients always add; nothing of it changes what the stand-in does.

    The challenge belongs to a confirmation by e-mail, which is never needed here, and the captcha
    token to a check that is off, as it is in a new project.
    """

    gotrue_meta_security: dict[str, Any] | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class SignUp(Secured):
    """POST /signup; without e-mail and password the user is anonymous."""

    email: Email | None = None
    phone: str | None = None
    password: str | None = None
    data: Metadata | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether this asks for a user without credentials."""
        return not self.email and not self.phone


class PasswordGrant(Secured):
    """POST /token?grant_type=password."""

    email: Email | None = None
    phone: str | None = None
    password: str = ""
    #: sent by supabase-py; the real service reads it nowhere
    data: Metadata | None = None


class RefreshGrant(Parameters):
    """POST /token?grant_type=refresh_token."""

    refresh_token: str = ""


class UserUpdate(Secured):
    """PUT /user."""

    email: Email | None = None
    phone: str | None = None
    password: str | None = None
    current_password: str | None = None
    data: Metadata | None = None


class AdminUser(Parameters):
    """POST /admin/users and PUT /admin/users/{id}."""

    id: str | None = None
    role: str | None = None
    email: Email | None = None
    phone: str | None = None
    password: str | None = None
    password_hash: str | None = None
    email_confirm: bool = False
    phone_confirm: bool = False
    user_metadata: Metadata | None = None
    app_metadata: Metadata | None = None
    ban_duration: str | None = None


class AdminDelete(Parameters):
    """DELETE /admin/users/{id}."""

    should_soft_delete: bool = False


async def read(request: Request, model: type[Model]) -> Model:
    """Return the body of a request; raises AuthError."""
    body = await request.body()
    try:
        return model.model_validate(json.loads(body) if body else {})
    except ValidationError as error:
        raise _refusal(error) from error
    except (ValueError, RecursionError) as error:
        raise AuthError(400, "bad_json", "Could not parse request body as JSON") from error


def check_query(request: Request, *known: str) -> None:
    """Raise UnsupportedError when the query has a parameter that would be ignored."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise UnsupportedError(f"the query parameter {unknown[0]!r} here")


def refuse_phone(values: Collection[str | None]) -> None:
    """Raise AuthError when a phone number is used; phones are off, as in a new project."""
    if any(values):
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")


def read_uuid(text: str, error: AuthError) -> uuid.UUID:
    """Return the UUID; raises the error when it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise error from None


def read_duration(text: str) -> timedelta | None:
    """Return how long a ban lasts, None for `none`; the units h, m and s are known."""
    if text == "none":
        return None
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise invalid(f"invalid format for ban duration: {text!r}")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _refusal(error: ValidationError) -> AuthError:
    problem = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return UnsupportedError(f"the parameter {name!r} here")
    return AuthError(400, "bad_json", f"Could not parse request body as JSON: {name}")
