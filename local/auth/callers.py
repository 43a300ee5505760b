"""Who is calling: anybody with the project's key, a signed-in user, or an administrator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.auth import users
from local.auth.errors import AuthError, bad_token
from local.auth.parameters import read_uuid
from local.auth.sessions import exists
from local.errors import ApiKeyError, TokenError
from local.identity import resolve_identity

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from starlette.requests import Request

    from local.auth.users import Connection, Row
    from local.context import Context, Identity

ADMINISTRATORS: Final = frozenset({"service_role", "supabase_admin"})


@dataclass(frozen=True)
class Caller:
    """A signed-in user, and the session of the token they sent."""

    user: Row
    session: UUID | None


def identify(context: Context, request: Request) -> Identity:
    """Return whom the keys of the request speak for; raises AuthError."""
    try:
        return resolve_identity(context, request.headers, request.query_params)
    except ApiKeyError as error:
        raise AuthError(401, "no_authorization", str(error)) from error
    except TokenError as error:
        message = f"invalid JWT: unable to parse or verify signature, {error}"
        raise bad_token(message) from error


def require_admin(identity: Identity) -> None:
    """Raise AuthError unless the request speaks for an administrator."""
    if identity.role not in ADMINISTRATORS:
        raise AuthError(403, "not_admin", "User not allowed")


async def signed_in(connection: Connection, identity: Identity, now: datetime) -> Caller:
    """Return the user behind the request; raises AuthError."""
    user = await _user(connection, identity)
    if users.is_banned(user, now):
        raise AuthError(403, "user_banned", "User is banned")
    return Caller(user, await _session(connection, identity))


async def _user(connection: Connection, identity: Identity) -> Row:
    subject = identity.claims.get("sub")
    if not subject:
        raise bad_token("invalid claim: missing sub claim")
    unreadable = AuthError(400, "bad_jwt", "invalid claim: sub claim must be a UUID")
    user = await users.find(connection, read_uuid(str(subject), unreadable))
    if user is None:
        message = "User from sub claim in JWT does not exist"
        raise AuthError(403, "user_not_found", message)
    return user


async def _session(connection: Connection, identity: Identity) -> UUID | None:
    claim = identity.claims.get("session_id")
    if not claim:
        return None
    unreadable = bad_token("invalid claim: session_id claim must be a UUID")
    session = read_uuid(str(claim), unreadable)
    if not await exists(connection, session):
        message = "Session from session_id claim in JWT does not exist"
        raise AuthError(403, "session_not_found", message)
    return session
