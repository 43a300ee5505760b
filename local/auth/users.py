"""Users as they are kept in schema `auth`, and as clients read them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from local.auth.errors import AuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Any]

AUDIENCE: Final = "authenticated"
ROLE: Final = "authenticated"
EMAIL: Final = "email"
INSTANCE: Final = uuid.UUID(int=0)

_INSERT: Final = """
insert into auth.users (
  instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, raw_user_meta_data,
  is_anonymous, created_at, updated_at
)
values (
  %(instance)s, %(id)s, %(aud)s, %(role)s, %(email)s, %(password)s, %(app)s, %(user)s,
  %(anonymous)s, %(now)s, %(now)s
)
"""
_INSERT_IDENTITY: Final = """
insert into auth.identities (
  provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
)
values (%(id)s::text, %(id)s::uuid, %(data)s, 'email', %(now)s, %(now)s, %(now)s)
on conflict (provider_id, provider) do update
set identity_data = auth.identities.identity_data || excluded.identity_data, updated_at = %(now)s
"""
_SELECT: Final = """
select users.*, coalesce(
  (
    select jsonb_agg(to_jsonb(identities) order by identities.created_at)
    from auth.identities as identities
    where identities.user_id = users.id
  ),
  '[]'
) as identities
from auth.users as users
"""
_BY_ID: Final = _SELECT + "where users.id = %s"
_BY_EMAIL: Final = _SELECT + "where users.email = %s and not users.is_sso_user"
_PAGE: Final = _SELECT + "order by users.created_at desc, users.id limit %s offset %s"
_UPDATE: Final = """
update auth.users
set
  email = coalesce(%(email)s, email),
  role = coalesce(%(role)s, role),
  encrypted_password = coalesce(%(password)s, encrypted_password),
  email_confirmed_at = case when %(confirm)s then coalesce(email_confirmed_at, %(now)s)
    else email_confirmed_at end,
  is_anonymous = is_anonymous and not %(confirm)s,
  raw_app_meta_data = (raw_app_meta_data || %(app)s) - %(app_removed)s::text[],
  raw_user_meta_data = (raw_user_meta_data || %(user)s) - %(user_removed)s::text[],
  banned_until = case when %(ban)s then %(banned_until)s else banned_until end,
  updated_at = %(now)s
where id = %(id)s
"""


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """A user to create."""

    id: uuid.UUID
    email: str | None = None
    password_hash: str | None = None
    role: str = ROLE
    user_metadata: Mapping[str, Any]
    app_metadata: Mapping[str, Any]

    @property
    def is_anonymous(self) -> bool:
        """Whether the user has no way to sign in again."""
        return self.email is None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What to change of a user; what is None stays."""

    email: str | None = None
    role: str | None = None
    password_hash: str | None = None
    user_metadata: Mapping[str, Any] | None = None
    app_metadata: Mapping[str, Any] | None = None
    confirm: bool = False
    #: whether `banned_until` is to be set, to a time or to nothing
    ban: bool = False
    banned_until: datetime | None = None


async def create(connection: Connection, user: NewUser, now: datetime) -> None:
    """Insert a user; raises AuthError, `email_exists` when the address is taken."""
    values = {
        "instance": INSTANCE,
        "id": user.id,
        "aud": AUDIENCE,
        "role": user.role,
        "email": user.email,
        "password": user.password_hash,
        "app": Jsonb(dict(user.app_metadata)),
        "user": Jsonb(dict(user.user_metadata)),
        "anonymous": user.is_anonymous,
        "now": now,
    }
    try:
        await connection.execute(_INSERT, values)
    except psycopg.errors.UniqueViolation as error:
        raise _taken(error) from error
    except psycopg.Error as error:
        # A trigger of the project failed: the real service says no more than this either.
        raise AuthError(500, "unexpected_failure", "Database error saving new user") from error
    if user.email is not None:
        await keep_identity(connection, user.id, user.email, now)


