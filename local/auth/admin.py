"""What administrators call: the users of the project, one by one or in pages."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from local.auth import callers, users
from local.auth.errors import AuthError, UnsupportedError, invalid
from local.auth.parameters import (
    AdminDelete,
    AdminUser,
    check_query,
    read,
    read_duration,
    read_uuid,
    refuse_phone,
)
from local.auth.passwords import check_hash, check_strength
from local.auth.service import service_of
from local.auth.users import Change, NewUser

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from local.auth.service import Service

DEFAULT_PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 1000


async def create_user(request: Request) -> Response:
    """POST /admin/users."""
    service = _for_admin(request)
    check_query(request)
    body = await read(request, AdminUser)
    user = await _new_user(service, body)
    async with service.transaction() as connection:
        now = service.now()
        await users.create(connection, user, now)
        await users.update(connection, user.id, _after_creation(body, now), now)
        created = await users.get(connection, user.id)
    return JSONResponse(users.present(created))


async def list_users(request: Request) -> Response:
    """GET /admin/users?page=&per_page=."""
    service = _for_admin(request)
    check_query(request, "page", "per_page")
    number = _positive(request, "page", 1)
    size = min(_positive(request, "per_page", DEFAULT_PAGE_SIZE), LARGEST_PAGE)
    async with service.transaction() as connection:
        rows, total = await users.page(connection, number, size)
    body = {"users": [users.present(row) for row in rows], "aud": users.AUDIENCE}
    headers = {"x-total-count": str(total), "link": _links(request, number, size, total)}
    return JSONResponse(body, headers=headers)


async def get_user(request: Request) -> Response:
    """GET /admin/users/{id}."""
    service = _for_admin(request)
    check_query(request)
    async with service.transaction() as connection:
        return JSONResponse(users.present(await users.get(connection, _user_id(request))))


async def update_user(request: Request) -> Response:
    """PUT /admin/users/{id}."""
    service = _for_admin(request)
    check_query(request)
    body = await read(request, AdminUser)
    if body.id is not None:
        raise UnsupportedError("the parameter 'id' here")
    refuse_phone([body.phone])
    password = await _password_hash(service, body)
    async with service.transaction() as connection:
        now = service.now()
        user = await users.get(connection, _user_id(request))
        await users.update(connection, user["id"], _change(body, password, now), now)
        return JSONResponse(users.present(await users.get(connection, user["id"])))


async def delete_user(request: Request) -> Response:
    """DELETE /admin/users/{id}."""
    service = _for_admin(request)
    check_query(request)
    body = await read(request, AdminDelete)
    if body.should_soft_delete:
        raise UnsupportedError("soft deletion")
    async with service.transaction() as connection:
        user = await users.get(connection, _user_id(request))
        await users.delete(connection, user["id"])
    return JSONResponse({})


def _for_admin(request: Request) -> Service:
    service = service_of(request)
    callers.require_admin(callers.identify(service.context, request))
    return service


async def _new_user(service: Service, body: AdminUser) -> NewUser:
    refuse_phone([body.phone])
    if not body.email:
        raise invalid("Cannot create a user without either an email or phone")
    malformed = invalid("ID must conform to the uuid v4 format")
    user_id = read_uuid(body.id, malformed) if body.id else uuid.uuid4()
    password = await _password_hash(service, body)
    return NewUser(
        id=user_id,
        email=body.email,
        password_hash=password or await service.passwords.hash(secrets.token_hex(32)),
        role=body.role or users.ROLE,
        user_metadata=body.user_metadata or {},
        app_metadata={"provider": "email", "providers": ["email"], **(body.app_metadata or {})},
    )


async def _password_hash(service: Service, body: AdminUser) -> str | None:
    if body.password and body.password_hash:
        raise invalid("Only a password or a password hash should be provided")
    if body.password_hash:
        check_hash(body.password_hash)
        return body.password_hash
    if not body.password:
        return None
    check_strength(body.password)
    return await service.passwords.hash(body.password)


def _after_creation(body: AdminUser, now: datetime) -> Change:
    metadata = _verified(body)
    return Change(confirm=body.email_confirm, user_metadata=metadata, **_ban(body, now))


def _change(body: AdminUser, password: str | None, now: datetime) -> Change:
    return Change(
        email=body.email or None,
        role=body.role or None,
        password_hash=password,
        user_metadata={**(body.user_metadata or {}), **_verified(body)},
        app_metadata=body.app_metadata,
        confirm=body.email_confirm,
        **_ban(body, now),
    )


def _verified(body: AdminUser) -> dict[str, Any]:
    return {"email_verified": True} if body.email_confirm else {}


def _ban(body: AdminUser, now: datetime) -> dict[str, Any]:
    if not body.ban_duration:
        return {}
    duration = read_duration(body.ban_duration)
    return {"ban": True, "banned_until": None if duration is None else now + duration}


def _user_id(request: Request) -> uuid.UUID:
    malformed = AuthError(404, "validation_failed", "user_id must be an UUID")
    return read_uuid(request.path_params["user_id"], malformed)


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or not int(text[:9]) >= 1:
        raise invalid(f"Bad Pagination Parameters: {name}={text!r}")
    return int(text[:9])


def _links(request: Request, number: int, size: int, total: int) -> str:
    last = max(1, -(-total // size))
    pages = {"next": number + 1, "last": last} if number < last else {"last": last}
    path = f"{request.url.path}?per_page={size}&page="
    return ", ".join(f'<{path}{page}>; rel="{name}"' for name, page in pages.items())
