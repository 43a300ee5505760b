"""What users call: sign up, sign in, stay signed in, change themselves, sign out."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from local.auth import callers, users
from local.auth.errors import AuthError, UnsupportedError, invalid
from local.auth.parameters import (
    PasswordGrant,
    RefreshGrant,
    SignUp,
    UserUpdate,
    check_query,
    read,
    refuse_phone,
)
from local.auth.passwords import check_strength
from local.auth.service import service_of
from local.auth.sessions import SCOPES, Sessions, end
from local.auth.users import Change, NewUser

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from local.auth.callers import Caller
    from local.auth.service import Service
    from local.auth.users import Connection

VERSION: Final = "simpool-local"
PROVIDERS: Final = {"provider": users.EMAIL, "providers": [users.EMAIL]}


async def sign_up(request: Request) -> Response:
    """POST /signup: a user with e-mail and password, confirmed at once, or an anonymous one."""
    service = service_of(request)
    callers.identify(service.context, request)
    check_query(request, "redirect_to")
    body = await read(request, SignUp)
    refuse_phone([body.phone])
    user = await _new_user(service, body)
    method = "anonymous" if user.is_anonymous else "password"
    async with service.transaction() as connection:
        now = service.now()
        await _create(connection, user, now)
        session = await _start(service, connection, user.id, method, request)
    return JSONResponse(session)


async def token(request: Request) -> Response:
    """POST /token: a session for a password, or the next one for a refresh token."""
    service = service_of(request)
    callers.identify(service.context, request)
    check_query(request, "grant_type", "redirect_to")
    grant = request.query_params.get("grant_type", "")
    match grant:
        case "password":
            return await _password_grant(service, request)
        case "refresh_token":
            return await _refresh_grant(service, request)
        case "":
            raise AuthError(400, "invalid_request", "unsupported_grant_type")
    raise UnsupportedError(f"the grant type {grant!r}")


async def get_user(request: Request) -> Response:
    """GET /user: the user of the access token."""
    service = service_of(request)
    identity = callers.identify(service.context, request)
    check_query(request)
    async with service.transaction() as connection:
        caller = await callers.signed_in(connection, identity, service.now())
    return JSONResponse(users.present(caller.user))


async def update_user(request: Request) -> Response:
    """PUT /user: another e-mail, password or metadata; other sessions end with the password."""
    service = service_of(request)
    identity = callers.identify(service.context, request)
    check_query(request, "redirect_to")
    body = await read(request, UserUpdate)
    refuse_phone([body.phone])
    async with service.transaction() as connection:
        caller = await callers.signed_in(connection, identity, service.now())
    change = await _change(service, caller, body)
    async with service.transaction() as connection:
        await users.update(connection, caller.user["id"], change, service.now())
        if change.password_hash and caller.session:
            await end(connection, "others", caller.user["id"], caller.session)
        changed = await users.get(connection, caller.user["id"])
    return JSONResponse(users.present(changed))


async def log_out(request: Request) -> Response:
    """POST /logout: end this session, all others, or all."""
    service = service_of(request)
    identity = callers.identify(service.context, request)
    check_query(request, "scope")
    scope = request.query_params.get("scope") or "global"
    if scope not in SCOPES:
        raise invalid(f'Unsupported logout scope "{scope}"')
    async with service.transaction() as connection:
        caller = await callers.signed_in(connection, identity, service.now())
        await end(connection, scope, caller.user["id"], caller.session)
    return Response(status_code=204)


async def jwks(request: Request) -> Response:
    """GET /.well-known/jwks.json: the public keys, for anybody."""
    headers = {"cache-control": "public, max-age=600"}
    return JSONResponse(service_of(request).context.keyring.jwks(), headers=headers)


async def health(request: Request) -> Response:
    """GET /health: that the service is there."""
    callers.identify(service_of(request).context, request)
    return JSONResponse(
        {"version": VERSION, "name": "GoTrue", "description": "Local stand-in for Supabase Auth"}
    )


async def settings(request: Request) -> Response:
    """GET /settings: what is switched on."""
    callers.identify(service_of(request).context, request)
    return JSONResponse(
        {
            "external": {"anonymous_users": True, "email": True, "phone": False},
            "disable_signup": False,
            "mailer_autoconfirm": True,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
            "passkeys_enabled": False,
        }
    )


async def _new_user(service: Service, body: SignUp) -> NewUser:
    metadata, user_id = body.data or {}, uuid.uuid4()
    if body.is_anonymous:
        if body.password:
            raise AuthError(422, "anonymous_provider_disabled", "An e-mail address is missing")
        return NewUser(id=user_id, user_metadata=metadata, app_metadata={})
    if not body.password:
        raise invalid("Signup requires a valid password")
    check_strength(body.password)
    return NewUser(
        id=user_id,
        email=body.email,
        password_hash=await service.passwords.hash(body.password),
        user_metadata={**metadata, **_email_metadata(user_id, body.email or "")},
        app_metadata=PROVIDERS,
    )


def _email_metadata(user: uuid.UUID, email: str) -> dict[str, Any]:
    return {"sub": str(user), "email": email, "email_verified": True, "phone_verified": False}


async def _create(connection: Connection, user: NewUser, now: datetime) -> None:
    try:
        await users.create(connection, user, now)
    except AuthError as error:
        if error.code == "email_exists":
            raise AuthError(422, "user_already_exists", "User already registered") from error
        raise
    if not user.is_anonymous:
        await users.update(connection, user.id, Change(confirm=True), now)


async def _password_grant(service: Service, request: Request) -> Response:
    body = await read(request, PasswordGrant)
    refuse_phone([body.phone])
    if not body.email or not body.password:
        raise invalid("missing email or phone")
    async with service.transaction() as connection:
        user = await users.find_by_email(connection, body.email)
    kept = user["encrypted_password"] if user else None
    if not await service.passwords.verify(kept, body.password) or user is None:
        raise AuthError(400, "invalid_credentials", "Invalid login credentials")
    if users.is_banned(user, service.now()):
        raise AuthError(400, "user_banned", "User is banned")
    if user["confirmed_at"] is None:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    async with service.transaction() as connection:
        session = await _start(service, connection, user["id"], "password", request)
    return JSONResponse(session)


async def _refresh_grant(service: Service, request: Request) -> Response:
    body = await read(request, RefreshGrant)
    if not body.refresh_token:
        raise invalid("Refresh token is not valid")
    async with service.transaction() as connection:
        sessions = Sessions(service.context, connection, service.now())
        outcome = await sessions.refresh(body.refresh_token)
    if outcome.refusal is not None:
        raise outcome.refusal
    return JSONResponse(outcome.session)


async def _start(
    service: Service, connection: Connection, user: uuid.UUID, method: str, request: Request
) -> dict[str, Any]:
    sessions = Sessions(service.context, connection, service.now())
    agent = request.headers.get("user-agent", "")
    return await sessions.start(user, method=method, agent=agent)


async def _change(service: Service, caller: Caller, body: UserUpdate) -> Change:
    user, metadata = caller.user, dict(body.data or {})
    email = body.email if body.email and body.email != user["email"] else None
    if email is not None:
        metadata |= _email_metadata(user["id"], email)
    return Change(
        email=email,
        password_hash=await _new_password(service, caller, body),
        user_metadata=metadata,
        app_metadata=PROVIDERS if email is not None else None,
        confirm=email is not None,
    )


async def _new_password(service: Service, caller: Caller, body: UserUpdate) -> str | None:
    if not body.password:
        return None
    if caller.user["is_anonymous"] and not body.email:
        raise AuthError(
            422,
            "validation_failed",
            "Updating password of an anonymous user without an email or phone is not allowed",
        )
    check_strength(body.password)
    kept = caller.user["encrypted_password"]
    if kept and await service.passwords.verify(kept, body.password):
        message = "New password should be different from the old password."
        raise AuthError(422, "same_password", message)
    return await service.passwords.hash(body.password)