async def keep_identity(connection: Connection, user: uuid.UUID, email: str, now: datetime) -> None:
    """Note that the user signs in with this address."""
    data = {"sub": str(user), "email": email, "email_verified": False, "phone_verified": False}
    values = {"id": str(user), "data": Jsonb(data), "now": now}
    await connection.execute(
        _INSERT_IDENTITY.replace("%(id)s, %(id)s", "%(id)s, %(id)s::uuid"), values
    )


async def update(connection: Connection, user: uuid.UUID, change: Change, now: datetime) -> None:
    """Change a user; raises AuthError, `email_exists` when the address is taken."""
    values = {
        "id": user,
        "email": change.email,
        "role": change.role,
        "password": change.password_hash,
        "confirm": change.confirm,
        **_merge("app", change.app_metadata or {}),
        **_merge("user", change.user_metadata or {}),
        "ban": change.ban,
        "banned_until": change.banned_until,
        "now": now,
    }
    try:
        await connection.execute(_UPDATE, values)
    except psycopg.errors.UniqueViolation as error:
        raise _taken(error) from error
    if change.email is not None:
        await keep_identity(connection, user, change.email, now)


async def delete(connection: Connection, user: uuid.UUID) -> None:
    """Delete a user with all identities and sessions."""
    await connection.execute("delete from auth.users where id = %s", (user,))


async def find(connection: Connection, user: uuid.UUID) -> Row | None:
    """Return the user of this id."""
    return await _one(connection, _BY_ID, (user,))


async def get(connection: Connection, user: uuid.UUID) -> Row:
    """Return the user of this id, who must be there."""
    found = await find(connection, user)
    if found is None:
        raise AuthError(404, "user_not_found", "User not found")
    return found


async def find_by_email(connection: Connection, email: str) -> Row | None:
    """Return the user of this address."""
    return await _one(connection, _BY_EMAIL, (email,))


async def page(connection: Connection, number: int, size: int) -> tuple[list[Row], int]:
    """Return a page of all users, newest first, and how many there are in all."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_PAGE, (size, (number - 1) * size))
        rows = await cursor.fetchall()
        await cursor.execute("select count(*) as total from auth.users")
        total = await cursor.fetchone()
    return rows, total["total"] if total else 0


def present(user: Row) -> dict[str, Any]:
    """Return a user as clients read it."""
    optional = {
        "email_confirmed_at": user["email_confirmed_at"],
        "confirmed_at": user["confirmed_at"],
        "last_sign_in_at": user["last_sign_in_at"],
        "banned_until": user["banned_until"],
    }
    return {
        "id": str(user["id"]),
        "aud": user["aud"],
        "role": user["role"],
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        **{name: timestamp(value) for name, value in optional.items() if value is not None},
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": [_identity(identity) for identity in user["identities"]],
        "created_at": timestamp(user["created_at"]),
        "updated_at": timestamp(user["updated_at"]),
        "is_anonymous": user["is_anonymous"],
    }


def is_banned(user: Row, now: datetime) -> bool:
    """Tell whether the user may not sign in now."""
    return user["banned_until"] is not None and user["banned_until"] > now


def timestamp(value: datetime) -> str:
    """Return a time as the service writes it."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _merge(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    removed = [key for key, value in metadata.items() if value is None]
    return {name: Jsonb(dict(metadata)), f"{name}_removed": removed}


def _identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "identity_id": identity["id"],
        "id": identity["provider_id"],
        "user_id": identity["user_id"],
        "identity_data": identity["identity_data"],
        "provider": identity["provider"],
        "last_sign_in_at": identity["last_sign_in_at"],
        "created_at": identity["created_at"],
        "updated_at": identity["updated_at"],
        "email": identity["email"],
    }


async def _one(connection: Connection, query: str, values: tuple[Any, ...]) -> Row | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


def _taken(error: psycopg.errors.UniqueViolation) -> AuthError:
    if error.diag.constraint_name == "users_pkey":
        return AuthError(422, "conflict", "A user with this id has already been registered")
    message = "A user with this email address has already been registered"
    return AuthError(422, "email_exists", message)
